"""What functions are given: kinds as their signatures say, tensors of numbers, one of several words.

What does not fit raises TypeError or ValueError, which names the function and the argument, what was expected and what came.
"""

from __future__ import annotations

import functools
import inspect
import math
import numbers
import re
import reprlib
import types
import typing
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from minidl.module import check_number

NUMBERS = {int: numbers.Integral, float: numbers.Real}  # of NumPy too
WORDS = {
    bool: "True or False",
    int: "an integer",
    float: "a number",
    str: "a string",
    type: "a class",
    types.NoneType: "None",
}


def checked(function: Callable) -> Callable:
    """Decorate a function: what is of another kind than its signature says raises TypeError."""
    signature = inspect.signature(function)

    @functools.cache
    def kinds() -> dict[str, Any]:
        return typing.get_type_hints(function)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError:
            return function(*args, **kwargs)  # Python says best what is missing, or too much
        for argument, name, value in _each(signature, given):
            check_kind(function.__name__, name, value, kinds()[argument])
        return function(*args, **kwargs)

    return call


def _each(signature: inspect.Signature, given: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Yield for each value the argument that it belongs to, and its own name: one of ``**sliders`` has one."""
    for argument, value in given.items():
        match signature.parameters[argument].kind:
            case inspect.Parameter.VAR_POSITIONAL:
                yield from ((argument, argument, one) for one in value)
            case inspect.Parameter.VAR_KEYWORD:
                yield from ((argument, name, one) for name, one in value.items())
            case _:
                yield argument, argument, value


def check_kind(owner: str, name: str, value: Any, kind: Any) -> None:
    """Raise TypeError unless a value is of a kind, given as in a signature: ``Tensor | None``, ``dict[str, Tensor]``."""
    if not _is(value, kind):
        got = reprlib.repr(value) if type(value) in (tuple, list, dict) else type(value).__name__
        raise TypeError(f"{owner} expected {name} to be {_words(kind)}, got {got}")


def _is(value: Any, kind: Any) -> bool:
    """Whether a value, and what is inside it, is of a kind."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return True
    if kind in NUMBERS:
        return isinstance(value, NUMBERS[kind]) and not isinstance(value, bool)
    if origin in (types.UnionType, typing.Union):
        return any(_is(value, part) for part in parts)
    if origin is Callable:
        return callable(value)
    if origin is tuple:
        return isinstance(value, (tuple, list)) and len(value) == len(parts) and all(map(_is, value, parts))
    if origin is Sequence:
        is_array = isinstance(value, np.ndarray) and value.ndim > 0
        return (is_array or isinstance(value, Sequence)) and all(_is(one, parts[0]) for one in value)
    if origin is dict:
        return isinstance(value, dict) and all(_is(key, parts[0]) and _is(one, parts[1]) for key, one in value.items())
    return isinstance(value, kind)


def _words(kind: Any) -> str:
    """Return a kind in words."""
    origin = typing.get_origin(kind)
    if origin is Callable:
        return "a function"
    parts = [_words(part) for part in typing.get_args(kind)]
    if origin in (types.UnionType, typing.Union):
        return " or ".join(parts)
    if origin is tuple:
        return f"({', '.join(parts)})"
    if origin is Sequence:
        return f"a sequence, each {parts[0]}"
    if origin is dict:
        return f"a dict, each {parts[0]}: {parts[1]}"
    name = kind.__name__
    return WORDS.get(kind, f"{'an' if name[0] in 'AEIOU' else 'a'} {name}")


def check_choice(owner: str, name: str, value: object, choices: Collection) -> None:
    """Raise ValueError unless a value is one of several."""
    if not any(type(value) is type(choice) and value == choice for choice in choices):
        raise ValueError(f"{owner} expected {name} to be one of {', '.join(map(repr, choices))}, got {value!r}")


def check_whole(owner: str, name: str, value: object, least: int = 1) -> None:
    """Raise TypeError or ValueError unless a value is an integer that is large enough."""
    check_number(owner, name, value, f"an integer of at least {least}", int, lambda value: value >= least)


def check_finite(owner: str, name: str, value: object, above: float = -math.inf) -> None:
    """Raise TypeError or ValueError unless a value is a finite number, and above another one."""
    bound = "" if above == -math.inf else f" above {above}"
    check_number(owner, name, value, f"a finite number{bound}", (int, float), lambda value: above < value < math.inf)


def as_numbers(owner: str, name: str, tensor: Tensor, *shapes: str, finite: bool = True) -> Tensor:
    """Return a tensor as real numbers that can be drawn and counted: without autograd, on the CPU, True as 1.

    Raise TypeError or ValueError unless there are some, in one of the shapes: ``"(n, 2)"`` has n rows of two.
    """
    check_kind(owner, name, tensor, Tensor)
    if tensor.is_complex():
        raise TypeError(f"{owner} expected {name} of real numbers, got {tensor.dtype}")
    if tensor.is_meta:
        raise ValueError(f"{owner} expected {name} with numbers in them, got a tensor on device meta, which holds none")
    if not tensor.numel() or (shapes and not any(_has_shape(tensor, shape) for shape in shapes)):
        expected = " or ".join(shapes) or "with at least one entry"
        raise ValueError(f"{owner} expected {name} of shape {expected}, got {tuple(tensor.shape)}")
    if finite and not bool(tensor.isfinite().all()):
        raise ValueError(f"{owner} expected {name} that are finite, got {float(tensor[~tensor.isfinite()][0])}")
    tensor = tensor.detach().cpu()
    return tensor.to(torch.uint8) if tensor.dtype is torch.bool else tensor


def _has_shape(tensor: Tensor, shape: str) -> bool:
    sizes = re.findall(r"\w+", shape)
    return len(sizes) == tensor.ndim and all(
        not size.isdigit() or int(size) == got for size, got in zip(sizes, tensor.shape, strict=True)
    )
