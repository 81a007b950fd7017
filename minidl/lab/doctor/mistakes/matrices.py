"""Matrix products: a transpose that is missing, or made by reshape."""

# ruff: noqa: D205 - the docstrings are for the student, and as long as they need to be

from __future__ import annotations

from torch import Tensor

from minidl.lab.doctor.measure.batches import Case
from minidl.lab.doctor.mistakes.reading import ENTRIES, LAYER, LINEAR, MESSAGE, SHAPES
from minidl.lab.doctor.mistakes.rules import wrong_value


@wrong_value("transposed", of="any", read=SHAPES)
def transposed(case: Case, what: str) -> Tensor | None:
    """{Where} is transposed: rows and columns are exchanged. Write the shape under every factor: it says which of
    them has to be turned over, and which stands on the left.
    """
    truth = case.truth[what]
    return truth.mT if truth.ndim == 2 else None


@wrong_value("transposed", of="input", read=MESSAGE)
def weight_not_transposed(case: Case, what: str) -> list[Tensor | None]:
    """{Where} is the upstream gradient times the weight the wrong way round: a transpose is missing, or one too many.
    With as many inputs as outputs the shapes do not give it away.
    """
    G, truth = case.grad_output, case.truth[what]
    ways = [(w, w.mT) for p in _matrices(case) for w in (p, p.mT)]
    return [_product(G, wrong) for right, wrong in ways if case.is_multiple(truth, _product(G, right))]


@wrong_value("reshaped", of="any", read=LINEAR)
def reshaped(case: Case, what: str) -> list[Tensor | None]:
    """{Where} comes from reshape (or view) where a transpose belongs. reshape keeps the numbers in reading order and
    only breaks the lines elsewhere; .T exchanges rows and columns.
    """
    truth, X, G = case.truth[what], case.input, case.grad_output
    if truth.ndim != 2:
        return []
    found = [truth.mT.reshape(truth.shape), truth.reshape(truth.mT.shape)]
    if what == "input":
        found += [_product(G, w) for p in _matrices(case) for w in (p.reshape(p.mT.shape), p.mT.reshape(p.shape))]
    elif what == "output":
        found += [_product(X, w) for p in _matrices(case) for w in (p.reshape(p.mT.shape), p.mT.reshape(p.shape))]
    elif X.ndim == G.ndim == 2:
        for left, right in ((X, G), (G, X)):
            product = left.reshape(left.mT.shape) @ right
            found += [product, product.mT]
    return found


@wrong_value("product for entrywise", of="input", read=ENTRIES)
def product_for_entrywise(case: Case, what: str) -> list[Tensor | None]:
    """{Where} is a matrix product (@), where forward multiplies, or applies a function, entry by entry: the upstream gradient
    is multiplied entry by entry then (*), and nothing is transposed.
    """
    G, truth = case.grad_output, case.truth[what]
    if G.ndim != 2 or G.shape != truth.shape or case.subject.is_loss:
        return []
    slopes = truth / G
    own = (case.parameter(slot.name) for slot in case.subject.slots if not slot.depth)
    rows = [p.reshape(1, -1) for p in own if p is not None and p.numel() == case.m > 1]
    found = [G @ row.mT for row in rows if case.close(truth, G * row)]
    products = [G @ slopes.mT, slopes.mT @ G, G.mT @ slopes, slopes @ G.mT] if case.batches.entrywise else []
    return found + products


@wrong_value("output for input", of="param", read=LAYER)
def output_for_input(case: Case, what: str) -> list[Tensor | None]:
    """{Where} is computed with the layer's output, where its input belongs: keep the input in forward."""
    Y, G = case.output, case.grad_output
    return [Y.mT @ G, G.mT @ Y] if Y.ndim == 2 else []


def _matrices(case: Case) -> list[Tensor]:
    """Return the module's own matrices, no single rows or columns; a module inside has its own message."""
    own = [slot.name for slot in case.subject.slots if not slot.depth]
    return [p for name in own if (p := case.parameter(name)) is not None and p.ndim == 2 and min(p.shape) > 1]


def _product(left: Tensor, right: Tensor) -> Tensor | None:
    return left @ right if left.ndim == 2 and left.shape[-1] == right.shape[0] else None
