"""Trainings whose data or model cannot go together: what is in the way before anything is learned.

The order, here and in the files after this, is that in which one looks: what comes first may be the reason of all that comes
after it.
"""

# ruff: noqa: D205, D400 - the docstrings are for the student, and as long as they need to be

from __future__ import annotations

import math

from torch import nn

from minidl.lab.doctor.measure.vitals import Vitals, out_of_reach
from minidl.lab.doctor.mistakes.reading import DISK, VALLEY
from minidl.lab.doctor.mistakes.rules import Seen, wrong_setting
from minidl.lab.doctor.wording import number

SLOW = ("steps too small", "answers the mean", "ten samples not learned")
START = ("signal grows", "signal fades", "start far from a guess", "dead units", "saturated units")
STEPS = ("steps too large", "rate for a mean, loss a sum")


@wrong_setting(
    "data not finite", read=DISK, tries="leave such samples out, or find out where the numbers come from.", stops=True
)
def data_not_finite(vitals: Vitals) -> Seen | None:
    """The {thing} hold {value} in row {row}: one such number makes the loss, every gradient and every parameter NaN
    after one step, however small the steps are.
    """
    found = vitals.not_finite
    return {"where": found[0], "row": found[1], "value": found[2]} if found else None


@wrong_setting(
    "one class only",
    read=DISK,
    tries="print the classes' counts, and look at how the targets were made.",
    explains=("targets do not belong to the inputs", "ten samples not learned", *SLOW),
)
def one_class_only(vitals: Vitals) -> Seen | None:
    """All {count} samples have {thing}: an answer that is always the same is then right, and that is all there is to
    learn.
    """
    if vitals.labels is None or len(vitals.labels) < 2 or len(vitals.labels.unique()) > 1:
        return None
    return {"where": f"class {int(vitals.labels[0])}", "count": len(vitals.labels)}


@wrong_setting(
    "validation samples in the training data",
    read=DISK,
    tries="draw the split once, from samples that are all different.",
)
def validation_in_training(vitals: Vitals) -> Seen | None:
    """{count} of {of} validation samples are in {thing} as well, equal to the last digit: what the network remembers
    counts there as what it can do, and the validation loss is too good.
    """
    if vitals.validation is None:
        return None
    known = {row.numpy().tobytes() for row in vitals.columns}
    held = vitals.validation[0].reshape(len(vitals.validation[0]), -1).double()
    count = sum(row.numpy().tobytes() in known for row in held)
    own = 1 - len(known) / len(vitals.columns)  # data of few values repeat themselves anyway
    if count < 2 or count / len(held) < 0.01 + 2 * own:
        return None
    return {"where": "the training data", "count": count, "of": len(held)}


@wrong_setting(
    "validation data of another scale",
    read=DISK,
    tries="compute mean and scale from the training data, and use them for both.",
    explains=("learns by heart only",),
)
def validation_of_another_scale(vitals: Vitals) -> Seen | None:
    """The validation inputs have {thing} {mean} and spread {spread}, those for training {own_mean} and {own_spread}:
    the network is asked about places where it has never been.
    """
    if vitals.validation is None or len(vitals.validation[0]) < 20:
        return None
    held = vitals.validation[0].reshape(len(vitals.validation[0]), -1).double()
    own, scale = vitals.columns, vitals.columns.std()
    if not bool(scale > 0):
        return None
    shifted = abs(float((held.mean() - own.mean()) / scale))
    wider = float(held.std() / scale)
    if shifted < 0.5 and 0.4 < wider < 2.5:
        return None
    told = {"mean": held.mean(), "spread": held.std(), "own_mean": own.mean(), "own_spread": scale}
    return {"where": "mean", **{name: number(value) for name, value in told.items()}}


@wrong_setting(
    "inputs too large",
    read=VALLEY,
    tries="divide the inputs by their largest value, or subtract the mean and divide by the spread.",
    explains=(*STEPS, *START, *SLOW, "inputs of different scales"),
)
def inputs_too_large(vitals: Vitals) -> Seen | None:
    """The {thing} are {size} on average, up to {largest}: the gradient of a weight is its input times a message, so
    steps that suit the biases are far too large for the weights. Values around 1 suit both.
    """
    size = float(vitals.columns.square().mean().sqrt())
    if size < 10:
        return None
    return {"where": "inputs", "size": number(size), "largest": number(vitals.columns.abs().max())}


@wrong_setting(
    "inputs of different scales",
    read=VALLEY,
    explains=("ten samples not learned",),
    tries="subtract each column's mean, and divide by its spread.",
)
def inputs_of_different_scales(vitals: Vitals) -> Seen | None:
    """{thing} {wide} reaches {most} around its mean, column {narrow} only {least}: in the valley of the loss that is
    a ratio of {ratio} in slope, and of its square in curvature, and no step suits both.
    """
    reach = (vitals.columns - vitals.columns.mean(0)).abs().amax(0)
    some = reach > 1e-12
    if int(some.sum()) < 2 or len(reach) < 2:
        return None
    least, most = float(reach[some].min()), float(reach.max())
    if most < 100 * least:
        return None
    narrow = int((reach == least).nonzero()[0]) + 1
    told = {"most": number(most), "least": number(least), "ratio": number(most / least)}
    return {"where": "Column", "wide": int(reach.argmax()) + 1, "narrow": narrow, **told}


@wrong_setting(
    "targets do not belong to the inputs",
    read=DISK,
    tries="take inputs and targets with the same rows, and look at ten of them.",
    explains=("learns by heart only", "answers the mean"),
)
def targets_apart(vitals: Vitals) -> Seen | None:
    """{thing}, {near} of it is shared by the nearest neighbours, where chance alone gives {chance}: samples that lie
    close together should mostly have the same target. Are inputs and targets in the same order?
    """
    found = vitals.neighbours
    if found is None or len(vitals.some) < 200:
        return None
    near, chance, error = found
    if near > chance + 3 * error or near < chance - 8 * error:
        return None
    what = "Of a sample's class" if vitals.labels is not None else "Of the targets' variance"
    return {"where": what, "near": f"{max(near, 0):.0%}", "chance": f"{chance:.0%}"}


@wrong_setting(
    "softmax before the loss",
    read=DISK,
    tries="leave the softmax out of the model, and apply it only to show probabilities.",
    explains=(*SLOW, *STEPS),
)
def softmax_at_the_end(vitals: Vitals) -> Seen | None:
    """The model ends with {thing}, and CrossEntropyLoss takes the softmax itself: taken twice, it lies between 1 and
    e, so that the loss cannot fall below {floor}, and the gradients stay small.
    """
    last = vitals.layers[-1] if vitals.layers else None
    if last is None or last.kind != "softmax" or not isinstance(vitals.net.loss, nn.CrossEntropyLoss):
        return None
    k = last.output.shape[-1]
    return {"where": "a softmax", "floor": number(math.log(math.e + k - 1) - 1)}


@wrong_setting(
    "output cannot reach the targets",
    read=DISK,
    tries="end with a linear layer, or scale the targets into the range.",
    explains=(*SLOW, "dead units", "saturated units"),
)
def output_out_of_reach(vitals: Vitals) -> Seen | None:
    """The last layer is {thing}, which gives {range}, and {share} of the targets lie outside, between {low} and
    {high}: no weights bring the output there.
    """
    last = vitals.layers[-1] if vitals.layers else None
    if last is None or not vitals.T.is_floating_point() or last.output.shape != vitals.T[vitals.some].shape:
        return None
    share = out_of_reach(last, vitals.T)
    if share < 0.02:
        return None
    ranges = {"relu": "nothing below 0", "tanh": "numbers from -1 to 1", "sigmoid": "numbers from 0 to 1"}
    ends = {"low": number(vitals.T.min()), "high": number(vitals.T.max())}
    return {"where": f"a {last.name.split()[-1]}", "range": ranges[last.kind], "share": f"{share:.0%}", **ends}
