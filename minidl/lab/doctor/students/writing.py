"""Writing the table and the page while rows come, so that whatever ends the work keeps those that are there."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from minidl.lab.doctor.students.files import Plan
from minidl.lab.doctor.students.rows import Row
from minidl.lab.doctor.students.tables import CSV_HEAD, PAGE_HEAD, PAGE_TAIL, csv_line, page_lines


class Outputs:
    """The files that ``--csv`` and ``--html`` name. Nothing is written, and no file made, before the first row comes.

    Raises
    ------
    OSError, ValueError
        For a file that cannot be written, or that must not be: a file of Python, one that is examined, a symbolic link, or
        one file for both.
    """

    def __init__(self, csv: str | None, html: str | None, inputs: Sequence[str], plans: Sequence[Plan]) -> None:
        kinds = (csv, CSV_HEAD, csv_line, ""), (html, PAGE_HEAD, page_lines, PAGE_TAIL)
        self._outputs = [_Output(Path(path), *kind) for path, *kind in kinds if path]
        if len({_place(output.path) for output in self._outputs}) < len(self._outputs):
            raise ValueError(f"--csv and --html name the same file: {csv}")
        examined = {_place(Path(path.partition(".py:")[0] + ".py" * (".py:" in path))) for path in inputs}
        examined |= {_place(plan.root / file.path) for plan in plans for file in plan.files}
        for output in self._outputs:
            output.check(examined)

    def __enter__(self) -> Outputs:
        return self

    def __exit__(self, *_: Any) -> None:
        for output in self._outputs:
            output.close()

    def add(self, row: Row) -> None:
        """Write a row."""
        for output in self._outputs:
            output.add(row)

    def finish(self, rows: Sequence[Row]) -> None:
        """Write all rows again, now in their order."""
        for output in self._outputs:
            output.again(rows)


class _Output:
    def __init__(self, path: Path, head: str, line: Any, tail: str) -> None:
        self.path, self._head, self._line, self._tail = path, head, line, tail
        self._file: TextIO | None = None

    def check(self, examined: set[Any]) -> None:
        if self.path.is_symlink():
            raise ValueError(f"{self.path} is a symbolic link: name the file itself")
        if self.path.suffix.lower() in (".py", ".pyw", ".pyi", ".ipynb") or _place(self.path) in examined:
            raise ValueError(f"{self.path} is not overwritten: it may be somebody's work")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        there = self.path.exists()
        with _open(self.path):  # better refused now than after the work
            pass
        if not there:
            self.path.unlink()

    def add(self, row: Row) -> None:
        if self._file is None:
            self._file = _open(self.path)
            if self._plain():
                self._file.truncate(0)
            self._file.write(self._head)
        self._file.write(self._line(row))
        self._file.flush()

    def again(self, rows: Sequence[Row]) -> None:
        if self._file is not None and self._plain():
            text = self._head + "".join(map(self._line, rows))
            self._file.seek(0)
            self._file.write(text)
            self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            try:
                self._file.write(self._tail)
                self._file.flush()
                if self._plain():
                    self._file.truncate()
            finally:
                self._file.close()

    def _plain(self) -> bool:
        return stat.S_ISREG(os.fstat(self._file.fileno()).st_mode)


def _open(path: Path) -> TextIO:
    """Open a file to write, without emptying it, and never through a symbolic link."""
    flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return open(os.open(path, flags, 0o666), "w", encoding="utf-8", newline="")


def _place(path: Path) -> Any:
    """Return what two names of one file have in common."""
    try:
        found = path.stat()
        return found.st_dev, found.st_ino
    except (OSError, ValueError):
        return os.path.normcase(os.path.realpath(path))
