"""What all exercises have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import torch

from minidl.lab.exercises.answer import Answer, may_differ, run, same_code
from minidl.lab.exercises.comparing import plainly, same
from minidl.lab.exercises.kinds.calling import precision, trusted
from minidl.lab.exercises.reply import NotDone, Reply, Wrong, not_done, right, wrong
from minidl.lab.proof import Proof
from minidl.lab.show import SideBySide, side_by_side

OURS = (
    "What only looks after the tensors: _check sees whether they fit, and complains in a sentence if not; _kept holds what "
    "backward will need, and _recall_for gives it back, once."
)


@dataclass(frozen=True, kw_only=True)
class Exercise(ABC):
    """One exercise: what is asked, how an answer is judged, and what people answer.

    Attributes
    ----------
    id : str
        The notebook's number and a few words, for example "02 weight gradient".
    name : str
        What the answer is called in the notebook.
    asks : str
        What is asked, in one sentence.
    solution : str
        The code of the notebook's solution cell, without its first line.
    right : tuple of str
        Other right answers, as people write them: at least four.
    slips : mapping of str to str
        Wrong answers that are known by what they do, and the reply to each. It names the mistake, and not the answer.
    wrong : mapping of str to str
        Other wrong answers, and words that the reply to each has to hold.
    given : str
        Code that answers stand on: what the notebook has imported and made by then.
    hint : str
        One sentence, added where an answer is wrong.
    points : int
        What it counts where it is marked.
    ours : class, optional
        minidl's own, whose source stands beside that of a right answer.
    about_ours : str
        Sentences on what in it is not the lesson.
    remark : function, optional
        Takes what a right answer stands for; returns a sentence on what it could do better, or nothing.
    """

    id: str
    name: str
    asks: str
    solution: str
    right: tuple[str, ...] = ()
    slips: Mapping[str, str] = field(default_factory=dict)
    wrong: Mapping[str, str] = field(default_factory=dict)
    given: str = ""
    hint: str = ""
    points: int = 1
    ours: type | None = None
    about_ours: str = OURS
    remark: Callable[[Any], str] | None = None
    kind: ClassVar[str]

    @property
    def notebook(self) -> str:
        """The number of the notebook, "02"."""
        return self.id[:2]

    @precision(torch.float64)
    def reply(self, answer: Answer) -> Reply:
        """Judge an answer, whatever it is."""
        try:
            judged = self.judge(answer)
        except NotDone as stub:
            return not_done(self.name, str(stub))
        except Wrong as problem:
            slip = "" if problem.certain else self.slip(answer)
            hint = self.hint if slip or problem.hinted else ""
            return wrong(self.name, slip or str(problem), hint, problem.diagnosis)
        words, proof = judged if isinstance(judged, tuple) else (judged, None)
        copied = may_differ(self.solution) and same_code(self.name, answer.source, self.solution)
        remark = self.remark(answer.value) if self.remark else ""
        return right(self.name, words, copied, proof, self._beside(answer.value), self.about_ours, remark)

    @abstractmethod
    def judge(self, answer: Answer) -> str | tuple[str, Proof]:
        """Return in words what was judged, where the answer is right, and the proof if there is one.

        Raises
        ------
        NotDone
            Where the stub is as it was.
        Wrong
            Where the answer is not right.
        """

    def _beside(self, value: Any) -> SideBySide | None:
        """Return the source of minidl's own class, beside that of the answer where it can be read."""
        if self.ours is None:
            return None
        methods = [method for method in ("forward", "backward", "step", "__getitem__") if method in vars(self.ours)]
        for classes in ([value, self.ours], [self.ours]):
            try:
                return side_by_side(*classes, methods=methods)
            except (ValueError, OSError, TypeError):  # a method that is no function, or a source that is not there
                continue
        return None

    def behaviour(self, value: Any) -> Any:
        """Return what tells what an answer does, to know a slip by, numbers in it of any kind; None where there is nothing."""
        return None

    @precision(torch.float64)
    def slip(self, answer: Answer) -> str:
        """Return what there is to say to a wrong answer that does the same as one that is known; nothing to others."""
        mine = plainly(self.behaviour(answer.value)) if self.slips else None
        if mine is None:
            return ""
        for code, says in self.slips.items():
            if code not in self._behaviours:
                with trusted():
                    self._behaviours[code] = plainly(self.behaviour(run(self.name, code, self.given).value))
            theirs = self._behaviours[code]
            if theirs is not None and self.alike(mine, theirs):
                return says
        return ""

    @cached_property
    def _behaviours(self) -> dict[str, Any]:
        """What slips do, by their code: filled one by one, since a student tries again and again."""
        return {}

    def alike(self, mine: Any, theirs: Any) -> bool:
        """Whether what two answers do, as `plainly` returns it, is of answers that make the same mistake."""
        return same(mine, theirs)
