"""Whose a file is: learning platforms write students' names and numbers into the names of folders and files."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

PLATFORMS = (
    re.compile(
        r"^(?P<student>.+)_(?P<id>\d+)_(?:assignsubmission_[a-z]+|onlinetext)(?P<late>)_?(?P<name>.*)$"
    ),  # Moodle
    re.compile(r"^(?P<student>[^_]+?)(?P<late>_LATE)?_(?P<id>\d+)_\d+_(?P<name>.+)$"),  # Canvas
)


@dataclass(frozen=True)
class Student:
    """A student; two are the same if all of this is.

    Attributes
    ----------
    name : str
    id : str
        The platform's number, or what the class list has.
    email : str
        From the class list.
    """

    name: str
    id: str = ""
    email: str = ""


@dataclass(frozen=True)
class Place:
    """What the place of a file tells: whose it is, what it is called there, and whether the platform says that it is late."""

    student: Student
    file: str
    late: bool = False


def by_platform(name: str) -> re.Match[str] | None:
    """Return the parts of a file's or a folder's name, if a platform has given it."""
    return next(filter(None, (pattern.match(name) for pattern in PLATFORMS)), None)


def place(path: str, stems: Sequence[str]) -> Place:
    """Return what a path tells; ``stems`` are the names of the course's notebooks, which are no names of students."""
    first, *rest = PurePosixPath(unicodedata.normalize("NFC", path)).parts
    if given := by_platform(first):
        file = "/".join(filter(None, [given["name"], *rest]))
        return Place(Student(given["student"], given["id"]), file or first, bool(given["late"]))
    if rest:
        return Place(Student(first), "/".join(rest))
    stem = PurePosixPath(first).stem
    for known in sorted(stems, key=len, reverse=True):
        if known in stem and (name := stem.replace(known, "").strip(" _-.()")):
            return Place(Student(name), first)
    return Place(Student(re.sub(r"^\d\d[ _-]+|[ _-]+\d\d$", "", stem) or stem), first)


def shown(students: Iterable[Student]) -> dict[Student, str]:
    """Return what each student is called in tables: the name, and the number too where two have one name."""
    students = sorted(set(students), key=lambda one: (one.name.casefold(), one.id, one.email))
    count = Counter(one.name.casefold() for one in students)
    names: dict[Student, str] = {}
    for one in students:
        name = one.name
        if count[one.name.casefold()] > 1 and (more := one.id or one.email):
            name = f"{name} ({more})"
        number = 2
        while name in names.values():
            name, number = f"{one.name} ({number})", number + 1
        names[one] = name
    return names
