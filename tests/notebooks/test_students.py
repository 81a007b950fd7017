"""What students get, and what they do: copies without solutions, every cell run twice in a row, a training stopped."""

from __future__ import annotations

import copy
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb"))


def tags(cell) -> list[str]:
    return cell["metadata"].get("tags", [])


def command(name: str) -> str:
    """Return the README's command after the comment that names it."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (line,) = re.findall(rf"<!-- {name} command -->\n```sh\n(.*)\n```", readme)
    return line


@pytest.fixture(scope="session")
def students(tmp_path_factory):
    """Return the folder of copies that the README's command makes, in a folder of its own."""
    folder = tmp_path_factory.mktemp("classroom")
    shutil.copytree(ROOT / "notebooks", folder / "notebooks")
    python, *arguments = shlex.split(command("students"))
    assert python == ".venv/bin/python"
    made = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return folder / "students"


def test_the_copies_are_complete(students):
    assert [path.name for path in sorted(students.iterdir())] == [path.name for path in NOTEBOOKS]
    for path in NOTEBOOKS:
        before, after = (nbformat.read(p, 4)["cells"] for p in (path, students / path.name))
        assert [cell["id"] for cell in after] == [cell["id"] for cell in before if "solution" not in tags(cell)]
    assert any("solution" in tags(cell) for path in NOTEBOOKS for cell in nbformat.read(path, 4)["cells"])


# ---------------------------------------------------------------------------------------------------------------------
# A student's day


def students_day(given, solutions):
    """Return a notebook in which a student runs each cell twice in a row, then each solution, then the checks again."""
    given = [cell for cell in given if cell["cell_type"] == "code"]
    steps = [("given", cell) for cell in given for _ in range(2)] + [
        ("solved", cell) for cell in solutions for _ in range(2)
    ]
    steps += [("solved", cell) for cell in given if "check" in tags(cell)]
    cells = []
    for i, (part, cell) in enumerate(steps):
        cells.append(copy.deepcopy(cell))
        cells[-1]["id"] = f"{cell['id'][:50]}-{i}"
        cells[-1]["metadata"]["part"] = part
    return nbformat.v4.new_notebook(cells=cells)


def faults_of_a_day(given, solutions, folder: Path) -> list[str]:
    """Return what goes wrong: errors that are not meant, and checks that do not say what they should.

    Before its solution a check says that the exercise is not done yet, in the end that the answer is right.
    """
    day = students_day(given, solutions)
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(day, kernel_name="python3", timeout=300, resources=resources, allow_errors=True).execute()
    faults = []
    for cell in day["cells"]:
        if "raises-exception" not in tags(cell):
            errors = [output for output in cell["outputs"] if output["output_type"] == "error"]
            faults += [f"cell {cell['id']} raises {error['ename']}: {error['evalue']}" for error in errors]
        if "check" in tags(cell):
            words = "Not done yet" if cell["metadata"]["part"] == "given" else "Right!"
            said = [output.get("data", {}).get("text/plain", "") for output in cell["outputs"]]
            if not (len(said) == 1 and said[0].startswith(words)):
                faults.append(f"cell {cell['id']} does not say {words!r}: {said}")
    return faults


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_copy_runs_and_waits_for_answers_and_every_cell_bears_being_run_twice(path, students, tmp_path):
    solutions = [cell for cell in nbformat.read(path, 4)["cells"] if "solution" in tags(cell)]
    assert faults_of_a_day(nbformat.read(students / path.name, 4)["cells"], solutions, tmp_path) == []


def test_every_cell_of_mkplot_bears_being_run_twice(tmp_path):
    cells = nbformat.read(ROOT / "mkplot.ipynb", 4)["cells"]
    # its first code cell is there to be changed
    cells[1]["source"], changes = re.subn(r"(?m)^(RUNS|EPOCHS) = \d+", r"\1 = 3", cells[1]["source"])
    assert changes == 2
    assert faults_of_a_day(cells, [], tmp_path) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({}, ""),
        ({"stub": "a = 2"}, "cell check-2 does not say 'Not done yet'"),
        ({"check": "print('Not done yet')"}, "cell check-2 does not say 'Not done yet'"),
        ({"later": "a + 1"}, "cell later-4 raises TypeError"),
        ({"later": "raise ValueError('at once')"}, "cell later-4 raises ValueError: at once"),
        ({"later": "b = b - 1 if 'b' in dir() else 1\nassert b == 1"}, "cell later-5 raises AssertionError"),
        (
            {"later": "try:\n    n += 1\nexcept NameError:\n    n = 0\n1 / (1 - n)"},
            "cell later-5 raises ZeroDivisionError",
        ),
        ({"solution": "a = 3"}, "cell check-10 does not say 'Right!'"),
        ({"solution": "a = a + 2 if isinstance(a, int) else 2"}, "cell check-10 does not say 'Right!'"),
    ],
)
def test_what_goes_wrong_in_a_day_is_found(changes, fault, tmp_path):
    sources = {
        "stub": "a = ...",
        "check": "from minidl.lab.exercises import check\n\ncheck('a', 2)",
        "later": "b = 1",
        "mistake": "1 / 0",
        "solution": "a = 2",
    }
    tagged = {"check": ["check"], "mistake": ["raises-exception"]}
    *given, solution = (
        nbformat.v4.new_code_cell(source, id=name, metadata={"tags": tagged.get(name, [])})
        for name, source in (sources | changes).items()
    )
    faults = faults_of_a_day(given, [solution], tmp_path)
    assert bool(faults) == bool(fault)
    assert fault in "; ".join(faults)


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
