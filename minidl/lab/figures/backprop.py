"""How values go forward and gradients come back: products, activations, chains, whole networks, and the way downhill."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from minidl import Module, MSELoss, Sequential
from minidl.lab.arguments import as_numbers, check_finite
from minidl.lab.figures.style import (
    BLUE,
    COLOURS,
    GREEN,
    GREY,
    HEIGHTS,
    LINES,
    PURPLE,
    RED,
    REGIONS,
    in_style,
    new_axes,
    new_pair,
    plain_logarithm,
)


@in_style
def matrix_product(
    left: Tensor,
    right: Tensor,
    *,
    names: tuple[str, str, str] = ("A", "B", "AB"),
    entry: tuple[int, int] = (1, 1),
    ax: Axes | None = None,
) -> Axes:
    r"""Draw a matrix product so that rows meet columns: left factor at the left, right factor above, product between.

    A row of the left factor and a column of the right one meet in the entry of the product that they make; those of
    ``entry``, counted from 1, are framed. Names may be formulas, such as ``r"$X^\top$"``.
    """
    left, right = (
        as_numbers("matrix_product", "left", left, "(n, m)"),
        as_numbers("matrix_product", "right", right, "(m, k)"),
    )
    if left.shape[1] != right.shape[0] or left.dtype != right.dtype:
        got = " and ".join(f"{tuple(factor.shape)} of {factor.dtype}" for factor in (left, right))
        raise ValueError(f"matrix_product expected (n, m) and (m, k) of one dtype, got {got}")
    (rows, inner), columns = left.shape, right.shape[1]
    if not (1 <= entry[0] <= rows and 1 <= entry[1] <= columns):
        raise ValueError(f"matrix_product expected entry, counted from 1, within {rows} x {columns}, got {entry}")
    ax = new_axes(ax, size=(0.62 * (inner + columns) + 1, 0.46 * (inner + rows) + 0.8))
    parts = [(left, -inner - 0.5, 0), (right, 0, -inner - 0.5), (left @ right, 0, 0)]
    limit = max(float(part.abs().max()) for part, _, _ in parts) or 1.0
    for (part, x, y), name in zip(parts, names, strict=True):
        height, width = part.shape
        edges = (np.arange(width + 1) + x, np.arange(height + 1) + y)
        ax.pcolormesh(*edges, part.numpy(), cmap=REGIONS, vmin=-limit, vmax=limit, edgecolors="#cfcfcf")
        for i, j in np.ndindex(height, width):
            words = f"{part[i, j] + 0.0:.2f}".replace("-", "−")
            ax.text(x + j + 0.5, y + i + 0.5, words, ha="center", va="center", fontsize="small")
        below = part is not right
        ax.text(
            x + width / 2, y + height + 0.1 if below else y - 0.1, name, ha="center", va="top" if below else "bottom"
        )
    i, j = entry[0] - 1, entry[1] - 1
    for x, y, width, height in ((-inner - 0.5, i, inner, 1), (j, -inner - 0.5, 1, inner), (j, i, 1, 1)):
        ax.add_patch(plt.Rectangle((x, y), width, height, fill=False, linewidth=2, color="black"))
    value = f"{float(left[entry[0] - 1] @ right[:, entry[1] - 1]) + 0.0:.2f}"
    ax.set_label(
        f"A matrix product, {rows} x {inner} times {inner} x {columns}, rows at the left, columns above: row {entry[0]} and "
        f"column {entry[1]} are framed, and make the entry {value}"
    )
    ax.set(xlim=(-inner - 0.7, columns + 0.2), ylim=(rows + 0.7, -inner - 1.1), aspect="auto")
    ax.set_axis_off()
    return ax


@in_style
def activation(
    module: Module,
    *,
    at: float | None = None,
    grad_output: float = 1.0,
    span: float = 4.0,
    ax: Sequence[Axes] | None = None,
) -> Sequence[Axes]:
    """Draw what an activation does to a number (left), and to the gradient that comes back (right).

    Left, y = f(x), solid; right, g f'(x), dashed, which is f' itself for g = 1. A jump stays a gap.

    Parameters
    ----------
    module : Module
        Applies a function of one number to every entry.
    at : float, optional
        An x to mark in both, with the tangent there; the titles then say what goes in and what comes out.
    grad_output : float
        The upstream gradient g, the same for every x.
    span : float
        x runs from -span to span.
    ax : pair of Axes, optional
        Axes to draw into.

    Returns
    -------
    pair of Axes
    """
    check_finite("activation", "grad_output", grad_output)
    check_finite("activation", "span", span, above=0)
    if at is not None:
        check_finite("activation", "at", at)
    ax = new_pair(ax)
    x = torch.linspace(-span, span, 401, dtype=torch.float64)
    y, slope = _run(module, x, grad_output)
    slope[1:][slope.diff().abs() > abs(grad_output) / 4] = torch.nan
    ax[0].plot(x, y, color=COLOURS["forward"], linestyle=LINES["forward"])
    ax[1].plot(x, slope, color=COLOURS["backward"], linestyle=LINES["backward"])
    ax[0].set(xlabel="$x$", ylabel="$y = f(x)$", title="forward")
    ax[1].set(xlabel="$x$", ylabel="$f'(x)$" if grad_output == 1 else "$g \\, f'(x)$", title="backward")
    for axes in ax:
        axes.axhline(0, color=GREY, linewidth=0.8)
        axes.set_xlim(-span, span)
    if at is not None:
        y_at, passed_on = (float(value) for value in _run(module, torch.tensor([at], dtype=torch.float64), grad_output))
        slope_at = float(_run(module, torch.tensor([at], dtype=torch.float64), 1.0)[1])
        ax[0].axline((at, y_at), slope=slope_at, color=GREY, linestyle=":")
        for axes, height in zip(ax, (y_at, passed_on), strict=True):
            axes.plot(at, height, "o", color="black")
        ax[0].set_title(f"forward: $x$ = {at:z.2f} gives $y$ = {y_at:z.2f}, with slope {slope_at:z.2f}")
        ax[1].set_title(f"backward: {grad_output:z.2f} arrives, {passed_on:z.2f} is passed on")
    return ax


def _run(module: Module, x: Tensor, grad_output: float) -> tuple[Tensor, Tensor]:
    """Return the output for each number, and what comes back where ``grad_output`` arrives at each."""
    y = module.forward(x.reshape(1, -1))
    return y.flatten(), module.backward(torch.full_like(y, grad_output)).flatten()


@in_style
def gradient_flow(sizes: dict[str, Sequence[float]], *, ax: Axes | None = None) -> Axes:
    """Draw how large the gradient is at each layer of a network, on a logarithmic scale.

    Parameters
    ----------
    sizes : dict of name to numbers
        A line for each network: sizes above 0, the first layer's first, as ``gradient_sizes`` measures them.
    """
    if not sizes or not all(len(values) for values in sizes.values()):
        raise ValueError(f"gradient_flow expected sizes for at least one layer of each network, got {sizes}")
    ax = new_axes(ax, size=(6.5, 3.6))
    styles = zip((BLUE, RED, GREEN, PURPLE, GREY), "osv^D", ("-", "--", "-.", ":", (0, (6, 2, 1, 2))), strict=True)
    for (name, values), (colour, marker, line) in zip(sizes.items(), styles, strict=False):
        ax.semilogy(range(1, len(values) + 1), values, color=colour, marker=marker, linestyle=line, label=name)
    plain_logarithm(ax.yaxis)
    ax.set_xticks(range(1, max(map(len, sizes.values())) + 1))
    ax.set(xlabel="layer (the gradient travels from right to left)", ylabel="size of the gradient")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return ax


@in_style
def chain(
    steps: Sequence[tuple[str, str]], values: dict[str, float], gradients: Sequence[float], *, ax: Axes | None = None
) -> Axes:
    """Draw functions of one number in a row: values go forward above (solid), messages come back below (dashed).

    Parameters
    ----------
    steps : sequence of (str, str)
        For each function what it does, and what it multiplies a message by; both may be formulas in dollars.
    values : dict of str to float
        The number before the first function, those between, and the one after the last, which is the loss: name and value.
    gradients : sequence of float
        The derivative of the loss with respect to each of these numbers.
    """
    names, gap = list(values), 2.3
    if not len(steps) + 1 == len(values) == len(gradients):
        got = f"{len(values)} and {len(gradients)}"
        raise ValueError(f"chain expected {len(steps) + 1} values and gradients for {len(steps)} steps, got {got}")
    ax = new_axes(ax, size=(gap * len(names), 2))
    for k, (name, gradient) in enumerate(zip(names, gradients, strict=True)):
        message = rf"$\partial {names[-1]}/\partial {name} = {_number(gradient)}$"
        ax.text(
            gap * k, 0.56, f"${name} = {_number(values[name])}$", ha="center", va="center", color=COLOURS["forward"]
        )
        ax.text(gap * k, -0.56, message, ha="center", va="center", color=COLOURS["backward"])
    for k, texts in enumerate(steps):
        middle = gap * (k + 0.5)
        ax.add_patch(plt.Rectangle((middle - 0.45, -0.85), 0.9, 1.7, facecolor="#f4f4f4", edgecolor=GREY))
        for way, text, side in zip(("forward", "backward"), texts, (1, -1), strict=True):
            ax.text(middle, 0.56 * side, text, ha="center", va="center")
            arrow = {"arrowstyle": "-|>", "color": COLOURS[way], "linestyle": LINES[way], "linewidth": 1.6}
            ends = [(middle + end * side, 0.22 * side) for end in (1.05, -1.05)]
            ax.annotate("", *ends, arrowprops=arrow)
    forward = ", ".join(f"{name} = {_number(value)}" for name, value in values.items())
    ax.set_label(f"A chain of functions. Forward: {forward}. Backward: {', '.join(map(_number, gradients))}")
    ax.set(xlim=(-gap / 2, gap * (len(names) - 0.5)), ylim=(-0.9, 0.9))
    ax.set_axis_off()
    return ax


@in_style
def network(
    model: Sequential,
    input: Tensor,
    target: Tensor,
    *,
    loss: Module | None = None,
    names: Sequence[str] | None = None,
    numbers: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw a small network after one forward and one backward pass, with all its numbers.

    A circle is a number that one layer hands to the next. A line between circles is a weight, and what stands below a circle
    its bias. Each shows its value and, after the sign ∂ and in italics, the derivative of the loss with respect to it.

    Parameters
    ----------
    model : Sequential
        Of layers with at most two features. Copies of it and of the loss do the work: both stay as they are.
    input, target : Tensor
        One sample, shapes (1, in) and (1, out).
    loss : optional
        An object with ``forward(input, target)`` and ``backward()``; ``MSELoss()`` if left out.
    names : sequence of str, optional
        Letters for the input and for the output of each layer, such as ``"XHAY"``.
    numbers : bool
        Without them, circles and lines alone are drawn, and the names stand in the circles.

    Raises
    ------
    ValueError
        For several samples, for too many features, or for a wrong number of names.
    """
    model, loss = copy.deepcopy(model), copy.deepcopy(loss or MSELoss())
    layers = list(model.layers())
    names = [""] * (len(layers) + 1) if names is None else names
    input = as_numbers("network", "one sample, an input", input, "(1, m)")
    target = as_numbers("network", "target", target, "(1, m)")
    if len(names) != len(layers) + 1:
        raise ValueError(f"network expected {len(layers) + 1} names, of the input and of each output, got {len(names)}")
    model.zero_grad()  # what is shown belongs to this sample alone
    values = [input]
    for layer in layers:
        values.append(layer.forward(values[-1]))
    if (most := max(value.shape[1] for value in values)) > 2:
        raise ValueError(f"network expected at most 2 features, more would not be legible, got {most}")
    values.append(loss.forward(values[-1], target).reshape(1, 1))
    gradients = [torch.ones_like(values[-1]), loss.backward()]
    for layer in reversed(layers):
        gradients.append(layer.backward(gradients[-1]))

    x = np.cumsum([0, *(2.7 if "weight" in layer.params else 1.7 for layer in layers), 1.7])
    y = [1.7 * (np.arange(value.shape[1])[::-1] - (value.shape[1] - 1) / 2) for value in values]
    top = max(column[0] for column in y)
    ax = new_axes(ax, size=(x[-1] + 1.2, 2 * top + 2.6))
    for k, layer in enumerate([*layers, loss]):
        _edges(ax, layer, (x[k], y[k]), (x[k + 1], y[k + 1]), numbers)
        ax.text((x[k] + x[k + 1]) / 2, top + 0.95, type(layer).__name__, ha="center", va="center", color=GREY)
    for k, (value, gradient) in enumerate(zip(values, reversed(gradients), strict=True)):
        for j, height in enumerate(y[k]):
            # add_patch would look how far it reaches, which takes longer; the limits are set below
            ax.add_artist(plt.Circle((x[k], height), 0.42, facecolor="white", edgecolor="black", zorder=3))
            name = "L" if k > len(layers) else f"{names[k].lower()}_{j + 1}" if names[k] else ""
            above = 0.56 if numbers else 0
            ax.text(x[k], height + above, f"${name}$" if name else "", ha="center", va="center", zorder=4)
            if numbers:
                _value_and_gradient(ax, x[k], height, value[0, j], gradient[0, j])
    if numbers:
        _explain_numbers(ax, x, top, target)
    values_in_words = "; ".join(", ".join(map(_number, value[0])) for value in values)
    inside = f". Its numbers from input to loss: {values_in_words}" if numbers else ", and a loss, without numbers"
    ax.set_label(f"A network, {', '.join(type(layer).__name__ for layer in layers)}{inside}")
    ax.set(xlim=(-0.6, x[-1] + 0.6), ylim=(-top - (1.4 if numbers else 0.6), top + 1.2), aspect="equal")
    ax.set_axis_off()
    return ax


def _explain_numbers(ax: Axes, x: np.ndarray, top: float, target: Tensor) -> None:
    """Write the target below the loss, and below the network what its numbers are."""
    targets = ", ".join(map(_number, target[0]))
    ax.text(x[-1], -0.5, f"target\n{targets}", ha="center", va="top")
    ax.text(x[0] - 0.5, -top - 1.2, "forward: value", color=COLOURS["forward"], va="center")
    words = "∂  backward: how the loss changes with it"
    ax.text(x[0] + 0.8, -top - 1.2, words, color=COLOURS["backward"], va="center", style="italic")


def _edges(
    ax: Axes, layer: Module, left: tuple[float, np.ndarray], right: tuple[float, np.ndarray], numbers: bool
) -> None:
    """Draw what leads from one column of circles, given as its x and its heights, to the next: lines, weights, biases."""
    (x, starts), (to, ends) = left, right
    params, grad = layer.params, layer.grad
    for (i, start), (j, end) in itertools.product(enumerate(starts), enumerate(ends)):
        if "weight" not in params and len(starts) == len(ends) and i != j:
            continue  # an activation leads each number to one place
        ax.plot((x, to), (start, end), color=GREY, linewidth=1)
        if numbers and "weight" in params:
            along = 0.5 if i == j else 0.3  # away from where the lines cross
            at = x + along * (to - x), start + along * (end - start)
            gap = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}  # in the line
            _value_and_gradient(ax, *at, params["weight"][i, j], grad["weight"][i, j], bbox=gap)
    if numbers and "bias" in params:
        for j, end in enumerate(ends):
            _value_and_gradient(ax, to, end - 0.66, params["bias"][0, j], grad["bias"][0, j], word="bias ")


def _value_and_gradient(
    ax: Axes, x: float, y: float, value: Tensor, gradient: Tensor, *, word: str = "", **look: Any
) -> None:
    """Write a value and, right below it, the derivative of the loss with respect to it."""
    look |= {"ha": "center", "va": "center", "zorder": 4}
    ax.text(x, y + 0.1, word + _number(value), color=COLOURS["forward"], **look)
    ax.text(x, y - 0.1, f"∂ {_number(gradient)}", color=COLOURS["backward"], style="italic", **look)


def _number(value: float) -> str:
    """Return a number with at most three digits and a true minus sign; never -0."""
    return f"{float(value) + 0.0:.3g}".replace("-", "−")


@in_style
def descent(
    loss: Callable[[Tensor, Tensor], Tensor],
    paths: dict[str, Tensor],
    *,
    x: tuple[float, float],
    y: tuple[float, float],
    names: tuple[str, str] = ("$w$", "$b$"),
    arrows: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw a loss of two numbers as a map, the lower the paler, with a star where it is lowest, and paths on it.

    Parameters
    ----------
    loss : callable
        Takes two tensors of equal shape and returns the loss at each pair of entries.
    paths : dict of name to Tensor, shape (steps, 2)
        The points that a descent went through. Colour, line style and marker tell paths apart.
    x, y : tuple of two float
        What the axes show. The lines' levels rise as squares do, so that those of a parabola are equally far apart.
    names : tuple of two str
        Of the two numbers.
    arrows : bool
        Show with an arrow where each path's first step goes.

    Raises
    ------
    ValueError
        For a path of another shape.
    """
    paths = {name: as_numbers("descent", "a path", path, "(steps, 2)") for name, path in paths.items()}
    for name, (low, high) in (("x", x), ("y", y)):
        check_finite("descent", f"the start of {name}", low)
        check_finite("descent", f"the end of {name}", high, above=low)
    ax = new_axes(ax)
    grid = torch.meshgrid(torch.linspace(*x, 121), torch.linspace(*y, 121), indexing="xy")
    height = as_numbers("descent", "losses", loss(*grid), "(121, 121)")
    low, high = float(height.min()), float(height.max())
    if not low < high:
        raise ValueError(f"descent expected a loss that is not the same everywhere, got {low} at every place")
    levels = low + (high - low) * np.linspace(0, 1, 15) ** 2
    ax.contourf(*grid, height, levels=levels, cmap=HEIGHTS)
    ax.contour(*grid, height, levels=levels[1:], colors="white", linewidths=0.8)
    for number, (name, path) in enumerate(paths.items()):
        look = {"color": (RED, BLUE, GREEN)[number % 3], "linestyle": ("-", "--", ":")[number % 3]}
        ax.plot(*path.T, marker="o^s"[number % 3], markersize=4, linewidth=1.4, label=name, **look)
        if arrows and len(path) > 1:
            arrow = {"arrowstyle": "-|>", "color": look["color"], "linewidth": 1.4, "mutation_scale": 16}
            ax.annotate("", path[1].tolist(), path[0].tolist(), arrowprops=arrow)
    lowest = [float(coordinate.flatten()[height.argmin()]) for coordinate in grid]
    mark = {"facecolor": "white", "edgecolor": "black", "zorder": 3}
    ax.scatter(*lowest, s=130, marker="*", **mark)
    starts = {tuple(path[0].tolist()) for path in paths.values() if len(path)}
    for start in starts:
        ax.scatter(*start, s=50, **mark)
        ax.annotate("start", start, (0, -15), textcoords="offset points", ha="center", annotation_clip=True)
    ax.set(xlim=x, ylim=y, xlabel=names[0], ylabel=names[1])
    ax.grid(False)
    if len(paths) > 1:
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.3)
    return ax


@in_style
def entries(matrices: dict[str, Tensor], *, ax: Sequence[Axes] | None = None) -> Sequence[Axes]:
    """Draw matrices side by side, their entries written on colours of one scale: orange above zero, blue below.

    ``matrices`` gives each (n, m) tensor under its name, which may be a formula. Takes and returns one axes for each.
    """
    import seaborn as sns

    matrices = {name: as_numbers("entries", "a matrix", tensor, "(n, m)").double() for name, tensor in matrices.items()}
    if not matrices or (ax is not None and len(ax) != len(matrices)):
        raise ValueError(f"entries expected matrices, and axes for each, got {len(matrices)} and {ax}")
    widths = [tensor.shape[1] for tensor in matrices.values()]
    if ax is None:
        size = (0.62 * sum(widths) + 0.8 * len(widths), 0.46 * max(map(len, matrices.values())) + 0.6)
        ax = plt.subplots(1, len(matrices), figsize=size, width_ratios=widths, squeeze=False)[1][0]
    limit = max(float(tensor.abs().max()) for tensor in matrices.values()) or 1.0
    look = {"cmap": REGIONS, "vmin": -limit, "vmax": limit, "cbar": False, "linewidths": 1, "linecolor": "white"}
    for axes, (name, tensor) in zip(ax, matrices.items(), strict=True):
        words = np.vectorize(_number)(tensor.numpy())
        sns.heatmap(tensor.numpy(), annot=words, fmt="", annot_kws={"color": "black"}, ax=axes, **look)
        axes.set(xticks=[], yticks=[])
        axes.set_title(name, loc="center")
        rows = "; ".join(" ".join(row) for row in words)
        axes.set_label(f"A matrix of {len(tensor)} x {tensor.shape[1]}, row by row: {rows}")
    return ax


@in_style
def squares(errors: Tensor, *, ax: Axes | None = None) -> Axes:
    """Draw each of some errors as a square as wide as the error is large: the area is the squared error.

    ``errors`` has shape (n,). Errors above zero are orange, below blue and hatched; each has its value and its square.
    """
    values = as_numbers("squares", "errors", errors, "(n,)").tolist()
    ax, largest = new_axes(ax, size=(1.9 * len(values) + 0.4, 2.5)), max(map(abs, values)) or 1.0
    for k, value in enumerate(values):
        side, at = abs(value) / largest, 1.25 * k
        look = {"facecolor": "#f7d7a0"} if value > 0 else {"facecolor": "#a8cfe8", "hatch": "//"}
        ax.add_patch(plt.Rectangle((at, 0), side, side, edgecolor="black", linewidth=1, **look))
        ax.text(at, -0.06, f"error {_number(value)}\narea {_number(value**2)}", va="top")
    ax.set(xlim=(-0.05, 1.25 * len(values)), ylim=(-0.45, 1.05), aspect="equal")
    total = _number(sum(value**2 for value in values))
    ax.set_label(f"{len(values)} errors, {', '.join(map(_number, values))}, as squares; their areas add up to {total}")
    ax.set_axis_off()
    return ax
