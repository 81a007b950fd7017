"""An exercise whose answer is a value: a number, several, a tensor, a word, true or false."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from minidl.lab.exercises.answer import Answer
from minidl.lab.exercises.comparing import as_numbers, difference, has_dots
from minidl.lab.exercises.kinds.exercise import Exercise
from minidl.lab.exercises.reply import DOTS, NotDone, Wrong


@dataclass(frozen=True, kw_only=True)
class Value(Exercise):
    """One value to be predicted or computed.

    Attributes
    ----------
    expected : function without arguments
        Computes it: numbers of any kind, booleans, text, and lists, tuples and dictionaries of these.
    tolerance : float
        For numbers, relative to each of them.
    """

    expected: Callable[[], Any]
    tolerance: float = 5e-4
    kind: ClassVar[str] = "value"

    def judge(self, answer: Answer) -> str:
        if has_dots(answer.value):
            raise NotDone(DOTS)
        if problem := difference(answer.value, self.expected(), self.tolerance):
            raise Wrong(problem)
        numbers = as_numbers(self.expected())
        many = numbers is not None and numbers.numel() > 1
        return f"all {numbers.numel()} numbers are right" if many else "that is it"

    def behaviour(self, value: Any) -> Any:
        return value

    def alike(self, mine: Any, theirs: Any) -> bool:
        return not difference(mine, theirs, self.tolerance)
