"""Every notebook in a real JupyterLab: opened, run from the menu, its sliders moved, saved."""

import pytest
from visiting import ROOT

NOTEBOOKS = [path.relative_to(ROOT) for path in sorted(ROOT.glob("notebooks/*.ipynb")) + sorted(ROOT.glob("*.ipynb"))]


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem)
def faults(request, visit):
    """Return what was found on a visit to a notebook, by kind."""
    return visit(request.param.as_posix()).faults


def test_it_opens_without_a_question(faults):
    assert faults["opening"] == []


def test_it_runs_in_time_without_an_error(faults):
    assert faults["running"] == []


def test_its_formulas_are_whole(faults):
    assert faults["formulas"] == []


def test_nothing_is_wider_than_its_cell(faults):
    assert faults["width"] == []


def test_its_solutions_stay_collapsed(faults):
    assert faults["solutions"] == []


def test_its_pictures_follow_their_sliders(faults):
    assert faults["sliders"] == []


def test_nothing_leaves_the_machine(faults):
    assert faults["network"] == []


def test_the_browser_does_not_complain(faults):
    assert faults["console"] == []


def test_the_file_is_unharmed(faults):
    assert faults["file"] == []
