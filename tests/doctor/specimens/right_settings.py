"""Healthy trainings, before, in the middle and at the end."""

from __future__ import annotations

import torch
from torch import nn

import minidl
from minidl.lab.digits import digits
from minidl.lab.training import train
from specimens.collection import setting
from specimens.settings import labels, network, points, seeded, torch_network

healthy = setting()
MEAN = minidl.MSELoss("batchmean")


def trained(model, data, epochs, lr, loss=None):
    train(model, data, epochs=epochs, lr=lr, loss=loss, generator=seeded(3), progress=False)
    return model


@healthy
def report_before():
    return {"model": network(2, 25, 25, 25, 2), "data": points(1000), "validation": points(1000, 2), "lr": 0.001}


@healthy
def report_in_the_middle():
    data = points(1000)
    model = trained(network(2, 25, 25, 25, 2), data, 20, 0.001)
    return {"model": model, "data": data, "validation": points(1000, 2), "lr": 0.001}


@healthy
def report_at_the_end():
    data = points(1000)
    model = trained(network(2, 25, 25, 25, 2), data, 60, 0.001)
    return {"model": model, "data": data, "validation": points(1000, 2), "lr": 0.0001}


@healthy
def mean_of_the_samples():
    return {"model": network(2, 25, 25, 25, 2, gain=1), "data": points(1000), "loss": MEAN, "lr": 0.05}


@healthy
def two_tanh_layers():
    model = network(2, 25, 25, 2, gain=5 / 3, between=minidl.Tanh)
    return {"model": model, "data": points(), "loss": MEAN, "lr": 0.03}


@healthy
def one_sigmoid_layer():
    model = network(2, 25, 2, gain=1, between=minidl.Sigmoid)
    return {"model": model, "data": points(), "loss": MEAN, "lr": 0.1}


@healthy
def digits_with_one_layer():
    (X, T), (X_test, T_test) = digits(generator=seeded())
    model = minidl.Linear(64, 10, gain=0)
    mean = X.mean(0)
    return {"model": model, "data": (X - mean, T), "validation": (X_test - mean, T_test), "loss": MEAN, "lr": 0.05}


@healthy
def digits_with_a_hidden_layer():
    training, test = digits(generator=seeded())
    model = trained(network(64, 64, 10), training, 5, 0.1, MEAN)
    return {"model": model, "data": training, "validation": test, "loss": MEAN, "lr": 0.1}


@healthy
def torch_disk():
    return {
        "model": torch_network(2, 25, 25, 25, 2),
        "data": points(1000),
        "loss": nn.MSELoss(reduction="sum"),
        "lr": 0.001,
    }


@healthy
def torch_digits():
    training, test = map(labels, digits(generator=seeded()))
    return {
        "model": torch_network(64, 50, 10),
        "data": training,
        "validation": test,
        "loss": nn.CrossEntropyLoss(),
        "lr": 0.5,
    }


@healthy
def torch_digits_with_dropout():
    training, test = map(labels, digits(generator=seeded()))
    model = torch_network(64, 50, 10)
    model.insert(2, nn.Dropout(0.2))
    return {"model": model, "data": training, "validation": test, "loss": nn.CrossEntropyLoss(), "lr": 0.2}


@healthy
def torch_two_waves():
    X = torch.rand(300, 2, generator=seeded())
    y = (6 * X[:, :1]).sin() + X[:, 1:]
    return {"model": torch_network(2, 40, 1, between=nn.Tanh), "data": (X, y), "loss": nn.MSELoss(), "lr": 0.1}


@healthy
def torch_yes_or_no():
    X, y = labels(points())
    y = y[:, None].float()
    return {"model": torch_network(2, 25, 25, 1), "data": (X, y), "loss": nn.BCEWithLogitsLoss(), "lr": 0.3}


@healthy
def no_rate_given():
    return {"model": network(2, 25, 25, 25, 2, gain=1), "data": points(200)}
