"""Points that a teacher gives by hand, and what exercises count: a CSV with student, exercise, points and remark."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from minidl.lab.course.marking.rows import Row
from minidl.lab.course.marking.spreadsheets import read_csv
from minidl.lab.course.marking.students import Student
from minidl.lab.exercises.kinds import Exercise


@dataclass
class Overrides:
    """What a teacher has decided.

    Attributes
    ----------
    counts : dict
        What an exercise counts, by its id.
    given : dict
        Points and a remark, by the student's name in the table and the exercise's id.
    """

    counts: dict[str, float] = field(default_factory=dict)
    given: dict[tuple[str, str], tuple[float, str]] = field(default_factory=dict)

    def applied(self, rows: Sequence[Row]) -> list[Row]:
        """Return rows with these points."""
        done = []
        for row in rows:
            points, remark = self.given.get((row.student, row.exercise), (None, ""))
            of = self.counts.get(row.exercise, row.of)
            done.append(replace(row, of=of, given=points, remark=remark))
        return done


def read_overrides(path: str | Path, exercises: Mapping[str, Exercise], students: Mapping[Student, str]) -> Overrides:
    """Return the points in a CSV; a line without a student says what the exercise counts for everyone.

    Parameters
    ----------
    path : str or Path
    exercises : mapping
        All exercises, by their ids.
    students : mapping
        What each student is called in the table. A line may have the student's number in place of that.

    Raises
    ------
    OSError
        Where there is no such file.
    ValueError
        For an exercise or a student that there is not, or points that are none.
    """
    found = Overrides()
    lines = read_csv(path)
    for number, line in enumerate(lines, 2):
        exercise, student = line.get("exercise", ""), line.get("student", "")
        if exercise not in exercises:
            raise ValueError(f"{path}, line {number}: there is no exercise {exercise!r}")
        points = _points(line.get("points", ""), f"{path}, line {number}")
        if not student:
            found.counts[exercise] = points
            continue
        name = [name for one, name in students.items() if student == name]
        name = name or [name for one, name in students.items() if student in (one.id, one.name)]
        if len(name) != 1:
            what = "is nobody's name or id" if not name else f"may be {' or '.join(name)}"
            raise ValueError(f"{path}, line {number}: {student!r} {what}")
        found.given[name[0], exercise] = (points, line.get("remark", ""))
    return found


def _points(text: str, where: str) -> float:
    try:
        points = float(text.replace(",", "."))
    except ValueError:
        points = -1.0
    if not 0 <= points < math.inf:
        raise ValueError(f"{where}: expected points of 0 or more, got {text!r}")
    return points
