"""Copies for nbgrader; where it is installed, it marks them, and its marks are held against those of `minidl mark`."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from simulated_class import FORGED, given_out, right, tags, text, wrong

from minidl.lab.course.handout import hand_out
from minidl.lab.course.nbgrader import as_source
from minidl.lab.exercises import exercise, exercises

NBGRADER = importlib.util.find_spec("nbgrader")
ASSIGNMENT, NOTEBOOK = "backprop", "01_module"


def source(number: str):
    return as_source(given_out(number)[0])


@pytest.mark.parametrize("number", ["01", "02", "12"])
def test_each_check_is_a_locked_test_with_the_points_of_its_exercise(number):
    copied, made = given_out(number)[0], source(number)
    tests = [cell for cell in made["cells"] if "nbgrader" in cell["metadata"]]
    assert [cell["metadata"]["nbgrader"]["points"] for cell in tests] == [each.points for each in exercises(number)]
    assert {cell["metadata"]["nbgrader"]["locked"] for cell in tests} == {True}
    assert len({cell["metadata"]["nbgrader"]["grade_id"] for cell in tests}) == len(tests)
    assert [cell for cell in made["cells"] if "check" in tags(cell)] == tests
    others = [cell for cell in made["cells"] if "check" not in tags(cell)]
    assert others == [cell for cell in copied["cells"] if "check" not in tags(cell)]
    nbformat.validate(made)


@pytest.mark.parametrize(
    ("answer", "passes"), [("messages = ...", False), ("messages = [1, 1, 1, 1]", False), (None, True), ("", False)]
)
def test_a_test_raises_for_whatever_is_not_right(answer, passes):
    (test, _) = (cell["source"] for cell in source("01")["cells"] if "check" in tags(cell))
    namespace = {"__name__": "__main__"}
    exec(exercise("01 messages").solution if answer is None else answer, namespace)
    with contextlib.nullcontext() if passes else pytest.raises(AssertionError, match="not right yet"):
        exec(test, namespace)


def test_handing_out_for_nbgrader_writes_sources(tmp_path):
    (path,) = hand_out(tmp_path, ["01"], nbgrader=True)
    assert sum("nbgrader" in cell["metadata"] for cell in nbformat.read(path, 4)["cells"]) == 2


# ---------------------------------------------------------------------------------------------------------------------
# With nbgrader


def grade(course: Path, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments, "--course", "class"],
        cwd=course,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.slow
@pytest.mark.skipif(NBGRADER is None, reason="there is no nbgrader here")
def test_nbgrader_gives_the_same_points_as_mark(tmp_path, monkeypatch):
    here = Path(sys.executable).parent  # nbgrader calls programs that lie there by their names
    monkeypatch.setenv("PATH", f"{here}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")
    from nbgrader.api import Gradebook

    from minidl.lab.course.marking.marking import Course, mark
    from minidl.lab.course.marking.submissions import read
    from minidl.lab.doctor.students.processes import Settings

    hand_out(tmp_path / "source" / ASSIGNMENT, ["01"], nbgrader=True)
    grade(tmp_path, "generate_assignment", ASSIGNMENT)
    released = nbformat.read(tmp_path / "release" / ASSIGNMENT / f"{NOTEBOOK}.ipynb", 4)
    answers = {
        "ada": right("01"),
        "ben": wrong("01"),
        "cem": {},
        "dee": {"01 messages": "messages = [8, 32,", "01 cube": right("01")["01 cube"]},
        "eva": right("01") | {"01 cube": wrong("01")["01 cube"]},
        "fay": {"01 messages": right("01")["01 messages"], "01 cube": "class Cubes(Module):\n    pass"},
    }
    ids = {cell["source"]: name for cell, name in zip(stubs(released), answered_ids(), strict=True)}
    for student, given in answers.items():
        work = nbformat.from_dict(released)
        work = nbformat.reads(nbformat.writes(work), 4)
        for cell in work["cells"]:
            if cell["source"] in ids:
                cell["source"] = given.get(ids[cell["source"]], cell["source"])
            if student == "cem" and "check" in tags(cell):
                cell["source"] = FORGED.format("01 cube")
        home = tmp_path / "submitted" / student / ASSIGNMENT
        home.mkdir(parents=True)
        (home / f"{NOTEBOOK}.ipynb").write_text(text(work), encoding="utf-8")
        (tmp_path / "handed_in" / student).mkdir(parents=True)
        shutil.copy(home / f"{NOTEBOOK}.ipynb", tmp_path / "handed_in" / student)
    grade(tmp_path, "autograde", ASSIGNMENT, "--create")
    grade(tmp_path, "generate_feedback", ASSIGNMENT)
    with Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}") as book:
        theirs = {student: book.find_submission(ASSIGNMENT, student).score for student in answers}
    rows = mark(read(tmp_path / "handed_in"), Course(), Settings())
    ours = {student: sum(row.points for row in rows if row.student == student) for student in answers}
    assert theirs == ours == {"ada": 2, "ben": 0, "cem": 0, "dee": 1, "eva": 1, "fay": 1}
    assert len(list((tmp_path / "feedback").rglob("*.html"))) == len(answers)
    page = (tmp_path / "feedback" / "ben" / ASSIGNMENT / f"{NOTEBOOK}.html").read_text(encoding="utf-8")
    assert "Not right yet" in page


def stubs(notebook):
    return [cell for cell in notebook["cells"] if "exercise" in tags(cell)]


def answered_ids() -> list[str]:
    return [each.id for each in exercises("01")]
