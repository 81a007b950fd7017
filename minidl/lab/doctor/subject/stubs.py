"""Methods that are still to be written: missing, empty, or raising NotImplementedError."""

from __future__ import annotations

import dis
import itertools
from types import CodeType
from typing import Any


def _pass() -> None:
    pass


def _docstring() -> None:
    """."""


def _docstring_and_dots() -> None:
    """."""
    ...


def is_empty(function: Any) -> bool:
    """Whether a function's body is nothing but a docstring, dots or ``pass``."""
    code = getattr(function, "__code__", None)
    if code is None or code.co_consts[-1:] != (None,):  # `return True` is an answer
        return False
    return code.co_code in {f.__code__.co_code for f in (_pass, _docstring, _docstring_and_dots)}


def is_stub(method: Any) -> bool:
    """Whether a method is missing, empty, or begins with raising NotImplementedError."""
    code = getattr(method, "__code__", None)
    if code is None or is_empty(method):
        return method is None or code is not None
    return code.co_names[:1] == ("NotImplementedError",) and not _asks_first(code)


def _asks_first(code: CodeType) -> bool:
    """Whether there is a condition before the first raise: a guard against one case is no stub."""
    steps = itertools.takewhile(lambda step: step.opname != "RAISE_VARARGS", dis.get_instructions(code))
    return any("JUMP" in step.opname or step.opname == "FOR_ITER" for step in steps)
