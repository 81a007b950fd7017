"""`figures.descent`: the valley of a loss of two numbers, and the paths through it."""

import matplotlib as mpl
import pytest
import torch

mpl.use("Agg")

import matplotlib.pyplot as plt

from minidl.lab.figures import descent


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def valley(u, v):
    return u**2 + 10 * (v - 1) ** 2


PATHS = {
    "first": torch.tensor([[3.0, 0.0], [2.0, 0.5], [1.0, 1.0]], dtype=torch.float64),
    "second": torch.tensor([[-3.0, 2.0], [0.0, 1.0]], dtype=torch.float64),
}


def draw(**options):
    return descent(valley, PATHS, x=(-4, 4), y=(-1, 3), **options)


def test_draws_into_the_axes_it_is_given():
    _, ax = plt.subplots()
    assert draw(ax=ax) is ax


def test_draws_every_path_point_by_point():
    lines = draw().get_lines()
    assert [line.get_label() for line in lines] == list(PATHS)
    for line, path in zip(lines, PATHS.values(), strict=True):
        torch.testing.assert_close(torch.tensor(line.get_xydata()), path)


def test_paths_differ_in_more_than_colour():
    first, second = draw().get_lines()
    assert first.get_color() != second.get_color()
    assert (first.get_linestyle(), first.get_marker()) != (second.get_linestyle(), second.get_marker())


def test_contours_are_lines_of_equal_loss_about_the_lowest_point():
    (contours,) = draw().collections
    outlines = [path.vertices for path in contours.get_paths() if len(path.vertices)]
    assert len(outlines) > 5
    for outline in outlines:
        losses = valley(*torch.tensor(outline).T)
        assert losses.max() - losses.min() < 0.3 + 0.05 * losses.mean()


def test_stays_within_its_ranges_and_names_its_axes():
    far = {"far": torch.tensor([[0.0, 0.0], [100.0, -50.0]])}
    ax = descent(valley, far, x=(-4, 4), y=(-1, 3), names=("$u$", "$v$"))
    assert (ax.get_xlim(), ax.get_ylim()) == ((-4, 4), (-1, 3))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("$u$", "$v$")


def test_a_path_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"expected a path of shape \(steps, 2\), got \(3,\)"):
        descent(valley, {"flat": torch.zeros(3)}, x=(-1, 1), y=(-1, 1))
