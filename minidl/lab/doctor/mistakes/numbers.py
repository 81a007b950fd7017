"""Numbers: random ones, unwritten ones, too large ones, and those at a kink."""

# ruff: noqa: D205, D403 - the docstrings are for the student, and as long as they need to be

from __future__ import annotations

import math

import torch
from torch import Tensor

from minidl.lab.doctor.measure.behaviour import Behaviour
from minidl.lab.doctor.mistakes.reading import KEPT, KINK, NOWHERE, OVERFLOW, OVERFLOWING_SOFTMAX
from minidl.lab.doctor.mistakes.rules import Seen, misbehaviour
from minidl.lab.doctor.subject.arithmetic import faults_of_arithmetic
from minidl.lab.doctor.subject.inside import contents
from minidl.lab.doctor.subject.subject import Subject, new_memory_filled
from minidl.lab.doctor.subject.values import as_tensor, is_numpy, random_states
from minidl.lab.doctor.wording import number

# What looks wrong where nothing is the same twice
DISTURBED = ("not finite", "kink", "stale cache", "shared cache", "overwritten")


@misbehaviour("not reproducible", read=NOWHERE, makes_values_wrong=True, explains=DISTURBED)
def not_reproducible(behaviour: Behaviour) -> Seen | None:
    """{Where} differs from one time to the next, for the same input: something is random, or comes from another call."""
    subject = behaviour.subject
    if subject.random and not behaviour.drops():
        return {"where": "output"}
    names = sorted(subject.unsteady - ({"output"} if subject.random else set()))
    return {"where": names[0]} if names else None


@misbehaviour("drawn anew", read=KEPT, makes_values_wrong=True)
def drawn_anew(behaviour: Behaviour) -> Seen | None:
    """backward draws random numbers of its own, and its gradient is wrong: keep the mask that forward has drawn, and use it
    again.
    """
    subject, batch = behaviour.subject, behaviour.first
    if not subject.random or behaviour.batches.right():
        return None
    module = subject.fresh()
    output = subject.raw_forward(module, batch.input, batch.target)
    before = random_states()
    subject.raw_backward(module, batch.upstream(output), batch.input, batch.target)
    return {"where": "input"} if random_states() != before else None


@misbehaviour("not reproducible", read=NOWHERE, makes_values_wrong=True, explains=DISTURBED)
def uninitialised(behaviour: Behaviour) -> Seen | None:
    """{Where} contains memory that nobody has written to (torch.empty, empty_like): whatever was there before. Start
    from zeros.
    """
    subject, batch = behaviour.subject, behaviour.first
    if subject.dialect != "torch":
        return None
    with new_memory_filled(subject.watch):
        filled = subject.run(batch.input_values, None, batch.target_values)
    plain = subject.run(batch.input_values, None, batch.target_values)
    for what, value in filled.items():
        value, other = as_tensor(value), as_tensor(plain[what])
        if value is not None and other is not None and bool(value.isnan().any()) and not bool(other.isnan().any()):
            return {"where": what}
    return None


@misbehaviour("not finite", read=OVERFLOWING_SOFTMAX)
def log_of_zero(behaviour: Behaviour) -> Seen | None:
    """{Where} is {value} for inputs of {inputs} in {precision}, where the right value is an ordinary number: the logarithm of 0
    is taken, where a probability has become too small. Simplify the logarithm on paper: that of softmax is x - ln(sum of e^x).
    """
    found = behaviour.remember("not finite", _not_finite)
    return found if found and found["fault"] == "log of zero" else None


@misbehaviour("not finite", read=OVERFLOW)
def not_finite(behaviour: Behaviour) -> Seen | None:
    """{Where} is {value} for inputs of {inputs} in {precision}, where the right value is an ordinary number: on the way there
    something overflows, as e^100 does in float32. Rewrite the formula so that the exponent is never positive, or use
    torch's own.
    """
    found = behaviour.remember("not finite", _not_finite)
    return found if found and found["fault"] == "overflow" else None


@misbehaviour("not finite", read=OVERFLOW)
def divided_by_zero(behaviour: Behaviour) -> Seen | None:
    """{Where} is {value} for inputs of {inputs} in {precision}, where the right value is an ordinary number: on the way there
    something is divided by 0, or infinity is taken from infinity. Rewrite the formula, or use torch's own.
    """
    return behaviour.remember("not finite", _not_finite)


def _holds_single(subject: Subject) -> bool:
    """Whether a subject keeps numbers in float32: arrays are float64 otherwise, where e^100 is an ordinary number."""
    return any(as_tensor(value).dtype is torch.float32 for value in contents(subject.original) if is_numpy(value))


def _not_finite(behaviour: Behaviour) -> Seen | None:
    """Return which value is not finite for large inputs, and what has gone wrong first."""
    subject = behaviour.subject
    mild, hot = (behaviour.extreme(size, subject.dtype) for size in (20, 100))
    in_single = subject.dialect == "torch" or (subject.dialect == "numpy" and _holds_single(subject))
    single = behaviour.extreme(100, torch.float32) if subject.dtype and in_single else None
    for what, value in hot.items() if hot else ():
        before = mild and mild.get(what)
        for results, reference, limit in ((single, value, 1e30), (hot, before, math.inf), (single, before, math.inf)):
            got = results.get(what) if results else None
            if (
                got is None
                or reference is None
                or not reference.is_floating_point()
                or (reference.shape not in (got.shape, torch.Size()) and got.ndim)
            ):
                continue
            wrong = got.isnan() if reference is before else ~got.isfinite()
            wrong = wrong & reference.isfinite() & (reference.abs() < limit)
            if bool(wrong.any()):
                values = got[wrong] if got.ndim else got.reshape(1)
                dtype = torch.float32 if results is single else subject.dtype
                with faults_of_arithmetic(subject.watch) as faults:
                    behaviour.extreme(100, dtype)
                output = results.get("output")
                if what != "output" and output is not None and bool(output.isfinite().all()):  # forward came through
                    faults = [fault for fault in faults if fault[0] == subject.backward_name] or faults
                precision = str(dtype or subject.work).removeprefix("torch.")
                return {
                    "where": what,
                    "value": number(values[0]),
                    "inputs": _inputs(behaviour, wrong),
                    "precision": precision,
                    "fault": faults[0][1] if faults else "overflow",
                }
    return None


def _inputs(behaviour: Behaviour, wrong: Tensor) -> str:
    """Return in words which of the large inputs make those entries wrong: one sign or both."""
    input = behaviour.large(100)
    if not behaviour.batches.entrywise or wrong.shape != input.shape:
        return "±100"
    return {(True, False): "100", (False, True): "-100"}.get(
        (bool((input[wrong] > 0).any()), bool((input[wrong] < 0).any())), "±100"
    )


@misbehaviour("kink", read=KINK, only_if_input_right=True)
def relu_kink(behaviour: Behaviour) -> Seen | None:
    """At the kink, x = 0, {text} ReLU's slope there is 0 by convention, as in PyTorch. The mask x > 0 gives that, and
    x >= 0 does not.
    """
    slopes = behaviour.slopes_at_zero
    if slopes is None or not behaviour.is_relu():
        return None
    *_, got = slopes
    if got.abs().max() <= 1e-6:
        return None
    return {
        "where": "input",
        "text": f"the slope is {number(got.reshape(-1)[0])}.",
        "expected": torch.zeros_like(got),
        "got": got,
    }


@misbehaviour("not finite", read=OVERFLOW, only_if_input_right=True)
def undefined_at_zero(behaviour: Behaviour) -> Seen | None:
    """At x = 0 what backward returns is {value}, though forward has an ordinary slope there, and no kink: {fault}. Find the
    slope on another way.
    """
    slopes = behaviour.slopes_at_zero
    if slopes is None or not _undefined_and_smooth(*slopes):
        return None
    zero = torch.zeros_like(behaviour.batches.cases[0].input)
    with faults_of_arithmetic(behaviour.subject.watch) as faults:
        behaviour.subject.run(zero, None)
    divided = ("division by zero" in (fault for _, fault in faults)) and "0 is divided by 0 there"
    bad = slopes[2][~slopes[2].isfinite()]
    return {"where": "input", "value": number(bad[0]), "fault": divided or "something on the way has no value there"}


def _undefined_and_smooth(left: Tensor, right: Tensor, got: Tensor) -> bool:
    """Whether backward has no slope at zero where forward has one, the same from both sides."""
    return bool((~got.isfinite() & ((left - right).abs() < 0.05)).any())


@misbehaviour("kink", read=KINK, only_if_input_right=True)
def kink(behaviour: Behaviour) -> Seen | None:
    """At the kink, x = 0, the slope is {value}, and the slopes on its two sides are {left} and {right}: it has to be
    one of them, or between.
    """
    slopes = behaviour.slopes_at_zero
    if slopes is None or behaviour.is_relu() or _undefined_and_smooth(*slopes):
        return None
    left, right, got = slopes
    low, high = torch.minimum(left, right) - 0.05, torch.maximum(left, right) + 0.05
    wrong = ~((got >= low) & (got <= high))
    if not bool(wrong.any()):
        return None
    at = int(wrong.reshape(-1).nonzero()[0])
    numbers = {name: number(t.reshape(-1)[at]) for name, t in (("value", got), ("left", left), ("right", right))}
    return {"where": "input", **numbers, "got": got}
