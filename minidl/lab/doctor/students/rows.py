"""What comes out of an examination: a row for each class.

A row is made in the process that runs the students' code, and crosses to ours as JSON of a fixed form. `packed` writes it
there. `unpacked` reads it here and believes nothing: each field has to be of its type, no longer than it may be, and one of
the words that there are for it. So a student's code can at worst say something about itself.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Container, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from minidl.lab.doctor.diagnosis import Diagnosis, Finding
from minidl.lab.doctor.mistakes import FACTORS, MISBEHAVIOURS, WRONG_STEPS, WRONG_VALUES

EXAMINED = ("well", "wrong")
SAID = (*EXAMINED, "not examined", "does not load", "nothing to examine")  # what a student's process may say
VERDICTS = (*SAID, "time limit", "crashed", "no report")  # and what is seen from outside
OF_EXAMINATION = ("no backward", "hangs", "not finite", "used up", "no parameters", "raises", "unnamed")
MISTAKES = frozenset(
    [rule.name for rules in (FACTORS, WRONG_VALUES, MISBEHAVIOURS, WRONG_STEPS) for rule in rules]
    + list(OF_EXAMINATION)
)
LONGEST = 4000  # characters of one text
MOST = 50  # findings, lines of a finding, notes
LARGEST = 1000  # entries of a value that is drawn
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass
class Shown:
    """A finding, as far as it is shown: its name, its lines of text, and the values to draw, where there are two."""

    mistake: str
    lines: list[str]
    expected: Tensor | None = None
    got: Tensor | None = None


@dataclass
class Row:
    """What came out for one class, or for a file that has none to examine.

    ``mistakes`` are the names of the findings, each once; ``details`` is the whole text.
    """

    file: str
    name: str
    verdict: str  # one of VERDICTS
    details: str = ""
    findings: list[Shown] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        # Names of files and texts of students may hold anything: line breaks, orders to the terminal, halves of signs
        self.file, self.name = (
            _clean(text).replace("\n", "\ufffd").replace("\t", " ") for text in (self.file, self.name)
        )
        self.details = _clean(self.details)

    @property
    def mistakes(self) -> list[str]:
        return list(dict.fromkeys(finding.mistake for finding in self.findings))

    @property
    def well(self) -> bool:
        return self.verdict in ("well", "nothing to examine")


def _clean(text: str) -> str:
    return UNPRINTABLE.sub("\ufffd", text)


# ---------------------------------------------------------------------------------------------------------------------
# In the student's process


def packed(number: int, name: str, verdict: str, details: str = "", notes: Collection[str] = ()) -> str:
    """Return a row as a line of JSON; ``number`` is the file's."""
    return _packed(number, name, verdict, details, [], notes)


def packed_diagnosis(number: int, name: str, diagnosis: Diagnosis, notes: Collection[str] = ()) -> str:
    """Return a row with what the doctor found as a line of JSON."""
    verdict = "well" if diagnosis else "wrong"
    return _packed(number, name, verdict, diagnosis.verdict, diagnosis.findings, [*diagnosis.notes, *notes])


def _packed(
    number: int, name: str, verdict: str, details: str, findings: Collection[Finding], notes: Collection[str]
) -> str:
    told = [
        {
            "mistake": finding.mistake,
            "lines": [line[:LONGEST] for line in finding.lines()[:MOST]],
            "expected": _numbers(finding.expected),
            "got": _numbers(finding.got),
        }
        for finding in list(findings)[:MOST]
    ]
    notes = [note[:LONGEST] for note in list(notes)[:MOST]]
    row = {"file": number, "name": name, "verdict": verdict, "details": details[:LONGEST]}
    return json.dumps(row | {"findings": told, "notes": notes})


def _numbers(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, Tensor) or not 0 < value.numel() <= LARGEST or value.ndim > 8:
        return None
    flat = value.detach().double().reshape(-1).tolist()
    return {"shape": list(value.shape), "values": [x if math.isfinite(x) else str(x) for x in flat]}


# ---------------------------------------------------------------------------------------------------------------------
# In ours


class Forged(Exception):  # noqa: N818
    """What came is not what the doctor sends."""


def unpacked(message: Any, names: Mapping[int, tuple[str, Container[str]]]) -> tuple[int, Row]:
    """Return the file's number and the row that a message tells.

    Parameters
    ----------
    message : object
        What JSON gave.
    names : dict
        For each file's number, what the file is called, and what was asked for in it.

    Raises
    ------
    Forged
        If anything is not as it has to be.
    """
    message = _fields(message, "file", "name", "verdict", "details", "findings", "notes")
    number, name, verdict = message["file"], _text(message["name"]), message["verdict"]
    if type(number) is not int or number not in names:
        raise Forged("a row about a file that was not asked for")
    file, asked = names[number]
    if name not in asked and name != "":
        raise Forged("a row about a class that was not asked for")
    if verdict not in SAID:
        raise Forged("a verdict that there is not")
    findings = [_finding(found) for found in _list(message["findings"])]
    if (verdict == "wrong") != bool(findings) or (name == "" and verdict in EXAMINED):
        raise Forged("a verdict that does not go with its findings")
    notes = [_text(note) for note in _list(message["notes"])]
    return number, Row(file, name, verdict, _told(_text(message["details"]), findings, notes), findings, notes)


def _told(said: str, findings: list[Shown], notes: list[str]) -> str:
    """Return the whole text of a row, as a diagnosis would tell it."""
    lines = [said] if said else []
    for place, finding in enumerate(findings, 1):
        first, *rest = finding.lines
        lines += [f"{place}. {first}", *(f"   {line}" for line in rest)]
    return "\n".join([*lines, *(f"Note: {note}" for note in notes)])


def _finding(message: Any) -> Shown:
    message = _fields(message, "mistake", "lines", "expected", "got")
    if not isinstance(message["mistake"], str) or message["mistake"] not in MISTAKES:
        raise Forged("a mistake that the doctor does not know")
    lines = [_text(line) for line in _list(message["lines"])]
    if not lines:
        raise Forged("a finding without a text")
    return Shown(message["mistake"], lines, _tensor(message["expected"]), _tensor(message["got"]))


def _fields(message: Any, *names: str) -> dict[str, Any]:
    if not isinstance(message, dict) or set(message) != set(names):
        raise Forged("other fields than there are")
    return message


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) > MOST:
        raise Forged("no list, or one that is too long")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST:
        raise Forged("no text, or one that is too long")
    return _clean(value)


def _tensor(value: Any) -> Tensor | None:
    if value is None:
        return None
    value = _fields(value, "shape", "values")
    shape, values = value["shape"], value["values"]
    if not (isinstance(shape, list) and len(shape) <= 8 and all(type(n) is int and 0 < n <= LARGEST for n in shape)):
        raise Forged("no shape")
    if not (isinstance(values, list) and len(values) == math.prod(shape) <= LARGEST):
        raise Forged("a shape that does not go with its values")
    numbers = [float(x) if x in ("nan", "inf", "-inf") else x for x in values]
    if not all((type(x) in (int, float) and abs(x) < 1e300) or x != x or x in (math.inf, -math.inf) for x in numbers):
        raise Forged("values that are no numbers")
    return torch.tensor(numbers, dtype=torch.float64).reshape(shape)
