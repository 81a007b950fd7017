"""The collection of specimens, each diagnosed once. No tests here."""

from __future__ import annotations

import specimens

from minidl.lab.doctor import Diagnosis, examine, examine_loss, examine_optimizer

TIME_LIMIT = 1.0  # of the two that hang
DIAGNOSES: dict[str, Diagnosis] = {}


def diagnose(specimen):
    """Examine a specimen, once."""
    if specimen.name not in DIAGNOSES:
        if specimen.kind == "layer":
            found = examine(specimen.build(), specimen.input, reference=specimen.reference, time_limit=TIME_LIMIT)
        elif specimen.kind == "loss":
            given = specimen.input, specimen.target
            found = examine_loss(specimen.build(), *given, reference=specimen.reference, time_limit=TIME_LIMIT)
        else:
            found = examine_optimizer(*specimen.build(), time_limit=TIME_LIMIT)
        DIAGNOSES[specimen.name] = found
    return DIAGNOSES[specimen.name]


def specimen_named(name):
    return next(s for s in specimens.SPECIMENS if s.name == name)


def finding(name):
    """Return the only finding on a specimen."""
    (only,) = diagnose(specimen_named(name)).findings
    return only
