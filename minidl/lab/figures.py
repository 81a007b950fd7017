"""The project's figures, in one style.

Every function takes ``ax=None`` (axes to draw into; new ones if left out) and returns the axes; none calls ``show``. Colours
are those of seaborn's colour-blind palette and never stand alone: line style, marker or hatching says the same.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from torch import Tensor, nn

from minidl import Module, MSELoss, Sequential
from minidl.lab.disk import CENTRE, RADIUS

BLUE, ORANGE, GREEN, RED, PURPLE, GREY = "#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#6b6b6b"
COLOURS = {
    "inside": ORANGE,
    "outside": BLUE,
    "training": BLUE,
    "validation": RED,
    "forward": BLUE,
    "backward": RED,
    "minidl": GREEN,
    "PyTorch": PURPLE,
    "framework": ORANGE,
    "neutral": GREY,
}
LINES = {
    "training": "-",
    "validation": "--",
    "forward": "-",
    "backward": "--",
    "minidl": "-",
    "PyTorch": "--",
    "framework": "-",
}
MARKERS = {"inside": "o", "outside": "x"}
REGIONS = LinearSegmentedColormap.from_list(
    "regions", ["#a8cfe8", "#ffffff", "#f7d7a0"], N=33
)  # outside, undecided, inside

STYLE = {
    "figure.dpi": 100,
    "savefig.dpi": 150,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "svg.hashsalt": "minidl",  # the same picture gives the same file
}


def use_style() -> None:
    """Use the project's style for all figures from now on: the first line of a notebook that draws."""
    mpl.rcParams.update(STYLE)


in_style = mpl.rc_context(STYLE)  # a decorator: what the function draws has the project's style, in every setting


@in_style
def new_axes(ax: Axes | None = None, *, size: tuple[float, float] = (5, 3.6)) -> Axes:
    """Return ``ax``, or new axes in the project's style, with a figure of that size in inches."""
    if ax is None:
        _, ax = plt.subplots(figsize=size)
    return ax


@in_style
def new_pair(ax: Sequence[Axes] | None = None) -> Sequence[Axes]:
    """Return ``ax``, a pair of axes, or a new pair side by side in the project's style."""
    if ax is None:
        _, ax = plt.subplots(1, 2, figsize=(10, 3.6))
    return ax


@in_style
def save(figure: Figure, path: str | Path, formats: Sequence[str] = ("png", "pdf", "svg")) -> list[Path]:
    """Save a figure as ``path`` with each of the endings, and return the paths.

    The files hold no date, so that the same figure gives the same file.
    """
    paths = [Path(path).with_suffix(f".{ending}") for ending in formats]
    positions = [(axes, axes.get_position(original=True)) for axes in figure.axes]
    for target in paths:
        target.parent.mkdir(parents=True, exist_ok=True)
        dates = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}}.get(target.suffix, {})
        figure.savefig(target, metadata=dates)
        for axes, position in positions:  # each drawing moves the axes a little further: the next file would differ
            axes.set_position(position)
            axes.set_in_layout(True)  # set_position takes them out
    return paths


@in_style
def curve(history: pd.DataFrame, column: str, *, by: str = "split", ax: Axes | None = None) -> Axes:
    """Draw loss or accuracy against epoch: the mean over the runs as a line, ± one standard deviation as a band.

    Parameters
    ----------
    history : DataFrame
        As ``train`` returns it.
    column : {"loss", "accuracy"}
        What to draw. A band never leaves what can be: no loss is below 0, no accuracy outside [0, 1].
    by : {"split", "model"}
        What makes a line: colour and line style tell them apart. The other column should hold one value.
    """
    ax = new_axes(ax)
    runs = history["run"].nunique()
    for value, part in history.groupby(by, sort=False):
        summary = part.groupby("epoch")[column].agg(["mean", "std"])  # pandas' std has ddof = 1, as seaborn's "sd"
        style = {"color": COLOURS.get(value, GREY), "linestyle": LINES.get(value, ":")}
        ax.plot(summary.index, summary["mean"], label=f"{value}, mean of {runs} runs" if runs > 1 else value, **style)
        if runs > 1:
            low, high = summary["mean"] - summary["std"], summary["mean"] + summary["std"]
            upper = 1 if column == "accuracy" else np.inf
            ax.fill_between(
                summary.index,
                low.clip(0, upper),
                high.clip(0, upper),
                color=style["color"],
                alpha=0.22,
                linewidth=0,
                label=f"{value}, ± 1 standard deviation",
            )
    ax.set(xlabel="epoch", ylabel="mean loss per sample" if column == "loss" else "accuracy")
    ax.set_xlim(0, history["epoch"].max())
    ax.set_ylim(bottom=0)
    if column == "accuracy":
        ax.set_ylim(min(0.4, 0.95 * history["accuracy"].min()), 1.005)
    ax.legend(fontsize="small")
    return ax


@in_style
def training_history(
    history: pd.DataFrame, *, by: str = "split", title: str = "", ax: Sequence[Axes] | None = None
) -> Sequence[Axes]:
    """Draw a training's loss (left) and accuracy (right) against epoch; see ``curve``. Takes and returns two axes."""
    ax = new_pair(ax)
    for axes, column in zip(ax, ("loss", "accuracy"), strict=True):
        curve(history, column, by=by, ax=axes)
    ax[0].set_title(title)
    return ax


@in_style
def points(inputs: Tensor, labels: Tensor, *, ax: Axes | None = None) -> Axes:
    """Draw the points of the unit square, circles inside the disk and crosses outside, with the disk's true edge.

    ``inputs`` has shape (n, 2); ``labels`` is one-hot, (n, 2), or holds class numbers, (n,).
    """
    ax = new_axes(ax, size=(4.2, 4.2))
    classes = _classes(labels)
    for number, name in enumerate(("outside", "inside")):
        x, y = inputs[classes == number].T
        ax.scatter(x, y, s=14, marker=MARKERS[name], color=COLOURS[name], linewidths=1, label=name)
    return _square(ax)


def _classes(labels: Tensor) -> Tensor:
    """Return class numbers, (n,), where one column for each class, (n, k), may have come: one-hot, or a model's output."""
    return labels.argmax(-1) if labels.ndim == 2 else labels


@in_style
def decision_regions(
    model: Module | nn.Module | Callable[[Tensor], Tensor], *, resolution: int = 120, ax: Axes | None = None
) -> Axes:
    """Shade the unit square by what a model with two inputs and two outputs says there.

    The shade is the difference of the two outputs, clipped to [-1, 1]: light orange where the model says inside, light blue
    where it says outside, white between. The solid line is the model's border, the dotted circle the true one.
    """
    ax = new_axes(ax, size=(4.2, 4.2))
    _shade(ax, model, resolution)
    return _square(ax)


@in_style
def film(
    models: dict[int, Module | nn.Module | Callable[[Tensor], Tensor]],
    data: tuple[Tensor, Tensor] | None = None,
    *,
    ax: Sequence[Axes] | None = None,
) -> Sequence[Axes]:
    """Draw the decision regions of a model at several moments of its training, side by side.

    ``models`` gives a copy of the model for each epoch; ``data``, points and targets to draw over them, also gives the
    accuracy above each picture. Takes and returns one axes for each epoch.
    """
    if ax is None:
        _, ax = plt.subplots(1, len(models), figsize=(2.3 * len(models), 3.1), sharey=True)
        ax = np.atleast_1d(ax)
    for axes, (epoch, model) in zip(ax, models.items(), strict=True):
        decision_regions(model, ax=axes)
        if data is not None:
            points(*data, ax=axes)
            axes.get_legend().remove()
        axes.set_title(_moment(epoch, model, data, "\n"), loc="center")
        axes.label_outer()
    return ax


@in_style
def flipbook(
    models: dict[int, Module | nn.Module | Callable[[Tensor], Tensor]],
    data: tuple[Tensor, Tensor] | None = None,
    *,
    ax: Axes | None = None,
) -> tuple[Axes, Callable[[int], None]]:
    """Draw the same as ``film`` into one picture, a page for each moment, of which one is visible at a time.

    Returns the axes and the function that turns the pages: it takes an epoch. All pages are drawn beforehand, so that turning
    one takes no computation. The first is visible.
    """
    ax = new_axes(ax, size=(4.2, 4.6))
    pages = {epoch: _shade(ax, model, resolution=120) for epoch, model in models.items()}
    titles = {epoch: _moment(epoch, model, data, ", ") for epoch, model in models.items()}
    if data is None:
        _square(ax)
    else:
        points(*data, ax=ax)
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2)  # the title's place is above

    def turn_to(epoch: int) -> None:
        for number, page in pages.items():
            for artist in page:
                artist.set_visible(number == epoch)
        ax.set_title(titles[epoch], loc="left")  # turned later, perhaps in another style

    turn_to(next(iter(models)))
    return ax, turn_to


def _moment(epoch: int, model: Callable[[Tensor], Tensor], data: tuple[Tensor, Tensor] | None, between: str) -> str:
    """Return a picture's title: the epoch and, on data, the share of right answers."""
    if data is None:
        return f"epoch {epoch}"
    with torch.no_grad():
        right = (model(data[0]).argmax(-1) == data[1].argmax(-1)).double().mean().item()
    return f"epoch {epoch}{between}{right:.0%} right"


def _shade(ax: Axes, model: Module | nn.Module | Callable[[Tensor], Tensor], resolution: int) -> list[Artist]:
    """Draw a model's decision regions and its border, where there is one, and return both."""
    grid, side = _grid(model, resolution)
    with torch.no_grad():
        outside, inside = model(grid).T
    score = (inside - outside).reshape(resolution, resolution).T.numpy()
    look = {"cmap": REGIONS, "vmin": -1, "vmax": 1, "interpolation": "nearest"}  # smooth shades make larger files
    shade = ax.imshow(score.clip(-1, 1), origin="lower", extent=(0, 1, 0, 1), **look)
    if score.min() < 0 < score.max():
        return [shade, ax.contour(side, side, score, levels=[0], colors="black", linewidths=1.6)]
    return [shade]


def _grid(model: Any, resolution: int) -> tuple[Tensor, Tensor]:
    """Return the points of a grid over the unit square, in the dtype of a model, and the numbers along a side."""
    dtype = next((pair[0].dtype for pair in _parameters(model)), torch.get_default_dtype())
    side = torch.linspace(0, 1, resolution, dtype=dtype)
    return torch.cartesian_prod(side, side), side


@in_style
def zero_lines(model: Sequential, *, resolution: int = 120, ax: Sequence[Axes] | None = None) -> Sequence[Axes]:
    """Draw, for each hidden layer of a model with two inputs, where in the unit square each of its units is zero.

    A hidden unit is a feature that a layer with parameters puts out, the last layer's left out, before any activation. It is
    positive on one side of its line. The titles say how many units have a line in the square; the dotted circle is the disk's
    edge. Takes and returns one axes for each hidden layer.
    """
    layers = list(model.layers())
    hidden = [k for k, layer in enumerate(layers) if layer.params][:-1]
    if not hidden:
        raise ValueError(f"zero_lines expected a model with hidden layers, got {model}")
    if ax is None:
        _, ax = plt.subplots(1, len(hidden), figsize=(3.1 * len(hidden), 3.4), sharey=True)
        ax = np.atleast_1d(ax)
    output, side = _grid(model, resolution)
    filled = dict(zip(hidden, ax, strict=True))
    for k, layer in enumerate(layers[: hidden[-1] + 1]):
        output = layer.forward(output)
        if k not in filled:
            continue
        units = output.T.reshape(-1, resolution, resolution).mT.numpy()
        crossing = [unit for unit in units if unit.min() < 0 < unit.max()]
        for unit in crossing:
            filled[k].contour(side, side, unit, levels=[0], colors=BLUE, linewidths=0.9)
        _square(filled[k]).set_title(
            f"layer {hidden.index(k) + 1}: {len(crossing)} of {len(units)} units", loc="center"
        )
        filled[k].label_outer()
    return ax


def _parameters(model: Any) -> list:
    if isinstance(model, nn.Module):
        return [(param,) for param in model.parameters()]
    return list(model.parameters()) if isinstance(model, Module) else []


def _square(ax: Axes) -> Axes:
    """Finish a picture of the unit square: the true edge of the disk, equal scales, labels, one legend."""
    if not any(isinstance(patch, plt.Circle) for patch in ax.patches):
        ax.add_patch(plt.Circle(CENTRE, RADIUS, fill=False, linestyle=":", linewidth=1.4, color=GREY))
    ax.set(
        xlim=(0, 1), ylim=(0, 1), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1), xlabel="$x_1$", ylabel="$x_2$", aspect="equal"
    )
    ax.grid(False)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
    return ax


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
            ax.text(x + j + 0.5, y + i + 0.5, f"{part[i, j] + 0.0:.2f}", ha="center", va="center", fontsize="small")
        below = part is not right
        ax.text(
            x + width / 2, y + height + 0.1 if below else y - 0.1, name, ha="center", va="top" if below else "bottom"
        )
    i, j = entry[0] - 1, entry[1] - 1
    for x, y, width, height in ((-inner - 0.5, i, inner, 1), (j, -inner - 0.5, 1, inner), (j, i, 1, 1)):
        ax.add_patch(plt.Rectangle((x, y), width, height, fill=False, linewidth=2, color="black"))
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
    ax = new_axes(ax, size=(6.5, 3.6))
    styles = zip((BLUE, RED, GREEN, PURPLE, GREY), "osv^D", ("-", "--", "-.", ":", (0, (6, 2, 1, 2))), strict=True)
    for (name, values), (colour, marker, line) in zip(sizes.items(), styles, strict=False):
        ax.semilogy(range(1, len(values) + 1), values, color=colour, marker=marker, linestyle=line, label=name)
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

    Raises
    ------
    ValueError
        For several samples, for too many features, or for a wrong number of names.
    """
    model, loss = copy.deepcopy(model), copy.deepcopy(loss or MSELoss())
    layers = list(model.layers())
    names = [""] * (len(layers) + 1) if names is None else names
    if input.ndim != 2 or len(input) != 1:
        raise ValueError(f"network expected one sample, an input of shape (1, m), got {tuple(input.shape)}")
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
        _edges(ax, layer, (x[k], y[k]), (x[k + 1], y[k + 1]))
        ax.text((x[k] + x[k + 1]) / 2, top + 0.95, type(layer).__name__, ha="center", va="center", color=GREY)
    for k, (value, gradient) in enumerate(zip(values, reversed(gradients), strict=True)):
        for j, height in enumerate(y[k]):
            # add_patch would look how far it reaches, which takes longer; the limits are set below
            ax.add_artist(plt.Circle((x[k], height), 0.42, facecolor="white", edgecolor="black", zorder=3))
            _value_and_gradient(ax, x[k], height, value[0, j], gradient[0, j])
            name = "L" if k > len(layers) else f"{names[k].lower()}_{j + 1}" if names[k] else ""
            ax.text(x[k], height + 0.56, f"${name}$" if name else "", ha="center", va="center")
    targets = ", ".join(map(_number, target[0]))
    ax.text(x[-1], -0.5, f"target\n{targets}", ha="center", va="top")
    ax.text(x[0] - 0.5, -top - 1.2, "forward: value", color=COLOURS["forward"], va="center")
    words = "∂  backward: how the loss changes with it"
    ax.text(x[0] + 0.8, -top - 1.2, words, color=COLOURS["backward"], va="center", style="italic")
    ax.set(xlim=(-0.6, x[-1] + 0.6), ylim=(-top - 1.4, top + 1.2), aspect="equal")
    ax.set_axis_off()
    return ax


def _edges(ax: Axes, layer: Module, left: tuple[float, np.ndarray], right: tuple[float, np.ndarray]) -> None:
    """Draw what leads from one column of circles, given as its x and its heights, to the next: lines, weights, biases."""
    (x, starts), (to, ends) = left, right
    params, grad = layer.params, layer.grad
    for (i, start), (j, end) in itertools.product(enumerate(starts), enumerate(ends)):
        if "weight" not in params and len(starts) == len(ends) and i != j:
            continue  # an activation leads each number to one place
        ax.plot((x, to), (start, end), color=GREY, linewidth=1)
        if "weight" in params:
            along = 0.5 if i == j else 0.3  # away from where the lines cross
            at = x + along * (to - x), start + along * (end - start)
            gap = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}  # in the line
            _value_and_gradient(ax, *at, params["weight"][i, j], grad["weight"][i, j], bbox=gap)
    if "bias" in params:
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
    ax: Axes | None = None,
) -> Axes:
    """Draw a loss of two numbers as a map, by lines of equal loss, and paths on it.

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

    Raises
    ------
    ValueError
        For a path of another shape.
    """
    ax = new_axes(ax)
    grid = torch.meshgrid(torch.linspace(*x, 80), torch.linspace(*y, 80), indexing="xy")
    height = loss(*grid).detach()
    low, high = float(height.min()), float(height.max())
    levels = low + (high - low) * np.linspace(0.03, 1, 14) ** 2
    ax.contour(*grid, height, levels=levels, colors="#9a9a9a", linewidths=0.8)
    for number, (name, path) in enumerate(paths.items()):
        if path.ndim != 2 or path.shape[1] != 2:
            raise ValueError(f"descent expected a path of shape (steps, 2), got {tuple(path.shape)}")
        look = {"color": (RED, BLUE, GREEN)[number % 3], "linestyle": ("-", "--", ":")[number % 3]}
        ax.plot(*path.T, marker="o^s"[number % 3], markersize=4, linewidth=1.2, label=name, **look)
    ax.set(xlim=x, ylim=y, xlabel=names[0], ylabel=names[1])
    if len(paths) > 1:
        ax.legend(fontsize="small", frameon=True, framealpha=1, edgecolor="white")  # legible on the lines
    return ax


LOOKS = [  # colour, line style and marker of the first, second ... line where names have no look of their own
    (GREY, "-", ""),
    (BLUE, "--", "o"),
    (RED, ":", "x"),
    (GREEN, "-.", "s"),
    (ORANGE, "-", "^"),
    (PURPLE, "--", "D"),
]


@in_style
def means(history: pd.DataFrame, column: str, *, split: str = "validation", ax: Axes | None = None) -> Axes:
    """Draw loss or accuracy of several models against epoch, each as the mean over its runs; no bands.

    ``history`` has the columns of ``train``; its ``model`` names the lines. Each line is thinner than those before it, so that
    of equal lines all can be seen. A name that has colour and line style of its own in ``curve`` keeps them.
    """
    ax = new_axes(ax, size=(7, 3.8))
    part = history[history["split"] == split]
    models = part.groupby("model", sort=False)
    for number, (model, rows) in enumerate(models):
        mean = rows.groupby("epoch")[column].mean()
        colour, line, marker = LOOKS[number % len(LOOKS)]
        colour, line = COLOURS.get(model, colour), LINES.get(model, line)
        every = max(1, len(mean) // 10)
        look = {"color": colour, "linestyle": line, "linewidth": 1.2 + 0.9 * (len(models) - 1 - number)}
        ax.plot(mean.index, mean, marker=marker, markevery=(number * every // len(LOOKS), every), label=model, **look)
    ax.set(xlabel="epoch", ylabel=f"mean {column}", xlim=(0, part["epoch"].max()))
    ax.legend(title=f"{split} data", loc="upper left", bbox_to_anchor=(1, 1))
    return ax


@in_style
def final_errors(history: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the share of wrong answers that each run ended with, a row for each model, on a logarithmic scale.

    ``history`` has the columns of ``train``; its ``model`` names the rows, the first at the top. Circles are errors on training
    data, crosses on validation data, bars the means of the crosses. What is below 0.1 % is drawn there.
    """
    names = list(history["model"].unique())
    ax = new_axes(ax, size=(6.5, 0.42 * len(names) + 1.1))
    last = history[history["epoch"] == history.groupby("model")["epoch"].transform("max")]
    percent = (100 * (1 - last["accuracy"])).clip(lower=0.1)
    row = last["model"].map({name: k for k, name in enumerate(names)})
    for split, marker, shift in (("training", "o", -0.14), ("validation", "x", 0.14)):
        shown, look = last["split"] == split, {"color": COLOURS[split], "fillstyle": "none", "markersize": 5}
        ax.plot(percent[shown], row[shown] + shift, marker, label=f"{split} data, each run", **look)
    means = 100 * (1 - last[last["split"] == "validation"].groupby("model")["accuracy"].mean()[names])
    height = np.arange(len(names)) + 0.14
    ax.plot(means.clip(lower=0.1), height, "|", color="black", markersize=15, label="validation data, mean")
    ax.set(xscale="log", xlim=(0.09, 70), xlabel="error, %", ylim=(len(names) - 0.5, -0.5))
    ax.set_xticks([0.1, 0.3, 1, 3, 10, 30], ["≤ 0.1", "0.3", "1", "3", "10", "30"])
    ax.set_xticks([], minor=True)
    ax.set_yticks(range(len(names)), names)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, fontsize="small")
    return ax


def mean_interval(values: np.ndarray, *, resamples: int = 1000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower and upper end of a 95 % confidence interval of the mean, found by bootstrapping.

    Parameters
    ----------
    values : array, shape (runs, ...)
        The first dimension is averaged over.
    resamples : int
        How often to draw as many runs as there are, with replacement, and take their mean. The interval leaves out the
        lowest and the highest 2.5 % of these means. This is seaborn's default band.

    Returns
    -------
    low, high : arrays of the shape of one run
    """
    runs = len(values)
    counts = np.random.default_rng(seed).multinomial(runs, np.full(runs, 1 / runs), size=resamples)
    low, high = np.percentile(np.tensordot(counts / runs, values, axes=1), [2.5, 97.5], axis=0)
    return low, high


@in_style
def bands(history: pd.DataFrame, column: str, *, split: str = "validation", ax: Axes | None = None) -> Axes:
    """Draw the mean of one model's runs with two bands: ± one standard deviation, and the mean's 95 % confidence interval."""
    ax = new_axes(ax, size=(6.5, 4))
    table = history[history["split"] == split].pivot(index="epoch", columns="run", values=column)
    mean, std, runs = table.mean(axis=1), table.std(axis=1), table.shape[1]
    low, high = ((mean + side * std).clip(0, 1 if column == "accuracy" else None) for side in (-1, 1))
    ax.fill_between(mean.index, low, high, color=BLUE, alpha=0.22, linewidth=0, label="± 1 standard deviation")
    look = {"facecolor": "none", "edgecolor": RED, "hatch": "////", "linewidth": 0.8}
    ax.fill_between(
        mean.index, *mean_interval(table.T.to_numpy()), **look, label="95 % confidence interval of the mean"
    )
    ax.plot(mean.index, mean, color="black", label=f"mean of {runs} runs")
    ax.set(xlabel="epoch", ylabel="mean loss per sample" if column == "loss" else column, xlim=(0, mean.index.max()))
    ax.legend(loc="best", fontsize="small")
    return ax


@in_style
def digit_images(
    images: Tensor,
    labels: Tensor | None = None,
    read: Tensor | None = None,
    *,
    columns: int = 10,
    ax: Axes | None = None,
) -> Axes:
    """Draw square pictures in a grid, row by row, in shades of grey: the darker, the larger the number.

    All have the same scale. White is 0 and black the largest number; where there are negative ones, 0 is the grey in the
    middle, and white is as far below it as black is above.

    Parameters
    ----------
    images : Tensor, shape (n, m)
        The m pixels of each picture row by row; m is a square number, 64 for ``minidl.lab.digits``.
    labels : Tensor, optional
        The class to write above each picture: class numbers (n,), or one column for each class, (n, k).
    read : Tensor, optional
        The same of what a model has read, its outputs for example. Where that is not the label, the picture is framed, and
        both stand above it.
    columns : int
        Pictures in a row.

    Raises
    ------
    ValueError
        For images of another shape, another number of labels than of images, or ``read`` without ``labels``.
    """
    n, side = len(images), math.isqrt(images.shape[-1])
    if images.ndim != 2 or not n or side**2 != images.shape[1]:
        raise ValueError(f"digit_images expected square images, of shape (n, 64) say, got {tuple(images.shape)}")
    if labels is None and read is not None:
        raise ValueError("digit_images expected labels to compare with what was read, got none")
    labels, read = (None if values is None else _classes(values).tolist() for values in (labels, read))
    for name, values in (("labels", labels), ("read", read)):
        if values is not None and len(values) != n:
            raise ValueError(f"digit_images expected {name} for {n} images, got {len(values)}")
    columns = min(columns, n)
    rows = math.ceil(n / columns)
    captions = 0.3 if labels else 0  # room above each picture, in picture heights
    ax = new_axes(ax, size=(0.95 * columns, 0.95 * rows * (1 + captions)))
    largest = float(images.abs().max())
    shades = {"cmap": "gray_r", "vmin": -largest if images.min() < 0 else 0, "vmax": largest}
    for k, image in enumerate(images):
        x, y = 1.15 * (k % columns), (1.15 + captions) * (k // columns)
        ax.imshow(image.reshape(side, side).numpy(), extent=(x, x + 1, y + 1, y), **shades)
        wrong = read is not None and read[k] != labels[k]
        frame = {"edgecolor": RED, "linewidth": 2} if wrong else {"edgecolor": "#cfcfcf", "linewidth": 0.8}
        ax.add_patch(plt.Rectangle((x, y), 1, 1, fill=False, **frame))
        if labels:
            words = f"{labels[k]}, read {read[k]}" if wrong else f"{labels[k]}"
            ax.text(x + 0.5, y - 0.06, words, ha="center", va="bottom", fontsize="small")
    ax.set(xlim=(-0.1, 1.15 * columns - 0.05), ylim=((1.15 + captions) * rows - 0.05 - captions, -0.1 - captions))
    ax.set_axis_off()
    return ax


@in_style
def confusion_matrix(labels: Tensor, read: Tensor, *, ax: Axes | None = None) -> Axes:
    """Count how often each class was read as which: the true class gives the row, what was read the column.

    The diagonal, on grey, counts what was read right. The mistakes are shaded, the darker the more frequent; a field without
    a number is 0.

    Parameters
    ----------
    labels, read : Tensor
        Class numbers (n,), or one column for each class, (n, k): one-hot labels, and a model's outputs.

    Raises
    ------
    ValueError
        For two different numbers of samples.
    """
    labels, read = _classes(labels), _classes(read)
    if labels.shape != read.shape:
        raise ValueError(
            f"confusion_matrix expected what was read for {len(labels)} labels, got {len(read)} classes instead"
        )
    classes = int(max(labels.max(), read.max())) + 1
    counts = torch.bincount(labels * classes + read, minlength=classes**2).reshape(classes, classes)
    ax = new_axes(ax, size=(0.5 * classes + 1, 0.45 * classes + 1))
    mistakes = counts.clone().fill_diagonal_(0)
    shades = LinearSegmentedColormap.from_list("mistakes", ["white", ORANGE])
    ax.imshow(mistakes.numpy(), cmap=shades, vmin=0, vmax=max(1, int(mistakes.max())), aspect="auto")
    for i, j in counts.nonzero().tolist():
        if i == j:
            ax.add_patch(plt.Rectangle((j - 0.5, i - 0.5), 1, 1, color="#e4e4e4", linewidth=0))
        ax.text(j, i, f"{int(counts[i, j]):,}", ha="center", va="center")
    ax.set(xlabel="read as", ylabel="true digit", xticks=range(classes), yticks=range(classes))
    ax.set_title(f"{int(counts.trace()):,} of {len(labels):,} read right")
    ax.grid(False)
    return ax
