"""Modules made of modules that do not reach all of them, or in the wrong order."""

from __future__ import annotations

import minidl
from specimens.collection import specimen
from specimens.right_containers import Chain, HandoutSequential, Residual
from specimens.right_layers import (
    HandoutLinear,
    HandoutReLU,
    HandoutSigmoid,
    PlainLinear,
    PlainReLU,
    PlainSigmoid,
    PlainTanh,
)
from specimens.right_new_layers import Scale


@specimen("first module not reached")
class ChainStopsEarly(Chain):
    def backward(self, g):
        for i in range(len(self.layers) - 1, 0, -1):
            g = self.layers[i].backward(g)
        return g


@specimen("first module not reached")
class HandoutSequentialStopsEarly(HandoutSequential):
    def backward(self, *gradwrtoutput):
        g = gradwrtoutput[0]
        for m in self.modules[:0:-1]:
            g = m.backward(g)
        return g


@specimen("first module not reached")
class MinidlSequentialSkipsFirst(minidl.Sequential):
    def __init__(self):
        super().__init__(minidl.Linear(3, 3), minidl.ReLU(), minidl.Linear(3, 2))

    def backward(self, grad_output):
        for module in reversed(self._modules[1:]):
            grad_output = module.backward(grad_output)
        return grad_output


@specimen("first module not reached", "nested not zeroed")
class ChainStopsAndKeeps(ChainStopsEarly):
    def zero_grad(self):
        self.layers[0].zero_grad()


@specimen("last module not reached")
class ChainForgetsLast(Chain):
    def __init__(self):
        super().__init__(PlainLinear(3, 4), PlainTanh(), PlainSigmoid())

    def backward(self, g):
        for i in range(len(self.layers) - 2, -1, -1):
            g = self.layers[i].backward(g)
        return g


@specimen("last module not reached")
class HandoutSequentialForgetsLast(HandoutSequential):
    def backward(self, *gradwrtoutput):
        g = gradwrtoutput[0]
        for m in reversed(self.modules[:-1]):
            g = m.backward(g)
        return g


@specimen("wrong order")
class ChainForwardOrder(Chain):
    def __init__(self):
        super().__init__(PlainTanh(), Scale(), PlainSigmoid())

    def backward(self, g):
        for layer in self.layers:
            g = layer.backward(g)
        return g


@specimen("wrong order", "raises")
class ChainForwardOnly(Chain):
    def backward(self, g):
        for layer in self.layers:
            g = layer.backward(g)
        return g


@specimen("nested parameters missing")
class HandoutSequentialFlatParam(HandoutSequential):
    """Lists the parameters of its own level only."""

    def __init__(self):
        inner = HandoutSequential()
        self.modules = [HandoutLinear(3, 3), inner]

    def param(self):
        pairs = []
        for m in self.modules:
            if isinstance(m, HandoutLinear):
                pairs += m.param()
        return pairs


@specimen("nested parameters missing")
class MinidlContainerHidesChildren(minidl.Module):
    def __init__(self):
        super().__init__()
        self.blocks = {"a": minidl.Linear(3, 4), "b": minidl.Tanh()}

    def forward(self, input):
        for block in self.blocks.values():
            input = block(input)
        return input

    def backward(self, grad_output):
        for block in list(self.blocks.values())[::-1]:
            grad_output = block.backward(grad_output)
        return grad_output

    def zero_grad(self):
        for block in self.blocks.values():
            block.zero_grad()


@specimen("nested not zeroed")
class ChainZeroesOneLevel(Chain):
    def __init__(self):
        super().__init__(PlainLinear(3, 4), Chain(PlainLinear(4, 4), PlainTanh()))

    def zero_grad(self):
        for layer in self.layers:
            if isinstance(layer, PlainLinear):
                layer.zero_grad()


@specimen("nested not zeroed")
class ResidualNotZeroed(Residual):
    def zero_grad(self):
        pass


@specimen("module not reached")
class ChainSkipsMiddle(Chain):
    def __init__(self):
        super().__init__(PlainTanh(), PlainSigmoid(), PlainReLU())

    def backward(self, g):
        return self.layers[0].backward(self.layers[2].backward(g))


@specimen("module left out", "raises")
class ChainLeavesOutLast(Chain):
    def forward(self, x):
        for layer in self.layers[:-1]:
            x = layer.forward(x)
        return x


@specimen("module left out", "raises")
class HandoutSequentialLeavesOutFirst(HandoutSequential):
    def __init__(self):
        self.modules = [HandoutReLU(), HandoutSigmoid(), HandoutLinear(3, 3)]

    def forward(self, *input):
        return self.modules[2].forward(self.modules[1].forward(*input))


@specimen("module used twice", "raises")
class OneTanhForTwo(Chain):
    def __init__(self):
        tanh = PlainTanh()
        super().__init__(PlainLinear(3, 4), tanh, PlainLinear(4, 5), tanh)


@specimen("module used twice")
class OneLinearTwice:
    def __init__(self):
        self.linear, self.act = HandoutLinear(3, 3), HandoutReLU()

    def forward(self, x):
        return self.linear.forward(self.act.forward(self.linear.forward(x)))

    def backward(self, g):
        return self.linear.backward(self.act.backward(self.linear.backward(g)))


@specimen("modules reordered")
class ChainReverses(Chain):
    def __init__(self):
        super().__init__(PlainLinear(3, 3), PlainTanh(), PlainLinear(3, 3))

    def backward(self, g):
        self.layers.reverse()
        for layer in self.layers:
            g = layer.backward(g)
        return g


@specimen("modules reordered")
class HandoutSequentialReverses(HandoutSequential):
    def backward(self, *gradwrtoutput):
        (g,) = gradwrtoutput
        self.modules.reverse()
        for m in self.modules:
            g = m.backward(g)
        return g


def square_layers():
    return PlainLinear(3, 3), PlainTanh(), PlainLinear(3, 3)


@specimen("message not passed on")
class ChainSameMessage(Chain):
    def __init__(self):
        super().__init__(*square_layers())

    def backward(self, g):
        for layer in self.layers[::-1]:
            out = layer.backward(g)
        return out


@specimen("message not passed on")
class ChainSameInput(Chain):
    def __init__(self):
        super().__init__(*square_layers())

    def forward(self, x):
        for layer in self.layers:
            out = layer.forward(x)
        return out
