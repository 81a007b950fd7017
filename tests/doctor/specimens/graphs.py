"""Training loops whose graphs are kept too long, or not at all."""

from __future__ import annotations

import torch
from torch import nn

from specimens.collection import loop
from specimens.weights import descend_torch


@loop("gradients switched off")
def torch_switched_off_for_the_evaluation(model, criterion, optimizer, X, y, X_val, y_val, epochs, batch_size):
    accuracies = []
    for _ in range(epochs):
        model.train()
        for idx in torch.randperm(len(X)).split(batch_size):
            descend_torch(model, criterion, optimizer, X[idx], y[idx])
        model.eval()
        torch.set_grad_enabled(False)
        accuracies.append((model(X_val).argmax(1) == y_val).float().mean().item())
    return accuracies


@loop("gradients switched off")
def torch_forward_without_gradients(net, loss, opt, inputs, labels):
    net.train()
    opt.zero_grad()
    with torch.no_grad():
        output = net(inputs)
    loss(output, labels).backward()
    opt.step()


@loop("gradients switched off")
def torch_left_switched_off(model, criterion, optimizer, X, y, X_val, y_val, epochs, batch_size):
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            descend_torch(model, criterion, optimizer, X[idx], y[idx])
    model.eval()
    torch.set_grad_enabled(False)
    return (model(X_val).argmax(1) == y_val).float().mean().item()


@loop("gradients switched off")
def torch_asks_and_leaves_off(model, X, y):
    torch.set_grad_enabled(False)
    model.eval()
    return (model(X).argmax(1) == y).float().mean().item()


@loop("loss of earlier batches")
def torch_goes_back_through_all_so_far(model, criterion, optimizer, X, y, epochs, batch_size):
    for _ in range(epochs):
        total = 0
        for idx in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            total = total + criterion(model(X[idx]), y[idx])
            total.backward(retain_graph=True)
            optimizer.step()


@loop("loss of earlier batches")
def torch_running_loss_goes_back(net, loader, optimizer, epochs):
    loss_fn, losses = nn.CrossEntropyLoss(), []
    for _ in range(epochs):
        for x, y in loader:
            losses.append(loss_fn(net(x), y))
            optimizer.zero_grad()
            sum(losses).backward()
            optimizer.step()
    return [loss.item() for loss in losses]
