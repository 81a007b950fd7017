"""What a student's file holds, when it is loaded."""

from __future__ import annotations

from typing import Any

from minidl.lab.doctor.subject.names import (
    BACKWARD_METHODS,
    FORWARD_METHODS,
    LOSS_GRADIENT_METHODS,
    LOSS_METHODS,
    STEP_METHODS,
    first_method,
)
from minidl.lab.doctor.subject.networks import is_network
from minidl.lab.doctor.subject.roles import kind
from minidl.lab.doctor.subject.stubs import is_stub

FAMILIES = {
    "layer": (FORWARD_METHODS.without_call(), BACKWARD_METHODS),
    "loss": (LOSS_METHODS.without_call(), LOSS_GRADIENT_METHODS),
    "optimizer": (STEP_METHODS,),
}


def classes(module: Any) -> list[type]:
    """Return the layers, losses and optimisers that a file defines, in its order, without bare base classes."""
    found = [c for c in vars(module).values() if isinstance(c, type) and c.__module__ == module.__name__]
    return [c for c in dict.fromkeys(found) if (kind(c) and not is_base(c)) or is_network(c)]


def is_base(cls: type) -> bool:
    """Whether something that a class has to define is empty, or does nothing but raise NotImplementedError."""
    families = FAMILIES[kind(cls) or "layer"]
    methods = [getattr(cls, name, None) for name in (first_method(cls, names) for names in families) if name]
    return any(method is not None and is_stub(method) for method in methods)
