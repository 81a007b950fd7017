"""What nbval does not look at: every notebook was run as a whole, and holds nothing that belongs to one machine."""

import copy
import json
import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb")) + sorted(ROOT.glob("*.ipynb"))
MACHINE_PATH = re.compile(r"(/home/|/Users/|/root/|/tmp/|/work/|/opt/|/usr/|/var/|site-packages|[A-Z]:\\\\)")
PROGRESS_BAR = re.compile(r"\d%\|.*\|")


def code_cells(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code" and "".join(cell["source"]).strip()]


def text_of(output) -> str:
    """Return all text of an output; pictures are left out."""
    data = {kind: value for kind, value in output.get("data", {}).items() if not kind.startswith("image/")}
    return json.dumps([data, output.get("text", ""), output.get("traceback", ""), output.get("evalue", "")])


def faults(notebook, size: int) -> list[str]:
    """Return what is wrong with a notebook, in words."""
    found = []
    if notebook["metadata"].get("kernelspec", {}).get("name") != "python3":
        found.append("the metadata name no kernelspec python3: JupyterLab stops and asks")
    if size > 1_500_000:
        found.append(f"the file has {size / 1e6:.1f} MB, more than 1.5")
    counts = [cell["execution_count"] for cell in code_cells(notebook)]
    if None in counts:
        found.append(f"{counts.count(None)} code cells were never executed")
    elif counts != list(range(1, len(counts) + 1)):
        found.append("not executed from top to bottom in one go")
    for cell in code_cells(notebook):
        tags = cell["metadata"].get("tags", [])
        for output in cell["outputs"]:
            name = cell.get("id", "?")
            if output["output_type"] == "error" and "raises-exception" not in tags:
                found.append(f"cell {name} stores an error without the tag raises-exception")
            if output.get("name") == "stderr" and "Warning" in text_of(output):
                found.append(f"cell {name} stores a warning")
            if PROGRESS_BAR.search(text_of(output)):
                found.append(f"cell {name} stores a progress bar")
            if MACHINE_PATH.search(text_of(output)):
                found.append(f"cell {name} stores a path of a machine")
            picture = output.get("data", {}).get("image/png", "")
            if len("".join(picture)) * 3 / 4 > 150_000:
                found.append(f"cell {name} stores a picture of more than 150 kB")
        if len("".join(cell["source"]).splitlines()) > 20:
            found.append(f"cell {cell.get('id', '?')} has more than 20 lines of code")
    return found


def test_there_are_notebooks():
    assert ROOT / "notebooks" / "00_start_here.ipynb" in NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_sound(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    nbformat.validate(copy.deepcopy(notebook))
    assert faults(notebook, path.stat().st_size) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_links_to_files_lead_somewhere(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    prose = "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    targets = [target.split("#")[0] for target in re.findall(r"\]\(([^)]+)\)", prose) if "://" not in target]
    assert [target for target in targets if target and not (path.parent / target).exists()] == []


class TestTheChecksThemselves:
    """Each fault, planted in a sound notebook, is found."""

    @pytest.fixture
    def sound(self):
        source = "import warnings\nprint(1)"
        output = {"output_type": "stream", "name": "stdout", "text": "1\n"}
        cell = {
            "cell_type": "code",
            "id": "one",
            "source": source,
            "execution_count": 1,
            "outputs": [output],
            "metadata": {},
        }
        return {"metadata": {"kernelspec": {"name": "python3"}}, "cells": [cell]}

    def test_sound(self, sound):
        assert faults(sound, 1000) == []

    def test_too_large(self, sound):
        assert "MB" in faults(sound, 1_600_000)[0]

    def test_no_kernelspec(self, sound):
        sound["metadata"] = {}
        assert "kernelspec" in faults(sound, 1000)[0]

    def test_never_executed(self, sound):
        sound["cells"][0]["execution_count"] = None
        assert "never executed" in faults(sound, 1000)[0]

    def test_executed_out_of_order(self, sound):
        sound["cells"][0]["execution_count"] = 7
        assert "top to bottom" in faults(sound, 1000)[0]

    @pytest.mark.parametrize(
        ("output", "words"),
        [
            ({"output_type": "error", "ename": "E", "evalue": "e", "traceback": []}, "stores an error"),
            ({"output_type": "stream", "name": "stderr", "text": "x.py:1: UserWarning: no"}, "stores a warning"),
            ({"output_type": "stream", "name": "stdout", "text": "/home/ada/minidl/x.py"}, "stores a path"),
            ({"output_type": "display_data", "data": {"text/html": "C:\\Users\\ada"}, "metadata": {}}, "stores a path"),
            ({"output_type": "stream", "name": "stderr", "text": " 30%|███   | 3/10 [00:01<00:02]"}, "a progress bar"),
            ({"output_type": "display_data", "data": {"image/png": "A" * 210_000}, "metadata": {}}, "150 kB"),
        ],
    )
    def test_bad_output(self, sound, output, words):
        sound["cells"][0]["outputs"].append(output)
        (fault,) = faults(sound, 1000)
        assert words in fault

    def test_expected_error_is_no_fault(self, sound):
        sound["cells"][0]["outputs"] = [{"output_type": "error", "ename": "E", "evalue": "e", "traceback": []}]
        sound["cells"][0]["metadata"]["tags"] = ["raises-exception"]
        assert faults(sound, 1000) == []


def test_the_map_promises_the_minutes_that_each_notebook_does():
    texts = {path.stem: "\n".join(c["source"] for c in nbformat.read(path, 4)["cells"]) for path in NOTEBOOKS}
    promised = dict(
        re.findall(r"^\| \[.*?\]\((\d\d_\w+)\.ipynb\) \|.*\| (\d+) \|$", texts["00_start_here"], re.MULTILINE)
    )
    said = {name: re.search(r"\*\*Time\*\*:\s+about\s+(\d+)\s+minutes", text) for name, text in texts.items()}
    assert promised == {name: found[1] for name, found in said.items() if found and name in promised}
    assert len(promised) >= 13
