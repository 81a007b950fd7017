"""An exercise whose answer is a function: it is called, and so is the right one."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from minidl import Module
from minidl.lab.doctor.subject.stubs import is_empty, is_stub
from minidl.lab.exercises.answer import Answer, borrowed, lent
from minidl.lab.exercises.comparing import as_numbers, difference, show
from minidl.lab.exercises.kinds.calling import call, quietly
from minidl.lab.exercises.kinds.exercise import Exercise
from minidl.lab.exercises.reply import WRITE, NotDone, Wrong

ALMOST = "is something rounded, or a small part not right"


@dataclass(frozen=True, kw_only=True)
class Function(Exercise):
    """A function to be written.

    Attributes
    ----------
    reference : function
        What it should be equal to.
    cases : function without arguments
        Returns a list of tuples of arguments. A number that may be written into the code differs among them.
    tolerance : float
        For numbers, relative to each of them.
    not_yours : tuple of str
        Functions that would be the whole answer, of torch or others.
    may_differentiate : bool
        Whether it may ask torch's autograd, and use minidl's own parts: where it is a judge of them.
    """

    reference: Callable[..., Any]
    cases: Callable[[], Sequence[tuple[Any, ...]]]
    tolerance: float = 5e-4
    not_yours: tuple[str, ...] = ()
    may_differentiate: bool = False
    kind: ClassVar[str] = "function"

    def judge(self, answer: Answer) -> str:
        function = answer.value
        if not callable(function):
            text = f"it should be a function, and is {show(function)}: define it with def {self.name}(...)."
            raise Wrong(text, certain=True)
        if is_empty(function) or is_stub(function):
            raise NotDone(WRITE.format("the function"))
        if not self.may_differentiate and (text := borrowed(function, self.not_yours)):
            raise Wrong(text, certain=True)
        cases = self.cases()
        for arguments in cases:
            shown = f"{self.name}({', '.join(map(show, arguments))})"
            mine = copy.deepcopy(arguments)
            got = call(shown, function, *mine)
            if got is ...:
                raise NotDone(WRITE.format("the function"))
            if got is None:
                raise Wrong(f"{shown} returns None: is a return missing?")
            due = self.reference(*copy.deepcopy(arguments))
            if problem := difference(got, due, self.tolerance, ALMOST):
                if ALMOST in problem and (elsewhere := self._far_off(function)):
                    raise Wrong(lent(function) or elsewhere)
                said = lent(function) or _place(got, due, arguments) or problem + self._constant(function)
                raise Wrong(f"for {shown}, {said}")
            for place, (before, after) in enumerate(zip(arguments, mine, strict=True), 1):
                if as_numbers(before) is not None and difference(after, before, 0.0):
                    text = "what it returns for it is right, but it should leave it as it was"
                    raise Wrong(f"{shown} changes its argument {place}; {text}.", hinted=False)
                if isinstance(after, Module) and any(param.requires_grad for param, _ in after.parameters()):
                    text = "requires_grad is set on the layer's own tensor, and stays there: the next call finds another layer"
                    raise Wrong(f"{text}. Take a copy of it first, with clone().", certain=True)
        return f"right for {len(cases)} different inputs"

    def _far_off(self, function: Callable[..., Any]) -> str:
        """Return how far a function is off for arguments for which it is not even near; nothing if it is near for all."""
        for arguments, got in zip(self.cases(), self.behaviour(function) or [], strict=False):
            if isinstance(got, _Raised):
                continue
            problem = difference(got, self.reference(*copy.deepcopy(arguments)), self.tolerance, ALMOST)
            if problem and ALMOST not in problem:
                return f"for {self.name}({', '.join(map(show, arguments))}), {problem}"
        return ""

    def _constant(self, function: Callable[..., Any]) -> str:
        """Return a sentence where a function returns the same for all arguments, and should not."""
        results, due = self.behaviour(function), [self.reference(*arguments) for arguments in self.cases()]
        if not results or any(difference(result, results[0]) for result in results):
            return ""
        tried = f" It returns that for each of the {len(results)} inputs that were tried."
        return tried if any(difference(right, due[0]) for right in due) else ""

    def behaviour(self, value: Any) -> Any:
        def work() -> list[Any] | None:
            found = [self._once(value, arguments) for arguments in self.cases()]
            return None if all(isinstance(result, _Raised) for result in found) else found

        return quietly(work)

    @staticmethod
    def _once(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        """Return what a function returns, or what it raises, which may tell a slip too."""
        try:
            return function(*copy.deepcopy(arguments))
        except Exception as error:
            return _Raised(f"{type(error).__name__}: {error}")


def _place(got: Any, due: Any, arguments: tuple[Any, ...]) -> str:
    """Return in words where in an argument the right number stands, if what came is that place; nothing if it is not."""
    place, number = as_numbers(got), as_numbers(due)
    if place is None or number is None or not place.numel() == number.numel() == 1 or bool(place != place.round()):
        return ""
    for which, values in enumerate(map(as_numbers, arguments), 1):
        is_column = values is not None and values.ndim == 1 and 0 <= float(place) < len(values)
        if is_column and not difference(values[int(place)], number.reshape(())):
            return (
                f"{show(got)} is the place of it in argument {which}, counted from 0; the number itself is asked for."
            )
    return ""


class _Raised(str):
    """What a function has raised, as text."""
