"""A student's file: loading it, and finding what it holds."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

from minidl.lab.doctor.subject.names import BACKWARD_METHODS, FORWARD_METHODS, STEP_METHODS, first_method
from minidl.lab.doctor.subject.roles import kind
from minidl.lab.doctor.subject.stubs import is_stub


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


def is_base(cls: type) -> bool:
    """Whether something that a class has to define is empty, or does nothing but raise NotImplementedError."""
    families = (FORWARD_METHODS[:-1], BACKWARD_METHODS) if kind(cls) != "optimizer" else (STEP_METHODS,)
    methods = [getattr(cls, name, None) for name in (first_method(cls, names) for names in families) if name]
    return any(method is not None and is_stub(method) for method in methods)
