"""The clock for training steps: what is timed against what, and that both do the same."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from minidl.lab import bench
from minidl.lab.cli import main
from minidl.lab.network import network


@pytest.mark.parametrize(("ours", "theirs"), [(0.001, 0.004), (0.004, 0.001), (0.002, 0.002)])
def test_the_ratio_is_ours_over_theirs(ours, theirs):
    ratio = bench.compare(lambda: time.sleep(ours), lambda: time.sleep(theirs), budget=0.3)
    assert 0.5 * ours / theirs < ratio < 2 * ours / theirs


def test_steps_take_turns():
    calls = []

    def step(name):
        calls.append(name)
        time.sleep(0.03)

    bench.compare(lambda: step("ours"), lambda: step("theirs"), budget=0)
    assert calls == ["ours", "theirs"] * 4  # to warm up, and three rounds


@pytest.mark.parametrize("quick", [True, False])
def test_it_prints_a_line_for_every_ratio(quick, monkeypatch, capsys):
    sizes = []
    monkeypatch.setattr(bench, "minidl_step", lambda width, batch, runs=0: ("minidl", width, batch, runs))
    monkeypatch.setattr(bench, "torch_step", lambda width, batch: ("torch", width, batch, 0))
    monkeypatch.setattr(bench, "numpy_step", lambda width, batch: ("numpy", width, batch, 0))
    monkeypatch.setattr(bench, "compare", lambda ours, theirs: sizes.append((ours, theirs)) or 0.5)
    assert main(["bench", "--quick"] if quick else ["bench"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    head, *lines = out.splitlines()
    assert "minidl" in head
    assert f"PyTorch {torch.__version__}" in head
    assert f"NumPy {np.__version__}" in head
    assert sizes[:3] == [
        (("minidl", 25, 50, 0), ("torch", 25, 50, 0)),
        (("minidl", 25, 50, 0), ("numpy", 25, 50, 0)),
        (("minidl", 25, 50, 10), ("torch", 25, 50, 0)),
    ]
    assert [line.split()[0] for line in lines[:3]] == ["0.500"] * 3
    for line, (ours, theirs) in zip(lines, sizes, strict=True):
        assert ours[0] == "minidl"
        assert "against" in line
        assert {"torch": "PyTorch", "numpy": "NumPy"}[theirs[0]] in line
    if quick:
        assert len(lines) == 3
        return
    grid, stacks = sizes[3:12], sizes[12:]
    assert {pair[0][1:3] for pair in grid} == {(w, b) for w in (25, 250, 2500) for b in (50, 500, 5000)}
    assert all(ours[1:] == theirs[1:] for ours, theirs in grid)
    assert [(ours[3], line.split()[0]) for (ours, _), line in zip(stacks, lines[12:], strict=True)] == [
        (1, "0.500"),
        (10, "0.050"),
        (100, "0.005"),
    ]


@pytest.mark.parametrize(("width", "batch"), [(25, 50), (7, 3), (1, 1)])
def test_the_steps_of_numpy_and_of_minidl_do_the_same(width, batch, monkeypatch):
    models = []

    def keep(*args, **kwargs):
        models.append(network(*args, gain=2.0, **kwargs))  # larger weights: nothing dies out on the way back
        return models[-1]

    monkeypatch.setattr(bench, "network", keep)
    monkeypatch.setattr(bench, "LR", 0.01 / batch)
    with torch.random.fork_rng():
        for make in (bench.minidl_step, bench.numpy_step):
            torch.manual_seed(1)  # the same weights, inputs and targets
            step = make(width, batch)
            before = [param.clone() for param, _ in models[-1].parameters()]
            for _ in range(10):
                step()
    ours, theirs = ([param for param, _ in model.parameters()] for model in models)
    assert len(ours) == 8
    for one, two, old in zip(ours, theirs, before, strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=1e-5)
        assert width == 1 or (one - old).abs().max() > 1e-3, (
            "nothing was learned, so that nothing could have gone wrong"
        )


def test_real_steps_run_on_one_thread(monkeypatch):
    threads = []

    def compare(ours, theirs):
        threads.append(torch.get_num_threads())
        ours()
        theirs()
        return 1.0

    monkeypatch.setattr(bench, "compare", compare)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        bench.main(quick=True)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert threads == [1, 1, 1]
