"""Puts the course into a folder and opens it: ``minidl start``.

A student works in the files that are put there. So a later start writes over a file only if it is still what an earlier start
has put there, which is recorded as a checksum in the folder; all others are kept, and named.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from minidl.lab.course import files

RECORD = ".minidl-course.json"
FIRST = Path("notebooks", "00_start_here.ipynb")


@dataclass
class Put:
    """What has become of the files: names as from the folder.

    Attributes
    ----------
    written : list of str
        New ones, and those that nobody had changed and that are newer now.
    kept : list of str
        Those that somebody has changed since.
    beside : list of str
        New copies, written beside those.
    """

    written: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)


def put(folder: Path, fresh: bool = False) -> Put:
    """Put the course's notebooks into a folder, never over a file that differs from what was put there.

    Parameters
    ----------
    folder : Path
        It is made where it is missing.
    fresh : bool
        Whether to write a new copy beside each file that is kept.

    Raises
    ------
    OSError
        Where something cannot be read or written.
    """
    project, done = files.project(), Put()
    record = _read_record(folder / RECORD)
    for source in files.notebooks(project):
        name, new = source.relative_to(project), source.read_bytes()
        path, key = folder / name, name.as_posix()
        old = path.read_bytes() if path.exists() else None
        if old is None or (old != new and _checksum(old) == record.get(key)):
            _write(path, new)
            done.written.append(key)
        elif old != new:
            done.kept.append(key)
            if fresh and (beside := _write_beside(path, new)):
                done.beside.append(beside.relative_to(folder).as_posix())
            continue
        record[key] = _checksum(new)
    _write(folder / RECORD, (json.dumps(record, indent=1) + "\n").encode())
    return done


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read_record(path: Path) -> dict[str, str]:
    """Return what was put here, by name; nothing where that is not known, so that all that differs is kept."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _write(path: Path, content: bytes) -> None:
    """Write a file, all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".new")
    unfinished.write_bytes(content)
    os.replace(unfinished, path)


def _names_beside(path: Path) -> Iterator[Path]:
    yield path.with_name(f"{path.stem}.fresh{path.suffix}")
    number = 2
    while True:
        yield path.with_name(f"{path.stem}.fresh-{number}{path.suffix}")
        number += 1


def _write_beside(path: Path, content: bytes) -> Path | None:
    """Write a copy under the first name that is free and return it; nothing where there is such a copy already."""
    for beside in _names_beside(path):
        if not beside.exists():
            _write(beside, content)
            return beside
        if beside.read_bytes() == content:
            return None


def can_open() -> bool:
    """Return whether JupyterLab is installed."""
    return find_spec("jupyterlab") is not None


def open_course(folder: Path, options: Sequence[str] = ()) -> int:
    """Open the first notebook of a folder in JupyterLab, and return its exit status.

    Parameters
    ----------
    folder : Path
        What JupyterLab shows.
    options : sequence of str
        What else to tell JupyterLab.
    """
    folder = folder.resolve()
    command = [
        sys.executable,
        "-P",
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={folder}",
        *options,
        str(folder / FIRST),
    ]
    if os.name == "posix":
        sys.stdout.flush()
        os.execv(command[0], command)  # in this process's place: so JupyterLab alone hears Ctrl-C
    return subprocess.call(command)
