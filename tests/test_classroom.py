"""What a teacher hands out: the copy without solutions runs to its end, and every exercise in it waits for its answer."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb"))


def tags(cell) -> list[str]:
    return cell["metadata"].get("tags", [])


def command(name: str) -> str:
    """Return the README's command after the comment that names it."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (line,) = re.findall(rf"<!-- {name} command -->\n```sh\n(.*)\n```", readme)
    return line


def run(notebook, folder: Path):
    """Execute a notebook to its end, whatever fails on the way, and return it."""
    resources = {"metadata": {"path": str(folder)}}
    client = NotebookClient(notebook, kernel_name="python3", timeout=300, resources=resources, allow_errors=True)
    return client.execute()


def faults_of_student_copy(notebook) -> list[str]:
    """Return what is wrong with an executed copy without solutions."""
    faults = []
    for cell in notebook["cells"]:
        outputs = cell.get("outputs", [])
        if "solution" in tags(cell):
            faults.append(f"cell {cell['id']} is a solution")
        if "raises-exception" not in tags(cell):
            errors = [output for output in outputs if output["output_type"] == "error"]
            faults += [f"cell {cell['id']} raises {error['ename']}: {error['evalue']}" for error in errors]
        if "check" in tags(cell):
            said = [output.get("data", {}).get("text/plain", "") for output in outputs]
            if not (len(said) == 1 and said[0].startswith("Not done yet")):
                faults.append(f"cell {cell['id']} does not say 'not done yet': {said}")
    return faults


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    """Return the folder that the README's command makes, in a folder of its own."""
    folder = tmp_path_factory.mktemp("classroom")
    shutil.copytree(ROOT / "notebooks", folder / "notebooks")
    python, *arguments = shlex.split(command("students"))
    assert python == ".venv/bin/python"
    made = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return folder / "students"


def test_the_copy_is_complete(students):
    assert [path.name for path in sorted(students.iterdir())] == [path.name for path in NOTEBOOKS]
    for path in NOTEBOOKS:
        before, after = (nbformat.read(p, 4)["cells"] for p in (path, students / path.name))
        assert [cell["id"] for cell in after] == [cell["id"] for cell in before if "solution" not in tags(cell)]
    assert any("solution" in tags(cell) for path in NOTEBOOKS for cell in nbformat.read(path, 4)["cells"])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_copy_runs_and_waits_for_answers(path, students, tmp_path):
    assert faults_of_student_copy(run(nbformat.read(students / path.name, 4), tmp_path)) == []


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, ""),
        ({"stub": "a = 2"}, "does not say 'not done yet'"),
        ({"later": "a + 1"}, "cell later raises TypeError"),
        ({"check": "print('Not done yet')"}, "does not say 'not done yet'"),
    ],
)
def test_a_copy_that_needs_its_solution_is_found(changes, word, tmp_path):
    sources = {
        "stub": "a = ...",
        "check": "from minidl.lab.exercises import check\n\ncheck('a', 2)",
        "later": "b = 1",
        "mistake": "1 / 0",
    }
    tagged = {"check": ["check"], "mistake": ["raises-exception"]}
    cells = [
        nbformat.v4.new_code_cell(source, id=name, metadata={"tags": tagged.get(name, [])})
        for name, source in (sources | changes).items()
    ]
    faults = faults_of_student_copy(run(nbformat.v4.new_notebook(cells=cells), tmp_path))
    assert len(faults) == bool(word)
    assert word in " ".join(faults)
