"""What came of building something: an object and the call that made it, or why there is none."""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass
from typing import Any

import torch

from minidl.lab.doctor.diagnosis import Finding


class CannotBuild(Exception):  # noqa: N818
    """There is nothing to examine, or it cannot be built or called without being told how."""


class Broken(Exception):  # noqa: N818
    """Building raises an error that no argument can be the reason of: the student's own."""

    def __init__(self, said: str, error: Exception) -> None:
        super().__init__(f"{said} raises {type(error).__name__}: {error}")
        self.finding = Finding("raises", "__init__", str(self), evidence={"error": type(error).__name__})


@dataclass
class Built:
    """An object, and the call that made it."""

    thing: Any
    said: str
    of: type | None = None


def vars_of(cls: type) -> dict[str, Any]:
    """Return what a class and its base classes define."""
    return {name: value for kind_ in reversed(cls.__mro__[:-1]) for name, value in vars(kind_).items()}


def seed() -> None:
    """Have the random numbers begin anew, so that the same is built each time."""
    torch.default_generator.manual_seed(0)
    random.seed(0)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)
