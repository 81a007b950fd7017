"""Mistakes that only a loss can make."""

from __future__ import annotations

import numpy as np
import torch

from specimens.collection import specimen
from specimens.right_losses import CrossEntropy, OneHotCrossEntropy


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


@specimen("target forgotten", kind="loss", target=torch.tensor([2, 0, 1, 1]))
class CrossEntropyForgetsOneHot(CrossEntropy):
    def backward(self):
        return self.log_p.exp() / len(self.target)


@specimen("target forgotten", kind="loss", target=torch.eye(3)[torch.tensor([2, 0, 1, 1])])
class OneHotForgetsTarget(OneHotCrossEntropy):
    def backward(self):
        return self.p


@specimen("target forgotten", "factor n", kind="loss", target=torch.tensor([2, 0, 1, 1]))
class CrossEntropyForgetsOneHotAndMean(CrossEntropy):
    def backward(self):
        return self.log_p.exp()


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
