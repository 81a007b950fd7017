"""The command line: ``minidl start``, ``handout``, ``html``, ``examine``, ``report`` and ``bench``, and their arguments.

What a command needs is imported when it runs, so that ``--help`` is there at once.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import itertools
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from minidl import __version__
from minidl.lab.folder import find_project, why_not_writable

EXAMINE = (
    "Examines the layers, losses and optimisers in students' files and names their mistakes. Prints a table, one line for "
    "each class, and a line that sums it up. Exit status: 0 if all is well, 1 if something is wrong, 3 if nothing is wrong "
    "but not everything could be examined, 2 if a path or an option is. A folder with Python files in it is one project; "
    "a folder of folders of students is one project each. THIS RUNS THE STUDENTS' CODE, each project in a process of its "
    "own, on a private copy. With bubblewrap (Debian: apt install bubblewrap) it runs behind a wall: no network, no file "
    "of yours but the copy and Python, to be read only, and nothing that outlives its time. Without it the limits of time "
    "and memory keep an endless loop from stopping the rest, but they are no sandbox: the code can do whatever you can do, "
    "read, write and delete. Either way a student's code can report what it likes about its own project, and nothing else."
)

MARK = (
    "Marks the exercises in notebooks, and in files of Python, that students hand in. Of each file only the answers are taken, "
    "and put into the notebook of this installation: checks, solutions and outputs in it count for nothing. Prints a table of "
    "students and exercises, and which mistakes are frequent. Interrupted, or called again when more was handed in, it marks "
    "what is new. Exit status: 0 if all was marked, 2 if a path or an option is not right. THIS RUNS THE STUDENTS' CODE, each "
    "answer in processes of its own, behind a wall as examine does (see examine --help). A right answer is believed for what "
    "it does: its numbers are compared where none of its code runs."
)


SWITCHES = (
    "--allow-root",
    "--debug",
    "--autoreload",
    "--core-mode",
    "--dev-mode",
    "--expose-app-in-browser",
)  # no values
PROGRAM = "minidl" if Path(sys.argv[0]).stem == "minidl" else "python -m minidl"


class _OneLine(argparse.ArgumentParser):
    """A parser that says what is wrong in one line, exit status 2."""

    def error(self, message: str) -> None:
        self.exit(2, f"{self.prog}: {message} (try {self.prog} --help)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    parser = _OneLine(
        prog=PROGRAM,
        description="minidl teaches backpropagation. The lessons are the notebooks, which start opens; the rest is for "
        "teachers, and for who wants to measure.",
    )
    parser.add_argument("--version", action="version", version=f"minidl {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    start = commands.add_parser(
        "start",
        help="put the course into a folder and open it in JupyterLab",
        description="Puts the course's notebooks into a folder and opens the first in JupyterLab. "
        "A file that you have changed is never written over. In a checkout the course is there already: without "
        "FOLDER, it is opened where it is. Other options, such as --allow-root or --ip=ADDRESS, go through to JupyterLab.",
    )
    start.add_argument(
        "folder",
        nargs="?",
        metavar="FOLDER",
        help="where to put the course (default: minidl-course; in a checkout, there)",
    )
    start.add_argument(
        "--fresh", action="store_true", help="write a new copy beside each notebook that you have changed"
    )
    start.add_argument("--no-lab", action="store_true", help="put the course there, and open nothing")
    start.add_argument("--no-browser", action="store_true", help="start JupyterLab, and open no browser")
    start.add_argument("--port", type=_positive, help="where JupyterLab listens")
    start.set_defaults(run=_start, error=start.error)

    handout = commands.add_parser(
        "handout",
        help="write students' copies of the notebooks, without the solutions",
        description="Writes students' copies of the notebooks into a folder: without the solutions, without anything that was "
        "stored of a run, each marked with the course's version. Links lead to what was handed out.",
    )
    handout.add_argument("folder", nargs="?", metavar="FOLDER", help="where to write")
    handout.add_argument(
        "--notebooks", nargs="+", metavar="NN", default=[], help="some of them only: 02 03, or mkplot (default: all)"
    )
    handout.add_argument(
        "--install",
        metavar="WHAT",
        default="",
        help="what pip is to install where minidl is missing, such as the address of a wheel: a folded first cell does it",
    )
    handout.add_argument(
        "--nbgrader",
        action="store_true",
        help="as source notebooks of an assignment of nbgrader: each check is a test with its points, locked",
    )
    handout.add_argument("--list", action="store_true", help="print the exercises and their points, and write nothing")
    handout.set_defaults(run=_handout, error=handout.error)

    report = commands.add_parser(
        "report",
        help="train the report's networks with minidl and with PyTorch; write its table and figures",
        description="Trains the course report's network, 2-25-25-25-2 with ReLU, on the disk data (1000 training and "
        "1000 test points, batches of 50, learning rate 0.001): with minidl and with PyTorch, as the report did, and "
        "twice more to show why the report's curves differ. Prints Table 1 and writes it, the histories and Figures 1 "
        "to 3 to a folder. Interrupted, it goes on where it stopped when called again.",
    )
    report.add_argument(
        "--runs", type=_positive, default=10, help="runs of each setting, each with new data (default: 10)"
    )
    report.add_argument(
        "--epochs", type=_positive, default=1000, help="passes through the training data (default: 1000)"
    )
    report.add_argument(
        "--seed", type=_seed, default=0, help="all data and initial weights are drawn from it (default: 0)"
    )
    way = report.add_mutually_exclusive_group()
    way.add_argument(
        "--stacked", action="store_true", help="train all runs of a setting in one pass: faster, times not measured"
    )
    way.add_argument(
        "--time-all",
        action="store_true",
        help="train all four settings run by run, in turns, and time them (default: the two that the report published)",
    )
    report.add_argument("--out", default="report", metavar="FOLDER", help="where to write (default: report)")
    report.set_defaults(run=_report, error=report.error)

    bench = commands.add_parser(
        "bench",
        help="measure one training step against PyTorch, and against NumPy without a framework",
        description="Times one training step (forward, loss, zero_grad, backward, step) of minidl and of another, in turns, "
        "on one thread, and prints the ratios: for the report's network against PyTorch and against NumPy without a "
        "framework, for ten stacked runs, and as width, batch and number of stacked runs grow. Below 1, minidl is faster.",
    )
    bench.add_argument("--quick", action="store_true", help="the first three lines only")
    bench.set_defaults(run=_bench)

    examine = commands.add_parser(
        "examine", help="have the doctor examine students' files (runs their code)", description=EXAMINE
    )
    examine.add_argument(
        "paths", nargs="+", metavar="PATH", help="a file, a folder, path.py:ClassName, or path.py:'ClassName(3, 2)'"
    )
    examine.add_argument("--csv", metavar="FILE", help="write the table, with details, as CSV")
    examine.add_argument("--html", metavar="FILE", help="write a page with every diagnosis")
    examine.add_argument("--verbose", action="store_true", help="print every diagnosis, not only the table")
    examine.add_argument(
        "--shape", type=_positive, nargs="+", metavar="N", help="the batch: N samples, and the sizes of one of them"
    )
    examine.add_argument(
        "--cases", metavar="FILE", help="a file of Python that says how things are built and called in this assignment"
    )
    examine.add_argument(
        "--allow", action="append", default=[], metavar="WORD", help="a convention that is fine here; may be repeated"
    )
    examine.add_argument(
        "--wall",
        choices=("auto", "require", "none"),
        default="auto",
        help="run the code behind bubblewrap: where it is installed, or not at all without it, or never (default: auto)",
    )
    examine.add_argument(
        "--time",
        type=_seconds,
        default=20.0,
        metavar="SECONDS",
        help="for each file (default: 20), and ten times as much for each submission",
    )
    examine.add_argument(
        "--memory", type=_positive, default=2000, metavar="MB", help="for each project (default: 2000)"
    )
    examine.add_argument(
        "--jobs", type=_positive, default=2, metavar="N", help="projects at the same time (default: 2)"
    )
    examine.set_defaults(run=_examine)

    mark = commands.add_parser(
        "mark", help="mark the notebooks that students hand in (runs their code)", description=MARK
    )
    mark.add_argument(
        "submissions", metavar="SUBMISSIONS", help="a folder or a zip, with a folder or a file for each student"
    )
    mark.add_argument(
        "--notebooks", nargs="+", default=[], metavar="NN", help="those that were asked for (default: those handed in)"
    )
    mark.add_argument("--csv", metavar="FILE", help="write a line for each student and exercise, for a spreadsheet")
    mark.add_argument(
        "--totals",
        metavar="FILE",
        help="write a line for each student, for the learning platform: id, e-mail, the points of each notebook, their sum",
    )
    mark.add_argument(
        "--html", metavar="FILE", help="write a page of the whole class, with each student's answers: for the teacher"
    )
    mark.add_argument(
        "--feedback", metavar="FOLDER", help="write a page for each student, with nothing of the others on it"
    )
    mark.add_argument(
        "--class",
        dest="class_list",
        metavar="LIST",
        help="a CSV with the columns name, and id and email if there are any: who has handed in nothing is in the table, too",
    )
    mark.add_argument(
        "--overrides",
        metavar="FILE",
        help="a CSV with the columns student, exercise, points and remark: points that you give by hand; without a student, "
        "what the exercise counts",
    )
    mark.add_argument(
        "--record",
        metavar="FILE",
        help="where rows are kept, so that marking goes on where it stopped (default: SUBMISSIONS.marks.jsonl)",
    )
    mark.add_argument("--fresh", action="store_true", help="mark everything again, whatever the record has")
    mark.add_argument(
        "--wall",
        choices=("auto", "require", "none"),
        default="auto",
        help="run the code behind bubblewrap: where it is installed, or not at all without it, or never (default: auto)",
    )
    mark.add_argument("--time", type=_seconds, default=20.0, metavar="SECONDS", help="for each answer (default: 20)")
    mark.add_argument("--memory", type=_positive, default=2000, metavar="MB", help="for each answer (default: 2000)")
    mark.add_argument("--jobs", type=_positive, default=2, metavar="N", help="notebooks at the same time (default: 2)")
    mark.set_defaults(run=_mark)

    html = commands.add_parser(
        "html",
        help="write the notebooks as web pages that need no network",
        description="Writes the notebooks as web pages into one folder: those of the nearest folder, from the current one "
        "upwards, that holds notebooks/, or else those that minidl was installed with. Formulas, pictures and links work "
        "without a network. Needs the extra html, that is pip install django-static-mathjax nbconvert.",
    )
    html.add_argument("--out", default="html", metavar="FOLDER", help="where to write (default: %(default)s)")
    html.set_defaults(run=_html, error=html.error)

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal may have no sign for an arrow, or for a student's name
            stream.reconfigure(errors="backslashreplace")
    arguments, others = parser.parse_known_args(argv)
    arguments.others = others
    if arguments.command == "start" and (parted := _parted(others, sys.argv[1:] if argv is None else argv)):
        start.error(f"write {'='.join(parted)}, without a blank")
    if others and (arguments.command != "start" or not all(other.startswith("--") for other in others)):
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    try:
        status = arguments.run(arguments)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        same = "without --fresh, the same" if getattr(arguments, "fresh", False) else "the same"
        goes_on = f" What was done is recorded: {same} command goes on from there."
        print(f"\nInterrupted.{goes_on if arguments.command in ('report', 'mark') else ''}", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever read what is printed, head for example, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at its end
        return 141


def _parted(others: Sequence[str], argv: Sequence[str]) -> tuple[str, str] | None:
    """Return an option for JupyterLab and the word after it, if that may be meant as its value: ``--ip 127.0.0.1``."""
    for option, word in itertools.pairwise(argv):
        is_whole = "=" in option or option in SWITCHES
        if option in others and option.startswith("--") and not is_whole and not word.startswith("-"):
            return option, word
    return None


def _positive(text: str) -> int:
    """Return an argument that is an integer of at least 1."""
    return _integer(text, 1)


def _seed(text: str) -> int:
    """Return an argument that is an integer of at least 0."""
    return _integer(text, 0)


def _integer(text: str, least: int) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise argparse.ArgumentTypeError(f"expected an integer of at least {least}, got {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    """Return an argument that is a number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"expected a number of seconds above 0, got {text!r}")
    return value


def _make_folder(folder: Path, arguments: argparse.Namespace) -> None:
    """Make the folder for ``--out``, so that one that cannot be written is refused before the training, not after."""
    if why := why_not_writable(folder):
        arguments.error(f"argument --out: expected a folder to write to, got {why}")


def _start(arguments: argparse.Namespace) -> int:
    from minidl.lab.course import files, start

    here = files.checkout()
    folder = Path(arguments.folder) if arguments.folder else here or Path("minidl-course")
    try:
        if here is None or folder.resolve() != here:
            done = start.put(folder, fresh=arguments.fresh)
            print(f"{folder}: {_count(done.written, 'notebook')} written")
            if done.kept:
                print(f"Kept as you left them: {', '.join(done.kept)}")
            if done.beside:
                print(f"New copies beside them: {', '.join(done.beside)}")
    except OSError as error:
        return _complain(arguments, error)
    if arguments.no_lab:
        return 0
    if not start.can_open():
        install = f"{sys.executable} -m pip install jupyterlab"
        return _complain(
            arguments, f"the course is in {folder}, but there is no JupyterLab to open it. Get one: {install}"
        )
    options = [*arguments.others, *(["--no-browser"] if arguments.no_browser else [])]
    return start.open_course(folder, [*options, *([f"--port={arguments.port}"] if arguments.port else [])])


def _handout(arguments: argparse.Namespace) -> int:
    from minidl.lab.course import handout

    try:
        if arguments.list:
            print(handout.listing(arguments.notebooks))
            return 0
        if arguments.folder is None:
            arguments.error("the following arguments are required: FOLDER")
        written = handout.hand_out(arguments.folder, arguments.notebooks, arguments.install, arguments.nbgrader)
    except (OSError, ValueError) as error:
        return _complain(arguments, error)
    print(f"Written to {arguments.folder}: {_count(written, 'notebook')}. Begin with {written[0]}")
    return 0


def _count(things: Sequence[object], name: str) -> str:
    return f"{len(things)} {name}{'s' * (len(things) != 1)}"


def _complain(arguments: argparse.Namespace, what: object, status: int = 1) -> int:
    """Say in one line what is wrong, and return an exit status."""
    print(f"{PROGRAM} {arguments.command}: {what}", file=sys.stderr)
    return status


def _report(arguments: argparse.Namespace) -> int:
    _make_folder(Path(arguments.out), arguments)
    import matplotlib as mpl

    mpl.use("Agg")  # figures go to files: no screen needed
    from minidl.lab import report
    from minidl.lab.experiment import RecordError

    timed = () if arguments.stacked else (report.FRAMEWORK, report.PYTORCH)
    if arguments.time_all:
        timed = tuple(report.LABELS)
    try:
        result = report.run(
            runs=arguments.runs,
            epochs=arguments.epochs,
            seed=arguments.seed,
            timed=timed,
            folder=arguments.out,
        )
        paths = report.write(result, arguments.out)
    except (RecordError, FloatingPointError, OSError) as error:
        return _complain(arguments, error)
    print(report.markdown(report.readable(report.table_1(result))))
    print(f"\n{report.same_curves(result.history)}")
    print(f"Written to {arguments.out}: " + ", ".join(path.name for path in paths))
    return 0


def _bench(arguments: argparse.Namespace) -> int:
    from minidl.lab import bench

    bench.main(quick=arguments.quick)
    return 0


def _examine(arguments: argparse.Namespace) -> int:
    with _without_this_folder():  # a student's pandas.py may lie here
        return _examine_with(arguments)


def _examine_with(arguments: argparse.Namespace) -> int:
    from minidl.lab.doctor.students import NoWall, Settings, examine_projects, find
    from minidl.lab.doctor.students.cases import NO_CASES
    from minidl.lab.doctor.students.tables import status, table
    from minidl.lab.doctor.students.writing import Outputs

    complain = functools.partial(_complain, arguments, status=2)

    done = []
    try:
        plans = find(arguments.paths)
        cases = Path(arguments.cases) if arguments.cases else None
        if cases is not None and not cases.is_file():
            raise FileNotFoundError(f"no such file: {cases}")
        NO_CASES.allowing(arguments.allow)
        outputs = Outputs(arguments.csv, arguments.html, [*arguments.paths, *filter(None, [arguments.cases])], plans)
    except (OSError, ValueError) as error:
        return complain(error)
    settings = Settings(
        shape=tuple(arguments.shape) if arguments.shape else None,
        seconds=arguments.time,
        megabytes=arguments.memory,
        at_once=arguments.jobs,
        wall=arguments.wall,
        cases=cases,
        allow=tuple(arguments.allow),
    )
    for path in sorted({plan.cases for plan in plans if plan.cases and cases is None}):
        complain(f"cases of {path} (another file: --cases FILE)")
    problem = None
    try:
        with outputs:

            def show(row: object) -> None:
                done.append(row)
                outputs.add(row)

            done = examine_projects(plans, settings, show=show, warn=complain)
            outputs.finish(done)
    except NoWall as error:
        return complain(f"no wall: {error}")
    except OSError as error:
        problem = error
    except KeyboardInterrupt:
        if done:
            print(table(done))
        raise
    print(table(done))
    if arguments.verbose:
        print("\n" + "\n\n".join(f"{row.file}\n{row.details}" for row in done if row.details))
    return status(done) if problem is None else complain(problem)


def _mark(arguments: argparse.Namespace) -> int:
    with _without_this_folder():
        from minidl.lab.course.marking import command

        return command.run(arguments, functools.partial(_complain, arguments, status=2))


@contextlib.contextmanager
def _without_this_folder() -> Iterator[None]:
    """Import nothing from the current folder for a while, which ``python -m`` has put first."""
    before = list(sys.path)
    sys.path[:] = [path for path in before if path not in ("", os.getcwd())]
    try:
        yield
    finally:
        sys.path[:] = before


def _html(arguments: argparse.Namespace) -> int:
    from minidl.lab.course import files

    try:
        project = find_project()
    except FileNotFoundError:
        try:
            project = files.project()
        except FileNotFoundError as error:
            return _complain(arguments, error)
    _make_folder(Path(arguments.out), arguments)
    from minidl.lab.course import pages

    try:
        written = pages.export(arguments.out, project)
    except (FileNotFoundError, ModuleNotFoundError) as error:
        return _complain(arguments, error)
    print(f"Written to {arguments.out}: {len(written)} pages. Begin with {written[0]}")
    return 0
