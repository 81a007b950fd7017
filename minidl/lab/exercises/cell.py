"""What a check cell calls."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any

from minidl.lab.exercises.answer import Answer
from minidl.lab.exercises.catalogue import exercise
from minidl.lab.exercises.errors import explain
from minidl.lab.exercises.kinds import Exercise
from minidl.lab.exercises.reply import RUN, Reply, not_done, wrong


def check(asked: str | Exercise) -> Reply:
    """Look at the answer to an exercise, where this is called from, and reply.

    Parameters
    ----------
    asked : str or Exercise
        The exercise's id, for example "02 weight gradient".

    Raises
    ------
    ValueError
        Where no exercise has this id.
    """
    asked = exercise(asked) if isinstance(asked, str) else asked
    frame = sys._getframe(1)
    known = {**frame.f_globals, **frame.f_locals}
    if error := _error_before(asked.name):
        what = explain(error, "its cell")
        return wrong(asked.name, f"there is no new answer yet: {what}\nMend that cell, run it, then this one.", "")
    return reply_to(asked, known, _source(asked.name))


def reply_to(asked: Exercise, known: Mapping[str, Any], source: str) -> Reply:
    """Return the reply to what an exercise's name stands for among names that are known, and to the code that made it."""
    if asked.name not in known:
        return not_done(asked.name, RUN)
    return asked.reply(Answer(asked.name, known[asked.name], source))


def _defines(name: str, cell: str) -> bool:
    return bool(re.search(rf"^(def |class )?{re.escape(name)}\b", cell, re.MULTILINE))


def _error_before(name: str) -> BaseException | None:
    """Return the error in which the cell that was run last ended, if the answer was to come from it."""
    ipython = sys.modules.get("IPython")
    last: Any = getattr(ipython and ipython.get_ipython(), "last_execution_result", None)
    error = last and (last.error_before_exec or last.error_in_exec)
    return error if error and _defines(name, last.info.raw_cell) else None


def _source(name: str) -> str:
    """Return the code of the last cell that defines a name."""
    ipython = sys.modules.get("IPython")
    shell: Any = ipython and ipython.get_ipython()
    cells = shell.user_ns.get("In", []) if shell else []
    return next((cell for cell in reversed(cells) if _defines(name, cell)), "")
