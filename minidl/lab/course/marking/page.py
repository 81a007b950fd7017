"""A page of the class: what is frequent, the table, and for each student what was asked, answered, and said to it."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

from minidl.lab.course.marking.rows import Row
from minidl.lab.course.marking.tables import by_student, frequent, points

STYLE = (
    "body { font: 16px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 70rem; padding: 0 1rem; color: #1a1a1a } "
    "table { border-collapse: collapse } td, th { text-align: left; vertical-align: top; padding: 3px 10px; "
    "border-bottom: 1px solid #ddd } pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f5f5f5; "
    "padding: 0.5em 0.8em; margin: 0.4em 0 } .right { color: #0b57a4 } .wrong { color: #9a3412; font-weight: bold } "
    ".wide { overflow-x: auto } section { break-before: page; border-top: 2px solid #888; margin-top: 2em }"
)


def page(rows: Sequence[Row], asks: Mapping[str, str]) -> str:
    """Return a page of its own; ``asks`` has what each exercise asks, by its id."""
    students = by_student(rows)
    body = [f"<h1>Marks of {len(students)} students</h1>", _class(rows), _table(rows)]
    body += [_student(number, name, theirs, asks) for number, (name, theirs) in enumerate(students.items())]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width"><title>Marks</title><style>{STYLE}</style></head>\n<body><main>\n'
        + "\n".join(body)
        + "\n</main></body></html>\n"
    )


def _class(rows: Sequence[Row]) -> str:
    """Return what went wrong most often, as a list for each exercise."""
    lines = []
    for id, mistakes in frequent(rows).items():
        here = [row for row in rows if row.exercise == id]
        right = sum(row.status == "right" for row in here)
        told = "".join(f"<li>{number} &times; {html.escape(mistake)}</li>" for mistake, number in mistakes)
        lines.append(
            f"<tr><th scope='row'>{html.escape(id)}</th><td>{right} of {len(here)}</td><td><ul>{told}</ul></td></tr>"
        )
    head = "<tr><th scope='col'>exercise</th><th scope='col'>right</th><th scope='col'>most frequent</th></tr>"
    return f"<h2>What went wrong most often</h2><div class='wide'><table>{head}{''.join(lines)}</table></div>"


def _table(rows: Sequence[Row]) -> str:
    ids = list(dict.fromkeys(row.exercise for row in sorted(rows, key=lambda row: row.notebook)))
    head = "".join(f"<th scope='col'>{html.escape(id)}</th>" for id in ["student", *ids, "points"])
    lines = []
    for number, (name, theirs) in enumerate(by_student(rows).items()):
        marks = {row.exercise: row for row in theirs}
        cells = "".join(_mark(marks[id]) if id in marks else "<td></td>" for id in ids)
        link = f"<a href='#student-{number}'>{html.escape(name)}</a>"
        lines.append(f"<tr><th scope='row'>{link}</th>{cells}<td>{points(theirs)}</td></tr>")
    return f"<h2>All students</h2><div class='wide'><table><tr>{head}</tr>{''.join(lines)}</table></div>"


def _mark(row: Row) -> str:
    return f"<td class='{'right' if row.status == 'right' else 'wrong'}'>{html.escape(row.status)}</td>"


def _student(number: int, name: str, rows: Sequence[Row], asks: Mapping[str, str]) -> str:
    """Return a student's part: each exercise with the answer and the words to it."""
    parts = [f"<section id='student-{number}'><h2>{html.escape(name)}: {points(rows)}</h2>"]
    for row in rows:
        kind = "right" if row.status == "right" else "wrong"
        parts.append(
            f"<h3>{html.escape(row.exercise)}: <span class='{kind}'>{html.escape(row.said)}</span>, "
            f"{row.points} of {row.of}</h3><p>{html.escape(asks.get(row.exercise, ''))}</p>"
        )
        parts += [f"<pre>{html.escape(row.answer)}</pre>"] * bool(row.answer)
        parts += [f"<pre>{html.escape(row.text)}</pre>"] * bool(row.text)
    return "".join([*parts, "</section>"])
