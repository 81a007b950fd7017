import matplotlib.pyplot as plt
import pytest
import torch

from minidl.lab.figures import matrix_product

LEFT, RIGHT = torch.tensor([[1.0, 2.0, 0.0], [-1.0, 0.5, -0.0]]), torch.tensor([[1.0], [3.0], [2.0]])


@pytest.fixture
def axes():
    axes = matrix_product(LEFT, RIGHT, names=(r"$X^\top$", "$G$", "product"), entry=(2, 1))
    yield axes
    plt.close(axes.figure)


def test_rows_meet_columns_in_their_product(axes):
    at = {tuple(text.get_position()): text.get_text() for text in axes.texts}
    assert at[0.5, 0.5] == "7.00"
    assert at[0.5, 1.5] == "0.50"
    left = {position: text for position, text in at.items() if position[0] < 0 and 0 < position[1] < 2}
    above = {position: text for position, text in at.items() if position[0] == 0.5 and -3.5 < position[1] < 0}
    assert list(left.values()) == ["1.00", "2.00", "0.00", "-1.00", "0.50", "0.00"]
    assert list(above.values()) == ["1.00", "3.00", "2.00"]
    assert {y for _, y in left} == {0.5, 1.5}
    assert {r"$X^\top$", "$G$", "product"} < set(at.values())


def test_the_row_the_column_and_their_entry_are_framed(axes):
    frames = [(*frame.get_xy(), frame.get_width(), frame.get_height()) for frame in axes.patches]
    assert frames == [(-3.5, 1, 3, 1), (0, -3.5, 1, 3), (0, 1, 1, 1)]


def test_everything_lies_inside_the_axes(axes):
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    assert all(left < x < right and top < y < bottom for x, y in (text.get_position() for text in axes.texts))


def test_zeros_can_be_drawn():
    axes = matrix_product(torch.zeros(2, 3), torch.zeros(3, 1))
    assert {text.get_text() for text in axes.texts} == {"0.00", "A", "B", "AB"}
    plt.close(axes.figure)


@pytest.mark.parametrize("entry", [(0, 1), (1, 0), (3, 1), (1, 2)])
def test_an_entry_that_the_product_does_not_have_is_named(entry):
    with pytest.raises(ValueError, match=r"counted from 1, within 2 x 1, got \(\d, \d\)"):
        matrix_product(LEFT, RIGHT, entry=entry)
