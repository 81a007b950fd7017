"""Loss and accuracy against the epoch, as small drawings."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from minidl.lab.figures.style import GREY
from minidl.lab.playground.svg import INK, element, path, text

MOST = 150  # points of a curve: more could not be seen

LOOKS = ((GREY, "5 3"), (INK, "none"))  # of training and test, dashed and solid as in figures; colours mean classes


def curve(
    records: np.ndarray,
    title: str,
    x: float,
    y: float,
    width: float,
    height: float,
    logarithmic: bool,
    changes: Sequence[float] = (),
) -> str:
    """Return a drawing of two curves, shape (epochs, 2): training points (dashed) and test points (solid).

    After so many epochs as ``changes`` say, a dotted line marks that a setting was changed.
    """
    box = element("rect", x=x, y=y, width=width, height=height, fill="#fff", stroke="#c3c3c3") + text(x, y - 6, title)
    finite = records[np.isfinite(records).all(-1)]
    if not len(finite):
        return box + text(x + 8, y + height / 2, "from epoch 1 on")
    heights = np.log10(np.maximum(finite, 1e-12)) if logarithmic else finite
    low, high = _range(heights, logarithmic)
    kept = np.unique(np.linspace(0, len(heights) - 1, min(MOST, len(heights))).round().astype(int))
    across = x + kept / max(1, len(heights) - 1) * width
    up = y + height - (heights[kept] - low) / (high - low) * height
    places = [min(x + width, x + max(0, epoch - 1) / max(1, len(heights) - 1) * width) for epoch in changes[-MOST:]]
    marks = "".join(f"M{place:.1f} {y:.1f}v{height}" for place in dict.fromkeys(places))
    lines = [path(marks, stroke=GREY, width=1.4, stroke_dasharray="1.5 3")]
    for column, (colour, dashes) in enumerate(LOOKS):
        points = " ".join([f"{a:.1f},{b:.1f}" for a, b in zip(across, up[:, column], strict=True)])
        look = {"fill": "none", "stroke": colour, "stroke_width": 1.8, "stroke_dasharray": dashes}
        lines.append(element("polyline", points=points, **look))
    above, below = (f"{10.0**end:g}" if logarithmic else f"{end:.0%}" for end in (high, low))
    return "".join(
        [
            box,
            *lines,
            text(x - 4, y + 9, above, anchor="end"),
            text(x - 4, y + height, below, anchor="end"),
            text(x + width, y + height + 13, f"epoch {len(records)}", anchor="end"),
        ]
    )


def _range(heights: np.ndarray, logarithmic: bool) -> tuple[float, float]:
    """Return where the axis begins and ends."""
    if logarithmic:
        low = math.floor(heights.min())
        return low, max(low + 1, math.ceil(heights.max()))
    return min(0.4, math.floor(10 * heights.min()) / 10), 1.0
