"""Right modules made of modules."""

from __future__ import annotations

import torch

import minidl
from specimens.collection import fill, right
from specimens.right_layers import HandoutLinear, HandoutReLU, HandoutSigmoid, PlainLinear, PlainTanh
from specimens.right_new_layers import Stack


@right
def minidl_network():
    return minidl.Sequential(minidl.Linear(3, 6), minidl.ReLU(), minidl.Sequential(minidl.Linear(6, 2), minidl.Tanh()))


@right
class Residual:
    """A layer with layers inside."""

    def __init__(self):
        self.inner = minidl.Linear(3, 3)
        self.act = PlainTanh()

    def forward(self, x):
        return x + self.act.forward(self.inner.forward(x))

    def backward(self, g):
        return g + self.inner.backward(self.act.backward(g))

    def zero_grad(self):
        self.inner.zero_grad()


@right
class HandoutSequential:
    def __init__(self):
        self.modules = [HandoutLinear(3, 5), HandoutReLU(), HandoutLinear(5, 2), HandoutSigmoid()]

    def forward(self, *input):
        x = input[0]
        for m in self.modules:
            x = m.forward(x)
        return x

    def backward(self, *gradwrtoutput):
        g = gradwrtoutput[0]
        for m in reversed(self.modules):
            g = m.backward(g)
        return g

    def param(self):
        return [p for m in self.modules for p in m.param()]


class Chain:
    def __init__(self, *layers):
        self.layers = list(layers) or [PlainLinear(3, 4), PlainTanh(), PlainLinear(4, 2)]

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, g):
        for layer in self.layers[::-1]:
            g = layer.backward(g)
        return g

    def zero_grad(self):
        for layer in self.layers:
            if hasattr(layer, "zero_grad"):
                layer.zero_grad()


right(Chain)


@right
class ListsOfWeights:
    """A whole network with lists W and dW."""

    def __init__(self):
        self.W = [0.5 * fill(3, 4), 0.5 * fill(4, 2)]
        self.dW = [torch.zeros(3, 4), torch.zeros(4, 2)]

    def forward(self, x):
        self.outputs = [x]
        for w in self.W:
            self.outputs.append((self.outputs[-1] @ w).tanh())
        return self.outputs[-1]

    def backward(self, g):
        for i in (1, 0):
            g = g * (1 - self.outputs[i + 1] ** 2)
            self.dW[i] += self.outputs[i].T @ g
            g = g @ self.W[i].T
        return g


@right
def one_stack_for_two():
    """A module used twice that keeps both."""
    stack = Stack()
    return Chain(PlainLinear(3, 4), stack, PlainLinear(4, 4), stack)


@right
class SkipsTheSecond:
    """The first gets the sum of two messages."""

    def __init__(self):
        self.first, self.second = HandoutLinear(3, 3), HandoutLinear(3, 3)

    def forward(self, x):
        y = self.first.forward(x)
        return y + self.second.forward(y)

    def backward(self, g):
        return self.first.backward(g + self.second.backward(g))


@right
class Gate:
    """Two ways side by side: backward may take them in any order."""

    def __init__(self):
        self.value, self.gate = HandoutLinear(3, 2), Chain(PlainLinear(3, 2), PlainTanh())

    def forward(self, x):
        self.v, self.g = self.value.forward(x), self.gate.forward(x)
        return self.v * self.g

    def backward(self, g):
        return self.value.backward(g * self.g) + self.gate.backward(g * self.v)


@right
class TwoHeads(SkipsTheSecond):
    """Both get the same input, and both the same message."""

    def forward(self, x):
        return self.first.forward(x) + self.second.forward(x)

    def backward(self, g):
        return self.second.backward(g) + self.first.backward(g)
