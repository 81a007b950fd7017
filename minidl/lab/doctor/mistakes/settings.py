"""Trainings whose data or model cannot go together: what is in the way before anything is learned.

The order, here and in the files after this, is that in which one looks: what comes first may be the reason of all that comes
after it.
"""

# ruff: noqa: D205, D400 - the docstrings are for the student, and as long as they need to be

from __future__ import annotations

import math

from minidl.lab.doctor.measure.vitals import TRIAL_STEPS, Vitals
from minidl.lab.doctor.mistakes.reading import (
    DATA,
    FOUR_SETTINGS,
    MSE,
    NOWHERE,
    VALLEY,
)
from minidl.lab.doctor.mistakes.rules import Seen, wrong_setting
from minidl.lab.doctor.wording import listed, number

SLOW = ("steps too small", "answers the mean", "ten samples not learned")
START = ("signal grows", "signal fades", "start far from a guess", "dead units", "saturated units")
GIVES = {"relu": "nothing below 0", "tanh": "numbers from -1 to 1", "sigmoid": "numbers from 0 to 1"}
LARGE = 10  # inputs and targets of this size, ten times what suits
STEPS = ("steps too large", "rate for a mean, loss a sum")


@wrong_setting(
    "data not finite", read=DATA, tries="leave such samples out, or find out where the numbers come from.", stops=True
)
def data_not_finite(vitals: Vitals) -> Seen | None:
    """The {thing} hold {value} in row {row}, counted from 1{more}: one such number makes the loss, every gradient and every
    parameter NaN after one step, however small the steps are.
    """
    found = vitals.not_finite
    if found is None:
        return None
    name, row, value, count = found
    more = f", and in {count - 1} other{'s' * (count > 2)}" if count > 1 else ""
    return {"where": name, "row": row, "value": value, "more": more}


@wrong_setting(
    "inputs are whole numbers",
    read=DATA,
    tries="X = X.float(), or X.to(torch.get_default_dtype()).",
    stops=True,
)
def inputs_are_whole_numbers(vitals: Vitals) -> Seen | None:
    """The inputs are of {thing}, whole numbers, and the model's weights are not: a product of both is an error. (Class
    numbers, the targets of CrossEntropyLoss, stay whole.)
    """
    if vitals.X.is_floating_point() or vitals.X.is_complex():
        return None
    try:
        vitals.net.answer(vitals.X[:2])
    except Exception:
        return {"where": str(vitals.X.dtype).replace("torch.", "dtype ")}
    return None


@wrong_setting(
    "column against row",
    read=MSE,
    tries="targets of the output's shape: T = T[:, None] for a column of outputs.",
    stops=True,
)
def column_against_row(vitals: Vitals) -> Seen | None:
    """The loss compares {thing}: they are spread out against each other, every sample with every other, and the mean
    of that is least for a network that answers the mean. It is {wrong}, and of equal shapes {right}.
    """
    output, target = vitals.output, vitals.T[vitals.some]
    shapes = tuple(output.shape), tuple(target.shape)
    if not target.is_floating_point() or shapes[0] == shapes[1] or len(target) < 2 or output.numel() != target.numel():
        return None
    wrong, right = (vitals.net.loss_of(output, t) for t in (target, target.reshape(output.shape)))
    if wrong is None or right is None or math.isclose(wrong, right, rel_tol=1e-5):
        return None
    said = f"an output of shape {shapes[0]} with targets of shape {shapes[1]}"
    return {"where": said, "wrong": number(wrong), "right": number(right)}


@wrong_setting(
    "inputs all equal",
    read=DATA,
    tries="look at the first rows of the inputs, and at how they were computed.",
    explains=("targets do not belong to the inputs", *START, *STEPS, *SLOW, "inputs too large"),
)
def inputs_all_equal(vitals: Vitals) -> Seen | None:
    """All {count} samples have the same {thing}: the network cannot tell them apart, whatever its weights are, and the
    best answer to all is the mean of the targets.
    """
    if len(vitals.columns) < 2 or bool((vitals.columns != vitals.columns[0]).any()):
        return None
    return {"where": "inputs", "count": len(vitals.columns)}


@wrong_setting(
    "one class only",
    read=DATA,
    tries="print the classes' counts, and look at how the targets were made.",
    explains=("targets do not belong to the inputs", "start far from a guess", *SLOW),  # no start is like that guess
)
def one_class_only(vitals: Vitals) -> Seen | None:
    """All {count} samples have {thing}: an answer that is always the same is then right, and that is all there is to
    learn.
    """
    if vitals.labels is None or len(vitals.labels) < 2 or len(vitals.labels.unique()) > 1:
        return None
    return {"where": f"class {int(vitals.labels[0])}", "count": len(vitals.labels)}


@wrong_setting(
    "classes very unequal",
    read=DATA,
    tries="more samples of that class, or count its errors more; and look at the errors of each class, not at all together.",
    explains=(
        "targets do not belong to the inputs",
        "start far from a guess",
        "answers the mean",
        "ten samples not learned",
    ),
)
def classes_very_unequal(vitals: Vitals) -> Seen | None:
    """{thing} has {rare} of {count} samples, class {common} has {most}: who never says that class is right in {share}
    of all cases, and the loss hardly sees the others. {told} of them are answered rightly.
    """
    if vitals.labels is None or len(vitals.labels) < 20:
        return None
    labels, counts = vitals.labels.unique(return_counts=True)
    least, most = int(counts.argmin()), int(counts.argmax())
    if len(labels) < 2 or counts[most] < 8 * counts[least]:
        return None
    net = vitals.traveller if vitals.lr else vitals.net
    right = vitals.right_of_class(net, int(labels[least])) if net else 0.0
    if right > 0.5 and (vitals.lr or vitals.loss < vitals.guess):
        return None  # it is learned all the same
    when = f"After {TRIAL_STEPS} trial steps {right:.0%}" if vitals.lr and net else f"Now {right:.0%}"
    told = {"rare": int(counts[least]), "common": int(labels[most]), "most": int(counts[most]), "told": when}
    share = 1 - float(counts[least]) / len(vitals.labels)
    return {"where": f"Class {int(labels[least])}", "count": len(vitals.labels), "share": f"{share:.0%}", **told}


@wrong_setting(
    "validation samples in the training data",
    read=DATA,
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
    read=DATA,
    tries="compute mean and scale from the training data, and use them for both.",
    explains=("learns by heart only", "validation loss too good"),
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
    read=FOUR_SETTINGS,
    tries="{cure}",
    explains=(*STEPS, *START, *SLOW, "inputs of different scales"),
)
def inputs_too_large(vitals: Vitals) -> Seen | None:
    """{thing} {size} in size on average, up to {largest}: the gradient of a weight is its input times a message, so
    steps that suit the biases are far too large for the weights. Values around 1 suit both.
    """
    sizes = vitals.columns.square().mean(0).sqrt()
    if float(sizes.square().mean().sqrt()) < LARGE:
        return None
    large = (sizes >= LARGE).nonzero().reshape(-1).tolist()
    some = vitals.columns[:, large].abs()
    where, cure = (
        "The inputs are",
        "divide the inputs by their largest value, or subtract the mean and divide by the spread.",
    )
    if 2 * len(large) <= len(sizes) and len(large) < 5:
        names = listed([str(k + 1) for k in large])
        where = f"Of the inputs, column{'s' * (len(large) > 1)} {names} (counted from 1) {'are' if len(large) > 1 else 'is'}"
        cure = "for each column by itself: subtract its mean, and divide by its spread."
    return {"where": where, "size": number(some.mean()), "largest": number(some.max()), "cure": cure}


@wrong_setting(
    "inputs of different scales",
    read=VALLEY,
    explains=("ten samples not learned",),
    tries="subtract each column's mean, and divide by its spread.",
)
def inputs_of_different_scales(vitals: Vitals) -> Seen | None:
    """{thing} {wide} (counted from 1) reaches {most} around its mean, column {narrow} only {least}: in the valley of the
    loss that is a ratio of {ratio} in slope, and of its square in curvature, and no step suits both.
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
    "targets too large",
    read=VALLEY,
    tries="subtract the targets' mean and divide by their spread; the answers are turned back in the end.",
    explains=(*STEPS, *START, *SLOW),
)
def targets_too_large(vitals: Vitals) -> Seen | None:
    """The {thing} are {size} in size on average, and the outputs {output}: the gradient grows with their difference, so
    that each step is as much too large; and small steps spend their time on the mean.
    """
    if vitals.labels is not None or not vitals.T.is_floating_point() or vitals.learns():
        return None
    size, output = float(vitals.T.abs().mean()), float(vitals.output.abs().mean())
    if size < LARGE or size < LARGE * output or (math.isfinite(vitals.guess) and vitals.loss < 2 * vitals.guess):
        return None
    return {"where": "targets", "size": number(size), "output": number(output)}


@wrong_setting(
    "targets do not belong to the inputs",
    read=DATA,
    tries="take inputs and targets with the same rows, and look at ten of them.",
    explains=("learns by heart only", "answers the mean"),
)
def targets_apart(vitals: Vitals) -> Seen | None:
    """{thing}, where chance alone gives {chance}: samples that lie close together should mostly have the same target.
    Are inputs and targets in the same order?
    """
    found = vitals.neighbours
    if found is None or len(vitals.some) < 200:
        return None
    near, chance, error = found
    if chance + 4 * error > 1:  # so much is shared by chance that nothing could be more
        return None
    if near > chance + 3 * error or near < chance - 8 * error:
        return None
    share = f"{max(near, 0):.0%}"
    what = f"Of the nearest neighbours of a sample {share} have its class"
    if vitals.labels is None:
        what = f"Of the targets' variance {share} is explained by the nearest neighbours"
    return {"where": what, "chance": f"{chance:.0%}"}


@wrong_setting(
    "all parameters frozen",
    read=NOWHERE,
    tries="param.requires_grad_(True) for those that shall learn.",
    stops=True,
)
def all_frozen(vitals: Vitals) -> Seen | None:
    """{thing} has requires_grad = False: backward computes no gradients, or raises an error, and no step moves anything."""
    params = vitals.net.params
    if not vitals.net.of_torch or not params or any(param.requires_grad for param in params):
        return None
    return {"where": f"Each of the {len(params)} parameters" if len(params) > 1 else "The only parameter"}
