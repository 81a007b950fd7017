"""What mkplot.ipynb shows: a record where there is one, stacked training where there is none."""

import numpy as np
import pandas as pd
import pytest
import torch

from minidl.lab import report
from minidl.lab.experiment import RecordError, Result
from minidl.lab.training import COLUMNS

SMALL = {"runs": 2, "epochs": 2, "progress": False}


class MadeUp:
    """Stands for a training: its numbers are made up, and it takes no time."""

    seconds = 0.5

    def __init__(self, runs, *, stacked):
        self.runs, self.epochs = runs, 0

    def run_epoch(self):
        self.epochs += 1

    def history(self):
        rows = [["any"], range(len(self.runs)), range(1, self.epochs + 1), ["training", "validation"]]
        index = pd.MultiIndex.from_product(rows, names=COLUMNS[:4])
        numbers = np.linspace(0.1, 0.9, 2 * len(index)).reshape(-1, 2)
        return pd.DataFrame(numbers, index=index, columns=COLUMNS[4:]).reset_index()


@pytest.fixture
def made_up(monkeypatch):
    monkeypatch.setattr("minidl.lab.experiment.runs.trainer", MadeUp)


@pytest.fixture
def no_training(monkeypatch):
    """Return a function after whose call every training fails the test."""

    def forbid():
        def trainer(*args, **kwargs):
            pytest.fail("a run was trained that had been recorded")

        monkeypatch.setattr("minidl.lab.experiment.runs.trainer", trainer)

    return forbid


@pytest.mark.slow
def test_without_a_record_it_trains_stacked_and_records(tmp_path, no_training):
    first = report.load_or_train(tmp_path / "out", **SMALL)
    assert first.folder == tmp_path / "out"
    assert "Trained just now" in first.words
    assert first.result.runs["seconds"].isna().all()
    no_training()
    second = report.load_or_train(tmp_path / "out", **SMALL)
    assert "Loaded" in second.words
    pd.testing.assert_frame_equal(first.result.history, second.result.history)


@pytest.mark.usefixtures("made_up")
def test_a_complete_record_of_timed_runs_goes_first(tmp_path, no_training):
    report.run(**SMALL, timed=(), folder=tmp_path)
    timed = report.run(**SMALL, folder=tmp_path)
    no_training()
    found = report.load_or_train(tmp_path, **SMALL)
    assert "Loaded" in found.words
    assert "timed: Framework, as published, PyTorch, as published" in found.words
    pd.testing.assert_frame_equal(found.result.runs, timed.runs)
    assert found.result.runs["seconds"].notna().sum() == 4


@pytest.mark.usefixtures("made_up")
def test_an_incomplete_record_of_timed_runs_is_not_used(tmp_path):
    report.run(**SMALL, folder=tmp_path)
    (tmp_path / "one_by_one" / report.PYTORCH / "run-001.json").unlink()
    found = report.load_or_train(tmp_path, **SMALL)
    assert "Trained just now" in found.words
    assert set(found.result.runs.dropna()["model"]) == {report.FRAMEWORK}
    (tmp_path / "one_by_one" / report.FRAMEWORK / "run-000.json").unlink()
    assert report.load_or_train(tmp_path, **SMALL).result.runs["seconds"].isna().all()


@pytest.mark.usefixtures("made_up")
def test_all_settings_can_be_timed(tmp_path, no_training):
    result = report.run(**SMALL, timed=tuple(report.LABELS), folder=tmp_path)
    assert list(result.runs["model"].unique()) == [*report.LABELS, *report.EXACT]
    assert (result.runs.groupby("model")["seconds"].count() == 2).sum() == len(report.LABELS)
    no_training()
    found = report.load_or_train(tmp_path, **SMALL)
    pd.testing.assert_frame_equal(found.result.runs, result.runs)


@pytest.mark.parametrize(("timed", "threads"), [((), [1]), ((report.PYTORCH,), [1, 2])])
def test_times_are_measured_on_one_thread(timed, threads, monkeypatch):
    used = []

    def run_experiments(settings, *args, **kwargs):  # trains nothing: who has more threads than cores waits for them
        used.append(torch.get_num_threads())
        names = pd.DataFrame({"model": [setting.name for setting in settings]})
        return Result(names, names)

    monkeypatch.setattr(report, "run_experiments", run_experiments)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        result = report.run(**SMALL, timed=timed)
        assert torch.get_num_threads() == 3
        torch.set_num_threads(1)
        report.run(**SMALL, timed=timed)
    finally:
        torch.set_num_threads(before)
    assert used == threads + [1] * len(threads)
    assert result.runs["model"].tolist() == [*report.LABELS, *report.EXACT]  # in this order whatever is timed


def test_only_settings_that_are_there_can_be_timed():
    with pytest.raises(ValueError, match=r"timed to name settings among .*got \['jax'\]"):
        report.run(**SMALL, timed=["jax", report.PYTORCH])


@pytest.mark.usefixtures("made_up")
def test_fewer_runs_than_recorded_are_loaded(tmp_path, no_training):
    report.load_or_train(tmp_path, **SMALL)
    no_training()
    found = report.load_or_train(tmp_path, **SMALL | {"runs": 1})
    assert set(found.result.history["run"]) == {0}


@pytest.mark.usefixtures("made_up")
@pytest.mark.parametrize("timed", [(), (report.FRAMEWORK, report.PYTORCH)])
@pytest.mark.parametrize("other", [{"epochs": 3}, {"seed": 1}])
def test_the_record_of_another_experiment_is_left_alone(tmp_path, timed, other):
    report.run(**SMALL | {"runs": 1} | other, timed=timed, folder=tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    found = report.load_or_train(tmp_path, **SMALL)
    assert found.folder == tmp_path / "epochs-2-seed-0"
    assert "setting.json" in found.words
    assert set(found.result.history["epoch"]) == {1, 2}
    assert {path: path.read_bytes() for path in before} == before
    assert all(found.folder in path.parents for path in set(tmp_path.rglob("*.*")) - set(before))
    assert "Loaded" in report.load_or_train(tmp_path, **SMALL).words


@pytest.mark.usefixtures("made_up")
def test_a_damaged_run_is_an_error(tmp_path):
    report.load_or_train(tmp_path, **SMALL)
    path = tmp_path / "stacked" / report.FRAMEWORK / "run-001.csv"
    path.write_text(path.read_text()[:-20])
    with pytest.raises(RecordError, match=r"run-001\.csv"):
        report.load_or_train(tmp_path, **SMALL)


@pytest.mark.usefixtures("made_up")
def test_a_folder_that_cannot_be_written_is_told_before_the_training_and_nothing_is_lost(tmp_path):
    (tmp_path / "out").write_text("a file")
    found = report.load_or_train(tmp_path / "out", **SMALL)
    assert found.folder is None
    assert "and not recorded" in found.words
    assert str(tmp_path / "out") in found.words
    assert len(found.result.runs) == 2 * 6
    assert report.write(found.result, found.folder) == []
    assert (tmp_path / "out").read_text() == "a file"
