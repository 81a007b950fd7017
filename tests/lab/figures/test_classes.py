"""Pictures of digits, and what was read as what: the drawing against the numbers that it shows."""

from __future__ import annotations

import matplotlib.colors
import numpy as np
import pytest
import torch

from minidl.lab.figures import confusion_matrix, digit_images
from minidl.lab.figures.style import RED

pytestmark = pytest.mark.usefixtures("agg")

LABELS = torch.tensor([3, 0, 8, 1, 3])
READ = torch.tensor([3, 0, 1, 1, 8])


@pytest.fixture
def images(generator):
    return torch.rand(5, 64, generator=generator, dtype=torch.float64)


def one_column_each(labels, classes=10):
    return torch.eye(classes)[labels]


def words(ax):
    return [text.get_text() for text in ax.texts]


def corners(ax):
    """Return the left and upper edge of each picture, as they stand on the page."""
    return [(image.get_extent()[0], image.get_extent()[3]) for image in ax.images]


def test_every_image_is_drawn_once_row_by_row(images):
    ax = digit_images(images, columns=2)
    for drawn, image in zip(ax.images, images, strict=True):
        np.testing.assert_array_equal(drawn.get_array(), image.reshape(8, 8))
        left, right, bottom, top = drawn.get_extent()
        assert (right - left, bottom - top) == pytest.approx((1, 1))
    x, y = zip(*corners(ax), strict=True)
    assert x[0] == x[2] == x[4] < x[1] == x[3]
    assert y[0] == y[1] < y[2] == y[3] < y[4]
    assert x[1] > x[0] + 1, "pictures touch"
    assert words(ax) == []


@pytest.mark.parametrize("with_labels", [False, True])
@pytest.mark.parametrize("columns", [1, 2, 10])
def test_everything_is_inside_the_axes_the_right_way_up(images, columns, with_labels):
    ax = digit_images(images, LABELS if with_labels else None, columns=columns)
    ax.figure.canvas.draw()
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    assert left < right
    assert top < bottom, "pictures stand on their heads"
    window = ax.get_window_extent()
    for artist in (*ax.images, *ax.texts):
        box = artist.get_window_extent()
        assert window.x0 <= box.x0 <= box.x1 <= window.x1
        assert window.y0 <= box.y0 <= box.y1 <= window.y1
    picture = ax.images[0].get_window_extent()
    assert picture.width == pytest.approx(picture.height)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_white_is_0_and_black_the_largest_number(images, dtype):
    images = 3 * images.to(dtype)
    ax = digit_images(images)
    assert {image.get_clim() for image in ax.images} == {(0, images.max().item())}
    light, dark = (sum(ax.images[0].cmap(value)[:3]) for value in (0.0, 1.0))
    assert light > dark


def test_white_is_0_and_signs_have_colours_where_numbers_are_negative(images):
    ax = digit_images(images - 0.9)
    limit = (images - 0.9).abs().max().item()
    assert {image.get_clim() for image in ax.images} == {(-limit, limit)}


@pytest.mark.parametrize("form", [lambda labels: labels, one_column_each])
def test_labels_stand_above_their_pictures(images, form):
    ax = digit_images(images, form(LABELS), columns=3)
    assert words(ax) == ["3", "0", "8", "1", "3"]
    for text, (left, top) in zip(ax.texts, corners(ax), strict=True):
        x, y = text.get_position()
        assert x == pytest.approx(left + 0.5)
        assert y <= top
        assert text.get_va() == "bottom"


@pytest.mark.parametrize("form", [lambda labels: labels, one_column_each])
def test_what_was_read_wrongly_is_framed_and_said(images, form):
    ax = digit_images(images, form(LABELS), form(READ))
    assert words(ax) == ["3", "0", "8, read 1", "1", "3, read 8"]
    red = [patch for patch in ax.patches if patch.get_edgecolor() == matplotlib.colors.to_rgba(RED)]
    assert [patch.get_xy() for patch in red] == [corners(ax)[k] for k in (2, 4)]
    others = [patch for patch in ax.patches if patch not in red]
    assert max(patch.get_linewidth() for patch in others) < min(patch.get_linewidth() for patch in red)


@pytest.mark.parametrize(
    ("shape", "labels", "read", "words"),
    [
        ((5, 60), None, None, r"shape \(n, 64\) say, got \(5, 60\)"),
        ((64,), None, None, r"got \(64,\)"),
        ((0, 64), None, None, r"got \(0, 64\)"),
        ((2, 5, 64), None, None, r"got \(2, 5, 64\)"),
        ((5, 64), LABELS[:4], None, "labels for 5 images, got 4"),
        ((5, 64), LABELS, READ[:1], "read for 5 images, got 1"),
        ((5, 64), None, READ, "labels to compare with what was read, got none"),
    ],
)
def test_what_does_not_fit_is_refused(shape, labels, read, words):
    with pytest.raises(ValueError, match=words):
        digit_images(torch.rand(shape), labels, read)


@pytest.mark.parametrize("form", [lambda labels: labels, lambda labels: one_column_each(labels, 4)])
def test_confusion_counts_every_pair(form):
    labels, read = torch.tensor([0, 0, 1, 2, 2, 2, 3]), torch.tensor([0, 3, 1, 1, 1, 2, 3])
    ax = confusion_matrix(form(labels), form(read))
    centres = [(text.get_position()[::-1], text.get_text()) for text in ax.texts]
    written = {(int(y), int(x)): words for (y, x), words in centres if words}
    assert written == {(0, 0): "1", (0, 3): "1", (1, 1): "1", (2, 1): "2", (2, 2): "1", (3, 3): "1"}
    expected = np.diag([-1, -1, -1, -1])  # below 0 is grey
    expected[0, 3], expected[2, 1] = 1, 2  # mistakes alone are shaded
    np.testing.assert_array_equal(ax.collections[0].get_array(), expected)
    assert ax.collections[0].get_clim()[0] == 0
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("true digit", "read as")
    assert ax.get_ylim() == (4, 0), "0 is not at the top"
    assert ax.get_title(loc="left") == "4 of 7 read right"


def test_confusion_without_a_mistake_and_with_a_class_that_was_only_read():
    ax = confusion_matrix(torch.tensor([0, 1, 1]), torch.tensor([0, 1, 1]))
    assert ax.collections[0].get_array().max() == 0
    assert ax.collections[0].get_clim()[1] > 0
    ax = confusion_matrix(torch.tensor([0]), torch.tensor([5]))
    assert list(ax.get_xticks()) == list(ax.get_yticks()) == [k + 0.5 for k in range(6)]


def test_confusion_needs_an_answer_for_every_label():
    with pytest.raises(ValueError, match="for 5 labels, got 4"):
        confusion_matrix(LABELS, READ[:4])
