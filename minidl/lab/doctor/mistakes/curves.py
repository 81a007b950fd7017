"""Trainings that there were, judged by their losses: curves that are flat, jump, rise, or fall on training data only.

They come last: what is measured of data, model and steps is a reason, and a curve only shows that there is one.
"""

# ruff: noqa: D205 - the docstrings are for the student, and as long as they need to be

from __future__ import annotations

import math
import statistics

from minidl.lab.doctor.measure.vitals import Vitals
from minidl.lab.doctor.mistakes.reading import BY_HEART, EXPERIMENTS, STEPS
from minidl.lab.doctor.mistakes.rules import Seen, wrong_setting
from minidl.lab.doctor.wording import number

SOME, MANY = 5, 10  # epochs from which a curve can be told to be flat; or to have turned


@wrong_setting(
    "loss diverges",
    read=STEPS,
    tries="a tenth of the learning rate.",
    only_alone=True,
    explains=("loss jumps", "loss flat", "falls on training data only"),
)
def loss_diverges(vitals: Vitals) -> Seen | None:
    """The {thing} of the training goes from {first} in the first epoch to {last} in the last: it rises instead of
    falling, each step is longer than the one before. The learning rate is too large, or the sign of the step wrong.
    """
    curves = vitals.curves
    if curves is None or len(curves.training) < 2:
        return None
    losses, finite = curves.training, curves.finite
    if len(finite) == len(losses) and finite[-1] < 3 * finite[0]:
        return None
    first = number(finite[0]) if finite else "no number"
    last = number(losses[-1]) if math.isfinite(losses[-1]) else "something that is not finite"
    return {"where": "loss", "first": first, "last": last}


@wrong_setting(
    "loss jumps",
    read=STEPS,
    tries="a third of the learning rate, or larger batches.",
    only_alone=True,
    explains=("loss flat",),
)
def loss_jumps(vitals: Vitals) -> Seen | None:
    """In {count} of {of} epochs the {thing} is more than {times} times that of the epoch before: steps of this size find
    the valley, and jump out of it again.
    """
    if vitals.curves is None:
        return None
    of, count = len(vitals.curves.training), vitals.curves.rises(1.5)
    if of < SOME or count < 3 or count < 0.1 * of:
        return None
    return {"where": "training loss", "count": count, "of": of, "times": 1.5}


@wrong_setting(
    "loss flat",
    read=BY_HEART,
    tries="a larger and a smaller learning rate, ten samples alone, and examine_training for the loop.",
    only_alone=True,
)
def loss_flat(vitals: Vitals) -> Seen | None:
    """In {count} epochs the training {thing} goes from {first} to {last}, and never further than {share} from the first:
    as good as nothing has been learned, and much is left to learn.
    """
    curves = vitals.curves
    if curves is None or len(curves.finite) < SOME or vitals.loss < 0.3 * vitals.guess:
        return None
    first = curves.finite[0]
    share = max(abs(value - first) for value in curves.finite) / abs(first) if first else 0.0
    if share > 0.03:
        return None
    last = number(curves.finite[-1])
    return {"where": "loss", "count": len(curves.finite), "first": number(first), "last": last, "share": f"{share:.1%}"}


@wrong_setting(
    "falls on training data only",
    read=EXPERIMENTS,
    tries="stop after epoch {best}; more data, or a smaller network.",
    explains=("learns by heart only",),
)
def falls_on_training_data_only(vitals: Vitals) -> Seen | None:
    """The validation {thing} is least after epoch {best}, {least}, and rises to {last}, while that of the training data
    falls on, from {before} to {after}: since then it learns the samples, and not what they have in common.
    """
    curves = vitals.curves
    if curves is None or len(curves.validation) < MANY or len(curves.validation) != len(curves.finite):
        return None
    held = [statistics.median(curves.validation[max(0, k - 1) : k + 2]) for k in range(len(curves.validation))]
    best, end = min(range(len(held)), key=held.__getitem__), statistics.median(curves.validation[-3:])
    own, last = curves.training[best], statistics.median(curves.training[-3:])
    if len(held) - best < 4 or end < 1.2 * held[best] or last > 0.9 * own:
        return None
    best = min(range(len(held)), key=curves.validation.__getitem__)  # the medians judge, and what is told was measured
    before, after = curves.training[best], curves.training[-1]
    if after > before:
        return None
    ends = {"least": number(curves.validation[best]), "last": number(curves.validation[-1])}
    return {"where": "loss", "best": best + 1, "before": number(before), "after": number(after), **ends}
