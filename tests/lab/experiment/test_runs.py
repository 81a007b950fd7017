"""Repeated runs: the same in every order and way."""

from __future__ import annotations

import dataclasses
import itertools
import math
import sys

import pytest
import torch
from short_runs import SECOND, SHORT, assert_equal, assert_same, only, run
from torch import nn

from minidl.lab.experiment import Setting, run_experiments
from minidl.lab.experiment.runs import start, trainer
from minidl.lab.experiment.setting import FRAMEWORKS, INITIAL_WEIGHTS, REDUCTIONS

pytestmark = pytest.mark.slow


class TestResult:
    def test_tables(self):
        history, runs = run([SHORT, SECOND], 2)
        assert list(history.columns) == ["model", "run", "epoch", "split", "loss", "accuracy"]
        assert history[["model", "run", "epoch", "split"]].to_numpy().tolist() == [
            [name, number, epoch, split]
            for name in ("short", "007")
            for number in (0, 1)
            for epoch in (1, 2, 3)
            for split in ("training", "validation")
        ]
        assert list(runs.columns) == ["model", "run", "training_accuracy", "validation_accuracy", "seconds"]
        assert runs[["model", "run"]].to_numpy().tolist() == [["short", 0], ["short", 1], ["007", 0], ["007", 1]]
        assert (runs["seconds"] > 0).all()
        last = history[history["epoch"] == 3].pivot(index=["model", "run"], columns="split", values="accuracy")
        for _, row in runs.iterrows():
            assert row["training_accuracy"] == last.loc[(row["model"], row["run"]), "training"]
            assert row["validation_accuracy"] == last.loc[(row["model"], row["run"]), "validation"]

    def test_times_are_those_of_single_runs_only(self):
        assert run(SHORT, 2, stacked=True).runs["seconds"].isna().all()

    def test_runs_of_settings_take_turns(self, monkeypatch):
        order = []

        def spy(runs, *, stacked):
            order.append([(setting.name, number) for setting, number in runs])
            return trainer(runs, stacked=stacked)

        monkeypatch.setattr("minidl.lab.experiment.runs.trainer", spy)
        run([SHORT, SECOND], 2)
        assert order == [[("short", 0)], [("007", 0)], [("short", 1)], [("007", 1)]]
        order.clear()
        run([SHORT, SECOND, dataclasses.replace(SHORT, name="third", initial_weights="Xavier sqrt 2")], 2, stacked=True)
        assert order == [[("short", 0), ("third", 0), ("short", 1), ("third", 1)], [("007", 0), ("007", 1)]]

    def test_the_progress_bar_counts_the_epochs_of_all_runs(self, monkeypatch, capsys):
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        run_experiments([SHORT, SECOND], 2)
        assert "/12 " in capsys.readouterr().err
        run(SHORT, 2)
        assert capsys.readouterr() == ("", "")


class TestRuns:
    @pytest.mark.slow
    @pytest.mark.parametrize("framework", FRAMEWORKS)
    @pytest.mark.parametrize("reduction", REDUCTIONS)
    def test_a_run_is_the_same_alone_in_any_order_and_in_a_stack(self, framework, reduction):
        lr = 0.002 * {"sum": 1, "batchmean": 25, "mean": 50}[reduction]
        setting = Setting("a", framework, "Xavier sqrt 2", reduction, lr, 20, 25, 3, 100, 40, dtype="float64")
        result = run(setting, 3)
        for number in (2, 0):  # alone, and not in order: equal to the last bit
            training = trainer([(setting, number)], stacked=False)
            for _ in range(20):
                training.run_epoch()
            assert_equal(training.history("a"), only(result.history, number), check_exact=True)
        both = trainer([(setting, 2), (setting, 0)], stacked=True)
        for _ in range(20):
            both.run_epoch()
        for place, number in enumerate((2, 0)):
            assert_equal(only(both.history("a"), place), only(result.history, number), rtol=0, atol=1e-9)
        stacked = run(setting, 3, stacked=True)
        assert_equal(stacked.history, result.history, rtol=0, atol=1e-9)
        assert_equal(stacked.runs.drop(columns="seconds"), result.runs.drop(columns="seconds"), rtol=0, atol=1e-9)
        first, last = (result.history.query("epoch == @epoch")["loss"].mean() for epoch in (1, 20))
        assert last < 0.8 * first, "nothing was learned, so that nothing could have gone wrong"

    def test_the_two_frameworks_draw_the_same_curve(self):
        common = {"dtype": "float64", "epochs": 50, "lr": 0.002, "initial_weights": "PyTorch default"}
        settings = [dataclasses.replace(SHORT, framework=framework, **common) for framework in FRAMEWORKS]
        ours, theirs = (run(setting, 2).history for setting in settings)
        assert_equal(ours, theirs, rtol=0, atol=1e-9)

    def test_runs_and_seeds_differ_in_data_weights_and_order(self):
        starts = [start(SHORT, 0), start(SHORT, 1), start(dataclasses.replace(SHORT, seed=1), 0)]
        for one, two in itertools.combinations(starts, 2):
            assert not torch.equal(one.training[0], two.training[0])
            assert not torch.equal(one.validation[0], two.validation[0])
            assert not torch.equal(one.model[0].params["weight"], two.model[0].params["weight"])
            assert one.generator.initial_seed() != two.generator.initial_seed()
        assert not torch.equal(starts[0].training[0][:40], starts[0].validation[0])

    def test_what_is_not_the_data_does_not_change_the_data(self):
        other = dataclasses.replace(SECOND, epochs=7, lr=0.1, reduction="mean", batch_size=10)
        for one, two in zip(start(SHORT, 4)[:2], start(other, 4)[:2], strict=True):
            assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))

    @pytest.mark.parametrize("stacked", [False, True])
    def test_nothing_depends_on_pytorchs_global_state(self, stacked):
        expected = run([SHORT, SECOND], 2, stacked=stacked)
        dtype, state = torch.get_default_dtype(), torch.get_rng_state()
        try:
            torch.set_default_dtype(torch.float64)
            torch.manual_seed(99)
            assert_same(run([SHORT, SECOND], 2, stacked=stacked), expected)
        finally:
            torch.set_default_dtype(dtype)
            torch.set_rng_state(state)

    @pytest.mark.parametrize("initial_weights", INITIAL_WEIGHTS)
    def test_both_precisions_start_at_the_same_place(self, initial_weights):
        single, double = (
            start(dataclasses.replace(SHORT, initial_weights=initial_weights, dtype=dtype), 2)
            for dtype in ("float32", "float64")
        )
        params = [[param for param, _ in begin.model.parameters()] for begin in (single, double)]
        pairs = [*zip(*params, strict=True), *zip(single.training, double.training, strict=True)]
        pairs += zip(single.validation, double.validation, strict=True)
        assert len(pairs) == 8 + 2 + 2
        for one, two in pairs:
            assert (one.dtype, two.dtype) == (torch.float32, torch.float64)
            assert torch.equal(one.double(), two)
        assert single.generator.initial_seed() == double.generator.initial_seed()

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("initial_weights", INITIAL_WEIGHTS)
    def test_initial_weights(self, initial_weights, dtype):
        before = torch.get_rng_state()
        setting = dataclasses.replace(SHORT, initial_weights=initial_weights, dtype=dtype)
        model = start(setting, 3).model
        assert torch.equal(torch.get_rng_state(), before)
        linears = [module for module in model if module.params]
        assert [(linear.in_features, linear.out_features) for linear in linears] == [
            (2, 25),
            (25, 25),
            (25, 25),
            (25, 2),
        ]
        assert [type(module).__name__ for module in model] == ["Linear", "ReLU"] * 3 + ["Linear"]
        assert {param.dtype for param, _ in model.parameters()} == {getattr(torch, dtype)}
        if initial_weights == "PyTorch default":
            for param, _ in model.parameters():  # uniform within 1/sqrt(in_features), bias too
                assert param.any()
            return
        plain = start(dataclasses.replace(setting, initial_weights="Xavier"), 3).model
        for linear, same in zip(linears, [module for module in plain if module.params], strict=True):
            weight, other = linear.params["weight"], same.params["weight"]
            gain = math.sqrt(2) if initial_weights == "Xavier sqrt 2" else 1
            torch.testing.assert_close(weight, gain * other)
            z = other / math.sqrt(2 / sum(weight.shape))
            assert abs(z.std() - 1) < 4 / math.sqrt(2 * z.numel())
            assert not linear.params["bias"].any()

    def test_the_default_start_is_that_of_torch_linear_under_the_same_seed(self, monkeypatch):
        seeds = []
        manual_seed = torch.manual_seed
        monkeypatch.setattr(torch, "manual_seed", lambda seed: seeds.append(seed) or manual_seed(seed))
        model = start(dataclasses.replace(SHORT, initial_weights="PyTorch default"), 3).model
        assert len(seeds) == 1
        with torch.random.fork_rng():
            manual_seed(seeds[0])
            twins = [nn.Linear(*size) for size in itertools.pairwise((2, 25, 25, 25, 2))]
        for linear, twin in zip([module for module in model if module.params], twins, strict=True):
            assert torch.equal(linear.params["weight"], twin.weight.detach().T)
            assert torch.equal(linear.params["bias"][0], twin.bias.detach())


class TestCalls:
    def test_bad_calls_are_refused(self):
        for runs in (0, -1):
            with pytest.raises(ValueError, match=f"expected runs to be an integer of at least 1, got {runs!r}"):
                run(SHORT, runs)
        for runs in (1.5, True):
            with pytest.raises(TypeError, match=f"expected runs to be an integer, got {type(runs).__name__}"):
                run(SHORT, runs)
        with pytest.raises(ValueError, match=r"expected settings of different names, got \['short', 'short'\]"):
            run([SHORT, dataclasses.replace(SHORT, seed=1)], 1)
        with pytest.raises(ValueError, match="expected settings"):
            run([], 1)
        with pytest.raises(ValueError, match=r"trainer expected one run, or stacked=True, got 2 runs"):
            trainer([(SHORT, 0), (SHORT, 1)], stacked=False)

    def test_a_loss_that_is_not_finite_is_reported(self, tmp_path):
        for stacked in (False, True):
            with pytest.raises(FloatingPointError, match=r"setting short, run 0: .* no longer finite"):
                run(dataclasses.replace(SHORT, lr=1e6), 2, stacked=stacked, folder=tmp_path)
        assert not list(tmp_path.glob("**/run-*"))

    def test_settings_that_differ_in_initial_weights_share_a_pass_and_change_nothing(self, tmp_path):
        other = dataclasses.replace(SHORT, name="other", initial_weights="PyTorch default", dtype="float64")
        settings = [dataclasses.replace(SHORT, dtype="float64"), other]
        together = run(settings, 3, stacked=True, folder=tmp_path)
        for setting in settings:
            alone = run(setting, 3, stacked=True)
            of_setting = together.history[together.history["model"] == setting.name].reset_index(drop=True)
            assert_equal(of_setting, alone.history, rtol=0, atol=1e-12)
        assert_equal(run(settings, 3, stacked=True, folder=tmp_path).history, together.history, check_exact=True)
