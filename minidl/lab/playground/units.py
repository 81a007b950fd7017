"""The network as a drawing: a small picture for each unit, lines for the weights, a mark for units that are dead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from minidl.lab.figures.style import BLUE, GREY, ORANGE
from minidl.lab.playground.learner import COARSE, Look
from minidl.lab.playground.shades import sheet
from minidl.lab.playground.svg import INK, element, image, path, text

GAP = 2  # pixels between two units' pictures, of which each has COARSE
LARGEST, SMALLEST = 72.0, 6.0  # of a unit's picture
WIDTHS = 6  # how many line widths there are
WIDEST = 3.2
MANY = 200  # weights between two layers: the finest lines would make a grey cloth


@dataclass(frozen=True)
class Column:
    """Where the pictures of a layer's units stand: ``size`` is a picture's, ``pitch`` that and the gap."""

    x: float
    y: float
    size: float
    pitch: float
    rows: int
    units: int

    @property
    def width(self) -> float:
        return -(-self.units // self.rows) * self.pitch

    def corner(self, unit: int) -> tuple[float, float]:
        column, row = divmod(unit, self.rows)
        return self.x + column * self.pitch, self.y + row * self.pitch

    def ends(self, right: bool) -> np.ndarray:
        """Return where lines begin (right) or end (left): the middles of the pictures' sides, shape (units, 2)."""
        corners = np.array([self.corner(unit) for unit in range(self.units)])
        return corners + np.array([self.size if right else 0, self.size / 2])


def columns(counts: list[int], width: float, top: float, height: float) -> list[Column]:
    """Return where the layers stand, side by side: pictures as large as fits, with two fifths of the width for the lines."""
    size = LARGEST
    while size > SMALLEST and sum(-(-n // _rows(size, height)) * _pitch(size) for n in counts) > 0.6 * width:
        size -= 1
    rows, pitch = _rows(size, height), _pitch(size)
    # as many in each column of a layer as can be: 25 units are 13 and 12
    shared = [-(-n // -(-n // rows)) for n in counts]
    taken = [-(-n // r) * pitch for n, r in zip(counts, shared, strict=True)]
    between = (width - sum(taken)) / max(1, len(counts) - 1)
    return [
        Column(
            x=sum(taken[:k]) + k * between,
            y=top + (height - min(n, r) * pitch) / 2,
            size=size,
            pitch=pitch,
            rows=r,
            units=n,
        )
        for k, (n, r) in enumerate(zip(counts, shared, strict=True))
    ]


def _pitch(size: float) -> float:
    return size * (COARSE + GAP) / COARSE


def _rows(size: float, height: float) -> int:
    return max(1, int(height // _pitch(size)))


def network(look: Look, width: float, top: float, height: float, hints: bool) -> str:
    """Return the drawing of the network; with hints, units say how often they are awake where a pointer rests on them."""
    low, high = look.side
    along = low + (np.arange(COARSE) + 0.5) / COARSE * (high - low)
    inputs = np.stack([np.tile(along, (COARSE, 1)), np.tile(along[:, None], (1, COARSE))])
    pictures = [inputs, *look.units]
    places = columns([len(layer) for layer in pictures], width, top, height)
    lines = [_lines(a, b, w) for a, b, w in zip(places, places[1:], look.weights, strict=False)]
    layers = [_layer(place, layer) for place, layer in zip(places, pictures, strict=True)]
    marks = [_dead(place, dead) for place, dead in zip(places[1:], look.dead, strict=True)]
    titles = [_titles(place, k, look) for k, place in enumerate(places[1:], 1)] if hints else []
    return "".join([*lines, *layers, *marks, *_names(look, places, top), *titles])


def _lines(left: Column, right: Column, weights: np.ndarray) -> str:
    """Return a line for each weight, the wider the larger it is; negative ones are dashed, and the smallest are left out."""
    largest = np.abs(weights).max()
    if not np.isfinite(largest) or not largest:
        return ""
    steps = (np.abs(weights) / largest * WIDTHS).round().astype(int)
    starts, ends = ([f"{x:.0f} {y:.0f}" for x, y in side] for side in (left.ends(right=True), right.ends(right=False)))
    drawn = []
    for step in range(1 + (weights.size > MANY), WIDTHS + 1):
        wide, strong = WIDEST * step / WIDTHS, f"{0.15 + 0.75 * (step / WIDTHS) ** 1.5:.2f}"
        for colour, dashes, are_such in ((ORANGE, "none", weights > 0), (BLUE, "5 3", weights < 0)):
            chosen = zip(*np.nonzero((steps == step) & are_such), strict=True)
            d = "".join([f"M{starts[i]}L{ends[j]}" for i, j in chosen])
            drawn.append(path(d, stroke=colour, width=wide, stroke_opacity=strong, stroke_dasharray=dashes))
    return "".join(drawn)


def _layer(place: Column, pictures: np.ndarray) -> str:
    size, high = f"{place.size:.1f}", min(place.rows, place.units) * place.pitch
    corners = [place.corner(unit) for unit in range(place.units)]
    frames = "".join(f"M{x:.1f} {y:.1f}h{size}v{size}h-{size}z" for x, y in corners)
    drawn = image(sheet(pictures, place.rows, GAP), place.x, place.y, place.width, high)
    return element("path", d=frames, fill="#fff", stroke=GREY, stroke_width=1.2) + drawn


def _dead(place: Column, dead: np.ndarray) -> str:
    """Return a cross over each unit that is dead."""
    inset = 0.15 * place.size
    side = place.size - 2 * inset
    corners = [place.corner(unit) for unit in np.nonzero(dead)[0]]
    way = f"l{side:.1f} {side:.1f}m0 {-side:.1f}l{-side:.1f} {side:.1f}"
    return path("".join(f"M{x + inset:.1f} {y + inset:.1f}{way}" for x, y in corners), stroke=INK, width=1.6)


def _names(look: Look, places: list[Column], top: float) -> Iterator[str]:
    """Yield what stands above the columns, and beside the input and the output."""
    first, last = places[0], places[-1]
    for k, place in enumerate(places[1:-1], 1):
        middle, dead = place.x + (place.width - place.pitch + place.size) / 2, int(look.dead[k - 1].sum())
        yield text(middle, top - 22, f"layer {k}", small=False, anchor="middle")
        units = f"{place.units} unit{'s' * (place.units > 1)}"
        yield text(middle, top - 8, f"{units}, {dead} dead" if dead else units, anchor="middle")
    yield text(first.x, top - 22, "input", small=False)
    yield text(last.x + last.size, top - 22, "output", small=False, anchor="end")
    for unit, (name, sign) in enumerate((("class 0", "x₁"), ("class 1", "x₂"))):
        gap = -4 if unit == 0 else first.size + 13
        yield text(first.x, first.corner(unit)[1] + gap, sign)
        yield text(last.x + last.size, last.corner(unit)[1] + gap, name, anchor="end")


def _titles(place: Column, number: int, look: Look) -> str:
    """Return an unseen field over each unit, with words that the browser shows where a pointer rests on it."""
    fields = []
    for unit, (x, y) in enumerate(map(place.corner, range(place.units))):
        words = _state(look, number - 1, unit) if number < len(look.units) else f"output for class {unit}"
        hint = element("title", words)
        fields.append(element("rect", hint, x=x, y=y, width=place.size, height=place.size, fill_opacity=0))
    return "".join(fields)


def _state(look: Look, layer: int, unit: int) -> str:
    share = look.awake[layer][unit]
    state = f"other than 0 for {share:.0%} of the training points"
    return (
        f"layer {layer + 1}, unit {unit + 1}: {'dead, 0 for every training point' if look.dead[layer][unit] else state}"
    )
