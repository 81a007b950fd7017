"""Training loops whose samples come in the wrong order: drawn anew, in loops that are inside out, in fixed batches."""

from __future__ import annotations

import random

import torch
from torch.utils.data import DataLoader, TensorDataset

from specimens.collection import loop
from specimens.samples import descend
from specimens.weights import descend_torch


@loop("batches drawn anew")
def rows_of_chance(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        for _ in range(len(X) // batch_size):
            rows = torch.randint(len(X), (batch_size,))
            descend(model, loss, optimizer, X[rows], T[rows])


@loop("batches drawn anew")
def torch_a_sample_for_each_step(model, criterion, optimizer, X, y, epochs, batch_size):
    for _ in range(epochs):
        for _ in range(0, len(X), batch_size):
            idx = random.sample(range(len(X)), batch_size)
            descend_torch(model, criterion, optimizer, X[idx], y[idx])


@loop("loops inside out")
def epochs_inside(model, loss, optimizer, X, T, epochs, batch_size):
    for rows in torch.randperm(len(X)).split(batch_size):
        for _ in range(epochs):
            descend(model, loss, optimizer, X[rows], T[rows])


@loop("loops inside out")
def torch_epochs_inside(model, criterion, optimizer, train_loader, epochs):
    for x, y in train_loader:
        for _ in range(epochs):
            descend_torch(model, criterion, optimizer, x, y)


@loop("never shuffled")
def shuffles_the_batches_alone(model, loss, optimizer, X, T, epochs, batch_size):
    starts = list(range(0, len(X), batch_size))
    for _ in range(epochs):
        random.shuffle(starts)
        for start in starts:
            descend(model, loss, optimizer, X[start : start + batch_size], T[start : start + batch_size])


@loop("never shuffled")
def torch_shuffles_inside_the_batches(model, criterion, optimizer, X, y, epochs, batch_size):
    for _ in range(epochs):
        for idx in torch.arange(len(X)).split(batch_size):
            rows = idx[torch.randperm(len(idx))]
            descend_torch(model, criterion, optimizer, X[rows], y[rows])


@loop("shuffled apart")
def own_gradient_of_other_targets(model, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        both = (torch.randperm(len(X)).split(batch_size) for _ in range(2))
        for rows, others in zip(*both, strict=True):
            output = model(X[rows])
            model.zero_grad()
            model.backward(2 * (output - T[others]))
            optimizer.step()


@loop("shuffled apart")
def torch_own_loss_of_other_targets(model, optimizer, X, y, epochs, batch_size):
    for _ in range(epochs):
        X = X[torch.randperm(len(X))]
        for start in range(0, len(X), batch_size):
            output, labels = model(X[start : start + batch_size]), y[start : start + batch_size]
            loss = -output.log_softmax(1)[torch.arange(len(labels)), labels].mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


@loop("goes uphill")
def own_gradient_turned_round(model, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            output = model(X[rows])
            model.zero_grad()
            model.backward(T[rows] - output)
            optimizer.step()


@loop("all samples in each step")
def torch_batch_not_used(model, criterion, optimizer, X, y, epochs, batch_size):
    loader = DataLoader(TensorDataset(X, y), batch_size, shuffle=True)
    for _ in range(epochs):
        for _inputs, _labels in loader:
            descend_torch(model, criterion, optimizer, X, y)


@loop("all samples in each step")
def rows_not_used(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        for _rows in torch.randperm(len(X)).split(batch_size):
            descend(model, loss, optimizer, X, T)
