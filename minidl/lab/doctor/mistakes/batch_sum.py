"""The sum over the batch: samples left out or summed where they should not be, and the shapes that come of it."""

# ruff: noqa: D205, D400 - the docstrings are for the student, and as long as they need to be

from __future__ import annotations

import torch
from torch import Tensor

from minidl.lab.doctor.measure.batches import Case
from minidl.lab.doctor.mistakes.reading import LINEAR, MSE
from minidl.lab.doctor.mistakes.rules import wrong_value


@wrong_value("input gradient summed", of="input", read=LINEAR)
def input_summed(case: Case, what: str) -> list[Tensor | None]:
    """{Where} is summed over the batch. All samples share the parameters, but each has an input, and so a gradient, of its
    own.
    """
    truth = case.truth[what]
    return [truth.sum(0), truth.sum(0, keepdim=True)] if truth.ndim > 1 else []


@wrong_value("input gradient summed", of="input", read=MSE)
def input_summed_to_one(case: Case, what: str) -> Tensor:
    """{Where} is summed to one single number. Every entry of the input has a gradient of its own."""
    return case.truth[what].sum()


@wrong_value("bias to scalar", of="param", read=LINEAR)
def bias_to_scalar(case: Case, what: str) -> list[Tensor | None]:
    """{Where} is summed to one single number. Every output has a bias of its own: sum over the samples only, sum(0)."""
    truth = case.truth[what]
    if truth.numel() != max(truth.shape, default=1) or truth.numel() < 2:
        return []
    total = truth.sum()
    return [total, total.reshape(1), total.reshape(1, 1), total.expand(truth.shape)]


@wrong_value("wrong axis", of="param", read=LINEAR)
def wrong_axis(case: Case, what: str) -> list[Tensor | None]:
    """{Where} is summed along the wrong axis: over the features (sum(1)) instead of over the samples (sum(0))."""
    truth = case.truth[what]
    if truth.numel() != max(truth.shape, default=1) or truth.numel() < 2:
        return []
    each = torch.stack([part.reshape(-1) for part in case.samples(what)]).sum(1)
    n, k = len(each), truth.numel()
    found = [each, each.reshape(n, 1), each.reshape(1, n), each.reshape(n, 1).expand(n, k)]
    return [*found, each.expand(k).reshape(truth.shape) if n in (1, k) else None]  # added in place, it broadcasts


@wrong_value("last sample only", of="param", read=LINEAR)
def last_sample_only(case: Case, what: str) -> Tensor | None:
    """{Where} is that of the last sample alone: it is overwritten for every sample instead of summed over the batch."""
    return case.samples(what)[-1]


@wrong_value("first sample only", of="param", read=LINEAR)
def first_sample_only(case: Case, what: str) -> Tensor | None:
    """{Where} is that of the first sample alone: the others of the batch never enter."""
    return case.samples(what)[0]


@wrong_value("sample left out", of="param", read=LINEAR)
def sample_left_out(case: Case, what: str) -> list[Tensor | None]:
    """{Where} leaves out the first or the last sample of the batch: does a loop begin one too late, or end one too early?"""
    return [case.truth[what] - case.samples(what)[i] for i in (-1, 0)]


@wrong_value("sample left out", of="input", read=LINEAR)
def row_left_out(case: Case, what: str) -> list[Tensor | None]:
    """{Where} is zero for the first or the last sample of the batch: does a loop begin one too late, or end one too early?"""
    kept = torch.ones(case.n, *[1] * (case.truth[what].ndim - 1), dtype=torch.float64)
    ends = kept.clone(), kept.clone()
    ends[0][-1], ends[1][0] = 0, 0
    return [case.truth[what] * end for end in ends]


@wrong_value("no batch sum", of="param", read=LINEAR)
def no_batch_sum(case: Case, what: str) -> list[Tensor | None]:
    """{Where} is not summed over the batch: there is one for every sample. All samples share the parameter, so their
    gradients add up.
    """
    parts = torch.stack(case.samples(what))
    return [parts, parts.squeeze(1) if parts.ndim > 1 and parts.shape[1] == 1 else None]


@wrong_value("wrong shape", of="any", read=LINEAR)
def wrong_shape(case: Case, what: str) -> Tensor | None:
    """{Where} has the right numbers in the wrong shape: {got_shape} where {expected_shape} belongs. A gradient has the
    shape of what it is the gradient of; otherwise the next addition broadcasts.
    """
    got, truth = case.got[what], case.truth[what]
    return truth.reshape(got.shape) if got.numel() == truth.numel() and got.shape != truth.shape else None
