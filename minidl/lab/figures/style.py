"""What all figures share: colours, line styles and markers, axes in the project's style, and files.

Colours are those of seaborn's colour-blind palette and never stand alone: line style, marker or hatching says the same.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import cycler
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from PIL import Image
from torch import Tensor

from minidl.lab.arguments import as_numbers, check_whole, checked

BLUE, ORANGE, GREEN, RED, PURPLE, GREY = "#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#6b6b6b"
COLOURS = {"forward": BLUE, "backward": RED, "minidl": GREEN, "PyTorch": PURPLE, "framework": ORANGE}
LINES = {"forward": "-", "backward": "--", "minidl": "-", "PyTorch": "--", "framework": "-"}
LOOK_OF = {name: {"color": COLOURS[name], "linestyle": LINES[name]} for name in COLOURS}
DASHES = ["-", "--", "-.", ":", (0, (6, 2, 1, 2)), (0, (1, 3))]
# of the first, second ... line where names have no look of their own
LOOKS = list(cycler(color=[BLUE, RED, GREEN, PURPLE, GREY, ORANGE], linestyle=DASHES))
MARKERS = "osv^DP"
NARROW, WIDE = 6.5, 10.5  # inches: figures of one panel, and of several
PALE = {"linewidth": 7, "alpha": 0.35, "linestyle": "-"}  # a tube: the line that lies inside is seen as well
# Below zero, zero, above; outside, undecided, inside: pale where text lies on it, and strong
REGIONS = LinearSegmentedColormap.from_list("regions", ["#a8cfe8", "#ffffff", "#f7d7a0"], N=33)
SIGNS = LinearSegmentedColormap.from_list("signs", [BLUE, "#ffffff", ORANGE], N=65)

STYLE = {
    "savefig.dpi": 150,
    "figure.constrained_layout.use": True,
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
def new_axes(ax: Axes | None = None, *, size: tuple[float, float] = (NARROW, 3.6)) -> Axes:
    """Return ``ax``, or new axes in the project's style, with a figure of that size in inches."""
    return new_row(1, None if ax is None else [ax], size=size)[0]


@in_style
def new_row(
    columns: int, ax: Sequence[Axes] | None = None, *, size: tuple[float, float] = (WIDE, 3.8), sharey: bool = False
) -> Sequence[Axes]:
    """Return ``ax``, that many axes, or new ones side by side in the project's style."""
    check_whole("new_row", "columns", columns)
    if not all(0 < inches < 100 for inches in size):
        raise ValueError(f"a figure expected size in inches, above 0 and below 100, got {size}")
    if ax is None:
        ax = plt.subplots(1, columns, figsize=size, sharey=sharey, squeeze=False)[1][0]
    if len(ax) != columns:
        raise ValueError(f"a figure expected {columns} axes, got {len(ax)}")
    return ax


def without_axes(ax: Axes, words: str, **limits: Any) -> Axes:
    """Finish a picture that has no axes to be seen: its limits, and its description in words."""
    ax.set(label=words, **limits)
    ax.set_axis_off()
    return ax


def number(value: float, digits: str = ".3g") -> str:
    """Return a number with at most three digits and a true minus sign; never -0."""
    return f"{float(value) + 0.0:{digits}}".replace("-", "−")


def png(figure: Figure, dpi: float) -> bytes:
    """Return a figure as a PNG: drawn once, where its own ``savefig`` would lay it out and draw it twice."""
    own, canvas = figure.dpi, figure.canvas
    figure.set_dpi(dpi)
    agg = FigureCanvasAgg(figure)
    agg.draw()
    figure.set_dpi(own)
    figure.set_canvas(canvas)
    return few_colours(Image.fromarray(np.asarray(agg.buffer_rgba())))


def few_colours(picture: Image.Image) -> bytes:
    """Return a picture as a PNG of at most 256 colours: a third of the bytes, and the eye sees no difference."""
    small = io.BytesIO()
    picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(small, "png", compress_level=9)
    return small.getvalue()


@in_style
def save(figure: Figure, path: str | Path, formats: Sequence[str] = ("png", "pdf", "svg")) -> list[Path]:
    """Save a figure as ``path`` with each of the endings, and return the paths.

    The files hold no date, so that the same figure gives the same file.
    """
    paths = [Path(path).with_suffix(f".{ending}") for ending in formats]
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # each drawing would move the axes a little further: the next file would differ
    for target in paths:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.suffix == ".png":
            target.write_bytes(png(figure, plt.rcParams["savefig.dpi"]))
        else:
            figure.savefig(target, metadata={"CreationDate" if target.suffix == ".pdf" else "Date": None})
    return paths


def plain_logarithm(ax: Axes) -> None:
    """Let logarithmic axes say 0.5, 1, 2 where they span few powers of ten, and 0.01, 1, 100 where they span more."""
    for axis in (axis for axis in (ax.xaxis, ax.yaxis) if axis.get_scale() == "log"):
        low, high = axis.get_view_interval()
        if low > 1e-5 and high < 1e6:  # beyond, powers of ten are easier to read than their zeros
            axis.set_major_formatter("{x:g}")
            if high < 300 * low:
                axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
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
