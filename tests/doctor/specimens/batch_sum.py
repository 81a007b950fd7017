"""The sum over the samples of a batch: not taken, or some samples left out."""

from __future__ import annotations

import numpy as np
import torch

from specimens.collection import fill, specimen
from specimens.right_images import WORDS, Embedding, NumpyEmbedding, SumOfWords
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


@specimen("repeated rows overwritten", input=WORDS)
class EmbeddingAssignsRows(Embedding):
    """Indexing with += writes each row once, however often its index comes."""

    def backward(self, grad):
        self.grads["table"][self.indices] += grad


@specimen("repeated rows overwritten", input=np.array([[1, 4, 1], [0, 0, 2]]))
class NumpyEmbeddingLastWins(NumpyEmbedding):
    def backward(self, dout):
        table = np.zeros_like(self.W)
        for n in range(len(dout)):
            for t in range(dout.shape[1]):
                table[self.idx[n, t]] = dout[n, t]
        self.dW += table


@specimen("repeated rows overwritten", input=np.array([1, 4, 1, 0]))
class NumpyEmbeddingOfNumbers(NumpyEmbedding):
    def backward(self, dout):
        self.dW[self.idx] += dout


@specimen("repeated rows overwritten", input=torch.tensor([[1, 1, 0], [1, 3, 3], [1, 0, 2]]))
class SumOfWordsOnce(SumOfWords):
    def backward(self, grad):
        for place in range(self.words.shape[1]):
            self.grad_weight[self.words[:, place]] += grad


class Gain:
    """A factor for each feature, kept as a row."""

    def __init__(self):
        self.params = {"scale": fill(1, 3)}
        self.grads = {"scale": torch.zeros(1, 3)}

    def forward(self, x):
        self.x = x
        return x * self.params["scale"]

    def backward(self, g):
        self.grads["scale"] += (g * self.x).sum(0, keepdim=True)
        return g * self.params["scale"]


@specimen("parameter to scalar")
class GainToScalar(Gain):
    def backward(self, g):
        self.grads["scale"] += (g * self.x).sum()
        return g * self.params["scale"]


@specimen("parameter to scalar")
class NumpyGammaToScalar:
    def __init__(self):
        self.gamma, self.dgamma = fill(3).double().numpy(), np.zeros(3)

    def forward(self, x):
        self.x = x
        return x * self.gamma

    def backward(self, g):
        self.dgamma += np.sum(g * self.x)
        return g * self.gamma


@specimen("product for entrywise")
class GainMultipliesMatrices(Gain):
    def backward(self, g):
        self.grads["scale"] += (g * self.x).sum(0, keepdim=True)
        return g @ self.params["scale"].T


@specimen("product for entrywise")
class NumpyTanhMultipliesMatrices:
    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, g):
        return g @ (1 - self.y**2).T


@specimen("wrong shape", reference=torch.nn.functional.softplus)
class SoftplusFlattens:
    """It is forward that returns another shape."""

    def forward(self, x):
        self.x = x
        return torch.nn.functional.softplus(x).reshape(-1)

    def backward(self, g):
        return (g * torch.sigmoid(self.x).reshape(-1)).reshape(self.x.shape)


@specimen("wrong shape")
class SqueezesOneSample:
    """A batch of one comes back without its rows."""

    def forward(self, x):
        e = np.exp(x - x.max(1, keepdims=True))
        self.p = e / e.sum(1, keepdims=True)
        return self.p

    def backward(self, g):
        jacobian = self.p[:, :, None] * (np.eye(self.p.shape[1]) - self.p[:, None, :])
        return np.squeeze(jacobian @ g[:, :, None])
