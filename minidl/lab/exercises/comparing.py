"""Whether a value is the expected one, and in words how it differs."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

SAME = 1e-5  # relative, between two pieces of code that compute the same
NEAR = 0.02  # so near, an answer is told to be more exact
DIGITS = "give more digits, or let Python compute them"


def has_dots(answer: Any) -> bool:
    """Whether an answer, or something in it, is still to be filled in."""
    if isinstance(answer, (list, tuple)):
        return any(map(has_dots, answer))
    if isinstance(answer, dict):
        return any(map(has_dots, answer.values()))
    return answer is ...


def as_numbers(value: Any) -> Tensor | None:
    """Return numbers of any kind as a float64 tensor: tensors, arrays, SymPy's, lists of these; None where there are others."""
    try:
        return _numbers(value)
    except (TypeError, ValueError, RuntimeError):
        return None


def _numbers(value: Any) -> Tensor:
    if isinstance(value, Tensor) and value.dtype != torch.bool and not value.is_complex():
        return value.detach().double()
    if isinstance(value, (list, tuple)) and any(isinstance(item, (Tensor, list, tuple)) for item in value):
        return torch.stack(
            [_numbers(item) for item in value]
        )  # no number of a tensor becomes one of Python's on the way
    return torch.tensor(_plain(value), dtype=torch.float64)


def _plain(value: Any) -> Any:
    if isinstance(value, (bool, str)):
        raise TypeError("no number")
    if hasattr(value, "detach"):
        value = value.detach()
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return float(value)


def word(value: Any) -> str:
    """Return text as it is compared: without capitals, with spaces for underscores and hyphens, without a full stop."""
    return re.sub(r"[\s_-]+", " ", str(value)).strip(" .!'\"`").casefold()


def difference(got: Any, expected: Any, tolerance: float = 5e-4, more: str = DIGITS) -> str:
    """Return in words how an answer differs from what is expected, without giving that away; nothing if it does not.

    Numbers may differ by ``tolerance``, relative to each; 0 is 0. ``more`` is the advice where they are near.
    """
    if got is None:
        return "it is None: does something print where it should return, or is a return missing?"
    if isinstance(expected, (bool, str)):
        if isinstance(got, Tensor) and got.numel() != 1:
            return f"it is a tensor of shape {tuple(got.shape)}, and one answer for all of it is asked for."
        got = (
            got.item() if hasattr(got, "item") and getattr(got, "size", None) != 0 else got
        )  # a comparison gives tensor(True)
        return "" if word(got) == word(expected) else f"{show(got)} is not it."
    if isinstance(expected, Mapping):
        if not isinstance(got, Mapping) or set(got) != set(expected):
            return f"it should have the entries {', '.join(map(str, expected))}."
        found = ((key, difference(got[key], expected[key], tolerance, more)) for key in expected)
        return next((f"{key}: {text}" for key, text in found if text), "")
    due, mine = as_numbers(expected), as_numbers(got)
    if due is None and isinstance(expected, (list, tuple)):  # several, each of a shape of its own
        if not isinstance(got, (list, tuple)) or len(got) != len(expected):
            return f"{len(expected)} of them are asked for, and {show(got)} is something else."
        pairs = enumerate(zip(got, expected, strict=True), 1)
        return next((f"number {i}: {text}" for i, (g, e) in pairs if (text := difference(g, e, tolerance, more))), "")
    if due is not None and isinstance(got, str):
        return f"{show(got)} is text, and so not of the right kind: write numbers without quotation marks."
    if due is None or mine is None:
        return f"{show(got)} is not what is asked for: is it of the right kind?"
    return _of_numbers(mine, due, tolerance, got, more)


def _of_numbers(mine: Tensor, due: Tensor, tolerance: float, got: Any, more: str) -> str:
    if mine.shape != due.shape:
        return _of_shapes(mine, due, tolerance)
    right = _close(mine, due, tolerance)
    if bool(right.all()):
        return ""
    if bool(_close(mine, -due, tolerance).all()):
        return "the sign is the wrong way round."
    if due.ndim == 2 and due.shape[0] == due.shape[1] and bool(_close(mine.mT, due, tolerance).all()):
        return "it is transposed: rows and columns are exchanged."
    if bool(_close(mine, due, NEAR).all()) and not isinstance(got, int):  # a count is right or wrong
        return f"{show(got)} is near, and not exact: {more}."
    ratio = float((mine * due).sum() / (due * due).sum()) if bool(due.any()) else 0.0
    if ratio and due.numel() > 1 and bool(_close(mine, ratio * due, tolerance).all()):
        return f"every number is {ratio:.4g} times what it should be."
    if due.numel() == 1:
        return f"{show(got)} is not it."
    return (
        f"{int(right.sum())} of {right.numel()} numbers are right; {_at((~right).nonzero()[0].tolist(), mine)} is not."
    )


def _close(mine: Tensor, due: Tensor, tolerance: float) -> Tensor:
    return torch.isclose(mine, due, rtol=tolerance, atol=1e-9, equal_nan=True)


def _at(entry: list[int], values: Tensor) -> str:
    """Return the number at an entry, and where it stands, counted from 1."""
    words = ("number",) if len(entry) == 1 else ("block", "row", "column")[-len(entry) :]
    places = zip(words, entry, strict=True) if len(words) == len(entry) else [("entry", tuple(entry))]
    where = ", ".join(f"{name} {place + 1 if isinstance(place, int) else place}" for name, place in places)
    return f"{float(values[tuple(entry)]):.4g} ({where})"


def _of_shapes(mine: Tensor, due: Tensor, tolerance: float) -> str:
    if due.ndim == 0:
        return f"one number is asked for, without brackets; its shape is {tuple(mine.shape)}."
    shapes = f"its shape is {tuple(mine.shape)}, and should be {tuple(due.shape)}"
    if mine.ndim == due.ndim == 2 and mine.shape == due.mT.shape and bool(_close(mine.mT, due, tolerance).all()):
        return f"it is transposed: {shapes}."
    if mine.numel() == due.numel() and bool(_close(mine.reshape(due.shape), due, tolerance).all()):
        return f"the numbers are right, the shape is not: {shapes}."
    return f"{shapes}."


def show(value: Any) -> str:
    """Return a value as text, in short."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if inspect.isroutine(value):
        return "a function"
    text = " ".join((str(value.tolist()) if isinstance(value, Tensor) else repr(value)).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
