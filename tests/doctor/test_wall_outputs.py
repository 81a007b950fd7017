"""What is written, and over what: names that are traps, files that must not be overwritten, work that is broken off."""

from __future__ import annotations

import csv
import functools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from minidl.lab.cli import main
from minidl.lab.doctor.students.files import find
from minidl.lab.doctor.students.processes import Settings
from minidl.lab.doctor.students.rows import Row, Shown
from minidl.lab.doctor.students.tables import csv_line, page, summary, table
from minidl.lab.doctor.students.visits import examine_projects

RIGHT = "class Mine:\n    def forward(self, x):\n        return 3.0 * x\n    def backward(self, g):\n        return 3.0 * g\n"
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="such names and files are not known everywhere")


@pytest.fixture
def work(tmp_path):
    """Return a folder with one student's file."""
    folder = tmp_path / "anna"
    folder.mkdir()
    (folder / "work.py").write_text(RIGHT, encoding="utf-8")
    return folder


def examine(*arguments):
    """Return the command's exit status."""
    return main(["examine", *map(str, arguments), "--wall", "none"])


# ---------------------------------------------------------------------------------------------------------------------
# Names and texts


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=1"])
def test_a_cell_that_a_spreadsheet_would_run_is_text(text):
    rows = csv.reader([csv_line(Row(text, text, "wrong", text, [Shown(text, [text])]))])
    for cell in next(rows):
        assert cell.lstrip(" ")[:1] not in ("=", "+", "-", "@", "\t", "\r", "\n")


def test_what_follows_a_semicolon_is_no_formula_either():
    line = csv_line(Row("a;=1+1;b.py", "A", "not examined", "ValueError: x; @SUM(A1)\n-1"))
    for cell in line.replace("\n", ";").split(";"):
        assert cell.lstrip(' "')[:1] not in ("=", "+", "-", "@")


def test_the_name_of_a_missing_package_is_one_word():
    forged = "package X)\nclass/anna/nn.py ReLU wrong is missing (no)"
    assert summary([Row("a.py", "", "does not load", forged)]).splitlines() == [
        "1 file: 0 well, 0 wrong, 1 did not load."
    ]
    assert "(missing: numpy)" in summary([Row("a.py", "", "does not load", "package numpy is missing (line 1)")])


def test_a_long_name_leaves_the_table_readable():
    assert max(map(len, table([Row("a" * 5000, "B" * 10**6, "well")]).splitlines())) < 400


@LINUX
@pytest.mark.parametrize("name", ["a\nb.py", "=cmd.py", "\x1b[31m.py", "a\u202eb.py", "<script>.py", "-x.py"])
def test_a_file_with_a_trap_for_a_name_is_one_line(tmp_path, name, capsys):
    (tmp_path / name).write_text(RIGHT, encoding="utf-8")
    marks, shown = tmp_path / "marks.csv", tmp_path / "marks.html"
    assert examine(tmp_path, "--csv", marks, "--html", shown) == 0
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 5
    assert "\x1b" not in out
    with marks.open(newline="", encoding="utf-8") as file:
        ((shown_name, *_),) = list(csv.reader(file))[1:]
    assert "\n" not in shown_name
    assert "<script>" not in shown.read_text(encoding="utf-8")


def test_a_page_is_made_of_text_alone():
    row = Row("<i>", "<b>", "wrong", "<script>", [Shown("<u>", ["<s>"])])
    assert not {"<i>", "<b>", "<script>", "<u>", "<s>"} & set(page([row]).replace(">", "> ").split())
    assert table([row]).count("\n") == 4


# ---------------------------------------------------------------------------------------------------------------------
# What is not overwritten


@pytest.mark.parametrize("option", ["--csv", "--html"])
def test_work_is_not_overwritten(work, option, capsys):
    notes = work / "notes.txt"
    os.link(work / "work.py", notes)
    for path in (work / "work.py", work / "other.py", work / "OTHER.PY", notes):
        assert examine(work, option, path) == 2
        assert "is not overwritten" in capsys.readouterr().err
    assert (work / "work.py").read_text(encoding="utf-8") == RIGHT
    assert sorted(path.name for path in work.iterdir()) == ["notes.txt", "work.py"]


def test_two_outputs_are_two_files(work, tmp_path, capsys):
    marks = tmp_path / "marks"
    assert examine(work, "--csv", marks, "--html", tmp_path / "anna" / ".." / "marks") == 2
    assert "name the same file" in capsys.readouterr().err
    assert not marks.exists()


@LINUX
def test_a_link_is_not_followed(work, tmp_path, capsys):
    target = tmp_path / "target"
    target.write_text("mine", encoding="utf-8")
    (tmp_path / "marks.csv").symlink_to(target)
    assert examine(work, "--csv", tmp_path / "marks.csv") == 2
    assert "is a symbolic link" in capsys.readouterr().err
    assert target.read_text(encoding="utf-8") == "mine"


@LINUX
def test_what_is_no_plain_file_is_one_line(work, tmp_path):
    (work / "link.py").symlink_to("/etc/passwd")
    (work / "loop.py").symlink_to("loop.py")
    os.mkfifo(work / "pipe.py")
    (work / "large.py").write_bytes(b"#" * 3_000_000)
    (work / "deep.py").write_text("(" * 100_000, encoding="utf-8")
    (work / "zero.py").write_bytes(b"x = 1\0")
    (tmp_path / "anna_link").symlink_to(work)
    plans = find([str(work), str(tmp_path / "anna_link")])
    rows = {Path(row.file).name: row for row in examine_projects(plans, Settings(wall="none"))}
    for name in ("link.py", "loop.py", "anna_link"):
        assert (rows[name].verdict, rows[name].details) == ("not examined", "a symbolic link, which is not followed")
    assert rows["pipe.py"].details == "no plain file"
    assert "larger than" in rows["large.py"].details
    assert {rows[name].verdict for name in ("deep.py", "zero.py")} == {"does not load"}
    assert rows["work.py"].verdict == "well"


# ---------------------------------------------------------------------------------------------------------------------
# Work that is broken off


def processes_that_see(folder):
    """Yield the processes that work on a copy in a folder, or behind a wall around one."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            told = (place / "mountinfo").read_text() + os.readlink(place / "cwd") + (place / "cmdline").read_text()
        except OSError:
            continue
        if f"{folder.name}/examine-" in told:
            yield place.name, (place / "cmdline").read_text()


@LINUX
@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_what_is_finished_is_kept_and_nothing_is_left_running(work, tmp_path, sign):
    (tmp_path / "bert").mkdir()
    text = "import signal, time\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])\ntime.sleep(300)\n" + RIGHT
    (tmp_path / "bert" / "work.py").write_text(text, encoding="utf-8")
    marks, shown = tmp_path / "marks.csv", tmp_path / "marks.html"
    command = [sys.executable, "-m", "minidl", "examine", work, tmp_path / "bert", "--csv", marks, "--html", shown]
    process = subprocess.Popen(
        [*command, "--time", "300", "--jobs", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "TMPDIR": str(tmp_path)},
        # what runs in the background, as tests may, is started with SIGINT ignored
        preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    for _ in range(1800):
        if marks.exists() and b"work.py" in marks.read_bytes():
            break
        time.sleep(0.05)
    process.send_signal(sign)
    try:
        out, _ = process.communicate(timeout=90)  # a busy machine takes its time, but not the file's 300 seconds
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}[sign]
    for _ in range(600):
        if not (left := sorted(processes_that_see(tmp_path))):
            break
        time.sleep(0.05)
    assert left == []
    if sign != signal.SIGKILL:  # after which nobody cleans up
        assert not list(tmp_path.glob("examine-*"))
    assert marks.read_bytes().count(b"Mine,well") == 1
    assert b"<td>Mine</td>" in shown.read_bytes()
    if sign == signal.SIGINT:
        assert b"1 file: 1 well, 0 wrong." in out
        assert shown.read_bytes().endswith(b"</html>\n")


@pytest.mark.parametrize("name", ["work.py:nonsense("])
def test_nothing_is_made_where_there_is_nothing_to_write(work, tmp_path, name, monkeypatch):
    def broken_off(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("minidl.lab.doctor.students.examine_projects", broken_off)
    assert examine(work / name, "--csv", tmp_path / "marks.csv", "--html", tmp_path / "marks.html") == 130
    assert not list(tmp_path.glob("marks*"))
