"""How the doctor tells it: as text, in Jupyter, and as a dictionary."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from minidl.lab.doctor.card import card, link, shown
from minidl.lab.doctor.heat_map import side_by_side
from minidl.lab.doctor.mistakes.rules import Rule
from minidl.lab.doctor.wording import number


@dataclass
class Finding:
    """One mistake.

    Attributes
    ----------
    mistake : str
        Its name, for example "factor 1/n"; "unnamed" for what the doctor knows no name for.
    where : str
        "input" for what backward returns, "output" for what forward returns, or the name of a parameter.
    text : str
        What is wrong, in words.
    evidence : dict
        What was measured.
    expected, got : Tensor or None
        The values, where there are two to compare.
    read : tuple of two str
        Notebook and section that explain it.
    also : list of str
        Where else the same is wrong.
    rule : Rule or None
        What recognised it; None where the examination itself came upon it, or where it has no name.
    tries : str
        What to try, where that is not clear from what is wrong.
    """

    mistake: str
    where: str
    text: str
    evidence: dict[str, Any] = field(default_factory=dict)
    expected: Tensor | None = None
    got: Tensor | None = None
    read: tuple[str, str] = ("", "")
    also: list[str] = field(default_factory=list)
    rule: Rule | None = field(default=None, repr=False)
    tries: str = ""

    def lines(self) -> list[str]:
        """Return the finding as lines of text, without its number."""
        seen, lines = self.evidence, [f"{self.mistake}: {self.text}"]
        if seen.get("expected shape", 0) != seen.get("got shape", 0) and "got shape" in seen:
            lines.append(f"shape: expected {seen['expected shape']}, got {seen['got shape']}")
        if "entry" in seen:
            at = place(seen["entry"])
            lines.append(f"{at and f'{at}: '}expected {number(seen['expected'])}, got {number(seen['got'])}")
        if "factor" in seen:
            lines.append("factor: " + "; ".join(f"{number(f)} for {batch}" for batch, f in seen["factor"].items()))
        if self.also:
            lines.append(f"the same in: {', '.join(self.also)}")
        if self.tries:
            lines.append(f"try: {self.tries}")
        if self.read[0]:
            lines.append(f"read: {', '.join(filter(None, self.read))}")
        return lines


def place(entry: Sequence[int]) -> str:
    """Return where an entry stands, counted from 1 as in formulas: "row 1, column 2"."""
    words = ("row", "column") if len(entry) == 2 else [f"dimension {k}, place" for k in range(1, len(entry) + 1)]
    return ", ".join(f"{word} {at + 1}" for word, at in zip(words, entry, strict=True))


class Diagnosis:
    """What the doctor found. Truthy when all is well; ``str`` gives the text, and Jupyter shows it with pictures.

    Attributes
    ----------
    subject : str
        What was examined, and with what.
    findings : list of Finding
        What is wrong, the worst first.
    notes : list of str
        What else there is to know; none of it is a mistake.
    """

    def __init__(self, subject: str, findings: list[Finding], notes: list[str] | None = None) -> None:
        self.subject, self.findings, self.notes = subject, [], notes or []
        for finding in findings:
            twin = [f for f in self.findings if f.mistake == finding.mistake and finding.mistake != "unnamed"]
            if twin:
                twin[0].also.append(finding.where)
            else:
                self.findings.append(finding)

    def __bool__(self) -> bool:
        return not self.findings

    @property
    def mistakes(self) -> list[str]:
        """The names of the mistakes found, each once."""
        return list(dict.fromkeys(finding.mistake for finding in self.findings))

    @property
    def verdict(self) -> str:
        """One line: what was examined, and whether all is well."""
        count = len(self.findings)
        return f"{self.subject}: {f'{count} mistake{chr(115) * (count > 1)} found.' if count else 'all is well.'}"

    def __str__(self) -> str:
        lines = [self.verdict]
        for place, finding in enumerate(self.findings, 1):
            first, *rest = finding.lines()
            lines += [f"{place}. {first}", *(f"   {line}" for line in rest)]
        return "\n".join(lines + [f"Note: {note}" for note in self.notes])

    __repr__ = __str__

    def to_dict(self) -> dict[str, Any]:
        """Return plain strings, numbers, lists and dictionaries, for JSON or a gradebook."""
        return {
            "subject": self.subject,
            "well": bool(self),
            "mistakes": self.mistakes,
            "findings": [
                {
                    "mistake": finding.mistake,
                    "where": [finding.where, *finding.also],
                    "text": finding.text,
                    "evidence": _plain(finding.evidence),
                    "read": list(finding.read),
                    **({"try": finding.tries} if finding.tries else {}),
                }
                for finding in self.findings
            ],
            "notes": list(self.notes),
        }

    def _repr_html_(self) -> str:
        parts, drawn = [], []
        for finding in self.findings:
            lines = finding.lines()
            measured = lines[1 : -1 if finding.read[0] else None]
            seen = any(finding.got is got for got in drawn)
            drawn.append(finding.got)
            parts.append(
                f"<li><b>{html.escape(finding.mistake)}</b>: {shown(finding.text)}"
                + "".join(f"<br><small>{shown(line)}</small>" for line in measured)
                + (f"<br><small>read: {link(*finding.read)}</small>" if finding.read[0] else "")
                + f"{'' if seen else side_by_side(finding.expected, finding.got)}</li>"
            )
        found = f'<ol style="margin: 0.4em 0">{"".join(parts)}</ol>' if parts else ""
        notes = "".join(f"<div><small>Note: {shown(note)}</small></div>" for note in self.notes)
        return card("right" if self else "wrong", self.verdict, found + notes)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return value if value - value == 0 else str(value)  # JSON has no nan and no inf
    return value if isinstance(value, (int, str, bool, type(None))) else str(value)
