"""How descent, momentum, Adam, RMSprop and Adagrad move a parameter, and how they move it with something wrong.

Each formula is a function from all gradients that a parameter gets to how far it is from its start after each step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Way = Callable[[Tensor], Tensor]  # from a gradient to how far the parameter goes against it; it may remember


@dataclass(frozen=True)
class Formula:
    """A rule by which a parameter moves; ``begin`` returns its way anew, for a parameter like the one given."""

    begin: Callable[[Tensor], Way]

    def __call__(self, gradients: list[Tensor]) -> list[Tensor]:
        """Return how far the parameter is from its start after each step."""
        way, place, places = self.begin(gradients[0]), torch.zeros_like(gradients[0]), []
        for gradient in gradients:
            place = place - way(gradient)
            places.append(place)
        return places

    def corrected(self, decay: float) -> Formula:
        """Return the rule with each step divided by 1 - decay^t, t counting the steps, as an average that starts at 0 needs."""

        def begin(like: Tensor) -> Way:
            way, step = self.begin(like), 0

            def longer(gradient: Tensor) -> Tensor:
                nonlocal step
                step += 1
                return way(gradient) / (1 - decay**step)

            return longer

        return Formula(begin)

    def slowing(self, decay: float, first: int = 0, *, inside: bool = False) -> Formula:
        """Return the rule with a learning rate that gets smaller, divided by 1 + decay t; t counts the steps from ``first``.

        ``inside``: what is remembered is of steps, not of gradients, so that the rate comes in before.
        """

        def begin(like: Tensor) -> Way:
            way, step = self.begin(like), first - 1

            def slower(gradient: Tensor) -> Tensor:
                nonlocal step
                step += 1
                share = 1 / (1 + decay * step)
                return way(share * gradient) if inside else share * way(gradient)

            return slower

        return Formula(begin)

    def rolling(self, momentum: float) -> Formula:
        """Return the rule with a velocity on top: v <- momentum v + step, p <- p - v."""

        def begin(like: Tensor) -> Way:
            way, velocity = self.begin(like), torch.zeros_like(like)

            def faster(gradient: Tensor) -> Tensor:
                nonlocal velocity
                velocity = momentum * velocity + way(gradient)
                return velocity

            return faster

        return Formula(begin)

    def decaying(self, start: Tensor, inside: float = 0.0, before: float = 0.0, after: float = 0.0) -> Formula:
        """Return the rule with weight decay, for a parameter that starts at ``start``.

        A share of the parameter is added to the gradient (``inside``), or taken from it before or after the step.
        """

        def begin(like: Tensor) -> Way:
            way, place = self.begin(like), start.clone()

            def decayed(gradient: Tensor) -> Tensor:
                nonlocal place
                shrunk = (1 - before) * place
                new = (shrunk - way(gradient + inside * place)) * (1 - after)
                moved, place = place - new, new
                return moved

            return decayed

        return Formula(begin)


def descent(rate: float, momentum: float = 0.0, share: float = 1.0, start: float | Tensor = 0.0) -> Formula:
    """Return the formula v <- momentum v + share g, p <- p - rate v, where v begins at ``start``."""

    def begin(like: Tensor) -> Way:
        velocity = start + torch.zeros_like(like)

        def way(gradient: Tensor) -> Tensor:
            nonlocal velocity
            velocity = momentum * velocity + share * gradient
            return rate * velocity

        return way

    return Formula(begin)


def nesterov(rate: float, momentum: float, slip: str = "") -> Formula:
    """Return the formula v <- momentum v + g, p <- p - rate (g + momentum v).

    That is p <- p - rate ((1 + momentum) g + momentum^2 v) with the v from before the step; "new velocity" is the slip of
    taking that from after it.
    """

    def begin(like: Tensor) -> Way:
        velocity = torch.zeros_like(like)

        def way(gradient: Tensor) -> Tensor:
            nonlocal velocity
            velocity = momentum * velocity + gradient
            if slip == "new velocity":
                return rate * ((1 + momentum) * gradient + momentum**2 * velocity)
            return rate * (gradient + momentum * velocity)

        return way

    return Formula(begin)


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

    def begin(like: Tensor) -> Way:
        m, v, step = torch.zeros_like(like), torch.zeros_like(like), 0

        def way(gradient: Tensor) -> Tensor:
            nonlocal m, v, step
            step += 1
            new_m = gradient**2 if slip == "square in m" else gradient
            new_v = gradient if slip == "no square" else gradient**2
            m = beta1 * m * carry[0] + (1 if slip == "share of m" else 1 - beta1) * new_m
            v = beta2 * v * carry[1] + (1 if slip == "share of v" else 1 - beta2) * new_v
            first = m / (1 - beta1 ** count(step)) if correct_m else m
            second = v / (1 - beta2 ** count(step)) if correct_v else v
            m = first if slip in ("m written back", "written back") else m
            v = second if slip in ("v written back", "written back") else v
            first = gradient if slip == "m unused" else first
            return rate * first / (second if slip == "no root" else second.sqrt())

        return way

    return Formula(begin)


def rmsprop(rate: float, decay: float, share: float, *, carry: bool = True, slip: str = "") -> Formula:
    """Return the formula v <- decay v + share g^2, p <- p - rate g / sqrt(v); decay and share are 1 in Adagrad."""

    def begin(like: Tensor) -> Way:
        v = torch.zeros_like(like)

        def way(gradient: Tensor) -> Tensor:
            nonlocal v
            new = {"no square": gradient, "absolute": gradient.abs()}.get(slip, gradient**2)
            v = decay * v * carry + share * new
            return rate * gradient / (v if slip == "no root" else v.sqrt())

        return way

    return Formula(begin)
