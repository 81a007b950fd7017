"""What a check cell calls."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

from minidl.lab.exercises.claims import check_claim
from minidl.lab.exercises.functions import check_function
from minidl.lab.exercises.modules import check_module, check_optimizer
from minidl.lab.exercises.replies import DOTS, Reply, not_done, right, wrong
from minidl.lab.exercises.values import difference, has_dots

_MISSING: Any = object()


def check(
    name: str,
    expected: Any = _MISSING,
    *,
    on: Any = None,
    input: Any = None,
    target: Any = None,
    model: Any = None,
    build: Callable[..., Any] | None = None,
    reference: Any = None,
    proves: Callable[[Any], Any] | None = None,
    tolerance: float = 1e-3,
    hint: str = "",
) -> Reply:
    """Look at the answer called ``name`` where this is called from, and reply.

    What comes from other cells stands behind a function without arguments, which is called late.

    Parameters
    ----------
    name : str
        Of a value, a function, a class or an object.
    expected : value, or function without arguments that computes it; or, with ``on``, the function to be equal to
        Numbers, tensors, booleans, strings, and lists, tuples and dictionaries of these.
    on : tuple of arguments, or list of such tuples, or function that returns one
        Makes this an exercise about a function: both are called with copies of these.
    input, target : shape, or tensor, or function that returns one
        ``input`` makes this an exercise about a layer, which the doctor examines; with ``target``, about a loss.
    model : object, or function that returns it
        Makes this an exercise about an optimiser, built by ``build(cls, model)``, or ``cls(model)`` if left out.
    build : function
        How to build the object from the class, ``cls()`` if left out.
    reference : function, torch.nn module, or the name of a function in torch.nn.functional or torch
        What the layer's or loss's forward has to be equal to.
    proves : function
        Makes this an exercise about a formula: it takes the claim, and returns its proof or raises what is wrong with it.
    tolerance : float
        For numbers: relative to the largest, and at least absolute.
    hint : str
        One sentence, added where the answer is wrong.
    """
    frame = sys._getframe(1)
    answer = frame.f_locals.get(name, frame.f_globals.get(name, _MISSING))
    if error := _error_before(name):
        return not_done(
            name, f"its cell ended in {error}, so there is no new answer yet. Mend it, run it, then this one."
        )
    if answer is _MISSING:
        return not_done(name, "run the exercise's cell first, then this one.")
    if has_dots(answer):
        return not_done(name, DOTS)
    try:
        if proves is not None:
            return check_claim(name, answer, proves, hint)
        if model is not None:
            return check_optimizer(name, answer, _late(model), build, hint)
        if input is not None:
            return check_module(name, answer, _late(input), _late(target), build, reference, hint)
        if on is not None:
            return check_function(name, answer, expected, _late(on), tolerance, hint)
        problem = difference(answer, _late(expected), tolerance)
    except NameError as error:
        return not_done(name, f"this check needs the cells above ({error}): run them first.")
    return wrong(name, problem, hint) if problem else right(name)


def _error_before(name: str) -> str:
    """Return the error in which the cell that was run last ended, if the answer was to come from it."""
    ipython = sys.modules.get("IPython")
    last = getattr(ipython and ipython.get_ipython(), "last_execution_result", None)
    error = last and (last.error_before_exec or last.error_in_exec)
    if not error or not re.search(rf"^(def |class )?{re.escape(name)}\b", last.info.raw_cell, re.MULTILINE):
        return ""
    return f"{type(error).__name__}: {error}"


def _late(thing: Any) -> Any:
    """Call what stands behind a function without arguments."""
    return thing() if callable(thing) and not hasattr(thing, "forward") else thing
