"""A collection of hand-written modules, right and wrong, as students write them. No tests here: see test_doctor.py.

Every wrong one is marked with what is wrong with it, in the words of `minidl.lab.doctor`; two at once where there are
two. They are plain on purpose: no helper makes two of them alike.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

import minidl


@dataclass
class Specimen:
    """A module to examine, how to examine it, and what there is to be found."""

    name: str
    build: Callable[[], Any]
    kind: str  # "layer", "loss" or "optimizer"; the last builds (optimizer, model)
    mistakes: frozenset[str]
    input: Any = (4, 3)
    target: Any = None
    reference: Any = None
    notes: frozenset[str] = field(default_factory=frozenset)


SPECIMENS: list[Specimen] = []


def specimen(*mistakes, kind="layer", **how):
    """Register a class, or a function that builds the module."""

    def register(build):
        SPECIMENS.append(Specimen(build.__name__, build, kind, frozenset(mistakes), **how))
        return build

    return register


right = specimen()


def right_with(**how):
    return specimen(**how)


def fill(*shape):
    """Parameters without structure: every test run sees the same ones."""
    n = torch.Size(shape).numel()
    return (torch.arange(1, n + 1, dtype=torch.float32) * 0.7).sin().reshape(shape)


# ---------------------------------------------------------------------------------------------------------------------
# Right modules, in the styles students write: no finding may come out of these


@right
class PlainLinear:
    """Dictionaries ``params`` and ``grads``, X W + b."""

    def __init__(self, n_in=3, n_out=5):
        self.params = {"weight": fill(n_in, n_out), "bias": fill(1, n_out)}
        self.grads = {"weight": torch.zeros(n_in, n_out), "bias": torch.zeros(1, n_out)}

    def forward(self, x):
        self.x = x
        return x @ self.params["weight"] + self.params["bias"]

    def backward(self, grad):
        self.grads["weight"] += self.x.T @ grad
        self.grads["bias"] += grad.sum(0, keepdim=True)
        return grad @ self.params["weight"].T

    def zero_grad(self):
        for g in self.grads.values():
            g.zero_()


@right
class HandoutLinear:
    """The course's handout: ``param()`` lists (parameter, gradient) pairs; W x + b with W of shape (out, in)."""

    def __init__(self, in_dim=3, out_dim=5):
        self.w = fill(out_dim, in_dim)
        self.b = fill(out_dim)
        self.dw = torch.zeros(out_dim, in_dim)
        self.db = torch.zeros(out_dim)

    def forward(self, *input):
        self.input = input[0]
        return self.input.mm(self.w.t()) + self.b

    def backward(self, *gradwrtoutput):
        g = gradwrtoutput[0]
        self.dw.add_(g.t().mm(self.input))
        self.db.add_(g.sum(0))
        return g.mm(self.w)

    def param(self):
        return [(self.w, self.dw), (self.b, self.db)]


@right
class AttributeLinear:
    """Attributes weight and bias with grad_weight and grad_bias."""

    def __init__(self):
        self.weight = fill(3, 5)
        self.bias = fill(5)
        self.grad_weight = torch.zeros_like(self.weight)
        self.grad_bias = torch.zeros_like(self.bias)

    def forward(self, input):
        self.saved = input.clone()
        return torch.addmm(self.bias, input, self.weight)

    def backward(self, grad_output):
        self.grad_weight += self.saved.t().mm(grad_output)
        self.grad_bias += grad_output.sum(dim=0)
        return grad_output.mm(self.weight.t())

    def zero_grad(self):
        self.grad_weight.zero_()
        self.grad_bias.zero_()


@right
class NumpyLinear:
    """NumPy arrays throughout."""

    def __init__(self):
        self.W = fill(3, 5).numpy().astype(np.float64)
        self.b = fill(1, 5).numpy().astype(np.float64)
        self.dW = np.zeros_like(self.W)
        self.db = np.zeros_like(self.b)

    def forward(self, x):
        self.x = x
        return np.dot(x, self.W) + self.b

    def backward(self, dout):
        self.dW += np.dot(self.x.T, dout)
        self.db += np.sum(dout, axis=0, keepdims=True)
        return np.dot(dout, self.W.T)

    def zero_grad(self):
        self.dW[...] = 0
        self.db[...] = 0


@right
class LoopLinear:
    """Python loops and nested lists; tensors only at the door."""

    def __init__(self):
        self.weight = fill(3, 5).tolist()
        self.bias = fill(5).tolist()
        self.weight_grad = [[0.0] * 5 for _ in range(3)]
        self.bias_grad = [0.0] * 5

    def forward(self, x):
        self.x = x.tolist()
        return torch.tensor(
            [[sum(row[k] * self.weight[k][j] for k in range(3)) + self.bias[j] for j in range(5)] for row in self.x]
        )

    def backward(self, grad):
        g = grad.tolist()
        for row, up in zip(self.x, g, strict=True):
            for j in range(5):
                self.bias_grad[j] += up[j]
                for k in range(3):
                    self.weight_grad[k][j] += row[k] * up[j]
        return torch.tensor([[sum(up[j] * self.weight[k][j] for j in range(5)) for k in range(3)] for up in g])

    def zero_grad(self):
        self.weight_grad = [[0.0] * 5 for _ in range(3)]
        self.bias_grad = [0.0] * 5


@right
def minidl_linear():
    return minidl.Linear(3, 5)


@right
def minidl_linear_double():
    return minidl.Linear(3, 5, dtype=torch.float64)


@right
def minidl_relu():
    return minidl.ReLU()


@right
def minidl_tanh():
    return minidl.Tanh()


@right
def minidl_sigmoid():
    return minidl.Sigmoid()


@right
def minidl_network():
    return minidl.Sequential(minidl.Linear(3, 6), minidl.ReLU(), minidl.Sequential(minidl.Linear(6, 2), minidl.Tanh()))


@right
class PlainReLU:
    def forward(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, grad):
        return grad * self.mask


@right
class HandoutReLU:
    def forward(self, *input):
        self.s = input[0]
        return self.s.clamp(min=0)

    def backward(self, *gradwrtoutput):
        return gradwrtoutput[0] * (self.s > 0).float()

    def param(self):
        return []


@right
class NumpyReLU:
    def forward(self, x):
        self.x = x
        return np.maximum(0, x)

    def backward(self, dout):
        dx = dout.copy()
        dx[self.x <= 0] = 0
        return dx


@right
class LoopReLU:
    def forward(self, x):
        self.x = x
        out = torch.zeros(x.shape)
        for i in range(x.shape[0]):
            for j in range(x.shape[1]):
                out[i, j] = max(0.0, x[i, j].item())
        return out

    def backward(self, grad):
        out = torch.zeros(grad.shape)
        for i in range(grad.shape[0]):
            for j in range(grad.shape[1]):
                if self.x[i, j] > 0:
                    out[i, j] = grad[i, j]
        return out


@right
class PlainTanh:
    def forward(self, x):
        self.y = torch.tanh(x)
        return self.y

    def backward(self, g):
        return g * (1 - self.y**2)


@right
class TanhFromInput:
    def forward(self, x):
        self.x = x
        return x.tanh()

    def backward(self, g):
        return g / torch.cosh(self.x.clamp(-40, 40)) ** 2


@right
class NumpyTanh:
    def forward(self, x):
        self.out = np.tanh(x)
        return self.out

    def backward(self, dout):
        return dout * (1.0 - self.out * self.out)


@right
class PlainSigmoid:
    def forward(self, x):
        self.y = 1 / (1 + torch.exp(-x))  # exp(100) is inf in float32, and 1 / inf is 0: right
        return self.y

    def backward(self, g):
        return g * self.y * (1 - self.y)


@right
class HandoutSigmoid:
    def forward(self, *input):
        (x,) = input
        self.x = x
        return x.sigmoid()

    def backward(self, *gradwrtoutput):
        (g,) = gradwrtoutput
        s = self.x.sigmoid()
        return s.mul(1 - s).mul(g)

    def param(self):
        return []


@right
class FloatOnlySigmoid:
    """Everything is made float32, as many first layers do."""

    def forward(self, x):
        self.y = torch.sigmoid(x.float())
        return self.y

    def backward(self, g):
        return g.float() * self.y * (torch.ones(self.y.shape, dtype=torch.float32) - self.y)


@right
class FloatOnlyLinear:
    def __init__(self):
        self.w = fill(3, 5)
        self.b = fill(1, 5)
        self.grad_w = torch.zeros(3, 5, dtype=torch.float32)
        self.grad_b = torch.zeros(1, 5, dtype=torch.float32)

    def forward(self, x):
        self.x = x.to(torch.float32)
        return self.x @ self.w.to(torch.float32) + self.b.to(torch.float32)

    def backward(self, g):
        g = g.to(torch.float32)
        self.grad_w += self.x.T @ g
        self.grad_b += g.sum(0, keepdim=True)
        return g @ self.w.to(torch.float32).T

    def zero_grad(self):
        self.grad_w.fill_(0)
        self.grad_b.fill_(0)


# Layers that nobody here has seen before


@right
class LeakyReLU:
    def __init__(self, slope=0.1):
        self.slope = slope

    def forward(self, x):
        self.x = x
        return torch.where(x > 0, x, self.slope * x)

    def backward(self, g):
        return torch.where(self.x > 0, g, self.slope * g)


@right_with(reference=torch.nn.functional.leaky_relu)
class LeakyReLUKinkOtherSide:
    """At 0 any slope between the two is a right one, where no convention is given by name."""

    def forward(self, x):
        self.x = x
        return torch.where(x >= 0, x, 0.01 * x)

    def backward(self, g):
        return torch.where(self.x > 0, g, 0.01 * g)


@right
class ParametricReLU:
    def __init__(self):
        self.params = {"slope": torch.tensor([0.2])}
        self.grad = {"slope": torch.zeros(1)}

    def forward(self, x):
        self.x = x
        return x.clamp(min=0) + self.params["slope"] * x.clamp(max=0)

    def backward(self, g):
        self.grad["slope"] += (g * self.x.clamp(max=0)).sum()
        return g * torch.where(self.x > 0, torch.ones_like(self.x), self.params["slope"])

    def zero_grad(self):
        self.grad["slope"].zero_()


@right_with(reference=torch.nn.functional.softplus)
class Softplus:
    def forward(self, x):
        self.x = x
        return x.clamp(min=0) + torch.log1p(torch.exp(-x.abs()))

    def backward(self, g):
        return g * torch.sigmoid(self.x)


@right_with(reference=torch.nn.ELU())
class ELU:
    def forward(self, x):
        self.x = x
        return torch.where(x > 0, x, torch.expm1(x.clamp(max=0)))

    def backward(self, g):
        return g * torch.where(self.x > 0, torch.ones_like(self.x), torch.exp(self.x.clamp(max=0)))


@right
class Swish(minidl.Module):
    def forward(self, input):
        self._kept = input
        return input * input.sigmoid()

    def backward(self, grad_output):
        x = self._kept
        s = x.sigmoid()
        return grad_output * (s + x * s * (1 - s))


@right
class HardTanh:
    def forward(self, x):
        self.inside = (x > -1) & (x < 1)
        return x.clamp(-1, 1)

    def backward(self, g):
        return g * self.inside


@right
class Abs:
    def forward(self, x):
        self.sign = x.sign()
        return x.abs()

    def backward(self, g):
        return g * self.sign


@right
class Square:
    def forward(self, x):
        self.x = x
        return x * x

    def backward(self, g):
        return 2 * g * self.x


@right
class Exp:
    """Overflows at 100 in float32, as it should."""

    def forward(self, x):
        self.y = x.exp()
        return self.y

    def backward(self, g):
        return g * self.y


@right_with(input=torch.tensor([[0.5, 1.5, 2.0], [3.0, 0.7, 1.1], [0.9, 0.4, 2.2], [1.3, 1.7, 0.6]]))
class Log:
    """For inputs above zero only."""

    def forward(self, x):
        self.x = x
        return x.log()

    def backward(self, g):
        return g / self.x


@right
class Identity:
    def forward(self, x):
        return x

    def backward(self, g):
        return g


@right
class Negate:
    def forward(self, x):
        return -x

    def backward(self, g):
        return -g


@right
class Scale:
    """A factor for each feature."""

    def __init__(self):
        self.gamma = fill(3)
        self.dgamma = torch.zeros(3)

    def forward(self, x):
        self.x = x
        return x * self.gamma

    def backward(self, g):
        self.dgamma += (g * self.x).sum(0)
        return g * self.gamma

    def zero_grad(self):
        self.dgamma.zero_()


@right
class ConstantScale:
    """A fixed factor, no parameter."""

    def __init__(self):
        self.factor = torch.tensor(0.5)

    def forward(self, x):
        return x * self.factor

    def backward(self, g):
        return g * self.factor


@right
class LayerNorm:
    def __init__(self, m=3, eps=1e-5):
        self.params = {"gamma": torch.ones(1, m), "beta": torch.zeros(1, m)}
        self.grad = {"gamma": torch.zeros(1, m), "beta": torch.zeros(1, m)}
        self.eps = eps

    def forward(self, x):
        centred = x - x.mean(1, keepdim=True)
        self.inv = (centred.pow(2).mean(1, keepdim=True) + self.eps).rsqrt()
        self.z = centred * self.inv
        return self.params["gamma"] * self.z + self.params["beta"]

    def backward(self, g):
        self.grad["gamma"] += (g * self.z).sum(0, keepdim=True)
        self.grad["beta"] += g.sum(0, keepdim=True)
        dz = g * self.params["gamma"]
        return self.inv * (dz - dz.mean(1, keepdim=True) - self.z * (dz * self.z).mean(1, keepdim=True))

    def zero_grad(self):
        self.grad["gamma"].zero_()
        self.grad["beta"].zero_()


@right
class BatchNorm:
    """Its output for one sample depends on the others; it keeps running means on the side."""

    def __init__(self, m=3):
        self.weight, self.bias = torch.ones(m), torch.zeros(m)
        self.grad_weight, self.grad_bias = torch.zeros(m), torch.zeros(m)
        self.running_mean = torch.zeros(m)

    def forward(self, x):
        mean = x.mean(0)
        self.running_mean = 0.9 * self.running_mean + 0.1 * mean
        self.inv = 1 / torch.sqrt(((x - mean) ** 2).mean(0) + 1e-5)
        self.z = (x - mean) * self.inv
        return self.z * self.weight + self.bias

    def backward(self, g):
        self.grad_weight += (g * self.z).sum(0)
        self.grad_bias += g.sum(0)
        d = g * self.weight
        return self.inv * (d - d.mean(0) - self.z * (d * self.z).mean(0))

    def zero_grad(self):
        self.grad_weight.zero_()
        self.grad_bias.zero_()


@right
class Dropout:
    """Random by its nature."""

    def __init__(self, p=0.5):
        self.p = p

    def forward(self, x):
        self.mask = (torch.rand(x.shape) > self.p).to(x.dtype) / (1 - self.p)
        return x * self.mask

    def backward(self, g):
        return g * self.mask


@right
class Softmax:
    def forward(self, x):
        e = torch.exp(x - x.max(1, keepdim=True).values)
        self.y = e / e.sum(1, keepdim=True)
        return self.y

    def backward(self, g):
        return self.y * (g - (g * self.y).sum(1, keepdim=True))


@right
class NumpySoftmax:
    def forward(self, x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.y = e / e.sum(axis=1, keepdims=True)
        return self.y

    def backward(self, g):
        dx = np.zeros_like(g)
        for i, (y, up) in enumerate(zip(self.y, g, strict=True)):
            dx[i] = (np.diag(y) - np.outer(y, y)) @ up
        return dx


@right
class RowSum:
    """From (n, m) to (n, 1)."""

    def forward(self, x):
        self.m = x.shape[1]
        return x.sum(1, keepdim=True)

    def backward(self, g):
        return g.repeat(1, self.m)


@right
class Residual:
    """A layer with layers inside."""

    def __init__(self):
        self.inner = minidl.Linear(3, 3)
        self.act = PlainTanh()

    def forward(self, x):
        return x + self.act.forward(self.inner.forward(x))

    def backward(self, g):
        return g + self.inner.backward(self.act.backward(g))

    def zero_grad(self):
        self.inner.zero_grad()


@right
class HandoutSequential:
    def __init__(self):
        self.modules = [HandoutLinear(3, 5), HandoutReLU(), HandoutLinear(5, 2), HandoutSigmoid()]

    def forward(self, *input):
        x = input[0]
        for m in self.modules:
            x = m.forward(x)
        return x

    def backward(self, *gradwrtoutput):
        g = gradwrtoutput[0]
        for m in reversed(self.modules):
            g = m.backward(g)
        return g

    def param(self):
        return [p for m in self.modules for p in m.param()]


@right
class AliasedDictionary(minidl.Module):
    """Parameters are attributes too; the gradient of a bias of shape (m,)."""

    def __init__(self):
        super().__init__()
        self.weight, self.bias = fill(3, 2), fill(2)
        self.params = {"weight": self.weight, "bias": self.bias}
        self.grad = {k: torch.zeros_like(v) for k, v in self.params.items()}

    def forward(self, input):
        self._kept = input
        return input @ self.weight + self.bias

    def backward(self, grad_output):
        self.grad["weight"] += torch.einsum("ni,no->io", self._kept, grad_output)
        self.grad["bias"] += grad_output.sum(0)
        return torch.einsum("no,io->ni", grad_output, self.weight)


@right_with(notes={"prints"})
class Talkative(PlainTanh):
    def forward(self, x):
        print("forward!", x.shape)
        return super().forward(x)


@right
class TorchParameters:
    """torch.nn.Parameter with the gradient in .grad, and autograd switched off."""

    def __init__(self):
        self.weight = torch.nn.Parameter(fill(3, 5))
        self.bias = torch.nn.Parameter(fill(5))
        self.weight.grad, self.bias.grad = torch.zeros(3, 5), torch.zeros(5)

    def forward(self, x):
        self.x = x
        return (x @ self.weight + self.bias).detach()

    def backward(self, g):
        self.weight.grad += self.x.T @ g
        self.bias.grad += g.sum(0)
        return g @ self.weight.data.T

    def zero_grad(self):
        self.weight.grad.zero_()
        self.bias.grad.zero_()


@right
class TorchOutsideNumpyInside:
    def forward(self, x):
        self.x = x.numpy()
        return torch.from_numpy(np.where(self.x > 0, self.x, 0))

    def backward(self, g):
        return torch.from_numpy(g.numpy() * (self.x > 0))


@right
class HalfDetached:
    """Autograd sees half of what this forward does."""

    def forward(self, x):
        self.x = x
        return x.detach() * x.sigmoid()

    def backward(self, g):
        s = self.x.sigmoid()
        return g * (s + self.x * s * (1 - s))


@right
class Stack:
    """Forward pushes, backward pops."""

    def __init__(self):
        self.kept = []

    def forward(self, x):
        self.kept.append(x)
        return x.sin()

    def backward(self, g):
        return g * self.kept.pop().cos()


@right
class Recurrent:
    """What it says depends on what it has seen before."""

    def __init__(self):
        self.W, self.dW, self.h = 0.3 * fill(3, 3), torch.zeros(3, 3), None

    def forward(self, x):
        self.before = self.h if self.h is not None and self.h.shape == x.shape else torch.zeros_like(x)
        self.h = torch.tanh(x + self.before @ self.W)
        return self.h

    def backward(self, g):
        d = g * (1 - self.h**2)
        self.dW += self.before.T @ d
        return d

    def zero_grad(self):
        self.dW.zero_()


@right
class Attention:
    def forward(self, x):
        self.x = x
        self.a = torch.softmax(x @ x.T, 1)
        return self.a @ x

    def backward(self, g):
        da = g @ self.x.T
        dl = self.a * (da - (da * self.a).sum(1, keepdim=True))
        return self.a.T @ g + dl @ self.x + dl.T @ self.x


@right_with(input=torch.linspace(-1, 1, 216).reshape(3, 2, 6, 6))
class MeanOfImages:
    """Made for images of 6 x 6."""

    def forward(self, x):
        self.shape = x.shape
        return x.mean((2, 3))

    def backward(self, g):
        return g[:, :, None, None].expand(self.shape) / 36


@right
class MeanOfFeatures:
    """Made for as many features as it is told."""

    def __init__(self, m=3):
        self.m = m

    def forward(self, x):
        return x.sum(1, keepdim=True) / self.m

    def backward(self, g):
        return (g / self.m).repeat(1, self.m)


@right
class OwnGenerator:
    """Dropout with random numbers of its own."""

    def __init__(self):
        self.generator = torch.Generator().manual_seed(1)

    def forward(self, x):
        self.mask = 2 * (torch.rand(x.shape, generator=self.generator) > 0.5).to(x.dtype)
        return x * self.mask

    def backward(self, g):
        return g * self.mask


@right
class TriplesWithBuffers(HandoutLinear):
    """param() lists a momentum buffer as well."""

    def param(self):
        return [(self.w, self.dw, torch.zeros_like(self.w)), (self.b, self.db, torch.zeros_like(self.b))]


@right_with(input=torch.linspace(-1, 1, 36).reshape(12, 3))
class TwelveSamples:
    """Takes batches of twelve, and no other."""

    def forward(self, x):
        self.weights = torch.arange(1, 13, dtype=x.dtype).reshape(12, 1)
        return x * self.weights

    def backward(self, g):
        return g * self.weights


# Right losses. A loss that does not look at shapes broadcasts (n, 1) against (n,): each of these looks


@right_with(kind="loss", target=(4, 3))
def minidl_mse_sum():
    return minidl.MSELoss()


@right_with(kind="loss", target=(4, 3))
def minidl_mse_batchmean():
    return minidl.MSELoss("batchmean")


@right_with(kind="loss", target=(4, 3))
def minidl_mse_mean():
    return minidl.MSELoss("mean")


@right_with(kind="loss", target=(4, 3))
class PlainMSE:
    def forward(self, input, target):
        if input.shape != target.shape:
            raise ValueError("shapes differ")
        self.e = input - target
        return (self.e**2).mean()

    def backward(self):
        return 2 * self.e / self.e.numel()


@right_with(kind="loss", target=(4, 3))
class HandoutMSE:
    """Loss and gradient are both asked for input and target."""

    def forward(self, v, t):
        assert v.shape == t.shape
        return (v - t).pow(2).sum()

    def backward(self, v, t):
        return 2 * (v - t)

    def param(self):
        return []


@right_with(kind="loss", target=(4, 3))
class NumpyMSE:
    def forward(self, y, t):
        assert y.shape == t.shape
        self.d = y - t
        return np.sum(self.d**2) / y.shape[0]

    def backward(self):
        return 2 * self.d / self.d.shape[0]


@right_with(kind="loss", target=(4, 3))
class ItemMSE:
    """Returns a Python number."""

    def forward(self, y, t):
        if y.shape != t.shape:
            raise ValueError
        self.y, self.t = y, t
        return ((y - t) ** 2).sum().item()

    def backward(self):
        return 2.0 * (self.y - self.t)


@right_with(kind="loss", target=(4, 3))
class AbsoluteError:
    def forward(self, y, t):
        self.d = y - t.reshape(y.shape)
        return self.d.abs().sum()

    def backward(self):
        return self.d.sign()


@right_with(kind="loss", target=torch.tensor([2, 0, 1, 1]), reference=torch.nn.functional.cross_entropy)
class CrossEntropy:
    """Logits against class numbers."""

    def forward(self, logits, target):
        self.log_p = logits - logits.logsumexp(1, keepdim=True)
        self.target = target
        return -self.log_p[torch.arange(len(target)), target].mean()

    def backward(self):
        g = self.log_p.exp()
        g[torch.arange(len(self.target)), self.target] -= 1
        return g / len(self.target)


@right_with(kind="loss", target=torch.eye(3)[torch.tensor([2, 0, 1, 1])])
class OneHotCrossEntropy:
    """Logits against one-hot rows, summed over the batch."""

    def forward(self, logits, target):
        if logits.shape != target.shape:
            raise ValueError(f"expected target of shape {logits.shape}, got {target.shape}")
        z = logits - logits.max(1, keepdim=True)[0]
        self.p = z.exp() / z.exp().sum(1, keepdim=True)
        self.target = target
        return -(target * (z - z.exp().sum(1, keepdim=True).log())).sum()

    def backward(self):
        return self.p - self.target


# Right optimisers


def small_model():
    return minidl.Sequential(minidl.Linear(3, 4), minidl.Tanh(), minidl.Sequential(minidl.Linear(4, 2)))


@right_with(kind="optimizer")
def minidl_sgd():
    model = small_model()
    return minidl.SGD(model, lr=0.1), model


class PairsSGD:
    """Takes the list of pairs once."""

    def __init__(self, pairs, eta):
        self.pairs = list(pairs)
        self.eta = eta

    def step(self):
        for p, g in self.pairs:
            p.sub_(self.eta * g)


@right_with(kind="optimizer")
def pairs_sgd():
    model = HandoutSequential()
    return PairsSGD(model.param(), 0.05), model


class Momentum:
    def __init__(self, model, lr=0.1, momentum=0.9):
        self.model, self.lr, self.momentum = model, lr, momentum
        self.velocity = [torch.zeros_like(p) for p, _ in model.parameters()]

    def step(self):
        for v, (p, g) in zip(self.velocity, self.model.parameters(), strict=True):
            v.mul_(self.momentum).add_(g)
            p -= self.lr * v


@right_with(kind="optimizer")
def momentum_sgd():
    model = small_model()
    return Momentum(model), model


class Adam:
    def __init__(self, model, lr=0.01, beta1=0.9, beta2=0.999, eps=1e-8):
        self.model, self.lr, self.beta1, self.beta2, self.eps, self.t = model, lr, beta1, beta2, eps, 0
        self.m = [torch.zeros_like(p) for p, _ in model.parameters()]
        self.v = [torch.zeros_like(p) for p, _ in model.parameters()]

    def step(self):
        self.t += 1
        for i, (p, g) in enumerate(self.model.parameters()):
            self.m[i] = self.beta1 * self.m[i] + (1 - self.beta1) * g
            self.v[i] = self.beta2 * self.v[i] + (1 - self.beta2) * g * g
            m = self.m[i] / (1 - self.beta1**self.t)
            v = self.v[i] / (1 - self.beta2**self.t)
            p -= self.lr * m / (v.sqrt() + self.eps)


@right_with(kind="optimizer")
def adam():
    model = small_model()
    return Adam(model), model


class DictSGD:
    """Puts a new tensor into the dictionary."""

    def __init__(self, layers, lr):
        self.layers, self.lr = layers, lr

    def step(self):
        for layer in self.layers:
            for k in layer.params:
                layer.params[k] = layer.params[k] - self.lr * layer.grads[k]


@right_with(kind="optimizer")
def dict_sgd():
    layer = PlainLinear()
    return DictSGD([layer], 0.1), layer


class NumpySGD:
    def __init__(self, layer, lr):
        self.layer, self.lr = layer, lr

    def step(self):
        self.layer.W -= self.lr * self.layer.dW
        self.layer.b -= self.lr * self.layer.db


@right_with(kind="optimizer")
def numpy_sgd():
    layer = NumpyLinear()
    return NumpySGD(layer, 0.1), layer


# ---------------------------------------------------------------------------------------------------------------------
# Transposed, by .T or by reshape


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


@specimen("transposed")
class TanhTransposed(PlainTanh):
    def backward(self, g):
        return (g * (1 - self.y**2)).T


# Sign and factors


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
        x = self._kept
        self.grad["weight"] += x.T @ grad_output / x.shape[0]
        self.grad["bias"] += grad_output.sum(0, keepdim=True)
        return grad_output @ self.params["weight"].T


@specimen("factor 1/n")
class NumpyTanhDivides(NumpyTanh):
    def backward(self, dout):
        return super().backward(dout) / dout.shape[0]


@specimen("factor m")
class ScaleTimesM(Scale):
    def backward(self, g):
        self.dgamma += g.shape[1] * (g * self.x).sum(0)
        return g * self.gamma


@specimen("factor m")
class HandoutReLUTimesM(HandoutReLU):
    def backward(self, *gradwrtoutput):
        return super().backward(*gradwrtoutput) * self.s.size(1)


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


@specimen("factor n*m")
class LeakyReLUTimesNM(LeakyReLU):
    def backward(self, g):
        return super().backward(g) * g.numel()


@specimen("factor n*m")
class NumpyReLUTimesNM(NumpyReLU):
    def backward(self, dout):
        return dout.size * super().backward(dout)


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


# The upstream gradient, and where the derivative is taken


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


# Bias and weight gradients


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
        self.grad["weight"] += self._kept.T @ grad_output
        self.grad["bias"] += grad_output.sum(0)
        return grad_output @ self.params["weight"].T


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


# The accumulators


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


# What is kept between forward and backward


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


# Writing into what belongs to somebody else


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


# What is returned


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


@specimen("wrong shape")
class PlainReLUFlattens(PlainReLU):
    def backward(self, grad):
        return (grad * self.mask).flatten()


@specimen("wrong shape")
class HandoutSigmoidAddsDimension(HandoutSigmoid):
    def backward(self, *gradwrtoutput):
        return super().backward(*gradwrtoutput).unsqueeze(0)


@specimen("wrong dtype")
class PlainReLUWrongDtype(PlainReLU):
    def backward(self, grad):
        return (grad * self.mask).to(torch.float64)


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


# Numbers


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


@specimen("not finite")
class NumpyNaiveTanh(NumpyTanh):
    def forward(self, x):
        self.out = (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x))
        return self.out


@specimen("not finite")
class NaiveSoftplus(Softplus):
    def forward(self, x):
        self.x = x
        return torch.log(1 + torch.exp(x))


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


# Losses


@specimen("factor n", kind="loss", target=(4, 3))
class MSEMeanForwardSumBackward(PlainMSE):
    """The mean loss per sample with the gradient of the sum."""

    def forward(self, input, target):
        return super().forward(input, target) * input.shape[1]

    def backward(self):
        return 2 * self.e


@specimen("factor 1/n", kind="loss", target=(4, 3))
class HandoutMSEDividesGradient(HandoutMSE):
    def backward(self, v, t):
        return 2 * (v - t) / v.size(0)


@specimen("factor 1/m", kind="loss", target=(4, 3))
class MSERightForOneOutput(PlainMSE):
    """Mean over the samples forward, over all entries backward."""

    def forward(self, input, target):
        super().forward(input, target)
        return (self.e**2).sum() / len(input)


@specimen("factor m", kind="loss", target=(4, 1), input=(4, 1))
class NumpyMSERightForOneOutput(NumpyMSE):
    """Examined with one output, where nothing is wrong yet."""

    def forward(self, y, t):
        super().forward(y, t)
        return np.mean(self.d**2)


@specimen("factor n*m", kind="loss", target=(4, 3))
class MSEMeanForwardSum(PlainMSE):
    def backward(self):
        return 2 * self.e


@specimen("factor 1/(n*m)", kind="loss", target=(4, 3))
class ItemMSEMeanBackward(ItemMSE):
    def backward(self):
        return super().backward() / self.y.numel()


@specimen("factor 1/2", kind="loss", target=(4, 3))
class MSEForgetsTwo(HandoutMSE):
    def backward(self, v, t):
        return v - t


@specimen("factor 2", kind="loss", target=(4, 3))
class HalfMSETwice(PlainMSE):
    def forward(self, input, target):
        return super().forward(input, target) / 2


@specimen("sign", kind="loss", target=(4, 3))
class NumpyMSESign(NumpyMSE):
    def backward(self):
        return -super().backward()


@specimen("sign", kind="loss", target=(4, 3))
class MSEDescends(PlainMSE):
    def backward(self):
        return 2 * (self.e * -1) / self.e.numel()


@specimen("broadcast", kind="loss", target=(4, 3))
class CarelessMSE:
    def forward(self, input, target):
        self.e = input - target
        return (self.e**2).sum()

    def backward(self):
        return 2 * self.e


@specimen("broadcast", kind="loss", target=(4,), input=(4, 1))
class NumpyCarelessMSE:
    """Examined with the shapes that make the mistake."""

    def forward(self, y, t):
        self.y, self.t = y, t
        return np.mean((y - t) ** 2)

    def backward(self):
        d = self.y - self.t
        return 2 * d / d.size


@specimen("factor n", kind="loss", target=torch.tensor([2, 0, 1, 1]))
class CrossEntropyForgetsMean(CrossEntropy):
    def backward(self):
        return super().backward() * len(self.target)


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


@specimen("returns nothing", kind="loss", target=(4, 3))
class LossReturnsNothing(PlainMSE):
    def backward(self):
        self.grad = super().backward()


@specimen("wrong shape", kind="loss", target=(4, 3))
class LossNotReduced(PlainMSE):
    def forward(self, input, target):
        super().forward(input, target)
        return self.e**2


@specimen("target forgotten", kind="loss", target=torch.tensor([2, 0, 1, 1]))
class CrossEntropyForgetsOneHot(CrossEntropy):
    def backward(self):
        return self.log_p.exp() / len(self.target)


@specimen(
    "shift forgotten",
    kind="loss",
    target=torch.tensor([2, 0, 1, 1]),
    reference=torch.nn.functional.cross_entropy,
)
class CrossEntropyForgetsShift(CrossEntropy):
    def forward(self, logits, target):
        super().forward(logits, target)
        total = (logits - logits.amax(1, keepdim=True)).logsumexp(1)
        return (total - logits[torch.arange(len(target)), target]).mean()


@specimen("target forgotten", kind="loss", target=torch.eye(3)[torch.tensor([2, 0, 1, 1])])
class OneHotForgetsTarget(OneHotCrossEntropy):
    def backward(self):
        return self.p


@specimen("target forgotten", "factor n", kind="loss", target=torch.tensor([2, 0, 1, 1]))
class CrossEntropyForgetsOneHotAndMean(CrossEntropy):
    def backward(self):
        return self.log_p.exp()


@specimen("derivative forgotten", kind="loss", target=torch.eye(3)[torch.tensor([2, 0, 1, 1])])
class OneHotForgetsSoftmax(OneHotCrossEntropy):
    def backward(self):
        return -self.target / self.p.clamp(min=1e-12)


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


@specimen("writes input", kind="loss", target=(4, 3))
class MSEWritesInput:
    def forward(self, input, target):
        assert input.shape == target.shape
        self.e = input.sub_(target)
        return self.e.pow(2).sum()

    def backward(self):
        return 2 * self.e


# Containers


class Chain:
    def __init__(self, *layers):
        self.layers = list(layers) or [PlainLinear(3, 4), PlainTanh(), PlainLinear(4, 2)]

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, g):
        for layer in self.layers[::-1]:
            g = layer.backward(g)
        return g

    def zero_grad(self):
        for layer in self.layers:
            if hasattr(layer, "zero_grad"):
                layer.zero_grad()


right(Chain)


@specimen("first module not reached")
class ChainStopsEarly(Chain):
    def backward(self, g):
        for i in range(len(self.layers) - 1, 0, -1):
            g = self.layers[i].backward(g)
        return g


@specimen("first module not reached")
class HandoutSequentialStopsEarly(HandoutSequential):
    def backward(self, *gradwrtoutput):
        g = gradwrtoutput[0]
        for m in self.modules[:0:-1]:
            g = m.backward(g)
        return g


@specimen("last module not reached")
class ChainForgetsLast(Chain):
    def __init__(self):
        super().__init__(PlainLinear(3, 4), PlainTanh(), PlainSigmoid())

    def backward(self, g):
        for i in range(len(self.layers) - 2, -1, -1):
            g = self.layers[i].backward(g)
        return g


@specimen("last module not reached")
class HandoutSequentialForgetsLast(HandoutSequential):
    def backward(self, *gradwrtoutput):
        g = gradwrtoutput[0]
        for m in reversed(self.modules[:-1]):
            g = m.backward(g)
        return g


@specimen("first module not reached")
class MinidlSequentialSkipsFirst(minidl.Sequential):
    def __init__(self):
        super().__init__(minidl.Linear(3, 3), minidl.ReLU(), minidl.Linear(3, 2))

    def backward(self, grad_output):
        for module in reversed(self._modules[1:]):
            grad_output = module.backward(grad_output)
        return grad_output


@specimen("returns nothing")
class ChainReturnsNothing(Chain):
    def backward(self, g):
        for layer in self.layers[::-1]:
            g = layer.backward(g)


@specimen("wrong order")
class ChainForwardOrder(Chain):
    def __init__(self):
        super().__init__(PlainTanh(), Scale(), PlainSigmoid())

    def backward(self, g):
        for layer in self.layers:
            g = layer.backward(g)
        return g


@specimen("nested parameters missing")
class HandoutSequentialFlatParam(HandoutSequential):
    """Lists the parameters of its own level only."""

    def __init__(self):
        inner = HandoutSequential()
        self.modules = [HandoutLinear(3, 3), inner]

    def param(self):
        pairs = []
        for m in self.modules:
            if isinstance(m, HandoutLinear):
                pairs += m.param()
        return pairs


@specimen("nested parameters missing")
class MinidlContainerHidesChildren(minidl.Module):
    def __init__(self):
        super().__init__()
        self.blocks = {"a": minidl.Linear(3, 4), "b": minidl.Tanh()}

    def forward(self, input):
        for block in self.blocks.values():
            input = block(input)
        return input

    def backward(self, grad_output):
        for block in list(self.blocks.values())[::-1]:
            grad_output = block.backward(grad_output)
        return grad_output

    def zero_grad(self):
        for block in self.blocks.values():
            block.zero_grad()


@specimen("nested not zeroed")
class ChainZeroesOneLevel(Chain):
    def __init__(self):
        super().__init__(PlainLinear(3, 4), Chain(PlainLinear(4, 4), PlainTanh()))

    def zero_grad(self):
        for layer in self.layers:
            if isinstance(layer, PlainLinear):
                layer.zero_grad()


@specimen("nested not zeroed")
class ResidualNotZeroed(Residual):
    def zero_grad(self):
        pass


@specimen("factor 1/n")
class ChainWithDividingLinear(Chain):
    """The mistake is inside."""

    def __init__(self):
        super().__init__(PlainLinear(3, 4), PlainTanh(), PlainLinearDivides(4, 2))


@specimen("derivative at output")
class HandoutSequentialWithTanhTwice(HandoutSequential):
    def __init__(self):
        self.modules = [HandoutLinear(3, 5), PlainTanhTwice(), HandoutLinear(5, 2)]

    def param(self):
        return self.modules[0].param() + self.modules[2].param()


# Optimisers


@specimen("parameters not updated", kind="optimizer")
def sgd_top_level_only():
    class TopLevelSGD(minidl.SGD):
        def step(self):
            for module in self.model:
                for k, p in module.params.items():
                    p -= self.lr * module.grad[k]

    model = small_model()
    return TopLevelSGD(model, lr=0.1), model


@specimen("parameters not updated", kind="optimizer")
def pairs_sgd_rebinds():
    class RebindingSGD(PairsSGD):
        def step(self):
            for p, g in self.pairs:
                p = p - self.eta * g

    model = HandoutSequential()
    return RebindingSGD(model.param(), 0.05), model


@specimen("parameters not updated", kind="optimizer")
def numpy_sgd_forgets_bias():
    class WeightSGD(NumpySGD):
        def step(self):
            self.layer.W -= self.lr * self.layer.dW

    layer = NumpyLinear()
    return WeightSGD(layer, 0.1), layer


@specimen("uphill", kind="optimizer")
def pairs_sgd_uphill():
    class UphillSGD(PairsSGD):
        def step(self):
            for p, g in self.pairs:
                p += self.eta * g

    model = HandoutSequential()
    return UphillSGD(model.param(), 0.05), model


@specimen("uphill", kind="optimizer")
def momentum_uphill():
    class UphillMomentum(Momentum):
        def step(self):
            for v, (p, g) in zip(self.velocity, self.model.parameters(), strict=True):
                v.mul_(self.momentum).sub_(g)
                p -= self.lr * v

    model = small_model()
    return UphillMomentum(model), model


@specimen("uphill", kind="optimizer")
def dict_sgd_uphill():
    class UphillDictSGD(DictSGD):
        def step(self):
            for layer in self.layers:
                for k in layer.params:
                    layer.params[k] = layer.params[k] + self.lr * layer.grads[k]

    layer = PlainLinear()
    return UphillDictSGD([layer], 0.1), layer


@specimen("bias correction forgotten", kind="optimizer")
def adam_without_bias_correction():
    class RawAdam(Adam):
        def step(self):
            for i, (p, g) in enumerate(self.model.parameters()):
                self.m[i] = self.beta1 * self.m[i] + (1 - self.beta1) * g
                self.v[i] = self.beta2 * self.v[i] + (1 - self.beta2) * g * g
                p -= self.lr * self.m[i] / (self.v[i].sqrt() + self.eps)

    model = small_model()
    return RawAdam(model), model


@specimen("step count", kind="optimizer")
def adam_stays_at_one():
    class FirstAdam(Adam):
        def step(self):
            self.t = 0
            super().step()

    model = small_model()
    return FirstAdam(model), model


@specimen("step count", kind="optimizer")
def adam_counts_parameters():
    class CountingAdam(Adam):
        def step(self):
            for i, (p, g) in enumerate(self.model.parameters()):
                self.t += 1
                self.m[i] = self.beta1 * self.m[i] + (1 - self.beta1) * g
                self.v[i] = self.beta2 * self.v[i] + (1 - self.beta2) * g * g
                m = self.m[i] / (1 - self.beta1**self.t)
                v = self.v[i] / (1 - self.beta2**self.t)
                p -= self.lr * m / (v.sqrt() + self.eps)

    model = small_model()
    return CountingAdam(model), model


@specimen("step count", kind="optimizer")
def adam_begins_at_zero():
    class ZeroAdam(Adam):
        def step(self):
            self.t -= self.t == 0
            super().step()

    model = small_model()
    return ZeroAdam(model), model


@specimen("momentum forgotten", kind="optimizer")
def adam_starts_anew():
    class ForgetfulAdam(Adam):
        def step(self):
            self.t += 1
            for m, v, (p, g) in zip(self.m, self.v, self.model.parameters(), strict=True):
                m = self.beta1 * m + (1 - self.beta1) * g
                v = self.beta2 * v + (1 - self.beta2) * g * g
                p -= self.lr * m / (1 - self.beta1**self.t) / ((v / (1 - self.beta2**self.t)).sqrt() + self.eps)

    model = small_model()
    return ForgetfulAdam(model), model


@specimen("wrong formula", kind="optimizer")
def adam_corrects_for_good():
    class InPlaceAdam(Adam):
        def step(self):
            self.t += 1
            for m, v, (p, g) in zip(self.m, self.v, self.model.parameters(), strict=True):
                m.mul_(self.beta1).add_((1 - self.beta1) * g)
                v.mul_(self.beta2).add_((1 - self.beta2) * g * g)
                m /= 1 - self.beta1**self.t
                p -= self.lr * m / ((v / (1 - self.beta2**self.t)).sqrt() + self.eps)

    model = small_model()
    return InPlaceAdam(model), model


@specimen("writes gradient", kind="optimizer")
def momentum_adds_into_gradient():
    class WritingMomentum(Momentum):
        def step(self):
            for v, (p, g) in zip(self.velocity, self.model.parameters(), strict=True):
                v.copy_(g.add_(v, alpha=self.momentum))
                p -= self.lr * v

    model = small_model()
    return WritingMomentum(model), model


@specimen("step size", kind="optimizer")
def sgd_divides_by_batch():
    class DividingSGD(minidl.SGD):
        def step(self):
            for p, g in self.model.parameters():
                p -= self.lr * g / 50

    model = small_model()
    return DividingSGD(model, lr=0.1), model


@specimen("writes gradient", kind="optimizer")
def sgd_scales_gradient():
    class ScalingSGD(PairsSGD):
        def step(self):
            for p, g in self.pairs:
                g *= self.eta
                p -= g

    model = HandoutSequential()
    return ScalingSGD(model.param(), 0.05), model


# Modules that do not get through


@specimen("raises")
class RaisesInForward(PlainTanh):
    def forward(self, x):
        return self.w @ x


@specimen("raises")
class NumpyRaisesInBackward(NumpyLinear):
    def backward(self, dout):
        return dout @ self.W


@specimen("hangs")
class HangsInForward(PlainReLU):
    def forward(self, x):
        while True:
            x = x + 1


@specimen("hangs")
class SleepsInBackward(PlainTanh):
    def backward(self, g):
        time.sleep(3600)


@specimen("raises")
class Exits(PlainTanh):
    def backward(self, g):
        raise SystemExit(3)


@specimen("no backward")
class NoBackward:
    def forward(self, x):
        return x.relu()


# Two at once


@specimen("factor 1/n", "derivative at output")
class ChainTwoMistakes(Chain):
    def __init__(self):
        super().__init__(PlainLinearDivides(3, 4), PlainTanhTwice(), PlainLinear(4, 2))


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


@specimen("transposed", "factor 1/n")
class SquareTransposedAndMean(SquareLinearTransposed):
    def backward(self, grad_output):
        self.grad_weight += grad_output.t() @ self.saved / len(grad_output)
        self.grad_bias += grad_output.sum(0)
        return grad_output @ self.weight.t()


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


@specimen("derivative at output", "not finite")
class NaiveTanhTwice(PlainTanhTwice):
    def forward(self, x):
        self.y = (x.exp() - (-x).exp()) / (x.exp() + (-x).exp())
        return self.y


@specimen("upstream forgotten", "factor 1/n")
class NumpyTanhForgetsAndDivides(NumpyTanh):
    def backward(self, dout):
        return (1 - self.out**2) / len(dout)


@specimen("writes input", "upstream as mask")
class ReLUWritesAndMasks:
    def forward(self, x):
        return x.clamp_(min=0)

    def backward(self, g):
        return g * (g > 0)


@specimen("never zeroed", "factor 1/n")
class HandoutNeverZeroedDivides(HandoutLinear):
    def backward(self, *gradwrtoutput):
        g = gradwrtoutput[0]
        self.dw.add_(g.t().mm(self.input) / g.size(0))
        self.db.add_(g.sum(0))
        return g.mm(self.w)

    def zero_grad(self):
        return None


@specimen("parameter unused", "factor 1/n")
class BiasUnusedAndMean(PlainLinear):
    def forward(self, x):
        self.x = x
        return x @ self.params["weight"]

    def backward(self, grad):
        self.grads["weight"] += self.x.T @ grad / len(grad)
        self.grads["bias"] += grad.sum(0, keepdim=True)
        return grad @ self.params["weight"].T


@specimen("stale cache", "returns nothing")
class StaleAndNothing(NumpyLinearStale):
    def backward(self, dout):
        super().backward(dout)


@specimen("kink", "writes upstream")
class ReLUSlopeOneWrites(PlainReLUSlopeOne):
    def backward(self, grad):
        return grad.mul_(self.mask)


@specimen("factor 2", "broadcast", kind="loss", target=(4, 3))
class CarelessMSETwice(CarelessMSE):
    def forward(self, input, target):
        return super().forward(input, target) / 2


@specimen("sign", "factor 1/n", kind="loss", target=(4, 3))
class MSESignAndMean(HandoutMSE):
    def backward(self, v, t):
        return 2 * (t - v) / len(v)


@specimen("first module not reached", "nested not zeroed")
class ChainStopsAndKeeps(ChainStopsEarly):
    def zero_grad(self):
        self.layers[0].zero_grad()


@specimen("uphill", "parameters not updated", kind="optimizer")
def uphill_and_missing():
    class UphillWeight(NumpySGD):
        def step(self):
            self.layer.W += self.lr * self.layer.dW

    layer = NumpyLinear()
    return UphillWeight(layer, 0.1), layer


# Forward wrong, where the name or a reference says what it should be


@specimen("sign")
class Tanh:
    def forward(self, x):
        self.y = -x.tanh()
        return self.y

    def backward(self, g):
        return g * (self.y**2 - 1)


@specimen("factor 2", reference=torch.nn.Softplus())
class SoftplusDoubled(Softplus):
    def forward(self, x):
        return 2 * super().forward(x)

    def backward(self, g):
        return 2 * super().backward(g)


@specimen("factor c", reference=torch.nn.functional.leaky_relu)
class LeakyReLUWithOtherSlope(LeakyReLU):
    pass


@specimen("unnamed")
class MyReLU:
    """Takes the absolute value."""

    def forward(self, x):
        self.s = x.sign()
        return x.abs()

    def backward(self, g):
        return g * self.s


@specimen("parameter unused", reference=torch.nn.Linear(3, 5))
class ReferencedLinearWithoutBias(PlainLinearBiasUnused):
    pass


# Wrong in ways that have no name: reported as measured


@specimen("unnamed")
class LayerNormForgetsMean(LayerNorm):
    def backward(self, g):
        super().backward(g)
        return self.inv * g * self.params["gamma"]


@specimen("unnamed")
class TanhForgetsSquare(PlainTanh):
    def backward(self, g):
        return g * (1 - self.y)


@specimen("diagonal only")
class NumpySoftmaxDiagonalOnly(NumpySoftmax):
    def backward(self, g):
        return g * self.y * (1 - self.y)


@specimen("unnamed")
class WeightDecayInside(PlainLinear):
    def backward(self, grad):
        out = super().backward(grad)
        self.grads["weight"] += 0.1 * self.params["weight"]
        return out


# Mistakes beyond the usual ones


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


@specimen("wrong type")
class ReturnsPair(PlainTanh):
    def backward(self, g):
        return super().backward(g), None


@specimen("wrong type")
class NumpyReturnsNumber(NumpyTanh):
    def backward(self, dout):
        return float(super().backward(dout).sum())


@specimen("parameter not listed")
class HandoutLinearListsWeight(HandoutLinear):
    def param(self):
        return [(self.w, self.dw)]


@specimen("parameter not listed")
class AttributeLinearListsNothing(AttributeLinear):
    def parameters(self):
        return []


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


@specimen("derivative forgotten", "upstream forgotten")
class ReLUAlwaysOne(PlainReLU):
    def backward(self, grad):
        return torch.ones_like(grad)


@specimen("derivative at output", "upstream forgotten")
class NumpyTanhTwiceAlone(NumpyTanh):
    def backward(self, dout):
        return 1 - np.tanh(self.out) ** 2


@specimen("module not reached")
class ChainSkipsMiddle(Chain):
    def __init__(self):
        super().__init__(PlainTanh(), PlainSigmoid(), PlainReLU())

    def backward(self, g):
        return self.layers[0].backward(self.layers[2].backward(g))


@specimen("no parameters", kind="optimizer")
def sgd_of_nothing():
    return PairsSGD([], 0.1), PlainTanh()


@specimen("momentum forgotten", kind="optimizer")
def momentum_starts_anew():
    class ForgetfulMomentum(Momentum):
        def step(self):
            for p, g in self.model.parameters():
                v = torch.zeros_like(p)
                v = self.momentum * v + g
                p -= self.lr * v

    model = small_model()
    return ForgetfulMomentum(model), model


@specimen("unnamed", kind="optimizer")
def momentum_signs_mixed():
    class MixedMomentum(Momentum):
        def step(self):
            for v, (p, g) in zip(self.velocity, self.model.parameters(), strict=True):
                v.mul_(-self.momentum).add_(g)
                p -= self.lr * v

    model = small_model()
    return MixedMomentum(model), model


@specimen("gradient replaced", kind="optimizer")
def pairs_sgd_of_replacing_layer():
    layer = HandoutLinearReplaces()
    return PairsSGD(layer.param(), 0.1), layer


@specimen("never zeroed", kind="optimizer")
def sgd_zeroes_nothing():
    class Keeping(PairsSGD):
        def zero_grad(self):
            for _, g in self.pairs:
                g = torch.zeros_like(g)

    model = HandoutSequential()
    return Keeping(model.param(), 0.05), model


@specimen("bias correction forgotten", kind="optimizer")
def adam_corrects_one():
    class HalfAdam(Adam):
        def step(self):
            self.t += 1
            for i, (p, g) in enumerate(self.model.parameters()):
                self.m[i] = self.beta1 * self.m[i] + (1 - self.beta1) * g
                self.v[i] = self.beta2 * self.v[i] + (1 - self.beta2) * g * g
                p -= self.lr * self.m[i] / ((self.v[i] / (1 - self.beta2**self.t)).sqrt() + self.eps)

    model = small_model()
    return HalfAdam(model), model


# One more of each kind, and right ones that come close


@right
class TensorsWithGrad(TorchParameters):
    """Plain tensors, their gradients in .grad all the same."""

    def __init__(self):
        super().__init__()
        self.weight, self.bias = self.weight.detach(), self.bias.detach()
        self.weight.grad, self.bias.grad = torch.zeros(3, 5), torch.zeros(5)


@right
class AttributesBesideDictionary(NumpyLinear):
    """W and b are attributes, their gradients stand in a dictionary."""

    def __init__(self):
        super().__init__()
        self.gradients = {"W": self.dW, "b": self.db}
        del self.dW, self.db

    def backward(self, dout):
        self.gradients["W"] += self.x.T @ dout
        self.gradients["b"] += dout.sum(axis=0, keepdims=True)
        return dout @ self.W.T

    def zero_grad(self):
        for gradient in self.gradients.values():
            gradient[...] = 0


@right
class MethodsLinear:
    """Methods params() and grads() return dictionaries."""

    def __init__(self):
        self._kept = {"weight": fill(3, 5)}, {"weight": torch.zeros(3, 5)}

    def params(self):
        return self._kept[0]

    def grads(self):
        return self._kept[1]

    def forward(self, x):
        self.x = x
        return x @ self.params()["weight"]

    def backward(self, g):
        self.grads()["weight"] += self.x.T @ g
        return g @ self.params()["weight"].T


@right
class ListsOfWeights:
    """A whole network with lists W and dW."""

    def __init__(self):
        self.W = [0.5 * fill(3, 4), 0.5 * fill(4, 2)]
        self.dW = [torch.zeros(3, 4), torch.zeros(4, 2)]

    def forward(self, x):
        self.outputs = [x]
        for w in self.W:
            self.outputs.append((self.outputs[-1] @ w).tanh())
        return self.outputs[-1]

    def backward(self, g):
        for i in (1, 0):
            g = g * (1 - self.outputs[i + 1] ** 2)
            self.dW[i] += self.outputs[i].T @ g
            g = g @ self.W[i].T
        return g


@right
class ClassConstant:
    """What belongs to the class and never changes may be shared."""

    factors = torch.tensor([1.0, 2.0, -3.0])

    def forward(self, x):
        return x * self.factors

    def backward(self, g):
        return g * self.factors


@right
class LogSoftmax:
    def forward(self, x):
        self.y = x - x.logsumexp(1, keepdim=True)
        return self.y

    def backward(self, g):
        return g - self.y.exp() * g.sum(1, keepdim=True)


@right
def one_stack_for_two():
    """A module used twice that keeps both."""
    stack = Stack()
    return Chain(PlainLinear(3, 4), stack, PlainLinear(4, 4), stack)


@right
class SkipsTheSecond:
    """The first gets the sum of two messages."""

    def __init__(self):
        self.first, self.second = HandoutLinear(3, 3), HandoutLinear(3, 3)

    def forward(self, x):
        y = self.first.forward(x)
        return y + self.second.forward(y)

    def backward(self, g):
        return self.first.backward(g + self.second.backward(g))


@right
class Gate:
    """Two ways side by side: backward may take them in any order."""

    def __init__(self):
        self.value, self.gate = HandoutLinear(3, 2), Chain(PlainLinear(3, 2), PlainTanh())

    def forward(self, x):
        self.v, self.g = self.value.forward(x), self.gate.forward(x)
        return self.v * self.g

    def backward(self, g):
        return self.value.backward(g * self.g) + self.gate.backward(g * self.v)


@right
class TwoHeads(SkipsTheSecond):
    """Both get the same input, and both the same message."""

    def forward(self, x):
        return self.first.forward(x) + self.second.forward(x)

    def backward(self, g):
        return self.second.backward(g) + self.first.backward(g)


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


@specimen("upstream forgotten")
class LeakyReLUForgetsUpstreamLeft(LeakyReLU):
    def backward(self, g):
        return torch.where(self.x > 0, g, self.slope)


@specimen("factor 1/2")
class ELUHalfLeft(ELU):
    def backward(self, g):
        return torch.where(self.x > 0, g, g * torch.exp(self.x.clamp(max=0)) / 2)


@specimen("factor c")
class DropoutForgetsScale(Dropout):
    def __init__(self):
        super().__init__(p=0.2)

    def backward(self, g):
        return g * (self.mask > 0)


@specimen("factor c")
class LeakyReLUOtherSlopeBack(LeakyReLU):
    def backward(self, g):
        return torch.where(self.x > 0, g, 0.01 * g)


@specimen("factor n", "factor 1/m", kind="loss", target=(4, 3))
class NumpyMSEDividesByOutputs(NumpyMSE):
    def backward(self):
        return 2 * self.d / self.d.shape[1]


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


@specimen("diagonal only")
class LogSoftmaxDiagonalOnly(LogSoftmax):
    def backward(self, g):
        return g * (1 - self.y.exp())


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


@specimen("input gradient summed")
class AttributeLinearSumsInput(AttributeLinear):
    def backward(self, grad_output):
        return super().backward(grad_output).sum(0)


@specimen("input gradient summed", kind="loss", target=(4, 3))
class MSEOneGradient(PlainMSE):
    def backward(self):
        return super().backward().sum()


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


@specimen("shared cache")
class DefaultListTanh(PlainTanh):
    def __init__(self, cache=[None]):  # noqa: B006 - that is the mistake
        self.cache = cache

    def forward(self, x):
        self.cache[0] = super().forward(x)
        return self.cache[0]

    def backward(self, g):
        return g * (1 - self.cache[0] ** 2)


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


@specimen("wrong type")
class ReLUReturnsLists(PlainReLU):
    def forward(self, x):
        return super().forward(x).tolist()


@specimen("module left out", "raises")
class ChainLeavesOutLast(Chain):
    def forward(self, x):
        for layer in self.layers[:-1]:
            x = layer.forward(x)
        return x


@specimen("module left out", "raises")
class HandoutSequentialLeavesOutFirst(HandoutSequential):
    def __init__(self):
        self.modules = [HandoutReLU(), HandoutSigmoid(), HandoutLinear(3, 3)]

    def forward(self, *input):
        return self.modules[2].forward(self.modules[1].forward(*input))


@specimen("module used twice", "raises")
class OneTanhForTwo(Chain):
    def __init__(self):
        tanh = PlainTanh()
        super().__init__(PlainLinear(3, 4), tanh, PlainLinear(4, 5), tanh)


@specimen("module used twice")
class OneLinearTwice:
    def __init__(self):
        self.linear, self.act = HandoutLinear(3, 3), HandoutReLU()

    def forward(self, x):
        return self.linear.forward(self.act.forward(self.linear.forward(x)))

    def backward(self, g):
        return self.linear.backward(self.act.backward(self.linear.backward(g)))


@specimen("modules reordered")
class ChainReverses(Chain):
    def __init__(self):
        super().__init__(PlainLinear(3, 3), PlainTanh(), PlainLinear(3, 3))

    def backward(self, g):
        self.layers.reverse()
        for layer in self.layers:
            g = layer.backward(g)
        return g


@specimen("modules reordered")
class HandoutSequentialReverses(HandoutSequential):
    def backward(self, *gradwrtoutput):
        (g,) = gradwrtoutput
        self.modules.reverse()
        for m in self.modules:
            g = m.backward(g)
        return g


def square_layers():
    return PlainLinear(3, 3), PlainTanh(), PlainLinear(3, 3)


@specimen("message not passed on")
class ChainSameMessage(Chain):
    def __init__(self):
        super().__init__(*square_layers())

    def backward(self, g):
        for layer in self.layers[::-1]:
            out = layer.backward(g)
        return out


@specimen("message not passed on")
class ChainSameInput(Chain):
    def __init__(self):
        super().__init__(*square_layers())

    def forward(self, x):
        for layer in self.layers:
            out = layer.forward(x)
        return out


@specimen("wrong order", "raises")
class ChainForwardOnly(Chain):
    def backward(self, g):
        for layer in self.layers:
            g = layer.backward(g)
        return g


@specimen("overwritten")
class ChainZeroesFirst(Chain):
    def backward(self, g):
        self.zero_grad()
        return super().backward(g)


@specimen("raises")
class HandoutSequentialAsksAll(HandoutSequential):
    """Its tanh has no param()."""

    def __init__(self):
        self.modules = [HandoutLinear(3, 4), PlainTanh(), HandoutLinear(4, 2)]


@specimen("wrong type")
class ReLUBackwardReturnsArray(PlainReLU):
    def backward(self, grad):
        return super().backward(grad).numpy()


@specimen("factor c")
class TenthOfTheInput(AttributeLinear):
    """The right way round, and ten times too large."""

    def forward(self, input):
        return super().forward(input / 10)


@specimen("stale cache", kind="loss", target=(4, 3))
class MSECountsOnce(PlainMSE):
    n = None

    def backward(self):
        self.n = self.n or self.e.numel()
        return 2 * self.e / self.n


@specimen("used up", kind="optimizer")
def sgd_keeps_the_generator():
    class GeneratorSGD(PairsSGD):
        def __init__(self, pairs, eta):
            self.pairs, self.eta = pairs, eta

    model = small_model()
    return GeneratorSGD(model.parameters(), 0.05), model


@specimen("learning rate unused", kind="optimizer")
def sgd_without_rate():
    class RatelessSGD(PairsSGD):
        def step(self):
            for p, g in self.pairs:
                p -= g

    model = HandoutSequential()
    return RatelessSGD(model.param(), 0.05), model


@specimen("learning rate unused", kind="optimizer")
def adam_with_a_fixed_rate():
    class FixedAdam(Adam):
        def step(self):
            rate, self.lr = self.lr, 0.001
            super().step()
            self.lr = rate

    model = small_model()
    return FixedAdam(model, lr=0.05), model


@specimen("gradient unused", kind="optimizer")
def sgd_shrinks():
    class ShrinkingSGD(PairsSGD):
        def step(self):
            for p, _ in self.pairs:
                p -= self.eta * p

    model = HandoutSequential()
    return ShrinkingSGD(model.param(), 0.05), model


@specimen("gradient unused", kind="optimizer")
def update_of_the_first_gradient():
    class FirstGradient:
        def __init__(self, layer, lr):
            self.layer, self.lr, self.gradient = layer, lr, layer.dW + 1.0

        def update(self):
            self.layer.W -= self.lr * self.gradient
            self.layer.b -= self.lr * self.layer.db

    layer = NumpyLinear()
    return FirstGradient(layer, 0.1), layer


@specimen("momentum not lost", kind="optimizer")
def momentum_of_the_gradient():
    class PilingMomentum(Momentum):
        def step(self):
            for v, (p, g) in zip(self.velocity, self.model.parameters(), strict=True):
                v += self.momentum * g
                p -= self.lr * v

    model = small_model()
    return PilingMomentum(model), model


@specimen("momentum not lost", kind="optimizer")
def momentum_of_one():
    class HeavyMomentum(Momentum):
        def step(self):
            for v, (p, g) in zip(self.velocity, self.model.parameters(), strict=True):
                v += g
                p -= self.lr * v

    model = small_model()
    return HeavyMomentum(model), model


# Right, and shown in other ways


class Parameter:
    """A student's own."""

    def __init__(self, value):
        self.value = value
        self.grad = torch.zeros_like(value)


@right
class OwnParameters:
    def __init__(self):
        self.weight, self.bias = Parameter(fill(3, 5)), Parameter(fill(1, 5))

    def forward(self, x):
        self.x = x
        return x @ self.weight.value + self.bias.value

    def backward(self, g):
        self.weight.grad += self.x.T @ g
        self.bias.grad += g.sum(0, keepdim=True)
        return g @ self.weight.value.T

    def parameters(self):
        return [self.weight, self.bias]

    def zero_grad(self):
        for p in self.parameters():
            p.grad.zero_()


@specimen("factor 1/n")
class OwnParametersDivide(OwnParameters):
    def backward(self, g):
        super().backward(g / len(g))
        return g @ self.weight.value.T


@right
class NumpyListsValues(NumpyLinear):
    def parameters(self):
        return [self.W, self.b]


@right
class TorchModule(torch.nn.Module):
    """A torch.nn.Module with a backward of its own."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(fill(5, 3))

    def forward(self, x):
        self.x = x
        with torch.no_grad():
            return x @ self.weight.T

    def backward(self, g):
        with torch.no_grad():
            self.weight.grad = (self.weight.grad if self.weight.grad is not None else 0) + g.T @ self.x
            return g @ self.weight


@right
class Flat:
    """Weight and bias are views of one tensor."""

    def __init__(self):
        self.flat, self.flat_grad = fill(20), torch.zeros(20)
        self.w, self.b = self.flat[:15].view(3, 5), self.flat[15:]
        self.gw, self.gb = self.flat_grad[:15].view(3, 5), self.flat_grad[15:]

    def forward(self, x):
        self.x = x
        return x @ self.w + self.b

    def backward(self, g):
        self.gw += self.x.T @ g
        self.gb += g.sum(0)
        return g @ self.w.T

    def zero_grad(self):
        self.flat_grad.zero_()


@right
class Closure:
    """The backward pass is a function that forward makes."""

    def __init__(self):
        self.name = np  # something that cannot be copied

    def forward(self, x):
        self.back = lambda g: g / (1 + x * x)
        return x.atan()

    def backward(self, g):
        return self.back(g)
