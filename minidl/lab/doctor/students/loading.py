"""A student's file: loading it, and finding what it holds."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
from pathlib import Path
from typing import Any

from minidl.lab.doctor.subject.stubs import is_stub

LOSS_NAME = re.compile("loss|mse|bce|nll|entropy|criterion|error|cost", re.IGNORECASE)


def load(path: Path) -> Any:
    """Import a file, as its own folder would."""
    sys.path.insert(0, str(path.parent))
    name = re.sub(r"\W", "_", path.stem)
    name += "_of_a_student" * (name in sys.modules)  # a random.py must not take the place of Python's own
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def classes(module: Any) -> list[type]:
    """Return the layers, losses and optimisers that a file defines, in its order, without bare base classes."""
    found = [c for c in vars(module).values() if isinstance(c, type) and c.__module__ == module.__name__]
    return [c for c in dict.fromkeys(found) if kind(c) and not is_base(c)]


def kind(cls: type) -> str | None:
    """Return what a class is, "layer", "loss" or "optimizer", by its methods and its name; None for anything else."""
    if callable(getattr(cls, "forward", None)) and callable(getattr(cls, "backward", None)):
        given = parameters(cls.forward)
        needed = [p for p in given[1:] if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
        open_ended = any(p.kind is p.VAR_POSITIONAL for p in given)
        return "loss" if len(needed) == 2 or (open_ended and LOSS_NAME.search(cls.__name__)) else "layer"
    return "optimizer" if callable(getattr(cls, "step", None)) and not hasattr(cls, "forward") else None


def is_base(cls: type) -> bool:
    """Whether something that a class has to define is empty, or does nothing but raise NotImplementedError."""
    methods = [getattr(cls, name, None) for name in ("forward", "backward", "step")]
    return any(method is not None and is_stub(method) for method in methods)


def parameters(function: Any) -> list[inspect.Parameter]:
    """Return the parameters of a function or a class; none where Python does not know them."""
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return []
