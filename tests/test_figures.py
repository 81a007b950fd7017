"""The building blocks of the project's figures: style, axes, files, points and decision regions."""

from __future__ import annotations

import inspect
import math

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from minidl import Linear, Sequential, Tanh
from minidl.lab import figures
from minidl.lab.disk import disk

pytestmark = pytest.mark.usefixtures("agg")

HISTORY = pd.DataFrame(
    [
        {"model": "minidl", "run": run, "epoch": epoch, "split": split, "loss": 1 / epoch + run, "accuracy": 0.5}
        for run in (0, 1)
        for epoch in (1, 2, 3)
        for split in ("training", "validation")
    ]
)


def says_inside_where(condition):
    """Return a model that says inside, with 1, where a function of x_1 and x_2 holds, and outside elsewhere."""

    def model(points):
        inside = condition(*points.T).to(points.dtype)
        return torch.stack([1 - inside, inside], dim=-1)

    return model


def right_half(ax=None, **options):
    return figures.decision_regions(says_inside_where(lambda x, y: x > 0.5), ax=ax, **options)


def some_points(ax=None):
    return figures.points(*disk(40, generator=torch.Generator().manual_seed(0)), ax=ax)


DRAW = {
    "new_axes": figures.new_axes,
    "points": some_points,
    "decision_regions": right_half,
    "loss": lambda ax=None: figures.curve(HISTORY, "loss", ax=ax),
    "accuracy": lambda ax=None: figures.curve(HISTORY, "accuracy", ax=ax),
    "training_history": lambda ax=None: figures.training_history(HISTORY, ax=ax),
    "film": lambda ax=None: figures.film({0: nn.Linear(2, 2), 7: nn.Linear(2, 2)}, ax=ax),
}


@pytest.mark.parametrize("name", DRAW)
def test_new_axes_or_your_own(name):
    drawn = DRAW[name]()
    pair = not isinstance(drawn, plt.Axes)
    assert len(plt.get_fignums()) == 1
    _, own = plt.subplots(1, 2)
    given = own if pair else own[1]
    again = DRAW[name](ax=given)
    assert list(again) == list(given) if pair else again is given
    assert len(plt.get_fignums()) == 2, "a figure was opened though axes were given"
    if not pair:
        assert not own[0].has_data(), "other axes were drawn into"


@pytest.mark.parametrize("name", ["points", "decision_regions", "training_history"])
def test_figures_look_the_same_in_every_setting(name, tmp_path):
    """The style is that of the project, whatever has been set, and what has been set stays set."""

    def png(number):
        drawn = DRAW[name]()
        axes = drawn if isinstance(drawn, plt.Axes) else drawn[0]
        (path,) = figures.save(axes.figure, tmp_path / str(number), ("png",))
        return path.read_bytes()

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.use("Agg")
        before = png(0)
        other = {"lines.linewidth": 9, "axes.grid": False, "legend.frameon": False, "axes.titlelocation": "right"}
        mpl.rcParams.update(other | {"savefig.dpi": 30})
        assert png(1) == before
        assert {key: mpl.rcParams[key] for key in other} == other


def test_use_style_sets_it_for_all_figures():
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.use("Agg")
        assert mpl.rcParams["axes.spines.top"]
        figures.use_style()
        assert {key: mpl.rcParams[key] for key in figures.STYLE if key != "font.family"} == {
            key: value for key, value in figures.STYLE.items() if key != "font.family"
        }
        assert mpl.rcParams["font.family"] == [figures.STYLE["font.family"]]


def test_new_axes_have_the_size_asked_for():
    ax = figures.new_axes(size=(3, 2))
    assert ax.figure.get_size_inches().tolist() == [3, 2]
    assert len(ax.figure.axes) == 1
    left, right = figures.new_pair()
    assert left.figure is right.figure
    assert len(left.figure.axes) == 2


def test_save_gives_every_format_and_makes_folders(tmp_path):
    figure = some_points().figure
    paths = figures.save(figure, tmp_path / "a" / "b" / "name")
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == ["a/b/name.png", "a/b/name.pdf", "a/b/name.svg"]
    assert [path.read_bytes()[:4] for path in paths] == [b"\x89PNG", b"%PDF", b"<?xm"]
    width, height = figure.get_size_inches() * figures.STYLE["savefig.dpi"]
    assert plt.imread(paths[0]).shape[:2] == (height, width)
    (path,) = figures.save(figure, str(tmp_path / "only"), formats=["svg"])
    assert [path.name for path in tmp_path.glob("only*")] == [path.name] == ["only.svg"]


@pytest.mark.parametrize("name", ["points", "accuracy"])
def test_the_same_picture_gives_the_same_files(name, tmp_path):
    """Drawn anew, saved a second time, or in another order of formats: not a byte differs."""

    def contents(figure, formats=("png", "pdf", "svg")):
        return {path.suffix: path.read_bytes() for path in figures.save(figure, tmp_path / "figure", formats)}

    figure = DRAW[name]().figure
    first = contents(figure)
    assert contents(figure, ("svg", "png", "pdf")) == first
    assert contents(DRAW[name]().figure, (svg := ["svg"])) == {".svg": first[".svg"]}
    figure.axes[0].set_title("another")
    assert contents(figure, svg) != {".svg": first[".svg"]}


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
        ax = figures.points(inputs, targets if labels == "one-hot" else targets.argmax(-1))
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
        ax = figures.points(torch.tensor([[0.5, 0.5]]), torch.tensor([[0.0, 1.0]]))
        assert [len(drawn.get_offsets()) for drawn in ax.collections] == [0, 1]


class TestDecisionRegions:
    @pytest.mark.parametrize(
        "condition", [lambda x, y: x > 0.3, lambda x, y: y > 0.6, lambda x, y: x > y + 0.1], ids=["x1", "x2", "both"]
    )
    def test_the_shade_is_where_the_model_says_so(self, condition):
        ax = figures.decision_regions(says_inside_where(condition), resolution=50)
        assert_unit_square(ax)
        (image,) = ax.images
        assert image.origin == "lower"
        assert list(image.get_extent()) == [0, 1, 0, 1]
        assert (image.norm.vmin, image.norm.vmax) == (-1, 1)
        shade = image.get_array()
        assert shade.shape == (50, 50)
        x, y = np.meshgrid(np.linspace(0, 1, 50, dtype=np.float32), np.linspace(0, 1, 50, dtype=np.float32))
        np.testing.assert_array_equal(shade, np.where(condition(x, y), 1, -1))

    def test_the_border_is_drawn_where_there_is_one(self):
        ax = right_half()
        (border,) = ax.collections
        (segment,) = [path.vertices for path in border.get_paths()]
        assert np.abs(segment[:, 0] - 0.5).max() < 0.01
        assert segment[:, 1].min() == 0
        assert segment[:, 1].max() == 1
        everywhere = figures.decision_regions(says_inside_where(lambda x, y: x >= 0))
        assert not everywhere.collections
        assert (everywhere.images[0].get_array() == 1).all()

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_models_of_both_frameworks(self, dtype, generator):
        model = Sequential(Linear(2, 3, generator=generator, dtype=dtype), Tanh(), Linear(3, 2, dtype=dtype))
        twin = nn.Sequential(nn.Linear(2, 3, dtype=dtype), nn.Tanh(), nn.Linear(3, 2, dtype=dtype))
        with torch.no_grad():
            for param, (ours, _) in zip(twin.parameters(), model.parameters(), strict=True):
                param.copy_(ours.T if param.ndim == 2 else ours[0])
        ours, theirs = (figures.decision_regions(net).images[0].get_array() for net in (model, twin))
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)
        assert ours.std() > 0.01
        assert all(param.grad is None for param in twin.parameters())

    def test_points_go_over_regions_with_one_circle(self):
        ax = some_points(ax=right_half())
        assert_unit_square(ax)
        assert len(ax.images) == 1
        assert len(ax.collections) == 3


def test_every_figure_function_takes_axes_by_keyword_and_draws_in_the_projects_style():
    drawing = {
        name: function
        for name, function in inspect.getmembers(figures, inspect.isfunction)
        if function.__module__ == figures.__name__ and not name.startswith("_") and name not in ("use_style", "save")
    }
    drawing = {name: function for name, function in drawing.items() if "ax" in inspect.signature(function).parameters}
    assert {"points", "decision_regions", "curve", "training_history"} <= drawing.keys()
    for name, function in drawing.items():
        assert inspect.signature(function).parameters["ax"].default is None, name
        assert hasattr(function, "__wrapped__"), f"{name} is not decorated with in_style"
