"""An exercise whose answer is a training loop: the doctor examines it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from minidl.lab.doctor import examine_training
from minidl.lab.doctor.subject.stubs import is_empty, is_stub
from minidl.lab.exercises.answer import Answer, run
from minidl.lab.exercises.comparing import show
from minidl.lab.exercises.kinds.exercise import Exercise
from minidl.lab.exercises.kinds.layer import complain
from minidl.lab.exercises.reply import WRITE, NotDone, Wrong


@dataclass(frozen=True, kw_only=True)
class Loop(Exercise):
    """A training loop to be repaired.

    Attributes
    ----------
    broken : str
        The code of the stub: the loop as it is to be repaired.
    """

    broken: str
    kind: ClassVar[str] = "loop"

    def judge(self, answer: Answer) -> str:
        loop = answer.value
        if not callable(loop):
            raise Wrong(
                f"it should be a function, and is {show(loop)}: define it with def {self.name}(...).", certain=True
            )
        if (
            is_empty(loop)
            or is_stub(loop)
            or _compiled(loop) == _compiled(run(self.name, self.broken, self.given).value)
        ):
            raise NotDone(WRITE.format("the loop"))
        try:
            diagnosis = examine_training(loop, framework="minidl")
            complain(diagnosis, self.notebook)
        except TypeError as error:
            raise Wrong(f"{error}.", certain=True) from error
        if diagnosis.notes:  # on purpose perhaps, elsewhere; here it is asked for otherwise
            raise Wrong(diagnosis.notes[0])
        return "the doctor has run it for 3 epochs on 23 samples, and finds nothing to complain about"


def _compiled(loop: Any) -> tuple[Any, ...]:
    """Return what Python makes of a function: the same for the same code, also where its text cannot be had."""
    code = getattr(loop, "__code__", None)
    return (code.co_code, code.co_names, code.co_varnames, code.co_consts) if code else (loop,)
