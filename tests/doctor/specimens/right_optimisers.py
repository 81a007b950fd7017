"""Right optimisers, and the small model that they are given."""

from __future__ import annotations

import torch

import minidl
from specimens.collection import right_with
from specimens.right_containers import HandoutSequential
from specimens.right_layers import NumpyLinear, PlainLinear


def small_model():
    return minidl.Sequential(minidl.Linear(3, 4), minidl.Tanh(), minidl.Sequential(minidl.Linear(4, 2)))


@right_with(kind="optimizer")
def minidl_sgd():
    model = small_model()
    return minidl.SGD(model, lr=0.1), model


class PairsSGD:
    """Takes the list of pairs once."""

    def __init__(self, pairs, eta):
        self.pairs = list(pairs)
        self.eta = eta

    def step(self):
        for p, g in self.pairs:
            p.sub_(self.eta * g)


@right_with(kind="optimizer")
def pairs_sgd():
    model = HandoutSequential()
    return PairsSGD(model.param(), 0.05), model


class Momentum:
    def __init__(self, model, lr=0.1, momentum=0.9):
        self.model, self.lr, self.momentum = model, lr, momentum
        self.velocity = [torch.zeros_like(p) for p, _ in model.parameters()]

    def step(self):
        for v, (p, g) in zip(self.velocity, self.model.parameters(), strict=True):
            v.mul_(self.momentum).add_(g)
            p -= self.lr * v


@right_with(kind="optimizer")
def momentum_sgd():
    model = small_model()
    return Momentum(model), model


class Adam:
    def __init__(self, model, lr=0.01, beta1=0.9, beta2=0.999, eps=1e-8):
        self.model, self.lr, self.beta1, self.beta2, self.eps, self.t = model, lr, beta1, beta2, eps, 0
        self.m = [torch.zeros_like(p) for p, _ in model.parameters()]
        self.v = [torch.zeros_like(p) for p, _ in model.parameters()]

    def step(self):
        self.t += 1
        for i, (p, g) in enumerate(self.model.parameters()):
            self.m[i] = self.beta1 * self.m[i] + (1 - self.beta1) * g
            self.v[i] = self.beta2 * self.v[i] + (1 - self.beta2) * g * g
            m = self.m[i] / (1 - self.beta1**self.t)
            v = self.v[i] / (1 - self.beta2**self.t)
            p -= self.lr * m / (v.sqrt() + self.eps)


@right_with(kind="optimizer")
def adam():
    model = small_model()
    return Adam(model), model


class DictSGD:
    """Puts a new tensor into the dictionary."""

    def __init__(self, layers, lr):
        self.layers, self.lr = layers, lr

    def step(self):
        for layer in self.layers:
            for k in layer.params:
                layer.params[k] = layer.params[k] - self.lr * layer.grads[k]


@right_with(kind="optimizer")
def dict_sgd():
    layer = PlainLinear()
    return DictSGD([layer], 0.1), layer


class NumpySGD:
    def __init__(self, layer, lr):
        self.layer, self.lr = layer, lr

    def step(self):
        self.layer.W -= self.lr * self.layer.dW
        self.layer.b -= self.lr * self.layer.db


@right_with(kind="optimizer")
def numpy_sgd():
    layer = NumpyLinear()
    return NumpySGD(layer, 0.1), layer
