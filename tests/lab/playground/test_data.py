"""The playground's data sets: where points lie, and which class they are of."""

from __future__ import annotations

import pytest
import torch

from minidl.lab.disk import disk
from minidl.lab.playground.data import DATA, as_points, data_set, square_around


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", DATA)
def test_points_lie_in_their_square_and_are_of_both_classes(name):
    inputs, targets = data_set(name, 400, generator=generator())
    low, high = DATA[name].side
    assert inputs.shape == targets.shape == (400, 2)
    assert low <= inputs.min() < inputs.max() <= high
    assert inputs.max() - inputs.min() > 0.8 * (high - low)
    assert torch.equal(targets.sum(-1), torch.ones(400))
    assert 0.4 < targets[:, 1].mean() < 0.6
    assert {inputs.dtype, targets.dtype} == {torch.get_default_dtype()}


def test_the_disk_is_the_disk():
    assert all(map(torch.equal, data_set("disk", 30, generator=generator()), disk(30, generator=generator())))


def test_class_1_of_the_corners_has_coordinates_of_one_sign():
    inputs, targets = data_set("corners", 100, generator=generator())
    assert torch.equal(targets[:, 1] == 1, (inputs > 0).sum(-1) != 1)


def test_the_moons_are_half_circles():
    inputs, targets = data_set("moons", 100, generator=generator())
    for number, centre in enumerate(((-0.5, -0.25), (0.5, 0.25))):
        moon = 1.75 * inputs[targets[:, number] == 1] - torch.tensor(centre)
        assert torch.allclose(moon.norm(dim=-1), torch.ones(50), atol=1e-5)
        assert bool((moon[:, 1] * (1 - 2 * number) > -1e-5).all())


def test_the_arms_of_the_spiral_are_one_arm_turned_by_half_a_turn():
    inputs, targets = data_set("spiral", 200, generator=generator())
    turned = inputs * (1 - 2 * targets[:, 1:])
    radius = turned.norm(dim=-1)
    angle = 3 * torch.pi * radius / 0.95
    assert torch.allclose(turned, radius[:, None] * torch.stack([angle.cos(), angle.sin()], dim=-1), atol=1e-4)


@pytest.mark.parametrize("name", DATA)
def test_noise_moves_points_by_so_many_sides_and_leaves_their_classes(name):
    still, targets = data_set(name, 2000, generator=generator())
    moved, same = data_set(name, 2000, noise=0.1, generator=generator())
    low, high = DATA[name].side
    assert torch.equal(targets, same)
    assert float((moved - still).std()) == pytest.approx(0.1 * (high - low), rel=0.05)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": "circle"}, "one of 'disk', 'corners', 'moons', 'spiral', got 'circle'"),
        ({"n": 0}, "n to be an integer of at least 1, got 0"),
        ({"noise": -0.1}, "noise of at least 0, got -0.1"),
        ({"noise": float("nan")}, "noise to be a finite number"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        data_set(**({"name": "disk", "n": 3} | arguments))


def test_own_points_become_floats_and_one_hot():
    inputs, targets = as_points(torch.tensor([[1, 2], [3, 4]]), torch.tensor([True, False]))
    assert inputs.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert targets.tolist() == [[0.0, 1.0], [1.0, 0.0]]
    assert {inputs.dtype, targets.dtype} == {torch.get_default_dtype()}
    assert torch.equal(as_points(inputs, targets)[1], targets)


@pytest.mark.parametrize(
    ("inputs", "targets", "words"),
    [
        (torch.zeros(3, 2), torch.zeros(4), "a target for each of 3 points, got 4"),
        (torch.zeros(3, 3), torch.zeros(3), r"your points of shape \(n, 2\), got \(3, 3\)"),
        (torch.zeros(3, 2), torch.tensor([0, 1, 2]), r"the classes 0 and 1, got \[0, 1, 2\]"),
        (torch.full((3, 2), torch.nan), torch.zeros(3), "your points that are finite"),
    ],
)
def test_own_points_that_do_not_fit_are_refused(inputs, targets, words):
    with pytest.raises(ValueError, match=words):
        as_points(inputs, targets)


def test_a_square_has_room_for_all_points_even_for_one():
    assert square_around(torch.tensor([[0.0, 10.0]])) == (-0.5, 10.5)
    assert square_around(torch.tensor([[3.0, 3.0]])) == (2.0, 4.0)
