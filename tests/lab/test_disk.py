"""The disk data against the geometry that defines it."""

from __future__ import annotations

import math

import pytest
import torch

from minidl.lab.disk import disk


@pytest.mark.parametrize("n", [1, 2, 1000])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shapes_range_and_one_hot_targets(n, dtype, generator):
    points, targets = disk(n, generator=generator, dtype=dtype)
    assert points.shape == targets.shape == (n, 2)
    assert points.dtype == targets.dtype == dtype
    assert points.min() >= 0
    assert points.max() <= 1
    assert set(map(tuple, targets.tolist())) <= {(0, 1), (1, 0)}


def test_labels_follow_the_distance_from_the_centre(generator):
    points, targets = disk(2000, generator=generator, dtype=torch.float64)
    for (x, y), target in zip(points.tolist(), targets.tolist(), strict=True):
        inside = math.pi * math.hypot(x - 0.5, y - 0.5) ** 2 < 0.5  # a disk through the point covers less than half
        assert target == [not inside, inside]


def test_half_of_the_points_are_inside(generator):
    n = 20_000
    _, targets = disk(n, generator=generator)
    assert abs(targets[:, 1].mean() - 0.5) < 4 * 0.5 / math.sqrt(n)  # four standard errors


def test_points_are_uniform(generator):
    n, cells = 20_000, 10
    points, _ = disk(n, generator=generator, dtype=torch.float64)
    x, y = (points * cells).long().T
    counts = torch.bincount(x * cells + y, minlength=cells**2)
    assert len(counts) == cells**2
    expected = n / cells**2
    assert (counts - expected).abs().max() < 5 * math.sqrt(expected)


def test_a_generator_makes_points_reproducible_and_leaves_the_global_one_alone():
    before = torch.get_rng_state()
    first, again, other = (disk(20, generator=torch.Generator().manual_seed(seed)) for seed in (5, 5, 6))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])


def test_a_generator_goes_on_from_one_set_to_the_next(generator):
    assert not torch.equal(disk(20, generator=generator)[0], disk(20, generator=generator)[0])


def test_without_a_generator_the_global_one_draws():
    with torch.random.fork_rng():
        torch.manual_seed(5)
        first = disk(20)[0]
        assert not torch.equal(disk(20)[0], first)
        torch.manual_seed(5)
        assert torch.equal(disk(20)[0], first)


def test_the_dtype_is_the_default_one_unless_asked_for():
    assert [tensor.dtype for tensor in disk(3)] == [torch.get_default_dtype()] * 2


@pytest.mark.parametrize(
    ("n", "error"), [(0, ValueError), (-3, ValueError), (2.0, TypeError), (True, TypeError), ("3", TypeError)]
)
def test_bad_numbers_of_points_are_refused(n, error):
    with pytest.raises(error, match=f"disk expected n to be an integer of at least 1, got {n!r}"):
        disk(n)
