"""An exercise whose answer is a diagnosis of several patients: the name of each one's mistake."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from minidl.lab.exercises.answer import Answer
from minidl.lab.exercises.comparing import has_dots, show, word
from minidl.lab.exercises.kinds.exercise import Exercise
from minidl.lab.exercises.reply import DOTS, NotDone, Wrong


@dataclass(frozen=True, kw_only=True)
class Diagnoses(Exercise):
    """A dictionary from patients to the names of their mistakes.

    Attributes
    ----------
    expected : mapping of str to str
        The name of each patient's mistake.
    look : mapping of str to str
        For each patient, where to look: one sentence that does not name the mistake.
    """

    expected: Mapping[str, str]
    look: Mapping[str, str] = field(default_factory=dict)
    kind: ClassVar[str] = "diagnosis"

    def judge(self, answer: Answer) -> str:
        given = answer.value
        if has_dots(given):
            raise NotDone(DOTS)
        if not isinstance(given, Mapping) or set(given) != set(self.expected):
            raise Wrong(f"it should be a dictionary with the entries {', '.join(self.expected)}.", certain=True)
        missed = [patient for patient in self.expected if word(given[patient]) != word(self.expected[patient])]
        if missed:
            said = (
                f"{patient}: {show(given[patient])} is not it. {self.look.get(patient, '')}".strip()
                for patient in missed
            )
            raise Wrong(f"{len(self.expected) - len(missed)} of {len(self.expected)} are right.\n" + "\n".join(said))
        return f"all {len(self.expected)} are found"
