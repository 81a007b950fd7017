"""How the doctor tells it: as text, in Jupyter, and as a dictionary."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

SHOWN = 8  # rows and columns of a matrix that are drawn


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
    """

    mistake: str
    where: str
    text: str
    evidence: dict[str, Any] = field(default_factory=dict)
    expected: Tensor | None = None
    got: Tensor | None = None
    read: tuple[str, str] = ("", "")
    also: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return the finding as lines of text, without its number."""
        seen, lines = self.evidence, [f"{self.mistake}: {self.text}"]
        if seen.get("expected shape", 0) != seen.get("got shape", 0) and "got shape" in seen:
            lines.append(f"shape: expected {seen['expected shape']}, got {seen['got shape']}")
        if "entry" in seen:
            lines.append(f"entry {seen['entry']}: expected {_number(seen['expected'])}, got {_number(seen['got'])}")
        if "factor" in seen:
            lines.append("factor: " + "; ".join(f"{_number(f)} for {batch}" for batch, f in seen["factor"].items()))
        if self.also:
            lines.append(f"the same in: {', '.join(self.also)}")
        if self.read[0]:
            lines.append(f"read: {', '.join(filter(None, self.read))}")
        return lines


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
        for number, finding in enumerate(self.findings, 1):
            first, *rest = finding.lines()
            lines += [f"{number}. {first}", *(f"   {line}" for line in rest)]
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
                }
                for finding in self.findings
            ],
            "notes": list(self.notes),
        }

    def _repr_html_(self) -> str:
        mark, colour = ("✓", "#2166ac") if self else ("✗", "#b35806")
        parts = [f'<div><b style="color: {colour}">{mark}</b> <b>{html.escape(self.verdict)}</b></div>']
        if self.findings:
            parts.append("<ol>")
            drawn: list[Any] = []
            for finding in self.findings:
                first, *rest = (html.escape(line) for line in finding.lines())
                name, _, text = first.partition(": ")
                lines = [f"<b>{name}</b>: {text}", *(f"<small>{line}</small>" for line in rest)]
                picture = "" if any(finding.got is got for got in drawn) else _picture(finding)
                drawn.append(finding.got)
                parts.append(f"<li>{'<br>'.join(lines)}{picture}</li>")
            parts.append("</ol>")
        parts += [f"<div><small>Note: {html.escape(note)}</small></div>" for note in self.notes]
        return "".join(parts)


def _picture(finding: Finding) -> str:
    """Return expected beside got as two heat maps of one scale, where both are there."""
    if finding.expected is None or finding.got is None:
        return ""
    finite = [
        float(t[t.isfinite()].abs().max()) if bool(t.isfinite().any()) else 0 for t in (finding.expected, finding.got)
    ]
    largest = max(*finite, 1e-12)
    tables = "".join(
        _heat_map(f"{title} {tuple(tensor.shape)}", tensor, largest)
        for title, tensor in (("expected", finding.expected), ("got", finding.got))
    )
    return f'<div style="display: flex; gap: 2em; margin: 0.3em 0">{tables}</div>'


def _heat_map(title: str, tensor: Tensor, largest: float) -> str:
    """Return a table of numbers on colours: orange below zero, blue above, white at zero."""
    matrix = tensor.reshape(-1, tensor.shape[-1]) if tensor.ndim else tensor.reshape(1, 1)
    columns = min(matrix.shape[1], SHOWN + 1)
    rows = f'<tr><th colspan="{columns}" style="text-align: left; font-weight: normal">{title}</th></tr>'
    for row in matrix[:SHOWN].tolist():
        cells = "".join(_cell(value, largest) for value in row[:SHOWN])
        rows += f'<tr style="background: none">{cells}{"<td>…</td>" if len(row) > SHOWN else ""}</tr>'
    if len(matrix) > SHOWN:
        rows += '<tr style="background: none"><td>…</td></tr>'
    return f'<table style="border-collapse: collapse; margin: 0">{rows}</table>'


def _cell(value: float, largest: float) -> str:
    strength = min(abs(value) / largest, 1.0) if value == value else 0.0
    dark = (33, 102, 172) if value > 0 else (179, 88, 6)
    colour = [round(255 + (c - 255) * strength) for c in dark]
    light = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    ink = "#000" if 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2] > 0.18 else "#fff"  # the better contrast
    style = f"background: rgb({','.join(map(str, colour))}); color: {ink}; text-align: right; padding: 1px 5px"
    return f'<td style="{style}">{value:.3g}</td>'


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return value if value - value == 0 else str(value)  # JSON has no nan and no inf
    return value if isinstance(value, (int, str, bool, type(None))) else str(value)


def _number(value: float) -> str:
    return f"{value:.4g}"
