"""Training loops: which samples they visit, how often, in which order, and with which targets."""

# ruff: noqa: D205 - the docstrings are for the student, and as long as they need to be

from __future__ import annotations

import itertools
import re
from collections import Counter

import torch

from minidl.lab.doctor.measure.recording import Event
from minidl.lab.doctor.measure.trainings import Training
from minidl.lab.doctor.mistakes.reading import BATCHES, LOOP
from minidl.lab.doctor.mistakes.rules import Seen, wrong_loop
from minidl.lab.doctor.wording import listed


def mismatched(training: Training) -> list[Event]:
    """Return the losses of training batches in which some target is another sample's."""
    about = {id(e) for e in training.trained or training.forwards}
    losses = [e for e in training.losses if e.about is not None and id(e.about) in about]
    return [e for e in losses if any(match is False for match in training.matches(e))]


@wrong_loop("targets of another batch", read=LOOP, explains=("shuffled apart", "samples seen twice"))
def targets_of_another_batch(training: Training) -> Seen | None:
    """In {count} of {of} losses, {thing} are those of another batch: each output is compared with what another sample
    should have got. Take inputs and targets with the same rows.
    """
    wrong, named = mismatched(training), 0
    batches = [e.rows for e in training.forwards if e.rows is not None]
    for event in wrong:
        size = len(event.rows)
        others = [rows for rows in batches if len(rows) >= size and rows[:size] != event.rows]
        named += any(_same_targets(training, event, rows[:size]) for rows in others)
    full = [e.target for e in wrong if len(e.rows) == max(len(w.rows) for w in wrong)]
    if len(full) > 3 and all(torch.equal(target, full[0]) for target in full):  # the same targets for all
        named = len(wrong)
    if not wrong or named < 0.7 * len(wrong):
        return None
    return {"where": "the targets", "count": len(wrong), "of": len(training.losses)}


def _same_targets(training: Training, event: Event, rows: list[int]) -> bool:
    twin = Event("loss", event.of, rows=rows, target=event.target)
    return all(match is True for match in training.matches(twin)) and bool(training.matches(twin))


@wrong_loop("shuffled apart", read=LOOP, explains=("samples seen twice",))
def shuffled_apart(training: Training) -> Seen | None:
    """{thing} are not in the same order: in {count} of {of} losses some sample is compared with the target of
    another, so that there is nothing to learn but the mean. Draw one order, and take the rows of both with it.
    """
    wrong = mismatched(training)
    if not wrong or len(training.losses) < 2:
        return None
    return {"where": "Inputs and targets", "count": len(wrong), "of": len(training.losses)}


@wrong_loop("trained on validation data", read=LOOP, explains=("samples seen twice",))
def trained_on_validation_data(training: Training) -> Seen | None:
    """The model is trained on {thing}: {count} of its batches are of the data that should tell how well it does on
    samples which it has never met. Measure on them, without backward and without step.
    """
    held = training.sets["validation"]
    batches = [e for e in training.trained if e.rows is not None and set(e.rows) & held]
    if not batches or not training.moved:
        return None
    return {"where": "validation data", "count": len(batches)}


@wrong_loop("samples left out", read=BATCHES, only_alone=False)
def samples_left_out(training: Training) -> Seen | None:
    """In every epoch {thing} of {of} training samples are left out{which}. A last batch that is smaller is a batch
    all the same; whoever leaves it out on purpose says so (drop_last=True).
    """
    orders = training.orders
    if not orders or not training.moved:
        return None
    here, seen = training.sets["training"], set().union(*orders)
    visited = {row for e in training.evaluated if e.rows is not None for row in e.rows} - seen
    all_of_them = here - visited if len(visited) < len(here) / 2 else here  # some are held back to look at them
    counts = [len(all_of_them - set(order)) for order in orders]
    if not min(counts) or re.search(r"drop_last\s*=\s*True", training.source) or with_replacement(training):
        return None
    always = len(seen & here) < len(all_of_them)
    return {
        "where": str(counts[0]),
        "of": len(here),
        "which": ", always the same" if always and len(orders) > 1 else "",
    }


def with_replacement(training: Training) -> bool:
    """Whether batches are drawn anew for each step, so that what is met twice is chance."""
    patterns = []
    for order in training.orders:
        names: dict[int, int] = {}
        patterns.append([names.setdefault(row, len(names)) for row in order])
    return any(pattern != patterns[0] for pattern in patterns)


@wrong_loop("samples seen twice", read=BATCHES)
def samples_seen_twice(training: Training) -> Seen | None:
    """In every epoch {thing} of {of} training samples are met more than once, up to {times} times: batches overlap,
    or are gone through again. A sample that is met twice counts twice.
    """
    orders = training.orders
    if not orders or with_replacement(training):
        return None
    counts = [Counter(order) for order in orders]
    twice = min(sum(n > 1 for n in count.values()) for count in counts)
    if not twice:
        return None
    return {"where": str(twice), "of": len(training.sets["training"]), "times": max(counts[0].values())}


@wrong_loop("never shuffled", read=BATCHES, explains=("same order in every epoch",))
def never_shuffled(training: Training) -> Seen | None:
    """{thing} come in the order of the data, epoch after epoch: the same samples always stand together in a batch,
    and if the data are sorted, each batch knows a single class. Draw a new order for every epoch.
    """
    if training.kind != "training" or not chosen_by_loop(training):
        return None
    return {"where": "Batches"} if all(order == sorted(order) for order in training.orders) else None


def chosen_by_loop(training: Training) -> bool:
    """Whether it is the loop that puts the samples in order, and there are several batches to put in order."""
    orders, epochs = training.orders, training.by_epoch
    given = "loader" in training.roles or not orders or not training.in_batches
    return not given and len(epochs) > 1 and not with_replacement(training) and len(orders[0]) > 1


@wrong_loop("same order in every epoch", read=BATCHES)
def same_order_in_every_epoch(training: Training) -> Seen | None:
    """A new order is drawn for every epoch, and {thing}: the random numbers start again in each. Seed once, before
    the first epoch.
    """
    if training.kind != "training" or not chosen_by_loop(training):
        return None
    orders, epochs = training.orders, training.by_epoch
    if any(order != orders[0] for order in orders):
        return None
    starts = [epoch[0] for epoch in epochs]
    draws = [b.draws - a.draws for a, b in itertools.pairwise(starts)]
    again = any(len(set(states)) < len(starts) for states in zip(*(e.random_states for e in starts), strict=True))
    return {"where": "it is the same each time"} if min(draws) > 0 or again else None


@wrong_loop(
    "data changed",
    read=LOOP,
    explains=("samples left out", "samples seen twice", "never shuffled", "same order in every epoch"),
)
def data_changed(training: Training) -> Seen | None:
    """The loop writes into {thing} that it was given: whoever uses the data afterwards, or calls the loop a second
    time, has others. Work on a copy, X = X.clone(), or compute a new tensor.
    """
    changed = [
        name
        for name in ("X", "T", "X_val", "T_val")
        if not torch.equal(getattr(training.ran, name), getattr(training.task, name))
    ]
    called = {"X": "inputs", "T": "targets", "X_val": "validation inputs", "T_val": "validation targets"}
    return {"where": f"the {listed([called[name] for name in changed])}"} if changed else None
