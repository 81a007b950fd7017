"""``python -m minidl examine``: the doctor for a folder of students' files, each in a process of its own."""

from __future__ import annotations

import argparse
import contextlib
import csv
import html
import multiprocessing
import os
import re
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path

DESCRIPTION = (
    "Examines the layers, losses and optimisers in students' files and names their mistakes. Prints a table, one line for "
    "each class; exit status 1 if anything is wrong, 2 if a path or an option is. THIS RUNS THE STUDENTS' CODE, each file in "
    "a process of its own. The limits of time and memory (memory: where the system knows such limits) keep an endless loop "
    "from stopping the rest. They are no sandbox: the code can do whatever you can do, read, write and delete. Run it where "
    "that does not matter, in a container or under an account of its own."
)


@dataclass
class Row:
    """What came out for one class, or for a file that has no class to examine."""

    file: str
    name: str
    verdict: str  # "well", "wrong", or why it could not be examined
    mistakes: list[str] = field(default_factory=list)
    details: str = ""
    page: str = ""

    def __post_init__(self) -> None:
        # What a student writes may hold anything: halves of signs, which no file takes, and orders to the terminal
        for name in ("file", "name", "details", "page"):
            setattr(self, name, re.sub("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", "\ufffd", getattr(self, name)))

    @property
    def well(self) -> bool:
        return self.verdict in ("well", "nothing to examine")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments to a parser."""
    parser.description = DESCRIPTION
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="a file, a folder, path.py:ClassName, or path.py:'ClassName(3, 2)'"
    )
    parser.add_argument("--csv", metavar="FILE", help="write the table, with details, as CSV")
    parser.add_argument("--html", metavar="FILE", help="write a page with every diagnosis")
    parser.add_argument("--verbose", action="store_true", help="print every diagnosis, not only the table")
    parser.add_argument(
        "--shape", type=_positive, nargs=2, metavar=("N", "M"), help="the batch: N samples of M features"
    )
    parser.add_argument("--time", type=_seconds, default=20.0, metavar="SECONDS", help="for each file (default: 20)")
    parser.add_argument("--memory", type=_positive, default=2000, metavar="MB", help="for each file (default: 2000)")
    parser.add_argument("--jobs", type=_positive, default=2, metavar="N", help="files at the same time (default: 2)")


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected an integer of at least 1, got {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"expected a number of seconds above 0, got {text!r}")
    return value


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m minidl examine")
    add_arguments(parser)
    return run(parser.parse_args(argv))


def run(arguments: argparse.Namespace) -> int:
    """Examine what the arguments name; print the table, write what is asked for; return the exit status."""
    try:
        jobs = find(arguments.paths)
        for path in filter(None, (arguments.csv, arguments.html)):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            with open(path, "a", encoding="utf-8"):  # better refused now than after the work
                pass
    except OSError as error:
        print(f"python -m minidl examine: {error}", file=sys.stderr)
        return 2
    shape = tuple(arguments.shape) if arguments.shape else None
    rows = examine_files(jobs, shape, arguments.time, arguments.memory, arguments.jobs)
    say(table(rows))
    if arguments.verbose:
        say("\n" + "\n\n".join(f"{row.file}\n{row.details}" for row in rows if row.details))
    try:
        if arguments.csv:
            write_csv(rows, Path(arguments.csv))
        if arguments.html:
            Path(arguments.html).write_text(page(rows), encoding="utf-8")
    except OSError as error:
        print(f"python -m minidl examine: {error}", file=sys.stderr)
        return 2
    return 0 if all(row.well for row in rows) else 1


def say(text: str) -> None:
    """Print, what the terminal has no signs for as escapes."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding))


def find(paths: Sequence[str]) -> list[tuple[Path, str]]:
    """Return the files to examine, each with what to examine in it, or with nothing for all of it.

    Raises
    ------
    FileNotFoundError
        For a path that leads nowhere or to no Python file, and for a folder without such.
    """
    found: list[tuple[Path, str]] = []
    for text in paths:
        match = re.fullmatch(r"(.*\.py):([^/\\].*)", text)
        path, what = (Path(match[1]), match[2]) if match else (Path(text), "")
        if path.is_dir():
            inside = [file for file in sorted(path.rglob("*.py")) if not _hidden(file.relative_to(path))]
            if not inside:
                raise FileNotFoundError(f"no Python file in {path}")
            found += [(file, "") for file in inside]
        elif path.is_file() and path.suffix != ".py":
            raise FileNotFoundError(f"no Python file: {path}")
        elif path.is_file():
            found.append((path, what))
        else:
            raise FileNotFoundError(f"no such file or folder: {path}")
    return list(dict.fromkeys(found))


def _hidden(path: Path) -> bool:
    return any(part.startswith((".", "__")) for part in path.parts)


# ---------------------------------------------------------------------------------------------------------------------
# A process for each file


def examine_files(
    jobs: Sequence[tuple[Path, str]], shape: tuple[int, int] | None, seconds: float, megabytes: int, at_once: int
) -> list[Row]:
    """Examine files, some at the same time, and return the rows in the order of the files.

    A file that takes longer than ``seconds`` is ended; what it had shown until then is kept.
    """
    import torch
    from tqdm import tqdm

    from minidl.lab import _students  # noqa: F401 - imported here, it is there in every process that is forked

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
                    task = (sender, str(path), what, shape, min(5.0, seconds / 4), megabytes)
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
    sender: Connection, path: str, what: str, shape: tuple[int, int] | None, seconds: float, megabytes: int
) -> None:
    """Examine one file, in the process that is its own; send a row for each class, then None."""
    _limit_memory(megabytes)
    with contextlib.suppress(AttributeError, OSError):
        os.setsid()  # a group of its own, so that what it starts can be ended with it
    with open(os.devnull, "r+b") as nothing:  # what is printed, even by code that is not Python, goes nowhere
        for number in (0, 1, 2):
            os.dup2(nothing.fileno(), number)
    os.environ["MPLBACKEND"] = "Agg"
    for row in _rows(Path(path), what, shape, seconds):
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


def _rows(path: Path, what: str, shape: tuple[int, int] | None, seconds: float) -> Iterator[Row]:
    import torch

    from minidl.lab import _students

    torch.set_num_threads(1)
    try:
        os.chdir(path.parent)
        module = _students.load(path.resolve() if path.is_absolute() else Path(path.name).resolve())
        things = [(what, eval(what, vars(module)))] if what else [(c.__name__, c) for c in _students.classes(module)]
    except BaseException as error:  # SystemExit too
        yield Row(str(path), what, "does not load", [], f"{type(error).__name__}: {error}")
        return
    if not things:
        yield Row(str(path), "", "nothing to examine", [], "No class with forward and backward, or with step.")
    for name, thing in things:
        try:
            diagnosis = _students.examine_thing(thing, module, shape, seconds)
        except _students.CannotBuild as error:
            advice = f". Say how to build it: {path}:'{name}(...)'" if isinstance(thing, type) else "."
            yield Row(str(path), name, "not examined", [], f"{error}{advice}")
        except Exception as error:
            yield Row(str(path), name, "not examined", [], f"{type(error).__name__}: {error}")
        else:
            verdict = "well" if diagnosis else "wrong"
            yield Row(str(path), name, verdict, diagnosis.mistakes, str(diagnosis), diagnosis._repr_html_())


# ---------------------------------------------------------------------------------------------------------------------
# What is shown


def table(rows: Sequence[Row]) -> str:
    """Return the table as text, a line for each class, and one that sums it up."""
    lines = [("file", "class", "verdict", "mistakes")]
    lines += [(row.file, row.name, row.verdict, _summary(row)) for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    text = [
        "  ".join([*(cell.ljust(w) for cell, w in zip(line, widths, strict=False)), line[3]]).rstrip() for line in lines
    ]
    text.insert(1, "  ".join("-" * width for width in (*widths, 8)))
    files = {row.file for row in rows}
    bad = {row.file for row in rows if not row.well}
    return "\n".join([*text, "", f"{len(files)} file{'s' * (len(files) != 1)}, {len(bad)} with something wrong."])


def _summary(row: Row) -> str:
    if row.mistakes or row.verdict in ("well", "nothing to examine"):
        return ", ".join(row.mistakes)
    first = row.details.splitlines()[0] if row.details else ""
    return first if len(first) <= 100 else f"{first[:97]}..."


def write_csv(rows: Sequence[Row], path: Path) -> None:
    """Write a line for each class: file, class, verdict, mistakes (separated by semicolons), details."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "class", "verdict", "mistakes", "details"])
        for row in rows:
            writer.writerow([row.file, row.name, row.verdict, "; ".join(row.mistakes), row.details])


def page(rows: Sequence[Row]) -> str:
    """Return a page of its own: the table, and under each line the diagnosis."""
    body = []
    for row in rows:
        cells = "".join(f"<td>{html.escape(cell)}</td>" for cell in (row.file, row.name, row.verdict, _summary(row)))
        body.append(f'<tr class="{"well" if row.well else "wrong"}">{cells}</tr>')
        shown = row.page or f"<pre>{html.escape(row.details)}</pre>"
        if row.details:
            body.append(f'<tr><td colspan="4"><details><summary>diagnosis</summary>{shown}</details></td></tr>')
    style = (
        "body { font-family: sans-serif; margin: 2em } table { border-collapse: collapse } "
        "td, th { text-align: left; vertical-align: top; padding: 2px 10px } .wrong td:nth-child(3) { font-weight: bold } "
        "tr.well, tr.wrong { border-top: 1px solid #bbb } pre { white-space: pre-wrap }"
    )
    head = "<tr>" + "".join(f"<th>{name}</th>" for name in ("file", "class", "verdict", "mistakes")) + "</tr>"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Examined</title><style>{style}</style></head>'
        f"<body><h1>Examined</h1><table>{head}{''.join(body)}</table></body></html>\n"
    )
