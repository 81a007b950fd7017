"""The command ``minidl mark``: what it looks at before it begins, and what it writes."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from minidl.lab.course.marking.class_list import read_class, with_class
from minidl.lab.course.marking.marking import Course, mark
from minidl.lab.course.marking.overrides import Overrides, read_overrides
from minidl.lab.course.marking.page import feedback, page
from minidl.lab.course.marking.rows import Row
from minidl.lab.course.marking.spreadsheets import csv_text, totals_text
from minidl.lab.course.marking.students import Student, shown
from minidl.lab.course.marking.submissions import read
from minidl.lab.course.marking.tables import summary, table
from minidl.lab.doctor.students import NoWall, Settings
from minidl.lab.folder import why_not_writable


def run(arguments: argparse.Namespace, complain: Callable[[object], int]) -> int:
    """Mark, print and write; return the exit status. ``complain`` says a line and returns the status of an error."""
    submissions = Path(arguments.submissions)
    record = Path(arguments.record or f"{submissions.resolve().with_suffix('')}.marks.jsonl")
    try:
        course = Course()
        if unknown := [number for number in arguments.notebooks if number not in course.paths]:
            raise ValueError(f"no exercises in notebook {', '.join(unknown)}: there are {', '.join(course.paths)}")
        handed_in = read(submissions, list(course.stems.values()))
        if arguments.class_list:
            handed_in = with_class(handed_in, read_class(arguments.class_list))
        elif not handed_in.files:
            raise ValueError(f"no notebook and no file of Python in {submissions}")
        names = shown(handed_in.students)
        overrides = Overrides()
        if arguments.overrides:
            overrides = read_overrides(arguments.overrides, course.exercises, names)
        _check_outputs(arguments, submissions, record)
    except (OSError, ValueError) as error:
        return complain(error)
    settings = Settings(seconds=arguments.time, megabytes=arguments.memory, at_once=arguments.jobs, wall=arguments.wall)
    try:
        how = {"notebooks": arguments.notebooks, "record": record, "fresh": arguments.fresh, "warn": complain}
        rows = overrides.applied(mark(handed_in, course, settings, **how))
        _write(arguments, rows, course, {name: student for student, name in names.items()})
    except NoWall as error:
        return complain(f"no wall: {error}")
    except OSError as error:
        return complain(error)
    print(f"{table(rows)}\n\n{summary(rows)}" if rows else "Nothing was handed in that can be marked.")
    return 0


def _check_outputs(arguments: argparse.Namespace, submissions: Path, record: Path) -> None:
    """Refuse what must not, or cannot, be written."""
    outputs = [Path(path) for path in (arguments.csv, arguments.totals, arguments.html, record) if path]
    inputs = [Path(path).resolve() for path in (submissions, arguments.class_list, arguments.overrides) if path]
    for path in outputs:
        if path.is_symlink() or path.suffix.lower() in (".py", ".ipynb", ".zip") or path.resolve() in inputs:
            raise ValueError(f"{path} is not overwritten: it may be somebody's work")
        if why := why_not_writable(path.parent):
            raise ValueError(f"{path} cannot be written: {why}")
    if len({path.resolve() for path in outputs}) < len(outputs):
        raise ValueError("--csv, --totals, --html and --record expected different files")
    if arguments.feedback:
        folder = Path(arguments.feedback)
        if folder.resolve().is_relative_to(submissions.resolve()):
            raise ValueError(f"--feedback expected a folder that is not in {submissions}, got {folder}")
        if why := why_not_writable(folder):
            raise ValueError(f"--feedback expected a folder to write to, got {why}")


def _write(arguments: argparse.Namespace, rows: Sequence[Row], course: Course, students: dict[str, Student]) -> None:
    """Write what was asked for."""
    asks = {id: each.asks for id, each in course.exercises.items()}
    texts = {}
    if arguments.csv:
        texts[Path(arguments.csv)] = csv_text(rows, course.stems)
    if arguments.totals:
        texts[Path(arguments.totals)] = totals_text(rows, students, course.stems)
    if arguments.html:
        texts[Path(arguments.html)] = page(rows, asks)
    if arguments.feedback:
        texts |= {Path(arguments.feedback, name): text for name, text in feedback(rows, asks).items()}
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8", newline="")
