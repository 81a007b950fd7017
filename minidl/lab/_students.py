"""A student's file: loading it, finding what it holds, building it with arguments that fit, and examining it."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

import minidl
from minidl.lab._diagnosis import Diagnosis, Finding
from minidl.lab._patient import PAIR_METHODS, as_tensor, get, is_module, slots_of
from minidl.lab.doctor import examine, examine_loss, examine_optimizer

SAMPLES, FEATURES, HIDDEN, OUTPUTS = 4, 3, 4, 2
UNIT = "(s|dims?|sizes?|features?|channels|units|nodes|neurons)?$"
ARGUMENTS = {  # a constructor's arguments, by their names in lower case without underscores
    rf"^(n|num|dim|d|fan|size)?(in|inputs?){UNIT}|^(n|num|normalized)?(features?|dims?|size|shape|m|d|width)$": FEATURES,
    rf"^(n|num|dim|d|fan|size)?(out|outputs?|hidden|units|neurons|nodes){UNIT}": OUTPUTS,
    "^(lr|learningrate|eta|stepsize|alpha|slope|negativeslope|gamma|scale|factor|weightdecay)$": 0.1,
    "^(momentum|mu|beta|rho|p|dropout|rate|prob|beta1)$": 0.5,
    "^beta2$": 0.999,
    "^(eps|epsilon)$": 1e-5,
    "^(use)?bias$": True,
}
LOSS_NAME = re.compile("loss|mse|bce|nll|entropy|criterion|error|cost", re.IGNORECASE)
CLASSES_NAME = re.compile("cross|nll|softmax|categorical", re.IGNORECASE)
BINARY_NAME = re.compile("bce|binary", re.IGNORECASE)
NETWORK_NAME = re.compile("sequential|net|model|mlp", re.IGNORECASE)
LINEAR_NAME = re.compile("linear|dense|affine|connected", re.IGNORECASE)
BENT_NAME = re.compile("tanh|sigmoid|relu", re.IGNORECASE)


class CannotBuild(Exception):  # noqa: N818
    """There are constructor arguments that nobody here can guess."""


def load(path: Path) -> Any:
    """Import a file, as its own folder would."""
    sys.path.insert(0, str(path.parent))
    name = re.sub(r"\W", "_", path.stem)
    name += "_of_a_student" * (name in sys.modules)  # a random.py must not take the place of Python's own
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def classes(module: Any) -> list[type]:
    """Return the layers, losses and optimisers that a file defines, in its order, without bare base classes."""
    found = [c for c in vars(module).values() if isinstance(c, type) and c.__module__ == module.__name__]
    return [c for c in dict.fromkeys(found) if kind(c) and not _is_base(c)]


def kind(cls: type) -> str | None:
    """Return what a class is, "layer", "loss" or "optimizer", by its methods and its name; None for anything else."""
    if callable(getattr(cls, "forward", None)) and callable(getattr(cls, "backward", None)):
        parameters = _parameters(cls.forward)
        needed = [p for p in parameters[1:] if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
        open_ended = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        return "loss" if len(needed) == 2 or (open_ended and LOSS_NAME.search(cls.__name__)) else "layer"
    return "optimizer" if callable(getattr(cls, "step", None)) and not hasattr(cls, "forward") else None


def _is_base(cls: type) -> bool:
    """Whether what a class has to define does nothing, or nothing but raise NotImplementedError."""

    def empty(self: Any) -> None:
        pass

    codes = [getattr(getattr(cls, name, None), "__code__", None) for name in ("forward", "backward", "step")]
    return any(c and (c.co_names[:1] == ("NotImplementedError",) or c.co_code == empty.__code__.co_code) for c in codes)


def _parameters(function: Any) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return []


# ---------------------------------------------------------------------------------------------------------------------
# Building


def build(cls: type, module: Any, model: Any = None) -> Any:
    """Build an object, its arguments guessed from their names; an optimiser's first one is ``model``.

    Raises
    ------
    CannotBuild
        With the reason, where that does not work.
    """
    arguments: list[Any] = [] if model is None else [model]
    names: dict[str, Any] = {}
    spare = iter((FEATURES, OUTPUTS))  # for numbers without a telling name
    for parameter in _parameters(cls)[len(arguments) :]:
        if parameter.kind is parameter.VAR_POSITIONAL:
            arguments += _layers(module, cls)
        elif parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD:
            value = _guess(parameter.name, module, cls)
            value = next(spare, None) if value is None else value
            if value is None:
                raise CannotBuild(f"{cls.__name__} needs the argument {parameter.name!r}")
            if parameter.kind is parameter.KEYWORD_ONLY:
                names[parameter.name] = value
            else:
                arguments.append(value)
    try:
        return cls(*arguments, **names)
    except Exception as error:
        given = [repr(a) if isinstance(a, (int, float)) else type(a).__name__ for a in (*arguments, *names.values())]
        raise CannotBuild(f"{cls.__name__}({', '.join(given)}) raises {type(error).__name__}: {error}") from error


def _guess(name: str, module: Any, cls: type) -> Any:
    name = name.lower().replace("_", "")
    if re.search("layers|modules", name):
        return _layers(module, cls)
    return next((value for pattern, value in ARGUMENTS.items() if re.search(pattern, name)), None)


def _layers(module: Any, container: type) -> list[Any]:
    """Return three layers for a container: those of the same file where it has such, else minidl's."""
    linear, bent = minidl.Linear, minidl.Tanh
    for cls in classes(module):
        needed = sum(p.default is p.empty for p in _parameters(cls))
        if cls is not container and kind(cls) == "layer":
            linear = cls if needed == 2 and LINEAR_NAME.search(cls.__name__) else linear
            bent = cls if needed == 0 and BENT_NAME.search(cls.__name__) else bent
    return [linear(FEATURES, HIDDEN), bent(), linear(HIDDEN, OUTPUTS)]


# ---------------------------------------------------------------------------------------------------------------------
# Examining


def examine_thing(thing: Any, module: Any, shape: tuple[int, int] | None, time_limit: float) -> Diagnosis:
    """Examine a class or an object of a student's file, of batches of the shape given, or of one that fits.

    Raises
    ------
    CannotBuild
        Where it is nothing to examine, or cannot be built without being told how.
    """
    cls = thing if isinstance(thing, type) else type(thing)
    what = kind(cls)
    if what is None:
        raise CannotBuild(f"{cls.__name__} has neither forward and backward, nor step")
    if what == "optimizer":
        return _examine_optimizer(thing, module, time_limit)
    made = build(thing, module) if isinstance(thing, type) else thing
    if what == "loss":
        n, m = shape or (SAMPLES, FEATURES)
        targets = _targets(cls.__name__, n, m)
        return _first_that_runs(examine_loss(made, (n, m), target, time_limit=time_limit) for target in targets)
    return _first_that_runs(examine(made, s, time_limit=time_limit) for s in ([shape] if shape else _shapes(made)))


def _first_that_runs(diagnoses: Iterator[Diagnosis]) -> Diagnosis:
    """Return the first in which forward does not raise, and step moves something; else the first of all."""
    first = None
    for diagnosis in diagnoses:
        first = first or (diagnosis,)
        if not any(_does_not_fit(finding) for finding in diagnosis.findings):
            return diagnosis
    return first[0]


def _does_not_fit(finding: Finding) -> bool:
    """Whether a finding may be the fault of arguments that were guessed."""
    return (finding.mistake == "raises" and finding.where != "backward") or finding.evidence.get("nothing moves", False)


def _shapes(layer: Any) -> Iterator[tuple[int, int]]:
    """Yield shapes of a batch that a layer may take: of its parameters' sizes, if it has any."""
    yield SAMPLES, FEATURES
    sizes = [size for slot in slots_of(layer) for size in as_tensor(get(layer, slot.param)).shape]
    for size in dict.fromkeys(sizes):
        if size not in (1, FEATURES):
            yield SAMPLES, size


def _targets(name: str, n: int, m: int) -> list[Any]:
    """Return the kinds of target that a loss of this name may take: numbers, class numbers, one-hot rows, zeros and ones."""
    numbers = torch.rand(n, m, generator=torch.Generator().manual_seed(2))
    of_class = torch.arange(n) % m
    one_hot = torch.eye(m)[of_class]
    if CLASSES_NAME.search(name):
        return [of_class, one_hot]
    return [(numbers > 0.5).float()] if BINARY_NAME.search(name) else [numbers, of_class, one_hot]


def _examine_optimizer(thing: Any, module: Any, time_limit: float) -> Diagnosis:
    """Examine an optimiser with a model of the student's own layers where there is one that it takes, else minidl's."""
    ours = minidl.Sequential(minidl.Linear(FEATURES, HIDDEN), minidl.Tanh(), minidl.Linear(HIDDEN, OUTPUTS))
    if not isinstance(thing, type):
        model = next((value for value in vars(thing).values() if is_module(value)), ours)
        return examine_optimizer(thing, model, time_limit=time_limit)
    models, problems = [], []
    for cls in sorted(classes(module), key=lambda c: not NETWORK_NAME.search(c.__name__)):
        if kind(cls) == "layer":
            try:
                models.append(build(cls, module))
            except CannotBuild:
                continue

    def tries() -> Iterator[Diagnosis]:
        for model in [m for m in models if slots_of(m)] + [ours]:
            lists = [getattr(model, name)() for name in PAIR_METHODS if callable(getattr(model, name, None))]
            for first in (model, *map(list, lists), [model]):
                try:
                    optimizer = build(thing, module, first)
                except CannotBuild as error:
                    problems.append(error)
                    continue
                yield examine_optimizer(optimizer, model, time_limit=time_limit)

    try:
        return _first_that_runs(tries())
    except TypeError:  # there was none to try
        raise problems[0] from None
