"""Small batches of different sizes: what the subject says of them, and what is true."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from minidl.lab.doctor.measure.gradients import TrueGradients
from minidl.lab.doctor.measure.reference import Expectation
from minidl.lab.doctor.subject.acquaintance import get_to_know, see_what_repeats
from minidl.lab.doctor.subject.calls import StudentError
from minidl.lab.doctor.subject.inside import attributes
from minidl.lab.doctor.subject.subject import Subject
from minidl.lab.doctor.subject.values import as_tensor, both_signs, close, same

ROWS = 8


@dataclass
class Case:
    """One batch, measured: n samples of m features in, k features out; what came, and what should have come."""

    batches: Batches
    input: Tensor
    target: Tensor | None
    grad_output: Tensor
    output: Tensor
    truth: dict[str, Tensor | None] = field(default_factory=dict)
    got: dict[str, Tensor | None] = field(default_factory=dict)
    remembered: dict[str, Any] = field(default_factory=dict)

    def remember(self, name: str, find: Callable[[Case], Any]) -> Any:
        """Return what is found out about this batch; only the first time, it is looked for."""
        if name not in self.remembered:
            self.remembered[name] = find(self)
        return self.remembered[name]

    @property
    def subject(self) -> Subject:
        return self.batches.subject

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
        return self.batches.true_gradients(input, grad_output, self.target)

    @functools.cached_property
    def of_ones(self) -> dict[str, Tensor | None]:
        """The true gradients for an upstream gradient of ones."""
        return self.vjp(self.input, torch.ones_like(self.grad_output))

    def samples(self, what: str) -> list[Tensor]:
        """Return what each sample alone contributes to the gradient of a parameter."""
        return [part[what] for part in self._samples]

    @functools.cached_property
    def _samples(self) -> list[dict[str, Tensor | None]]:
        alone = torch.zeros(self.n, *self.grad_output.shape, dtype=torch.float64)
        for i in range(self.n):
            alone[i, i] = self.grad_output[i]
        return [self.vjp(self.input, grad_output) for grad_output in alone]

    def expected_gradients(self) -> dict[str, Tensor | None]:
        """Return the gradients of what forward should have been; its own where nobody says what that is."""
        expectation = self.batches.expectation
        if expectation is None:
            return self.truth
        return expectation.gradients(self.input, self.target, self.output, self.grad_output)

    def parameter(self, name: str) -> Tensor | None:
        return self.subject.parameter(name)

    @staticmethod
    def multiple(got: Tensor | None, expected: Tensor) -> float:
        """Return what the entry that differs most has to be multiplied with to give what came; NaN if it has no such."""
        if got is None or got.shape != expected.shape or not got.numel():
            return math.nan
        entry = int((got - expected).abs().nan_to_num(0, posinf=0).argmax())
        return float(got.reshape(-1)[entry] / expected.reshape(-1)[entry])

    def close(self, got: Tensor | None, expected: Tensor | None) -> bool:
        """Whether two values agree, as closely as this subject can be measured; entries not measured are left out."""
        return close(got, expected, self.subject.tolerance)

    def is_multiple(self, value: Tensor, of: Tensor | None) -> bool:
        """Whether a value is a number times another, the same number in every entry."""
        if of is None or of.shape != value.shape or not bool(of.any()):
            return False
        return self.close(value, (value * of).sum() / (of * of).sum() * of)


@dataclass
class Batch:
    """What one experiment is made with: every call gives new copies, in what the subject takes."""

    subject: Subject
    input_values: Tensor
    target_values: Tensor | None

    @property
    def input(self) -> Any:
        return self.subject.say(self.input_values)

    @property
    def target(self) -> Any:
        return self.subject.say(self.target_values)

    def upstream(self, output: Any) -> Any:
        """Return an upstream gradient for an output, in what the subject takes."""
        return self.subject.say_as_it_is(self.subject.cast_like(self.subject.upstream(output), output))


class Batches:
    """The subject on batches of several sizes.

    Parameters
    ----------
    subject : Subject
    input, target : Tensor
        The batch given; ``target`` for a loss only.
    rows : int
        How many samples of the batch are taken: more would not show more.

    Attributes
    ----------
    inside : bool
        Whether a loss was given numbers between 0 and 1: probabilities, it may be.
    given, given_target : Tensor
        What was taken of the batch given.
    whole : bool
        Whether the input is of whole numbers, and has no gradient: the places in an embedding's table.
    plain : dict
        What the subject returned and accumulated for it, raw.
    cases : list of Case
        The batches measured: it, and others.
    first, second : Batch
        For experiments; of the same shape.
    """

    def __init__(self, subject: Subject, input: Tensor, target: Tensor | None, rows: int = ROWS) -> None:
        self.subject = subject
        if target is not None and target.is_floating_point() and target.numel() == input.numel():
            target = target.reshape(input.shape)  # whether it broadcasts otherwise is looked at by itself
        self.given, self.given_target = input[:rows], None if target is None else target[:rows]
        self.inside = target is not None and bool(((self.given > 0) & (self.given < 1)).all())
        self.whole = False  # whether it takes whole numbers only, as an embedding does
        self.cases: list[Case] = []
        self.notes: list[str] = []
        self.expectation: Expectation | None = None
        self.generator = torch.Generator().manual_seed(1)
        self.true_gradients = TrueGradients(subject, self.generator)

    # -- drawing ------------------------------------------------------------------------------------------------------

    def draw(self, *shape: int) -> Tensor:
        """Draw numbers of both signs, none near zero, where kinks are, none large; whole ones where these are taken."""
        if self.whole:
            return torch.randint(int(self.given.max()) + 1, shape, generator=self.generator)
        return both_signs(shape, self.generator, 0.2, 1.3)

    def draw_input(self, *shape: int) -> Tensor:
        """Draw an input: like `draw`; of a loss that was given numbers between 0 and 1, such numbers."""
        drawn = self.draw(*shape)
        return drawn.abs() / 1.6 if self.inside else drawn

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
        drawn = self.draw(n, *self.given.shape[1:-1], m)
        return drawn.abs() / 1.6 if self.inside and bool(((given >= 0) & (given <= 1)).all()) else drawn + 0.1

    def _batch(self) -> Batch:
        """Draw a batch for an experiment, of the shape given."""
        input = self.draw_input(*self.given.shape)
        output = self.subject.output_at(input, self._target_like(input))
        if output is not None and not bool(output.isfinite().all()):
            input = self._resampled(input.shape)
        return Batch(self.subject, input, self._target_like(input))

    def _target_like(self, input: Tensor) -> Tensor | None:
        return self.draw_target(input.shape[0], input.shape[-1])

    def _nudged(self, given: Tensor) -> Tensor:
        """Return the input given, moved off kinks, and off numbers so round that they hide something."""
        if self.whole:
            return given.clone()
        drawn = self.generator.get_state()
        size = float(given.abs().mean()) or 100.0  # zeros are to be something that can be seen
        away = 1e-3 * size * self.draw(*given.shape)
        self.generator.set_state(drawn)
        return given.double() + away

    def _resampled(self, shape: torch.Size) -> Tensor:
        """Draw from the entries given, where the subject is made for some numbers only."""
        if self.whole:
            return self.draw(*shape)
        flat = self.given.reshape(-1).double()
        picked = flat[torch.randint(len(flat), shape, generator=self.generator)]
        return picked * (0.9 + 0.2 * torch.rand(shape, generator=self.generator, dtype=torch.float64))

    # -- measuring ----------------------------------------------------------------------------------------------------

    def measure(self) -> None:
        """Measure everything once: what can be repeated, how exactly, and the batches.

        Raises
        ------
        StudentError
            What the subject raises for the batch given.
        LookupError
            Where what forward should be cannot be computed for it.
        """
        self.cases = []
        self._get_to_know()
        self._avoid_undefined()
        self.plain = self.subject.run(self.given, None, self.given_target)
        see_what_repeats(self.subject, self._nudged(self.given), self.given_target)
        self._measure_cases()
        self.first, self.second = self._batch(), self._batch()

    def _get_to_know(self) -> None:
        """Find out what the subject takes; of whole numbers, whether they may have something after the point."""
        given = self.given
        if given.is_floating_point():
            get_to_know(self.subject, given, self.given_target)
            return
        self.given = given.to(torch.get_default_dtype())
        self.whole = self._only_whole()
        if self.whole:
            self.given = given
            get_to_know(self.subject, given, self.given_target)

    def _only_whole(self) -> bool:
        """Whether the subject takes nothing but whole numbers, or rounds what it takes."""
        try:
            get_to_know(self.subject, self.given, self.given_target)
            if self.subject.translator and self.subject.translator.convention.is_whole:
                return True
            here, there = (self.subject.output_at(self.given + d, self.given_target) for d in (0.0, 0.25))
        except StudentError:
            return True
        return here is not None and there is not None and same(here, there) and not self.subject.random

    def _avoid_undefined(self) -> None:
        """Where forward is not defined for the input, as a logarithm is not below zero, take one above zero."""
        if self.whole:
            return
        positive = self.given.abs() + 0.1
        here, there = (self.subject.output_at(x, self.given_target) for x in (self.given, positive))
        if here is not None and not bool(here.isfinite().all()) and there is not None and bool(there.isfinite().all()):
            self.given = positive
            self.notes.append("forward is not finite for all of the input; it was examined with inputs above zero.")

    def _measure_cases(self) -> None:
        n, m = self.given.shape[0], self.given.shape[-1]
        k = self.features_out()
        other_n = next(size for size in (5, 7, 6, 8) if size not in (n, m, k))
        other_m = next(size for size in (4, 3, 5, 6) if size not in (n, m, other_n))
        tail = self.given.shape[1:]
        self._add(lambda: self._nudged(self.given), self.given_target, must=True)
        sizes = [value for value in attributes(self.subject.original).values() if type(value) is int]
        fixed = len(tail) != 1 or bool(self.subject.slots) or m in sizes  # made for m features
        if fixed or not self._add(lambda: self.draw_input(other_n, other_m)):
            self._add(lambda: self.draw_input(other_n, *tail))
        self._add(lambda: self.draw_input(1, *tail))
        if len(self.cases) < 3 and not self.subject.is_loss:  # it takes one sample, and one may show little
            for _ in range(2):
                self._add(lambda: self.draw_input(1, *tail))
        if self.subject.is_loss:
            self._add(lambda: self.draw_input(other_n, *tail[:-1], 2))

    def _add(self, draw: Callable[[], Tensor], target: Tensor | None = None, must: bool = False) -> bool:
        """Measure one more batch, unless the subject does not take it; say whether it did."""
        input = draw()
        if self.subject.is_loss:
            target = self._target_like(input) if target is None else target
        try:
            case = self._measure_case(input, target)
            if case is None and not must:
                case = self._measure_case(self._resampled(input.shape), target)
        except (StudentError, RuntimeError, TypeError, AttributeError):
            if must:
                raise
            return False
        if case is None or (self.cases and _per_sample(self.cases[0]) and not _per_sample(case)):
            return False  # it was broadcast to another number of samples
        self.cases.append(case)
        return True

    def _measure_case(self, input: Tensor, target: Tensor | None) -> Case | None:
        subject = self.subject
        output = as_tensor(subject.forward(subject.fresh(), input, target))
        if output is None or not output.is_floating_point() or not output.numel() or not bool(output.isfinite().all()):
            return None
        case = Case(self, input, target, subject.upstream(output), output.double())
        case.got = {w: as_tensor(v) for w, v in subject.run(input, case.grad_output, target).items()}
        case.got = {w: None if v is None else v.double() for w, v in case.got.items()}
        case.truth = self.true_gradients(input, case.grad_output, target)
        if subject.translator and subject.translator.convention.is_whole:
            case.truth["input"] = torch.zeros_like(input, dtype=torch.float64)
        if self.true_gradients.by_autograd is False:
            subject.tolerance = max(subject.tolerance, 2e-5 if subject.fine else 5e-3)
        values = [t for t in case.truth.values() if t is not None]
        if any(bool(t.isinf().any()) for t in values) or (
            self.true_gradients.by_autograd and any(bool(t.isnan().any()) for t in values)
        ):
            return None
        if self.expectation is not None:
            case.truth["output"] = self.expectation.output(input, target, case.output)
        return case

    # -- what they tell -----------------------------------------------------------------------------------------------

    @functools.cached_property
    def entrywise(self) -> bool:
        """Whether forward is a function of one number, applied to every entry."""
        if self.subject.is_loss or self.whole or any(case.input.shape != case.output.shape for case in self.cases):
            return False
        for case in self.cases:  # of the input given alone, a saturated function would not show it
            one = torch.zeros_like(case.grad_output)
            one[(0,) * one.ndim] = one[(-1,) * one.ndim] = 1
            alone = case.vjp(case.input, one)["input"]
            if bool(((alone != 0) & (one == 0)).logical_and(alone.isfinite()).any()):
                return False
        return True

    def features_out(self) -> int:
        """Return the number of features out; 0 where forward raises."""
        try:
            output = as_tensor(self.subject.forward(self.subject.fresh(), self.given, self.given_target))
        except StudentError:
            return 0
        return output.shape[-1] if output is not None and output.ndim > 1 else 1

    def right(self) -> bool:
        """Whether every gradient is right in every batch."""
        return all(case.close(case.got[w], t) for case in self.cases for w, t in case.truth.items() if t is not None)


def _per_sample(case: Case) -> bool:
    return case.output.ndim > 0 and len(case.output) == case.n
