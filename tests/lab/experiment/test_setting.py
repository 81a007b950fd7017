"""Settings refuse what cannot be trained."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from short_runs import SHORT

from minidl.lab.experiment.setting import generators


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("framework", ["pytorch", None]),
        ("initial_weights", ["He"]),
        ("reduction", ["none", None]),
        ("dtype", ["float16", torch.float32]),
        ("name", ["", "a b", "../a", "a/b", "-", None, 3]),
        ("epochs", [0, -1, 2.0, True, "3"]),
        ("batch_size", [0, 1.5]),
        ("training_points", [0, None]),
        ("validation_points", [0]),
        ("seed", [-1, 0.5, True, None]),
        ("lr", [0, -0.1, math.nan, math.inf, "0.1", True, None]),
    ],
)
def test_bad_values_are_refused(field, values):
    for value in values:
        with pytest.raises(ValueError, match=f"Setting expected .*{field}.*got ") as caught:
            dataclasses.replace(SHORT, **{field: value})
        assert str(caught.value).endswith(f"got {value!r}")


def test_data_weights_and_order_of_every_run_are_drawn_from_seeds_of_their_own():
    settings = [SHORT, dataclasses.replace(SHORT, seed=1)]
    seeds = [
        generator.initial_seed() for setting in settings for run in (0, 1, 2) for generator in generators(setting, run)
    ]
    assert len(set(seeds)) == 2 * 3 * 3
    other = dataclasses.replace(SHORT, name="other", epochs=7, framework="PyTorch", dtype="float64")
    assert [generator.initial_seed() for generator in generators(other, 0)] == seeds[:3]
