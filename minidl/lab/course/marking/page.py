"""A page of the class, and one for each student: what was asked, what was answered, and what there is to say to it."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence

from minidl.lab.course.marking.rows import Row, number
from minidl.lab.course.marking.tables import by_student, frequent, points, students

STYLE = (
    "body { font: 16px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 70rem; padding: 0 1rem; color: #1a1a1a } "
    "table { border-collapse: collapse } td, th { text-align: left; vertical-align: top; padding: 3px 10px; "
    "border-bottom: 1px solid #ddd } pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f5f5f5; "
    "padding: 0.5em 0.8em; margin: 0.4em 0 } .right { color: #0b57a4 } .wrong { color: #9a3412; font-weight: bold } "
    ".wide { overflow-x: auto } section { break-before: page; border-top: 2px solid #888; margin-top: 2em }"
)

FOR_THE_TEACHER = (
    "This page has the answers and the marks of all students: it is for the teacher alone. "
    "<code>--feedback FOLDER</code> writes a page for each student."
)


def page(rows: Sequence[Row], asks: Mapping[str, str]) -> str:
    """Return the teacher's page of all students; ``asks`` has what each exercise asks, by its id."""
    everyone = by_student(rows)
    body = [
        f"<h1>Marks of {students(len(everyone))}</h1><p>{FOR_THE_TEACHER}</p>",
        _class(rows),
        _table(rows),
        *(
            f"<section id='student-{place}'><h2>{html.escape(name)}: {points(theirs)}</h2>{_answers(theirs, asks)}</section>"
            for place, (name, theirs) in enumerate(everyone.items())
        ),
    ]
    return _whole("Marks", body)


def feedback(rows: Sequence[Row], asks: Mapping[str, str]) -> dict[str, str]:
    """Return a page for each student with nothing of the others' on it, by the names of their files."""
    pages: dict[str, str] = {}
    for name, theirs in by_student(rows).items():
        stem = re.sub(r"[^\w .()@-]", "_", name).strip(" .")[:100] or "student"
        file, count = f"{stem}.html", 2
        while file.casefold() in {other.casefold() for other in pages}:
            file, count = f"{stem}-{count}.html", count + 1
        title = f"{name}: {points(theirs)}"
        pages[file] = _whole(title, [f"<h1>{html.escape(title)}</h1>", _answers(theirs, asks)])
    return pages


def _whole(title: str, body: Sequence[str]) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width"><title>{html.escape(title)}</title><style>{STYLE}</style></head>\n<body><main>\n'
        + "\n".join(body)
        + "\n</main></body></html>\n"
    )


def _class(rows: Sequence[Row]) -> str:
    """Return what went wrong most often, as a list for each exercise."""
    lines = []
    for id, mistakes in frequent(rows).items():
        here = [row for row in rows if row.exercise == id]
        right = sum(row.status == "right" for row in here)
        told = "".join(f"<li>{times} &times; {html.escape(mistake)}</li>" for mistake, times in mistakes)
        lines.append(
            f"<tr><th scope='row'>{html.escape(id)}</th><td>{right} of {len(here)}</td><td><ul>{told}</ul></td></tr>"
        )
    head = "<tr><th scope='col'>exercise</th><th scope='col'>right</th><th scope='col'>most frequent</th></tr>"
    return f"<h2>What went wrong most often</h2><div class='wide'><table>{head}{''.join(lines)}</table></div>"


def _table(rows: Sequence[Row]) -> str:
    ids = list(dict.fromkeys(row.exercise for row in sorted(rows, key=lambda row: row.notebook)))
    head = "".join(f"<th scope='col'>{html.escape(id)}</th>" for id in ["student", *ids, "points"])
    lines = []
    for place, (name, theirs) in enumerate(by_student(rows).items()):
        marks = {row.exercise: row for row in theirs}
        cells = "".join(_mark(marks[id]) if id in marks else "<td></td>" for id in ids)
        link = f"<a href='#student-{place}'>{html.escape(name)}</a>"
        lines.append(f"<tr><th scope='row'>{link}</th>{cells}<td>{points(theirs)}</td></tr>")
    return f"<h2>All students</h2><div class='wide'><table><tr>{head}</tr>{''.join(lines)}</table></div>"


def _mark(row: Row) -> str:
    by_hand = f", {number(row.points)} given" if row.given is not None else ""
    return f"<td class='{'right' if row.status == 'right' else 'wrong'}'>{html.escape(row.status)}{by_hand}</td>"


def _answers(rows: Sequence[Row], asks: Mapping[str, str]) -> str:
    """Return a student's exercises with the answers and the words to them."""
    parts = []
    for row in rows:
        kind = "right" if row.status == "right" else "wrong"
        parts.append(
            f"<h3>{html.escape(row.exercise)}: <span class='{kind}'>{html.escape(row.said)}</span>, "
            f"{number(row.points)} of {number(row.of)}{', late' * row.late}</h3>"
            f"<p>{html.escape(asks.get(row.exercise, ''))}</p>"
        )
        parts += [f"<pre>{html.escape(row.answer)}</pre>"] * bool(row.answer)
        parts += [f"<pre>{html.escape(row.text)}</pre>"] * bool(row.text)
        parts += [f"<p><strong>Remark: {html.escape(row.remark)}</strong></p>"] * bool(row.remark)
    return "".join(parts)
