"""Training loops: what PyTorch keeps of each forward for its backward, and when it keeps nothing."""

# ruff: noqa: D205 - the docstrings are for the student, and as long as they need to be

from __future__ import annotations

import re

from minidl.lab.doctor.measure.trainings import Training
from minidl.lab.doctor.mistakes.loops import said
from minidl.lab.doctor.mistakes.reading import LOOP
from minidl.lab.doctor.mistakes.rules import Seen, wrong_loop

TRUNCATED = ("raises", "samples left out", "samples seen twice", "never shuffled", "same order in every epoch")


@wrong_loop(
    "gradients switched off",
    read=LOOP,
    explains=(*TRUNCATED, "graph cut", "evaluated in training mode", "trained in evaluation mode", "step missing"),
)
def gradients_switched_off(training: Training) -> Seen | None:
    """{thing} with gradients switched off{how}: it keeps nothing that backward could go back through. For an evaluation
    there is `with torch.no_grad():`, which ends by itself where its block ends; forward and loss of the training
    stand outside of it.
    """
    if training.task.words != "torch" or not said(training, "does not require grad") or not training.forwards:
        return None
    last = training.forwards[-1]
    if last.learns:
        return None
    how = ""
    if re.search(r"set_grad_enabled\(\s*(mode\s*=\s*)?False", training.source):
        how = ", since set_grad_enabled(False) was called before and is never taken back"
    batch = len([e for e in training.forwards if e.learns]) + 1
    which = "The first batch runs forward" if batch == 1 else "A batch to learn from, after others, runs forward"
    return {"where": which, "how": how}


@wrong_loop("gradients switched off", read=LOOP)
def gradients_left_off(training: Training) -> Seen | None:
    """When the loop ends, {thing} are still switched off, for all that comes after it: whoever trains then gets an error from
    backward. Use `with torch.no_grad():`, which ends by itself where its block ends.
    """
    left = training.left_off and training.task.words == "torch" and not training.raised
    return {"where": "PyTorch's gradients"} if left else None


@wrong_loop(
    "loss of earlier batches",
    read=LOOP,
    explains=(*TRUNCATED, "backward twice", "backward of older weights", "graph kept"),
)
def loss_of_earlier_batches(training: Training) -> Seen | None:
    """Backward begins at a number in which {thing} are still in, with all that they were computed by, and goes through that
    once more: in batch {batch} PyTorch refuses ({error}). Go back from the loss of this batch alone, and where losses are
    added up, add numbers: total += loss.item().
    """
    errors = {
        "second time": "Trying to backward through the graph a second time",
        "modified by an inplace operation": "a variable needed for gradient computation has been modified",
    }
    error = next((text for pattern, text in errors.items() if said(training, pattern)), None)
    learned = [e for e in training.forwards if e.learns]
    if training.task.words != "torch" or error is None or len(learned) < 2 or not training.steps:
        return None
    last, place = learned[-1], training.position(learned[-1])
    after = [e for e in training.log.events[place + 1 :] if e.kind in ("backward", "step")]
    again = [e for e in after if e.kind == "backward" and e.about is last]
    if any(e.kind == "step" for e in after) or len(again) > 1 or training.position(training.steps[0]) > place:
        return None
    return {"where": "earlier batches", "batch": len(learned), "error": error}
