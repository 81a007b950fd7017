"""The parameters of a module and their gradients: where they are, however the student keeps them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from minidl.lab.doctor.subject.calls import Watch
from minidl.lab.doctor.subject.inside import Path, attributes, children, contents, show
from minidl.lab.doctor.subject.names import (
    CACHED_NAME,
    GRADIENT_METHODS,
    PAIR_METHODS,
    canonical,
    first_method,
    is_gradient_name,
    is_gradient_of,
    is_the_gradient_of,
)
from minidl.lab.doctor.subject.paths import flat_pairs, get, pair_names
from minidl.lab.doctor.subject.values import as_tensor, is_numpy, is_values


@dataclass(frozen=True)
class Slot:
    """A parameter and its gradient: their names for the reader, and where they are in any copy of the module."""

    name: str
    param: Path
    grad: Path
    depth: int = 0  # 0: the module's own; 1 and more: of a module inside it

    def renamed(self, number: int) -> Slot:
        return replace(self, name=f"{self.name} ({number})")


def find(search: Callable[[Any], Any], module: Any, watch: Watch) -> Any:
    """Search a module for parameters, which may call its methods that list them."""
    return watch.call(first_method(module, PAIR_METHODS) or "__getattr__", search, module)


def slots_of(module: Any) -> list[Slot]:
    """Find all parameters, those of the modules inside included."""
    slots = own_slots(module)
    for path, child in children(module):
        for slot in slots_of(child):
            name = f"{show(path)}.{slot.name}"
            slots.append(Slot(name, path + slot.param, path + slot.grad, slot.depth + 1))
    return slots


def shared_parameters(module: Any) -> list[Path]:
    """Find the class attributes, of a module and of those inside it, that hold parameters or their gradients."""
    shared = class_attributes(module)
    paths = [path for slot in (own_slots(module) if shared else ()) for path in (slot.param, slot.grad)]
    held = [get(module, path) for path in paths]
    holds = [name for name, value in shared.items() if any(v is item for v in held for item in contents(value))]
    inside = [path + rest for path, child in children(module) for rest in shared_parameters(child)]
    return [((".", name),) for name in holds] + inside


def class_attributes(thing: Any) -> dict[str, Any]:
    """Return what belongs to the class itself and holds numbers: all objects of the class share it."""
    found: dict[str, Any] = {}
    for kind in reversed(type(thing).__mro__[:-1]) if hasattr(thing, "__dict__") else ():
        found |= {k: v for k, v in vars(kind).items() if isinstance(v, (Tensor, dict, list)) or is_numpy(v)}
    return {k: v for k, v in found.items() if not k.startswith("__") and k not in attributes(thing) and contents(v)}


def everything(thing: Any) -> dict[str, Any]:
    """Return what an object keeps, and what its class keeps for all."""
    return {**class_attributes(thing), **attributes(thing)}


def own_slots(module: Any) -> list[Slot]:
    """Find the module's own parameters that have a gradient: in dictionaries, in listed pairs, by their names."""
    found = list(_by_name(module)) + list(_in_dictionaries(module))
    listed = list(_in_pairs(module, found))
    slots, seen = [], set()
    for slot in listed + found:
        value = get(module, slot.param)
        key = value.data_ptr() if isinstance(value, Tensor) and value.numel() else id(value)
        if key not in seen:
            seen.add(key)
            slots.append(slot)
    return slots


def _by_name(module: Any) -> Iterator[Slot]:
    holders = [((), ".", everything(module))]
    holders += [(((".", k),), "[]", v) for k, v in everything(module).items() if isinstance(v, dict)]
    for path, kind, values in holders:
        for name, value in values.items():
            if not isinstance(name, str) or not is_values(value) or CACHED_NAME.match(name):
                continue
            partners = [g for g in values if isinstance(g, str) and is_gradient_of(g, name)]
            if not partners and not isinstance(value, list):
                partners = [g for g in values if isinstance(g, str) and is_the_gradient_of(g, name)]
            partners = [g for g in partners if values[g] is None or as_tensor(values[g]) is not None]
            if partners:
                yield Slot(name, (*path, (kind, name)), (*path, (kind, partners[0])))
            elif isinstance(value, Tensor) and value.is_leaf and (value.requires_grad or value.grad is not None):
                yield Slot(name, (*path, (kind, name)), (*path, (kind, name), (".", "grad")))
        for name, value in values.items():
            names = pair_names(value)
            if names:
                there = (*path, (kind, name))
                yield Slot(str(name), (*there, (".", names[0])), (*there, (".", names[1])))


def _in_dictionaries(module: Any) -> Iterator[Slot]:
    """Find pairs of dictionaries (or lists), one of parameters, one of gradients; and attributes beside the latter."""
    groups = {(".", k): v for k, v in everything(module).items()}
    of_params, of_grads = (
        [name for name in names if first_method(module, (name,))] for names in (PAIR_METHODS, GRADIENT_METHODS)
    )
    for method in of_params + of_grads if of_params and of_grads else ():
        with contextlib.suppress(Exception):
            groups["call", method] = getattr(module, method)()
    groups = {step: v for step, v in groups.items() if isinstance(v, (dict, list)) and v}
    for (grads_kind, grads_name), grads in groups.items():
        for (kind, params_name), params in groups.items():
            if not is_gradient_name(grads_name) and not is_gradient_of(grads_name, params_name):
                continue
            if params_name == grads_name or is_gradient_name(params_name) or type(params) is not type(grads):
                continue
            keys = params if isinstance(params, dict) else range(len(params))
            for key in keys:
                if not isinstance(params[key], Tensor) and not is_numpy(params[key]):
                    continue
                partners = grads if isinstance(grads, dict) else range(len(grads))
                partner = [g for g in partners if g == key or (isinstance(g, str) and is_gradient_of(g, str(key)))]
                if partner and grads[partner[0]] is not params[key]:
                    name = key if isinstance(key, str) else f"{params_name}[{key}]"
                    there = ((kind, params_name), ("[]", key))
                    yield Slot(name, there, ((grads_kind, grads_name), ("[]", partner[0])))
        for key in grads if isinstance(grads, dict) and is_gradient_name(grads_name) else ():
            for name, value in everything(module).items():
                named = canonical(str(key)) == canonical(name) or is_gradient_of(str(key), name)
                if named and value is not grads[key] and not isinstance(value, list) and is_values(value):
                    yield Slot(name, ((".", name),), ((grads_kind, grads_name), ("[]", key)))


def _in_pairs(module: Any, known: list[Slot]) -> Iterator[Slot]:
    """Find what ``param()`` lists; under the name of the attribute where it is the same thing."""
    for method in PAIR_METHODS:
        if not first_method(module, (method,)):
            continue
        try:
            pairs = flat_pairs(getattr(module, method)())
        except Exception:
            continue
        inside = [get(child, s.param) for _, child in children(module) for s in slots_of(child)]
        for index, (param, grad) in enumerate(pairs):
            if any(param is value for value in inside):
                continue
            twin = [s for s in known if get(module, s.param) is param]
            if twin and (grad is None or get(module, twin[0].grad) is grad):
                yield twin[0]
                continue
            if grad is None and not (isinstance(param, Tensor) and param.requires_grad):
                continue
            name = next((k for k, v in everything(module).items() if v is param), f"{method}()[{index}]")
            yield Slot(name, (("()", (method, index, 0)),), (("()", (method, index, 1)),))
        return
