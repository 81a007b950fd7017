"""Numbers against formulas: central differences, the largest difference, and two layers' source side by side."""

from __future__ import annotations

import ast
import html
import inspect
import itertools
import textwrap
from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def central_differences(function: Callable[[Tensor], Tensor | float], tensor: Tensor, step: float = 1e-6) -> Tensor:
    """Return the gradient of a function at a tensor, one entry after the other: (f(w + step) - f(w - step)) / (2 step).

    Parameters
    ----------
    function : callable
        Takes a tensor of that shape, returns one number.
    tensor : Tensor
        Where; float64, or rounding leaves few digits. It is not written to.
    step : float
        Above 0. For float64, 1e-6 or 1e-5 gives about nine right digits.

    Returns
    -------
    Tensor
        Of the shape of ``tensor``.
    """
    if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
        got = tensor.dtype if isinstance(tensor, Tensor) else type(tensor).__name__
        raise TypeError(f"central_differences expected a floating-point tensor, got {got}")
    if not step > 0:
        raise ValueError(f"central_differences expected step above 0, got {step!r}")
    moved, gradient = tensor.detach().clone(), torch.zeros_like(tensor, requires_grad=False)
    for at in itertools.product(*map(range, tensor.shape)):
        here = float(moved[at])
        moved[at] = here + step
        above = float(function(moved))
        moved[at] = here - step
        below = float(function(moved))
        moved[at] = here
        gradient[at] = (above - below) / (2 * step)
    return gradient


def largest_difference(a: Tensor, b: Tensor) -> float:
    """Return the largest absolute difference between the entries of two tensors.

    ValueError for two shapes: a difference of (n, 1) and (n,) would be n x n, and say nothing.
    """
    if a.shape != b.shape:
        raise ValueError(f"largest_difference expected equal shapes, got {tuple(a.shape)} and {tuple(b.shape)}")
    return float((a.detach() - b.detach()).abs().max()) if a.numel() else 0.0


class SideBySide:
    """Sources in columns: a table in Jupyter, one below the other as text."""

    def __init__(self, columns: dict[str, str]) -> None:
        self.columns = columns

    def __repr__(self) -> str:
        return "\n\n".join(f"# {title}\n{source}" for title, source in self.columns.items())

    def _repr_html_(self) -> str:
        width = f"width: {100 // len(self.columns)}%"
        head = "".join(f'<th style="text-align: left; {width}">{html.escape(title)}</th>' for title in self.columns)
        cells = "".join(
            '<td style="text-align: left; vertical-align: top">'
            f'<pre style="white-space: pre-wrap">{html.escape(source)}</pre></td>'
            for source in self.columns.values()
        )
        return f'<table style="width: 100%"><thead><tr>{head}</tr></thead><tbody><tr>{cells}</tr></tbody></table>'


def side_by_side(*classes: type, methods: Sequence[str] = ("forward", "backward")) -> SideBySide:
    """Return the source of some methods of classes, next to each other, without docstrings.

    ValueError for a class that does not define such a method itself.
    """
    columns = {}
    for cls in classes:
        for method in methods:
            if method not in vars(cls):
                raise ValueError(f"side_by_side expected {cls.__name__} to define {method}, got none")
        package = cls.__module__.split(".")[0]
        title = cls.__name__ if package == "__main__" else f"{package}.{cls.__name__}"
        columns[title] = "\n".join(_without_docstring(inspect.getsource(vars(cls)[method])) for method in methods)
    return SideBySide(columns)


def _without_docstring(source: str) -> str:
    source = textwrap.dedent(source)
    function = ast.parse(source).body[0]
    if ast.get_docstring(function) is None:
        return source
    docstring, lines = function.body[0], source.splitlines(keepends=True)
    return "".join(lines[: docstring.lineno - 1] + lines[docstring.end_lineno :])
