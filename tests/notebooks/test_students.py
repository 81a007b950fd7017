"""What students get, and what they do with it: copies without solutions, and a day with each of them.

The day here is one in a kernel without a JupyterLab. Where notebooks are visited with a browser, it is spent there, and not
here as well: tests/notebooks/browser/conftest.py decides.
"""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from students_day import Day, faults_of_a_day, kernel, tags

import minidl

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb"))
MKPLOT = ROOT / "mkplot.ipynb"


def test_the_copies_are_complete_but_for_solutions_and_what_was_stored(students):
    assert [path.name for path in sorted(students.iterdir())] == [path.name for path in [*NOTEBOOKS, MKPLOT]]
    for path in [*NOTEBOOKS, MKPLOT]:
        before, after = nbformat.read(path, 4), nbformat.read(students / path.name, 4)
        given = [cell for cell in before["cells"] if "solution" not in tags(cell)]
        assert [cell["id"] for cell in after["cells"]] == [cell["id"] for cell in given]
        assert [cell["metadata"] for cell in after["cells"]] == [cell["metadata"] for cell in given]
        assert not any(cell.get("outputs") for cell in after["cells"])
        assert after["metadata"]["minidl"] == {"course": minidl.__version__, "notebook": path.stem}
        assert after["metadata"].keys() - before["metadata"].keys() == {"minidl"}
    assert any("solution" in tags(cell) for path in NOTEBOOKS for cell in nbformat.read(path, 4)["cells"])


def test_the_copies_do_not_speak_of_solutions(students):
    assert [path.name for path in students.iterdir() if "solution" in path.read_text(encoding="utf-8").lower()] == []


@pytest.mark.parametrize("path", [*NOTEBOOKS, MKPLOT], ids=lambda path: path.stem)
def test_a_students_day(path, students, tmp_path):
    """Cells bear being run twice, and checks say what they should, without an answer and solved."""
    cells = nbformat.read(path, 4)["cells"]
    solutions = [cell for cell in cells if "solution" in tags(cell)]
    given = nbformat.read(students / path.name, 4)["cells"]
    if path == MKPLOT:
        shorten(given)
    with kernel(tmp_path) as client:
        assert faults_of_a_day(given, solutions, Day(client)) == []


def shorten(cells):
    """Let mkplot train few runs for few epochs: its first code cell is there to be changed."""
    cells[1]["source"], changes = re.subn(r"(?m)^(RUNS|EPOCHS) = \d+", r"\1 = 3", cells[1]["source"])
    assert changes == 2
