"""A student's day that goes on where Run All has ended in JupyterLab: in that kernel, each cell has its first run behind it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from students_day import Day, faults_of_a_day, tags


@contextlib.contextmanager
def running_kernel(connection_file: Path) -> Iterator[NotebookClient]:
    """Connect to a kernel that somebody else started and will stop; yield a client that goes on after an error."""
    manager = AsyncKernelManager(connection_file=str(connection_file), owns_kernel=False)
    manager.load_connection_file()
    client = NotebookClient(nbformat.v4.new_notebook(), km=manager, timeout=300, allow_errors=True)
    client.start_new_kernel_client()
    try:
        yield client
    finally:
        client.kc.stop_channels()


class RestOfTheDay(Day):
    """A day whose first runs are Run All's: their outputs are judged, and a second run begins where the first one ended.

    So a cell is run twice in a row here too: what later cells have named, it does not find.
    """

    def first_run(self, cell, says: str) -> float:
        if "solution" in tags(cell):
            return super().first_run(cell, says)
        self.judge(cell, cell["outputs"], says)
        back = nbformat.v4.new_code_cell(f"print(get_ipython().return_to({cell['id']!r}))")
        return float("".join(output["text"] for output in self.execute(back)))


def faults_of_the_rest(given, solutions, connection_file: Path) -> list[str]:
    """Return what goes wrong in the rest of a day, see ``faults_of_a_day``; the given cells hold Run All's outputs."""
    with running_kernel(connection_file) as client:
        return faults_of_a_day(given, solutions, RestOfTheDay(client))


def spent_on_visits(items: list) -> list:
    """Return those tests that spend a day in a kernel without a JupyterLab, although a visit to the notebook has it too."""

    def of(file: str) -> dict:
        test = "test_a_students_day["
        return {item.name.removeprefix(test): item for item in items if item.path.name == file and test in item.name}

    visits = of("test_in_jupyterlab.py")
    return [item for notebook, item in of("test_students.py").items() if notebook in visits]
