"""Which notebook a file is, and what a student has handed in for each: one file, or several, the newest first."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from minidl.lab.course.marking.cells import Cell, Unreadable, read_notebook, read_python
from minidl.lab.course.marking.students import Student
from minidl.lab.course.marking.submissions import File

COPY = re.compile(r"\((\d+)\)\.\w+$")  # what a browser adds to the name of a second one


@dataclass(frozen=True)
class Source:
    """A file with answers.

    Attributes
    ----------
    file : str
    cells : list of Cell
    problem : str
        Why it cannot be read.
    late : bool
    """

    file: str
    cells: Sequence[Cell] = ()
    problem: str = ""
    late: bool = False


@dataclass(frozen=True)
class Work:
    """What a student handed in for one notebook: some files, the newest first."""

    student: Student
    notebook: str
    sources: Sequence[Source]


def sort(
    files: Sequence[File], names: Mapping[str, Mapping[str, str]], stems: Mapping[str, str]
) -> tuple[list[Work], list[str]]:
    """Return what each student handed in for each notebook, and a line about each file that belongs to none.

    Parameters
    ----------
    files : list of File
    names : mapping
        For each notebook's number, what the answer to each of its exercises is called, by the exercise's id.
    stems : mapping
        For each notebook's number, its name, ``02_linear``.
    """
    found: dict[tuple[Student, str], list[Source]] = defaultdict(list)
    unknown = []
    for file in sorted(files, key=_age, reverse=True):
        try:
            cells, numbers = _look_at(file, names, stems)
            source = Source(file.name, cells, late=file.late)
        except Unreadable as error:
            numbers = [number for number in [_by_name(file.name, stems)] if number]
            source = Source(file.name, (), str(error), file.late)
        for number in numbers:
            found[file.student, number].append(source)
        if not numbers:
            why = source.problem or "it is none of the notebooks with exercises"
            unknown.append(f"{file.student.name}: {file.name} is not used: {why}")
    works = [Work(student, number, sources) for (student, number), sources in found.items()]
    return sorted(works, key=lambda work: (work.student.name, work.student.id, work.notebook)), sorted(unknown)


def _age(file: File) -> tuple[float, int, str]:
    """Return what orders files from the oldest to the newest: of the same time, a browser's second copy is the newer."""
    copy = COPY.search(file.name)
    return file.time, int(copy[1][:6]) if copy else 0, file.name


def _look_at(
    file: File, names: Mapping[str, Mapping[str, str]], stems: Mapping[str, str]
) -> tuple[list[Cell], list[str]]:
    if file.problem:
        raise Unreadable(file.problem)
    if file.name.lower().endswith(".py"):
        cells = read_python(file.content)
        return cells, _numbers_of_python(file.name, cells, names, stems)
    cells, metadata = read_notebook(file.content)
    own = metadata.get("minidl")
    said = str(own.get("notebook", ""))[:2] if isinstance(own, dict) else ""
    scores = _scores(cells, names)
    checks = Counter(id[:2] for cell in cells for id in cell.checks if id in names.get(id[:2], {}))
    best = [checks.most_common(1)[0][0]] if checks else []
    for number in [said, *best, _by_name(file.name, stems)]:
        if number in names and (scores[number] or number in checks):
            return cells, [number]
    most = max(scores.values(), default=0)
    return cells, [number for number, score in scores.items() if score == most > 0][:1]


def _scores(cells: Sequence[Cell], names: Mapping[str, Mapping[str, str]]) -> dict[str, int]:
    """Return how many of each notebook's answers there are, by their names."""
    made = set().union(*(cell.makes for cell in cells if not cell.is_solution)) if cells else set()
    return {number: len(made & set(answers.values())) for number, answers in names.items()}


def _numbers_of_python(
    name: str, cells: Sequence[Cell], names: Mapping[str, Mapping[str, str]], stems: Mapping[str, str]
) -> list[str]:
    """Return the notebooks that a file of Python answers: those that it names, or else all whose answers it makes."""
    said = {id[:2] for cell in cells for id in cell.checks if id in names.get(id[:2], {})}
    if not said and (number := _by_name(name, stems)):
        said = {number}
    if said:
        return sorted(said)
    scores = {number: score for number, score in _scores(cells, names).items() if score}
    made = set().union(*(cell.makes for cell in cells)) if cells else set()
    return [
        number
        for number, score in scores.items()
        if not any(  # a name that two notebooks have belongs to the one of which there is more
            other != number
            and scores[other] > score
            and made & set(names[number].values()) <= set(names[other].values())
            for other in scores
        )
    ]


def _by_name(name: str, stems: Mapping[str, str]) -> str:
    """Return the notebook's number that a file's name tells, or nothing."""
    stem = PurePosixPath(name).stem.lower()
    for number, known in stems.items():
        if known.lower() in stem or re.search(rf"(?<![0-9]){number}(?![0-9])", stem.split("/")[-1]):
            return number
    return ""
