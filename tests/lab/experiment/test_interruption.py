"""Whatever ends an experiment before its time, what was recorded is not lost, and the next call goes on."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from short_runs import SECOND, SHORT, assert_equal, assert_same, read, run
from terminals import open_terminal, read_terminal

from minidl.lab import report
from minidl.lab.cli import main


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


@pytest.mark.skipif(
    os.name == "nt", reason="Windows has no SIGINT to send to a single process, and no pseudo-terminals"
)
def test_ctrl_c_stops_a_report_with_one_line(tmp_path):
    screen, terminal = open_terminal()
    with subprocess.Popen(command(tmp_path, 100_000), stdout=subprocess.PIPE, stderr=terminal) as process:
        os.close(terminal)
        shown = b""
        while b"1/400000" not in shown:  # two settings, two runs
            shown += (new := read_terminal(screen))
            assert new, f"it ended by itself: {shown.decode()}"
        process.send_signal(signal.SIGINT)
        out, err = process.stdout.read(), b""
        while new := read_terminal(screen):
            err += new
    os.close(screen)
    assert process.returncode == 130
    assert out == b""
    *bar, message, end = err.decode().split("\r\n")
    assert message.startswith("Interrupted. ")
    assert end == ""
    assert len(bar) <= 1
    assert "Traceback" not in err.decode()
