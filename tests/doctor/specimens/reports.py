"""Training loops that train well, and report something else: losses and accuracies that are not what they are called."""

from __future__ import annotations

import torch
from torch.utils.data import DataLoader, TensorDataset

import minidl
from specimens.collection import loop
from specimens.samples import descend


@loop("epoch loss divided wrongly")
def sum_over_batches(model, loss, optimizer, X, T, epochs, batch_size):
    history = []
    for _ in range(epochs):
        batches, total = torch.randperm(len(X)).split(batch_size), 0.0
        for rows in batches:
            total += descend(model, loss, optimizer, X[rows], T[rows]).item()
        history.append(total / len(batches))
    return history


@loop("epoch loss divided wrongly")
def torch_mean_over_samples(model, criterion, optimizer, X, y, epochs, batch_size):
    losses = []
    for _ in range(epochs):
        running = 0.0
        for idx in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            loss = criterion(model(X[idx]), y[idx])
            loss.backward()
            optimizer.step()
            running += loss.item()
        losses.append(running / len(X))
    return losses


@loop("epoch loss divided wrongly")
def torch_loader_mean_over_samples(model, train_loader, criterion, optimizer, epochs):
    history = {"loss": []}
    for _ in range(epochs):
        running = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            running += loss.item()
        history["loss"].append(running / len(train_loader.dataset))
    return history


@loop("epoch loss never reset")
def total_never_reset(model, loss, optimizer, X, T, epochs, batch_size):
    history, total = [], 0.0
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            total += descend(model, loss, optimizer, X[rows], T[rows]).item()
        history.append(total / len(X))
    return history


@loop("epoch loss never reset")
def torch_total_never_reset(model, criterion, optimizer, X, y, epochs, batch_size):
    running, history = 0.0, []
    for _ in range(epochs):
        batches = torch.randperm(len(X)).split(batch_size)
        for idx in batches:
            optimizer.zero_grad()
            loss = criterion(model(X[idx]), y[idx])
            loss.backward()
            optimizer.step()
            running += loss.item()
        history.append(running / len(batches))
    return history


@loop("history of one tensor")
def history_of_one_tensor(model, loss, optimizer, X, T, epochs, batch_size):
    history, total = [], torch.zeros(())
    for _ in range(epochs):
        total.zero_()
        for rows in torch.randperm(len(X)).split(batch_size):
            total += descend(model, loss, optimizer, X[rows], T[rows])
        history.append(total)
    return history


@loop("history of one tensor")
def history_of_a_weight(model, loss, optimizer, X, T, epochs, batch_size):
    weights = []
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            descend(model, loss, optimizer, X[rows], T[rows])
        weights.append(next(iter(model.parameters()))[0])
    return weights


@loop("graph kept")
def torch_history_keeps_the_graph(model, criterion, optimizer, X, y, epochs, batch_size):
    history = []
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            loss = criterion(model(X[idx]), y[idx])
            loss.backward()
            optimizer.step()
            history.append(loss)
    return history


@loop("graph kept")
def torch_total_keeps_the_graph(model, criterion, optimizer, X, y, epochs, batch_size):
    history = []
    for _ in range(epochs):
        total = 0
        for idx in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            loss = criterion(model(X[idx]), y[idx])
            loss.backward()
            optimizer.step()
            total += loss
        history.append(float(total) / 6)
    return history


@loop("accuracy of the wrong data")
def test_accuracy_on_training_data(model, loss, optimizer, X_train, T_train, X_test, T_test, epochs, batch_size):
    for _ in range(epochs):
        for rows in torch.randperm(len(X_train)).split(batch_size):
            descend(model, loss, optimizer, X_train[rows], T_train[rows])
    test_accuracy = (model(X_train).argmax(1) == T_train.argmax(1)).float().mean()
    return test_accuracy.item()


@loop("accuracy of the wrong data")
def torch_test_accuracy_on_training_data(model, criterion, optimizer, train_loader, test_loader, epochs):
    for _ in range(epochs):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            criterion(model(x), y).backward()
            optimizer.step()
    model.eval()
    right = count = 0
    with torch.no_grad():
        for x, y in train_loader:
            right += (model(x).argmax(1) == y).sum().item()
            count += len(y)
    return {"test_accuracy": right / count}


@loop("accuracy along the wrong axis")
def accuracy_of_columns(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            descend(model, loss, optimizer, X[rows], T[rows])
    return (model(X).argmax(0) == T.argmax(0)).float().mean().item()


@loop("accuracy along the wrong axis")
def accuracy_function_of_columns(model, X, T):
    return float((model(X).argmax(dim=0) == T.argmax(dim=0)).double().mean())


@loop("accuracy of the last batch")
def accuracy_of_the_last_batch(model, loss, optimizer, X, T, epochs, batch_size):
    history = []
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            output = model(X[rows])
            loss(output, T[rows])
            model.zero_grad()
            model.backward(loss.backward())
            optimizer.step()
            accuracy = (output.argmax(1) == T[rows].argmax(1)).float().mean().item()
        history.append(accuracy)
    return history


@loop("accuracy of the last batch")
def torch_accuracy_of_the_last_batch(model, loader):
    model.eval()
    with torch.no_grad():
        for x, y in loader:
            accuracy = (model(x).argmax(1) == y).float().mean()
    return accuracy.item()


@loop("accuracy over the wrong count")
def right_over_batches(model, loss, optimizer, X, T, epochs, batch_size):
    accuracies = []
    for _ in range(epochs):
        batches, right = torch.randperm(len(X)).split(batch_size), 0
        for rows in batches:
            output = model(X[rows])
            loss(output, T[rows])
            model.zero_grad()
            model.backward(loss.backward())
            optimizer.step()
            right += (output.argmax(1) == T[rows].argmax(1)).sum().item()
        accuracies.append(right / (len(batches) * batch_size))
    return accuracies


@loop("accuracy over the wrong count")
def torch_right_over_training_samples(model, criterion, optimizer, train_loader, val_loader, epochs):
    accuracies = []
    for _ in range(epochs):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            criterion(model(x), y).backward()
            optimizer.step()
        model.eval()
        right = 0
        with torch.no_grad():
            for x, y in val_loader:
                right += (model(x).argmax(1) == y).sum().item()
        accuracies.append(right / len(train_loader.dataset))
    return accuracies


@loop("accuracy along the wrong axis")
def torch_columns_made_to_fit(model, X, y):
    model.eval()
    with torch.no_grad():
        predicted = model(X).argmax(0)
        return (predicted == y[: len(predicted)]).float().mean().item()


@loop("accuracy along the wrong axis")
def torch_columns_do_not_fit(model, X, y):
    model.eval()
    with torch.no_grad():
        return (model(X).argmax(dim=0) == y).float().mean().item()


@loop("accuracy of the last batch")
def torch_last_batch_over_all(model, X, y):
    model.eval()
    with torch.no_grad():
        for xb, yb in DataLoader(TensorDataset(X, y), batch_size=32):
            correct = (model(xb).argmax(1) == yb).sum().item()
    return correct / len(y)


@loop("accuracy over the wrong count")
def torch_right_over_large_batches(model, X, y):
    model.eval()
    correct, loader = 0, DataLoader(TensorDataset(X, y), batch_size=64)
    with torch.no_grad():
        for xb, yb in loader:
            correct += (model(xb).argmax(1) == yb).sum().item()
    return correct / len(loader)


@loop("loss of the last batch")
def last_loss_of_each_epoch(model, loss, optimizer, X, T, epochs, batch_size):
    history = []
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            value = loss(model(X[rows]), T[rows])
            model.zero_grad()
            model.backward(loss.backward())
            optimizer.step()
        history.append(value.item() / len(rows))
    return history


@loop("loss of the last batch")
def torch_last_loss_of_each_epoch(model, criterion, optimizer, train_loader, epochs):
    history = {"loss": []}
    for _ in range(epochs):
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
        history["loss"].append(loss.item())
    return history


@loop("epoch loss divided wrongly")
def own_means_over_samples(model, optimizer, X, T, epochs, batch_size):
    loss, history = minidl.MSELoss("batchmean"), []
    for _ in range(epochs):
        total = 0.0
        for rows in torch.randperm(len(X)).split(batch_size):
            total += loss(model(X[rows]), T[rows]).item()
            model.zero_grad()
            model.backward(loss.backward())
            optimizer.step()
        history.append(total / len(X))
    return history


@loop("mean of unequal batches")
def mean_of_the_batches_accuracies(model, X, T, batch_size):
    shares = []
    for x, t in zip(X.split(batch_size), T.split(batch_size), strict=True):
        shares.append((model(x).argmax(1) == t.argmax(1)).double().mean().item())
    return sum(shares) / len(shares)


@loop("mean of unequal batches")
def torch_mean_of_the_batches_accuracies(model, val_loader):
    model.eval()
    with torch.no_grad():
        shares = [(model(x).argmax(1) == y).float().mean().item() for x, y in val_loader]
    return sum(shares) / len(shares)


@loop("accuracy along the wrong axis")
def torch_columns_of_validation(model, criterion, optimizer, X, y, X_val, y_val, epochs, batch_size):
    accuracies = []
    for _ in range(epochs):
        model.train()
        for rows in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            criterion(model(X[rows]), y[rows]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            predicted = model(X_val).argmax(dim=0)
        right = sum(int(p == t) for p, t in zip(predicted, y_val, strict=False))
        accuracies.append(right / len(predicted))
    return {"accuracy": accuracies}


@loop("accuracy over the wrong count")
def torch_shares_over_samples(model, criterion, optimizer, train_loader, val_loader, epochs):
    log = []
    for _ in range(epochs):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            criterion(model(x), y).backward()
            optimizer.step()
        model.eval()
        right = 0.0
        with torch.no_grad():
            for x, y in val_loader:
                right += (model(x).argmax(1) == y).float().mean().item()
        log.append({"val_acc": right / len(val_loader.dataset)})
    return log


@loop("accuracy over the wrong count")
def shares_added_up(model, X, T, batch_size):
    accuracy = 0.0
    for x, t in zip(X.split(batch_size), T.split(batch_size), strict=True):
        accuracy += (model(x).argmax(1) == t.argmax(1)).double().mean().item()
    return accuracy
