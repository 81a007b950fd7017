"""Parameters and the accumulators of their gradients: added to, set to zero, and listed."""

# ruff: noqa: D205, D400, D403 - the docstrings are for the student, and as long as they need to be

from __future__ import annotations

import inspect
from collections.abc import Callable

import torch
from torch import Tensor

from minidl.lab.doctor.measure.behaviour import Behaviour
from minidl.lab.doctor.mistakes.reading import ADDED, INSIDE, LAYER, MODULE, NOWHERE
from minidl.lab.doctor.mistakes.rules import Seen, misbehaviour
from minidl.lab.doctor.subject.calls import StudentError
from minidl.lab.doctor.subject.names import PAIR_METHODS, ZERO_METHODS, first_method
from minidl.lab.doctor.subject.parameters import Slot
from minidl.lab.doctor.subject.paths import get
from minidl.lab.doctor.subject.values import nonzero, same
from minidl.lab.doctor.wording import listed


@misbehaviour("parameter unused", read=LAYER, makes_values_wrong=True, makes_output_wrong=True)
def parameter_unused(behaviour: Behaviour) -> Seen | None:
    """forward does not use {what}: changing it changes nothing. (y + b makes a new tensor; y.add(b) thrown away does
    nothing.)
    """
    cases = behaviour.batches.cases
    for slot in behaviour.subject.slots:
        if _is_placeholder(behaviour, slot) or _is_a_lone_number(behaviour, slot):
            continue
        if not slot.depth and cases and all(case.truth[slot.name] is None for case in cases):
            return {"where": slot.name, "what": slot.name}
    return None


@misbehaviour("overwritten", read=ADDED, second_use=True)
def overwritten(behaviour: Behaviour) -> Seen | None:
    """backward overwrites the gradient of {what} instead of adding to it. The contract is to accumulate, so that two
    backward passes add up and a parameter used twice gets both gradients; zero_grad starts anew.
    """
    if behaviour.subject.may_assign or behaviour.steps_itself:
        return None  # each backward begins anew
    once, twice = behaviour.repeated
    names = [n for n in once if nonzero(once[n]) and same(once[n], twice[n])]
    added = [n for n in once if nonzero(once[n]) and not same(once[n], twice[n])]
    return {"where": names[0], "what": listed(names), "added": listed(added) if added else ""} if names else None


@misbehaviour("never zeroed", read=ADDED, explains=("nested not zeroed",))
def never_zeroed(behaviour: Behaviour) -> Seen | None:
    """{method} leaves the gradient of {what} as it was: the next batch is added to this one's. (g.zero_() sets a
    tensor to zero; g = zeros only gives the name g to another tensor.)
    """
    kept = [name for name in behaviour.not_zeroed if behaviour.subject.own(name)]
    return {"method": behaviour.subject.zero_method, "where": kept[0], "what": listed(kept)} if kept else None


@misbehaviour("nested not zeroed", read=ADDED)
def nested_not_zeroed(behaviour: Behaviour) -> Seen | None:
    """{method} does not reach {what}, in a module inside: it has to call {method} of every module that it contains."""
    kept = [name for name in behaviour.not_zeroed if not behaviour.subject.own(name)]
    return {"method": behaviour.subject.zero_method, "where": kept[0], "what": listed(kept)} if kept else None


@misbehaviour("gradient replaced", read=NOWHERE)
def gradient_replaced(behaviour: Behaviour) -> Seen | None:
    """{method} puts a new tensor in the place of the gradient of {what}. An optimiser that holds the old one never
    sees another gradient: set it to zero in place, g.zero_().
    """
    subject = behaviour.subject
    if subject.zero_method is None:
        return None
    module = behaviour.used()
    before = {slot.name: get(module, slot.grad) for slot in subject.slots if not slot.depth}
    subject.zero_grad(module)
    names = [
        slot.name
        for slot in subject.slots
        if not slot.depth
        and isinstance(before[slot.name], Tensor)
        and get(module, slot.grad) is not before[slot.name]
        and get(subject.original, slot.grad) is not None
        and slot.grad[-1] != (".", "grad")  # torch's own way
        and get(module, slot.grad, before[slot.name]) is not None
    ]
    return {"method": subject.zero_method, "where": names[0], "what": listed(names)} if names else None


@misbehaviour("writes parameters", read=MODULE, explains=("stale cache", "overwritten"))
def zeroes_parameters(behaviour: Behaviour) -> Seen | None:
    """{method} changes {what} itself: it has to set the gradients to zero, and leave the parameters alone."""
    subject = behaviour.subject
    if subject.zero_method is None:
        return None
    module = behaviour.used()
    before = subject.parameters(module)
    subject.zero_grad(module)
    names = [name for name, value in subject.parameters(module).items() if not same(value, before[name])]
    return {"method": subject.zero_method, "where": names[0], "what": listed(names)} if names else None


@misbehaviour("raises", read=MODULE)
def helper_raises(behaviour: Behaviour) -> Seen | None:
    """{method}, called after forward and backward, raises {error}."""
    module = behaviour.used()
    for names in (PAIR_METHODS, ZERO_METHODS):
        name = first_method(module, names)
        if name is None or not _takes_nothing(getattr(module, name)):
            continue
        try:
            behaviour.subject.watch.call_to_the_end(name, getattr(module, name))
        except StudentError as raised:
            error, line = raised.error, raised.where()
            text = f"{type(error).__name__}: {error}" + (f" ({line})" if line else "")
            return {"method": name, "where": name, "error": text}
    return None


@misbehaviour("parameter not listed", read=MODULE)
def parameter_not_listed(behaviour: Behaviour) -> Seen | None:
    """{method}() does not list {what}, so no optimiser will ever change it."""
    method, missing = behaviour.unlisted
    own = [slot.name for slot in missing if not slot.depth]
    return {"method": method, "where": own[0], "what": listed(own)} if own else None


@misbehaviour("nested parameters missing", read=INSIDE)
def nested_parameters_missing(behaviour: Behaviour) -> Seen | None:
    """{method}() does not list {what}, of a module inside, so no optimiser will ever change it. A container has to
    collect the parameters of everything in it, at any depth.
    """
    method, missing = behaviour.unlisted
    nested = [slot.name for slot in missing if slot.depth]
    return {"method": method, "where": nested[0], "what": listed(nested)} if nested else None


@misbehaviour("returns a sum", read=ADDED, explains=("stale cache",))
def returns_a_sum(behaviour: Behaviour) -> Seen | None:
    """What backward returns is added to what it has returned before. Only the gradients of parameters are collected; that
    of the input is new for each batch.
    """
    if not behaviour.repeatable:
        return None
    second, both = behaviour.alone["input"], behaviour.after_another["input"]
    if same(second, both) or second is None or both is None or second.shape != both.shape:
        return None
    first = behaviour.history((behaviour.first, True))["input"]
    if not nonzero(first) or not torch.allclose(both.double(), first.double() + second.double(), 1e-5):
        return None
    return {"where": "input", "expected": second, "got": both}


def _is_placeholder(behaviour: Behaviour, slot: Slot) -> bool:
    """Whether something stands in a parameter's place only because a base class puts it there: the class never names it."""
    mine = type(behaviour.subject.given).__mro__[:-1]
    methods = behaviour.subject.forward_name, behaviour.subject.backward_name
    home = max(next((i for i, kind in enumerate(mine) if name in vars(kind)), 0) for name in methods)
    own = [value for kind in mine[: home + 1] for value in vars(kind).values()]
    codes = [code for method in own if (code := getattr(method, "__code__", None))]
    names = {name for code in codes for name in (*code.co_names, *map(str, code.co_consts))}
    base = any("__init__" in vars(kind) for kind in mine[home + 1 :])
    return base and bool(codes) and not names & {str(key) for _, key in slot.param}


def _is_a_lone_number(behaviour: Behaviour, slot: Slot) -> bool:
    """Whether a layer keeps one number as its only parameter, with a gradient that stays zero: so that every layer has one."""
    value = behaviour.subject.parameter(slot.name)
    still = all(not nonzero(case.got[slot.name]) for case in behaviour.batches.cases)
    return len(behaviour.subject.slots) == 1 and value is not None and value.numel() == 1 and still


def _takes_nothing(method: Callable) -> bool:
    """Whether a method can be called without arguments."""
    try:
        inspect.signature(method).bind()
    except (TypeError, ValueError):
        return False
    return True
