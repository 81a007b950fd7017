"""Gradients that are not added, never set to zero, or put somewhere else."""

from __future__ import annotations

import torch

import minidl
from specimens.collection import specimen
from specimens.right_containers import Chain
from specimens.right_layers import AttributeLinear, HandoutLinear, NumpyTanh, PlainLinear
from specimens.right_new_layers import Scale


@specimen("overwritten")
class PlainLinearOverwrites(PlainLinear):
    def backward(self, grad):
        self.grads["weight"] = self.x.T @ grad
        self.grads["bias"] = grad.sum(0, keepdim=True)
        return grad @ self.params["weight"].T


@specimen("overwritten")
class HandoutLinearOverwrites(HandoutLinear):
    def backward(self, *gradwrtoutput):
        g = gradwrtoutput[0]
        self.dw.copy_(g.t().mm(self.input))
        self.db.add_(g.sum(0))
        return g.mm(self.w)


@specimen("overwritten")
class ScaleOverwrites(Scale):
    def backward(self, g):
        self.dgamma[:] = (g * self.x).sum(0)
        return g * self.gamma


@specimen("overwritten", "bias to scalar")
class PlainLinearOverwritesAndScalar(PlainLinear):
    def backward(self, grad):
        self.grads["weight"] = self.x.T @ grad
        self.grads["bias"] += grad.sum()
        return grad @ self.params["weight"].T


@specimen("overwritten", "factor 1/n")
class AttributeLinearOverwritesMean(AttributeLinear):
    def backward(self, grad_output):
        self.grad_weight = self.saved.t() @ grad_output / len(grad_output)
        self.grad_bias = grad_output.mean(0)
        return grad_output @ self.weight.t()


@specimen("overwritten")
class ChainZeroesFirst(Chain):
    def backward(self, g):
        self.zero_grad()
        return super().backward(g)


@specimen("never zeroed")
class PlainLinearNeverZeroed(PlainLinear):
    def zero_grad(self):
        for g in self.grads.values():
            g = torch.zeros_like(g)


@specimen("never zeroed")
class AttributeLinearBiasNeverZeroed(AttributeLinear):
    def zero_grad(self):
        self.grad_weight.zero_()


@specimen("never zeroed")
class MinidlLinearNeverZeroed(minidl.Linear):
    def __init__(self):
        super().__init__(3, 5)

    def zero_grad(self):
        pass


@specimen("never zeroed", "factor 1/n")
class HandoutNeverZeroedDivides(HandoutLinear):
    def backward(self, *gradwrtoutput):
        g = gradwrtoutput[0]
        self.dw.add_(g.t().mm(self.input) / g.size(0))
        self.db.add_(g.sum(0))
        return g.mm(self.w)

    def zero_grad(self):
        return None


@specimen("gradient replaced")
class PlainLinearReplaces(PlainLinear):
    def zero_grad(self):
        self.grads = {k: torch.zeros_like(p) for k, p in self.params.items()}


@specimen("gradient replaced")
class MinidlLinearReplaces(minidl.Linear):
    def __init__(self):
        super().__init__(3, 5)

    def zero_grad(self):
        for k in self.grad:
            self.grad[k] = torch.zeros_like(self.grad[k])


@specimen("gradient replaced")
class HandoutLinearReplaces(HandoutLinear):
    def zero_grad(self):
        self.dw = torch.zeros(self.dw.shape)
        self.db = torch.zeros(self.db.shape)


@specimen("writes parameters")
class HandoutLinearZeroesAll(HandoutLinear):
    def zero_grad(self):
        for pair in self.param():
            for tensor in pair:
                tensor.zero_()


@specimen("returns a sum")
class HandoutLinearCollectsInput(HandoutLinear):
    dx = 0

    def backward(self, *gradwrtoutput):
        self.dx = self.dx + super().backward(*gradwrtoutput)
        return self.dx


@specimen("returns a sum")
class NumpyTanhCollects(NumpyTanh):
    def __init__(self):
        self.gradient = 0

    def backward(self, dout):
        self.gradient = self.gradient + super().backward(dout)
        return self.gradient
