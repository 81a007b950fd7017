"""Judging a trace: what backward has given, beside the slopes of forward's output, whatever stands for the gradient.

Which of backward's arguments is the gradient of the output, and which of the things that backward leaves is whose gradient,
the numbers say themselves: a reading counts in which some of them fit. What does not fit then is wrong; where nothing fits,
nothing is said.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from minidl.lab.doctor.diagnosis import Finding
from minidl.lab.doctor.subject.copies import copy_of
from minidl.lab.doctor.subject.inside import Path, show
from minidl.lab.doctor.subject.names import CACHED_NAME, INPUT_GRADIENT_NAME, is_gradient_of
from minidl.lab.doctor.subject.paths import put
from minidl.lab.doctor.subject.traces import Arrays, Trace, arrays_in
from minidl.lab.doctor.wording import number

ENTRIES, STEP, CLOSE = 10, 1e-5, 1e-4
SECONDS = 0.5  # of the processor, for the slopes of one trace
FACTORS = (1.0, -1.0, 2.0, 0.5)
SLOPE = re.compile("deriv|prime|grad|^d", re.IGNORECASE)
GRADIENT = re.compile("grad|delta|err", re.IGNORECASE)
PARAMETER = re.compile(r"^_*([wbuvk]_?\d?|[wbu]_?[a-z]{1,2})$|weight|bias|kernel|filter|gamma|beta", re.IGNORECASE)


@dataclass
class Leaf:
    """An array on which forward depends, and how its outputs change with some of its entries."""

    path: Path
    value: Tensor
    entries: list[int] = field(default_factory=list)
    changes: list[dict[Path, Tensor]] = field(default_factory=list)  # of each output, for each entry

    @property
    def is_input(self) -> bool:
        """Whether it is an argument of forward, and nothing of the layer's own."""
        return self.path[0] != ("[]", 0) or (
            len(self.path) == 2 and CACHED_NAME.match(str(self.path[1][1])) is not None
        )

    @property
    def name(self) -> str:
        return show(self.path[1:]) if not self.is_input else "input"

    def slopes(self, output: Path, upstream: Tensor) -> Tensor:
        """Return the slopes of the sum of an output times its gradient, as many as were measured."""
        return torch.stack([(change[output] * upstream).sum() for change in self.changes])


@dataclass
class Reading:
    """One reading of a trace: which gradient belongs to which output, and what fits then."""

    output: Path
    upstream: Tensor
    slopes: dict[Path, Tensor]
    right: dict[Path, tuple[str, float]] = field(default_factory=dict)  # how it was given, and the number in front
    wrong: dict[Path, tuple[str, Tensor]] = field(default_factory=dict)
    missing: list[Path] = field(default_factory=list)


def leaves_of(trace: Trace) -> list[Leaf]:
    """Return the arrays on which the outputs of a trace depend, with their changes; none where forward cannot be repeated."""
    if "leaves" not in trace.shared:
        trace.shared["leaves"] = _leaves_of(trace)
    return trace.shared["leaves"]


def _leaves_of(trace: Trace) -> list[Leaf]:
    call = copy_of(trace.call)
    first = trace.again(copy_of(call))
    if set(first) != set(trace.outputs) or any(first[p].shape != trace.outputs[p].shape for p in first):
        return []
    if not all(_close(first[p], trace.outputs[p], 1e-4) for p in first):
        return []
    same_copy = _repeats(trace, call, first)
    generator = torch.Generator().manual_seed(1)
    found = []
    started = time.process_time()
    arrays = arrays_in(call)
    given = [value for path, value in arrays.items() if path[0] != ("[]", 0)]
    for path, value in arrays.items():
        if path[0] == ("[]", 0) and any(value.shape == g.shape and torch.equal(value, g) for g in given):
            continue  # the input, kept from an earlier time
        if time.process_time() - started > SECONDS:
            break
        leaf = Leaf(path, value)
        for entry in torch.randperm(value.numel(), generator=generator)[:ENTRIES].tolist():
            change = _changed(trace, call, same_copy, path, value, entry, first)
            if change is not None:
                leaf.entries.append(entry)
                leaf.changes.append(change)
            if len(leaf.entries) == 3 and not any(_nonzero(c) for c in leaf.changes):
                break  # it does not matter
        if any(_nonzero(change) for change in leaf.changes):
            found.append(leaf)
    return found


def _repeats(trace: Trace, call: Any, first: Arrays) -> bool:
    """Whether forward, called twice with the same copy, gives the same: then no other copies are needed."""
    one = copy_of(call)
    with contextlib.suppress(Exception):
        for _ in range(2):
            again = trace.again(one)
            if set(again) != set(first) or not all(torch.equal(again[p], first[p]) for p in first):
                return False
        before, after = arrays_in(call), arrays_in(one)
        trace.shared["untouched"] = {p for p, v in before.items() if p in after and torch.equal(after[p], v)}
        trace.shared["one"] = one
        return True
    return False


def _changed(
    trace: Trace, call: Any, same_copy: bool, path: Path, value: Tensor, entry: int, first: Arrays
) -> dict[Path, Tensor] | None:
    """Return how the outputs change with an entry; None where there is a kink."""
    step = STEP * max(1.0, abs(float(value.reshape(-1)[entry])))
    sides = []
    reuse = same_copy and path in trace.shared["untouched"]
    for sign in (1, -1):
        one = trace.shared["one"] if reuse else copy_of(call)
        moved = value.clone()
        moved.view(-1)[entry] += sign * step
        put(one, path, moved)
        try:
            sides.append(trace.again(one))
        finally:
            if reuse:
                put(one, path, value)
    up, down = sides
    if set(up) != set(first) or set(down) != set(first):
        return None
    change = {}
    for p, middle in first.items():
        right, left = (up[p] - middle) / step, (middle - down[p]) / step
        both = (right + left) / 2
        if float((right - left).abs().max()) > 2e-2 * max(float(both.abs().max()), 1e-3):
            return None
        change[p] = both
    return change


def _nonzero(change: dict[Path, Tensor]) -> bool:
    return any(bool((value.abs() > 1e-8).any()) for value in change.values())


def readings(trace: Trace, leaves: list[Leaf]) -> Iterator[Reading]:
    """Yield the readings of a trace."""
    for output, value in trace.outputs.items():
        for upstream in _upstreams(trace, value):
            slopes = {leaf.path: leaf.slopes(output, upstream) for leaf in leaves}
            slopes = {path: s for path, s in slopes.items() if float(s.abs().max()) > 1e-7}
            if slopes:
                yield _read(trace, Reading(output, upstream, slopes), {leaf.path: leaf for leaf in leaves})


def _upstreams(trace: Trace, output: Tensor) -> Iterator[Tensor]:
    """Yield what may be the gradient of an output: of a loss, one; else what backward was given of its shape."""
    if output.numel() == 1:
        yield torch.ones_like(output)
    seen: list[Tensor] = []
    if SLOPE.search(trace.backward) and "back" not in trace.backward:
        seen.append(torch.ones_like(output))
        yield seen[0]
    linked = [v for p, v in trace.before.items() if len(p) > 1 and GRADIENT.search(str(p[-1][1]))]
    for given in [*trace.given.values(), *linked]:
        for way in (given, given.T if given.ndim == 2 else given):
            if way.numel() == output.numel() and (
                way.shape == output.shape or way.squeeze().shape == output.squeeze().shape
            ):
                if not any(torch.equal(way, other) for other in seen):
                    seen.append(way)
                    yield way.reshape(output.shape)
                break


def _read(trace: Trace, reading: Reading, leaves: dict[Path, Leaf]) -> Reading:
    """Find for each leaf what was given as its gradient."""
    for path, slopes in reading.slopes.items():
        leaf = leaves[path]
        candidates = list(_candidates(trace, leaf))
        fitting = [(how, c) for how, _, got in candidates if (c := _factor(slopes, got, leaf, how)) is not None]
        if fitting:
            reading.right[path] = min(fitting, key=lambda f: abs(f[1] - 1))
        elif named := [(how, got) for how, sure, got in candidates if sure]:
            reading.wrong[path] = named[0]
        else:
            reading.missing.append(path)
    used = [
        got
        for path in reading.right
        for how, _, got in _candidates(trace, leaves[path])
        if how == "returned" and _factor(reading.slopes[path], got, leaves[path], how) is not None
    ]
    for path, (how, got) in list(reading.wrong.items()):
        if how == "returned" and any(u.numel() == got.numel() and _same(u, got) for u in used):
            del reading.wrong[path]  # that is the gradient of something else
            reading.missing.append(path)
    _left_over(trace, reading, leaves, used)
    return reading


def _left_over(trace: Trace, reading: Reading, leaves: dict[Path, Leaf], used: list[Tensor]) -> None:
    """Take what is left of the gradients that were returned for those that fit nothing, where their shapes leave no doubt."""
    if not any(not leaves[path].is_input and how == "returned" for path, (how, _) in reading.right.items()):
        return
    left = [v for v in trace.returned.values() if all(v.numel() != u.numel() or not _same(v, u) for u in used)]
    open_ones = [path for path in reading.missing if not leaves[path].is_input and len(path) < 4]
    for path in open_ones:
        shape = leaves[path].value.shape
        mine = [v for v in left if v.shape == shape]
        if len(mine) == 1 == sum(leaves[other].value.shape == shape for other in open_ones):
            reading.wrong[path] = "returned", mine[0]
            reading.missing.remove(path)


def _same(a: Tensor, b: Tensor) -> bool:
    return torch.equal(a.reshape(-1), b.reshape(-1))


def _candidates(trace: Trace, leaf: Leaf) -> Iterator[tuple[str, bool, Tensor]]:
    """Yield what may be the gradient of a leaf: how it is given, whether it is meant as that, and it."""
    for path, value in trace.returned.items():
        if (fitted := _fitted(value, leaf.value)) is not None:
            yield "returned", leaf.is_input or _named(path, leaf), fitted
    if not leaf.is_input and leaf.path in trace.before and leaf.path in trace.after:
        old, new = trace.before[leaf.path], trace.after[leaf.path]
        if old.shape == new.shape and not torch.equal(old, new):
            yield "moved", True, old - new
    for path, value in trace.after.items():
        old = trace.before.get(path)
        if path == leaf.path or (old is not None and old.shape == value.shape and torch.equal(old, value)):
            continue
        fitted = _fitted(value, leaf.value)
        if fitted is None:
            continue
        sure = _named(path, leaf) and path[:-1] == leaf.path[:-1]
        yield "kept", sure, fitted
        if old is not None and old.shape == value.shape and (added := _fitted(value - old, leaf.value)) is not None:
            yield "added", False, added


def _named(path: Path, leaf: Leaf) -> bool:
    """Whether the name of what is left says that it is a leaf's gradient."""
    name, own = str(path[-1][1]), str(leaf.path[-1][1])
    if leaf.is_input:
        return INPUT_GRADIENT_NAME.match(name) is not None
    return is_gradient_of(name, own)


def _fitted(value: Tensor, like: Tensor) -> Tensor | None:
    """Return an array in the shape of another, turned if need be; None where it has other numbers of entries."""
    if value.shape == like.shape:
        return value
    if value.numel() != like.numel():
        return None
    if value.ndim == 2 and like.ndim == 2 and value.T.shape == like.shape:
        return value.T
    return value.reshape(like.shape) if value.squeeze().shape == like.squeeze().shape else None


def _factor(slopes: Tensor, got: Tensor, leaf: Leaf, how: str) -> float | None:
    """Return the number that stands in front of a gradient: 1 where it is right; None where it is no multiple."""
    for way in (got, got.T) if got.ndim == 2 and got.shape[0] == got.shape[1] else (got,):
        mine = way.reshape(-1)[leaf.entries]
        if not bool(mine.isfinite().all()):
            continue
        if _close(mine, slopes, CLOSE):
            return 1.0
        if int((slopes.abs() > 1e-6 * slopes.abs().max()).sum()) < 2:
            continue
        c = float((mine * slopes).sum() / (slopes * slopes).sum())
        if abs(c) > 1e-12 and _close(mine, c * slopes, CLOSE):
            return c
    return None


def _close(a: Tensor, b: Tensor, tolerance: float) -> bool:
    size = max(float(a.abs().max()), float(b.abs().max()), 1e-12)
    return float((a - b).abs().max()) <= tolerance * size


def judge(trace: Trace) -> tuple[list[Finding], list[str], int] | None:
    """Return what is wrong in a trace, notes, and how many gradients were compared; None where nothing can be said."""
    leaves = leaves_of(trace)
    if not leaves:
        return None
    best = max(readings(trace, leaves), key=_worth, default=None)
    if best is None or not best.right:
        return None
    found = _findings(best, {leaf.path: leaf for leaf in leaves}, trace)
    return None if found is None else (*found, len(best.right))


def _worth(reading: Reading) -> tuple[int, int]:
    exact = sum(abs(c - 1) < 1e-3 for _, c in reading.right.values())
    return exact, len(reading.right)


def _findings(reading: Reading, leaves: dict[Path, Leaf], trace: Trace) -> tuple[list[Finding], list[str]] | None:
    inputs = {p: c for p, (how, c) in reading.right.items() if leaves[p].is_input}
    params = {p: (how, c) for p, (how, c) in reading.right.items() if not leaves[p].is_input}
    notes: list[str] = []
    findings: list[Finding] = []
    exact = [p for p, (how, c) in reading.right.items() if abs(c - 1) < 1e-3]
    moved = [c for how, c in params.values() if how == "moved"]
    if moved and not all(abs(c - moved[0]) < 1e-3 * abs(moved[0]) for c in moved):
        return None
    others = [c for how, c in params.values() if how != "moved"]
    if not exact and not (moved and moved[0] > 0):
        return None  # a number in front of everything: it may be the loss that is differentiated otherwise
    for path, c in inputs.items():
        if abs(c - 1) >= 1e-3 and all(abs(other - 1) >= 1e-3 for other in inputs.values()):
            findings.append(_multiple(leaves[path], c, trace))
    if any(abs(c - others[0]) > 1e-3 * abs(c) for c in others):
        findings += [
            _multiple(leaves[p], c, trace) for p, (how, c) in params.items() if how != "moved" and abs(c - 1) >= 1e-3
        ]
    elif others and abs(others[0] - 1) >= 1e-3:
        notes.append(
            f"all gradients of parameters are {number(others[0])} times the slopes: others are meant to take that back."
        )
    for path, (_, got) in reading.wrong.items():
        if CACHED_NAME.match(str(path[-1][1])) or (not leaves[path].is_input and not _is_parameter(path, trace)):
            continue
        findings.append(_unnamed(leaves[path], reading.slopes[path], got))
    return findings, notes


def _is_parameter(path: Path, trace: Trace) -> bool:
    """Whether an array is a parameter of the layer itself, and not of one that it is linked with."""
    return len(path) < 4 and PARAMETER.search(str(path[-1][1] if path[-1][0] == "." else path[-2][1])) is not None


def _multiple(leaf: Leaf, c: float, trace: Trace) -> Finding:
    n = next((value.shape[0] for p, value in arrays_in(trace.call).items() if p[0] == ("[]", 1) and value.ndim), 0)
    known = {
        1 / n if n > 1 else 0.0: "factor 1/n",
        float(n): "factor n",
        -1.0: "factor -1",
        2.0: "factor 2",
        0.5: "factor 1/2",
    }
    name = next((word for value, word in known.items() if abs(c - value) < 1e-3), "unnamed")
    return Finding(
        name, leaf.name, f"The gradient of {leaf.name} is {number(c)} times what it should be, and others are right."
    )


def _unnamed(leaf: Leaf, slopes: Tensor, got: Tensor) -> Finding:
    mine = got.reshape(-1)[leaf.entries]
    at = int((mine - slopes).abs().argmax())
    right = int(((mine - slopes).abs() < 1e-3 * slopes.abs().max()).sum())
    text = (
        f"The gradient of {leaf.name} is not the slope of forward, in a way that I know no name for. Measured: {right} of "
        f"{len(slopes)} entries are right; of one that is not, expected {number(float(slopes[at]))}, "
        f"got {number(float(mine[at]))}."
    )
    return Finding("unnamed", leaf.name, text)
