"""Examining an optimiser with a model of the project's own; or with what its step asks for, where that is no model."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

from minidl.lab.doctor.examination import examine_optimizer
from minidl.lab.doctor.students.building import (
    Broken,
    Built,
    CannotBuild,
    build,
    layers,
    models,
)
from minidl.lab.doctor.students.guesses import FEATURES, HIDDEN, LINEAR_NAME, SAMPLES, uses_numpy
from minidl.lab.doctor.students.preparing import lists, slots_in, used
from minidl.lab.doctor.students.project import Project
from minidl.lab.doctor.students.tries import Try
from minidl.lab.doctor.students.variants import with_correction, with_other_settings
from minidl.lab.doctor.subject.graphs import GraphLayer, OfGraph, graph_layers, tensor_class
from minidl.lab.doctor.subject.inside import is_module
from minidl.lab.doctor.subject.names import STEP_METHODS, first_method
from minidl.lab.doctor.subject.roles import kind, needed, parameters, role
from minidl.lab.doctor.subject.stand_ins import StandIn
from minidl.lab.doctor.subject.step_functions import ArrayLayer, Arrays, StepFunctionFound, StepMethod, called_with
from minidl.lab.doctor.subject.stepping import step_roles


def optimizers(thing: Any, project: Project, time_limit: float) -> Iterator[Try]:
    """Examine an optimiser with a model of the project's own."""
    if not isinstance(thing, type):
        model = next((value for value in vars(thing).values() if is_module(value)), None)
        if model is None:
            model = next((built.thing for built in models(project, type(thing))), None)
        if model is None:
            raise CannotBuild(f"{type(thing).__name__} knows no model, and the project has none that can be built")
        yield Try(type(thing).__name__, examine_optimizer(thing, model, time_limit=time_limit))
        return
    problem: Exception | None = None
    some = tried = False
    owns = itertools.chain(
        _bare_arrays(thing, project),
        itertools.islice(models(project, thing), 3),
        _graph_models(project),
        _held(thing, project),
        _stand_ins(project),
    )
    for own in owns:
        model = own.thing
        stands_in = isinstance(model, StandIn)
        some |= not stands_in
        listed = lists(model)
        firsts = (model, *listed, *([one] for one in listed), [model], None)
        wanted = needed(thing)
        if not wanted or role(wanted[0]) == "rate":
            firsts = (None, *firsts[:-1])
        if stands_in:
            firsts = (
                (None, model) if not wanted or role(wanted[0]) == "rate" else (model, model.layers, model.params, None)
            )
        for first in firsts:
            try:
                for built in build(thing, project, first):
                    said, corrected = f"{built.said}, a step of {own.said}", None
                    one = Try(said, examine_optimizer(built.thing, model, time_limit=time_limit))
                    unmoved = "parameters not updated" in one.diagnosis.mistakes
                    if unmoved and ((first is None and wanted) or stands_in):
                        continue  # it was given none of them
                    if stands_in and not one.ran:
                        continue
                    if "bias correction forgotten" in one.diagnosis.mistakes:
                        corrected = with_correction(thing, project, first, model, time_limit)
                        one = corrected or one
                    if one.ran and one.diagnosis and corrected is None:
                        one = with_other_settings(thing, project, first, model, time_limit) or one
                    tried = True
                    yield one
                    if one.ran:
                        return
            except CannotBuild as error:
                problem = problem or error
    for one in _as_a_function(thing, project, time_limit):
        tried = True
        yield one
    if not some and not tried:
        text = (
            "is examined with a model of the project's own, and the project has none with parameters that can be built"
        )
        raise CannotBuild(f"{thing.__name__} {text}")
    if problem is not None and not tried:
        raise problem


def _as_a_function(cls: type, project: Project, time_limit: float) -> Iterator[Try]:
    """Examine an optimiser whose step is given parameters and gradients by names, as a function of these."""
    name = first_method(cls, STEP_METHODS)
    made = called_with([p.name for p in parameters(getattr(cls, name))[1:]], True)
    if made is None or not made[0]:
        return
    with contextlib.suppress(CannotBuild, Broken):
        for built in itertools.islice(build(cls, project), 2):
            found = StepFunctionFound(getattr(built.thing, name), *made, StepMethod, cls.__name__)
            for words, optimizer, model in itertools.islice(found.ways(), 1):
                one = Try(
                    f"{built.said}.{name} with {words}", examine_optimizer(optimizer, model, time_limit=time_limit)
                )
                if one.ran:
                    yield one
                    return


def _stand_ins(project: Project) -> Iterator[Built]:
    """Yield networks that stand in for one of the project's own."""
    for listed in (True, False):
        yield Built(
            StandIn(numpy=uses_numpy(project), listed=listed), "a network that stands in for one of the project's own"
        )


class Holder:
    """Holds layers of the project's own under the names by which models hold theirs."""

    def __init__(self, layers: list[Any]) -> None:
        self.layers = self.modules = self.mods = self.model = layers


def _graph_models(project: Project) -> Iterator[Built]:
    """Yield a layer of an autograd of the project's own, which holds its parameters as tensors of that."""
    found = [layer for module in project.modules.values() for layer in graphs(module, project) if not layer.is_loss]
    for layer in sorted(found, key=lambda one: not LINEAR_NAME.search(one.__name__)):
        with contextlib.suppress(CannotBuild, Broken, StopIteration):
            built = next(build(layer.defined, project))
            model = used(OfGraph(built.thing, layer.tensor), (SAMPLES, FEATURES))
            if slots_in(model):
                yield Built(model, built.said)
                return


def _held(cls: type, project: Project) -> Iterator[Built]:
    """Yield layers of the project's own, held by nothing but a list, for an optimiser whose model cannot be built."""
    with contextlib.suppress(CannotBuild):
        own = layers(project, cls)
        together = used(Holder(own), (SAMPLES, FEATURES))
        if slots_in(together):
            yield Built(together, f"a list of {_names(own)}")
        each = [used(layer, (SAMPLES, FEATURES), (SAMPLES, HIDDEN)) for layer in own]  # so that each has gradients
        for some in (each, [layer for layer in each if slots_in(layer)]):
            if slots_in(Holder(some)) or some is each:
                yield Built(Holder(some), f"a list of {_names(some)}")


def _names(things: list[Any]) -> str:
    return ", ".join(type(thing).__name__ for thing in things)


def _bare_arrays(cls: type, project: Project) -> Iterator[Built]:
    """Yield a weight and a bias for an optimiser whose step takes gradients, and perhaps parameters: it asks for no model."""
    step = getattr(cls, first_method(cls, STEP_METHODS))
    roles = step_roles(needed(step, bound=False))
    if roles.count("grad") == 1 and len([r for r in roles if r not in ("rate", "place", "setting")]) <= 2:
        if needed(step, bound=False)[0] == "layer":
            yield Built(ArrayLayer(numpy=uses_numpy(project)), "a layer of a weight and a bias")
        yield Built(Arrays(numpy=uses_numpy(project)), "a weight and a bias")


def graphs(module: Any, project: Project) -> list[GraphLayer]:
    """Return the layers of an autograd of the project's own that a module defines."""
    classes = [v for m in project.modules.values() for v in vars(m).values() if isinstance(v, type)]
    own = [cls for cls in classes if cls.__module__ in {m.__name__ for m in project.modules.values()}]
    tensor = tensor_class(dict.fromkeys(own))
    return [layer for layer in graph_layers(module, tensor) if kind(layer.defined) is None] if tensor else []
