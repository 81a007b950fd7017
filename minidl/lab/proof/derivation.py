"""A gradient derived line by line, in index notation, as on a board.

Every line comes from the one before by the rules of `calculus`, and its reason from what was done.
"""

from __future__ import annotations

from dataclasses import dataclass

from minidl.lab.proof.calculus import base, definition, opened, partials, picked
from minidl.lab.proof.formula import (
    Formula,
    entry,
    free_indices,
    inside,
    latex,
    new_indices,
    new_token,
    tidy,
    total,
)


@dataclass(frozen=True)
class Line:
    """What the derivative is equal to, in index notation, and why: text, with formulas in LaTeX between dollar signs."""

    formula: Formula
    reason: str


def derive(forward: Formula, wrt: Formula, upstream: Formula | None) -> list[Line]:
    """Return the lines from the chain rule to the entry of dL/d(wrt) in which no delta is left.

    ``forward`` is a name; its indices and those of ``wrt`` are the usual letters of their sizes.
    """
    x = entry(wrt, new_indices(wrt.shape))
    if upstream is None:
        line = Formula("partial", (forward, x))
        lines = []
    else:
        at = tuple(map(new_token, forward.shape))
        step = Formula("partial", (entry(forward, at), x))
        line = total(tuple(zip(at, forward.shape, strict=True)), entry(upstream, at) * step)
        lines = [Line(_tidy(line, x), f"every path from ${latex(x)}$ to $L$")]
    moves = f"only ${latex(x)}$ moves"
    while names := list(partials(line)):
        name = base(names[0].args[0])
        line = opened(line)
        lines.append(Line(_tidy(line, x), f"{_definition(name, x)}; {moves}"))
        moves = "and the chain rule"
    if any(part.op == "delta" for part in inside(line)):
        picks = ", ".join(f"${a} = {b}$" for a, b in _deltas(lines[-1].formula, x))
        many = "deltas pick" if picks.count(",") else "delta picks"
        lines.append(Line(_tidy(picked(line), x), f"the {many} {picks}"))
    return lines


def _tidy(line: Formula, x: Formula) -> Formula:
    return tidy(line, tuple(free_indices(x)))


def _definition(name: Formula, x: Formula) -> str:
    """Return what a name stands for, with the letters that it has under the sums."""
    taken = tuple(free_indices(x))
    at = new_indices(name.shape, taken)
    y = entry(name, at)
    return f"${latex(y)} = {latex(tidy(definition(y), (*taken, *free_indices(y))))}$"


def _deltas(line: Formula, x: Formula) -> list[tuple[str, str]]:
    """Return the pairs of indices that deltas make equal, each time the one that stays at last."""
    stay = free_indices(x)
    pairs = [part.args for part in inside(line) if part.op == "delta"]
    return list(dict.fromkeys((b, a) if a in stay and b not in stay else (a, b) for a, b in pairs))
