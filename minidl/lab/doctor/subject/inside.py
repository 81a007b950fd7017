"""What is inside a thing: its attributes, the modules, the tensors and arrays; and the way to each."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from minidl.lab.doctor.subject.names import BACKWARD_METHODS, FORWARD_METHODS, first_method, goes_both_ways
from minidl.lab.doctor.subject.values import is_numpy

# The way from a module to something in it: (".", attribute), ("[]", key), ("()", pair that a method lists), ("call", method)
Path = tuple[tuple[str, Any], ...]


def show(path: Path) -> str:
    """Return a path as a student would write it, for example layers[0].weight."""
    text = ""
    for kind, key in path:
        if kind == "()":
            text += f".{key[0]}()[{key[1]}]"
        elif kind == "call":
            text += f".{key}()"
        else:
            text += f".{key}" if kind == "." else f"[{key!r}]"
    return text.lstrip(".")


@functools.lru_cache(maxsize=1000)
def _slots(kind: type) -> tuple[str, ...]:
    return tuple(name for each in kind.__mro__ for name in getattr(each, "__slots__", ()))


def attributes(thing: Any) -> dict[str, Any]:
    """Return everything that an object keeps, also in slots."""
    slots = _slots(type(thing))
    if not slots:
        return dict(getattr(thing, "__dict__", {}))
    return {**{name: getattr(thing, name) for name in slots if hasattr(thing, name)}, **getattr(thing, "__dict__", {})}


def contents(thing: Any) -> list[Any]:
    """Return every tensor, NumPy array and torch generator in a thing."""
    found, seen, todo = [], set(), [thing]
    while todo:
        value = todo.pop()
        if value is None or id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, (Tensor, torch.Generator)) or (is_numpy(value) and hasattr(value, "astype")):
            found.append(value)
        elif isinstance(value, dict):
            todo += value.values()
        elif isinstance(value, (list, tuple, set)):
            todo += value
        elif not isinstance(value, (type, types.ModuleType, str, bytes, int, float)) and not hasattr(
            type(value), "__get__"
        ):
            todo += attributes(value).values()
    return found


def holds_generator(thing: Any) -> bool:
    """Whether an object keeps a generator of random numbers of its own: NumPy's or Python's."""
    return any(type(value).__name__ in ("Generator", "RandomState", "Random") for value in attributes(thing).values())


def is_module(value: Any) -> bool:
    """Whether this is an object with forward and backward."""
    return (
        not isinstance(value, type)
        and first_method(value, ("forward",)) is not None
        and first_method(value, ("backward",)) is not None
    ) or (hasattr(value, "__dict__") and goes_both_ways(type(value)))


def children(module: Any) -> list[tuple[Path, Any]]:
    """Find the modules directly inside: attributes with forward and backward, and lists, tuples and dicts of these."""
    found: list[tuple[Path, Any]] = []

    def look(path: Path, value: Any) -> None:
        if isinstance(value, (list, tuple, dict)):
            for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                if len(path) < 4:
                    look((*path, ("[]", key)), item)
        elif is_module(value) and value is not module and all(value is not other for _, other in found):
            found.append((path, value))

    for name, value in attributes(module).items():
        look(((".", name),), value)
    inner = [x for _, child in found for x in descendants(child)]
    return [(path, child) for path, child in found if all(child is not x for x in inner)]


def holds_layers(thing: Any) -> bool:
    """Whether an object holds others that go forward and back, whatever their methods are called."""
    found = [item for value in attributes(thing).values() for item in _items(value)]
    families = FORWARD_METHODS[:-1], BACKWARD_METHODS
    return any(not isinstance(item, type) and all(first_method(item, names) for names in families) for item in found)


def descendants(module: Any) -> list[Any]:
    """Return all modules inside, at any depth."""
    found: list[Any] = []
    todo = [module]
    while todo:
        for value in attributes(todo.pop()).values():
            for item in _items(value):
                if is_module(item) and item is not module and all(item is not x for x in found):
                    found.append(item)
                    todo.append(item)
    return found


def _items(value: Any, depth: int = 3) -> Iterator[Any]:
    if isinstance(value, (list, tuple, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            if depth:
                yield from _items(item, depth - 1)
    else:
        yield value
