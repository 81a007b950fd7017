"""How an optimiser's step is called: with nothing, the model, parameters and gradients, or with each of them alone."""

from __future__ import annotations

import contextlib
import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

from minidl.lab.doctor.subject.inside import children, descendants
from minidl.lab.doctor.subject.names import PAIR_METHODS
from minidl.lab.doctor.subject.parameters import Slot, own_slots
from minidl.lab.doctor.subject.paths import get, put
from minidl.lab.doctor.subject.roles import needed, role
from minidl.lab.doctor.subject.values import as_tensor, same

RATE = 0.1  # where step wants the learning rate itself
Stepping = Callable[[Any, Any], None]  # of the optimiser and the model
BEFORE = ("pre_update_params", "pre_update", "pre_update_parameters")
AFTER = ("post_update_params", "post_update", "post_update_parameters")
FIRST = ("init_params", "reset_parameter", "initialize", "init", "setup", "build")


def steppings(optimizer: Any, name: str, slots: list[Slot]) -> Iterator[Stepping]:
    """Yield the ways in which a step may be called, the likelier by its arguments' names first."""
    names = needed(getattr(optimizer, name))
    roles = [role(n) for n in names]
    if not names:
        yield lambda o, m: getattr(o, name)()
        return

    def filled(values: list[Any]) -> list[Any]:
        """Put the learning rate where it is asked for, and a count of steps."""
        rest = iter(values)
        return [
            RATE if r == "rate" else 1 if re.fullmatch("t|step|iteration|epoch|i", n) else next(rest)
            for r, n in zip(roles, names, strict=True)
        ]

    def with_model(o: Any, m: Any) -> None:
        getattr(o, name)(*filled([m]))

    def with_layers(o: Any, m: Any) -> None:
        _first(o, layers(m))
        getattr(o, name)(*filled([layers(m)]))

    def with_each_layer(o: Any, m: Any) -> None:
        _call(o, BEFORE)
        for layer in layers(m):
            _first(o, layer)
            getattr(o, name)(*filled([layer]))
        _call(o, AFTER)

    def with_listed(o: Any, m: Any) -> None:
        method = next(method for n in PAIR_METHODS if callable(method := getattr(m, n, None)))
        getattr(o, name)(*filled([list(method())]))

    def with_pairs(o: Any, m: Any) -> None:
        getattr(o, name)(*filled([[(get(m, s.param), get(m, s.grad)) for s in slots]]))

    def with_holders(o: Any, m: Any) -> None:
        for slot in slots:
            holder = get(m, slot.param[:-1])
            _first(o, holder)
            getattr(o, name)(*filled([holder]))

    def with_lists(o: Any, m: Any) -> None:
        params, grads = (
            [get(m, path) for path in paths] for paths in zip(*((s.param, s.grad) for s in slots), strict=True)
        )
        _take(m, slots, getattr(o, name)(*filled([params, grads])))

    def with_dictionaries(o: Any, m: Any) -> None:
        params, grads = ({s.name: get(m, path(s)) for s in slots} for path in (lambda s: s.param, lambda s: s.grad))
        _take(m, slots, getattr(o, name)(*filled([params, grads])))
        for slot in slots:  # where the dictionary, not the array, was written into
            if params[slot.name] is not get(m, slot.param):
                put(m, slot.param, as_tensor(params[slot.name]))

    def with_each(o: Any, m: Any) -> None:
        for slot in slots:
            one = _own(o, name, slot, m)
            _take(m, [slot], getattr(one, name)(*filled([get(m, slot.param), get(m, slot.grad)])))

    def _own(o: Any, name: str, slot: Slot, m: Any) -> Any:
        """Return the optimiser of a parameter: its own, where what is remembered has room for one parameter alone."""
        if not hasattr(o, "__dict__"):
            return o
        if "_of_each" not in o.__dict__:
            probe = copy.deepcopy(o)
            with contextlib.suppress(Exception):
                getattr(probe, name)(*filled([copy.deepcopy(get(m, slot.param)), copy.deepcopy(get(m, slot.grad))]))
            kept = [value for value in vars(probe).values() if getattr(value, "ndim", 0) > 0]
            o._of_each = {s.name: copy.deepcopy(o) for s in slots} if kept else {}
        return o._of_each.get(slot.name, o)

    def with_two(o: Any, m: Any) -> None:
        by_layer: dict[Any, list[Slot]] = {}
        for slot in slots:
            by_layer.setdefault(slot.param[:-1] if len(slot.param) > 1 else (), []).append(slot)
        for mine in by_layer.values():
            params, grads = (
                [get(m, path) for path in paths] for paths in zip(*((s.param, s.grad) for s in mine), strict=True)
            )
            _take(m, mine, getattr(o, name)(*filled([*params, *grads])))

    count = sum(
        r != "rate" and not re.fullmatch("t|step|iteration|epoch|i", n) for r, n in zip(roles, names, strict=True)
    )
    plain = names[0].lower()
    if count == 1:
        ways = [with_model, with_listed, with_pairs, with_layers, with_each_layer, with_holders]
        if plain.endswith("layer"):
            ways = [with_each_layer]
        elif "layer" in plain:
            ways = [with_layers, *ways]
        elif plain in ("p", "param", "parameter"):
            ways = [with_holders, with_listed, with_pairs]
        elif "param" in plain:
            ways = [with_listed, with_pairs, with_model, with_dictionaries]
        yield from ways
    elif count == 2:
        several = plain.endswith("s") and plain not in ("weights",)
        ways = [with_dictionaries, with_lists, with_each]
        yield from ways if several else [with_each, with_dictionaries, with_lists]
    else:
        yield with_two


def layers(model: Any) -> list[Any]:
    """Return the modules inside a model that have parameters of their own; the model itself where there are none."""
    found = [module for module in descendants(model) if own_slots(module)] if children(model) else []
    return found or [model]


def _call(optimizer: Any, names: tuple[str, ...]) -> None:
    for name in names:
        if callable(getattr(optimizer, name, None)):
            getattr(optimizer, name)()


def _first(optimizer: Any, thing: Any) -> None:
    """Make an optimiser known with what it will update, once."""
    known = optimizer.__dict__.setdefault("_known_to", []) if hasattr(optimizer, "__dict__") else [id(thing)]
    if any(thing is other or (isinstance(thing, list) and isinstance(other, list)) for other in known):
        return
    known.append(thing)
    for name in FIRST:
        method = getattr(optimizer, name, None)
        if callable(method) and len(needed(method)) == 1:
            with contextlib.suppress(Exception):
                method(thing)


def _take(model: Any, slots: list[Slot], answer: Any) -> None:
    """Write what a step returns into the model, where it has written nothing itself."""
    if answer is None:
        return
    values: list[Any] = (
        list(answer.values())
        if isinstance(answer, dict)
        else list(answer)
        if isinstance(answer, (tuple, list))
        else [answer]
    )
    for slot, value in zip(slots, values, strict=False):
        new, old = as_tensor(value), as_tensor(get(model, slot.param))
        if new is not None and old is not None and new.shape == old.shape and not same(new, old):
            put(model, slot.param, new)
