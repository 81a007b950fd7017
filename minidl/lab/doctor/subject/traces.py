"""Traces: a layer's forward and backward as somebody has called them, kept so that the forward can be repeated.

Nothing is assumed about how a layer is called: the arrays in its arguments, in itself and in what it is linked with are
found, whatever holds them; one of them is changed, and the forward is called again on a copy.
"""

from __future__ import annotations

import random
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from minidl.lab.doctor.subject.copies import copy_of
from minidl.lab.doctor.subject.inside import Path, attributes, contents
from minidl.lab.doctor.subject.names import OUTPUT_NAMES
from minidl.lab.doctor.subject.paths import get
from minidl.lab.doctor.subject.values import as_tensor, is_numpy, is_values

DEPTH, MOST, LARGEST = 7, 150, 40_000  # how far arrays are looked for, how many of them, and of how many numbers
Arrays = dict[Path, Tensor]


@dataclass
class Trace:
    """One forward of a layer, and the backward that belongs to it.

    Attributes
    ----------
    call : tuple
        Copies of the layer and of forward's arguments, as they were before forward: (layer, arguments, by name).
    forward, backward : str
        The names of the methods.
    state : tuple
        Where the random numbers stood.
    outputs : dict
        The arrays that forward returned; of one that returns none, those that it left somewhere.
    given : tuple
        Copies of backward's arguments: (by place, by name).
    before, after : dict
        The arrays in the layer and in what it is linked with, before backward and after it.
    returned : dict
        The arrays that backward returned.
    """

    call: tuple[Any, list[Any], dict[str, Any]]
    forward: str
    state: tuple[Any, ...]
    outputs: Arrays = field(default_factory=dict)
    left: bool = False  # whether the outputs are what forward left, and not what it returned
    backward: str = ""
    given: Arrays = field(default_factory=dict)
    before: Arrays = field(default_factory=dict)
    after: Arrays = field(default_factory=dict)
    returned: Arrays = field(default_factory=dict)
    shared: dict[str, Any] = field(default_factory=dict)  # what is known of this forward, whatever backward it is

    def again(self, call: Any, *, drawn: bool = True) -> Arrays:
        """Call forward of a copy, and return its outputs."""
        layer, arguments, names = call
        if drawn:
            put_random_states(self.state)
        answer = getattr(layer, self.forward)(*arguments, **names)
        return self.left_in(call) if self.left else arrays_in((answer,), scalars=True)

    def left_in(self, call: Any) -> Arrays:
        """Return what forward has left in the layer, or in what it was given."""
        found = {path: as_tensor(get(call, path)) for path in self.outputs}
        return {path: value.double() for path, value in found.items() if value is not None}


def begun(layer: Any, forward: str, arguments: tuple[Any, ...], names: dict[str, Any]) -> Trace | None:
    """Return the trace of a forward that is about to be called; None where there is too much to be copied."""
    call = (layer, list(arguments), dict(names))
    sizes = (v.numel() if isinstance(v, Tensor) else getattr(v, "size", 0) for v in contents(call))
    if sum(sizes) > 20 * LARGEST:
        return None
    return Trace(copy_of(call, torch.float64), forward, random_states())


def went_forward(trace: Trace, call: tuple[Any, list[Any], dict[str, Any]], answer: Any) -> None:
    """Keep what came out of forward: what it returned, or has left in the layer or in what it was given."""
    trace.outputs = arrays_in((answer,), scalars=True)
    if answer is None or answer is call[0]:
        old, new = arrays_in(trace.call), arrays_in(call)
        changed = {
            p: v for p, v in new.items() if p not in old or old[p].shape != v.shape or not torch.equal(old[p], v)
        }
        named = {p: v for p, v in changed.items() if p[-1][1] in (*OUTPUT_NAMES, "a", "activation", "activations")}
        trace.outputs, trace.left = named or changed, True


def arrays_in(root: Any, *, scalars: bool = False) -> Arrays:
    """Return copies of the arrays in something, by the paths to them; each once."""
    found: Arrays = {}
    for path, value in walk(root, scalars=scalars):
        tensor = as_tensor(value)
        if tensor is not None and tensor.is_floating_point() and 0 < tensor.numel() <= LARGEST:
            found[path] = tensor.double()
        if len(found) == MOST:
            break
    return found


def walk(root: Any, *, scalars: bool = False) -> Iterator[tuple[Path, Any]]:
    """Yield arrays, tensors and lists of numbers in something, the nearer ones first; no array twice."""
    todo: list[tuple[Path, Any]] = [((), root)]
    seen: set[int] = set()
    while todo:
        path, value = todo.pop(0)
        if value is None or id(value) in seen:
            continue
        if isinstance(value, (Tensor, list, dict)) or hasattr(value, "__dict__") or is_numpy(value):
            seen.add(id(value))
        inner: list[tuple[Path, Any]] = []
        if isinstance(value, Tensor) or (
            is_numpy(value) and getattr(getattr(value, "dtype", None), "kind", "O") != "O"
        ):
            if getattr(value, "ndim", 0) or scalars:
                yield path, value
        elif is_numpy(value) and hasattr(value, "flat") and value.ndim == 1:
            inner = [((*path, ("[]", i)), item) for i, item in enumerate(value)]
        elif isinstance(value, float):
            if scalars:
                yield path, value
        elif isinstance(value, list) and _of_numbers(value):
            yield path, value
        elif isinstance(value, (list, tuple)):
            inner = [((*path, ("[]", i)), item) for i, item in enumerate(value)]
        elif isinstance(value, dict):
            inner = [((*path, ("[]", key)), item) for key, item in value.items()]
        elif not isinstance(value, (type, types.ModuleType, types.FunctionType, types.MethodType, str, bytes, int)):
            inner = [((*path, (".", name)), item) for name, item in attributes(value).items()]
        if len(path) < DEPTH:
            todo += inner


def _of_numbers(value: Any) -> bool:
    """Whether this is a number, or a list of such, however nested."""
    if isinstance(value, list):
        return len(value) > 0 and all(map(_of_numbers, value)) and as_tensor(value) is not None
    return isinstance(value, float) or (is_numpy(value) and getattr(value, "ndim", 1) == 0 and is_values(value))


def random_states() -> tuple[Any, ...]:
    """Return where the random numbers of torch, Python and NumPy stand."""
    numpy = sys.modules.get("numpy")
    return torch.get_rng_state(), random.getstate(), numpy.random.get_state() if numpy else None


def put_random_states(states: tuple[Any, ...]) -> None:
    """Have the random numbers go on from where they stood."""
    torch.set_rng_state(states[0])
    random.setstate(states[1])
    if states[2] is not None:
        sys.modules["numpy"].random.set_state(states[2])
