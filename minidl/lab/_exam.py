"""What the doctor measures: small batches of different sizes, what the module says of them, and what is true.

The truth comes from the module's own forward: by autograd, in float64, where that can follow it, and by central
differences where it cannot.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from minidl.lab._patient import (
    PAIR_METHODS,
    ZERO_METHODS,
    Patient,
    Slot,
    Trouble,
    Watch,
    as_tensor,
    children,
    contents,
    flat_pairs,
    get,
    is_numpy,
    put,
    random_states,
    same,
    show,
    slots_of,
)

ROWS = 32  # of the input given: more samples would not show more
DIFFERENCES_SECONDS = 0.03  # for the central differences by one tensor; entries beyond that are not measured


@dataclass
class Case:
    """One batch: n samples of m features in, k features out; what came, and what should have come."""

    exam: Exam
    input: Tensor
    target: Tensor | None
    grad_output: Tensor
    output: Tensor
    truth: dict[str, Tensor | None] = field(default_factory=dict)
    got: dict[str, Tensor | None] = field(default_factory=dict)

    @property
    def n(self) -> int:
        return self.input.shape[0]

    @property
    def m(self) -> int:
        return self.input.shape[-1]

    @property
    def k(self) -> int:
        return self.output.shape[-1] if self.output.ndim > 1 else 1

    def vjp(self, input: Tensor, grad_output: Tensor) -> dict[str, Tensor | None]:
        """Return the true gradients of another batch, with this one's target."""
        return self.exam.truth(input, grad_output, self.target)

    def samples(self, what: str) -> list[Tensor]:
        """Return what each sample alone contributes to the gradient of a parameter."""
        parts = []
        for i in range(self.n):
            one = torch.zeros_like(self.grad_output)
            one[i] = self.grad_output[i]
            parts.append(self.vjp(self.input, one)[what])
        return parts

    def param(self, name: str) -> Tensor | None:
        return next((self.exam.parameter(s) for s in self.exam.patient.slots if s.name == name), None)

    def close(self, got: Tensor | None, expected: Tensor | None) -> bool:
        """Whether two values agree, as closely as this module can be measured; entries not measured are left out."""
        if got is None or expected is None or got.shape != expected.shape:
            return False
        measured = ~expected.isnan()
        got, expected = got[measured].double(), expected[measured].double()
        if not got.numel():
            return True
        if not bool(got.isfinite().all()):
            return False
        scale = max(float(expected.abs().max()), float(got.abs().max()), 1e-3)
        return float((got - expected).abs().max()) <= self.exam.tolerance * scale


@dataclass
class Batch:
    """What one experiment is made with: every call gives new copies, in what the module speaks."""

    exam: Exam
    input_values: Tensor
    target_values: Tensor | None

    @property
    def input(self) -> Any:
        return self.exam.say(self.input_values)

    @property
    def target(self) -> Any:
        return self.exam.say(self.target_values)

    def upstream(self, output: Any) -> Any:
        return self.exam.patient.say(self.exam.cast_like(self.exam.upstream(output), output))


@dataclass
class Journey:
    """The modules inside, by name, in the order in which they are called, and the input of each."""

    forward: list[str] = field(default_factory=list)
    backward: list[str] = field(default_factory=list)
    inputs: dict[str, Tensor | None] = field(default_factory=dict)

    def record(self, calls: list[str], name: str, method: Callable, *arguments: Any) -> Any:
        calls.append(name)
        if calls is self.forward:
            self.inputs[name] = as_tensor(arguments[0])
        return method(*arguments)


class Exam:
    """The measurements on one module.

    Parameters
    ----------
    module : object
        With forward and backward, or what losses call these.
    input, target : Tensor
        The batch given; ``target`` for a loss only.
    watch : Watch
        Who keeps the time.
    """

    def __init__(self, module: Any, input: Tensor, target: Tensor | None = None, watch: Watch | None = None) -> None:
        self.is_loss = target is not None
        methods = (
            (("forward", "loss", "__call__"), ("backward", "dloss", "gradient", "grad", "derivative"))
            if self.is_loss
            else (("forward", "__call__"), ("backward",))
        )
        self.patient = Patient(module, methods, watch or Watch())
        self.given, self.given_target = input, target
        self.cases: list[Case] = []
        self.tolerance = 1e-5
        self.notes: list[str] = []
        self.expectation: Any = None  # what forward should be: see _reference
        self._jacobians: list[tuple[Tensor, Tensor | None, dict[str, tuple[torch.Size, dict[int, Tensor]]]]] = []
        self.generator = torch.Generator().manual_seed(1)

    # -- drawing ------------------------------------------------------------------------------------------------------

    def draw(self, *shape: int) -> Tensor:
        """Draw numbers of both signs, none near zero, where kinks are, none large."""
        size = 0.2 + 1.3 * torch.rand(shape, generator=self.generator, dtype=torch.float64)
        return size * (torch.randint(2, shape, generator=self.generator) * 2 - 1)

    def draw_target(self, n: int, m: int) -> Tensor | None:
        """Draw a target of the kind that was given: numbers, zeros and ones, one-hot rows, or class numbers."""
        given = self.given_target
        if given is None:
            return None
        if not given.is_floating_point():
            if given.ndim == 1:
                return torch.randint(m, (n,), generator=self.generator, dtype=given.dtype)
            return torch.randint(2, (n, m), generator=self.generator).to(given.dtype)
        if bool(((given == 0) | (given == 1)).all()):
            if given.ndim > 1 and m > 1 and bool((given.sum(-1) == 1).all()):
                return torch.eye(m, dtype=torch.float64)[torch.randint(m, (n,), generator=self.generator)]
            return torch.randint(2, (n, m), generator=self.generator).double()
        return self.draw(n, m) + 0.1

    # -- calling ------------------------------------------------------------------------------------------------------

    def forward(self, module: Any, input: Tensor, target: Tensor | None = None) -> Any:
        """Call forward with copies of these, in what the module takes."""
        return self.raw_forward(module, self.say(input), self.say(target))

    def backward(self, module: Any, grad_output: Tensor, input: Tensor, target: Tensor | None = None) -> Any:
        return self.raw_backward(module, self.patient.say(grad_output), self.say(input), self.say(target))

    def raw_forward(self, module: Any, input: Any, target: Any = None) -> Any:
        """Call forward with these very values."""
        return self.patient.forward(module, *((input, target) if self.is_loss else (input,)))

    def raw_backward(self, module: Any, grad_output: Any, input: Any = None, target: Any = None) -> Any:
        if not self.is_loss:
            return self.patient.backward(module, grad_output)
        try:
            parameters = inspect.signature(getattr(module, self.patient.backward_name)).parameters.values()
        except (TypeError, ValueError):
            parameters = []
        needed = [
            p for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        return self.patient.backward(module, *((), (grad_output,), (input, target))[min(len(needed), 2)])

    def say(self, tensor: Tensor | None) -> Any:
        return self.patient.say(self.cast(tensor))

    @property
    def work(self) -> torch.dtype:
        return self.patient.dtype or self.patient.native

    def set_default(self) -> None:
        """Make new tensors of the student's code have the doctor's dtype, while the examination lasts."""
        if not self.patient.watch.over:
            torch.set_default_dtype(self.work)

    def cast(self, tensor: Tensor | None, dtype: torch.dtype | None = None) -> Tensor | None:
        return tensor.to(dtype or self.work) if tensor is not None and tensor.is_floating_point() else tensor

    def run(
        self, input: Tensor, grad_output: Tensor | None, target: Tensor | None = None, module: Any = None
    ) -> dict[str, Any]:
        """Run forward and backward of a fresh copy; return "output", "input" and every parameter's gradient, raw."""
        module = self.patient.fresh() if module is None else module
        output = self.forward(module, input, target)
        if grad_output is None:
            grad_output = self.upstream(output)
        grad_input = self.backward(module, self.cast_like(grad_output, output), input, target)
        return {"output": output, "input": grad_input, **self.gradients(module)}

    def cast_like(self, grad_output: Tensor, output: Any) -> Tensor:
        """Return an upstream gradient in the dtype of the output."""
        return grad_output.to(output.dtype if isinstance(output, Tensor) and output.is_floating_point() else self.work)

    def upstream(self, output: Any) -> Tensor:
        """Return an upstream gradient that fits an output; the same for the same shape."""
        value = as_tensor(output)
        shape = value.shape if value is not None else ()
        if self.is_loss or not shape:
            return torch.ones(shape, dtype=torch.float64)
        drawn = torch.Generator().manual_seed(17)
        size = 0.3 + torch.rand(shape, generator=drawn, dtype=torch.float64)
        return size * (torch.randint(2, shape, generator=drawn) * 2 - 1)

    def gradients(self, module: Any) -> dict[str, Tensor | None]:
        return {slot.name: as_tensor(get(module, slot.grad)) for slot in self.patient.slots}

    def parameters(self, module: Any) -> dict[str, Tensor | None]:
        return {slot.name: as_tensor(get(module, slot.param)) for slot in self.patient.slots}

    def parameter(self, slot: Slot) -> Tensor | None:
        value = as_tensor(get(self.patient.original, slot.param))
        return None if value is None else value.double()

    # -- getting to know the module -----------------------------------------------------------------------------------

    def settle(self) -> None:
        """Find out what the module takes (tensors, arrays or lists; float64 or only its own dtype), and its parameters.

        Raises
        ------
        Trouble
            Where it raises whatever it is given: what it raised in the way that got furthest.
        """
        patient = self.patient
        inside = contents(patient.original)
        own = [c.dtype for c in inside if isinstance(c, Tensor) and c.is_floating_point()]
        arrays = any(is_numpy(c) for c in inside)
        patient.native = own[0] if own else torch.float64 if arrays else self.given.dtype
        dialects = ["numpy", "torch", "list"] if arrays or self._speaks_of_numpy() else ["torch", "numpy", "list"]
        troubles: list[Trouble] = []
        for dialect in dialects:
            for dtype in (torch.float64, None):
                patient.dialect, patient.dtype = dialect, dtype
                self.set_default()
                try:
                    output = self.run(self.given, None, self.given_target)["output"]
                except Trouble as trouble:
                    troubles.append(trouble)
                    continue
                if dialect == "torch" and is_numpy(output) and dialects[0] == "torch":
                    continue  # it turned tensors into arrays
                self._find_parameters()
                return
        patient.dialect, patient.dtype = dialects[0], None
        self.set_default()
        raise max(troubles, key=lambda trouble: trouble.doing == patient.backward_name)  # the first that got furthest

    def _speaks_of_numpy(self) -> bool:
        names: set[str] = set()
        for name in (self.patient.forward_name, self.patient.backward_name):
            code = getattr(getattr(self.patient.original, name, None), "__code__", None)
            names.update(code.co_names if code else ())
        return bool(names & {"np", "numpy"}) and "torch" not in names

    def _find_parameters(self) -> None:
        """Find parameters in a copy that has been used, since some gradients are made by the first backward.

        What forward itself put there is no parameter: it is not there before, or is replaced by the next forward.
        """
        used, fresh, again = (self.patient.fresh() for _ in range(3))
        self.run(self.given, None, self.given_target, used)
        slots = list({slot.param: slot for slot in (*slots_of(used), *slots_of(fresh))}.values())
        before = [get(again, slot.param) for slot in slots]
        self.forward(again, self.given, self.given_target)
        names: dict[str, int] = {}
        for slot, value in zip(slots, before, strict=True):
            if value is not None and get(again, slot.param) is value and get(fresh, slot.param) is not None:
                names[slot.name] = names.get(slot.name, 0) + 1
                self.patient.slots.append(slot if names[slot.name] == 1 else slot.renamed(names[slot.name]))

    # -- the truth ----------------------------------------------------------------------------------------------------

    def truth(
        self,
        input: Tensor,
        grad_output: Tensor,
        target: Tensor | None = None,
        prepare: Callable[[Any], None] | None = None,
    ) -> dict[str, Tensor | None]:
        """Return the gradients of the module's own forward: "input", and each parameter's; None where it is not used.

        ``prepare`` changes the copy before.
        """
        if self.patient.autograd is not False:
            try:
                return self._by_autograd(input, grad_output, target, prepare)
            except (Trouble, RuntimeError, AttributeError, TypeError):
                if self.patient.autograd:  # it can be followed elsewhere: this batch does not fit
                    raise
                self.patient.autograd = False
        return self._by_differences(input, grad_output, target, prepare)

    def _by_autograd(
        self, input: Tensor, grad_output: Tensor, target: Tensor | None, prepare: Callable[[Any], None] | None
    ) -> dict[str, Tensor | None]:
        if self.patient.dialect != "torch":
            raise TypeError("arrays have no autograd")
        module = self.patient.fresh()
        if prepare:
            prepare(module)
        leaves = {"input": self.cast(input).detach().clone().requires_grad_()}
        for slot in self.patient.slots:
            param = get(module, slot.param)
            if not isinstance(param, Tensor):
                raise TypeError("no tensor, no autograd")
            leaves[slot.name] = param.requires_grad_()
        with torch.enable_grad():
            output = self.raw_forward(module, leaves["input"].clone(), self.say(target))
            upstream = self.cast_like(grad_output, output).reshape(output.shape)
            total = (output * upstream).sum()  # with grad_outputs, autograd would import sympy first, for a second
            grads = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
        found = {name: None if g is None else g.double() for name, g in zip(leaves, grads, strict=True)}
        if found["input"] is None:
            found["input"] = torch.zeros_like(input, dtype=torch.float64)
        if self.patient.autograd is None:
            self._confirm(input, grad_output, target, found)
            self.patient.autograd = True
        return found

    def _confirm(
        self, input: Tensor, grad_output: Tensor, target: Tensor | None, found: dict[str, Tensor | None]
    ) -> None:
        """Raise RuntimeError unless autograd agrees with one central difference: a detach in forward would fool it."""
        if self.random:
            return
        step = 1e-5 if self.fine else 1e-2
        way = {name: None if grad is None else self.draw(*grad.shape) for name, grad in found.items()}
        for slot in self.patient.slots:
            if way[slot.name] is None:
                way[slot.name] = self.draw(*self.parameters(self.patient.fresh())[slot.name].shape)
        sides = []
        for sign in (1, -1):
            module = self.patient.fresh()
            for slot in self.patient.slots:
                put(module, slot.param, as_tensor(get(module, slot.param)) + sign * step * way[slot.name].to(self.work))
            output = as_tensor(self.forward(module, input + sign * step * way["input"], target))
            sides.append((output.double() * grad_output).sum())
        measured = float(sides[0] - sides[1]) / (2 * step)
        claimed = float(sum((grad * way[name]).sum() for name, grad in found.items() if grad is not None))
        size = sum(float((grad * way[name]).abs().sum()) for name, grad in found.items() if grad is not None)
        if math.isfinite(measured) and abs(measured - claimed) > (1e-4 if self.fine else 5e-2) * max(
            size, abs(measured), 1e-3
        ):
            raise RuntimeError("autograd cannot see everything that this forward does")

    def _by_differences(
        self, input: Tensor, grad_output: Tensor, target: Tensor | None, prepare: Callable[[Any], None] | None
    ) -> dict[str, Tensor | None]:
        known = [j for i, t, j in self._jacobians if i is input and t is target] if prepare is None else []
        jacobians = known[0] if known else self._measure_jacobians(input, target, prepare)
        if not known and prepare is None:
            self._jacobians.append((input, target, jacobians))
        found: dict[str, Tensor | None] = {}
        for name, (shape, rows) in jacobians.items():
            flat = torch.full((shape.numel(),), math.nan, dtype=torch.float64)
            for i, row in rows.items():
                flat[i] = (grad_output * row).sum()
            unused = name != "input" and all(not bool(row.any()) for row in rows.values())
            found[name] = None if unused else flat.reshape(shape)
        return found

    def _measure_jacobians(
        self, input: Tensor, target: Tensor | None, prepare: Callable[[Any], None] | None
    ) -> dict[str, tuple[torch.Size, dict[int, Tensor]]]:
        """Return d(output)/d(entry) for the input's and the parameters' entries, as many as there is time for."""
        module = self.patient.fresh()
        if prepare:
            prepare(module)

        def slopes(value: Tensor, output_at: Callable[[Tensor], Tensor]) -> tuple[torch.Size, dict[int, Tensor]]:
            rows: dict[int, Tensor] = {}
            started = time.monotonic()
            for i in torch.randperm(value.numel(), generator=torch.Generator().manual_seed(3)).tolist():
                rows[i] = self._slope(value.reshape(-1), i, value.shape, output_at)
                if len(rows) >= 64 and time.monotonic() - started > DIFFERENCES_SECONDS:
                    break
            return value.shape, rows

        def at_input(changed: Tensor) -> Tensor:
            return as_tensor(self.forward(module, changed, target)).double()

        found = {"input": slopes(input.double(), at_input)}
        for slot in self.patient.slots:
            value = as_tensor(get(module, slot.param)).double()

            def at_param(changed: Tensor, slot: Slot = slot) -> Tensor:
                put(module, slot.param, changed.to(self.work))
                return at_input(input)

            found[slot.name] = slopes(value, at_param)
            put(module, slot.param, value.to(self.work))
        return found

    def _slope(self, flat: Tensor, i: int, shape: torch.Size, output_at: Callable[[Tensor], Tensor]) -> Tensor:
        """Return d(output)/d(entry i): two points in float64; four, further apart, where rounding is coarser."""

        def at(step: float) -> Tensor:
            changed = flat.clone()
            changed[i] += step
            return output_at(changed.reshape(shape))

        if self.fine:
            return (at(1e-5) - at(-1e-5)) / 2e-5
        return (8 * (at(0.05) - at(-0.05)) - (at(0.1) - at(-0.1))) / 0.6

    # -- the batches --------------------------------------------------------------------------------------------------

    random = False  # forward draws random numbers
    fine = True  # forward calculates in float64
    unsteady: frozenset[str] = frozenset()  # what differs from one time to the next, for the same input and seed

    def begin(self) -> None:
        """Measure everything once: what can be repeated, how exactly, and the batches."""
        self.settle()
        self.plain = self.run(self.given, None, self.given_target)
        self._repeat()
        self._make_cases()
        self.first, self.second = self._batch(), self._batch()

    def _repeat(self) -> None:
        """See whether the same input gives the same results again, with the same random seed and with another."""
        given = self._nudged(self.given)
        runs = []
        self.patient.reseed()
        before = random_states()
        for seed in (0, 0, 1):
            self.patient.seed = seed
            run = self.run(given, None, self.given_target)
            runs.append({what: as_tensor(value) for what, value in run.items()})
        self.patient.seed = 0
        self.patient.reseed()
        self.run(given, None, self.given_target)
        self.patient.draws = before != random_states()

        def differ(i: int, j: int) -> frozenset[str]:
            return frozenset(w for w in runs[0] if not same(runs[i][w], runs[j][w]))

        self.unsteady, seeded = differ(0, 1), differ(0, 2)
        self.random = "output" in seeded
        if not self.random:
            self.unsteady |= seeded
        output = runs[0]["output"]
        if output is None:
            return
        self.fine = output.dtype is torch.float64 and not same(output.float().double(), output)
        self.tolerance = 1e-5 if self.fine else 3e-2 if output.element_size() == 2 else 3e-4

    def _make_cases(self) -> None:
        n, m = self.given.shape[0], self.given.shape[-1]
        k = self.outputs()
        other_n = next(size for size in (5, 7, 6, 8) if size not in (n, m, k))
        other_m = next(size for size in (4, 3, 5, 6) if size not in (n, m, other_n))
        middle = self.given.shape[1:-1]
        self._add(lambda: self._nudged(self.given), self.given_target, must=True)
        fixed = bool(self.patient.slots) or (
            self.is_loss and self.given_target.shape[-1] != m and self.given_target.ndim > 1
        )
        if fixed or not self._add(lambda: self.draw(other_n, *middle, other_m)):
            self._add(lambda: self.draw(other_n, *middle, m))
        self._add(lambda: self.draw(1, *middle, m))
        if self.is_loss:
            self._add(lambda: self.draw(other_n, *middle, 2))

    def outputs(self) -> int:
        """Return the number of features out."""
        try:
            output = as_tensor(self.forward(self.patient.fresh(), self.given, self.given_target))
        except Trouble:
            return 0
        return output.shape[-1] if output is not None and output.ndim > 1 else 1

    def output_at(self, input: Tensor, target: Tensor | None = None) -> Tensor | None:
        """Return the output for another input, in float64."""
        output = as_tensor(self.forward(self.patient.fresh(), input, target))
        return None if output is None else output.double()

    def _batch(self) -> Batch:
        """Draw a batch for an experiment, of the shape given."""
        input = self.draw(*self.given[:ROWS].shape)
        output = self.output_at(input, self._target_like(input))
        if output is not None and not bool(output.isfinite().all()):
            input = self._resampled(input.shape)
        target = self._target_like(input)
        return Batch(self, input, target)

    def _target_like(self, input: Tensor) -> Tensor | None:
        return self.draw_target(input.shape[0], input.shape[-1])

    def _nudged(self, given: Tensor) -> Tensor:
        """Return the input given, moved off kinks, and off numbers so round that they hide something."""
        drawn = self.generator.get_state()
        size = float(given.abs().mean()) or 1.0
        away = 1e-3 * size * self.draw(*given.shape)
        self.generator.set_state(drawn)
        return given[:ROWS].double() + away[:ROWS]

    def _resampled(self, shape: torch.Size) -> Tensor:
        """Draw from the entries given, where the module is made for some numbers only."""
        flat = self.given.reshape(-1).double()
        picked = flat[torch.randint(len(flat), shape, generator=self.generator)]
        return picked * (0.9 + 0.2 * torch.rand(shape, generator=self.generator, dtype=torch.float64))

    def _add(self, draw: Callable[[], Tensor], target: Tensor | None = None, must: bool = False) -> bool:
        """Measure one more batch, unless the module does not take it; say whether it did."""
        input = draw()
        if self.is_loss:
            target = self.draw_target(input.shape[0], input.shape[-1]) if target is None else target[:ROWS]
            if target.is_floating_point() and target.shape != input.shape and target.numel() == input.numel():
                target = target.reshape(input.shape)
        try:
            case = self._measure(input, target)
            if case is None and not must:
                case = self._measure(self._resampled(input.shape), target)
        except (Trouble, RuntimeError, TypeError, AttributeError):
            if must:
                raise
            return False
        if case is not None:
            self.cases.append(case)
        return case is not None

    def _measure(self, input: Tensor, target: Tensor | None) -> Case | None:
        output = as_tensor(self.forward(self.patient.fresh(), input, target))
        if output is None or not output.is_floating_point() or not bool(output.isfinite().all()):
            return None
        case = Case(self, input, target, self.upstream(output), output.double())
        case.got = {w: as_tensor(v) for w, v in self.run(input, case.grad_output, target).items()}
        case.got = {w: None if v is None else v.double() for w, v in case.got.items()}
        case.truth = self.truth(input, case.grad_output, target)
        if self.patient.autograd is False:
            self.tolerance = max(self.tolerance, 2e-5 if self.fine else 5e-3)
        values = [t for t in case.truth.values() if t is not None]
        if any(bool(t.isinf().any()) for t in values) or (
            self.patient.autograd and any(bool(t.isnan().any()) for t in values)
        ):
            return None
        if self.expectation is not None:
            case.truth["output"] = self.expectation.output(case)
        return case

    # -- what experiments need ----------------------------------------------------------------------------------------

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
        output = self.output_at(self.first.input_values, self.first.target_values)
        if output is None or output.shape != self.first.input_values.shape:
            return False
        ratios = (output / self.first.input_values).round(decimals=3).unique()
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
        case = self.cases[0] if self.cases else None
        if case is None or self.random or self.is_loss or case.input.shape != case.output.shape:
            return None
        one = torch.zeros_like(case.grad_output)
        one[(0,) * one.ndim] = one[(-1,) * one.ndim] = 1
        alone = case.vjp(case.input, one)["input"]
        if bool(((alone != 0) & (one == 0)).nan_to_num(0).any()):
            return None
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
        self.run(self.given, None, self.given_target, module)
        return journey
