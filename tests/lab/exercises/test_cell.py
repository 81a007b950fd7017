"""A check in a notebook: what it finds in the cells around it."""

import nbformat
import pytest
from nbclient import NotebookClient

SOLVED = """
class Cube(Module):
    def forward(self, input):
        self.input = input  # for the way back
        return input**3

    def backward(self, grad_output):
        return grad_output * 3 * self.input**2
"""
CHECK = 'from minidl.lab.exercises import check\n\nprint(check("01 cube"))'
STUB = "class Cube(Module):\n    def forward(self, input):\n        raise NotImplementedError\n"
CELLS = [  # what a cell holds, and, for a check, what it says
    ('check("01 cube")', "NameError"),  # check itself is still to be imported
    (CHECK, "Not done yet (Cube): run the exercise's cell first"),
    ("cub = 3", ""),
    (CHECK, "Not done yet (Cube): A cell that was run of late makes cub, and what is asked for is Cube."),
    (STUB, "NameError"),  # Module is still to be imported
    (
        CHECK,
        "Not right yet (Cube): there is no new answer yet: the exercise's cell stopped with NameError: name 'Module' is",
    ),
    ("from minidl import Module", ""),
    (  # another cell was run since, and there is still no answer
        CHECK,
        "Not right yet (Cube): there is no new answer yet: the exercise's cell stopped with NameError: name 'Module' is not",
    ),
    ("1 / 0", "ZeroDivisionError"),
    (CHECK, "Not done yet (Cube): the exercise's cell was run, and there is no Cube: it stopped with an error"),
    (STUB + "\n    def backward(self, grad_output):\n        raise NotImplementedError", ""),
    (CHECK, "Not done yet (Cube): write forward and backward"),
    (SOLVED.replace("Cube", "cube"), ""),
    (
        CHECK,
        "Not done yet (Cube): it is as it was. A cell that was run of late makes cube, and what is asked for is Cube.",
    ),
    ("class Cube(Module):\n    def forward(self, input)\n        return input**3", "SyntaxError"),
    (
        CHECK,
        "Not right yet (Cube): there is no new answer yet: the exercise's cell stopped with SyntaxError: expected ':'",
    ),
    ("input = 3.0\n" + SOLVED.replace("self.input**2", "input**2").replace("# for", "# not for"), ""),
    (CHECK, "Not right yet (Cube): "),
    (SOLVED.replace("3 * self.input**2", "(3 * self.input * self.input)"), ""),
    (CHECK, "Right! Cube: forward and backward are right"),
    (SOLVED, ""),
    (CHECK, "Right! Cube: forward and backward are right"),
    ("1 / 0", "ZeroDivisionError"),  # another cell's error is not the answer's
    (CHECK, "Right! Cube: forward and backward are right"),
    ('check("01 cub")', "ValueError"),
]


@pytest.fixture(scope="module")
def outputs():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source, _ in CELLS])
    NotebookClient(notebook, kernel_name="python3", allow_errors=True).execute()
    return ["".join(out.get("text", out.get("ename", "")) for out in cell.outputs) for cell in notebook.cells]


@pytest.mark.slow
def test_each_cell_says_what_it_should(outputs):
    assert [text[: len(due)] for text, (_, due) in zip(outputs, CELLS, strict=True)] == [due for _, due in CELLS]


@pytest.mark.slow
def test_a_short_answer_is_not_called_a_copy(outputs):
    assert not [text for text in outputs if "the solution's own code" in text]


@pytest.mark.slow
def test_an_error_is_explained(outputs):
    said = [text for text in outputs if "no new answer yet" in text]
    assert "if it comes from a cell above, run that one first" in said[0]
    assert "By now there is such a name: run that cell again." in said[1]
    assert "look for a missing bracket, comma or colon" in said[2]
