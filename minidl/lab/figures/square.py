"""The unit square with the disk: its points, and what a model says about every place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import matplotlib.pyplot as plt
import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from torch import Tensor, nn

from minidl import Module, Sequential
from minidl.lab.arguments import as_numbers, check_whole
from minidl.lab.disk import CENTRE, RADIUS
from minidl.lab.figures.style import BLUE, GREY, ORANGE, REGIONS, WIDE, class_numbers, in_style, new_axes, new_row

SIZE = 4.2  # inches: a square, as wide as high


@in_style
def points(inputs: Tensor, labels: Tensor, *, ax: Axes | None = None) -> Axes:
    """Draw the points of the unit square, circles inside the disk and crosses outside, with the disk's true edge.

    ``inputs`` has shape (n, 2); ``labels`` is one-hot, (n, 2), or holds class numbers, (n,).
    """
    inputs, classes = as_numbers("points", "inputs", inputs, "(n, 2)"), class_numbers("points", "labels", labels)
    if len(inputs) != len(classes):
        raise ValueError(f"points expected a label for each of {len(inputs)} points, got {len(classes)}")
    ax = new_axes(ax, size=(SIZE, SIZE))
    for number, (name, colour, marker) in enumerate((("outside", BLUE, "x"), ("inside", ORANGE, "o"))):
        ax.scatter(*inputs[classes == number].T, s=14, marker=marker, color=colour, linewidths=1, label=name)
    inside = int((classes == 1).sum())
    return _square(ax, f"{inside} points inside the disk and {len(classes) - inside} outside")


@in_style
def decision_regions(
    model: Module | nn.Module | Callable[[Tensor], Tensor], *, resolution: int = 120, ax: Axes | None = None
) -> Axes:
    """Shade the unit square by what a model with two inputs and two outputs says there.

    The shade is the difference of the two outputs, clipped to [-1, 1]: light orange where the model says inside, light blue
    where it says outside, white between. The solid line is the model's border, the dotted circle the true one.
    """
    ax = new_axes(ax, size=(SIZE, SIZE))
    border = len(_shade(ax, model, resolution)) > 1
    return _square(ax, f"the model's answer in shades, {'with its border' if border else 'the same everywhere'}")


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
    _check_models("film", models)
    ax = new_row(len(models), ax, size=(min(2.1 * len(models), WIDE), 3.1), sharey=True)
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
    _check_models("flipbook", models)
    ax = new_axes(ax, size=(SIZE, SIZE + 0.4))
    pages = {epoch: _shade(ax, model, resolution=120) for epoch, model in models.items()}
    titles = {epoch: _moment(epoch, model, data, ", ") for epoch, model in models.items()}
    if data is None:
        _square(ax, "the model's answer in shades, a page for each epoch")
    else:
        points(*data, ax=ax)
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2)  # the title's place is above

    def turn_to(epoch: int) -> None:
        for number, page in pages.items():
            plt.setp(page, visible=number == epoch)
        ax.set_title(titles[epoch], loc="left")  # turned later, perhaps in another style

    turn_to(next(iter(models)))
    return ax, turn_to


@in_style
def zero_lines(model: Sequential, *, resolution: int = 120, ax: Sequence[Axes] | None = None) -> Sequence[Axes]:
    """Draw, for each hidden layer of a model with two inputs, where in the unit square each of its units is zero.

    A hidden unit is a feature that a layer with parameters puts out, the last layer's left out, before any activation. It is
    positive on one side of its line. The titles say how many units have a line in the square; the dotted circle is the disk's
    edge. Takes and returns one axes for each hidden layer.
    """
    check_whole("zero_lines", "resolution", resolution, 2)
    layers = list(model.layers())
    hidden = [k for k, layer in enumerate(layers) if layer.params][:-1]
    if not hidden:
        raise ValueError(f"zero_lines expected a model with hidden layers, got {model}")
    ax = new_row(len(hidden), ax, size=(3.1 * len(hidden), 3.4), sharey=True)
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
        title = f"layer {hidden.index(k) + 1}: {len(crossing)} of {len(units)} units"
        _square(filled[k], "where each unit is zero").set_title(title, loc="center")
        filled[k].label_outer()
    return ax


def _check_models(owner: str, models: dict[int, Any]) -> None:
    if not models:
        raise ValueError(f"{owner} expected at least one model, got none")


def _moment(epoch: int, model: Callable[[Tensor], Tensor], data: tuple[Tensor, Tensor] | None, between: str) -> str:
    """Return a picture's title: the epoch and, on data, the share of right answers."""
    if data is None:
        return f"epoch {epoch}"
    right = _outputs(model, data[0]).argmax(-1) == class_numbers("film", "targets", data[1])
    return f"epoch {epoch}{between}{right.double().mean():.0%} right"


def _outputs(model: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    """Return a model's two outputs for each point; ValueError for a model that takes or gives something else."""
    try:
        with torch.no_grad():
            outputs = model(points)
    except (RuntimeError, IndexError) as error:
        got = f"{type(model).__name__}: {error}"
        raise ValueError(f"decision_regions expected a model of points (n, 2), got {got}") from error
    return as_numbers("decision_regions", "the model's outputs", outputs, f"({len(points)}, 2)", finite=False)


def _shade(ax: Axes, model: Module | nn.Module | Callable[[Tensor], Tensor], resolution: int) -> list[Artist]:
    """Draw a model's decision regions and its border, where there is one, and return both."""
    check_whole("decision_regions", "resolution", resolution, 2)
    grid, side = _grid(model, resolution)
    outside, inside = _outputs(model, grid).T
    score = (inside - outside).reshape(resolution, resolution).T.numpy()
    look = {"cmap": REGIONS, "vmin": -1, "vmax": 1, "interpolation": "nearest"}  # smooth shades make larger files
    shade = ax.imshow(score.clip(-1, 1), origin="lower", extent=(0, 1, 0, 1), **look)
    if score.min() < 0 < score.max():
        return [shade, ax.contour(side, side, score, levels=[0], colors="black", linewidths=1.6)]
    return [shade]


def _grid(model: Any, resolution: int) -> tuple[Tensor, Tensor]:
    """Return the points of a grid over the unit square, in the dtype of a model, and the numbers along a side."""
    params = list(model.parameters()) if isinstance(model, Module | nn.Module) else []
    dtypes = [(param if isinstance(param, Tensor) else param[0]).dtype for param in params]  # minidl's are pairs
    side = torch.linspace(0, 1, resolution, dtype=dtypes[0] if dtypes else None)
    return torch.cartesian_prod(side, side), side


def _square(ax: Axes, words: str) -> Axes:
    """Finish a picture of the unit square: the true edge of the disk, equal scales, labels, one legend, its description."""
    ax.set_label(f"{ax.get_label() or 'The unit square'}: {words}")
    if not ax.patches:
        ax.add_patch(plt.Circle(CENTRE, RADIUS, fill=False, linestyle=":", linewidth=1.4, color=GREY))
    ticks, sides = (0, 0.5, 1), {"xlim": (0, 1), "ylim": (0, 1), "aspect": "equal"}
    ax.set(**sides, xticks=ticks, yticks=ticks, xlabel="$x_1$", ylabel="$x_2$")
    ax.grid(False)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
    return ax
