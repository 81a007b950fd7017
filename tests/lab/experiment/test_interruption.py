"""Whatever ends an experiment before its time, what was recorded is not lost, and the next call goes on."""

from __future__ import annotations

import dataclasses
import itertools
import multiprocessing
import os
import random
import re
import signal
import sys
import time
from multiprocessing.connection import wait

import pytest
from short_runs import SHORT, assert_equal, assert_same, read, run
from terminals import open_terminal, read_terminal

from minidl.lab import report
from minidl.lab.cli import main


class Crash(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("stacked", [False, True])
def test_a_crash_at_any_write_loses_nothing_that_was_recorded(tmp_path, monkeypatch, stacked, after):
    """Whatever file is being written when the process dies, the next call goes on and ends the same."""
    settings = [SHORT, dataclasses.replace(SHORT, name="007", reduction="batchmean")]  # not in one pass
    replace = os.replace
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


METHODS = multiprocessing.get_all_start_methods()


@pytest.fixture(scope="module")
def start():
    """Return a function that starts a short report in a process of its own, far sooner than a new Python would."""
    context = multiprocessing.get_context("forkserver" if "forkserver" in METHODS else "spawn")
    context.set_forkserver_preload(["minidl.lab.report", "torch._dynamo"])

    def start(folder, epochs, stdout, stderr):
        process = context.Process(target=short_report, args=(str(folder), epochs, str(stdout), str(stderr)))
        process.start()
        return process

    return start


def short_report(folder, epochs, stdout, stderr):
    """Call the command with these files as its output; Ctrl-C reaches it even where tests run in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, path in ((1, stdout), (2, stderr)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    sys.stdout, sys.stderr = open(1, "w", encoding="utf-8"), open(2, "w", encoding="utf-8")  # noqa: SIM115
    sys.exit(main(["report", "--runs", "2", "--epochs", str(epochs), "--out", folder]))


@pytest.mark.slow
@pytest.mark.usefixtures("agg")
def test_a_killed_report_goes_on_and_ends_with_the_same_table(start, tmp_path, monkeypatch):
    folder, moments, killed = tmp_path / "report", random.Random(0), 0
    for _ in range(3):
        files = len(list(folder.rglob("*"))) + moments.randint(1, 8)
        process = start(folder, 5, os.devnull, tmp_path / "stderr.txt")
        while process.is_alive() and len(list(folder.rglob("*"))) < files:
            time.sleep(0.02)
        time.sleep(moments.uniform(0, 0.05))
        process.kill()
        process.join()
        killed += process.exitcode != 0
        assert b"Error" not in (tmp_path / "stderr.txt").read_bytes()
    assert killed == 3
    monkeypatch.setattr(report.figures, "save", lambda *_: [])  # nobody looks at the figures
    assert main(["report", "--runs", "2", "--epochs", "5", "--out", str(folder)]) == 0
    undisturbed = report.run(runs=2, epochs=5, progress=False)
    history = undisturbed.history.to_csv(index=False, lineterminator="\n")
    assert (folder / "history.csv").read_bytes() == history.encode()
    runs = read(folder / "runs.csv")
    assert_equal(runs.drop(columns="seconds"), undisturbed.runs.drop(columns="seconds"), check_exact=True)
    table = read(folder / "table_1.csv")
    columns = ["model", "runs", "accuracy_mean", "accuracy_std", "epochs_median", "epochs_min", "epochs_max"]
    assert_equal(table[columns], report.table_1(undisturbed)[columns], check_exact=True, check_dtype=False)


@pytest.mark.slow
@pytest.mark.skipif(
    os.name == "nt", reason="Windows has no SIGINT to send to a single process, and no pseudo-terminals"
)
def test_ctrl_c_stops_a_report_with_one_line(start, tmp_path):
    screen, terminal = open_terminal()
    process = start(tmp_path / "report", 100_000, tmp_path / "stdout.txt", os.ttyname(terminal))
    shown, err = b"", b""
    while not re.search(rb"[1-9]\d*/400000", shown):  # two settings, two runs
        assert screen in wait([screen, process.sentinel]), f"it ended by itself: {shown.decode()}"
        shown += read_terminal(screen)
    os.kill(process.pid, signal.SIGINT)
    process.join()
    os.close(terminal)
    while new := read_terminal(screen):
        err += new
    os.close(screen)
    assert process.exitcode == 130
    assert (tmp_path / "stdout.txt").read_bytes() == b""
    *bar, message, end = err.decode().split("\r\n")
    assert message.startswith("Interrupted. ")
    assert end == ""
    assert len(bar) <= 1
    assert "Traceback" not in err.decode()
