"""The verdict about one answer: the processes that it needs, and what is believed of what they say.

An answer's code runs in processes of its own, behind the wall. In one of them the judge looks at it; what comes from there is
its own report, and "right" is not believed for that. Then the answer is made once more where there is no judge, no exercise and
no solution, and has to do something with inputs that are drawn anew: its numbers come to us, and are compared with those of the
solution. An answer that is a value, a formula or a network comes to us itself, and is judged where none of the student's code
runs.
"""

from __future__ import annotations

import contextlib
import secrets
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minidl.lab.course.marking.cells import plain
from minidl.lab.course.marking.crossing import Unreadable, unpacked
from minidl.lab.course.marking.evidence import is_data
from minidl.lab.course.marking.reaching import reaches
from minidl.lab.course.marking.rows import first_sentence
from minidl.lab.course.marking.transplant import Found
from minidl.lab.doctor.students.processes import LOADING, House, Process, Settings
from minidl.lab.exercises.comparing import difference
from minidl.lab.exercises.kinds import Exercise

JUDGES = "minidl.lab.course.marking.judging"
PLAYS = "minidl.lab.course.marking.playing"
TOLERANCE = 1e-4
PATIENCE = 300.0  # seconds that our own judge may take: a network is trained
MOST_SAID = 5  # messages of one process
STATUS = {"right": "right", "wrong": "not right", "not done": "not done"}


@dataclass(frozen=True)
class Verdict:
    """What is said about an answer; as in a `Row`."""

    status: str
    text: str = ""
    why: str = ""
    mistakes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Said:
    """What came from a process, and how it ended."""

    messages: list[Any]
    at: str
    end: Any
    late: bool
    broken: str

    def field(self, name: str) -> Any:
        """Return what it said under a name; None where it did not."""
        return next((m[name] for m in self.messages if isinstance(m, dict) and name in m), None)


class Court:
    """All that verdicts need: the houses in which processes run, and what each exercise's answer has to do.

    Parameters
    ----------
    settings : Settings
        Limits of time and memory for an answer, and whether there has to be a wall.
    hidden : list of Path
        Folders with the exercises, and the notebooks with their solutions: they are empty for an answer that gives evidence.
    """

    def __init__(self, settings: Settings, hidden: Sequence[Path]) -> None:
        self._seconds, self._megabytes = settings.seconds, settings.megabytes
        self._with_judge = House(settings, JUDGES)
        self._alone = House(settings, PLAYS, hidden)
        self._ours = House(Settings(wall="none", megabytes=4000), JUDGES)
        self._seed = secrets.randbits(40)
        self._evidence: dict[str, Any] = {}
        self._lock = threading.Lock()

    @property
    def walls(self) -> bool:
        return self._with_judge.walls

    def open(self, warn: Callable[[str], None]) -> None:
        """Try whether a wall can be had.

        Raises
        ------
        NoWall
            Where it is required and cannot.
        """
        self._with_judge.open(warn)
        self._alone.walls = self._with_judge.walls

    def close(self) -> None:
        """End all that runs."""
        for house in (self._with_judge, self._alone, self._ours):
            house.close()

    def verdict(self, exercise: Exercise, found: Found) -> Verdict:
        """Return what is to be said about an answer."""
        for code in [*found.own, found.answer.source]:
            if what := reaches(code):
                return Verdict(
                    "not believed", f"Its code reaches for what no answer needs ({what}). Look at it yourself."
                )
        if not found.answer.runs:
            return Verdict("does not run", _syntax(found.answer.source), "syntax error")
        cells = [*found.before, found.answer.source]
        if is_data(exercise):
            return self._of_data(exercise, cells)
        job = {"doing": "reply", "exercise": exercise.id, "cells": cells, "source": found.answer.source}
        said = self._ask(self._with_judge, job, self._seconds)
        if (verdict := _of_report(said, len(cells))) is None:
            return self._ended(said)
        return self._with_evidence(exercise, cells, verdict) if verdict.status == "right" else verdict

    def _of_data(self, exercise: Exercise, cells: list[str]) -> Verdict:
        """Have an answer cross as data, and judge it where its code does not run."""
        said = self._play(exercise, cells)
        if (verdict := _broken(said, len(cells))) is not None:
            return verdict
        played = said.field("played")
        if said.late or not isinstance(played, list) or not played:
            return self._ended(said)
        value = played[0] if exercise.kind != "network" else played
        job = {"doing": "values", "exercise": exercise.id, "value": value, "source": cells[-1]}
        judged = self._ask(self._ours, job, PATIENCE)
        verdict = _of_report(judged, len(cells))
        return verdict or Verdict("not believed", "What it gives is nothing that can be judged. Look at it yourself.")

    def _with_evidence(self, exercise: Exercise, cells: list[str], verdict: Verdict) -> Verdict:
        """Return a verdict that says "right" if the answer's own numbers say so, too."""
        said = self._play(exercise, cells)
        with contextlib.suppress(Unreadable, ValueError):
            due = unpacked(self.evidence(exercise)["expected"], trusted=True)
            if not said.late and not (off := difference(unpacked(said.field("played")), due, TOLERANCE)):
                return verdict
        off = "its numbers are not"
        if said.late or said.field("played") is None:
            off = "where there is no judge it does nothing"
        text = f"Its process says that it is right, and {off}. Look at it yourself."
        return Verdict("not believed", text)

    def evidence(self, exercise: Exercise) -> dict[str, Any]:
        """Return the script of an exercise, and what the solution does with it: once for all students."""
        with self._lock:
            if exercise.id not in self._evidence:
                job = {"doing": "prepare", "exercise": exercise.id, "seed": self._seed}
                said = self._ask(self._ours, job, PATIENCE)
                if said.field("script") is None:
                    raise OSError(f"the judge of {exercise.id!r} does not answer ({said.end})")
                self._evidence[exercise.id] = {name: said.field(name) for name in ("script", "expected")}
            return self._evidence[exercise.id]

    def _play(self, exercise: Exercise, cells: list[str]) -> Said:
        job = {"cells": cells, "name": exercise.name, "script": self.evidence(exercise)["script"]}
        return self._ask(self._alone, job, self._seconds)

    def _ask(self, house: House, job: dict[str, Any], seconds: float) -> Said:
        """Give a job to a process of its own, and return what it says within its time."""
        said: list[Any] = []
        at, end, broken = "", "gone", ""
        with tempfile.TemporaryDirectory(dir=house.place.name, ignore_cleanup_errors=True) as place:
            folder = Path(place, "empty")
            folder.mkdir()
            megabytes = 4000 if house is self._ours else self._megabytes
            process = Process(house, {**job, "megabytes": megabytes}, folder)
            try:
                for message in process.messages(LOADING if house is not self._ours else seconds):
                    if isinstance(message, dict) and set(message) == {"end"}:
                        end = message["end"]
                        break
                    if isinstance(message, dict) and set(message) == {"at"}:
                        if not at:  # from here on its code runs
                            process.at_most(seconds)
                        at = str(message["at"])[:20]
                        continue
                    said.append(message)
                    if len(said) > MOST_SAID:
                        broken = "it says too much"
                        break
            finally:
                process.end()
        return Said(said, at, end, process.late, broken)

    def _ended(self, said: Said) -> Verdict:
        """Return what is to be said of a process that gave no report."""
        if said.late:
            text = f"It still runs after {self._seconds:g} seconds: is there a loop that never ends?"
            return Verdict("does not run", text, "time limit")
        if said.end == "memory":
            return Verdict("does not run", f"It takes more than {self._megabytes} MB.", "memory")
        if len(said.messages) == 1 and isinstance(raised := said.field("raises"), str):
            return Verdict("not right", f"It raises {raised}", mistakes=[raised])
        if said.messages or said.broken:
            return Verdict("not believed", "What comes from its process is not the judge's. Look at it yourself.")
        ended = f"exit status {said.end}" if type(said.end) is int else "it is gone"
        return Verdict("does not run", f"Its code ends the process that it runs in ({ended}).", "ended its process")


def _of_report(said: Said, cells: int) -> Verdict | None:
    """Return the verdict that a process reports, if it reports one in the form that there is for it."""
    if (verdict := _broken(said, cells)) is not None:
        return verdict
    if said.late or len(said.messages) != 1 or not isinstance(said.messages[0], dict):
        return None
    report = said.messages[0]
    if set(report) != {"status", "text", "mistakes"} or report["status"] not in STATUS:
        return None
    text, mistakes = report["text"], report["mistakes"]
    if not isinstance(text, str) or not isinstance(mistakes, list) or not all(isinstance(m, str) for m in mistakes):
        return None
    if report["status"] == "wrong" and not mistakes:
        mistakes = [first_sentence(text)]
    return Verdict(STATUS[report["status"]], text, mistakes=mistakes[:10])


def _broken(said: Said, cells: int) -> Verdict | None:
    """Return the verdict about cells that do not run, if the process tells so."""
    broken = said.field("broken")
    if not isinstance(broken, dict) or set(broken) != {"kind", "where", "text"} or len(said.messages) != 1:
        return None
    kind, where, text = broken["kind"], broken["where"], str(broken["text"])
    if kind == "ends":
        kind = "ended its process"
    if kind not in ("syntax error", "name is not there", "raises", "ended its process") or type(where) is not int:
        return None
    if where < cells - 1:
        text = f"A cell that it stands on does not run: {text}"
    return Verdict("does not run", text, kind)


def _syntax(source: str) -> str:
    try:
        compile(source, "<cell>", "exec", dont_inherit=True, flags=0x400)  # only to a tree: nothing is folded or run
    except SyntaxError as error:
        line = (error.text or "").strip()
        return f"Python cannot read it: {error.msg} (line {error.lineno}{line and f': {line}'})."
    except (ValueError, RecursionError, MemoryError) as error:
        return f"Python cannot read it: {str(error) or 'it is nested too deeply'}."
    return f"Python cannot read it: {plain(source)[:80]}"
