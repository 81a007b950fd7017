"""Examining what a student's project holds, with batches and models that fit.

What is given to it was chosen here, and may not suit. So several ways are tried, and the first counts in which it runs and
shows something. An error is the student's own only where no other choice could have avoided it; everything else is
"not examined", with the call that was tried.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from minidl.lab.doctor.diagnosis import Diagnosis, Finding
from minidl.lab.doctor.examination import examine, examine_loss, examine_optimizer
from minidl.lab.doctor.students.building import Broken, Built, CannotBuild, build
from minidl.lab.doctor.students.cases import NO_CASES, Cases
from minidl.lab.doctor.students.conventions import for_each_sample, tolerated
from minidl.lab.doctor.students.functions import examine_pair, examine_step_function
from minidl.lab.doctor.students.guesses import FEATURES, SAMPLES, SIDE
from minidl.lab.doctor.students.in_place import examine_in_place, or_in_place
from minidl.lab.doctor.students.networks import examine_network
from minidl.lab.doctor.students.optimizing import graphs, optimizers
from minidl.lab.doctor.students.pairing import pairs_of
from minidl.lab.doctor.students.preparing import WAYS, set_up, used
from minidl.lab.doctor.students.project import Project
from minidl.lab.doctor.students.tries import (
    Shape,
    Try,
    first_that_ran,
    inputs_and_targets,
    own_error,
    set_elsewhere,
    shapes_for,
)
from minidl.lab.doctor.students.variants import (
    FINE,
    OBLONG,
    goes_with_a_loss,
    holds_nothing,
    in_columns,
    oblong,
    one_sample_each,
    returns_no_gradient,
    with_another_word,
    with_optimizer,
    with_other_reduction,
)
from minidl.lab.doctor.students.windows import with_other_windows
from minidl.lab.doctor.subject.adapters import EachSample, Listener, Summed, SummedAlone, as_a_loss
from minidl.lab.doctor.subject.copies import copy_of
from minidl.lab.doctor.subject.functions import FunctionPair
from minidl.lab.doctor.subject.graphs import GraphLayer, OfGraph
from minidl.lab.doctor.subject.inside import attributes, children, holds_layers
from minidl.lab.doctor.subject.names import (
    BACKWARD_METHODS,
    FORWARD_METHODS,
    LOSS_GRADIENT_METHODS,
    LOSS_METHODS,
    first_method,
)
from minidl.lab.doctor.subject.networks import is_network, trains
from minidl.lab.doctor.subject.roles import kind, needed, role, takes_its_parameters
from minidl.lab.doctor.subject.step_functions import StepFunctionFound, step_functions

OVER_SAMPLES = {"softmax over everything", "wrong axis", "raises"}  # so it looks where one sample at a time is meant


def examine_thing(
    thing: Any,
    project: Project,
    shape: Shape | None,
    time_limit: float,
    cases: Cases | None = None,
    later: list[Callable[[float], Diagnosis]] | None = None,
) -> Diagnosis:
    """Examine a class, an object, or a pair of functions of a student's project.

    Parameters
    ----------
    thing : class, object or FunctionPair
    project : Project
        Where it comes from: what it needs is built of the project's own classes.
    shape : tuple of int, optional
        Of the batch; without it, those that may fit are tried.
    time_limit : float
        Seconds that one call of the student's code may take.
    cases : Cases, optional
        What the teacher says about how things are built and called, and about what is fine.
    later : list, optional
        Gets what is left to be tried, where a batch shows nothing: an examination in place, which is given its seconds.
        Without it, that is tried at once.

    Raises
    ------
    CannotBuild
        Where it is nothing to examine, or cannot be built or called without being told how.
    """
    cases = cases or NO_CASES
    name = (
        thing.__name__
        if isinstance(thing, (type, FunctionPair, StepFunctionFound, GraphLayer))
        else type(thing).__name__
    )

    def meant(diagnosis: Diagnosis) -> Diagnosis:
        return tolerated(diagnosis, thing, project, cases, lambda other: _quickly(other, project))

    def in_place() -> Diagnosis:
        if later is None:
            return examine_in_place(thing, project, time_limit)
        later.append(lambda seconds: meant(examine_in_place(thing, project, seconds)))
        raise CannotBuild("that is tried later")

    told = cases.build(name, project, thing)
    if told is not None:
        diagnosis = _as_told(told, shape, time_limit)
    elif isinstance(thing, FunctionPair):
        diagnosis = examine_pair(thing, shape, time_limit)
    elif isinstance(thing, StepFunctionFound):
        diagnosis = examine_step_function(thing, time_limit)
    elif isinstance(thing, GraphLayer):
        diagnosis = _graph(thing, project, shape, time_limit)
    else:
        diagnosis = or_in_place(lambda: _guessed(thing, project, shape, time_limit), in_place)
    return meant(diagnosis)


def _quickly(thing: Any, project: Project) -> Diagnosis:
    """Examine something else of a project, for what it says about how things are meant there."""
    return examine_pair(thing, None, 1.0) if isinstance(thing, FunctionPair) else _guessed(thing, project, None, 1.0)


def _as_told(told: Any, shape: Shape | None, time_limit: float) -> Diagnosis:
    """Examine what a case has built: here an error is the student's."""
    made, *given = told
    what = kind(type(made))
    if what == "optimizer" and given:
        return examine_optimizer(made, given[0], time_limit=time_limit)
    if len(given) == 2:
        return examine_loss(made, *given, time_limit=time_limit)
    if what == "loss":
        return first_that_ran(_losses([Built(made, type(made).__name__)], type(made), shape, time_limit))
    if given:
        return examine(made, given[0], time_limit=time_limit)
    return first_that_ran(_layers(iter([Built(made, type(made).__name__)]), type(made), shape, time_limit))


def _guessed(thing: Any, project: Project, shape: Shape | None, time_limit: float) -> Diagnosis:
    cls = thing if isinstance(thing, type) else type(thing)
    what = kind(cls) or ("network" if is_network(cls) else None)
    if what == "optimizer" and trains(cls):
        what = "network"  # that is held by what trains it
    if what is None:
        raise CannotBuild(f"{cls.__name__} has neither forward and backward, nor step")
    if what == "layer" and takes_its_parameters(cls):
        with contextlib.suppress(CannotBuild, Broken):
            return _operator(thing, project, shape, time_limit)
    if what not in ("optimizer", None) and shape is None and is_network(cls):
        try:
            return examine_network(thing, project, time_limit)
        except CannotBuild:
            if what == "network":
                raise
    try:
        if what == "optimizer":
            return first_that_ran(optimizers(thing, project, time_limit))
        ways = build(cls, project) if isinstance(thing, type) else iter([Built(thing, cls.__name__)])
        if what == "loss":
            found = first_that_ran(_losses(ways, cls, shape, time_limit, project))
            if any(f.where == "output" and f.mistake == "unnamed" for f in found.findings) and in_columns(
                cls, project, lambda *way: _tried(*way, time_limit)
            ):
                found.findings = [f for f in found.findings if f.where != "output"]
                found.notes.append("a sample is a column here: what it divides by is their number.")
            return found
        found = first_that_ran(_layers(ways, cls, shape, time_limit, project))
        if (
            shape is None
            and set(found.mistakes) & OVER_SAMPLES
            and one_sample_each(cls, project, lambda *way: _tried(*way, time_limit))
        ):
            again = build(cls, project) if isinstance(thing, type) else iter([Built(thing, cls.__name__)])
            found = _one_by_one(thing, cls, project, time_limit) or first_that_ran(
                _layers(again, cls, (1, FEATURES), time_limit)
            )
        if "unnamed" in found.mistakes and _goes_with_a_loss(thing, cls, project):
            found.findings = [f for f in found.findings if f.where != "input"]
            found.notes.append(
                "it goes back from the target: its gradient is that of the softmax and its loss together."
            )
        if "wrong axis" in found.mistakes and in_columns(cls, project, lambda *way: _tried(*way, time_limit)):
            raise CannotBuild("a sample is a column in this project, and it was examined with samples as rows")
        return found
    except Broken as error:
        return Diagnosis(cls.__name__, [error.finding])


def _goes_with_a_loss(thing: Any, cls: type, project: Project) -> bool:
    with contextlib.suppress(CannotBuild, Broken, StopIteration):
        return goes_with_a_loss(cls, next(build(cls, project)).thing if isinstance(thing, type) else thing)
    return False


def _one_by_one(thing: Any, cls: type, project: Project, time_limit: float) -> Diagnosis | None:
    """Return what is wrong with a layer that takes one sample at a time; None where it has parameters, or does not run."""
    with contextlib.suppress(CannotBuild, Broken, StopIteration):
        made = next(build(cls, project)).thing if isinstance(thing, type) else thing
        names = first_method(made, FORWARD_METHODS), first_method(made, BACKWARD_METHODS)
        diagnosis = examine(EachSample(made, *names), (SAMPLES, FEATURES), time_limit=time_limit)
        if not {"raises", "hangs"} & set(diagnosis.mistakes):
            diagnosis.notes.append("it takes one sample at a time, as the other layers of this project do.")
            return diagnosis
    return None


def _operator(thing: Any, project: Project, shape: Shape | None, time_limit: float) -> Diagnosis:
    """Examine an object, or a class of static methods, whose forward is given the parameters too: as two functions."""
    made = next(build(thing, project)).thing if isinstance(thing, type) else thing
    pair = FunctionPair(*(getattr(made, first_method(made, names)) for names in (FORWARD_METHODS, BACKWARD_METHODS)))
    pair.__name__ = type(made).__name__
    return examine_pair(pair, shape, time_limit)


# ---------------------------------------------------------------------------------------------------------------------
# Layers


def _layers(
    ways: Iterator[Built], cls: type, shape: Shape | None, time_limit: float, project: Project | None = None
) -> Iterator[Try]:
    some = []
    for built in itertools.islice(ways, 6):
        set_up(built.thing)
        if not holds_nothing(built.thing):
            some.append((built, [shape] if shape else shapes_for(built.thing, cls)))
    if not some:
        raise CannotBuild(f"{cls.__name__} is built without layers")
    for built, shapes in [(b, s[:4]) for b, s in some] + [(b, s[4:]) for b, s in some]:
        made, backward_raised = built.thing, False
        for size in shapes:
            if backward_raised and size[0] == 1 and len(size) == 2 and not _one_at_a_time(made):
                continue
            one = _tried(made, size, built.said, time_limit)
            if one.ran and set(one.diagnosis.mistakes) <= FINE and project is not None:
                tried = lambda thing, said, size=size: _tried(thing, size, said, time_limit)  # noqa: E731
                other = with_optimizer(made, cls, project, tried)
                stretched = oblong(size) if shape is None and str(SIDE) not in built.said else None
                if other is None and stretched:  # it is built for images of any size
                    other = _tried(made, stretched, built.said, time_limit)
                    other.diagnosis.notes.append(OBLONG)
                    other = other if other.ran and set(other.diagnosis.mistakes) - FINE else None
                other = other or with_another_word(cls, project, tried)
                if other is None and shape is None:
                    other = with_other_windows(cls, project, size, lambda t, n, w: _tried(t, n, w, time_limit))
                one = other or one
            yield one
            own = one.raised is not None and own_error(one.raised, one.said, set_elsewhere=one.set_elsewhere)
            backward_raised |= own and not children(made)
            if one.raised is None or own:
                continue
            for way in range(WAYS):
                made_again = _copy(built)
                if made_again is None or not set_up(made_again, size, way):
                    continue
                yield _tried(made_again, size, built.said + f", set up for {size}", time_limit)


def _one_at_a_time(layer: Any) -> bool:
    """Whether a layer that updates itself may be made for one sample at a time."""
    backward = getattr(layer, "backward", None)
    return backward is not None and any(role(name) == "rate" for name in needed(backward))


def _drawn_late(made: Any, model: Any) -> bool:
    """Whether a layer holds nothing where, once used, it has parameters."""
    before, after = attributes(made), attributes(model)
    held = [(value, after.get(name)) for name, value in before.items()]
    held += [(v, b.get(k)) for a, b in held if isinstance(a, dict) and isinstance(b, dict) for k, v in a.items()]
    return sum(a is None and getattr(b, "ndim", 0) > 1 for a, b in held) > 1


def _copy(built: Built) -> Any:
    with contextlib.suppress(Exception):
        return copy_of(built.thing)


def _tried(made: Any, size: Shape, said: str, time_limit: float) -> Try:
    method = first_method(made, FORWARD_METHODS)
    call = f"{said}.{method}" if method != "__call__" else said
    said = f"{call} of a batch of shape {size}"
    try:
        diagnosis = examine(made, size, time_limit=time_limit)
    except (RuntimeError, MemoryError, ArithmeticError) as error:  # of one try, which must not end the others
        return Try(said, Diagnosis(type(made).__name__, [Finding("raises", "", f"{type(error).__name__}: {error}")]))
    if any(
        f.mistake == "not reproducible" for f in diagnosis.findings
    ):  # its parameters may be drawn in the first forward
        models = used(made, size), used(made, size[::-1])  # the second, where samples are columns
        tries = [examine(model, size, time_limit=time_limit) for model in models if _drawn_late(made, model)]
        tries += [] if tries else [diagnosis, examine(models[0], size, time_limit=time_limit)]
        diagnosis = min(tries, key=lambda d: (d.mistakes == ["raises"], len(d.findings)))
    if children(made):  # of a network, the gradient of the data is wanted by nobody
        unwanted = [f for f in diagnosis.findings if f.where == "input" and returns_no_gradient(f)]
        diagnosis.findings = [f for f in diagnosis.findings if f not in unwanted]
        diagnosis.notes += ["backward returns nothing, so that gradient was not examined."] * bool(unwanted)
    return Try(said, diagnosis, holds_layers(made), set_elsewhere(made, method, first_method(made, BACKWARD_METHODS)))


# ---------------------------------------------------------------------------------------------------------------------
# Losses


def _losses(
    ways: Any, cls: type, shape: Shape | None, time_limit: float, project: Project | None = None
) -> Iterator[Try]:
    for built in ways:
        set_up(built.thing)
        method = first_method(built.thing, LOSS_METHODS) or first_method(built.thing, BACKWARD_METHODS)
        made, holds = as_a_loss(built.thing), bool(children(built.thing))
        holds &= not any(isinstance(value, Listener) for value in attributes(built.thing).values())
        sizes = [(SAMPLES, FEATURES), (SAMPLES, 1), (SAMPLES, 2), (2, FEATURES, 5, 5), (1, FEATURES)]
        alone = False
        for size in [shape] if shape else sizes:
            if alone:
                break
            for words, input, target in inputs_and_targets(
                made.layer if isinstance(made, OfGraph) else made, cls, size
            ):
                said = f"{built.said}.{method} of a batch of shape {size} with {words}"
                diagnosis = examine_loss(made, input, target, time_limit=time_limit)
                diagnosis = _added_up(diagnosis, made, input, target, time_limit)
                one = Try(said, diagnosis, holds)
                if one.ran and set(diagnosis.mistakes) <= FINE and project is not None:
                    one = with_other_reduction(cls, project, one, input, target, time_limit) or one
                yield one
                alone |= one.all_by_all
        if shape is None:
            yield from _losses_of_each(built, cls, time_limit)


def _losses_of_each(built: Built, cls: type, time_limit: float) -> Iterator[Try]:
    """Examine a loss that takes one sample alone."""
    names = first_method(built.thing, LOSS_METHODS), first_method(built.thing, LOSS_GRADIENT_METHODS)
    if None in names or isinstance(built.thing, OfGraph):
        return
    made = SummedAlone(built.thing, *names)
    for words, input, target in inputs_and_targets(built.thing, cls, (SAMPLES, FEATURES)):
        diagnosis = examine_loss(made, input, target, time_limit=time_limit)
        diagnosis.findings = [f for f in diagnosis.findings if f.mistake != "broadcast"]
        diagnosis.notes.append("it takes one sample at a time; the sum of what it is for several was examined.")
        yield Try(f"{built.said}.{names[0]} of one sample with {words}", diagnosis)


# ---------------------------------------------------------------------------------------------------------------------
# Layers of an autograd of the project's own


def _graph(layer: GraphLayer, project: Project, shape: Shape | None, time_limit: float) -> Diagnosis:
    """Examine what calculates with a project's own tensors, which go back through their graph themselves."""

    def ways() -> Iterator[Built]:
        for built in build(layer.defined, project):
            thing = OfGraph(built.thing, layer.tensor)
            yield Built(used(thing, (SAMPLES, FEATURES)) if not layer.is_loss else thing, built.said)

    try:
        tries = (_losses if layer.is_loss else _layers)(ways(), layer.defined, shape, time_limit)
        diagnosis = first_that_ran(tries)
        if {"raises", "returns nothing"} & set(diagnosis.mistakes):  # how its tensors are made and asked is our guess
            raise CannotBuild(diagnosis.findings[0].text)
    except (CannotBuild, Broken) as error:
        text = "the project has an autograd of its own, whose graphs are examined as a whole"
        raise CannotBuild(f"{text}. {error}") from error
    diagnosis.notes.append(f"backward is that of {layer.tensor.__name__}, from the output back to the input.")
    return diagnosis


def _added_up(diagnosis: Diagnosis, made: Any, input: Any, target: Any, time_limit: float) -> Diagnosis:
    """Return a diagnosis of a loss; where it returns a number for each sample, with what is wrong with their sum."""
    each = [finding for finding in diagnosis.findings if for_each_sample(finding)]
    names = first_method(made, LOSS_METHODS), first_method(made, LOSS_GRADIENT_METHODS)
    if each and None not in names and len(needed(getattr(made, names[1]))) != 1:
        found = examine_loss(Summed(made, *names), input, target, time_limit=time_limit)
        if not {"raises", "hangs"} & set(found.mistakes):
            diagnosis.findings = [*each, *(f for f in found.findings if f.mistake not in ("factor 1/n", "broadcast"))]
    return diagnosis


def things(module: Any, project: Project | None = None) -> list[tuple[str, Any]]:
    """Return what there is to examine in a module beside its classes: functions, by their names."""
    found = [*pairs_of(module, project), *step_functions(module), *(graphs(module, project) if project else ())]
    return [(each.__name__, each) for each in found]
