"""What is built for others to install: wheel and sdist, and the wheel at work far from this folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from minidl.lab import report

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def run(*arguments, **how):
    """Run Python with these arguments, and return what it has printed, and on stderr; fail where it fails."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], capture_output=True, encoding="utf-8", check=False, **how
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, done.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return a folder with an sdist, the wheel that was built from it, and in ``direct`` one from the source itself."""
    folder = tmp_path_factory.mktemp("built")
    source = folder / "source"  # a copy: building leaves things behind, and packs what an earlier build has left
    for name in ("minidl", ".ci", "notebooks"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "mkplot.ipynb"):
        shutil.copy(ROOT / name, source)
    run("-m", "build", "--no-isolation", "--outdir", folder, source)
    run("-m", "build", "--no-isolation", "--wheel", "--outdir", folder / "direct", source)
    return folder


def contents(folder):
    """Return the files of the only wheel in a folder."""
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


NOTEBOOKS = [*ROOT.glob("notebooks/*.ipynb"), ROOT / "mkplot.ipynb"]


def test_the_wheel_holds_every_module_the_notebooks_and_nothing_else(built):
    files = contents(built)
    expected = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in (ROOT / "minidl").rglob("*.py")}
    course = "minidl/lab/course/carried"
    expected |= {f"{course}/{path.relative_to(ROOT).as_posix()}": path.read_bytes() for path in NOTEBOOKS}
    assert {name: content for name, content in files.items() if ".dist-info/" not in name} == expected
    assert (ROOT / "LICENSE").read_bytes() in files.values()


def test_the_sdist_builds_the_same_wheel(built):
    assert contents(built) == contents(built / "direct")


def test_an_editable_install_is_a_path_so_that_the_folder_above_hides_nothing(built):
    """The checkout's own folder is called minidl, too, and to Python a package without content where nobody looks further."""
    code = "import sys; sys.path.insert(0, '.ci'); import minidl_build; minidl_build.build_editable(sys.argv[1])"
    run("-c", code, built / "editable", cwd=built / "source")
    files = contents(built / "editable")
    (path,) = [content.decode().strip() for name, content in files.items() if name.endswith(".pth")]
    assert Path(path) == built / "source"
    assert not [name for name in files if name.endswith("_finder.py")]


def test_the_sdist_holds_licence_readme_and_notebooks(built):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "pyproject.toml", "minidl/__main__.py", "minidl/lab/__init__.py"} <= names
    assert {path.relative_to(ROOT).as_posix() for path in NOTEBOOKS} <= names


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """Return the folder that the wheel was installed to, and how to run it far from here."""
    (wheel,) = built.glob("*.whl")
    site = tmp_path_factory.mktemp("site")
    run("-m", "pip", "install", "--no-index", "--no-deps", "--no-compile", "--target", site, wheel)
    return site, os.environ | {"PYTHONPATH": str(site), "PYTHONIOENCODING": "utf-8", "PYTHONWARNINGS": "error"}


def test_the_installed_wheel_brings_the_course(installed, tmp_path):
    """One process for it all: to start one takes longer than what it does."""
    site, environment = installed
    assert (site / "bin" / "minidl").exists() or (site / "Scripts" / "minidl.exe").exists()
    code = """
from minidl.lab.cli import main
assert not main(["start", "--no-lab"]) and not main(["handout", "given", "--notebooks", "02", "mkplot"])
"""
    printed, complaints = run("-c", code, cwd=tmp_path, env=environment)
    assert complaints == ""
    assert printed.startswith("minidl-course: 16 notebooks written\nWritten to given: 2 notebooks.")
    course = tmp_path / "minidl-course"
    assert {path: (course / path.relative_to(ROOT)).read_bytes() for path in NOTEBOOKS} == {
        path: path.read_bytes() for path in NOTEBOOKS
    }
    assert sorted(path.name for path in (tmp_path / "given").iterdir()) == ["02_linear.ipynb", "mkplot.ipynb"]


def test_the_installed_wheel_writes_a_report_to_another_folder(installed, tmp_path):
    """In a process of its own, as people call it, but not at a terminal: files, table, and nothing on stderr."""
    site, environment = installed
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    how = {"cwd": elsewhere, "env": environment}
    where, _ = run("-c", "import importlib.util; print(importlib.util.find_spec('minidl').origin)", **how)
    assert Path(where.strip()).is_relative_to(site)
    printed, complaints = run("-m", "minidl", "report", "--runs", "1", "--epochs", "2", "--out", "../there", **how)
    assert complaints == ""
    assert not list(elsewhere.iterdir())
    there = tmp_path / "there"
    names = {"history.csv", "runs.csv", "table_1.csv", "table_1.md", "environment.json", "one_by_one", "stacked"}
    names |= {f"figure_{number}.{ending}" for number in (1, 2, 3) for ending in ("png", "pdf", "svg")}
    assert {path.name for path in there.iterdir()} == names
    table = (there / "table_1.md").read_text(encoding="utf-8")
    assert len(table.splitlines()) == 6
    assert printed.startswith(table)
    assert "in float64 the losses of all runs differ by at most" in printed
    assert "history.csv" in printed.splitlines()[-1]
    history = pd.read_csv(there / "history.csv")
    models = [setting.name for setting in report.settings() + report.exact_settings()]
    assert list(history["model"].unique()) == models
    assert len(history) == len(models) * 2 * 2
