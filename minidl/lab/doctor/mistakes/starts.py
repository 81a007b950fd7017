"""Trainings that start badly: wrong gradients, units that are equal, dead or saturated, signals that fade or grow."""

# ruff: noqa: D205 - the docstrings are for the student, and as long as they need to be

from __future__ import annotations

import itertools
import math
import statistics

import torch

from minidl.lab.doctor.measure.layers import dead, dropped, restless, saturated, spread
from minidl.lab.doctor.measure.vitals import TRIAL_STEPS, Vitals
from minidl.lab.doctor.mistakes.reading import (
    FIRST_LOSS,
    FOUR_SETTINGS,
    NOWHERE,
    SGD,
    START_OF_ALL,
    TWO_LINEAR,
    VARIANCES,
)
from minidl.lab.doctor.mistakes.rules import Seen, wrong_setting
from minidl.lab.doctor.wording import number

SLOW = ("steps too small", "answers the mean", "ten samples not learned")
STEPS = ("steps too large", "rate for a mean, loss a sum")


@wrong_setting(
    "gradients wrong",
    read=SGD,
    tries="examine(layer, (4, 3)) for each layer, and examine_loss for the loss.",
    explains=(*STEPS, *SLOW, "signal fades"),
)
def gradients_wrong(vitals: Vitals) -> Seen | None:
    """Along one direction the loss changes by {measured} for each unit of length, and the {thing} say {told}: they
    are not the derivative of this loss, and where they point is not downhill.
    """
    found = vitals.gradient_error
    if found is None:
        return None
    told, measured = found
    if abs(told - measured) <= 0.05 * max(abs(told), abs(measured)):
        return None
    return {"where": "gradients", "told": number(told), "measured": number(measured)}


@wrong_setting(
    "units all equal",
    read=START_OF_ALL,
    tries="draw the weights at random, a layer's biases may be 0.",
    explains=("dead units", "signal fades", "saturated units", *SLOW, *STEPS),
)
def units_all_equal(vitals: Vitals) -> Seen | None:
    """All {count} units of {thing} give the same output for every sample: they get the same gradient, make the same
    step, and stay equal for ever, so that the layer is worth one unit.
    """
    before = math.inf
    for layer in vitals.layers:
        output = layer.output.reshape(len(layer.output), -1)
        told, before = before, spread(layer)
        if told == 0:
            return None  # what came before tells it nothing
        rounding = 100 * torch.finfo(output.dtype).eps * output.abs().max()
        alike = bool(((output - output[:, :1]).abs() <= rounding).all())
        if layer.kind == "linear" and not layer.last and output.shape[1] > 1 and alike:
            return {"where": f"layer {layer.name}", "count": output.shape[1]}
    return None


@wrong_setting(
    "no activation between",
    read=TWO_LINEAR,
    tries="a ReLU or Tanh between them.",
    explains=("ten samples not learned",),
)
def no_activation_between(vitals: Vitals) -> Seen | None:
    """{thing} follow each other with nothing between them: a product of matrices is a matrix, so that together they are
    worth one linear layer, however many units they have.
    """
    for before, after in itertools.pairwise(vitals.layers):
        if not before.kind == after.kind == "linear" or after.input is None or before.input is None:
            continue
        weights = before.params[0].shape, after.params[0].shape
        straight = torch.equal(before.output, after.input) and bool((after.input < 0).any())  # no function between
        ends = before.input.shape[-1], after.output.shape[-1]
        mixes = all(len(w) == 2 for w in weights) and {*weights[0]} == {ends[0], before.output.shape[-1]}
        if straight and mixes and before.output.shape[-1] >= min(ends):  # a narrow one between makes a difference
            return {"where": f"Layers {before.name} and {after.name}"}
    return None


@wrong_setting(
    "too much dropped",
    read=NOWHERE,
    tries="0.2 to 0.5; and see that it is the share that is dropped, and not the one that is kept.",
    explains=("ten samples not learned",),
)
def too_much_dropped(vitals: Vitals) -> Seen | None:
    """{thing} sets {share} of what it gets to 0, others each time: what passes it in one step tells little of the
    sample, and each weight behind it is moved in few of the steps.
    """
    worst = max(vitals.of_a_batch, key=dropped, default=None)
    if worst is None or dropped(worst) < 0.65:
        return None
    return {"where": f"Layer {worst.name}", "share": f"{dropped(worst):.0%}"}


@wrong_setting(
    "random in evaluation too",
    read=NOWHERE,
    tries="nn.Dropout, or F.dropout(x, p, training=self.training); by hand: if not self.training, return what came.",
)
def random_in_evaluation(vitals: Vitals) -> Seen | None:
    """{thing} draws random numbers after model.eval() as well: two answers to the same samples are {apart} of their spread
    apart. What is measured and what is used has that noise in it; only the training should.
    """
    if not vitals.net.of_torch or not vitals.unrest > 0.01:
        return None
    names = [layer.name for layer in vitals.of_a_batch if restless(layer)]
    where = f"Layer {names[0]}" if names else "The model's forward"
    return {"where": where, "apart": f"{vitals.unrest:.0%}"}


@wrong_setting(
    "signal grows",
    read=VARIANCES,
    tries="smaller initial weights: Xavier's, with the gain of the activation.",
    explains=(*STEPS, "start far from a guess", *SLOW),
)
def signal_grows(vitals: Vitals) -> Seen | None:
    """From the inputs to {thing}, the spread grows from {first} to {last}, {ratio} times: the output is that far from
    the targets, gradients grow in the same way, and a step that suits one layer is too large for the next.
    """
    first, last = float(vitals.columns[vitals.some].var(0).mean().sqrt()), spreads(vitals)
    if not last or first == 0 or max(last.values()) < 100 * first:
        return None
    name = max(last, key=last.get)
    told = {"first": number(first), "last": number(last[name]), "ratio": number(last[name] / first)}
    return {"where": f"layer {name}", **told}


def spreads(vitals: Vitals) -> dict[str, float]:
    """Return the spread of each linear layer's output, by name."""
    return {layer.name: spread(layer) for layer in vitals.layers if layer.kind == "linear"}


@wrong_setting(
    "saturated units",
    read=VARIANCES,
    tries="smaller initial weights, or smaller inputs; or ReLU.",
    explains=("signal fades", "signal grows", "steps too small", "answers the mean"),
)
def saturated_units(vitals: Vitals) -> Seen | None:
    """In {thing}, {share} of the outputs lie where the curve is flat: the slope there is less than a twentieth of the
    largest, and every gradient that passes is multiplied by it.
    """
    layers = [layer for layer in vitals.layers if layer.kind in ("tanh", "sigmoid") and not layer.last]
    worst = max(layers, key=saturated, default=None)
    if worst is None or saturated(worst) < 0.6:
        return None
    return {"where": f"layer {worst.name}", "share": f"{saturated(worst):.0%}"}


@wrong_setting(
    "dead units",
    read=FOUR_SETTINGS,
    tries="start again with a smaller learning rate, or with other initial weights and biases of 0{few}.",
    explains=("signal fades", "signal grows", *SLOW),
)
def dead_units(vitals: Vitals) -> Seen | None:
    """In {thing}, {count} of {of} units give 0 for every one of {samples} samples: the slope of ReLU is 0 there, so
    nothing that goes back passes them, and a unit that gets no gradient does not wake up.
    """
    layers = [layer for layer in vitals.layers if layer.kind == "relu"]
    worst = max(layers, key=dead, default=None)
    limit = 0.9 if vitals.loss < 0.5 * vitals.guess else 0.7  # one that learns well can do without them
    if worst is None or dead(worst) < limit:
        return None
    units = worst.output.reshape(len(worst.output), -1).shape[1]
    return {
        "where": f"layer {worst.name}",
        "count": round(dead(worst) * units),
        "of": units,
        "samples": len(vitals.some),
        "few": ", and with more units: of so few, all may be dead by chance" if units < 4 else "",
    }


@wrong_setting(
    "signal fades",
    read=VARIANCES,
    tries="{cure}; fewer layers.",
    explains=("steps too small", "answers the mean", "ten samples not learned"),
)
def signal_fades(vitals: Vitals) -> Seen | None:
    """From the inputs to {thing}, the spread over the samples falls from {first} to {last}: what differs between
    samples is lost on the way, and what goes back fades in the same way, so that the first layers stand still.
    """
    first, last = float(vitals.columns[vitals.some].var(0).mean().sqrt()), list(spreads(vitals).items())
    if len(last) < 3 or first == 0:
        return None
    hidden = last[:-1]
    name, least = min(hidden, key=lambda pair: pair[1])
    if least > 0.01 * first:
        return None
    return {"where": f"layer {name}", "first": number(first), "last": number(least), "cure": cure_of_fading(vitals)}


def cure_of_fading(vitals: Vitals) -> str:
    """Return what to try where the signal fades; weights that are Xavier's already, or larger, are not the reason."""
    linear = [layer for layer in vitals.layers if layer.kind == "linear" and layer.params[0].ndim == 2]
    sizes = [math.sqrt(sum(w.shape) / 2) * float(w.double().std(correction=0)) for w in (x.params[0] for x in linear)]
    size = statistics.median(sizes) if sizes else 0.0
    kinds = {layer.kind for layer in vitals.layers}
    if size < 0.8:
        return "larger initial weights: Xavier's, with the gain of the activation"
    if "sigmoid" in kinds:
        return "Tanh or ReLU between the layers: the weights are Xavier's already, and a sigmoid's slope is 1/4 at most"
    gain = {"relu": math.sqrt(2), "tanh": 5 / 3}.get(next(iter(kinds & {"relu", "tanh"}), ""), 1.0)
    if size < 0.8 * gain:
        return f"the weights are Xavier's already, but for the gain of the activation, {gain:.3g}"
    return "the weights are large enough for these activations, so look at what stands between the layers"


@wrong_setting(
    "start far from a guess",
    read=FIRST_LOSS,
    tries="smaller initial weights, and targets around 1.",
    explains=("ten samples not learned",),
)
def far_from_a_guess(vitals: Vitals) -> Seen | None:
    """The {thing} is {loss} for each sample, and an answer that is the same for all would have {guess}: the network
    is not unknowing but wrong{after}, and its first steps only undo that.
    """
    if not math.isfinite(vitals.loss):
        return {"where": "loss", "loss": str(vitals.loss), "guess": number(vitals.guess), "after": ""}
    if not vitals.guess > 0 or vitals.loss < 50 * vitals.guess:
        return None
    if vitals.lr and vitals.travel < vitals.guess:  # some steps have put it right
        return None
    after = f" (after {TRIAL_STEPS} trial steps still {number(vitals.travel)})" if vitals.lr else ""
    return {"where": "loss", "loss": number(vitals.loss), "guess": number(vitals.guess), "after": after}
