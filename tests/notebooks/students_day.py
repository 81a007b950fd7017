"""A student's day with a notebook: each cell once, and again where that is quick; then the solutions."""

from __future__ import annotations

import contextlib
import copy
import re
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbclient import NotebookClient

LONG = 1  # second


def tags(cell) -> list[str]:
    return cell["metadata"].get("tags", [])


def check_of(name: str) -> str:
    """Return the code of a check of an exercise that no notebook has: the answer to it is 2."""
    exercise = f"Value(id='00 {name}', name='{name}', asks='', solution='', expected=lambda: 2)"
    return f"from minidl.lab.exercises import check\nfrom minidl.lab.exercises.kinds import Value\n\ncheck({exercise})"


@contextlib.contextmanager
def kernel(folder: Path) -> Iterator[NotebookClient]:
    """Start a kernel in a folder, and yield a client that goes on after an error."""
    resources = {"metadata": {"path": str(folder)}}
    empty = nbformat.v4.new_notebook()
    client = NotebookClient(empty, kernel_name="python3", timeout=300, resources=resources, allow_errors=True)
    with client.setup_kernel():
        yield client


class Day:
    """A student who runs one cell after the other, and what goes wrong, in words.

    That is errors that are not meant, and checks that do not say what they should.
    """

    def __init__(self, client: NotebookClient) -> None:
        self.client, self.cells = client, client.nb["cells"]
        self.faults: list[str] = []

    def execute(self, cell) -> list:
        """Execute a copy of a cell, and return its outputs."""
        cell = copy.deepcopy(cell)
        self.cells.append(cell)
        self.client.execute_cell(cell, len(self.cells) - 1)
        return cell["outputs"]

    def judge(self, cell, outputs: list, says: str = "", when: str = "") -> None:
        """Note what is wrong with the outputs of a cell that says something, if it is a check."""
        name = f"cell {cell['id']}{when and f' {when}'}"
        if "raises-exception" not in tags(cell):
            errors = [output for output in outputs if output["output_type"] == "error"]
            self.faults += [f"{name} raises {error['ename']}: {error['evalue']}" for error in errors]
        if "check" in tags(cell):
            replies = [output for output in outputs if output["output_type"] == "execute_result"]  # a bar is none
            said = [reply["data"].get("text/plain", "") for reply in replies]
            if not (len(said) == 1 and said[0].startswith(says)):
                self.faults.append(f"{name} does not say {says!r}: {said}")

    def run(self, cell, says: str = "", when: str = "") -> float:
        """Run a cell and judge its outputs; return how many seconds it took."""
        start = time.monotonic()
        outputs = self.execute(cell)
        seconds = time.monotonic() - start
        self.judge(cell, outputs, says, when)
        return seconds

    def first_run(self, cell, says: str) -> float:
        """Let a cell be run for the first time; return how many seconds that took."""
        return self.run(cell, says)

    def run_twice(self, cell, says: str = "") -> None:
        """Run a cell twice in a row.

        One that takes long is run once, and so its second run is not tried: that would take the tests too long. Importing
        takes long the first time only.
        """
        if self.first_run(cell, says) < LONG or re.search(r"^\s*(from|import) ", cell["source"], re.MULTILINE):
            self.run(cell, says, "again")


def faults_of_a_day(given, solutions, day: Day) -> list[str]:
    """Return what goes wrong when a student runs each cell, and then the solutions.

    Checks say that the exercise is not done yet, and in the end that it is right.
    """
    given, solutions = ([cell for cell in cells if cell["cell_type"] == "code"] for cells in (given, solutions))
    for cell in given:
        day.run_twice(cell, "Not done yet")
    for cell in solutions:
        day.run_twice(cell)
    for cell in given:
        if "check" in tags(cell):
            day.run(cell, "Right!", "in the end")
    return day.faults
