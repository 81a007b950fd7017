"""What all figures share: colours, line styles and markers, axes in the project's style, and files.

Colours are those of seaborn's colour-blind palette and never stand alone: line style, marker or hatching says the same.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from PIL import Image
from torch import Tensor

from minidl.lab.arguments import as_numbers, check_whole, checked

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
)  # outside, undecided, inside; below zero, zero, above
SIGNS = LinearSegmentedColormap.from_list(
    "signs", [BLUE, "#ffffff", ORANGE], N=65
)  # the same, where no text lies on it
HEIGHTS = LinearSegmentedColormap.from_list("heights", ["#ffffff", "#c6d3de"])  # a map's: the lower, the paler
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


def in_style(function: Callable) -> Callable:
    """Decorate a figure: it has the project's style in every setting, and its arguments are what the signature says."""
    return checked(plt.style.context(WHOLE_STYLE)(function))


@in_style
def new_axes(ax: Axes | None = None, *, size: tuple[float, float] = (5, 3.6)) -> Axes:
    """Return ``ax``, or new axes in the project's style, with a figure of that size in inches."""
    if ax is None:
        if not all(0 < inches < 100 for inches in size):
            raise ValueError(f"new_axes expected size in inches, above 0 and below 100, got {size}")
        _, ax = plt.subplots(figsize=size)
    return ax


@in_style
def new_row(columns: int, ax: Sequence[Axes] | None = None) -> Sequence[Axes]:
    """Return ``ax``, that many axes, or new ones side by side in the project's style."""
    check_whole("new_row", "columns", columns)
    if ax is None:
        _, ax = plt.subplots(1, columns, figsize=(WIDE, 3.8), squeeze=False)
        ax = ax[0]
    if len(ax) != columns:
        raise ValueError(f"new_row expected {columns} axes, got {len(ax)}")
    return ax


@in_style
def new_pair(ax: Sequence[Axes] | None = None) -> Sequence[Axes]:
    """Return ``ax``, a pair of axes, or a new pair side by side in the project's style."""
    return new_row(2, ax)


def png(figure: Figure, dpi: float, bbox_inches: str | None = None) -> bytes:
    """Return a figure as a PNG of at most 256 colours: a third of the bytes, and the eye sees no difference."""
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, dpi=dpi, format="png", bbox_inches=bbox_inches)
    Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(small, "png", compress_level=9)
    return small.getvalue()


@in_style
def save(figure: Figure, path: str | Path, formats: Sequence[str] = ("png", "pdf", "svg")) -> list[Path]:
    """Save a figure as ``path`` with each of the endings, and return the paths.

    The files hold no date, so that the same figure gives the same file.
    """
    paths = [Path(path).with_suffix(f".{ending}") for ending in formats]
    positions = [(axes, axes.get_position(original=True)) for axes in figure.axes]
    for target in paths:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.suffix == ".png":
            target.write_bytes(png(figure, plt.rcParams["savefig.dpi"]))
        else:
            figure.savefig(target, metadata={"CreationDate" if target.suffix == ".pdf" else "Date": None})
        for axes, position in positions:  # each drawing moves the axes a little further: the next file would differ
            axes.set_position(position)
            axes.set_in_layout(True)  # set_position takes them out
    return paths


def plain_logarithm(axis: Axis) -> None:
    """Let a logarithmic axis say 0.5, 1, 2 where it spans few powers of ten, and 0.01, 1, 100 where it spans more."""
    low, high = axis.get_view_interval()
    powers = math.log10(high / low) if 0 < low < high else 0.0
    if powers < 6:  # beyond, powers of ten are easier to read than their zeros
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if powers < 2.5 else (1,)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def class_numbers(owner: str, name: str, labels: Tensor) -> Tensor:
    """Return class numbers, (n,), where one column for each class, (n, k), may have come: one-hot, or a model's output.

    Raises TypeError or ValueError, in the name of the owner, for anything else.
    """
    labels = as_numbers(owner, name, labels, "(n,)", "(n, k)", finite=False)
    if labels.ndim == 2:
        return labels.argmax(-1)
    if labels.is_floating_point() or labels.min() < 0 or labels.max() > 999:
        raise ValueError(f"{owner} expected {name} to be class numbers, whole and from 0 to 999, got {labels.tolist()}")
    return labels.long()
