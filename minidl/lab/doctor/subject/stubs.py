"""Methods that are still to be written: missing, empty, or raising NotImplementedError."""

from __future__ import annotations

import dis
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
    """Whether a method is missing, empty, or raises NotImplementedError before anything else, whatever it is given."""
    code = getattr(method, "__code__", None)
    if method is None or is_empty(method):
        return True
    if code is None or code.co_names[:1] not in (("NotImplementedError",), ("NotImplemented",)):
        return False
    steps = (step.opname for step in dis.get_instructions(code))
    return next(name for name in steps if "JUMP" in name or name.startswith(("RAISE", "RETURN"))).startswith("RAISE")
