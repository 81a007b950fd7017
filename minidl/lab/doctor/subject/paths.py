"""Going along a path to what stands at its end: reading it, and writing into it."""

from __future__ import annotations

import re
from typing import Any

from torch import Tensor

from minidl.lab.doctor.subject.inside import Path, is_module
from minidl.lab.doctor.subject.names import is_gradient_name
from minidl.lab.doctor.subject.values import as_tensor, is_numpy, is_values

REMEMBERED = re.compile(  # what an optimiser leaves beside a parameter
    r"_*(m|v|s|u|m_?[twb]|v_?[twb]|(first_|second_)?mom(ent(um)?)?s?\d?|velocity|vel|cache|exp_avg\w*|prev\w*|acc\w*|history)_*$"
)


def step(holder: Any, kind: str, key: Any) -> Any:
    """Go one step along a path."""
    if kind == "()":
        method, index, side = key
        return flat_pairs(getattr(holder, method)())[index][side]
    if kind == "call":
        return getattr(holder, key)()
    return getattr(holder, key) if kind == "." else holder[key]


def get(root: Any, path: Path, default: Any = None) -> Any:
    """Return what stands at the end of a path, or ``default`` where it leads nowhere."""
    try:
        for kind, key in path:
            root = step(root, kind, key)
    except (AttributeError, KeyError, IndexError, TypeError):
        return default
    return root


def put(root: Any, path: Path, value: Tensor) -> None:
    """Write into the tensor or array that stands there; numbers and lists are replaced."""
    there = get(root, path)
    if isinstance(there, Tensor):
        fits = there.numel() == value.numel()
        there.data.copy_(value.reshape(there.shape) if fits else value)
    elif is_numpy(there) and getattr(there, "ndim", 0) == value.ndim:
        turned = there.shape != value.shape and there.shape == value.shape[::-1]  # some keep the gradient of W.T
        there[...] = (value.T if turned else value).numpy()
    elif there is not None:
        kind, key = path[-1]
        holder = get(root, path[:-1])
        if kind == ".":
            setattr(holder, key, value.tolist())
        elif kind == "[]" and not isinstance(holder, tuple):
            holder[key] = value.tolist()


def flat_pairs(listed: Any) -> list[tuple[Any, Any]]:
    """Return the (parameter, gradient) pairs in what ``param()`` or ``parameters()`` returned, however nested."""
    if isinstance(listed, dict):
        listed = listed.values()
    if isinstance(listed, (Tensor, str, bytes)) or not hasattr(listed, "__iter__"):
        return []
    pairs = []
    for item in listed:
        names = pair_names(item)
        if isinstance(item, (tuple, list)) and len(item) == 2 and is_values(item[0]) and not _two_parameters(*item):
            pairs.append((item[0], item[1]))
        elif isinstance(item, (tuple, list)) and _halves_match(item):
            pairs += zip(item[: len(item) // 2], item[len(item) // 2 :], strict=True)
        elif isinstance(item, Tensor) and item.is_floating_point():
            pairs.append((item, item.grad))
        elif is_numpy(item) and is_values(item):
            pairs.append((item, None))
        elif isinstance(item, dict) and (keys := _pair_keys(item)):
            pairs.append((item[keys[0]], item[keys[1]]))
        elif isinstance(item, (tuple, list, dict)):
            pairs += flat_pairs(item)
        elif names:
            pairs.append((getattr(item, names[0]), getattr(item, names[1])))
    return pairs


def _pair_keys(item: dict[Any, Any]) -> tuple[str, str] | None:
    """Return the keys of value and gradient in a dictionary that holds one of each: {"param": w, "grad": dw}."""
    grads = [key for key in item if isinstance(key, str) and is_gradient_name(key)]
    values = [key for key in item if key not in grads and is_values(item[key])]
    return (values[0], grads[0]) if len(values) == len(grads) == 1 else None


def _halves_match(item: tuple[Any, ...] | list[Any]) -> bool:
    """Whether several parameters are listed, and then their gradients: (w, b, dw, db)."""
    half = len(item) // 2
    if len(item) < 4 or len(item) % 2 or not all(is_values(value) for value in item):
        return False
    shapes = [as_tensor(value).shape for value in item]
    return shapes[:half] == shapes[half:] and len(set(shapes[:half])) > 1


def _two_parameters(first: Any, second: Any) -> bool:
    """Whether two things listed together are a weight and a bias, not a parameter and its gradient."""
    first, second = as_tensor(first), as_tensor(second)
    if first is None or second is None:
        return False
    return first.ndim == 2 and second.ndim > 0 and second.numel() < first.numel() and max(second.shape) in first.shape


def pair_names(thing: Any) -> tuple[str, str] | None:
    """Return the names of value and gradient in an object that holds just these: a student's own Parameter."""
    if isinstance(thing, (Tensor, str, type)) or is_numpy(thing) or is_module(thing):
        return None
    own = getattr(thing, "__dict__", {})
    values = [name for name in own if is_values(own[name]) and not is_gradient_name(name)]
    values = [name for name in values if not REMEMBERED.match(name)] if len(values) > 1 else values
    names = [name for name in own if is_gradient_name(name) and not name.endswith("_fn")]
    grads = [name for name in names if (own[name] is None or as_tensor(own[name]) is not None)]
    return (values[0], grads[0]) if len(values) == len(grads) == 1 else None
