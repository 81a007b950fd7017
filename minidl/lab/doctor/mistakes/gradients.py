"""Training loops: with which gradients a step is made, of which samples, at which weights."""

# ruff: noqa: D205 - the docstrings are for the student, and as long as they need to be

from __future__ import annotations

import re
from collections import Counter

import torch

from minidl.lab.doctor.measure.parts import RATE
from minidl.lab.doctor.measure.recording import Event
from minidl.lab.doctor.measure.returned import mean_like
from minidl.lab.doctor.measure.trainings import Training
from minidl.lab.doctor.mistakes.directions import derivative, turned_round
from minidl.lab.doctor.mistakes.loops import said, stale
from minidl.lab.doctor.mistakes.reading import LOOP, MEANS
from minidl.lab.doctor.mistakes.rules import Seen, wrong_loop
from minidl.lab.doctor.wording import number


@wrong_loop("backward twice", read=LOOP, explains=("raises", "samples seen twice"))
def backward_twice(training: Training) -> Seen | None:
    """Backward is called {thing}. Gradients are added up, so that the step is {times} times as large{else_}. One
    forward, one backward, one step.
    """
    if said(training, "second time|one forward before each backward"):
        error = ", or there is an error, since backward uses up what forward has kept"
        return {"where": "a second time for one forward", "times": 2, "else_": error}
    about = [id(e.about) for e in training.backwards if e.about is not None]
    losses = [sum(loss.about is e for loss in training.losses) for e in training.trained]
    twice = len(about) > len(set(about)) and max(losses, default=0) <= 1
    if twice:
        return {"where": "twice for one forward", "times": 2, "else_": ""}
    again = [s for s in training.steps if same_samples(s) and not at_once(training, s.contributions)]
    if again and 2 * len(again) >= len(training.steps) and not scaled(training) and not used_again(training):
        times = len(again[0].contributions)
        return {"where": f"{times} times with the same samples before one step", "times": times, "else_": ""}
    return None


def same_samples(step: Event) -> bool:
    """Whether all the gradients in a step are of the same samples, and there are several."""
    batches = [tuple(sorted(e.rows)) for e in step.contributions if e.rows is not None]
    return len(batches) > 1 and len(set(batches)) == 1


def used_again(training: Training) -> bool:
    """Whether some gradient is in several steps, so that it was never set to zero between them."""
    return stale(training)[0] > 0


@wrong_loop("two steps for one backward", read=LOOP, explains=("zeroed too rarely",))
def two_steps_for_one_backward(training: Training) -> Seen | None:
    """{thing} is called {count} times without a new backward before it: {steps} steps, {backwards} backwards. Such a
    step follows a gradient that has been followed already, or none. One step for each backward: look where
    it is called a second time.
    """
    last: dict[int, int] = {}  # after how many backwards each optimiser has made its last step
    backwards = count = 0
    for event in training.log.events:
        backwards += event.kind == "backward"
        if event.kind == "step":
            count += last.get(id(event.of), -1) == backwards and backwards > 0
            last[id(event.of)] = backwards
    if not count or training.raised:
        return None
    told = {"steps": len(training.of_kind("step")), "backwards": backwards}
    return {"where": "optimizer.step()", "count": count, **told}


@wrong_loop("step once an epoch", read=LOOP, explains=("samples left out", "gradients thrown away"))
def step_once_an_epoch(training: Training) -> Seen | None:
    """{thing} stands outside the loop of the batches: {backwards} backwards, and {steps} steps, one an epoch. {what}
    Indent it, so that each batch has its step.
    """
    if training.kind not in ("training", "epoch") or not training.in_batches or not training.moved:
        return None
    epochs, steps = len(training.by_epoch), training.steps
    per_epoch = len(training.by_epoch[0])
    if len(steps) != epochs or per_epoch < 3 or scaled(training):
        return None
    if training.position(steps[-1]) < training.position(training.backwards[-1]):
        return None  # it stands inside, and not every batch has one
    all_in = len(steps[-1].contributions) >= per_epoch
    if all_in and at_once(training, steps[-1].contributions):
        return None  # the losses were added up, for a single backward
    what = "All batches are in it, as one large one." if all_in else "All batches but the last are lost."
    return {"where": "optimizer.step()", "backwards": len(training.backwards), "steps": len(steps), "what": what}


def scaled(training: Training) -> bool:
    """Whether the loop divides each batch's gradient on purpose, as one does who adds up several batches."""
    return bool(
        re.search(r"accum|\.backward\(\)\s*/|/\s*\w+\s*\)?\.backward|/=|loss\s*/|\)\s*/\s*\w+\s*\n", training.source)
    )


def at_once(training: Training, backwards: list[Event]) -> bool:
    """Whether several backwards are of one call: nothing happens between them."""
    places = [training.position(event) for event in backwards]
    return len(places) > 1 and places == list(range(places[0], places[0] + len(places)))


@wrong_loop("step once an epoch", read=LOOP, explains=("samples left out", "wrong number of epochs", "never shuffled"))
def backward_once_an_epoch(training: Training) -> Seen | None:
    """{thing} stand outside the loop of the batches: {forwards} forwards with their losses, {backwards} backwards. So
    only the last batch {of} is learned from, and what the others say is lost. Indent both, so that each batch has its
    backward and its step.
    """
    if training.kind not in ("training", "epoch") or not training.moved or training.raised:
        return None
    lost = 0  # of the trained batches, those before which others were answered, at the same weights
    for event in training.trained:
        place = training.position(event)
        same = [e for e in training.evaluated if e.moves == event.moves and training.position(e) < place]
        asked = [e for e in same if e.learns and e.rows and training.loss_of(e) is not None]
        met = Counter(row for e in [*asked, event] for row in e.rows or ())
        whole = len(met) >= 0.8 * len(training.task.X) and len(set(met.values())) == 1
        lost += whole and len(met) > 2 * event.size
    if not lost or lost < len(training.trained):
        return None
    of = "of each epoch" if lost > 1 else "of all"
    told = {"forwards": len(training.forwards), "backwards": len(training.backwards), "of": of}
    return {"where": "backward() and step()", **told}


@wrong_loop("gradients thrown away", read=LOOP)
def gradients_thrown_away(training: Training) -> Seen | None:
    """{thing} are computed and go into no step{when}: {reason}."""
    if training.kind not in ("training", "epoch") or training.raised or not training.steps or not training.moved:
        return None
    looked, when = training, ""
    several = [len(step.contributions) for step in training.steps if len(step.contributions) > 1]
    if not wasted(looked) and several and training.kind == "training" and not stale(training)[0]:
        group = max(set(several), key=several.count)
        n = len(training.task.X)
        size = next((size for size in (5, 6, 8, 3) if -(-n // size) % group and group < -(-n // size)), None)
        if size is None or group >= len(training.by_epoch[0] if training.by_epoch else ()):
            return None
        looked, when = training.again(size), f", with batches of {size}"
    count = wasted(looked)
    if not count or looked.raised:
        return None
    reason = "zero_grad wipes them out first. Zero them after a step, and nowhere else"
    if several:
        reason = "the last ones of an epoch are too few for a group. Make a step with what is left, too"
    return {"where": f"The gradients of {count} of {len(looked.backwards)} batches", "when": when, "reason": reason}


def wasted(training: Training) -> int:
    """Return how many backwards go into no step; those after the last step are no loss, unless there are others."""
    used = {id(e) for step in training.of_kind("step", "moved") for e in step.contributions}
    lost = [training.position(e) for e in training.backwards if id(e) not in used]
    last = max((training.position(step) for step in training.steps), default=-1)
    return len(lost) if any(place < last for place in lost) else 0


@wrong_loop("backward of older weights", read=LOOP, explains=("graph kept", "optimiser not used"))
def backward_of_older_weights(training: Training) -> Seen | None:
    """In {count} of {of} backwards, {thing} have moved since the forward: the gradient is that of a loss which the model
    had before, at another place in the valley. Each step wants a forward of its own.
    """
    both = [(e.about.moves, e.moves) for e in training.backwards if e.about is not None]
    late = sum(forward < backward for forward, backward in both)
    if not late or 3 * late < len(both) or training.raised:
        return None
    return {"where": "the weights", "count": late, "of": len(both)}


@wrong_loop("loss's backward left out", read=LOOP)
def message_of_another_kind(training: Training) -> Seen | None:
    """What {thing} is given is not what loss.backward() returns: in {count} of {of} messages there are entries with the other
    sign, so that these outputs are moved away from their targets. Pass it on as it comes:
    model.backward(loss.backward()).
    """
    judged = [share for share in (signs_turned(training, e) for e in training.backwards) if share is not None]
    wrong = sum(share > 0.01 for share in judged)
    if not wrong or 2 * wrong < len(judged):
        return None
    return {"where": "model.backward", "count": wrong, "of": len(judged)}


def signs_turned(training: Training, backward: Event) -> float | None:
    """Return which share of a message, by size, has another sign than the loss's derivative; None where it is not known."""
    losses = [e for e in training.losses if backward.about is not None and e.about is backward.about]
    if training.task.words == "torch" or len(losses) != 1 or losses[0].how or backward.value is None:
        return None
    true = losses[0].true_message
    if true is None or true.shape != backward.value.shape or not bool(backward.value.any()):
        return None
    if turned_round(training, backward):
        return None  # that has a name of its own
    other = backward.value.sign() * true.sign() < 0
    return max(float(sizes[other].sum() / sizes.sum()) for sizes in (backward.value.abs(), true.abs()))


@wrong_loop("gradients changed before the step", read=LOOP)
def gradients_changed(training: Training) -> Seen | None:
    """Between backward and step {thing} are made others: in {count} of {of} steps those used have little to do with
    those computed (cosine {cosine}). As measured, the steps do not follow the loss.
    """
    known = [step.faithful for step in training.steps if step.faithful is not None and step.contributions]
    other = [cosine for cosine in known if cosine < 0.3]
    if not other or len(other) < 0.8 * len(known) or stale(training)[0]:
        return None
    return {"where": "the gradients", "count": len(other), "of": len(known), "cosine": number(sum(other) / len(other))}


@wrong_loop(
    "loss of another batch",
    read=LOOP,
    explains=(
        "samples left out",
        "samples seen twice",
        "never shuffled",
        "same order in every epoch",
        "batches drawn anew",
        "all samples in each step",
        "batch size not used",
        "wrong number of epochs",
        "trained on validation data",
        "loss of the last batch",
        "loss of one batch",
        "epoch loss divided wrongly",
    ),
)
def loss_of_the_last_call(training: Training) -> Seen | None:
    """In {count} of {of} backwards, what goes back is the derivative of the loss of {thing}: model and loss are called
    with them after the batch, and backward belongs to the last call. Nothing is learned from the batch. Measure after
    the step.
    """
    both = first_and_last(training)
    if training.raised or any(e.rows is None for pair in both for e in pair):
        return None
    wrong = [(first, last) for first, last in both if first.rows != last.rows]
    if not wrong or 5 * len(wrong) < len(both) or chosen_from_batches(training):
        return None
    asked, learned = (met_evenly(training, [pair[k] for pair in both]) for k in (0, 1))
    if not asked or (learned and (len(wrong) < len(both) or learned <= asked)):
        return None
    where, others = "other samples", {frozenset(last.rows) for _, last in wrong}
    if set().union(*others) <= training.sets["validation"]:
        where = "validation data"
    elif len(others) == 1 and len(wrong) > 1:
        where = f"{len(others.pop())} samples, always the same"
    return {"where": where, "count": len(wrong), "of": len(both)}


def first_and_last(training: Training) -> list[tuple[Event, Event]]:
    """Return of each backward the first forward since the one before that has a loss, and the forward that it belongs to."""
    found, first, asked = [], None, {id(e.about) for e in training.losses}
    for event in training.log.events:
        if event.of is training.model and event.kind == "forward" and event.learns and id(event) in asked:
            first = first or event
        elif event.of is training.model and event.kind == "backward" and event.about is not None:
            found.append((first or event.about, event.about))
            first = None
    return found


def chosen_from_batches(training: Training) -> bool:
    """Whether of each batch some samples are chosen to learn from, the hardest perhaps, and not just the first ones."""
    both = [(a.rows, b.rows) for a, b in first_and_last(training) if a.rows and b.rows and a.rows != b.rows]
    parts = bool(both) and all(set(last) < set(first) for first, last in both)
    return parts and any(last != first[: len(last)] for first, last in both)


def met_evenly(training: Training, forwards: list[Event]) -> int:
    """Return how often forwards meet each training sample, where that is equally often, up to one; 0 where it is not."""
    met = Counter(row for event in forwards for row in event.rows)
    here = training.sets["training"]
    even = set(met) <= here and len(met) > 0.6 * len(here) and max(met.values()) - min(met.values()) <= 1
    return max(met.values()) if even else 0


def parts_of_means(training: Training, backwards: list[Event]) -> list[tuple[float, Event]]:
    """Return of each backward how many times the derivative of its mean loss it is given; nothing where that is not known."""
    shares: list[tuple[float, Event]] = []
    for event in backwards:
        loss = training.loss_of(event.about) if event.about is not None else None
        if loss is None or loss.how or event.value is None or not event.rows or not mean_like(training, loss):
            return []
        true = loss.true_message if loss.true_message is not None else derivative(training, loss)
        if true is None or true.numel() != event.value.numel() or not bool(true.any()):
            return []
        got, true = event.value.reshape(-1).double(), true.reshape(-1).double()
        shares.append((float(got @ true / (true @ true)), event))
        if not torch.allclose(got, shares[-1][0] * true, rtol=1e-3, atol=1e-9):
            return []
    return shares


@wrong_loop("mean divided again", read=MEANS)
def mean_divided_again(training: Training) -> Seen | None:
    """The loss is {thing} already, and it is divided once more before backward: each gradient is {share} of that of the
    loss, and every step as much shorter. Divide a sum, and a mean only where several batches make one step.
    """
    steps = [step for step in training.steps if step.contributions]
    if not steps or any(len(step.contributions) > 1 for step in steps) or training.raised:
        return None
    shares = parts_of_means(training, training.backwards)
    n, largest = len(training.task.X), max((len(e.rows) for _, e in shares), default=1)
    ways = {f"1/{largest}": lambda e: 1 / len(e.rows), f"1/{n}": lambda e: 1 / n}
    for said_as, share_of in ways.items():
        if (
            shares
            and largest > 1
            and all(abs(share * len(e.rows) - share_of(e) * len(e.rows)) < 1e-3 for share, e in shares)
        ):
            return {"where": "a mean", "share": said_as}
    return None


@wrong_loop("means added up", read=MEANS)
def means_added_up(training: Training) -> Seen | None:
    """The gradients of {thing} are added up for one step, and each of their losses is a mean already: the step is about
    {times} times as large as that of the mean over the same samples, as if the learning rate were. Divide each of these
    losses by {times} before its backward.
    """
    steps = [step for step in training.of_kind("step") if step.contributions]  # who moves by hand may divide there
    several = [step for step in steps if len(step.contributions) > 1 and not same_samples(step)]
    if training.raised or not training.moved or not several or 2 * len(several) < len(steps) or used_again(training):
        return None
    if step_once_an_epoch.observe(training) or any(
        step.share is not None and abs(step.share - 1) > 0.01 for step in several
    ):
        return None
    if any(step.rate and step.rate < 0.9 * RATE for step in several):  # the rate was divided
        return None
    shares = parts_of_means(training, [event for step in several for event in step.contributions])
    if not shares or any(abs(share - 1) > 1e-3 for share, _ in shares):
        return None
    times = max(len(step.contributions) for step in several)
    return {"where": f"{times} batches", "times": times}


@wrong_loop("clipped at the wrong time", read=LOOP, explains=("raises",))
def clipped_at_the_wrong_time(training: Training) -> Seen | None:
    """{thing} {when}. {so}. Between backward and step is the place for it."""
    clips = wrong = after = 0
    fresh = stepped = False  # whether there are gradients that no step has used, or that one has
    for event in training.log.events:
        if event.kind in ("backward", "step") or (event.kind == "moved" and event.contributions):
            fresh, stepped = event.kind == "backward", event.kind != "backward"
        elif event.kind == "zeroed" and event.of is training.model:
            fresh = stepped = False
        elif event.kind == "clipped":
            clips, wrong, after = clips + 1, wrong + (not fresh), after + (not fresh and stepped)
    late = len(training.of_kind("late"))
    stopped = training.raised is not None
    if stopped and training.log.events[-1:] != training.of_kind("clipped")[-1:]:
        return None  # something else raises
    told = {"so": "So PyTorch raises an error" if stopped else "So it changes no step"}
    if wrong and 2 * wrong >= clips and 2 * after < wrong:
        when = "before backward, when there are none yet, and the step uses those that come as they are"
        return {"where": "The gradients are clipped", "when": when, **told}
    if (wrong and 2 * wrong >= clips) or (late and 2 * late >= len(training.steps)):
        when = "after the step, which has used them as they were, and then they are thrown away"
        return {"where": f"The gradients are {'clipped' if wrong else 'changed'}", "when": when, **told}
    return None
