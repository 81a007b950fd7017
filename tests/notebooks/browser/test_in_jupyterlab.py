"""Every notebook in a real JupyterLab, as students get it: opened, run from the menu, its sliders moved, saved, worked at."""

import shutil

import nbformat
import pytest
from days_rest import SHORTENED
from students_day import tags
from visiting import ROOT

NOTEBOOKS = [path.relative_to(ROOT) for path in sorted(ROOT.glob("notebooks/*.ipynb")) + sorted(ROOT.glob("*.ipynb"))]


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem)
def faults(request, lab, students, visit):
    """Return what was found on a visit to a notebook, by kind. What students get of it takes its place."""
    path = request.param
    stored = [cell for cell in nbformat.read(ROOT / path, 4)["cells"] if cell["cell_type"] == "code"]
    solutions = [cell for cell in stored if "solution" in tags(cell)]
    if path.parent.name == "notebooks":
        shutil.copy(students / path.name, lab.folder / path)
    return visit(path.as_posix(), solutions=solutions, stored=[] if path.stem == SHORTENED else stored).faults


def test_it_opens_without_a_question(faults):
    assert faults["opening"] == []


def test_it_runs_in_time_without_an_error(faults):
    assert faults["running"] == []


def test_its_formulas_are_whole(faults):
    assert faults["formulas"] == []


def test_nothing_is_wider_than_its_cell(faults):
    assert faults["width"] == []


def test_its_checks_are_open_and_its_solutions_stay_folded(faults):
    assert faults["solutions"] == []


def test_its_pictures_follow_their_sliders(faults):
    assert faults["sliders"] == []


def test_nothing_leaves_the_machine(faults):
    assert faults["network"] == []


def test_the_browser_does_not_complain(faults):
    assert faults["console"] == []


def test_the_file_is_unharmed(faults):
    assert faults["file"] == []


def test_a_students_day(faults):
    """Its cells bear being run twice, and its checks say what they should, without an answer and solved.

    All outputs are those that are stored.
    """
    assert faults["day"] == []
