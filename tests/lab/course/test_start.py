"""`minidl start`: it puts the course into a folder, and never over what a student has done."""

from __future__ import annotations

import os
import sys

import pytest

from minidl.lab.cli import main
from minidl.lab.course import files, start


@pytest.fixture
def course(tmp_path, monkeypatch):
    """Install a course of two notebooks and return its folder; the current folder is another, and empty."""
    installed, here = tmp_path / "installed", tmp_path / "here"
    for path in (installed / "notebooks" / "00_start_here.ipynb", installed / "mkplot.ipynb"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("first")
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(files, "checkout", lambda: None)
    monkeypatch.setattr(files, "CARRIED", installed)
    return installed


def texts(folder):
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*.ipynb")}


BOTH = ["notebooks/00_start_here.ipynb", "mkplot.ipynb"]


def test_it_fills_a_folder_once(course, tmp_path, capsys):
    assert main(["start", "--no-lab"]) == 0
    assert main(["start", "--no-lab"]) == 0
    assert texts(tmp_path / "here" / "minidl-course") == texts(course) == dict.fromkeys(BOTH, "first")
    assert capsys.readouterr().out == "minidl-course: 2 notebooks written\nminidl-course: 0 notebooks written\n"


def test_a_newer_course_replaces_what_nobody_has_changed(course, tmp_path):
    folder = tmp_path / "mine"
    start.put(folder)
    (folder / "mkplot.ipynb").write_text("my work")
    for name in BOTH:
        (course / name).write_text("newer")
    done = start.put(folder)
    assert (done.written, done.kept) == (BOTH[:1], BOTH[1:])
    assert texts(folder) == {BOTH[0]: "newer", BOTH[1]: "my work"}


def test_what_was_there_before_is_kept(course, tmp_path, capsys):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "mkplot.ipynb").write_text("mine")
    (folder / start.RECORD).write_text("[no record")
    assert main(["start", str(folder), "--no-lab"]) == 0
    assert texts(folder)["mkplot.ipynb"] == "mine"
    assert "Kept as you left them: mkplot.ipynb\n" in capsys.readouterr().out


def test_fresh_copies_are_written_beside(course, tmp_path, capsys):
    folder = tmp_path / "mine"
    start.put(folder)
    (folder / "mkplot.ipynb").write_text("my work")
    arguments = ["start", str(folder), "--fresh", "--no-lab"]
    assert main(arguments) == main(arguments) == 0  # the second finds the copy there
    assert texts(folder) == dict.fromkeys(BOTH, "first") | {"mkplot.ipynb": "my work", "mkplot.fresh.ipynb": "first"}
    assert capsys.readouterr().out.count("New copies beside them: mkplot.fresh.ipynb\n") == 1
    (folder / "mkplot.fresh.ipynb").write_text("my work, too")
    assert start.put(folder, fresh=True).beside == ["mkplot.fresh-2.ipynb"]
    assert texts(folder)["mkplot.fresh.ipynb"] == "my work, too"


def test_a_notebook_that_is_gone_comes_back(course, tmp_path):
    folder = tmp_path / "mine"
    start.put(folder)
    (folder / "mkplot.ipynb").unlink()
    assert start.put(folder).written == ["mkplot.ipynb"]


def test_a_link_is_not_written_through(course, tmp_path):
    folder, elsewhere = tmp_path / "mine", tmp_path / "elsewhere"
    start.put(folder)
    elsewhere.write_text("first")
    (folder / "mkplot.ipynb").unlink()
    (folder / "mkplot.ipynb").symlink_to(elsewhere)
    (course / "mkplot.ipynb").write_text("newer")
    start.put(folder)
    assert elsewhere.read_text() == "first"


def test_what_cannot_be_written_gets_one_line(course, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert main(["start", str(tmp_path / "file"), "--no-lab"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("python -m minidl start: ")
    assert err.count("\n") == 1


def test_without_notebooks_it_says_so(course, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(files, "CARRIED", tmp_path / "nothing")
    assert main(["start", "--no-lab"]) == 1
    assert "installed without its notebooks" in capsys.readouterr().err


@pytest.fixture
def opened(monkeypatch):
    """Open nothing, and return the command lines that would have been run."""
    lines = []

    def run(*arguments):
        lines.append(arguments[-1])
        sys.exit(0)

    monkeypatch.setattr(os, "execv", run)
    monkeypatch.setattr(start.subprocess, "call", run)
    return lines


def start_and_open(*arguments):
    """Start, and return the exit status, of JupyterLab if that was opened."""
    try:
        return main(["start", *arguments])
    except SystemExit as end:
        return end.code


def test_it_opens_the_first_notebook_and_hands_on_what_jupyterlab_understands(course, opened, tmp_path):
    options = ["--port", "9999", "--no-browser", "--ip=127.0.0.1", "--allow-root"]
    start_and_open(*options, "mine")
    ((python, *line),) = opened
    folder = tmp_path.resolve() / "here" / "mine"
    assert python == sys.executable
    assert line[:4] == ["-P", "-m", "jupyterlab", f"--ServerApp.root_dir={folder}"]
    assert sorted(line[4:-1]) == ["--allow-root", "--ip=127.0.0.1", "--no-browser", "--port=9999"]
    assert line[-1] == str(folder / "notebooks" / "00_start_here.ipynb")


def test_in_a_checkout_it_opens_the_checkout_and_writes_nothing(course, opened, monkeypatch, tmp_path):
    monkeypatch.setattr(files, "checkout", lambda: course)
    before = set(tmp_path.rglob("*"))
    start_and_open()
    start_and_open(str(course))
    assert [line[-1] for line in opened] == [str(course.resolve() / "notebooks" / "00_start_here.ipynb")] * 2
    assert set(tmp_path.rglob("*")) == before


def test_without_jupyterlab_it_says_where_the_course_is(course, opened, monkeypatch, capsys):
    monkeypatch.setattr(start, "find_spec", lambda name: None)
    assert main(["start"]) == 1
    assert opened == []
    assert "the course is in minidl-course, but there is no JupyterLab" in capsys.readouterr().err


def test_this_checkout_is_found():
    assert (files.checkout() / "minidl" / "lab" / "course" / "start.py").is_file()
