"""Exercises: one pattern for all notebooks, and the check that answers it.

An exercise is three code cells in a row (markdown may stand between them), told apart by their tags:

1. ``exercise``: the stub. It runs unsolved: ``prediction = ...``, or a function, layer, loss or optimiser whose missing
   parts are ``raise NotImplementedError`` (or ``...``).
2. ``check``: imports and calls :func:`check` with the *name* of the answer, as a string, so that it gives a sentence
   even where nothing else has been run. What it needs from other cells stands behind a ``lambda``. It knows the answer,
   so it is collapsed (``"jupyter": {"source_hidden": true}`` in its metadata).
3. ``solution``: a full solution under the same name, collapsed as well. Its metadata hold, besides the tag, ``"minidl":
   {"wrong": "..."}``: the code of a typical wrong answer.

JupyterLab shows the first line of a collapsed cell: "# Run this cell to check your answer", and "# Solution".

For example::

    prediction = ...  # exercise: the entry in row 0, column 1 of X^T G

    # Run this cell to check your answer
    from minidl.lab.exercises import check

    check("prediction", lambda: (X.T @ G)[0, 1])

    # Solution
    prediction = 7.0  # the wrong answer in its metadata: prediction = -7.0

The answer to an untouched stub begins with "Not done yet", to a right answer with "Right", to another with "Not right
yet", followed by the doctor's words. A copy without solutions is nbconvert's work: the README has the command.
"""

from __future__ import annotations

import copy
import html
import math
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from minidl.lab.doctor import Diagnosis, examine, examine_loss, examine_optimizer
from minidl.lab.doctor.subject.calls import Watch
from minidl.lab.doctor.subject.stubs import is_empty, is_stub
from minidl.lab.doctor.time_limit import TIME_LIMIT, Hung, guarded

__all__ = ["Reply", "check"]

_MISSING: Any = object()
_DOTS = "replace the dots in the cell above, run it, then run this cell again."
_WRITE = "write {} in the cell above, run it, then run this cell again."
_WARM = ("well done!", "that was the hard part.", "on to the next one.", "you can be pleased with this.")


class Reply:
    """The answer to an answer: Jupyter shows it at the end of a check cell. Truthy when the exercise is solved.

    Attributes
    ----------
    status : {"not done", "wrong", "right"}
    text : str
        What ``print(reply)`` shows.
    diagnosis : Diagnosis or None
        What the doctor said, where it was asked.
    """

    def __init__(self, status: str, text: str, diagnosis: Diagnosis | None = None) -> None:
        self.status, self.text, self.diagnosis = status, text, diagnosis

    def __bool__(self) -> bool:
        return self.status == "right"

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        colour, mark = {"not done": ("#767676", "○"), "wrong": ("#b35806", "✗"), "right": ("#2166ac", "✓")}[self.status]
        picture = self.diagnosis._repr_html_() if self.diagnosis is not None and self.status == "wrong" else ""
        return (
            f'<div style="border-left: 4px solid {colour}; padding: 4px 10px; white-space: pre-wrap">'
            f"<b>{mark}</b> {html.escape(self.text)}</div>"
            + (f"<details><summary>what was measured</summary>{picture}</details>" if picture else "")
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
    tolerance : float
        For numbers: relative to the largest, and at least absolute.
    hint : str
        One sentence, added where the answer is wrong.
    """
    frame = sys._getframe(1)
    answer = frame.f_locals.get(name, frame.f_globals.get(name, _MISSING))
    if answer is _MISSING:
        return _not_done(name, "run the exercise's cell first, then this one.")
    if _has_dots(answer):
        return _not_done(name, _DOTS)
    try:
        if model is not None:
            return _check_optimizer(name, answer, _late(model), build, hint)
        if input is not None:
            return _check_module(name, answer, _late(input), _late(target), build, reference, hint)
        if on is not None:
            return _check_function(name, answer, expected, _late(on), tolerance, hint)
        problem = _difference(answer, _late(expected), tolerance)
    except NameError as error:
        return _not_done(name, f"this check needs the cells above ({error}): run them first.")
    return _wrong(name, problem, hint) if problem else _right(name)


def _late(thing: Any) -> Any:
    """Call what stands behind a function without arguments."""
    return thing() if callable(thing) and not hasattr(thing, "forward") else thing


def _not_done(name: str, what: str) -> Reply:
    return Reply("not done", f"Not done yet ({name}): {what}")


def _right(name: str, diagnosis: Diagnosis | None = None) -> Reply:
    warm = _WARM[sum(map(ord, name)) % len(_WARM)]  # always the same one, so that outputs can be compared
    return Reply("right", f"Right! {name} is what it should be: {warm}", diagnosis)


def _wrong(name: str, what: str, hint: str, diagnosis: Diagnosis | None = None) -> Reply:
    return Reply("wrong", f"Not right yet ({name}): {what}" + (f"\n{hint}" if hint else ""), diagnosis)


# ---------------------------------------------------------------------------------------------------------------------
# Functions


def _check_function(name: str, answer: Any, expected: Any, on: Any, tolerance: float, hint: str) -> Reply:
    undone = _not_done(name, _WRITE.format("the function"))
    if not callable(answer):
        return _wrong(name, f"it should be a function, and is of type {type(answer).__name__}.", hint)
    if is_empty(answer):
        return undone
    for arguments in on if isinstance(on, list) else [on]:
        shown = f"{name}({', '.join(map(_show, arguments))})"
        try:
            got = _call(shown, answer, arguments, TIME_LIMIT)
        except NotImplementedError:
            return undone
        except Hung as error:
            return _wrong(name, str(error), hint)
        except Exception as error:
            return _wrong(name, f"{shown} raises {type(error).__name__}: {error}", hint)
        if got is ...:
            return undone
        problem = "it returns None: is a return missing?" if got is None else ""
        problem = problem or _difference(got, _call(shown, expected, arguments, math.inf), tolerance)
        if problem:
            return _wrong(name, f"for {shown}, {problem}", hint)
    return _right(name)


def _call(shown: str, function: Callable[..., Any], arguments: tuple[Any, ...], time_limit: float) -> Any:
    """Call a function with copies of its arguments, the random numbers beginning the same each time."""

    def work(watch: Watch) -> Any:
        torch.default_generator.manual_seed(0)
        mine = copy.deepcopy(arguments)
        watch.doing, watch.since = shown, time.monotonic()
        return function(*mine)

    return guarded(work, time_limit)[0]


# ---------------------------------------------------------------------------------------------------------------------
# Layers, losses and optimisers: the doctor's work


def _check_module(
    name: str, answer: Any, input: Any, target: Any, build: Callable[..., Any] | None, reference: Any, hint: str
) -> Reply:
    def diagnose(module: Any, input: Any, target: Any) -> Diagnosis:
        if target is None:
            return examine(module, input, reference=reference)
        return examine_loss(module, input, target, reference=reference)

    def diagnose_twice(module: Any) -> Diagnosis:
        diagnosis = diagnose(module, input, target)
        n = input[0] if isinstance(input, (tuple, list)) else len(input)
        rows = 3 if n != 3 else 2  # a batch size written into the code is right for one of them only
        return diagnosis and diagnose(module, _resized(input, rows), _resized(target, rows))

    return _ask_doctor(name, answer, ("forward", "backward"), build or (lambda cls: cls()), diagnose_twice, hint)


def _check_optimizer(name: str, answer: Any, model: Any, build: Callable[..., Any] | None, hint: str) -> Reply:
    def built(cls: type) -> Any:
        return build(cls, model) if build else cls(model)

    return _ask_doctor(name, answer, ("step",), built, lambda optimizer: examine_optimizer(optimizer, model), hint)


def _ask_doctor(
    name: str,
    answer: Any,
    methods: tuple[str, ...],
    build: Callable[[type], Any],
    diagnose: Callable[[Any], Diagnosis],
    hint: str,
) -> Reply:
    """Reply with what the doctor says about an object, or about one built from a class."""
    stubs = [method for method in methods if isinstance(answer, type) and is_stub(getattr(answer, method, None))]
    if stubs:
        return _not_done(name, _WRITE.format(" and ".join(stubs)))
    try:
        diagnosis = diagnose(build(answer) if isinstance(answer, type) else answer)
    except NotImplementedError:
        return _not_done(name, _WRITE.format("__init__"))
    except NameError:
        raise
    except Exception as error:
        return _wrong(name, f"{type(error).__name__}: {error}", hint)
    if diagnosis:
        return _right(name, diagnosis)
    for finding in diagnosis.findings:
        if finding.evidence.get("error") == "NotImplementedError":
            return _not_done(name, _WRITE.format(finding.where))
    return _wrong(name, str(Diagnosis(diagnosis.subject, diagnosis.findings)), hint, diagnosis)  # without notes


def _resized(batch: Any, rows: int) -> Any:
    """Return a batch, or the shape of one, with another number of samples."""
    if batch is None or isinstance(batch, (tuple, list)):
        return batch and (rows, *batch[1:])
    return batch[torch.arange(rows) % len(batch)]


# ---------------------------------------------------------------------------------------------------------------------
# Values


def _has_dots(answer: Any) -> bool:
    """Whether an answer, or something in it, is still to be filled in."""
    if isinstance(answer, (list, tuple)):
        return any(map(_has_dots, answer))
    if isinstance(answer, dict):
        return any(map(_has_dots, answer.values()))
    return answer is None or answer is ... or answer is NotImplemented


def _difference(got: Any, expected: Any, tolerance: float) -> str:
    """Return in words how an answer differs from what is expected, without giving that away; nothing if it does not."""
    if isinstance(expected, (bool, str)):
        got = got.item() if isinstance(got, Tensor) and got.numel() == 1 else got  # a comparison gives tensor(True)
        same = str(got).strip().casefold() == str(expected).strip().casefold()
        return "" if same else f"{_show(got)} is not it."
    if isinstance(expected, Mapping):
        if not isinstance(got, Mapping) or set(got) != set(expected):
            return f"it should have the entries {', '.join(map(str, expected))}."
        return next((f"{key}: {d}" for key in expected if (d := _difference(got[key], expected[key], tolerance))), "")
    try:
        mine, due = (torch.as_tensor(value, dtype=torch.float64).detach() for value in (got, expected))
    except (TypeError, ValueError, RuntimeError):
        if isinstance(expected, (list, tuple)) and isinstance(got, (list, tuple)) and len(got) == len(expected):
            pairs = enumerate(zip(got, expected, strict=True))
            return next((f"number {i + 1}: {d}" for i, (g, e) in pairs if (d := _difference(g, e, tolerance))), "")
        return f"{_show(got)} is not what is asked for: is it of the right kind?"
    if mine.shape != due.shape:
        return _shapes(mine, due, tolerance)
    slack = tolerance * max(1.0, float(due.abs().max()) if due.numel() else 1.0)
    right = (mine - due).abs() <= slack
    if bool(right.all()):
        return ""
    if bool(((mine + due).abs() <= slack).all()):
        return "the sign is the wrong way round."
    if due.ndim == 2 and due.shape[0] == due.shape[1] and bool(((mine.mT - due).abs() <= slack).all()):
        return "it is transposed: rows and columns are exchanged."
    ratio = float((mine * due).sum() / (due * due).sum()) if bool(due.any()) else 0.0
    if ratio and due.numel() > 1 and bool(((mine - ratio * due).abs() <= slack * abs(ratio)).all()):
        return f"every number is {ratio:.4g} times what it should be."
    if due.numel() == 1:
        return f"{_show(got)} is not it."
    entry = (~right).nonzero()[0].tolist()
    return f"{int(right.sum())} of {right.numel()} numbers are right; {mine[tuple(entry)]:.4g} at {entry} is not."


def _shapes(mine: Tensor, due: Tensor, tolerance: float) -> str:
    shapes = f"its shape is {tuple(mine.shape)}, and should be {tuple(due.shape)}"
    if mine.ndim == due.ndim == 2 and mine.shape == due.mT.shape and torch.allclose(mine.mT, due, tolerance, tolerance):
        return f"it is transposed: {shapes}."
    if mine.numel() == due.numel() and torch.allclose(mine.reshape(due.shape), due, tolerance, tolerance):
        return f"the numbers are right, the shape is not: {shapes}."
    return f"{shapes}."


def _show(value: Any) -> str:
    text = str(value.tolist()) if isinstance(value, Tensor) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
