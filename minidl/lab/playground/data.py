"""The data of the playground: points in a square, each of one of two classes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from minidl.lab.arguments import as_numbers, check_choice, check_finite, check_kind, check_whole
from minidl.lab.disk import disk

Points = tuple[Tensor, Tensor]  # (n, 2), and one-hot (n, 2)


def _disk(n: int, generator: torch.Generator | None) -> Points:
    return disk(n, generator=generator)


def _corners(n: int, generator: torch.Generator | None) -> Points:
    """Draw evenly from the square; class 1 is where both coordinates have one sign: two corners that face each other."""
    points = 2 * torch.rand(n, 2, generator=generator) - 1
    return points, _one_hot(points.prod(-1) > 0)


def _moons(n: int, generator: torch.Generator | None) -> Points:
    """Draw from two half circles, each of which reaches into the other."""
    lower = torch.arange(n) % 2 == 1
    angle = math.pi * torch.rand(n, generator=generator)
    x = torch.where(lower, 1 - angle.cos(), angle.cos()) - 0.5
    y = torch.where(lower, 0.5 - angle.sin(), angle.sin()) - 0.25
    return torch.stack([x, y], dim=-1) / 1.75, _one_hot(lower)


def _spiral(n: int, generator: torch.Generator | None) -> Points:
    """Draw from two arms that wind around each other, one and a half times."""
    second = torch.arange(n) % 2 == 1
    along = torch.rand(n, generator=generator).sqrt()  # the further out, the longer is the way round
    angle = 3 * math.pi * along + math.pi * second
    radius = 0.95 * along
    return torch.stack([radius * angle.cos(), radius * angle.sin()], dim=-1), _one_hot(second)


def _one_hot(inside: Tensor) -> Tensor:
    return torch.stack([~inside, inside], dim=-1).to(torch.get_default_dtype())


@dataclass(frozen=True)
class DataSet:
    """How points are drawn, the two ends of the square's sides, and the description of the data."""

    draw: Callable[[int, torch.Generator | None], Points]
    side: tuple[float, float]
    words: str


DATA = {
    "disk": DataSet(_disk, (0, 1), "the disk"),
    "corners": DataSet(_corners, (-1, 1), "the four corners (XOR)"),
    "moons": DataSet(_moons, (-1, 1), "two moons"),
    "spiral": DataSet(_spiral, (-1, 1), "the spiral"),
}


def data_set(name: str, n: int, *, noise: float = 0.0, generator: torch.Generator | None = None) -> Points:
    """Draw points of two classes.

    Parameters
    ----------
    name : {"disk", "corners", "moons", "spiral"}
        The disk lies in [0, 1] x [0, 1], the others in [-1, 1] x [-1, 1].
    n : int
        How many points.
    noise : float
        The standard deviation of a shift that each point gets after it has been drawn, in sides of the square.
    generator : torch.Generator, optional
        Where the points are drawn from; PyTorch's global generator if left out.

    Returns
    -------
    points : Tensor, shape (n, 2)
    targets : Tensor, shape (n, 2)
        One-hot: (1, 0) for class 0, (0, 1) for class 1.

    Raises
    ------
    TypeError, ValueError
        For an unknown name, a number of points below 1, or noise below 0.
    """
    check_choice("data_set", "name", name, tuple(DATA))
    check_whole("data_set", "n", n)
    check_finite("data_set", "noise", noise)
    if noise < 0:
        raise ValueError(f"data_set expected noise of at least 0, got {noise}")
    check_kind("data_set", "generator", generator, torch.Generator | None)
    low, high = DATA[name].side
    points, targets = DATA[name].draw(n, generator)
    if noise:
        points = points + noise * (high - low) * torch.randn(points.shape, generator=generator)
    return points, targets


def as_points(inputs: Tensor, targets: Tensor) -> Points:
    """Return a student's own tensors as points and one-hot targets, in the default dtype.

    Raises
    ------
    TypeError, ValueError
        Unless these are points (n, 2), and as many targets of two classes: one-hot, (n, 2), or class numbers, (n,).
    """
    inputs = as_numbers("playground", "your points", inputs, "(n, 2)").to(torch.get_default_dtype())
    targets = as_numbers("playground", "your targets", targets, "(n,)", "(n, 2)")
    if len(inputs) != len(targets):
        raise ValueError(f"playground expected a target for each of {len(inputs)} points, got {len(targets)}")
    if targets.ndim == 1:
        if not bool(((targets == 0) | (targets == 1)).all()):
            raise ValueError(f"playground expected the classes 0 and 1, got {sorted(set(targets.tolist()))[:5]}")
        targets = _one_hot(targets == 1)
    return inputs, targets.to(torch.get_default_dtype())


def square_around(points: Tensor) -> tuple[float, float]:
    """Return the ends of the sides of a square with room for all points: the same for both axes."""
    low, high = float(points.min()), float(points.max())
    margin = 0.05 * (high - low) or 1.0
    return low - margin, high + margin
