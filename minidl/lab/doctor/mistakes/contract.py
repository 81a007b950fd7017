"""The contract: what forward and backward return, of which type, dtype and device."""

# ruff: noqa: D400 - the docstrings are for the student, and as long as they need to be

from __future__ import annotations

import torch
from torch import Tensor

from minidl.lab.doctor.measure.behaviour import Behaviour
from minidl.lab.doctor.mistakes.reading import MODULE, NOWHERE
from minidl.lab.doctor.mistakes.rules import Seen, misbehaviour
from minidl.lab.doctor.subject.paths import get
from minidl.lab.doctor.subject.values import as_tensor, is_numpy


@misbehaviour("returns nothing", read=MODULE, asked_without_output=True, makes_values_wrong=True)
def returns_nothing(behaviour: Behaviour) -> Seen | None:
    """{method} returns None: is a return missing at its end?"""
    for method, what in ((behaviour.subject.forward_name, "output"), (behaviour.subject.backward_name, "input")):
        whole = what == "input" and behaviour.batches.whole  # whole numbers have no gradient
        if behaviour.batches.plain[what] is None and not whole:
            return {"method": method, "where": what}
    return None


@misbehaviour("returns nothing", read=MODULE, asked_without_output=True, makes_values_wrong=True)
def returns_empty(behaviour: Behaviour) -> Seen | None:
    """{method} returns something empty, of shape {shape}: there is not a single number in it."""
    for method, what in ((behaviour.subject.forward_name, "output"), (behaviour.subject.backward_name, "input")):
        value = as_tensor(behaviour.batches.plain[what])
        if value is not None and not value.numel() and not (what == "input" and behaviour.batches.whole):
            of = tuple(behaviour.batches.given.shape[1:])
            return {"method": method, "where": what, "shape": tuple(value.shape), "of": of}
    return None


@misbehaviour("wrong type", read=MODULE, asked_without_output=True, makes_values_wrong=True)
def wrong_type(behaviour: Behaviour) -> Seen | None:
    """{method} returns {got_type} where {expected_type} belongs."""
    expected = {"torch": "a tensor", "numpy": "an array", "list": "a list of numbers"}[behaviour.subject.dialect]
    for method, what in ((behaviour.subject.forward_name, "output"), (behaviour.subject.backward_name, "input")):
        value = behaviour.batches.plain[what]
        meta = isinstance(value, Tensor) and value.is_meta
        if (
            value is not None
            and not meta
            and (
                as_tensor(value) is None
                or (isinstance(value, (int, float)) and what == "input")
                or (isinstance(value, list) and behaviour.subject.dialect != "list")
                or (is_numpy(value) and behaviour.subject.dialect == "torch" and value.ndim > 0)
            )
        ):
            got = "an array" if is_numpy(value) else f"a {type(value).__name__}"
            return {"method": method, "where": what, "got_type": got, "expected_type": expected}
    return None


@misbehaviour("wrong dtype", read=NOWHERE, makes_values_wrong=True)
def true_and_false(behaviour: Behaviour) -> Seen | None:
    """{Where} holds true and false, and no numbers: does a comparison lack its brackets, as in a * (b < 3)?"""
    for what in ("output", "input"):
        value = behaviour.batches.plain[what]
        if isinstance(value, Tensor) and value.dtype is torch.bool:
            return {"where": what}
    return None


@misbehaviour("wrong dtype", read=NOWHERE)
def wrong_dtype(behaviour: Behaviour) -> Seen | None:
    """{Where} has dtype {got_dtype} for an input of {expected_dtype}: nothing should change the dtype in silence."""
    subject, batches = behaviour.subject, behaviour.batches
    if subject.dialect != "torch":
        return None
    with subject.in_dtype(None):
        module = subject.fresh()
        natively = subject.run(batches.given, None, batches.given_target, module)
    natively |= {slot.name: get(module, slot.grad) for slot in subject.slots}
    for what, value in natively.items():
        if isinstance(value, Tensor) and value.dtype not in (subject.native, torch.bool):
            return {"where": what, "got_dtype": value.dtype, "expected_dtype": subject.native}
    return None


@misbehaviour("wrong device", read=NOWHERE, makes_values_wrong=True)
def wrong_device(behaviour: Behaviour) -> Seen | None:
    """{Where} is on device {got_device} for an input on {expected_device}."""
    for what in ("output", "input"):
        value = behaviour.batches.plain[what]
        if isinstance(value, Tensor) and value.device.type != "cpu":
            return {"where": what, "got_device": value.device, "expected_device": "cpu"}
    return None
