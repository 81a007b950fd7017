"""The floors of the house: imports point downwards, never in a circle; rooms have plain names; CONTRIBUTING draws them."""

from __future__ import annotations

import ast
import functools
import graphlib
import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import minidl

ROOT = Path(__file__).parents[2]
PACKAGE = Path(minidl.__file__).parent
LAB = PACKAGE / "lab"
FRAMEWORK = ("module", "linear", "activations", "sequential", "losses", "optim")
# from the roof to the ground: what stands on a floor imports from lower floors only, and from itself
FLOORS = (
    ("cli",),
    ("course", "report", "bench"),
    ("exercises",),
    ("experiment", "doctor", "interactive", "playground"),
    ("figures", "training", "proof", "numeric", "show", "clinic"),
    ("network", "stacked", "torch_twin", "disk", "digits", "folder"),
    ("arguments",),
)


def name_of(path: Path) -> str:
    """Return the dotted name of a file of the package."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imported(path: Path) -> set[str]:
    """Return the dotted names that a file imports, anywhere in it: in functions too, and where only type checkers look."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} has a relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def modules_in(names: set[str]) -> set[str]:
    """Return the files of the package that are meant by dotted names: of `minidl.lab.disk.RADIUS`, it is `minidl.lab.disk`."""
    return {name if name in FILES else name.rpartition(".")[0] for name in names if name.split(".")[0] == "minidl"}


@functools.cache  # read once, by the process that runs these tests
def graph() -> dict[str, set[str]]:
    """Return what each file imports of the package."""
    return {name: modules_in(imported(path)) for name, path in FILES.items()}


def room(name: str) -> str:
    """Return where a module is at home: "framework", or its name right under minidl.lab."""
    parts = name.split(".")
    if parts[1:2] != ["lab"]:
        return "framework"
    return parts[2] if len(parts) > 2 else "lab"


def test_no_import_goes_round_in_a_circle():
    try:
        graphlib.TopologicalSorter(graph()).prepare()
    except graphlib.CycleError as error:
        pytest.fail("a circle of imports: " + " -> ".join(reversed(error.args[1])))


def test_every_room_stands_on_a_floor():
    rooms = [path.stem for path in LAB.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()]
    assert sorted(rooms) == sorted(["__init__", *(name for floor in FLOORS for name in floor)])


@pytest.mark.parametrize("name", [name for name in FILES if room(name) not in ("framework", "lab")])
def test_arrows_point_downwards(name):
    level = {room: number for number, floor in enumerate(FLOORS) for room in floor} | {"framework": len(FLOORS)}
    here = room(name)
    for other in graph()[name]:
        there = room(other)
        assert there == here or level[there] > level[here], f"{name} imports {other}, which is not on a lower floor"


PARTS = "minidl.lab.doctor.measure.parts"  # the network that a training loop is given to train


@pytest.mark.parametrize("name", [name for name in FILES if room(name) == "doctor" and name != PARTS])
def test_the_doctor_knows_nothing_of_the_framework(name):
    assert {room(other) for other in graph()[name]} <= {"doctor"}


@pytest.mark.parametrize("name", FRAMEWORK)
def test_the_framework_imports_torch_and_the_standard_library_only(name):
    names = imported(PACKAGE / f"{name}.py")
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names | {"torch", "minidl"}
    assert not [name for name in names if name.startswith("minidl.lab")]


def test_the_framework_is_these_files():
    assert {path.stem for path in PACKAGE.glob("*.py")} == {*FRAMEWORK, "__init__", "__main__"}


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("minidl.lab.")])
def test_names_of_files_begin_with_a_letter(name):
    assert not [part for part in name.split(".") if part.startswith("_")]


FOLDERS = sorted(path.parent for path in LAB.rglob("__init__.py") if path.parent != LAB)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.relative_to(LAB).as_posix())
def test_a_folder_says_what_it_is_and_a_large_one_names_all_that_is_in_it(folder):
    source = (folder / "__init__.py").read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(source))
    inside = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    missing = [name for name in sorted(inside - {"__init__"}) if not re.search(rf"\b{name}\b", source)]
    assert len(inside) <= 5 or not missing, f"{folder.name} does not name {missing}"


@pytest.mark.parametrize("name", [name for name in FILES if name != "minidl.__main__"])
def test_what_a_module_hands_on_is_there(name):
    module = importlib.import_module(name)
    assert [each for each in getattr(module, "__all__", ()) if not hasattr(module, each)] == []


# ---------------------------------------------------------------------------------------------------------------------
# What the house is said to look like


def tree() -> dict[str, list[str]]:
    """Return CONTRIBUTING's tree: what stands on the left, and the rooms that its line names."""
    page = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"(?s)## How it is laid out\n\n```text\n(.*?)```", page)
    rows = [re.split(r"\s{2,}", line, maxsplit=1) for line in re.sub(r"\n\s+", " ", block).splitlines()]
    return {place: re.findall(r"\w+", text.partition(":")[2]) for place, text in rows}


def test_the_tree_for_contributors_is_the_folders():
    said = tree()
    assert set(said["minidl/"]) == set(FRAMEWORK)
    assert sorted(said["minidl/lab/"]) == sorted(name for floor in FLOORS for name in floor)
    assert sorted(said["tests/"]) == sorted(
        p.name for p in (ROOT / "tests").iterdir() if p.is_dir() and p.name[0] != "_"
    )
    assert {"notebooks/", "mkplot.ipynb"} <= set(said)


def test_the_map_of_the_lab_names_every_room():
    text = ast.get_docstring(ast.parse((LAB / "__init__.py").read_text(encoding="utf-8")))
    assert [name for floor in FLOORS for name in floor if not re.search(rf"\b{name}\b", text)] == []


# ---------------------------------------------------------------------------------------------------------------------
# Importing


@pytest.fixture(scope="module")
def fresh_import():
    """Import minidl after torch in a new process; return what that loaded, all that is loaded, and whether it drew numbers."""
    code = """
import json, random, sys, torch
before, states = set(sys.modules), (torch.get_rng_state(), torch.initial_seed(), random.getstate())
import minidl
same = torch.equal(states[0], torch.get_rng_state()) and states[1:] == (torch.initial_seed(), random.getstate())
print(json.dumps({"added": sorted(set(sys.modules) - before), "loaded": sorted(sys.modules), "same": same}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_importing_minidl_pulls_in_nothing_heavy(fresh_import):
    assert "minidl.linear" in fresh_import["added"]
    # what torch itself loads, such as sympy, is torch's business
    assert not {"sympy", "tqdm", "IPython", "minidl.lab"} & set(fresh_import["added"])
    assert not {"pandas", "matplotlib", "seaborn", "ipywidgets"} & set(fresh_import["loaded"])


@pytest.mark.slow
def test_importing_minidl_seeds_and_draws_nothing(fresh_import):
    assert fresh_import["same"]


def test_every_public_name_is_there():
    for name in ["SGD", "Linear", "MSELoss", "Module", "ReLU", "Sequential", "Sigmoid", "Tanh"]:
        assert name in minidl.__all__
        assert getattr(minidl, name).__doc__
