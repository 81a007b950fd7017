"""What is worth saying of a training loop, and may be meant as it is."""

from __future__ import annotations

from minidl.lab.doctor.diagnosis import Finding
from minidl.lab.doctor.measure.recording import pairs
from minidl.lab.doctor.measure.returned import MEAN_OF_MEANS, candidates, series
from minidl.lab.doctor.measure.trainings import EPOCHS, Training
from minidl.lab.doctor.mistakes.orders import same_order_throughout, with_replacement
from minidl.lab.doctor.mistakes.samples import always_whole, drops_the_last, left_out, stopped_at_once
from minidl.lab.doctor.mistakes.weights import frozen_by_loop, rates_of_first_epoch, standing_still
from minidl.lab.doctor.wording import number

NOT_SEEN = (
    "the model was never called with samples of the data: which samples it meets, and in which order, was not judged."
)
CHANCE = (
    "batches are drawn anew for each step, so that in an epoch some samples are met twice and others not at all. On purpose? "
    "If not, take one order for each epoch (torch.randperm)."
)
WHOLE = "{name} is not used: every step is made with all samples, one step an epoch. On purpose?"
SAME = (
    "the samples come in the same order in every epoch, so that the same ones always share a batch. On purpose? If not, draw "
    "a new order inside the loop of the epochs."
)
FADES = "in the first epoch alone the learning rate falls from {first} to {last}, so that later epochs hardly move. On purpose?"
ENDED = "of {asked} epochs the loop makes one, and ends by itself. On purpose?"
DROPPED = (
    "{count} of {of} samples are left out in each epoch, others each time (drop_last=True). With few data that is a part of "
    "what there is to learn from, and the epoch's loss is of the others alone. On purpose?"
)
STILL = "{stay} of the {count} parameters have gradients, and no step moves them: the optimiser does not hold them. On purpose?"
FROZEN = (
    "{frozen} of the {count} parameters are frozen in the loop (requires_grad = False): no step moves them, here and in any "
    "training after this one. On purpose?"
)
IN_ORDER = (
    "the samples are taken in the order in which they are given: whoever calls this shuffles them before each epoch, X and T "
    "with the same order, or else the same samples always share a batch."
)
UNEQUAL = (
    "the {name} returned is the mean of the batches' means, {value}, in which each sample of the smaller last batch counts "
    "more than others; of all samples alike it is {true}. For that, multiply each by its samples, and divide by all."
)
OTHER_LOSS = (
    "{loss} and {targets} were tried first, and with them the loop fails: {why} What is said here is of {other} and {others}. "
    "Say which loss is meant: examine_training({name}, loss=...)."
)
TARGETS = {
    "one-hot": "one-hot targets",
    "labels": "class numbers",
    "column": "numbers of shape (n, 1) as targets",
    "row": "numbers of shape (n,) as targets",
}


def notes_on(training: Training, findings: list[Finding], tried: list[tuple[Training, list[Finding]]]) -> list[str]:
    """Return the notes on a training; those tried before it, with other parts, come with what was found."""
    notes = []
    if training.kind != "step" and training.backwards and any(e.rows is None for e in training.trained):
        notes.append(NOT_SEEN)
    if not findings and training.orders and training.moved and with_replacement(training):
        notes.append(CHANCE)
    if not findings and same_order_throughout(training):
        notes.append(SAME)
    rates = rates_of_first_epoch(training)
    if not findings and rates and rates[-1] < 0.25 * rates[0]:
        notes.append(FADES.format(first=number(rates[0]), last=number(rates[-1])))
    if not findings and stopped_at_once(training):
        notes.append(ENDED.format(asked=EPOCHS))
    if always_whole(training) and not training.in_batches:
        notes.append(WHOLE.format(name=training.roles["batch size"]))
    if not findings:
        notes += _of_what_is_left_out(training)
    return notes if findings else notes + of_other_parts(training, tried)


def _of_what_is_left_out(training: Training) -> list[str]:
    """Say what a loop leaves out, or weighs otherwise, on purpose perhaps: samples, parameters, an order."""
    notes = []
    left = left_out(training)
    if left and drops_the_last(training):
        notes.append(DROPPED.format(count=left[0], of=len(training.task.X)))
    stay, count = standing_still(training)
    if stay:
        notes.append(STILL.format(stay=stay, count=count))
    frozen = frozen_by_loop(training)
    if frozen:
        notes.append(FROZEN.format(frozen=frozen, count=len(pairs(training.ran.model))))
    epochs = [epoch for epoch in training.by_epoch if len(epoch) > 1]
    given = training.kind == "epoch" and "loader" not in training.roles and training.orders and epochs
    if given and all(order == sorted(order) for order in training.orders):
        notes.append(IN_ORDER)
    for name, values in series(training.result) if training.moved or training.kind == "evaluation" else []:
        fitting = [c for c in candidates(training) if c.fits(values)]
        if fitting and all(c.what == MEAN_OF_MEANS for c in fitting):
            exact = [c.values for c in candidates(training) if c.data == fitting[0].data and not c.mistake]
            true = min((v[-1] for v in exact if len(v) == len(fitting[0].values) and v != fitting[0].values),
                       key=lambda v: abs(v - values[-1]))  # fmt: skip
            notes.append(UNEQUAL.format(name=name or "loss", value=number(values[-1]), true=number(true)))
            break
    return notes


def of_other_parts(training: Training, tried: list[tuple[Training, list[Finding]]]) -> list[str]:
    """Say what was tried first, where the loop is well with another loss only."""
    first, findings = tried[0] if tried else (training, [])
    kinds = [type(one.task.loss).__name__ for one in (first, training)]
    if first.task.words != training.task.words or not first.raised or kinds[0] == kinds[1]:
        return []
    targets = [TARGETS[one.task.targets] for one in (first, training)]
    why = findings[0].text if findings[0].text.endswith((".", "?", ")")) else f"{findings[0].text}."
    told = {"loss": kinds[0], "targets": targets[0], "other": kinds[1], "others": targets[1]}
    return [OTHER_LOSS.format(why=why, name=training.name, **told)]
