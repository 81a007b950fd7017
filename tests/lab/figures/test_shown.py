"""What Jupyter shows of a figure: a sharp picture, and a description for those who cannot see it."""

from __future__ import annotations

import base64
import io

import matplotlib.pyplot as plt
import pytest
from PIL import Image
from test_every_figure import DRAW

from minidl.lab.figures.shown import description, picture

pytestmark = pytest.mark.usefixtures("agg")

FRAMES = {"new_axes", "new_row"}  # nothing is in them


def figure_of(name):
    drawn = DRAW[name]()
    return drawn.figure if isinstance(drawn, plt.Axes) else drawn[0].figure


def test_every_figure_is_described_and_no_two_alike():
    words = {}
    for name in sorted(DRAW.keys() - FRAMES):
        words[name] = description(figure_of(name))
        plt.close("all")
        assert len(words[name].split()) >= 5, name
        assert not set("$\\{}") & set(words[name]), name
    assert len(set(words.values())) == len(words)


def test_a_picture_has_two_pixels_for_each_of_the_screen():
    figure = figure_of("descent")
    data, about = picture(figure)
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (2 * about["width"], 2 * about["height"])
    assert about["width"] == round(figure.get_figwidth() * 100)
    assert about["alt"] == description(figure)


def test_lines_are_described_by_their_ends():
    _, ax = plt.subplots()
    ax.plot([1, 2, 3], [4, 0, 2.5], label="$w_1$, a weight")
    ax.set(xlabel="step", ylabel="value", title="A title")
    assert description(ax.figure) == "A title. value against step: w_1, a weight, from 4 to 2.5."
    ax.set_label("Something else")
    assert description(ax.figure) == "A title. Something else."
