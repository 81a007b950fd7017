"""Training loops: what becomes of the weights, of the optimiser and of its learning rate, from the first epoch to the last."""

# ruff: noqa: D205 - the docstrings are for the student, and as long as they need to be

from __future__ import annotations

import ast
import itertools
import re
import textwrap
from typing import Any

import torch
from torch import Tensor

from minidl.lab.doctor.measure.parts import RATE
from minidl.lab.doctor.measure.recording import Event, pairs
from minidl.lab.doctor.measure.returned import leaves
from minidl.lab.doctor.measure.trainings import EPOCHS, Training
from minidl.lab.doctor.mistakes.reading import BATCHES, LOOP, SGD
from minidl.lab.doctor.mistakes.rules import Seen, wrong_loop
from minidl.lab.doctor.wording import number

SCHEDULE = re.compile(r"(\w+)\s*=\s*(?:[\w.]*\blr_scheduler\.\w+|\w*(?:LR|Restarts|Plateau))\(")


def weights_of(model: Any) -> list[Tensor]:
    """Return the parameters of a model."""
    return [param.detach() for param, _ in pairs(model)]


def equal(some: list[Tensor], others: list[Tensor]) -> bool:
    """Whether two lists hold the same numbers."""
    return len(some) == len(others) > 0 and all(
        a.shape == b.shape and torch.equal(a, b) for a, b in zip(some, others, strict=True)
    )


def returns_what_was_trained(training: Training) -> bool:
    """Whether what the loop returns holds a model or weights that are others than at the start."""
    start = weights_of(training.task.model)
    now = weights_of(training.model)
    for _, thing in leaves(training.result):
        if isinstance(thing, Tensor):
            if any(thing.shape == param.shape and torch.equal(thing, param) for param in now):
                return True
            continue
        inside = [thing, *(vars(thing).values() if hasattr(thing, "__dict__") else ())]
        if any(found and not equal(found, start) for found in map(weights_of, inside)):
            return True
    return False


@wrong_loop("model given is not trained", read=LOOP)
def model_given_is_not_trained(training: Training) -> Seen | None:
    """What is trained is {thing}, and the loop does not return it: the model given is what it was, and whoever called the
    loop has nothing of the {steps} steps. Train the model itself, or return the copy.
    """
    moved = [state for state in training.log.states.values() if state.moves]
    given = training.ran.model
    if training.kind not in ("training", "epoch") or training.raised or training.model is given or len(moved) != 1:
        return None
    if moved[0].model is given or not training.moved or returns_what_was_trained(training):
        return None
    return {"where": "a copy of the model", "steps": len(training.steps)}


@wrong_loop("begins anew in each epoch", read=LOOP)
def begins_anew(training: Training) -> Seen | None:
    """At the start of {thing} the model has {which}: what was learned in the epoch before is thrown away. Set the
    weights before the first epoch, and never in the loop.
    """
    epochs = [epoch for epoch in training.by_epoch if epoch]
    if training.kind != "training" or len(epochs) < 2 or not training.moved or not training.orders:
        return None
    if any(len(set(order)) < 0.9 * len(training.task.X) for order in training.orders):
        return None  # another part is held back each time
    starts, ends = ([epoch[place].weights for epoch in epochs] for place in (0, -1))
    if not starts[0] or len(training.steps) < EPOCHS:
        return None
    if all(start == starts[0] for start in starts):
        return {"where": "every epoch", "which": "its first weights again"}
    inside = max(apart(start, end) for start, end in zip(starts, ends, strict=True))
    jumps = [apart(end, start) for end, start in itertools.pairwise(itertools.chain(*zip(starts, ends, strict=True)))][
        1::2
    ]
    if inside > 0 and min(jumps) > 3 * inside:
        return {"where": "every epoch", "which": "new weights, that have nothing to do with those before"}
    return None


def apart(some: tuple[float, ...], others: tuple[float, ...]) -> float:
    """Return how far the sums of parameters are from each other."""
    return sum(abs(a - b) for a, b in zip(some, others, strict=True))


@wrong_loop("ends where it began", read=LOOP)
def ends_where_it_began(training: Training) -> Seen | None:
    """When the loop ends, {thing} has the weights that it began with: {steps} steps moved it, and something put them
    back. Keep a copy of the best weights so far, a new one each time, and put back that one.
    """
    if training.kind not in ("training", "epoch") or not training.moved or training.raised:
        return None
    if training.model is not training.ran.model or re.search("find|fold|range_test", training.source):
        return None
    now = weights_of(training.ran.model)
    if not equal(now, weights_of(training.task.model)) or returns_what_was_trained(training):
        return None
    return {"where": "the model", "steps": len(training.steps)}


@wrong_loop("the worst is kept", read=LOOP)
def worst_kept(training: Training) -> Seen | None:
    """The model ends with {thing} of all that were measured: a loss of {worst}, and {best} was there as well. The
    comparison is the wrong way round: keep the weights where the loss is smaller than the best so far.
    """
    if training.kind != "training" or training.raised or not training.moved or not training.log.events:
        return None
    if re.search(r"acc|argmax|right|correct", training.source):
        return None  # it may be a share that is judged by
    found: dict[tuple[float, ...], list[Event]] = {}
    for event in training.evaluated:
        loss = training.loss_of(event)
        if loss is not None and loss.value is not None and loss.value.numel() == 1:
            found.setdefault(event.weights, []).append(loss)
    values = {key: sum(float(e.value) for e in losses) for key, losses in found.items()}
    end = tuple(float(param.double().sum()) for param in weights_of(training.ran.model))
    last = training.log.states[id(training.model)].params if training.model is training.ran.model else []
    kinds = {tuple(sorted(row for e in losses for row in e.rows or ())) for losses in found.values()}
    if len(values) < 2 or end not in values or not last or len(kinds) != 1 or list(values)[-1] == end:
        return None
    if values[end] < max(values.values()) or min(values.values()) > 0.9999 * values[end]:
        return None
    return {"where": "the worst weights", "worst": number(values[end]), "best": number(min(values.values()))}


@wrong_loop("optimiser built anew", read=LOOP)
def optimiser_built_anew(training: Training) -> Seen | None:
    """A new {thing} is made for each {what}: what it keeps from one step to the next, its averages, begins with zero each
    time. Make one, before the first epoch.
    """
    steps = [step for step in training.of_kind("step") if not step.still]
    makers = list({id(step.of): step.of for step in steps}.values())
    if training.kind != "training" or len(makers) < 3 or any(step.touched != steps[0].touched for step in steps):
        return None
    if not all(getattr(maker, "state", None) and remembers(maker) for maker in makers):
        return None
    what = {len(steps): "batch", len(training.by_epoch): "epoch"}.get(len(makers))
    return {"where": type(makers[0]).__name__, "what": what} if what else None


def remembers(optimizer: Any) -> bool:
    """Whether an optimiser of PyTorch's keeps numbers as large as its parameters."""
    states = [value for state in optimizer.state.values() for value in state.values()]
    return any(isinstance(value, Tensor) and value.ndim for value in states)


@wrong_loop("parameters not updated", read=SGD, explains=("step missing",))
def parameters_not_updated(training: Training) -> Seen | None:
    """The update, {thing}, makes a new tensor, and the model's own stays as it was: after {count} backwards no parameter
    has moved. Write into it: w -= lr * g, or w.sub_(lr * g).
    """
    if training.kind == "evaluation" or not training.backwards or training.raised or training.moved:
        return None
    update = update_thrown_away(training.source)
    return {"where": update, "count": len(training.backwards)} if update and not training.of_kind("step") else None


def update_thrown_away(source: str) -> str:
    """Return the first statement that computes a parameter less some of a gradient, and does not write into it; or ""."""
    try:
        tree = ast.parse(textwrap.dedent(source))
    except SyntaxError:
        return ""
    places = [node for node in ast.walk(tree) if isinstance(node, (ast.For, ast.comprehension))]
    bound = [name.id for node in places if "param" in ast.unparse(node.iter)
             for name in ast.walk(node.target) if isinstance(name, ast.Name)]  # fmt: skip
    told = re.compile("|".join(["grad", *(rf"\b{name}\b" for name in bound)]))
    for node in ast.walk(tree):
        if not isinstance(node, (ast.Assign, ast.Expr)):
            continue
        value = node.value.elt if isinstance(node.value, ast.ListComp) else node.value
        takes = isinstance(value, ast.BinOp) and isinstance(value.op, ast.Sub)
        calls = isinstance(value, ast.Call) and re.search(r"\b(sub|subtract|add)$", ast.unparse(value.func))
        if (takes or calls) and told.search(ast.unparse(value)):
            return ast.unparse(node)
    return ""


@wrong_loop("parameters never moved", read=SGD)
def parameters_never_moved(training: Training) -> Seen | None:
    """{thing} have gradients, and no step moves them: the update leaves them out. Go through all that the model's
    parameters() returns.
    """
    stay, count = standing_still(training)
    if not stay or training.of_kind("step"):
        return None
    return {"where": f"{stay} of the {count} parameters"}


def standing_still(training: Training) -> tuple[int, int]:
    """Return how many parameters have gradients and are never moved, and how many there are; (0, 0) where nothing is."""
    state = training.log.states.get(id(training.model))
    if state is None or not training.moved or training.raised:
        return 0, 0
    touched = set().union(*(event.touched for event in training.of_kind("step", "moved")))
    wanted = {place for place, slope in state.slopes.items() if bool(slope.any())}
    return sum((id(state.model), place) not in touched for place in wanted), len(state.params)


def frozen_by_loop(training: Training) -> int:
    """Return how many parameters of the model given ask for no gradient any more, where others do and have moved."""
    both = [(now.requires_grad, before.requires_grad) for (now, _), (before, _) in
            zip(pairs(training.ran.model), pairs(training.task.model), strict=False)]  # fmt: skip
    frozen = sum(before and not now for now, before in both)
    return frozen if training.moved and frozen < len(both) else 0


@wrong_loop("optimiser not used", read=LOOP)
def optimiser_not_used(training: Training) -> Seen | None:
    """{thing} makes no step: the loop moves the model in another way, and what was asked for, the kind of steps and
    their size, does not count. Call its step, and no other.
    """
    if "optimizer" not in training.roles or not training.moved or training.raised or training.ran.optimizer is None:
        return None
    own = [step for step in training.of_kind("step", "moved") if step.of is training.ran.optimizer]
    moves = [step for step in training.of_kind("step", "moved") if step.contributions and step.touched]
    called = re.search(rf"\b{re.escape(training.roles['optimizer'])}\.step\(", training.source)
    return {"where": training.roles["optimizer"]} if moves and not own and not called else None


@wrong_loop("learning rate not used", read=SGD)
def rate_not_used(training: Training) -> Seen | None:
    """{thing} is not used: with one ten times as large the loop makes the same steps. Give it to the optimiser, or
    multiply the gradients with it.
    """
    if training.kind not in ("training", "epoch") or "rate" not in training.roles or not training.moved:
        return None
    if training.raised or "optimizer" in training.roles or EPOCHS * len(training.trained) > 1000:
        return None
    other = training.again(rate=10 * RATE)
    if other.raised or not equal(weights_of(training.model), weights_of(other.model)):
        return None
    return {"where": training.roles["rate"]}


@wrong_loop("learning rate falls with each batch", read=BATCHES)
def rate_falls_with_each_batch(training: Training) -> Seen | None:
    """{thing} falls with each batch, in the first epoch alone from {first} to {last}: after that the model hardly moves,
    and with more batches it is over sooner still. Lower it once an epoch, outside the loop of the batches.
    """
    rates = rates_of_first_epoch(training)
    falls = len(rates) > 3 and all(b < a for a, b in itertools.pairwise(rates))
    if not falls or rates[-1] > 0.05 * rates[0]:
        return None
    return {"where": "The learning rate", "first": number(rates[0]), "last": number(rates[-1])}


def rates_of_first_epoch(training: Training) -> list[float]:
    """Return the learning rates of the steps of the first epoch, where they are known."""
    rates = [step.rate for step in training.steps if step.rate]
    return rates[: len(rates) // EPOCHS] if training.kind in ("training", "epoch") else []


@wrong_loop("schedule never stepped", read=LOOP)
def schedule_never_stepped(training: Training) -> Seen | None:
    """{thing} is made, and never told that an epoch is over: the learning rate is {rate} from the first step to the
    last. Call its step() once an epoch, after the steps of the optimiser.
    """
    names = [match[1] for match in SCHEDULE.finditer(training.source)]
    names += [training.roles["scheduler"]] if "scheduler" in training.roles else []
    rates = {step.rate for step in training.steps}
    if training.kind != "training" or training.raised or len(rates) != 1 or None in rates or not training.moved:
        return None
    unused = [name for name in names if len(re.findall(rf"\b{name}\b", training.source)) == 1]
    return {"where": unused[0], "rate": number(rates.pop())} if unused else None
