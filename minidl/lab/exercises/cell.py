"""What a check cell calls."""

from __future__ import annotations

import difflib
import linecache
import re
import sys
import traceback
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
STOPPED = (
    "the exercise's cell was run, and there is no {0}: it stopped with an error before that. Run it again, and read what it "
    "says."
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
    if error := _error_before(asked.name, known):
        what = explain(error, "the exercise's cell", "stopped with")
        return wrong(asked.name, f"there is no new answer yet: {what}\nMend that cell, run it, then this one.", "")
    source = _source(asked.name, known)
    if source and asked.name not in known:
        return not_done(asked.name, STOPPED.format(asked.name))
    return reply_to(asked, known, source)


def reply_to(asked: Exercise, known: Mapping[str, Any], source: str) -> Reply:
    """Return the reply to what an exercise's name stands for among names that are known, and to the code that made it."""
    if asked.name not in known:
        other = _under_another_name(asked, known, only_capitals=False)
        return not_done(asked.name, OTHER.format(asked.name, other) if other else RUN)
    said = asked.reply(Answer(asked.name, known[asked.name], source))
    if said.status == "not done" and (other := _under_another_name(asked, known, only_capitals=True)):
        return not_done(asked.name, f"it is as it was. {OTHER.format(asked.name, other)}")
    return said


def _defines(name: str, cell: str) -> bool:
    name = re.escape(name)
    return bool(re.search(rf"^(?:(?:def|class) +{name}\b|{name} *[^\w\s(.[])", cell, re.MULTILINE))


def _shell(known: Mapping[str, Any]) -> Any:
    """Return the IPython in which names are known; None where they are those of a plain program."""
    get_ipython = known.get("get_ipython")
    return get_ipython() if callable(get_ipython) else None


def _error_before(name: str, known: Mapping[str, Any]) -> BaseException | None:
    """Return the error in which the cell that was to give the answer has ended, if it has.

    That is the cell that was run last; or an earlier one, with others run since, where the answer is still not there.
    """
    last: Any = getattr(_shell(known), "last_execution_result", None)
    error = last and (last.error_before_exec or last.error_in_exec)
    if error and _defines(name, last.info.raw_cell):
        return error
    error, cell = getattr(sys, "last_value", None), _source(name, known)
    return error if name not in known and error and cell and cell.strip() in _cells_of(error) else None


def _cells_of(error: BaseException) -> list[str]:
    """Return the code of the cells, or files, in which an error happened."""
    files = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        files.append(error.filename)
    return ["".join(linecache.getlines(file)).strip() for file in files]


def _under_another_name(asked: Exercise, known: Mapping[str, Any], only_capitals: bool) -> str:
    """Return a name that a cell run of late made, and that is nearly the one asked for; nothing if there is none."""
    cells = known.get("In", [])[-4:-1] if _shell(known) else []  # the last is the check's own
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
    return next((name for name in same + near if name in known), "")


def _source(name: str, known: Mapping[str, Any]) -> str:
    """Return the code of the last cell that defines a name."""
    cells = known.get("In", []) if _shell(known) else []
    return next((cell for cell in reversed(cells) if _defines(name, cell)), "")
