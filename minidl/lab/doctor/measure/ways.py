"""From where to where parameters and gradients have gone: which are others than before, in which direction, and how far."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def climbing(before: list[Tensor], after: list[Tensor], grads: list[Tensor | None]) -> float | None:
    """Return the cosine of the way from one set of parameters to another and the gradient; None where one of them is zero."""
    if len(before) != len(after) or any(a.shape != b.shape for a, b in zip(before, after, strict=True)):
        return None
    known = [(b - a, g) for a, b, g in zip(before, after, grads, strict=True) if g is not None and g.shape == a.shape]
    product, way, slope = (
        sum(float((p * q).sum()) for p, q in parts)
        for parts in (known, [(w, w) for w, _ in known], [(g, g) for _, g in known])
    )
    return product / math.sqrt(way * slope) if way * slope > 0 else None


def changed(now: list[tuple[Tensor, Tensor | None]], before: list[Tensor]) -> set[int]:
    """Return which parameters are others than before, by their places; NaN is as good as NaN."""
    if len(now) != len(before):
        return set(range(len(now)))
    return {k for k, ((param, _), old) in enumerate(zip(now, before, strict=True)) if _differ(param.detach(), old)}


def _differ(now: Tensor, before: Tensor) -> bool:
    return not torch.equal(now, before) and not torch.equal(now.nan_to_num(7), before.nan_to_num(7))


def kept_of(used: list[Tensor | None], computed: dict[int, Tensor], places: set[int]) -> tuple[float, float] | None:
    """Return what became of gradients before they were used: the cosine to those computed, and how much of these is in them.

    None where one of them is not known, or zero.
    """
    both = [(used[k], computed.get(k)) for k in places if k < len(used) and used[k] is not None]
    if not both or any(b is None or a.shape != b.shape for a, b in both):
        return None
    product, one, other = (sum(float((a * b).sum()) for a, b in part) for part in (
        both, [(a, a) for a, _ in both], [(b, b) for _, b in both]))  # fmt: skip
    return (product / math.sqrt(one * other), product / other) if one * other > 0 else None
