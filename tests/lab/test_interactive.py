import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from ipywidgets import FloatSlider, Image, SelectionSlider

from minidl.lab.interactive import explore


@pytest.fixture
def line():
    _, ax = plt.subplots(layout="constrained")
    (line,) = ax.plot([0, 1], [0, 1])
    return line


def test_the_picture_follows_the_slider(line):
    seen = []

    def update(height):
        seen.append(height)
        line.set_data([0, 1], [0, height])

    slider = FloatSlider(0.5, min=0, max=1)
    box = explore(line.figure, update, height=slider)
    (image,) = (child for child in box.children if isinstance(child, Image))
    first = bytes(image.value)
    assert first.startswith(b"\x89PNG")
    slider.value = 0.75
    assert bytes(image.value) != first
    slider.value = 0.5
    assert bytes(image.value) == first  # nothing else has moved
    assert seen == [0.5, 0.75, 0.5]


def test_the_figure_is_shown_once(line):
    explore(line.figure, lambda: None)
    assert not plt.get_fignums()


def test_a_slider_is_named_after_what_it_sets(line):
    named, letter, word = FloatSlider(description="log10 step"), FloatSlider(), FloatSlider()
    explore(line.figure, lambda a, b, lr: None, a=named, b=letter, lr=word)
    assert (named.description, letter.description, word.description) == ("log10 step", "$b$", "lr")


def test_pictures_have_twice_the_pixels_and_the_size_of_the_figure(line):
    box = explore(line.figure, lambda: None)
    (image,) = (child for child in box.children if isinstance(child, Image))
    width = int.from_bytes(bytes(image.value)[16:20])  # of a PNG
    assert 2 * int(image.layout.width.removesuffix("px")) == width


def test_a_film_plays_through_all_of_its_options(line):
    box = explore(line.figure, lambda epoch: None, play=True, epoch=SelectionSlider(options=[0, 10, 20]))
    button, slider = box.children[0].children
    assert (button.min, button.max) == (0, 2)
    assert slider.options == (0, 10, 20)


def test_what_goes_wrong_on_the_way_in_is_raised(line):
    with pytest.raises(ZeroDivisionError):
        explore(line.figure, lambda x: 1 / x, x=FloatSlider(0.0))


def test_a_function_that_draws_is_asked_again_on_the_same_axes():
    seen = []

    def draw(height, ax=None):
        ax = plt.subplots()[1] if ax is None else ax
        ax.plot([0, 1], [0, height])
        seen.append((ax, height, len(ax.lines), ax.get_ylim()))
        return ax

    slider = FloatSlider(0.5, min=0, max=1)
    box = explore(draw, height=slider)
    slider.value = 1.0
    axes, heights, lines, _ = zip(*seen, strict=True)
    assert len(set(axes)) == 1
    assert heights[0] == 0.5
    assert heights[-1] == 1.0
    assert set(lines) == {1}, "what was drawn before is still there"
    assert axes[0].get_ylim() == seen[0][3], "the axes jump"
    assert not box.children[-1].outputs


def test_a_picture_of_the_start_stands_in_where_nobody_can_move(line):
    data, about = explore(line.figure, lambda: line.axes.set_title("a title"))._repr_mimebundle_()
    assert {"image/png", "application/vnd.jupyter.widget-view+json"} <= data.keys()
    assert about["image/png"]["alt"].startswith("a title")


@pytest.mark.parametrize("with_figure", [True, False])
def test_a_figure_has_an_update_and_a_function_has_none(line, with_figure):
    with pytest.raises(
        ValueError, match="explore expected a figure and update, or a function that draws and no update"
    ):
        explore(line.figure) if with_figure else explore(lambda ax: line.axes, lambda: None)


def test_what_is_kept_is_what_would_be_drawn():
    """Below what moves, things are drawn once: wherever the slider has been, the picture is that of a new figure."""

    def draw(x, ax=None):
        ax = plt.subplots(figsize=(2, 2))[1] if ax is None else ax
        ax.imshow(np.eye(4), extent=(0, 1, 0, 1))
        ax.plot([0, 1], [0, 1], color="white")
        ax.plot([x, x], [0.2, 0.8], color="red", linewidth=9)
        ax.text(0.5, 0.5, "still", zorder=4)
        ax.text(0.2, 0.2, "over 0.5" if x > 0.5 else "", zorder=5)
        assert len(ax.images) == 1
        return ax

    def pixels(box):
        (image,) = (child for child in box.children if isinstance(child, Image))
        return plt.imread(io.BytesIO(image.value))

    slider = FloatSlider(0.5, min=0, max=1)
    box = explore(draw, x=slider)
    for x in (0.75, 0.25, 0.85, 0.5, 0.75):
        slider.value = x
        np.testing.assert_array_equal(pixels(box), pixels(explore(draw, x=FloatSlider(x, min=0, max=1))))
    assert not box.children[-1].outputs
