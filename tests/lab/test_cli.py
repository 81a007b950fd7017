"""The command line: what it says, what it writes, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pandas as pd
import pytest
import torch

from minidl.__main__ import main
from minidl.lab import bench, picture, report

OPTIONS = {
    "report": ["--runs", "--epochs", "--seed", "--stacked", "--time-all", "--out"],
    "bench": ["--quick"],
    "picture": ["--out"],
    "html": ["--out"],
}
pytestmark = pytest.mark.usefixtures("agg")


def ends(arguments, capsys):
    """Run a command in this process; return its exit status, and what it printed."""
    try:
        status = main(arguments)
    except SystemExit as end:
        status = end.code
    return status, *capsys.readouterr()


class TestHelp:
    def test_it_names_every_command(self, capsys):
        status, out, err = ends(["--help"], capsys)
        assert (status, err) == (0, "")
        assert out.startswith("usage: python -m minidl ")
        for command in OPTIONS:
            assert f"\n    {command} " in out

    @pytest.mark.parametrize("command", OPTIONS)
    def test_it_explains_every_option(self, command, capsys):
        status, out, err = ends([command, "--help"], capsys)
        assert (status, err) == (0, "")
        assert out.startswith(f"usage: python -m minidl {command} ")
        options = out[out.index("options:") :]
        for option in OPTIONS[command]:
            assert f"\n  {option} " in options
        assert options.count("\n  -") == 1 + len(OPTIONS[command])  # and --help


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "COMMAND"),
        (["reprot"], "'reprot'"),
        (["report", "--runs", "0"], "--runs: expected an integer of at least 1, got '0'"),
        (["report", "--runs", "ten"], "--runs: expected an integer of at least 1, got 'ten'"),
        (["report", "--runs", "1.5"], "--runs: expected an integer of at least 1, got '1.5'"),
        (["report", "--epochs", "-1"], "--epochs"),
        (["report", "--epochs", "²"], "--epochs: expected an integer of at least 1, got '²'"),
        (["report", "--epochs"], "--epochs: expected one argument"),
        (["report", "--seed", "x"], "--seed: expected an integer of at least 0, got 'x'"),
        (["report", "--unknown"], "--unknown"),
        (["report", "extra"], "extra"),
        (["bench", "--runs", "3"], "--runs"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_arguments_get_one_line(arguments, says, capsys):
    status, out, err = ends(arguments, capsys)
    assert (status, out) == (2, "")
    assert err.startswith("python -m minidl")
    assert says in err
    assert "--help" in err
    assert err.count("\n") == 1
    assert err.endswith("\n")


def test_a_report_from_another_folder(tmp_path):
    """In a process of its own, as people call it: files, table, and nothing but the progress bar on stderr."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    command = [sys.executable, "-m", "minidl", "report", "--runs", "1", "--epochs", "2", "--out", "../there"]
    environment = os.environ | {"PYTHONIOENCODING": "utf-8", "PYTHONWARNINGS": "error"}
    done = subprocess.run(command, cwd=here, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    assert not list(here.iterdir())
    names = {"history.csv", "runs.csv", "table_1.csv", "table_1.md", "environment.json", "one_by_one", "stacked"}
    names |= {f"figure_{number}.{ending}" for number in (1, 2, 3) for ending in ("png", "pdf", "svg")}
    assert {path.name for path in there.iterdir()} == names
    table = (there / "table_1.md").read_text(encoding="utf-8")
    assert len(table.splitlines()) == 6
    assert done.stdout.startswith(table)
    assert "in float64 the losses of all runs differ by at most" in done.stdout
    assert "history.csv" in done.stdout.splitlines()[-1]
    assert all("epoch" in line for line in done.stderr.replace("\r", "\n").splitlines() if line.strip())
    history = pd.read_csv(there / "history.csv")
    models = [setting.name for setting in report.settings() + report.exact_settings()]
    assert list(history["model"].unique()) == models
    assert len(history) == len(models) * 2 * 2


def test_the_arguments_reach_the_report(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    seen = {}

    def run(**options):
        seen.update(options)
        raise FloatingPointError("enough")

    monkeypatch.setattr(report, "run", run)
    status, out, err = ends(["report"], capsys)
    assert (status, out, err) == (1, "", "python -m minidl report: enough\n")
    assert seen == {"runs": 10, "epochs": 1000, "seed": 0, "timed": ("framework", "pytorch"), "folder": "report"}
    ends(["report", "--runs", "3", "--epochs", "20", "--seed", "5", "--stacked", "--out", "x"], capsys)
    assert seen == {"runs": 3, "epochs": 20, "seed": 5, "timed": (), "folder": "x"}
    ends(["report", "--time-all"], capsys)
    assert seen["timed"] == ("framework", "pytorch", "framework-sum", "framework-same-start")


def test_a_damaged_record_gets_one_line(tmp_path, capsys):
    (setting, *_) = report.settings(epochs=1)
    folder = tmp_path / "one_by_one" / setting.name
    folder.mkdir(parents=True)
    (folder / "setting.json").write_text('{"setting": ')
    status, out, err = ends(["report", "--runs", "1", "--epochs", "1", "--out", str(tmp_path)], capsys)
    assert (status, out) == (1, "")
    assert err.startswith(f"python -m minidl report: {folder / 'setting.json'} cannot be used: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "out", "says"),
    [
        ("report", "file", "expected a folder to write to, got 'file'"),
        ("report", "file/folder", "expected a folder to write to, got 'file/folder'"),
        ("picture", "file/picture.png", "expected a folder to write to, got 'file'"),
        ("picture", ".", "expected a file, got the folder '.'"),
    ],
)
def test_what_cannot_be_written_is_refused_before_the_training(command, out, says, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.chdir(tmp_path)
    for module, name in ((report, "run"), (picture, "draw")):
        monkeypatch.setattr(module, name, lambda *_, **__: pytest.fail("trained first"))
    status, printed, err = ends([command, "--out", out], capsys)
    assert (status, printed) == (2, "")
    assert err.startswith(f"python -m minidl {command}: argument --out: {says.replace('/', os.sep)}")
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(("module", "name", "command"), [(report, "run", "report"), (bench, "main", "bench")])
def test_ctrl_c_gets_one_line(module, name, command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def interrupted(**options):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, name, interrupted)
    status, out, err = ends([command], capsys)
    assert (status, out) == (130, "")
    assert err.startswith("\nInterrupted.")
    assert err.count("\n") == 2
    assert ("goes on from there" in err) == (command == "report")


class TestBench:
    @pytest.mark.parametrize(("ours", "theirs"), [(0.001, 0.004), (0.004, 0.001), (0.002, 0.002)])
    def test_the_ratio_is_ours_over_theirs(self, ours, theirs):
        ratio = bench.compare(lambda: time.sleep(ours), lambda: time.sleep(theirs), budget=0.3)
        assert 0.5 * ours / theirs < ratio < 2 * ours / theirs

    def test_steps_take_turns(self):
        calls = []

        def step(name):
            calls.append(name)
            time.sleep(0.03)

        bench.compare(lambda: step("ours"), lambda: step("theirs"), budget=0)
        assert calls == ["ours", "theirs"] * 4  # to warm up, and three rounds

    @pytest.mark.parametrize("quick", [True, False])
    def test_it_prints_a_line_for_every_ratio(self, quick, monkeypatch, capsys):
        sizes = []
        monkeypatch.setattr(bench, "minidl_step", lambda width, batch, runs=0: ("minidl", width, batch, runs))
        monkeypatch.setattr(bench, "torch_step", lambda width, batch: ("torch", width, batch, 0))
        monkeypatch.setattr(bench, "compare", lambda ours, theirs: sizes.append((ours, theirs)) or 0.5)
        status, out, err = ends(["bench", "--quick"] if quick else ["bench"], capsys)
        assert (status, err) == (0, "")
        head, *lines = out.splitlines()
        assert "minidl" in head
        assert "PyTorch" in head
        assert sizes[:2] == [
            (("minidl", 25, 50, 0), ("torch", 25, 50, 0)),
            (("minidl", 25, 50, 10), ("torch", 25, 50, 0)),
        ]
        assert lines[0].split()[0] == lines[1].split()[0] == "0.500"
        if quick:
            assert len(lines) == 2
            return
        grid, stacks = sizes[2:11], sizes[11:]
        assert {pair[0][1:3] for pair in grid} == {(w, b) for w in (25, 250, 2500) for b in (50, 500, 5000)}
        assert all(ours[1:] == theirs[1:] for ours, theirs in grid)
        assert [(ours[3], line.split()[0]) for (ours, _), line in zip(stacks, lines[11:], strict=True)] == [
            (1, "0.500"),
            (10, "0.050"),
            (100, "0.005"),
        ]

    def test_real_steps_run_on_one_thread(self, monkeypatch):
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
        assert threads == [1, 1]
