"""Faults planted in notebooks on purpose: each is caught, in its cell, with words; a sound notebook has none."""

import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import visiting
from days_rest import spent_on_visits
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from students_day import check_of
from visiting import KINDS, NOT_YET, chromium, unavailable

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
WIDE = 15 * "far too wide "
TABLE = f"<table><tr><td style='white-space: nowrap'>{WIDE * 2}</td></tr></table>"
SHOW = "from IPython.display import HTML, Javascript, Latex"
REVEAL = "document.querySelector('.jp-InputPlaceholder').click()"
VIEW = "application/vnd.jupyter.widget-view+json"
FIGURE = """
import matplotlib.pyplot as plt
from ipywidgets import FloatSlider, IntSlider
from minidl.lab.interactive import explore
figure, axes = plt.subplots()
line, = axes.plot([0, 1], [0, 1])
def move(height):
    line.set_data([0, 1], [0, {height}])
explore(figure, move, height=FloatSlider(0.5, min=0, max=1, step=0.1))
"""

# What is planted in a day, in its order: the names of cells, and what the faults say; the other cells are sound.
DAY = [
    ("twice", "again raises AssertionError"),  # although the cell before it has run twice by then
    ("done-check", "does not say 'Not done yet'"),
    ("done-check", "again does not say 'Not done yet'"),
    ("false-check", "in the end does not say 'Right!'"),
    ("printed", "has another output than the stored one"),
    ("untold", "has another output than the stored one"),
    ("sound-solution", "has another output than the stored one"),
]
ONCE = "assert 'once' not in dir()\n__import__('time').sleep(2.5)\nonce = 1"

# Cells by kind of fault: the name, what the fault says, and the source that has it. Who writes to the file comes late, and
# who raises comes last.
PROSE = [
    ("formulas", "undefined-macro", r"undefined macro \grad", r"The gradient $\grad L$."),
    ("formulas", "formula-error", "formula error: Double exponent", "$x^2^3$"),
    ("formulas", "unbalanced-dollar", "formula left raw: The loss $L", "The loss $L and nothing else."),
    ("formulas", "no-dollars", r"formula left raw: Here \begin", r"Here \begin{x} stands alone."),
    ("formulas", "hidden", "formula left raw", "<details><summary>Answer</summary>\n\nIt is $x.\n\n</details>"),
    ("width", "wide-formula", "px too wide: a formula", "$$" + " + ".join(f"x_{{{i}}}" for i in range(60)) + "$$"),
    ("width", "hidden-table", "px too wide: far too", f"<details><summary>Answer</summary>\n\n{TABLE}\n\n</details>"),
    ("network", "image", "asked for http://example.com/image.png", "![an image](http://example.com/image.png)"),
]
CODE = [
    ("formulas", "undefined-in-output", r"undefined macro \grad", f"{SHOW}\nLatex(r'$\\grad L$')"),
    ("width", "wide-code", "px too wide: 1 # far too", f"1  # {WIDE}"),
    ("width", "wide-text", "px too wide: far too", "HTML('<pre style=\"white-space: pre\">' + 30 * 'far too wide ')"),
    ("solutions", "open-solution", "the solution is open on opening", "1"),
    ("solutions", "opened-solution", "the solution is open after Run All", f"# Solution\nJavascript({REVEAL!r})"),
    ("solutions", "folded-check", "the check is folded on opening", "1"),
    ("solutions", "told-solution", "it still shows: answer = 42", "answer = 42\nprint(answer)"),
    ("sliders", "raises", "by keyboard, it raises ZeroDivisionError", FIGURE.format(height="1 / (height == 0.5)")),
    ("sliders", "deaf", "moved by mouse, its picture does not follow", FIGURE.format(height="1")),
    ("sliders", "alone", "there is no picture to follow it", "IntSlider(5)"),
    ("sliders", "stuck", "moved by mouse, it stays where it is", "IntSlider(5, disabled=True)"),
    ("sliders", "dead", "its widget is not shown", f"display({{{VIEW!r}: {{'model_id': 'none'}}}}, raw=True)"),
    ("network", "script", "asked for http://example.com/a.js", "HTML('<script src=http://example.com/a.js></script>')"),
    ("console", "complaint", "a complaint", "Javascript('console.error(\"a complaint\")')"),
    ("file", "writes", "written to before it was saved", "open('broken.ipynb', 'a').write(' ')"),
    ("running", "download", "not on this machine", "from urllib import request\nrequest.urlopen('http://example.com')"),
]
PLANTED = PROSE + CODE
OF_THE_PAGE = {"network", "console", "file"}  # these faults name no cell


def cells(make, planted):
    return [make(source, id=name) for _, name, _, source in planted]


@pytest.fixture(scope="module")
def faults_of(lab, visit):
    """Return a function that writes a notebook of cells, visits it, and returns its faults."""

    def faults_of(name, cells, metadata=KERNEL, limit=60, patience=3, solutions=None, stored=()):
        nbformat.write(new_notebook(cells=cells, metadata=metadata), lab.folder / name)
        return visit(name, limit, patience, solutions, stored).faults

    return faults_of


@pytest.fixture(scope="module")
def sound(faults_of):
    hidden = {"tags": ["solution"], "jupyter": {"source_hidden": True}}
    prose = r"A price of 5 `$`, and $\frac{1}{2}$; so `\begin` begins $\begin{matrix} a & b \end{matrix}$."
    made = [
        new_markdown_cell(prose),
        new_code_cell(FIGURE.format(height="height")),
        new_code_cell("# Solution\nanswer = 42", metadata=hidden),
        new_code_cell("answer == 42", metadata={"tags": ["check"]}),
        new_code_cell("closed = IntSlider()\ndisplay(closed)\nclosed.close()"),
        new_code_cell("1 / 0", metadata={"tags": ["raises-exception"]}),
        new_code_cell("answer"),
        new_code_cell(" "),
    ]
    return faults_of("sound.ipynb", made)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"day"}))
def test_a_sound_notebook_has_no_fault(sound, kind):
    assert sound[kind] == []


def exercise(name, stub, solution):
    """Return the three cells of an exercise to which 2 is the answer; the third is not in the notebook."""
    return [
        new_code_cell(f"{name} = {stub}", id=f"{name}-stub", metadata={"tags": ["exercise"]}),
        new_code_cell(check_of(name), id=f"{name}-check", metadata={"tags": ["check"]}),
        new_code_cell(f"{name} = {solution}", id=f"{name}-solution", metadata={"tags": ["solution"]}),
    ]


def test_what_goes_wrong_in_the_day_after_run_all_is_found(faults_of):
    exercises = [
        exercise("sound", "...", "2"),
        exercise("done", "2", "2"),
        exercise("false", "...", "4"),
    ]
    printing = {name: new_code_cell("print(1)\n2", id=name) for name in ("sound-output", "printed", "untold")}
    solved = new_code_cell("print(sound)", id="with-the-solution")
    before = [
        *printing.values(),
        new_code_cell("n = 1"),
        new_code_cell("n -= 1\nassert n == 0", id="twice"),
        new_code_cell(ONCE),  # it takes long and is not run again
        new_code_cell("assert once == 1"),
        new_code_cell("1 / 0", metadata={"tags": ["raises-exception"]}),
    ]
    given = before + [cell for stub, check, _ in exercises for cell in (stub, check)] + [solved]
    solutions = [solution for *_, solution in exercises]
    right = [new_output("stream", text="1\n"), new_output("execute_result", {"text/plain": "2"}, execution_count=7)]
    outputs = {
        "sound-output": right,
        "printed": [new_output("stream", text="2\n"), right[1]],
        "untold": right[:1],
        "with-the-solution": [new_output("stream", text="2\n")],
        "sound-solution": right[:1],
    }
    stored = [
        nbformat.from_dict({**cell, "outputs": outputs[cell.id]}) for cell in given + solutions if cell.id in outputs
    ]
    faults = faults_of("day.ipynb", given, solutions=solutions, stored=stored)
    assert [re.match("cell (.*?) (.*?):", fault).groups() for fault in faults.pop("day")] == DAY
    assert not any(faults.values())  # all else is sound


@pytest.fixture(scope="module")
def broken(faults_of):
    made = cells(new_markdown_cell, PROSE) + cells(new_code_cell, CODE)
    for cell in made:
        if (kind := cell.id.partition("-")[2]) in ("solution", "check"):
            hidden = cell.id.startswith("folded-") or (kind == "solution" and not cell.id.startswith("open-"))
            cell.metadata = {"tags": [kind], "jupyter": {"source_hidden": hidden}}
    return faults_of("broken.ipynb", made, patience=2, solutions=[])


@pytest.mark.parametrize(
    ("kind", "name", "words"), [fault[:3] for fault in PLANTED], ids=[fault[1] for fault in PLANTED]
)
def test_a_planted_fault_is_caught_in_its_cell(broken, kind, name, words):
    where = "" if kind in OF_THE_PAGE else f"cell {name}: "
    assert [fault for fault in broken[kind] if fault.startswith(where) and words in fault]


@pytest.mark.parametrize("kind", sorted(set(KINDS) - OF_THE_PAGE - {"day"}))
def test_other_cells_are_left_in_peace(broken, kind):
    named = {re.match("cell (.*?):", fault)[1] for fault in broken[kind]}
    assert named == {name for planted, name, _, _ in PLANTED if planted == kind}


def test_a_notebook_that_raises_has_no_day(broken):
    assert broken["running"] != []
    assert broken["day"] == NOT_YET


def test_a_notebook_that_does_not_end(faults_of):
    endless = new_code_cell("import time\nwhile True:\n    time.sleep(0.1)", id="endless")
    (late, busy) = faults_of("endless.ipynb", [endless, new_code_cell("1")], limit=3)["running"]
    assert late.startswith("cell endless: still running after 3 s")
    assert "the kernel is not idle" in busy


def test_a_notebook_that_asks_for_a_kernel(faults_of):
    faults = faults_of("kernelless.ipynb", [new_code_cell("1")], metadata={})
    assert "Select Kernel" in faults["opening"][0]
    assert faults["running"] == NOT_YET


@pytest.mark.parametrize("required", [False, True])
def test_without_a_browser(monkeypatch, required):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(visiting, "playwrights_own", lambda: None)
    assert chromium.__wrapped__() is None
    monkeypatch.setenv("MINIDL_BROWSER", "required" if required else "")
    outcome = pytest.fail.Exception if required else pytest.skip.Exception
    with pytest.raises(outcome, match="apt install chromium"):
        unavailable()


def test_a_day_is_spent_once():
    def collected(file, *names):
        return [SimpleNamespace(path=Path(file), name=name) for name in names]

    days = collected("test_students.py", "test_the_copies_are_complete", *map("test_a_students_day[{}]".format, "ab"))
    days += [*collected("a.ipynb", "Cell 0"), *collected("b.ipynb", "Cell 0"), *collected("mkplot.ipynb", "Cell 0")]
    visits = collected(
        "test_in_jupyterlab.py", "test_it_opens[b]", *map("test_a_students_day[{}]".format, ["a", "mkplot"])
    )
    assert spent_on_visits(days + visits) == [days[1], days[3]]
    assert spent_on_visits(days) == spent_on_visits(visits) == []
