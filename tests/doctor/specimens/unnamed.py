"""Wrong in ways that have no name: reported as measured."""

from __future__ import annotations

from specimens.collection import specimen
from specimens.right_layers import PlainLinear, PlainTanh


@specimen("unnamed")
class MyReLU:
    """Takes the absolute value."""

    def forward(self, x):
        self.s = x.sign()
        return x.abs()

    def backward(self, g):
        return g * self.s


@specimen("unnamed")
class TanhForgetsSquare(PlainTanh):
    def backward(self, g):
        return g * (1 - self.y)


@specimen("unnamed")
class WeightDecayInside(PlainLinear):
    def backward(self, grad):
        out = super().backward(grad)
        self.grads["weight"] += 0.1 * self.params["weight"]
        return out
