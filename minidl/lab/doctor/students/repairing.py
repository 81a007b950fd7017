"""Mending the arguments of a constructor that raises: other kinds of values, one argument after the other.

A change is kept where the constructor gets further with it, to a later line; so several arguments find their values.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from typing import Any

from minidl.lab.doctor.students.guesses import FEATURES, HIDDEN, OUTPUTS, SIDE, drawn, function
from minidl.lab.doctor.students.project import Project

ROUNDS = 3
Arguments = tuple[list[Any], dict[str, Any]]


def others(project: Project) -> list[Callable[[], Any]]:
    """Return makers of the values that are tried for an argument, the likelier first."""
    return [
        lambda: (FEATURES, SIDE, SIDE),
        lambda: (SIDE, SIDE, FEATURES),
        lambda: (FEATURES,),
        lambda: (2, 2),
        lambda: 2,
        lambda: [FEATURES, HIDDEN, OUTPUTS],
        lambda: drawn((FEATURES, OUTPUTS), project),
        lambda: drawn((OUTPUTS, FEATURES), project),
        lambda: drawn((OUTPUTS,), project),
        lambda: None,
        lambda: "relu",
        lambda: "sigmoid",
        lambda: "xavier",
        lambda: function(project, derivative=False),
    ]


def repaired(cls: type, start: Arguments, project: Project) -> Iterator[Arguments]:
    """Yield arguments with which a class can be built, if they are found."""
    arguments, names = list(start[0]), dict(start[1])
    reached = _reached(cls, (arguments, names))
    for _ in range(ROUNDS):
        if reached is None:
            return
        best: tuple[int, Arguments | None] = (reached, None)
        for place in (*range(len(arguments)), *names):
            for make in others(project):
                changed = list(arguments), dict(names)
                changed[isinstance(place, str)][place] = make()
                got = _reached(cls, changed)
                if got is None:
                    yield changed
                    return
                if got > best[0]:
                    best = got, changed
        if best[1] is None:
            return
        reached, (arguments, names) = best[0], best[1]


def _reached(cls: type, given: Arguments) -> int | None:
    """Return the line of the constructor at which it raises; None where it does not."""
    try:
        cls(*given[0], **given[1])
    except Exception as error:
        code = getattr(cls.__init__, "__code__", None)
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if code and f.filename == code.co_filename]
        return (lines or [0])[0] or 0
    return None
