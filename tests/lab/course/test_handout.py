"""Students' copies: what is left out, what stays, and where links lead. tests/notebooks tries the course's own."""

from __future__ import annotations

import copy
import re
import shlex

import nbformat
import pytest

import minidl
from minidl.lab.cli import main
from minidl.lab.course import files
from minidl.lab.course.handout import hand_out, student_copy
from minidl.lab.exercises import exercises

code, markdown = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell


@pytest.fixture
def notebook():
    """Return a notebook with all that a copy does without."""
    shown = [nbformat.v4.new_output("stream", text="the answer")]
    cells = [
        markdown(
            "# One\n\n[Two](02_two.ipynb#Part-two) [mkplot](../mkplot.ipynb) [here](#One) [out](https://a.b/c.ipynb)"
        ),
        code("x = ...", metadata={"tags": ["exercise"]}),
        code('check("01 x")', metadata={"tags": ["check"]}, outputs=shown, execution_count=3),
        markdown("Below is a solution.", metadata={"tags": ["solution"]}),
        code("# Solution\nx = 2", metadata={"tags": ["solution"], "jupyter": {"source_hidden": True}}),
        code("print(x)", metadata={"tags": ["raises-exception"]}, outputs=shown, execution_count=5),
    ]
    return nbformat.v4.new_notebook(cells=cells, metadata={"widgets": {"state": "the answer"}})


def test_a_copy_has_no_solution_and_nothing_of_a_run(notebook):
    before = copy.deepcopy(notebook)
    copied = student_copy(notebook, "01_one")
    assert notebook == before
    assert [cell["id"] for cell in copied["cells"]] == [notebook["cells"][number]["id"] for number in (0, 1, 2, 5)]
    assert "answer" not in str(copied)
    assert "Solution" not in str(copied)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in copied["cells"])
    assert copied["cells"][-1]["metadata"] == {"tags": ["raises-exception"]}
    assert copied["metadata"] == {"minidl": {"course": minidl.__version__, "notebook": "01_one"}}
    nbformat.validate(copied)


@pytest.mark.parametrize(
    ("handed_out", "links"),
    [
        (None, "[Two](02_two.ipynb#Part-two) [mkplot](mkplot.ipynb)"),
        ({"02_two", "mkplot"}, "[Two](02_two.ipynb#Part-two) [mkplot](mkplot.ipynb)"),
        ({"mkplot"}, "Two [mkplot](mkplot.ipynb)"),
        ((), "Two mkplot"),
    ],
)
def test_links_lead_to_what_was_handed_out(handed_out, links, notebook):
    copied = student_copy(notebook, "01_one", handed_out)
    assert copied["cells"][0]["source"] == f"# One\n\n{links} [here](#One) [out](https://a.b/c.ipynb)"


def test_a_folded_cell_installs_minidl_where_it_is_missing(notebook):
    installing = student_copy(notebook, "01_one", install="minidl==0.2.0")["cells"][1]
    assert installing["metadata"]["jupyter"]["source_hidden"]
    assert installing["source"].splitlines()[-1] == "    %pip install --quiet minidl==0.2.0"


@pytest.mark.parametrize(
    ("names", "stems"),
    [
        (["02", "mkplot"], ["02_linear", "mkplot"]),
        (["03_relu.ipynb", "02_linear", "02"], ["02_linear", "03_relu"]),
        ([], [path.stem for path in files.notebooks(files.project())]),
    ],
)
def test_every_link_of_a_handout_leads_somewhere(names, stems, tmp_path):
    written = hand_out(tmp_path / "new" / "folder", names)
    assert [path.stem for path in written] == stems
    for path in written:
        for target, part in re.findall(r"\]\((?![a-z]+:)([^)#]*\.ipynb)(?:#([^)\\\"]*))?\)", path.read_text("utf-8")):
            there = path.parent / target
            assert there.is_file(), f"{path.name} leads to {target}"
            assert not part or f"# {part.replace('-', ' ')[:10]}" in there.read_text("utf-8").replace("-", " ")


def test_nothing_is_written_over(tmp_path, capsys):
    folder = str(tmp_path / "given")
    assert main(["handout", folder, "--notebooks", "02", "03"]) == 0
    assert main(["handout", folder, "--notebooks", "02", "03"]) == 0  # they are what they were
    (tmp_path / "given" / "03_relu.ipynb").write_text("a student's")
    (tmp_path / "given" / "02_linear.ipynb").unlink()
    capsys.readouterr()
    assert main(["handout", folder, "--notebooks", "02", "03"]) == 1
    assert "given has other files of these names: 03_relu.ipynb" in capsys.readouterr().err
    assert [path.read_text() for path in (tmp_path / "given").iterdir()] == ["a student's"]


def test_the_command_for_classes_hands_out_all(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (files.project() / ".github" / "CLASSES.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"<!-- handout command -->\n```sh\n(.*)\n```", page)
    program, *arguments = shlex.split(command)
    assert program == "minidl"
    assert main(arguments) == 0
    assert len(list(tmp_path.glob("students/*.ipynb"))) == len(files.notebooks(files.project()))


def test_a_name_that_no_notebook_has(tmp_path, capsys):
    assert main(["handout", str(tmp_path / "given"), "--notebooks", "2"]) == 1
    assert "expected notebooks of 00, 01, 02" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_list_has_every_exercise_and_the_sum_of_their_points(capsys):
    assert main(["handout", "--list"]) == 0
    heading, *rows, total = capsys.readouterr().out.splitlines()
    assert heading.split() == ["exercise", "notebook", "kind", "points"]
    assert [re.split(r"\s{2,}", row)[0] for row in rows] == [one.id for one in exercises()]
    assert int(total) == sum(one.points for one in exercises())
