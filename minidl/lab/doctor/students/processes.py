"""A process for each project, with limits of time and memory, so that one that misbehaves stops nothing else."""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from minidl.lab.doctor.students import server
from minidl.lab.doctor.students.copies import copy
from minidl.lab.doctor.students.files import File, Plan
from minidl.lab.doctor.students.rows import Forged, Row, unpacked
from minidl.lab.doctor.students.wall import INSIDE, NoWall, Wall
from minidl.lab.doctor.time_limit import TIME_LIMIT

LOADING = 60.0  # seconds that a process may take until it has loaded everything
LONGEST_LINE, MOST_LINES = 2_000_000, 100_000
TRIES = 25  # how often a project is begun again that has ended its process


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to examine.

    Attributes
    ----------
    shape : tuple of int, or None
        Of the batch.
    seconds : float
        A file that takes longer is ended; what it had shown until then is kept.
    megabytes : int
        What each project may have on top of what the examination needs.
    at_once : int
        Projects at the same time.
    wall : {"auto", "require", "none"}
        Whether each project runs behind bubblewrap: where it can be had, or not at all without, or never.
    cases : Path or None
        A file that says how the things of this assignment are built and called.
    allow : tuple of str
        Conventions that are fine here.
    """

    shape: tuple[int, ...] | None = None
    seconds: float = 20.0
    megabytes: int = 2000
    at_once: int = 2
    wall: str = "auto"
    cases: Path | None = None
    allow: tuple[str, ...] = ()


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
    house = _House(settings)
    rows: dict[tuple[int, int], list[Row]] = {}
    came: queue.Queue[tuple[int, int, Row] | BaseException | None] = queue.Queue()
    waiting = list(enumerate(plans))[::-1]
    threads = []
    try:
        house.open(warn)

        def visit() -> None:
            try:
                while True:
                    try:
                        number, plan = waiting.pop()
                    except IndexError:
                        return
                    _Visit(house, plan, lambda file, row, number=number: came.put((number, file, row))).run()
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
    return [row for place in sorted(rows) for row in rows[place]]


class _House:
    """What all projects share: the server, the folder for private copies, and whether there are walls."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.walls, self.open_now = settings, False, True
        self._server: tuple[subprocess.Popen[bytes], socket.socket] | None = None
        self._lock = threading.Lock()
        self._running: set[_Process] = set()
        self.place = tempfile.TemporaryDirectory(prefix="examine-", ignore_cleanup_errors=True)

    def open(self, warn: Callable[[str], None]) -> None:
        """Try whether a wall can be had."""
        if self.settings.wall == "none":
            return
        try:
            if not server.FORK:
                raise NoWall("bubblewrap is for Linux")
            trial = Path(self.place.name, "trial")
            trial.mkdir()
            self.walls = True
            process = _Process(self, {"probe": True}, trial)
            try:
                end = next(
                    (m["end"] for m in process.messages(LOADING) if isinstance(m, dict) and "end" in m), "no answer"
                )
            finally:
                process.end()
            if end != 0:
                raise NoWall(str(end))
        except NoWall as error:
            self.walls = False
            if self.settings.wall == "require":
                raise
            warn(f"no wall around the students' code ({error}): it can do whatever you can do")

    def channel(self) -> socket.socket:
        """Return a channel to a new copy of the server, which is started where there is none, or not any more."""
        with self._lock:
            for _ in range(2):
                if self._server is None or self._server[0].poll() is not None:
                    self._server = server.start()
                ours, its = socket.socketpair()
                with its, contextlib.suppress(OSError):
                    socket.send_fds(self._server[1], [b"x"], [its.fileno()])
                    return ours
                ours.close()
        raise OSError("the process that examines cannot be started")

    def started(self, process: _Process) -> None:
        with self._lock:
            self._running.add(process)
            if not self.open_now:
                process.end()

    def close(self) -> None:
        """End all that runs."""
        with self._lock:
            self.open_now, running = False, list(self._running)
        for process in running:
            process.end()
        if self._server is not None:
            program, asking = self._server
            asking.close()
            try:
                program.wait(1)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()
        self.place.cleanup()


class _Process:
    """The process of one project, and what comes from it."""

    def __init__(self, house: _House, job: dict[str, Any], folder: Path) -> None:
        self._wall, self._program, self._channel = None, None, None
        self._late, self._began = False, time.monotonic()
        self._deadline, self._over = 0.0, threading.Event()
        job = {**job, "root": str(folder), "wall": 0}
        try:
            if house.walls:
                self._wall = Wall(folder, 24 * 3600)
                job |= {"wall": self._wall.pid, "root": str(INSIDE / folder.name)}
            line = json.dumps(job).encode() + b"\n"
            if server.FORK:
                self._channel = house.channel()
                self._lines = self._channel.makefile("rb")
                self._channel.sendall(line)
            else:
                self._program = subprocess.Popen(
                    server.command("once", 1),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env=server.environment(),
                    start_new_session=True,
                )
                self._lines = self._program.stdout
                with contextlib.suppress(OSError):
                    self._program.stdin.write(line)
                    self._program.stdin.close()
        except BaseException:
            self.end()
            raise
        house.started(self)

    def messages(self, seconds: float):
        """Yield what comes, each a value of JSON or an exception; ``more`` gives it more time."""
        self.more(seconds)
        watch = threading.Thread(target=self._watch, daemon=True)
        watch.start()
        for _ in range(MOST_LINES):
            try:
                line = self._lines.readline(LONGEST_LINE)
            except (OSError, ValueError):
                line = b""
            if not line:
                return
            if line.strip():
                try:
                    yield json.loads(line, parse_constant=_no_number)
                except (ValueError, RecursionError, UnicodeDecodeError) as error:
                    yield error

    def more(self, seconds: float) -> None:
        """Set when the time is over, from now."""
        self._deadline = time.monotonic() + seconds

    def _watch(self) -> None:
        while not self._over.wait(max(0.01, self._deadline - time.monotonic())):
            if time.monotonic() >= self._deadline:
                self._late = True
                self.end()
                return

    @property
    def late(self) -> bool:
        return self._late

    def end(self) -> None:
        """End it, and where the system can, whatever it has started."""
        self._over.set()
        if self._wall is not None:
            self._wall.fall()
        if self._channel is not None:
            with contextlib.suppress(OSError):
                self._channel.shutdown(socket.SHUT_RDWR)
            self._channel.close()
        if self._program is not None:
            self._program.kill()
            self._program.wait()


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


@dataclass
class _Of:
    """What is known of a file while its project is examined."""

    file: File
    done: set[str] = field(default_factory=set)
    loads: bool = True
    closed: bool = False
    given: set[str] = field(default_factory=set)  # for what it was given time: loading, examining


class _Visit:
    """The examination of one project: begun again, without what ended it, until all is said."""

    def __init__(self, house: _House, plan: Plan, tell: Callable[[int, Row], None]) -> None:
        self._house, self._plan, self._tell = house, plan, tell
        self._files = [_Of(file) for file in plan.files]
        self._at: tuple[int, str] = (0, "load")
        cases = house.settings.cases or plan.cases
        self._cases = cases.read_text(encoding="utf-8") if cases else ""

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
            if all(of.closed for of in self._files) or not self._house.open_now:
                return
            self._once()
        for number, of in enumerate(self._files):
            if not of.closed:
                self._close(
                    number,
                    Row(of.file.shown, "", "not examined", "The project's code ends its process again and again."),
                )

    def _close(self, number: int, row: Row | None = None) -> None:
        if not self._files[number].closed:
            self._files[number].closed = True
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
            "megabytes": settings.megabytes,
            "cases": self._cases,
            "allow": settings.allow,
        }

    def _once(self) -> None:
        """Have a process examine what is left, and keep what it says."""
        with tempfile.TemporaryDirectory(dir=self._house.place.name, ignore_cleanup_errors=True) as place:
            process = _Process(self._house, self._job(), copy(self._plan, Path(place)))
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
        self._after(process, end, broken)

    def _take(self, message: Any, process: _Process) -> None:
        if isinstance(message, dict) and set(message) == {"at", "doing"}:
            number, doing = message["at"], message["doing"]
            if type(number) is not int or not 0 <= number < len(self._files) or not isinstance(doing, str):
                raise Forged("a place that there is not")
            of = self._files[number]
            if doing not in ("load", "examine") and doing not in _Names(of.file):
                raise Forged("a class that was not asked for")
            self._at = (number, doing)
            if doing in ("load", "examine") and doing not in of.given:
                of.given.add(doing)
                process.more(self._house.settings.seconds)
            return
        asked = {n: (of.file.shown, _Names(of.file)) for n, of in enumerate(self._files) if not of.closed}
        number, row = unpacked(message, asked)
        of = self._files[number]
        if row.name in of.done:
            raise Forged("a second row about the same class")
        of.done.add(row.name)
        self._tell(number, row)
        if row.name == "":
            self._close(number)

    def _after(self, process: _Process, end: Any, broken: str) -> None:
        """Say what has ended the process, and what is left to be examined."""
        if not self._house.open_now:
            return
        number, doing = self._at
        of = self._files[number]
        if end == 0 and not broken and not process.late:
            for other, rest in enumerate(self._files):
                if not rest.closed:
                    text = "its process ended before there was a report"
                    self._close(other, None if rest.done else Row(rest.file.shown, rest.file.what, "no report", text))
            return
        if process.late:
            verdict, text = "time limit", f"still runs after {self._house.settings.seconds:g} seconds and was ended"
        elif broken:
            verdict, text = "no report", f"what came back is not the doctor's: {broken}"
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


class _Names:
    """What may be said about in a file: its classes, its functions, and pairs of these, ``f/g``."""

    def __init__(self, file: File) -> None:
        self._what = file.what
        self._classes, self._functions = set(file.outline.classes), set(file.outline.functions)

    def __contains__(self, name: object) -> bool:
        if self._what:
            return name == self._what
        parts = str(name).split("/")
        return name in self._classes or (len(parts) <= 2 and set(parts) <= self._functions)
