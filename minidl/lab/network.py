"""The report's network, 2-25-25-25-2 with ReLU in between, or one like it with other widths."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import torch

from minidl import Linear, Module, ReLU, Sequential
from minidl.lab.arguments import checked

WIDTHS = (2, 25, 25, 25, 2)


@checked
def network(
    widths: Sequence[int] = WIDTHS,
    *,
    activation: Callable[[], Module] = ReLU,
    gain: float = 1.0,
    generator: torch.Generator | None = None,
    dtype: torch.dtype | None = None,
) -> Sequential:
    """Return linear layers from each width to the next, with an activation between any two of them.

    Parameters
    ----------
    widths : sequence of at least two integers
        Features of the input, of every hidden layer and of the output; the report's network if left out.
    activation : function without arguments
        Makes what stands between two layers, such as the class ``Tanh``.
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
    modules = [module for linear in linears for module in (linear, activation())]
    return Sequential(*modules[:-1])  # no activation behind the last layer
