"""What is shown of all rows: a table as text and as CSV, and a page with every diagnosis. Each is written row by row."""

from __future__ import annotations

import csv
import html
import io
import re
from collections import Counter
from collections.abc import Sequence

from minidl.lab.doctor.heat_map import side_by_side
from minidl.lab.doctor.students.rows import Row

NAMES = ("file", "class", "verdict", "mistakes")
LONGEST_CELL = 100
STYLE = (
    "body { font-family: sans-serif; margin: 2em } table { border-collapse: collapse } "
    "td, th { text-align: left; vertical-align: top; padding: 2px 10px } .wrong td:nth-child(3) { font-weight: bold } "
    "tr.well, tr.wrong { border-top: 1px solid #bbb } pre { white-space: pre-wrap }"
)


def table(rows: Sequence[Row]) -> str:
    """Return the table as text, a line for each class, and one that sums it up."""
    cells = [(_short(row.file), _short(row.name), row.verdict, _summary(row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(NAMES, *cells, strict=True)]
    rule = ["-" * width for width in (*widths[:3], len(NAMES[3]))]
    lines = [
        " ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in (NAMES, rule, *cells)
    ]
    return "\n".join([*(line.rstrip() for line in lines), "", summary(rows)])


def summary(rows: Sequence[Row]) -> str:
    """Return one line: how many files, and how many classes are well, wrong, and neither."""
    count = Counter(row.verdict for row in rows)
    files = len({row.file for row in rows})
    said = (
        re.match(r"package ([\w.]{1,60}) is missing", row.details) for row in rows if row.verdict == "does not load"
    )
    missing = sorted({found[1] for found in said if found})
    parts = [f"{count.pop('well', 0)} well", f"{count.pop('wrong', 0)} wrong"]
    nothing = count.pop("nothing to examine", 0)
    names = {"does not load": f"did not load{f' (missing: {chr(44).join(missing)})' if missing else ''}"}
    parts += [f"{number} {names.get(verdict, verdict)}" for verdict, number in sorted(count.items())]
    parts += [f"{nothing} file{'s' * (nothing != 1)} with nothing to examine"] * bool(nothing)
    return f"{files} file{'s' * (files != 1)}: {', '.join(parts)}."


def status(rows: Sequence[Row]) -> int:
    """Return the exit status: 0 if all is well, 1 if something is wrong, 3 if nothing is wrong but not all was examined."""
    if any(row.verdict == "wrong" for row in rows):
        return 1
    return 0 if all(row.well for row in rows) else 3


def _summary(row: Row) -> str:
    if row.mistakes or row.well:
        return ", ".join(row.mistakes)
    return _short(" ".join(row.details.split("\n", 1)[0].split()))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_CELL else f"{text[: LONGEST_CELL - 3]}..."


# ---------------------------------------------------------------------------------------------------------------------
# CSV

CSV_HEAD = ",".join((*NAMES, "details")) + "\r\n"


def csv_line(row: Row) -> str:
    """Return a row as a line of CSV: file, class, verdict, mistakes (separated by semicolons), details."""
    text = io.StringIO(newline="")
    cells = (row.file, row.name, row.verdict, "; ".join(row.mistakes), row.details)
    csv.writer(text, lineterminator="\r\n").writerow([harmless(cell) for cell in cells])
    return text.getvalue()


def harmless(cell: str) -> str:
    """Return a cell that a spreadsheet takes for text: what begins like a formula would be one.

    A spreadsheet may also part cells at semicolons, so what follows one is looked at as well.
    """
    cell = re.sub(r"([;\t\n] *)(?=[=+@-])", r"\1'", cell)
    return f"'{cell}" if cell.lstrip(" ")[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") and cell.strip(" ") else cell


# ---------------------------------------------------------------------------------------------------------------------
# HTML

PAGE_HEAD = (
    f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Examined</title><style>{STYLE}</style></head>'
    f"<body><h1>Examined</h1><table><tr>{''.join(f'<th>{name}</th>' for name in NAMES)}</tr>\n"
)
PAGE_TAIL = "</table></body></html>\n"


def page(rows: Sequence[Row]) -> str:
    """Return a page of its own: the table, and under each line the diagnosis."""
    return PAGE_HEAD + "".join(map(page_lines, rows)) + PAGE_TAIL


def page_lines(row: Row) -> str:
    """Return the lines of the page's table that tell one row."""
    cells = "".join(f"<td>{html.escape(cell)}</td>" for cell in (row.file, row.name, row.verdict, _summary(row)))
    line = f'<tr class="{"well" if row.well else "wrong"}">{cells}</tr>\n'
    if not row.details:
        return line
    pictures, drawn = [], []
    for finding in row.findings:
        if finding.expected is not None and finding.got is not None and not _in(finding.got, drawn):
            drawn.append(finding.got)
            name = html.escape(finding.mistake)
            pictures.append(f"<div><small>{name}</small></div>{side_by_side(finding.expected, finding.got)}")
    shown = f"<pre>{html.escape(row.details)}</pre>{''.join(pictures)}"
    return f'{line}<tr><td colspan="4"><details><summary>diagnosis</summary>{shown}</details></td></tr>\n'


def _in(value: object, values: list) -> bool:
    return any(value.shape == other.shape and bool((value == other).all()) for other in values)
