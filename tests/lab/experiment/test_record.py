"""Repeated runs: the same in every order and way, recorded to the last bit, and never lost or mixed."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
import torch
from torch import nn

from minidl.__main__ import main
from minidl.lab import report
from minidl.lab.experiment import (
    FRAMEWORKS,
    INITIAL_WEIGHTS,
    REDUCTIONS,
    RecordError,
    Setting,
    run_experiments,
    start,
    trainer,
)

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
        import minidl.lab.experiment as module

        order = []

        def spy(runs, *, stacked):
            order.append([(setting.name, number) for setting, number in runs])
            return trainer(runs, stacked=stacked)

        monkeypatch.setattr(module, "trainer", spy)
        run([SHORT, SECOND], 2)
        assert order == [[("short", 0)], [("007", 0)], [("short", 1)], [("007", 1)]]
        order.clear()
        run([SHORT, SECOND, dataclasses.replace(SHORT, name="third", initial_weights="Xavier sqrt 2")], 2, stacked=True)
        assert order == [[("short", 0), ("third", 0), ("short", 1), ("third", 1)], [("007", 0), ("007", 1)]]

    def test_the_progress_bar_counts_the_epochs_of_all_runs(self, capsys):
        run_experiments([SHORT, SECOND], 2)
        assert "/12 " in capsys.readouterr().err
        run(SHORT, 2)
        assert capsys.readouterr() == ("", "")


class TestRuns:
    @pytest.mark.parametrize("framework", FRAMEWORKS)
    @pytest.mark.parametrize("reduction", REDUCTIONS)
    def test_a_run_is_the_same_alone_in_any_order_and_in_a_stack(self, framework, reduction):
        lr = 0.002 * {"sum": 1, "batchmean": 25, "mean": 50}[reduction]
        setting = Setting("a", framework, "Xavier sqrt 2", reduction, lr, 50, 25, 3, 100, 40, dtype="float64")
        result = run(setting, 3)
        for number in (2, 0):  # alone, and not in order: equal to the last bit
            training = trainer([(setting, number)], stacked=False)
            for _ in range(50):
                training.run_epoch()
            assert_equal(training.history("a"), only(result.history, number), check_exact=True)
        both = trainer([(setting, 2), (setting, 0)], stacked=True)
        for _ in range(50):
            both.run_epoch()
        for place, number in enumerate((2, 0)):
            assert_equal(only(both.history("a"), place), only(result.history, number), rtol=0, atol=1e-9)
        stacked = run(setting, 3, stacked=True)
        assert_equal(stacked.history, result.history, rtol=0, atol=1e-9)
        assert_equal(stacked.runs.drop(columns="seconds"), result.runs.drop(columns="seconds"), rtol=0, atol=1e-9)
        first, last = (result.history.query("epoch == @epoch")["loss"].mean() for epoch in (1, 50))
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


class TestSetting:
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
    def test_bad_values_are_refused(self, field, values):
        for value in values:
            with pytest.raises(ValueError, match=f"Setting expected .*{field}.*got ") as caught:
                dataclasses.replace(SHORT, **{field: value})
            assert str(caught.value).endswith(f"got {value!r}")

    def test_bad_calls_are_refused(self):
        for runs in (0, -1, 1.5, True):
            with pytest.raises(ValueError, match=f"expected runs to be an integer of at least 1, got {runs!r}"):
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


class TestRecord:
    @pytest.mark.parametrize("stacked", [False, True])
    def test_recorded_unrecorded_and_loaded_results_are_equal(self, tmp_path, stacked):
        settings = [SHORT, SECOND, dataclasses.replace(SHORT, name="NA", dtype="float64")]
        free = run(settings, 2, stacked=stacked)
        recorded = run(settings, 2, stacked=stacked, folder=tmp_path)
        assert_same(recorded, free)
        loaded = run(settings, 2, stacked=stacked, folder=tmp_path)
        assert_equal(loaded.history, recorded.history, check_exact=True)
        assert_equal(loaded.runs, recorded.runs, check_exact=True)  # times too: nothing was trained

    def test_what_is_recorded_is_not_trained_again(self, tmp_path, monkeypatch, capsys):
        first = run([SHORT, SECOND], 2, folder=tmp_path)
        monkeypatch.setattr("minidl.lab.experiment.trainer", lambda *_, **__: pytest.fail("trained again"))
        loaded = run_experiments([SECOND, SHORT], 1, folder=tmp_path)  # other order, fewer runs, no bar for nothing
        assert capsys.readouterr().err == ""
        assert loaded.runs[["model", "run"]].to_numpy().tolist() == [["007", 0], ["short", 0]]
        assert first.runs["seconds"].tolist()[::2] == loaded.runs["seconds"].tolist()[::-1]

    @pytest.mark.parametrize("stacked", [False, True])
    def test_more_runs_are_added_to_those_recorded(self, tmp_path, stacked):
        setting = dataclasses.replace(SHORT, dtype="float64")
        free = run(setting, 4, stacked=stacked)
        first = run(setting, 2, stacked=stacked, folder=tmp_path)
        times = first.runs["seconds"].tolist()
        for path in tmp_path.glob("**/run-000.*"):
            path.unlink()
        result = run(setting, 4, stacked=stacked, folder=tmp_path)
        if stacked:  # runs 0, 2, 3 were in a smaller stack: rounding differs
            assert_equal(result.history, free.history, rtol=0, atol=1e-12)
        else:
            assert_same(result, free)
            assert result.runs["seconds"][1] == times[1]

    def test_files(self, tmp_path):
        result = run(SHORT, 2, folder=tmp_path / "new")
        folder = tmp_path / "new" / "one_by_one" / "short"
        names = ["run-000.csv", "run-000.json", "run-001.csv", "run-001.json", "setting.json"]
        assert sorted(path.name for path in folder.iterdir()) == names
        description = json.loads((folder / "setting.json").read_text())
        assert description["setting"] == dataclasses.asdict(SHORT)
        assert description["versions"]["torch"] == torch.__version__
        row = json.loads((folder / "run-001.json").read_text())
        assert row["run"] == 1
        assert row["seconds"] == result.runs["seconds"][1]
        assert row["validation_accuracy"] == result.runs["validation_accuracy"][1]
        assert_equal(read(folder / "run-001.csv").assign(run=0), only(result.history, 1), check_exact=True)

    @pytest.mark.parametrize("stacked", [False, True])
    def test_a_record_says_how_to_repeat_it(self, tmp_path, stacked):
        run(SHORT, 1, stacked=stacked, folder=tmp_path)
        (path,) = tmp_path.glob("*/short/setting.json")
        imports, call = json.loads(path.read_text())["repeat"].split("; ")
        names = {}
        exec(imports, names)
        repeated = eval(call.replace("runs=10", "runs=1"), names)
        assert "runs=10" in call
        assert_same(repeated, run(SHORT, 1, stacked=stacked))

    def test_the_two_ways_have_records_of_their_own(self, tmp_path):
        run(SHORT, 1, folder=tmp_path)
        assert run(SHORT, 1, stacked=True, folder=tmp_path).runs["seconds"].isna().all()
        assert run(SHORT, 1, folder=tmp_path).runs["seconds"].notna().all()

    def test_folders_named_in_text_and_old_leftovers_are_fine(self, tmp_path):
        run(SHORT, 1, folder=str(tmp_path))
        (tmp_path / "one_by_one" / "short" / ".run-000.csv.123.tmp").write_text("model,ru")
        (tmp_path / "one_by_one" / "short" / "run-001.csv").write_text("model,ru")  # no JSON: never finished
        assert_same(run(SHORT, 2, folder=str(tmp_path)), run(SHORT, 2))


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def edit(path):
    """Change one digit."""
    text = path.read_text()
    place = next(i for i in reversed(range(len(text))) if text[i] in "12345678" and text[i - 1].isdigit())
    path.write_text(text[:place] + str(int(text[place]) + 1) + text[place + 1 :])


def edit_value(path):
    """Change a value, as in an editor: the JSON stays one."""
    content = json.loads(path.read_text())
    content.update({"validation_accuracy": 0.99, "network": [2, 2]})
    path.write_text(json.dumps(content))


DAMAGES = {
    "truncated": truncate,
    "edited": edit,
    "empty": lambda path: path.write_bytes(b""),
    "foreign": lambda path: path.write_text('{"name": "something else"}'),
    "binary": lambda path: path.write_bytes(bytes(range(256))),
    "a list": lambda path: path.write_text("[1, 2]"),
}


class TestDamage:
    @pytest.fixture
    def record(self, tmp_path):
        """Record two runs; return their folder."""
        run(SHORT, 2, folder=tmp_path)
        return tmp_path / "one_by_one" / "short"

    def refused(self, record, name, setting=SHORT):
        """Fail unless the record is refused with the name of the file, and what is then advised helps."""
        before = {path: path.read_bytes() for path in record.rglob("*") if path.is_file()}
        with pytest.raises(RecordError) as caught:
            run(setting, 2, folder=record.parents[1])
        message = str(caught.value)
        assert message.startswith(f"{record / name} cannot be used: ")
        assert f"Delete the folder {record} " in message
        assert "--out FOLDER" in message
        assert "\n" not in message
        assert {path: path.read_bytes() for path in record.rglob("*") if path.is_file()} == before
        shutil.rmtree(record)
        assert_same(run(setting, 2, folder=record.parents[1]), run(setting, 2))
        return message

    @pytest.mark.parametrize("name", ["run-000.csv", "run-001.csv", "run-001.json", "setting.json"])
    @pytest.mark.parametrize("damage", list(DAMAGES))
    def test_damaged_files(self, record, name, damage):
        DAMAGES[damage](record / name)
        self.refused(record, name)

    @pytest.mark.parametrize("name", ["run-000.json", "setting.json"])
    def test_edited_json(self, record, name):
        edit_value(record / name)
        assert "changed since it was written" in self.refused(record, name)

    def test_a_record_of_a_format_before(self, record, monkeypatch):
        shutil.rmtree(record)
        with monkeypatch.context() as before:
            before.setattr("minidl.lab.experiment.FORMAT", 1)
            run(SHORT, 2, folder=record.parents[1])
        assert "another version of minidl" in self.refused(record, "run-000.json")

    def test_a_missing_history(self, record):
        (record / "run-001.csv").unlink()
        assert "missing" in self.refused(record, "run-001.csv")

    def test_a_missing_setting(self, record):
        (record / "setting.json").unlink()
        assert "setting.json" in self.refused(record, "run-000.json")

    @pytest.mark.parametrize(
        "change",
        [{"seed": 1}, {"lr": 0.002}, {"epochs": 4}, {"reduction": "mean"}, {"dtype": "float64"}, {"batch_size": 20}],
    )
    def test_the_record_of_another_setting(self, record, change):
        ((field, value),) = change.items()
        message = self.refused(record, "setting.json", dataclasses.replace(SHORT, **change))
        assert f"another setting ({field} {getattr(SHORT, field)!r}, not {value!r})" in message

    def test_files_of_another_setting(self, record, tmp_path):
        run(dataclasses.replace(SHORT, seed=1), 2, folder=tmp_path / "other")
        for path in (tmp_path / "other" / "one_by_one" / "short").glob("run-001.*"):
            shutil.copy(path, record)
        self.refused(record, "run-001.json")

    def test_files_of_another_run(self, record):
        for ending in ("csv", "json"):
            shutil.copy(record / f"run-001.{ending}", record / f"run-000.{ending}")
        self.refused(record, "run-000.json")

    def test_files_of_the_other_way(self, record, tmp_path):
        run(SHORT, 2, stacked=True, folder=tmp_path)
        for path in (tmp_path / "stacked" / "short").glob("run-001.*"):
            shutil.copy(path, record)
        self.refused(record, "run-001.json")

    def test_a_damaged_run_that_is_not_asked_for_is_left_alone(self, record):
        truncate(record / "run-001.csv")
        assert_same(run(SHORT, 1, folder=record.parents[1]), run(SHORT, 1))


class Crash(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("stacked", [False, True])
def test_a_crash_at_any_write_loses_nothing_that_was_recorded(tmp_path, monkeypatch, stacked, after):
    """Whatever file is being written when the process dies, the next call goes on and ends the same."""
    settings, replace = [SHORT, SECOND], os.replace
    expected = run(settings, 2, stacked=stacked)
    for crash in range(2 + 4 * 2):  # two settings, and two files for each run
        folder, writes = tmp_path / str(crash), itertools.count()

        def dying(source, target, crash=crash, writes=writes):
            if (last := next(writes) == crash) and not after:
                raise Crash
            replace(source, target)
            if last:
                raise Crash

        monkeypatch.setattr(os, "replace", dying)
        with pytest.raises(Crash):
            run(settings, 2, stacked=stacked, folder=folder)
        monkeypatch.setattr(os, "replace", replace)
        done = {path: path.read_bytes() for path in folder.glob("**/run-*.json")}
        assert next(writes) == crash + 1
        result = run(settings, 2, stacked=stacked, folder=folder)
        assert_same(result, expected)
        assert all(path.read_bytes() == content for path, content in done.items()), "a recorded run was trained again"


def command(folder, epochs):
    """Return the command of a short report; Ctrl-C reaches it even where these tests run in the background."""
    code = (
        "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "runpy.run_module('minidl', run_name='__main__')"
    )
    return [sys.executable, "-c", code, "report", "--runs", "2", "--epochs", str(epochs), "--out", str(folder)]


@pytest.mark.usefixtures("agg")
def test_a_killed_report_goes_on_and_ends_with_the_same_table(tmp_path):
    folder, moments, killed = tmp_path / "report", random.Random(0), 0
    for _ in range(5):
        files = len(list(folder.rglob("*"))) + moments.randint(1, 8)
        with open(tmp_path / "stderr.txt", "wb") as stderr:
            process = subprocess.Popen(command(folder, 5), stdout=subprocess.DEVNULL, stderr=stderr)
            while process.poll() is None and len(list(folder.rglob("*"))) < files:
                time.sleep(0.001)
            time.sleep(moments.uniform(0, 0.05))
            process.kill()
            killed += process.wait() != 0
        assert b"Error" not in (tmp_path / "stderr.txt").read_bytes()
    assert killed == 5
    assert main(["report", "--runs", "2", "--epochs", "5", "--out", str(folder)]) == 0
    undisturbed = report.run(runs=2, epochs=5, progress=False)
    history = undisturbed.history.to_csv(index=False, lineterminator="\n")
    assert (folder / "history.csv").read_bytes() == history.encode()
    runs = read(folder / "runs.csv")
    assert_equal(runs.drop(columns="seconds"), undisturbed.runs.drop(columns="seconds"), check_exact=True)
    table = read(folder / "table_1.csv")
    columns = ["model", "runs", "accuracy_mean", "accuracy_std", "epochs_median", "epochs_min", "epochs_max"]
    assert_equal(table[columns], report.table_1(undisturbed)[columns], check_exact=True, check_dtype=False)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send to a single process")
def test_ctrl_c_stops_a_report_with_one_line(tmp_path):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command(tmp_path, 100_000), **pipes) as process:
        shown = b""
        while b"1/400000" not in shown:  # two settings, two runs
            shown += (new := os.read(process.stderr.fileno(), 4096))
            assert new, f"it ended by itself: {shown.decode()}"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == b""
    *bar, message, end = err.decode().split("\n")
    assert message.startswith("Interrupted. ")
    assert end == ""
    assert len(bar) <= 1
    assert "Traceback" not in err.decode()
