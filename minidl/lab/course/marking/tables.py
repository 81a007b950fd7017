"""What is shown of all rows: a table of students and exercises, and which mistakes are frequent."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence

from minidl.lab.course.marking.rows import STATUSES, Row, number

SIGNS = {
    "right": "ok",
    "not right": "wrong",
    "not done": "-",
    "does not run": "error",
    "not found": "lost",
    "not believed": "LOOK",
    "not handed in": ".",
}
MOST_FREQUENT = 3
LONGEST = 30  # characters of a name in the table


def table(rows: Sequence[Row]) -> str:
    """Return the table as text: a line for each student, a column for each exercise, and the points."""
    blocks = []
    for notebook in sorted({row.notebook for row in rows}):
        here = [row for row in rows if row.notebook == notebook]
        ids = list(dict.fromkeys(row.exercise for row in here))
        head = [notebook, *(id[3:] for id in ids), "points"]
        lines = []
        for student, theirs in by_student(here).items():
            marks = {row.exercise: SIGNS[row.status] + "*" * (row.given is not None) for row in theirs}
            lines.append([short(student), *(marks.get(id, "") for id in ids), points(theirs)])
        blocks.append(aligned([head, *lines]))
    everyone = by_student(rows)
    if len(blocks) > 1:
        blocks.append(aligned([["all", "points"], *([short(name), points(of)] for name, of in everyone.items())]))
    used = [f"{sign}: {status}" for status, sign in SIGNS.items() if any(row.status == status for row in rows)]
    if any(row.given is not None for row in rows):
        used.append("*: points given by hand")
    return "\n\n".join([*blocks, "; ".join(used)])


def by_student(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Return each student's rows, the students in the order of their names."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.student.casefold()):
        found[row.student].append(row)
    return found


def points(rows: Sequence[Row]) -> str:
    """Return the points of some rows, of how many, and whether something was late."""
    late = ", late" * any(row.late for row in rows)
    return f"{number(sum(row.points for row in rows))}/{number(sum(row.of for row in rows))}{late}"


def short(text: str, longest: int = LONGEST) -> str:
    """Return text that is no longer than it may be."""
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Return lines of cells as text, below the first a rule."""
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    head, *rest = (
        "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
    return "\n".join([head, "  ".join("-" * width for width in widths), *rest])


def _width(text: str) -> int:
    """Return how many columns of a terminal some text takes."""
    return sum((unicodedata.east_asian_width(sign) in "WF") + (not unicodedata.combining(sign)) for sign in text)


# ---------------------------------------------------------------------------------------------------------------------
# The class


def frequent(rows: Sequence[Row]) -> dict[str, list[tuple[str, int]]]:
    """Return for each exercise what went wrong most often, and how often; first where most students have something wrong."""
    count: dict[str, Counter[str]] = {row.exercise: Counter() for row in rows}
    wrong: Counter[str] = Counter()
    for row in rows:
        if row.status == "not right":
            count[row.exercise].update(row.mistakes[:MOST_FREQUENT] or ["not right"])
        elif row.status in ("does not run", "not found", "not believed"):
            count[row.exercise][_fault(row)] += 1
        wrong[row.exercise] += row.status in ("not right", "does not run", "not found", "not believed")
    ids = sorted(count, key=wrong.__getitem__, reverse=True)
    return {id: count[id].most_common(MOST_FREQUENT) for id in ids}


def _fault(row: Row) -> str:
    """Return what is wrong with an answer that was not judged, as far as it may be the same with others."""
    if row.why == "raises" and (error := re.search(r"\b[A-Z]\w*\b(?=:|$| \()", row.text)):
        return f"does not run: {error[0]}"
    if row.why == "name is not there" and (name := re.search(r"name '(\w+)'|^(\w+) is not there", row.text)):
        return f"does not run: {name[1] or name[2]} is not there"
    if row.status == "not found" and (likely := re.search(r"In its cell is (\w+)", row.text)):
        return f"not found, but {likely[1]}"
    return row.said


def summary(rows: Sequence[Row]) -> str:
    """Return what a teacher wants to know of the class: for each exercise how many are right, and the frequent mistakes."""
    lines = []
    for id, mistakes in frequent(rows).items():
        here = [row for row in rows if row.exercise == id]
        count = Counter(row.status for row in here)
        told = [f"{count[status]} {status}" for status in STATUSES if count[status]]
        lines.append(f"{id} ({students(len(here))}): {', '.join(told)}")
        lines += [f"    {times} x {short(mistake, 110)}" for mistake, times in mistakes]
    return "\n".join(["What went wrong most often", "--------------------------", *lines])


def students(count: int) -> str:
    """Return how many students there are, in words."""
    return f"{count} student{'s' * (count != 1)}"
