"""Class lists and points that a teacher gives are read as spreadsheets and platforms write them."""

from __future__ import annotations

import csv

import pytest

from minidl.lab.course.marking.class_list import read_class, with_class
from minidl.lab.course.marking.overrides import read_overrides
from minidl.lab.course.marking.page import feedback
from minidl.lab.course.marking.rows import Row
from minidl.lab.course.marking.spreadsheets import csv_text, read_csv, totals_text
from minidl.lab.course.marking.students import Student, shown
from minidl.lab.course.marking.submissions import File, HandedIn
from minidl.lab.course.marking.tables import frequent, summary, table
from minidl.lab.exercises import exercises

ADA, JAN = Student("Ada Lovelace", "1"), Student("Jan Schmidt")
STEMS = {"01": "01_module", "02": "02_linear"}


def written(folder, content: str | bytes):
    path = folder / "list.csv"
    path.write_bytes(content.encode("utf-8-sig") if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("content", "students"),
    [
        ("name\nAda Lovelace\n", [Student("Ada Lovelace")]),
        ("Name;ID;E-Mail\r\nJörg;7;j@x\r\n\r\n", [Student("Jörg", "7", "j@x")]),
        ("Nachname;Vorname\nMüller;Jörg\n".encode("cp1252"), [Student("Jörg Müller")]),
        (
            'Identifier,"Full name","Email address",Grade\nParticipant 7,Ada,a@x,\n',
            [Student("Ada", "Participant 7", "a@x")],
        ),
        ('Student,ID,SIS User ID\n"Schmidt, Jan",11,x\n', [Student("Schmidt, Jan", "11")]),
    ],
)
def test_a_class_list_is_read(content, students, tmp_path):
    assert read_class(written(tmp_path, content)) == students


@pytest.mark.parametrize("content", ["", "points\n3\n", "name\n"])
def test_a_list_without_names_is_refused(content, tmp_path):
    with pytest.raises(ValueError, match=r"list\.csv"):
        read_class(written(tmp_path, content))


@pytest.mark.parametrize(
    ("given", "listed", "students"),
    [
        ([ADA], [ADA, JAN], [ADA, JAN]),
        ([Student("lovelaceada", "5")], [Student("Ada Lovelace", email="a@x")], [Student("Ada Lovelace", "5", "a@x")]),
        ([Student("schmidtjan", "5")], [Student("Schmidt, Jan", "x9")], [Student("Schmidt, Jan", "x9")]),
        ([Student("Jan Schmidt", "8")], [Student("Jan Schmidt", "7"), Student("Jan Schmidt", "Participant 8")],
         [Student("Jan Schmidt", "Participant 8"), Student("Jan Schmidt", "7")]),
        ([Student("Jan Schmidt", "7"), Student("Jan Schmidt", "8")], [Student("Jan Schmidt", "7")],
         [Student("Jan Schmidt", "7"), Student("Jan Schmidt", "8")]),
        ([Student("Countess", "1")], [ADA], [ADA]),
        ([Student("Stranger", "3")], [ADA], [Student("Stranger", "3"), ADA]),
    ],
)  # fmt: skip
def test_students_are_known_by_name_and_where_that_is_not_enough_by_number(given, listed, students):
    files = [File(one, "01.ipynb", b"") for one in given]
    found = with_class(HandedIn(files, given, []), listed)
    assert found.students == students
    assert [file.student for file in found.files] == students[: len(given)]
    strange = {one.name for one in given} & {"Countess", "Stranger"} or len(given) > len(listed)
    assert bool(found.notes) == bool(strange)


def row(student: str, exercise: str, status: str = "right", **more) -> Row:
    return Row(student, exercise[:2], exercise, status, 3, **more)


def test_points_by_hand_and_what_an_exercise_counts(tmp_path):
    lines = "student;exercise;points;remark\n1;02 scale;2,5;renamed\nJan Schmidt;02 scale;0;copied\n;01 cube;6;\n"
    known = {each.id: each for each in exercises()}
    students = shown([ADA, JAN])
    found = read_overrides(written(tmp_path, lines), known, students)
    rows = [
        row("Ada Lovelace", "01 cube"),
        row("Ada Lovelace", "02 scale", "not found"),
        row("Jan Schmidt", "02 scale"),
    ]
    first, second, third = found.applied(rows)
    assert (first.points, first.of) == (6, 6)
    assert (second.points, second.of, second.remark, second.status) == (2.5, 3, "renamed", "not found")
    assert (third.points, third.remark) == (0, "copied")
    assert "lost*" in table([first, second, third])
    assert "8.5/9" in table([first, second, third])


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("Ada Lovelace,02 nothing,1,", "line 2: there is no exercise '02 nothing'"),
        ("Ada,02 scale,1,", "'Ada' is nobody's name or id"),
        ("Jan,02 scale,1,", "'Jan' may be Jan (7) or Jan (8)"),
        ("1,02 scale,much,", "expected points of 0 or more, got 'much'"),
        ("1,02 scale,-1,", "expected points of 0 or more, got '-1'"),
    ],
)
def test_points_that_fit_nowhere_are_refused(line, says, tmp_path):
    students = shown([ADA, Student("Jan", "7"), Student("Jan", "8")])
    known = {each.id: each for each in exercises("02")}
    with pytest.raises(ValueError, match=r"list\.csv") as error:
        read_overrides(written(tmp_path, f"student,exercise,points,remark\n{line}\n"), known, students)
    assert says in str(error.value)


def test_what_is_written_is_text_and_can_be_read_again(tmp_path):
    rows = [row("=Ada", "01 cube", late=True, id="07"), row("=Ada", "02 scale", "not right", mistakes=["+1"])]
    (tmp_path / "rows.csv").write_text(csv_text(rows, STEMS), encoding="utf-8", newline="")
    lines = read_csv(tmp_path / "rows.csv")
    assert [line["student"] for line in lines] == ["=Ada", "=Ada"]
    assert [line["notebook"] for line in lines] == ["01_module", "02_linear"]
    assert [line["late"] for line in lines] == ["late", ""]
    totals = totals_text(rows, {"=Ada": Student("=Ada", "07", "a@x")}, STEMS).removeprefix("\ufeff")
    heads, values = csv.reader(totals.splitlines())
    assert heads == ["id", "student", "email", "01_module", "02_linear", "total", "of", "late"]
    assert values == ["07", "'=Ada", "a@x", "3", "0", "3", "6", "01_module"]


def test_a_student_s_page_has_nothing_of_the_others():
    rows = [
        row("Ada", "01 cube", answer="her_answer"),
        row("../Ben", "01 cube", answer="his_answer"),
        row("..", "01 cube"),
    ]
    pages = feedback(rows, {})
    assert sorted(pages) == ["Ada.html", "_Ben.html", "student.html"]
    assert "her_answer" in pages["Ada.html"]
    assert "his_answer" not in pages["Ada.html"]
    assert "Ben" not in pages["Ada.html"]


def test_the_summary_begins_with_what_is_wrong_most_often_and_names_it():
    wrong = [
        row(
            "Ada", "02 scale", "does not run", why="raises", text="A cell that it stands on does not run: TypeError: no"
        ),
        row("Ben", "02 scale", "not found", text="There is no MyLinear. In its cell is Layer: is that it?"),
        row("Cem", "02 scale", "does not run", why="name is not there", text="NameError: name 'Modul' is not defined"),
    ]
    rows = [row("Ada", "01 cube"), *wrong]
    assert list(frequent(rows)) == ["02 scale", "01 cube"]
    assert [what for what, _ in frequent(rows)["02 scale"]] == [
        "does not run: TypeError",
        "not found, but Layer",
        "does not run: Modul is not there",
    ]
    assert "01 cube (1 student): 1 right" in summary(rows)
