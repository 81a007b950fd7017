"""What is shown of all rows: a table of students and exercises, which mistakes are frequent, and a file for a spreadsheet."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence

from minidl.lab.course.marking.rows import STATUSES, Row
from minidl.lab.doctor.students.tables import harmless

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
            marks = {row.exercise: SIGNS[row.status] for row in theirs}
            lines.append([short(student), *(marks.get(id, "") for id in ids), points(theirs)])
        blocks.append(aligned([head, *lines]))
    everyone = by_student(rows)
    if len(blocks) > 1:
        blocks.append(aligned([["all", "points"], *([short(name), points(of)] for name, of in everyone.items())]))
    used = [f"{sign}: {status}" for status, sign in SIGNS.items() if any(row.status == status for row in rows)]
    return "\n\n".join([*blocks, "; ".join(used)])


def by_student(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Return each student's rows, the students in the order of their names."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.student.casefold()):
        found[row.student].append(row)
    return found


def points(rows: Sequence[Row]) -> str:
    """Return the points of some rows, of how many."""
    return f"{sum(row.points for row in rows)}/{sum(row.of for row in rows)}"


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
    """Return for each exercise what went wrong most often, and how often."""
    count: dict[str, Counter[str]] = {row.exercise: Counter() for row in rows}
    for row in rows:
        if row.status == "not right":
            count[row.exercise].update(row.mistakes[:MOST_FREQUENT] or ["not right"])
        elif row.status in ("does not run", "not found", "not believed"):
            count[row.exercise][row.said] += 1
    return {id: mistakes.most_common(MOST_FREQUENT) for id, mistakes in count.items()}


def summary(rows: Sequence[Row]) -> str:
    """Return what a teacher wants to know of the class: for each exercise how many are right, and the frequent mistakes."""
    lines = []
    for id, mistakes in frequent(rows).items():
        here = [row for row in rows if row.exercise == id]
        count = Counter(row.status for row in here)
        told = [f"{count[status]} {status}" for status in STATUSES if count[status]]
        lines.append(f"{id} ({len(here)} students): {', '.join(told)}")
        lines += [f"    {number} x {short(mistake, 110)}" for mistake, number in mistakes]
    return "\n".join(["What went wrong most often", "--------------------------", *lines])


# ---------------------------------------------------------------------------------------------------------------------
# CSV

CSV_NAMES = ("student", "notebook", "exercise", "status", "why", "points", "of", "mistakes", "text", "file")


def csv_text(rows: Sequence[Row]) -> str:
    """Return all rows as CSV; with a mark at its beginning by which a spreadsheet knows UTF-8."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(CSV_NAMES)
    for row in rows:
        told = (row.student, row.notebook, row.exercise, row.status, row.why)
        more = ("; ".join(row.mistakes), row.text, row.file)
        writer.writerow([*map(harmless, told), row.points, row.of, *map(harmless, more)])
    return f"\ufeff{text.getvalue()}"
