"""The unit square with the disk: its points, and what a model says about every place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from torch import Tensor, nn

from minidl import Module, Sequential
from minidl.lab.arguments import as_numbers
from minidl.lab.disk import CENTRE, RADIUS
from minidl.lab.figures.style import BLUE, GREY, ORANGE, REGIONS, WIDE, class_numbers, in_style, new_axes, new_row

SIZE = 4.2  # inches: a square, as wide as high
FINE = 120  # places along each side at which a model is asked


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
def decision_regions(model: Module | nn.Module | Callable[[Tensor], Tensor], *, ax: Axes | None = None) -> Axes:
    """Shade the unit square by what a model with two inputs and two outputs says there.

    The shade is the difference of the two outputs, clipped to [-1, 1]: light orange where the model says inside, light blue
    where it says outside, white between. The solid line is the model's border, the dotted circle the true one.
    """
    ax = new_axes(ax, size=(SIZE, SIZE))
    grid, side = _grid(model)
    outside, inside = _outputs(model, grid).T
    score = (inside - outside).reshape(FINE, FINE).T.numpy()
    look = {"cmap": REGIONS, "vmin": -1, "vmax": 1, "interpolation": "nearest"}  # smooth shades make larger files
    ax.imshow(score.clip(-1, 1), origin="lower", extent=(0, 1, 0, 1), **look)
    if border := score.min() < 0 < score.max():
        ax.contour(side, side, score, levels=[0], colors="black", linewidths=1.6)
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
    if not models:
        raise ValueError("film expected at least one model, got none")
    size = SIZE if len(models) == 1 else min(SIZE / 2, WIDE / len(models))
    ax = new_row(len(models), ax, size=(size * len(models), size + 1), sharey=True)
    for axes, (epoch, model) in zip(ax, models.items(), strict=True):
        decision_regions(model, ax=axes)
        title = f"epoch {epoch}"
        if data is not None:
            points(*data, ax=axes).get_legend().remove()
            right = _outputs(model, data[0]).argmax(-1) == class_numbers("film", "targets", data[1])
            title += f"\n{right.double().mean():.0%} right"
        axes.set_title(title, loc="center")
        axes.label_outer()
    return ax


@in_style
def zero_lines(models: dict[str, Sequential], *, ax: Sequence[Axes] | None = None) -> Sequence[Axes]:
    """Draw, for each hidden layer of models with two inputs, where in the unit square each of its units is zero.

    A hidden unit is a feature that a layer with parameters puts out, the last layer's left out, before any activation. It is
    positive on one side of its line. The titles, below the models' names, say how many units have a line in the square; the
    dotted circle is the disk's edge. Takes and returns one axes for each hidden layer.
    """
    panels = []
    for name, model in models.items():
        output, side = _grid(model)
        layers = list(model.layers())
        hidden = [layer for layer in layers if layer.params][:-1]
        for layer in layers:
            output = layer.forward(output)
            if any(layer is one for one in hidden):
                panels.append((f"{name}\nlayer {hidden.index(layer) + 1}", output))
    if not panels:
        raise ValueError(f"zero_lines expected a model with hidden layers, got {models}")
    size = min(3.1, WIDE / len(panels))
    ax = new_row(len(panels), ax, size=(size * len(panels), size + 0.5), sharey=True)
    for axes, (title, output) in zip(ax, panels, strict=True):
        units = output.T.reshape(-1, FINE, FINE).mT.numpy()
        crossing = [unit for unit in units if unit.min() < 0 < unit.max()]
        for unit in crossing:
            axes.contour(side, side, unit, levels=[0], colors=BLUE, linewidths=0.9)
        words = f"{title}: {len(crossing)} of {len(units)} units"
        _square(axes, "where each unit is zero").set_title(words, loc="center")
        axes.label_outer()
    return ax


def _outputs(model: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    """Return a model's two outputs for each point; ValueError for a model that takes or gives something else."""
    try:
        with torch.no_grad():
            outputs = model(points)
    except (RuntimeError, IndexError) as error:
        got = f"{type(model).__name__}: {error}"
        raise ValueError(f"decision_regions expected a model of points (n, 2), got {got}") from error
    return as_numbers("decision_regions", "the model's outputs", outputs, f"({len(points)}, 2)", finite=False)


def _grid(model: Any) -> tuple[Tensor, Tensor]:
    """Return the points of a grid over the unit square, in the dtype of a model, and the numbers along a side."""
    params = list(model.parameters()) if isinstance(model, Module | nn.Module) else []
    dtypes = [(param if isinstance(param, Tensor) else param[0]).dtype for param in params]  # minidl's are pairs
    side = torch.linspace(0, 1, FINE, dtype=dtypes[0] if dtypes else None)
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
