"""A student's day with a notebook: each cell once, and again where that is quick; wrong answers, then the solutions."""

from __future__ import annotations

import contextlib
import copy
import re
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbclient import NotebookClient

LONG = 2  # seconds


def tags(cell) -> list[str]:
    return cell["metadata"].get("tags", [])


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

    def run(self, cell, says: str = "", when: str = "") -> float:
        """Run a cell that says something, if it is a check; return how many seconds it took."""
        cell = copy.deepcopy(cell)
        self.cells.append(cell)
        start = time.monotonic()
        self.client.execute_cell(cell, len(self.cells) - 1)
        seconds = time.monotonic() - start
        name = f"cell {cell['id']}{when and f' {when}'}"
        if "raises-exception" not in tags(cell):
            errors = [output for output in cell["outputs"] if output["output_type"] == "error"]
            self.faults += [f"{name} raises {error['ename']}: {error['evalue']}" for error in errors]
        if "check" in tags(cell):
            said = [output.get("data", {}).get("text/plain", "") for output in cell["outputs"]]
            if not (len(said) == 1 and said[0].startswith(says)):
                self.faults.append(f"{name} does not say {says!r}: {said}")
        return seconds

    def run_twice(self, cell, says: str = "") -> None:
        """Run a cell twice in a row.

        One that takes long is run once, and so its second run is not tried: that would take the tests too long. Importing
        takes long the first time only.
        """
        if self.run(cell, says) < LONG or re.search(r"^\s*(from|import) ", cell["source"], re.MULTILINE):
            self.run(cell, says, "again")


def faults_of_a_day(given, solutions, client: NotebookClient) -> list[str]:
    """Return what goes wrong when a student runs each cell, tries a wrong answer to each exercise, and then the solutions.

    Checks say that the exercise is not done yet, then that the answer is not right yet, and in the end that it is right.
    After a wrong answer the exercise's own cell is run again: what comes later does without an answer.
    """
    given = [cell for cell in given if cell["cell_type"] == "code"]
    wrong = iter([cell["metadata"]["minidl"]["wrong"] for cell in solutions])
    day = Day(client)
    for cell in given:
        day.run_twice(cell, "Not done yet")
        if "exercise" in tags(cell):
            exercise = cell
        if "check" in tags(cell):
            day.run(nbformat.v4.new_code_cell(next(wrong), id=exercise["id"]), when="with a wrong answer")
            day.run(cell, "Not right yet", "after a wrong answer")
            day.run(exercise, when="after a wrong answer")
            day.run(cell, "Not done yet", "without an answer")
    for cell in solutions:
        day.run_twice(cell)
    for cell in given:
        if "check" in tags(cell):
            day.run(cell, "Right!", "in the end")
    return day.faults
