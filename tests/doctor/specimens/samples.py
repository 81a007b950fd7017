"""Training loops that visit the wrong samples: left out, twice, in the wrong order, inputs against targets."""

from __future__ import annotations

import torch
from torch.utils.data import DataLoader, TensorDataset

from specimens.collection import loop


def descend(model, loss, optimizer, inputs, targets):
    value = loss(model(inputs), targets)
    model.zero_grad()
    model.backward(loss.backward())
    optimizer.step()
    return value


@loop("shuffled apart")
def shuffles_apart(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        X, T = X[torch.randperm(len(X))], T[torch.randperm(len(T))]
        for start in range(0, len(X), batch_size):
            descend(model, loss, optimizer, X[start : start + batch_size], T[start : start + batch_size])


@loop("shuffled apart")
def shuffles_the_inputs_alone(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        order = torch.randperm(len(X))
        for inputs, targets in zip(X[order].split(batch_size), T.split(batch_size), strict=True):
            descend(model, loss, optimizer, inputs, targets)


@loop("shuffled apart")
def torch_two_loaders(model, criterion, optimizer, X, y, epochs, batch_size):
    inputs = DataLoader(X, batch_size, shuffle=True)
    labels = DataLoader(y, batch_size, shuffle=True)
    for _ in range(epochs):
        for x, t in zip(inputs, labels, strict=True):
            optimizer.zero_grad()
            criterion(model(x), t).backward()
            optimizer.step()


@loop("targets of another batch")
def first_targets_for_all(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        order = torch.randperm(len(X))
        for start in range(0, len(X), batch_size):
            rows = order[start : start + batch_size]
            descend(model, loss, optimizer, X[rows], T[order[: len(rows)]])


@loop("targets of another batch")
def torch_targets_one_batch_late(model, criterion, optimizer, X, y, epochs, batch_size):
    for _ in range(epochs):
        order = torch.randperm(len(X))
        batches = [b for b in order.split(batch_size) if len(b) == batch_size]
        before = batches[-1]
        for rows in [*batches, order[len(batches) * batch_size :]]:
            optimizer.zero_grad()
            criterion(model(X[rows]), y[before[: len(rows)]]).backward()
            optimizer.step()
            before = rows


@loop("samples left out")
def last_batch_left_out(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        order = torch.randperm(len(X))
        for k in range(len(X) // batch_size):
            rows = order[k * batch_size : (k + 1) * batch_size]
            descend(model, loss, optimizer, X[rows], T[rows])


@loop("samples left out")
def one_sample_a_batch_left_out(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        order = torch.randperm(len(X))
        for start in range(0, len(X), batch_size):
            rows = order[start : start + batch_size - 1]
            descend(model, loss, optimizer, X[rows], T[rows])


@loop("samples left out")
def torch_one_batch_only(model, criterion, optimizer, X, y, epochs, batch_size):
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            criterion(model(X[idx]), y[idx]).backward()
            optimizer.step()
            break


@loop("samples seen twice")
def batches_overlap(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        order = torch.randperm(len(X))
        for start in range(0, len(X), batch_size):
            rows = order[start : start + batch_size + 1]
            descend(model, loss, optimizer, X[rows], T[rows])


@loop("samples seen twice")
def torch_indented_too_far(model, criterion, optimizer, X, y, epochs, batch_size):
    for _ in range(epochs):
        idx = torch.randperm(len(X))
        for i in range(0, len(X), batch_size // 2):
            rows = idx[i : i + batch_size]
            optimizer.zero_grad()
            criterion(model(X[rows]), y[rows]).backward()
            optimizer.step()


@loop("never shuffled")
def in_order(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        for start in range(0, len(X), batch_size):
            descend(model, loss, optimizer, X[start : start + batch_size], T[start : start + batch_size])


@loop("never shuffled")
def torch_loader_in_order(model, criterion, optimizer, X, y, epochs, batch_size):
    loader = DataLoader(TensorDataset(X, y), batch_size=batch_size)
    for _ in range(epochs):
        for x, t in loader:
            optimizer.zero_grad()
            criterion(model(x), t).backward()
            optimizer.step()


@loop("same order in every epoch")
def seeds_in_the_loop(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        torch.manual_seed(0)
        for rows in torch.randperm(len(X)).split(batch_size):
            descend(model, loss, optimizer, X[rows], T[rows])


@loop("same order in every epoch")
def torch_new_generator_in_the_loop(model, criterion, optimizer, X, y, epochs, batch_size):
    for _ in range(epochs):
        g = torch.Generator().manual_seed(7)
        for rows in torch.randperm(len(X), generator=g).split(batch_size):
            optimizer.zero_grad()
            criterion(model(X[rows]), y[rows]).backward()
            optimizer.step()


@loop("trained on validation data")
def trains_on_validation(model, loss, optimizer, X, T, X_val, T_val, epochs, batch_size):
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            descend(model, loss, optimizer, X[rows], T[rows])
        descend(model, loss, optimizer, X_val, T_val)


@loop("trained on validation data")
def torch_steps_while_validating(model, criterion, optimizer, train_loader, val_loader, epochs):
    for _ in range(epochs):
        for loader in (train_loader, val_loader):
            for x, y in loader:
                optimizer.zero_grad()
                loss = criterion(model(x), y)
                loss.backward()
                optimizer.step()


@loop("data changed")
def normalises_in_place(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        X -= X.mean(0)
        X /= X.std(0) + 0.01
        for rows in torch.randperm(len(X)).split(batch_size):
            descend(model, loss, optimizer, X[rows], T[rows])


@loop("data changed")
def torch_adds_noise_in_place(model, criterion, optimizer, X, y, epochs, batch_size):
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            X[rows] += 0.001 * torch.randn_like(X[rows])
            optimizer.zero_grad()
            criterion(model(X[rows]), y[rows]).backward()
            optimizer.step()


@loop("wrong number of epochs")
def returns_after_the_first_epoch(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        total = 0.0
        for rows in torch.randperm(len(X)).split(batch_size):
            total += descend(model, loss, optimizer, X[rows], T[rows]).item()
        return [total / len(X)]


@loop("wrong number of epochs")
def torch_one_epoch_too_few(model, criterion, optimizer, X, y, epochs, batch_size):
    for _ in range(1, epochs):
        for xb, yb in DataLoader(TensorDataset(X, y), batch_size, shuffle=True):
            optimizer.zero_grad()
            criterion(model(xb), yb).backward()
            optimizer.step()


@loop("wrong number of epochs")
def always_five_epochs(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(5):
        for rows in torch.randperm(len(X)).split(batch_size):
            descend(model, loss, optimizer, X[rows], T[rows])


@loop("batch size not used")
def always_five_samples(model, loss, optimizer, X, T, epochs, batch_size=50):
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(5):
            descend(model, loss, optimizer, X[rows], T[rows])


@loop("batch size not used")
def torch_loader_of_single_samples(model, criterion, optimizer, X, y, epochs, batch_size):
    loader = DataLoader(TensorDataset(X, y), shuffle=True)
    for _ in range(epochs):
        for xb, yb in loader:
            optimizer.zero_grad()
            criterion(model(xb), yb).backward()
            optimizer.step()


@loop("trained on validation data")
def holds_back_and_trains_on_all(model, loss, optimizer, X, T, epochs, batch_size):
    history = {"val_loss": []}
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            descend(model, loss, optimizer, X[rows], T[rows])
        history["val_loss"].append(loss(model(X[-6:]), T[-6:]).item() / 6)
    return history


@loop("trained on validation data")
def splits_in_every_epoch(model, loss, optimizer, X, T, epochs, batch_size):
    values = []
    for _ in range(epochs):
        order = torch.randperm(len(X))
        own, held = order[5:], order[:5]
        for rows in own.split(batch_size):
            descend(model, loss, optimizer, X[rows], T[rows])
        values.append(loss(model(X[held]), T[held]).item() / 5)
    return values


@loop("stops when it gets better")
def stops_at_the_best(model, loss, optimizer, X, T, epochs, batch_size):
    best, history = float("inf"), []
    for _ in range(epochs):
        total = 0.0
        for rows in torch.randperm(len(X)).split(batch_size):
            total += descend(model, loss, optimizer, X[rows], T[rows]).item()
        history.append(total / len(X))
        if total < best:
            break
        best = total
    return history


@loop("stops when it gets better")
def torch_returns_at_the_best(model, criterion, optimizer, train_loader, val_loader, epochs):
    best = 0.0
    for _ in range(epochs):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            criterion(model(x), y).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            right = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
        if best < right:
            return model
        best = right
    return model


@loop("a new pass for each batch")
def torch_first_batch_of_each_pass(model, criterion, optimizer, X, y, epochs, batch_size):
    loader = DataLoader(TensorDataset(X, y), batch_size=batch_size, shuffle=True)
    for _ in range(epochs):
        for _ in range(len(loader)):
            xb, yb = next(iter(loader))
            optimizer.zero_grad()
            criterion(model(xb), yb).backward()
            optimizer.step()


@loop("a new pass for each batch")
def torch_first_batch_of_the_given_loader(model, criterion, optimizer, train_loader, epochs):
    for _ in range(epochs):
        for _ in train_loader:
            x, y = next(iter(train_loader))
            optimizer.zero_grad()
            criterion(model(x), y).backward()
            optimizer.step()
