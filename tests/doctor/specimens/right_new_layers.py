"""Right layers that nobody here has seen before: no finding may come out of these either."""

from __future__ import annotations

import numpy as np
import torch

import minidl
from specimens.collection import fill, right, right_with


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


@right_with(input=torch.linspace(-1, 1, 36).reshape(12, 3))
class TwelveSamples:
    """Takes batches of twelve, and no other."""

    def forward(self, x):
        self.weights = torch.arange(1, 13, dtype=x.dtype).reshape(12, 1)
        return x * self.weights

    def backward(self, g):
        return g * self.weights


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
class Closure:
    """The backward pass is a function that forward makes."""

    def __init__(self):
        self.name = np  # something that cannot be copied

    def forward(self, x):
        self.back = lambda g: g / (1 + x * x)
        return x.atan()

    def backward(self, g):
        return self.back(g)
