"""What was handed in: a folder or a zip, with a folder or a file for each student, as learning platforms give it.

A zip is read where it lies, and nothing of it is unpacked. Nothing is passed over in silence: what is not used is named.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from minidl.lab.course.marking.cells import LARGEST
from minidl.lab.course.marking.students import Place, Student, by_platform, place

KINDS = (".ipynb", ".py", ".zip")
MOST = 20_000  # files of all students
ALL = 2**31  # bytes of all files in a zip
SKIPPED = re.compile(r"(^|/)(\.|__MACOSX|__pycache__)")  # what editors and systems leave
BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, RuntimeError, ValueError, OSError, EOFError, OverflowError)


@dataclass(frozen=True)
class File:
    """A file that was handed in.

    Attributes
    ----------
    student : Student
    name : str
        Where it lies, from the student's folder on.
    content : bytes
    time : float
        The later, the larger.
    late : bool
        Whether the platform says so.
    problem : str
        Why it cannot be read.
    """

    student: Student
    name: str
    content: bytes
    time: float = 0.0
    late: bool = False
    problem: str = ""


@dataclass(frozen=True)
class HandedIn:
    """All that was handed in.

    Attributes
    ----------
    files : list of File
    students : list of Student
        Those too of whom there is nothing that can be read.
    notes : list of str
        What is not used, and what else there is to say.
    """

    files: list[File]
    students: list[Student]
    notes: list[str]


@dataclass(frozen=True)
class Entry:
    """Something in a folder or a zip: a folder's name ends in "/"; what is not used says why."""

    name: str
    content: bytes = b""
    time: float = 0.0
    problem: str = ""
    unused: str = ""


def read(path: str | Path, stems: Sequence[str] = ()) -> HandedIn:
    """Return what was handed in.

    Parameters
    ----------
    path : str or Path
        A folder or a zip of folders or files of students, or one file. Where all lies in one folder, and the students'
        folders or files in that, it is as if that had been given.
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
        entries = list(_of_folder(path))
    elif path.suffix.lower() == ".zip" and path.is_file():
        try:
            entries = list(_of_zip(path.read_bytes()))
        except BROKEN as error:
            raise ValueError(f"{path} cannot be read: {error}") from error
    elif path.is_file() and path.suffix.lower() in KINDS:
        entries = [Entry(path.name, path.read_bytes(), path.stat().st_mtime)]
    elif path.exists():
        raise ValueError(f"expected a folder, a zip, or a file .ipynb or .py, got {path}")
    else:
        raise FileNotFoundError(f"no such file or folder: {path}")
    return _handed_in(_inside(entries), stems)


def _handed_in(entries: Sequence[Entry], stems: Sequence[str]) -> HandedIn:
    files, notes = [], []
    students: dict[Student, bool] = {}  # whether there is something
    for entry in entries:
        whose = _whose(entry, stems)
        if whose is not None:
            students.setdefault(whose.student, False)
        if entry.unused:
            notes.append(f"{entry.name} is not used: {entry.unused}")
        elif whose is not None and not entry.name.endswith("/"):
            students[whose.student] = True
            files.append(File(whose.student, whose.file, entry.content, entry.time, whose.late, entry.problem))
    notes += [f"{one.name}: nothing that can be marked was handed in" for one, has in students.items() if not has]
    if len(students) == 1 and len(files) > 1:
        notes.append(f"all {len(files)} files are taken for those of one student, {files[0].student.name}")
    return HandedIn(files, list(students), notes)


def _whose(entry: Entry, stems: Sequence[str]) -> Place | None:
    """Return whose an entry is; nobody's is a file beside the students' that is not used and bears no student's name."""
    alone = "/" not in entry.name
    return None if alone and entry.unused and not by_platform(entry.name) else place(entry.name, stems)


def _inside(entries: list[Entry]) -> list[Entry]:
    """Return what lies in the one folder on top, or in one in that, if these look like students'; or else all as it is."""
    tops = {entry.name.partition("/")[0] for entry in entries}
    top = min(tops, default="")
    if len(tops) != 1 or by_platform(top) or not all("/" in entry.name for entry in entries):
        return entries
    inner = [replace(entry, name=name) for entry in entries if (name := entry.name.partition("/")[2])]
    folders = {entry.name.partition("/")[0] for entry in inner if "/" in entry.name}
    beside = {entry.name for entry in inner if "/" not in entry.name and not entry.unused}
    if any(map(by_platform, folders | beside)) or (len(folders) > 1 and not beside):
        return inner
    deeper = _inside(inner)
    return entries if deeper is inner else deeper


def _of_folder(folder: Path) -> Iterator[Entry]:
    paths = (path for path in sorted(folder.rglob("*")) if not SKIPPED.search(path.relative_to(folder).as_posix()))
    for count, path in enumerate(paths):
        name, suffix = path.relative_to(folder).as_posix(), path.suffix.lower()
        if path.is_symlink():
            yield Entry(name, unused="it is a link")
        elif path.is_dir():
            yield Entry(f"{name}/")
        elif why := _not_used(suffix, path.stat().st_size, count):
            yield Entry(name, unused=why)
        elif suffix == ".zip":
            yield from _of_inner_zip(path.read_bytes(), Entry(name, time=path.stat().st_mtime))
        else:
            yield Entry(name, path.read_bytes(), path.stat().st_mtime)


def _not_used(suffix: str, size: int, count: int, room: int = ALL) -> str:
    """Return why a file is not read, from its kind and size, and how many were read before."""
    if suffix not in KINDS:
        return "it is no notebook, no Python file and no zip"
    if count >= MOST:
        return f"there are more than {MOST} files"
    return "it is too large" if size > min(LARGEST if suffix != ".zip" else ALL, room) else ""


def _of_inner_zip(content: bytes, outer: Entry, depth: int = 1) -> Iterator[Entry]:
    """Yield what is in a zip that was handed in: as if it lay in the student's folder, or in one of the zip's own name."""
    pure = PurePosixPath(outer.name)
    home = pure.parent if len(pure.parts) > 1 else PurePosixPath(pure.stem)
    try:
        inner = list(_of_zip(content, depth))
    except BROKEN as error:
        inner = [replace(outer, name=pure.name, problem=f"it is no zip that can be opened: {error}")]
    yield from (replace(entry, name=f"{home}/{entry.name}") for entry in inner)


def _of_zip(content: bytes, depth: int = 0) -> Iterator[Entry]:
    room = ALL
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for count, info in enumerate(archive.infolist()):
            suffix = PurePosixPath(info.filename).suffix.lower()
            name = info.filename.replace("\\", "/").lstrip("/")
            if not name or SKIPPED.search(name):
                continue
            if info.is_dir():
                yield Entry(name)
                continue
            why = _not_used(suffix, info.file_size, count, room)
            if why or (suffix == ".zip" and depth):
                yield Entry(name, unused=why or "it is a zip inside of a student's zip")
                continue
            room -= info.file_size
            time = float(sum(part * 100**-at for at, part in enumerate(info.date_time)))
            try:
                data, problem = archive.read(info), ""
            except BROKEN as error:  # broken, or encrypted
                data, problem = b"", f"it cannot be taken out of its zip: {error}"
            if suffix == ".zip" and not problem:
                yield from _of_inner_zip(data, Entry(name, time=time))
            else:
                yield Entry(name, data, time, problem)
