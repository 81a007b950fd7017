"""Right training loops whose gradients, steps and weights go unusual ways."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

import minidl
from specimens.collection import loop
from specimens.samples import descend
from specimens.weights import descend_torch

right_loop = loop()


@right_loop
def an_optimizer_for_each_layer(model, loss, X, T, epochs, batch_size, lr):
    optimizers = [minidl.SGD(layer, lr) for layer in model if isinstance(layer, minidl.Linear)]
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            loss(model(X[rows]), T[rows])
            model.zero_grad()
            model.backward(loss.backward())
            for optimizer in optimizers:
                optimizer.step()


@right_loop
def torch_cross_validation(model, criterion, X, y, epochs, batch_size, lr):
    shares = []
    for k in range(3):
        network = copy.deepcopy(model)
        optimizer = torch.optim.SGD(network.parameters(), lr)
        held = torch.arange(len(X)) % 3 == k
        rows = (~held).nonzero()[:, 0]
        for _ in range(epochs):
            network.train()
            for idx in rows[torch.randperm(len(rows))].split(batch_size):
                descend_torch(network, criterion, optimizer, X[idx], y[idx])
        network.eval()
        with torch.no_grad():
            shares.append((network(X[held]).argmax(1) == y[held]).double().mean().item())
    return shares


@right_loop
def torch_looks_ahead_uphill(model, criterion, optimizer, X, y, epochs, batch_size):
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            criterion(model(X[idx]), y[idx]).backward()
            with torch.no_grad():
                size = sum((param.grad**2).sum() for param in model.parameters()).sqrt()
                ways = [0.05 * param.grad / size for param in model.parameters()]
                for param, way in zip(model.parameters(), ways, strict=True):
                    param.add_(way)
            optimizer.zero_grad()
            criterion(model(X[idx]), y[idx]).backward()
            with torch.no_grad():
                for param, way in zip(model.parameters(), ways, strict=True):
                    param.sub_(way)
            optimizer.step()


@right_loop
def torch_adds_up_the_losses(model, criterion, optimizer, X, y, epochs, batch_size):
    for _ in range(epochs):
        optimizer.zero_grad()
        total = 0.0
        for idx in torch.randperm(len(X)).split(batch_size):
            total = total + criterion(model(X[idx]), y[idx]) * len(idx)
        total.backward()
        optimizer.step()


@right_loop
def torch_mixes_samples(model, criterion, optimizer, X, y, epochs, batch_size):
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            other, share = idx.flip(0), float(np.random.default_rng(0).beta(1, 1))
            output = model(share * X[idx] + (1 - share) * X[other])
            loss = share * criterion(output, y[idx]) + (1 - share) * criterion(output, y[other])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


@right_loop
def torch_two_looks_agree(model, criterion, optimizer, X, y, epochs, batch_size):
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            one, other = model(X[idx]), model(X[idx])
            optimizer.zero_grad()
            (criterion(one, y[idx]) + ((one - other) ** 2).mean()).backward()
            optimizer.step()


@loop(more={"loss": torch.nn.CrossEntropyLoss()})
def torch_asks_several_times_in_a_step(model, criterion, X, y, epochs):
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.01, max_iter=3)
    for _ in range(epochs):

        def closure():
            optimizer.zero_grad()
            loss = criterion(model(X), y)
            loss.backward()
            return loss

        optimizer.step(closure)


@right_loop
def squeezed_between_zero_and_one(model, loss, optimizer, X, T, epochs, batch_size):
    low, high = X.amin(0), X.amax(0)
    inputs, history = (X - low) / (high - low), []
    for _ in range(epochs):
        batches = torch.randperm(len(X)).split(batch_size)
        total = sum(descend(model, loss, optimizer, inputs[rows], T[rows]).item() for rows in batches)
        history.append(total / len(X))
    return history


@right_loop
def steps_in_place_of_epochs(model, loss, optimizer, X, T, steps, batch_size):
    for _ in range(steps):
        rows = torch.randint(len(X), (batch_size,))
        descend(model, loss, optimizer, X[rows], T[rows])


@right_loop
def groups_go_on_in_the_next_epoch(model, loss, optimizer, X, T, epochs, batch_size):
    count = 0
    model.zero_grad()
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            loss(model(X[rows]), T[rows])
            model.backward(loss.backward() / 4)
            count += 1
            if count % 4 == 0:
                optimizer.step()
                model.zero_grad()


@right_loop
def torch_rare_classes_drawn_more_often(model, criterion, optimizer, X, y, epochs, batch_size):
    rare = 1 / torch.bincount(y).double()[y]
    loader = DataLoader(TensorDataset(X, y), batch_size, sampler=WeightedRandomSampler(rare, len(X)))
    for _ in range(epochs):
        for x, labels in loader:
            descend_torch(model, criterion, optimizer, x, labels)


@right_loop
def samples_with_weights(model, loss, optimizer, X, T, epochs, batch_size):
    weights = 0.5 + torch.rand(len(X), 1)
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            loss(model(X[rows]), T[rows])
            model.zero_grad()
            model.backward((loss.backward() * weights[rows]).clamp(-1, 1))
            optimizer.step()


@right_loop
def takes_back_steps_that_go_up(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            kept = [param.clone() for param, _ in model.parameters()]
            before = descend(model, loss, optimizer, X[rows], T[rows])
            if loss(model(X[rows]), T[rows]) > before:
                for (param, _), value in zip(model.parameters(), kept, strict=True):
                    param.copy_(value)


@right_loop
def torch_average_of_the_weights(model, criterion, optimizer, X, y, epochs, batch_size):
    average = copy.deepcopy(model)
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            descend_torch(model, criterion, optimizer, X[idx], y[idx])
            with torch.no_grad():
                for kept, param in zip(average.parameters(), model.parameters(), strict=True):
                    kept.lerp_(param, 0.1)
    return average


@right_loop
def torch_schedule_for_all_steps(model, criterion, optimizer, X, y, epochs, batch_size):
    count = epochs * -(-len(X) // batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-3, total_steps=count)
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            descend_torch(model, criterion, optimizer, X[idx], y[idx])
            schedule.step()


@right_loop
def keeps_the_most_accurate(model, loss, optimizer, X, T, X_val, T_val, epochs, batch_size):
    best, kept = -1.0, None
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            descend(model, loss, optimizer, X[rows], T[rows])
        share = (model(X_val).argmax(1) == T_val.argmax(1)).double().mean().item()
        if share > best:
            best, kept = share, [param.clone() for param, _ in model.parameters()]
    for (param, _), value in zip(model.parameters(), kept, strict=True):
        param.copy_(value)
    return best


@right_loop
def torch_clips_and_divides_the_sum(net, loss, opt, inputs, labels, n_epochs, bs):
    for _ in range(n_epochs):
        for rows in torch.randperm(len(inputs)).split(bs):
            opt.zero_grad()
            parts = rows.chunk(2)
            for part in parts:
                loss(net(inputs[part]), labels[part]).backward()
            for param in net.parameters():
                param.grad /= len(parts)
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            opt.step()


@right_loop
def torch_switches_gradients_on_again(model, criterion, optimizer, X, y, X_val, y_val, epochs, batch_size):
    history = []
    for _ in range(epochs):
        model.train()
        torch.set_grad_enabled(True)
        for idx in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            criterion(model(X[idx]), y[idx]).backward()
            optimizer.step()
        model.eval()
        torch.set_grad_enabled(False)
        history.append(criterion(model(X_val), y_val).item())
        torch.set_grad_enabled(True)
    return history
