"""Convolutions and pooling: windows that overlap, that are padded, and that move by more than one."""

from __future__ import annotations

import numpy as np
import torch

from specimens.collection import specimen
from specimens.right_images import (
    IMAGES,
    LoopConvolution,
    LoopMaxPooling,
    SharedMaxPooling,
    SignalConvolution,
    UnfoldedConvolution,
)


class FlippedBack(LoopConvolution):
    def backward(self, g):
        super().backward(g)
        dx = np.zeros_like(self.x)
        for i, j, rows, columns in self.windows(self.x):
            dx[:, :, rows, columns] += np.einsum("nf,fcij->ncij", g[:, :, i, j], self.W[:, :, ::-1, ::-1])
        return self.crop(dx)


@specimen("kernel flipped", input=IMAGES)
def flipped_back():
    return FlippedBack()


@specimen("kernel flipped", input=(2, 2, 6))
class FullConvolutionBack(SignalConvolution):
    """torch's conv1d does not flip; the flip is missing on the way back of one that does not flip forward."""

    def forward(self, x):
        self.x = x
        return torch.nn.functional.conv1d(x, self.kernel)

    def backward(self, g):
        for k in range(3):
            self.d_kernel[:, :, k] += torch.einsum("nfl,ncl->fc", g, self.x[:, :, k : k + g.shape[2]])
        return torch.nn.functional.conv1d(torch.nn.functional.pad(g, (2, 2)), self.kernel.transpose(0, 1))


@specimen("kernel flipped", input=(2, 2, 5, 5))
class KernelGradientFlipped(UnfoldedConvolution):
    def backward(self, g):
        before = self.grads["kernel"].clone()
        grad_input = super().backward(g)
        kernels = (self.grads["kernel"] - before).reshape(3, 2, 3, 3).flip(2, 3)
        self.grads["kernel"].copy_(before + kernels.reshape(3, 18))
        return grad_input


class PatchesOverwritten(LoopConvolution):
    def backward(self, g):
        dx = np.zeros_like(self.x)
        for i, j, rows, columns in self.windows(self.x):
            dx[:, :, rows, columns] = np.einsum("nf,fcij->ncij", g[:, :, i, j], self.W)
            self.dW += np.einsum("nf,ncij->fcij", g[:, :, i, j], self.x[:, :, rows, columns])
        self.db += g.sum((0, 2, 3))
        return self.crop(dx)


@specimen("overlaps overwritten", input=IMAGES)
def patches_overwritten():
    return PatchesOverwritten()


@specimen("overlaps overwritten", input=(2, 2, 7, 7))
def patches_overwritten_with_stride_and_padding():
    return PatchesOverwritten(channels=2, stride=2, padding=1)


@specimen("overlaps overwritten", input=(2, 1, 5, 5))
class FiltersOverwritten(LoopConvolution):
    """Filter after filter, each writing over the one before."""

    def backward(self, g):
        super().backward(g)
        dx = np.zeros_like(self.x)
        for f in range(g.shape[1]):
            for i, j, rows, columns in self.windows(self.x):
                dx[:, :, rows, columns] = g[:, f, i, j].reshape(-1, 1, 1, 1) * self.W[f]
        return dx


class PoolingOverwrites(LoopMaxPooling):
    def backward(self, g):
        dx = np.zeros_like(self.x)
        for n, c, i, j in np.ndindex(*g.shape):
            window = self.window(self.x, i, j)[n, c]
            self.window(dx, i, j)[n, c][window == window.max()] = g[n, c, i, j]
        return dx


@specimen("overlaps overwritten", input=(2, 1, 6, 6))
def pooling_overwrites():
    return PoolingOverwrites(3, 1)


class PoolingOverwritesWindows(LoopMaxPooling):
    def backward(self, g):
        dx = np.zeros_like(self.x)
        for i, j in np.ndindex(*g.shape[2:]):
            window = self.window(self.x, i, j)
            mask = window == window.max((2, 3), keepdims=True)
            self.window(dx, i, j)[...] = mask * g[:, :, i, j, None, None]
        return dx


@specimen("overlaps overwritten", input=(2, 2, 5, 5))
def pooling_overwrites_windows():
    return PoolingOverwritesWindows(2, 1)


class PaddingLeftOn(LoopConvolution):
    def crop(self, x):
        return x


@specimen("padding forgotten", input=IMAGES)
def padding_left_on():
    return PaddingLeftOn(padding=1)


class PaddingCutAtTheEnd(LoopConvolution):
    def crop(self, x):
        return x[:, :, : x.shape[2] - 2 * self.padding, : x.shape[3] - 2 * self.padding]


@specimen("padding forgotten", input=IMAGES)
def padding_cut_at_the_end():
    return PaddingCutAtTheEnd(padding=1)


class StrideForgottenBack(LoopConvolution):
    def backward(self, g):
        super().backward(g)
        dx, size = np.zeros_like(self.x), self.W.shape[2]
        for i in range(g.shape[2]):
            for j in range(g.shape[3]):
                dx[:, :, i : i + size, j : j + size] += np.einsum("nf,fcij->ncij", g[:, :, i, j], self.W)
        return self.crop(dx)


@specimen("stride forgotten", input=(2, 1, 7, 7))
def stride_forgotten_back():
    return StrideForgottenBack(stride=2)


@specimen("stride forgotten", input=(2, 2, 7, 7))
class StrideForgottenForKernel(LoopConvolution):
    def __init__(self):
        super().__init__(channels=2, stride=2, padding=1)

    def backward(self, g):
        kept = self.dW.copy()
        dx = super().backward(g)
        self.dW[...] = kept
        for i in range(g.shape[2]):
            for j in range(g.shape[3]):
                self.dW += np.einsum("nf,ncij->fcij", g[:, :, i, j], self.x[:, :, i : i + 3, j : j + 3])
        return dx


@specimen("gradient to ties", input=(2, 2, 4, 4))
class MaxPoolingByEquality(SharedMaxPooling):
    def backward(self, g):
        n, c, h, w = g.shape
        return ((self.mask > 0) * g.reshape(n, c, h, 1, w, 1)).reshape(n, c, 2 * h, 2 * w)


@specimen("gradient to ties")
class NumpyMaxByEquality:
    """The largest feature of each sample."""

    def forward(self, x):
        self.x, self.y = x, np.max(x, axis=1, keepdims=True)
        return self.y

    def backward(self, g):
        return g * (self.x == self.y)


@specimen("gradient to all", input=(2, 2, 4, 4))
class MaxPoolingToAll(SharedMaxPooling):
    def backward(self, g):
        return g.repeat_interleave(2, 2).repeat_interleave(2, 3)


@specimen("gradient to all", input=(2, 1, 4, 6))
class MaxPoolingAsMean(LoopMaxPooling):
    """The gradient of average pooling."""

    def backward(self, g):
        return np.kron(g, np.full((2, 2), 0.25))


@specimen("gradient to all")
class LargestFeatureToAll(NumpyMaxByEquality):
    def backward(self, g):
        return np.broadcast_to(g, self.x.shape).copy()
