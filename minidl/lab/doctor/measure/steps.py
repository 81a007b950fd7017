"""What the doctor measures on an optimiser: a few steps with known gradients."""

from __future__ import annotations

import functools
import re
import types
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from minidl.lab.doctor.measure.formulas import Formula, adam, corrected_average, descent, nesterov
from minidl.lab.doctor.measure.reference import KNOWN_STEPS, OTHER_STEPS, known_name
from minidl.lab.doctor.subject.calls import StudentError, Watch
from minidl.lab.doctor.subject.copies import copy_of
from minidl.lab.doctor.subject.inside import attributes, contents
from minidl.lab.doctor.subject.names import STEP_METHODS, ZERO_METHODS, first_method
from minidl.lab.doctor.subject.parameters import Slot, find, slots_of
from minidl.lab.doctor.subject.paths import get, put
from minidl.lab.doctor.subject.stepping import Stepping, steppings
from minidl.lab.doctor.subject.values import as_tensor, both_signs, is_numpy

STEPS = 4
RATES = ("lr", "learning_rate", "eta", "alpha", "step_size", "optz_rate", "rate", "_lr")


class Steps:
    """The steps of one optimiser. It and the model are copied together, so that they still know each other."""

    def __init__(self, optimizer: Any, model: Any, watch: Watch, faster: Any = None) -> None:
        self.faster = faster
        self.optimizer, self.model = optimizer, model
        self.watch = watch
        self.step_name = first_method(optimizer, STEP_METHODS)
        _, copied = self.copies()
        found = find(slots_of, copied, watch)
        self.slots: list[Slot] = [slot for slot in found if self._settable(copied, slot)]
        drawn = torch.Generator().manual_seed(5)
        self.gradients = [{slot.name: self._like(copied, slot, drawn) for slot in self.slots} for _ in range(STEPS)]
        self.stepping = self._stepping()

    @staticmethod
    def _settable(model: Any, slot: Slot) -> bool:
        param, grad = as_tensor(get(model, slot.param)), as_tensor(get(model, slot.grad))
        return param is not None and (grad is None or grad.numel() == param.numel() or grad.ndim == 0)

    def _like(self, model: Any, slot: Slot, drawn: torch.Generator) -> Tensor:
        return both_signs(as_tensor(get(model, slot.param)).shape, drawn)

    def copies(self) -> tuple[Any, Any]:
        return copy_of((self.optimizer, self.model), torch.float64)

    def set(self, model: Any, gradients: dict[str, Tensor]) -> None:
        for slot in self.slots:
            value = gradients[slot.name].clone()
            if get(model, slot.grad) is not None:
                put(model, slot.grad, value)
            elif slot.grad[-1][0] == ".":
                kind = value.numpy() if is_numpy(get(model, slot.param)) else value
                setattr(get(model, slot.grad[:-1]), slot.grad[-1][1], kind)

    def params(self, model: Any) -> dict[str, Tensor]:
        return {slot.name: as_tensor(get(model, slot.param)).double() for slot in self.slots}

    def _stepping(self) -> Stepping:
        """Return the way in which a step is called: the first that moves something, else the first that does not raise.

        Raises
        ------
        StudentError
            Where all raise: what the first does.
        """
        ran: list[Stepping] = []
        errors: list[StudentError] = []
        ways = list(steppings(self.optimizer, self.step_name, self.slots))
        for way in ways if len(ways) > 1 else ():
            optimizer, model = self.copies()
            self.set(model, self.gradients[0])
            before = self.params(model)
            try:
                self.watch.call(self.step_name, way, optimizer, model)
            except StudentError as error:
                errors.append(error)
                continue
            ran.append(way)
            if any(not torch.equal(value, before[name]) for name, value in self.params(model).items()):
                return way
        if not ran and errors:
            raise errors[0]
        return (ran or ways)[0]

    def step(self, optimizer: Any, model: Any) -> None:
        self.watch.call(self.step_name, self.stepping, optimizer, model)

    @functools.cached_property
    def path(self) -> list[dict[str, Tensor]]:
        """How far each parameter is from its start, after each step; every step has other gradients."""
        optimizer, model = self.copies()
        start, path = self.params(model), []
        for gradients in self.gradients:
            self.set(model, gradients)
            self.step(optimizer, model)
            path.append({name: value - start[name] for name, value in self.params(model).items()})
        return path

    @functools.cached_property
    def steady(self) -> dict[str, Tensor]:
        """How far each parameter is from its start after many steps with the same gradients."""
        optimizer, model = self.copies()
        start = self.params(model)
        for _ in range(5 * STEPS):
            self.set(model, self.gradients[0])
            self.step(optimizer, model)
        return {name: value - start[name] for name, value in self.params(model).items()}

    def first_step(self, gradients: dict[str, Tensor], **settings: float) -> dict[str, Tensor]:
        """Return how each parameter moves in a first step, with other settings if need be."""
        optimizer, model = self.copies()
        for name, value in settings.items():
            before = attributes(optimizer).get(name)
            copies = (
                [
                    n
                    for n, v in attributes(optimizer).items()
                    if isinstance(v, float) and v == before and re.search("lr|rate", n)
                ]
                if name in RATES
                else []
            )
            for each in (name, *copies):  # the rate of this step may be kept beside that of the beginning
                object.__setattr__(optimizer, each, value)  # of a frozen dataclass too
        start = self.params(model)
        self.set(model, gradients)
        self.step(optimizer, model)
        return {name: value - start[name] for name, value in self.params(model).items()}

    @functools.cached_property
    def faster_path(self) -> list[dict[str, Tensor]] | None:
        """The path of the same optimiser with a larger learning rate, where there is such."""
        return None if self.faster is None else Steps(self.faster, self.model, self.watch).path

    @functools.cached_property
    def tiny(self) -> float:
        """How long the first step is, in learning rates, with gradients that are only a hundred times Adam's epsilon."""
        size = 100 * (self.setting("eps", "epsilon") or 1e-8)
        ways = self.first_step({name: size * gradient.sign() for name, gradient in self.gradients[0].items()})
        return max(float(way.abs().max()) for way in ways.values()) / self.rate

    @property
    def still(self) -> list[str]:
        """The parameters that no step moves."""
        return [name for name, way in self.path[-1].items() if not bool(way.any())]

    @property
    def rate(self) -> float | None:
        """The learning rate, by its usual names."""
        return self.setting(*RATES)

    @property
    def rate_name(self) -> str:
        """The name of the learning rate."""
        return next(name for name in RATES if self.setting(name) is not None)

    def setting(self, *names: str) -> float | None:
        """Return a number that the optimiser keeps under one of these names."""
        own = attributes(self.optimizer)
        return next((float(own[name]) for name in names if isinstance(own.get(name), (int, float))), None)

    @functools.cached_property
    def after_zero_grad(self) -> dict[str, Tensor] | None:
        """How each parameter moves after zero_grad with new gradients, if that differs; None if nothing is zeroed."""
        method = first_method(self.model, ZERO_METHODS)
        if method is None:
            return None
        without, ways = self._second_step(None), self._second_step(method)
        return {name: way for name, way in ways.items() if not torch.equal(way, without[name])}

    def _second_step(self, zero_grad: str | None) -> dict[str, Tensor]:
        """Return how each parameter moves in a second step, with new gradients of the opposite sign."""
        optimizer, model = self.copies()
        self.set(model, self.gradients[0])
        self.step(optimizer, model)
        if zero_grad:
            self.watch.call(zero_grad, getattr(model, zero_grad))
        self.set(model, {name: -4 * grad for name, grad in self.gradients[0].items()})
        start = self.params(model)
        self.step(optimizer, model)
        return {name: value - start[name] for name, value in self.params(model).items()}

    @property
    def used(self) -> bool:
        """Whether it has made steps before, and remembers them."""
        mine = {k: v for k, v in attributes(self.optimizer).items() if v is not self.model}
        theirs = {id(t) for t in contents(self.model)}
        counts = [v for k, v in mine.items() if k in ("t", "steps", "step_count", "iteration", "k")]
        states = [t for t in contents(list(mine.values())) if id(t) not in theirs and isinstance(t, Tensor)]
        return any(counts) or any(bool(t.any()) for t in states)

    @functools.cached_property
    def kind(self) -> str | None:
        """What it is: "sgd", "momentum" or "adam", by its name and by what it keeps."""
        name = known_name(self.optimizer, KNOWN_STEPS, OTHER_STEPS)
        if name == "sgd" and self.setting("momentum", "mu"):
            return "momentum"
        return name

    @property
    def betas(self) -> tuple[float, float]:
        """Adam's two decays, by their usual names."""
        pair = next(
            (
                v
                for k, v in attributes(self.optimizer).items()
                if k in ("betas", "beta") and isinstance(v, (tuple, list))
            ),
            None,
        )
        if pair is not None:
            return float(pair[0]), float(pair[1])
        return self.setting("beta1", "beta_1", "b1") or 0.9, self.setting("beta2", "beta_2", "b2") or 0.999

    def formulas(self) -> list[Formula]:
        """The formulas that an optimiser of this name may follow; the last gradients' average is momentum too."""
        if not self.rate:
            return []
        if self.kind == "sgd":
            return [descent(self.rate)]
        if self.kind == "adam":
            return [adam(self.rate, *self.betas)]
        if self.kind == "momentum":
            decay = self.setting("momentum", "mu", "beta", "gamma") or 0.9
            return [
                descent(self.rate, decay),
                descent(self.rate, decay, 1 - decay),
                nesterov(self.rate, decay),
                corrected_average(self.rate, decay),
            ]
        return []

    def size_of_first_step(self, name: str) -> float | None:
        """Return the first step over minus lr * grad, or None where it is no multiple of it."""
        way, plain = self.path[0][name], -self.rate * self.gradients[0][name]
        ratio = float((way * plain).sum() / (plain * plain).sum())
        return round(ratio, 9) if torch.allclose(way, ratio * plain, rtol=1e-6, atol=1e-12) else None

    def follows(self, *formulas: Formula) -> bool:
        """Whether the path is that of one of these formulas."""
        return any(self.follows_each(lambda i, formula=formula: formula) for formula in formulas)

    def follows_each(self, formula_of: Callable[[int], Formula]) -> bool:
        """Whether the path of each parameter is that of a formula of its own, which is found by the parameter's number."""
        return all(
            torch.allclose(way[slot.name], expected, rtol=2e-3, atol=1e-9, equal_nan=True)
            for i, slot in enumerate(self.slots)
            for way, expected in zip(self.path, formula_of(i)([g[slot.name] for g in self.gradients]), strict=True)
        )


def generators(optimizer: Any) -> list[str]:
    """Return the names of an optimiser's attributes that can be run through only once, and have not been yet."""
    own = attributes(optimizer).items()
    return [name for name, value in own if isinstance(value, types.GeneratorType) and value.gi_frame is not None]
