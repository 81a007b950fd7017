"""What is built for others to install: wheel and sdist, and the wheel at work far from this folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*arguments, **how):
    """Run Python with these arguments, and return what it printed; fail where it fails."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], capture_output=True, encoding="utf-8", check=False, **how
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return a folder with an sdist, the wheel that was built from it, and in ``direct`` one from the source itself."""
    folder = tmp_path_factory.mktemp("built")
    source = folder / "source"  # a copy: building leaves things behind, and packs what an earlier build has left
    shutil.copytree(ROOT / "minidl", source / "minidl", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    run("-m", "build", "--no-isolation", "--outdir", folder, source)
    run("-m", "build", "--no-isolation", "--wheel", "--outdir", folder / "direct", source)
    return folder


def contents(folder):
    """Return the files of the only wheel in a folder."""
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_holds_every_module_and_nothing_else(built):
    files = contents(built)
    modules = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in (ROOT / "minidl").rglob("*.py")}
    assert {name: content for name, content in files.items() if ".dist-info/" not in name} == modules
    assert (ROOT / "LICENSE").read_bytes() in files.values()


def test_the_sdist_builds_the_same_wheel(built):
    assert contents(built) == contents(built / "direct")


def test_the_sdist_holds_licence_and_readme(built):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "pyproject.toml", "minidl/__main__.py", "minidl/lab/__init__.py"} <= names


def test_the_installed_wheel_writes_a_report_from_another_folder(built, tmp_path):
    (wheel,) = built.glob("*.whl")
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    run("-m", "pip", "install", "--no-index", "--no-deps", "--no-compile", "--target", site, wheel)
    environment = os.environ | {"PYTHONPATH": str(site), "PYTHONIOENCODING": "utf-8"}
    where = run("-c", "import minidl; print(minidl.__file__)", cwd=elsewhere, env=environment)
    assert Path(where.strip()).is_relative_to(site)
    printed = run("-m", "minidl", "report", "--runs", "1", "--epochs", "5", cwd=elsewhere, env=environment)
    assert printed.startswith((elsewhere / "report" / "table_1.md").read_text(encoding="utf-8"))
