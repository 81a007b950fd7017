"""A sign, or a factor that does not belong there, or is missing."""

from __future__ import annotations

import numpy as np
import torch

import minidl
from specimens.chain_rule import PlainTanhTwice
from specimens.collection import specimen
from specimens.losses import CarelessMSE
from specimens.right_containers import Chain
from specimens.right_images import InPlaceMaskDropout
from specimens.right_layers import (
    AttributeLinear,
    HandoutLinear,
    HandoutReLU,
    LoopLinear,
    LoopReLU,
    NumpyLinear,
    NumpyReLU,
    NumpyTanh,
    OwnParameters,
    PlainLinear,
    PlainReLU,
    PlainSigmoid,
    PlainTanh,
)
from specimens.right_losses import CrossEntropy, HandoutMSE, ItemMSE, NumpyMSE, PlainMSE
from specimens.right_new_layers import ELU, Dropout, LeakyReLU, NumpySoftmax, Scale, Softplus, Square


@specimen("sign")
class PlainLinearSign(PlainLinear):
    def backward(self, grad):
        self.grads["weight"] -= self.x.T @ grad
        self.grads["bias"] += grad.sum(0, keepdim=True)
        return grad @ self.params["weight"].T


@specimen("sign")
class NumpySigmoidSign:
    def forward(self, x):
        self.y = 0.5 * (1 + np.tanh(x / 2))
        return self.y

    def backward(self, g):
        return g * self.y * (self.y - 1)


@specimen("sign")
class LoopReLUSign(LoopReLU):
    def backward(self, grad):
        return -super().backward(grad)


@specimen("sign", kind="loss", target=(4, 3))
class NumpyMSESign(NumpyMSE):
    def backward(self):
        return -super().backward()


@specimen("sign", kind="loss", target=(4, 3))
class MSEDescends(PlainMSE):
    def backward(self):
        return 2 * (self.e * -1) / self.e.numel()


@specimen("sign", "factor 1/n")
class PlainLinearSignAndMean(PlainLinear):
    """Both in the weight gradient."""

    def backward(self, grad):
        self.grads["weight"] -= self.x.T @ grad / len(grad)
        self.grads["bias"] += grad.sum(0, keepdim=True)
        return grad @ self.params["weight"].T


@specimen("sign", "factor 1/n")
class NumpyLinearSignAndMean(NumpyLinear):
    """One in each gradient."""

    def backward(self, dout):
        self.dW -= self.x.T @ dout
        self.db += dout.mean(0, keepdims=True)
        return dout @ self.W.T


@specimen("sign", "factor 1/n", kind="loss", target=(4, 3))
class MSESignAndMean(HandoutMSE):
    def backward(self, v, t):
        return 2 * (t - v) / len(v)


@specimen("sign")
class Tanh:
    def forward(self, x):
        self.y = -x.tanh()
        return self.y

    def backward(self, g):
        return g * (self.y**2 - 1)


@specimen("factor n")
class HandoutLinearTimesN(HandoutLinear):
    def backward(self, *gradwrtoutput):
        g = gradwrtoutput[0]
        self.dw.add_(g.size(0) * g.t().mm(self.input))
        self.db.add_(g.sum(0))
        return g.mm(self.w)


@specimen("factor n")
class SoftplusTimesN(Softplus):
    def backward(self, g):
        return len(g) * super().backward(g)


@specimen("factor n", kind="loss", target=(4, 3))
class MSEMeanForwardSumBackward(PlainMSE):
    """The mean loss per sample with the gradient of the sum."""

    def forward(self, input, target):
        return super().forward(input, target) * input.shape[1]

    def backward(self):
        return 2 * self.e


@specimen("factor n", kind="loss", target=torch.tensor([2, 0, 1, 1]))
class CrossEntropyForgetsMean(CrossEntropy):
    def backward(self):
        return super().backward() * len(self.target)


@specimen("factor n", "factor 1/m", kind="loss", target=(4, 3))
class NumpyMSEDividesByOutputs(NumpyMSE):
    def backward(self):
        return 2 * self.d / self.d.shape[1]


@specimen("factor 1/n")
class PlainLinearDivides(PlainLinear):
    """What the report's framework did."""

    def backward(self, grad):
        self.grads["weight"] += self.x.T @ grad / len(grad)
        self.grads["bias"] += grad.mean(0, keepdim=True)
        return grad @ self.params["weight"].T


@specimen("factor 1/n")
class MinidlLinearDividesWeight(minidl.Linear):
    def __init__(self):
        super().__init__(3, 5)

    def backward(self, grad_output):
        x = self._kept[0]
        self.grad["weight"] += x.T @ grad_output / x.shape[0]
        self.grad["bias"] += grad_output.sum(0, keepdim=True)
        return grad_output @ self.params["weight"].T


@specimen("factor 1/n")
class NumpyTanhDivides(NumpyTanh):
    def backward(self, dout):
        return super().backward(dout) / dout.shape[0]


@specimen("factor 1/n")
class HandoutLinearBiasAveraged(HandoutLinear):
    def backward(self, *gradwrtoutput):
        g = gradwrtoutput[0]
        self.dw.add_(g.t().mm(self.input))
        self.db.add_(g.mean(0))
        return g.mm(self.w)


@specimen("factor 1/n")
class NumpyLinearBiasAveraged(NumpyLinear):
    def backward(self, dout):
        self.dW += self.x.T @ dout
        self.db += dout.mean(axis=0)
        return dout @ self.W.T


@specimen("factor 1/n", kind="loss", target=(4, 3))
class HandoutMSEDividesGradient(HandoutMSE):
    def backward(self, v, t):
        return 2 * (v - t) / v.size(0)


@specimen("factor 1/n")
class ChainWithDividingLinear(Chain):
    """The mistake is inside."""

    def __init__(self):
        super().__init__(PlainLinear(3, 4), PlainTanh(), PlainLinearDivides(4, 2))


@specimen("factor 1/n", "derivative at output")
class ChainTwoMistakes(Chain):
    def __init__(self):
        super().__init__(PlainLinearDivides(3, 4), PlainTanhTwice(), PlainLinear(4, 2))


@specimen("factor 1/n")
class OwnParametersDivide(OwnParameters):
    def backward(self, g):
        super().backward(g / len(g))
        return g @ self.weight.value.T


@specimen("factor m")
class ScaleTimesM(Scale):
    def backward(self, g):
        self.dgamma += g.shape[1] * (g * self.x).sum(0)
        return g * self.gamma


@specimen("factor m")
class HandoutReLUTimesM(HandoutReLU):
    def backward(self, *gradwrtoutput):
        return super().backward(*gradwrtoutput) * self.s.size(1)


@specimen("factor m", kind="loss", target=(4, 1), input=(4, 1))
class NumpyMSERightForOneOutput(NumpyMSE):
    """Examined with one output, where nothing is wrong yet."""

    def forward(self, y, t):
        super().forward(y, t)
        return np.mean(self.d**2)


@specimen("factor 1/m")
class AttributeLinearDividesByM(AttributeLinear):
    def backward(self, grad_output):
        self.grad_weight += self.saved.t().mm(grad_output) / self.saved.shape[1]
        self.grad_bias += grad_output.sum(dim=0)
        return grad_output.mm(self.weight.t())


@specimen("factor 1/m")
class SigmoidDividesByM(PlainSigmoid):
    def backward(self, g):
        return super().backward(g) / g.shape[-1]


@specimen("factor 1/m", kind="loss", target=(4, 3))
class MSERightForOneOutput(PlainMSE):
    """Mean over the samples forward, over all entries backward."""

    def forward(self, input, target):
        super().forward(input, target)
        return (self.e**2).sum() / len(input)


@specimen("factor n*m")
class LeakyReLUTimesNM(LeakyReLU):
    def backward(self, g):
        return super().backward(g) * g.numel()


@specimen("factor n*m")
class NumpyReLUTimesNM(NumpyReLU):
    def backward(self, dout):
        return dout.size * super().backward(dout)


@specimen("factor n*m", kind="loss", target=(4, 3))
class MSEMeanForwardSum(PlainMSE):
    def backward(self):
        return 2 * self.e


@specimen("factor 1/(n*m)")
class HandoutLinearDividesByAll(HandoutLinear):
    def backward(self, *gradwrtoutput):
        g = gradwrtoutput[0]
        self.dw.add_(g.t().mm(self.input) / self.input.numel())
        self.db.add_(g.sum(0))
        return g.mm(self.w)


@specimen("factor 1/(n*m)")
class MinidlTanhDividesByAll(minidl.Tanh):
    def backward(self, grad_output):
        return super().backward(grad_output) / grad_output.numel()


@specimen("factor 1/(n*m)", kind="loss", target=(4, 3))
class ItemMSEMeanBackward(ItemMSE):
    def backward(self):
        return super().backward() / self.y.numel()


@specimen("factor 2")
class SquareLinearTwice(PlainLinear):
    def backward(self, grad):
        self.grads["weight"] += 2 * self.x.T @ grad
        self.grads["bias"] += grad.sum(0, keepdim=True)
        return grad @ self.params["weight"].T


@specimen("factor 2")
class NumpySoftmaxTwice(NumpySoftmax):
    def backward(self, g):
        return 2 * super().backward(g)


@specimen("factor 2", kind="loss", target=(4, 3))
class HalfMSETwice(PlainMSE):
    def forward(self, input, target):
        return super().forward(input, target) / 2


@specimen("factor 2", "broadcast", kind="loss", target=(4, 3))
class CarelessMSETwice(CarelessMSE):
    def forward(self, input, target):
        return super().forward(input, target) / 2


@specimen("factor 2", reference=torch.nn.Softplus())
class SoftplusDoubled(Softplus):
    def forward(self, x):
        return 2 * super().forward(x)

    def backward(self, g):
        return 2 * super().backward(g)


@specimen("factor 1/2")
class SquareHalf(Square):
    def backward(self, g):
        return g * self.x


@specimen("factor 1/2")
class LoopLinearHalf(LoopLinear):
    def backward(self, grad):
        super().backward(grad / 2)
        return torch.tensor(
            [[sum(u * w for u, w in zip(up, row, strict=True)) for row in self.weight] for up in grad.tolist()]
        )


@specimen("factor 1/2", kind="loss", target=(4, 3))
class MSEForgetsTwo(HandoutMSE):
    def backward(self, v, t):
        return v - t


@specimen("factor 1/2")
class ELUHalfLeft(ELU):
    def backward(self, g):
        return torch.where(self.x > 0, g, g * torch.exp(self.x.clamp(max=0)) / 2)


@specimen("factor c", reference=torch.nn.functional.leaky_relu)
class LeakyReLUWithOtherSlope(LeakyReLU):
    pass


@specimen("mask not scaled")
class DropoutForgetsScale(Dropout):
    def __init__(self):
        super().__init__(p=0.2)

    def backward(self, g):
        return g * (self.mask > 0)


@specimen("factor c")
class LeakyReLUOtherSlopeBack(LeakyReLU):
    def backward(self, g):
        return torch.where(self.x > 0, g, 0.03 * g)


@specimen("factor c")
class TenthOfTheInput(AttributeLinear):
    """The right way round, and ten times too large."""

    def forward(self, input):
        return super().forward(input / 10)


@specimen("factor k")
class PlainLinearTimesK(PlainLinear):
    def backward(self, grad):
        self.grads["weight"] += self.x.T @ grad * grad.shape[1]
        self.grads["bias"] += grad.sum(0, keepdim=True)
        return grad @ self.params["weight"].T


@specimen("factor 1/k")
class NumpyLinearDividesByK(NumpyLinear):
    def backward(self, dout):
        return super().backward(dout) / dout.shape[1]


@specimen("factor n*k")
class RowOfTwoTimesOutputs:
    """From m features to m + 2."""

    def forward(self, x):
        return torch.cat([x, x[:, :1], 3 * x[:, -1:]], 1)

    def backward(self, g):
        grad = g[:, :-2].clone()
        grad[:, 0] += g[:, -2]
        grad[:, -1] += 3 * g[:, -1]
        return grad * g.numel()


@specimen("factor 1/(n*k)")
class HandoutLinearMeanOfOutputs(HandoutLinear):
    def backward(self, *gradwrtoutput):
        g = gradwrtoutput[0]
        self.dw.add_(g.t().mm(self.input))
        self.db.add_(g.sum(0) / g.numel())
        return g.mm(self.w)


@specimen("factor 2", "factor 1/n")
class LinearTwoOverN(PlainLinear):
    def backward(self, grad):
        self.grads["weight"] += 2 * self.x.T @ grad / len(grad)
        self.grads["bias"] += grad.sum(0, keepdim=True)
        return grad @ self.params["weight"].T


@specimen("factor 2", "factor 1/n", kind="loss", target=(4, 3))
class AbsoluteTwoOverN:
    def forward(self, y, t):
        assert y.shape == t.shape
        self.d = y - t
        return np.abs(self.d).sum()

    def backward(self):
        return 2 * np.sign(self.d) / len(self.d)


@specimen("factor c", "factor 1/n")
class SoftplusFourOverN(Softplus):
    def backward(self, g):
        return 4 * super().backward(g) / len(g)


@specimen("factor c", "factor 1/n", kind="loss", target=(4, 3))
class MSEFourOverN(HandoutMSE):
    """The 2 comes twice, and the mean only here."""

    def forward(self, v, t):
        return super().forward(v, t) / 2

    def backward(self, v, t):
        return 4 * (v - t) / v.size(0)


@specimen("mask not scaled")
class HalfDropoutForgetsScale(Dropout):
    """Half of the entries: the factor 1/2 is that of no square."""

    def backward(self, g):
        return g * (self.mask > 0)


@specimen("mask not scaled")
class NumpyDropoutForgetsScale(InPlaceMaskDropout):
    def backward(self, dout):
        return dout * self.kept


@specimen("mask scaled twice")
class DropoutScalesTwice(Dropout):
    def backward(self, g):
        return g * self.mask / (1 - self.p)


@specimen("mask scaled twice")
class NumpyDropoutScalesTwice(InPlaceMaskDropout):
    def backward(self, dout):
        return super().backward(dout) / (1 - self.rate)


@specimen("always zero", reference=torch.nn.functional.leaky_relu)
class LeakyReLUIsReLU(PlainReLU):
    """Forward is zero to the left of 0."""
