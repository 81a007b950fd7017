"""A private copy of a project, so that nothing that its code does touches the original."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from minidl.lab.doctor.students.files import Plan
from minidl.lab.doctor.students.importing import SKIPPED
from minidl.lab.doctor.students.outlines import LARGEST as LARGEST_PYTHON

LARGEST = 20 * 2**20  # bytes of one file
ROOM = 200 * 2**20  # bytes of all files that are not Python's
MOST = 20_000  # files


def copy(plan: Plan, place: Path) -> Path:
    """Copy a project's plain files to a place, no links and nothing very large; return the copy of its root."""
    root = place / (plan.root.absolute().name or "project")
    root.mkdir()
    room = ROOM
    for count, path in enumerate(_files(plan)):
        source, target = plan.root / path, root / path
        size = source.lstat().st_size
        python = path.suffix == ".py"  # data may not take the room of these
        if count >= MOST or size > (LARGEST_PYTHON if python else min(LARGEST, room)):
            continue
        room -= 0 if python else size
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target, follow_symlinks=False)
    return root


def _files(plan: Plan) -> Iterator[Path]:
    """Yield the plain files of a project, relative to its root."""
    if plan.copied is not None:
        yield from (path for path in plan.copied if _plain(plan.root / path))
        return
    for here, folders, files in os.walk(plan.root):
        folders[:] = [name for name in sorted(folders) if not (name.startswith(".") or name in SKIPPED)]
        for name in sorted(files):
            if _plain(Path(here, name)):
                yield Path(here, name).relative_to(plan.root)


def _plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()
