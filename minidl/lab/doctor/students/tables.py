"""What is shown of all rows: a table as text and as CSV, and a page with every diagnosis."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from minidl.lab.doctor.students.rows import Row


def table(rows: Sequence[Row]) -> str:
    """Return the table as text, a line for each class, and one that sums it up."""
    names = ("file", "class", "verdict", "mistakes")
    frame = pd.DataFrame([(row.file, row.name, row.verdict, _summary(row)) for row in rows], columns=names)
    widths = [max([len(name), *frame[name].str.len()]) for name in names]
    frame = pd.DataFrame({name: frame[name].str.ljust(width) for name, width in zip(names, widths, strict=True)})
    lines = frame.to_string(index=False, justify="left").splitlines()
    lines.insert(1, " ".join("-" * width for width in (*widths[:3], len("mistakes"))))
    files = {row.file for row in rows}
    bad = {row.file for row in rows if not row.well}
    count = f"{len(files)} file{'s' * (len(files) != 1)}, {len(bad)} with something wrong."
    return "\n".join([*(line.rstrip() for line in lines), "", count])


def _summary(row: Row) -> str:
    if row.mistakes or row.verdict in ("well", "nothing to examine"):
        return ", ".join(row.mistakes)
    first = row.details.splitlines()[0] if row.details else ""
    return first if len(first) <= 100 else f"{first[:97]}..."


def write_csv(rows: Sequence[Row], path: Path) -> None:
    """Write a line for each class: file, class, verdict, mistakes (separated by semicolons), details."""
    names = ("file", "class", "verdict", "mistakes", "details")
    lines = [(row.file, row.name, row.verdict, "; ".join(row.mistakes), row.details) for row in rows]
    pd.DataFrame(lines, columns=names).to_csv(path, index=False, encoding="utf-8", lineterminator="\r\n")


def page(rows: Sequence[Row]) -> str:
    """Return a page of its own: the table, and under each line the diagnosis."""
    body = []
    for row in rows:
        cells = "".join(f"<td>{html.escape(cell)}</td>" for cell in (row.file, row.name, row.verdict, _summary(row)))
        body.append(f'<tr class="{"well" if row.well else "wrong"}">{cells}</tr>')
        shown = row.page or f"<pre>{html.escape(row.details)}</pre>"
        if row.details:
            body.append(f'<tr><td colspan="4"><details><summary>diagnosis</summary>{shown}</details></td></tr>')
    style = (
        "body { font-family: sans-serif; margin: 2em } table { border-collapse: collapse } "
        "td, th { text-align: left; vertical-align: top; padding: 2px 10px } .wrong td:nth-child(3) { font-weight: bold } "
        "tr.well, tr.wrong { border-top: 1px solid #bbb } pre { white-space: pre-wrap }"
    )
    head = "<tr>" + "".join(f"<th>{name}</th>" for name in ("file", "class", "verdict", "mistakes")) + "</tr>"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Examined</title><style>{style}</style></head>'
        f"<body><h1>Examined</h1><table>{head}{''.join(body)}</table></body></html>\n"
    )
