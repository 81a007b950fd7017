"""All exercises, by their ids."""

from __future__ import annotations

import difflib
import importlib
import pkgutil

from minidl.lab.exercises import notebooks
from minidl.lab.exercises.kinds import Exercise


def exercises(notebook: str = "") -> list[Exercise]:
    """Return the exercises of a notebook, by its number ("02"), or of all, in the order in which they are met."""
    names = sorted(module.name for module in pkgutil.iter_modules(notebooks.__path__))
    modules = (
        importlib.import_module(f"{notebooks.__name__}.{name}") for name in names if name.startswith(f"n{notebook}")
    )
    return [exercise for module in modules for exercise in module.EXERCISES]


def exercise(id: str) -> Exercise:
    """Return the exercise with this id.

    Raises
    ------
    ValueError
        Where there is none; it names the nearest.
    """
    for found in exercises(id[:2]):  # those of one notebook only, so that the others need not be loaded
        if found.id == id:
            return found
    ids = [found.id for found in exercises(id[:2]) or exercises()]
    near = difflib.get_close_matches(id, ids, 3, 0.4) or ids[:3]
    raise ValueError(f"expected the id of an exercise, got {id!r}; the nearest are {', '.join(map(repr, near))}")
