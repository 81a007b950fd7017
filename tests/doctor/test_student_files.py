"""`python -m minidl examine`: students' files, good ones, bad ones, and ones that misbehave."""

from __future__ import annotations

import csv
import io
import os
import re
import runpy
import sys
import time

import pytest

from minidl.lab.cli import main
from minidl.lab.doctor.students.files import find
from minidl.lab.doctor.students.processes import Settings
from minidl.lab.doctor.students.tables import page
from minidl.lab.doctor.students.visits import examine_projects

LINEAR = """
import torch

class Linear:
    def __init__(self, n_in, n_out):
        self.w, self.b = torch.randn(n_in, n_out), torch.zeros(n_out)
        self.dw, self.db = torch.zeros_like(self.w), torch.zeros_like(self.b)
    def forward(self, x):
        self.x = x
        return x @ self.w + self.b
    def backward(self, g):
        self.dw += self.x.T @ g{divide}
        self.db += g.sum(0)
        return g @ self.w.T
    def param(self):
        return [(self.w, self.dw), (self.b, self.db)]
"""
TANH = """
class Module:
    def forward(self, *input):
        raise NotImplementedError
    def backward(self, *gradwrtoutput):
        raise NotImplementedError

class Tanh(Module):
    def forward(self, x):
        self.y = x.tanh()
        return self.y
    def backward(self, g):
        print("noise")
        return g * (1 - self.y ** 2)
"""
FILES = {
    "good.py": LINEAR.format(divide="") + TANH,
    "divides.py": LINEAR.format(divide=" / len(g)"),
    "network.py": LINEAR.format(divide="")
    + TANH
    + """
class Sequential:
    def __init__(self, *layers):
        self.layers = layers
    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x
    def backward(self, g):
        for layer in self.layers[::-1]:
            g = layer.backward(g)
        return g
    def param(self):
        return [pair for layer in self.layers if isinstance(layer, Linear) for pair in layer.param()]

class MSELoss:
    def forward(self, x, t):
        assert x.shape == t.shape
        self.e = x - t
        return (self.e ** 2).mean()
    def backward(self):
        return 2 * self.e

class CrossEntropy:
    def forward(self, x, t):
        self.p, self.t = x.softmax(1), t
        return torch.nn.functional.cross_entropy(x, t)
    def backward(self):
        return (self.p - torch.nn.functional.one_hot(self.t, self.p.shape[1])) / len(self.t)

class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = params, lr
    def step(self):
        for p, g in self.params:
            p += self.lr * g
""",
    "hangs.py": TANH + "\nclass Loop(Tanh):\n    def forward(self, x):\n        while True:\n            pass\n",
    "trains.py": TANH + "\nimport time\nwhile True:\n    time.sleep(1)\n",  # others need the processor
    "blocks.py": "import os, signal, time\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])\n"
    "time.sleep(60)\n" + TANH,
    "hungry.py": "import torch\nclass Hungry:\n    def forward(self, x):\n        self.big = torch.ones(3000, 1000, 1000)\n"
    "        return x\n    def backward(self, g):\n        return g\n" + TANH,
    "quits.py": "import os\nos._exit(7)\n" + TANH,
    "exits.py": "raise SystemExit('no')\n" + TANH,
    "lacks.py": "from no_such_package import Module\n\nclass Mine(Module):\n    def forward(self, x):\n        return x\n",
    "syntax.py": "class X(:\n",
    "helper.py": "ANSWER = 42\n",
    "riddle.py": TANH + "\nclass Riddle(Tanh):\n    def __init__(self, a, b, c):\n        assert (a, b, c) == (1, 2, 3)\n",
    "asks.py": TANH + "\nname = input('your name? ')\n",
    "random.py": TANH,
    "signs.py": "class Signs:\n    def forward(self, x):\n        raise ValueError('\\udc80 \\x1b[31m \\u00fc')\n"
    "    def backward(self, g):\n        return g\n",
    "closes.py": "import os\nos.closerange(3, 64)\n" + TANH,
    "imports.py": "from good import Tanh\n\nclass Mine(Tanh):\n    pass\n",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """Return a folder with all of the files, in subfolders one more, and some that are not meant."""
    for name, source in FILES.items():
        (tmp_path / name).write_text(source, encoding="utf-8")
    for name in ("deeper/again.py", ".hidden/no.py", "__pycache__/no.py"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(TANH, encoding="utf-8")
    return tmp_path


def rows_of(folder, *names, seconds=30.0, megabytes=2000, wall="none"):
    """Return (class, verdict, mistakes) of each row."""
    plans = find([str(folder / name) for name in names])
    rows = examine_projects(plans, Settings(seconds=seconds, megabytes=megabytes, wall=wall))
    return [(row.name, row.verdict, row.mistakes) for row in rows]


def examine(*arguments):
    """Return the command's exit status."""
    return main(["examine", *map(str, arguments)])


# ---------------------------------------------------------------------------------------------------------------------
# Files


def test_right_classes_are_well_and_bare_base_classes_are_left_out(folder):
    assert rows_of(folder, "good.py") == [("Linear", "well", []), ("Tanh", "well", [])]


def test_mistakes_are_named(folder):
    assert rows_of(folder, "divides.py") == [("Linear", "wrong", ["factor 1/n"])]


def test_containers_losses_and_optimisers_are_built_and_examined(folder):
    found = {name: (verdict, mistakes) for name, verdict, mistakes in rows_of(folder, "network.py")}
    assert found["Sequential"] == ("well", [])
    assert found["MSELoss"] == ("wrong", ["factor n*m"])
    assert found["CrossEntropy"] == ("well", [])
    assert found["SGD"] == ("wrong", ["uphill"])


def test_one_class_of_a_file_can_be_picked_and_built(folder):
    assert rows_of(folder, "network.py:SGD") == [("SGD", "wrong", ["uphill"])]
    assert rows_of(folder, "riddle.py:Riddle(1, 2, c=3)") == [("Riddle(1, 2, c=3)", "well", [])]
    ((name, verdict, _),) = rows_of(folder, "riddle.py:Riddle(1, 2, c=4)")
    assert (name, verdict) == ("Riddle(1, 2, c=4)", "does not load")


def test_what_cannot_be_built_is_said_and_how_to_help(folder):
    (_, riddle) = examine_projects(find([str(folder / "riddle.py")]))
    assert riddle.verdict == "not examined"
    assert "AssertionError" in riddle.details or "needs the argument" in riddle.details
    assert "riddle.py:'Riddle(...)'" in riddle.details


def test_a_file_imports_its_neighbours(folder):
    assert rows_of(folder, "imports.py") == [("Mine", "well", [])]


def test_a_file_may_have_the_name_of_one_of_pythons_modules(folder):
    assert rows_of(folder, "random.py") == [("Tanh", "well", [])]


def test_a_file_that_cannot_be_read_is_one_row(folder):
    assert rows_of(folder, "syntax.py") == [("", "does not load", [])]


@pytest.mark.parametrize("name", ["exits.py", "asks.py", "trains.py"])
def test_a_file_that_fails_when_it_is_imported_shows_its_classes_all_the_same(folder, name):
    (row,) = examine_projects(find([str(folder / name)]), Settings(seconds=8, wall="none"))
    assert (row.name, row.verdict) == ("Tanh", "well")
    assert "did not load as a whole: line" in row.details


def test_a_missing_package_is_named(folder, capsys):
    assert examine(folder / "lacks.py", "--wall", "none") == 3
    out = capsys.readouterr().out
    assert "Mine  does not load package no_such_package is missing" in out
    assert out.splitlines()[-1] == "1 file: 0 well, 0 wrong, 1 did not load (missing: no_such_package)."


def test_a_process_that_dies_is_one_row(folder):
    assert rows_of(folder, "quits.py") == [("", "crashed", [])]


def test_a_process_that_closes_the_line_is_one_row(folder):
    assert rows_of(folder, "closes.py") == [("", "crashed", [])]


@pytest.mark.slow
def test_a_class_that_hangs_does_not_stop_the_others(folder):
    found = rows_of(folder, "hangs.py", seconds=2)
    assert found == [("Tanh", "well", []), ("Loop", "wrong", ["hangs"])]


@pytest.mark.slow
def test_a_file_that_hangs_is_ended_and_the_others_go_on(folder):
    started = time.monotonic()
    found = rows_of(folder, "blocks.py", "good.py", "divides.py", seconds=3)
    assert [verdict for _, verdict, _ in found] == ["time limit", "well", "well", "wrong"]
    assert time.monotonic() - started < 30


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="no memory limit on this system")
def test_a_class_that_takes_too_much_memory_is_not_examined_and_the_next_is(folder):
    found = rows_of(folder, "hungry.py", megabytes=1000)
    assert found == [("Hungry", "not examined", []), ("Tanh", "well", [])]


@pytest.mark.slow
def test_without_fork_it_works_as_well(folder, monkeypatch):
    monkeypatch.setattr("minidl.lab.doctor.students.server.FORK", False)
    assert rows_of(folder, "divides.py", seconds=60) == [("Linear", "wrong", ["factor 1/n"])]


@pytest.mark.slow
def test_many_files_take_their_time_only_once(tmp_path):
    for number in range(20):
        (tmp_path / f"file_{number:02}.py").write_text(FILES["good.py"], encoding="utf-8")
    (tmp_path / "file_99.py").write_text(FILES["blocks.py"], encoding="utf-8")
    rows = examine_projects(find([str(tmp_path)]), Settings(seconds=4.0, wall="none"))
    assert [row.file for row in rows] == sorted(row.file for row in rows)
    assert [row.verdict for row in rows] == ["well"] * 40 + ["time limit"]


# ---------------------------------------------------------------------------------------------------------------------
# What a project may take

FLOOD = """
import itertools, json, os
names = {names}
for pair in itertools.product(names, names):
    row = {{"file": 0, "name": "/".join(pair), "verdict": "not examined", "details": "", "findings": [], "notes": {notes}}}
    for number in range(3, 64):
        try:
            os.write(number, json.dumps(row).encode() + b"\\n")
        except OSError:
            pass
"""
SILENT = "import os\nos._exit(0)\n"


def verdicts(path, **settings):
    """Return (file, class, verdict, first line) of each row."""
    rows = examine_projects(find([str(path)]), Settings(wall="none", **settings))
    return [(os.path.basename(row.file), row.name, row.verdict, row.details.split("\n")[0]) for row in rows]


@pytest.mark.parametrize("same", [True, False], ids=["projects", "files"])
def test_the_time_of_a_submission_does_not_grow_with_what_is_in_it(tmp_path, monkeypatch, same):
    monkeypatch.setattr("minidl.lab.doctor.students.visits.FILES", 2)
    for number in range(9):  # files that define the same are projects of their own
        text = FILES["blocks.py"].partition("class")[0] + TANH.replace("Tanh", f"Tanh{number * (not same)}")
        path = tmp_path / "mallory" / f"loop_{number}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.replace("Module", f"Module{number * (not same)}"), encoding="utf-8")
    (tmp_path / "anna").mkdir()
    (tmp_path / "anna" / "nn.py").write_text(TANH, encoding="utf-8")
    assert len(find([str(tmp_path)])) == (10 if same else 2)
    first, *rows = verdicts(tmp_path, seconds=0.5)
    assert first[2] == "well"
    assert [(name, verdict) for name, _, verdict, _ in rows] == [(f"loop_{n}.py", "time limit") for n in range(9)]
    assert "its submission has had its 1 seconds" in rows[-1][3]


@pytest.mark.parametrize(("notes", "words"), [([], "more than 200 rows"), (["x" * 4000] * 25, "more than 1 MB")])
def test_a_flood_of_rows_is_stopped(tmp_path, monkeypatch, notes, words):
    monkeypatch.setattr("minidl.lab.doctor.students.visits.MOST_SAID", 1_000_000)
    names = [f"f{number}" for number in range(20)]
    text = FLOOD.format(names=names, notes=notes) + "".join(f"def {name}(x, y): pass\n" for name in names) + TANH
    (tmp_path / "work.py").write_text(text, encoding="utf-8")
    *rows, last = verdicts(tmp_path)
    assert len(rows) <= 200
    assert last[2] == "no report"
    assert words in last[3]


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="no memory limit on this system")
def test_the_memory_of_all_processes_of_a_project_is_limited(tmp_path):
    text = "import os, time\n" + "if os.fork() == 0:\n    much = b'x' * 60_000_000\n    time.sleep(60)\n" * 3
    (tmp_path / "work.py").write_text(text + "os.wait()\n" + TANH, encoding="utf-8")
    ((_, _, verdict, said),) = verdicts(tmp_path, megabytes=100)
    assert (verdict, said) == (
        "crashed",
        "its processes took more than 100 MB together and were ended, while it was imported",
    )


def test_what_is_there_is_not_passed_over(tmp_path):
    text = LINEAR.format(divide=" / len(g)") + TANH
    (tmp_path / "work.py").write_text(SILENT + text, encoding="utf-8")
    assert verdicts(tmp_path)[-1][2] == "no report"
    told = FLOOD.format(names=["Tanh"], notes=[]).replace('"/".join(pair)', '"Tanh"').replace("not examined", "well")
    (tmp_path / "work.py").write_text(told + SILENT + text, encoding="utf-8")
    *_, last = verdicts(tmp_path)
    assert last[1:] == ("", "no report", "its process ended before there was a report, but its text has Linear")


# ---------------------------------------------------------------------------------------------------------------------
# Paths


def test_folders_are_searched_without_what_is_hidden(folder):
    found = [(plan.root / file.path).relative_to(folder) for plan in find([str(folder)]) for file in plan.files]
    assert sorted(path.as_posix() for path in found) == sorted([*FILES, "deeper/again.py"])


@pytest.mark.parametrize("name", ["nothing.py", "no_folder", "good.pyx:Linear", "notes.txt"])
def test_a_path_that_leads_nowhere_is_one_line_and_status_2(folder, name, capsys):
    (folder / "notes.txt").write_text("no Python", encoding="utf-8")
    assert examine(folder / name) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("python -m minidl examine: ")
    assert err.count("\n") == 1


def test_a_folder_without_python_files_is_an_error(tmp_path, capsys):
    assert examine(tmp_path) == 2
    assert "no Python file" in capsys.readouterr().err


@pytest.mark.parametrize(
    "option", [["--time", "0"], ["--time", "x"], ["--memory", "-1"], ["--jobs", "0"], ["--shape", "4", "a"]]
)
def test_a_wrong_option_is_status_2(option, capsys):
    with pytest.raises(SystemExit) as end:
        examine("x.py", *option)
    assert end.value.code == 2
    assert "expected" in capsys.readouterr().err


def test_help_says_that_it_runs_the_code_and_that_the_limits_are_no_sandbox(capsys):
    with pytest.raises(SystemExit) as end:
        examine("--help")
    assert end.value.code == 0
    said = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert "RUNS THE STUDENTS' CODE" in said
    assert "no sandbox" in said


# ---------------------------------------------------------------------------------------------------------------------
# What is written


def test_the_table_and_the_exit_status(folder, capsys):
    assert examine(folder / "good.py") == 0
    assert "1 file: 2 well, 0 wrong." in capsys.readouterr().out
    assert examine(folder / "good.py", folder / "divides.py", folder / "helper.py") == 1
    out = capsys.readouterr().out
    assert "noise" not in out
    lines = out.splitlines()
    assert lines[0].split() == ["file", "class", "verdict", "mistakes"]
    assert re.search(r"divides\.py +Linear +wrong +factor 1/n$", out, re.MULTILINE)
    assert re.search(r"helper\.py +nothing to examine$", out, re.MULTILINE)
    assert len({line.find("well") for line in lines[:-1] if " well" in line}) == 1  # columns line up
    assert lines[-1] == "3 files: 2 well, 1 wrong, 1 file with nothing to examine."


def test_verbose_prints_the_diagnoses(folder, capsys):
    examine(folder / "divides.py", "--verbose")
    assert "whether to average is for the loss alone to decide" in capsys.readouterr().out


def test_the_shape_of_the_batch_can_be_given(folder, capsys):
    examine(folder / "good.py:Tanh", "--verbose", "--shape", "7", "2")
    assert "examined with 7 samples of 2 features" in capsys.readouterr().out


def test_csv_and_html(folder, tmp_path, capsys):
    table, page = tmp_path / "out" / "marks.csv", tmp_path / "out" / "marks.html"
    files = [folder / name for name in ("divides.py", "syntax.py", "good.py")]
    assert examine(*files, "--csv", table, "--html", page) == 1
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["class"], row["verdict"], row["mistakes"]) for row in rows] == [
        ("Linear", "wrong", "factor 1/n"),
        ("", "does not load", ""),
        ("Linear", "well", ""),
        ("Tanh", "well", ""),
    ]
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert "factor 1/n" in text
    for tag in ("table", "tr", "td", "details", "div"):
        assert text.count(f"<{tag}") == text.count(f"</{tag}>")
    assert "http" not in text


def test_a_file_that_cannot_be_written_is_said_before_the_work(folder, capsys):
    assert examine(folder / "good.py", "--csv", folder) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no full disk at hand")
@pytest.mark.parametrize("option", ["--csv", "--html"])
def test_a_disk_that_is_full_is_one_line_and_status_2(folder, option, capsys):
    assert examine(folder / "good.py:Tanh", option, "/dev/full") == 2
    out, err = capsys.readouterr()
    assert "well" in out
    assert err.startswith("python -m minidl examine: ")


def test_whatever_signs_a_student_uses_can_be_printed_and_written(folder, tmp_path, monkeypatch):
    table, page = tmp_path / "marks.csv", tmp_path / "marks.html"
    screen = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", screen)
    assert examine(folder / "signs.py", "--csv", table, "--html", page, "--verbose") == 3
    screen.seek(0)
    shown = screen.read()
    assert "raises ValueError: \\ufffd \\ufffd[31m \\xfc" in shown
    for path in (table, page):
        assert "raises ValueError: \ufffd \ufffd[31m ü" in path.read_text(encoding="utf-8")


def test_what_a_student_writes_is_escaped_in_the_page(tmp_path):
    path = tmp_path / "x.py"
    path.write_text(
        "class X:\n    def forward(self, x):\n        raise ValueError('<script>alert(1)</script>')\n"
        "    def backward(self, g):\n        return g\n",
        encoding="utf-8",
    )
    rows = examine_projects(find([str(path)]))
    assert "<script>" not in page(rows)


def test_nothing_of_this_process_is_changed(folder):
    before = os.getcwd(), list(sys.path), set(sys.modules)
    rows_of(folder, "network.py")
    assert (os.getcwd(), sys.path) == before[:2]
    assert not {"network", "good", "divides"} & set(sys.modules)


def test_the_command_ends_with_its_status(folder, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["minidl", "examine", str(folder / "divides.py")])
    monkeypatch.delitem(sys.modules, "minidl.__main__", raising=False)  # runpy warns where it is there already
    with pytest.raises(SystemExit) as end:
        runpy.run_module("minidl", run_name="__main__")
    assert end.value.code == 1
    assert "factor 1/n" in capsys.readouterr().out
