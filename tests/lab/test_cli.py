"""The command line: what it says, what it writes, and how it ends."""

from __future__ import annotations

import io
import os
import sys

import pytest

import minidl
from minidl.lab import bench, cli, report
from minidl.lab.cli import main

ENCODINGS = ["ascii", "cp437", "cp850", "cp932", "cp949", "cp1251", "latin-1", "utf-8"]
OPTIONS = {
    "start": ["--fresh", "--no-lab", "--no-browser", "--port"],
    "handout": ["--notebooks", "--install", "--nbgrader", "--list"],
    "mark": [
        "--notebooks",
        "--csv",
        "--totals",
        "--html",
        "--feedback",
        "--class",
        "--overrides",
        "--record",
        "--fresh",
        "--wall",
        "--time",
        "--memory",
        "--jobs",
    ],
    "report": ["--runs", "--epochs", "--seed", "--stacked", "--time-all", "--out"],
    "bench": ["--quick"],
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
        (["start", "folder", "other"], "other"),
        (["start", "mine", "--ip", "127.0.0.1"], "write --ip=127.0.0.1, without a blank"),
        (["start", "--ip", "127.0.0.1"], "write --ip=127.0.0.1, without a blank"),
        (["start", "--port", "x"], "--port: expected an integer of at least 1, got 'x'"),
        (["handout"], "FOLDER"),
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


@pytest.mark.parametrize("out", ["file", "file/folder"])
def test_what_cannot_be_written_is_refused_before_the_training(out, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(report, "run", lambda *_, **__: pytest.fail("trained first"))
    status, printed, err = ends(["report", "--out", out], capsys)
    assert (status, printed) == (2, "")
    says = f"expected a folder to write to, got {out.replace('/', os.sep)!r}"
    assert err.startswith(f"python -m minidl report: argument --out: {says}")
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


@pytest.mark.parametrize(("more", "says"), [([], "recorded: the same"), (["--fresh"], "without --fresh, the same")])
def test_an_interrupted_marking_says_how_to_go_on(more, says, monkeypatch, capsys):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_mark", interrupted)
    status, _, err = ends(["mark", "submissions", *more], capsys)
    assert status == 130
    assert err.endswith(f" {says} command goes on from there.\n")


def test_whoever_reads_what_is_printed_may_go(tmp_path, monkeypatch):
    class Pipe(io.StringIO):
        def fileno(self):
            return file.fileno()

        def flush(self):
            raise BrokenPipeError

    monkeypatch.setattr(bench, "main", lambda **_: None)
    with open(tmp_path / "out", "w") as file:
        monkeypatch.setattr(sys, "stdout", Pipe())
        assert main(["bench"]) == 141
        os.write(file.fileno(), b"goes nowhere")
    assert (tmp_path / "out").read_text() == ""


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_terminal_without_the_signs_gets_escapes(encoding, tmp_path, monkeypatch):
    """Every command prints through the same two streams, so what one of them says is enough to try."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(report, "write", lambda *_: [])
    monkeypatch.setattr(report, "table_1", lambda _: None)
    monkeypatch.setattr(report, "readable", lambda _: None)
    monkeypatch.setattr(report, "markdown", lambda _: "1 ± 2, 3 ÷ 4 – 沐")
    monkeypatch.setattr(report, "same_curves", lambda _: "the same")
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(io.BytesIO(), encoding=encoding))

    class Nothing:
        history = None

    monkeypatch.setattr(report, "run", lambda **_: Nothing())
    assert main(["report", "--runs", "1"]) == 0
    sys.stdout.flush()
    said = sys.stdout.buffer.getvalue().decode(encoding)
    assert said.startswith("1 ± 2, 3 ÷ 4 – 沐".encode(encoding, "backslashreplace").decode(encoding))


def test_it_says_its_version(capsys):
    status, out, err = ends(["--version"], capsys)
    assert (status, err) == (0, "")
    assert out == f"minidl {minidl.__version__}\n"
