"""Trainings whose model ends in what its loss does not take, or where the targets are out of reach."""

from __future__ import annotations

import torch
from torch import nn

import minidl
from specimens.collection import setting
from specimens.settings import digits, labels, network, points, seeded, torch_network


@setting("output cannot reach the targets")
def sigmoid_for_large_targets():
    X = torch.rand(200, 2, generator=seeded())
    model = minidl.Sequential(*network(2, 25, 1), minidl.Sigmoid())
    return {"model": model, "data": (X, 10 * X.sum(1, keepdim=True)), "loss": minidl.MSELoss("batchmean"), "lr": 0.01}


@setting("output cannot reach the targets")
def torch_relu_for_negative_targets():
    X = torch.randn(200, 2, generator=seeded())
    model = torch_network(2, 25, 1, last=nn.ReLU())
    return {"model": model, "data": (X, X.sum(1, keepdim=True)), "loss": nn.MSELoss(), "lr": 0.05}


@setting("softmax before the loss")
def torch_softmax_at_the_end():
    model = torch_network(64, 30, 10, last=nn.Softmax(dim=1))
    return {"model": model, "data": labels(digits(generator=seeded())[0]), "loss": nn.CrossEntropyLoss(), "lr": 0.5}


@setting("softmax before the loss")
def torch_softmax_after_a_single_layer():
    model = torch_network(64, 10, last=nn.Softmax(dim=-1))
    return {"model": model, "data": labels(digits(generator=seeded())[0]), "loss": nn.CrossEntropyLoss(), "lr": 0.5}


@setting("activation before the loss")
def torch_relu_before_cross_entropy():
    model = torch_network(64, 30, 10, last=nn.ReLU())
    return {"model": model, "data": labels(digits(generator=seeded())[0]), "loss": nn.CrossEntropyLoss(), "lr": 0.3}


@setting("activation before the loss")
def torch_sigmoid_before_logits():
    X, y = labels(points())
    model = torch_network(2, 25, 1, last=nn.Sigmoid())
    return {"model": model, "data": (X, y[:, None].float()), "loss": nn.BCEWithLogitsLoss(), "lr": 0.3}


@setting("log-softmax missing")
def torch_scores_for_nll():
    model = torch_network(64, 30, 10)
    return {"model": model, "data": labels(digits(generator=seeded())[0]), "loss": nn.NLLLoss(), "lr": 0.05}


@setting("log-softmax missing")
def torch_probabilities_for_nll():
    model = torch_network(64, 30, 10, last=nn.Softmax(dim=1))
    return {"model": model, "data": labels(digits(generator=seeded())[0]), "loss": nn.NLLLoss(), "lr": 0.05}


@setting("sigmoid missing")
def torch_scores_for_bce():
    X, y = labels(points())
    return {"model": torch_network(2, 25, 1), "data": (X, y[:, None].float()), "loss": nn.BCELoss(), "lr": 0.1}


@setting("sigmoid missing")
def torch_tanh_for_bce():
    X, y = labels(points())
    model = torch_network(2, 25, 1, last=nn.Tanh())
    return {"model": model, "data": (X, y[:, None].float()), "loss": nn.BCELoss(), "lr": 0.1}


@setting("class numbers without an output")
def torch_classes_from_one():
    X, y = labels(digits(generator=seeded())[0])
    return {"model": torch_network(64, 30, 10), "data": (X, y + 1), "loss": nn.CrossEntropyLoss(), "lr": 0.1}


@setting("class numbers without an output")
def torch_one_output_for_two_classes():
    X = torch.randn(200, 2, generator=seeded())
    return {
        "model": torch_network(2, 25, 1),
        "data": (X, (X[:, 0] > 0).long()),
        "loss": nn.CrossEntropyLoss(),
        "lr": 0.1,
    }
