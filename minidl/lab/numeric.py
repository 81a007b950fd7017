"""Numbers against formulas: central differences, differences, messages and the sizes of gradients."""

from __future__ import annotations

import html
import itertools
import math
import sys
from collections.abc import Callable
from numbers import Real

import torch
from torch import Tensor

from minidl import Module, Sequential
from minidl.lab.arguments import check_finite, checked


@checked
def central_differences(function: Callable[[Tensor], Tensor | float], tensor: Tensor, step: float = 1e-5) -> Tensor:
    """Return the gradient of a function at a tensor, one entry after the other: (f(w + step) - f(w - step)) / (2 step).

    Parameters
    ----------
    function : callable
        Takes a tensor of that shape, returns one number.
    tensor : Tensor
        Where; float64, or rounding leaves few digits. It is not written to.
    step : float
        Above 0. For float64, 1e-5 is about the best, and gives about ten right digits.

    Returns
    -------
    Tensor
        Of the shape of ``tensor``.
    """
    if not tensor.is_floating_point():
        raise TypeError(f"central_differences expected a floating-point tensor, got {tensor.dtype}")
    check_finite("central_differences", "step", step, above=0)
    if tensor.is_meta:
        raise ValueError("central_differences expected a tensor with numbers in it, got one on device meta")
    moved, gradient = tensor.detach().clone(), torch.zeros_like(tensor, requires_grad=False)
    for at in itertools.product(*map(range, tensor.shape)):
        here = float(moved[at])
        moved[at] = here + step
        above = _value(function, moved)
        moved[at] = here - step
        below = _value(function, moved)
        moved[at] = here
        gradient[at] = (above - below) / (2 * step)
    return gradient


def _value(function: Callable, tensor: Tensor) -> float:
    """Return the one number that a function gives for a tensor; TypeError for anything else."""
    value = function(tensor)
    if not isinstance(value, (Tensor, Real)) or (
        isinstance(value, Tensor) and (value.numel() != 1 or value.is_complex())
    ):
        got = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        raise TypeError(f"central_differences expected a function that returns one number, got {got}")
    return float(value)


@checked
def largest_difference(a: Tensor, b: Tensor) -> float:
    """Return the largest absolute difference between the entries of two tensors.

    ValueError for two shapes: a difference of (n, 1) and (n,) would be n x n, and say nothing.
    """
    if a.shape != b.shape:
        raise ValueError(f"largest_difference expected equal shapes, got {tuple(a.shape)} and {tuple(b.shape)}")
    if a.device != b.device or a.is_meta:
        raise ValueError(f"largest_difference expected tensors on one device, not meta, got {a.device} and {b.device}")
    if a.dtype is torch.bool or b.dtype is torch.bool:
        raise TypeError(f"largest_difference expected tensors of numbers, got {a.dtype} and {b.dtype}")
    return float((a.detach() - b.detach()).abs().max()) if a.numel() else 0.0


class Agreement:
    """Which tensors agree with what, and how closely: a table in Jupyter, lines as text. Each has a name and a shape."""

    def __init__(self, shapes: dict[str, tuple[int, ...]], below: dict[str, float]) -> None:
        self.shapes, self.below = shapes, below

    def __repr__(self) -> str:
        bounds = ", ".join(f"{judge} below {bound:g}" for judge, bound in self.below.items())
        return "\n".join(f"  {name:14}  {shape!s:8}  {bounds}" for name, shape in self.shapes.items())

    def _repr_html_(self) -> str:
        left = 'style="text-align: left"'
        heads = "".join(f"<th {left}>{html.escape(judge)}</th>" for judge in ("", "shape", *self.below))
        chip = "background: #1a7f37; color: #fff; border-radius: 3px; padding: 0 0.35em; margin-right: 0.5em"
        bounds = "".join(f'<td {left}><b style="{chip}">✓</b>{_bound(bound)}</td>' for bound in self.below.values())
        rows = "".join(
            f"<tr><td {left}>{html.escape(name)}</td><td {left}>{' × '.join(map(str, shape))}</td>{bounds}</tr>"
            for name, shape in self.shapes.items()
        )
        return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"

    def show(self) -> None:
        """Show it where Jupyter runs, and print it elsewhere."""
        shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
        if shell is None:
            print(self)
        else:
            from IPython.display import display

            display(self)


def _bound(bound: float) -> str:
    """Return a bound in HTML, powers of ten as such."""
    power = math.log10(bound)
    return (
        f"below 10<sup>{power:.0f}</sup>".replace("-", "−") if power.is_integer() and power < -3 else f"below {bound:g}"
    )


def _check_agreement(pairs: dict[str, tuple[Tensor, Tensor]], below: float) -> None:
    for name, (a, b) in pairs.items():
        difference = largest_difference(a, b)
        if not difference < below:
            raise AssertionError(f"{name}: largest difference {difference:.3g}, expected below {below:g}")


@checked
def agree(pairs: dict[str, tuple[Tensor, Tensor]], *, below: float) -> None:
    """Show, of each pair of tensors, that their largest difference is below a bound; AssertionError if one is not."""
    _check_agreement(pairs, below)
    Agreement({name: tuple(a.shape) for name, (a, _) in pairs.items()}, {"largest difference": below}).show()


@checked
def compare_gradients(loss: Callable[..., Tensor], gradients: dict[str, tuple[Tensor, Tensor]]) -> None:
    """Compare gradients with central differences and with autograd, and show how well they agree.

    Parameters
    ----------
    loss : callable
        Takes as many tensors as there are gradients, in their order, and returns one number.
    gradients : dict of name to (tensor, gradient)
        Float64 tensors at which to look, and what is said to be the gradient of the loss with respect to each.

    Raises
    ------
    AssertionError
        If one differs by 1e-8 from central differences, or by 1e-12 from autograd.
    """
    tensors = [tensor for tensor, _ in gradients.values()]
    nudged = [
        central_differences(lambda moved, i=i: loss(*tensors[:i], moved, *tensors[i + 1 :]), tensor)
        for i, tensor in enumerate(tensors)
    ]
    leaves = [tensor.detach().clone().requires_grad_() for tensor in tensors]
    value = loss(*leaves)
    if not isinstance(value, Tensor) or not value.requires_grad:
        raise TypeError(f"compare_gradients expected a loss that torch can differentiate, got {type(value).__name__}")
    derived = torch.autograd.grad(value, leaves, materialize_grads=True)
    judges = {"central differences": (nudged, 1e-8), "autograd": (derived, 1e-12)}
    for truth, below in judges.values():
        try:
            _check_agreement(
                {name: (pair[1], true) for (name, pair), true in zip(gradients.items(), truth, strict=True)}, below
            )
        except AssertionError as error:
            dtypes = {tensor.dtype for pair in gradients.values() for tensor in pair} - {torch.float64}
            if not dtypes:
                raise
            raise AssertionError(
                f"{error}. That may well be the {str(dtypes.pop())[6:]}: its 7 digits cannot tell so small a difference. "
                f"Compare in float64, torch.set_default_dtype(torch.float64) before anything is built."
            ) from None
    shapes = {name: tuple(tensor.shape) for name, (tensor, _) in gradients.items()}
    Agreement(shapes, {f"difference from {judge}": below for judge, (_, below) in judges.items()}).show()


@checked
def messages(model: Sequential, grad_output: Tensor) -> list[tuple[Module, Tensor, Tensor]]:
    """Send ``grad_output`` back through a model that has gone forward, and return what each layer gets and passes on.

    Returns
    -------
    list of (layer, message that arrives, message that is passed on)
        The last layer first, as they come.
    """
    found = []
    for layer in reversed(list(model.layers())):
        arrives, grad_output = grad_output, layer.backward(grad_output)
        found.append((layer, arrives, grad_output))
    return found


@checked
def gradient_sizes(model: Sequential, input: Tensor, grad_output: Tensor) -> list[float]:
    """Return how large the gradient is when it arrives at each layer that has parameters, first layer first.

    The batch goes forward through the model, ``grad_output`` goes back, and the size is the root of the mean square of the
    entries. The gradients of the parameters are added to ``grad``, as in any backward.
    """
    model.forward(input)
    arrived = [(layer, message) for layer, message, _ in messages(model, grad_output)]
    return [float(message.square().mean().sqrt()) for layer, message in arrived[::-1] if layer.params]
