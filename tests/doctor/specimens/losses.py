"""Mistakes that only a loss can make."""

from __future__ import annotations

import numpy as np
import torch

from specimens.collection import specimen
from specimens.right_losses import CrossEntropy, OneHotCrossEntropy
from specimens.right_new_layers import LogSoftmax


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


@specimen("outer derivative forgotten", kind="loss", target=(4, 3))
class RootMeanSquare:
    def forward(self, y, t):
        assert y.shape == t.shape
        self.d = y - t
        return torch.sqrt((self.d**2).mean())

    def backward(self):
        return 2 * self.d / self.d.numel()


@specimen("outer derivative forgotten", kind="loss", target=(4, 3))
class NumpyRMSE:
    def forward(self, y, t):
        if y.shape != t.shape:
            raise ValueError("shapes differ")
        self.d = y - t
        self.loss = np.sqrt(np.sum(self.d**2))
        return self.loss

    def backward(self):
        return self.d


@specimen("outer derivative forgotten", kind="loss", target=(4, 3))
class LengthsOfErrors:
    """A root for each sample."""

    def forward(self, y, t):
        assert y.shape == t.shape
        self.d = y - t
        return self.d.norm(dim=1).sum()

    def backward(self):
        return 2 * self.d


class SoftmaxOfEverything:
    def forward(self, x):
        e = torch.exp(x - x.max())
        self.y = e / e.sum()
        return self.y

    def backward(self, g):
        return self.y * (g - (g * self.y).sum())


@specimen("softmax over everything")
def softmax_of_everything():
    return SoftmaxOfEverything()


@specimen("softmax over everything")
class NumpySoftmaxSumsEverything:
    """Forward is right, and backward sums over the whole batch."""

    def forward(self, x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.y = e / e.sum(axis=1, keepdims=True)
        return self.y

    def backward(self, g):
        return self.y * (g - np.sum(g * self.y))


@specimen("wrong axis")
class SoftmaxSumsOverSamples(NumpySoftmaxSumsEverything):
    def backward(self, g):
        return self.y * (g - np.sum(g * self.y, axis=0))


@specimen("wrong axis")
class LogSoftmaxSumsOverSamples(LogSoftmax):
    def backward(self, g):
        return g - self.y.exp() * g.sum(0)


@specimen("wrong axis")
class SoftmaxOfColumns:
    """There and back over the samples."""

    def forward(self, x):
        self.y = torch.softmax(x, 0)
        return self.y

    def backward(self, g):
        return self.y * (g - (g * self.y).sum(0))


@specimen("not finite", kind="loss", target=torch.eye(3)[torch.tensor([2, 0, 1, 1])])
class LogOfAProbability:
    """The softmax is right, and its logarithm is taken where it is 0."""

    def forward(self, scores, target):
        assert scores.shape == target.shape
        self.p, self.t = torch.softmax(scores, 1), target
        return -self.p[target > 0].log().sum()

    def backward(self):
        return self.p - self.t


@specimen(
    "not finite", kind="loss", target=torch.randint(2, (4, 3), generator=torch.Generator().manual_seed(1)).float()
)
class NumpyLogOfASigmoid:
    def forward(self, y, t):
        assert y.shape == t.shape
        self.p, self.t = 0.5 * (1 + np.tanh(y / 2)), t
        return -np.sum(t * np.log(self.p) + (1 - t) * np.log(1 - self.p))

    def backward(self):
        return self.p - self.t


@specimen("wrong shape", kind="loss", target=(4, 3))
class SquaredErrorOfEachEntry:
    def forward(self, y, t):
        assert y.shape == t.shape
        self.d = y - t
        return self.d**2

    def backward(self):
        return 2 * self.d


@specimen("wrong shape", kind="loss", target=(4, 3))
class NumpySquaredErrorOfEachSample:
    def forward(self, y, t):
        assert y.shape == t.shape
        self.d = y - t
        return np.sum(self.d**2, axis=1)

    def backward(self):
        return 2 * self.d
