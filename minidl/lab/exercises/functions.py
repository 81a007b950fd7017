"""Exercises about a function: it is called with copies of some arguments, and so is the right one."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from typing import Any

import torch

from minidl.lab.doctor.subject.calls import Watch
from minidl.lab.doctor.subject.stubs import is_empty
from minidl.lab.doctor.time_limit import TIME_LIMIT, Hung, guarded
from minidl.lab.exercises.replies import WRITE, Reply, not_done, right, wrong
from minidl.lab.exercises.values import difference, show


def check_function(name: str, answer: Any, expected: Any, on: Any, tolerance: float, hint: str) -> Reply:
    """Compare a function with the right one, for one tuple of arguments or a list of such."""
    undone = not_done(name, WRITE.format("the function"))
    if not callable(answer):
        return wrong(name, f"it should be a function, and is of type {type(answer).__name__}.", hint)
    if is_empty(answer):
        return undone
    for arguments in on if isinstance(on, list) else [on]:
        shown = f"{name}({', '.join(map(show, arguments))})"
        try:
            got = _call(shown, answer, arguments, TIME_LIMIT)
        except NotImplementedError:
            return undone
        except Hung as error:
            return wrong(name, str(error), hint)
        except Exception as error:
            return wrong(name, f"{shown} raises {type(error).__name__}: {error}", hint)
        if got is ...:
            return undone
        problem = "it returns None: is a return missing?" if got is None else ""
        problem = problem or difference(got, _call(shown, expected, arguments, math.inf), tolerance)
        if problem:
            return wrong(name, f"for {shown}, {problem}", hint)
    return right(name)


def _call(shown: str, function: Callable[..., Any], arguments: tuple[Any, ...], time_limit: float) -> Any:
    """Call a function with copies of its arguments, the random numbers beginning the same each time."""

    def work(watch: Watch) -> Any:
        torch.default_generator.manual_seed(0)
        mine = copy.deepcopy(arguments)
        watch.doing, watch.since = shown, time.monotonic()
        return function(*mine)

    return guarded(work, time_limit)[0]
