import matplotlib.pyplot as plt
import pytest
from ipywidgets import FloatSlider, Image

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
    named, unnamed = FloatSlider(description="log10 step"), FloatSlider()
    explore(line.figure, lambda a, b: None, a=named, b=unnamed)
    assert (named.description, unnamed.description) == ("log10 step", "b")


def test_what_goes_wrong_on_the_way_in_is_raised(line):
    with pytest.raises(ZeroDivisionError):
        explore(line.figure, lambda x: 1 / x, x=FloatSlider(0.0))
