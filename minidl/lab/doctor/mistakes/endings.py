"""Trainings whose model ends in what its loss does not take, or where the targets are out of reach."""

# ruff: noqa: D205 - the docstrings are for the student, and as long as they need to be

from __future__ import annotations

import math

from torch import nn

from minidl.lab.doctor.measure.layers import out_of_reach
from minidl.lab.doctor.measure.nets import leaves
from minidl.lab.doctor.measure.vitals import Vitals
from minidl.lab.doctor.mistakes.reading import CROSS_ENTROPY, DISK, FOUR_LOOPS
from minidl.lab.doctor.mistakes.rules import Seen, wrong_setting
from minidl.lab.doctor.subject.calls import StudentError
from minidl.lab.doctor.wording import number

SLOW = ("steps too small", "answers the mean", "ten samples not learned")
GIVES = {"relu": "nothing below 0", "tanh": "numbers from -1 to 1", "sigmoid": "numbers from 0 to 1"}
STEPS = ("steps too large", "rate for a mean, loss a sum")


@wrong_setting("class numbers without an output", read=CROSS_ENTROPY, tries="{cure}", stops=True)
def class_numbers_without_an_output(vitals: Vitals) -> Seen | None:
    """{thing} go from {low} to {high}, and the model has {k} output{s}: the loss takes the class number for the place of its
    output, counted from 0, and {last} is the last. So it raises an error as soon as such a sample comes.
    """
    ignored = getattr(vitals.net.loss, "ignore_index", None)
    if not isinstance(vitals.net.loss, (nn.CrossEntropyLoss, nn.NLLLoss)) or vitals.output.ndim < 2:
        return None
    k = vitals.output.shape[1]
    parts = {"The class numbers": vitals.T}
    if vitals.validation is not None:
        parts["The class numbers of the validation data"] = vitals.validation[1]
    for name, targets in parts.items():
        known = targets[targets != ignored]
        if targets.is_floating_point() or not known.numel() or (int(known.min()) >= 0 and int(known.max()) < k):
            continue
        low, high = int(known.min()), int(known.max())
        cure = "number the classes from 0, y.unique(return_inverse=True)[1], and one output for each."
        if k == 1:
            cure = "an output for each class; or for two classes BCEWithLogitsLoss, with y.float()[:, None]."
        elif low == 1 and high == k:
            cure = "y - 1: the classes are counted from 1, and the loss counts from 0."
        return {"where": name, "low": low, "high": high, "k": k, "s": "s" * (k > 1), "last": k - 1, "cure": cure}
    return None


@wrong_setting(
    "softmax before the loss",
    read=FOUR_LOOPS,
    tries="leave the softmax out of the model, and apply it only to show probabilities.",
    explains=(*SLOW, *STEPS),
)
def softmax_at_the_end(vitals: Vitals) -> Seen | None:
    """The model ends with {thing}, and CrossEntropyLoss takes the softmax itself. Of numbers from 0 to 1, the exponentials lie
    between 1 and e: no class gets all, so that the loss cannot fall below {floor}, and the gradients stay small.
    """
    last = vitals.layers[-1] if vitals.layers else None
    if last is None or last.kind != "softmax" or not isinstance(vitals.net.loss, nn.CrossEntropyLoss):
        return None
    k = last.output.shape[-1]
    return {"where": "a softmax", "floor": number(math.log(math.e + k - 1) - 1)}


@wrong_setting(
    "activation before the loss",
    read=CROSS_ENTROPY,
    tries="end with the linear layer: the scores may be any numbers.",
    explains=(*SLOW, *STEPS, "dead units", "saturated units"),
)
def activation_before_the_loss(vitals: Vitals) -> Seen | None:
    """The model ends with {thing}, and {loss} takes scores of any size and sign: {range} is all that it can get, so that
    no answer is ever sure, and where the activation is flat nothing goes back.
    """
    last = vitals.layers[-1] if vitals.layers else None
    takes_scores = isinstance(vitals.net.loss, (nn.CrossEntropyLoss, nn.BCEWithLogitsLoss))
    if last is None or last.kind not in GIVES or not takes_scores:
        return None
    name = last.name.split()[-1]
    return {"where": f"a {name}", "loss": type(vitals.net.loss).__name__, "range": GIVES[last.kind]}


@wrong_setting(
    "sigmoid missing",
    read=CROSS_ENTROPY,
    tries="end the model with a Sigmoid; or BCEWithLogitsLoss, which takes the scores as they are.",
    stops=True,
)
def sigmoid_missing(vitals: Vitals) -> Seen | None:
    """BCELoss takes probabilities, numbers from 0 to 1, and {thing} gives numbers from {low} to {high}: the logarithm of
    a number below 0 does not exist, and the loss raises an error, at once or as soon as there is one.
    """
    if not isinstance(vitals.net.loss, nn.BCELoss):
        return None
    try:
        low, high = float(vitals.output.min()), float(vitals.output.max())
    except StudentError:
        return None
    last = leaves(vitals.net.model)[-1]
    if low >= 0 and high <= 1:
        return None
    return {"where": f"the model, which ends with a {type(last).__name__},", "low": number(low), "high": number(high)}


@wrong_setting(
    "log-softmax missing",
    read=CROSS_ENTROPY,
    tries="CrossEntropyLoss, which takes the scores as they are; or end with LogSoftmax(dim=1).",
    explains=(*SLOW, *STEPS, "start far from a guess"),
)
def log_softmax_missing(vitals: Vitals) -> Seen | None:
    """NLLLoss takes logarithms of probabilities, and the model gives it {thing}: their exponentials add up to {sum} for
    a sample on average, and not to 1. So the loss falls below 0, and can fall where the answers do not get better.
    """
    if not isinstance(vitals.net.loss, nn.NLLLoss) or vitals.output.ndim != 2:
        return None
    total = float(vitals.output.double().exp().sum(1).mean())
    what = "probabilities" if vitals.layers and vitals.layers[-1].kind == "softmax" else "scores"
    return None if abs(total - 1) < 0.01 else {"where": what, "sum": number(total)}


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
    ends = {"low": number(vitals.T.min()), "high": number(vitals.T.max())}
    return {"where": f"a {last.name.split()[-1]}", "range": GIVES[last.kind], "share": f"{share:.0%}", **ends}
