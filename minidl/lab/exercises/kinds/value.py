"""An exercise whose answer is a value: a number, several, a tensor, a word, true or false."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from minidl.lab.exercises.answer import Answer
from minidl.lab.exercises.comparing import as_numbers, difference, has_dots, same, show
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
    counts : str
        What is counted, where the answer is a whole number.
    """

    expected: Callable[[], Any]
    tolerance: float = 5e-4
    counts: str = ""
    kind: ClassVar[str] = "value"

    def judge(self, answer: Answer) -> str:
        if has_dots(answer.value):
            raise NotDone(DOTS)
        mine, numbers = as_numbers(answer.value), as_numbers(self.expected())
        if self.counts and mine is not None and mine.numel() == 1 and not torch.equal(mine, mine.round()):
            raise Wrong(f"{show(answer.value)} is no whole number, and {self.counts} are counted.")
        if problem := difference(answer.value, self.expected(), self.tolerance):
            raise Wrong(problem)
        many = numbers is not None and numbers.numel() > 1
        return f"all {numbers.numel()} numbers are right" if many else "that is it"

    def behaviour(self, value: Any) -> Any:
        return value

    def alike(self, mine: Any, theirs: Any) -> bool:
        return same(mine, theirs, self.tolerance)
