"""Examining what no batch alone shows: a layer as it is called with all that it wants, or within a network of its project."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from minidl.lab.doctor.diagnosis import Diagnosis
from minidl.lab.doctor.measure.traced import judge
from minidl.lab.doctor.students.built import CannotBuild
from minidl.lab.doctor.students.loose_calls import traces
from minidl.lab.doctor.students.own_networks import record
from minidl.lab.doctor.students.project import Project
from minidl.lab.doctor.students.tries import OWN_ERRORS
from minidl.lab.doctor.subject.calls import StudentError
from minidl.lab.doctor.subject.traces import Trace
from minidl.lab.doctor.time_limit import Hung, guarded

NOTE = "its gradients were compared with the slopes of forward, by central differences, as it was called there."


def or_in_place(examined: Callable[[], Diagnosis], in_place: Callable[[], Diagnosis]) -> Diagnosis:
    """Return what an examination with a batch says; where that is nothing, or an error alone, what one in place says."""
    try:
        diagnosis = examined()
    except CannotBuild as error:
        try:
            return in_place()
        except CannotBuild:
            raise error from None
    own = any(finding.evidence.get("error") in OWN_ERRORS for finding in diagnosis.findings)
    if diagnosis.mistakes == ["raises"] and not own:
        with contextlib.suppress(CannotBuild):
            return in_place()
    return diagnosis


def examine_in_place(thing: Any, project: Project, time_limit: float) -> Diagnosis:
    """Examine a layer or a loss by traces of its calls.

    Raises
    ------
    CannotBuild
        Where there are none, or none of which anything can be said.
    """
    cls = thing if isinstance(thing, type) else type(thing)
    try:
        found = guarded(lambda watch: watch.call("a network", _best, cls, thing, project), time_limit)[0]
    except (Hung, StudentError) as error:
        raise CannotBuild(str(error)) from error
    if found is None:
        raise CannotBuild(f"{cls.__name__} was called in no way that showed something")
    return found


def _best(cls: type, thing: Any, project: Project) -> Diagnosis | None:
    best: tuple[int, Diagnosis | None] = (0, None)
    for said, trace in itertools.chain(traces(cls, thing, project), _in_networks(cls, project)):
        if best[1] is not None and "network" in said:
            break
        try:
            judged = judge(trace)
        except Exception:
            continue
        if judged is None:
            continue
        findings, notes, count = judged
        worth = 2 * count + (not findings)
        if worth > best[0]:
            best = worth, Diagnosis(said, findings, [*notes, NOTE])
    return best[1]


def _in_networks(cls: type, project: Project) -> Iterator[tuple[str, Trace]]:
    """Yield traces of a layer's calls while networks of its project are used."""
    records = project.__dict__.setdefault("records", {})
    said = f"{cls.__name__}, in a network of its project"
    yield from ((said, trace) for trace in records.get(cls, ()))
    known = len(records.get(cls, ()))
    for words in record(cls, project, records):
        yield from ((f"{said}: {words}", trace) for trace in records[cls][known:])
        known = len(records[cls])
