"""Running the cells that an answer stands on, and the answer's own, in the process that is its own."""

from __future__ import annotations

import linecache
import traceback
from collections.abc import Sequence
from typing import Any

FILE = "<cell {}>"


class Broken(Exception):  # noqa: N818
    """A cell does not run.

    Attributes
    ----------
    kind : {"syntax error", "name is not there", "raises", "ends"}
    where : int
        The number of the cell, counted from 0; the answer's own is the last.
    """

    def __init__(self, kind: str, where: int, text: str) -> None:
        super().__init__(text)
        self.kind, self.where = kind, where

    def as_data(self) -> dict[str, Any]:
        return {"kind": self.kind, "where": self.where, "text": str(self)[:1000]}


def answer_of(cells: Sequence[str], name: str) -> Any:
    """Run cells one after the other, and return what the last one's name stands for.

    Raises
    ------
    Broken
        Where one of them does not run, or the name is not there in the end.
    """
    namespace: dict[str, Any] = {"__name__": "__main__", "display": lambda *things, **options: None}
    for number, code in enumerate(cells):
        file = FILE.format(number)
        linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)  # errors quote their line
        try:
            exec(compile(code, file, "exec"), namespace)
        except SyntaxError as error:
            raise Broken("syntax error", number, f"{error.msg} (line {error.lineno})") from error
        except NameError as error:
            raise Broken("name is not there", number, _said(error, file)) from error
        except Exception as error:
            raise Broken("raises", number, _said(error, file)) from error
        except BaseException as error:
            raise Broken("ends", number, _said(error, file)) from error
    if name not in namespace:
        raise Broken("name is not there", len(cells) - 1, f"{name} is not there when its cell has run")
    return namespace[name]


def _said(error: BaseException, file: str) -> str:
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    at = f" (line {lines[-1].lineno}: {lines[-1].line})" if lines else ""
    try:
        text = str(error)
    except Exception:
        text = ""
    return f"{type(error).__name__}{text and f': {text}'}{at}"
