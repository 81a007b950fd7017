"""Marking all that was handed in: some students at the same time, each row kept as soon as it is known."""

from __future__ import annotations

import contextlib
import hashlib
import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

import minidl
from minidl.lab.course import files
from minidl.lab.course.marking.cells import read_notebook
from minidl.lab.course.marking.rows import STATUSES, Row
from minidl.lab.course.marking.students import shown
from minidl.lab.course.marking.submissions import HandedIn
from minidl.lab.course.marking.transplant import Found, Missing, Ours, Untouched, ours, transplant
from minidl.lab.course.marking.verdicts import Court, Verdict
from minidl.lab.course.marking.works import Source, Work, sort
from minidl.lab.doctor.students.processes import Settings
from minidl.lab.doctor.students.visits import end_tidily
from minidl.lab.exercises import exercises
from minidl.lab.exercises.kinds import Exercise

Given = Found | Untouched | Missing
EXERCISES = Path(sys.modules["minidl.lab.exercises"].__file__ or "").parent


class Course:
    """The teacher's notebooks, and the exercises in them."""

    def __init__(self) -> None:
        paths = files.notebooks(files.project())
        self.exercises: dict[str, Exercise] = {each.id: each for each in exercises()}
        self.names = {
            number: {each.id: each.name for each in self.exercises.values() if each.notebook == number}
            for number in sorted({each.notebook for each in self.exercises.values()})
        }
        self.paths = {path.stem[:2]: path for path in paths if path.stem[:2] in self.names}
        self.stems = {number: path.stem for number, path in self.paths.items()}
        self._ours: dict[str, Ours] = {}

    def ours(self, number: str) -> Ours:
        """Return the teacher's notebook of a number."""
        if number not in self._ours:
            cells, _ = read_notebook(self.paths[number].read_bytes())
            self._ours[number] = ours(cells, self.names[number])
        return self._ours[number]

    def of(self, number: str) -> list[Exercise]:
        """Return the exercises of a notebook."""
        return [each for each in self.exercises.values() if each.notebook == number]


class Record:
    """A file with the rows that are known, a line for each student and notebook: marking goes on from there.

    What is in it counts as long as the student's files, the exercises and minidl are the same. A fresh one forgets what it had
    as soon as there is something new.
    """

    def __init__(self, path: Path | None, fresh: bool = False) -> None:
        self._path, self._fresh, self._lock = path, fresh, threading.Lock()
        self._known: dict[str, list[Row]] = {}
        if path is not None and path.is_file() and not fresh:
            for line in path.read_text(encoding="utf-8").splitlines():
                with contextlib.suppress(ValueError, TypeError, KeyError):  # half a line, where something was cut off
                    told = json.loads(line)
                    self._known[told["key"]] = [Row(**row) for row in told["rows"] if row["status"] in STATUSES]

    def get(self, key: str) -> list[Row] | None:
        return self._known.get(key)

    def add(self, key: str, rows: Sequence[Row]) -> None:
        if self._path is not None:
            line = json.dumps({"key": key, "rows": [row.as_data() for row in rows]}, ensure_ascii=False)
            with self._lock, open(self._path, "w" if self._fresh else "a", encoding="utf-8") as file:
                file.write(f"{line}\n")
                self._fresh = False


def mark(
    handed_in: HandedIn,
    course: Course,
    settings: Settings,
    *,
    notebooks: Sequence[str] = (),
    record: Path | None = None,
    fresh: bool = False,
    warn: Callable[[str], None] = lambda line: None,
) -> list[Row]:
    """Return a row for each student and exercise.

    Parameters
    ----------
    handed_in : HandedIn
    course : Course
    settings : Settings
        The limits for an answer, how many files at the same time, and whether there has to be a wall.
    notebooks : list of str
        The numbers of those that were asked for (default: those of which there is one).
    record : Path, optional
        Where rows are kept.
    fresh : bool
        Whether all is marked again, whatever the record has.
    warn : function
        Gets lines about what is not marked.

    Raises
    ------
    NoWall
        Where a wall is required and cannot be had.
    """
    works, unknown = sort(handed_in.files, course.names, course.stems)
    for line in [*handed_in.notes, *unknown]:
        warn(line)
    asked = list(notebooks) or sorted({work.notebook for work in works})
    works = [work for work in works if work.notebook in asked]
    known, done = Record(record, fresh), {}
    before = end_tidily()
    court = Court(settings, [EXERCISES, *([files.CARRIED] if files.CARRIED.is_dir() else [])])
    try:
        keys = {(work.student, work.notebook): _key(work, course, settings) for work in works}
        waiting = []
        for work in works:
            rows = known.get(keys[work.student, work.notebook])
            if rows is None:
                waiting.append(work)
            else:
                done[work.student, work.notebook] = rows
        if waiting:
            court.open(warn)
        with _pool(settings.at_once) as pool, _bar(len(works), len(done)) as bar:
            futures = {pool.submit(_rows, work, course, court): work for work in waiting}
            for future in as_completed(futures):
                work = futures[future]
                done[work.student, work.notebook] = future.result()
                known.add(keys[work.student, work.notebook], done[work.student, work.notebook])
                bar.update()
    finally:
        court.close()
        if before is not None:
            signal.signal(signal.SIGTERM, before)
    return [
        replace(row, student=name, id=student.id)
        for student, name in shown(handed_in.students).items()
        for number in sorted(asked)
        for row in done.get((student, number)) or _not_handed_in(number, course)
    ]


@contextlib.contextmanager
def _pool(at_once: int) -> Iterator[ThreadPoolExecutor]:
    """Give out threads; what was not begun is not begun any more where something ends them."""
    pool = ThreadPoolExecutor(at_once)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _bar(total: int, done: int) -> tqdm:
    return tqdm(total=total, initial=done, unit="notebook", disable=not sys.stderr.isatty())


def _key(work: Work, course: Course, settings: Settings) -> str:
    """Return what tells a student's work, and all that its rows depend on."""
    given = [
        (one.file, one.problem, one.late, [(cell.source, cell.id, sorted(cell.tags)) for cell in one.cells])
        for one in work.sources
    ]
    told = repr(
        [
            *(work.student.name, work.student.id, work.notebook, given, minidl.__version__),
            *([(cell.source, cell.id) for cell in course.ours(work.notebook).cells],),
            *([repr(vars(each).keys()) + each.solution for each in course.of(work.notebook)],),
            *(settings.seconds, settings.megabytes),
        ]
    )
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()


def _rows(work: Work, course: Course, court: Court) -> list[Row]:
    """Return the rows of one student's notebook."""
    asked = course.ours(work.notebook)
    given = [(source, transplant(asked, source.cells)) for source in work.sources if not source.problem]
    rows = []
    for each in course.of(work.notebook):
        source, found = _newest([(source, answers.get(each.id, Missing())) for source, answers in given], work)
        verdict = _verdict(each, found, source, court)
        answer = found.answer.source if isinstance(found, Found) else ""
        text = "\n".join([verdict.text, *_about_files(source, work)])
        rows.append(
            Row(
                work.student.name,
                work.notebook,
                each.id,
                verdict.status,
                each.points,
                verdict.why,
                text,
                verdict.mistakes,
                answer,
                source.file,
                late=source.late,
            )
        )
    return rows


def _newest(given: Sequence[tuple[Source, Given]], work: Work) -> tuple[Source, Given]:
    """Return the newest file in which an exercise has an answer, and that; or else what comes closest to one."""
    return max(given, key=lambda one: _closeness(one[1]), default=(work.sources[0], Missing()))


def _closeness(found: Given) -> int:
    if isinstance(found, Found):
        return 3
    if isinstance(found, Missing):
        return 2 if found.likely else 0
    return 1


def _about_files(source: Source, work: Work) -> list[str]:
    """Return what there is to say where several files were handed in for one notebook."""
    others = [one.file + (f" ({one.problem})" if one.problem else "") for one in work.sources if one is not source]
    return [f"(This is from {source.file}. Handed in, too: {', '.join(others)}.)"] if others else []


def _verdict(exercise: Exercise, found: Given, source: Source, court: Court) -> Verdict:
    if source.problem:
        return Verdict("does not run", f"The file cannot be read: {source.problem}.", "unreadable file")
    if isinstance(found, Untouched):
        return Verdict("not done", "The exercise's cell is as it was handed out.")
    if isinstance(found, Missing):
        in_python = source.file.lower().endswith(".py") and not found.likely  # such a file has only what was done
        likely = f" In its cell is {found.likely}: is that it?" if found.likely else ""
        return Verdict("not done" if in_python else "not found", f"There is no {exercise.name}.{likely}")
    try:
        return court.verdict(exercise, found)
    except RecursionError:
        return Verdict("not believed", "Its code is nested too deeply to be looked at. Look at it yourself.")


def _not_handed_in(number: str, course: Course) -> list[Row]:
    return [Row("", number, each.id, "not handed in", each.points) for each in course.of(number)]
