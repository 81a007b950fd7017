"""Training loops that ask the loss the wrong way round, or follow the gradient uphill."""

from __future__ import annotations

import torch
from torch import nn

from specimens.collection import loop


@loop("loss's arguments swapped")
def targets_first(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            loss(T[rows], model(X[rows]))
            model.zero_grad()
            model.backward(loss.backward())
            optimizer.step()


@loop("loss's arguments swapped", more={"loss": nn.BCEWithLogitsLoss()})
def torch_targets_first(model, criterion, optimizer, X, y):
    optimizer.zero_grad()
    criterion(y, model(X)).backward()
    optimizer.step()


@loop("loss's arguments swapped")
def torch_class_numbers_first(model, criterion, optimizer, X, y):
    optimizer.zero_grad()
    criterion(y, model(X)).backward()
    optimizer.step()


@loop("goes uphill")
def adds_the_gradient(model, loss, X, T, lr):
    loss(model(X), T)
    model.zero_grad()
    model.backward(loss.backward())
    for param, grad in model.parameters():
        param.add_(lr * grad)


@loop("goes uphill")
def torch_adds_the_gradient(model, criterion, X, y, epochs, batch_size, lr):
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            criterion(model(X[idx]), y[idx]).backward()
            with torch.no_grad():
                for param in model.parameters():
                    param += lr * param.grad
                    param.grad = None


@loop("goes uphill")
def message_with_a_minus(model, loss, optimizer, X, T):
    loss(model(X), T)
    model.zero_grad()
    model.backward(-loss.backward())
    optimizer.step()


@loop("goes uphill")
def torch_loss_with_a_minus(model, criterion, optimizer, X, y):
    optimizer.zero_grad()
    value = -criterion(model(X), y)
    value.backward()
    optimizer.step()
