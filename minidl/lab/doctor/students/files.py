"""The files to examine: those that are named, and those in folders."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path


def find(paths: Sequence[str]) -> list[tuple[Path, str]]:
    """Return the files to examine, each with what to examine in it, or with nothing for all of it.

    Raises
    ------
    FileNotFoundError
        For a path that leads nowhere or to no Python file, and for a folder without such.
    """
    found: list[tuple[Path, str]] = []
    for text in paths:
        match = re.fullmatch(r"(.*\.py):([^/\\].*)", text)
        path, what = (Path(match[1]), match[2]) if match else (Path(text), "")
        if path.is_dir():
            inside = [file for file in sorted(path.rglob("*.py")) if not _hidden(file.relative_to(path))]
            if not inside:
                raise FileNotFoundError(f"no Python file in {path}")
            found += [(file, "") for file in inside]
        elif path.is_file() and path.suffix != ".py":
            raise FileNotFoundError(f"no Python file: {path}")
        elif path.is_file():
            found.append((path, what))
        else:
            raise FileNotFoundError(f"no such file or folder: {path}")
    return list(dict.fromkeys(found))


def _hidden(path: Path) -> bool:
    return any(part.startswith((".", "__")) for part in path.parts)
