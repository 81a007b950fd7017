"""Memory: what is kept between forward and backward, and who writes into what belongs to somebody else."""

# ruff: noqa: D205, D403 - the docstrings are for the student, and as long as they need to be

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from minidl.lab.doctor.measure.batches import Batch, Case
from minidl.lab.doctor.measure.behaviour import Behaviour
from minidl.lab.doctor.mistakes.reading import KEPT, MODULE, NOWHERE, RELU
from minidl.lab.doctor.mistakes.rules import Seen, misbehaviour, wrong_value
from minidl.lab.doctor.subject.calls import StudentError
from minidl.lab.doctor.subject.fitting import arrays
from minidl.lab.doctor.subject.inside import show
from minidl.lab.doctor.subject.paths import get, put
from minidl.lab.doctor.subject.values import as_tensor, same
from minidl.lab.doctor.wording import listed


@misbehaviour("stale cache", read=KEPT, second_use=True)
def stale_cache(behaviour: Behaviour) -> Seen | None:
    """backward uses what is left of an earlier forward: after two forwards, with different inputs, it gives something else
    than after the second alone. Keep what backward needs anew in every forward.
    """
    if not behaviour.repeatable:
        return None
    first, second, right = behaviour.first, behaviour.second, behaviour.alone
    for with_backward in (True, False):
        got = behaviour.after_another if with_backward else behaviour.history((first, False), (second, True))
        if not same(got["output"], right["output"]):
            return None  # forward itself has a memory: that is another matter
        wrong = [what for what in right if not same(got[what], right[what])]
        if wrong:
            return {"where": wrong[0], "expected": right[wrong[0]], "got": got[wrong[0]]}
    return None


@misbehaviour("stale cache", read=KEPT, second_use=True)
def stale_size(behaviour: Behaviour) -> Seen | None:
    """backward goes by the size of an earlier batch: after {n} samples, it gives something else for {fewer} than for these
    alone. Take the sizes anew in every forward.
    """
    n = len(behaviour.second.input_values)
    if not behaviour.repeatable or n < 2:
        return None
    values, target = behaviour.second.input_values[:-1], behaviour.second.target_values
    fewer = Batch(behaviour.subject, values, None if target is None else target[:-1])
    try:
        right = behaviour.history((fewer, True))
    except StudentError:
        return None  # it is made for batches of one size
    got = behaviour.history((behaviour.first, True), (fewer, True))
    wrong = [what for what in right if not same(got[what], right[what])]
    if not wrong or wrong[0] == "output":
        return None
    return {"where": wrong[0], "n": n, "fewer": n - 1, "expected": right[wrong[0]], "got": got[wrong[0]]}


@misbehaviour("scale forgotten", read=NOWHERE, explains=("stale cache",))
def scale_of_ones_forgotten(behaviour: Behaviour) -> Seen | None:
    """backward leaves out {what}, by which forward multiplies. Nothing of it is to be seen while {what} is 1 everywhere, as
    it is at the start; as soon as it is trained, what backward returns is wrong.
    """
    subject, batches = behaviour.subject, behaviour.batches
    if not behaviour.repeatable or not batches.right() or not subject.fine or batches.whole:
        return None
    case = batches.cases[0]
    for slot in subject.slots:
        value = subject.parameter(slot.name)
        if slot.depth or case.truth[slot.name] is None or value is None or not bool((value == 1).all()):
            continue

        def change(module: Any, slot: Any = slot) -> None:
            value = as_tensor(get(module, slot.param))
            put(module, slot.param, value * (1.25 + 0.125 * torch.arange(value.numel()).reshape(value.shape)).to(value))

        new = subject.fresh()
        change(new)
        got = as_tensor(subject.run(case.input, case.grad_output, case.target, new)["input"])
        truth = batches.true_gradients(case.input, case.grad_output, case.target, prepare=change)["input"]
        if case.close(got, case.truth["input"]) and not case.close(got, truth):
            return {"where": "input", "what": slot.name, "expected": truth, "got": got}
    return None


@misbehaviour("stale cache", read=KEPT, second_use=True)
def stale_parameter(behaviour: Behaviour) -> Seen | None:
    """backward uses a copy of {what} that was made earlier: when training changes {what}, forward changes and backward
    does not.
    """
    subject, batches = behaviour.subject, behaviour.batches
    if not behaviour.repeatable or not batches.right() or not subject.fine or batches.whole:
        return None
    case = batches.cases[0]
    for slot in subject.slots:
        if slot.depth or case.truth[slot.name] is None:
            continue

        def change(module: Any, slot: Any = slot) -> None:
            value = as_tensor(get(module, slot.param))
            put(module, slot.param, value * 1.25 + 0.125)

        truth = batches.true_gradients(case.input, case.grad_output, case.target, prepare=change)
        new, used = subject.fresh(), subject.fresh()
        subject.run(case.input, case.grad_output, case.target, used)
        change(new)
        change(used)
        output = as_tensor(subject.forward(new, case.input, case.target))
        again = subject.run(case.input, case.grad_output, case.target, used)
        got = as_tensor(again["input"])
        if same(as_tensor(again["output"]), output) and not case.close(got, truth["input"]):
            return {"where": "input", "what": slot.name, "expected": truth["input"], "got": got}
    return None


@misbehaviour("shared parameters", read=NOWHERE, asked_if_it_raises=True)
def parameters_shared(behaviour: Behaviour) -> Seen | None:
    """All objects of the class share {what}: two layers have the same parameters, or the same gradients. What stands in the
    class belongs to all; make it in __init__, as self.{name} = ...
    """
    paths = behaviour.subject.shared
    names = list(dict.fromkeys(path[-1][1] for path in paths))
    return {"where": names[0], "what": listed([show(path) for path in paths]), "name": names[0]} if names else None


@misbehaviour("shared cache", read=KEPT)
def shared_cache(behaviour: Behaviour) -> Seen | None:
    """Two objects of this class share what forward keeps: backward of the one uses the input of the other. Keep it in
    self, not in the class, in a module-level name, or in a default argument.
    """
    if not behaviour.repeatable:
        return None
    subject, first, second = behaviour.subject, behaviour.first, behaviour.second
    right = behaviour.history((first, True))
    one, other = subject.fresh(), subject.fresh()
    for name in subject.shared_by_default():
        setattr(other, name, getattr(one, name))
    output = subject.raw_forward(one, first.input, first.target)
    subject.raw_forward(other, second.input, second.target)
    got = {"input": as_tensor(subject.raw_backward(one, first.upstream(output), first.input, first.target))}
    got.update(subject.gradients(one))
    wrong = [what for what in got if not same(got[what], right[what])]
    return {"where": wrong[0], "expected": right[wrong[0]], "got": got[wrong[0]]} if wrong else None


@misbehaviour("writes input", read=RELU)
def writes_input(behaviour: Behaviour) -> Seen | None:
    """{method} writes into its input, which belongs to whoever called it (to the layer before, or it is the data
    itself). Make a new tensor; +=, *=, names ending in _ and x[...] = write in place.
    """
    return behaviour.written.get("input")


@misbehaviour("writes upstream", read=RELU)
def writes_upstream(behaviour: Behaviour) -> Seen | None:
    """{method} writes into grad_output, which belongs to the layer after it. Make a new tensor; +=, *=, names ending in
    _ and g[...] = write in place.
    """
    return behaviour.written.get("upstream")


@misbehaviour("writes parameters", read=MODULE, explains=("stale cache", "overwritten"))
def writes_parameters(behaviour: Behaviour) -> Seen | None:
    """{method} changes {what}: a layer computes gradients, and only the optimiser changes parameters."""
    return None if behaviour.makes_steps else behaviour.written.get("parameters")


@misbehaviour("writes parameters", read=MODULE, explains=("stale cache", "overwritten"))
def updates_itself(behaviour: Behaviour) -> Seen | None:
    """backward changes what forward computes with: after it, the same input gives another output. A layer computes gradients
    and keeps them; only the optimiser changes parameters.
    """
    if behaviour.subject.random or "output" in behaviour.subject.unsteady or behaviour.makes_steps:
        return None
    first, again = (behaviour.first, False), (behaviour.first, True)
    right = behaviour.history(first, first)["output"]
    if not same(behaviour.history(first)["output"], right):
        return None  # forward itself has a memory: that is another matter
    got = behaviour.history(again, first)["output"]
    return None if same(got, right) else {"where": "output", "expected": right, "got": got}


@wrong_value("updated too early", of="input", read=NOWHERE)
def updated_too_early(case: Case, what: str) -> Tensor | None:
    """{Where} is computed with parameters that backward has just updated: what goes back belongs to those that forward has
    used. Compute it first, and make the step after that.
    """
    subject = case.subject
    if subject.is_loss or subject.random:
        return None
    used, before = subject.fresh(), subject.fresh()
    subject.run(case.input, case.grad_output, None, used)
    after = {path: as_tensor(get(used, path)) for path in arrays(before)}
    moved = {p: v for p, v in after.items() if v is not None and not same(v, as_tensor(get(before, p)))}

    def change(module: Any) -> None:
        for path, value in moved.items():
            there = as_tensor(get(module, path))
            if there is not None and there.numel() == value.numel():  # else it keeps something of the batch
                put(module, path, value)

    return case.batches.true_gradients(case.input, case.grad_output, prepare=change)[what] if moved else None


@misbehaviour("writes output", read=RELU)
def writes_output(behaviour: Behaviour) -> Seen | None:
    """{method} writes into a tensor that was returned earlier: whoever has kept it now has other numbers."""
    return behaviour.written.get("output")
