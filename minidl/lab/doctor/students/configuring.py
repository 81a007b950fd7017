"""Giving a network of a student's project what it wants to know before it is trained: a loss, an optimiser, a rate.

What the project's own scripts say in `compile(...)` or `use(...)` comes first, then what the arguments' names tell.
"""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Iterator
from typing import Any

from minidl.lab.doctor.students.building import Broken, Built, CannotBuild, build
from minidl.lab.doctor.students.own_calls import OwnCalls
from minidl.lab.doctor.students.pairing import all_pairs
from minidl.lab.doctor.students.project import Project
from minidl.lab.doctor.subject.copies import copy_of
from minidl.lab.doctor.subject.functions import FunctionPair
from minidl.lab.doctor.subject.names import plain
from minidl.lab.doctor.subject.own_loops import TINY
from minidl.lab.doctor.subject.roles import kind, parameters, role
from minidl.lab.doctor.subject.stubs import is_stub

METHODS = ("compile", "use", "set_loss", "set_loss_function", "set_cost", "set_cost_function", "configure", "set_optimizer",
           "set_optimiser", "add_loss", "add_optimizer", "set_learning_rate", "set_lr", "set", "finalize", "finalise",
           "prepare", "init_weights", "initialize")  # fmt: skip
LOSS = re.compile("^(loss|cost|error|criterion|objective)")
SLOPE = re.compile("prime|deriv|grad|^d(loss|cost|error)")
# of which others are made
BARE = re.compile("_?(base|abstract)?_?(loss|optimi[sz]er|cost)_?(base|function)?", re.IGNORECASE)
WORDS = ("mse", "MSE", "mean_squared_error", "cross_entropy", "categorical_crossentropy")


def configured(built: Built, project: Project) -> Iterator[Built]:
    """Yield a network as it is, and told what its methods ask for."""
    yield built
    cls = type(built.thing)
    names = [n for n in METHODS if callable(getattr(cls, n, None)) and not is_stub(getattr(cls, n))]
    if not names:
        return
    for way in range(3):
        made, said = copy_of(built.thing), built.said
        for name in names:
            for arguments, named in itertools.islice(_arguments(name, getattr(made, name), project, cls, way), 3):
                with contextlib.suppress(Exception):
                    getattr(made, name)(*arguments, **named)
                    said += f", {name} called"
                    break
        if said != built.said:
            yield Built(made, said, built.of)


def _arguments(
    name: str, method: Any, project: Project, cls: type, way: int
) -> Iterator[tuple[list[Any], dict[str, Any]]]:
    if way == 0:
        for told in OwnCalls.of(project).calling(name, project):
            yield list(told.arguments), dict(told.names)
    given: dict[str, Any] = {}
    for parameter in parameters(method):
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        found = wanted(parameter.name, project, cls)
        if found:
            given[parameter.name] = found[min(way, len(found) - 1)]
        elif parameter.default is parameter.empty:
            given[parameter.name] = None
    yield [], given


def wanted(name: str, project: Project, cls: type) -> list[Any]:
    """Return what an argument of this name may be: losses, their derivatives, optimisers, a learning rate."""
    short = plain(name)
    if SLOPE.search(short) and LOSS.search(short.removeprefix("d")):
        return [pair.backward for pair in loss_pairs(project)]
    if LOSS.search(short):
        return [*objects("loss", project, cls), *(pair.forward for pair in loss_pairs(project)), *WORDS][:3]
    if re.match("optimi[sz]", short):
        return [*objects("optimizer", project, cls), "sgd"][:2]
    return [TINY] if role(name) == "rate" else []


def objects(what: str, project: Project, asking: type) -> list[Any]:
    """Return two objects of a kind, of the project's own classes, plain descent and the squared error first."""
    found = []
    own = [cls for cls in project.near(asking) if kind(cls) == what and cls is not asking]
    own = [cls for cls in own if not BARE.fullmatch(cls.__name__)] or own
    first = re.compile("sgd|^gd|descent|mse|squared|quadratic|regress", re.IGNORECASE)
    for cls in sorted(own, key=lambda c: first.search(c.__name__) is None):
        with contextlib.suppress(CannotBuild, Broken, StopIteration):
            found.append(next(build(cls, project, None, 1)).thing)
        if len(found) == 2:
            break
    return found


def loss_pairs(project: Project) -> list[FunctionPair]:
    """Return the losses that a project has as functions, with their derivatives."""
    if "loss_pairs" not in project.__dict__:
        project.__dict__["loss_pairs"] = [p for p in all_pairs(project) if p.is_loss and p.is_derivative]
    return project.__dict__["loss_pairs"]
