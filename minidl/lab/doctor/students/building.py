"""Building what a student's project holds, with arguments that fit."""

from __future__ import annotations

import contextlib
import inspect
import itertools
import re
import time
from collections.abc import Iterator
from typing import Any

from minidl.lab.doctor.students.built import Broken, Built, CannotBuild, seed, vars_of
from minidl.lab.doctor.students.guesses import (
    ARGUMENTS,
    ARRAYS,
    BENT_NAME,
    DERIVATIVES,
    FEATURES,
    FUNCTIONS,
    GATES,
    HIDDEN,
    IMAGES_NAME,
    IN_NAME,
    LINEAR_NAME,
    LOSS_ARGUMENT,
    MODEL_NAME,
    NETWORK_NAME,
    OPTIMIZER_ARGUMENT,
    OUT_NAME,
    OUTPUTS,
    PARAMS_NAME,
    SAMPLES,
    SIDE,
    drawn,
    function,
    said,
)
from minidl.lab.doctor.students.own_calls import OwnCalls, Told
from minidl.lab.doctor.students.preparing import WAYS, Source, set_up, slots_in, used
from minidl.lab.doctor.students.project import Project
from minidl.lab.doctor.students.repairing import repaired
from minidl.lab.doctor.subject.adapters import Listener
from minidl.lab.doctor.subject.copies import copy_of
from minidl.lab.doctor.subject.inside import children
from minidl.lab.doctor.subject.networks import is_network
from minidl.lab.doctor.subject.roles import kind, needed, parameters, positional

ADDING = re.compile(
    "(add|append|push|insert|register)_?((end|new|a|hidden)_?)?(layers?|modules?|module_list)?", re.IGNORECASE
)
PREVIOUS = re.compile("(prev(ious)?|input|in|inbound|last)(layer|unit|node)$|^layer(prev|before)")
CERTAIN = (NameError, SyntaxError)  # errors that do not come from what the arguments are
SECONDS = 0.5  # for building one thing in several ways


def build(cls: type, project: Project, model: Any = None, depth: int = 0, **settings: Any) -> Iterator[Built]:
    """Build objects of a class, in the ways that may fit, the likelier first; an optimiser's first argument is ``model``.

    ``settings`` are values for arguments of these names.

    Raises
    ------
    CannotBuild
        With the first call that was tried, where none works.
    Broken
        Where none works because of the class's own code.
    """
    first: Exception | None = None
    failed, started, made, start = "", time.process_time(), 0, ([], {})
    optional = {p.name for p in parameters(cls) if p.default is not p.empty}
    for arguments, names in _ways(cls, project, model, depth, settings):
        names |= {name: value for name, value in settings.items() if name in optional}
        words = said(cls, arguments, names)
        try:
            seed()
            thing = cls(*arguments, **names)
        except CERTAIN as error:
            raise Broken(words, error) from error
        except Exception as error:
            if not failed:
                first, failed, start = error, words, (arguments, names)
        else:
            made += 1
            yield Built(*_filled(thing, words, project, depth))
        if time.process_time() - started > SECONDS or made > 6:
            break
    if not made and failed and kind(cls) != "optimizer" and depth == 0:
        for arguments, names in repaired(cls, start, project):
            made += 1
            yield Built(*_filled(cls(*arguments, **names), said(cls, arguments, names), project, depth))
    if not made:
        if first is None:
            raise CannotBuild(f"{cls.__name__} needs arguments that are not known here")
        raise CannotBuild(f"{failed} raises {type(first).__name__}: {first}") from first


def _filled(thing: Any, words: str, project: Project, depth: int) -> tuple[Any, str]:
    """Return a network that is filled by a method of its own with layers in it, and how that is said; others as they are."""
    names = sorted(n for n, v in vars_of(type(thing)).items() if ADDING.fullmatch(n) and callable(v))
    method = next((m for name in names if len(needed(m := getattr(thing, name))) == 1), None)
    is_one = kind(type(thing)) == "layer" or is_network(type(thing))
    if method is None or depth > 1 or not is_one or children(thing):
        return thing, words
    with contextlib.suppress(Exception):
        own = layers(project, type(thing), depth)
        for layer in own:
            method(layer)
        return thing, f"{words} with {', '.join(type(layer).__name__ for layer in own)}"
    return thing, words


def _ways(
    cls: type, project: Project, model: Any, depth: int, settings: dict[str, Any]
) -> Iterator[tuple[list[Any], dict[str, Any]]]:
    """Yield arguments: as the project's own code gives them, where they are more than numbers; then what is likely."""
    guessed = itertools.chain(*(_arguments(cls, project, model, depth, settings, fill) for fill in (False, True)))
    told = list(OwnCalls.of(project).building(cls, project)) if kind(cls) != "optimizer" and model is None else []
    nested = [one for one in told if any(children(part) for part in _parts(one))]
    first = [one for one in told if not one.plain and one not in nested]
    second = [one for one in told if one.plain]
    yield from ((list(one.arguments), dict(one.names)) for one in first)
    number = 0
    try:
        for number, way in enumerate(guessed, 1):
            yield way
            if number == 1:
                yield from ((list(one.arguments), dict(one.names)) for one in second)
    except CannotBuild:
        if not told:
            raise
    yield from ((list(one.arguments), dict(one.names)) for one in (second if not number else []) + nested)


def _parts(told: Told) -> Iterator[Any]:
    """Yield the arguments of a call, and what stands in the lists among them."""
    for value in (*told.arguments, *told.names.values()):
        yield from value if isinstance(value, (list, tuple)) else (value,)


def _arguments(
    cls: type, project: Project, model: Any, depth: int, settings: dict[str, Any], fill: bool
) -> Iterator[tuple[list[Any], dict[str, Any]]]:
    """Yield positional arguments and those by name: first what is likeliest for each, then with one of them changed.

    ``fill``: arguments that are None by default are given too, where their names tell what they are.
    """
    given = parameters(cls)
    names = [_plain(p.name) for p in given]
    place = next((i for i, name in enumerate(names) if MODEL_NAME.search(name) or PARAMS_NAME.search(name)), 0)
    start = [] if model is None or place else [[model]]
    options: list[list[Any]] = []
    wanted: list[inspect.Parameter] = []
    numbers = iter((FEATURES, OUTPUTS, 2, 2, 2))  # for numbers without a telling name
    arrays = _arrays_wanted([p.name for p in given if p.default is p.empty], cls)
    tail: list[list[Any]] = [[]]
    filled = False
    for parameter in given[len(start) :]:
        if parameter.kind is parameter.VAR_POSITIONAL:
            tail = _variadic(parameter.name, cls, project, depth)
        elif parameter.kind is not parameter.VAR_KEYWORD and (
            parameter.default is parameter.empty or (fill and parameter.default is None)
        ):
            if model is not None and place and parameter is given[place]:
                found = [model]
            elif parameter.name in settings:
                found = [settings[parameter.name]]
            else:
                found = _options(parameter, cls, project, arrays, depth)
            if parameter.default is None and not found:
                continue
            filled |= parameter.default is None
            if not found:
                number = next(numbers, None)
                if number is None:
                    raise CannotBuild(f"{cls.__name__} needs the argument {parameter.name!r}")
                found = [number, (number,)]
            wanted.append(parameter)
            options.append(found)
    if fill and not filled:
        return
    choices = [[o[0] for o in options]]
    longest = max((len(o) for o in options), default=1)
    choices += [[o[min(i, len(o) - 1)] for o in options] for i in range(1, longest)]  # all of them the second way, …
    choices += [
        [*(o[0] for o in options[:i]), other, *(o[0] for o in options[i + 1 :])]
        for i, o_ in enumerate(options)
        for other in o_[1:]
    ]
    for more in tail:
        for choice in choices:
            arguments, names = [s[0] for s in start], {}
            for parameter, value in zip(wanted, choice, strict=True):
                value = value() if callable(value) and getattr(value, "__name__", "") == "make" else value
                if parameter.kind is parameter.KEYWORD_ONLY or (
                    parameter.default is not parameter.empty and len(arguments) < given.index(parameter)
                ):
                    names[parameter.name] = value
                else:
                    arguments.append(value)
            yield [*arguments, *more], names


def _plain(name: str) -> str:
    return name.lower().replace("_", "")


def _arrays_wanted(names: list[str], cls: type) -> bool:
    """Whether a layer is built from its parameters: Affine(W, b), BatchNorm(gamma, beta)."""
    plain = [_plain(name) for name in names if name != "self"]
    found = [any(re.search(pattern, name) for pattern in ARRAYS) for name in plain]
    return (
        len(found) > 0 and found[0] and kind(cls) == "layer" and (plain[0][0] == "w" or (len(plain) > 1 and found[1]))
    )


def _options(parameter: inspect.Parameter, cls: type, project: Project, arrays: bool, depth: int) -> list[Any]:
    name = _plain(parameter.name)
    annotation = str(parameter.annotation) if parameter.annotation is not parameter.empty else ""
    if arrays:
        shape = next((shape for pattern, shape in ARRAYS.items() if re.search(pattern, name)), None)
        if shape and IMAGES_NAME.search(cls.__name__) and len(shape) == 2:
            return [drawn((OUTPUTS, FEATURES, 2, 2), project)]  # of a convolution
        if shape and name[0] in "wb":
            gates = next((n for word, n in GATES.items() if word in cls.__name__.lower()), 1)
            shape = (*shape[:-1], gates * shape[-1])
        if shape:
            return [drawn(shape, project)]
    if PREVIOUS.search(name):
        return [Source((FEATURES,)), Source((FEATURES, SIDE, SIDE)), Source((SIDE, SIDE, FEATURES)), None]
    if re.search("layers|modules", name) and "int" not in annotation and depth < 2:
        sizes = [FEATURES, HIDDEN, OUTPUTS]
        try:
            return [layers(project, cls, depth), sizes]
        except CannotBuild:
            return [sizes]
    if MODEL_NAME.search(name) and kind(cls) == "loss":
        return [Listener()]
    if MODEL_NAME.search(name) and depth < 2:
        known = [m.thing for m in itertools.islice(models(project, cls, depth), 2)]
        nets = [] if any(NETWORK_NAME.search(type(m).__name__) for m in known) else _networks(project, cls, depth)
        return [*nets, *known]
    if PARAMS_NAME.search(name) and kind(cls) == "optimizer":
        return [[]]
    if LOSS_ARGUMENT.search(name) and depth < 2:
        return _of_kind("loss", project, cls, depth)
    if OPTIMIZER_ARGUMENT.search(name) and depth < 2:
        return _of_kind("optimizer", project, cls, depth)
    if re.search(DERIVATIVES, name) and not re.search(
        "^(dim|depth|decay|dropout|data|dilation|d_?in|d_?out|dtype|din|dout|dmodel|d$)", name
    ):
        return [function(project, derivative=True)]
    if re.search(FUNCTIONS, name) and "str" not in annotation:
        own = _of_kind("layer", project, cls, depth, BENT_NAME) if depth < 2 and len(name) > 2 else []
        has_derivative = any(re.search(DERIVATIVES, _plain(p.name)) for p in parameters(cls))
        plain = [function(project, derivative=False)]
        return plain + own if has_derivative else [*own, *plain, "relu", "ReLU"] if own else [*plain, "relu", "ReLU"]
    if kind(cls) == "layer" and name == "gamma":
        return [drawn((FEATURES,), project)]
    found = next((list(values) for pattern, values in ARGUMENTS.items() if re.search(pattern, name)), [])
    if kind(cls) == "layer" and re.fullmatch("(weight|bias)?(l1|l2)(reg|lambda|penalty)?|weightdecay|lambda|reg", name):
        found = [0.0, *found]  # its gradient may hold that penalty, or not
    if IMAGES_NAME.search(cls.__name__) and (FEATURES,) in found:
        found += [(FEATURES, SIDE, SIDE), (SIDE, SIDE, FEATURES)]
    if "str" in annotation:
        return [v for v in found if isinstance(v, str)] or ["relu"]
    if "bool" in annotation:
        return [True]
    if "tuple" in annotation.lower():
        found.sort(key=lambda v: not isinstance(v, tuple))
    return found


def _variadic(name: str, cls: type, project: Project, depth: int) -> list[list[Any]]:
    """Return what ``*name`` may stand for: layers; or, of a layer, the numbers of features."""
    if kind(cls) == "optimizer":
        return [[]]
    if re.search("layer|module|net", _plain(name)) or NETWORK_NAME.search(cls.__name__):
        own = layers(project, cls, depth)
        return [own, [own]]
    return [[], [FEATURES, OUTPUTS]]


def _of_kind(what: str, project: Project, asking: type, depth: int, name: re.Pattern | None = None) -> list[Any]:
    """Build something of a kind, of the project's own classes, the nearest first."""
    for cls in project.near(asking):
        if cls is not asking and kind(cls) == what and (name is None or name.search(cls.__name__)):
            try:
                return [next(build(cls, project, None, depth + 1)).thing]
            except (CannotBuild, Broken, StopIteration):
                continue
    return []


def layers(project: Project, container: type, depth: int = 0) -> list[Any]:
    """Return three layers of the project's own for a container.

    Raises
    ------
    CannotBuild
        Where the project has none that can be built.
    """
    linear, bent = (
        [c for c in project.near(container) if c is not container and kind(c) == "layer" and pattern.search(c.__name__)]
        for pattern in (LINEAR_NAME, BENT_NAME)
    )
    if not linear:
        linear = [c for c in project.near(container) if c is not container and kind(c) == "layer" and _goes_from_to(c)]
    wanted = _annotated("layers", container, project)
    linear = [c for c in linear if wanted is None or issubclass(c, wanted)] or linear
    bent = [c for c in bent if wanted is None or issubclass(c, wanted)] or bent
    for cls in sorted(linear, key=lambda c: -min(len(needed(c)), 2)):  # one without sizes is an activation
        sizes = [p for p in positional(cls) if p.default is p.empty]
        try:
            if len(sizes) == 2 or any(p.kind is p.VAR_POSITIONAL for p in parameters(cls)):
                made = [cls(FEATURES, HIDDEN), cls(HIDDEN, OUTPUTS)]
            else:
                made = [next(build(cls, project, None, depth + 1)).thing for _ in range(2)]
                if len(sizes) != 1:
                    made = made[:1]
        except Exception:
            continue
        others = _some(bent, project, depth, 1)
        return [made[0], *others, *made[1:]]
    found = _some(bent, project, depth, 2)  # they take any number of features
    if found:
        return found
    raise CannotBuild(f"{container.__name__} needs layers, and the project has none that can be built")


def _annotated(name: str, cls: type, project: Project) -> type | None:
    """Return the project's class that the annotation of an argument speaks of: List[Layer]."""
    text = " ".join(str(p.annotation) for p in parameters(cls) if name in p.name and p.annotation is not p.empty)
    own = [c for module in project.modules.values() for c in vars(module).values() if isinstance(c, type)]
    found = [c for c in own if re.search(rf"\b{re.escape(c.__name__)}\b", text) and "." in c.__module__]
    return next((c for c in found if kind(c) == "layer"), None)


def _goes_from_to(cls: type) -> bool:
    """Whether a layer asks for a number of inputs and one of outputs, and for nothing else."""
    names = [_plain(name) for name in needed(cls)]
    return len(names) == 2 and all(re.search(p, n) for p, n in zip((IN_NAME, OUT_NAME), names, strict=True))


def _some(classes: list[type], project: Project, depth: int, count: int) -> list[Any]:
    """Build one object of each of these classes, until there are enough."""
    found: list[Any] = []
    for cls in classes:
        with contextlib.suppress(CannotBuild, Broken, StopIteration):
            found.append(next(build(cls, project, None, depth + 1)).thing)
        if len(found) == count:
            break
    return found


def _networks(project: Project, asking: type, depth: int) -> list[Any]:
    """Return a network of the project's own, also one whose parameters nobody can see."""
    own = [
        c for c in project.near(asking) if c is not asking and NETWORK_NAME.search(c.__name__) and kind(c) == "layer"
    ]
    return _some(own, project, depth, 1)


def models(project: Project, asking: type, depth: int = 0) -> Iterator[Built]:
    """Yield models of the project's own that have parameters: networks first, then layers.

    What has been built for an optimiser serves the next one in the same file too.
    """
    known, failed = project.__dict__.setdefault("models", {}).setdefault((asking.__module__, depth), ([], set()))
    yield from list(known)
    started, tried = time.process_time(), failed | {built.of for built in known}
    own = [cls for cls in project.near(asking) if cls is not asking and kind(cls) == "layer"]
    for cls in sorted(own, key=lambda c: not NETWORK_NAME.search(c.__name__)):
        if cls in tried or time.process_time() - started > 2 * SECONDS:
            continue
        found = _model(cls, project, depth)
        if found is None:
            failed.add(cls)
        else:
            known.append(found)
            yield found


def _model(cls: type, project: Project, depth: int) -> Built | None:
    """Build an object of a class with parameters that have gradients."""
    with contextlib.suppress(CannotBuild, Broken):
        for built in build(cls, project, None, depth + 1):
            set_up(built.thing)
            sizes = (SAMPLES, FEATURES), (1, FEATURES), (2, FEATURES, SIDE, SIDE), (SAMPLES, 5, FEATURES)
            tries = [(built.thing, sizes)]
            for way in range(WAYS):
                other = copy_of(built.thing)
                tries += [(other, sizes[:1])] * bool(set_up(other, sizes[0], way))
            found = next((m for m in (used(thing, *some) for thing, some in tries) if slots_in(m)), None)
            if found is not None:
                return Built(found, built.said, cls)
    return None
