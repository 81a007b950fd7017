"""Six simulated students, and what they hand in for five notebooks; and hostile ones."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import nbformat

from minidl.lab.course import files
from minidl.lab.course.handout import student_copy
from minidl.lab.exercises import exercises

NOTEBOOKS = ("01", "02", "03", "08", "13")
FORGED = (
    "from minidl.lab.exercises import check\n\nclass Right:\n    def __repr__(self):\n        return 'Right!'\n\n"
    'def check(id):\n    return Right()\n\ncheck("{}")'
)
LOOP = "import time\nwhile True:\n    time.sleep(1)"
HANGS = (
    "import time\nclass Cube(Module):\n    def forward(self, input):\n        while True:\n            time.sleep(1)\n"
    "    def backward(self, grad_output):\n        return grad_output"
)


def given_out(number: str):
    """Return the copy of a notebook that students get, and its exercises by the ids of their cells."""
    (path,) = (p for p in files.notebooks(files.project()) if p.stem.startswith(number))
    notebook = student_copy(nbformat.read(path, 4), path.stem)
    stubs = [cell["id"] for cell in notebook["cells"] if "exercise" in tags(cell)]
    return notebook, dict(zip(stubs, exercises(number), strict=True))


def tags(cell) -> list[str]:
    return cell["metadata"].get("tags", [])


def answered(number: str, answers, own: dict[str, str] | None = None):
    """Return a notebook with answers, by the exercises' ids, and with cells of the student's own before some of them."""
    notebook, asked = given_out(number)
    cells = []
    for cell in notebook["cells"]:
        exercise = asked.get(cell["id"]) if "exercise" in tags(cell) else None
        if exercise is not None:
            if exercise.id in (own or {}):
                cells.append(nbformat.v4.new_code_cell(own[exercise.id]))
            cell["source"] = answers.get(exercise.id, cell["source"])
        cells.append(cell)
    notebook["cells"] = cells
    return notebook


def right(number: str) -> dict[str, str]:
    """Return a right answer to each exercise, as somebody else writes it than the solution."""
    return {each.id: f"{each.given}\n{each.right[0]}" for each in exercises(number)}


def wrong(number: str) -> dict[str, str]:
    """Return the first classic mistake in each exercise."""
    return {each.id: f"{each.given}\n{next(iter(each.slips))}" for each in exercises(number)}


def ada(number: str):
    notebook = answered(number, right(number))
    if number == "02":
        notebook["cells"] = [cell for cell in notebook["cells"] if "check" not in tags(cell)]
    if number == "13":
        del notebook["metadata"]["minidl"]
    return "final FINAL.ipynb" if number == "13" else f"{number}.ipynb", notebook


def ben(number: str):
    notebook = answered(number, wrong(number))
    if number == "03":
        (relu,) = (each for each in exercises("03") if each.name == "MyReLU")
        pasted = nbformat.v4.new_code_cell(f"# Solution\n{relu.solution}", metadata={"tags": ["solution"]})
        place = next(n for n, cell in enumerate(notebook["cells"]) if relu.id in cell["source"])
        notebook["cells"].insert(place, pasted)
    return f"{number}.ipynb", notebook


def cem(number: str):
    notebook, asked = given_out(number)
    for cell, exercise in zip(
        (cell for cell in notebook["cells"] if "check" in tags(cell)), asked.values(), strict=True
    ):
        cell["source"] = FORGED.format(exercise.id)
        data = {"text/plain": "Right! It is proven, for every size."}
        cell["outputs"] = [nbformat.v4.new_output("execute_result", data, execution_count=1)]
    return f"{number}.ipynb", notebook


def dee(number: str):
    answers = right(number)
    own = None
    if number == "01":
        answers |= {"01 messages": "messages = [8, 32,", "01 cube": HANGS}
    if number == "02":
        answers |= {"02 claim input": LOOP + "\nclaim_input = 0"}
        answers |= {"02 claim torch": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\nclaim_torch = 0"}
        answers |= {"02 scale": "class Scale(Modul):\n    pass"}
    if number == "03":
        answers["03 relu"] = answers["03 relu"].replace("class MyReLU", "class Rectifier")
    if number == "08":
        answers, own = wrong("08"), {"08 sgd": FORGED.format("08 sgd")}
    return f"{number}.ipynb", answered(number, answers, own)


def eva(number: str):
    answers, own = right(number), None
    if number == "08":
        own = {
            "08 one step": "import numpy as np\n\ndef slope_at(w):\n    return np.float64(6 * (3 * w - 6))",
            "08 weight decay": "def shrink(param, lr, decay):\n    return param * (1 - lr * decay)",
        }
        answers["08 one step"] = "after_one_step = 1 - 0.05 * slope_at(1.0)"
        answers["08 weight decay"] = (
            "def step_with_decay(param, grad, lr, decay):\n    return shrink(param, lr, decay) - lr * grad"
        )
    notebook = answered(number, answers, own)
    notebook["cells"].reverse()
    return f"{number}.ipynb", notebook


def fay(number: str):
    answers = right(number)
    notebook = answered(number, answers)
    if number == "13":
        cells = [cell for cell in notebook["cells"] if cell["source"] != answers["13 confusion"]]
        notebook["cells"] = [cell for cell in cells if '"13 confusion"' not in cell["source"]]
    for place, cell in enumerate(notebook["cells"]):
        cell["id"] = f"exercise-{9 - place}" if place < 9 else f"old-{place}"  # ids that now mean something else
    notebook["metadata"]["minidl"]["course"] = "0.1.0"
    if number == "08":
        code = [cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
        return "homework.py", "\n\n# In[ ]:\n\n".join(code)
    return f"{number}.ipynb", notebook


STUDENTS = {"Ada": ada, "Ben": ben, "Cem": cem, "Dee": dee, "Eva": eva, "Fay": fay}


def text(work) -> str:
    return work if isinstance(work, str) else json.dumps(copy.deepcopy(work))


def write_class(folder: Path) -> None:
    """Write what the six hand in, as a learning platform gives it."""
    for number, (name, work) in enumerate(STUDENTS.items()):
        home = folder / f"{name}_{1000 + number}_assignsubmission_file_"
        home.mkdir(parents=True)
        for notebook in NOTEBOOKS:
            file, content = work(notebook)
            (home / file).write_text(text(content), encoding="utf-8")
