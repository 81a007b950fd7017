"""What every module promises: to return, the right kind of thing, and to list its parameters."""

from __future__ import annotations

import time

import torch

from specimens.collection import specimen
from specimens.right_containers import Chain, HandoutSequential
from specimens.right_layers import (
    AttributeLinear,
    HandoutLinear,
    NumpyLinear,
    NumpyTanh,
    PlainLinear,
    PlainReLU,
    PlainSigmoid,
    PlainTanh,
)
from specimens.right_losses import PlainMSE


@specimen("returns nothing")
class PlainLinearReturnsNothing(PlainLinear):
    def backward(self, grad):
        super().backward(grad)


@specimen("returns nothing")
class NumpyTanhReturnsNothing(NumpyTanh):
    def backward(self, dout):
        self.dx = super().backward(dout)


@specimen("returns nothing")
class ForwardReturnsNothing(PlainSigmoid):
    def forward(self, x):
        self.y = torch.sigmoid(x)


@specimen("returns nothing", kind="loss", target=(4, 3))
class LossReturnsNothing(PlainMSE):
    def backward(self):
        self.grad = super().backward()


@specimen("returns nothing")
class ChainReturnsNothing(Chain):
    def backward(self, g):
        for layer in self.layers[::-1]:
            g = layer.backward(g)


@specimen("wrong dtype")
class PlainReLUWrongDtype(PlainReLU):
    def backward(self, grad):
        return (grad * self.mask).to(torch.float64)


@specimen("wrong dtype")
class PlainReLUWithoutBrackets(PlainReLU):
    def backward(self, grad):
        return grad * self.mask > 0


@specimen("wrong dtype")
class HandoutLinearWrongDtype(HandoutLinear):
    def forward(self, *input):
        return super().forward(*input).half()

    def backward(self, *gradwrtoutput):
        return super().backward(gradwrtoutput[0].to(self.w.dtype))


@specimen("wrong dtype")
class PlainTanhDoubleInSingleOut(PlainTanh):
    def backward(self, g):
        return super().backward(g).double()


@specimen("wrong device")
class PlainTanhWrongDevice(PlainTanh):
    def backward(self, g):
        return super().backward(g).to("meta")


@specimen("wrong device")
class HandoutLinearWrongDevice(HandoutLinear):
    def backward(self, *gradwrtoutput):
        return super().backward(*gradwrtoutput).to("meta")


@specimen("raises")
class RaisesInForward(PlainTanh):
    def forward(self, x):
        return self.w @ x


@specimen("raises")
class NumpyRaisesInBackward(NumpyLinear):
    def backward(self, dout):
        return dout @ self.W


@specimen("raises")
class Exits(PlainTanh):
    def backward(self, g):
        raise SystemExit(3)


@specimen("raises")
class HandoutSequentialAsksAll(HandoutSequential):
    """Its tanh has no param()."""

    def __init__(self):
        self.modules = [HandoutLinear(3, 4), PlainTanh(), HandoutLinear(4, 2)]


@specimen("hangs")
class HangsInForward(PlainReLU):
    def forward(self, x):
        while True:
            x = x + 1


@specimen("hangs")
class SleepsInBackward(PlainTanh):
    def backward(self, g):
        time.sleep(3600)


@specimen("no backward")
class NoBackward:
    def forward(self, x):
        return x.relu()


@specimen("wrong type")
class ReturnsPair(PlainTanh):
    def backward(self, g):
        return super().backward(g), None


@specimen("wrong type")
class NumpyReturnsNumber(NumpyTanh):
    def backward(self, dout):
        return float(super().backward(dout).sum())


@specimen("wrong type")
class ReLUReturnsLists(PlainReLU):
    def forward(self, x):
        return super().forward(x).tolist()


@specimen("wrong type")
class ReLUBackwardReturnsArray(PlainReLU):
    def backward(self, grad):
        return super().backward(grad).numpy()


@specimen("parameter not listed")
class HandoutLinearListsWeight(HandoutLinear):
    def param(self):
        return [(self.w, self.dw)]


@specimen("parameter not listed")
class AttributeLinearListsNothing(AttributeLinear):
    def parameters(self):
        return []


@specimen("returns nothing")
class ForwardCutsEverything(PlainTanh):
    def forward(self, x):
        self.y = super().forward(x)[:0]
        return self.y


@specimen("returns nothing")
class NumpyBackwardCutsEverything(NumpyTanh):
    def backward(self, dout):
        return super().backward(dout)[:, :0]
