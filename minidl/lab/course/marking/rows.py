"""What comes out of marking: a row for each student and exercise."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import Any

from minidl.lab.doctor.students.rows import UNPRINTABLE

STATUSES = ("right", "not right", "not done", "does not run", "not found", "not believed", "not handed in")
LONGEST = 8000  # characters of one text


@dataclass
class Row:
    """What came out for one student and exercise.

    Attributes
    ----------
    student, notebook, exercise : str
        The notebook by its number, the exercise by its id.
    status : str
        One of `STATUSES`.
    why : str
        Where it does not run: "syntax error", "name is not there", "raises", "time limit", "ended its process", "memory".
    text : str
        What there is to say, the doctor's words among it.
    mistakes : list of str
        The mistakes' names, where the doctor knows them, or else the reply's first sentence.
    points, of : int
        What it counts, and what it could.
    answer : str
        The student's code.
    file : str
    """

    student: str
    notebook: str
    exercise: str
    status: str
    of: int
    why: str = ""
    text: str = ""
    mistakes: list[str] = field(default_factory=list)
    answer: str = ""
    file: str = ""

    def __post_init__(self) -> None:
        for name in ("student", "file", "why"):
            setattr(self, name, " ".join(clean(getattr(self, name)).split())[:200])
        self.text, self.answer = clean(self.text)[:LONGEST], clean(self.answer)[:LONGEST]
        self.mistakes = [" ".join(clean(mistake).split())[:160] for mistake in self.mistakes]

    @property
    def points(self) -> int:
        return self.of if self.status == "right" else 0

    @property
    def said(self) -> str:
        """The status, and why where that is more."""
        return f"{self.status}: {self.why}" if self.why else self.status

    def as_data(self) -> dict[str, Any]:
        return asdict(self)


def clean(text: str) -> str:
    """Return text without what no terminal and no page should get."""
    return UNPRINTABLE.sub("\ufffd", text)


def first_sentence(text: str) -> str:
    """Return the first sentence of a reply, without its beginning."""
    text = re.sub(r"^Not right yet \(\w+\): ", "", text).split("\n", 1)[0]
    return re.split(r"(?<=[.?]) ", text, maxsplit=1)[0] if len(text) > 100 else text
