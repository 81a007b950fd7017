"""The floors of the project: imports point downwards only, and importing changes nothing."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import minidl

PACKAGE = Path(minidl.__file__).parent
FRAMEWORK = sorted(path for path in PACKAGE.glob("*.py") if path.name != "__main__.py")
LAB = sorted((PACKAGE / "lab").glob("*.py"))


def imported(path):
    """Return the dotted names that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} has a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", FRAMEWORK, ids=lambda path: path.name)
def test_the_framework_imports_torch_and_the_standard_library_only(path):
    names = set(imported(path))
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names | {"torch", "minidl"}
    assert not [name for name in names if name.startswith("minidl.lab")]


@pytest.mark.parametrize("path", LAB, ids=lambda path: path.name)
def test_the_lab_imports_nothing_from_above(path):
    above = {"notebooks", "mkplot", "tests", "conftest"}
    assert not {name.split(".")[0] for name in imported(path)} & above


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


def test_importing_minidl_pulls_in_nothing_heavy(fresh_import):
    assert "minidl.linear" in fresh_import["added"]
    # what torch itself loads, such as sympy, is torch's business
    assert not {"sympy", "tqdm", "IPython", "minidl.lab"} & set(fresh_import["added"])
    assert not {"pandas", "matplotlib", "seaborn", "ipywidgets"} & set(fresh_import["loaded"])


def test_importing_minidl_seeds_and_draws_nothing(fresh_import):
    assert fresh_import["same"]


def test_every_public_name_is_there():
    for name in ["SGD", "Linear", "MSELoss", "Module", "ReLU", "Sequential", "Sigmoid", "Tanh"]:
        assert name in minidl.__all__
        assert getattr(minidl, name).__doc__
