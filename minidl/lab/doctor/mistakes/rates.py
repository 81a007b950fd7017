"""Trainings whose steps lead nowhere: too large, too small; and networks that cannot learn what is asked."""

# ruff: noqa: D205 - the docstrings are for the student, and as long as they need to be

from __future__ import annotations

import math

from minidl.lab.doctor.measure.vitals import HEART_STEPS, TRIAL_STEPS, Vitals
from minidl.lab.doctor.mistakes.reading import BY_HEART, DATA, DIVISORS, EXPERIMENTS, SGD, STEPS
from minidl.lab.doctor.mistakes.rules import Seen, wrong_setting
from minidl.lab.doctor.wording import number


def too_large(vitals: Vitals) -> bool:
    """Whether the steps do not go down: neither one, nor a training of some."""
    if not vitals.lr:
        return False
    if not math.isfinite(vitals.travel):
        return True
    start = max(vitals.loss, 0.02 * vitals.guess if math.isfinite(vitals.guess) else 0.0)
    return (vitals.after(vitals.lr) > 1.02 and vitals.travel > 1.02 * start) or vitals.travel > 3 * start


def suiting(vitals: Vitals) -> float:
    """Return a learning rate with which a trial step goes down well, and ten more as well: the largest of a row of tenths."""
    rate = vitals.lr
    for _ in range(8):
        rate /= 10
        values = vitals.trial(rate, 30)
        if (
            vitals.after(rate) < 1
            and math.isfinite(values[-1])
            and sum(values[-5:]) < 5 * max(vitals.loss, vitals.guess)
        ):
            break
    return rate


def told_steps(vitals: Vitals) -> Seen:
    """Return what a trial step and a trial training have done."""
    after, end = vitals.after(vitals.lr), vitals.travel
    told = {
        "after": f"{number(after)} times what it was" if math.isfinite(after) else "no longer finite",
        "end": f"{number(end)}" if math.isfinite(end) else "inf",
        "first": "" if after > 1 else ": the first step goes down, and those after it do not",
    }
    better = f"{suiting(vitals):.0e}".replace("e-0", "e-")
    return {"lr": number(vitals.lr), **told, "better": better, "before": number(vitals.loss), "count": TRIAL_STEPS}


@wrong_setting(
    "rate for a mean, loss a sum",
    read=DIVISORS,
    tries="divide lr by the batch size, or train on the mean.",
    explains=("steps too large",),
)
def rate_for_a_mean(vitals: Vitals) -> Seen | None:
    """After one step with lr = {lr}, the batch's loss is {after}. That lr suits a mean, but {thing} over {n} samples:
    it is {n} times as large, and with it every step. With lr = {better} the loss falls.
    """
    if not too_large(vitals) or not vitals.summed or vitals.batch_size < 5:
        return None
    rate, told = vitals.lr / vitals.batch_size, told_steps(vitals)
    values = vitals.trial(rate, 60)
    if math.isfinite(values[-1]) and sum(values[-5:]) < 5 * 0.9 * vitals.loss:
        told["better"] = number(rate)
    elif suiting(vitals) < rate / 5:
        return None
    return {"where": "this loss is a sum", "n": vitals.batch_size, **told}


@wrong_setting(
    "steps too large",
    read=STEPS,
    tries="lr = {better}, with which a trial step goes down.",
    explains=("ten samples not learned", "answers the mean"),
)
def steps_too_large(vitals: Vitals) -> Seen | None:
    """After one {thing} with lr = {lr} the loss of the same batch is {after}, and {count} of them take that of all
    from {before} to {end}{first}. Such steps jump over the valley to the other side, where it is steeper.
    """
    return {"where": "step", **told_steps(vitals)} if too_large(vitals) else None


@wrong_setting(
    "learns by heart only",
    read=EXPERIMENTS,
    tries="more data, a smaller network, or stop where the validation loss is least.",
    explains=("ten samples not learned",),
)
def by_heart_only(vitals: Vitals) -> Seen | None:
    """The {thing} is {loss} on the training data and {held} on the validation data, where an answer that is the same
    for all has {guess}: it has learned the samples, and not what they have in common.
    """
    held, guess = vitals.held_out, vitals.guess
    if held is None or not guess > 0:
        return None
    where, loss = "loss", vitals.loss
    if loss > 0.5 * guess and vitals.lr and vitals.traveller and len(vitals.validation[0]) >= 20:
        where, loss, held = (
            f"loss after {TRIAL_STEPS} trial steps",
            vitals.travel,
            vitals.on_validation(vitals.traveller),
        )
        if held < 1.2 * guess:  # it may still learn what carries over
            return None
    if loss > 0.5 * guess or held < 3 * loss or held - loss < 0.3 * guess:
        return None
    return {"where": where, "loss": number(loss), "held": number(held), "guess": number(guess)}


@wrong_setting(
    "validation loss too good",
    read=DATA,
    tries="look at how the data were split, and whether both are prepared in the same way.",
)
def validation_too_good(vitals: Vitals) -> Seen | None:
    """The {thing} is {held} on the validation data and {loss} on the training data, with the same weights: on what it
    has never seen it should not do better. Perhaps these samples are easier, or prepared in another way.
    """
    held, loss = vitals.held_out, vitals.loss
    if held is None or len(vitals.validation[0]) < 50 or held > 0.4 * loss or loss - held < 0.1 * vitals.guess:
        return None
    return {"where": "loss", "held": number(held), "loss": number(loss)}


def flat(vitals: Vitals) -> bool:
    """Whether a trial training with the learning rate given does not move the loss, though there is much left to learn."""
    if not vitals.lr or not math.isfinite(vitals.guess) or vitals.loss < 0.2 * vitals.guess:
        return False
    return abs(vitals.travel - vitals.loss) < 0.03 * vitals.loss


@wrong_setting(
    "answers the mean",
    read=SGD,
    tries="a larger learning rate, other initial weights; and whether inputs and targets belong together.",
    explains=("steps too small",),
)
def answers_the_mean(vitals: Vitals) -> Seen | None:
    """The network gives nearly the same {thing} for all samples, their spread is {share} of the targets', and its
    loss, {loss}, is that of the mean, {guess}. A trial training does not leave this place.
    """
    output = vitals.output
    if (
        not flat(vitals)
        or abs(vitals.loss - vitals.guess) > 0.03 * vitals.guess
        or output.shape != vitals.T[vitals.some].shape
    ):
        return None
    share = float(output.double().std(0).mean() / vitals.T[vitals.some].double().std(0).mean().clamp_min(1e-12))
    if share > 0.1:
        return None
    return {"where": "output", "share": f"{share:.1%}", "loss": number(vitals.loss), "guess": number(vitals.guess)}


@wrong_setting(
    "steps too small",
    read=STEPS,
    tries="lr = {better}.",
)
def steps_too_small(vitals: Vitals) -> Seen | None:
    """With lr = {lr}, a step moves the weights by {ratio} of their size at most, and {count} {thing} take the loss
    from {before} to {after}; {times} times that rate takes it to {faster}{mean}.
    """
    if not flat(vitals) or not vitals.ratios:
        return None
    before = vitals.loss
    count = max(len(vitals.batches), TRIAL_STEPS)
    reached = {}
    for factor in (10, 100, 1000, 10_000, 100_000):
        values = vitals.trial(factor * vitals.lr, count)
        reached[sum(values[-5:]) / len(values[-5:])] = factor
    faster = min((value for value in reached if math.isfinite(value)), default=math.inf)
    if faster > 0.9 * before:
        return None
    factor = reached[faster]
    return {
        "where": "steps",
        "lr": number(vitals.lr),
        "ratio": f"{max(vitals.ratios):.1e}".replace("e-0", "e-"),
        "count": count,
        "times": factor,
        "better": number(factor * vitals.lr),
        "before": number(before),
        "after": number(vitals.travel),
        "faster": number(faster),
        "mean": "" if vitals.summed else " (this loss is a mean; a sum would make larger steps)",
    }


@wrong_setting(
    "ten samples not learned",
    read=BY_HEART,
    tries="{cure}; then examine its layers.",
)
def ten_not_learned(vitals: Vitals) -> Seen | None:
    """{thing} cannot even be learned by heart: with {steps} steps of Adam on them alone {share} of a guess's loss is
    left{right}. What ten samples do not teach a network, a thousand do not either.
    """
    if len(vitals.ten) < 4:
        return None
    share, right = vitals.by_heart
    if not share >= 0.25 or right == 1:  # not a number, where it is not known what a guess has
        return None
    said = "" if math.isnan(right) else f", and {right:.0%} of them are answered rightly"
    cure, hidden = "a hidden layer", [layer for layer in vitals.layers if layer.kind == "linear"][:-1]
    if hidden:
        width = min(layer.output.shape[1] for layer in hidden)
        cure = f"a wider network (its narrowest layer has {width} unit{'s' * (width > 1)})"
        if width > 4:
            cure = "a wider network, or one with more layers"
    told = {"steps": HEART_STEPS, "share": f"{share:.0%}", "right": said, "cure": cure}
    return {"where": f"{len(vitals.ten)} samples", **told}
