"""Containers: which modules inside are called, in which order, and with what."""

# ruff: noqa: D205, D400, D403 - the docstrings are for the student, and as long as they need to be

from __future__ import annotations

import itertools

from minidl.lab.doctor.measure.behaviour import Behaviour
from minidl.lab.doctor.mistakes.reading import BACKWARD, KEPT, SEQUENTIAL
from minidl.lab.doctor.mistakes.rules import Seen, misbehaviour
from minidl.lab.doctor.subject.values import same
from minidl.lab.doctor.wording import listed


@misbehaviour("first module not reached", read=BACKWARD, misleads=True)
def first_not_reached(behaviour: Behaviour) -> Seen | None:
    """backward never reaches the first module, {what}: its parameters get no gradient, and what backward returns is
    not the gradient of the input. Does the loop stop one too early?
    """
    forward, backward = behaviour.calls_inside.forward, behaviour.calls_inside.backward
    missing = [c for c in forward if c not in backward]
    return {"where": forward[0], "what": forward[0]} if missing and missing[0] == forward[0] else None


@misbehaviour("last module not reached", read=BACKWARD, misleads=True)
def last_not_reached(behaviour: Behaviour) -> Seen | None:
    """backward leaves out the last module, {what}: the others get its output's gradient instead of its input's."""
    forward, backward = behaviour.calls_inside.forward, behaviour.calls_inside.backward
    missing = [c for c in forward if c not in backward]
    if len(forward) < 2 or not missing or missing[-1] != forward[-1]:
        return None
    return {"where": forward[-1], "what": forward[-1]}


@misbehaviour("module not reached", read=BACKWARD, misleads=True)
def module_not_reached(behaviour: Behaviour) -> Seen | None:
    """backward never reaches {what}, which forward uses."""
    forward, backward = behaviour.calls_inside.forward, behaviour.calls_inside.backward
    missing = [c for c in forward[1:-1] if c not in backward]
    return {"where": missing[0], "what": listed(missing)} if missing else None


@misbehaviour("wrong order", read=SEQUENTIAL, misleads=True, asked_if_it_raises=True)
def wrong_order(behaviour: Behaviour) -> Seen | None:
    """backward goes through the modules in forward's order; it has to go backwards, from the last to the first."""
    batches, calls = behaviour.batches, behaviour.calls_inside
    forward, backward = calls.forward, calls.backward
    if batches.cases and (batches.right() or backward != forward):
        return None
    if not backward or backward != forward[: len(backward)] or forward == forward[::-1]:  # it may raise on the way
        return None
    chained = any(same(calls.outputs.get(a), calls.inputs.get(b)) for a, b in itertools.pairwise(forward))
    return {"where": "input"} if chained else None


@misbehaviour("module left out", read=BACKWARD, misleads=True, asked_if_it_raises=True)
def module_left_out(behaviour: Behaviour) -> Seen | None:
    """forward never uses {what}, and backward goes through it all the same."""
    missing = [c for c in behaviour.calls_inside.backward if c not in behaviour.calls_inside.forward]
    return {"where": missing[0], "what": listed(missing)} if missing else None


@misbehaviour(
    "modules reordered", read=BACKWARD, misleads=True, explains=("writes parameters", "stale cache", "raises")
)
def modules_reordered(behaviour: Behaviour) -> Seen | None:
    """After backward the modules stand in another order, and the next forward runs through them in that: list.reverse()
    changes the list itself, reversed(list) does not.
    """
    return {"where": "input"} if behaviour.calls_inside.reordered else None


@misbehaviour("message not passed on", read=SEQUENTIAL, misleads=True, follows_from_inside=True)
def output_not_passed_on(behaviour: Behaviour) -> Seen | None:
    """{what} gets the same input in forward as {before}, the module before it, has got, and backward goes through them one
    after the other. What a module's forward returns is the input of the module after it.
    """
    return _passed_by(behaviour, "forward", "before")


@misbehaviour("module used twice", read=KEPT, misleads=True, follows_from_inside=True, asked_if_it_raises=True)
def module_used_twice(behaviour: Behaviour) -> Seen | None:
    """forward uses {what} more than once, and backward goes wrong. Does it keep what belongs to its last use only? Make an
    object of its own for each place.
    """
    forward, backward = behaviour.calls_inside.forward, behaviour.calls_inside.backward
    names = [c for c in dict.fromkeys(forward) if forward.count(c) > 1]
    if not names or not backward or (behaviour.batches.cases and behaviour.batches.right()):
        return None
    return {"where": names[0], "what": listed(names)}


@misbehaviour("message not passed on", read=SEQUENTIAL, misleads=True, follows_from_inside=True)
def message_not_passed_on(behaviour: Behaviour) -> Seen | None:
    """{what} gets the same upstream gradient in backward as {after}, the module after it, has got. What a module's backward
    returns is the upstream gradient of the module before it.
    """
    return _passed_by(behaviour, "backward", "after")


def _passed_by(behaviour: Behaviour, way: str, beside: str) -> Seen | None:
    """Find a module of a chain that is given what the one beside it was given, and not what that returned."""
    calls = behaviour.calls_inside
    in_reverse = calls.backward == calls.forward[::-1] and len(set(calls.forward)) == len(calls.forward)
    if behaviour.batches.right() or not in_reverse:
        return None
    forward, backward = (calls.inputs, calls.outputs), (calls.received, calls.returned)
    (given, gave), (given_back, gave_back) = (forward, backward) if way == "forward" else (backward, forward)
    for first, what in itertools.pairwise(calls.forward if way == "forward" else calls.backward):
        chained = same(given_back[first], gave_back[what])  # so it is the other way
        got, due = given[what], gave[first]
        if chained and got is not None and same(got, given[first]) and not same(got, due):
            return {"where": what, "what": what, beside: first, "expected": due, "got": got}
    return None
