"""Trainings whose numbers stand in the way: the data, and what the model gives for them."""

from __future__ import annotations

import itertools

import torch
from torch import nn

import minidl
from minidl.lab.disk import disk
from specimens.collection import setting


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def network(*sizes, gain=2**0.5, between=minidl.ReLU, seed=0):
    drawn, layers = seeded(seed), []
    for m, k in itertools.pairwise(sizes):
        layers += [minidl.Linear(m, k, gain=gain, generator=drawn), between()]
    return minidl.Sequential(*layers[:-1])


def torch_network(*sizes, between=nn.ReLU, last=None, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = []
        for m, k in itertools.pairwise(sizes):
            layers += [nn.Linear(m, k), between()]
    return nn.Sequential(*layers[:-1], *([last] if last else []))


def points(n=500, seed=1):
    return disk(n, generator=seeded(seed))


def digits(**how):
    # Here: importing scikit-learn takes a second, in each of the processes that share the tests.
    from minidl.lab.digits import digits

    return digits(**how)


def labels(data):
    return data[0], data[1].argmax(1)


@setting("data not finite")
def a_missing_value():
    X, T = points()
    X[17, 1] = float("nan")
    return {"model": network(2, 25, 2), "data": (X, T), "lr": 0.001}


@setting("data not finite")
def torch_an_infinite_target():
    X = torch.randn(100, 3, generator=seeded())
    y = X.sum(1, keepdim=True)
    y[3] = float("inf")
    return {"model": torch_network(3, 16, 1), "data": (X, y), "loss": nn.MSELoss(), "lr": 0.01}


@setting("inputs too large")
def pixels_up_to_255():
    (X, T), _ = digits(generator=seeded())
    return {"model": network(64, 30, 10), "data": (255 * X, T), "loss": minidl.MSELoss("batchmean"), "lr": 0.1}


@setting("inputs too large")
def torch_years_and_prices():
    X = torch.rand(300, 2, generator=seeded()) * torch.tensor([50.0, 20000.0]) + torch.tensor([1970.0, 100.0])
    y = (X[:, 1] > 10000).long()
    return {"model": torch_network(2, 16, 2), "data": (X, y), "loss": nn.CrossEntropyLoss(), "lr": 0.01}


@setting("inputs of different scales")
def one_column_in_thousandths():
    X, T = points()
    return {"model": network(2, 25, 2), "data": (X * torch.tensor([0.001, 1.0]), T), "lr": 0.001}


@setting("inputs of different scales")
def torch_one_column_in_hundreds():
    X = torch.randn(300, 3, generator=seeded())
    y = (X[:, :1] > 0).float() + X[:, 1:2]
    X[:, 2] /= 1000
    return {"model": torch_network(3, 16, 1), "data": (X, y), "loss": nn.MSELoss(), "lr": 0.01}


@setting("one class only")
def all_inside():
    X, T = points()
    T = torch.zeros_like(T)
    T[:, 1] = 1
    return {"model": network(2, 25, 2), "data": (X, T), "lr": 0.001}


@setting("one class only")
def torch_all_zero():
    X, y = labels(points())
    return {"model": torch_network(2, 25, 2), "data": (X, 0 * y), "loss": nn.CrossEntropyLoss(), "lr": 0.1}


@setting("one class only")
def torch_one_of_three():
    X, y = labels(points())  # in double precision the loss of a guess is not quite 0
    return {"model": torch_network(2, 16, 3).double(), "data": (X.double(), 0 * y), "lr": 0.1}


@setting("validation samples in the training data")
def split_with_leak():
    X, T = points()
    return {"model": network(2, 25, 2), "data": (X, T), "validation": (X[:100], T[:100]), "lr": 0.001}


@setting("validation samples in the training data")
def torch_a_few_leak():
    X, y = labels(points(600))
    return {
        "model": torch_network(2, 25, 2),
        "data": (X[:500], y[:500]),
        "validation": (X[460:], y[460:]),
        "loss": nn.CrossEntropyLoss(),
        "lr": 0.1,
    }


@setting("validation data of another scale")
def validation_not_standardised():
    (X, T), (X_test, T_test) = digits(generator=seeded())
    X = (X - X.mean()) / X.std()
    return {
        "model": network(64, 30, 10),
        "data": (X, T),
        "validation": (X_test, T_test),
        "loss": minidl.MSELoss("batchmean"),
    }


@setting("validation data of another scale")
def torch_validation_of_another_scale():
    X, y = labels(points(600))
    return {
        "model": torch_network(2, 25, 2),
        "data": (X[:500], y[:500]),
        "validation": (X[500:] * 255, y[500:]),
        "loss": nn.CrossEntropyLoss(),
    }


@setting("targets do not belong to the inputs")
def targets_shuffled():
    X, T = points()
    return {"model": network(2, 25, 25, 2), "data": (X, T[torch.randperm(len(T), generator=seeded())]), "lr": 0.001}


@setting("targets do not belong to the inputs")
def torch_digits_sorted_apart():
    (X, y), _ = map(labels, digits(generator=seeded()))
    return {"model": torch_network(64, 30, 10), "data": (X, y.sort().values), "loss": nn.CrossEntropyLoss(), "lr": 0.1}


@setting("inputs are whole numbers")
def torch_pixels_as_bytes():
    (X, y), _ = map(labels, digits(generator=seeded()))
    X = (255 * X).to(torch.uint8)
    return {"model": torch_network(64, 30, 10), "data": (X, y), "loss": nn.CrossEntropyLoss(), "lr": 0.1}


@setting("inputs are whole numbers")
def rows_of_integers():
    X = torch.randint(-2, 3, (200, 2), generator=seeded())
    return {"model": network(2, 25, 1), "data": (X, X.sum(1, keepdim=True).float()), "lr": 0.001}


@setting("column against row")
def torch_targets_without_a_column():
    X = torch.randn(300, 3, generator=seeded())
    return {"model": torch_network(3, 16, 1), "data": (X, X.sum(1)), "loss": nn.MSELoss(), "lr": 0.05}


@setting("column against row")
def torch_absolute_error_of_a_row():
    X = torch.randn(100, 3, generator=seeded())
    return {"model": torch_network(3, 16, 1), "data": (X, X[:, 0].abs()), "loss": nn.L1Loss(), "lr": 0.05}


@setting("inputs all equal")
def one_sample_five_hundred_times():
    X, T = points()
    return {"model": network(2, 25, 2), "data": (X[:1].repeat(500, 1), T), "lr": 0.001}


@setting("inputs all equal")
def torch_inputs_of_zeros():
    (X, y), _ = map(labels, digits(generator=seeded()))
    return {"model": torch_network(64, 30, 10), "data": (0 * X, y), "loss": nn.CrossEntropyLoss(), "lr": 0.1}


def rare(n, of, seed=0):
    """Return points and one-hot targets of two classes, of which one has n samples and no place of its own."""
    X = torch.rand(of, 2, generator=seeded(seed))
    T = torch.eye(2)[torch.zeros(of, dtype=torch.long)]
    T[:n] = torch.tensor([0.0, 1.0])
    return X, T


@setting("classes very unequal")
def three_of_three_hundred():
    return {"model": network(2, 25, 2), "data": rare(3, 300), "loss": minidl.MSELoss("batchmean"), "lr": 0.05}


@setting("classes very unequal")
def torch_one_in_twenty():
    X, y = labels(rare(20, 400))
    return {"model": torch_network(2, 25, 2), "data": (X, y), "loss": nn.CrossEntropyLoss(), "lr": 0.1}


@setting("targets too large")
def prices_of_houses():
    X = torch.rand(300, 2, generator=seeded())
    T = 200_000 + 100_000 * X.sum(1, keepdim=True)
    return {"model": network(2, 25, 1), "data": (X, T), "loss": minidl.MSELoss("batchmean"), "lr": 0.01}


@setting("targets too large")
def torch_years():
    X = torch.randn(300, 2, generator=seeded())
    return {"model": torch_network(2, 25, 1), "data": (X, 1990 + 10 * X[:, :1]), "loss": nn.MSELoss(), "lr": 0.1}


def frozen(model):
    for param in model.parameters():
        param.requires_grad_(False)
    return model


@setting("all parameters frozen")
def torch_all_frozen():
    return {"model": frozen(torch_network(2, 25, 2)), "data": labels(points()), "lr": 0.1}


@setting("all parameters frozen")
def torch_one_frozen_layer():
    return {"model": frozen(nn.Linear(2, 2, bias=False)), "data": labels(points()), "loss": nn.CrossEntropyLoss()}
