"""How the subject behaves: what is kept, what is written to, what happens at the limits, who calls whom."""

from __future__ import annotations

import contextlib
import functools
import inspect
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from minidl.lab.doctor.measure.batches import Batch, Batches
from minidl.lab.doctor.subject.calls import StudentError
from minidl.lab.doctor.subject.fitting import kept_rate
from minidl.lab.doctor.subject.inside import attributes, children, descendants, show
from minidl.lab.doctor.subject.names import PAIR_METHODS, RATES, first_method
from minidl.lab.doctor.subject.parameters import Slot
from minidl.lab.doctor.subject.paths import flat_pairs, get
from minidl.lab.doctor.subject.roles import takes_probabilities
from minidl.lab.doctor.subject.values import as_tensor, nonzero, same

STEPPER = re.compile(r"optimi[sz]|^_*(lr|l_?rate|learning_?rate|learn_?rate|eta)$", re.IGNORECASE)


@dataclass
class CallsInside:
    """The modules inside, by name, in the order in which they are called, and what each was given and returned."""

    forward: list[str] = field(default_factory=list)
    backward: list[str] = field(default_factory=list)
    inputs: dict[str, Tensor | None] = field(default_factory=dict)
    outputs: dict[str, Tensor | None] = field(default_factory=dict)
    received: dict[str, Tensor | None] = field(default_factory=dict)  # the upstream gradients
    returned: dict[str, Tensor | None] = field(default_factory=dict)
    reordered: bool = False  # whether the modules stand in another order afterwards

    def record(self, calls: list[str], name: str, method: Callable, *arguments: Any) -> Any:
        if calls is self.forward and self.backward:
            return method(*arguments)  # a backward that asks forward again
        calls.append(name)
        given, gave = (self.inputs, self.outputs) if calls is self.forward else (self.received, self.returned)
        given[name] = as_tensor(arguments[0])
        result = method(*arguments)
        gave[name] = as_tensor(result)
        return result


class Behaviour:
    """The experiments that can be made on a subject, beside its batches; each is made once, when it is asked for."""

    def __init__(self, batches: Batches) -> None:
        self.batches, self.subject = batches, batches.subject
        self.remembered: dict[str, Any] = {}

    def remember(self, name: str, find: Callable[[Behaviour], Any]) -> Any:
        """Return what is found out about the subject; only the first time, it is looked for."""
        if name not in self.remembered:
            self.remembered[name] = find(self)
        return self.remembered[name]

    @property
    def first(self) -> Batch:
        return self.batches.first

    @property
    def second(self) -> Batch:
        return self.batches.second

    @property
    def repeatable(self) -> bool:
        """Whether the same gives the same, so that two uses can be compared."""
        return not self.subject.random and not self.subject.unsteady

    def used(self) -> Any:
        """Return a copy that has been through one forward and backward."""
        module = self.subject.fresh()
        self.subject.run(self.first.input_values, None, self.first.target_values, module)
        return module

    def history(self, *batches: tuple[Batch, bool]) -> dict[str, Tensor | None]:
        """Take one module through forward, and backward where it is said, of each batch; return the last results."""
        module = self.subject.fresh()
        for batch, with_backward in batches:
            self.subject.zero_gradients(module)
            output = self.subject.raw_forward(module, batch.input, batch.target)
            results = {"output": as_tensor(output)}
            if with_backward:
                results["input"] = as_tensor(
                    self.subject.raw_backward(module, batch.upstream(output), batch.input, batch.target)
                )
                results.update(self.subject.gradients(module))
        return results

    @functools.cached_property
    def makes_steps(self) -> bool:
        """Whether it is meant to update its own parameters: it is told the learning rate, or keeps it, or an optimiser."""
        method = getattr(self.subject.original, self.subject.backward_name)
        try:
            told = [name for name in inspect.signature(method).parameters if name.lower() in RATES]
        except (TypeError, ValueError):
            told = []
        mine = [self.subject.original, *descendants(self.subject.original)]
        with contextlib.suppress(StudentError):
            used = self.used()  # some have their optimiser made in the first backward
            mine += [used, *descendants(used)]
        kept = [item for thing in mine for item in attributes(thing).items()]
        own = {name for name, value in kept if value is not None and not isinstance(value, str)}
        if kept_rate(self.subject.original) is not None:
            return True
        return bool(told) or any(STEPPER.search(name) for name in own)

    @functools.cached_property
    def steps_itself(self) -> bool:
        """Whether backward updates the parameters, as it is meant to."""
        with contextlib.suppress(StudentError):
            return self.makes_steps and "parameters" in self.written
        return False

    @functools.cached_property
    def alone(self) -> dict[str, Tensor | None]:
        """What one module gives for the second batch, when it has seen no other."""
        return self.history((self.second, True))

    @functools.cached_property
    def after_another(self) -> dict[str, Tensor | None]:
        """What one module gives for the second batch, when it has been through all of the first before."""
        return self.history((self.first, True), (self.second, True))

    @functools.cached_property
    def repeated(self) -> tuple[dict[str, Tensor | None], dict[str, Tensor | None]]:
        """The gradients after one and after two equal backward passes."""
        module, seen = self.subject.fresh(), []
        for _ in range(2):
            self.subject.run(self.first.input_values, None, self.first.target_values, module)
            seen.append(self.subject.gradients(module))
        return seen[0], seen[1]

    @functools.cached_property
    def not_zeroed(self) -> list[str]:
        """The parameters whose gradients are not zero after zero_grad."""
        if self.subject.zero_method is None:
            return []
        module = self.used()
        self.subject.zero_grad(module)
        return [name for name, grad in self.subject.gradients(module).items() if nonzero(grad)]

    @functools.cached_property
    def unlisted(self) -> tuple[str, list[Slot]]:
        """The method that lists parameters, and what it leaves out."""
        module = self.subject.fresh()
        method = first_method(module, PAIR_METHODS)
        if method is None:
            return "", []
        try:
            listed = self.subject.watch.call_to_the_end(method, getattr(module, method))
        except StudentError:  # some lists can be made only after backward
            module = self.used()
            listed = self.subject.watch.call_to_the_end(method, getattr(module, method))
        if not hasattr(listed, "__iter__"):
            return "", []
        listed = [param for param, _ in flat_pairs(listed)]
        missing = [s for s in self.subject.slots if all(get(module, s.param) is not value for value in listed)]
        return method, [slot for slot in missing if slot.param[-1][0] != "()"]

    @functools.cached_property
    def written(self) -> dict[str, dict[str, Any]]:
        """What is written to that does not belong to the module: "input", "upstream", "parameters", "output"."""
        module, found = self.subject.fresh(), {}
        forward, backward = self.subject.forward_name, self.subject.backward_name
        X, T = self.first.input, self.first.target
        watched = {"input": [X], "upstream": [], "output": []}
        before = {kind: [as_tensor(v) for v in values] for kind, values in watched.items()}
        params = self.subject.parameters(module)

        def look(method: str) -> None:
            for kind, values in watched.items():
                if any(not same(as_tensor(v), b) for v, b in zip(values, before[kind], strict=True)):
                    found.setdefault(kind, {"method": method, "where": {"upstream": "input"}.get(kind, kind)})
            changed = [name for name, value in self.subject.parameters(module).items() if not same(value, params[name])]
            if changed:
                found.setdefault("parameters", {"method": method, "where": changed[0], "what": changed[0]})

        def watch(kind: str, value: Any) -> None:
            watched[kind].append(value)
            before[kind].append(as_tensor(value))

        output = self.subject.raw_forward(module, X, T)
        look(forward)
        if output is not X:
            watch("output", output)
        G = self.first.upstream(output)
        watch("upstream", G)
        grad_input = self.subject.raw_backward(module, G, X, T)
        look(backward)
        if grad_input is not None and grad_input is not G:
            watch("output", grad_input)
        watched["input"], before["input"] = [], []
        output = self.subject.raw_forward(module, self.second.input, self.second.target)
        look(f"a second {forward}")
        self.subject.raw_backward(module, self.second.upstream(output), self.second.input, self.second.target)
        look(f"a second {backward}")
        return found

    def drops(self) -> bool:
        """Whether forward sets entries to zero and multiplies all others by the same: dropout, random by nature."""
        outputs = []
        for seed in range(8):  # in a small batch, one draw may drop nothing
            self.subject.seed = seed
            outputs.append(self.subject.output_at(self.first.input_values, self.first.target_values))
        self.subject.seed = 0
        if any(output is None or output.shape != self.first.input_values.shape for output in outputs):
            return False
        ratios = (torch.stack(outputs) / self.first.input_values).round(decimals=3).unique()
        return len(ratios) <= 2 and bool((ratios == 0).any())

    def extreme(self, size: float, dtype: torch.dtype | None) -> dict[str, Tensor | None] | None:
        """Run forward and backward for inputs of plus and minus ``size``; None where the module does not take them."""
        if self.batches.whole or (self.batches.inside and takes_probabilities(self.subject.original)):
            return None
        try:
            with self.subject.in_dtype(dtype):
                results = self.subject.run(self.large(size), None, self.first.target_values)
        except StudentError as error:
            if isinstance(error.error, ArithmeticError):
                return {"output": torch.tensor(math.nan)}
            return None
        return {what: as_tensor(value) for what, value in results.items()}

    def large(self, size: float) -> Tensor:
        """Return a batch of plus and minus ``size``."""
        n, m = self.first.input_values.shape[0], self.first.input_values.shape[-1]
        signs = 1 - 2 * ((torch.arange(n).reshape(n, *[1] * (self.batches.given.ndim - 1)) + torch.arange(m)) % 2)
        return size * signs.double().expand(self.first.input_values.shape)

    @functools.cached_property
    def slopes_at_zero(self) -> tuple[Tensor, Tensor, Tensor] | None:
        """The slope of forward on the left and on the right of zero, and backward's at zero; for functions of one number."""
        if not self.batches.entrywise or self.subject.random:
            return None
        case = self.batches.cases[0]
        zero, step = torch.zeros_like(case.input), 1e-6 if self.subject.fine else 1e-2
        low, middle, high = (self.subject.output_at(zero + d * step) for d in (-1, 0, 1))
        left, right = (middle - low) / step, (high - middle) / step
        if not bool((left.abs() + right.abs() < 1e3).all()):  # a jump, or not defined there
            return None
        upstream = self.subject.upstream(middle)
        got = as_tensor(self.subject.run(zero, upstream)["input"])
        return None if got is None or got.shape != left.shape else (left, right, got.double() / upstream)

    def is_relu(self) -> bool:
        return bool(self.batches.cases) and all(c.close(c.output, c.input.relu()) for c in self.batches.cases)

    @functools.cached_property
    def calls_inside(self) -> CallsInside:
        """The way that one forward and one backward take through the modules inside."""
        module, calls = self.subject.fresh(), CallsInside()
        if self.subject.is_loss:  # a softmax and a loss in one: backward goes its own way
            return calls
        for path, child in children(module):
            name = f"{show(path)} ({type(child).__name__})"
            try:
                child.forward = functools.partial(calls.record, calls.forward, name, child.forward)
                child.backward = functools.partial(calls.record, calls.backward, name, child.backward)
            except AttributeError:  # it takes no new attributes: there is nothing to see
                return CallsInside()
        before = [child for _, child in children(module)]
        with contextlib.suppress(StudentError):  # how far it comes is all there is to see
            self.subject.run(self.batches.given, None, self.batches.given_target, module)
        after = [child for _, child in children(module)]
        calls.reordered = len(before) == len(after) and any(a is not b for a, b in zip(before, after, strict=True))
        calls.reordered &= all(any(a is b for b in before) for a in after)
        return calls
