"""Training loops: in which order the samples come, and whether it is a new one in each epoch."""

# ruff: noqa: D205 - the docstrings are for the student, and as long as they need to be

from __future__ import annotations

import ast
import itertools
import re
import textwrap
from collections import Counter

from minidl.lab.doctor.measure.trainings import EPOCHS, Training
from minidl.lab.doctor.mistakes.reading import BATCHES, LOOP
from minidl.lab.doctor.mistakes.rules import Seen, wrong_loop


def with_replacement(training: Training) -> bool:
    """Whether batches are drawn anew for each step, so that what is met twice is chance."""
    patterns = []
    for order in training.orders:
        names: dict[int, int] = {}
        patterns.append([names.setdefault(row, len(names)) for row in order])
    return any(pattern != patterns[0] for pattern in patterns)


def within_epochs(source: str) -> bool:
    """Whether rows are drawn at random in a loop that stands inside another: in epochs, which go through the data."""
    try:
        tree = ast.parse(textwrap.dedent(source))
    except SyntaxError:
        return False
    loops = (ast.For, ast.While)
    inner = [node for outer in ast.walk(tree) if isinstance(outer, loops) for node in ast.walk(outer)
             if node is not outer and isinstance(node, loops)]  # fmt: skip
    text = "\n".join(ast.unparse(node) for node in inner)
    return re.search(r"\b(randint|integers|choices?|sample|randperm|multinomial|permutation)\(", text) is not None


@wrong_loop(
    "loops inside out", read=LOOP, explains=("samples seen twice", "samples left out", "wrong number of epochs")
)
def loops_inside_out(training: Training) -> Seen | None:
    """{thing} stands inside that of the batches: each batch is learned {count} times before the next one comes, and
    then never again. The loop of the epochs is the outer one: each epoch goes through all batches.
    """
    batches = [tuple(e.rows or ()) for e in training.trained]
    runs = [(batch, len(list(same))) for batch, same in itertools.groupby(batches)]
    if training.kind != "training" or len(runs) < 3 or any(count != EPOCHS for _, count in runs):
        return None
    met = Counter(row for batch, _ in runs for row in batch)
    return {"where": "The loop of the epochs", "count": EPOCHS} if max(met.values()) == 1 else None


@wrong_loop(
    "a new pass for each batch",
    read=BATCHES,
    explains=("samples seen twice", "samples left out", "batches drawn anew"),
)
def new_pass_for_each_batch(training: Training) -> Seen | None:
    """{thing} begins a new pass through the data each time, and takes its first batch: in one epoch {never} of {of}
    samples are not met, and others up to {most} times. Go through the whole pass: for x, y in loader.
    """
    if not training.orders or not training.moved or not with_replacement(training):
        return None
    if not re.search(r"\bnext\(\s*iter\(", training.source):
        return None
    met, here = Counter(training.orders[0]), training.sets["training"]
    told = {"never": len(here - set(met)), "of": len(here), "most": max(met.values())}
    return {"where": "next(iter(loader))", **told}


@wrong_loop("batches drawn anew", read=BATCHES)
def drawn_anew(training: Training) -> Seen | None:
    """{thing} are drawn anew for each step: in the first epoch {never} of {of} samples are not met, and others up to
    {most} times, and what is called an epoch is none. Draw one order for each epoch, torch.randperm, and go through it.
    """
    if not training.orders or not training.moved or not with_replacement(training) or "Sampler" in training.source:
        return None
    met, here = Counter(training.orders[0]), training.sets["training"]
    if (
        not within_epochs(training.source)
        or not 0.7 < len(training.orders[0]) / len(here) < 1.3
        or len(met) == len(here)
    ):
        return None
    return {"where": "The batches", "never": len(here - set(met)), "of": len(here), "most": max(met.values())}


@wrong_loop("never shuffled", read=BATCHES, explains=("same order in every epoch",))
def never_shuffled(training: Training) -> Seen | None:
    """{thing} come in the order of the data, epoch after epoch: the same samples always stand together in a batch,
    and if the data are sorted, each batch knows a single class. Draw a new order for every epoch.
    """
    if training.kind != "training" or not chosen_by_loop(training):
        return None
    if all(order == sorted(order) for order in training.orders):
        return {"where": "Batches"}
    return None


@wrong_loop("never shuffled", read=BATCHES)
def only_batches_shuffled(training: Training) -> Seen | None:
    """{thing} come in another order in each epoch, and which samples are in them is always the same: those that stand
    together in the data. If these are sorted, each batch knows a single class. Shuffle the samples, not the batches.
    """
    if training.kind != "training" or not chosen_by_loop(training) or len(training.task.X) < 2:
        return None
    epochs = [{tuple(sorted(e.rows)) for e in epoch} for epoch in training.by_epoch]
    together = all(list(batch) == list(range(batch[0], batch[-1] + 1)) for batch in epochs[0] if batch)
    several = max(len(batch) for batch in epochs[0]) > 1
    if not several or not together or any(epoch != epochs[0] for epoch in epochs):
        return None
    return {"where": "The batches"} if any(order != sorted(order) for order in training.orders) else None


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


def same_order_throughout(training: Training) -> bool:
    """Whether the loop draws an order, and goes through the samples in it in every epoch."""
    orders = training.orders
    if training.kind != "training" or not training.moved or not chosen_by_loop(training):
        return False
    return all(order == orders[0] for order in orders) and orders[0] != sorted(orders[0])


@wrong_loop(
    "all samples in each step",
    read=BATCHES,
    explains=("samples seen twice", "never shuffled", "same order in every epoch", "batch size not used", "raises"),
)
def all_samples_in_each_step(training: Training) -> Seen | None:
    """{thing} is given all {of} samples in each of the {count} steps of an epoch: the loop of the batches goes round, and
    the batch that it takes is not what the model gets. Give the model the batch, and the loss the targets of the same batch.
    """
    epochs = training.by_epoch
    asked = {"batch size", "loader"} & set(training.roles)
    if not asked or training.raised or not training.in_batches or not training.orders or not training.moved:
        return None
    if len(training.of_kind("step", "moved")) < len(training.trained):
        return None  # several looks at the samples make one step
    whole = {tuple(sorted(e.rows)) for e in training.trained}
    if len(whole) != 1 or len(set(next(iter(whole)))) < 0.6 * len(training.sets["training"]):
        return None
    return {"where": "The model", "of": len(next(iter(whole))), "count": len(epochs[0])}
