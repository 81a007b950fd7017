import matplotlib.pyplot as plt
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
