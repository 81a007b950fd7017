"""Trainings whose steps lead nowhere, and networks that cannot learn what is asked."""

from __future__ import annotations

import torch
from torch import nn

import minidl
from specimens.collection import setting
from specimens.settings import digits, labels, network, points, seeded, torch_network


@setting("rate for a mean, loss a sum")
def a_sum_with_the_rate_of_a_mean():
    return {"model": network(2, 25, 25, 25, 2), "data": points(), "loss": minidl.MSELoss(), "lr": 0.1}


@setting("rate for a mean, loss a sum")
def torch_a_sum_with_the_rate_of_a_mean():
    return {
        "model": torch_network(64, 30, 10),
        "data": labels(digits(generator=seeded())[0]),
        "loss": nn.CrossEntropyLoss(reduction="sum"),
        "lr": 0.5,
    }


@setting("steps too large")
def rate_of_three():
    return {"model": network(2, 25, 25, 25, 2), "data": points(), "loss": minidl.MSELoss("batchmean"), "lr": 3.0}


@setting("steps too large")
def torch_rate_of_a_hundred():
    return {
        "model": torch_network(64, 30, 10),
        "data": labels(digits(generator=seeded())[0]),
        "loss": nn.CrossEntropyLoss(),
        "lr": 100.0,
    }


@setting("steps too small")
def rate_of_a_millionth():
    return {"model": network(2, 25, 25, 25, 2), "data": points(), "loss": minidl.MSELoss("batchmean"), "lr": 1e-6}


@setting("steps too small")
def torch_rate_of_a_hundred_thousandth():
    return {
        "model": torch_network(64, 30, 10),
        "data": labels(digits(generator=seeded())[0]),
        "loss": nn.CrossEntropyLoss(),
        "lr": 1e-5,
    }


@setting("learns by heart only")
def twenty_points_learned_by_heart():
    X, T = points(20)
    model = network(2, 60, 60, 2)
    X_test, T_test = points(500, seed=2)
    for _ in range(3000):
        loss = minidl.MSELoss("batchmean")
        loss(model(X), T)
        model.zero_grad()
        model.backward(loss.backward())
        minidl.SGD(model, 0.1).step()
    return {"model": model, "data": (X, T), "validation": (X_test, T_test), "loss": minidl.MSELoss("batchmean")}


@setting("learns by heart only")
def torch_random_features_learned_by_heart():
    X, y = torch.randn(240, 40, generator=seeded()), torch.arange(240) % 2
    X[:, 0] += 0.7 * y
    model, loss = torch_network(40, 60, 2), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(100):
        optimizer.zero_grad()
        loss(model(X[:120]), y[:120]).backward()
        optimizer.step()
    return {"model": model, "data": (X[:120], y[:120]), "validation": (X[120:], y[120:]), "loss": loss}


@setting("ten samples not learned")
def a_line_for_a_disk():
    return {"model": minidl.Sequential(minidl.Linear(2, 2, generator=seeded())), "data": points(), "lr": 0.001}


@setting("ten samples not learned")
def torch_one_hidden_unit():
    model = torch_network(64, 1, 10, between=nn.Tanh)
    return {"model": model, "data": labels(digits(generator=seeded())[0]), "loss": nn.CrossEntropyLoss(), "lr": 0.1}


@setting("answers the mean")
def trained_to_the_mean():
    model = network(2, 25, 25, 2)
    model[-1].params["weight"].mul_(0.01)
    model[-1].params["bias"].fill_(0.5)
    return {"model": model, "data": points(), "lr": 1e-7}


@setting("answers the mean")
def torch_answers_the_mean():
    X = torch.rand(300, 2, generator=seeded())
    y = (6 * X[:, :1]).sin() + 3
    model = torch_network(2, 25, 1)
    with torch.no_grad():
        model[2].weight.mul_(0.01)
        model[2].bias.fill_(float(y.mean()))
    return {"model": model, "data": (X, y), "loss": nn.MSELoss(), "lr": 1e-5}


@setting("learns by heart only")
def random_labels_and_a_wide_network():
    drawn = seeded()
    X, X_test = torch.randn(16, 6, generator=drawn), torch.randn(100, 6, generator=drawn)
    T, T_test = (torch.eye(2)[torch.randint(2, (n,), generator=drawn)] for n in (16, 100))
    loss = minidl.MSELoss("batchmean")
    return {"model": network(6, 80, 80, 2), "data": (X, T), "validation": (X_test, T_test), "loss": loss, "lr": 0.02}


def fitted(X, T, loss, steps=200, lr=0.1):
    model = torch_network(X.shape[1], 25, T.shape[1] if T.ndim > 1 else 2)
    for _ in range(steps):
        model.zero_grad()
        loss(model(X), T).backward()
        with torch.no_grad():
            for param in model.parameters():
                param -= lr * param.grad
    return model


@setting("validation loss too good")
def torch_validation_targets_from_the_model():
    X, X_test = (torch.rand(200, 2, generator=seeded(seed)) for seed in (1, 2))
    y, loss = X.sum(1, keepdim=True) + 0.25 * torch.randn(200, 1, generator=seeded(3)), nn.MSELoss()
    model = fitted(X, y, loss)
    return {"model": model, "data": (X, y), "validation": (X_test, model(X_test).detach()), "loss": loss}


@setting("validation loss too good")
def torch_noise_on_the_training_targets_alone():
    X, X_test = (torch.rand(200, 2, generator=seeded(seed)) for seed in (1, 2))
    y, y_test = (3 * X[:, :1] - 1, 3 * X_test[:, :1] - 1)
    y, loss = y + 0.5 * torch.randn(200, 1, generator=seeded(3)), nn.MSELoss()
    return {"model": fitted(X, y, loss), "data": (X, y), "validation": (X_test, y_test), "loss": loss}
