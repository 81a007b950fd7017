"""An exercise whose answer is a diagnosis of several patients: the name of each one's mistake."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

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
    names : tuple of str
        All names that the notebook offers.
    """

    expected: Mapping[str, str]
    look: Mapping[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    kind: ClassVar[str] = "diagnosis"

    def judge(self, answer: Answer) -> str:
        given = answer.value
        if has_dots(given):
            raise NotDone(DOTS)
        if not isinstance(given, Mapping) or set(given) != set(self.expected):
            raise Wrong(f"it should be a dictionary with the entries {', '.join(self.expected)}.", certain=True)
        missed = [patient for patient in self.expected if word(given[patient]) != word(self.expected[patient])]
        if missed:
            said = (f"{patient}: {self._of(patient, given[patient])}".strip() for patient in missed)
            found = len(self.expected) - len(missed)
            verb = "is" if found == 1 else "are"
            raise Wrong(f"{found} of {len(self.expected)} {verb} right.\n" + "\n".join(said))
        return f"all {len(self.expected)} are found"

    def _of(self, patient: str, said: Any) -> str:
        """Return what there is to say to a wrong name: that it is wrong, or that the notebook does not offer it."""
        if not self.names or word(said) in map(word, self.names):
            return f"{show(said)} is not it. {self.look.get(patient, '')}"
        if not isinstance(said, str):
            return f"{show(said)} is no name: write one of the table, as a text in quotes."
        near = difflib.get_close_matches(word(said), list(map(word, self.names)), 1, 0.8)
        meant = f"Do you mean '{near[0]}'?" if near else "Which of its names comes nearest to what you mean?"
        return f"the table has no name {show(said)}. {meant}"
