"""What is tried with a layer of windows, a convolution or a pooling, that is well as it is: other strides, paddings, sizes.

A forgotten stride, or windows that overlap, show only where somebody asks for them. An error counts where forward has taken
the batch and backward does not; what forward refuses is not meant to work.
"""

from __future__ import annotations

import contextlib
import inspect
import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any

from minidl.lab.doctor.students.building import Broken, CannotBuild, build
from minidl.lab.doctor.students.project import Project
from minidl.lab.doctor.students.tries import Shape, Try
from minidl.lab.doctor.students.variants import FINE
from minidl.lab.doctor.subject.names import plain
from minidl.lab.doctor.subject.roles import parameters

STRIDE = re.compile("strides?(shape|size|length)?|step(size)?")
PADDING = re.compile("pad(ding)?(size|width)?")
SIZE = re.compile("(kernel|filter|pool(ing)?|window|k)(shape|size|dim(ension)?|width|h)?|f|size")
OF_SHAPES = ("ValueError", "IndexError")
POOLS = re.compile("pool", re.IGNORECASE)
WITH = "that is so with {said}; with the settings that were tried first, all is well."
Tried = Callable[[Any, Shape, str], Try]  # of an object, a batch, and how it was made


def with_other_windows(cls: type, project: Project, size: Shape, tried: Tried) -> Try | None:
    """Return what is wrong with a layer of windows only with another stride, padding or size of these."""
    if len(size) not in (3, 4):
        return None
    given = {}
    for what, pattern in (("stride", STRIDE), ("padding", PADDING), ("size", SIZE)):
        found = [p for p in parameters(cls) if pattern.fullmatch(plain(p.name))]
        given.update({what: found[0]} if found else {})
    if not {"stride", "padding"} & set(given):
        return None
    for settings in _variants(given, POOLS.search(cls.__name__) is not None):
        settings = {what: value for what, value in settings.items() if what in given}
        values = {given[what].name: _as(given[what], value, len(size) - 2) for what, value in settings.items()}
        found = _first(cls, project, values, size, tried)
        if found is not None and _tells(found):
            said = ", ".join(f"{name}={value!r}" for name, value in values.items())
            found.diagnosis.notes.append(WITH.format(said=said))
            return found
    return None


def _first(cls: type, project: Project, values: dict[str, Any], batch: Shape, tried: Tried) -> Try | None:
    """Return the first try with these settings in which forward takes the batch, and backward is called as it wants."""
    with contextlib.suppress(CannotBuild, Broken):
        for built in itertools.islice(build(cls, project, **values), 4):
            if all(repr(value) in built.said for value in values.values()):
                found = tried(built.thing, batch, built.said)
                if found.ran or (found.raised and found.raised.evidence.get("error") in OF_SHAPES):
                    return found
    return None


def _variants(given: dict[str, Any], pools: bool) -> Iterator[dict[str, int]]:
    """Yield settings."""
    if "stride" in given and pools:
        yield {"size": 2, "stride": 1}  # windows overlap
    elif "stride" in given:
        yield {"stride": 2, "size": 2}
    if "padding" in given and not isinstance(given["padding"].default, str):
        yield {"padding": 1, "size": 2}


def _as(parameter: inspect.Parameter, value: int, places: int) -> Any:
    """Return a setting as a constructor takes it: a number, or one for each direction."""
    paired = isinstance(parameter.default, tuple) or "tuple" in str(parameter.annotation).lower()
    return (value,) * places if paired else value


def _tells(found: Try) -> bool:
    """Whether a try shows a mistake that comes of the settings: a wrong gradient, or an error in backward."""
    if found.ran:
        return bool(set(found.diagnosis.mistakes) - FINE - {"not finite", "wrong dtype", "not reproducible"}) and all(
            finding.where != "output" for finding in found.diagnosis.findings
        )
    raised = found.raised
    return raised is not None and "backward" in raised.where and raised.evidence.get("error") in OF_SHAPES
