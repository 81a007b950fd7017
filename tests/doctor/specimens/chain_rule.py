"""The upstream gradient and the derivative: forgotten, taken at the wrong place, or for a part only."""

from __future__ import annotations

import numpy as np
import torch

import minidl
from specimens.collection import fill, specimen
from specimens.right_containers import HandoutSequential, Residual
from specimens.right_images import SelfGate, SineTimesInput, UnitLength
from specimens.right_layers import (
    HandoutLinear,
    HandoutReLU,
    HandoutSigmoid,
    LoopReLU,
    NumpyReLU,
    NumpyTanh,
    PlainLinear,
    PlainReLU,
    PlainTanh,
    TanhFromInput,
)
from specimens.right_losses import AbsoluteError, OneHotCrossEntropy
from specimens.right_new_layers import (
    ELU,
    BatchNorm,
    LayerNorm,
    LeakyReLU,
    LogSoftmax,
    NumpySoftmax,
    Scale,
    Softplus,
    Square,
)


@specimen("upstream forgotten")
class PlainTanhNoUpstream(PlainTanh):
    def backward(self, g):
        return 1 - self.y**2


@specimen("upstream forgotten")
class NumpyReLUNoUpstream(NumpyReLU):
    def backward(self, dout):
        return (self.x > 0).astype(dout.dtype)


@specimen("upstream forgotten")
class PlainLinearBiasNoUpstream(PlainLinear):
    def backward(self, grad):
        self.grads["weight"] += self.x.T @ grad
        self.grads["bias"] += grad.shape[0]
        return grad @ self.params["weight"].T


@specimen("upstream forgotten")
class HandoutSigmoidNoUpstream(HandoutSigmoid):
    def backward(self, *gradwrtoutput):
        s = self.x.sigmoid()
        return s * (1 - s)


@specimen("upstream forgotten", "factor 1/n")
class NumpyTanhForgetsAndDivides(NumpyTanh):
    def backward(self, dout):
        return (1 - self.out**2) / len(dout)


@specimen("upstream forgotten")
class LeakyReLUForgetsUpstreamLeft(LeakyReLU):
    def backward(self, g):
        return torch.where(self.x > 0, g, self.slope)


@specimen("upstream as mask")
class PlainReLUMaskedByUpstream(PlainReLU):
    def backward(self, grad):
        return grad * (grad > 0)


@specimen("upstream as mask")
class LoopReLUMaskedByUpstream(LoopReLU):
    def backward(self, grad):
        return torch.tensor([[max(0.0, g) for g in row] for row in grad.tolist()])


@specimen("upstream as mask")
class LeakyReLUMaskedByUpstream(LeakyReLU):
    def backward(self, g):
        return torch.where(g > 0, g, self.slope * g)


@specimen("upstream as mask")
class HandoutReLUClonesUpstream(HandoutReLU):
    def backward(self, *gradwrtoutput):
        g = gradwrtoutput[0].clone()
        g[g < 0] = 0
        g[g > 0] = 1
        return g


@specimen("derivative at output")
class PlainTanhTwice(PlainTanh):
    def backward(self, g):
        return g * (1 - torch.tanh(self.y) ** 2)


@specimen("derivative at output")
class NumpySigmoidTwice:
    def forward(self, x):
        self.y = 1 / (1 + np.exp(-np.clip(x, -30, 30)))
        return self.y

    def backward(self, g):
        s = 1 / (1 + np.exp(-self.y))
        return g * s * (1 - s)


@specimen("derivative at output")
class SoftplusAtOutput(Softplus):
    def forward(self, x):
        self.x = super().forward(x)
        return self.x


@specimen("derivative at output")
class HandoutSequentialWithTanhTwice(HandoutSequential):
    def __init__(self):
        self.modules = [HandoutLinear(3, 5), PlainTanhTwice(), HandoutLinear(5, 2)]

    def param(self):
        return self.modules[0].param() + self.modules[2].param()


@specimen("derivative at output", "not finite")
class NaiveTanhTwice(PlainTanhTwice):
    def forward(self, x):
        self.y = (x.exp() - (-x).exp()) / (x.exp() + (-x).exp())
        return self.y


@specimen("derivative at output", "upstream forgotten")
class NumpyTanhTwiceAlone(NumpyTanh):
    def backward(self, dout):
        return 1 - np.tanh(self.out) ** 2


@specimen("derivative at upstream")
class MinidlTanhAtUpstream(minidl.Tanh):
    def backward(self, grad_output):
        return grad_output * (1 - torch.tanh(grad_output) ** 2)


@specimen("derivative at upstream")
class HandoutSigmoidAtUpstream(HandoutSigmoid):
    def backward(self, *gradwrtoutput):
        s = gradwrtoutput[0].sigmoid()
        return s * (1 - s)


@specimen("derivative at upstream")
class NumpySquareAtUpstream:
    def forward(self, x):
        self.x = x
        return x**2

    def backward(self, g):
        return 2 * g * g


@specimen("derivative forgotten")
class PlainReLUPassesThrough(PlainReLU):
    def backward(self, grad):
        return grad.clone()


@specimen("derivative forgotten")
class NumpyTanhPassesThrough(NumpyTanh):
    def backward(self, dout):
        return dout


@specimen("derivative forgotten")
class ScalePassesThrough(Scale):
    def backward(self, g):
        self.dgamma += (g * self.x).sum(0)
        return g


@specimen("derivative forgotten", kind="loss", target=torch.eye(3)[torch.tensor([2, 0, 1, 1])])
class OneHotForgetsSoftmax(OneHotCrossEntropy):
    def backward(self):
        return -self.target / self.p.clamp(min=1e-12)


@specimen("derivative forgotten", "upstream forgotten")
class ReLUAlwaysOne(PlainReLU):
    def backward(self, grad):
        return torch.ones_like(grad)


@specimen("diagonal only")
class NumpySoftmaxDiagonalOnly(NumpySoftmax):
    def backward(self, g):
        return g * self.y * (1 - self.y)


@specimen("diagonal only")
class LogSoftmaxDiagonalOnly(LogSoftmax):
    def backward(self, g):
        return g * (1 - self.y.exp())


@specimen("formula for the output")
class TanhSlopeOfInput(PlainTanh):
    def forward(self, x):
        self.y = x
        return torch.tanh(x)


@specimen("formula for the output")
class NumpySigmoidSlopeOfInput:
    def forward(self, x):
        self.x = x
        return 0.5 * (1 + np.tanh(x / 2))

    def backward(self, g):
        return g * self.x * (1 - self.x)


@specimen("derivative at minus x")
class SoftplusMinus(Softplus):
    def backward(self, g):
        return g / (1 + torch.exp(self.x))


@specimen("derivative at minus x")
class NumpyReLUInverted(NumpyReLU):
    def backward(self, dout):
        return dout * (self.x < 0)


@specimen("function for derivative")
class SigmoidOnly(TanhFromInput):
    def forward(self, x):
        self.x = x
        return torch.sigmoid(x)

    def backward(self, g):
        return g * torch.sigmoid(self.x)


@specimen("function for derivative")
class ELUOnly(ELU):
    """Only to the left of 0."""

    def backward(self, g):
        return torch.where(self.x > 0, g, g * torch.expm1(self.x.clamp(max=0)))


@specimen("signs lost")
class SquareLosesSign(Square):
    def backward(self, g):
        return (2 * g * self.x).abs()


@specimen("signs lost", kind="loss", target=(4, 3))
class MAELosesSign(AbsoluteError):  # noqa: N818
    def backward(self):
        return super().backward().abs()


@specimen("always zero")
class LeakyReLUShut(LeakyReLU):
    """Only to the left of 0."""

    def backward(self, g):
        return g * (self.x > 0)


@specimen("always zero")
class SoftplusInteger(Softplus):
    """An integer tensor cuts off what comes after the point."""

    def backward(self, g):
        return (torch.sigmoid(self.x).int() * g).to(g.dtype)


@specimen("scale forgotten")
class LayerNormForgetsGamma(LayerNorm):
    def __init__(self):
        super().__init__()
        self.params["gamma"] = 1.5 + fill(1, 3)

    def backward(self, g):
        super().backward(g)
        return self.inv * (g - g.mean(1, keepdim=True) - self.z * (g * self.z).mean(1, keepdim=True))


@specimen("scale forgotten")
class BatchNormForgetsWeight(BatchNorm):
    def __init__(self):
        super().__init__()
        self.weight = 2 + fill(3)

    def backward(self, g):
        super().backward(g)
        return self.inv * (g - g.mean(0) - self.z * (g * self.z).mean(0))


@specimen("path forgotten")
class ResidualForgetsSkip(Residual):
    def backward(self, g):
        return self.inner.backward(self.act.backward(g))


@specimen("path forgotten")
class SineAndInput:
    def forward(self, x):
        self.x = x
        return x + x.sin()

    def backward(self, g):
        return g * self.x.cos()


@specimen("product rule")
class SwishForgetsOneTerm:
    def forward(self, x):
        self.x = x
        return x * torch.sigmoid(x)

    def backward(self, g):
        return g * torch.sigmoid(self.x)


@specimen("product rule")
class NumpySineTimesInputOneTerm(SineTimesInput):
    def backward(self, g):
        return g * self.x * np.cos(self.x)


@specimen("product rule")
class SelfGateOneWay(SelfGate):
    def backward(self, g):
        super().backward(g)
        return g * self.s


@specimen("product rule")
class SelfGateOtherWay(SelfGate):
    def backward(self, g):
        return super().backward(g) - g * self.s


@specimen("product rule")
class UnitLengthOfConstants(UnitLength):
    def backward(self, g):
        return g / self.length
