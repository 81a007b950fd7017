"""Marking: six simulated students and twenty hostile ones, by one command, as a teacher would; then each is looked at."""

from __future__ import annotations

import csv
import json
import shutil
import socket
import subprocess
import sys
import time
import zipfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest
from attacks_on_marks import ATTACKS, VALUES
from expected_marks import EXPECTED
from simulated_class import answered, given_out, text, write_class

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
    again: float


def mark(folder: Path, *more: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "minidl", "mark", *map(str, more)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, timeout=600)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """Have all of them marked, and return what came of it."""
    folder = tmp_path_factory.mktemp("course")
    home = folder / "class"
    write_class(home)
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(0)
    classmate = next(home.glob("Ada*")) / "01.ipynb"
    given = {"record": folder / "class.marks.jsonl", "csv": folder / "marks.csv", "classmate": classmate}
    given["port"] = listening.getsockname()[1]
    for name, (attack, _) in (ATTACKS | VALUES).items():
        code = attack
        for key, value in (given | {"mark": folder / f"{name.replace(' ', '_')}.mark"}).items():
            code = code.replace(f"{{{key}}}", str(value))
        notebook = answered("01", {"01 cube" if name in ATTACKS else "01 messages": code})
        (home / name).mkdir()
        (home / name / "01.ipynb").write_text(text(notebook), encoding="utf-8")
    (home / "=cmd|' /C calc'!A0").mkdir()
    (home / "=cmd|' /C calc'!A0" / "01.ipynb").write_text(text(given_out("01")[0]), encoding="utf-8")
    (home / "Übel").mkdir()
    (home / "Übel" / "01.ipynb").write_text('{"cells": ' + "[" * 100_000, encoding="utf-8")
    archive = folder / "class.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted(home.rglob("*.*")):
            if path.is_file():
                packed.write(path, path.relative_to(home))
    arguments = [archive, "--csv", given["csv"], "--html", folder / "marks.html", "--time", "4", "--memory", "600"]
    done = mark(folder, *arguments, "--wall", "require")
    start = time.monotonic()
    mark(folder, *arguments, "--wall", "require")
    again = time.monotonic() - start
    rows = defaultdict(dict)
    table = given["csv"].read_bytes().decode("utf-8-sig")
    for row in csv.DictReader(table.splitlines(keepends=True)):
        rows[row["student"].removeprefix("'")][row["exercise"]] = row
    try:
        connected = bool(listening.accept())
    except OSError:
        connected = False
    listening.close()
    page = (folder / "marks.html").read_text(encoding="utf-8")
    return Outcome(folder, done.returncode, done.stdout, done.stderr, page, table, dict(rows), connected, again)


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
    assert outcome.again < 10


def test_the_table_is_harmless_and_keeps_umlauts(outcome):
    assert outcome.rows["Übel"]["01 cube"]["why"] == "unreadable file"
    cells = [cell for row in csv.reader(outcome.table.splitlines(keepends=True)) for cell in row]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@")]
    assert "<script>" not in outcome.page
    assert "&lt;script&gt;" in outcome.page


def test_the_likely_name_is_told(outcome):
    assert "Clipping" in outcome.rows["Dee"]["03 clip"]["text"]
