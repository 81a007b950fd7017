"""What goes back into a model where no loss was asked: which targets it tells the model to come closer to."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from minidl.lab.doctor.measure.recording import Event
from minidl.lab.doctor.measure.trainings import Training


@dataclass
class Told:
    """The samples whose targets a message is about, one for each row, and whether it points away from them."""

    rows: list[int]
    away: bool


def targets_told(training: Training, backward: Event) -> Told | None:
    """Return which targets a message is about: that of squared errors or of a cross-entropy, times any number.

    None where a loss was called, where it is another message, or where outputs are single numbers.
    """
    about, message = backward.about, backward.value
    if about is None or message is None or about.output is None or training.loss_of(about) is not None:
        return None
    output, known = about.output.double(), training.log.T
    if output.ndim != 2 or output.shape[1] < 3 or message.shape != output.shape or not bool(message.any()):
        return None
    if known.ndim == 1 and not known.is_floating_point():
        known = torch.eye(output.shape[1])[known]
    if known.shape[1:] != output.shape[1:]:
        return None
    for answers in (output, output.softmax(1)):
        told = _told(message.double(), answers, known.double(), about.rows or [])
        if told is not None:
            return told
    return None


def _told(message: torch.Tensor, answers: torch.Tensor, known: torch.Tensor, own: list[int]) -> Told | None:
    ways = answers[:, None] - known[None]  # of each row, how far it is from each target
    sizes = (ways * ways).sum(2)
    factors = (message[:, None] * ways).sum(2) / sizes
    misses = (message[:, None] - factors[..., None] * ways).norm(dim=2) / message.norm(dim=1, keepdim=True)
    for k, row in enumerate(own):
        misses[k, row] -= 1e-5  # where several samples have the same target, it is its own
    best = misses.argmin(1)
    factor = factors[torch.arange(len(best)), best]
    if not bool((misses.amin(1) < 1e-3).all()) or bool((factor.sign() != factor[0].sign()).any()):
        return None
    return Told(best.tolist(), float(factor[0]) < 0)
