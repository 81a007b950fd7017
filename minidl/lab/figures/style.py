"""What all figures share: colours, line styles and markers, axes in the project's style, and files.

Colours are those of seaborn's colour-blind palette and never stand alone: line style, marker or hatching says the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from torch import Tensor

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
WIDE = 10.5  # inches: figures of several panels
MARKERS = {"inside": "o", "outside": "x"}
REGIONS = LinearSegmentedColormap.from_list(
    "regions", ["#a8cfe8", "#ffffff", "#f7d7a0"], N=33
)  # outside, undecided, inside
LOOKS = [  # colour, line style and marker of the first, second ... line where names have no look of their own
    (GREY, "-", ""),
    (BLUE, "--", "o"),
    (RED, ":", "x"),
    (GREEN, "-.", "s"),
    (ORANGE, "-", "^"),
    (PURPLE, "--", "D"),
]

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


# matplotlib's own defaults first: a style that was active before sets keys that ours does not, white text for example
WHOLE_STYLE = ["default", STYLE]


def use_style() -> None:
    """Use the project's style for all figures from now on: the first line of a notebook that draws."""
    plt.style.use(WHOLE_STYLE)


in_style = plt.style.context(WHOLE_STYLE)  # a decorator: what is drawn has the project's style, in every setting


@in_style
def new_axes(ax: Axes | None = None, *, size: tuple[float, float] = (5, 3.6)) -> Axes:
    """Return ``ax``, or new axes in the project's style, with a figure of that size in inches."""
    if ax is None:
        _, ax = plt.subplots(figsize=size)
    return ax


@in_style
def new_row(columns: int, ax: Sequence[Axes] | None = None) -> Sequence[Axes]:
    """Return ``ax``, that many axes, or new ones side by side in the project's style."""
    if ax is None:
        _, ax = plt.subplots(1, columns, figsize=(WIDE, 3.8))
    return ax


@in_style
def new_pair(ax: Sequence[Axes] | None = None) -> Sequence[Axes]:
    """Return ``ax``, a pair of axes, or a new pair side by side in the project's style."""
    return new_row(2, ax)


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


def class_numbers(labels: Tensor) -> Tensor:
    """Return class numbers, (n,), where one column for each class, (n, k), may have come: one-hot, or a model's output."""
    return labels.argmax(-1) if labels.ndim == 2 else labels
