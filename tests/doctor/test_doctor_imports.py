"""The doctor stands alone: it imports nothing else of minidl, and its own modules only in one direction.

The one exception is the network that a training loop is given to train.
"""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import minidl.lab.doctor

FOLDER = Path(minidl.lab.doctor.__file__).parent
ROOT = FOLDER.parents[2]


def name_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


PARTS = "minidl.lab.doctor.measure.parts"
FILES = {name_of(path): path for path in sorted(FOLDER.rglob("*.py"))}


def imported(path):
    """Return the modules that a file imports, anywhere in it; names in a module count as the module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in FILES else node.module


@pytest.mark.parametrize("name", [name for name in FILES if name != PARTS])
def test_nothing_else_of_minidl_is_imported(name):
    ours = {module for module in imported(FILES[name]) if module.split(".")[0] == "minidl"}
    assert ours <= set(FILES)
    assert "TYPE_CHECKING" not in FILES[name].read_text(encoding="utf-8")


def test_no_import_leads_back():
    TopologicalSorter({name: set(imported(path)) & set(FILES) for name, path in FILES.items()}).prepare()


def test_every_file_can_be_read_in_one_sitting():
    assert [name for name, path in FILES.items() if len(path.read_text(encoding="utf-8").splitlines()) > 400] == []
