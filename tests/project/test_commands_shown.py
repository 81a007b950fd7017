"""Every command that the texts show is one that there is, with these options; and what they show runs."""

from __future__ import annotations

import re
import shlex
import types
from pathlib import Path

import pytest

from minidl.lab import cli
from minidl.lab.doctor.students.cases import load_cases

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / ".github").glob("*.md"))]
COMMAND = re.compile(
    r"(?<![\w/.-])(?P<where>\.venv/bin/|\.venv\\Scripts\\)?(?:python -m )?minidl (?P<rest>[a-z][^`\n;#]*)"
)
ACTIVATE = r". .venv/bin/activate"


def shown(page: Path) -> list[tuple[str, str]]:
    """Return the commands of a page, each as where the program lies and what follows its name."""
    text = page.read_text(encoding="utf-8")
    code = re.findall(r"(?s)```sh\n(.*?)```|(?<!`)`([^`\n]+)`", text)
    found = [match for block in code for part in block for match in COMMAND.finditer(part)]
    return [(match["where"] or "", match["rest"]) for match in found]


COMMANDS = {(page.name, rest.strip()) for page in PAGES for _, rest in shown(page)}


@pytest.mark.parametrize(("page", "command"), sorted(COMMANDS), ids=str)
def test_every_command_is_understood(page, command, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    called = []
    for name in ("start", "handout", "report", "bench", "examine", "mark", "html"):
        monkeypatch.setattr(cli, f"_{name}", lambda arguments: called.append(arguments) or 0)
    assert cli.main(shlex.split(command)) == 0
    (arguments,) = called
    if arguments.command == "handout":
        assert arguments.list or arguments.folder


def test_all_commands_are_shown():
    shown_ones = {command.split()[0] for _, command in COMMANDS}
    assert {"start", "handout", "report", "bench", "examine", "mark", "html"} <= shown_ones


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_whose_commands_need_the_environment_says_how_to_activate_it(page):
    text = page.read_text(encoding="utf-8")
    bare = [
        rest
        for block in re.findall(r"(?s)```sh\n(.*?)```", text)
        for rest in COMMAND.finditer(block)
        if not rest["where"]
    ]
    assert not bare or ACTIVATE in text


def test_the_example_of_cases_can_be_read(tmp_path):
    text = (ROOT / ".github" / "STUDENTS_FILES.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"(?s)<!-- cases -->\n```python\n(.*?)```", text)
    (tmp_path / "cases.py").write_text(code, encoding="utf-8")
    cases = load_cases(tmp_path / "cases.py")
    assert "linear" in cases.functions
    assert cases.allowed == {"overwritten"}
    project = types.SimpleNamespace(Linear=lambda *sizes, activation: sizes)
    assert cases.functions["linear"](project) == ((3, 2), (4, 3))
