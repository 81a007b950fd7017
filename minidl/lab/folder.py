"""Folders to write to, and the project's own."""

from __future__ import annotations

import tempfile
from pathlib import Path


def why_not_writable(folder: str | Path) -> str:
    """Make a folder, and return in words why nothing can be written there; nothing if something can."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        return f"{str(folder)!r} ({error.strerror})"
    return ""


def find_project(start: str | Path = ".") -> Path:
    """Return the nearest folder, from ``start`` upwards, that holds a folder ``notebooks`` with notebooks in it.

    Raises
    ------
    FileNotFoundError
        Where there is none.
    """
    here = Path(start).resolve()
    for folder in (here, *here.parents):
        if any(folder.glob("notebooks/*.ipynb")):
            return folder
    raise FileNotFoundError(
        f"no notebooks in {here}, nor in a folder above it: run this in the folder that holds notebooks/"
    )
