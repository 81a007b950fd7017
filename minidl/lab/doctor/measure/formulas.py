"""How descent, momentum and Adam move a parameter, and how they move it with something wrong.

Each formula is a function from all gradients that a parameter gets to how far it is from its start after each step.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Formula = Callable[[list[Tensor]], list[Tensor]]


def descent(rate: float, momentum: float = 0.0, share: float = 1.0) -> Formula:
    """Return the formula v <- momentum v + share g, p <- p - rate v."""

    def formula(gradients: list[Tensor]) -> list[Tensor]:
        velocity, place, places = torch.zeros_like(gradients[0]), torch.zeros_like(gradients[0]), []
        for gradient in gradients:
            velocity = momentum * velocity + share * gradient
            place = place - rate * velocity
            places.append(place)
        return places

    return formula


def nesterov(rate: float, momentum: float) -> Formula:
    """Return the formula v <- momentum v + g, p <- p - rate (g + momentum v)."""

    def formula(gradients: list[Tensor]) -> list[Tensor]:
        velocity, place, places = torch.zeros_like(gradients[0]), torch.zeros_like(gradients[0]), []
        for gradient in gradients:
            velocity = momentum * velocity + gradient
            place = place - rate * (gradient + momentum * velocity)
            places.append(place)
        return places

    return formula


def corrected_average(rate: float, momentum: float) -> Formula:
    """Return the formula of an average of gradients that is corrected for starting at zero, as Adam's is."""

    def formula(gradients: list[Tensor]) -> list[Tensor]:
        average, place, places = torch.zeros_like(gradients[0]), torch.zeros_like(gradients[0]), []
        for step, gradient in enumerate(gradients, 1):
            average = momentum * average + (1 - momentum) * gradient
            place = place - rate * average / (1 - momentum**step)
            places.append(place)
        return places

    return formula


def adam(
    rate: float,
    beta1: float,
    beta2: float,
    correct_m: bool = True,
    correct_v: bool = True,
    *,
    carry: tuple[bool, bool] = (True, True),
    count: Callable[[int], int] = lambda t: t,
    slip: str = "",
) -> Formula:
    """Return Adam's formula (Kingma and Ba, 2015), or one that gets something wrong.

    That is: one of the two bias corrections left out, averages (m, v) that are not carried from step to step, a step count
    other than t = 1, 2, ..., or a slip in it.
    """

    def formula(gradients: list[Tensor]) -> list[Tensor]:
        m, v, place, places = *(torch.zeros_like(gradients[0]) for _ in range(3)), []
        for step, gradient in enumerate(gradients, 1):
            new_m = gradient**2 if slip == "square in m" else gradient
            new_v = gradient if slip == "no square" else gradient**2
            m = beta1 * m * carry[0] + (1 if slip == "share of m" else 1 - beta1) * new_m
            v = beta2 * v * carry[1] + (1 if slip == "share of v" else 1 - beta2) * new_v
            first = m / (1 - beta1 ** count(step)) if correct_m else m
            second = v / (1 - beta2 ** count(step)) if correct_v else v
            m = first if slip in ("m written back", "written back") else m
            v = second if slip in ("v written back", "written back") else v
            first = gradient if slip == "m unused" else first
            place = place - rate * first / (second if slip == "no root" else second.sqrt())
            places.append(place)
        return places

    return formula
