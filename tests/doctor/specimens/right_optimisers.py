"""Right optimisers, and the small model that they are given."""

from __future__ import annotations

import numpy as np
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


class RMSprop:
    def __init__(self, model, lr=0.01, rho=0.9, eps=1e-8):
        self.model, self.lr, self.rho, self.eps = model, lr, rho, eps
        self.v = [torch.zeros_like(p) for p, _ in model.parameters()]

    def step(self):
        for v, (p, g) in zip(self.v, self.model.parameters(), strict=True):
            v.mul_(self.rho).add_((1 - self.rho) * g * g)
            p -= self.lr * g / (v.sqrt() + self.eps)


@right_with(kind="optimizer")
def rmsprop():
    model = small_model()
    return RMSprop(model), model


class NumpyAdaGrad:
    def __init__(self, layer, lr=0.1, epsilon=1e-7):
        self.layer, self.lr, self.epsilon, self.h = layer, lr, epsilon, {}

    def update(self):
        for name in ("W", "b"):
            p, g = getattr(self.layer, name), getattr(self.layer, "d" + name)
            self.h[name] = self.h.get(name, 0) + g * g
            p -= self.lr * g / (np.sqrt(self.h[name]) + self.epsilon)


@right_with(kind="optimizer")
def numpy_adagrad():
    layer = NumpyLinear()
    return NumpyAdaGrad(layer), layer


class DecayingSGD:
    def __init__(self, model, lr=0.1, weight_decay=0.02, momentum=0.0):
        self.model, self.lr, self.weight_decay, self.momentum = model, lr, weight_decay, momentum
        self.velocity = [torch.zeros_like(p) for p, _ in model.parameters()]

    def step(self):
        for v, (p, g) in zip(self.velocity, self.model.parameters(), strict=True):
            v.mul_(self.momentum).add_(g + self.weight_decay * p)
            p -= self.lr * v


@right_with(kind="optimizer")
def decaying_sgd():
    model = small_model()
    return DecayingSGD(model), model


@right_with(kind="optimizer")
def decaying_sgd_with_momentum():
    model = small_model()
    return DecayingSGD(model, momentum=0.9), model


@right_with(kind="optimizer")
def sgd_with_decoupled_decay():
    class DecoupledSGD(DecayingSGD):
        def step(self):
            for v, (p, g) in zip(self.velocity, self.model.parameters(), strict=True):
                p *= 1 - self.lr * self.weight_decay
                v.mul_(self.momentum).add_(g)
                p -= self.lr * v

    model = small_model()
    return DecoupledSGD(model, momentum=0.9), model


@right_with(kind="optimizer")
def momentum_with_the_rate_inside():
    class InsideMomentum(Momentum):
        def step(self):
            for v, (p, g) in zip(self.velocity, self.model.parameters(), strict=True):
                v.mul_(self.momentum).sub_(self.lr * g)
                p += v

    model = small_model()
    return InsideMomentum(model), model


@right_with(kind="optimizer")
def momentum_with_a_corrected_average():
    class SGDWithMomentum(Momentum):
        t = 0

        def step(self):
            self.t += 1
            for v, (p, g) in zip(self.velocity, self.model.parameters(), strict=True):
                v.mul_(self.momentum).add_((1 - self.momentum) * g)
                p -= self.lr * v / (1 - self.momentum**self.t)

    model = small_model()
    return SGDWithMomentum(model, momentum=0.8), model
