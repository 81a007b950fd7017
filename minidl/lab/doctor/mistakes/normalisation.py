"""Batch norm, layer norm and the like: mean and variance come from the input too, and gamma stands before all of it."""

# ruff: noqa: D205 - the docstrings are for the student, and as long as they need to be

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from minidl.lab.doctor.measure.batches import Case
from minidl.lab.doctor.mistakes.reading import NOWHERE, PATHS
from minidl.lab.doctor.mistakes.rules import wrong_value
from minidl.lab.doctor.subject.inside import attributes

AXES = {
    2: ((0,), (1,)),
    3: ((0, 1), (2,), (1, 2), (1,), (0, 2), (0,)),
    4: ((0, 2, 3), (0, 1, 2), (1, 2, 3), (3,), (2, 3)),
}
EPSILONS = (1e-5, 1e-8, 1e-7, 1e-6, 1e-3, 1e-12, 0.0)


@dataclass
class Normalisation:
    """What a layer does that subtracts the mean along some axes, and divides by the standard deviation."""

    axes: tuple[int, ...]
    gamma: str | None  # the parameter by which it multiplies
    shape: tuple[int, ...]  # in which that is broadcast
    eps: float
    outside: bool  # whether eps is added to the root, not under it
    fewer: int  # 1 where the variance divides by n - 1
    groups: int = 0  # where the channels of a sample are normalised in so many groups

    def backward(self, case: Case, constant: tuple[str, ...] = (), gamma: bool = True) -> Tensor:
        """Return the gradient of the input, where some of "mean" and "variance" are taken for constants."""
        X = case.input.double().clone().requires_grad_()
        with torch.enable_grad():
            V = X.reshape(len(X), self.groups, -1) if self.groups else X
            mean = V.mean(self.axes, keepdim=True)
            centred = V - (mean.detach() if "mean" in constant else mean)
            count = X.numel() // mean.numel()
            variance = ((V - mean) ** 2).sum(self.axes, keepdim=True) / max(count - self.fewer, 1)
            root = variance.sqrt() + self.eps if self.outside else (variance + self.eps).sqrt()
            Z = centred / (root.detach() if "variance" in constant else root)
            (grad,) = torch.autograd.grad((Z.reshape(X.shape) * self.upstream(case, gamma)).sum(), X)
        return grad

    def upstream(self, case: Case, gamma: bool = True) -> Tensor:
        """Return the upstream gradient of what is normalised."""
        return case.grad_output * self.factor(case) if gamma and self.gamma else case.grad_output

    def factor(self, case: Case) -> Tensor:
        return case.parameter(self.gamma).reshape(self.shape)


@wrong_value("statistics as constants", of="input", read=PATHS)
def statistics_as_constants(case: Case, what: str) -> Tensor | None:
    """{Where} takes mean and variance for constants, and divides by the standard deviation only. Both are made of the input
    themselves: what comes back along these two ways is added.
    """
    return _without(case, "mean", "variance")


@wrong_value("mean as a constant", of="input", read=PATHS)
def mean_as_constant(case: Case, what: str) -> Tensor | None:
    """{Where} lacks the term that comes back through the mean. The mean is made of the input too: minus the mean of the
    gradients that arrive belongs there.
    """
    return _without(case, "mean")


@wrong_value("variance as a constant", of="input", read=PATHS)
def variance_as_constant(case: Case, what: str) -> Tensor | None:
    """{Where} lacks the term that comes back through the variance. The variance is made of the input too: minus z times the
    mean of gradient times z belongs there, z being what is normalised.
    """
    return _without(case, "variance")


@wrong_value("scale forgotten", of="input", read=NOWHERE)
def gamma_forgotten(case: Case, what: str) -> Tensor | None:
    """{Where} leaves out gamma, by which forward multiplies what it has normalised: it is what you get if that is 1."""
    norm = normalisation(case)
    return norm.backward(case, gamma=False) if norm and norm.gamma else None


@wrong_value("input for normalised", of="param", read=NOWHERE)
def input_for_normalised(case: Case, what: str) -> list[Tensor | None]:
    """{Where} takes the input, or the input minus its mean, where what has been normalised belongs: gamma multiplies that."""
    norm = normalisation(case)
    if norm is None or what != norm.gamma:
        return []
    centred = case.input if norm.groups else case.input - case.input.double().mean(norm.axes, keepdim=True)
    alike = case.parameter(what).shape
    return [(case.grad_output * values).sum_to_size(norm.shape).reshape(alike) for values in (case.input, centred)]


def normalisation(case: Case) -> Normalisation | None:
    """Return what the layer normalises, found out from the true gradients of the first batch; None where it does not."""
    return case.batches.cases[0].remember("normalisation", _find)


def _find(case: Case) -> Normalisation | None:
    X, truth = case.input, case.truth["input"]
    if case.subject.is_loss or truth is None or X.shape != case.output.shape or case.batches.entrywise:
        return None
    size = float(truth.nan_to_num(0).abs().max())
    whole = not bool(truth.isnan().any())
    in_groups = [((2,), g) for g in range(2, X.shape[1]) if X.shape[1] % g == 0]
    for axes, groups in [*((axes, 0) for axes in AXES.get(X.ndim, ())), *in_groups]:
        viewed = truth.reshape(len(X), groups, -1) if groups else truth
        if whole and float(viewed.sum(axes).abs().max()) > 1e-3 * size:  # a shift changes nothing
            continue
        for (gamma, shape), outside, fewer in itertools.product(_gammas(case), (False, True), (0, 1)):
            norm = Normalisation(axes, gamma, shape, 1e-5, outside, fewer, groups)
            if _distance(norm.backward(case), truth) > 0.05 * size:
                continue
            options = [replace(norm, eps=eps) for eps in _epsilons(case)]
            best = min(options, key=lambda option: _distance(option.backward(case), truth))  # it matters for one sample
            if case.close(best.backward(case), truth):
                return best
    return None


def _gammas(case: Case) -> Iterator[tuple[str | None, tuple[int, ...]]]:
    """Return the parameters by which it may multiply, and how they are broadcast."""
    yield None, ()
    sizes = case.input.shape
    for name in (slot.name for slot in case.subject.slots if not slot.depth):
        value = case.parameter(name)
        if value is None or not bool((value != 0).any()):
            continue
        for axis in range(len(sizes) - 1, 0, -1):
            if value.numel() == sizes[axis]:
                yield name, (*[1] * axis, sizes[axis], *[1] * (len(sizes) - 1 - axis))
        if value.squeeze().shape == sizes[1:] and len(sizes) > 2:
            yield name, (1, *sizes[1:])


def _epsilons(case: Case) -> list[float]:
    own = [float(v) for k, v in attributes(case.subject.original).items() if "eps" in k.lower() and type(v) is float]
    return list(dict.fromkeys((*own, *EPSILONS)))


def _without(case: Case, *constant: str) -> Tensor | None:
    norm = normalisation(case)
    return None if norm is None else norm.backward(case, constant)


def _distance(got: Tensor, expected: Tensor) -> float:
    return float((got - expected)[~expected.isnan()].abs().max())
