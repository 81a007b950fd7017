"""Whether a value is the expected one, and in words how it differs."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

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
    except (TypeError, ValueError, RuntimeError, OverflowError):
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


class Numbers(NamedTuple):
    """Numbers of any kind, as Python's: two of these are compared in a moment."""

    shape: tuple[int, ...]
    values: list[float]


def plainly(value: Any) -> Any:
    """Return a value for `same`, all numbers in it as `Numbers`: lists and dictionaries keep what else there is."""
    if isinstance(value, (list, tuple)):
        parts = [plainly(part) for part in value]
        if all(isinstance(part, Numbers) for part in parts) and len({part.shape for part in parts}) <= 1:
            shape = (len(parts), *(parts[0].shape if parts else ()))
            return Numbers(shape, [number for part in parts for number in part.values])
        return parts
    if isinstance(value, Mapping):
        return {key: plainly(part) for key, part in value.items()}
    if str(getattr(value, "dtype", "")).endswith("bool"):
        return plainly(value.tolist())
    if isinstance(value, bool):
        return value
    numbers = as_numbers(value)
    return value if numbers is None else Numbers(tuple(numbers.shape), numbers.flatten().tolist())


def same(got: Any, expected: Any, tolerance: float = 5e-4) -> bool:
    """Whether `difference` would find none, of two values that `plainly` has returned."""
    if isinstance(expected, Numbers):
        return (
            isinstance(got, Numbers)
            and got.shape == expected.shape
            and all(_near(mine, due, tolerance) for mine, due in zip(got.values, expected.values, strict=True))
        )
    if isinstance(got, Numbers):
        return False
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        return set(got) == set(expected) and all(same(got[key], expected[key], tolerance) for key in expected)
    if isinstance(expected, list):
        return (
            isinstance(got, list)
            and len(got) == len(expected)
            and all(same(mine, due, tolerance) for mine, due in zip(got, expected, strict=True))
        )
    return not difference(got, expected, tolerance)


def _near(mine: float, due: float, tolerance: float) -> bool:
    if mine == due or (math.isnan(mine) and math.isnan(due)):
        return True
    return math.isfinite(mine) and math.isfinite(due) and abs(mine - due) <= 1e-9 + tolerance * abs(due)


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
    if due is not None and (other := _of_kind(got)):
        return other
    if due is None or mine is None:
        return f"{show(got)} is not what is asked for: is it of the right kind?"
    return _of_numbers(mine, due, tolerance, got, more)


def _of_kind(got: Any) -> str:
    """Return what is wrong with the kind of an answer where numbers are asked for; nothing where they may be numbers."""
    if isinstance(got, Mapping):
        return f"{show(got)} is a dictionary: write a list of the values alone, in the order asked for."
    if isinstance(got, (set, frozenset)):
        return f"{show(got)} is a set, which keeps no order: write a list, with [ and ]."
    if isinstance(got, bool):
        return f"{show(got)} is not of the right kind: a number is asked for."
    if isinstance(got, (list, tuple)):
        if any(isinstance(item, (str, Mapping, set)) for item in got):
            return next(filter(None, map(_of_text, got)), "")
        if any(isinstance(item, (list, tuple)) for item in got):
            lengths = {len(item) if isinstance(item, (list, tuple)) else 0 for item in got}
            if len(lengths) > 1:
                return f"{show(got)} is not of the right kind: its rows are not equally long."
            return next(filter(None, map(_of_kind, got)), "")
    return ""


def _of_text(item: Any) -> str:
    if isinstance(item, str):
        return f"{show(item)} is text, and so not of the right kind: write numbers without quotation marks."
    return _of_kind(item)


def _of_numbers(mine: Tensor, due: Tensor, tolerance: float, got: Any, more: str) -> str:
    if mine.shape != due.shape:
        return _of_commas(mine, due, got) or _of_shapes(mine, due, tolerance)
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
    if relation := _of_relations(mine, due, tolerance):
        return relation
    if due.numel() == 1:
        return f"{show(got)} is not it."
    count, first = int(right.sum()), _at((~right).nonzero()[0].tolist(), mine)
    counted = f"{count} of {right.numel()} numbers {'is' if count == 1 else 'are'} right"
    wrong = right.numel() - count
    rest = f"{first} is not" if wrong == 1 else f"the first that is not is {first}"
    return f"{counted if count else f'none of the {right.numel()} numbers is right'}; {rest}."


def _of_commas(mine: Tensor, due: Tensor, got: Any) -> str:
    """Return what is to be said where a comma was to be a decimal point, or to set off thousands."""
    if mine.ndim != 1 or not isinstance(got, (list, tuple)) or not all(type(number) is int for number in got):
        return ""
    if due.ndim == 0 and isinstance(got, tuple) and len(got) > 1:
        return (
            f"Python reads {', '.join(map(str, got))} as {len(got)} numbers. If one was meant: decimals begin with a point, "
            "and between thousands stands nothing."
        )
    if due.ndim == 1 and mine.numel() == 2 * due.numel():
        return f"{len(got)} numbers stand there, and {due.numel()} are asked for. Decimals begin with a point, not a comma."
    return ""


def _of_relations(mine: Tensor, due: Tensor, tolerance: float) -> str:
    """Return how numbers are made of those that are asked for, where that is a known slip; nothing where it is none."""
    if not bool(due.isfinite().all()) or not bool((due != 0).any()):
        return ""
    whole = bool((due == due.round()).all())
    if due.numel() == 1 and not (whole and float(due.abs()) < 20):
        for power in (*range(-6, 0), *range(1, 7)):
            if bool(_close(mine, due * 10.0**power, tolerance).all()):
                return f"the digits are right, and it is a power of ten too {'large' if power > 0 else 'small'}."
    if due.numel() > 1 and mine.shape == due.shape:
        if bool(_close(mine.flatten().flip(0).reshape(due.shape), due, tolerance).all()):
            return "the numbers are right, and stand back to front: look at the order asked for."
        ordered = mine.flatten().sort().values, due.flatten().sort().values
        if len(due.unique()) > 2 and bool(_close(*ordered, tolerance).all()):
            return "the numbers are right, and stand in another order than asked for."
    if not whole and bool((due > 0).all()) and not bool(_close(due, torch.ones_like(due), 0.05).any()):
        for made, words in ((due**2, "the square"), (due**0.5, "the root"), (1 / due, "one divided by it")):
            if bool(_close(mine, made, tolerance).all()):
                of = "of what is asked for" if words != "one divided by it" else "where it itself is asked for"
                return f"that is {words} {of}."
    return ""


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
