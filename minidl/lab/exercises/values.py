"""Whether a value is the expected one, and in words how it differs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def has_dots(answer: Any) -> bool:
    """Whether an answer, or something in it, is still to be filled in."""
    if isinstance(answer, (list, tuple)):
        return any(map(has_dots, answer))
    if isinstance(answer, dict):
        return any(map(has_dots, answer.values()))
    return answer is None or answer is ... or answer is NotImplemented


def difference(got: Any, expected: Any, tolerance: float) -> str:
    """Return in words how an answer differs from what is expected, without giving that away; nothing if it does not."""
    if isinstance(expected, (bool, str)):
        got = got.item() if isinstance(got, Tensor) and got.numel() == 1 else got  # a comparison gives tensor(True)
        same = str(got).strip().casefold() == str(expected).strip().casefold()
        return "" if same else f"{show(got)} is not it."
    if isinstance(expected, Mapping):
        if not isinstance(got, Mapping) or set(got) != set(expected):
            return f"it should have the entries {', '.join(map(str, expected))}."
        return next((f"{key}: {d}" for key in expected if (d := difference(got[key], expected[key], tolerance))), "")
    try:
        mine, due = (torch.as_tensor(value, dtype=torch.float64).detach() for value in (got, expected))
    except (TypeError, ValueError, RuntimeError):
        if isinstance(expected, (list, tuple)) and isinstance(got, (list, tuple)) and len(got) == len(expected):
            pairs = enumerate(zip(got, expected, strict=True))
            return next((f"number {i + 1}: {d}" for i, (g, e) in pairs if (d := difference(g, e, tolerance))), "")
        return f"{show(got)} is not what is asked for: is it of the right kind?"
    if mine.shape != due.shape:
        return _shapes(mine, due, tolerance)
    slack = tolerance * max(1.0, float(due.abs().max()) if due.numel() else 1.0)
    right = (mine - due).abs() <= slack
    if bool(right.all()):
        return ""
    if bool(((mine + due).abs() <= slack).all()):
        return "the sign is the wrong way round."
    if due.ndim == 2 and due.shape[0] == due.shape[1] and bool(((mine.mT - due).abs() <= slack).all()):
        return "it is transposed: rows and columns are exchanged."
    ratio = float((mine * due).sum() / (due * due).sum()) if bool(due.any()) else 0.0
    if ratio and due.numel() > 1 and bool(((mine - ratio * due).abs() <= slack * abs(ratio)).all()):
        return f"every number is {ratio:.4g} times what it should be."
    if due.numel() == 1:
        return f"{show(got)} is not it."
    entry = (~right).nonzero()[0].tolist()
    return f"{int(right.sum())} of {right.numel()} numbers are right; {mine[tuple(entry)]:.4g} at {entry} is not."


def _shapes(mine: Tensor, due: Tensor, tolerance: float) -> str:
    shapes = f"its shape is {tuple(mine.shape)}, and should be {tuple(due.shape)}"
    if mine.ndim == due.ndim == 2 and mine.shape == due.mT.shape and torch.allclose(mine.mT, due, tolerance, tolerance):
        return f"it is transposed: {shapes}."
    if mine.numel() == due.numel() and torch.allclose(mine.reshape(due.shape), due, tolerance, tolerance):
        return f"the numbers are right, the shape is not: {shapes}."
    return f"{shapes}."


def show(value: Any) -> str:
    """Return a value as text, in short."""
    text = str(value.tolist()) if isinstance(value, Tensor) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
