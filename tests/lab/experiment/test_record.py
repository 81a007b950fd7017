"""Records: the same to the last bit when they are loaded, never mixed, and refused where they are damaged."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import json
import shutil
import sys
from typing import ClassVar

import pytest
import torch
from short_runs import SECOND, SHORT, assert_equal, assert_same, only, read, run

from minidl.lab.experiment import Record, RecordError, run_experiments

pytestmark = pytest.mark.slow


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
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        first = run([SHORT, SECOND], 2, folder=tmp_path)
        monkeypatch.setattr("minidl.lab.experiment.runs.trainer", lambda *_, **__: pytest.fail("trained again"))
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

    def test_records_with_checksums_as_they_once_were_written_are_loaded(self, tmp_path, monkeypatch):
        expected = run([SHORT, SECOND], 2, folder=tmp_path)
        for path in tmp_path.rglob("*.json"):
            content = json.loads(path.read_text())
            more = {"history_sha256": "1" * 64} if "seconds" in content else {}
            path.write_text(json.dumps({**content, **more, "sha256": "0" * 64}, indent=2) + "\n")
        monkeypatch.setattr("minidl.lab.experiment.runs.trainer", lambda *_, **__: pytest.fail("trained again"))
        loaded = run([SHORT, SECOND], 2, folder=tmp_path)
        assert_equal(loaded.history, expected.history, check_exact=True)
        assert_equal(loaded.runs, expected.runs, check_exact=True)

    def test_the_two_ways_have_records_of_their_own(self, tmp_path):
        run(SHORT, 1, folder=tmp_path)
        assert run(SHORT, 1, stacked=True, folder=tmp_path).runs["seconds"].isna().all()
        assert run(SHORT, 1, folder=tmp_path).runs["seconds"].notna().all()

    def test_folders_named_in_text_and_old_leftovers_are_fine(self, tmp_path):
        run(SHORT, 1, folder=str(tmp_path))
        (tmp_path / "one_by_one" / "short" / ".run-000.csv.123.tmp").write_text("model,ru")
        (tmp_path / "one_by_one" / "short" / "run-001.csv").write_text("model,ru")  # no JSON: never finished
        assert_same(run(SHORT, 2, folder=str(tmp_path)), run(SHORT, 2))


@functools.cache
def undisturbed(setting):
    """Return two runs of a setting that are not recorded."""
    return run(setting, 2)


def change(path, function):
    """Write something else into a file, made of what was in it."""
    path.write_bytes(function(path.read_bytes()))


DAMAGES = {
    "cut short": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "zeros": lambda content: bytes(len(content)),
    "foreign": lambda content: b'{"name": "something else"}',
    "binary": lambda content: bytes(range(256)),
    "a list": lambda content: b"[1, 2]",
}
DAMAGED_HISTORIES = {
    "a line is missing": lambda content: b"".join(content.splitlines(keepends=True)[:-1]),
    "a line is there twice": lambda content: content + content.splitlines(keepends=True)[-1],
    "two lines are one": lambda content: content.replace(b"\n", b"", 3).replace(b"split", b"split\n", 1),
    "a column is missing": lambda content: content.replace(b",training", b"").replace(b",validation", b""),
    "a column is missing, with its name": lambda content: b"".join(
        line.rpartition(b",")[0] + b"\n" for line in content.splitlines()
    ),
    "a column is too many": lambda content: content.replace(b"\n", b",1\n"),
    "another name": lambda content: content.replace(b"accuracy", b"precision", 1),
    "no number": lambda content: content.replace(b".", b"?", 1),
    "no whole number": lambda content: content.replace(b",2,training", b",two,training", 1),
}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Record two runs, once for all tests; return the folder, which they have to copy."""
    folder = tmp_path_factory.mktemp("recorded")
    run(SHORT, 2, folder=folder)
    return folder


class TestDamage:
    @pytest.fixture
    def record(self, recorded, tmp_path):
        """Return the folder of two runs that are recorded."""
        shutil.copytree(recorded, tmp_path, dirs_exist_ok=True)
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
        assert_same(run(setting, 2, folder=record.parents[1]), undisturbed(setting))
        return message

    @pytest.mark.parametrize("name", ["run-000.csv", "run-001.csv", "run-001.json", "setting.json"])
    @pytest.mark.parametrize("damage", list(DAMAGES))
    def test_damaged_files(self, record, name, damage):
        change(record / name, DAMAGES[damage])
        self.refused(record, name)

    @pytest.mark.parametrize("damage", list(DAMAGED_HISTORIES))
    def test_damaged_histories(self, record, damage):
        change(record / "run-001.csv", DAMAGED_HISTORIES[damage])
        assert "not a file of ours" in self.refused(record, "run-001.csv")

    @pytest.mark.parametrize("name", ["run-000.csv", "run-000.json", "setting.json"])
    def test_wherever_a_file_is_cut_it_is_noticed(self, record, name):
        content = (record / name).read_bytes()
        needed = content.rstrip() if name.endswith("json") else content  # JSON says itself where it ends
        for length in range(len(needed)):
            (record / name).write_bytes(content[:length])
            with pytest.raises(RecordError, match="cut short"):
                Record(SHORT, False, record.parents[1]).load(1)

    def test_a_record_of_a_format_before(self, record, monkeypatch):
        shutil.rmtree(record)
        with monkeypatch.context() as before:
            before.setattr("minidl.lab.experiment.record.FORMAT", 1)
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
        change(record / "run-001.csv", DAMAGES["cut short"])
        assert_same(run(SHORT, 1, folder=record.parents[1]), run(SHORT, 1))


class TestWhatDoesNotMatter:
    """Files that somebody has looked at with another system or an editor are the same records."""

    CHANGES: ClassVar = {
        "line ends of another system": lambda data, name: data.replace(b"\n", b"\r\n"),
        "a mark that some editors put first": lambda data, name: b"\xef\xbb\xbf" + data,
        "a comment": lambda data, name: b"# looked at on Monday\n" + data if name.endswith("csv") else data,
        "spaces": lambda data, name: data.replace(b": ", b":   ") if name.endswith("json") else data,
    }

    @pytest.mark.parametrize("change", CHANGES)
    def test_the_record_is_loaded(self, tmp_path, monkeypatch, change):
        first = run([SHORT], 2, folder=tmp_path)
        for path in (tmp_path / "one_by_one" / "short").iterdir():
            path.write_bytes(self.CHANGES[change](path.read_bytes(), path.name))
        monkeypatch.setattr("minidl.lab.experiment.runs.trainer", lambda *_, **__: pytest.fail("trained again"))
        assert_equal(run([SHORT], 2, folder=tmp_path).history, first.history, check_exact=True)


def test_many_may_write_the_same_record_at_the_same_time(tmp_path):
    """Two reports in one folder, say: each file is always whole."""
    history = run([SHORT], 1).history

    def write(_):
        Record(SHORT, False, tmp_path).write(0, history, 1.0)
        return Record(SHORT, False, tmp_path).load(1)[0][0]

    with concurrent.futures.ThreadPoolExecutor(8) as many:
        for loaded in many.map(write, range(100)):
            assert_equal(loaded, history, check_exact=True)
    folder = tmp_path / "one_by_one" / "short"
    assert sorted(path.name for path in folder.iterdir()) == ["run-000.csv", "run-000.json", "setting.json"]
