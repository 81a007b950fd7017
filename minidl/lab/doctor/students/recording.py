"""Recording what layers are called with while a network of their own project is trained for a moment."""

from __future__ import annotations

import contextlib
import functools
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

from minidl.lab.doctor.subject.names import (
    BACKWARD_METHODS,
    FORWARD_METHODS,
    LOSS_GRADIENT_METHODS,
    LOSS_METHODS,
    first_method,
)
from minidl.lab.doctor.subject.roles import kind, positional
from minidl.lab.doctor.subject.traces import Trace, arrays_in, begun, went_forward

MOST, OPEN = 3, 12  # traces of a class that are kept, and forwards of a layer that wait for their backward
TRAINING = re.compile("train", re.IGNORECASE)
Records = dict[type, list[Trace]]


def methods_of(cls: type) -> tuple[str, str] | None:
    """Return the names of forward and backward of a layer or a loss; None where it has not both."""
    families = (LOSS_METHODS, LOSS_GRADIENT_METHODS) if kind(cls) == "loss" else (FORWARD_METHODS, BACKWARD_METHODS)
    names = [first_method(cls, family) for family in families]
    own = {name for each in cls.__mro__[:-1] for name in vars(each)}
    if not all(name in own and callable(getattr(cls, name)) for name in names):
        return None
    return names[0], names[1]


@contextlib.contextmanager
def recorded(classes: list[type], records: Records) -> Iterator[None]:
    """Record the forwards and backwards of objects of these classes, while this is entered."""
    undo: list[tuple[type, str, Any, bool]] = []
    waiting: dict[int, list[tuple[Any, Trace]]] = {}
    busy: set[int] = set()
    try:
        for cls in classes:
            for name, wrap in zip(methods_of(cls) or (), (_forward, _backward), strict=False):
                static = inspect.getattr_static(cls, name)
                if not inspect.isfunction(static):
                    continue
                undo.append((cls, name, static, name in vars(cls)))
                setattr(cls, name, wrap(cls, name, static, records.setdefault(cls, []), waiting, busy))
        yield
    finally:
        for cls, name, static, own in undo[::-1]:
            setattr(cls, name, static) if own else delattr(cls, name)


def _forward(
    cls: type, name: str, original: Callable[..., Any], kept: list[Trace], waiting: dict[int, Any], busy: set[int]
) -> Callable[..., Any]:
    @functools.wraps(original)
    def forward(self: Any, *arguments: Any, **names: Any) -> Any:
        if type(self) is not cls or id(self) in busy or len(kept) >= MOST or not _worth(original, arguments, names):
            return original(self, *arguments, **names)
        with contextlib.suppress(Exception):
            trace = None
            trace = begun(self, name, arguments, names)
        busy.add(id(self))
        try:
            answer = original(self, *arguments, **names)
        finally:
            busy.discard(id(self))
        if trace is not None:
            with contextlib.suppress(Exception):
                went_forward(trace, (self, list(arguments), names), answer)
                waiting.setdefault(id(self), []).append((self, trace))
                del waiting[id(self)][:-OPEN]
        return answer

    return forward


def _backward(
    cls: type, name: str, original: Callable[..., Any], kept: list[Trace], waiting: dict[int, Any], busy: set[int]
) -> Callable[..., Any]:
    @functools.wraps(original)
    def backward(self: Any, *arguments: Any, **names: Any) -> Any:
        if type(self) is not cls or id(self) in busy or not waiting.get(id(self)):
            return original(self, *arguments, **names)
        _, trace = waiting[id(self)].pop()
        with contextlib.suppress(Exception):
            trace.given = arrays_in((list(arguments), names))
            trace.before = arrays_in((self, list(arguments), names))
        busy.add(id(self))
        try:
            answer = original(self, *arguments, **names)
        finally:
            busy.discard(id(self))
        with contextlib.suppress(Exception):
            trace.backward, trace.returned = name, arrays_in((answer,))
            trace.after = arrays_in((self, list(arguments), names))
            kept.append(trace)
        return answer

    return backward


def asked(method: Any) -> list[inspect.Parameter]:
    """Return what a method has to be given, and whether it is a training, which is off by default."""
    return [
        p for p in positional(method) if p.default is p.empty or (TRAINING.search(p.name) and p.default is not True)
    ]


def in_training(original: Callable[..., Any], arguments: tuple[Any, ...], names: dict[str, Any]) -> bool:
    """Whether a forward is called as one of a training, to which a backward belongs."""
    try:
        bound = inspect.signature(original).bind(None, *arguments, **names)
    except TypeError:
        return False
    bound.apply_defaults()
    return all(bool(value) for name, value in bound.arguments.items() if TRAINING.search(name) and _is_flag(value))


def _is_flag(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int))


def _worth(original: Callable[..., Any], arguments: tuple[Any, ...], names: dict[str, Any]) -> bool:
    """Whether a forward is one with numbers, of a training."""
    if arguments and not arrays_in((list(arguments), names)):
        return False  # some build themselves by a call without
    return in_training(original, arguments, names)
