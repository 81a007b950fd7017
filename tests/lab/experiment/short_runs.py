"""Two settings that train in no time, and how their results are compared."""

from __future__ import annotations

import dataclasses

import pandas as pd

from minidl.lab.experiment import Setting, run_experiments

SHORT = Setting("short", epochs=3, training_points=60, validation_points=40, batch_size=25)
SECOND = dataclasses.replace(SHORT, name="007", framework="PyTorch", initial_weights="PyTorch default")
assert_equal = pd.testing.assert_frame_equal


def run(settings, runs, **options):
    return run_experiments(settings, runs, progress=False, **options)


def only(history, number):
    """Return the history of one run, numbered 0."""
    return history[history["run"] == number].assign(run=0).reset_index(drop=True)


def read(path):
    """Read a CSV file, every number to the last bit."""
    table = pd.read_csv(path, dtype=str)
    kinds = {"model": str, "split": str, "run": int, "epoch": int, "runs": int}
    return table.astype({name: kinds.get(name, float) for name in table})


def without_times(result):
    return result.history, result.runs.drop(columns="seconds")


def assert_same(one, two):
    """Fail unless two results are equal to the last bit, times aside."""
    for ours, theirs in zip(without_times(one), without_times(two), strict=True):
        assert_equal(ours, theirs, check_exact=True)
