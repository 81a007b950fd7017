"""Judging a network's gradients by the slopes of the losses that it may be for."""

from __future__ import annotations

import re

from torch import Tensor

from minidl.lab.doctor.diagnosis import Finding
from minidl.lab.doctor.subject.inside import Path
from minidl.lab.doctor.subject.networks import Using, called
from minidl.lab.doctor.wording import number

WEIGHTS = re.compile(r"^_?(w|b|weights?|bias(es)?|theta)(_?\w{0,3})?$|weight|bias", re.IGNORECASE)


OWN = "its own loss"


UP = "The step of {where} goes up the slope of {loss}: it has the wrong sign."


TINY = 1e-12


Slopes = dict[
    str, dict[Path, tuple[Tensor, Tensor]]
]  # by the loss and the parameter: the entries measured, and the slopes


def judged(
    using: Using, how: str, got: dict[Path, Tensor], start: dict[Path, Tensor], slopes: Slopes, n: int
) -> tuple[list[Finding], list[str], list[Path]] | None:
    """Return findings, notes, and the parameters examined; None where the gradients are those of no loss."""
    best: tuple[int, str, float, list[Path]] = (0, "", 1.0, [])
    for name, of in slopes.items():
        both = [path for path in of if path in got]
        for c in _factors(of, got, both):
            fits = [path for path in both if _alike(of[path], got[path], c, start[path])]
            if len(fits) > best[0]:
                best = len(fits), name, c, fits
    _, name, c, fits = best
    if not name:
        name = OWN if OWN in slopes else ""
        if not name:
            return None
        c = 1.0
    of = slopes[name]
    findings = []
    for path in of:
        if path in fits or (
            path not in got and not WEIGHTS.search(str(path[-1][1] if path[-1][0] == "." else path[0][1]))
        ):
            continue
        findings.append(_finding(path, of[path], got.get(path), c, n, name, how))
    if how == "moved" and c < 0 and not findings:
        findings = [Finding("factor -1", called(p), UP.format(where=called(p), loss=name)) for p in fits[:1]]
    notes = [f"the gradients of the whole network were compared with the slopes of {name}, by central differences."]
    if abs(c - 1) > 1e-3 and how != "moved":
        notes.append(f"all of them are {number(c)} times those: the learning rate is meant to take that into account.")
    return findings, notes, list(of)


def _factors(of: dict[Path, tuple[Tensor, Tensor]], got: dict[Path, Tensor], both: list[Path]) -> list[float]:
    """Return the numbers that may stand in front of all gradients: what a parameter tells, where its entries agree."""
    found = []
    for path in both:
        entries, slope = of[path]
        mine = got[path].reshape(-1)[entries]
        if len(entries) < 2:
            continue
        c = float((mine * slope).sum() / (slope * slope).sum())
        if abs(c) > TINY and _close(mine, c * slope):
            found.append(c)
    return sorted(set(found), key=lambda c: abs(c - 1))


def _alike(slope: tuple[Tensor, Tensor], got: Tensor, c: float, param: Tensor) -> bool:
    """Whether a gradient is c times the slope; perhaps with a penalty, a number times the parameter itself."""
    entries, right = slope
    mine, own = got.reshape(-1)[entries], param.reshape(-1)[entries].double()
    if _close(mine, c * right):
        return True
    rest = mine - c * right
    return len(entries) > 2 and _close(rest, float((rest * own).sum() / (own * own).sum()) * own)


def _close(a: Tensor, b: Tensor) -> bool:
    size = max(float(a.abs().max()), float(b.abs().max()), TINY)
    return float((a - b).abs().max()) <= 1e-3 * size


def _finding(
    path: Path, slope: tuple[Tensor, Tensor], got: Tensor | None, c: float, n: int, loss: str, how: str
) -> Finding:
    where = called(path)
    if got is None:
        text = f"The gradient of {where} is missing: changing it changes {loss}, and backward does nothing about it."
        return Finding("gradient missing", where, text)
    entries, right = slope
    mine = got.reshape(-1)[entries] / c
    ratio = float((mine * right).sum() / (right * right).sum())
    if len(entries) > 1 and _close(mine, ratio * right):
        known = {1 / n: "factor 1/n", float(n): "factor n", -1.0: "factor -1", 2.0: "factor 2", 0.5: "factor 1/2"}
        name = next((word for value, word in known.items() if abs(ratio - value) < 1e-3), "unnamed")
        return Finding(
            name, where, f"The gradient of {where} is {number(ratio)} times what {loss} makes it, and others are right."
        )
    at = int((mine - right).abs().argmax())
    right_ones = int(((mine - right).abs() < 1e-3 * right.abs().max()).sum())
    text = (
        f"The gradient of {where} is not what {loss} makes it, in a way that I know no name for. Measured: {right_ones} of "
        f"{len(entries)} entries are right; of one that is not, expected {number(float(right[at]))}, "
        f"got {number(float(mine[at]))}."
    )
    return Finding("unnamed", where, text)
