"""Marking: six simulated students and twenty hostile ones, by one command, as a teacher would; then each is looked at."""

from __future__ import annotations

import contextlib
import csv
import io
import shutil
import socket
import zipfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest
from attacks_on_marks import ATTACKS, VALUES
from expected_marks import EXPECTED
from simulated_class import answered, given_out, text, write_class

from minidl.lab import cli
from minidl.lab.doctor.students import server
from minidl.lab.exercises import exercises

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("bwrap"), reason="there is no bubblewrap here"),
]


@dataclass
class Outcome:
    """What a command has left."""

    folder: Path
    status: int
    said: str
    errors: str
    page: str
    table: str
    rows: dict[str, dict[str, dict[str, str]]]
    connected: bool
    again: bool


def mark(*more: object) -> tuple[int, str, str]:
    """Run the command in this process, which has loaded everything; return its status and what it says."""
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as errors:
        status = cli.main(["mark", *map(str, more)])
    return status, out.getvalue(), errors.getvalue()


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """Have all of them marked, and return what came of it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0)
        yield marked(tmp_path_factory.mktemp("course"), listening)
    server.stop()


def marked(folder: Path, listening: socket.socket) -> Outcome:
    home = folder / "class"
    write_class(home)
    classmate = next(home.glob("Ada*")) / "01.ipynb"
    given = {"record": folder / "class.marks.jsonl", "csv": folder / "marks.csv", "classmate": classmate}
    given["port"] = listening.getsockname()[1]
    for number, (name, (code, _)) in enumerate((ATTACKS | VALUES).items()):
        for key, value in (given | {"mark": folder / f"{number}.mark"}).items():
            code = code.replace(f"{{{key}}}", str(value))
        notebook = answered("01", {"01 cube" if name in ATTACKS else "01 messages": code})
        (home / name).mkdir()
        (home / name / "01.ipynb").write_text(text(notebook), encoding="utf-8")
    (home / "=cmd|'C calc'!A0").mkdir()
    (home / "=cmd|'C calc'!A0" / "01.ipynb").write_text(text(given_out("01")[0]), encoding="utf-8")
    (home / "Übel").mkdir()
    (home / "Übel" / "01.ipynb").write_text('{"cells": ' + "[" * 100_000, encoding="utf-8")
    archive = folder / "class.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted(home.rglob("*.*")):
            if path.is_file():
                packed.write(path, path.relative_to(home))
    arguments = [archive, "--csv", given["csv"], "--html", folder / "marks.html", "--time", "8", "--memory", "400"]
    status, said, errors = mark(*arguments, "--wall", "require")
    server.stop()
    again = mark(*arguments, "--wall", "require")[1] == said and not server.started
    rows = defaultdict(dict)
    table = given["csv"].read_bytes().decode("utf-8-sig")
    for row in csv.DictReader(table.splitlines(keepends=True)):
        rows[row["student"].removeprefix("'")][row["exercise"]] = row
    try:
        connected = bool(listening.accept())
    except OSError:
        connected = False
    page = (folder / "marks.html").read_text(encoding="utf-8")
    return Outcome(folder, status, said, errors, page, table, dict(rows), connected, again)


def said(row: dict[str, str]) -> object:
    return (row["status"], row["why"]) if row["status"] == "does not run" else row["status"]


@pytest.mark.parametrize("student", EXPECTED)
def test_every_row_of_the_six_is_as_it_should_be(student, outcome):
    got = {number: [said(outcome.rows[student][each.id]) for each in exercises(number)] for number in EXPECTED[student]}
    assert got == EXPECTED[student]


@pytest.mark.parametrize("name", ATTACKS | VALUES)
def test_no_attack_succeeds_and_each_leaves_a_line(name, outcome):
    row = outcome.rows[name]["01 cube" if name in ATTACKS else "01 messages"]
    assert ": ".join(filter(None, [row["status"], row["why"]])).startswith((ATTACKS | VALUES)[name][1])
    assert row["text"]
    assert row["points"] == "0"


def test_nothing_gets_out_of_the_wall(outcome):
    assert list(outcome.folder.glob("*.mark")) == []
    assert not outcome.connected


def test_the_command_ends_well_and_goes_on_where_it_was(outcome):
    assert outcome.status == 0, outcome.errors
    assert outcome.errors == ""
    assert outcome.again, "what was marked is marked again"


def test_the_table_is_harmless_and_keeps_umlauts(outcome):
    assert outcome.rows["Übel"]["01 cube"]["why"] == "unreadable file"
    cells = [cell for row in csv.reader(outcome.table.splitlines(keepends=True)) for cell in row]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@")]
    assert "<script>" not in outcome.page
    assert "&lt;script&gt;" in outcome.page


def test_the_likely_name_is_told(outcome):
    assert "Rectifier" in outcome.rows["Dee"]["03 relu"]["text"]
