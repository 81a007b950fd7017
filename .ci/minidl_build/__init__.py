"""Builds minidl: setuptools does, after a look at Python, which comes before anything is downloaded.

pip asks for this before it asks for anything else. Without it, pip with a Python that is too old tries one version of PyTorch
after the other, gigabytes of them. So old versions of Python must be able to read this file.
"""

import re
import sys
from pathlib import Path

NEEDS = ["setuptools>=77.0.3"]


def refuse_unfit_python():
    """End with one sentence where Python is older than pyproject.toml allows."""
    project = (Path(__file__).resolve().parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    oldest = re.search(r'^requires-python = ">=(\d+)\.(\d+)"$', project, re.MULTILINE).groups()
    version = tuple(sys.version_info[:2])
    if version < tuple(map(int, oldest)):
        raise SystemExit("minidl needs Python {}.{} or newer, and this is Python {}.{}.".format(*oldest, *version))


def get_requires_for_build_wheel(config_settings=None):
    """Return what a wheel, an sdist or an editable install is built with."""
    refuse_unfit_python()
    return NEEDS


get_requires_for_build_sdist = get_requires_for_build_editable = get_requires_for_build_wheel


def _setuptools(name):
    """Return the hook that is setuptools' own: it is imported when it is there, and not before."""

    def hook(*arguments, **named):
        from setuptools import build_meta

        return getattr(build_meta, name)(*arguments, **named)

    return hook


build_wheel, build_sdist, build_editable = map(_setuptools, ["build_wheel", "build_sdist", "build_editable"])
prepare_metadata_for_build_wheel = _setuptools("prepare_metadata_for_build_wheel")
prepare_metadata_for_build_editable = _setuptools("prepare_metadata_for_build_editable")
