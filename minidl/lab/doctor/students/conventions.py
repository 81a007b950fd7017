"""What is no mistake in a student's project: conventions, and what may come of choices that were made here."""

from __future__ import annotations

import contextlib
import types
from collections.abc import Callable
from typing import Any

from minidl.lab.doctor.diagnosis import Diagnosis, Finding
from minidl.lab.doctor.students.building import CannotBuild
from minidl.lab.doctor.students.cases import Cases
from minidl.lab.doctor.students.guesses import LINEAR_NAME, uses_numpy
from minidl.lab.doctor.students.pairing import all_pairs
from minidl.lab.doctor.students.project import Project
from minidl.lab.doctor.students.variants import CONVENTIONS, assigns, broadcasts, guessed_at, in_double_alone
from minidl.lab.doctor.subject.functions import FunctionPair
from minidl.lab.doctor.subject.names import PAIR_METHODS, ZERO_METHODS, first_method
from minidl.lab.doctor.subject.roles import kind

Examined = Callable[[Any], Diagnosis]  # of a class or a pair of functions
EACH = "its loss for each sample is left to others to add up, and was added up here"
TOGETHER = (
    "in this project the layers divide by the number of samples, and so the losses do not: together that is right"
)


def tolerated(diagnosis: Diagnosis, thing: Any, project: Project, cases: Cases, examined: Examined) -> Diagnosis:
    """Return a diagnosis in which what is fine here is a note, and no mistake."""
    fine = dict.fromkeys(cases.allowed, "that is allowed here")
    strict = _strict(project)
    if not strict:
        fine.setdefault("broadcast", "no shapes are compared here")
        if first_method(thing, ZERO_METHODS) is None:
            fine.setdefault("overwritten", "nothing sets them to zero here: each backward begins anew")
        if any(kind(cls) == "optimizer" for cls in project.pool):
            fine.setdefault("gradient replaced", "that is fine where the optimiser asks for them anew in each step")
        if _inherits_its_list(thing):
            fine.setdefault("nested parameters missing", "the list is that of the base class, which is empty for all")
        fine.setdefault("gradient to ties", "so it is in many frameworks, and equal entries are rare")
        if any(finding.mistake == "overwritten" for finding in diagnosis.findings) and assigns(project, diagnosis):
            fine.setdefault("overwritten", "no layer of this project adds gradients up: each backward begins anew")
    left, notes = [], []
    guessed_at(diagnosis, thing, project)
    each = not strict and any(map(for_each_sample, diagnosis.findings))
    for finding in diagnosis.findings:
        why = fine.get(finding.mistake)
        if why is None and not strict:
            why = _of_its_own_kind(finding, uses_numpy(project), each)
        if why is None and isinstance(thing, type) and ": " in finding.where:
            why = "that is told of the layer itself"
        if why is None and finding.mistake.startswith("factor"):
            why = TOGETHER if _divided_elsewhere(finding, thing, project, examined) else None
        if why is None:
            left.append(finding)
        else:
            notes.append(f"{why}. {finding.text}")
    if all(finding.mistake == "nested not zeroed" for finding in left) and len(left) < len(diagnosis.findings):
        left = []  # nothing has to be zeroed that is overwritten anyway
    diagnosis.findings = left
    diagnosis.notes += notes
    return diagnosis


def _inherits_its_list(thing: Any) -> bool:
    """Whether the method that lists parameters comes from a base class, so that nobody here has thought of it."""
    name = first_method(thing, PAIR_METHODS)
    return isinstance(thing, type) and name is not None and name not in vars(thing)


def _of_its_own_kind(finding: Finding, numpy: bool, each: bool) -> str | None:
    """Return why something is fine where nobody asks for minidl's contract; None where it is not."""
    got, expected = finding.got, finding.expected
    if finding.mistake in ("wrong dtype", "not finite"):
        return in_double_alone(finding, numpy)
    if finding.mistake == "kink" and got is not None:
        return "any slope between 0 and 1 will do" if bool(((got >= 0) & (got <= 1)).all()) else None
    if finding.mistake == "wrong shape" and broadcasts(finding):
        return "it is broadcast to the shape that belongs there, so that the numbers come out right"
    if finding.mistake == "wrong shape" and got is not None and got.ndim == 1 and finding.where == "input":
        return "it comes as one row of numbers, and they are right"
    if each and (for_each_sample(finding) or finding.mistake == "factor 1/n"):
        return EACH
    if finding.where == "input" and expected is not None and _with_ones(got, expected):
        return "it has one column more, that of the ones for the bias, which the layer before has to leave out"
    return None


def for_each_sample(finding: Finding) -> bool:
    """Whether a loss returns a number for each sample, or for each entry."""
    return finding.mistake == "wrong shape" and finding.where == "output" and "loss for every entry" in finding.text


def _with_ones(got: Any, expected: Any) -> bool:
    """Whether a gradient is right but for one more column, at the beginning or the end: that of ones for the bias."""
    if got is None or got.ndim != 2 or expected.ndim != 2 or got.shape != (len(expected), expected.shape[1] + 1):
        return False
    return any(bool((part - expected).abs().max() < 1e-5) for part in (got[:, 1:], got[:, :-1]))


def _divided_elsewhere(finding: Finding, thing: Any, project: Project, examined: Examined) -> bool:
    """Whether a factor n of a loss, or 1/n of a layer, is taken back by the layers, or the losses, of this project."""
    if finding.mistake not in ("factor n", "factor 1/n"):
        return False
    counterpart = {"factor n": ("layer", "factor 1/n"), "factor 1/n": ("loss", "factor n")}[finding.mistake]
    known = project.__dict__.setdefault("known_factors", {})
    if counterpart not in known:
        known[counterpart] = False  # while it is being found out
        known[counterpart] = _is_there(*counterpart, thing, project, examined)
    if counterpart[0] == "loss" and finding.also and not known.get("loss divides"):
        return finding.where != "input" and "input" not in finding.also  # weights and biases alike
    return known[counterpart] and not (counterpart[0] == "loss" and finding.where == "input")


def _is_there(what: str, factor: str, thing: Any, project: Project, examined: Examined) -> bool:
    """Whether a project has a layer, or a loss, with a factor of its own; or losses for each sample, which divide by nothing.

    Where no loss of a project can be examined, and two of its layers divide, they are taken to do so in its place.
    """
    others = [cls for cls in project.near(thing if isinstance(thing, type) else type(thing)) if cls is not thing]
    some: list[Any] = [c for c in others if kind(c) == what and (what == "loss" or LINEAR_NAME.search(c.__name__))]
    own = all_pairs(project)
    some += [
        p
        for p in own
        if p.forward is not getattr(thing, "forward", None)
        and p.is_loss == (what == "loss")
        and (p.is_loss or _is_linear(p))
    ]
    divides = False
    for other in some:
        with contextlib.suppress(CannotBuild):
            found = examined(other)
            if factor in found.mistakes and set(found.mistakes) <= {factor, *CONVENTIONS}:
                return True
            if what == "loss" and any(map(for_each_sample, found.findings)):
                return True
            divides |= what == "loss"
            if what == "loss" and not set(found.mistakes) - set(CONVENTIONS):
                project.__dict__["known_factors"]["loss divides"] = True
    return what == "loss" and not divides and _is_there("layer", factor.replace(" n", " 1/n"), thing, project, examined)


def _is_linear(pair: FunctionPair) -> bool:
    return LINEAR_NAME.search(pair.forward.__name__) is not None


def _strict(project: Project) -> bool:
    """Whether a project is written for minidl's contract: gradients are added up, shapes compared, ReLU's slope at 0 is 0."""
    mine = (value for module in project.modules.values() for value in vars(module).values())
    kinds = (type, types.ModuleType, types.FunctionType)
    homes = (getattr(v, "__module__", None) or getattr(v, "__name__", "") for v in mine if isinstance(v, kinds))
    return any(str(home).split(".")[0] == "minidl" for home in homes)
