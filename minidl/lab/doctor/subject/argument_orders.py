"""In which order forward and backward take what they take, as far as the names of their arguments tell; the likelier first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from minidl.lab.doctor.subject.roles import needed, order_is_clear, positional, role, target_first

PLURAL = re.compile("gradients|grads|s$")


def forward_arguments(method: Any, is_loss: bool) -> Iterator[tuple[str, ...]]:
    """Yield what the arguments of forward may be."""
    names = needed(method)
    if is_loss:
        swapped = target_first(names)
        rest = tuple("flag" for _ in names[2:])
        yield ("target", "input", *rest) if swapped else ("input", "target", *rest)
        if not order_is_clear(names):
            yield ("input", "target", *rest) if swapped else ("target", "input", *rest)
        return
    roles = [role(name) for name in names]
    if "input" not in roles and roles:
        roles[0] = "input"
    first = roles.index("input") if roles else 0
    roles = ["second" if r in ("input", "grad", "target", "cache") and i != first else r for i, r in enumerate(roles)]
    if roles.count("second") <= 1:
        yield tuple(roles) or ("input",)
    if len(names) <= 1:
        optional = [role(p.name) for p in positional(method)][1:]
        if "flag" in optional[:1]:
            yield ("input", "flag")


def backward_arguments(method: Any, is_loss: bool) -> Iterator[tuple[str, ...]]:
    """Yield what the arguments of backward may be."""
    names = needed(method)
    roles = [role(name) for name in names]
    if is_loss:
        if not names:
            yield ()
            return
        if len(names) == 1:
            yield ("target",) if roles[0] == "target" or names[0].lower() in ("y", "label") else ("grad",)
            yield ("target",)
            yield ("grad",)
            yield ("input",)
        elif len(names) == 2:
            swapped = target_first(names)
            yield ("target", "input") if swapped else ("input", "target")
            if not order_is_clear(names):
                yield ("input", "target") if swapped else ("target", "input")
            yield ("grad", "target")
            yield ("output", "target") if not swapped else ("target", "output")
        return
    rate = [p for p in positional(method) if role(p.name) == "rate"]
    if len(names) == 2 and rate and positional(method)[2:3] == rate[:1]:
        yield from (
            (*roles, "rate") for roles in (("grad", "cache"), ("input", "grad"), ("grad", "input"), ("cache", "grad"))
        )
    if len(names) <= 1:
        yield ("grad", "rate") if rate and positional(method)[1:2] == rate[:1] else ("grad",)
        yield ("grad",)
        yield ()
    elif len(names) == 2:
        if "grad" in roles and len(set(roles)) == 2:
            yield tuple(roles)
        if "cache" in roles or "rate" in roles:
            yield tuple("grad" if r not in ("cache", "rate") else r for r in roles)
        if "flag" in roles:
            yield tuple("grad" if r != "flag" else r for r in roles)
        yield ("grad", "cache")
        yield ("input", "grad")
        yield ("grad", "input")
        yield ("cache", "grad")
        yield ("grad", "rate")
    if 2 < len(names) < 6:
        told = [role(name) for name in names]
        others = [i for i, r in enumerate(told) if r == "grad"]
        collects = next((i for i in others if len(others) > 1 and PLURAL.search(names[i])), None)
        if collects is not None:
            told[collects] = "gradients"
        if told.count("grad") == 1 and len(set(told)) == len(told):
            yield tuple(told)
    if len(names) == 3:
        if len(set(roles)) == 3 and "grad" in roles:
            yield tuple(roles)
        if roles[2] == "grad":
            yield ("input", "output", "grad")
        else:
            yield ("grad", "cache", "rate")
            yield ("input", "grad", "rate")
        yield ("input", "second", "grad")
        yield ("grad", "input", "second")
