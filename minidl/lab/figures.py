"""The project's figures, in one style.

Every function takes ``ax=None`` (axes to draw into; new ones if left out) and returns the axes; none calls ``show``. Colours
are those of seaborn's colour-blind palette and never stand alone: line style, marker or hatching says the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from torch import Tensor, nn

from minidl import Module
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
    "neutral": GREY,
}
LINES = {"training": "-", "validation": "--", "forward": "-", "backward": "--", "minidl": "-", "PyTorch": "--"}
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


def new_axes(ax: Axes | None = None, *, size: tuple[float, float] = (5, 3.6)) -> Axes:
    """Return ``ax``, or new axes in the project's style, with a figure of that size in inches."""
    if ax is None:
        with mpl.rc_context(STYLE):
            _, ax = plt.subplots(figsize=size)
    return ax


def new_pair(ax: Sequence[Axes] | None = None) -> Sequence[Axes]:
    """Return ``ax``, a pair of axes, or a new pair side by side in the project's style."""
    if ax is None:
        with mpl.rc_context(STYLE):
            _, ax = plt.subplots(1, 2, figsize=(10, 3.6))
    return ax


def save(figure: Figure, path: str | Path, formats: Sequence[str] = ("png", "pdf", "svg")) -> list[Path]:
    """Save a figure as ``path`` with each of the endings, and return the paths.

    The files hold no date, so that the same figure gives the same file.
    """
    paths = [Path(path).with_suffix(f".{ending}") for ending in formats]
    for target in paths:
        target.parent.mkdir(parents=True, exist_ok=True)
        dates = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}}.get(target.suffix, {})
        with mpl.rc_context({"svg.hashsalt": STYLE["svg.hashsalt"]}):
            figure.savefig(target, metadata=dates)
    return paths


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


def training_history(history: pd.DataFrame, *, title: str = "", ax: Sequence[Axes] | None = None) -> Sequence[Axes]:
    """Draw a training's loss (left) and accuracy (right) against epoch; see ``curve``. Takes and returns two axes."""
    ax = new_pair(ax)
    for axes, column in zip(ax, ("loss", "accuracy"), strict=True):
        curve(history, column, ax=axes)
    ax[0].set_title(title)
    return ax


def points(inputs: Tensor, labels: Tensor, *, ax: Axes | None = None) -> Axes:
    """Draw the points of the unit square, circles inside the disk and crosses outside, with the disk's true edge.

    ``inputs`` has shape (n, 2); ``labels`` is one-hot, (n, 2), or holds class numbers, (n,).
    """
    ax = new_axes(ax, size=(4.2, 4.2))
    classes = labels.argmax(-1) if labels.ndim == 2 else labels
    for number, name in enumerate(("outside", "inside")):
        x, y = inputs[classes == number].T
        ax.scatter(x, y, s=14, marker=MARKERS[name], color=COLOURS[name], linewidths=1, label=name)
    return _square(ax)


def decision_regions(
    model: Module | nn.Module | Callable[[Tensor], Tensor], *, resolution: int = 120, ax: Axes | None = None
) -> Axes:
    """Shade the unit square by what a model with two inputs and two outputs says there.

    The shade is the difference of the two outputs, clipped to [-1, 1]: light orange where the model says inside, light blue
    where it says outside, white between. The solid line is the model's border, the dotted circle the true one.
    """
    ax = new_axes(ax, size=(4.2, 4.2))
    dtype = next((pair[0].dtype for pair in _parameters(model)), torch.get_default_dtype())
    side = torch.linspace(0, 1, resolution, dtype=dtype)
    grid = torch.cartesian_prod(side, side)
    with torch.no_grad():
        outside, inside = model(grid).T
    score = (inside - outside).reshape(resolution, resolution).T.numpy()
    ax.imshow(score.clip(-1, 1), origin="lower", extent=(0, 1, 0, 1), cmap=REGIONS, vmin=-1, vmax=1)
    if score.min() < 0 < score.max():
        ax.contour(side, side, score, levels=[0], colors="black", linewidths=1.6)
    return _square(ax)


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
        with mpl.rc_context(STYLE):
            _, ax = plt.subplots(1, len(models), figsize=(2.3 * len(models), 3.1), sharey=True)
            ax = np.atleast_1d(ax)
    for axes, (epoch, model) in zip(ax, models.items(), strict=True):
        decision_regions(model, ax=axes)
        title = f"epoch {epoch}"
        if data is not None:
            points(*data, ax=axes)
            with torch.no_grad():
                right = (model(data[0]).argmax(-1) == data[1].argmax(-1)).double().mean().item()
            title += f"\n{right:.0%} right"
            axes.get_legend().remove()
        axes.set_title(title, loc="center")
        axes.label_outer()
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


def matrix_product(
    left: Tensor,
    right: Tensor,
    *,
    names: tuple[str, str, str] = ("A", "B", "AB"),
    entry: tuple[int, int] = (0, 0),
    ax: Axes | None = None,
) -> Axes:
    """Draw a matrix product so that rows meet columns: left factor at the left, right factor above, product between.

    A row of the left factor and a column of the right one meet in the entry of the product that they make; those of
    ``entry``, counted from 0, are framed. Names may be formulas, such as ``"$X^T$"``.
    """
    (rows, inner), columns = left.shape, right.shape[1]
    ax = new_axes(ax, size=(0.62 * (inner + columns) + 1, 0.46 * (inner + rows) + 0.8))
    parts = [(left, -inner - 0.5, 0), (right, 0, -inner - 0.5), (left @ right, 0, 0)]
    limit = max(float(part.abs().max()) for part, _, _ in parts) or 1.0
    for (part, x, y), name in zip(parts, names, strict=True):
        height, width = part.shape
        edges = (np.arange(width + 1) + x, np.arange(height + 1) + y)
        ax.pcolormesh(*edges, part.numpy(), cmap=REGIONS, vmin=-limit, vmax=limit, edgecolors="#cfcfcf")
        for i, j in np.ndindex(height, width):
            ax.text(x + j + 0.5, y + i + 0.5, f"{part[i, j]:.2f}", ha="center", va="center", fontsize="small")
        below = part is not right
        ax.text(
            x + width / 2, y + height + 0.1 if below else y - 0.1, name, ha="center", va="top" if below else "bottom"
        )
    i, j = entry
    for x, y, width, height in ((-inner - 0.5, i, inner, 1), (j, -inner - 0.5, 1, inner), (j, i, 1, 1)):
        ax.add_patch(plt.Rectangle((x, y), width, height, fill=False, linewidth=2, color="black"))
    ax.set(xlim=(-inner - 0.7, columns + 0.2), ylim=(rows + 0.7, -inner - 1.1), aspect="auto")
    ax.set_axis_off()
    return ax
