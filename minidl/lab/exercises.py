"""Exercises: one pattern for all notebooks, and the check that answers it.

An exercise is three code cells in a row (markdown may stand between them), told apart by their tags:

1. ``exercise``: the stub. It runs unsolved: ``prediction = ...``, or a function, layer, loss or optimiser whose missing
   parts are ``raise NotImplementedError`` (or ``...``).
2. ``check``: imports and calls :func:`check` with the *name* of the answer, as a string, so that it gives a sentence
   even where nothing else has been run. What it needs from other cells stands behind a ``lambda``.
3. ``solution``: a full solution under the same name. Its metadata hold, besides the tag, ``"jupyter": {"source_hidden":
   true}``, which collapses it, and ``"minidl": {"wrong": "..."}``: the code of a typical wrong answer.

For example::

    prediction = ...  # exercise: the entry in row 0, column 1 of X^T G

    from minidl.lab.exercises import check  # check
    check("prediction", lambda: (X.T @ G)[0, 1])

    prediction = 7.0  # solution, with the metadata {"minidl": {"wrong": "prediction = -7.0"}}

The answer to an untouched stub begins with "Not done yet", to a right answer with "Right", to another with "Not right
yet", followed by the doctor's words. A copy without solutions is nbconvert's work::

    jupyter nbconvert --to notebook --TagRemovePreprocessor.enabled=True \\
        --TagRemovePreprocessor.remove_cell_tags=solution --output-dir students notebooks/*.ipynb
"""

from __future__ import annotations

import copy
import html
import math
import sys
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from minidl.lab.doctor import Diagnosis, examine, examine_loss, examine_optimizer

__all__ = ["Reply", "check"]

_MISSING: Any = object()


class Reply:
    """The answer to an answer: shown by Jupyter at the end of a check cell; truthy when the exercise is solved.

    Attributes
    ----------
    status : {"not done", "wrong", "right"}
    text : str
        What ``print(reply)`` shows.
    """

    def __init__(self, status: str, text: str, diagnosis: Diagnosis | None = None) -> None:
        self.status, self.text, self.diagnosis = status, text, diagnosis

    def __bool__(self) -> bool:
        return self.status == "right"

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        colour, mark = {"not done": ("#767676", "○"), "wrong": ("#b35806", "✗"), "right": ("#2166ac", "✓")}[self.status]
        details = ""
        if self.diagnosis is not None and self.status == "wrong":
            details = f"<details><summary>what was measured</summary>{self.diagnosis._repr_html_()}</details>"
        return (
            f'<div style="border-left: 4px solid {colour}; padding: 4px 10px; white-space: pre-wrap">'
            f"<b>{mark}</b> {html.escape(self.text)}</div>{details}"
        )


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
        Numbers, tensors, booleans, strings, tuples or lists of these.
    on : tuple of arguments, or list of such tuples, or function that returns one
        Makes this an exercise about a function: both are called with copies of these.
    input, target : shape, or tensor, or function that returns a tensor
        ``input`` makes this an exercise about a layer, which the doctor examines; with ``target``, about a loss.
    model : object, or function that returns it
        Makes this an exercise about an optimiser, built by ``build(cls, model)``.
    build : function
        How to build the object from the class, ``cls()`` if left out.
    reference : function, torch.nn module, or the name of a function in torch.nn.functional or torch
        What the layer's or loss's forward has to be equal to.
    tolerance : float
        For numbers: relative to the largest, and at least absolute.
    hint : str
        One sentence, added where the answer is wrong.
    """
    frame = sys._getframe(1)
    answer = frame.f_locals.get(name, frame.f_globals.get(name, _MISSING))
    if answer is _MISSING:
        return _not_done(name, "run the exercise's cell first, then this one.")
    if answer is None or answer is ...:
        return _not_done(name, "replace the dots in the cell above, run it, then run this cell again.")
    try:
        if model is not None:
            return _check_optimiser(name, answer, model, build, hint)
        if input is not None:
            return _check_module(name, answer, input, target, build, reference, hint)
        if on is not None:
            return _check_function(name, answer, expected, on, tolerance, hint)
        return _check_value(name, answer, expected() if callable(expected) else expected, tolerance, hint)
    except NameError as error:
        return _not_done(name, f"this check needs the cells above ({error}): run them first.")


def _not_done(name: str, what: str) -> Reply:
    return Reply(
        "not done", f"Not done yet: {name}. Take your time; then {what}" if False else f"Not done yet ({name}): {what}"
    )


def _right(name: str, diagnosis: Diagnosis | None = None) -> Reply:
    warm = ("well done!", "that was the hard part.", "on to the next one.", "you can be pleased with this.")
    return Reply("right", f"Right! {name} is what it should be: {warm[sum(map(ord, name)) % len(warm)]}", diagnosis)


def _wrong(name: str, what: str, hint: str, diagnosis: Diagnosis | None = None) -> Reply:
    return Reply("wrong", f"Not right yet ({name}): {what}" + (f"\n{hint}" if hint else ""), diagnosis)


def _check_value(name: str, answer: Any, expected: Any, tolerance: float, hint: str) -> Reply:
    problem = _difference(answer, expected, tolerance)
    return _wrong(name, problem, hint) if problem else _right(name)


def _check_function(name: str, answer: Any, expected: Any, on: Any, tolerance: float, hint: str) -> Reply:
    if not callable(answer):
        return _wrong(name, f"it should be a function, and is {type(answer).__name__}.", hint)
    calls = on() if callable(on) else on
    for arguments in calls if isinstance(calls, list) else [calls]:
        try:
            got = answer(*copy.deepcopy(arguments))
        except NotImplementedError:
            return _not_done(name, "write the function in the cell above, run it, then run this cell again.")
        except Exception as error:
            return _wrong(name, f"{name}{_show(arguments)} raised {type(error).__name__}: {error}", hint)
        if got is ... or (got is None and _is_empty(answer)):
            return _not_done(name, "write the function in the cell above, run it, then run this cell again.")
        problem = _difference(got, expected(*copy.deepcopy(arguments)), tolerance)
        if problem:
            return _wrong(name, f"for {name}{_show(arguments)}, {problem}", hint)
    return _right(name)


def _check_module(name, answer, input, target, build, reference, hint) -> Reply:
    undone = _not_done(name, "write forward and backward in the cell above, run it, then run this cell again.")
    try:
        module = (build(answer) if build else answer()) if isinstance(answer, type) else answer
    except NotImplementedError:
        return undone
    if _has_stub(module, "forward", "backward"):
        return undone
    if isinstance(reference, str):
        reference = getattr(torch.nn.functional, reference, None) or getattr(torch, reference)
    input = input() if callable(input) else input
    target = target() if callable(target) else target
    if target is None:
        diagnosis = examine(module, input, reference=reference)
    else:
        diagnosis = examine_loss(module, input, target, reference=reference)
    return _right(name, diagnosis) if diagnosis else _wrong(name, str(diagnosis), hint, diagnosis)


def _check_optimiser(name, answer, model, build, hint) -> Reply:
    model = model() if callable(model) and not hasattr(model, "forward") else model
    undone = _not_done(name, "write step in the cell above, run it, then run this cell again.")
    try:
        optimiser = (build(answer, model) if build else answer(model)) if isinstance(answer, type) else answer
    except NotImplementedError:
        return undone
    if _has_stub(optimiser, "step"):
        return undone
    diagnosis = examine_optimizer(optimiser, model)
    return _right(name, diagnosis) if diagnosis else _wrong(name, str(diagnosis), hint, diagnosis)


def _empty_1() -> None:
    pass


def _empty_2() -> None:
    """."""


def _empty_3() -> None:
    """."""
    ...


def _is_empty(function: Any) -> bool:
    """Whether a function's body is nothing but a docstring, dots or ``pass``."""
    code = getattr(function, "__code__", None)
    return code is not None and code.co_code in {f.__code__.co_code for f in (_empty_1, _empty_2, _empty_3)}


def _has_stub(thing: Any, *methods: str) -> bool:
    """Whether one of the methods does nothing but raise NotImplementedError, or nothing at all."""
    for name in methods:
        method = getattr(thing, name, None)
        code = getattr(method, "__code__", None)
        if code is None:
            continue
        if _is_empty(method) or code.co_names[:1] == ("NotImplementedError",):
            return True
    return False


def _difference(got: Any, expected: Any, tolerance: float) -> str:
    """Return in words how an answer differs from what is expected, or nothing."""
    if isinstance(expected, bool) or isinstance(expected, str):
        same = str(got).strip().casefold() == str(expected).strip().casefold()
        return "" if same else f"{got!r} is not it."
    if isinstance(expected, Mapping):
        return next((d for k in expected if (d := _difference(got[k], expected[k], tolerance))), "")
    try:
        got, expected = (torch.as_tensor(x, dtype=torch.float64).detach() for x in (got, expected))
    except (TypeError, ValueError, RuntimeError):
        return f"expected numbers, got {type(got).__name__}."
    if got.shape != expected.shape:
        return f"its shape is {tuple(got.shape)}, and should be {tuple(expected.shape)}."
    largest = max(1.0, float(expected.abs().max())) if expected.numel() else 1.0
    if bool(((got - expected).abs() <= tolerance * largest).all()):
        return ""
    if math.isclose(float((got + expected).abs().max()), 0, abs_tol=tolerance * largest):
        return "the sign is the wrong way round."
    return "it differs from what is right."


def _show(arguments: tuple) -> str:
    return "(" + ", ".join(str(a.tolist()) if isinstance(a, Tensor) else repr(a) for a in arguments) + ")"
