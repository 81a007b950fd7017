"""A student's day that goes on where Run All has ended in JupyterLab: in that kernel, each cell has its first run behind it.

Each output is compared with the one that the project's notebook stores, as nbval does: so a notebook that is visited need
not be run by nbval as well.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from pathlib import Path

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbval import plugin as nbval
from students_day import Day, faults_of_a_day, tags

VISITS = "test_in_jupyterlab.py"
SHORTENED = "mkplot"  # on a visit it trains for less time, and so its outputs are others


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

    So a cell is run twice in a row here too: what later cells have named, it does not find. ``stored`` are the cells of the
    project's notebook: there, each solution was run where it stands. A cell whose output is not the stored one is
    ``compared_later``, when all solutions have been run.
    """

    def __init__(self, client: NotebookClient, stored) -> None:
        super().__init__(client)
        self.stored = {cell["id"]: cell for cell in stored}
        self.compared_later: list = []

    def judge(self, cell, outputs: list, says: str = "", when: str = "") -> None:
        super().judge(cell, outputs, says, when)
        if not when and cell["id"] in self.stored and differences(self.stored[cell["id"]], outputs):
            self.compared_later.append(cell)

    def compare(self) -> None:
        """Compare what is left to be compared, now that all exercises are solved.

        What stands between such a cell and the exercise before it may be a part of its work, and is run again as well.
        """
        cells, places = list(self.stored.values()), {name: place for place, name in enumerate(self.stored)}
        for cell in self.compared_later:
            last = first = places[cell["id"]]
            while first and {"exercise", "check", "solution"}.isdisjoint(tags(cells[first - 1])):
                first -= 1
            for other in cells[first:last]:
                self.execute(other)
            found = differences(cells[last], self.execute(cell))
            self.faults += [f"cell {cell['id']} {words}" for words in found]

    def first_run(self, cell, says: str) -> float:
        if "solution" in tags(cell):
            return super().first_run(cell, says)
        self.judge(cell, cell["outputs"], says)
        back = nbformat.v4.new_code_cell(f"print(get_ipython().return_to({cell['id']!r}))")
        return float("".join(output["text"] for output in self.execute(back)))


def differences(stored, outputs: list) -> list[str]:
    """Return in words where outputs are other than the stored ones, by nbval's rules."""
    options = dict(nbval.find_metadata_tags(stored["metadata"])) | dict(nbval.find_comment_markers(stored["source"]))
    if not options.get("check", True) or options.get("skip"):
        return []
    judge = Judge()
    before, now = (nbval.coalesce_streams(copy.deepcopy(found)) for found in (stored["outputs"], outputs))
    alike = nbval.IPyNbCell.compare_outputs(judge, now, before, NOT_COMPARED)
    return (
        [] if alike else ["has another output than the stored one: " + " ".join(map(str, judge.comparison_traceback))]
    )


# Whatever else an output has, is compared
NOT_COMPARED = ("metadata", "traceback", "prompt_number", "output_type", "name", "execution_count", "image/png",
                "image/jpeg", "application/vnd.jupyter.widget-view+json")  # fmt: skip


class Judge:
    """What nbval's comparison needs of a cell."""

    colors = nbval.nocolors
    sanitize = staticmethod(lambda text: text)

    def format_output_compare(self, key: str, left: object, right: object) -> None:
        self.comparison_traceback.append(f"{key} was {left!r}, is {right!r}"[:1000])


def faults_of_the_rest(given, solutions, stored, connection_file: Path) -> list[str]:
    """Return what goes wrong in the rest of a day, see ``faults_of_a_day``; the given cells hold Run All's outputs."""
    with running_kernel(connection_file) as client:
        day = RestOfTheDay(client, stored)
        faults_of_a_day(given, solutions, day)
        day.compare()
        return day.faults


def spent_on_visits(items: list) -> list:
    """Return those tests that do without a JupyterLab what a visit to the notebook does too.

    That is to spend a day in a kernel, and to run the notebook and compare its outputs.
    """
    test = "test_a_students_day["
    visits = {item.name.removeprefix(test)[:-1] for item in items if item.path.name == VISITS and test in item.name}
    days = {f"{test}{notebook}]" for notebook in visits}
    return [
        item
        for item in items
        if (item.path.name == "test_students.py" and item.name in days)
        or (item.path.suffix == ".ipynb" and item.path.stem in visits - {SHORTENED})
    ]
