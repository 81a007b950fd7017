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
        The student as `students.shown` has it, the notebook by its number, the exercise by its id.
    status : str
        One of `STATUSES`.
    why : str
        Where it does not run: "syntax error", "name is not there", "raises", "time limit", "ended its process", "memory".
    text : str
        What there is to say, the doctor's words among it.
    mistakes : list of str
        The mistakes' names, where the doctor knows them, or else the reply's first sentence.
    points, of : float
        What it counts, and what it could.
    answer : str
        The student's code.
    file : str
        Where the answer is from.
    id : str
        The student's number.
    late : bool
        Whether the platform says so.
    given : float, optional
        Points that the teacher has given, whatever the status is.
    remark : str
        What the teacher has written.
    """

    student: str
    notebook: str
    exercise: str
    status: str
    of: float
    why: str = ""
    text: str = ""
    mistakes: list[str] = field(default_factory=list)
    answer: str = ""
    file: str = ""
    id: str = ""
    late: bool = False
    given: float | None = None
    remark: str = ""

    def __post_init__(self) -> None:
        for name in ("student", "file", "why", "id", "remark"):
            setattr(self, name, " ".join(clean(getattr(self, name)).split())[:200])
        self.text, self.answer = clean(self.text)[:LONGEST], clean(self.answer)[:LONGEST]
        self.mistakes = [" ".join(clean(mistake).split())[:160] for mistake in self.mistakes]

    @property
    def points(self) -> float:
        if self.given is not None:
            return self.given
        return self.of if self.status == "right" else 0

    @property
    def said(self) -> str:
        """The status, and why where that is more."""
        return f"{self.status}: {self.why}" if self.why else self.status

    def as_data(self) -> dict[str, Any]:
        return asdict(self)


def number(points: float) -> float:
    """Return points as they are written: without ".0"."""
    return int(points) if points == int(points) else round(points, 2)


def clean(text: str) -> str:
    """Return text without what no terminal and no page should get."""
    return UNPRINTABLE.sub("\ufffd", text)


def first_sentence(text: str) -> str:
    """Return the first sentence of a reply, without its beginning."""
    text = re.sub(r"^Not right yet \(\w+\): ", "", text).split("\n", 1)[0]
    return re.split(r"(?<=[.?]) ", text, maxsplit=1)[0] if len(text) > 100 else text
