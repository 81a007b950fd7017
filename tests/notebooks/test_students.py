"""What students get, and what they do with it: copies without solutions, and a day with each of them."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from students_day import faults_of_a_day, kernel, tags

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb"))


def command(name: str) -> str:
    """Return the README's command after the comment that names it."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (line,) = re.findall(rf"<!-- {name} command -->\n```sh\n(.*)\n```", readme)
    return line


@pytest.fixture(scope="session")
def students(tmp_path_factory):
    """Return the folder of copies that the README's command makes, in a folder of its own."""
    folder = tmp_path_factory.mktemp("classroom")
    shutil.copytree(ROOT / "notebooks", folder / "notebooks")
    python, *arguments = shlex.split(command("students"))
    assert python == ".venv/bin/python"
    made = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return folder / "students"


def test_the_copies_are_complete(students):
    assert [path.name for path in sorted(students.iterdir())] == [path.name for path in NOTEBOOKS]
    for path in NOTEBOOKS:
        before, after = (nbformat.read(p, 4)["cells"] for p in (path, students / path.name))
        assert [cell["id"] for cell in after] == [cell["id"] for cell in before if "solution" not in tags(cell)]
    assert any("solution" in tags(cell) for path in NOTEBOOKS for cell in nbformat.read(path, 4)["cells"])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_copy_waits_for_answers_and_judges_them_and_its_cells_bear_being_run_twice(path, students, tmp_path):
    solutions = [cell for cell in nbformat.read(path, 4)["cells"] if "solution" in tags(cell)]
    with kernel(tmp_path) as client:
        assert faults_of_a_day(nbformat.read(students / path.name, 4)["cells"], solutions, client) == []


def test_the_cells_of_mkplot_bear_being_run_twice(tmp_path):
    cells = nbformat.read(ROOT / "mkplot.ipynb", 4)["cells"]
    # its first code cell is there to be changed
    cells[1]["source"], changes = re.subn(r"(?m)^(RUNS|EPOCHS) = \d+", r"\1 = 3", cells[1]["source"])
    assert changes == 2
    with kernel(tmp_path) as client:
        assert faults_of_a_day(cells, [], client) == []
