"""A folder is loaded as a project: what is one, how its files import each other, and what of them is run."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from minidl.lab.cli import main
from minidl.lab.doctor.students.files import find
from minidl.lab.doctor.students.processes import Settings
from minidl.lab.doctor.students.project import Project
from minidl.lab.doctor.students.visits import examine_projects

LINEAR = """
import torch

class Linear:
    def __init__(self, n_in, n_out):
        self.w, self.dw = torch.randn(n_in, n_out), torch.zeros(n_in, n_out)
    def forward(self, x):
        self.x = x
        return x @ self.w
    def backward(self, g):
        self.dw += self.x.T @ g
        return g @ self.w.T
    def param(self):
        return [(self.w, self.dw)]
"""
TANH = """
class Tanh:
    def forward(self, x):
        self.y = x.tanh()
        return self.y
    def backward(self, g):
        return g * (1 - self.y ** 2)
"""


def write(folder: Path, files: dict[str, str]) -> Path:
    """Write files, and return the folder."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def load(folder: Path, *names: str, seconds: float = 5.0) -> Project:
    """Load files of a project, and return it when it is left."""
    before = Path.cwd(), list(sys.argv)
    with Project(folder, seconds) as project:
        for name in names:
            project.load(Path(name))
    assert (Path.cwd(), sys.argv) == before
    return project


def names_of(project: Project) -> list[str]:
    return [cls.__name__ for cls in project.pool]


def projects(*paths: Path) -> list[tuple[str, list[str]]]:
    """Return the root's name and the files of each project that is found."""
    return [(plan.root.name, [file.path.as_posix() for file in plan.files]) for plan in find([*map(str, paths)])]


# ---------------------------------------------------------------------------------------------------------------------
# What is one project


def test_a_folder_with_files_is_one(tmp_path):
    folder = write(
        tmp_path / "anna", {"net.py": TANH, "nn/linear.py": LINEAR, "nn/__init__.py": "", ".git/no.py": TANH}
    )
    assert projects(folder) == [("anna", ["net.py", "nn/linear.py"])]


def test_a_folder_of_folders_is_one_each(tmp_path):
    course = write(tmp_path, {f"{who}/net.py": LINEAR for who in ("anna", "bert", "carl")})
    assert projects(course) == [(who, ["net.py"]) for who in ("anna", "bert", "carl")]
    deeper = write(tmp_path / "course", {f"students/{who}/src/net.py": LINEAR for who in ("anna", "bert")})
    assert projects(deeper) == [("src", ["net.py"])] * 2


def test_folders_that_import_each_other_are_one(tmp_path):
    folder = write(tmp_path, {"src/nn.py": LINEAR, "tests/test_nn.py": "from src.nn import Linear\n" + TANH})
    assert len(projects(folder)) == 1


def test_a_package_whose_files_import_it_by_its_name_is_found_from_outside(tmp_path):
    inside = {"nn/parts.py": LINEAR, "nn/net.py": "from tiny.nn.parts import Linear\n" + TANH}
    folder = write(tmp_path / "anna", {f"tiny/{name}": text for name, text in inside.items()})
    (plan,) = find([str(folder)])
    assert plan.root == folder
    with Project(plan.root) as project:
        for file in plan.files:
            project.load(file.path)
        assert project.problems == {}
        assert set(names_of(project)) == {"Linear", "Tanh"}


def test_a_package_with_a_file_of_its_own_name_inside_is_the_package(tmp_path):
    base = "class Layer:\n    pass\n"
    linear = "from layers.layers import Layer\n" + LINEAR
    folder = write(
        tmp_path, {"layers/layers.py": base, "layers/linear.py": linear, "main.py": "import layers.linear\n"}
    )
    with Project(folder) as project:
        project.load(Path("layers/linear.py"))
        assert project.problems == {}
    alone = write(
        tmp_path / "alone", {"layers/layers.py": base, "layers/linear.py": "from layers import Layer\n" + LINEAR}
    )
    with Project(alone) as project:
        project.load(Path("layers/linear.py"))
        assert project.problems == {}


def test_files_that_define_the_same_are_one_each(tmp_path):
    course = write(tmp_path, {f"{who}.py": LINEAR + TANH for who in ("anna", "bert", "carl")})
    assert [files for _, files in projects(course)] == [["anna.py"], ["bert.py"], ["carl.py"]]
    assert all(plan.copied == (plan.files[0].path,) for plan in find([str(course)]))


@pytest.mark.parametrize("names", [("anna.py", "bert.py"), ("anna/nn.py", "bert/nn.py")])
def test_nobody_is_made_part_of_a_project_by_being_imported(tmp_path, names):
    mine, theirs = names
    course = write(tmp_path, {mine: f"import {theirs.partition('/')[0].removesuffix('.py')}\n{LINEAR}", theirs: LINEAR})
    plans = find([str(course)])
    assert [len(plan.files) for plan in plans] == [1, 1]
    assert all(len(plan.copied or [1]) == 1 for plan in plans)


def test_a_classmate_is_not_drawn_in_by_an_import_alone(tmp_path):
    text = "import anna\n" + LINEAR.replace("Linear", "Dense")
    course = write(tmp_path, {"anna/nn.py": LINEAR, "mallory/nn.py": text})
    assert projects(course) == [("anna", ["nn.py"]), ("mallory", ["nn.py"])]


def test_a_text_that_is_too_deep_stops_nobody(tmp_path):
    deep = "if x == 0:\n    pass\n" + "".join(f"elif x == {k}:\n    pass\n" for k in range(3000))
    course = write(tmp_path, {"anna/nn.py": LINEAR, "mallory/nn.py": deep})
    assert [root for root, _ in projects(course)] == ["anna", "mallory"]


def test_folders_that_are_too_deep_stop_nobody(tmp_path):
    course = write(tmp_path, {"anna/nn.py": LINEAR, "mallory/nn.py": LINEAR})
    made = [str(course / "mallory")]
    for _ in range(1100):
        made.append(f"{made[-1]}/d")
        os.mkdir(made[-1])
    try:
        assert [root for root, _ in projects(course)] == ["anna", "mallory"]
    finally:
        for folder in reversed(made[1:]):  # too deep for pytest
            os.rmdir(folder)


def test_a_project_may_have_an_older_version_of_a_file(tmp_path):
    files = {"nn.py": LINEAR, "nn_old.py": LINEAR, "train.py": "import nn\n", "test.py": "import nn\nimport nn_old\n"}
    assert len(projects(write(tmp_path, files | {"plot.py": "import nn\n"}))) == 1


def test_a_file_is_one_with_what_it_imports(tmp_path):
    folder = write(
        tmp_path, {"net.py": "from nn.linear import Linear\n" + TANH, "nn/linear.py": LINEAR, "other.py": TANH}
    )
    (plan,) = find([str(folder / "net.py")])
    assert {path.as_posix() for path in plan.copied} == {"net.py", "nn/linear.py"}


def test_cases_that_lie_beside_the_students_are_the_teachers(tmp_path):
    course = write(tmp_path, {"anna/nn.py": LINEAR, "bert/nn.py": LINEAR, "cases.py": ""})
    plans = find([str(course)])
    assert [plan.cases for plan in plans] == [tmp_path / "cases.py"] * 2
    assert find([str(course / "anna")])[0].cases == tmp_path / "cases.py"
    of_a_student = write(tmp_path / "anna", {"cases.py": "raise SystemExit"})
    assert find([str(of_a_student)])[0].cases == tmp_path / "cases.py"


def test_cases_that_lie_in_a_students_folder_are_not_believed(tmp_path):
    write(tmp_path, {"anna/src/nn.py": LINEAR, "anna/cases.py": "", "bert/a/nn.py": LINEAR, "bert/b/nn.py": TANH})
    write(tmp_path, {"bert/cases.py": "allow = ['overwritten']"})
    each = find([str(tmp_path / "anna"), str(tmp_path / "bert")])
    assert {plan.cases for plan in each + find([str(tmp_path)]) + find([str(tmp_path / "anna")])} == {None}


def test_a_student_without_a_python_file_is_named(tmp_path):
    course = write(
        tmp_path, {"students/anna/src/nn.py": LINEAR, "students/bert/nn.py": TANH, "students/data/x.csv": ""}
    )
    write(course, {"students/carl/answer.ipynb": "{}", "students/.git/config": ""})
    carl = course / "students" / "carl"
    for paths in ([course], [course / "students" / "anna", course / "students" / "bert", carl]):
        (plan,) = (plan for plan in find([*map(str, paths)]) if plan.files[0].shown == str(carl))
        assert projects(*paths)[-1] == ("students", ["carl"])
        (row,) = examine_projects([plan], Settings(wall="none"))
        assert (row.file, row.verdict, row.details) == (str(carl), "not examined", "no Python file here")


# ---------------------------------------------------------------------------------------------------------------------
# How its files import each other


@pytest.mark.parametrize(
    "line",
    [
        "from nn.linear import Linear",
        "from .nn.linear import Linear",
        "from . import nn; Linear = nn.linear.Linear",
        "import nn.linear as l; Linear = l.Linear",
        "from {root}.nn.linear import Linear",
        "from linear import Linear",  # as if the subfolder had been the current one
        "import importlib; Linear = importlib.import_module('nn.linear').Linear",
    ],
)
def test_all_ways_lead_to_the_same_class(tmp_path, line, monkeypatch):
    for name in ("linear", "nn"):  # which another test may have left behind
        monkeypatch.delitem(sys.modules, name, raising=False)
    files = {
        "net.py": f"{line.format(root='anna')}\n{TANH}",
        "nn/linear.py": LINEAR,
        "nn/__init__.py": "from . import linear",
    }
    project = load(write(tmp_path / "anna", files), "nn/linear.py", "net.py")
    assert project.problems == {}
    assert names_of(project) == ["Linear", "Tanh"]
    assert project.modules[Path("net.py")].Linear is project.pool[0]


def test_files_may_have_hyphens_and_begin_with_digits(tmp_path):
    files = {"my-layers.py": LINEAR, "0-net.py": "Linear = __import__('my-layers').Linear\n" + TANH}
    project = load(write(tmp_path / "the-first week", files), "0-net.py", "my-layers.py")
    assert project.problems == {}
    assert project.modules[Path("0-net.py")].Linear in project.pool


def test_two_packages_of_one_name_are_kept_apart(tmp_path):
    files = {f"week{n}/nn/layers.py": f"WEEK = {n}\n{LINEAR}" for n in (1, 2)}
    files |= {f"week{n}/net.py": f"from nn.layers import WEEK\nassert WEEK == {n}\n" + TANH for n in (1, 2)}
    assert load(write(tmp_path / "anna", files), "week1/net.py", "week2/net.py").problems == {}


def test_what_a_student_calls_like_a_package_is_imported_by_nobody_else(tmp_path):
    folder = write(tmp_path / "anna", {"tabulate.py": "raise SystemExit\n", "random.py": TANH, "net.py": TANH})
    with Project(folder) as project:
        project.load(Path("random.py"))
        import tabulate  # it may have been imported before; it is the installed one either way

        assert "site-packages" in tabulate.__file__
    assert names_of(project) == ["Tanh"]
    assert not [name for name in sys.modules if name.startswith("anna")]


def test_near_classes_come_first(tmp_path):
    files = {
        "a.py": TANH.replace("Tanh", "A"),
        "nn/b.py": TANH.replace("Tanh", "B"),
        "nn/c.py": TANH.replace("Tanh", "C"),
    }
    project = load(write(tmp_path / "anna", files), "a.py", "nn/b.py", "nn/c.py")
    assert [cls.__name__ for cls in project.near(project.pool[2])] == ["C", "B", "A"]


# ---------------------------------------------------------------------------------------------------------------------
# What is run


def test_what_only_a_program_would_do_is_not_done(tmp_path):
    text = (
        TANH + "import sys\nassert sys.argv == [__file__], sys.argv\nif __name__ == '__main__':\n    raise SystemExit\n"
    )
    assert load(write(tmp_path, {"net.py": text}), "net.py").problems == {}


def test_what_comes_after_a_failure_is_defined_all_the_same(tmp_path):
    text = (
        "from __future__ import annotations\nimport no_such_package\nSIZE = 3\nopen('no such file')\nprint(1 / 0)\n"
        + TANH
    )
    project = load(write(tmp_path, {"net.py": text}), "net.py")
    assert names_of(project) == ["Tanh"]
    assert project.missing == {Path("net.py"): "no_such_package"}
    assert project.problems[Path("net.py")].startswith("line 2: ModuleNotFoundError")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no timer that interrupts")
def test_a_file_that_trains_is_stopped_and_its_importers_have_their_own_time(tmp_path):
    train = "import time\nfor epoch in range(10**9):\n    time.sleep(0.01)\n"
    files = {"train.py": train + TANH, "net.py": "from train import Tanh\nimport time\ntime.sleep(0.4)\n" + LINEAR}
    project = load(write(tmp_path, files), "net.py", "train.py", seconds=0.7)
    assert names_of(project) == ["Linear", "Tanh"]
    assert list(project.problems) == [Path("train.py")]
    assert "line 2: still runs after 0.7 seconds (does it train" in project.problems[Path("train.py")]


@pytest.mark.skipif(sys.platform == "win32", reason="no timer that interrupts")
@pytest.mark.parametrize("answer", ["pass", "raise RuntimeError('it did not converge')", "raise SystemExit"])
def test_a_file_that_catches_that_it_is_stopped_is_told_why(tmp_path, answer):
    train = f"import time\ntry:\n    while True:\n        time.sleep(0.01)\nexcept BaseException:\n    {answer}\n"
    project = load(write(tmp_path, {"net.py": train + TANH}), "net.py", seconds=0.3)
    assert project.problems[Path("net.py")].startswith("line 2: still runs after 0.3 seconds")
    assert names_of(project) == ["Tanh"]


def test_one_pool_for_the_whole_project(tmp_path):
    optimiser = (
        "class SGD:\n    def __init__(self, params, lr):\n        self.params, self.lr = params, lr\n"
        "    def step(self):\n        for p, g in self.params:\n            p -= self.lr * g\n"
    )
    folder = write(
        tmp_path / "anna", {"nn/linear.py": LINEAR, "optim/sgd.py": optimiser, "main.py": "import nn.linear\n"}
    )
    rows = examine_projects(find([str(folder)]), Settings(wall="none"))
    assert {row.name: row.verdict for row in rows if row.name} == {"Linear": "well", "SGD": "well"}


# ---------------------------------------------------------------------------------------------------------------------
# With and without bubblewrap


def test_without_bubblewrap_it_says_so_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    path = write(tmp_path, {"net.py": TANH}) / "net.py"
    assert main(["examine", str(path), "--wall", "auto"]) == 0
    out, err = capsys.readouterr()
    assert "1 well" in out
    assert err.count("\n") == 1
    assert "bubblewrap is not installed" in err
    assert main(["examine", str(path), "--wall", "require"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)


@pytest.mark.parametrize("sizes", [["7", "2"], ["2", "3", "5"]])
def test_a_shape_has_any_number_of_sizes(tmp_path, sizes, capsys):
    path = write(tmp_path, {"net.py": TANH}) / "net.py"
    assert main(["examine", str(path), "--wall", "none", "--verbose", "--shape", *sizes]) == 0
    assert re.search(rf"examined with .*{sizes[0]}\D+{sizes[1]}", capsys.readouterr().out)


def test_what_is_allowed_has_to_be_known(tmp_path, capsys):
    path = write(tmp_path, {"net.py": TANH}) / "net.py"
    assert main(["examine", str(path), "--allow", "everything"]) == 2
    assert "'everything'" in capsys.readouterr().err
    assert main(["examine", str(path), "--cases", str(tmp_path / "none.py")]) == 2


def test_cases_are_read_where_the_students_code_runs(tmp_path, capsys):
    riddle = TANH.replace(
        "class Tanh:", "class Riddle:\n    def __init__(self, a, b):\n        assert (a, b) == (17, 4)\n"
    )
    folder = write(tmp_path / "anna", {"net.py": riddle})
    cases = write(tmp_path, {"mine.py": "def riddle(module):\n    return module.Riddle(17, 4), (4, 3)\n"}) / "mine.py"
    assert main(["examine", str(folder), "--wall", "none"]) == 3
    assert main(["examine", str(folder), "--wall", "none", "--cases", str(cases)]) == 0
    cases.write_text("1 / 0", encoding="utf-8")
    assert main(["examine", str(folder), "--wall", "none", "--cases", str(cases)]) == 3
    assert "the file of cases raises ZeroDivisionError" in capsys.readouterr().out
