"""The sum over the samples of a batch: not taken, or some samples left out."""

from __future__ import annotations

import numpy as np
import torch

from specimens.collection import specimen
from specimens.right_layers import HandoutLinear, LoopLinear, NumpyLinear, PlainLinear
from specimens.right_losses import PlainMSE


@specimen("no batch sum")
class PlainLinearNoBatchSum(PlainLinear):
    def backward(self, grad):
        self.grads["weight"] = self.grads["weight"] + self.x.unsqueeze(2) * grad.unsqueeze(1)
        self.grads["bias"] += grad.sum(0, keepdim=True)
        return grad @ self.params["weight"].T


@specimen("no batch sum")
class NumpyLinearBiasNoBatchSum(NumpyLinear):
    def backward(self, dout):
        self.dW += self.x.T @ dout
        self.db = self.db + dout
        return dout @ self.W.T


@specimen("last sample only")
class HandoutLinearLastSample(HandoutLinear):
    def backward(self, *gradwrtoutput):
        g = gradwrtoutput[0]
        for x, row in zip(self.input, g, strict=True):
            dw = row.view(-1, 1) * x.view(1, -1)
        self.dw.add_(dw)
        self.db.add_(g.sum(0))
        return g.mm(self.w)


@specimen("last sample only")
class LoopLinearLastSample(LoopLinear):
    def backward(self, grad):
        g = grad.tolist()
        total = [list(row) for row in self.weight_grad]
        for row, up in zip(self.x, g, strict=True):
            for j in range(5):
                self.bias_grad[j] += up[j]
                for k in range(3):
                    self.weight_grad[k][j] = total[k][j] + row[k] * up[j]
        return torch.tensor([[sum(up[j] * self.weight[k][j] for j in range(5)) for k in range(3)] for up in g])


@specimen("first sample only")
class HandoutLinearFirstSample(HandoutLinear):
    def backward(self, *gradwrtoutput):
        g = gradwrtoutput[0]
        self.dw.add_(g[:1].t().mm(self.input[:1]))
        self.db.add_(g.sum(0))
        return g.mm(self.w)


@specimen("first sample only")
class NumpyScaleFirstSample:
    def __init__(self):
        self.gain, self.grad_gain = np.linspace(1.0, 2.0, 3), np.zeros(3)

    def forward(self, x):
        self.x = x
        return x * self.gain

    def backward(self, g):
        self.grad_gain += g[0] * self.x[0]
        return g * self.gain


@specimen("sample left out")
class NumpyLinearEndsEarly(NumpyLinear):
    def backward(self, dout):
        for i in range(len(dout) - 1):
            self.dW += np.outer(self.x[i], dout[i])
        self.db += dout.sum(axis=0, keepdims=True)
        return dout @ self.W.T


@specimen("sample left out", kind="loss", target=(4, 3))
class MSEBeginsLate(PlainMSE):
    def backward(self):
        gradient = torch.zeros_like(self.e)
        for i in range(1, len(self.e)):
            gradient[i] = 2 * self.e[i] / self.e.numel()
        return gradient
