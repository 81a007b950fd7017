"""The sum over the batch: samples left out or summed where they should not be, and the shapes that come of it."""

# ruff: noqa: D205, D400 - the docstrings are for the student, and as long as they need to be

from __future__ import annotations

import torch
from torch import Tensor

from minidl.lab.doctor.measure.batches import Case
from minidl.lab.doctor.mistakes.reading import BATCH, LINEAR, MESSAGE, PATHS, START
from minidl.lab.doctor.mistakes.rules import wrong_value


@wrong_value("input gradient summed", of="input", read=MESSAGE)
def input_summed(case: Case, what: str) -> list[Tensor | None]:
    """{Where} is summed over the batch. All samples share the parameters, but each has an input, and so a gradient, of its
    own.
    """
    truth = case.truth[what]
    return [truth.sum(0), truth.sum(0, keepdim=True)] if truth.ndim > 1 else []


@wrong_value("input gradient summed", of="input", read=START)
def input_summed_to_one(case: Case, what: str) -> Tensor:
    """{Where} is summed to one single number. Every entry of the input has a gradient of its own."""
    return case.truth[what].sum()


@wrong_value("bias to scalar", of="param", read=LINEAR)
def bias_to_scalar(case: Case, what: str) -> list[Tensor | None]:
    """{Where} is summed to one single number. Every output has a bias of its own: sum over the samples only."""
    return _to_scalar(case, what) if _is_bias(case, what) else []


@wrong_value("parameter to scalar", of="param", read=LINEAR)
def parameter_to_scalar(case: Case, what: str) -> list[Tensor | None]:
    """{Where} is summed to one single number. Every entry of the parameter has a gradient of its own: sum over the samples
    only.
    """
    return [] if _is_bias(case, what) else _to_scalar(case, what)


def _to_scalar(case: Case, what: str) -> list[Tensor | None]:
    truth = case.truth[what]
    if truth.numel() != max(truth.shape, default=1) or truth.numel() < 2:
        return []
    total = truth.sum()
    return [total, total.reshape(1), total.reshape(1, 1), total.expand(truth.shape)]


def _is_bias(case: Case, what: str) -> bool:
    """Whether a parameter is added to the outputs, so that its gradient is the upstream gradient, summed."""
    truths = ((c, c.truth[what]) for c in case.batches.cases)
    return all(t is None or c.close(t.sum(), c.grad_output.sum()) for c, t in truths)


@wrong_value("wrong axis", of="param", read=MESSAGE)
def wrong_axis(case: Case, what: str) -> list[Tensor | None]:
    """{Where} is summed along the wrong axis: over the features instead of over the samples."""
    truth = case.truth[what]
    if truth.numel() != max(truth.shape, default=1) or truth.numel() < 2:
        return []
    each = torch.stack([part.reshape(-1) for part in case.samples(what)]).sum(1)
    n, k = len(each), truth.numel()
    found = [each, each.reshape(n, 1), each.reshape(1, n), each.reshape(n, 1).expand(n, k)]
    return [*found, each.expand(k).reshape(truth.shape) if n in (1, k) else None]  # added in place, it broadcasts


@wrong_value("repeated rows overwritten", of="param", read=PATHS)
def repeated_rows_overwritten(case: Case, what: str) -> list[Tensor | None]:
    """{Where} keeps one gradient for each row that was looked up, however often that was: += with repeated indices writes
    only once. Add them all: index_add_ in torch, np.add.at in NumPy.
    """
    uses = _looked_up(case, what)
    if uses is None:
        return []
    indices, G = uses
    table, found = torch.zeros_like(case.parameter(what)), []
    for order in (1, -1):  # in the order of samples, and of the places in a sample
        last, by_place = table.clone(), table.clone()
        for sample in range(len(indices))[::order]:
            last[indices[sample]] = G[sample]
        for place in range(indices.shape[1]):
            by_place.add_(table.index_copy(0, indices[:, place], G[:, place]))
        found += [last, by_place]
    return found


def _looked_up(case: Case, what: str) -> tuple[Tensor, Tensor] | None:
    """Return which rows of a table each sample looks up (n, t), and what comes back to each (n, t, d)."""
    table, Y, G = case.parameter(what), case.output, case.grad_output
    if table.ndim != 2 or Y.ndim < 2 or table.shape[1] != Y.shape[-1]:
        return None
    if case.batches.whole:
        indices = case.input.reshape(case.n, -1)
    else:  # an output is a row of the table
        distances = torch.cdist(Y.reshape(case.n, -1, Y.shape[-1]), table)
        indices = distances.argmin(-1)
        if float(distances.amin(-1).max()) > 1e-6:
            return None
    if int(indices.max()) >= len(table):
        return None
    G = G.reshape(case.n, -1, G.shape[-1]).expand(-1, indices.shape[1], -1)  # of a sum, the same to each
    right = torch.zeros_like(table).index_add(0, indices.reshape(-1), G.reshape(-1, G.shape[-1]))
    return (indices, G) if case.close(right, case.truth[what]) else None


@wrong_value("last sample only", of="param", read=BATCH)
def last_sample_only(case: Case, what: str) -> Tensor | None:
    """{Where} is that of the last sample alone: the others of the batch do not enter, or are overwritten."""
    return case.samples(what)[-1]


@wrong_value("first sample only", of="param", read=BATCH)
def first_sample_only(case: Case, what: str) -> Tensor | None:
    """{Where} is that of the first sample alone: the others of the batch never enter."""
    return case.samples(what)[0]


@wrong_value("sample left out", of="param", read=BATCH)
def sample_left_out(case: Case, what: str) -> list[Tensor | None]:
    """{Where} leaves out the first or the last sample of the batch: does a loop begin one too late, or end one too early?"""
    return [case.truth[what] - case.samples(what)[i] for i in (-1, 0)]


@wrong_value("sample left out", of="input", read=MESSAGE)
def row_left_out(case: Case, what: str) -> list[Tensor | None]:
    """{Where} is zero for the first or the last sample of the batch: does a loop begin one too late, or end one too early?"""
    kept = torch.ones(case.n, *[1] * (case.truth[what].ndim - 1), dtype=torch.float64)
    ends = kept.clone(), kept.clone()
    ends[0][-1], ends[1][0] = 0, 0
    return [case.truth[what] * end for end in ends]


@wrong_value("no batch sum", of="param", read=BATCH)
def no_batch_sum(case: Case, what: str) -> list[Tensor | None]:
    """{Where} is not summed over the batch: there is one for every sample. All samples share the parameter, so their
    gradients add up.
    """
    parts = torch.stack(case.samples(what))
    return [parts, parts.squeeze(1) if parts.ndim > 1 and parts.shape[1] == 1 else None]


@wrong_value("wrong shape", of="output", read=PATHS)
def wrong_shape_of_output(case: Case, what: str) -> Tensor | None:
    """What forward returns has the right numbers in the wrong shape: {got_shape} where {expected_shape} belongs. Whoever
    adds something of the right shape to it gets a broadcast, and no error.
    """
    got, truth = case.output, case.truth[what]
    return truth.reshape(got.shape) if got.numel() == truth.numel() and got.shape != truth.shape else None


@wrong_value("wrong shape", of="any", read=PATHS)
def wrong_shape(case: Case, what: str) -> Tensor | None:
    """{Where} has the right numbers in the wrong shape: {got_shape} where {expected_shape} belongs. A gradient has the
    shape of what it is the gradient of; otherwise the next addition broadcasts.
    """
    if what == "output":
        return None
    got, truth = case.got[what], case.truth[what]
    return truth.reshape(got.shape) if got.numel() == truth.numel() else None  # it may be so for a single sample only
