"""Matrices that are transposed, added up or shaped in another way than they should be, or not the right ones at all."""

from __future__ import annotations

import numpy as np
import torch

import minidl
from specimens.collection import fill, specimen
from specimens.right_layers import (
    AttributeLinear,
    HandoutLinear,
    HandoutSigmoid,
    NumpyLinear,
    PlainLinear,
    PlainReLU,
    PlainTanh,
)
from specimens.right_losses import CrossEntropy, PlainMSE


@specimen("transposed", "overwritten")
class PlainLinearWeightTransposed(PlainLinear):
    def backward(self, grad):
        self.grads["weight"] = grad.T @ self.x
        self.grads["bias"] += grad.sum(0, keepdim=True)
        return grad @ self.params["weight"].T


@specimen("transposed")
class SquareLinearTransposed(AttributeLinear):
    """3 inputs, 3 outputs: the shape does not give it away."""

    def __init__(self):
        self.weight, self.bias = fill(3, 3), fill(3)
        self.grad_weight, self.grad_bias = torch.zeros(3, 3), torch.zeros(3)

    def backward(self, grad_output):
        self.grad_weight += grad_output.t().mm(self.saved)
        self.grad_bias += grad_output.sum(dim=0)
        return grad_output.mm(self.weight.t())


@specimen("transposed")
class SquareHandoutInputTransposed(HandoutLinear):
    def __init__(self):
        super().__init__(3, 3)

    def backward(self, *gradwrtoutput):
        super().backward(*gradwrtoutput)
        return gradwrtoutput[0].mm(self.w.t())


@specimen("transposed")
class TanhTransposed(PlainTanh):
    def backward(self, g):
        return (g * (1 - self.y**2)).T


@specimen("transposed", "factor 1/n")
class SquareTransposedAndMean(SquareLinearTransposed):
    def backward(self, grad_output):
        self.grad_weight += grad_output.t() @ self.saved / len(grad_output)
        self.grad_bias += grad_output.sum(0)
        return grad_output @ self.weight.t()


@specimen("reshaped")
class PlainLinearReshaped(PlainLinear):
    def backward(self, grad):
        self.grads["weight"] += (grad.T @ self.x).reshape(3, 5)
        self.grads["bias"] += grad.sum(0, keepdim=True)
        return grad @ self.params["weight"].T


@specimen("reshaped")
class HandoutLinearReshapesInput(HandoutLinear):
    def backward(self, *gradwrtoutput):
        g = gradwrtoutput[0]
        self.dw.add_(g.reshape(g.shape[1], g.shape[0]).mm(self.input))
        self.db.add_(g.sum(0))
        return g.mm(self.w)


@specimen("reshaped")
class NumpyLinearReshapesWeight(NumpyLinear):
    def backward(self, dout):
        super().backward(dout)
        return dout @ self.W.reshape(5, 3)


@specimen("bias to scalar")
class PlainLinearBiasScalar(PlainLinear):
    def backward(self, grad):
        self.grads["weight"] += self.x.T @ grad
        self.grads["bias"] += grad.sum()
        return grad @ self.params["weight"].T


@specimen("bias to scalar")
class AttributeLinearBiasScalar(AttributeLinear):
    def backward(self, grad_output):
        self.grad_weight += self.saved.t() @ grad_output
        self.grad_bias = self.grad_bias.sum() * 0 + self.grad_bias.reshape(-1)[0] + grad_output.sum()
        return grad_output @ self.weight.t()


@specimen("wrong shape")
class NumpyLinearBiasShape(NumpyLinear):
    def __init__(self):
        super().__init__()
        self.db = np.zeros(5)

    def backward(self, dout):
        self.dW += self.x.T @ dout
        self.db += dout.sum(axis=0)
        return dout @ self.W.T


@specimen("wrong shape")
class MinidlLinearBiasShape(minidl.Linear):
    def __init__(self):
        super().__init__(3, 5)
        self.grad["bias"] = torch.zeros(5)

    def backward(self, grad_output):
        self.grad["weight"] += self._kept[0].T @ grad_output
        self.grad["bias"] += grad_output.sum(0)
        return grad_output @ self.params["weight"].T


@specimen("wrong shape")
class PlainReLUFlattens(PlainReLU):
    def backward(self, grad):
        return (grad * self.mask).flatten()


@specimen("wrong shape")
class HandoutSigmoidAddsDimension(HandoutSigmoid):
    def backward(self, *gradwrtoutput):
        return super().backward(*gradwrtoutput).unsqueeze(0)


@specimen("wrong shape", kind="loss", target=(4, 3))
class LossNotReduced(PlainMSE):
    def forward(self, input, target):
        super().forward(input, target)
        return self.e**2


@specimen("wrong axis", "overwritten")
class PlainLinearBiasAxis(PlainLinear):
    def backward(self, grad):
        self.grads["weight"] += self.x.T @ grad
        self.grads["bias"] = grad.sum(1, keepdim=True)
        return grad @ self.params["weight"].T


@specimen("wrong axis")
class HandoutLinearBiasAxis(HandoutLinear):
    """Runs only where there are as many samples as outputs."""

    def backward(self, *gradwrtoutput):
        g = gradwrtoutput[0]
        self.dw.add_(g.t().mm(self.input))
        self.db.add_(g.sum(1))
        return g.mm(self.w)


@specimen("wrong axis")
class NumpyLinearBiasAxis(NumpyLinear):
    def backward(self, dout):
        self.dW += np.dot(self.x.T, dout)
        self.db = self.db + np.sum(dout, axis=1, keepdims=True)
        return np.dot(dout, self.W.T)


@specimen(
    "wrong axis",
    kind="loss",
    target=torch.tensor([2, 0, 1, 1]),
    reference=torch.nn.functional.cross_entropy,
)
class CrossEntropyOverSamples(CrossEntropy):
    def forward(self, logits, target):
        self.log_p = logits - logits.logsumexp(0, keepdim=True)
        self.target = target
        return -self.log_p[torch.arange(len(target)), target].mean()


@specimen("parameter unused")
class PlainLinearBiasUnused(PlainLinear):
    def forward(self, x):
        self.x = x
        y = x @ self.params["weight"]
        y.add(self.params["bias"])
        return y


@specimen("parameter unused")
class HandoutLinearBiasUnused(HandoutLinear):
    def forward(self, *input):
        self.input = input[0]
        return self.input.mm(self.w.t())


@specimen("parameter unused")
class NumpyLinearBiasUnused(NumpyLinear):
    def forward(self, x):
        self.x = x
        return x @ self.W


@specimen("parameter unused", "factor 1/n")
class BiasUnusedAndMean(PlainLinear):
    def forward(self, x):
        self.x = x
        return x @ self.params["weight"]

    def backward(self, grad):
        self.grads["weight"] += self.x.T @ grad / len(grad)
        self.grads["bias"] += grad.sum(0, keepdim=True)
        return grad @ self.params["weight"].T


@specimen("parameter unused", reference=torch.nn.Linear(3, 5))
class ReferencedLinearWithoutBias(PlainLinearBiasUnused):
    pass


@specimen("gradient missing")
class PlainLinearForgetsBias(PlainLinear):
    def backward(self, grad):
        self.grads["weight"] += self.x.T @ grad
        return grad @ self.params["weight"].T


@specimen("gradient missing")
class AttributeLinearNoGradient(AttributeLinear):
    """The gradient is there by name, and never more than None."""

    def __init__(self):
        super().__init__()
        self.grad_bias = None

    def backward(self, grad_output):
        self.grad_weight += self.saved.t().mm(grad_output)
        return grad_output.mm(self.weight.t())

    def zero_grad(self):
        self.grad_weight.zero_()


@specimen("input gradient summed")
class AttributeLinearSumsInput(AttributeLinear):
    def backward(self, grad_output):
        return super().backward(grad_output).sum(0)


@specimen("input gradient summed", kind="loss", target=(4, 3))
class MSEOneGradient(PlainMSE):
    def backward(self):
        return super().backward().sum()


@specimen("other gradient", "writes output")
class PlainLinearReturnsWeights(PlainLinear):
    def backward(self, grad):
        super().backward(grad)
        return self.grads["weight"]


@specimen("other gradient")
class NumpyLinearReturnsWeights(NumpyLinear):
    def backward(self, dout):
        super().backward(dout)
        return self.dW.copy()


@specimen("output for input")
class SquareLinearWithOutput(PlainLinear):
    def __init__(self):
        super().__init__(3, 3)

    def forward(self, x):
        self.y = super().forward(x)
        return self.y

    def backward(self, grad):
        self.grads["weight"] += self.y.T @ grad
        self.grads["bias"] += grad.sum(0, keepdim=True)
        return grad @ self.params["weight"].T


@specimen("output for input")
class HandoutLinearWithOutput(HandoutLinear):
    def __init__(self):
        super().__init__(3, 3)

    def forward(self, *input):
        self.input = super().forward(*input)
        return self.input
