"""What was handed in: a folder or a zip, with a folder or a file for each student, as learning platforms give it.

A zip is read where it lies, and nothing of it is unpacked.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from minidl.lab.course.marking.cells import LARGEST, Cell, Unreadable, read_notebook, read_python

KINDS = (".ipynb", ".py", ".zip")
MOST = 20_000  # files of all students
ALL = 2**31  # bytes of all files in a zip
MOODLE = re.compile(r"_\d+_(assignsubmission|onlinetext)_\w*$")
CANVAS = re.compile(r"^(?P<student>[^_]+?)(_LATE)?_\d+_\d+_(?P<name>.+)$")
SKIPPED = re.compile(r"(^|/)(\.|__MACOSX|__pycache__|\.ipynb_checkpoints)")


@dataclass(frozen=True)
class File:
    """A file that was handed in.

    Attributes
    ----------
    student : str
    name : str
        Where it lies, from the student's folder on.
    content : bytes
    time : float
        The later, the larger.
    """

    student: str
    name: str
    content: bytes
    time: float = 0.0


@dataclass(frozen=True)
class Work:
    """What a student handed in for one notebook.

    Attributes
    ----------
    student, notebook : str
        The name, and the notebook's number.
    file : str
    cells : list of Cell
    problem : str
        Why the file cannot be read.
    notes : list of str
        What else there is to say about it.
    """

    student: str
    notebook: str
    file: str
    cells: Sequence[Cell] = ()
    problem: str = ""
    notes: list[str] = field(default_factory=list)


def read(path: str | Path, stems: Sequence[str] = ()) -> list[File]:
    """Return the files that were handed in.

    Parameters
    ----------
    path : str or Path
        A folder or a zip of folders or files of students, or one file.
    stems : list of str
        The names of the course's notebooks, which are no names of students.

    Raises
    ------
    FileNotFoundError
        Where there is no such file or folder.
    ValueError
        For a file of another kind, or a zip that cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        found = list(_of_folder(path))
    elif path.suffix.lower() == ".zip" and path.is_file():
        found = list(_of_zip(path.read_bytes(), path.name))
    elif path.is_file() and path.suffix.lower() in KINDS:
        found = [(path.name, path.read_bytes(), path.stat().st_mtime)]
    elif path.exists():
        raise ValueError(f"expected a folder, a zip, or a file .ipynb or .py, got {path}")
    else:
        raise FileNotFoundError(f"no such file or folder: {path}")
    return [File(*_student(name, stems), content, time) for name, content, time in found]


def _of_folder(folder: Path) -> Iterator[tuple[str, bytes, float]]:
    paths = (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in KINDS)
    for count, path in enumerate(paths):
        name = path.relative_to(folder).as_posix()
        if count >= MOST or SKIPPED.search(name) or path.is_symlink() or not path.is_file():
            continue
        if path.suffix.lower() == ".zip":
            yield from (
                (f"{_home(name)}{inner}", content, time) for inner, content, time in _of_zip(path.read_bytes(), name)
            )
        elif path.stat().st_size <= LARGEST:
            yield name, path.read_bytes(), path.stat().st_mtime


def _home(name: str) -> str:
    """Return the folder that a zip's files are taken to lie in: the student's, or one of the zip's own name."""
    pure = PurePosixPath(name)
    return f"{pure.parent}/" if len(pure.parts) > 1 else f"{pure.stem}/"


def _of_zip(content: bytes, name: str, depth: int = 0) -> Iterator[tuple[str, bytes, float]]:
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except zipfile.BadZipFile as error:
        raise ValueError(f"{name} cannot be read: {error}") from error
    room = ALL
    with archive:
        for info in archive.infolist()[:MOST]:
            suffix = PurePosixPath(info.filename).suffix.lower()
            inner = info.filename.replace("\\", "/").lstrip("/")
            if info.is_dir() or SKIPPED.search(inner) or suffix not in KINDS or info.file_size > min(LARGEST, room):
                continue
            room -= info.file_size
            try:
                data = archive.read(info)
            except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, EOFError):
                data = b""  # encrypted, or broken: it will not be readable as a notebook
            if suffix == ".zip" and depth == 0:
                yield from ((f"{_home(inner)}{n}", c, t) for n, c, t in _of_zip(data, inner, 1))
            elif suffix != ".zip":
                yield inner, data, float(sum(part * 100**-place for place, part in enumerate(info.date_time)))


def _student(name: str, stems: Sequence[str]) -> tuple[str, str]:
    """Return the student's name and the file's, from where it lies."""
    parts = PurePosixPath(name).parts
    if len(parts) > 1:
        return MOODLE.sub("", parts[0]) or parts[0], "/".join(parts[1:])
    if canvas := CANVAS.match(name):
        return canvas["student"], canvas["name"]
    stem = PurePosixPath(name).stem
    for known in sorted(stems, key=len, reverse=True):
        if known in stem and (rest := stem.replace(known, "").strip(" _-.()")):
            return rest, name
    return re.sub(r"^\d\d[ _-]+|[ _-]+\d\d$", "", stem) or stem, name


# ---------------------------------------------------------------------------------------------------------------------
# Which notebook a file is


def sort(files: Sequence[File], names: Mapping[str, Mapping[str, str]], stems: Mapping[str, str]) -> list[Work]:
    """Return what each student handed in for each notebook.

    Parameters
    ----------
    files : list of File
    names : mapping
        For each notebook's number, what the answer to each of its exercises is called, by the exercise's id.
    stems : mapping
        For each notebook's number, its name, ``02_linear``.
    """
    works: dict[tuple[str, str], Work] = {}
    unknown = []
    for file in sorted(files, key=lambda file: (file.student, file.time, file.name)):
        try:
            cells, numbers = _look_at(file, names, stems)
        except Unreadable as error:
            numbers, cells = [number for number in [_by_name(file.name, stems)] if number], []
            for number in numbers or [""]:
                works.setdefault((file.student, number), Work(file.student, number, file.name, (), str(error)))
            continue
        if not numbers:
            unknown.append(Work(file.student, "", file.name, cells, "it is none of the course's notebooks"))
        for number in numbers:
            before = works.get((file.student, number))
            notes = [f"{before.file} was handed in, too; the later one is marked"] if before is not None else []
            works[file.student, number] = Work(file.student, number, file.name, cells, notes=notes)
    return [*(works[key] for key in sorted(works)), *unknown]


def _look_at(
    file: File, names: Mapping[str, Mapping[str, str]], stems: Mapping[str, str]
) -> tuple[list[Cell], list[str]]:
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
