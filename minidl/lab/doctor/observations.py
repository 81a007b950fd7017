"""What the doctor's experiments see, and what of it is left where one thing explains another."""

from __future__ import annotations

from collections.abc import Iterable

from minidl.lab.doctor.diagnosis import Finding
from minidl.lab.doctor.measure.batches import Batches
from minidl.lab.doctor.measure.behaviour import Behaviour
from minidl.lab.doctor.measure.steps import Steps
from minidl.lab.doctor.mistakes.rules import Misbehaviour, Observation
from minidl.lab.doctor.subject.calls import StudentError
from minidl.lab.doctor.wording import words


def observe(rules: Iterable[Observation], examined: Behaviour | Steps) -> list[Finding]:
    """Make every experiment; the first of each name that sees something counts."""
    findings: list[Finding] = []
    for rule in rules:
        if any(f.mistake == rule.name for f in findings):
            continue
        try:
            seen = rule.observe(examined)
        except StudentError as error:
            second_use = isinstance(rule, Misbehaviour) and rule.second_use
            if second_use and all(f.mistake != "raises" for f in findings):
                findings.append(as_finding(error, "when it is used a second time"))
            continue
        if seen is not None:
            seen = dict(seen)
            where, expected, got = seen.pop("where"), seen.pop("expected", None), seen.pop("got", None)
            text = rule.says.format(**words(where, **seen), thing=where)
            finding = Finding(rule.name, where, text, seen, expected, got, rule.read, rule=rule)
            finding.tries = getattr(rule, "tries", "").format(**seen)
            findings.append(finding)
    return findings


def as_finding(raised: StudentError, when: str = "") -> Finding:
    """Return what the student's code raised, with the line where it happened."""
    error, line = raised.error, raised.where()
    text = f"{raised.doing} raises {type(error).__name__}" + (f": {error}" if str(error) else "")
    text += "".join(f" ({part})" for part in (when, line) if part)
    return Finding("raises", raised.doing, text, {"error": type(error).__name__, "line": line})


def misbehaviours(findings: list[Finding]) -> list[Misbehaviour]:
    """Return the rules by which misbehaviours were seen."""
    return [f.rule for f in findings if isinstance(f.rule, Misbehaviour)]


def without_consequences(seen: list[Finding], inside: list[Finding], batches: Batches) -> list[Finding]:
    """Leave out what follows from something else: seen as well, wrong in a module inside, or wrong in a gradient."""
    input_right = all(case.close(case.got["input"], case.truth["input"]) for case in batches.cases)
    follows = {
        rule.name
        for rule in misbehaviours(seen)
        if (rule.follows_from_inside and inside) or (rule.only_if_input_right and not input_right)
    }
    seen = without_explained(seen, inside)
    return [f for f in seen if f.mistake not in follows]


def without_explained(seen: list[Finding], others: Iterable[Finding] = ()) -> list[Finding]:
    """Leave out what is explained by something else that has been seen, and what counts only alone where it is not."""
    rules = [f.rule for f in (*seen, *others) if isinstance(f.rule, Observation)]
    explained = {name for rule in rules for name in rule.explains}
    left = [f for f in seen if f.mistake not in explained]
    return [f for f in left if len(left) == 1 or not (isinstance(f.rule, Observation) and f.rule.only_alone)]
