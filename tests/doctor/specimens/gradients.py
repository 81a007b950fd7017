"""Training loops whose steps are made with the wrong gradients."""

from __future__ import annotations

import torch

import minidl
from specimens.collection import loop
from specimens.samples import descend


@loop("two steps for one backward")
def steps_once_more_after_each_batch(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            descend(model, loss, optimizer, X[rows], T[rows])
            optimizer.step()


@loop("two steps for one backward")
def torch_step_after_the_epoch_too(model, criterion, optimizer, train_loader, epochs):
    for _ in range(epochs):
        for x, y in train_loader:
            optimizer.zero_grad()
            criterion(model(x), y).backward()
            optimizer.step()
        optimizer.step()


@loop("step once an epoch")
def learns_from_the_last_batch(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            loss(model(X[rows]), T[rows])
        model.zero_grad()
        model.backward(loss.backward())
        optimizer.step()


@loop("step once an epoch")
def torch_learns_once_for_all(model, criterion, optimizer, X, y, epochs, batch_size):
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            loss = criterion(model(X[idx]), y[idx])
    loss.backward()
    optimizer.step()


@loop("gradients thrown away")
def group_of_two_too_few(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        model.zero_grad()
        for k, rows in enumerate(torch.randperm(len(X)).split(batch_size), 1):
            loss(model(X[rows]), T[rows])
            model.backward(loss.backward())
            if k % 2 == 0:
                optimizer.step()
                model.zero_grad()


@loop("gradients thrown away")
def torch_group_of_four_too_few(model, criterion, optimizer, train_loader, epochs):
    for _ in range(epochs):
        optimizer.zero_grad()
        for k, (x, y) in enumerate(train_loader, 1):
            (criterion(model(x), y) / 4).backward()
            if k % 4 == 0:
                optimizer.step()
                optimizer.zero_grad()


@loop("backward of older weights")
def backward_two_batches_late(model, loss, optimizer, X, T, epochs, batch_size):
    late = minidl.SGD(model, optimizer.lr)
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            loss(model(X[rows]), T[rows])
            for param, _ in model.parameters():
                param.mul_(0.999)
            model.zero_grad()
            model.backward(loss.backward())
            optimizer.step()
    return late.lr


@loop("backward of older weights")
def torch_losses_of_the_start(model, criterion, X, y, epochs, batch_size, lr):
    for _ in range(epochs):
        losses = [criterion(model(X[idx]), y[idx]) for idx in torch.randperm(len(X)).split(batch_size)]
        for loss in losses:
            model.zero_grad()
            loss.backward()
            for param in model.parameters():
                param.data = param.data - lr * param.grad


@loop("loss's backward left out")
def sends_sizes_back(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            loss(model(X[rows]), T[rows])
            model.zero_grad()
            model.backward(loss.backward().abs())
            optimizer.step()


@loop("loss's backward left out")
def sends_ones_back(model, loss, optimizer, X, T):
    output = model(X)
    loss(output, T)
    loss.backward()
    model.zero_grad()
    model.backward(torch.ones_like(output))
    optimizer.step()


@loop("gradients changed before the step")
def torch_gradients_of_chance(model, criterion, optimizer, X, y, epochs, batch_size):
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            criterion(model(X[idx]), y[idx]).backward()
            for param in model.parameters():
                param.grad = torch.randn_like(param)
            optimizer.step()


@loop("gradients changed before the step")
def gradients_turned_round(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            loss(model(X[rows]), T[rows])
            model.zero_grad()
            model.backward(loss.backward())
            for _, grad in model.parameters():
                grad.neg_()
            optimizer.step()


@loop("mean divided again")
def torch_mean_over_the_batch_size(model, criterion, optimizer, X, y, epochs, batch_size):
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            loss = criterion(model(X[idx]), y[idx]) / len(idx)
            loss.backward()
            optimizer.step()


@loop("mean divided again")
def own_mean_over_all(model, optimizer, X, T, epochs, batch_size):
    loss = minidl.MSELoss("batchmean")
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            loss(model(X[rows]), T[rows])
            model.zero_grad()
            model.backward(loss.backward() / len(X))
            optimizer.step()


@loop("means added up")
def torch_four_means_for_a_step(model, criterion, optimizer, X, y, epochs, batch_size):
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            for part in idx.chunk(2):
                criterion(model(X[part]), y[part]).backward()
            optimizer.step()


@loop("means added up")
def means_of_three_batches(model, optimizer, X, T, epochs, batch_size):
    loss = minidl.MSELoss("batchmean")
    for _ in range(epochs):
        batches = torch.randperm(len(X)).split(batch_size)
        for group in (batches[:3], batches[3:]):
            model.zero_grad()
            for rows in group:
                loss(model(X[rows]), T[rows])
                model.backward(loss.backward())
            optimizer.step()


@loop("clipped at the wrong time")
def torch_clips_after_the_step(model, criterion, optimizer, X, y, epochs, batch_size):
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            criterion(model(X[idx]), y[idx]).backward()
            optimizer.step()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 0.01)


@loop("clipped at the wrong time")
def torch_clips_before_backward(model, criterion, optimizer, X, y, epochs, batch_size):
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            loss = criterion(model(X[idx]), y[idx])
            optimizer.zero_grad()
            torch.nn.utils.clip_grad_value_(model.parameters(), 0.5)
            loss.backward()
            optimizer.step()


@loop("clipped at the wrong time")
def limits_gradients_after_the_step(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            descend(model, loss, optimizer, X[rows], T[rows])
            for _, grad in model.parameters():
                grad.clamp_(-0.01, 0.01)


@loop("loss of another batch")
def looks_at_the_first_rows_in_between(model, loss, optimizer, X, T, epochs, batch_size):
    curve = []
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            model.zero_grad()
            loss(model(X[rows]), T[rows])
            seen = loss(model(X[:5]), T[:5]).item()
            model.backward(loss.backward())
            optimizer.step()
        curve.append(seen / 5)
    return curve


@loop("loss of another batch")
def torch_loss_is_overwritten(model, criterion, optimizer, train_loader, X_val, y_val, epochs):
    for _ in range(epochs):
        for x, y in train_loader:
            loss = criterion(model(x), y)
            loss = criterion(model(X_val), y_val)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


@loop("loss of another batch")
def looks_at_all_in_between(net, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            loss(net(X[rows]), T[rows])
            now = loss(net(X), T)  # noqa: F841
            net.zero_grad()
            net.backward(loss.backward())
            optimizer.step()
