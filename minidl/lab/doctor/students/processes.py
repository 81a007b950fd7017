"""A process for each project, with limits of time and memory, so that one that misbehaves stops nothing else."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minidl.lab.doctor.students import server
from minidl.lab.doctor.students.wall import INSIDE, NoWall, Wall

LOADING = 60.0  # seconds that a process may take until it has loaded everything
LONGEST_LINE = 1_000_000  # bytes of one message
EXAMINES = "minidl.lab.doctor.students.worker"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to examine.

    Attributes
    ----------
    shape : tuple of int, or None
        Of the batch.
    seconds : float
        A file that takes longer is ended; what it had shown until then is kept. A submission has ten times as much.
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


class House:
    """What all projects share: the server, the folder for private copies, and whether there are walls.

    ``worker`` is the module that does the jobs, ``hidden`` are folders that the wall leaves empty.
    """

    def __init__(self, settings: Settings, worker: str = EXAMINES, hidden: Sequence[Path] = ()) -> None:
        self.settings, self.walls, self.open_now = settings, False, True
        self.worker, self.hidden = worker, tuple(hidden)
        self._lock = threading.Lock()
        self._running: set[Process] = set()
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
            process = Process(self, {"probe": True}, trial)
            try:
                end = next(
                    (m["end"] for m in process.messages(LOADING) if isinstance(m, dict) and "end" in m), "no answer"
                )
            finally:
                process.end()
            if end != 0:
                raise NoWall(str(end).removeprefix("no wall: "))
        except NoWall as error:
            self.walls = False
            if self.settings.wall == "require":
                raise
            warn(f"no wall around the students' code ({error}): it can do whatever you can do")

    def channel(self) -> socket.socket:
        """Return a channel to a new copy of the server."""
        with self._lock:
            return server.channel(self.worker)

    def started(self, process: Process) -> None:
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
        self.place.cleanup()


class Process:
    """The process of one project, and what comes from it."""

    def __init__(self, house: House, job: dict[str, Any], folder: Path) -> None:
        self._wall, self._program, self._channel = None, None, None
        self._late, self.size = False, 0
        self._deadline, self._over = 0.0, threading.Event()
        job = {**job, "root": str(folder), "wall": 0}
        try:
            if house.walls:
                self._wall = Wall(folder, house.hidden)
                job |= {"wall": self._wall.pid, "root": str(INSIDE / folder.name)}
            line = json.dumps(job).encode() + b"\n"
            if server.FORK:
                self._channel = house.channel()
                self._lines = self._channel.makefile("rb")
                self._channel.sendall(line)
            else:
                self._program = subprocess.Popen(
                    server.command("once", 1, house.worker),
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
        threading.Thread(target=self._watch, daemon=True).start()
        with self._lines:
            while True:
                try:
                    line = self._lines.readline(LONGEST_LINE)
                except (OSError, ValueError):
                    return
                if not line:
                    return
                self.size += len(line)
                if line.strip():
                    try:
                        message = json.loads(line, parse_constant=_no_number)
                    except (ValueError, RecursionError, UnicodeDecodeError) as error:
                        message = error
                    yield message

    def more(self, seconds: float) -> None:
        """Set when the time is over, from now."""
        self._deadline = time.monotonic() + seconds

    def at_most(self, seconds: float) -> None:
        """Set when the time is over, if it is not over before, from now."""
        self._deadline = min(self._deadline, time.monotonic() + seconds)

    def _watch(self) -> None:
        while not self._over.wait(0.05):
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
