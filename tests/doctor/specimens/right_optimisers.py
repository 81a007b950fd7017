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


class Nesterov:
    """The form that needs no look ahead: the velocity from before the step stands in it."""

    def __init__(self, model, lr=0.1, momentum=0.9):
        self.model, self.lr, self.momentum = model, lr, momentum
        self.velocity = [torch.zeros_like(p) for p, _ in model.parameters()]

    def step(self):
        for v, (p, g) in zip(self.velocity, self.model.parameters(), strict=True):
            p += self.momentum**2 * v - (1 + self.momentum) * self.lr * g
            v.mul_(self.momentum).sub_(self.lr * g)


@right_with(kind="optimizer")
def nesterov():
    model = small_model()
    return Nesterov(model), model


class AdamEpsilonInside(Adam):
    """Its epsilon is under the root."""

    def step(self):
        self.t += 1
        for i, (p, g) in enumerate(self.model.parameters()):
            self.m[i] = self.beta1 * self.m[i] + (1 - self.beta1) * g
            self.v[i] = self.beta2 * self.v[i] + (1 - self.beta2) * g**2
            m, v = self.m[i] / (1 - self.beta1**self.t), self.v[i] / (1 - self.beta2**self.t)
            p -= self.lr * m / (v + self.eps).sqrt()


@right_with(kind="optimizer")
def adam_with_epsilon_inside():
    model = small_model()
    return AdamEpsilonInside(model), model


class AdamRateCorrected:
    """The learning rate is corrected, and a number stands beside the uncorrected root."""

    def __init__(self, model, lr=0.01, beta1=0.9, beta2=0.999):
        self.model, self.lr, self.beta1, self.beta2, self.iter = model, lr, beta1, beta2, 0
        self.m = [torch.zeros_like(p) for p, _ in model.parameters()]
        self.v = [torch.zeros_like(p) for p, _ in model.parameters()]

    def step(self):
        self.iter += 1
        rate = self.lr * (1 - self.beta2**self.iter) ** 0.5 / (1 - self.beta1**self.iter)
        for m, v, (p, g) in zip(self.m, self.v, self.model.parameters(), strict=True):
            m += (1 - self.beta1) * (g - m)
            v += (1 - self.beta2) * (g**2 - v)
            p -= rate * m / (v.sqrt() + 1e-7)


@right_with(kind="optimizer")
def adam_with_a_corrected_rate():
    model = small_model()
    return AdamRateCorrected(model), model


class MomentumOfOne:
    """Each parameter is to have an optimiser of its own: there is room for one velocity."""

    def __init__(self, rate=0.1, momentum=0.9):
        self.lr, self.momentum, self.v = rate, momentum, 0.0

    def calculate_update(self, weight, gradient):
        self.v = self.momentum * self.v - self.lr * gradient
        return weight + self.v


@right_with(kind="optimizer")
def momentum_of_one_parameter():
    return MomentumOfOne(), small_model()


class AdamOfOne:
    def __init__(self, learning_rate=0.01, mu=0.9, rho=0.95):
        self.learning_rate, self.mu, self.rho, self.v, self.r, self.k = learning_rate, mu, rho, 0.0, 0.0, 0

    def calculate_update(self, weight, gradient):
        self.k += 1
        self.v = self.mu * self.v + (1 - self.mu) * gradient
        self.r = self.rho * self.r + (1 - self.rho) * gradient**2
        v, r = self.v / (1 - self.mu**self.k), self.r / (1 - self.rho**self.k)
        return weight - self.learning_rate * v / (r**0.5 + 1e-8)


@right_with(kind="optimizer")
def adam_of_one_parameter():
    return AdamOfOne(), small_model()


class SlowingSGD:
    """The rate gets smaller with every step, and is in the velocity."""

    def __init__(self, model, learning_rate=0.1, decay=0.3, momentum=0.9):
        self.model, self.learning_rate, self.decay, self.momentum, self.iterations = (
            model,
            learning_rate,
            decay,
            momentum,
            0,
        )
        self.moves = [torch.zeros_like(p) for p, _ in model.parameters()]

    def step(self):
        rate = self.learning_rate / (1 + self.decay * self.iterations)
        for move, (p, g) in zip(self.moves, self.model.parameters(), strict=True):
            move.mul_(self.momentum).sub_(rate * g)
            p += move
        self.iterations += 1


@right_with(kind="optimizer")
def slowing_sgd():
    model = small_model()
    return SlowingSGD(model), model


class SlowingAdagrad:
    def __init__(self, model, lr=0.1, decay=0.2, epsilon=1e-8):
        self.model, self.lr, self.decay, self.epsilon, self.t = model, lr, decay, epsilon, 0
        self.cache = [torch.zeros_like(p) for p, _ in model.parameters()]

    def step(self):
        for cache, (p, g) in zip(self.cache, self.model.parameters(), strict=True):
            cache += g**2
            p -= self.lr / (1 + self.decay * self.t) * g / (cache.sqrt() + self.epsilon)
        self.t += 1


@right_with(kind="optimizer")
def slowing_adagrad():
    model = small_model()
    return SlowingAdagrad(model), model


class RMSpropRolls:
    """As in PyTorch: momentum on top of it."""

    def __init__(self, model, lr=0.01, alpha_rate=0.99, momentum=0.9):
        self.model, self.lr, self.rho, self.momentum = model, lr, alpha_rate, momentum
        self.squares, self.moves = ([torch.zeros_like(p) for p, _ in model.parameters()] for _ in range(2))

    def step(self):
        for square, move, (p, g) in zip(self.squares, self.moves, self.model.parameters(), strict=True):
            square.mul_(self.rho).add_((1 - self.rho) * g**2)
            move.mul_(self.momentum).add_(g / (square.sqrt() + 1e-8))
            p -= self.lr * move


@right_with(kind="optimizer")
def rmsprop_with_momentum():
    model = small_model()
    return RMSpropRolls(model), model
