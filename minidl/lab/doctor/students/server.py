"""A process that has loaded everything, and makes a copy of itself for each job: loading takes two seconds, copying none.

It runs no student's code. Its copies do: each steps behind its wall first, where there is one.

``start`` makes it. Over a socket it gets, for each job, another socket, over which the job comes and what is said about it goes
back. Where the system knows no ``fork``, each job has a process that loads everything itself (`once`).

What a job is, a module knows, its worker: ``warm_up()`` loads what its jobs need, ``work(job, send)`` does one.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import math
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from minidl.lab.doctor.students.wall import NoWall, enter, trusted_path

FORK = hasattr(os, "fork") and hasattr(socket, "send_fds") and sys.platform != "darwin"
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
LONGEST_JOB = 50_000_000
Work = Callable[[dict[str, Any], Callable[[str], None]], None]
BOOT = "import sys; sys.path[:] = {path!r}; from minidl.lab.doctor.students import server; server.{name}({number}, {worker!r})"


def command(name: str, number: int, worker: str) -> list[str]:
    """Return the command that calls a function of this file in a process of its own, with our modules and nobody else's."""
    return [sys.executable, "-I", "-c", BOOT.format(path=trusted_path(), name=name, number=number, worker=worker)]


def environment() -> dict[str, str]:
    """Return what such a process knows of ours: nothing but what it needs."""
    known = {
        name: os.environ[name] for name in ("SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if name in os.environ
    }
    fixed = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    return known | fixed | {"MPLCONFIGDIR": "/tmp", "PYTHONDONTWRITEBYTECODE": "1"}


def start(worker: str) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start the server for a worker and return it, with the socket to ask it over."""
    ours, its = socket.socketpair()
    with its:
        program = _copy_of_python()
        try:
            process = subprocess.Popen(
                command("serve", its.fileno(), worker),
                executable=f"/proc/self/fd/{program}" if program is not None else None,
                pass_fds=(its.fileno(), *([program] if program is not None else [])),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment(),
                cwd="/",
            )
        finally:
            if program is not None:
                os.close(program)
    return process, ours


def _copy_of_python() -> int | None:
    """Return a copy of the interpreter in memory: through /proc/self/exe, a student's code could change the one that we use."""
    if not hasattr(os, "memfd_create"):
        return None
    number = os.memfd_create("python", 0)
    with open(os.path.realpath(sys.executable), "rb") as program:
        while block := program.read(2**20):
            os.write(number, block)
    return number


def channel(worker: str) -> socket.socket:
    """Return a channel to a new copy of a worker's server, which is started where there is none, or not any more."""
    for _ in range(2):
        if worker not in started or started[worker][0].poll() is not None:
            _stop(worker)
            started[worker] = start(worker)
        ours, its = socket.socketpair()
        with its, contextlib.suppress(OSError):
            socket.send_fds(started[worker][1], [b"x"], [its.fileno()])
            return ours
        ours.close()
    raise OSError("the process that examines cannot be started")


started: dict[str, tuple[subprocess.Popen[bytes], socket.socket]] = {}  # for each worker, one at most


@atexit.register
def stop() -> None:
    """End all servers. They end by themselves, too, when this process is gone."""
    for worker in list(started):
        _stop(worker)


def _stop(worker: str) -> None:
    if worker in started:
        process, asking = started.pop(worker)
        asking.close()
        process.kill()
        process.wait()


def serve(number: int, worker: str) -> None:
    """Answer until nobody asks any more: for each socket that comes, a copy of this process that does what comes over it."""
    _adopt()
    for numbered in range(3, 256):
        if numbered != number:
            with contextlib.suppress(OSError):
                os.close(numbered)
    worker = importlib.import_module(worker)
    worker.warm_up()
    gc.collect()
    gc.freeze()  # what all copies share is looked through by none of them, and so stays shared
    with socket.socket(fileno=number) as asked:
        while True:
            said, numbers, _, _ = socket.recv_fds(asked, 1, 1)
            if not said:  # whoever asked is gone, and the copies see that too
                _wait_for_children(10)
                os._exit(0)
            for channel in numbers:
                if os.fork() == 0:
                    with contextlib.suppress(BaseException):
                        asked.close()
                        _keep(socket.socket(fileno=channel), worker.work)
                    os._exit(1)
                os.close(channel)
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass


def _wait_for_children(seconds: float) -> None:
    end = time.monotonic() + seconds
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < end:
            if not os.waitpid(-1, os.WNOHANG)[0]:
                time.sleep(0.01)


def _keep(channel: socket.socket, work: Work) -> None:
    """Do a job: have a child do it, and see that nothing of it is left. This process runs no student's code either."""
    _die_with_parent()
    _adopt()
    with channel.makefile("rb") as lines:
        job = json.loads(lines.readline(LONGEST_JOB))
    private = _private_memory("self")
    if job["wall"]:
        try:
            enter(job["wall"])
        except (NoWall, OSError) as error:
            channel.sendall(json.dumps({"end": f"no wall: {error}"}).encode() + b"\n")
            os._exit(0)
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            _child(job, channel, work)
        os._exit(1)
    status, looks = None, 0
    while status is None:
        ended, code = os.waitpid(child, os.WNOHANG)
        looks += 1
        if ended:
            status = os.waitstatus_to_exitcode(code)
        elif looks % 10 == 0 and _taken(job["wall"], private) > job.get("megabytes", math.inf) * 2**20:
            status = "memory"
        elif select.select([channel], [], [], 0.01)[0]:  # nobody waits for it any more
            break
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    if not job["wall"]:
        end_all_below()
    elif status is None or status == "memory":
        with contextlib.suppress(OSError):
            os.kill(job["wall"], signal.SIGKILL)  # the first process behind it: the system ends all others with it
    with contextlib.suppress(OSError):
        channel.sendall(b"\n" + json.dumps({"end": status}).encode() + b"\n")
    os._exit(0)


def _taken(wall: int, private: int) -> int:
    """Return how many bytes the student's processes have together, on top of what each had when it was a copy of this one."""
    try:  # behind a wall, only what is there is listed
        pids = [name for name in os.listdir("/proc") if name.isdigit()] if wall else _below(os.getpid())
    except OSError:
        return 0
    return sum(max(0, _private_memory(pid) - private) for pid in pids)


def _private_memory(pid: int | str) -> int:
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
            _, resident, shared, *_ = map(int, statm.read().split())
    except (OSError, ValueError):
        return 0
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE")


def _child(job: dict[str, Any], channel: socket.socket, work: Work) -> None:
    os.setsid()
    if not job["wall"]:
        _die_with_parent()
    if job.get("probe"):
        os._exit(0)
    number = channel.fileno()
    os.closerange(3, number)
    os.closerange(number + 1, 1024)
    work(job, lambda line: channel.sendall(line.encode() + b"\n"))
    os._exit(0)  # whatever the files have left running


def once(number: int, worker: str) -> None:
    """Do one job that comes over standard input; what is said about it goes to what was standard output."""
    work = importlib.import_module(worker).work
    with open(os.dup(1), "wb", buffering=0) as out:
        work(json.loads(sys.stdin.buffer.readline(LONGEST_JOB)), lambda line: out.write(line.encode() + b"\n"))
        out.write(json.dumps({"end": 0}).encode() + b"\n")
    os._exit(0)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def _die_with_parent() -> None:
    with contextlib.suppress(AttributeError, OSError):
        _libc().prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _adopt() -> None:
    """Become the parent of whatever loses its own below this process: so nothing gets away by forking twice."""
    with contextlib.suppress(AttributeError, OSError):
        _libc().prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_all_below() -> None:
    """End all children of this process and theirs, until there are none."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        for pid in _below(os.getpid()):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.002)


def _below(pid: int) -> list[int]:
    """Return the children of a process, and theirs."""
    children: dict[int, list[int]] = {}
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc"):
            if name.isdigit():
                with contextlib.suppress(OSError, ValueError), open(f"/proc/{name}/stat", "rb") as stat:
                    parent = int(stat.read().rpartition(b")")[2].split()[1])
                    children.setdefault(parent, []).append(int(name))
    found, waiting = [], [pid]
    while waiting:
        inside = children.get(waiting.pop(), [])
        found += inside
        waiting += inside
    return found
