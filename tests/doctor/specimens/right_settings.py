"""Healthy trainings, before, in the middle and at the end."""

from __future__ import annotations

import torch
from torch import nn

import minidl
from minidl.lab.training import train
from specimens.collection import setting
from specimens.settings import digits, labels, network, points, seeded, torch_network

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


@healthy
def history_of_the_report():
    data, test = points(1000), points(1000, 2)
    model = network(2, 25, 25, 25, 2)
    history = train(model, data, test, epochs=15, lr=0.001, generator=seeded(3), progress=False)
    return {"model": model, "data": data, "validation": test, "lr": 0.001, "history": history}


@healthy
def history_with_a_few_bumps():
    training = [1 / k * (1 + 0.2 * (k % 3 == 0)) for k in range(1, 31)]
    validation = [1.1 * value + 0.002 * k for k, value in enumerate(training)]
    return {"model": network(2, 25, 2), "data": points(), "history": {"loss": training, "val_loss": validation}}


@healthy
def history_of_a_network_that_has_learned_all():
    data = points(1000)
    model = trained(network(2, 25, 25, 25, 2), data, 60, 0.001)
    return {"model": model, "data": data, "lr": 0.0001, "history": [0.0912, 0.0911, 0.0911, 0.091, 0.0911, 0.091]}


@healthy
def wide_data_that_two_epochs_put_right():
    X = torch.randn(1000, 10, generator=seeded()) * 2.5
    T = torch.eye(5)[X[:, :5].argmax(1)]
    return {"model": network(10, 100, 100, 5), "data": (X, T), "loss": MEAN, "lr": 0.005}


@healthy
def one_in_twelve_with_a_place_of_its_own():
    X = torch.randn(600, 2, generator=seeded())
    T = torch.eye(2)[(X[:, 0] > 1.4).long()]
    return {"model": network(2, 25, 2), "data": (X, T), "loss": MEAN, "lr": 0.2}


@healthy
def torch_narrow_linear_layers():
    narrow, wide = torch_network(64, 5, 50, 10), labels(digits(generator=seeded())[0])
    del narrow[1]
    return {"model": narrow, "data": wide, "lr": 0.3}


class Functional(nn.Module):
    """Its activations are functions, which are no layers."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.third = torch_network(64, 40, 40, 10)[::2]

    def forward(self, x):
        return self.third(self.second(self.first(x).relu()).relu())


@healthy
def torch_activations_as_functions():
    return {"model": Functional(), "data": labels(digits(generator=seeded())[0]), "lr": 0.3}


@healthy
def torch_half_is_dropped():
    model = torch_network(64, 80, 10)
    model.insert(2, nn.Dropout(0.5))
    return {"model": model, "data": labels(digits(generator=seeded())[0]), "lr": 0.2}


@healthy
def degrees_that_a_small_rate_learns():
    X = torch.rand(300, 1, generator=seeded())
    return {"model": network(1, 25, 1), "data": (X, 20 + 10 * X), "loss": MEAN, "lr": 0.02}


@healthy
def torch_log_softmax_for_nll():
    model = torch_network(64, 30, 10, last=nn.LogSoftmax(dim=1))
    return {"model": model, "data": labels(digits(generator=seeded())[0]), "loss": nn.NLLLoss(), "lr": 0.3}
