"""A process for each file, with limits of time and memory, so that one that misbehaves stops nothing else."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path

import torch
from tqdm import tqdm

from minidl.lab.doctor.students.building import CannotBuild

SpareLayers = object
from minidl.lab.doctor.students.examining import examine_thing
from minidl.lab.doctor.students.loading import classes, load
from minidl.lab.doctor.students.rows import Row
from minidl.lab.doctor.time_limit import TIME_LIMIT


def examine_files(
    jobs: Sequence[tuple[Path, str]],
    spare: SpareLayers,
    *,
    shape: tuple[int, int] | None = None,
    seconds: float = 20.0,
    megabytes: int = 2000,
    at_once: int = 2,
) -> list[Row]:
    """Examine files, some at the same time, and return the rows in the order of the files.

    Parameters
    ----------
    jobs : sequence of (path, what)
        What to examine in each file, a class's name or an expression; nothing for all of it.
    spare : SpareLayers
        For containers and optimisers where the file has no layers of its own.
    shape : tuple of two int, optional
        Of the batch.
    seconds : float
        A file that takes longer is ended; what it had shown until then is kept.
    megabytes : int
        What each file may have on top of what this process has.
    at_once : int
        Files at the same time.
    """
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() and sys.platform != "darwin" else "spawn"
    context = multiprocessing.get_context(method)  # a forked process need not import torch again
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    rows: dict[int, list[Row]] = {}
    waiting, running = list(enumerate(jobs)), {}
    try:
        with tqdm(total=len(jobs), unit="file", disable=not sys.stderr.isatty()) as progress:
            while waiting or running:
                while waiting and len(running) < at_once:
                    number, (path, what) = waiting.pop(0)
                    receiver, sender = context.Pipe(duplex=False)
                    task = (sender, str(path), what, spare, shape, min(TIME_LIMIT, seconds / 4), megabytes)
                    process = context.Process(target=_work, args=task, daemon=True)
                    process.start()
                    sender.close()
                    running[receiver] = (number, process, time.monotonic() + seconds)
                    rows[number] = []
                nearest = min(end for _, _, end in running.values())
                ready = wait(list(running), max(0.0, nearest - time.monotonic()))
                late = [r for r, (_, _, end) in running.items() if time.monotonic() >= end and r not in ready]
                for receiver in [*ready, *late]:
                    number, process, _ = running[receiver]
                    verdict = _receive(receiver, rows[number]) if receiver in ready else "time limit"
                    if verdict is None:
                        continue
                    if verdict == "crashed":
                        process.join(1)
                        verdict += f" (exit status {process.exitcode})" if process.exitcode else ""
                    _end(process)
                    receiver.close()
                    del running[receiver]
                    progress.update()
                    if verdict != "done":
                        rows[number].append(Row(str(jobs[number][0]), "", verdict))
    finally:
        for _, process, _ in running.values():
            _end(process)
        torch.set_num_threads(threads)
    return [row for number in sorted(rows) for row in rows[number]]


def _end(process: multiprocessing.process.BaseProcess) -> None:
    """End a process, and where the system can, whatever it has started."""
    with contextlib.suppress(AttributeError, OSError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join()


def _receive(receiver: Connection, rows: list[Row]) -> str | None:
    """Take what has come; return how it ended, or None where there is more to come."""
    try:
        message = receiver.recv()
    except (EOFError, OSError):
        return "crashed"
    if isinstance(message, Row):
        rows.append(message)
        return None
    return "done"


def _work(
    sender: Connection,
    path: str,
    what: str,
    spare: SpareLayers,
    shape: tuple[int, int] | None,
    seconds: float,
    megabytes: int,
) -> None:
    """Examine one file, in the process that is its own; send a row for each class, then None."""
    _limit_memory(megabytes)
    with contextlib.suppress(AttributeError, OSError):
        os.setsid()  # a group of its own, so that what it starts can be ended with it
    with open(os.devnull, "r+b") as nothing:  # what is printed, even by code that is not Python, goes nowhere
        for number in (0, 1, 2):
            os.dup2(nothing.fileno(), number)
    os.environ["MPLBACKEND"] = "Agg"
    for row in _rows(Path(path), what, spare, shape, seconds):
        sender.send(row)
    sender.send(None)
    sender.close()
    os._exit(0)  # whatever the file has left running


def _limit_memory(megabytes: int) -> None:
    """Limit what the process may have on top of what it has now."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        with open("/proc/self/statm", encoding="ascii") as statm:
            used = int(statm.read().split()[0]) * resource.getpagesize()
        limit = used + megabytes * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _rows(path: Path, what: str, spare: SpareLayers, shape: tuple[int, int] | None, seconds: float) -> Iterator[Row]:
    torch.set_num_threads(1)
    try:
        os.chdir(path.parent)
        module = load(path.resolve() if path.is_absolute() else Path(path.name).resolve())
        things = [(what, eval(what, vars(module)))] if what else [(c.__name__, c) for c in classes(module)]
    except BaseException as error:  # SystemExit too
        yield Row(str(path), what, "does not load", [], f"{type(error).__name__}: {error}")
        return
    if not things:
        yield Row(str(path), "", "nothing to examine", [], "No class with forward and backward, or with step.")
    for name, thing in things:
        try:
            diagnosis = examine_thing(thing, module, spare, shape, seconds)
        except CannotBuild as error:
            advice = f". Say how to build it: {path}:'{name}(...)'" if isinstance(thing, type) else "."
            yield Row(str(path), name, "not examined", [], f"{error}{advice}")
        except Exception as error:
            yield Row(str(path), name, "not examined", [], f"{type(error).__name__}: {error}")
        else:
            verdict = "well" if diagnosis else "wrong"
            yield Row(str(path), name, verdict, diagnosis.mistakes, str(diagnosis), diagnosis._repr_html_())
