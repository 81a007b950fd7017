"""The unit square: points and decision regions, the film, and the zero lines of hidden units."""

from __future__ import annotations

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch import nn

from minidl import Linear, ReLU, Sequential, Tanh
from minidl.lab.disk import disk
from minidl.lab.figures import decision_regions, film, points, zero_lines

pytestmark = pytest.mark.usefixtures("agg")


def says_inside_where(condition):
    """Return a model that says inside, with 1, where a function of x_1 and x_2 holds, and outside elsewhere."""

    def model(points):
        inside = condition(*points.T).to(points.dtype)
        return torch.stack([1 - inside, inside], dim=-1)

    return model


def right_of(border):
    """Return a model that says inside where x_1 is above a number."""
    return says_inside_where(lambda x, y: x > border)


MODELS = {0: right_of(2.0), 3: right_of(0.25), 40: right_of(0.75)}


@pytest.fixture
def data(generator):
    return disk(50, generator=generator)


def circle(ax):
    """Return the one circle in a picture of the unit square."""
    (found,) = [patch for patch in ax.patches if isinstance(patch, plt.Circle)]
    return found


def assert_unit_square(ax):
    assert ax.get_xlim() == ax.get_ylim() == (0, 1)
    assert ax.get_aspect() == 1
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("$x_1$", "$x_2$")
    assert circle(ax).center == (0.5, 0.5)
    assert circle(ax).radius == pytest.approx(1 / math.sqrt(2 * math.pi))
    assert not circle(ax).get_fill()


class TestPoints:
    @pytest.mark.parametrize("labels", ["one-hot", "numbers"])
    def test_every_point_is_drawn_once_in_its_class(self, labels, generator):
        inputs, targets = disk(40, generator=generator, dtype=torch.float64)
        ax = points(inputs, targets if labels == "one-hot" else targets.argmax(-1))
        assert_unit_square(ax)
        outside, inside = ax.collections
        assert (outside.get_label(), inside.get_label()) == ("outside", "inside")
        for drawn, column in ((outside, 0), (inside, 1)):
            expected = inputs[targets[:, column] == 1]
            assert 0 < len(expected) < 40
            np.testing.assert_array_equal(drawn.get_offsets(), expected)
        assert [text.get_text() for text in ax.get_legend().get_texts()] == ["outside", "inside"]
        assert not np.array_equal(outside.get_facecolor(), inside.get_facecolor())
        assert not np.array_equal(outside.get_paths()[0].vertices, inside.get_paths()[0].vertices), "the same markers"

    def test_a_class_may_be_empty(self):
        ax = points(torch.tensor([[0.5, 0.5]]), torch.tensor([[0.0, 1.0]]))
        assert [len(drawn.get_offsets()) for drawn in ax.collections] == [0, 1]


class TestDecisionRegions:
    @pytest.mark.parametrize(
        "condition", [lambda x, y: x > 0.3, lambda x, y: y > 0.6, lambda x, y: x > y + 0.1], ids=["x1", "x2", "both"]
    )
    def test_the_shade_is_where_the_model_says_so(self, condition):
        ax = decision_regions(says_inside_where(condition))
        assert_unit_square(ax)
        (image,) = ax.images
        assert image.origin == "lower"
        assert list(image.get_extent()) == [0, 1, 0, 1]
        assert (image.norm.vmin, image.norm.vmax) == (-1, 1)
        shade = image.get_array()
        assert shade.shape == (120, 120)
        x, y = np.meshgrid(*[torch.linspace(0, 1, 120).numpy()] * 2)
        np.testing.assert_array_equal(shade, np.where(condition(x, y), 1, -1))

    def test_the_border_is_drawn_where_there_is_one(self):
        ax = decision_regions(right_of(0.5))
        (border,) = ax.collections
        (segment,) = [path.vertices for path in border.get_paths()]
        assert np.abs(segment[:, 0] - 0.5).max() < 0.01
        assert segment[:, 1].min() == 0
        assert segment[:, 1].max() == 1
        everywhere = decision_regions(says_inside_where(lambda x, y: x >= 0))
        assert not everywhere.collections
        assert (everywhere.images[0].get_array() == 1).all()

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_models_of_both_frameworks(self, dtype, generator):
        model = Sequential(Linear(2, 3, generator=generator, dtype=dtype), Tanh(), Linear(3, 2, dtype=dtype))
        twin = nn.Sequential(nn.Linear(2, 3, dtype=dtype), nn.Tanh(), nn.Linear(3, 2, dtype=dtype))
        with torch.no_grad():
            for param, (ours, _) in zip(twin.parameters(), model.parameters(), strict=True):
                param.copy_(ours.T if param.ndim == 2 else ours[0])
        ours, theirs = (decision_regions(net).images[0].get_array() for net in (model, twin))
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)
        assert ours.std() > 0.01
        assert all(param.grad is None for param in twin.parameters())

    def test_points_go_over_regions_with_one_circle(self, data):
        ax = points(*data, ax=decision_regions(right_of(0.5)))
        assert_unit_square(ax)
        assert len(ax.images) == 1
        assert len(ax.collections) == 3


def share_right(model, data):
    return (model(data[0]).argmax(-1) == data[1].argmax(-1)).double().mean().item()


def share_shaded(ax):
    """Return which part of the square is shaded as inside, in the one visible picture."""
    (image,) = [image for image in ax.images if image.get_visible()]
    return (image.get_array() > 0).mean()


class TestFilm:
    def test_a_picture_for_each_moment(self):
        pictures = film(MODELS)
        assert [ax.get_title(loc="center") for ax in pictures] == ["epoch 0", "epoch 3", "epoch 40"]
        np.testing.assert_allclose([share_shaded(ax) for ax in pictures], [0, 0.75, 0.25], atol=0.01)
        assert [len(ax.collections) for ax in pictures] == [0, 1, 1]  # no border where all is outside
        assert [bool(ax.get_ylabel()) for ax in pictures] == [True, False, False]
        for ax in pictures:
            assert ax.get_xlim() == ax.get_ylim() == (0, 1)
            assert len(ax.patches) == 1  # the disk's edge

    def test_points_and_their_accuracy(self, data):
        for ax, model in zip(film(MODELS, data), MODELS.values(), strict=True):
            assert ax.get_title(loc="center").endswith(f"\n{share_right(model, data):.0%} right")
            outside, inside = ax.collections[-2:]
            assert len(outside.get_offsets()) + len(inside.get_offsets()) == 50
            assert ax.get_legend() is None

    def test_one_moment(self):
        (ax,) = film({7: nn.Linear(2, 2)})
        assert ax.get_title(loc="center") == "epoch 7"

    def test_a_picture_too_few(self):
        _, axes = plt.subplots(1, 2)
        with pytest.raises(ValueError, match="expected 3 axes, got 2"):
            film(MODELS, ax=axes)


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
        first, second = zero_lines({"trained": model})
        vertical, diagonal = [line.get_paths()[0].vertices for line in first.collections]
        np.testing.assert_allclose(vertical[:, 0], 0.25)
        assert (vertical[:, 1].min(), vertical[:, 1].max()) == (0, 1)
        np.testing.assert_allclose(diagonal.sum(1), 1)
        (late,) = [line.get_paths()[0].vertices for line in second.collections]
        np.testing.assert_allclose(late[:, 0], 0.75)

    def test_titles_count_them(self, model):
        titles = [ax.get_title(loc="center") for ax in zero_lines({"before": model[:3], "after": model})]
        counts = ["layer 1: 2 of 3 units", "layer 2: 1 of 2 units"]
        assert titles == [f"before\n{counts[0]}", *(f"after\n{count}" for count in counts)]

    def test_the_square_and_the_disk(self, model):
        for ax in zero_lines({"trained": model}):
            assert ax.get_xlim() == ax.get_ylim() == (0, 1)
            assert ax.get_xlabel() == "$x_1$"
            assert len(ax.patches) == 1

    def test_nested_models_and_other_activations(self, model):
        nested = Sequential(Sequential(model[0], Tanh()), Sequential(model[2]))
        (only,) = zero_lines({"nested": nested})
        assert only.get_title(loc="center") == "nested\nlayer 1: 2 of 3 units"

    def test_no_hidden_layer(self):
        with pytest.raises(ValueError, match=r"with hidden layers, got .*Sequential"):
            zero_lines({"flat": Sequential(Linear(2, 2))})
