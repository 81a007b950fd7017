"""The collection of specimens, each diagnosed once. No tests here."""

from __future__ import annotations

import specimens

from minidl.lab.doctor import Diagnosis, check_up, examine, examine_loss, examine_optimizer, examine_training
from minidl.lab.doctor.time_limit import TIME_LIMIT

DIAGNOSES: dict[str, Diagnosis] = {}


def diagnose(specimen):
    """Examine a specimen, once."""
    if specimen.name not in DIAGNOSES:
        limit = 0.3 if "hangs" in specimen.mistakes else TIME_LIMIT
        if specimen.kind == "layer":
            found = examine(specimen.build(), specimen.input, reference=specimen.reference, time_limit=limit)
        elif specimen.kind == "loss":
            given = specimen.input, specimen.target
            found = examine_loss(specimen.build(), *given, reference=specimen.reference, time_limit=limit)
        elif specimen.kind == "loop":
            found = examine_training(specimen.build, **specimen.more)
        elif specimen.kind == "setting":
            found = check_up(**specimen.build())
        else:
            found = examine_optimizer(*specimen.build(), time_limit=limit)
        DIAGNOSES[specimen.name] = found
    return DIAGNOSES[specimen.name]


def specimen_named(name):
    return next(s for s in specimens.SPECIMENS if s.name == name)


def finding(name):
    """Return the only finding on a specimen."""
    (only,) = diagnose(specimen_named(name)).findings
    return only
