"""What a check cell calls."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Mapping
from typing import Any

from minidl.lab.exercises.answer import Answer
from minidl.lab.exercises.catalogue import exercise, exercises
from minidl.lab.exercises.errors import explain
from minidl.lab.exercises.kinds import Exercise
from minidl.lab.exercises.reply import RUN, Reply, not_done, wrong

OTHER = (
    "A cell that was run of late makes {1}, and what is asked for is {0}. If that is your answer, give it this name."
)


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
        other = _under_another_name(asked, only_capitals=False)
        return not_done(asked.name, OTHER.format(asked.name, other) if other else RUN)
    said = asked.reply(Answer(asked.name, known[asked.name], source))
    if said.status == "not done" and (other := _under_another_name(asked, only_capitals=True)):
        return not_done(asked.name, f"it is as it was. {OTHER.format(asked.name, other)}")
    return said


def _defines(name: str, cell: str) -> bool:
    return bool(re.search(rf"^(def |class )?{re.escape(name)}\b", cell, re.MULTILINE))


def _error_before(name: str) -> BaseException | None:
    """Return the error in which the cell that was run last ended, if the answer was to come from it."""
    ipython = sys.modules.get("IPython")
    last: Any = getattr(ipython and ipython.get_ipython(), "last_execution_result", None)
    error = last and (last.error_before_exec or last.error_in_exec)
    return error if error and _defines(name, last.info.raw_cell) else None


def _under_another_name(asked: Exercise, only_capitals: bool) -> str:
    """Return a name that a cell run of late made, and that is nearly the one asked for; nothing if there is none."""
    ipython = sys.modules.get("IPython")
    shell: Any = ipython and ipython.get_ipython()
    cells = shell.user_ns.get("In", [])[-4:-1] if shell else []  # the last is the check's own
    ours = {other.name for other in exercises(asked.notebook)}
    made = [
        {
            name
            for name in re.findall(r"^(?:def |class )?(\w+) *(?:=(?!=)|\(|:)", cell, re.MULTILINE)
            if name not in ours
        }
        for cell in cells
    ]
    same = [name for names in made for name in names if name.casefold() == asked.name.casefold()]
    last = {} if only_capitals or not made else {name.casefold(): name for name in made[-1]}
    near = [last[name] for name in difflib.get_close_matches(asked.name.casefold(), last, 1, 0.8)]
    return next((name for name in same + near if name in shell.user_ns), "")


def _source(name: str) -> str:
    """Return the code of the last cell that defines a name."""
    ipython = sys.modules.get("IPython")
    shell: Any = ipython and ipython.get_ipython()
    cells = shell.user_ns.get("In", []) if shell else []
    return next((cell for cell in reversed(cells) if _defines(name, cell)), "")
