"""Training loops that lose what they have learned, or make steps of another size or kind than was asked for."""

from __future__ import annotations

import copy

import torch

import minidl
from specimens.collection import loop
from specimens.samples import descend


def descend_torch(model, criterion, optimizer, inputs, targets):
    optimizer.zero_grad()
    loss = criterion(model(inputs), targets)
    loss.backward()
    optimizer.step()
    return loss.item()


@loop("model given is not trained")
def trains_a_copy_for_nobody(model, loss, X, T, epochs, batch_size, lr):
    network, history = copy.deepcopy(model), []
    optimizer = minidl.SGD(network, lr)
    for _ in range(epochs):
        batches = torch.randperm(len(X)).split(batch_size)
        total = sum(descend(network, loss, optimizer, X[rows], T[rows]).item() for rows in batches)
        history.append(total / len(X))
    return history


@loop("model given is not trained")
def torch_trains_a_copy_for_nobody(model, criterion, X, y, epochs, batch_size, lr):
    network = copy.deepcopy(model)
    optimizer = torch.optim.SGD(network.parameters(), lr)
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            descend_torch(network, criterion, optimizer, X[idx], y[idx])


@loop("begins anew in each epoch")
def torch_start_is_loaded_in_each_epoch(model, criterion, optimizer, X, y, epochs, batch_size):
    start = copy.deepcopy(model.state_dict())
    for _ in range(epochs):
        model.load_state_dict(start)
        for idx in torch.randperm(len(X)).split(batch_size):
            descend_torch(model, criterion, optimizer, X[idx], y[idx])


@loop("begins anew in each epoch")
def weights_are_drawn_in_each_epoch(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        for param, _ in model.parameters():
            param.normal_(std=0.3)
        for rows in torch.randperm(len(X)).split(batch_size):
            descend(model, loss, optimizer, X[rows], T[rows])


@loop("ends where it began")
def best_is_never_replaced(model, loss, optimizer, X, T, epochs, batch_size):
    kept = [param.clone() for param, _ in model.parameters()]
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            descend(model, loss, optimizer, X[rows], T[rows])
    for (param, _), value in zip(model.parameters(), kept, strict=True):
        param.copy_(value)


@loop("ends where it began")
def torch_lowest_begins_at_zero(model, criterion, optimizer, X, y, X_val, y_val, epochs, batch_size):
    lowest, best = 0.0, copy.deepcopy(model.state_dict())
    for _ in range(epochs):
        model.train()
        for idx in torch.randperm(len(X)).split(batch_size):
            descend_torch(model, criterion, optimizer, X[idx], y[idx])
        model.eval()
        with torch.no_grad():
            value = criterion(model(X_val), y_val).item()
        if value < lowest:
            lowest, best = value, copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return model


@loop("the worst is kept")
def keeps_the_largest_loss(model, loss, optimizer, X, T, epochs, batch_size):
    best, kept = -1.0, None
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            descend(model, loss, optimizer, X[rows], T[rows])
        value = loss(model(X), T).item()
        if value > best:
            best, kept = value, [param.clone() for param, _ in model.parameters()]
    for (param, _), value in zip(model.parameters(), kept, strict=True):
        param.copy_(value)


@loop("the worst is kept")
def torch_keeps_the_largest_loss(model, criterion, optimizer, X, y, X_val, y_val, epochs, batch_size):
    best, state = float("-inf"), None
    for _ in range(epochs):
        model.train()
        for idx in torch.randperm(len(X)).split(batch_size):
            descend_torch(model, criterion, optimizer, X[idx], y[idx])
        model.eval()
        with torch.no_grad():
            value = criterion(model(X_val), y_val).item()
        if best < value:
            best, state = value, copy.deepcopy(model.state_dict())
    model.load_state_dict(state)


@loop("optimiser built anew")
def torch_an_adam_for_each_batch(model, criterion, X, y, epochs, batch_size, lr):
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            descend_torch(model, criterion, torch.optim.Adam(model.parameters(), lr), X[idx], y[idx])


@loop("optimiser built anew")
def torch_a_heavy_ball_for_each_epoch(model, criterion, X, y, epochs, batch_size, lr):
    for _ in range(epochs):
        optimizer = torch.optim.SGD(model.parameters(), lr, momentum=0.9)
        for idx in torch.randperm(len(X)).split(batch_size):
            descend_torch(model, criterion, optimizer, X[idx], y[idx])


@loop("parameters never moved")
def biases_forgotten(model, loss, X, T, epochs, batch_size, lr):
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            loss(model(X[rows]), T[rows])
            model.zero_grad()
            model.backward(loss.backward())
            for param, grad in model.parameters():
                if len(param) > 1:
                    param -= lr * grad


@loop("parameters never moved")
def torch_last_layer_only(model, criterion, X, y, epochs, batch_size, lr):
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            model.zero_grad()
            criterion(model(X[idx]), y[idx]).backward()
            with torch.no_grad():
                for param in list(model.parameters())[-2:]:
                    param -= lr * param.grad


@loop("optimiser not used")
def another_optimizer(model, loss, optimizer, X, T, epochs, batch_size):
    own = minidl.SGD(model, 1e-4)
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            descend(model, loss, own, X[rows], T[rows])


@loop("optimiser not used")
def torch_steps_by_hand(model, criterion, optimizer, X, y, epochs, batch_size):
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            criterion(model(X[idx]), y[idx]).backward()
            with torch.no_grad():
                for param in model.parameters():
                    param -= 0.001 * param.grad


@loop("learning rate not used")
def rate_of_its_own(model, loss, X, T, epochs, batch_size, lr):
    optimizer = minidl.SGD(model, 0.002)
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            descend(model, loss, optimizer, X[rows], T[rows])


@loop("learning rate not used")
def torch_adam_with_its_default(model, criterion, X, y, epochs, batch_size, lr):
    optimizer = torch.optim.Adam(model.parameters())
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            descend_torch(model, criterion, optimizer, X[idx], y[idx])


@loop("learning rate falls with each batch")
def halves_with_each_batch(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            descend(model, loss, optimizer, X[rows], T[rows])
            optimizer.lr /= 2


@loop("learning rate falls with each batch")
def torch_schedule_inside(model, criterion, optimizer, X, y, epochs, batch_size):
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.1)
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            descend_torch(model, criterion, optimizer, X[idx], y[idx])
            schedule.step()


@loop("schedule never stepped")
def torch_schedule_forgotten(model, criterion, optimizer, X, y, epochs, batch_size):
    lowers = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.1)  # noqa: F841
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            descend_torch(model, criterion, optimizer, X[idx], y[idx])


@loop("schedule never stepped")
def torch_given_schedule_forgotten(model, criterion, optimizer, scheduler, train_loader, epochs):
    for _ in range(epochs):
        for x, y in train_loader:
            descend_torch(model, criterion, optimizer, x, y)


@loop("parameters not updated")
def gives_the_name_to_a_new_tensor(model, loss, X, T, epochs, batch_size, lr):
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            loss(model(X[rows]), T[rows])
            model.zero_grad()
            model.backward(loss.backward())
            for w, g in model.parameters():
                w = w - lr * g


@loop("parameters not updated")
def torch_difference_thrown_away(model, criterion, X, y, epochs, batch_size, lr):
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            model.zero_grad()
            criterion(model(X[idx]), y[idx]).backward()
            with torch.no_grad():
                for param in model.parameters():
                    param.sub(lr * param.grad)
