"""The report's network, 2-25-25-25-2 with ReLU in between, or one like it with other widths."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch

from minidl import Linear, ReLU, Sequential
from minidl.lab.arguments import checked

WIDTHS = (2, 25, 25, 25, 2)


@checked
def network(
    widths: Sequence[int] = WIDTHS,
    *,
    gain: float = 1.0,
    generator: torch.Generator | None = None,
    dtype: torch.dtype | None = None,
) -> Sequential:
    """Return linear layers from each width to the next, with a ReLU between any two of them.

    Parameters
    ----------
    widths : sequence of at least two integers
        Features of the input, of every hidden layer and of the output; the report's network if left out.
    gain, generator, dtype
        As for ``minidl.Linear``, the same for every layer. The layers draw their weights in order, the first one first.

    Raises
    ------
    TypeError, ValueError
        If there are fewer than two widths, or ``minidl.Linear`` refuses an argument.
    """
    if len(widths) < 2:
        raise ValueError(f"network expected at least two widths, got {widths!r}")
    linears = [Linear(*size, gain=gain, generator=generator, dtype=dtype) for size in itertools.pairwise(widths)]
    with_relus = [module for linear in linears for module in (linear, ReLU())]
    return Sequential(*with_relus[:-1])  # no ReLU behind the last layer
