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
from matplotlib.colors import LinearSegmentedColormap
from torch import Tensor

from minidl import Module, MSELoss, Sequential
from minidl.lab.arguments import as_numbers, check_finite
from minidl.lab.figures.style import (
    COLOURS,
    GREY,
    LOOK_OF,
    LOOKS,
    MARKERS,
    REGIONS,
    SIGNS,
    in_style,
    new_axes,
    new_row,
    number,
    plain_logarithm,
    without_axes,
)

CENTRED = {"ha": "center", "va": "center"}


@in_style
def entries(matrices: dict[str, Tensor], *, numbers: bool = True, ax: Axes | None = None) -> Axes:
    """Draw matrices side by side, their entries written on colours of one scale: orange above zero, blue below.

    ``matrices`` gives each (n, m) tensor under its name, which may be a formula. Without numbers, colours alone are drawn.
    """
    if not matrices:
        raise ValueError("entries expected at least one matrix, got none")
    blocks, said, at = {}, [], 0
    for name, tensor in matrices.items():
        tensor = blocks[0, at] = as_numbers("entries", "a matrix", tensor, "(n, m)").double()
        said.append(f"{name} of {' x '.join(map(str, tensor.shape))}, {_in_words(tensor) if numbers else 'in colours'}")
        at += tensor.shape[1] + 1
    ax = _tinted(ax, blocks, list(matrices), ".3g" if numbers else "")
    return without_axes(ax, f"Matrices, row by row: {'. '.join(said)}", ylim=(None, -0.9))


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
    left = as_numbers("matrix_product", "left", left, "(n, m)")
    right = as_numbers("matrix_product", "right", right, "(m, k)")
    if left.shape[1] != right.shape[0] or left.dtype != right.dtype:
        got = " and ".join(f"{tuple(factor.shape)} of {factor.dtype}" for factor in (left, right))
        raise ValueError(f"matrix_product expected (n, m) and (m, k) of one dtype, got {got}")
    (rows, inner), columns = left.shape, right.shape[1]
    if not (1 <= entry[0] <= rows and 1 <= entry[1] <= columns):
        raise ValueError(f"matrix_product expected entry, counted from 1, within {rows} x {columns}, got {entry}")
    product, at = left @ right, inner + 1
    ax = _tinted(ax, {(at, 0): left, (0, at): right, (at, at): product}, names, ".2f")
    i, j = entry[0] - 1, entry[1] - 1
    for corner, width, height in (((0, at + i), inner, 1), ((at + j, 0), 1, inner), ((at + j, at + i), 1, 1)):
        ax.add_patch(plt.Rectangle(corner, width, height, fill=False, linewidth=2, color="black", zorder=2))
    words = (
        f"A matrix product, {rows} x {inner} times {inner} x {columns}, rows at the left, columns above: row {i + 1} and "
        f"column {j + 1} are framed, and make the entry {number(product[i, j], '.2f')}"
    )
    return without_axes(ax, words, xlim=(-0.1, at + columns + 0.1), ylim=(at + rows + 0.7, -0.7))


def _tinted(ax: Axes | None, blocks: dict[tuple[int, int], Tensor], names: Sequence[str], digits: str) -> Axes:
    """Draw matrices on one scale of colours, each with its upper left corner at a row and a column, counted from 0."""
    import seaborn as sns

    height, width = (max(at[k] + block.shape[k] for at, block in blocks.items()) for k in (0, 1))
    canvas = np.full((height, width), np.nan)
    size = (0.62 * width + 0.4, 0.46 * height + 0.6) if digits else (0.2 * width + 1.2, 0.2 * height + 0.8)
    ax = new_axes(ax, size=size)
    for ((row, column), block), name in zip(blocks.items(), names, strict=True):
        high, wide = block.shape
        canvas[row : row + high, column : column + wide] = block
        # where all is white, the frame shows how far it goes
        ax.add_patch(plt.Rectangle((column, row), wide, high, fill=False, edgecolor="#cfcfcf", linewidth=1, zorder=2))
        place, va = (row + high + 0.1, "top") if row else (-0.1, "bottom")  # where no other matrix is
        ax.text(column + wide / 2, place, name, ha="center", va=va)
    limit = np.nanmax(np.abs(canvas)) or 1.0
    words = np.vectorize(lambda value: number(value, digits))(canvas) if digits else None
    colours = {"cmap": REGIONS if digits else SIGNS, "vmin": -limit, "vmax": limit, "cbar": not digits}
    written = {"annot": words, "fmt": "", "annot_kws": {"color": "black"}}
    sns.heatmap(canvas, **colours, **written, linewidths=1, linecolor="white", ax=ax)
    return ax


def _in_words(tensor: Tensor) -> str:
    return "; ".join(" ".join(map(number, row)) for row in tensor.tolist())


@in_style
def activation(
    module: Module,
    *,
    at: float | None = None,
    grad_output: float = 1.0,
    span: float = 4.0,
    ax: Sequence[Axes] | None = None,
) -> Sequence[Axes]:
    """Draw what an activation does to a number (left), and to the gradient that comes back (right). Takes and returns two axes.

    Left, y = f(x), solid; right, g f'(x), dashed, for the upstream gradient g = ``grad_output``; for g = 1 that is f' itself. A
    jump stays a gap. x runs from -``span`` to ``span``. An x ``at`` is marked in both, with the tangent there; the titles then
    say what goes in and what comes out.
    """
    for name, value in {"grad_output": grad_output, "at": 0.0 if at is None else at}.items():
        check_finite("activation", name, value)
    check_finite("activation", "span", span, above=0)
    ax = new_row(2, ax)
    x = torch.linspace(-span, span, 401, dtype=torch.float64)
    y, slope = _run(module, x, grad_output)
    slope[1:][slope.diff().abs() > abs(grad_output) / 4] = torch.nan
    label = "$f'(x)$" if grad_output == 1 else "$g \\, f'(x)$"
    for axes, way, values, name in zip(ax, ("forward", "backward"), (y, slope), ("$y = f(x)$", label), strict=True):
        axes.plot(x, values, **LOOK_OF[way])
        axes.axhline(0, color=GREY, linewidth=0.8)
        axes.set(xlabel="$x$", ylabel=name, title=way, xlim=(-span, span))
    if at is None:
        return ax
    steepest = 2.1 * float(_run(module, x, 1.0)[1].abs().max())  # for every message between -2 and 2, the same axes
    ax[1].set_ylim(-steepest, steepest)
    ax[0].margins(y=0.3)  # the tangent is seen beyond the curve
    here = torch.tensor([at], dtype=torch.float64)
    (y_at, slope_at), (_, passed_on) = (map(float, _run(module, here, g)) for g in (1.0, grad_output))
    comes, goes, steep, arrives, leaves = (number(v, ".2f") for v in (at, y_at, slope_at, grad_output, passed_on))
    ax[0].axline((at, y_at), slope=slope_at, color="black", linewidth=1, linestyle=(0, (4, 3)), zorder=3)
    ax[0].plot(at, y_at, "o", color="black")
    ax[1].plot(at, passed_on, "o", color="black")
    ax[0].set_title(f"forward: $x$ = {comes} gives $y$ = {goes}, with slope {steep}")
    ax[1].set_title(f"backward: {arrives} arrives, {leaves} is passed on")
    return ax


def _run(module: Module, x: Tensor, grad_output: float) -> tuple[Tensor, Tensor]:
    """Return the output for each number, and what comes back where ``grad_output`` arrives at each."""
    y = module.forward(x.reshape(1, -1))
    return y.flatten(), module.backward(torch.full_like(y, grad_output)).flatten()


@in_style
def lines(curves: dict[str, Tensor], x: Tensor, *, ax: Axes | None = None, **labels: Any) -> Axes:
    """Draw columns of numbers against x under their names, told apart by colour and line style; labels go to the axes."""
    ax, x = new_axes(ax), as_numbers("lines", "x", x, "(n,)", "(n, 1)")
    for (name, y), look in zip(curves.items(), itertools.cycle(LOOKS), strict=False):
        y = as_numbers("lines", "a curve", y, f"({len(x)},)", f"({len(x)}, 1)")
        ax.plot(x.flatten(), y.flatten(), label=name, **look)
    ax.set(**labels)
    if curves:
        ax.legend()
    return ax


@in_style
def gradient_flow(sizes: dict[str, Sequence[float]], *, ax: Axes | None = None) -> Axes:
    """Draw how large the gradient is at each layer of a network, on a logarithmic scale.

    ``sizes`` has a line for each network: sizes above 0, the first layer's first, as ``gradient_sizes`` measures them.
    """
    if not sizes or not all(len(values) for values in sizes.values()):
        raise ValueError(f"gradient_flow expected sizes for at least one layer of each network, got {sizes}")
    ax = new_axes(ax)
    for (name, values), look, marker in zip(sizes.items(), LOOKS, MARKERS, strict=False):
        ax.semilogy(range(1, len(values) + 1), values, marker=marker, label=name, **look)
    plain_logarithm(ax)
    last = max(map(len, sizes.values()))
    words = {"xlabel": "layer (the gradient travels from right to left)", "ylabel": "size of the gradient"}
    ax.set(xticks=range(1, last + 1, 1 + last // 12), **words)
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return ax


@in_style
def flow(
    sizes: dict[str, tuple[Sequence[float], Sequence[float]]],
    *,
    limits: tuple[float, float] | None = None,
    ax: Sequence[Axes] | None = None,
) -> Sequence[Axes]:
    """Draw how large the layers' outputs are on the way forward (left) and the gradients on the way back (right).

    ``sizes`` has both for each network, as ``gradient_flow`` takes them; ``limits`` are those of both axes, which it returns.
    """
    ax = new_row(2, ax, sharey=True)
    for k, axes in enumerate(ax):
        gradient_flow({name: both[k] for name, both in sizes.items()}, ax=axes)
        axes.set(xlabel=("layer →", "← layer")[k], ylabel=f"size of the {('output', 'gradient')[k]}", ylim=limits)
        axes.set_title(("forward", "backward")[k])
    ax[0].get_legend().remove()  # the one at the right is for both
    return ax


@in_style
def chain(steps: dict[str, float], values: dict[str, float], *, ax: Axes | None = None) -> Axes:
    """Draw functions of one number in a row: values go forward above (solid), messages come back below (dashed).

    ``steps`` names each function, in dollars where it is a formula, with its derivative, by which a message is multiplied.
    ``values`` names the number before the first function, those between, and the one after the last, which is the loss.
    """
    names, slopes, gap = list(values), list(steps.values()), 2.3
    if len(steps) + 1 != len(values):
        raise ValueError(f"chain expected {len(steps) + 1} values for {len(steps)} steps, got {len(values)}")
    gradients = np.cumprod([1.0, *slopes[::-1]])[::-1]
    ax = new_axes(ax, size=(gap * len(names), 2))
    for k, (name, gradient) in enumerate(zip(names, gradients, strict=True)):
        message = rf"$\partial {names[-1]}/\partial {name} = {number(gradient)}$"
        ax.text(gap * k, 0.56, f"${name} = {number(values[name])}$", color=COLOURS["forward"], **CENTRED)
        ax.text(gap * k, -0.56, message, color=COLOURS["backward"], **CENTRED)
    for k, (step, slope) in enumerate(steps.items()):
        middle = gap * (k + 0.5)
        ax.add_patch(plt.Rectangle((middle - 0.45, -0.85), 0.9, 1.7, facecolor="#f4f4f4", edgecolor=GREY))
        for way, text, side in (("forward", step, 1), ("backward", rf"$\cdot\ {number(slope)}$", -1)):
            ax.text(middle, 0.56 * side, text, **CENTRED)
            ends = [(middle + 1.05 * side, 0.22 * side), (middle - 1.05 * side, 0.22 * side)]
            ax.annotate("", *ends, arrowprops={"arrowstyle": "-|>", "linewidth": 1.6, **LOOK_OF[way]})
    forward = ", ".join(f"{name} = {number(value)}" for name, value in values.items())
    words = f"A chain of functions. Forward: {forward}. Backward: {', '.join(map(number, gradients))}"
    return without_axes(ax, words, xlim=(-gap / 2, gap * (len(names) - 0.5)), ylim=(-0.9, 0.9))


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
    """Draw a small network after one forward and one backward pass of one sample, (1, in), and its target, (1, out).

    A circle is a number that one layer hands to the next. A line between circles is a weight, and what stands below a circle
    its bias. Each shows its value and, after the sign ∂ and in italics, the derivative of the loss with respect to it.
    ``names`` are letters for the input and for the output of each layer, such as ``"XHAY"``. Without numbers, circles and lines
    alone are drawn, and the names stand in the circles. Layers have at most two features.

    Copies of the model and of the loss, ``MSELoss()`` if left out, do the work: both stay as they are.
    """
    model, loss = copy.deepcopy(model), copy.deepcopy(loss or MSELoss())
    layers = list(model.layers())
    names = [""] * (len(layers) + 1) if names is None else names
    values = [as_numbers("network", "one sample, an input", input, "(1, m)")]
    target = as_numbers("network", "target", target, "(1, m)")
    if len(names) != len(layers) + 1:
        raise ValueError(f"network expected {len(layers) + 1} names, of the input and of each output, got {len(names)}")
    model.zero_grad()  # what is shown belongs to this sample alone
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
        ax.text((x[k] + x[k + 1]) / 2, top + 0.95, type(layer).__name__, color=GREY, **CENTRED)
    letters = [*(f"{name.lower()}_{{}}" if name else "" for name in names), "L"]
    for value, gradient, at, heights, letter in zip(values, reversed(gradients), x, y, letters, strict=True):
        for j, height in enumerate(heights):
            # add_patch would look how far it reaches, which takes longer; the limits are set below
            ax.add_artist(plt.Circle((at, height), 0.42, facecolor="white", edgecolor="black", zorder=3))
            name = f"${letter.format(j + 1)}$" if letter else ""
            ax.text(at, height + 0.56 * numbers, name, zorder=4, **CENTRED)
            if numbers:
                _pair(ax, at, height, value[0, j], gradient[0, j], zorder=5)
    inside = ", and a loss, without numbers"
    if numbers:
        ax.text(x[-1], -0.5, f"target\n{', '.join(map(number, target[0]))}", ha="center", va="top")
        ax.text(x[0] - 0.5, -top - 1.2, "forward: value", color=COLOURS["forward"], va="center")
        words = "∂  backward: how the loss changes with it"
        ax.text(x[0] + 0.8, -top - 1.2, words, color=COLOURS["backward"], va="center", style="italic")
        shown = "; ".join(_in_words(value).replace(" ", ", ") for value in values)
        inside = f". Its numbers from input to loss: {shown}"
    words = f"A network, {', '.join(type(layer).__name__ for layer in layers)}{inside}"
    bottom = -top - (1.4 if numbers else 0.6)
    return without_axes(ax, words, xlim=(-0.6, x[-1] + 0.6), ylim=(bottom, top + 1.2), aspect="equal")


def _edges(ax: Axes, layer: Module, left: tuple[float, Any], right: tuple[float, Any], numbers: bool) -> None:
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
            _pair(ax, *at, params["weight"][i, j], grad["weight"][i, j], bbox=gap)
    if numbers and "bias" in params:
        for j, end in enumerate(ends):
            _pair(ax, to, end - 0.66, params["bias"][0, j], grad["bias"][0, j], word="bias ")


def _pair(ax: Axes, x: float, y: float, value: Tensor, gradient: Tensor, *, word: str = "", **look: Any) -> None:
    """Write a value and, right below it, the derivative of the loss with respect to it."""
    look = {**CENTRED, "zorder": 4, **look}
    ax.text(x, y + 0.1, word + number(value), color=COLOURS["forward"], **look)
    look |= {"color": COLOURS["backward"], "style": "italic", "zorder": 5}  # on top: a slider moves it
    ax.text(x, y - 0.1, f"∂ {number(gradient)}", **look)


@in_style
def descent(
    loss: Callable[[Tensor, Tensor], Tensor],
    paths: dict[str, Tensor],
    *,
    x: tuple[float, float],
    y: tuple[float, float],
    arrows: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw a loss of two numbers as a map, the lower the paler, with a star where it is lowest, and paths on it.

    ``loss`` takes two tensors of equal shape and returns the loss at each pair of entries. A path, (steps, 2), holds the points
    that a descent went through; colour, line style and marker tell paths apart (a single one's name is the title), and
    ``arrows`` show where each one's first step goes. ``x`` and ``y`` are what the axes show.
    The levels of the lines rise as squares do, so that those of a parabola are equally far apart.
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
    ax.contourf(*grid, height, levels=levels, cmap=LinearSegmentedColormap.from_list("heights", ["#ffffff", "#c6d3de"]))
    ax.contour(*grid, height, levels=levels[1:], colors="white", linewidths=0.8)
    looks = zip(itertools.cycle(LOOKS), itertools.cycle(MARKERS), strict=False)
    for (name, path), (look, marker) in zip(paths.items(), looks, strict=False):
        ax.plot(*path.T, marker=marker, markersize=4, linewidth=1.4, label=name, **look)
        if arrows and len(path) > 1:
            arrow = {"arrowstyle": "-|>", "color": look["color"], "linewidth": 1.4, "mutation_scale": 16}
            ax.annotate("", path[1].tolist(), path[0].tolist(), arrowprops=arrow)
    lowest = [float(coordinate.flatten()[height.argmin()]) for coordinate in grid]
    mark = {"facecolor": "white", "edgecolor": "black", "zorder": 3}
    ax.scatter(*lowest, s=130, marker="*", **mark)
    for start in {tuple(path[0].tolist()) for path in paths.values()}:
        ax.scatter(*start, s=50, **mark)
        ax.annotate("start", start, (0, -15), textcoords="offset points", ha="center", annotation_clip=True)
    ax.set(xlim=x, ylim=y, xlabel="$w$", ylabel="$b$")
    ax.grid(False)
    if len(paths) == 1:
        ax.set_title(*paths)
    elif paths:
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.3)
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
        look = {"facecolor": REGIONS(1.0 if value > 0 else 0.0), "hatch": None if value > 0 else "//"}
        ax.add_patch(plt.Rectangle((at, 0), side, side, edgecolor="black", linewidth=1, **look))
        ax.text(at, -0.06, f"error {number(value)}\narea {number(value**2)}", va="top")
    total = number(sum(value**2 for value in values))
    words = f"{len(values)} errors, {', '.join(map(number, values))}, as squares; their areas add up to {total}"
    return without_axes(ax, words, xlim=(-0.05, 1.25 * len(values)), ylim=(-0.45, 1.05), aspect="equal")
