"""Trainings that start badly."""

from __future__ import annotations

import torch
from torch import nn

import minidl
from specimens.collection import setting
from specimens.settings import digits, labels, network, points, seeded, torch_network


@setting("units all equal")
def all_weights_zero():
    model = network(2, 25, 25, 2, gain=0)
    return {"model": model, "data": points(), "lr": 0.001}


@setting("units all equal")
def torch_all_weights_equal():
    model = torch_network(2, 16, 2, between=nn.Tanh)
    for param in model.parameters():
        nn.init.constant_(param, 0.5)
    return {"model": model, "data": labels(points()), "loss": nn.CrossEntropyLoss(), "lr": 0.1}


@setting("units all equal")
def all_weights_alike_up_to_rounding():
    model = network(2, 25, 25, 2)
    for param, _ in model.parameters():
        param.fill_(0.1)
    return {"model": model, "data": points(), "lr": 0.001}


@setting("dead units")
def bias_far_below_zero():
    model = network(2, 25, 25, 2)
    model[0].params["bias"] -= 5
    return {"model": model, "data": points(), "lr": 0.001}


@setting("dead units")
def killed_by_a_large_step():
    model, (X, T) = network(2, 25, 25, 25, 2, gain=1), points()
    loss = minidl.MSELoss()
    for _ in range(3):
        loss(model(X), T)
        model.zero_grad()
        model.backward(loss.backward())
        minidl.SGD(model, 0.005).step()
    model.zero_grad()
    return {"model": model, "data": (X, T), "lr": 0.001}


@setting("dead units")
def torch_most_units_dead():
    model = torch_network(2, 30, 30, 2)
    with torch.no_grad():
        model[2].bias[:27] = -50
    return {"model": model, "data": labels(points()), "loss": nn.CrossEntropyLoss(), "lr": 0.1}


@setting("saturated units")
def tanh_with_large_weights():
    return {
        "model": network(2, 25, 25, 2, gain=40, between=minidl.Tanh),
        "data": points(),
        "loss": minidl.MSELoss("batchmean"),
    }


@setting("saturated units")
def torch_sigmoid_with_large_weights():
    model = torch_network(64, 30, 10, between=nn.Sigmoid)
    with torch.no_grad():
        model[0].weight.mul_(200)
    return {"model": model, "data": labels(digits(generator=seeded())[0]), "loss": nn.CrossEntropyLoss()}


@setting("signal fades")
def weights_too_small():
    return {"model": network(2, 25, 25, 25, 25, 25, 2, gain=0.1), "data": points(), "lr": 0.001}


@setting("signal fades")
def eight_sigmoids_of_xavier():
    model = network(*[2] + 8 * [15] + [2], gain=1, between=minidl.Sigmoid)
    return {"model": model, "data": points(), "loss": minidl.MSELoss("batchmean"), "lr": 0.1}


@setting("signal fades")
def torch_ten_sigmoids():
    model = torch_network(*[2] + 10 * [20] + [2], between=nn.Sigmoid)
    return {"model": model, "data": labels(points()), "loss": nn.CrossEntropyLoss(), "lr": 0.1}


@setting("signal grows")
def weights_too_large():
    model = network(2, 50, 50, 50, 50, 50, 2, gain=6)
    return {"model": model, "data": points(), "loss": minidl.MSELoss("batchmean")}


@setting("signal grows")
def torch_weights_too_large():
    model = torch_network(64, 50, 50, 50, 10)
    for layer in model[::2]:
        nn.init.normal_(layer.weight, std=1, generator=seeded())
    return {"model": model, "data": labels(digits(generator=seeded())[0]), "loss": nn.CrossEntropyLoss()}


@setting("gradients wrong")
def backward_without_the_activation():
    class Forgets(minidl.ReLU):
        def backward(self, grad_output):
            super().backward(grad_output)
            return grad_output

    return {"model": network(2, 25, 25, 2, between=Forgets), "data": points(), "lr": 0.001}


@setting("gradients wrong")
def uphill_in_one_layer():
    class Uphill(minidl.Linear):
        def backward(self, grad_output):
            message = super().backward(grad_output)
            self.grad["weight"].neg_()
            return message

    model = minidl.Sequential(
        Uphill(2, 25, generator=seeded()), minidl.Tanh(), minidl.Linear(25, 2, generator=seeded(1))
    )
    return {"model": model, "data": points(), "loss": minidl.MSELoss("batchmean"), "lr": 0.1}


@setting("start far from a guess")
def last_layer_too_large():
    model = network(2, 25, 25, 2)
    model[-1].params["weight"].mul_(15)
    return {"model": model, "data": points()}


@setting("targets too large")
def torch_targets_far_away():
    X = torch.rand(300, 2, generator=seeded())
    y = (6 * X[:, :1]).sin() + 40
    return {"model": torch_network(2, 25, 1), "data": (X, y), "loss": nn.MSELoss()}


@setting("start far from a guess")
def torch_last_layer_far_too_large():
    model = torch_network(2, 25, 1)
    with torch.no_grad():
        model[2].weight.mul_(40)
    X = torch.rand(300, 2, generator=seeded())
    return {"model": model, "data": (X, (6 * X[:, :1]).sin()), "loss": nn.MSELoss()}


@setting("no activation between")
def three_linear_layers_in_a_row():
    drawn = seeded()
    layers = [minidl.Linear(m, k, generator=drawn) for m, k in ((2, 25), (25, 25), (25, 2))]
    return {"model": minidl.Sequential(*layers), "data": points(), "lr": 0.001}


@setting("no activation between")
def torch_relu_forgotten_once():
    model = torch_network(64, 50, 50, 10)
    del model[1]
    return {"model": model, "data": labels(digits(generator=seeded())[0]), "loss": nn.CrossEntropyLoss(), "lr": 0.3}


@setting("too much dropped")
def torch_share_kept_for_share_dropped():
    model = torch_network(64, 50, 10)
    model.insert(2, nn.Dropout(0.8))
    return {"model": model, "data": labels(digits(generator=seeded())[0]), "loss": nn.CrossEntropyLoss(), "lr": 0.2}


@setting("too much dropped")
def own_dropout_of_nine_in_ten():
    class Drop(minidl.Module):
        def forward(self, input):
            self.mask = (torch.rand(input.shape) < 0.1).to(input.dtype) / 0.1
            return input * self.mask

        def backward(self, grad_output):
            return grad_output * self.mask

    drawn = seeded()
    layers = minidl.Linear(2, 50, generator=drawn), minidl.ReLU(), Drop(), minidl.Linear(50, 2, generator=drawn)
    return {"model": minidl.Sequential(*layers), "data": points(), "lr": 0.0001}


class Forgetful(nn.Module):
    def forward(self, input):
        return input * (torch.rand_like(input) > 0.3) / 0.7


@setting("random in evaluation too")
def torch_dropout_by_hand():
    first, second = torch_network(64, 30, 30), torch_network(30, 10)
    model = nn.Sequential(first, nn.ReLU(), Forgetful(), second)
    return {"model": model, "data": labels(digits(generator=seeded())[0]), "loss": nn.CrossEntropyLoss(), "lr": 0.1}


class AlwaysDrops(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = torch_network(64, 40), torch_network(40, 10)

    def forward(self, input):
        return self.second(nn.functional.dropout(self.first(input).relu(), 0.4))


@setting("random in evaluation too")
def torch_dropout_that_is_not_told():
    return {
        "model": AlwaysDrops(),
        "data": labels(digits(generator=seeded())[0]),
        "loss": nn.CrossEntropyLoss(),
        "lr": 0.1,
    }
