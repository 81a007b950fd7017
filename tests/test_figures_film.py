"""Pictures of learning: the film, the flipbook, and the zero lines of hidden units."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch import nn

from minidl import Linear, ReLU, Sequential, Tanh
from minidl.lab import figures
from minidl.lab.disk import disk

pytestmark = pytest.mark.usefixtures("agg")


def right_of(border):
    """Return a model that says inside where x_1 is above a number."""

    def model(points):
        inside = (points[:, 0] > border).to(points.dtype)
        return torch.stack([1 - inside, inside], dim=-1)

    return model


MODELS = {0: right_of(2.0), 3: right_of(0.25), 40: right_of(0.75)}


@pytest.fixture
def data(generator):
    return disk(50, generator=generator)


def share_right(model, data):
    return (model(data[0]).argmax(-1) == data[1].argmax(-1)).double().mean().item()


def share_shaded(ax):
    """Return which part of the square is shaded as inside, in the one visible picture."""
    (image,) = [image for image in ax.images if image.get_visible()]
    return (image.get_array() > 0).mean()


class TestFilm:
    def test_a_picture_for_each_moment(self):
        pictures = figures.film(MODELS)
        assert [ax.get_title(loc="center") for ax in pictures] == ["epoch 0", "epoch 3", "epoch 40"]
        np.testing.assert_allclose([share_shaded(ax) for ax in pictures], [0, 0.75, 0.25], atol=0.01)
        assert [len(ax.collections) for ax in pictures] == [0, 1, 1]  # no border where all is outside
        assert [bool(ax.get_ylabel()) for ax in pictures] == [True, False, False]
        for ax in pictures:
            assert ax.get_xlim() == ax.get_ylim() == (0, 1)
            assert len(ax.patches) == 1  # the disk's edge

    def test_points_and_their_accuracy(self, data):
        for ax, model in zip(figures.film(MODELS, data), MODELS.values(), strict=True):
            assert ax.get_title(loc="center").endswith(f"\n{share_right(model, data):.0%} right")
            outside, inside = ax.collections[-2:]
            assert len(outside.get_offsets()) + len(inside.get_offsets()) == 50
            assert ax.get_legend() is None

    def test_one_moment(self):
        (ax,) = figures.film({7: nn.Linear(2, 2)})
        assert ax.get_title(loc="center") == "epoch 7"

    def test_a_picture_too_few(self):
        _, axes = plt.subplots(1, 2)
        with pytest.raises(ValueError, match="longer"):
            figures.film(MODELS, ax=axes)


class TestFlipbook:
    def test_one_page_is_visible_at_a_time(self, data):
        ax, turn_to = figures.flipbook(MODELS, data)
        assert len(ax.images) == 3
        for epoch, share in ((0, 0), (3, 0.75), (40, 0.25), (3, 0.75)):
            turn_to(epoch)
            assert share_shaded(ax) == pytest.approx(share, abs=0.01)
            borders = [drawn for drawn in ax.collections[:2] if drawn.get_visible()]
            assert len(borders) == (epoch > 0)
            assert all(drawn.get_visible() for drawn in ax.collections[2:])  # the points stay
            assert ax.get_title(loc="left") == f"epoch {epoch}, {share_right(MODELS[epoch], data):.0%} right"

    def test_begins_with_the_first_page(self):
        ax, _ = figures.flipbook(MODELS)
        assert ax.get_title(loc="left") == "epoch 0"
        assert share_shaded(ax) == 0
        assert ax.get_legend() is None

    def test_shows_what_decision_regions_show(self, data):
        ax, turn_to = figures.flipbook(MODELS, data)
        turn_to(40)
        alone = figures.decision_regions(MODELS[40]).images[0]
        (page,) = [image for image in ax.images if image.get_visible()]
        np.testing.assert_array_equal(page.get_array(), alone.get_array())
        assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_aspect()) == ("$x_1$", "$x_2$", 1)
        assert len(ax.patches) == 1

    def test_turning_a_page_computes_nothing(self):
        calls = []

        def model(points):
            calls.append(len(points))
            return right_of(0.5)(points)

        ax, turn_to = figures.flipbook({0: model, 1: model})
        drawn, artists = len(calls), len(ax.get_children())
        turn_to(1)
        turn_to(0)
        assert (len(calls), len(ax.get_children())) == (drawn, artists)

    def test_every_page_is_drawn_differently(self):
        ax, turn_to = figures.flipbook(MODELS)
        pictures = set()
        for epoch in MODELS:
            turn_to(epoch)
            ax.figure.savefig(file := io.BytesIO(), format="rgba")
            pictures.add(file.getvalue())
        assert len(pictures) == 3

    def test_into_the_axes_given(self):
        _, (left, right) = plt.subplots(1, 2)
        ax, _ = figures.flipbook(MODELS, ax=right)
        assert ax is right
        assert not left.has_data()

    def test_a_page_that_is_not_there(self):
        with pytest.raises(KeyError):
            figures.flipbook(MODELS)[1](5)


def linear(weight, bias):
    layer = Linear(len(weight), len(bias), dtype=torch.float64)
    layer.params["weight"].copy_(torch.tensor(weight))
    layer.params["bias"].copy_(torch.tensor([bias]))
    return layer


@pytest.fixture
def model():
    """Return 2-3-2-2. First layer: x_1 = 0.25, x_1 + x_2 = 1, and 5, nowhere zero. Second: relu(x_1 - 0.25) = 0.5, and 1."""
    first = linear([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]], [-0.25, -1.0, 5.0])
    second = linear([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]], [-0.5, 1.0])
    return Sequential(first, ReLU(), second, ReLU(), linear([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]))


class TestZeroLines:
    def test_lines_lie_where_units_are_zero(self, model):
        first, second = figures.zero_lines(model)
        vertical, diagonal = [line.get_paths()[0].vertices for line in first.collections]
        np.testing.assert_allclose(vertical[:, 0], 0.25)
        assert (vertical[:, 1].min(), vertical[:, 1].max()) == (0, 1)
        np.testing.assert_allclose(diagonal.sum(1), 1)
        (late,) = [line.get_paths()[0].vertices for line in second.collections]
        np.testing.assert_allclose(late[:, 0], 0.75)

    def test_titles_count_them(self, model):
        titles = [ax.get_title(loc="center") for ax in figures.zero_lines(model)]
        assert titles == ["layer 1: 2 of 3 units", "layer 2: 1 of 2 units"]

    def test_the_square_and_the_disk(self, model):
        for ax in figures.zero_lines(model):
            assert ax.get_xlim() == ax.get_ylim() == (0, 1)
            assert ax.get_xlabel() == "$x_1$"
            assert len(ax.patches) == 1

    def test_nested_models_and_other_activations(self, model):
        nested = Sequential(Sequential(model[0], Tanh()), Sequential(model[2]))
        (only,) = figures.zero_lines(nested)
        assert only.get_title(loc="center") == "layer 1: 2 of 3 units"

    def test_into_the_axes_given(self, model):
        _, axes = plt.subplots(1, 2)
        assert list(figures.zero_lines(model, ax=axes)) == list(axes)
        assert len(plt.get_fignums()) == 1

    def test_no_hidden_layer(self):
        with pytest.raises(ValueError, match="with hidden layers, got Sequential"):
            figures.zero_lines(Sequential(Linear(2, 2)))
