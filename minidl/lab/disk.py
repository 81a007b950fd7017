"""The disk: a small classification task that no straight line can solve."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from minidl.lab.arguments import check_kind
from minidl.module import check_device, check_number

CENTRE = (0.5, 0.5)
RADIUS = 1 / math.sqrt(2 * math.pi)  # an area of pi r^2 = 1/2: half of the points are inside


def disk(
    n: int,
    *,
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> tuple[Tensor, Tensor]:
    """Draw points uniformly from the unit square and label those inside a disk that covers half of it.

    Parameters
    ----------
    n : int
        Number of points, at least 1.
    generator : torch.Generator, optional
        Where the points are drawn from; PyTorch's global generator if left out.
    device : torch.device or str, optional
        Where both tensors are; the generator's if left out, or else PyTorch's default.
    dtype : torch.dtype, optional
        Of both tensors; PyTorch's default if left out.

    Returns
    -------
    points : Tensor, shape (n, 2)
        In [0, 1] x [0, 1].
    targets : Tensor, shape (n, 2)
        One-hot: (0, 1) inside the disk of radius 1 / sqrt(2 pi) around (0.5, 0.5), which is class 1; (1, 0) outside.

    Raises
    ------
    TypeError, ValueError
        If n is not an integer of at least 1.
    """
    check_number("disk", "n", n, "an integer of at least 1", int, lambda n: n >= 1)
    check_kind("disk", "generator", generator, torch.Generator | None)
    check_kind("disk", "dtype", dtype, torch.dtype | None)
    check_device("disk", device)
    if dtype is not None and not dtype.is_floating_point:
        raise TypeError(f"disk expected a floating-point dtype, got {dtype}")
    drawn_on = device if generator is None else generator.device  # the same numbers, wherever they go
    points = torch.rand(n, 2, generator=generator, dtype=dtype, device=drawn_on).to(
        drawn_on if device is None else device
    )
    squared_distance = (points - points.new_tensor(CENTRE)).square().sum(-1)
    inside = squared_distance < RADIUS**2
    return points, torch.stack([~inside, inside], dim=-1).to(points.dtype)
