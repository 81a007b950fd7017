"""What a layer with windows does, found out from its true gradients: a convolution or a pooling, in one layout."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from minidl.lab.doctor.measure.batches import Case
from minidl.lab.doctor.subject.inside import attributes

Pair = tuple[int, int]
Layout = Callable[[Tensor], Tensor]
STRIDES, PADDINGS = (1, 2, 3), (0, 1, 2, 3)


@dataclass
class Windows:
    """Windows over an input (n, c, h, w), each of which makes one place of the output.

    ``input_back`` leads to the layout of the student's own input.
    """

    input: Tensor
    grad_output: Tensor
    size: Pair
    stride: Pair
    padding: Pair
    input_back: Layout

    def places(self) -> list[Pair]:
        """Return the places of the output, row by row."""
        return list(itertools.product(*map(range, self.grad_output.shape[2:])))

    def window(self, padded: Tensor, place: Pair, stride: Pair | None = None) -> Tensor:
        """Return the part of a padded tensor that belongs to a place of the output."""
        top, left = (i * step for i, step in zip(place, stride or self.stride, strict=True))
        return padded[:, :, top : top + self.size[0], left : left + self.size[1]]

    def padded_zeros(self) -> Tensor:
        n, c, h, w = self.input.shape
        return torch.zeros(n, c, h + 2 * self.padding[0], w + 2 * self.padding[1], dtype=torch.float64)

    def padded_input(self) -> Tensor:
        padded = self.padded_zeros()
        self.cropped(padded)[...] = self.input
        return padded

    def cropped(self, padded: Tensor) -> Tensor:
        (top, left), (h, w) = self.padding, self.input.shape[2:]
        return padded[:, :, top : top + h, left : left + w]


@dataclass
class Convolution(Windows):
    """A convolution by a kernel (f, c, height, width), the parameter called ``name``."""

    kernel: Tensor
    name: str
    kernel_back: Layout

    def share(self, f: int | None, place: Pair, kernel: Tensor | None = None) -> Tensor:
        """Return what comes back to a window from a place of the output: from one filter, or from all."""
        kernel, g = self.kernel if kernel is None else kernel, self.grad_output[:, :, place[0], place[1]]
        if f is not None:
            kernel, g = kernel[f : f + 1], g[:, f : f + 1]
        return torch.einsum("nf,fcij->ncij", g, kernel)

    def spread(self, kernel: Tensor, stride: Pair | None = None, crop: bool = True) -> Tensor:
        """Return the gradient of the input: the shares of all windows, added up."""
        result = self.padded_zeros()
        for place in self.places():
            self.window(result, place, stride)[...] += self.share(None, place, kernel)
        return self.cropped(result) if crop else result

    def kernel_share(self, place: Pair, stride: Pair | None = None) -> Tensor:
        """Return what each sample contributes to the gradient of the kernel at a place of the output."""
        window, g = self.window(self.padded_input(), place, stride), self.grad_output[:, :, place[0], place[1]]
        return torch.einsum("nf,ncij->nfcij", g, window)

    def kernel_gradient(self, stride: Pair | None = None) -> Tensor:
        return sum(self.kernel_share(place, stride) for place in self.places()).sum(0)


@dataclass
class Pooling(Windows):
    """The largest of each window."""

    def of_largest(self, order: int = 1, add: bool = True, stride: Pair | None = None, whole: bool = False) -> Tensor:
        """Return the gradient of the input: each window's goes to its largest entry, added there, or written over it.

        ``whole`` says whether the zeros of the other entries are written as well.
        """
        result, input = self.padded_zeros(), self.padded_input()
        for place in self.places()[::order]:
            window = self.window(input, place)
            here = window == window.amax((2, 3), keepdim=True)
            share = here * self.grad_output[:, :, place[0], place[1], None, None]
            there = self.window(result, place, stride)
            there[...] = there + share if add else torch.where(here | whole, share, there)
        return self.cropped(result)

    def of_all(self) -> Tensor:
        """Return what it would be if every entry of a window got the window's gradient."""
        result = self.padded_zeros()
        for place in self.places():
            self.window(result, place)[...] += self.grad_output[:, :, place[0], place[1], None, None]
        return self.cropped(result)


def convolution(case: Case) -> Convolution | None:
    """Return the layer as a convolution, if it is one."""
    return case.remember("convolution", _convolution)


def pooling(case: Case) -> Pooling | None:
    """Return the layer as a pooling by the largest, if it is one."""
    return case.remember("pooling", _pooling)


def _convolution(case: Case) -> Convolution | None:
    for name in (slot.name for slot in case.subject.slots if not slot.depth):
        kernel = case.parameter(name)
        if kernel is None or case.truth["input"] is None or kernel.numel() < 2:
            continue
        for X, G, back in _images(case):
            for K, kernel_back in _kernels(kernel, X.shape[1]):
                if (X.shape[0], *K.shape[:2]) != (*G.shape[:2], X.shape[1]):
                    continue
                for stride, padding in _steps(X.shape[2:], K.shape[2:], G.shape[2:]):
                    found = Convolution(X, G, tuple(K.shape[2:]), stride, padding, back, K, name, kernel_back)
                    if case.close(back(found.spread(K)), case.truth["input"]):
                        return found
    return None


def _pooling(case: Case) -> Pooling | None:
    """Return the first pooling that fits this batch, and all others: in one with few windows, more of them do by chance."""
    everywhere = [c.remember("poolings", _poolings) for c in case.batches.cases]
    return next((found for key, found in _poolings(case).items() if all(key in fits for fits in everywhere)), None)


def _poolings(case: Case) -> dict[tuple, Pooling]:
    """Return every pooling that gives the true gradients of a batch, by layout, size and stride."""
    fits: dict[tuple, Pooling] = {}
    if case.output.numel() >= case.input.numel() or case.subject.is_loss or case.truth["input"] is None:
        return fits
    names = ("kernel_size", "pool_size", "size", "k", "pool", "window", "f")
    told = [v for k, v in attributes(case.subject.original).items() if k in names and type(v) is int]
    for layout, (X, G, back) in enumerate(_images(case)):
        flat = X.shape[2] == 1
        for size in dict.fromkeys((tuple(X.shape[2:]), *((1 if flat else s, s) for s in (*told, 2, 3, 4)))):
            if X.shape[:2] != G.shape[:2] or any(s > length for s, length in zip(size, X.shape[2:], strict=True)):
                continue
            for stride, padding in _steps(X.shape[2:], size, G.shape[2:], strides=(*STRIDES, size[1])):
                found = Pooling(X, G, size, stride, padding, back)
                if padding == (0, 0) and case.close(back(found.of_largest()), case.truth["input"]):
                    whole = size == tuple(X.shape[2:])  # of whatever length
                    fits[layout, "whole" if whole else size, stride] = found
    return fits


def _images(case: Case) -> Iterator[tuple[Tensor, Tensor, Layout]]:
    """Return input and upstream gradient as images (n, c, h, w), in every layout that they may have."""
    X, G = case.input.double(), case.grad_output
    if X.ndim == 4 and G.ndim == 4:
        yield X, G, lambda t: t
        yield X.permute(0, 3, 1, 2), G.permute(0, 3, 1, 2), lambda t: t.permute(0, 2, 3, 1)
    elif X.ndim == 3 and G.ndim == 3:
        yield X.unsqueeze(2), G.unsqueeze(2), lambda t: t.squeeze(2)
        yield X.mT.unsqueeze(2), G.mT.unsqueeze(2), lambda t: t.squeeze(2).mT
        yield X.unsqueeze(1), G.unsqueeze(1), lambda t: t.squeeze(1)
        yield X.unsqueeze(0), G.unsqueeze(0), lambda t: t.squeeze(0)
    elif X.ndim == 2 and G.ndim == 2:
        yield X[:, None, None], G[:, None, None], lambda t: t.squeeze(2).squeeze(1)
        yield X[None, None], G[None, None], lambda t: t[0, 0]
    elif X.ndim == 2 and G.ndim == 3:  # one channel in, several out, first or last
        yield X[:, None, None], G.mT.unsqueeze(2), lambda t: t.squeeze(2).squeeze(1)
        yield X[:, None, None], G.unsqueeze(2), lambda t: t.squeeze(2).squeeze(1)
    elif X.ndim == 2 and G.ndim == 1:
        yield X[:, None, None], G[:, None, None, None], lambda t: t.squeeze(2).squeeze(1)
    elif X.ndim == 4 and G.ndim == 2:  # pooling over all of an image
        yield X, G[:, :, None, None], lambda t: t
    elif X.ndim == 3 and G.ndim == 2:
        yield X.unsqueeze(2), G[:, :, None, None], lambda t: t.squeeze(2)
        yield X.mT.unsqueeze(2), G[:, :, None, None], lambda t: t.squeeze(2).mT
        yield X.unsqueeze(1), G[:, None, None], lambda t: t.squeeze(1)


def _kernels(kernel: Tensor, channels: int) -> Iterator[tuple[Tensor, Layout]]:
    """Return a kernel as (f, c, height, width), in every layout that it may have, and turned round."""
    ways: list[tuple[Tensor, Layout]] = []
    if kernel.ndim == 4:
        for order in itertools.permutations(range(4)):
            back = tuple(order.index(i) for i in range(4))
            ways.append((kernel.permute(order), lambda t, back=back: t.permute(back)))
    elif kernel.ndim == 3:
        ways.append((kernel[:, :, None], lambda t: t.squeeze(2)))
        ways.append((kernel.permute(2, 1, 0)[:, :, None], lambda t: t.squeeze(2).permute(2, 1, 0)))
        ways.append((kernel[:, None], lambda t: t.squeeze(1)))
    elif kernel.ndim == 2:
        ways.append((kernel[None, None], lambda t: t[0, 0]))
        for flat, turn in ((kernel, False), (kernel.mT, True)):
            side = round((flat.shape[1] / channels) ** 0.5)
            for shape in ((channels, side, side), (channels, 1, flat.shape[1] // channels)):
                if torch.Size(shape).numel() == flat.shape[1] > 1:
                    back = lambda t, turn=turn: t.flatten(1).mT if turn else t.flatten(1)  # noqa: E731
                    ways.append((flat.reshape(-1, *shape), back))
    elif kernel.ndim == 1:
        ways.append((kernel[None, None, None], lambda t: t[0, 0, 0]))
    for turned, back in ways:
        yield turned, back
        yield turned.flip(2, 3), lambda t, back=back: back(t.flip(2, 3))


def _steps(length: Pair, size: Pair, out: Pair, strides: tuple[int, ...] = STRIDES) -> Iterator[tuple[Pair, Pair]]:
    """Return the strides and paddings with which windows over such lengths make so many places."""

    def of_axis(length: int, size: int, out: int) -> list[Pair]:
        if length == size == 1:
            return [(1, 0)]
        tries = itertools.product(dict.fromkeys(strides), PADDINGS)
        return [(s, p) for s, p in tries if p < max(size, 2) and (length + 2 * p - size) // s + 1 == out]

    for (s, p), (t, q) in itertools.product(*map(of_axis, length, size, out)):
        if (s, p) == (t, q) or 1 in (length[0], out[0], out[1]):
            yield (s, t), (p, q)
