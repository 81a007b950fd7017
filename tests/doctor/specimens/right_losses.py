"""Right losses. A loss that does not look at shapes broadcasts (n, 1) against (n,): each of these looks."""

from __future__ import annotations

import numpy as np
import torch

import minidl
from specimens.collection import right_with


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
