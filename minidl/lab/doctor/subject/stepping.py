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
from minidl.lab.doctor.subject.roles import needed, positional, role
from minidl.lab.doctor.subject.stand_ins import StandIn
from minidl.lab.doctor.subject.values import as_tensor, same

RATE = 0.1  # where step wants the learning rate itself
Stepping = Callable[[Any, Any], None]  # of the optimiser and the model
BEFORE = ("pre_update_params", "pre_update", "pre_update_parameters")
AFTER = ("post_update_params", "post_update", "post_update_parameters")
GRADIENT = re.compile("d_?(w|b|theta|p|params?|weights?)")
COUNT = re.compile("t|((local|global|current|cur|num|n)_?)?(step|steps|iteration|epoch|i|iter|itr|it|time_?step)")
SETTINGS = {"beta_?1|b1|momentum|mu|rho|decay_?rate": 0.9, "beta_?2|b2": 0.999, "eps(ilon)?": 1e-8}
STATE = re.compile("vars|variables|state|cache|memory|moments?|config|context|history")  # comes back from each step
KNOWN_LATER = re.compile("_?(net|network|model|nn|module|layers)")
PLACE = re.compile("(layer_?)?(index|idx|number|num|id)")
COUNTED = "_number_of_the_step"
FIRST = ("init_params", "add_initials", "reset_parameter", "initialize", "initialise", "init", "setup", "build")


def steppings(optimizer: Any, name: str, slots: list[Slot]) -> Iterator[Stepping]:
    """Yield the ways in which a step may be called, the likelier by its arguments' names first."""
    for way in _steppings(optimizer, name, slots):
        yield _counted(way)


def step_roles(names: list[str]) -> list[str]:
    """Return what the arguments of a step are for: as `role` says, and "place" for numbers of steps and layers."""
    return [
        "setting"
        if setting(name) is not None
        else "place"
        if COUNT.fullmatch(name.lower()) or PLACE.fullmatch(name.lower())
        else "grad"
        if GRADIENT.fullmatch(name.lower())
        else role(name)
        for name in names
    ]


def setting(name: str) -> float | None:
    """Return the usual value of a setting that a step is given, momentum or one of Adam's; None for other arguments."""
    return next((value for pattern, value in SETTINGS.items() if re.fullmatch(pattern, name.lower())), None)


def _counted(way: Stepping) -> Stepping:
    def step(optimizer: Any, model: Any) -> None:
        try:
            way(optimizer, model)
        except AttributeError as error:
            if error.obj is not optimizer or not KNOWN_LATER.fullmatch(str(error.name)):
                raise
            setattr(optimizer, error.name, layers(model) if "layer" in error.name else model)  # a trainer would do that
            way(optimizer, model)
        count_step(optimizer)

    return step


def _steppings(optimizer: Any, name: str, slots: list[Slot]) -> Iterator[Stepping]:
    names = needed(getattr(optimizer, name))
    roles = step_roles(names)
    if not names:
        yield lambda o, m: getattr(o, name)()
        return

    optional = [p for p in positional(getattr(optimizer, name)) if p.default is None]
    returns_state = optional[0].name if len(optional) == 1 and STATE.fullmatch(optional[0].name.lower()) else ""

    def called(o: Any, values: list[Any], who: Any = None) -> Any:
        """Call a step; put the learning rate where it is asked for, and a count of steps."""
        rest = iter(values)
        given = [
            RATE if r == "rate" else _count(o, n) if r == "place" else setting(n) if r == "setting" else next(rest)
            for r, n in zip(roles, names, strict=True)
        ]
        return getattr(who or o, name)(*given)

    def with_model(o: Any, m: Any) -> None:
        called(o, [m])

    def with_layers(o: Any, m: Any) -> None:
        _first(o, layers(m))
        called(o, [layers(m)])

    def with_each_layer(o: Any, m: Any) -> None:
        _call(o, BEFORE)
        for layer in layers(m):
            _first(o, layer)
            called(o, [layer])
        _call(o, AFTER)

    def with_listed(o: Any, m: Any) -> None:
        method = next(method for n in PAIR_METHODS if callable(method := getattr(m, n, None)))
        called(o, [list(method())])

    def with_pairs(o: Any, m: Any) -> None:
        called(o, [[(get(m, s.param), get(m, s.grad)) for s in slots]])

    def with_holders(o: Any, m: Any) -> None:
        for slot in slots:
            holder = get(m, slot.param[:-1])
            _first(o, holder)
            called(o, [holder])

    def with_lists(o: Any, m: Any) -> None:
        params, grads = (
            [get(m, path) for path in paths] for paths in zip(*((s.param, s.grad) for s in slots), strict=True)
        )
        _first(o, params)
        _take(m, slots, called(o, [params, grads]))

    def with_dictionaries(o: Any, m: Any) -> None:
        params, grads = ({s.name: get(m, path(s)) for s in slots} for path in (lambda s: s.param, lambda s: s.grad))
        _take(m, slots, called(o, [params, grads]))
        for slot in slots:  # where the dictionary, not the array, was written into
            if params[slot.name] is not get(m, slot.param):
                put(m, slot.param, as_tensor(params[slot.name]))

    def with_grads_alone(o: Any, m: Any) -> None:
        called(o, [{s.name: get(m, s.grad) for s in slots}])

    def with_each(o: Any, m: Any) -> None:
        for slot in slots:
            one = _own(o, slot, m)
            given = [get(m, slot.param), get(m, slot.grad)]
            known = o.__dict__.setdefault("_states", {}) if returns_state and hasattr(o, "__dict__") else {}
            if slot.name in known:
                answer = getattr(one, name)(*given, **{returns_state: known[slot.name]})
            else:
                answer = called(o, given, one)
            if returns_state and isinstance(answer, tuple) and len(answer) == 2:
                answer, known[slot.name] = answer
            _take(m, [slot], answer)

    def _own(o: Any, slot: Slot, m: Any) -> Any:
        """Return the optimiser of a parameter: its own, where what is remembered has room for one parameter alone."""
        if not hasattr(o, "__dict__"):
            return o
        if "_of_each" not in o.__dict__:
            probe = copy.deepcopy(o)
            with contextlib.suppress(Exception):
                called(o, [copy.deepcopy(get(m, slot.param)), copy.deepcopy(get(m, slot.grad))], probe)
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
            _take(m, mine, called(o, [*params, *grads]))

    def with_each_gradient(o: Any, m: Any) -> None:
        """Add what comes back, the change, to the parameter; take it away where the first has the gradient's sign."""
        for slot in slots:
            own = _of_its_own(o, slot)
            change = as_tensor(called(o, [get(m, slot.grad)], own))
            old, grad = as_tensor(get(m, slot.param)), as_tensor(get(m, slot.grad))
            if change is not None and change.shape == old.shape:
                sign = own.__dict__.setdefault("_sign_of_change", -1 if bool((change * grad).sum() > 0) else 1)
                put(m, slot.param, old + sign * change)

    def with_holder_and_gradient(o: Any, m: Any) -> None:
        """Give it a layer and the gradient of its weights; that of its biases to the method for these."""
        for slot in slots:
            of_bias = re.sub("weights?", "bias", name)
            other = of_bias if "b" in slot.name.lower()[:1] and callable(getattr(o, of_bias, None)) else name
            getattr(o, other)(*[get(m, slot.param[:-1]), get(m, slot.grad)])

    told = ("rate", "place", "setting")
    count = sum(r not in told for r in roles)
    plain = next((n.lower() for n, r in zip(names, roles, strict=True) if r not in told), "")
    if not count:
        yield lambda o, m: called(o, [])
        return

    def with_what_it_was_begun_with(o: Any, m: Any) -> None:
        _first(o, [get(m, s.param) for s in slots])
        called(o, [[get(m, s.grad) for s in slots]])

    if count == 1 and "grad" in roles:
        if any(callable(getattr(optimizer, name, None)) for name in FIRST):
            yield with_what_it_was_begun_with
        yield with_grads_alone
        yield with_each_gradient
    elif count == 1:
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
        if plain == "layer":
            yield with_holder_and_gradient
        yield from ways if several else [with_each, with_dictionaries, with_lists]
    else:
        yield with_two


def _count(optimizer: Any, name: str) -> int:
    """Return the number of the step, or the place of the layer, which is the first."""
    if PLACE.fullmatch(name.lower()) or not hasattr(optimizer, "__dict__"):
        return int(not PLACE.fullmatch(name.lower()))
    return optimizer.__dict__.get(COUNTED, 1)


def count_step(optimizer: Any) -> None:
    """Remember that a step has been made, for those optimisers that want to be told its number."""
    if hasattr(optimizer, "__dict__"):
        optimizer.__dict__[COUNTED] = optimizer.__dict__.get(COUNTED, 1) + 1


def _of_its_own(optimizer: Any, slot: Slot) -> Any:
    """Return a copy of an optimiser that serves one parameter alone: it has no means to tell several apart."""
    own = optimizer.__dict__.setdefault("_of_parameters", {})
    if slot.name not in own:
        kept = {name: value for name, value in vars(optimizer).items() if name != "_of_parameters"}
        own[slot.name] = copy.copy(optimizer)
        own[slot.name].__dict__ = copy.deepcopy(kept)
    return own[slot.name]


def layers(model: Any) -> list[Any]:
    """Return the modules inside a model that have parameters of their own; the model itself where there are none."""
    if isinstance(model, StandIn):
        return model.layers
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
