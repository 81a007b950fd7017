"""How numbers, names and places are written in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def number(value: Any) -> str:
    """Return a number with four digits."""
    return f"{float(value):.4g}"


def listed(names: Sequence[str]) -> str:
    """Return names as one would say them: a, b and c."""
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def words(where: str, **seen: Any) -> dict[str, Any]:
    """Return what can stand in braces in a sentence: ``where``, ``Where``, and what has been seen."""
    name = {"input": "what backward returns", "output": "what forward returns"}.get(where, f"the gradient of {where}")
    return {**seen, "where": name, "Where": name[0].upper() + name[1:]}


def times(number: float) -> str:
    """Return how often, in words where there are such."""
    said = {0: "never", 1: "once", 2: "twice"}
    return said.get(number, f"{number:.3g} times")


def things(count: int) -> str:
    """Return how many things there are, in words where it is one."""
    return "one thing" if count == 1 else f"{count} things"
