"""The factors: numbers in front of what is right, or on top of another wrong value."""

# ruff: noqa: D205 - the docstrings are for the student, and as long as they need to be

from __future__ import annotations

import math

import torch
from torch import Tensor

from minidl.lab.doctor.measure.batches import Case
from minidl.lab.doctor.mistakes.reading import CHAIN, KEPT, ONE_ANSWER
from minidl.lab.doctor.mistakes.rules import factor, wrong_value


@factor("-1", name="sign", goes_with="all", read=CHAIN, read_of_loss=ONE_ANSWER)
def sign(case: Case) -> float:
    """{Where} has the wrong sign: a descent along it climbs.

    backward returns minus the derivative of your own loss: does the target come first, where it has to be subtracted? With
    it, a descent climbs.
    """
    return -1


@factor("2", goes_with="sizes", read=CHAIN)
def twice(case: Case) -> float:
    """{Where} is twice what it should be: there is a 2 too many, or something is added twice.

    backward returns twice the derivative of your own loss: forward has a 1/2 that backward does not have, or
    backward a 2 too many.
    """
    return 2


@factor("1/2", goes_with="sizes", read=CHAIN)
def half(case: Case) -> float:
    """{Where} is half of what it should be: a 2 is missing, as it comes from the derivative of a square, or there is a 1/2
    too many.

    backward returns half the derivative of your own loss: the 2 from the derivative of the square is missing, or
    there is a 1/2 too many.
    """
    return 1 / 2


@factor("n", pairs=("1/m",))
def times_n(case: Case) -> float:
    """{Where} is n times too large, n being the number of samples: something multiplies by the batch size, or sums
    over the batch twice.

    backward returns n times the derivative of your own loss, n being the number of samples: forward divides by n,
    and backward does not.
    """
    return case.n


@factor("1/n", pairs=("m",))
def divided_by_n(case: Case) -> float:
    """{Where} is divided by n, the number of samples. A gradient is the sum over the batch; whether to average is for
    the loss alone to decide.

    backward returns 1/n of the derivative of your own loss, n being the number of samples: backward divides by n,
    and forward does not.
    """
    return 1 / case.n


@factor("m")
def times_m(case: Case) -> float:
    """{Where} is m times too large, m being the number of features of the input: something multiplies by it, or sums over
    the features twice.

    backward returns m times the derivative of your own loss, m being the number of outputs: forward divides by m,
    and backward does not. With one output nobody sees it.
    """
    return case.m


@factor("1/m")
def divided_by_m(case: Case) -> float:
    """{Where} is divided by m, the number of features of the input: it looks like a mean over the features where a sum
    belongs.

    backward returns 1/m of the derivative of your own loss, m being the number of outputs: backward divides by m,
    and forward does not. With one output nobody sees it.
    """
    return 1 / case.m


@factor("n*m")
def times_entries(case: Case) -> float:
    """{Where} is n*m times too large, n*m being the number of entries of the input: something multiplies by it.

    backward returns n*m times the derivative of your own loss, n*m being the number of entries: forward takes the
    mean over all entries, and backward belongs to their sum.
    """
    return case.n * case.m


@factor("1/(n*m)")
def divided_by_entries(case: Case) -> float:
    """{Where} is divided by n*m, the number of entries of the input: it looks like .mean() over everything where a sum
    belongs.

    backward returns 1/(n*m) of the derivative of your own loss, n*m being the number of entries: backward belongs
    to the mean over all entries, and forward takes their sum.
    """
    return 1 / (case.n * case.m)


@factor("k")
def times_k(case: Case) -> float:
    """{Where} is k times too large, k being the number of features of the output: something multiplies by it, or sums over
    them twice.
    """
    return case.k


@factor("1/k")
def divided_by_k(case: Case) -> float:
    """{Where} is divided by k, the number of features of the output: it looks like a mean over the outputs where a sum
    belongs.
    """
    return 1 / case.k


@factor("n*k")
def times_outputs(case: Case) -> float:
    """{Where} is n*k times too large, n*k being the number of entries of the output: something multiplies by it."""
    return case.n * case.k


@factor("1/(n*k)")
def divided_by_outputs(case: Case) -> float:
    """{Where} is divided by n*k, the number of entries of the output: it looks like .mean() over everything where a
    sum belongs.
    """
    return 1 / (case.n * case.k)


@wrong_value("mask not scaled", of="input", read=KEPT)
def mask_not_scaled(case: Case, what: str) -> Tensor | None:
    """{Where} is {number} times what it should be{setting}: forward drops some entries and enlarges those that it keeps, and
    backward does not enlarge. Keep the mask with its scale, and multiply by the same.
    """
    scale = _scale_of_mask(case)
    return None if scale is None else case.truth[what] / scale


@wrong_value("mask scaled twice", of="input", read=KEPT)
def mask_scaled_twice(case: Case, what: str) -> Tensor | None:
    """{Where} is {number} times what it should be{setting}: the scale of the mask, by which forward enlarges what it keeps,
    stands in backward twice. Multiply by the same mask, scale and all, once.
    """
    scale = _scale_of_mask(case)
    return None if scale is None else case.truth[what] * scale


def _scale_of_mask(case: Case) -> float | None:
    """Return the number by which a dropout multiplies what it keeps; None for anything else."""
    cases = case.batches.cases
    if not case.subject.random or any(c.input.shape != c.output.shape or not bool((c.input != 0).all()) for c in cases):
        return None
    ratios = torch.cat([(c.output / c.input).reshape(-1) for c in cases])
    scale = float(ratios.max())
    kept = ((ratios - scale).abs() < 1e-3 * abs(scale)) | (ratios == 0)
    return scale if bool(kept.all()) and bool((ratios == 0).any()) and abs(scale - 1) > 1e-3 and scale > 0 else None


@wrong_value(
    "factor c", of="any", read=CHAIN, last=True, in_company="Is it the same in your forward, and does it come in once?"
)
def constant_factor(case: Case, what: str) -> Tensor | None:
    """{Where} is {number} times what it should be, in every batch{setting}."""
    values = [(c, c.output if what == "output" else c.got[what], c.truth[what]) for c in case.batches.cases]
    number = next(c.multiple(got, truth) for c, got, truth in values if not c.close(got, truth))
    return number * case.truth[what] if len(values) > 1 and math.isfinite(number) and number else None
