"""Training loops: whether their steps go down, where the loss is asked in the right way."""

# ruff: noqa: D205 - the docstrings are for the student, and as long as they need to be

from __future__ import annotations

import torch
from torch import Tensor, nn

from minidl.lab.doctor.measure.messages import targets_told
from minidl.lab.doctor.measure.recording import Event
from minidl.lab.doctor.measure.trainings import Training
from minidl.lab.doctor.mistakes.reading import DOWNHILL, MSE
from minidl.lab.doctor.mistakes.rules import Seen, wrong_loop

SOME = 5  # backwards that are looked at, where one is as good as all
SYMMETRIC = (nn.MSELoss, nn.L1Loss, nn.SmoothL1Loss, nn.HuberLoss)


@wrong_loop(
    "loss's arguments swapped",
    read=MSE,
    explains=(
        "raises",
        "targets of the wrong dtype",
        "column against row",
        "loss's backward left out",
        "goes uphill",
        "zeroed before the step",
    ),
)
def arguments_swapped(training: Training) -> Seen | None:
    """{thing} gets the targets first and the model's output second: {what}. The order is
    loss(output, target).
    """
    swapped = [e for e in training.losses if e.how == "swapped"]
    if training.task.words == "torch":  # where both may be exchanged, nothing has happened
        swapped = [e for e in swapped if not isinstance(e.of, SYMMETRIC)]
    if not swapped or 2 * len(swapped) < len(training.losses):
        return None
    what = (
        "its backward returns the derivative by the targets, for squared errors that by the output with its sign turned"
    )
    if training.task.words == "torch":
        what = "the output is taken for the truth, and the truth for the scores"
    return {"where": "The loss", "what": what}


@wrong_loop("goes uphill", read=DOWNHILL)
def goes_uphill(training: Training) -> Seen | None:
    """{thing}, in {share}: the gradient points to where the loss grows, and so does the training, the faster the larger
    its steps are. To go down, subtract: p -= lr * the gradient of the loss.
    """
    ways = [e.climbs for e in training.steps if e.climbs is not None and len(e.contributions) > 0]
    up = sum(way > 0.5 for way in ways)
    if up and up >= 0.8 * len(ways):
        return {"where": "The parameters are moved along the gradient", "share": f"{up} of {len(ways)} steps"}
    told = [targets_told(training, e) for e in training.backwards[:SOME]]
    turned = [one.away if one else turned_round(training, e) for one, e in zip(told, training.backwards, strict=False)]
    turned = [one for one in turned if one is not None]
    if sum(turned) < 1 or not all(turned):
        return None
    return {"where": "What goes back into the model has its sign turned", "share": "every step"}


def turned_round(training: Training, backward: Event) -> bool | None:
    """Whether what a backward is given points away from the loss's derivative by the output; None where that is not known."""
    loss = None if backward.about is None else training.loss_of(backward.about)
    if loss is None or backward.value is None or loss.output is None or loss.target is None or loss.how != "":
        return None
    true = loss.true_message if loss.true_message is not None else derivative(training, loss)
    if true is None or true.numel() != backward.value.numel():
        return None
    way, true = backward.value.reshape(-1), true.reshape(-1).to(backward.value.dtype)
    size = float(way.norm() * true.norm())
    return float(way @ true) < -0.9 * size if size else None


def derivative(training: Training, loss: Event) -> Tensor | None:
    """Return a PyTorch loss's derivative by the output."""
    training.log.busy = True  # nothing is written down of this
    try:
        output = loss.output.clone().requires_grad_()
        with torch.enable_grad():
            return torch.autograd.grad(loss.of(output, loss.target).sum(), output)[0]
    except Exception:
        return None
    finally:
        training.log.busy = False
