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
    two_alike(home)
    archive = folder / "class.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted(home.rglob("*.*")):
            if path.is_file():
                packed.write(path, path.relative_to(home))
    (folder / "list.csv").write_text("name;id;email\nJan Schmidt;Participant 7;jan@x.org\nZoe;;\n", encoding="utf-8")
    (folder / "mine.csv").write_text("student,exercise,points,remark\nDee,03 relu,2,only the name\n", encoding="utf-8")
    arguments = [archive, "--csv", given["csv"], "--html", folder / "marks.html", "--time", "8", "--memory", "400"]
    arguments += ["--totals", folder / "totals.csv", "--feedback", folder / "pages", "--class", folder / "list.csv"]
    arguments += ["--overrides", folder / "mine.csv"]
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


def two_alike(home: Path) -> None:
    """Write what two students of one name hand in: one an answer and a newer untouched copy, the other what cannot be read."""
    first, second = (home / f"Jan Schmidt_{id}_assignsubmission_file_" for id in (7, 8))
    for path in (first, second):
        path.mkdir()
    answer = answered("01", {"01 messages": "messages = 1"})
    (first / "01.ipynb").write_text(text(answer), encoding="utf-8")
    (first / "01 (1).ipynb").write_text(text(given_out("01")[0]), encoding="utf-8")
    (second / "01.zip").write_bytes(b"no zip")
    (second / "01.pdf").write_bytes(b"")


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
    assert "Jan Schmidt_8_assignsubmission_file_/01.pdf is not used" in outcome.errors
    assert {line.split(": ")[0] for line in outcome.errors.splitlines()} == {"python -m minidl mark"}
    assert outcome.again, "what was marked is marked again"


def test_the_table_is_harmless_and_keeps_umlauts(outcome):
    assert outcome.rows["Übel"]["01 cube"]["why"] == "unreadable file"
    cells = [cell for row in csv.reader(outcome.table.splitlines(keepends=True)) for cell in row]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@")]
    assert "<script>" not in outcome.page
    assert "&lt;script&gt;" in outcome.page


def test_the_likely_name_is_told(outcome):
    assert "Rectifier" in outcome.rows["Dee"]["03 relu"]["text"]


def test_two_students_of_one_name_stay_two_and_the_answer_is_from_the_file_that_has_one(outcome):
    first, second = (outcome.rows[f"Jan Schmidt ({id})"] for id in ("Participant 7", "8"))
    assert (first["01 messages"]["status"], first["01 cube"]["status"]) == ("not right", "not done")
    assert first["01 messages"]["file"] == "01.ipynb"
    assert "01 (1).ipynb" in first["01 messages"]["text"]
    assert second["01 cube"]["why"] == "unreadable file"


def test_who_is_in_the_class_list_alone_has_handed_in_nothing(outcome):
    assert {row["status"] for row in outcome.rows["Zoe"].values()} == {"not handed in"}
    assert len(outcome.rows["Zoe"]) == sum(len(exercises(number)) for number in EXPECTED["Ada"])


def test_the_totals_have_a_line_for_each_student(outcome):
    lines = csv.DictReader((outcome.folder / "totals.csv").read_text("utf-8-sig").splitlines())
    totals = {line["student"].removeprefix("'"): line for line in lines}
    assert totals.keys() == outcome.rows.keys()
    for name, line in totals.items():
        assert float(line["total"]) == sum(float(row["points"]) for row in outcome.rows[name].values())
    jan = totals["Jan Schmidt (Participant 7)"]
    assert (jan["id"], jan["email"], jan["01_module"]) == ("Participant 7", "jan@x.org", "0")


def test_points_by_hand_count_and_are_said(outcome):
    row = outcome.rows["Dee"]["03 relu"]
    assert (row["status"], row["points"], row["remark"]) == ("not found", "2", "only the name")
    assert "lost*" in outcome.said


def test_each_student_has_a_page(outcome):
    pages = {path.name: path.read_text(encoding="utf-8") for path in (outcome.folder / "pages").iterdir()}
    assert len(pages) == len(outcome.rows)
    assert "only the name" in pages["Dee.html"]
    assert not [name for name in outcome.rows if name in pages["Zoe.html"] and name != "Zoe"]
