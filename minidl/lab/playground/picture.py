"""One drawing of all that is to be seen of a training at one moment. It depends on the look alone."""

from __future__ import annotations

import html

import numpy as np

from minidl.lab.disk import CENTRE, RADIUS
from minidl.lab.figures.style import BLUE, GREY, ORANGE
from minidl.lab.playground.curves import curve
from minidl.lab.playground.learner import Look
from minidl.lab.playground.shades import border, shade
from minidl.lab.playground.svg import INK, element, image, path, text
from minidl.lab.playground.units import network

WIDTH, HEIGHT = 1000, 578
NETWORK, TOP, TALL = 610, 62, 460  # the network's width, where it begins, and its height
SQUARE, LEFT = 320, 672  # the square's size, and where it begins
CURVE, SECOND, BELOW = 136, LEFT + SQUARE - 136, TOP + SQUARE + 46  # a curve's width, and where they begin
NARROW = 840  # pixels: JupyterLab shows a stored drawing as wide as it is, and a cell has no more
SHOWN = 250  # points of each kind: more would hide what lies below
STYLE = (
    "font-family:system-ui,sans-serif;font-size:13px;background:#fff;border-radius:6px;"
    "max-width:100%;height:auto;display:block"
)
SMALL = "<style>.playground .small{font-size:11.5px}</style>"
UNITS = (
    "A square: what an input is, or a unit puts out, all over the plane, orange above 0, white 0, blue below. "
    "A cross: a dead unit, which puts out 0 for every training point."
)
LINES = (
    "Lines are weights: orange and solid above 0, blue and dashed below. Black line: where the two answers are equal{}."
).format
CHANGED = ", dotted: a setting changed"
RING = "; dotted ring: the true border"


class Still:
    """A picture that does not move: Jupyter stores it with its description in words, and web pages show both."""

    def __init__(self, look: Look) -> None:
        self.look = look

    def __repr__(self) -> str:
        return description(self.look)

    def _repr_svg_(self) -> tuple[str, dict[str, str]]:
        return picture(self.look, hints=False, width=NARROW), {"alt": description(self.look)}


def picture(look: Look, hints: bool = True, width: int = WIDTH + 12) -> str:
    """Return the drawing as SVG, with a description in words; ``hints`` are words that a resting pointer shows."""
    loss, accuracy = look.records[:, 0], look.records[:, 1]
    parts = [
        SMALL,
        text(0, 16, _heading(look), small=False, font_weight=600),
        network(look, NETWORK, TOP, TALL, hints),
        _square(look),
        curve(loss, "loss per point, logarithmic", LEFT, BELOW, CURVE, 84, True, look.changes),
        curve(accuracy, "share of right answers", SECOND, BELOW, CURVE, 84, False, look.changes),
        text(LEFT, BELOW + 84 + 28, "dashed: training, solid: test" + CHANGED * bool(look.changes)),
        text(0, HEIGHT - 20, UNITS),
        text(0, HEIGHT - 4, LINES(RING * (look.settings.data == "disk"))),
    ]
    about = {
        "xmlns": "http://www.w3.org/2000/svg",
        "class": "playground",
        "role": "img",
        "aria_label": html.escape(description(look)),
    }
    size = {"width": width, "height": round(HEIGHT * width / (WIDTH + 12))}
    size["viewBox"] = f"-6 0 {WIDTH + 12} {HEIGHT}"
    return element("svg", "".join(parts), **about, **size, style=STYLE, fill=INK)


def description(look: Look) -> str:
    """Return in words what the picture shows."""
    settings = look.settings
    widths = "-".join(map(str, settings.widths))
    dead = [int(layer.sum()) for layer in look.dead[:-1]]
    told = f"{sum(dead)} of {sum(settings.hidden)} hidden units are dead" if any(dead) else "no unit is dead"
    says = f"the network says class {int(look.answer.mean() > 0)} everywhere"
    if look.answer.min() < 0 < look.answer.max():
        says = f"the network says class 1 in {np.mean(look.answer > 0):.0%} of the square, and class 0 in the rest"
    if not np.isfinite(look.answer).all():
        says = "the network's answers are no longer finite"
    what = f"A network {widths} with {settings.activation} learns {look.words}. {_heading(look)}"
    changed = "; dotted lines in the curves mark where a setting was changed" if look.changes else ""
    return f"{what}. In the picture, {says}; {told}{changed}."


def _heading(look: Look) -> str:
    moment = f"Epoch {look.epochs + 1}, step {look.step} of {look.steps}" if look.step else f"Epoch {look.epochs}"
    if not look.epochs + look.step:
        return moment
    (loss, test_loss), (right, test_right) = look.now
    return f"{moment}: training loss {loss:.3g}, {right:.1%} right; test loss {test_loss:.3g}, {test_right:.1%} right"


def _square(look: Look) -> str:
    """Return what the network answers over the square, its border, and the points: circles of class 1, crosses of class 0."""
    low, high = look.side
    drawn = [image(shade(look.answer), 0, 0, SQUARE, SQUARE)]
    if look.settings.data == "disk":
        x, y, r = (SQUARE * value for value in (*CENTRE, RADIUS))
        drawn.append(element("circle", cx=x, cy=y, r=r, fill="none", stroke="#555", stroke_dasharray="1 4"))
    drawn.append(path(border(look.answer, SQUARE), stroke="#000", width=1.8))
    drawn += [_points(look.training, look.side, 1), _points(look.test, look.side, 0.4)]
    around = [
        text(0, -22, "what it answers", small=False),
        text(0, -8, "orange, ●: class 1", fill="#8a5a00"),
        text(118, -8, "blue, ×: class 0", fill=BLUE),
        text(SQUARE, -8, "pale: test points", anchor="end"),
        element("svg", "".join(drawn), width=SQUARE, height=SQUARE),
        element("rect", width=SQUARE, height=SQUARE, fill="none", stroke=GREY),
        text(0, SQUARE + 14, f"{low:.3g}"),
        text(SQUARE / 2, SQUARE + 14, "x₁, and x₂ upwards", anchor="middle"),
        text(SQUARE, SQUARE + 14, f"{high:.3g}", anchor="end"),
    ]
    return element("g", "".join(around), transform=f"translate({LEFT} {TOP})")


def _points(points: tuple[np.ndarray, np.ndarray], side: tuple[float, float], strength: float) -> str:
    inputs, is_inside = points[0][:SHOWN], points[1][:SHOWN]
    low, high = side
    at = (inputs - low) / (high - low) * SQUARE
    at[:, 1] = SQUARE - at[:, 1]
    circles = "".join([f"M{x:.0f} {y:.0f}h0" for x, y in at[is_inside].tolist()])
    crosses = "".join([f"M{x:.0f} {y:.0f}l6 6m0-6l-6 6" for x, y in (at[~is_inside] - 3).tolist()])
    dots = path(circles, stroke=ORANGE, width=6, stroke_linecap="round")
    return element("g", dots + path(crosses, stroke=BLUE, width=1.3), opacity=strength)
