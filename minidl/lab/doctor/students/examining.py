"""Examining a class or an object of a student's file, with batches and models that fit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import torch

from minidl.lab.doctor.diagnosis import Diagnosis, Finding
from minidl.lab.doctor.examination import examine, examine_loss, examine_optimizer
from minidl.lab.doctor.students.building import FEATURES, SAMPLES, CannotBuild, SpareLayers, build
from minidl.lab.doctor.students.loading import classes, kind
from minidl.lab.doctor.subject.inside import is_module
from minidl.lab.doctor.subject.names import PAIR_METHODS
from minidl.lab.doctor.subject.parameters import slots_of
from minidl.lab.doctor.subject.paths import get
from minidl.lab.doctor.subject.values import as_tensor

CLASSES_NAME = re.compile("cross|nll|softmax|categorical", re.IGNORECASE)
BINARY_NAME = re.compile("bce|binary", re.IGNORECASE)
NETWORK_NAME = re.compile("sequential|net|model|mlp", re.IGNORECASE)


def examine_thing(
    thing: Any, module: Any, spare: SpareLayers, shape: tuple[int, int] | None, time_limit: float
) -> Diagnosis:
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
        return _examine_optimizer(thing, module, spare, time_limit)
    made = build(thing, module, spare) if isinstance(thing, type) else thing
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


def _examine_optimizer(thing: Any, module: Any, spare: SpareLayers, time_limit: float) -> Diagnosis:
    """Examine an optimiser with a model of the student's own layers where there is one that it takes, else of spare ones."""
    if not isinstance(thing, type):
        model = next((value for value in vars(thing).values() if is_module(value)), spare.network())
        return examine_optimizer(thing, model, time_limit=time_limit)
    models, problems = [], []
    for cls in sorted(classes(module), key=lambda c: not NETWORK_NAME.search(c.__name__)):
        if kind(cls) == "layer":
            try:
                models.append(build(cls, module, spare))
            except CannotBuild:
                continue

    def tries() -> Iterator[Diagnosis]:
        for model in [m for m in models if slots_of(m)] + [spare.network()]:
            lists = [getattr(model, name)() for name in PAIR_METHODS if callable(getattr(model, name, None))]
            for first in (model, *map(list, lists), [model]):
                try:
                    optimizer = build(thing, module, spare, first)
                except CannotBuild as error:
                    problems.append(error)
                    continue
                yield examine_optimizer(optimizer, model, time_limit=time_limit)

    try:
        return _first_that_runs(tries())
    except TypeError:  # there was none to try
        raise problems[0] from None
