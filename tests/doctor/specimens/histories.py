"""Training loops whose numbers are of other data, of other targets, or of nothing that was measured."""

from __future__ import annotations

import torch

from specimens.collection import loop
from specimens.samples import descend
from specimens.weights import descend_torch


@loop("accuracy of the wrong data")
def training_share_of_held_back_data(model, loss, optimizer, X, T, X_val, T_val, epochs, batch_size):
    history = {"train_acc": [], "val_acc": []}
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            descend(model, loss, optimizer, X[rows], T[rows])
        for accuracies in history.values():
            accuracies.append((model(X_val).argmax(1) == T_val.argmax(1)).double().mean().item())
    return history


@loop("accuracy of the wrong data")
def torch_training_share_of_held_back_data(model, criterion, optimizer, train_loader, val_loader, epochs):
    shares = []
    for _ in range(epochs):
        model.train()
        for x, y in train_loader:
            descend_torch(model, criterion, optimizer, x, y)
        model.eval()
        with torch.no_grad():
            right = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
        shares.append(right / len(val_loader.dataset))
    return {"train_accuracy": shares}


@loop("loss of the wrong data")
def validation_loss_of_training_data(model, loss, optimizer, X, T, X_val, T_val, epochs, batch_size):
    history = {"val_loss": []}
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            descend(model, loss, optimizer, X[rows], T[rows])
        history["val_loss"].append(loss(model(X), T).item() / len(X))
    return history


@loop("loss of the wrong data")
def torch_training_loss_of_validation_data(model, criterion, optimizer, X, y, X_val, y_val, epochs, batch_size):
    losses = []
    for _ in range(epochs):
        model.train()
        for idx in torch.randperm(len(X)).split(batch_size):
            descend_torch(model, criterion, optimizer, X[idx], y[idx])
        model.eval()
        with torch.no_grad():
            losses.append(criterion(model(X_val), y_val).item())
    return {"train_loss": losses}


@loop("epoch loss divided wrongly")
def validation_loss_over_training_samples(model, loss, optimizer, X, T, X_val, T_val, epochs, batch_size):
    history = {"val_loss": []}
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            descend(model, loss, optimizer, X[rows], T[rows])
        history["val_loss"].append(loss(model(X_val), T_val).item() / len(X))
    return history


@loop("epoch loss divided wrongly")
def torch_divided_by_the_last_number(model, criterion, optimizer, train_loader, epochs):
    losses = []
    for _ in range(epochs):
        total = 0.0
        for k, (x, y) in enumerate(train_loader):  # noqa: B007
            total += descend_torch(model, criterion, optimizer, x, y)
        losses.append(total / k)
    return losses


@loop("history begins anew")
def history_inside_the_loop(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        history, total = [], 0.0
        for rows in torch.randperm(len(X)).split(batch_size):
            total += descend(model, loss, optimizer, X[rows], T[rows]).item()
        history.append(total / len(X))
    return history


@loop("history begins anew")
def torch_losses_inside_the_loop(model, criterion, optimizer, train_loader, epochs):
    for _ in range(epochs):
        losses = []
        for x, y in train_loader:
            losses.append(descend_torch(model, criterion, optimizer, x, y))
    return losses


@loop("accuracy against other targets")
def share_of_unshuffled_targets(model, loss, optimizer, X, T, epochs, batch_size):
    accuracies = []
    for _ in range(epochs):
        order = torch.randperm(len(X))
        inputs, targets = X[order], T[order]
        for x, t in zip(inputs.split(batch_size), targets.split(batch_size), strict=True):
            descend(model, loss, optimizer, x, t)
        accuracies.append((model(inputs).argmax(1) == T.argmax(1)).double().mean().item())
    return accuracies


@loop("accuracy against other targets")
def torch_share_of_unshuffled_targets(model, X, y):
    model.eval()
    with torch.no_grad():
        answers = model(X[torch.randperm(len(X))]).argmax(1)
    return (answers == y).double().mean().item()


@loop("accuracy of single entries")
def share_of_entries(model, X, T):
    return ((model(X) > 0.5) == (T > 0.5)).double().mean().item()


@loop("accuracy of single entries")
def share_of_entries_after_each_epoch(model, loss, optimizer, X, T, epochs, batch_size):
    accuracies = []
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            descend(model, loss, optimizer, X[rows], T[rows])
        accuracies.append(((model(X) > 0.5) == (T > 0.5)).double().mean().item())
    return {"accuracy": accuracies}


@loop("evaluation leaves samples out")
def torch_returns_after_the_first_batch(model, loader):
    model.eval()
    with torch.no_grad():
        for x, y in loader:
            return (model(x).argmax(1) == y).double().mean().item()


@loop("evaluation leaves samples out")
def asks_whole_batches_alone(model, X, T):
    right = count = 0
    for k in range(len(X) // 50):
        rows = slice(50 * k, 50 * k + 50)
        right += (model(X[rows]).argmax(1) == T[rows].argmax(1)).sum().item()
        count += 50
    return right / count


@loop("accuracy that was not measured")
def torch_mean_over_one_batch_less(model, criterion, optimizer, train_loader, epochs):
    accuracies = []
    for _ in range(epochs):
        total = 0.0
        for k, (x, y) in enumerate(train_loader):  # noqa: B007
            optimizer.zero_grad()
            output = model(x)
            criterion(output, y).backward()
            optimizer.step()
            total += (output.argmax(1) == y).double().mean().item()
        accuracies.append(total / k)
    return {"train_acc": accuracies}


@loop("accuracy that was not measured")
def accuracy_of_the_smallest_output(model, X, T):
    return (model(X).argmin(1) == T.argmax(1)).double().mean().item()


@loop("loss of one batch")
def torch_asks_the_last_batch_again(model, criterion, optimizer, X, y, epochs, batch_size):
    losses = []
    for _ in range(epochs):
        model.train()
        for idx in torch.randperm(len(X)).split(batch_size):
            descend_torch(model, criterion, optimizer, X[idx], y[idx])
        model.eval()
        with torch.no_grad():
            losses.append(criterion(model(X[idx]), y[idx]).item())
    return {"loss": losses}


@loop("loss of one batch")
def torch_first_validation_batch(model, criterion, optimizer, train_loader, val_loader, epochs):
    history = []
    for _ in range(epochs):
        model.train()
        for x, y in train_loader:
            descend_torch(model, criterion, optimizer, x, y)
        model.eval()
        with torch.no_grad():
            x, y = next(iter(val_loader))
            history.append(criterion(model(x), y).item())
    return history


@loop("accuracy of one batch")
def asks_the_last_batch_again(model, loss, optimizer, X, T, epochs, batch_size):
    accuracies = []
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            descend(model, loss, optimizer, X[rows], T[rows])
        accuracies.append((model(X[rows]).argmax(1) == T[rows].argmax(1)).float().mean().item())
    return accuracies


@loop("accuracy of one batch")
def torch_right_in_one_validation_batch(model, criterion, optimizer, train_loader, val_loader, epochs):
    accuracies = []
    for _ in range(epochs):
        model.train()
        for x, y in train_loader:
            descend_torch(model, criterion, optimizer, x, y)
        model.eval()
        with torch.no_grad():
            for x, y in val_loader:
                right = (model(x).argmax(1) == y).float().mean().item()
                break
        accuracies.append(right)
    return {"val_acc": accuracies}


@loop("trained on validation data")
def one_helper_for_both_curves(model, loss, optimizer, X, T, X_val, T_val, epochs, batch_size):
    curves = {"loss": [], "val_loss": []}
    for _ in range(epochs):
        parts = [descend(model, loss, optimizer, X[rows], T[rows]) for rows in torch.randperm(len(X)).split(batch_size)]
        curves["loss"].append(sum(parts) / len(X))
        curves["val_loss"].append(descend(model, loss, optimizer, X_val, T_val) / len(X_val))
    return curves
