"""What is wrong with a layer that the doctor has no name for: what two batches tell that differ in one thing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from minidl.lab.exercises.kinds.calling import quietly

NUDGE = 0.01


def measured(
    build: Callable[[], Any], shape: tuple[int, ...], reference: Callable[[Tensor], Tensor] | None, by_entry: bool
) -> str:
    """Return in words what is wrong with a layer, with an input at which it is seen; nothing where nothing is found.

    Parameters
    ----------
    build : function without arguments
        Returns a new layer.
    shape : tuple of int
        Of the batch.
    reference : function, optional
        What forward should be equal to.
    by_entry : bool
        Whether each entry of the output is to be made of the same entry of the input.
    """
    return quietly(lambda: _measured(build, shape, reference, by_entry)) or ""


def inexact(build: Callable[[], Any], shape: tuple[int, ...], reference: Callable[[Tensor], Tensor]) -> str:
    """Return in words where forward is near, and not exact; nothing where it is exact, or far off."""

    def work() -> str:
        x = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        text = _of_output(x, build().forward(x.clone()).detach(), reference(x))
        return text if "not exact" in text else ""

    return quietly(work) or ""


def _measured(build: Callable[[], Any], shape: tuple[int, ...], reference: Any, by_entry: bool) -> str:
    def forward(x: Tensor) -> Tensor:
        return build().forward(x.clone()).detach()

    def back(x: Tensor, g: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        layer = build()
        layer.forward(x.clone())
        message = layer.backward(g.clone()).detach()
        return message, {name: grad.detach().clone() for name, grad in getattr(layer, "grad", {}).items()}

    x = 1.5 * torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    output = forward(x)
    g = torch.randn(output.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    if by_entry and (text := _others(x, forward, "forward", "what it returns", output)):
        return f"{text} Each y_ij is made of x_ij alone."
    if by_entry and reference is not None and (text := _of_output(x, output, reference(x))):
        return text
    if text := _of_message(lambda message: back(x, message), g):
        return text
    if not by_entry:
        return ""
    due = back(x, g)[0]
    if text := _others(x, lambda other: back(other, g)[0], "backward", "what comes back", due):
        return f"{text} What comes back to x_ij knows x_ij alone, and what arrives at y_ij."
    if text := _others(g, lambda other: back(x, other)[0], "backward", "what comes back", due, "the message"):
        return f"{text} What comes back to x_ij is made of what arrives at y_ij."
    return _of_slope(x, g, due, forward)


def _of_output(x: Tensor, output: Tensor, due: Tensor) -> str:
    """Return where forward returns what it should not."""
    off = (output - due).abs()
    if output.shape != due.shape or float(off.max()) < 1e-9:
        return ""
    at = divmod(int(off.argmax()), x.shape[1])
    if float(off.max()) < 1e-2 * float(due.abs().max()):
        return (
            f"forward is near, and not exact: at x = {float(x[at]):.4g} it is {float(off[at]):.2g} off. "
            "Is something rounded, cut off, or a small part not right?"
        )
    return f"at x = {float(x[at]):.4g}, forward returns {float(output[at]):.4g}, and that is not it."


def _of_message(back: Callable[[Tensor], tuple[Tensor, dict[str, Tensor]]], g: Tensor) -> str:
    """Return how something that comes back is not proportional to the message."""
    message, grads = back(g)
    nothing, no_grads = back(0 * g)
    twice, twice_grads = back(-2 * g)
    if text := _of_nan(message, grads):
        return text
    trios = {"backward": (message, nothing, twice)}
    trios |= {f'grad["{name}"]': (grads[name], no_grads[name], twice_grads[name]) for name in grads}
    for name, (once, none, more) in trios.items():
        gives = "backward returns" if name == "backward" else f"{name} gets"
        if bool((none.abs() > 1e-9).any()):
            entry = none.abs().argmax()
            return (
                f"where nothing arrives, with a grad_output of zeros, {gives} {float(none.flatten()[entry]):.4g}. "
                "What arrives is to be a factor of all that comes back; here something is added to it."
            )
        if once.shape == more.shape and not _same(more, -2 * once):
            if _same(more, 4 * once):
                return (
                    f"with -2 times the message, {gives} 4 times as much, and not -2 times: the message is multiplied by "
                    "itself. It is a factor, once."
                )
            return (
                f"with -2 times the message, {gives} something else than -2 times as much. A message may be of either sign; "
                "what comes back goes along with it: sums of it, and products with what does not depend on it."
            )
    return ""


def _of_nan(message: Tensor, grads: dict[str, Tensor]) -> str:
    """Return where something that comes back is no number, or infinite, though the message is an ordinary one."""
    for name, got in (("backward returns", message), *((f'grad["{name}"] gets', grads[name]) for name in grads)):
        off = ~got.isfinite()
        if bool(off.any()) and got.ndim == 2:
            row, column = off.nonzero()[0].tolist()
            return (
                f"{name} {float(got[row, column])} in row {row + 1}, column {column + 1}, for an ordinary input and message. "
                "A root, a logarithm or a broken power of a negative number gives nan; so does 0 divided by 0."
            )
    return ""


def _others(
    x: Tensor, function: Callable[[Tensor], Tensor], name: str, what: str, before: Tensor, changed: str = "x"
) -> str:
    """Return where other entries of what a function returns change, when only the first entry of its argument does."""
    if before.shape != x.shape or before.ndim != 2:
        return ""
    for other in (-float(x[0, 0]), float(x[0, 0]) + 1, -3.0, 3.0):
        nudged = x.clone()
        nudged[0, 0] = other
        after = function(nudged)
        if after.shape != before.shape:
            return ""
        moved = (after - before).abs() > 1e-9
        moved[0, 0] = False
        if bool(moved.any()):
            row, column = moved.nonzero()[0].tolist()
            return (
                f"{name} mixes the entries: when {changed} changes in row 1, column 1 only, "
                f"{what} in row {row + 1}, column {column + 1} changes too."
            )
    return ""


def _of_slope(x: Tensor, g: Tensor, message: Tensor, forward: Callable[[Tensor], Tensor]) -> str:
    """Return where the slope that backward multiplies by is not that of forward."""
    if message.shape != x.shape:
        return ""
    rises = (forward(x + NUDGE) - forward(x - NUDGE)) / (2 * NUDGE)
    off = (message / g - rises).abs()
    at = divmod(int(off.argmax()), x.shape[1])
    if not float(off[at]) > NUDGE:
        return ""
    moves = float((forward(x + NUDGE) - forward(x))[at])
    return (
        f"at x = {float(x[at]):.4g}, backward takes the slope to be {float(message[at] / g[at]):.4g}. But a nudge of x by "
        f"{NUDGE:g} moves what forward returns there by {moves:.3g}."
    )


def _same(a: Tensor, b: Tensor) -> bool:
    return torch.allclose(a, b, rtol=1e-9, atol=1e-12)
