"""The class list: who should have handed in something, and who is who."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from minidl.lab.course.marking.spreadsheets import read_csv
from minidl.lab.course.marking.students import Student, shown
from minidl.lab.course.marking.submissions import HandedIn

NAMES = ("name", "student", "full name", "student name", "vollständiger name", "nom complet")
FIRST = ("first name", "given name", "vorname", "prénom", "nombre")
LAST = ("last name", "surname", "family name", "nachname", "nom", "apellido(s)")
IDS = ("id", "identifier", "id number", "student id", "number", "nummer")
EMAILS = ("email", "e-mail", "email address", "e-mail address", "e-mail-adresse", "mail", "adresse de courriel")


def read_class(path: str | Path) -> list[Student]:
    """Return the students of a list: a CSV with a column "name", or "first name" and "last name"; "id" and "email" if known.

    Raises
    ------
    OSError
        Where there is no such file.
    ValueError
        Where it has no column with names, or nobody in it.
    """
    found = []
    for line in read_csv(path):
        name = _of(line, NAMES) or " ".join(filter(None, [_of(line, FIRST), _of(line, LAST)]))
        if name:
            found.append(Student(unicodedata.normalize("NFC", name), _of(line, IDS), _of(line, EMAILS)))
    if not found:
        raise ValueError(f"{path}: expected a list with a column name, and perhaps id and email")
    return list(dict.fromkeys(found))


def _of(line: Mapping[str, str], heads: Sequence[str]) -> str:
    return next((line[head] for head in heads if line.get(head)), "")


def with_class(handed_in: HandedIn, listed: Sequence[Student]) -> HandedIn:
    """Return what was handed in, by students as the list has them, and those too who have handed in nothing.

    A student is known by the name; where several have it, or nobody, by the number.
    """
    notes = list(handed_in.notes)
    who: dict[Student, Student] = {}  # of those who handed in, who it is in the list
    labels = shown(handed_in.students)
    for one in handed_in.students:
        alike = [other for other in handed_in.students if _forms(other) & _forms(one)]
        known = [other for other in listed if _forms(other) & _forms(one)]
        if len(alike) > 1 or len(known) > 1:
            known = [other for other in known if _same_id(one, other)]
        elif not known and (known := [other for other in listed if _same_id(one, other)]):
            notes.append(f"{labels[one]} is taken for {known[0].name} of the class list, who has the same id")
        if len(known) == 1 and known[0] not in who.values():
            who[one] = known[0]
        else:
            notes.append(f"{labels[one]} is not in the class list, or cannot be told from another one there")
    missing = [one for one in listed if one not in who.values()]
    named = {one: replace(who[one], id=who[one].id or one.id) if one in who else one for one in handed_in.students}
    files = [replace(file, student=named[file.student]) for file in handed_in.files]
    return HandedIn(files, [*named.values(), *missing], notes)


def _forms(one: Student) -> set[str]:
    """Return a name's letters in the orders in which platforms write them: the first name first, or the last one."""
    name = unicodedata.normalize("NFKC", one.name).casefold()
    if name.count(",") == 1:
        name = " ".join(reversed(name.split(",")))
    words = re.findall(r"\w+", name)
    return {"".join(words), "".join([*words[-1:], *words[:-1]]), "".join([*words[1:], *words[:1]])} - {""}


def _same_id(one: Student, other: Student) -> bool:
    """Whether two have one number; platforms' lists say "Participant 123" of what is 123 in a folder's name."""
    mine, its = (re.sub(r"^\D+(?=\d+$)", "", each.id) for each in (one, other))
    return mine == its != ""
