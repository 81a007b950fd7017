"""What a specimen is, and how a file registers its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch


@dataclass
class Specimen:
    """A module to examine, how to examine it, and what there is to be found."""

    name: str
    build: Callable[[], Any]
    kind: str  # "layer", "loss" or "optimizer", which builds (optimizer, model); a loop is not built, but
    # run; a setting builds what a check-up is given
    mistakes: frozenset[str]
    input: Any = (4, 3)
    target: Any = None
    reference: Any = None
    notes: frozenset[str] = field(default_factory=frozenset)
    more: dict[str, Any] = field(default_factory=dict)  # further arguments of the examination


SPECIMENS: list[Specimen] = []


def specimen(*mistakes, kind="layer", **how):
    """Register a class, or a function that builds the module."""

    def register(build):
        assert all(build.__name__ != other.name for other in SPECIMENS), f"two specimens are called {build.__name__}"
        SPECIMENS.append(Specimen(build.__name__, build, kind, frozenset(mistakes), **how))
        return build

    return register


right = specimen()


def right_with(**how):
    return specimen(**how)


def loop(*mistakes, more=None):
    """Register a training loop, or a part of one."""
    return specimen(*mistakes, kind="loop", more=more or {})


def setting(*mistakes):
    """Register a function that returns what `check_up` is given."""
    return specimen(*mistakes, kind="setting")


def fill(*shape):
    """Parameters without structure: every test run sees the same ones."""
    n = torch.Size(shape).numel()
    return (torch.arange(1, n + 1, dtype=torch.float32) * 0.7).sin().reshape(shape)
