"""A folder as a project: its files import each other as their author meant it, and make one pool of classes."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from minidl.lab.doctor.students.importing import Importer
from minidl.lab.doctor.students.loading import classes

OLD_NAMES = {"int": int, "float": float, "bool": bool, "object": object, "str": str}  # of NumPy, until its version 1.24
OLDER_NAMES = {"NaN": "nan", "Inf": "inf", "infty": "inf", "float_": "float64", "product": "prod", "in1d": "isin",
               "alltrue": "all", "sometrue": "any", "cumproduct": "cumprod", "row_stack": "vstack"}  # fmt: skip


def _put_back_old_names() -> None:
    """Let projects of some years ago find what NumPy has taken away since: np.int, np.NaN."""
    with contextlib.suppress(ImportError):
        numpy = importlib.import_module("numpy")
        gone = OLD_NAMES | {old: getattr(numpy, new, None) for old, new in OLDER_NAMES.items()}
        for name, value in gone.items():
            if name not in vars(numpy) and value is not None:
                setattr(numpy, name, value)


class Project:
    """The files of one student, those that have been loaded. While it is entered (``with``), its files can import.

    Attributes
    ----------
    root : Path
        The folder. Files import from it, from its parent, from their own folder, and relative to their package.
    modules : dict
        The modules by their files' paths, relative to ``root``, in the order in which they were asked for.
    problems : dict
        What went wrong while a file was loaded, in words, by the same paths. Such a file may have a module all the same:
        what comes after the line that failed is defined as far as it can be.
    missing : dict
        The package that a file wants and that is not installed, by the same paths.

    Parameters
    ----------
    root : Path
        The folder.
    seconds : float
        What the import of one file may take.
    """

    def __init__(self, root: Path, seconds: float = 5.0) -> None:
        self.root = root.resolve()
        self.modules: dict[Path, ModuleType] = {}
        self.problems: dict[Path, str] = {}
        self.missing: dict[Path, str] = {}
        self._importer = Importer(self.root, seconds)
        self._before: tuple[str, list[str]] = (os.getcwd(), [])

    def __enter__(self) -> Project:
        _put_back_old_names()
        self._before = os.getcwd(), list(sys.argv)
        self._importer.__enter__()
        return self

    def __exit__(self, *_: Any) -> None:
        os.chdir(self._before[0])
        sys.argv[:] = self._before[1]
        self._importer.__exit__()

    def load(self, path: Path) -> ModuleType | None:
        """Import a file, its path relative to the root, as a script in its own folder would be; None where it has no module."""
        here = self.root / path
        os.chdir(here.parent)
        sys.argv[:] = [str(here)]
        self._importer.forget_names()
        module = self._importer.module(here)
        if module is not None:
            self.modules[path] = module
        for mine, found in ((self.problems, self._importer.problems), (self.missing, self._importer.missing)):
            if here in found:
                mine[path] = found[here]
        return module

    @property
    def pool(self) -> list[type]:
        """All layers, losses and optimisers of the project, of all files that are loaded, in order."""
        return list(dict.fromkeys(cls for module in self.modules.values() for cls in classes(module)))

    def near(self, thing: Any) -> list[type]:
        """Return the pool, what lies nearest to a class or an object first: its file, then its folder, then the rest."""
        names = {module.__name__: path for path, module in self.modules.items()}
        cls = thing if isinstance(thing, type) else type(thing)
        home = names.get(cls.__module__, Path())

        def distance(other: type) -> int:
            path = names.get(other.__module__, Path())
            return 0 if path == home else 1 if path.parent == home.parent else 2

        return sorted(self.pool, key=distance)
