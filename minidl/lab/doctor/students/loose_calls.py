"""Calling a layer that wants more than a batch: states, targets, what forward was given, what its network is to hand in.

The arguments are told by their names, and by what forward returned. Every call that runs is a `Trace`, and its numbers say
whether it was meant so.
"""

from __future__ import annotations

import contextlib
import inspect
import itertools
import re
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from minidl.lab.doctor.students.building import Broken, CannotBuild, build
from minidl.lab.doctor.students.configuring import objects
from minidl.lab.doctor.students.guesses import FEATURES, SAMPLES, uses_numpy
from minidl.lab.doctor.students.preparing import WAYS, set_up
from minidl.lab.doctor.students.project import Project
from minidl.lab.doctor.students.recording import asked, methods_of
from minidl.lab.doctor.students.tries import shapes_for
from minidl.lab.doctor.subject.copies import copy_of
from minidl.lab.doctor.subject.inside import attributes, contents
from minidl.lab.doctor.subject.names import CACHED_NAME
from minidl.lab.doctor.subject.networks import flat
from minidl.lab.doctor.subject.roles import positional, role
from minidl.lab.doctor.subject.traces import Trace, arrays_in, begun, went_forward
from minidl.lab.doctor.subject.values import as_tensor, both_signs, is_numpy

SECONDS, ALL = 0.5, 2.5  # of the processor, for all the calls of one class, and where these show nothing, of all
STATE = re.compile(
    r"^(h|c|s|a|m)_?(prev|previous|0|t_?1|t_?prev|last|in|old|init)?$|prev|state|^(h|c)(0|t|prev)$|^(hidden|cell|memory)|initial"
)
OF_CELL = re.compile("^(c|m)(_|$|prev|0|t)|cell|memory")
GRADIENT = re.compile("grad|delta|err", re.IGNORECASE)
OPTIMIZER = re.compile("optim")
INPUT = inspect.Parameter("x", inspect.Parameter.POSITIONAL_OR_KEYWORD)
RATE, SEVERAL = 0.01, 24  # so many calls of backward are tried


def traces(cls: type, thing: Any, project: Project) -> Iterator[tuple[str, Trace]]:
    """Yield traces of the calls that run, and how each is said."""
    methods = methods_of(cls)
    if methods is None:
        return
    forward, backward = methods
    started, spent = time.process_time(), project.__dict__.setdefault("spent", [0.0])
    if spent[0] > ALL:
        return
    for said, made in _made(cls, thing, project):
        for words, given in _forward_arguments(made, getattr(made, forward), cls, project):
            if time.process_time() - started > SECONDS:
                spent[0] += SECONDS
                return
            layer = copy_of(made, torch.float64)
            if not positional(getattr(made, forward)):
                if not (names := _reads_its_input(layer)):
                    return
                setattr(layer, names[0], given[0])
                given = ()
            trace = begun(layer, forward, given, {})
            if trace is None:
                continue
            try:
                answer = getattr(layer, forward)(*given)
            except Exception:
                continue
            went_forward(trace, (layer, list(given), {}), answer)
            if not trace.outputs or not all(bool(v.isfinite().all()) for v in trace.outputs.values()):
                continue
            trace.backward = backward
            some = False
            for one in _backwards(trace, layer, answer, given, forward, project):
                some = True
                yield f"{said}.{forward} and {backward}, called with {words}", one
            if some:
                break


def _made(cls: type, thing: Any, project: Project) -> Iterator[tuple[str, Any]]:
    if not isinstance(thing, type):
        yield cls.__name__, thing
        return
    with contextlib.suppress(CannotBuild, Broken):
        for built in itertools.islice(build(cls, project), 3):
            set_up(built.thing)
            yield built.said, built.thing
            for way in range(WAYS):
                other = copy_of(built.thing)
                if set_up(other, (SAMPLES, FEATURES), way):
                    yield f"{built.said}, set up for {(SAMPLES, FEATURES)}", other


def _forward_arguments(made: Any, method: Any, cls: type, project: Project) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield what forward may be given, and how that is said."""
    wanted = asked(method)
    if not wanted and positional(method):
        return
    wanted = wanted or [INPUT]
    numpy = uses_numpy(project) or not any(isinstance(v, Tensor) for v in contents(made))
    sizes = sorted({s for v in contents(made) for s in getattr(v, "shape", ()) if s > 1})
    sizes += [v for v in attributes(made).values() if type(v) is int and 1 < v < 33 and v not in sizes]
    others = len(wanted) - 1 - sum(role(p.name) == "flag" for p in wanted[1:])
    for shape in _shapes(made, cls, bool(others), _loops(method)):
        for size in [shape[-1]] if not others else list(dict.fromkeys([*sizes, shape[-1]]))[:4]:
            for target in (0, 1) if others else (0,):
                generator = torch.Generator().manual_seed(7)
                given = []
                for place, parameter in enumerate(wanted):
                    value = _argument(parameter.name, place, shape, size, target, generator)
                    given.append(value.numpy() if numpy and isinstance(value, Tensor) else value)
                yield f"a batch of shape {shape}" + f" and {others} more" * bool(others), tuple(given)


def _reads_its_input(layer: Any) -> list[str]:
    """Return the attributes that a layer reads its input from, where forward is given none."""
    return [
        name for name, value in attributes(layer).items() if value is None and CACHED_NAME.match(name) and "in" in name
    ]


def _loops(method: Any) -> bool:
    """Whether a method goes through something step by step: then sequences come first."""
    code = getattr(method, "__code__", None)
    return code is not None and bool({"range", "enumerate"} & set(code.co_names))


def _shapes(made: Any, cls: type, more: bool, loops: bool) -> list[tuple[int, ...]]:
    shapes = shapes_for(made, cls)
    if not more:
        return shapes[:8]
    rows = [s for s in shapes if len(s) == 2]
    columns, vectors = ([way(s) for s in rows if s[0] == 1] for way in (lambda s: s[::-1], lambda s: s[1:]))
    sequences = [s for s in shapes if len(s) == 3 and s[1] == 5]
    found = [*sequences, *rows] if loops or shapes[0] in sequences else [*rows, *sequences[:1]]
    return list(
        dict.fromkeys([*found[:4], *sequences[:1], *columns[:2], *vectors[:2], *(s for s in shapes if len(s) == 4)])
    )


def _is_target(name: str) -> bool:
    return role(name) == "target" or name.lower() in ("y", "ys")


def _argument(name: str, place: int, shape: tuple[int, ...], size: int, target: int, generator: torch.Generator) -> Any:
    def numbers(shape: tuple[int, ...]) -> Tensor:
        return both_signs(shape, generator, 0.1)

    if place == 0:
        return numbers(shape)
    if role(name) == "flag":
        return re.search("predict|test|eval|infer|verbose|save", name) is None
    if _is_target(name):
        if target:
            return torch.arange(shape[0]) % max(shape[-1], 2)
        return torch.eye(max(shape[-1], 2), dtype=torch.float64)[torch.arange(shape[0]) % max(shape[-1], 2)]
    if STATE.search(name.lower()):
        if len(shape) == 3:
            return numbers((shape[1 if target else 0], size))
        if len(shape) == 2 and shape[1] == 1:
            return numbers((size, 1))
        return numbers((size,)) if len(shape) == 1 else numbers((shape[0], size))
    if role(name) == "rate":
        return RATE
    return numbers((*shape[:-1], size))


def _backwards(
    trace: Trace, layer: Any, answer: Any, given: tuple[Any, ...], forward: str, project: Project
) -> Iterator[Trace]:
    """Yield traces of the ways to call backward, where it runs."""
    method = getattr(layer, trace.backward)
    wanted = asked(method)
    named = {p.name: v for p, v in zip(positional(getattr(layer, forward)), given, strict=False)}
    choices = [_choices(p.name, place, named, answer, layer, trace, project) for place, p in enumerate(wanted)]
    open_ones = [n for n, v in attributes(layer).items() if v is None and GRADIENT.search(n)] if not given else []
    ups = _upstreams(answer, trace, 0)
    for number, choice in enumerate(itertools.product(*choices)):
        if number == SEVERAL:
            return
        twin, values, _ = copy_of((layer, list(choice), answer))
        for name in open_ones[: len(ups)]:
            setattr(twin, name, copy_of(ups[0]))
        one = Trace(trace.call, forward, trace.state, trace.outputs, trace.left, trace.backward, shared=trace.shared)
        one.given = arrays_in((values,), scalars=False)
        one.before = arrays_in((twin, values))
        try:
            returned = getattr(twin, trace.backward)(*values)
        except Exception:
            continue
        if hasattr(returned, "__next__"):
            returned = list(returned)
        one.after, one.returned = arrays_in((twin, values)), arrays_in((returned,))
        yield one


def _parts(answer: Any, trace: Trace) -> list[Any]:
    """Return the arrays among what forward has returned, or left."""
    parts = [v for v in flat(answer) if as_tensor(v) is not None and getattr(v, "ndim", 1)]
    return parts or [v for v in trace.outputs.values() if v.ndim]


def _upstreams(answer: Any, trace: Trace, place: int) -> list[Any]:
    """Return a gradient for each of the outputs, drawn."""
    generator = torch.Generator().manual_seed(11 + place)
    ups = []
    for part in _parts(answer, trace)[:3]:
        up = both_signs(as_tensor(part).shape, generator)
        up *= 0.1  # some cut large ones off
        ups.append(up.numpy() if is_numpy(part) or not isinstance(part, Tensor) else up)
    return ups


def _choices(
    name: str, place: int, named: dict[str, Any], answer: Any, layer: Any, trace: Trace, project: Project
) -> list[Any]:
    """Return what an argument of backward may be."""
    low, what = name.lower(), role(name)
    parts, ups = _parts(answer, trace), _upstreams(answer, trace, place)
    if name in named:
        return [named[name]]
    if what in ("rate", "flag"):
        return [RATE if what == "rate" else True]
    if OPTIMIZER.search(low):
        return objects("optimizer", project, type(layer))[:2] or [None]
    if what == "cache":
        inner = list(answer[1:]) if isinstance(answer, tuple) and len(answer) > 1 else []
        return [*inner[-1:], answer, *[v for n, v in attributes(layer).items() if role(n) == "cache"][:1]]
    if name in attributes(layer) and as_tensor(attributes(layer)[name]) is not None:
        return [attributes(layer)[name], *ups[:1]]
    if _is_target(name):
        return [v for n, v in named.items() if _is_target(n)][:1] or ups[:1]
    if what == "grad" or re.search("next|^up|out", low):
        if len(ups) > 1:
            first = ups[1:] if OF_CELL.search(re.sub("^d_?", "", low)) else ups
            return [*first, *(u for u in ups if all(u is not f for f in first)), tuple(ups)]
        return ups
    if re.search("hid|^h|state", low) and len(parts) > 1:
        return parts[1:]
    if re.search("pred|^out|hat", low):
        return parts[:1]
    similar = [v for n, v in named.items() if low.startswith(n.lower()[:1])]
    return [*similar[:1], *ups[:1], *list(named.values())[:1], *parts[:1]]
