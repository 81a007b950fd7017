"""Right layers for images, sequences and whole numbers: convolutions, pooling, normalisation, an embedding, products."""

from __future__ import annotations

import numpy as np
import torch

from specimens.collection import fill, right, right_with

IMAGES = (2, 1, 5, 5)


class LoopConvolution:
    """In loops over the windows, with padding and stride."""

    def __init__(self, channels=1, filters=2, size=3, stride=1, padding=0):
        self.W = fill(filters, channels, size, size).double().numpy()
        self.b = fill(filters).double().numpy()
        self.dW, self.db = np.zeros_like(self.W), np.zeros_like(self.b)
        self.stride, self.padding = stride, padding

    def windows(self, x):
        size = self.W.shape[2]
        for i in range((x.shape[2] - size) // self.stride + 1):
            for j in range((x.shape[3] - size) // self.stride + 1):
                top, left = i * self.stride, j * self.stride
                yield i, j, slice(top, top + size), slice(left, left + size)

    def pad(self, x):
        p = self.padding
        return np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))

    def crop(self, x):
        p = self.padding
        return x[:, :, p : x.shape[2] - p, p : x.shape[3] - p]

    def forward(self, x):
        self.x = self.pad(x)
        places = list(self.windows(self.x))
        y = np.zeros((len(x), len(self.W), places[-1][0] + 1, places[-1][1] + 1))
        for i, j, rows, columns in places:
            y[:, :, i, j] = np.einsum("ncij,fcij->nf", self.x[:, :, rows, columns], self.W) + self.b
        return y

    def backward(self, g):
        dx = np.zeros_like(self.x)
        for i, j, rows, columns in self.windows(self.x):
            dx[:, :, rows, columns] += np.einsum("nf,fcij->ncij", g[:, :, i, j], self.W)
            self.dW += np.einsum("nf,ncij->fcij", g[:, :, i, j], self.x[:, :, rows, columns])
        self.db += g.sum((0, 2, 3))
        return self.crop(dx)


@right_with(input=IMAGES)
def loop_convolution():
    return LoopConvolution()


@right_with(input=(2, 2, 7, 7))
def loop_convolution_with_stride():
    return LoopConvolution(channels=2, stride=2, padding=1)


class UnfoldedConvolution:
    """Every window a column, so that it is one matrix product."""

    def __init__(self, channels=2, filters=3, size=3, padding=1):
        self.params = {"kernel": fill(filters, channels * size * size)}
        self.grads = {"kernel": torch.zeros(filters, channels * size * size)}
        self.how = {"kernel_size": size, "padding": padding}

    def forward(self, x):
        self.shape = x.shape
        self.columns = torch.nn.functional.unfold(x, **self.how)
        return (self.params["kernel"] @ self.columns).reshape(len(x), -1, *x.shape[2:])

    def backward(self, g):
        g = g.flatten(2)
        self.grads["kernel"] += (g @ self.columns.mT).sum(0)
        columns = self.params["kernel"].T @ g
        return torch.nn.functional.fold(columns, self.shape[2:], **self.how)


@right_with(input=(2, 2, 5, 5))
def unfolded_convolution():
    return UnfoldedConvolution()


class SignalConvolution:
    """Over sequences (n, c, length), the kernel turned round as mathematicians do."""

    def __init__(self):
        self.kernel, self.d_kernel = fill(2, 2, 3), torch.zeros(2, 2, 3)

    def forward(self, x):
        self.x = x
        return torch.nn.functional.conv1d(x, self.kernel.flip(2))

    def backward(self, g):
        size = self.kernel.shape[2]
        for k in range(size):
            self.d_kernel[:, :, size - 1 - k] += torch.einsum("nfl,ncl->fc", g, self.x[:, :, k : k + g.shape[2]])
        wide = torch.nn.functional.pad(g, (size - 1, size - 1))
        return torch.nn.functional.conv1d(wide, self.kernel.transpose(0, 1))


@right_with(input=(2, 2, 6))
def signal_convolution():
    return SignalConvolution()


@right_with(input=(2, 5, 5, 1))
class ChannelsLastConvolution:
    def __init__(self):
        self.w, self.dw = fill(2, 2, 1, 3).double().numpy(), np.zeros((2, 2, 1, 3))

    def forward(self, x):
        self.x = x
        h, w = x.shape[1] - 1, x.shape[2] - 1
        return sum(x[:, i : i + h, j : j + w] @ self.w[i, j] for i in range(2) for j in range(2))

    def backward(self, g):
        dx = np.zeros_like(self.x)
        h, w = g.shape[1:3]
        for i in range(2):
            for j in range(2):
                dx[:, i : i + h, j : j + w] += g @ self.w[i, j].T
                self.dw[i, j] += np.tensordot(self.x[:, i : i + h, j : j + w], g, ([0, 1, 2], [0, 1, 2]))
        return dx


class LoopMaxPooling:
    def __init__(self, size=2, stride=2):
        self.size, self.stride = size, stride

    def forward(self, x):
        self.x = x
        h, w = ((length - self.size) // self.stride + 1 for length in x.shape[2:])
        y = np.zeros((*x.shape[:2], h, w))
        for i in range(h):
            for j in range(w):
                y[:, :, i, j] = self.window(x, i, j).max((2, 3))
        return y

    def window(self, x, i, j):
        top, left = i * self.stride, j * self.stride
        return x[:, :, top : top + self.size, left : left + self.size]

    def backward(self, g):
        dx = np.zeros_like(self.x)
        for n, c, i, j in np.ndindex(*g.shape):
            window = self.window(self.x, i, j)[n, c]
            row, column = np.unravel_index(window.argmax(), window.shape)
            self.window(dx, i, j)[n, c, row, column] += g[n, c, i, j]
        return dx


@right_with(input=(2, 2, 4, 6))
def loop_max_pooling():
    return LoopMaxPooling()


@right_with(input=IMAGES)
def loop_max_pooling_that_overlaps():
    return LoopMaxPooling(3, 1)


@right_with(input=(2, 2, 4, 4))
class SharedMaxPooling:
    """Equal entries share the gradient."""

    def forward(self, x):
        n, c, h, w = x.shape
        tiles = x.reshape(n, c, h // 2, 2, w // 2, 2)
        self.y = tiles.amax((3, 5), keepdim=True)
        self.mask = (tiles == self.y).to(x.dtype)
        self.mask = self.mask / self.mask.sum((3, 5), keepdim=True)
        return self.y.reshape(n, c, h // 2, w // 2)

    def backward(self, g):
        n, c, h, w = g.shape
        return (self.mask * g.reshape(n, c, h, 1, w, 1)).reshape(n, c, 2 * h, 2 * w)


@right_with(input=(2, 3, 4, 4))
class AveragePooling:
    def forward(self, x):
        n, c, h, w = x.shape
        return x.reshape(n, c, h // 2, 2, w // 2, 2).mean((3, 5))

    def backward(self, g):
        return g.repeat_interleave(2, 2).repeat_interleave(2, 3) / 4


@right
class Maxout:
    """The largest feature of each sample."""

    def forward(self, x):
        self.shape, (y, self.at) = x.shape, x.max(1, keepdim=True)
        return y

    def backward(self, g):
        return torch.zeros(self.shape, dtype=g.dtype).scatter(1, self.at, g)


class ImageNorm:
    """Batch norm over samples and places, a mean for each channel."""

    def __init__(self, channels=2):
        self.gamma = (1.5 + fill(channels)).double().numpy()
        self.beta = fill(channels).double().numpy()
        self.dgamma, self.dbeta = np.zeros(channels), np.zeros(channels)
        self.eps = 1e-5

    def forward(self, x):
        mean, var = x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)
        self.root = np.sqrt(var + self.eps)
        self.z = (x - mean) / self.root
        return self.z * self.gamma[:, None, None] + self.beta[:, None, None]

    def backward(self, g):
        self.dgamma += (g * self.z).sum((0, 2, 3))
        self.dbeta += g.sum((0, 2, 3))
        dz = g * self.gamma[:, None, None]
        mean, slope = dz.mean((0, 2, 3), keepdims=True), (dz * self.z).mean((0, 2, 3), keepdims=True)
        return (dz - mean - self.z * slope) / self.root


@right_with(input=(3, 2, 3, 3))
def image_norm():
    return ImageNorm()


class ThreeSteps:
    """Batch norm, backward in the steps of the forward; with torch's own variance, which divides by n - 1."""

    def __init__(self, m=3):
        self.g, self.dg = 1.5 + fill(m), torch.zeros(m)

    def forward(self, x):
        self.centred = x - x.mean(0)
        self.var = x.var(0) if len(x) > 1 else (x - x).sum(0)
        self.inv = (self.var + 1e-3) ** -0.5
        return self.g * self.centred * self.inv

    def backward(self, grad):
        n = len(grad)
        self.dg += (grad * self.centred * self.inv).sum(0)
        dz = grad * self.g
        dvar = (dz * self.centred).sum(0) * -0.5 * self.inv**3
        dcentred = dz * self.inv + dvar * 2 * self.centred / max(n - 1, 1)
        return dcentred - dcentred.sum(0) / n


@right_with(input=(6, 3))
def three_steps():
    return ThreeSteps()


@right_with(input=(2, 4, 3))
class NormOfSequences:
    """Layer norm over the last axis."""

    def __init__(self):
        self.weight, self.grad_weight = 1.5 + fill(3), torch.zeros(3)

    def forward(self, x):
        self.x = x
        mean = x.mean(-1, keepdim=True)
        self.std = torch.sqrt(((x - mean) ** 2).mean(-1, keepdim=True) + 1e-5)
        self.z = (x - mean) / self.std
        return self.weight * self.z

    def backward(self, g):
        self.grad_weight += (g * self.z).sum((0, 1))
        d = g * self.weight
        return (d - d.mean(-1, keepdim=True) - self.z * (d * self.z).mean(-1, keepdim=True)) / self.std


WORDS = torch.tensor([[0, 2, 2], [3, 0, 2]])


class Embedding:
    def __init__(self, words=5, size=4):
        self.params = {"table": fill(words, size)}
        self.grads = {"table": torch.zeros(words, size)}

    def forward(self, indices):
        self.indices = indices
        return self.params["table"][indices]

    def backward(self, grad):
        self.grads["table"].index_add_(0, self.indices.flatten(), grad.flatten(0, -2))


@right_with(input=WORDS)
def embedding():
    return Embedding()


class NumpyEmbedding:
    def __init__(self, words=5, size=4):
        self.W, self.dW = fill(words, size).double().numpy(), np.zeros((words, size))

    def forward(self, idx):
        self.idx = idx
        return self.W[idx]

    def backward(self, dout):
        np.add.at(self.dW, self.idx, dout)


@right_with(input=np.array([1, 4, 1, 0]))
def numpy_embedding():
    return NumpyEmbedding()


@right_with(input=np.array([[1, 4, 1], [0, 0, 2]]))
def numpy_embedding_of_rows():
    return NumpyEmbedding()


@right_with(input=torch.tensor([[1, 1, 0], [3, 3, 1]]))
class SumOfWords:
    """The rows of a sentence's words, added up; as many features come out as words go in."""

    def __init__(self):
        self.weight, self.grad_weight = fill(4, 3), torch.zeros(4, 3)

    def forward(self, words):
        self.words = words
        return self.weight[words].sum(1)

    def backward(self, grad):
        for place in range(self.words.shape[1]):
            self.grad_weight.index_add_(0, self.words[:, place], grad)


@right
class SelfGate:
    """x sigmoid(x W): the input goes two ways."""

    def __init__(self):
        self.W, self.dW = fill(3, 3), torch.zeros(3, 3)

    def forward(self, x):
        self.x, self.s = x, torch.sigmoid(x @ self.W)
        return x * self.s

    def backward(self, g):
        inner = g * self.x * self.s * (1 - self.s)
        self.dW += self.x.T @ inner
        return g * self.s + inner @ self.W.T


@right
class UnitLength:
    """Every sample divided by its length."""

    def forward(self, x):
        self.length = x.norm(dim=1, keepdim=True)
        self.y = x / self.length
        return self.y

    def backward(self, g):
        return (g - self.y * (g * self.y).sum(1, keepdim=True)) / self.length


@right
class SineTimesInput:
    def forward(self, x):
        self.x = x
        return x * np.sin(x)

    def backward(self, g):
        return g * (np.sin(self.x) + self.x * np.cos(self.x))


@right
class InPlaceMaskDropout:
    """Drops three in ten; scaled once, there and back."""

    def __init__(self, rate=0.3):
        self.rate = rate

    def forward(self, x):
        self.kept = np.random.rand(*x.shape) >= self.rate  # noqa: NPY002
        return np.where(self.kept, x / (1 - self.rate), 0.0)

    def backward(self, dout):
        return dout * self.kept / (1 - self.rate)
