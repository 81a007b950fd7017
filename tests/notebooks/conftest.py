import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def students(made_once):
    """Return the folder of copies without solutions that the command for classes makes, in a folder of its own."""

    def fill(folder):
        shutil.copytree(ROOT / "notebooks", folder / "notebooks")
        python, *arguments = shlex.split(command("students"))
        assert python == ".venv/bin/python"
        made = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stderr

    return made_once("classroom", fill) / "students"


def command(name: str) -> str:
    """Return the command for classes after the comment that names it."""
    page = (ROOT / ".github" / "CLASSES.md").read_text(encoding="utf-8")
    (line,) = re.findall(rf"<!-- {name} command -->\n```sh\n(.*)\n```", page)
    return line
