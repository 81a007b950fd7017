"""What is kept between forward and backward, and writing into what belongs to somebody else."""

from __future__ import annotations

import numpy as np
import torch

from specimens.collection import fill, specimen
from specimens.right_containers import Chain
from specimens.right_layers import (
    AttributeLinear,
    HandoutLinear,
    HandoutSigmoid,
    NumpyLinear,
    NumpyReLU,
    PlainLinear,
    PlainReLU,
    PlainTanh,
)
from specimens.right_losses import PlainMSE
from specimens.right_new_layers import Dropout


@specimen("stale cache")
class PlainTanhStale(PlainTanh):
    y = None

    def forward(self, x):
        y = torch.tanh(x)
        if self.y is None or self.y.shape != y.shape:
            self.y = y
        return y


@specimen("stale cache")
class NumpyLinearStale(NumpyLinear):
    def forward(self, x):
        if not hasattr(self, "x"):
            self.x = x
        return x @ self.W + self.b


@specimen("stale cache")
class HandoutLinearStaleWeight(HandoutLinear):
    """A transposed copy of the weight, made once, does not learn."""

    def __init__(self):
        super().__init__()
        self.wt = self.w.t().clone()

    def backward(self, *gradwrtoutput):
        super().backward(*gradwrtoutput)
        return gradwrtoutput[0].mm(self.wt.t())


@specimen("stale cache", "returns nothing")
class StaleAndNothing(NumpyLinearStale):
    def backward(self, dout):
        super().backward(dout)


@specimen("stale cache", kind="loss", target=(4, 3))
class MSECountsOnce(PlainMSE):
    n = None

    def backward(self):
        self.n = self.n or self.e.numel()
        return 2 * self.e / self.n


@specimen("shared cache")
class PlainSigmoidShared:
    cache = {}  # noqa: RUF012

    def forward(self, x):
        self.cache["y"] = torch.sigmoid(x)
        return self.cache["y"]

    def backward(self, g):
        return g * self.cache["y"] * (1 - self.cache["y"])


@specimen("shared cache")
class HandoutLinearShared(HandoutLinear):
    def forward(self, *input):
        HandoutLinearShared.last = input[0]
        return input[0].mm(self.w.t()) + self.b

    def backward(self, *gradwrtoutput):
        self.input = HandoutLinearShared.last
        return super().backward(*gradwrtoutput)


@specimen("shared cache")
class DefaultListTanh(PlainTanh):
    def __init__(self, cache=[None]):  # noqa: B006 - that is the mistake
        self.cache = cache

    def forward(self, x):
        self.cache[0] = super().forward(x)
        return self.cache[0]

    def backward(self, g):
        return g * (1 - self.cache[0] ** 2)


@specimen("writes input")
class PlainReLUWritesInput(PlainReLU):
    def forward(self, x):
        self.mask = x > 0
        return x.mul_(self.mask)


@specimen("writes input")
class NumpyReLUWritesInput(NumpyReLU):
    def forward(self, x):
        self.x = x
        x[x < 0] = 0
        return x.copy()


@specimen("writes input")
class AttributeLinearWritesInputInBackward(AttributeLinear):
    def forward(self, input):
        self.saved = input
        return input @ self.weight + self.bias

    def backward(self, grad_output):
        grad_input = super().backward(grad_output)
        self.saved.copy_(grad_input)
        return grad_input


@specimen("writes input", kind="loss", target=(4, 3))
class MSEWritesInput:
    def forward(self, input, target):
        assert input.shape == target.shape
        self.e = input.sub_(target)
        return self.e.pow(2).sum()

    def backward(self):
        return 2 * self.e


@specimen("writes input", "upstream as mask")
class ReLUWritesAndMasks:
    def forward(self, x):
        return x.clamp_(min=0)

    def backward(self, g):
        return g * (g > 0)


@specimen("writes upstream")
class PlainReLUWritesUpstream(PlainReLU):
    def backward(self, grad):
        grad[~self.mask] = 0
        return grad


@specimen("writes upstream")
class HandoutSigmoidWritesUpstream(HandoutSigmoid):
    def backward(self, *gradwrtoutput):
        s = self.x.sigmoid()
        return gradwrtoutput[0].mul_(s * (1 - s))


@specimen("writes parameters")
class PlainLinearUpdatesItself(PlainLinear):
    def backward(self, grad):
        grad_input = super().backward(grad)
        self.params["weight"] -= 0.1 * self.grads["weight"]
        return grad_input


@specimen("writes parameters")
class NumpyLinearNormalisesItself(NumpyLinear):
    def backward(self, dout):
        dx = super().backward(dout)
        self.W /= np.linalg.norm(self.W)
        return dx


@specimen("writes output")
class PlainTanhWritesOutput(PlainTanh):
    def backward(self, g):
        self.y.pow_(2).neg_().add_(1)
        return g * self.y


@specimen("writes output")
class NumpySigmoidReusesBuffer:
    """Every forward of the same shape writes into the same memory."""

    buffer = None

    def forward(self, x):
        if self.buffer is None or self.buffer.shape != x.shape:
            self.buffer = np.empty_like(x)
        self.buffer[...] = 0.5 * (1 + np.tanh(x / 2))
        return self.buffer

    def backward(self, g):
        return g * self.buffer * (1 - self.buffer)


@specimen("drawn anew")
class DropoutDrawsAgain(Dropout):
    def backward(self, g):
        return g * (torch.rand(g.shape) > self.p).to(g.dtype) / (1 - self.p)


@specimen("drawn anew")
class NumpyDropoutDrawsAgain:
    def forward(self, x):
        return x * np.random.binomial(1, 0.5, x.shape) * 2  # noqa: NPY002

    def backward(self, g):
        return g * np.random.binomial(1, 0.5, g.shape) * 2  # noqa: NPY002


class ClassDictionaries:
    params, grads = {}, {}

    def __init__(self, n_in=3, n_out=5):
        self.params["weight"] = fill(n_in, n_out)
        self.grads["weight"] = torch.zeros(n_in, n_out)

    def forward(self, x):
        self.x = x
        return x @ self.params["weight"]

    def backward(self, g):
        self.grads["weight"] += self.x.T @ g
        return g @ self.params["weight"].T


@specimen("shared parameters")
def shares_dictionaries():
    return ClassDictionaries()


@specimen("shared parameters", "raises")
def two_share_dictionaries():
    return Chain(ClassDictionaries(3, 4), ClassDictionaries(4, 2))


@specimen("shared parameters")
class ClassTensors:
    w, dw = fill(3, 5), torch.zeros(3, 5)

    def forward(self, x):
        self.x = x
        return x @ self.w

    def backward(self, g):
        self.dw += self.x.T @ g
        return g @ self.w.T

    def param(self):
        return [(self.w, self.dw)]


@specimen("writes parameters")
class TorchLearnsByItself:
    """No gradient is kept: the weight changes on the way back."""

    def __init__(self):
        self.w, self.rate = fill(3, 5), 0.05

    def forward(self, x):
        self.x = x
        return x @ self.w

    def backward(self, g):
        grad_input = g @ self.w.T
        self.w = self.w - self.rate * self.x.T @ g
        return grad_input


@specimen("writes parameters")
class NumpyLearnsByItself:
    def __init__(self):
        self.weights, self.bias = fill(3, 2).double().numpy(), np.zeros((1, 2))

    def forward(self, inputs):
        self.inputs = inputs
        return inputs @ self.weights + self.bias

    def backward(self, error):
        back = error @ self.weights.T
        self.weights -= 0.01 * self.inputs.T @ error
        self.bias -= 0.01 * error.sum(axis=0, keepdims=True)
        return back


@specimen("updated too early")
class StepsBeforeItGoesBack:
    """It keeps the learning rate, and the new weight is in what goes back."""

    def __init__(self):
        self.weight, self.lr = fill(3, 2), 0.1

    def forward(self, x):
        self.x = x
        return x @ self.weight

    def backward(self, g):
        self.weight = self.weight - self.lr * self.x.T @ g
        return g @ self.weight.T


class Descends:
    def __init__(self, rate):
        self.rate = rate

    def calculate_update(self, weight, gradient):
        return weight - self.rate * gradient


@specimen("updated too early")
class OptimiserBeforeItGoesBack:
    """As many exercises have it: the weights hold the bias as their last row, and an optimiser is set from outside."""

    def __init__(self):
        self.weights, self.optimizer = fill(4, 2).double().numpy(), Descends(0.2)

    def forward(self, inputs):
        self.inputs = np.hstack([inputs, np.ones((len(inputs), 1))])
        return self.inputs @ self.weights

    def backward(self, error):
        self.weights = self.optimizer.calculate_update(self.weights, self.inputs.T @ error)
        return (error @ self.weights.T)[:, :-1]
