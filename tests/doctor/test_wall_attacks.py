"""Hostile students' files: none of them gets out, forges a classmate's row, or ends another; each leaves one clear line.

All of them are examined by one command, as a teacher would; then each is looked at.
"""

from __future__ import annotations

import csv
import os
import shutil
import socket
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest
from attacks import ANYWHERE, BEHIND_THE_WALL, filled

from minidl.lab.doctor.students.rows import VERDICTS

pytestmark = pytest.mark.slow
CLASSMATE = """
class Theirs:
    def forward(self, x):
        return 3.0 * x
    def backward(self, g):
        return 3.0 * g
"""
WALL = pytest.param(
    "require", marks=pytest.mark.skipif(not shutil.which("bwrap"), reason="there is no bubblewrap here")
)
NO_WALL = pytest.param(
    "none", marks=pytest.mark.skipif(not sys.platform.startswith("linux"), reason="some attacks are Linux's")
)


@dataclass
class Outcome:
    """What a command has left."""

    folder: Path
    status: int
    errors: str
    page: str
    rows: dict[str, list[dict[str, str]]]
    connected: bool


@pytest.fixture(scope="module")
def outcome(request, tmp_path_factory):
    """Have all attacks examined, with a wall or without one, and return what came of it."""
    attacks = ANYWHERE | (BEHIND_THE_WALL if request.param == "require" else {})
    folder = tmp_path_factory.mktemp("course")
    students = folder / "students"
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(0)
    for name, attack in attacks.items():
        home = students / name.replace(" ", "_").replace(",", "")
        home.mkdir(parents=True)
        given = {"mark": folder / f"{home.name}.mark", "port": listening.getsockname()[1]}
        text = filled(attack, classmate=students / "the_classmate" / "work.py", **given)
        (home / "work.py").write_text(text, encoding="utf-8")
        (home / "pandas.py").write_text(f"open('{given['mark']}', 'w').write('x')\n", encoding="utf-8")
    (students / "the_classmate").mkdir()
    (students / "the_classmate" / "work.py").write_text(CLASSMATE, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "minidl",
        "examine",
        students,
        "--wall",
        request.param,
        "--time",
        "4",
        "--jobs",
        "3",
    ]
    command += ["--csv", folder / "marks.csv", "--html", folder / "marks.html"]
    root = str(Path(__file__).parents[2])
    secrets = {"SECRET_OF_OURS": "1", "PYTHONPATH": root}
    started = time.monotonic()
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=os.environ | secrets,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    time.sleep(max(0.0, started + 10 - time.monotonic()))  # until whatever was left running would have shown itself
    try:
        listening.accept()[0].close()
        connected = True
    except OSError:
        connected = False
    listening.close()
    rows = defaultdict(list)
    with (folder / "marks.csv").open(newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            path = Path(line["file"])
            rows[f"{path.parent.name}/{path.name}"].append(line)
    page = (folder / "marks.html").read_text(encoding="utf-8")
    return Outcome(folder, done.returncode, done.stderr, page, rows, connected)


def looked_at(outcome: Outcome, name: str) -> None:
    """See that an attack has left nothing but a clear line."""
    home = name.replace(" ", "_").replace(",", "")
    assert not (outcome.folder / f"{home}.mark").exists()
    *others, line = outcome.rows[f"{home}/work.py"]
    assert all(name == "a row again" and other["class"] == "Mine" for other in others)
    assert line["verdict"] in VERDICTS
    assert line["class"] in ("Mine", "")
    assert line["mistakes"] or line["details"].strip()


@pytest.mark.parametrize("outcome", [WALL, NO_WALL], indirect=True)
@pytest.mark.parametrize("name", ANYWHERE)
def test_it_does_nothing(outcome, name):
    looked_at(outcome, name)


@pytest.mark.parametrize("outcome", [WALL], indirect=True)
@pytest.mark.parametrize("name", BEHIND_THE_WALL)
def test_behind_the_wall_it_does_nothing(outcome, name):
    looked_at(outcome, name)
    assert "SECRET" not in str(outcome.rows)


@pytest.mark.parametrize("outcome", [WALL, NO_WALL], indirect=True)
def test_the_classmate_is_as_before(outcome):
    assert (outcome.folder / "students" / "the_classmate" / "work.py").read_text(encoding="utf-8") == CLASSMATE
    (line,) = outcome.rows["the_classmate/work.py"]
    assert (line["class"], line["verdict"], line["mistakes"]) == ("Theirs", "well", "")


@pytest.mark.parametrize("outcome", [WALL, NO_WALL], indirect=True)
def test_the_command_has_done_its_work(outcome):
    assert outcome.status == 1
    assert outcome.errors == ""
    assert not outcome.connected
    assert "<script" not in outcome.page
    assert outcome.page.endswith("</html>\n")
    texts = {path.parent.name for path in outcome.folder.glob("students/*/work.py")}
    assert {name.partition("/")[0] for name in outcome.rows} == texts
    for name in texts - {"the_classmate"}:  # private copies were attacked, and nothing else
        assert "class Mine" in (outcome.folder / "students" / name / "work.py").read_text(encoding="utf-8")
