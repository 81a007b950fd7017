"""Batch norm and layer norm: mean and variance depend on the input too, and gamma stands before all of it."""

from __future__ import annotations

import numpy as np
import torch

from specimens.collection import fill, specimen
from specimens.right_images import ImageNorm, NormOfSequences, ThreeSteps
from specimens.right_new_layers import BatchNorm, LayerNorm


@specimen("statistics as constants")
class LayerNormForgetsMean(LayerNorm):
    def backward(self, g):
        super().backward(g)
        return self.inv * g * self.params["gamma"]


@specimen("statistics as constants", input=(3, 2, 3, 3))
class ImageNormOfConstants(ImageNorm):
    def backward(self, g):
        super().backward(g)
        return g * self.gamma[:, None, None] / self.root


@specimen("statistics as constants", input=(6, 3))
class ThreeStepsOnlyOne(ThreeSteps):
    def backward(self, grad):
        super().backward(grad)
        return grad * self.g * self.inv


@specimen("variance as a constant")
class BatchNormForgetsVariance(BatchNorm):
    def backward(self, g):
        super().backward(g)
        d = g * self.weight
        return self.inv * (d - d.mean(0))


@specimen("variance as a constant", input=(2, 4, 3))
class SequencesForgetVariance(NormOfSequences):
    def backward(self, g):
        super().backward(g)
        d = g * self.weight
        return (d - d.mean(-1, keepdim=True)) / self.std


@specimen("mean as a constant")
class BatchNormForgetsMean(BatchNorm):
    def backward(self, g):
        super().backward(g)
        d = g * self.weight
        return self.inv * (d - self.z * (d * self.z).mean(0))


@specimen("mean as a constant", input=(6, 3))
class ThreeStepsForgetMean(ThreeSteps):
    def backward(self, grad):
        n = len(grad)
        super().backward(grad)
        dz = grad * self.g
        dvar = (dz * self.centred).sum(0) * -0.5 * self.inv**3
        return dz * self.inv + dvar * 2 * self.centred / max(n - 1, 1)


@specimen("scale forgotten", input=(3, 2, 3, 3))
class ImageNormForgetsGamma(ImageNorm):
    def backward(self, g):
        dx = super().backward(g)
        return dx / self.gamma[:, None, None]


@specimen("scale forgotten")
class LayerNormForgetsGammaOfOnes(LayerNorm):
    """Nothing shows at the start, where gamma is 1 everywhere."""

    def backward(self, g):
        super().backward(g)
        return self.inv * (g - g.mean(1, keepdim=True) - self.z * (g * self.z).mean(1, keepdim=True))


@specimen("derivative forgotten")
class NumpyScaleOfOnes:
    def __init__(self):
        self.gamma, self.dgamma = np.ones(3), np.zeros(3)

    def forward(self, x):
        self.x = x
        return x * self.gamma

    def backward(self, g):
        self.dgamma += (g * self.x).sum(0)
        return g


@specimen("input for normalised")
class BatchNormGammaOfInput(BatchNorm):
    def __init__(self):
        super().__init__()
        self.weight = 2 + fill(3)

    def forward(self, x):
        self.x = x
        return super().forward(x)

    def backward(self, g):
        kept = self.grad_weight.clone()
        dx = super().backward(g)
        self.grad_weight = kept + (g * self.x).sum(0)
        return dx


@specimen("input for normalised", input=(2, 4, 3))
class SequencesGammaOfCentred(NormOfSequences):
    def backward(self, g):
        dx = super().backward(g)
        self.grad_weight += (g * self.x).sum((0, 1)) - (g * self.z).sum((0, 1))
        return dx


@specimen("variance as a constant", input=(2, 4, 2, 2))
class GroupNormForgetsVariance:
    """Two groups of channels, each normalised by itself."""

    def forward(self, x):
        groups = x.reshape(len(x), 2, -1)
        self.root = torch.sqrt(groups.var(2, keepdim=True, correction=0) + 1e-5)
        return ((groups - groups.mean(2, keepdim=True)) / self.root).reshape(x.shape)

    def backward(self, g):
        d = g.reshape(len(g), 2, -1)
        return ((d - d.mean(2, keepdim=True)) / self.root).reshape(g.shape)
