"""Heat maps of what should have come and what came: its numbers on colours, with frames where the two differ."""

from __future__ import annotations

import re

import pytest
import torch

from minidl.lab.doctor.heat_map import side_by_side

EXPECTED = torch.tensor([[1.0, -2.0], [0.0, float("nan")]])


def framed(got):
    """Return the numbers in frames."""
    cells = re.findall(r"<td style=\"([^\"]*)\">([^<]*)</td>", side_by_side(EXPECTED, got))
    return [number for style, number in cells if "inset" in style]


def test_entries_that_differ_are_framed():
    assert framed(EXPECTED) == []
    assert framed(torch.tensor([[1.0, 2.0], [0.0, float("nan")]])) == ["2.00"]
    assert framed(torch.tensor([[1.0, -2.0], [0.5, 3.0]])) == ["0.50", "3.00"]
    assert framed(EXPECTED + 1e-9) == []


@pytest.mark.parametrize("got", [torch.full((2, 2), 7.0), torch.zeros(2, 1), torch.tensor(7.0)])
def test_where_all_differ_or_nothing_can_be_compared_there_are_no_frames(got):
    assert framed(got) == []


def test_above_zero_is_orange_and_below_blue():
    colours = re.findall(r"rgb\((\d+),(\d+),(\d+)\)", side_by_side(EXPECTED, EXPECTED))
    (red, _, blue), (dark_red, _, dark_blue) = (map(int, colour) for colour in colours[:2])
    assert red > blue
    assert dark_blue > dark_red


def test_a_number_has_no_shape_to_be_told():
    assert "()" not in side_by_side(torch.tensor(2.0), torch.tensor(3.0))
    assert "expected (2, 2)" in side_by_side(torch.eye(2), torch.eye(2))
