"""What the doctor tries out: what is kept, what is written to, what happens at the limits, who calls whom."""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from minidl.lab._exam import Batch, Exam
from minidl.lab._patient import (
    PAIR_METHODS,
    ZERO_METHODS,
    Slot,
    Trouble,
    as_tensor,
    children,
    flat_pairs,
    get,
    put,
    same,
    show,
)


@dataclass
class Journey:
    """The modules inside, by name, in the order in which they are called, and what each was given and returned."""

    forward: list[str] = field(default_factory=list)
    backward: list[str] = field(default_factory=list)
    inputs: dict[str, Tensor | None] = field(default_factory=dict)
    outputs: dict[str, Tensor | None] = field(default_factory=dict)
    received: dict[str, Tensor | None] = field(default_factory=dict)  # the upstream gradients
    returned: dict[str, Tensor | None] = field(default_factory=dict)
    reordered: bool = False  # whether the modules stand in another order afterwards

    def record(self, calls: list[str], name: str, method: Callable, *arguments: Any) -> Any:
        calls.append(name)
        given, gave = (self.inputs, self.outputs) if calls is self.forward else (self.received, self.returned)
        given[name] = as_tensor(arguments[0])
        result = method(*arguments)
        gave[name] = as_tensor(result)
        return result


class Experiments(Exam):
    """The measurements on one module, and the experiments that can be made on it."""

    def own(self, name: str) -> bool:
        """Whether a parameter is the module's own, not that of a module inside."""
        return any(slot.name == name and not slot.depth for slot in self.patient.slots)

    def right(self) -> bool:
        """Whether every gradient is right in every batch."""
        return all(case.close(case.got[w], t) for case in self.cases for w, t in case.truth.items() if t is not None)

    def used(self) -> Any:
        """Return a copy that has been through one forward and backward."""
        module = self.patient.fresh()
        self.run(self.first.input_values, None, self.first.target_values, module)
        return module

    @contextlib.contextmanager
    def in_dtype(self, dtype: torch.dtype | None) -> Iterator[None]:
        """Make copies in another dtype for a while; None leaves every tensor as the student made it."""
        before = self.patient.dtype
        try:
            self.patient.dtype = dtype
            self.set_default()
            yield
        finally:
            self.patient.dtype = before
            self.set_default()

    def history(self, *batches: tuple[Batch, bool]) -> dict[str, Tensor | None]:
        """Take one module through forward, and backward where it is said, of each batch; return the last results."""
        module = self.patient.fresh()
        for batch, with_backward in batches:
            for slot in self.patient.slots:
                grad = as_tensor(get(module, slot.grad))
                if grad is not None:
                    put(module, slot.grad, torch.zeros_like(grad))
            output = self.raw_forward(module, batch.input, batch.target)
            results = {"output": as_tensor(output)}
            if with_backward:
                results["input"] = as_tensor(
                    self.raw_backward(module, batch.upstream(output), batch.input, batch.target)
                )
                results.update(self.gradients(module))
        return results

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
        module, seen = self.patient.fresh(), []
        for _ in range(2):
            self.run(self.first.input_values, None, self.first.target_values, module)
            seen.append(self.gradients(module))
        return seen[0], seen[1]

    @property
    def zero_method(self) -> str | None:
        return next((name for name in ZERO_METHODS if callable(getattr(self.patient.original, name, None))), None)

    @functools.cached_property
    def not_zeroed(self) -> list[str]:
        """The parameters whose gradients are not zero after zero_grad."""
        if self.zero_method is None:
            return []
        module = self.used()
        self.patient.call(self.zero_method, getattr(module, self.zero_method))
        return [name for name, grad in self.gradients(module).items() if grad is not None and bool((grad != 0).any())]

    @functools.cached_property
    def unlisted(self) -> tuple[str, list[Slot]]:
        """The method that lists parameters, and what it leaves out."""
        module = self.patient.fresh()
        method = next((name for name in PAIR_METHODS if callable(getattr(module, name, None))), None)
        if method is None:
            return "", []
        listed = self.patient.call(method, getattr(module, method))
        if not hasattr(listed, "__iter__"):
            return "", []
        listed = [param for param, _ in flat_pairs(listed)]
        missing = [s for s in self.patient.slots if all(get(module, s.param) is not value for value in listed)]
        return method, [slot for slot in missing if slot.param[-1][0] != "()"]

    @functools.cached_property
    def written(self) -> dict[str, dict[str, Any]]:
        """What is written to that does not belong to the module: "input", "upstream", "parameters", "output"."""
        module, found = self.patient.fresh(), {}
        forward, backward = self.patient.forward_name, self.patient.backward_name
        X, T = self.first.input, self.first.target
        watched = {"input": [X], "upstream": [], "output": []}
        before = {kind: [as_tensor(v) for v in values] for kind, values in watched.items()}
        params = self.parameters(module)

        def look(method: str) -> None:
            for kind, values in watched.items():
                if any(not same(as_tensor(v), b) for v, b in zip(values, before[kind], strict=True)):
                    found.setdefault(kind, {"method": method, "where": {"upstream": "input"}.get(kind, kind)})
            changed = [name for name, value in self.parameters(module).items() if not same(value, params[name])]
            if changed:
                found.setdefault("parameters", {"method": method, "where": changed[0], "what": changed[0]})

        def watch(kind: str, value: Any) -> None:
            watched[kind].append(value)
            before[kind].append(as_tensor(value))

        output = self.raw_forward(module, X, T)
        look(forward)
        if output is not X:
            watch("output", output)
        G = self.first.upstream(output)
        watch("upstream", G)
        grad_input = self.raw_backward(module, G, X, T)
        look(backward)
        if grad_input is not None and grad_input is not G:
            watch("output", grad_input)
        watched["input"], before["input"] = [], []
        output = self.raw_forward(module, self.second.input, self.second.target)
        look(f"a second {forward}")
        self.raw_backward(module, self.second.upstream(output), self.second.input, self.second.target)
        look(f"a second {backward}")
        return found

    def drops(self) -> bool:
        """Whether forward sets entries to zero and multiplies all others by the same: dropout, random by nature."""
        outputs = []
        for seed in range(8):  # in a small batch, one draw may drop nothing
            self.patient.seed = seed
            outputs.append(self.output_at(self.first.input_values, self.first.target_values))
        self.patient.seed = 0
        if any(output is None or output.shape != self.first.input_values.shape for output in outputs):
            return False
        ratios = (torch.stack(outputs) / self.first.input_values).round(decimals=3).unique()
        return len(ratios) <= 2 and bool((ratios == 0).any())

    def extreme(self, size: float, dtype: torch.dtype | None) -> dict[str, Tensor | None] | None:
        """Run forward and backward for inputs of plus and minus ``size``; None where the module does not take them."""
        n, m = self.first.input_values.shape[0], self.first.input_values.shape[-1]
        signs = 1 - 2 * ((torch.arange(n).reshape(n, *[1] * (self.given.ndim - 1)) + torch.arange(m)) % 2)
        input = size * signs.double().expand(self.first.input_values.shape)
        try:
            with self.in_dtype(dtype):
                results = self.run(input, None, self.first.target_values)
        except Trouble as trouble:
            if isinstance(trouble.error, ArithmeticError):
                return {"output": torch.tensor(math.nan)}
            return None
        return {what: as_tensor(value) for what, value in results.items()}

    @functools.cached_property
    def slopes_at_zero(self) -> tuple[Tensor, Tensor, Tensor] | None:
        """The slope of forward on the left and on the right of zero, and backward's at zero; for functions of one number."""
        if not self.entrywise or self.random:
            return None
        case = self.cases[0]
        zero, step = torch.zeros_like(case.input), 1e-6 if self.fine else 1e-2
        low, middle, high = (self.output_at(zero + d * step) for d in (-1, 0, 1))
        left, right = (middle - low) / step, (high - middle) / step
        if not bool((left.abs() + right.abs() < 1e3).all()):  # a jump, or not defined there
            return None
        upstream = self.upstream(middle)
        got = as_tensor(self.run(zero, upstream)["input"])
        return None if got is None or got.shape != left.shape else (left, right, got.double() / upstream)

    def is_relu(self) -> bool:
        return bool(self.cases) and all(c.close(c.output, c.input.relu()) for c in self.cases)

    @functools.cached_property
    def journey(self) -> Journey:
        """The way that one forward and one backward take through the modules inside."""
        module, journey = self.patient.fresh(), Journey()
        for path, child in children(module):
            name = f"{show(path)} ({type(child).__name__})"
            try:
                child.forward = functools.partial(journey.record, journey.forward, name, child.forward)
                child.backward = functools.partial(journey.record, journey.backward, name, child.backward)
            except AttributeError:  # it takes no new attributes: there is nothing to see
                return Journey()
        before = [child for _, child in children(module)]
        with contextlib.suppress(Trouble):  # how far it comes is all there is to see
            self.run(self.given, None, self.given_target, module)
        after = [child for _, child in children(module)]
        journey.reordered = len(before) == len(after) and any(a is not b for a, b in zip(before, after, strict=True))
        journey.reordered &= all(any(a is b for b in before) for a in after)
        return journey
