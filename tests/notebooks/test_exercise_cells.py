"""The exercises of every notebook, as far as they can be judged without running it; a student's day does that."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest
from students_day import tags

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb")) + sorted(ROOT.glob("*.ipynb"))


def exercises(notebook):
    """Return the (stub, check, solution) cells of a notebook; ValueError where one of the three is missing."""
    found, open_ones = [], []
    for cell in notebook["cells"]:
        kinds = {"exercise", "check", "solution"} & set(tags(cell))
        if cell["cell_type"] == "code" and kinds:
            order = ["exercise", "check", "solution"][len(open_ones)]
            if kinds != {order}:
                raise ValueError(f"cell {cell['id']} is tagged {sorted(kinds)} where {order} was to come")
            open_ones.append(cell)
            if order == "solution":
                found.append(tuple(open_ones))
                open_ones = []
    if open_ones:
        raise ValueError(f"the exercise in cell {open_ones[0]['id']} has no check or no solution")
    return found


SOLUTION, CHECK = "# Solution", "# Run this cell to check your answer"


def problems(notebook) -> list[str]:
    """Return what is wrong with a notebook's exercises, as far as it can be seen without running them."""
    try:
        trios = exercises(notebook)
    except ValueError as error:
        return [str(error)]
    found = []
    for stub, asked, solution in trios:
        call = [node for node in ast.walk(ast.parse(asked["source"])) if isinstance(node, ast.Call)]
        names = [
            c.args[0].value
            for c in call
            if getattr(c.func, "id", "") == "check" and isinstance(c.args[0], ast.Constant)
        ]
        if len(names) != 1:
            found.append(f"cell {asked['id']} does not call check with one name")
            continue
        for cell in (stub, solution):
            if not re.search(rf"^(class |def )?{names[0]}\b", cell["source"], re.MULTILINE):
                found.append(f"cell {cell['id']} does not define {names[0]}")
        for cell, what, first in ((asked, "check", CHECK), (solution, "solution", SOLUTION)):
            if cell["metadata"].get("jupyter", {}).get("source_hidden") is not True:
                found.append(f"cell {cell['id']} shows its {what}")
            if cell["source"].splitlines()[0] != first:  # what JupyterLab shows of a collapsed cell
                found.append(f"cell {cell['id']} does not begin with {first!r}")
        if not solution["metadata"].get("minidl", {}).get("wrong"):
            found.append(f"cell {solution['id']} names no typical wrong answer")
        namespace: dict = {}
        try:
            *first, last = ast.parse(asked["source"]).body
            exec(compile(ast.Module(first, []), "check", "exec"), namespace)
            reply = eval(compile(ast.Expression(last.value), "check", "eval"), namespace)
        except Exception as error:
            found.append(f"cell {asked['id']} fails when it is the first to run: {type(error).__name__}: {error}")
            continue
        if reply is None or reply.status != "not done":
            found.append(f"cell {asked['id']} does not say 'not done yet' when it is the first to run")
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_exercise_has_stub_check_and_collapsed_solution(path):
    assert problems(nbformat.read(path, 4)) == []


def test_every_derivation_notebook_has_a_prediction_and_something_to_code():
    for path in NOTEBOOKS:
        if re.match(r"0[1-9]|1[0-2]", path.stem):
            stubs = [stub["source"] for stub, _, _ in exercises(nbformat.read(path, 4))]
            coding = [bool(re.search(r"^\s*(class|def) ", stub, re.MULTILINE)) for stub in stubs]
            assert True in coding, f"{path.stem} has nothing to code"
            assert False in coding, f"{path.stem} has nothing to predict"


# ---------------------------------------------------------------------------------------------------------------------
# The checks of the notebooks, checked


def trio(**changes):
    """Return a notebook with one exercise, something about it changed."""
    cells = [
        nbformat.v4.new_code_cell("a = ...", metadata={"tags": ["exercise"]}, id="stub"),
        nbformat.v4.new_code_cell(
            f'{CHECK}\nfrom minidl.lab.exercises import check\n\ncheck("a", lambda: 1 + 1)',
            metadata={"tags": ["check"], "jupyter": {"source_hidden": True}},
            id="check",
        ),
        nbformat.v4.new_code_cell(
            f"{SOLUTION}\na = 2",
            metadata={"tags": ["solution"], "jupyter": {"source_hidden": True}, "minidl": {"wrong": "a = 3"}},
            id="solution",
        ),
    ]
    for cell in cells:
        cell.update(changes.get(cell["id"], {}))
    return nbformat.v4.new_notebook(cells=[cell for cell in cells if changes.get(cell["id"], {}) is not None])


def test_an_exercise_as_it_should_be_has_no_problems():
    assert problems(trio()) == []


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"check": {"metadata": {}}}, "solution"),
        ({"solution": {"metadata": {}}}, "has no check or no solution"),
        ({"stub": {"metadata": {}}}, "exercise"),
        ({"solution": {"metadata": {"tags": ["solution"], "minidl": {"wrong": "a = 3"}}}}, "shows its solution"),
        ({"check": {"metadata": {"tags": ["check"]}}}, "shows its check"),
        ({"solution": {"source": "a = 2"}}, "does not begin with '# Solution'"),
        ({"solution": {"metadata": {"tags": ["solution"], "jupyter": {"source_hidden": True}}}}, "typical wrong"),
        ({"check": {"source": "from minidl.lab.exercises import check\ncheck('b', 2)"}}, "does not define b"),
        ({"check": {"source": "check('a', 2)"}}, "first to run: NameError"),
        (
            {"check": {"source": "from minidl.lab.exercises import check\ncheck('a', X.sum())"}},
            "first to run: NameError",
        ),
        ({"check": {"source": "from minidl.lab.exercises import check\ncheck(a, 2)"}}, "one name"),
        ({"stub": {"source": "b = ..."}}, "cell stub does not define a"),
    ],
)
def test_a_broken_exercise_is_noticed(changes, word):
    assert word in " ".join(problems(trio(**changes)))
