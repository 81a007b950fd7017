"""The examination of projects: each is visited until all is said that can be said about it, whatever ends its process."""

from __future__ import annotations

import contextlib
import math
import queue
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from minidl.lab.doctor.students.copies import copy
from minidl.lab.doctor.students.files import File, Plan
from minidl.lab.doctor.students.processes import LOADING, House, Process, Settings
from minidl.lab.doctor.students.rows import Forged, Row, unpacked
from minidl.lab.doctor.time_limit import TIME_LIMIT

LOADING_ONE = 3.0  # seconds that the import of one file may take
TRIES = 25  # how often a project is begun again that has ended its process
FILES = 10  # a submission has the time of so many, however many it has
MOST_SAID = 8_000_000  # bytes of all that is said about a submission
MOST_ROWS = 200  # about one file


def examine_projects(
    plans: Sequence[Plan],
    settings: Settings | None = None,
    *,
    show: Callable[[Row], None] = lambda row: None,
    warn: Callable[[str], None] = lambda line: None,
) -> list[Row]:
    """Examine projects, some at the same time, and return the rows in the order of the projects and their files.

    ``show`` gets each row as soon as it is known, ``warn`` a line where there is no wall.

    Raises
    ------
    NoWall
        Where a wall is required and cannot be had.
    """
    settings = settings or Settings()
    house = House(settings)
    rows: dict[tuple[int, int], list[Row]] = {}
    came: queue.Queue[tuple[int, int, Row] | BaseException | None] = queue.Queue()
    waiting = list(enumerate(plans))[::-1]
    used = {plan.submission or number: Used() for number, plan in enumerate(plans)}
    threads = []
    before = end_tidily()
    try:
        house.open(warn)

        def visit() -> None:
            try:
                while True:
                    try:
                        number, plan = waiting.pop()
                    except IndexError:
                        return
                    tell = lambda file, row, number=number: came.put((number, file, row))  # noqa: E731
                    Visit(house, plan, tell, used[plan.submission or number]).run()
            except BaseException as error:
                came.put(error)
            finally:
                came.put(None)

        threads = [threading.Thread(target=visit, daemon=True) for _ in range(min(settings.at_once, len(plans)))]
        for thread in threads:
            thread.start()
        going, total = len(threads), sum(len(plan.files) for plan in plans)
        with tqdm(total=total, unit="file", disable=not sys.stderr.isatty()) as progress:
            while going:
                with contextlib.suppress(queue.Empty):
                    message = came.get(timeout=0.2)  # a wait without an end could not be interrupted everywhere
                    if message is None:
                        going -= 1
                    elif isinstance(message, BaseException):
                        raise message
                    else:
                        number, file, row = message
                        progress.update((number, file) not in rows)
                        rows.setdefault((number, file), []).append(row)
                        show(row)
    finally:
        waiting.clear()
        house.close()
        for thread in threads:
            thread.join(5)
        if before is not None:
            signal.signal(signal.SIGTERM, before)
    return [row for place in sorted(rows) for row in _in_order(rows[place], plans[place[0]].files[place[1]])]


def _in_order(rows: Sequence[Row], file: File) -> list[Row]:
    """Return a file's rows in the order of its classes: some come late."""
    places = {name: place for place, name in enumerate(file.outline.classes)}
    return sorted(rows, key=lambda row: places.get(row.name, len(places)))


def end_tidily() -> Any:
    """Have SIGTERM, for which nobody has asked otherwise, end this process as Ctrl-C does; return what it did before."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        return None

    def end(*_: Any) -> None:
        raise SystemExit(128 + signal.SIGTERM)

    return signal.signal(signal.SIGTERM, end)


@dataclass
class Used:
    """What a submission has used of what it may: seconds for its code, and bytes of what is said about it."""

    seconds: float = 0.0
    said: int = 0


@dataclass
class Of:
    """What is known of a file while its project is examined."""

    file: File
    done: set[str] = field(default_factory=set)
    loads: bool = True
    closed: bool = False
    given: set[str] = field(default_factory=set)  # for what it was given time: loading, examining, examining in place
    held: dict[str, Row] = field(default_factory=dict)  # by name, until it is known whether a better one comes


class Visit:
    """The examination of one project: begun again, without what ended it, until all is said."""

    def __init__(self, house: House, plan: Plan, tell: Callable[[int, Row], None], used: Used) -> None:
        self._house, self._plan, self._tell = house, plan, tell
        self._files = [Of(file) for file in plan.files]
        self._at: tuple[int, str] = (0, "load")
        cases = house.settings.cases or plan.cases
        self._cases = cases.read_text(encoding="utf-8") if cases else ""
        self._seconds = FILES * house.settings.seconds
        self._used, self._since = used, math.inf  # since when the project's code runs
        self._in_place = False  # whether everything has its row, and only better ones may come

    def run(self) -> None:
        """Examine it."""
        for number, of in enumerate(self._files):
            outline, shown = of.file.outline, of.file.shown
            if outline.problem:
                verdict = "does not load" if "Error" in outline.problem.split(":")[0] else "not examined"
                self._close(number, Row(shown, of.file.what, verdict, outline.problem))
            elif outline.empty and not of.file.what:
                text = "No class with forward and backward, or with step."
                self._close(number, Row(shown, "", "nothing to examine", text))
        for _ in range(TRIES):
            if all(of.closed for of in self._files) or not self._house.open_now or self._enough():
                break
            self._once()
        verdict, text = self._enough() or ("not examined", "The project's code ends its process again and again.")
        for number, of in enumerate(self._files):
            if not of.closed and self._house.open_now:
                self._close(number, Row(of.file.shown, "", verdict, text))

    def _left(self) -> float:
        return self._seconds - self._used.seconds - max(0.0, time.monotonic() - self._since)

    def _enough(self) -> tuple[str, str] | None:
        """Return why nothing more of this project is examined, or None."""
        if self._left() <= 0:
            return "time limit", f"not examined any more: its submission has had its {self._seconds:g} seconds"
        if self._used.said > MOST_SAID:
            return "no report", f"not examined any more: about its submission came more than {MOST_SAID // 10**6} MB"
        return None

    def _close(self, number: int, row: Row | None = None) -> None:
        if not self._files[number].closed:
            self._files[number].closed = True
            for held in self._files[number].held.values():
                self._tell(number, held)
            if row is not None:
                self._tell(number, row)

    def _job(self) -> dict[str, Any]:
        settings = self._house.settings
        files = [
            {
                "number": number,
                "path": str(of.file.path),
                "shown": of.file.shown,
                "what": of.file.what,
                "layers": [name for name in of.file.outline.classes if name in of.file.outline.layers],
                "classes": of.file.outline.classes,
                "load": of.loads,
                "skip": sorted(of.done),
                "done": of.closed,
            }
            for number, of in enumerate(self._files)
            if not of.file.outline.problem and (not of.file.outline.empty or of.file.what)
        ]
        seconds = min(TIME_LIMIT, settings.seconds / 4)
        return {
            "files": files,
            "shape": settings.shape,
            "seconds": seconds,
            "file": settings.seconds,
            "in_place": min(settings.seconds / 2, self._left() / 10),  # other projects of its submission want time, too
            "loading": min(LOADING_ONE, settings.seconds / 4),
            "megabytes": settings.megabytes,
            "cases": self._cases,
            "allow": settings.allow,
        }

    def _once(self) -> None:
        """Have a process examine what is left, and keep what it says."""
        with tempfile.TemporaryDirectory(dir=self._house.place.name, ignore_cleanup_errors=True) as place:
            process = Process(self._house, self._job(), copy(self._plan, Path(place)))
            end, broken = "gone", ""
            try:
                for message in process.messages(LOADING):
                    if isinstance(message, dict) and set(message) == {"end"}:
                        end = message["end"]
                        break
                    try:
                        self._take(message, process)
                    except Forged as error:
                        broken = str(error)
                        break
            finally:
                process.end()
                self._used.said += process.size
                self._used.seconds += max(0.0, time.monotonic() - self._since)
                self._since = math.inf
        self._after(process, end, broken)

    def _take(self, message: Any, process: Process) -> None:
        if self._used.said + process.size > MOST_SAID:
            raise Forged(f"more than {MOST_SAID // 10**6} MB")
        if isinstance(message, dict) and set(message) == {"at", "doing"}:
            number, doing = message["at"], message["doing"]
            if type(number) is not int or not 0 <= number < len(self._files) or not isinstance(doing, str):
                raise Forged("a place that there is not")
            of = self._files[number]
            if doing not in ("load", "examine", "in place") and doing not in Names(of.file):
                raise Forged("a class that was not asked for")
            self._in_place |= doing == "in place"
            self._at = (number, doing)
            self._since = min(self._since, time.monotonic())
            if doing in ("load", "examine", "in place") and doing not in of.given:
                of.given.add(doing)
                process.more(self._house.settings.seconds)
            process.at_most(self._left())
            return
        asked = {n: (of.file.shown, Names(of.file)) for n, of in enumerate(self._files) if not of.closed}
        number, row = unpacked(message, asked)
        of = self._files[number]
        if self._in_place and of.held.pop(row.name, None):
            self._tell(number, row)
            return
        if row.name in of.done:
            raise Forged("a second row about the same class")
        if len(of.done) >= MOST_ROWS:
            raise Forged(f"more than {MOST_ROWS} rows about one file")
        if row.verdict == "nothing to examine" and (certain := self._untold(of)):
            row = Row(
                row.file, "", "no report", f"its process says that there is nothing to examine, but {_listed(certain)}"
            )
        of.done.add(row.name)
        if row.name in of.file.outline.classes and (row.verdict == "not examined" or row.mistakes == ["raises"]):
            of.held[row.name] = row
        else:
            self._tell(number, row)
        if row.name == "":
            self._close(number)

    def _after(self, process: Process, end: Any, broken: str) -> None:
        """Say what has ended the process, and what is left to be examined."""
        if not self._house.open_now:
            return
        number, doing = self._at
        of = self._files[number]
        if self._in_place or (end == 0 and not broken and not process.late):
            for other, rest in enumerate(self._files):
                if not rest.closed:
                    text = "its process ended before there was a report"
                    if not rest.done:
                        self._tell(other, Row(rest.file.shown, rest.file.what, "no report", text))
                    elif untold := self._untold(rest):
                        self._tell(other, Row(rest.file.shown, "", "no report", f"{text}, but {_listed(untold)}"))
                    self._close(other)
            return
        if process.late:
            verdict, text = self._enough() or (
                "time limit",
                f"still runs after {self._house.settings.seconds:g} seconds and was ended",
            )
        elif broken:
            verdict, text = "no report", f"what came back is not the doctor's: {broken}"
        elif end == "memory":
            megabytes = self._house.settings.megabytes
            verdict, text = "crashed", f"its processes took more than {megabytes} MB together and were ended"
        else:
            verdict, text = "crashed", f"exit status {end}" if type(end) is int else "its process is gone"
        name = "" if doing in ("load", "examine") else doing
        if of.closed:  # whoever has ended it, it was not this one: take the next
            number, of = next(((n, o) for n, o in enumerate(self._files) if not o.closed), (number, of))
            name = ""
        if doing == "load":
            text += ", while it was imported"
            of.loads = False
        if not of.closed:
            of.done.add(name)
            self._tell(number, Row(of.file.shown, name, verdict, text))
            if name == "" or process.late or broken:
                self._close(number)

    def _untold(self, of: Of) -> list[str]:
        """Return the classes of a file that the doctor cannot have left out, and about which nothing was said."""
        if of.file.what or "" in of.done:
            return []
        return [name for name in of.file.outline.certain if name not in of.done]


def _listed(names: Sequence[str]) -> str:
    """Say that a file has some classes."""
    few, more = ", ".join(names[:5]), len(names) - 5
    return f"its text has {few}{f' and {more} more' * (more > 0)}"


LONGEST_NAME = 80


class Names:
    """What may be said about in a file: its classes, its functions, pairs of these, ``f/g``, and of a class's, ``C.f/g``.

    Of a pair, the first may lie in another file.
    """

    def __init__(self, file: File) -> None:
        self._what = file.what
        self._classes, self._functions = set(file.outline.classes), set(file.outline.functions)

    def __contains__(self, name: object) -> bool:
        if self._what:
            return name == self._what
        parts = str(name).split("/")
        holder, dot, first = parts[0].partition(".")
        if dot and holder in self._classes:
            return len(parts) <= 2 and all(map(_is_name, [first, *parts[1:]]))
        own = len(parts) <= 2 and parts[-1] in self._functions and _is_name(parts[0])
        return name in self._classes or own


def _is_name(text: str) -> bool:
    return text.isidentifier() and len(text) < LONGEST_NAME
