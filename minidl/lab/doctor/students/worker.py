"""Examining one project, in the process that is its own: a job comes in, a line of JSON goes out for each class."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import platform
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from minidl.lab.doctor.diagnosis import Diagnosis
from minidl.lab.doctor.examination import examine
from minidl.lab.doctor.students import examining
from minidl.lab.doctor.students.building import CannotBuild
from minidl.lab.doctor.students.cases import NO_CASES, Cases, load_cases
from minidl.lab.doctor.students.loading import classes
from minidl.lab.doctor.students.project import Project
from minidl.lab.doctor.students.rows import packed, packed_diagnosis

Job = dict[str, Any]
PROCESSES = 128  # and threads, at once
OPEN_FILES = 256
FILE_SIZE = 2**28  # bytes of a file that is written
IN_PLACE, LEAST = (
    0.25,
    0.1,
)  # how much of a file's time the examinations in place may take, and seconds that are worth it
# Linux's numbers: of calls that give memory which no limit counts, of architectures, of what a filter is made of
NO_NEW_PRIVS, SECCOMP, FILTER = 38, 22, 2
MACHINES = {"x86_64": (0xC000003E, (29, 319, 425, 447)), "aarch64": (0xC00000B7, (194, 279, 425, 447))}
LOAD, IS_EQUAL, IS_AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
ALLOW, NO_SUCH_CALL, OTHER_CALLS = 0x7FFF0000, 0x00050000 | errno.ENOSYS, 0x40000000


@dataclass
class Later:
    """What is left to be tried with a class, once everything else is said: what came of it stands in a row already."""

    number: int
    name: str
    notes: list[str]
    examine: Callable[[float], Diagnosis]


def warm_up() -> None:
    """Load what an examination needs, so that no copy has to."""
    torch.set_num_threads(1)

    class Identity:
        def forward(self, x: Any) -> Any:
            return 1.0 * x

        def backward(self, grad_output: Any) -> Any:
            return 1.0 * grad_output

    examine(Identity(), (4, 3))


def work(job: Job, send: Callable[[str], None]) -> None:
    """Do a job: load a project and examine what is asked for, and send what comes out."""
    limit(job["megabytes"], job["wall"])
    quiet()
    torch.set_num_threads(1)
    root = Path(job["root"])
    _hide_our_own(root)
    try:
        cases = _cases(job)
    except Exception as error:
        for file in job["files"]:
            said = f"the file of cases raises {type(error).__name__}: {error}"
            send(packed(file["number"], "", "not examined", said))
        return
    with Project(root, job["loading"]) as project:
        for file in job["files"]:
            if file["load"]:
                send(json.dumps({"at": file["number"], "doing": "load"}))
                project.load(Path(file["path"]))
        later: list[Later] = []
        left: dict[int, float] = {}
        for file in (file for file in job["files"] if not file["done"]):
            send(json.dumps({"at": file["number"], "doing": "examine"}))
            started = time.monotonic()
            later += _file(file, project, job, cases, send)
            rest = job["file"] - (time.monotonic() - started)
            left[file["number"]] = min(rest, IN_PLACE * job["file"])
        _in_place(later, left, job, send)


def _in_place(later: list[Later], left: dict[int, float], job: Job, send: Callable[[str], None]) -> None:
    """Try what is left, each file's in the seconds that it has left; a row that comes replaces the one that was sent."""
    all_left, at = job["in_place"], None
    for one in later:
        seconds = min(left[one.number], all_left, job["seconds"])
        if seconds < LEAST:
            continue
        if one.number != at:
            send(json.dumps({"at": one.number, "doing": "in place"}))
            at = one.number
        started = time.monotonic()
        with contextlib.suppress(Exception):  # then the row that was sent stands
            send(packed_diagnosis(one.number, one.name, one.examine(seconds), one.notes))
        taken = time.monotonic() - started
        left[one.number] -= taken
        all_left -= taken


def _file(file: Job, project: Project, job: Job, cases: Cases, send: Callable[[str], None]) -> list[Later]:
    """Examine what a file holds, and return what is left to be tried."""
    path, number = Path(file["path"]), file["number"]
    module, problem = project.modules.get(path), project.problems.get(path, "")
    if path in project.missing:
        problem = f"package {project.missing[path]} is missing ({problem})"
    notes = [f"The file did not load as a whole: {problem}."] * bool(problem)
    if module is None:
        if file["load"]:
            send(packed(number, file["what"], "does not load", problem))
        return []
    if file["what"]:
        try:
            things = [(file["what"], eval(file["what"], vars(module)))]
        except BaseException as error:
            send(packed(number, file["what"], "does not load", f"{type(error).__name__}: {error}", notes))
            return []
    else:
        things = _things(module, project)
    for name in file["skip"]:
        things = [(other, thing) for other, thing in things if other != name]
    here = {name for name, _ in things} | set(vars(module))
    absent = [name for name in file["layers"] if name not in here and name not in file["skip"]]
    if not things and not absent and not file["skip"]:
        lost = file["layers"] or any(name not in here for name in file["classes"])
        verdict = "does not load" if problem and lost else "nothing to examine"
        send(packed(number, "", verdict, problem or "No class with forward and backward, or with step."))
    later: list[Later] = []
    for name, thing in things:
        send(json.dumps({"at": number, "doing": name}))
        later += _thing(file, name, thing, project, job, cases, notes, send)
    for name in absent:
        send(packed(number, name, "does not load", problem or "it is not there when the file has run"))
    return later


def _thing(
    file: Job,
    name: str,
    thing: Any,
    project: Project,
    job: Job,
    cases: Cases,
    notes: list[str],
    send: Callable[[str], None],
) -> list[Later]:
    number, shape = file["number"], tuple(job["shape"]) if job["shape"] else None
    later: list[Callable[[float], Diagnosis]] = []
    try:
        diagnosis = examining.examine_thing(thing, project, shape, job["seconds"], cases, later)
    except CannotBuild as error:
        send(packed(number, name, "not examined", f"{error}{_advice(name, thing, file['shown'])}", notes))
    except Exception as error:
        send(packed(number, name, "not examined", f"{type(error).__name__}: {error}", notes))
    else:
        send(packed_diagnosis(number, name, diagnosis, notes))
    return [Later(number, name, notes, examine) for examine in later]


def _advice(name: str, thing: Any, shown: str) -> str:
    """Return how a teacher can say what was not known: in the call, or for all projects in a file of cases."""
    plain = name.split("/")[0].removesuffix("_forward").lower()
    case = f"def {plain}(module): return module.{name}(...), (4, 3)"
    if not isinstance(thing, type):
        return f". A case says how it is called (--cases FILE): def {plain}(module): return the object, its input."
    return f". Say how to build it: {shown}:'{name}(...)', or in a case (--cases FILE): {case}"


def _things(module: Any, project: Project) -> list[tuple[str, Any]]:
    found = {cls.__name__: cls for cls in classes(module)} | dict(examining.things(module, project))
    return list(found.items())


def _cases(job: Job) -> Cases:
    """Return what the teacher says: the file's text comes with the job, for it does not lie behind the wall."""
    if not job["cases"]:
        return NO_CASES.allowing(job["allow"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "cases.py")
        path.write_text(job["cases"], encoding="utf-8")
        return load_cases(path).allowing(job["allow"])


def _hide_our_own(root: Path) -> None:
    """Leave the name minidl to a project that has a module of this name."""
    if root.name == "minidl" or next(root.rglob("minidl"), None) or next(root.rglob("minidl.py"), None):
        for name in [name for name in sys.modules if name.partition(".")[0] == "minidl"]:
            del sys.modules[name]


def quiet() -> None:
    """Have what is printed, even by code that is not Python, go nowhere, and nothing come in."""
    with open(os.devnull, "r+b") as nothing:
        for number in (0, 1, 2):
            os.dup2(nothing.fileno(), number)
    os.environ["MPLBACKEND"] = "Agg"


def limit(megabytes: int, wall: bool) -> None:
    """Limit what the process may have on top of what it has now, where the system knows such limits."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_SIZE, FILE_SIZE))
        if wall:  # they are counted apart there
            resource.setrlimit(resource.RLIMIT_NPROC, (PROCESSES, PROCESSES))
        with open("/proc/self/statm", encoding="ascii") as statm:
            used = int(statm.read().split()[0]) * resource.getpagesize()
        most = used + megabytes * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    no_uncounted_memory()


def no_uncounted_memory() -> None:
    """Have the system refuse what gives memory outside of a process's own: files without a name, shared segments, rings.

    A filter of system calls does that, where Linux and the machine know it; it cannot be taken off again.
    """
    if not sys.platform.startswith("linux") or platform.machine() not in MACHINES:
        return
    machine, refused = MACHINES[platform.machine()]
    steps = [(LOAD, 0, 0, 4), (IS_EQUAL, 0, 3 + len(refused), machine)]  # programs of another kind of machine: nothing
    steps += [(LOAD, 0, 0, 0), (IS_AT_LEAST, 1 + len(refused), 0, OTHER_CALLS)]
    steps += [(IS_EQUAL, len(refused) - place, 0, number) for place, number in enumerate(refused)]
    steps += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, NO_SUCH_CALL)]
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    described = ctypes.create_string_buffer(struct.pack("@HP", len(steps), ctypes.addressof(program)))
    with contextlib.suppress(AttributeError, OSError):
        prctl = ctypes.CDLL(None).prctl
        prctl(NO_NEW_PRIVS, 1, 0, 0, 0)
        prctl(SECCOMP, FILTER, described, 0, 0)
