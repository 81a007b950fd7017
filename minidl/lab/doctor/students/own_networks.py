"""Networks of a project's own, made so that a certain layer is in them, and used for a moment: forward, back, a step."""

from __future__ import annotations

import contextlib
import inspect
import itertools
import re
import time
from collections.abc import Iterator
from typing import Any

import torch

from minidl.lab.doctor.students.building import ADDING, Broken, CannotBuild, build
from minidl.lab.doctor.students.built import Built, seed, vars_of
from minidl.lab.doctor.students.configuring import configured, wanted
from minidl.lab.doctor.students.guesses import BENT_NAME, FEATURES, LINEAR_NAME, SIDE
from minidl.lab.doctor.students.preparing import INPUT_SHAPE
from minidl.lab.doctor.students.project import Project
from minidl.lab.doctor.students.recording import Records, recorded
from minidl.lab.doctor.students.uses import BACK, FORWARD, uses
from minidl.lab.doctor.subject.copies import copy_of
from minidl.lab.doctor.subject.own_loops import LOOPS
from minidl.lab.doctor.subject.roles import kind, needed, parameters, role

SECONDS, ALL = 0.8, 5.0  # of the processor, for the networks around one layer, and for those around all of a project
LAYERS = re.compile("layers?|modules?|sequence|stack|blocks|network|model", re.IGNORECASE)
LINKING = re.compile("link|connect|compile|build|setup|set_up|prepare|finali[sz]e|init(ialize|ialise)", re.IGNORECASE)
FLAT = re.compile("flatten|reshape", re.IGNORECASE)
IMAGES = re.compile("conv|pool|2d", re.IGNORECASE)


def record(cls: type, project: Project, records: Records) -> Iterator[str]:
    """Use networks with an object of a class in them, until there is no time left; yield each time there is a new record."""
    started, spent = time.process_time(), project.__dict__.setdefault("spent", [0.0])
    seconds = min(SECONDS, ALL - spent[0])
    every = [c for c in _classes(project) if kind(c) in ("layer", "loss") or c is cls]
    seen = len(records.get(cls, ()))
    for said, network in _networks(cls, project):
        for use in uses(network, project):
            if time.process_time() - started > seconds:
                spent[0] += time.process_time() - started
                return
            torch.set_default_dtype(torch.float64)
            with recorded(every, records), contextlib.suppress(Exception):
                seed()
                use()
            if len(records.get(cls, ())) > seen:
                seen = len(records[cls])
                yield said
                break


def _classes(project: Project) -> list[type]:
    found = [c for m in project.modules.values() for c in vars(m).values() if isinstance(c, type)]
    names = {m.__name__ for m in project.modules.values()}
    return [c for c in dict.fromkeys(found) if c.__module__ in names]


# ---------------------------------------------------------------------------------------------------------------------
# Networks


def _networks(cls: type, project: Project) -> Iterator[tuple[str, Any]]:
    """Yield networks in which an object of a class may be."""
    holders = [c for c in _classes(project) if c is not cls and _holds(c, cls)]
    holders.sort(key=lambda c: -_mentions(c, cls))
    for holder in holders[:4]:
        for layers in _sequences(cls, project):
            yield from _held(holder, layers, project)
        if _mentions(holder, cls) or kind(cls) == "loss":
            with contextlib.suppress(CannotBuild, Broken):
                for built in itertools.islice(build(holder, project), 3):
                    for other in itertools.islice(configured(built, project), 3):
                        yield other.said, other.thing
    for layers in _sequences(cls, project):
        yield "a list of layers", layers


def _holds(holder: type, cls: type) -> bool:
    """Whether objects of a class may hold layers, and use them."""
    if kind(holder) in ("loss", "optimizer"):
        return False
    own = vars_of(holder)
    uses = any(name in own for name in (*LOOPS, *FORWARD, *BACK))
    given = any(LAYERS.fullmatch(p.name) for p in parameters(holder))
    adds = any(ADDING.fullmatch(name) and callable(value) for name, value in own.items())
    return uses and (given or adds or _mentions(holder, cls) > 0)


def _mentions(holder: type, cls: type) -> int:
    """Return how many methods of a class name another."""
    codes = [getattr(value, "__code__", None) for value in vars_of(holder).values()]
    return sum(cls.__name__ in code.co_names for code in codes if code is not None)


def _sequences(cls: type, project: Project) -> Iterator[list[Any]]:
    """Yield lists of layers with an object of a class among them, built anew each time."""
    if kind(cls) == "loss":
        return
    linear, bent, flat = (_neighbours(cls, project, pattern) for pattern in (LINEAR_NAME, BENT_NAME, FLAT))
    of_images = IMAGES.search(cls.__name__) is not None
    after = [[], *([flat, flat + linear] if of_images else [bent]), linear, bent + linear]
    for number in range(4):
        for behind in [one for place, one in enumerate(after) if one not in after[:place]]:
            for before in ([],) if of_images or not linear else ([], linear):
                made = []
                with contextlib.suppress(Exception):
                    for place, one in enumerate([*before, cls, *behind]):
                        made.append(_built(one, project, number if one is cls or place == 0 else 0, place == 0))
                    yield made


def _neighbours(cls: type, project: Project, pattern: re.Pattern) -> list[type]:
    """Return one class that may stand beside another, by its name; rather one of the same family."""
    found = [c for c in project.near(cls) if pattern.search(c.__name__) and c is not cls and kind(c) == "layer"]
    return sorted(found, key=lambda c: -len(set(c.__mro__) & set(cls.__mro__)))[:1]


def _built(cls: type, project: Project, number: int, first: bool) -> Any:
    """Return an object of a class, built in the way of this number; one that stands first is told what its input is."""
    known = project.__dict__.setdefault("ways_to_build", {}).setdefault(cls, [])
    of_images = IMAGES.search(cls.__name__) is not None
    if not known:
        with contextlib.suppress(CannotBuild, Broken):
            known += [built.thing for built in itertools.islice(build(cls, project), 6)]
        known.sort(key=lambda thing: -_knows_its_input(thing, of_images))
    made = copy_of(known[min(number // 2 if first else number, len(known) - 1)])
    if first and number % 2:
        _tell(made, (FEATURES, SIDE, SIDE) if of_images else (FEATURES,))
    return made


def _tell(layer: Any, shape: tuple[int, ...]) -> None:
    """Tell a layer the shape of its input, where it has a place or a method for that."""
    for name, value in list(getattr(layer, "__dict__", {}).items()):
        if INPUT_SHAPE.match(name) and not isinstance(value, bool):
            setattr(layer, name, shape if value is None or isinstance(value, (tuple, list)) else shape[-1])
    for name in ("set_input_shape", "set_input_size", "set_input_dim"):
        if callable(getattr(layer, name, None)):
            getattr(layer, name)(shape)


def _knows_its_input(thing: Any, of_images: bool) -> int:
    """Return how well an object knows the shape of its input: not at all, as some number, or as what is wanted."""
    own = [v for name, v in getattr(thing, "__dict__", {}).items() if INPUT_SHAPE.match(name) and v is not None]
    return max((1 + (of_images and isinstance(value, tuple) and len(value) > 2) for value in own), default=0)


def _held(holder: type, layers: list[Any], project: Project) -> Iterator[tuple[str, Any]]:
    """Yield networks of a class that hold these layers."""
    names = [p.name for p in parameters(holder) if p.kind is not p.VAR_KEYWORD]
    given = next((n for n in names if LAYERS.fullmatch(n)), None)
    variadic = next((p for p in parameters(holder) if p.kind is p.VAR_POSITIONAL), None)
    adding = sorted(n for n, v in vars_of(holder).items() if ADDING.fullmatch(n) and callable(v))
    made: list[Any] = []
    said = f"{holder.__name__} with {', '.join(type(layer).__name__ for layer in layers)}"
    with contextlib.suppress(Exception):
        if given is not None:
            ways = [{given: layers, **others} for others in _others(holder, given, project)]
            for way in ways:
                with contextlib.suppress(Exception):
                    seed()
                    made.append(holder(**way))
        elif variadic is not None:
            made.append(holder(*layers))
        elif adding:
            for others in _others(holder, "", project):
                with contextlib.suppress(Exception):
                    network = holder(**others)
                    add = next(m for n in adding if needed(m := getattr(network, n)))
                    for layer in layers:
                        add(layer)
                    made.append(network)
    for network in made[:3]:
        with contextlib.suppress(Exception):
            for other in itertools.islice(configured(Built(network, said), project), 4):
                yield other.said, other.thing


def _others(holder: type, given: str, project: Project) -> list[dict[str, Any]]:
    """Return what the other arguments of a network may be: an optimiser, a loss, as objects and as classes."""
    asked = [
        p for p in parameters(holder) if p.default is p.empty and p.name != given and p.kind is p.POSITIONAL_OR_KEYWORD
    ]
    ways = []
    for way in range(3):
        values: dict[str, Any] = {}
        for p in asked:
            found = wanted(p.name, project, holder)
            if way == 1 and found and not isinstance(found[0], (str, float)) and not inspect.isroutine(found[0]):
                values[p.name] = type(found[0])
            elif way == 2 and re.match("optim", p.name) and found:
                values[p.name] = found[0]
            elif way == 2 and re.match("loss|cost", p.name) and found:
                values[p.name] = type(found[0]) if not isinstance(found[0], str) else found[0]
            else:
                values[p.name] = found[0] if found else 0.1 if role(p.name) == "rate" else FEATURES
        ways.append(values)
    return ways if asked else ways[:1]
