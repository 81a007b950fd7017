"""Numbers that are not finite, not the same twice, or wrong at one point only."""

from __future__ import annotations

import random

import numpy as np
import torch

from specimens.collection import specimen
from specimens.right_layers import NumpyReLU, NumpyTanh, PlainLinear, PlainReLU, PlainTanh, TanhFromInput
from specimens.right_new_layers import Abs, Softplus


@specimen("not finite")
class NaiveSigmoid:
    """The report's formula."""

    def forward(self, x):
        self.y = x.exp() / (x.exp() + 1)
        return self.y

    def backward(self, g):
        return g * self.y * (1 - self.y)


@specimen("not finite")
class NaiveTanhBackward(TanhFromInput):
    def backward(self, g):
        e = torch.exp(2 * self.x)
        return g * 4 * e / (e + 1) ** 2


@specimen()
class NumpyNaiveTanh(NumpyTanh):
    """Arrays are float64, where e^100 is an ordinary number."""

    def forward(self, x):
        self.out = (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x))
        return self.out


@specimen("not finite")
class NaiveSoftplus(Softplus):
    def forward(self, x):
        self.x = x
        return torch.log(1 + torch.exp(x))


@specimen("not finite", kind="loss", target=torch.tensor([2, 0, 1, 1]))
class NaiveCrossEntropy:
    def forward(self, logits, target):
        self.p = logits.exp() / logits.exp().sum(1, keepdim=True)
        self.target = target
        return -self.p[torch.arange(len(target)), target].log().sum()

    def backward(self):
        g = self.p.clone()
        g[torch.arange(len(self.target)), self.target] -= 1
        return g


@specimen("not finite")
class SigmoidDividesByOutput:
    """Forward overflows on the way, and survives; backward divides by an output of 0."""

    def forward(self, x):
        self.y = 1 / (1 + (-x).exp())
        return self.y

    def backward(self, g):
        return g * self.y**2 * (1 / self.y - 1)


@specimen("not finite")
class SiLUDividesByInput:
    """0 / 0 at x = 0, where the curve is smooth."""

    def forward(self, x):
        self.x, self.y = x, x * x.sigmoid()
        return self.y

    def backward(self, g):
        s = self.y / self.x
        return g * (s + self.y * (1 - s))


@specimen("kink")
class PlainReLUSlopeOne(PlainReLU):
    def forward(self, x):
        self.mask = x >= 0
        return x * self.mask


@specimen("kink")
class NumpyReLUSlopeHalf(NumpyReLU):
    def backward(self, dout):
        return dout * 0.5 * (np.sign(self.x) + 1)


@specimen("kink")
class AbsNaN(Abs):
    def forward(self, x):
        self.sign = x / x.abs()
        return x.abs()


@specimen("kink", "writes upstream")
class ReLUSlopeOneWrites(PlainReLUSlopeOne):
    def backward(self, grad):
        return grad.mul_(self.mask)


@specimen("not reproducible")
class PlainLinearNoisy(PlainLinear):
    def forward(self, x):
        return super().forward(x) + 0.01 * torch.randn(len(x), 5)


@specimen("not reproducible")
class ReLUUninitialised(PlainReLU):
    """What is not written is whatever was there."""

    def backward(self, grad):
        out = torch.empty_like(grad)
        out[self.mask] = grad[self.mask]
        return out


@specimen("not reproducible")
class NumpyTanhNoisyBackward(NumpyTanh):
    def backward(self, dout):
        return super().backward(dout) * np.random.default_rng().uniform(0.9, 1.1)


@specimen("not reproducible")
class RandomlyScaled(PlainTanh):
    def backward(self, g):
        return super().backward(g) * random.choice([0.5, 0.9, 1.1, 2.0])
