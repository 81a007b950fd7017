"""What was handed in is read as learning platforms give it, sorted to students and notebooks, and its answers are found."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from simulated_class import answered, given_out, right, text

from minidl.lab.course.marking.cells import Cell, as_python, read_notebook, read_python
from minidl.lab.course.marking.marking import Course, _newest, _verdict
from minidl.lab.course.marking.reaching import reaches
from minidl.lab.course.marking.students import Student, shown
from minidl.lab.course.marking.submissions import File, read
from minidl.lab.course.marking.transplant import Found, Missing, Untouched, transplant
from minidl.lab.course.marking.works import Source, Work, sort


@pytest.fixture(scope="module")
def course():
    return Course()


def handed_in(content: str | bytes = b"x = 1", name: str = "01.ipynb", student: str = "Ada") -> File:
    return File(Student(student), name, content.encode() if isinstance(content, str) else content)


# ---------------------------------------------------------------------------------------------------------------------
# Files and students


@pytest.mark.parametrize(
    ("path", "student", "id", "name"),
    [
        ("Ada Lovelace_1234_assignsubmission_file_/02_linear.ipynb", "Ada Lovelace", "1234", "02_linear.ipynb"),
        ("Ada Lovelace_1234_assignsubmission_file/02_linear.ipynb", "Ada Lovelace", "1234", "02_linear.ipynb"),
        ("Ada Lovelace_1234_assignsubmission_file_02_linear.ipynb", "Ada Lovelace", "1234", "02_linear.ipynb"),
        ("ada/week 1/02_linear.ipynb", "ada", "", "week 1/02_linear.ipynb"),
        ("lovelaceada_1234_5678_02_linear.ipynb", "lovelaceada", "1234", "02_linear.ipynb"),
        ("lovelaceada_LATE_1234_5678_02_linear.ipynb", "lovelaceada", "1234", "02_linear.ipynb"),
        ("02_linear_ada.ipynb", "ada", "", "02_linear_ada.ipynb"),
        ("ada-02_linear.ipynb", "ada", "", "ada-02_linear.ipynb"),
        ("ada.py", "ada", "", "ada.py"),
        ("U\u0308bel/a.py", "Übel", "", "a.py"),
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_students_are_known_by_where_their_files_lie(path, student, id, name, zipped, tmp_path):
    place = tmp_path / "class" / path
    place.parent.mkdir(parents=True)
    place.write_text("x = 1", encoding="utf-8")
    source = tmp_path / "class"
    if zipped:
        source = tmp_path / "class.zip"
        with zipfile.ZipFile(source, "w") as archive:
            archive.write(place, path)
    given = read(source, ["02_linear"])
    (found,) = given.files
    assert (found.student, found.name, found.content) == (Student(student, id), name, b"x = 1")
    assert found.late == ("LATE" in path)
    assert (given.students, given.notes) == ([found.student], [])


def as_folder_or_zip(folder, zipped, files):
    """Write files, those whose names end in "/" as folders, and return where."""
    if zipped:
        with zipfile.ZipFile(folder.with_suffix(".zip"), "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return folder.with_suffix(".zip")
    for name, content in files.items():
        path = folder / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


@pytest.mark.parametrize("zipped", [False, True])
def test_who_has_handed_in_nothing_that_can_be_read_is_there_and_every_file_not_used_is_named(zipped, tmp_path):
    files = {
        "Ada_1_assignsubmission_file_/a.py": "x = 1",
        "Ada_1_assignsubmission_file_/notes.txt": "",
        "Ben_2_assignsubmission_file_/b.pdf": "",
        "Cem_3_assignsubmission_onlinetext_/onlinetext.html": "",
        "Dee_4_assignsubmission_file_/": "",
        "Eva_5_assignsubmission_file_/work.zip": "no zip",
        "fay_6_7_work.rar": "",
        "dates.csv": "",
    }
    given = read(as_folder_or_zip(tmp_path / "class", zipped, files))
    assert [one.name for one in given.students] == ["Ada", "Ben", "Cem", "Dee", "Eva", "fay"]
    assert [(file.student.name, file.name) for file in given.files] == [("Ada", "a.py"), ("Eva", "work.zip")]
    assert "it is no zip that can be opened" in given.files[1].problem
    said = sorted(line.partition(" is not used")[0] for line in given.notes if "not used" in line)
    assert said == sorted(name for name in files if not name.endswith(("/", ".py", ".zip")))
    nothing = [line.partition(":")[0] for line in given.notes if "nothing that can be marked" in line]
    assert sorted(nothing) == ["Ben", "Cem", "Dee", "fay"]


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(
    ("files", "students"),
    [
        (["Übung 1/Ada_1_assignsubmission_file_/02.ipynb"], ["Ada"]),
        (["all/Übung 1/ada/02.ipynb", "all/Übung 1/ben/02.ipynb"], ["ada", "ben"]),
        (["Übung 1/ada_1_2_02.ipynb", "Übung 1/ada_1_3_03.ipynb"], ["ada"]),
        (["ada/02.ipynb", "ada/03.ipynb"], ["ada"]),
        (["ada/02.ipynb", "ada/old/02.ipynb", "ada/older/02.ipynb"], ["ada"]),
    ],
)
def test_one_folder_on_top_is_none_of_a_student(files, students, zipped, tmp_path):
    given = read(as_folder_or_zip(tmp_path / "class", zipped, dict.fromkeys(files, "{}")))
    assert [one.name for one in given.students] == students
    assert len(given.files) == len(files)
    assert ("of one student" in "".join(given.notes)) == (len(students) == 1 < len(files))


def test_two_students_of_one_name_stay_two(tmp_path):
    files = [f"Jan Schmidt_{id}_assignsubmission_file_/01.ipynb" for id in (7, 8)]
    given = read(as_folder_or_zip(tmp_path / "class", False, dict.fromkeys(files, "{}")))
    assert list(shown(given.students).values()) == ["Jan Schmidt (7)", "Jan Schmidt (8)"]
    alike = [Student("Ada", "1"), Student("ada"), Student("Ada (1)")]
    assert len(set(shown(alike).values())) == 3


def test_a_zip_in_a_student_s_folder_is_read_too_and_what_editors_leave_is_not(tmp_path):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        for name in ("a.py", "__MACOSX/._a.py", ".ipynb_checkpoints/a.ipynb", "../../b.py", "notes.txt"):
            archive.writestr(name, "x = 1")
    home = tmp_path / "year" / "class"
    (home / "ada").mkdir(parents=True)
    (home / "ada" / "work.zip").write_bytes(inner.getvalue())
    assert [(file.student.name, file.name) for file in read(home).files] == [("ada", "a.py")]
    assert not list(tmp_path.rglob("b.py"))


@pytest.mark.parametrize(("name", "error"), [("none", FileNotFoundError), ("a.pdf", ValueError), ("a.zip", ValueError)])
def test_what_cannot_be_read_is_said(name, error, tmp_path):
    if name != "none":
        (tmp_path / name).write_text("no zip", encoding="utf-8")
    with pytest.raises(error, match=name):
        read(tmp_path / name)


def test_notebooks_are_known_by_what_is_in_them(course):
    notebook, _ = given_out("02")
    bare = json.loads(text(notebook))
    del bare["metadata"]["minidl"]
    code = "\n".join(right("13").values())
    files = [handed_in(text(notebook), "x.ipynb", "a"), handed_in(json.dumps(bare), "x.ipynb", "b")]
    files += [handed_in(code, "x.py", "c"), handed_in("x = 1", "13.py", "d"), handed_in("x = 1", "x.py", "e")]
    works, unused = sort(files, course.names, course.stems)
    assert {work.student.name: work.notebook for work in works} == {"a": "02", "b": "02", "c": "13", "d": "13"}
    assert unused == ["e: x.py is not used: it is none of the notebooks with exercises"]


@pytest.mark.parametrize(("times", "newest"), [((1.0, 2.0), 1), ((2.0, 1.0), 0), ((1.0, 1.0), 1)])
def test_of_two_files_the_newest_comes_first(times, newest, course):
    names = ["01.py", "01 (1).py"]
    files = [File(Student("a"), name, b"messages = 1", time) for name, time in zip(names, times, strict=True)]
    ((work,), _) = sort(files, course.names, course.stems)
    assert [source.file for source in work.sources] == [names[newest], names[1 - newest]]


def test_each_answer_is_from_the_newest_file_that_has_one(course):
    empty, first, second = text(given_out("01")[0]), {"01 messages": "messages = 1"}, {"01 cube": "class Cube: pass"}
    files = {"untouched": empty, "cube": text(answered("01", second)), "both": text(answered("01", first | second))}
    given = {name: read_notebook(content.encode())[0] for name, content in files.items()}
    pairs = [(Source(name, cells), transplant(course.ours("01"), cells)) for name, cells in given.items()]
    work = Work(Student("a"), "01", [source for source, _ in pairs])
    newest = {id: _newest([(source, of[id]) for source, of in pairs], work)[0].file for id in course.names["01"]}
    assert newest == {"01 messages": "both", "01 cube": "cube"}


def test_a_file_of_python_without_an_answer_has_it_not_done(course):
    assert _verdict(course.exercises["01 cube"], Missing(), Source("layer.py"), None).status == "not done"
    assert _verdict(course.exercises["01 cube"], Missing(), Source("01.ipynb"), None).status == "not found"
    assert _verdict(course.exercises["01 cube"], Missing("Cubic"), Source("a.py"), None).status == "not found"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"cells": 3}', '{"worksheets": []}', "[" * 100_000, b"\xff\xfe"])
def test_what_is_no_notebook_is_said(content, course):
    ((work,), _) = sort([handed_in(content, "01_module.ipynb")], course.names, course.stems)
    assert work.notebook == "01"
    assert work.sources[0].problem.startswith("it is")


# ---------------------------------------------------------------------------------------------------------------------
# Cells


@pytest.mark.parametrize(
    ("source", "makes", "needs"),
    [
        ("x = y + 1", {"x"}, {"y"}),
        ("def f(a):\n    b = a\n    return b + c + f(a)", {"f"}, {"c"}),
        ("class A(B):\n    def m(self):\n        return torch.ones(n)", {"A"}, {"B", "torch", "n"}),
        ("import numpy as np\nx = np.pi", {"np", "x"}, set()),
        ("layer.weight = w", {"layer"}, {"layer", "w"}),
        ("x += 1", {"x"}, {"x"}),
        ("[i for i in z]", set(), {"z"}),
        ("print(len([]))", set(), set()),
    ],
)
def test_names_that_a_cell_makes_and_needs(source, makes, needs):
    assert (Cell(source).makes, Cell(source).needs) == (makes, needs)


def test_a_cell_that_python_cannot_read_still_tells_its_names():
    cell = Cell("class MyReLU(Module)\n    pass\nx = (")
    assert not cell.runs
    assert {"MyReLU", "x"} <= cell.makes


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("%matplotlib inline\nx = 1", "pass\nx = 1"),
        ("if x:\n    !pip install y", "if x:\n    pass"),
        ("%%time\nx = 1", "pass\nx = 1"),
        ("%%bash\nls", ""),
        ("torch.ones?", "pass"),
        ("x = 7 % 3", "x = 7 % 3"),
    ],
)
def test_what_only_a_notebook_understands_is_left_out(source, code):
    assert as_python(source) == code


def test_a_file_of_python_is_read_statement_by_statement_and_one_mistake_spoils_one():
    assert [c.source for c in read_python(b"# %%\nx = 1\n@f\ndef g():\n    pass\n")] == [
        "x = 1",
        "@f\ndef g():\n    pass",
    ]
    cells = read_python(b"x = (1\n\ndef g():\n    return 1\n\ny = 2\n")
    assert [cell.runs for cell in cells if cell.source.strip()] == [False, True, True]


# ---------------------------------------------------------------------------------------------------------------------
# Answers


def found(course, cells, exercise: str):
    return transplant(course.ours(exercise[:2]), cells)[exercise]


def cells_of(notebook) -> list[Cell]:
    return read_notebook(text(notebook).encode())[0]


def test_the_last_answer_before_the_check_counts(course):
    notebook = answered("01", {"01 messages": "messages = [1, 2, 3, 4]"}, {"01 messages": "messages = 0"})
    assert found(course, cells_of(notebook), "01 messages").answer.source == "messages = [1, 2, 3, 4]"
    cells = cells_of(notebook)
    assert found(course, [*cells, Cell("messages = 'after'")], "01 messages").answer.source == "messages = [1, 2, 3, 4]"


def test_an_answer_beside_an_untouched_stub_is_found(course):
    cells = [*cells_of(given_out("01")[0]), Cell("messages = [8, 32, 32, 32]")]
    assert found(course, cells, "01 messages").answer.source == "messages = [8, 32, 32, 32]"
    assert found(course, cells, "01 cube") == Untouched()


def test_an_answer_that_is_not_there_is_missed_and_the_likely_one_named(course):
    notebook = answered("01", {"01 cube": "class Cubic(Module):\n    pass"})
    assert found(course, cells_of(notebook), "01 cube") == Missing("Cubic")
    assert found(course, [], "01 cube") == Missing("")


def test_an_answer_gets_the_cells_whose_names_it_needs_the_teacher_s_text_of_them_and_the_student_s_own(course):
    notebook = answered(
        "08",
        {"08 limit": "limit = float(np.abs(start().params['weight'])) * X.mean()"},
        {"08 limit": "import numpy as np"},
    )
    for cell in notebook["cells"]:
        if cell["id"] == "data":
            cell["source"] = "X = 'something else'"
    answer = found(course, cells_of(notebook), "08 limit")
    assert isinstance(answer, Found)
    assert answer.own == ["import numpy as np"]
    assert "something else" not in "".join(answer.before)
    assert "def start():" in "".join(answer.before)
    assert "matplotlib" not in "".join(answer.before)
    assert "curvature" not in "".join(answer.before)


@pytest.mark.parametrize(
    ("code", "seen"),
    [
        ("import torch\nclass A(torch.nn.Module):\n    x = torch.ones(2)", ""),
        ("from minidl.lab.exercises import check\ncheck('01 cube')", ""),
        ("import sys\nsys.exit()", ""),
        ("self.weight = 3\nmodel.params['weight'] = 2", ""),
        ("import gc", "line 1: import gc"),
        ("from minidl.lab.exercises import exercise", "exercise"),
        ("import minidl.lab.exercises.cell as c", "minidl.lab.exercises.cell"),
        ("import minidl\nminidl.lab.exercises.check = 1", "minidl.lab.exercises"),
        ("import torch\ntorch.allclose = print", "line 2: torch.allclose"),
        ("import torch\nsetattr(torch, 'ones', 1)", "setattr"),
        ("import sys\nsys.modules['x'] = 1", "sys.modules"),
        ("import inspect\ninspect.currentframe()", "currentframe"),
    ],
)
def test_code_that_reaches_for_the_judge_in_plain_sight_is_seen(code, seen):
    assert seen in reaches(code)
    assert bool(seen) == bool(reaches(code))
