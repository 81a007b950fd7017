"""Training loops: what is called, on which object, and in which order."""

# ruff: noqa: D205 - the docstrings are for the student, and as long as they need to be

from __future__ import annotations

import re
from typing import Any

import torch
from torch import nn

from minidl.lab.doctor.measure.recording import pairs
from minidl.lab.doctor.measure.trainings import Training
from minidl.lab.doctor.mistakes.reading import FOUR_LOOPS, LOOP, SGD
from minidl.lab.doctor.mistakes.rules import Seen, wrong_loop
from minidl.lab.doctor.wording import listed

NO_GRADIENT = ("gradients never zeroed", "zeroed too rarely", "zeroed before the step", "step once an epoch")


def said(training: Training, pattern: str) -> bool:
    """Whether the loop raised an error with such words."""
    raised = training.raised
    return raised is not None and bool(re.search(pattern, f"{type(raised.error).__name__}: {raised.error}"))


def share(some: int, all: int) -> str:
    """Return how many of all these steps are, as one would say it."""
    return "every step is" if some == all else f"{some} of {all} steps {'is' if some == 1 else 'are'}"


@wrong_loop("graph cut", read=LOOP, explains=("raises", "backward missing"))
def graph_cut(training: Training) -> Seen | None:
    """What {thing} sends back never arrives at the model: something between the model's output and backward() has cut
    the graph. A number taken out with item() or detach(), or computed under no_grad, has forgotten where it comes
    from.
    """
    cut = said(training, "does not require grad")
    if training.task.words == "torch" and cut and any(e.learns for e in training.losses or training.forwards):
        return {"where": "the loss"}
    called = training.task.words == "torch" and re.search(r"\.backward\(", training.source)
    if called and training.steps and not training.backwards and training.losses and training.raised is None:
        return {"where": "the loss"}
    return None


@wrong_loop("backward missing", read=LOOP, explains=(*NO_GRADIENT, "step missing"))
def backward_missing(training: Training) -> Seen | None:
    """{thing} is never called: the optimiser makes {steps} steps, and there is nothing in the gradients. A step goes
    where the last backward points, and without one it goes nowhere.
    """
    steps = training.of_kind("step")
    if not steps or training.of_kind("backward") or training.raised:
        return None
    calls = "loss.backward()" if training.task.words == "torch" else "model.backward(...)"
    return {"where": calls, "steps": len(steps)}


@wrong_loop("loss's backward left out", read=LOOP)
def loss_backward_left_out(training: Training) -> Seen | None:
    """What {thing} is given is not the derivative of the loss by the model's output. That is what loss.backward()
    returns, and with it the message begins: model.backward(loss.backward()).
    """
    if training.task.words == "torch" or not training.losses:
        return None
    if training.of_kind("message"):
        return None
    pairs = [(e.value, training.loss_of(e.about)) for e in training.backwards if e.about is not None]
    pairs = [(value, loss.true_message) for value, loss in pairs if loss is not None and loss.true_message is not None]
    wrong = [
        p for p in pairs if p[0] is None or p[0].shape != p[1].shape or not torch.allclose(*p, rtol=1e-3, atol=1e-6)
    ]
    return {"where": "model.backward"} if wrong and len(wrong) == len(pairs) else None


@wrong_loop(
    "step before backward",
    read=LOOP,
    explains=(*NO_GRADIENT, "samples left out", "backward of older weights", "gradients thrown away"),
)
def step_before_backward(training: Training) -> Seen | None:
    """The optimiser makes its {thing} before the first backward: at that time nothing has been computed that it could
    follow, and afterwards it follows the batch before, or nothing. The order is forward, backward, step.
    """
    steps = training.of_kind("step")
    if not steps or not training.backwards:
        return None
    return {"where": "first step"} if training.position(steps[0]) < training.position(training.backwards[0]) else None


@wrong_loop("zeroed before the step", read=FOUR_LOOPS, explains=("step once an epoch", "gradients thrown away"))
def zeroed_before_the_step(training: Training) -> Seen | None:
    """{thing} stands between backward and step: it wipes out what backward has just computed, and {share} made with
    gradients of zero. Zero them before backward, or after the step.
    """
    steps = training.of_kind("step")
    events = training.log.events
    wiped = 0
    for before, after in zip([None, *steps], steps, strict=False):
        between = events[0 if before is None else training.position(before) + 1 : training.position(after)]
        kinds = [e.kind for e in between if e.kind in ("backward", "zeroed")]
        wiped += "backward" in kinds and kinds[-1] == "zeroed" and not after.contributions
    return {"where": "zero_grad", "share": share(wiped, len(steps))} if wiped and 2 * wiped >= len(steps) else None


def stale(training: Training) -> tuple[int, int]:
    """Return in how many steps the gradients of earlier ones are still in, and in how many they could be."""
    steps = [s for s in training.steps if s.contributions]
    used: dict[int, set[tuple[int, int]]] = {}  # of each backward, the parameters that it has moved
    count = 0
    for step in steps:
        count += any(used.get(id(e), set()) & step.touched for e in step.contributions)
        for event in step.contributions:
            used.setdefault(id(event), set()).update(step.touched)
    return count, max(0, len(steps) - 1)


@wrong_loop(
    "zeroed on another object",
    read=LOOP,
    explains=("gradients never zeroed", "zeroed too rarely", "raises"),
)
def zeroed_on_another_object(training: Training) -> Seen | None:
    """zero_grad is called on {thing}, and the gradients of the model that is trained stay as they are. They are the
    model's: {call} sets them to zero.
    """
    call = (
        "optimizer.zero_grad(), with an optimiser of this model,"
        if training.task.words == "torch"
        else "model.zero_grad()"
    )
    if training.task.words == "minidl" and said(training, r"no attribute '(zero_grad|zero_gradients?)'"):
        owner = re.search(r"'(\w+)' object", str(training.raised.error))
        return {"where": f"the {owner[1]}, which has none" if owner else "something else", "call": call}
    zeros = training.of_kind("zero")
    count, _ = stale(training)
    if not zeros or not count or zeroes_its_own(training):
        return None
    if moves_another(training):  # with the right model in it, zero_grad would be right as well
        return None
    return {"where": named(training, zeros[0].of), "call": call}


@wrong_loop("zeroed on another object", read=LOOP, explains=("gradients never zeroed", "zeroed too rarely"))
def zeroed_in_part(training: Training) -> Seen | None:
    """Only {thing} have their gradients set to zero. Those of the other {rest} pile up: backward adds to what is there,
    and each step follows the sum of all batches so far. Call model.zero_grad(), which is for all of them.
    """
    state = training.log.states.get(id(training.model))
    if state is None or not stale(training)[0]:
        return None
    moved = {place for step in training.steps for model, place in step.touched if model == id(state.model)}
    done, rest = moved & state.cleared, moved - state.cleared
    if not done or not rest:
        return None
    names = listed([str(place + 1) for place in sorted(done)])
    return {"where": f"{len(done)} of the {len(moved)} parameters (in their order: {names})", "rest": len(rest)}


def zeroes_its_own(training: Training) -> bool:
    """Whether the gradients of the model that is trained are zeroed at some time, or told to be before there are any."""
    own = {id(param) for param, _ in pairs(training.model)}
    for event in training.of_kind("zero", "zeroed"):
        groups = getattr(event.of, "param_groups", [])
        if event.of is training.model or any(id(param) in own for group in groups for param in group["params"]):
            return True
    return False


def named(training: Training, thing: Any) -> str:
    """Return what to call a part."""
    if thing is training.ran.loss:
        return "the loss"
    if isinstance(thing, torch.optim.Optimizer):
        return "an optimiser that holds other parameters"
    return "another model" if isinstance(thing, nn.Module) or hasattr(thing, "forward") else "another object"


@wrong_loop("gradients never zeroed", read=SGD)
def never_zeroed(training: Training) -> Seen | None:
    """{thing} are never set to zero: backward adds to what is there, so that every step follows the sum of all
    batches so far, as a heavy ball that nothing stops. Call {call} {place}.
    """
    count, _ = stale(training)
    if count and not zeroes_its_own(training):
        place = "after each step" if accumulates(training) else "before each backward"
        return {"where": "The gradients", "call": zero_call(training), "place": place}
    return None


@wrong_loop("zeroed too rarely", read=SGD)
def zeroed_too_rarely(training: Training) -> Seen | None:
    """{thing} are set to zero {when}: in {count} of the {of} steps after the first one those of earlier steps were
    still in, and went into the step once more. Call {call} {place}, inside the loop of the batches.
    """
    count, of = stale(training)
    if count and zeroes_its_own(training):
        later = any(e.kind == "zeroed" and e.of is training.model for e in training.log.events)
        told = {"when": "now and then only" if later else "only once, before there are any", "count": count, "of": of}
        place = "after each step" if accumulates(training) else "before each backward"
        return {"where": "The gradients", "call": zero_call(training), "place": place, **told}
    return None


def accumulates(training: Training) -> bool:
    """Whether most steps have several backwards before them, whose gradients are added up on purpose."""
    between, several, count = 0, 0, 0
    for event in training.log.events:
        between += event.kind == "backward"
        if event.kind == "step":
            several, count, between = several + (between > 1), count + 1, 0
    return 2 * several > count


def zero_call(training: Training) -> str:
    """Return the call that sets the gradients to zero."""
    return "optimizer.zero_grad()" if training.task.words == "torch" else "model.zero_grad()"


@wrong_loop("step missing", read=LOOP)
def step_missing(training: Training) -> Seen | None:
    """{thing}: backward has computed {count} gradients, and the parameters are what they were. The gradients only say
    where to go.
    """
    if training.kind == "evaluation" or not training.backwards or training.steps or training.raised:
        return None
    where = "optimizer.step() is never called"
    if "optimizer" not in training.roles and not re.search(r"optim|SGD|Adam", training.source):
        where = "There is no step, neither an optimiser's nor one of your own"
    return {"where": where, "count": len(training.backwards)}


@wrong_loop(
    "loss of another batch",
    read=LOOP,
    explains=(
        "raises",
        "targets of another batch",
        "shuffled apart",
        "samples left out",
        "trained on validation data",
        "batch size not used",
        "loss's backward left out",
    ),
)
def loss_of_another_batch(training: Training) -> Seen | None:
    """What goes back is the derivative of the loss of {thing}: between that loss and the model's backward, the model
    has run forward with another batch, and what it keeps belongs to that one. Forward, loss and backward belong
    together.
    """
    if training.task.words == "torch":
        return None
    messages = {id(e): e for e in training.of_kind("message")}
    last, wrong, judged = None, 0, 0
    for event in training.log.events:
        last = event if id(event) in messages else last
        if event.kind == "backward" and last is not None and last.about is not None and last.about.about is not None:
            same = event.value is not None and last.value is not None and event.value.shape == last.value.shape
            if same and torch.allclose(event.value, last.value, rtol=1e-4, atol=1e-7):
                judged += 1
                wrong += event.about is not last.about.about and event.rows != last.about.rows
    return {"where": "another batch"} if wrong and 2 * wrong >= judged else None


@wrong_loop(
    "optimiser of another model",
    read=LOOP,
    explains=("step missing", "gradients never zeroed", "zeroed too rarely", "step once an epoch"),
)
def optimiser_of_another_model(training: Training) -> Seen | None:
    """The optimiser holds the parameters of {thing}: it makes {count} steps, and the model whose gradients are
    computed has not moved. Build the optimiser from the model that is trained, after the last copy of it.
    """
    if not moves_another(training):
        return None
    return {"where": "another model", "count": len(training.of_kind("step"))}


def moves_another(training: Training) -> bool:
    """Whether there are steps, and none of them moves the model that is trained."""
    steps = training.of_kind("step")
    if not steps or not training.backwards or training.moved:
        return False
    other = any(step.alone for step in steps) or any(
        state.model is not training.model and state.moves for state in training.log.states.values()
    )
    others = len(training.log.states) > 1 and any(
        e.of is not training.model for e in training.log.events if e.kind == "forward"
    )
    full = all(step.contributions for step in steps[1:])
    return other or ((others or full) and all(step.still for step in steps))


@wrong_loop("evaluated in training mode", read=LOOP)
def evaluated_in_training_mode(training: Training) -> Seen | None:
    """The model is evaluated {thing}: its Dropout goes on dropping (and batch norm would go on learning the data's
    mean), so that the same sample gets another answer each time. Call model.eval() before, and model.train() after.
    """
    if training.task.words != "torch" or not cares(training.model):
        return None
    looked = [
        e for e in training.evaluated if training.kind == "evaluation" or (not e.learns or validates(training, e))
    ]
    if training.kind in ("training", "epoch", "evaluation") and any(e.training for e in looked):
        return {"where": "in training mode"}
    return None


def cares(model: Any) -> bool:
    """Whether a model holds layers that do something else in training than in evaluation."""
    kinds = (nn.modules.dropout._DropoutNd, nn.modules.batchnorm._BatchNorm)
    return isinstance(model, nn.Module) and any(isinstance(module, kinds) for module in model.modules())


def validates(training: Training, event: Any) -> bool:
    """Whether a forward is of validation data alone."""
    return event.rows is not None and set(event.rows) <= training.sets["validation"]


@wrong_loop("trained in evaluation mode", read=LOOP)
def trained_in_evaluation_mode(training: Training) -> Seen | None:
    """The model is trained {thing}: {share} made after model.eval(), so that Dropout drops nothing (and batch
    norm takes the mean that it has kept). Call model.train() at the start of every epoch.
    """
    asleep = [e for e in training.trained if not e.training and not validates(training, e)]  # which is worse
    if training.task.words != "torch" or not cares(training.model) or not asleep:
        return None
    return {"where": "in evaluation mode", "share": share(len(asleep), len(training.trained))}


@wrong_loop("softmax before the loss", read=FOUR_LOOPS)
def softmax_before_the_loss(training: Training) -> Seen | None:
    """The loss gets {thing} of the scores, and takes the softmax itself: so it is taken twice, and the gradients are
    small however wrong the answer is. Give it the scores as they come from the model.
    """
    taken = {nn.CrossEntropyLoss: ("softmax", "sigmoid"), nn.BCEWithLogitsLoss: ("sigmoid", "softmax")}
    for event in training.losses:
        hows = next((hows for kind, hows in taken.items() if isinstance(event.of, kind)), ())
        if event.how in hows:
            return {"where": f"the {event.how}"}
    return None


@wrong_loop("targets of the wrong dtype", read=LOOP, explains=("raises",))
def targets_of_the_wrong_dtype(training: Training) -> Seen | None:
    """The loss gets targets of {thing}, which it does not take: a loss of class numbers, such as CrossEntropyLoss,
    wants whole numbers, y.long(); one of squared errors or of yes and no wants numbers like the output, y.float().
    """
    given = [e for e in training.losses if e.value is None and e.target is not None]
    if given and said(training, r"scalar type|dtype|Long|Float|Double|must be the same type|not implemented for"):
        return {"where": str(given[-1].target.dtype).replace("torch.", "dtype ")}
    return None


@wrong_loop("column against row", read=LOOP, explains=("raises", "shuffled apart", "targets of another batch"))
def column_against_row(training: Training) -> Seen | None:
    """The loss compares {thing}: a column and a row of the same numbers are spread out against each other, every
    sample with every other, and the mean of that is smallest for a network that answers the mean. Give both the same
    shape.
    """
    for event in training.losses:
        shapes = [tuple(t.shape) for t in (event.output, event.target) if t is not None]
        if (
            len(shapes) == 2
            and {len(shape) for shape in shapes} == {1, 2}
            and not isinstance(event.of, nn.CrossEntropyLoss)
        ):
            column, row = sorted(shapes, key=len, reverse=True)
            if column == (*row, 1) and row[0] > 1 and "nll" not in type(event.of).__name__.lower():
                return {"where": f"an output of shape {shapes[0]} with targets of shape {shapes[1]}"}
    return None
