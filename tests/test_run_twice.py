"""Students run cells twice, and press stop: every cell bears being run twice in a row, and a stopped training is of use."""

from __future__ import annotations

import copy
import re
import time
from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb")) + sorted(ROOT.glob("*.ipynb"))


def tags(cell) -> list[str]:
    return cell["metadata"].get("tags", [])


def texts(cell) -> list[str]:
    """Return what a cell printed and showed as text."""
    return [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell["outputs"]]


def run(notebook, folder: Path) -> None:
    """Execute a notebook in place, in a kernel of its own; CellExecutionError where a cell fails."""
    resources = {"metadata": {"path": str(folder)}}
    client = NotebookClient(notebook, kernel_name="python3", timeout=300, resources=resources)
    client.execute()


def each_cell_twice(notebook):
    """Return a notebook of code cells in which each stands twice in a row, and the exercises' checks again at the end."""
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    code = [copy.deepcopy(cell) for cell in code for _ in range(2)]
    code += [copy.deepcopy(cell) for cell in code[::2] if "check" in tags(cell)]
    for i, cell in enumerate(code):
        cell["id"] = f"{cell['id'][:50]}-{i}"
    return nbformat.v4.new_notebook(cells=code, metadata=notebook["metadata"])


def faults_of_running_twice(notebook, folder: Path) -> list[str]:
    """Return what goes wrong when every code cell is run twice in a row, and the checks once more in the end."""
    twice = each_cell_twice(notebook)
    try:
        run(twice, folder)
    except CellExecutionError as error:
        count = max(cell["execution_count"] or 0 for cell in twice["cells"])
        return [f"cell {twice['cells'][count - 1]['id']}: {error.ename}: {error.evalue}"]
    checks = [cell for cell in twice["cells"] if "check" in tags(cell)]
    last = checks[len(checks) * 2 // 3 :]  # each is there three times
    return [f"{cell['id']}: {text}" for cell in last for text in texts(cell) if not text.startswith("Right!")]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_can_be_run_twice_in_a_row(path, tmp_path):
    notebook = nbformat.read(path, 4)
    if path.stem == "mkplot":  # its first cell is there to be changed
        notebook["cells"][1]["source"], changes = re.subn(
            r"(?m)^(RUNS|EPOCHS) = \d+", r"\1 = 3", notebook["cells"][1]["source"]
        )
        assert changes == 2
    assert faults_of_running_twice(notebook, tmp_path) == []


class TestTheChecksThemselves:
    """Cells that cannot be run twice, and checks that do not come out right, are found."""

    @pytest.mark.parametrize(
        ("source", "fault"),
        [
            ("a = a - 1 if 'a' in dir() else 1\nassert a == 1", "cell one-1: AssertionError"),
            ("try:\n    n += 1\nexcept NameError:\n    n = 0\nprint(1 / (1 - n))", "cell one-1: ZeroDivisionError"),
            ("raise ValueError('at once')", "cell one-0: ValueError: at once"),
        ],
    )
    def test_a_cell_that_fails(self, source, fault, tmp_path):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source, id="one")])
        (found,) = faults_of_running_twice(notebook, tmp_path)
        assert found.startswith(fault)

    def test_a_check_that_is_wrong_in_the_end(self, tmp_path):
        check = "from minidl.lab.exercises import check\n\ncheck('a', 2)"
        cells = [
            nbformat.v4.new_code_cell("a = ...", id="stub"),
            nbformat.v4.new_code_cell(check, id="check", metadata={"tags": ["check"]}),
            nbformat.v4.new_code_cell("a = 2"),
            nbformat.v4.new_code_cell("a = a + 1"),
        ]
        notebook = nbformat.v4.new_notebook(cells=cells)
        (found,) = faults_of_running_twice(notebook, tmp_path)
        assert "Not right yet" in found
        notebook["cells"].pop()
        assert faults_of_running_twice(notebook, tmp_path) == []


# ---------------------------------------------------------------------------------------------------------------------
# Stop


class Kernel:
    """A real kernel to which cells are sent, and which can be interrupted as JupyterLab's stop button does."""

    def __init__(self) -> None:
        self.manager, self.client = start_new_kernel(kernel_name="python3")

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def send(self, source: str, stop_at: str = "") -> tuple[str, str]:
        """Run a cell; return what it printed, and the name of the error that it ended in, if any.

        With ``stop_at`` it is interrupted 0.3 s after it has printed that.
        """
        self.client.execute(source)
        printed, error = "", ""
        while True:
            message = self.client.get_iopub_msg(timeout=60)
            content = message["content"]
            if message["msg_type"] == "stream":
                printed += content["text"]
                if stop_at and stop_at in printed:
                    time.sleep(0.3)
                    self.manager.interrupt_kernel()
                    stop_at = ""
            elif message["msg_type"] == "error":
                error = content["ename"]
            elif message["msg_type"] == "status" and content["execution_state"] == "idle":
                self.client.get_shell_msg(timeout=60)
                return printed, error


@pytest.fixture(scope="module")
def kernel():
    kernel = Kernel()
    yield kernel
    kernel.close()


PREPARE = """
import torch
from minidl import SGD, Linear, MSELoss, ReLU, Sequential
from minidl.lab.disk import disk
from minidl.lab.training import train

model = Sequential(Linear(2, 25), ReLU(), Linear(25, 2))
data = X, T = disk(200)
"""
LATER = """
before = model[0].params["weight"].clone()
more = train(model, data, epochs=2, lr=1e-4)
assert not torch.equal(model[0].params["weight"], before)
print(more["epoch"].tolist(), more["loss"].map(lambda loss: 0 < loss < 1).all(), model(X).isfinite().all().item())
"""


def test_a_stopped_training_leaves_history_and_model(kernel):
    assert kernel.send(PREPARE) == ("", "")
    for _ in range(3):  # stopped at another moment each time
        printed, error = kernel.send(
            "history = train(model, data, epochs=10**6, callback=lambda epoch: epoch == 1 and print('on its way'))",
            stop_at="on its way",
        )
        assert error == ""
        done = int(re.search(r"Stopped after (\d+) of 1000000 epochs", printed)[1])
        assert done >= 1
        printed, error = kernel.send(
            "print(history['epoch'].tolist() == list(range(1, len(history) + 1)), len(history))"
        )
        assert (printed, error) == (f"True {done}\n", "")
        printed, error = kernel.send(LATER)
        assert error == ""
        assert printed.endswith("[1, 2] True True\n")


def test_a_stopped_loop_written_in_the_notebook_can_be_run_again(kernel):
    """The first training of the course is such a loop; it is stopped in the middle of a batch, and run again."""
    code = {
        cell["id"]: cell["source"]
        for cell in nbformat.read(ROOT / "notebooks" / "00_start_here.ipynb", 4)["cells"]
        if cell["cell_type"] == "code"
    }
    before = list(code)[: list(code).index("train")]
    for name in before:
        assert kernel.send(code[name])[1] == ""
    endless = (
        code["train"].replace("range(100)", "range(10**6)").replace("loss(model", "print('at work'); loss(model", 1)
    )
    assert endless.count("print('at work')") == endless.count("10**6") == 1
    assert kernel.send(endless, stop_at="at work")[1] == "KeyboardInterrupt"
    assert kernel.send(code["train"]) == ("more than nine in ten right: True\n", "")
