"""Files for a spreadsheet: what is written for one, and what comes from one: class lists, points that a teacher gives."""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from minidl.lab.course.marking.rows import Row, number
from minidl.lab.course.marking.students import Student
from minidl.lab.course.marking.tables import by_student
from minidl.lab.doctor.students.tables import harmless

CSV_NAMES = (
    *("student", "id", "notebook", "exercise", "status", "why", "points", "of", "late"),
    *("remark", "mistakes", "text", "file"),
)


def read_csv(path: str | Path) -> list[dict[str, str]]:
    """Return the lines of a CSV as dictionaries, by the headings in small letters; commas, semicolons or tabs are between.

    Raises
    ------
    OSError
        Where there is no such file.
    ValueError
        Where it has no heading.
    """
    content = Path(path).read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")  # as Excel writes it
    heading = text.partition("\n")[0]
    between = max(",;\t", key=heading.count)
    lines = [line for line in csv.reader(io.StringIO(text, newline=""), delimiter=between) if any(map(str.strip, line))]
    if not lines:
        raise ValueError(f"{path} is empty")
    heads = [" ".join(head.casefold().split()) for head in lines[0]]
    return [dict(zip(heads, map(_as_it_was, line), strict=False)) for line in lines[1:]]


def _as_it_was(cell: str) -> str:
    """Return a cell without what `harmless` has put before it."""
    return re.sub(r"^'(?=[=+@-])", "", cell).strip()


def _written(lines: Iterable[Sequence[object]]) -> str:
    """Return lines as CSV, with a mark at the beginning by which a spreadsheet knows UTF-8; no cell is a formula."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    for line in lines:
        writer.writerow([harmless(cell) if isinstance(cell, str) else cell for cell in line])
    return f"\ufeff{text.getvalue()}"


def csv_text(rows: Sequence[Row], stems: Mapping[str, str]) -> str:
    """Return all rows as CSV; notebooks with their names, which no spreadsheet takes for numbers."""
    lines = [
        (
            *(row.student, row.id, stems.get(row.notebook, row.notebook), row.exercise, row.status, row.why),
            *(number(row.points), number(row.of), "late" if row.late else ""),
            *(row.remark, "; ".join(row.mistakes), row.text, row.file),
        )
        for row in rows
    ]
    return _written([CSV_NAMES, *lines])


def totals_text(rows: Sequence[Row], students: Mapping[str, Student], stems: Mapping[str, str]) -> str:
    """Return a line for each student as CSV: number and e-mail, the points of each notebook, and their sum.

    ``students`` are known by the names that the rows have.
    """
    notebooks = sorted({row.notebook for row in rows})
    lines: list[Sequence[object]] = [
        ("id", "student", "email", *(stems[one] for one in notebooks), "total", "of", "late")
    ]
    for name, theirs in by_student(rows).items():
        one = students[name]
        points: dict[str, float] = defaultdict(float)
        for row in theirs:
            points[row.notebook] += row.points
        late = sorted({stems[row.notebook] for row in theirs if row.late})
        total = number(sum(points.values())), number(sum(row.of for row in theirs))
        lines.append((one.id, name, one.email, *(number(points[n]) for n in notebooks), *total, " ".join(late)))
    return _written(lines)
