"""``python -m minidl examine``: the doctor for a folder of students' files, each in a process of its own."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from minidl.lab.doctor.students.building import SpareLayers
from minidl.lab.doctor.students.files import find

DESCRIPTION = (
    "Examines the layers, losses and optimisers in students' files and names their mistakes. Prints a table, one line for "
    "each class; exit status 1 if anything is wrong, 2 if a path or an option is. THIS RUNS THE STUDENTS' CODE, each file in "
    "a process of its own. The limits of time and memory (memory: where the system knows such limits) keep an endless loop "
    "from stopping the rest. They are no sandbox: the code can do whatever you can do, read, write and delete. Run it where "
    "that does not matter, in a container or under an account of its own."
)


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


def run(arguments: argparse.Namespace, spare: SpareLayers) -> int:
    """Examine what the arguments name; print the table, write what is asked for; return the exit status.

    ``spare`` has layers for students' files that have none of their own.
    """
    from minidl.lab.doctor.students import processes, tables  # here, so that --help is there at once

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
    rows = processes.examine_files(
        jobs,
        spare,
        shape=shape,
        seconds=arguments.time,
        megabytes=arguments.memory,
        at_once=arguments.jobs,
    )
    say(tables.table(rows))
    if arguments.verbose:
        say("\n" + "\n\n".join(f"{row.file}\n{row.details}" for row in rows if row.details))
    try:
        if arguments.csv:
            tables.write_csv(rows, Path(arguments.csv))
        if arguments.html:
            Path(arguments.html).write_text(tables.page(rows), encoding="utf-8")
    except OSError as error:
        print(f"python -m minidl examine: {error}", file=sys.stderr)
        return 2
    return 0 if all(row.well for row in rows) else 1


def say(text: str) -> None:
    """Print, what the terminal has no signs for as escapes."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding))
