"""The true gradients of a subject, from its own forward.

By autograd, in float64, where that can follow it, and by central differences where it cannot.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from minidl.lab.doctor.subject.calls import StudentError
from minidl.lab.doctor.subject.copies import copy_of
from minidl.lab.doctor.subject.inside import holds_generator
from minidl.lab.doctor.subject.parameters import Slot
from minidl.lab.doctor.subject.paths import get, put
from minidl.lab.doctor.subject.subject import Subject
from minidl.lab.doctor.subject.values import as_tensor, both_signs

DIFFERENCES_SECONDS = 0.01  # for the central differences by one tensor, once 48 entries are measured
Prepare = Callable[[Any], None]
Jacobians = dict[str, tuple[torch.Size, Tensor, Tensor]]  # by name: shape, entries measured, d(output)/d(entry) as rows


class TrueGradients:
    """The gradients of the subject's forward, for any batch.

    Parameters
    ----------
    subject : Subject
    generator : torch.Generator
        Of the direction in which autograd is tried once.

    Attributes
    ----------
    by_autograd : bool or None
        Whether autograd can follow this forward; None until it has been tried.
    """

    def __init__(self, subject: Subject, generator: torch.Generator) -> None:
        self.subject, self.generator = subject, generator
        self.by_autograd: bool | None = None
        self._jacobians: list[tuple[Tensor, Tensor | None, Jacobians]] = []

    def __call__(
        self,
        input: Tensor,
        grad_output: Tensor,
        target: Tensor | None = None,
        prepare: Prepare | None = None,
    ) -> dict[str, Tensor | None]:
        """Return the gradients of the subject's own forward: "input", and each parameter's; None where it is not used.

        ``prepare`` changes the copy before; then the input's is certain to be there, and no other.
        """
        if self.by_autograd is not False:
            try:
                return self._by_autograd(input, grad_output, target, prepare)
            except (StudentError, RuntimeError, AttributeError, TypeError):
                if self.by_autograd:  # it can be followed elsewhere: this batch does not fit
                    raise
                self.by_autograd = False
        return self._by_differences(input, grad_output, target, prepare)

    def _by_autograd(
        self, input: Tensor, grad_output: Tensor, target: Tensor | None, prepare: Prepare | None
    ) -> dict[str, Tensor | None]:
        if self.subject.dialect != "torch":
            raise TypeError("arrays have no autograd")
        module = self.subject.fresh()
        if prepare:
            prepare(module)
        given = self.subject.cast(input).detach().clone()
        leaves = {"input": given.requires_grad_()} if given.is_floating_point() else {}
        for slot in self.subject.slots:
            param = get(module, slot.param)
            if not isinstance(param, Tensor):
                raise TypeError("no tensor, no autograd")
            leaves[slot.name] = param.requires_grad_()
        with torch.enable_grad():
            output = self.subject.raw_forward(module, given.clone(), self.subject.say(target))
            upstream = self.subject.cast_like(grad_output, output).reshape(output.shape)
            total = (output * upstream).sum()  # with grad_outputs, autograd would import sympy first, for a second
            grads = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
        found = {name: None if g is None else g.double() for name, g in zip(leaves, grads, strict=True)}
        if found.setdefault("input", None) is None and "input" in leaves:
            found["input"] = torch.zeros_like(input, dtype=torch.float64)
        if self.by_autograd is None:
            self._confirm(input, grad_output, target, found)
            self.by_autograd = True
        return found

    def _confirm(
        self, input: Tensor, grad_output: Tensor, target: Tensor | None, found: dict[str, Tensor | None]
    ) -> None:
        """Raise RuntimeError unless autograd agrees with one central difference: a detach in forward would fool it."""
        if self.subject.random:
            return
        step = 1e-5 if self.subject.fine else 1e-2
        way = {name: None if grad is None else self._way(grad.shape) for name, grad in found.items()}
        for slot in self.subject.slots:
            if way[slot.name] is None:
                way[slot.name] = self._way(self.subject.parameters(self.subject.fresh())[slot.name].shape)
        sides = []
        for sign in (1, -1):
            module = self.subject.fresh()
            for slot in self.subject.slots:
                put(
                    module,
                    slot.param,
                    as_tensor(get(module, slot.param)) + sign * step * way[slot.name].to(self.subject.work),
                )
            moved = input if way["input"] is None else input + sign * step * way["input"]  # whole numbers stay
            output = as_tensor(self.subject.forward(module, moved, target))
            sides.append((output.double() * grad_output).sum())
        measured = float(sides[0] - sides[1]) / (2 * step)
        claimed = float(sum((grad * way[name]).sum() for name, grad in found.items() if grad is not None))
        size = sum(float((grad * way[name]).abs().sum()) for name, grad in found.items() if grad is not None)
        if math.isfinite(measured) and abs(measured - claimed) > (1e-4 if self.subject.fine else 5e-2) * max(
            size, abs(measured), 1e-3
        ):
            raise RuntimeError("autograd cannot see everything that this forward does")

    def _way(self, shape: torch.Size) -> Tensor:
        return both_signs(shape, self.generator, 0.2, 1.3)

    def _by_differences(
        self, input: Tensor, grad_output: Tensor, target: Tensor | None, prepare: Prepare | None
    ) -> dict[str, Tensor | None]:
        known = [j for i, t, j in self._jacobians if i is input and t is target] if prepare is None else []
        jacobians = known[0] if known else self._measure_jacobians(input, target, prepare)
        if not known and prepare is None:
            self._jacobians.append((input, target, jacobians))
        found: dict[str, Tensor | None] = {}
        for name, (shape, entries, rows) in jacobians.items():
            flat = torch.full((shape.numel(),), math.nan, dtype=torch.float64)
            flat[entries] = rows @ grad_output.reshape(-1)
            unused = name != "input" and not bool(rows.any())
            found[name] = None if unused else flat.reshape(shape)
        found.setdefault("input", None)
        return found

    def _measure_jacobians(self, input: Tensor, target: Tensor | None, prepare: Prepare | None) -> Jacobians:
        """Return d(output)/d(entry) for the input's and the parameters' entries, as many as there is time for.

        In a copy that has been changed, for the input's alone.
        """
        module = self.subject.fresh()
        if prepare:
            prepare(module)

        def slopes(value: Tensor, output_at: Callable[[Tensor], Tensor]) -> tuple[torch.Size, Tensor, Tensor]:
            order = torch.randperm(value.numel(), generator=torch.Generator().manual_seed(3))
            rows: list[Tensor] = []
            started = time.monotonic()
            for i in order.tolist():
                rows.append(self._slope(value.reshape(-1), i, value.shape, output_at).reshape(-1))
                if len(rows) >= 48 and time.monotonic() - started > DIFFERENCES_SECONDS:
                    break
            return value.shape, order[: len(rows)], torch.stack(rows)

        anew = holds_generator(module)  # which each forward would leave elsewhere

        def at_input(changed: Tensor) -> Tensor:
            copied = copy_of(module) if anew else module
            return as_tensor(self.subject.forward(copied, changed, target)).double()

        found = {"input": slopes(input.double(), at_input)} if input.is_floating_point() else {}
        for slot in () if prepare else self.subject.slots:
            value = as_tensor(get(module, slot.param)).double()

            def at_param(changed: Tensor, slot: Slot = slot) -> Tensor:
                put(module, slot.param, changed.to(self.subject.work))
                return at_input(input)

            found[slot.name] = slopes(value, at_param)
            put(module, slot.param, value.to(self.subject.work))
        return found

    def _slope(self, flat: Tensor, i: int, shape: torch.Size, output_at: Callable[[Tensor], Tensor]) -> Tensor:
        """Return d(output)/d(entry i): two points in float64; four, further apart, where rounding is coarser."""

        def at(step: float) -> Tensor:
            changed = flat.clone()
            changed[i] += step
            return output_at(changed.reshape(shape))

        if self.subject.fine:  # small against the entries, or it would step across kinks
            step = 1e-6 * min(max(float(flat.abs().mean()), 1e-2), 1.0)
            return (at(step) - at(-step)) / (2 * step)
        return (8 * (at(0.05) - at(-0.05)) - (at(0.1) - at(-0.1))) / 0.6
