"""Training loops: which samples they visit, how often, in which order, and with which targets."""

# ruff: noqa: D205 - the docstrings are for the student, and as long as they need to be

from __future__ import annotations

import ast
import re
import textwrap
from collections import Counter

import torch

from minidl.lab.doctor.measure.messages import targets_told
from minidl.lab.doctor.measure.parts import BATCH
from minidl.lab.doctor.measure.recording import Event
from minidl.lab.doctor.measure.returned import series
from minidl.lab.doctor.measure.trainings import EPOCHS, Training
from minidl.lab.doctor.mistakes.gradients import at_once, chosen_from_batches, same_samples, scaled
from minidl.lab.doctor.mistakes.orders import with_replacement
from minidl.lab.doctor.mistakes.reading import BATCHES, FOUR_LOOPS, LOOP
from minidl.lab.doctor.mistakes.rules import Seen, wrong_loop
from minidl.lab.doctor.wording import listed, times

# What a loop calls its numbers on data that are held back; "value 2" and "latest" are no such names.
HELD_BACK = re.compile(r"(?<![a-z])(val(?!ue)|test|held|dev(?!ia))", re.IGNORECASE)


def mismatched(training: Training) -> list[Event]:
    """Return the losses of training batches in which some target is another sample's."""
    about = {id(e) for e in training.trained or training.forwards}
    losses = [e for e in training.losses if e.about is not None and id(e.about) in about]
    seen = Counter(id(e.about) for e in losses)
    losses = [e for e in losses if seen[id(e.about)] == 1]  # a mixture of samples has a loss for each
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


@wrong_loop("shuffled apart", read=FOUR_LOOPS, explains=("samples seen twice",))
def shuffled_apart(training: Training) -> Seen | None:
    """{thing} are not in the same order: in {count} of {of} losses some sample is compared with the target of
    another, so that there is nothing to learn but the mean. Draw one order, and take the rows of both with it.
    """
    wrong = mismatched(training)
    if not wrong or len(training.losses) < 2:
        return None
    return {"where": "Inputs and targets", "count": len(wrong), "of": len(training.losses)}


@wrong_loop("shuffled apart", read=FOUR_LOOPS)
def compared_with_others(training: Training) -> Seen | None:
    """{thing} are not in the same order: in {count} of {of} backwards, what goes back tells some sample to answer what
    another should, so that there is nothing to learn but the mean. Take the rows of both with one order.
    """
    told = [(e.rows, targets_told(training, e)) for e in training.backwards]
    known = [(rows, said) for rows, said in told if said is not None]
    wrong = [said for rows, said in known if said.rows != rows]
    if not wrong or 2 * len(wrong) < len(training.backwards):
        return None
    return {"where": "Inputs and targets", "count": len(wrong), "of": len(training.backwards)}


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


@wrong_loop("trained on validation data", read=LOOP, explains=("samples left out", "samples seen twice"))
def trained_on_what_is_held_back(training: Training) -> Seen | None:
    """{thing} are trained on as well{when}: what is measured on them tells how well the network remembers, and not how
    well it does on what is new. Split once, before the first epoch, and train on the one part alone.
    """
    orders, held = training.orders, training.sets["validation"]
    looked = [set(e.rows) for e in training.evaluated if e.rows]
    if training.kind != "training" or not training.moved or not orders or not looked or set().union(*looked) & held:
        return None
    if any(e.kind == "moved" and not e.contributions for e in training.log.events):
        return None  # parameters were put back, as for another part of a cross-validation
    seen, place = set().union(*orders), {id(e): k for k, e in enumerate(training.log.events)}
    ends = [place[id(epoch[0])] for epoch in training.by_epoch[1:]] + [len(place)]
    apart: list[set[int]] = [set() for _ in orders]
    for event in training.evaluated:
        if event.rows:
            apart[next(k for k, end in enumerate(ends) if place[id(event)] < end)] |= set(event.rows)
    if len(orders) > 1 and all(rows and not rows & set(order) for rows, order in zip(apart, orders, strict=True)):
        known = set().union(*apart) & seen
        said = f"{len(known)} samples that are held back in one epoch"
        return {"where": said, "when": ", in another"} if known else None
    claimed = any(HELD_BACK.search(name) for name, _ in series(training.result))
    asked = {"validation inputs", "validation loader", "validation pair"} & set(training.roles)
    if not claimed or asked or not set().union(*looked) <= seen:
        return None
    return {"where": f"All {len(set().union(*looked))} samples that are held back", "when": ""}


@wrong_loop("wrong number of epochs", read=LOOP, explains=("samples left out", "samples seen twice"))
def wrong_number_of_epochs(training: Training) -> Seen | None:
    """With {thing} the loop goes through the samples {one}, with {name} = {asked} {more}: {reason} Three epochs are
    three times one.
    """
    once, made = training.passes
    if training.kind != "training" or training.raised or not made or with_replacement(training):
        return None
    if stops_early(training.source) or abs(made - EPOCHS * once) < 0.01 * made:
        return None
    name = training.roles["epochs"]
    reason = "a return or break stands inside the loop of the epochs, or a number stands in place of their own."
    if abs(made - once) > 0.01 * made:
        reason = "look at where its range begins and ends."
    return {
        "where": f"{name} = 1", "name": name, "asked": EPOCHS, "one": times(once), "more": times(made), "reason": reason
    }  # fmt: skip


@wrong_loop("stops when it gets better", read=LOOP)
def stops_when_it_gets_better(training: Training) -> Seen | None:
    """With {asked} epochs to go, the loop ends after one, by {thing}: what it measures is better than what was best, and
    that is no reason to stop. Stop when it has got worse, or has not got better for some epochs.
    """
    if not stopped_at_once(training):
        return None
    try:
        tree = ast.parse(textwrap.dedent(training.source))
    except SyntaxError:
        return None
    starts = {"<": set(), ">": set()}  # names that begin with the worst there is, where small or large is good
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for name, value in assigned(node):
                text = ast.unparse(value).replace(" ", "").replace("'", "").replace('"', "")
                starts["<"] |= {name} if re.fullmatch(r"float\(inf\)|\w+\.inf|1e\d+", text) else set()
                starts[">"] |= (
                    {name}
                    if re.fullmatch(r"-float\(inf\)|float\(-inf\)|-\w+\.inf|-?[01](\.0*)?|-1e\d+", text)
                    else set()
                )
    for node in ast.walk(tree):
        ends = isinstance(node, ast.If) and any(isinstance(inner, (ast.Break, ast.Return)) for inner in node.body)
        test = getattr(node, "test", None)
        if ends and isinstance(test, ast.Compare) and len(test.ops) == 1:
            small, large = test.left, test.comparators[0]
            if isinstance(test.ops[0], (ast.Gt, ast.GtE)):
                small, large = large, small
            elif not isinstance(test.ops[0], (ast.Lt, ast.LtE)):
                continue
            if ast.unparse(large) in starts["<"] or ast.unparse(small) in starts[">"]:
                return {"where": f"if {ast.unparse(test)}", "asked": EPOCHS}
    return None


def assigned(node: ast.Assign) -> list[tuple[str, ast.expr]]:
    """Return what names get in an assignment, also of several at once."""
    found = []
    for target in node.targets:
        pairs = [(target, node.value)]
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            pairs = list(zip(target.elts, node.value.elts, strict=False))
        found += [(ast.unparse(name), value) for name, value in pairs]
    return found


def stopped_at_once(training: Training) -> bool:
    """Whether the loop made one epoch, where more were asked for, and may have meant to."""
    once, made = training.passes
    if training.kind != "training" or training.raised or not made or with_replacement(training):
        return False
    return abs(made - once) < 0.01 * made and stops_early(training.source)


def stops_early(source: str) -> bool:
    """Whether a loop may end by itself: by a break or return on a condition, or in a loop that is no for."""
    try:
        tree = ast.parse(textwrap.dedent(source))
    except SyntaxError:
        return True
    ends = (ast.Break, ast.Return, ast.Raise, ast.Try, ast.While)
    conditions = [node for node in ast.walk(tree) if isinstance(node, (ast.If, ast.While, ast.IfExp))]
    return any(isinstance(inner, ends) for node in conditions for inner in ast.walk(node) if inner is not node)


@wrong_loop("batch size not used", read=BATCHES)
def batch_size_not_used(training: Training) -> Seen | None:
    """{thing} = {asked} is not used: the loop makes the same batches, of {size} samples, with {other} as well. Who asks
    for small batches wants more steps in an epoch, and noisier ones.
    """
    if not other_batches(training) or always_whole(training):
        return None
    if training.sizes_with_other_batches != [len(e.rows) for e in training.trained]:
        return None
    size = listed([str(n) for n in sorted({len(e.rows) for e in training.trained}, reverse=True)])
    return {"where": training.roles["batch size"], "asked": BATCH, "size": size, "other": 2 * BATCH}


def other_batches(training: Training) -> bool:
    """Whether no step is of as many samples as were asked for."""
    steps = [s for s in training.steps if s.contributions]
    if training.kind not in ("training", "epoch") or "batch size" not in training.roles or training.raised:
        return False
    if "loader" in training.roles or not steps or any(e.rows is None for s in steps for e in s.contributions):
        return False
    sizes = [sum(len(e.rows) for e in step.contributions) for step in steps]
    return BATCH not in sizes and not stale_gradients(training)


def always_whole(training: Training) -> bool:
    """Whether every step is made with all samples at once, where smaller batches were asked for."""
    return other_batches(training) and all(len(e.rows) == len(training.task.X) for e in training.trained)


def stale_gradients(training: Training) -> bool:
    """Whether some gradient is in several steps."""
    used = [id(event) for step in training.steps for event in step.contributions]
    return len(used) > len(set(used))


@wrong_loop("samples left out", read=BATCHES, only_alone=False)
def samples_left_out(training: Training) -> Seen | None:
    """In every epoch {thing} of {of} training samples are left out{which}. {why}."""
    left = left_out(training)
    if left is None or (drops_the_last(training) and not left[1]) or chosen_from_batches(training):
        return None
    why = "A last batch that is smaller is a batch all the same; whoever leaves it out on purpose says so (drop_last=True)"
    if left[0] >= BATCH:
        why = "Look at where the loop of the batches begins and ends, and at what stands outside"
    elif left[1]:
        why = "Nothing is learned from them: draw a new order for each epoch, or leave none out"
    return {"where": str(left[0]), "of": len(training.sets["training"]), "which": left[1], "why": why}


def left_out(training: Training) -> tuple[int, str] | None:
    """Return how many samples an epoch leaves out, and whether they are always the same."""
    orders = training.orders
    if not orders or not training.moved or training.raised or with_replacement(training):
        return None
    here, seen = training.sets["training"], set().union(*orders)
    visited = {row for e in training.evaluated if e.rows is not None for row in e.rows} - seen
    all_of_them = here - visited if len(visited) < len(here) / 2 else here  # some are held back to look at them
    count = len(all_of_them - set(orders[0]))
    if not min(len(all_of_them - set(order)) for order in orders):
        return None
    always = all(set(order) & here == set(orders[0]) & here for order in orders)
    return count, ", always the same" if always and len(orders) > 1 else ""


def drops_the_last(training: Training) -> bool:
    """Whether the loop says that a smaller last batch is left out."""
    return re.search(r"drop_last\s*=\s*True", training.source) is not None


@wrong_loop("samples seen twice", read=BATCHES)
def samples_seen_twice(training: Training) -> Seen | None:
    """In every epoch {thing} of {of} training samples are met more than once, up to {times} times: batches overlap,
    or are gone through again. A sample that is met twice counts twice.
    """
    orders = training.orders
    if not orders or with_replacement(training):
        return None
    looks = [step for step in training.steps if same_samples(step)]
    several = all(at_once(training, step.contributions) for step in looks)
    if len(looks) == len(training.steps) and (scaled(training) or several):
        return None  # each step takes the mean over several looks at its batch
    if training.of_kind("step") and any(e.contributions for e in training.of_kind("moved")):
        return None  # the weights are moved for a second look
    counts = [Counter(order) for order in orders]
    twice = min(sum(n > 1 for n in count.values()) for count in counts)
    if not twice:
        return None
    return {"where": str(twice), "of": len(training.sets["training"]), "times": max(counts[0].values())}


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
