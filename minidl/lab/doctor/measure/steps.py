"""What the doctor measures on an optimiser: a few steps with known gradients."""

from __future__ import annotations

import functools
import re
import types
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from minidl.lab.doctor.measure.formulas import Formula, adam, descent, nesterov, rmsprop
from minidl.lab.doctor.measure.reference import KNOWN_STEPS, OTHER_STEPS, known_name
from minidl.lab.doctor.subject.calls import StudentError, Watch
from minidl.lab.doctor.subject.copies import copy_of
from minidl.lab.doctor.subject.inside import attributes, contents
from minidl.lab.doctor.subject.names import RATES, STEP_METHODS, ZERO_METHODS, attribute, first_method
from minidl.lab.doctor.subject.parameters import Slot, find, slots_of
from minidl.lab.doctor.subject.paths import get, put
from minidl.lab.doctor.subject.roles import needed
from minidl.lab.doctor.subject.stepping import RATE, Stepping, step_roles, steppings
from minidl.lab.doctor.subject.values import as_tensor, both_signs, is_numpy

STEPS = 4
SLOWER = ("decay", "lr_decay", "learning_rate_decay")  # by which a learning rate gets smaller
DECAYS = ("weight_decay", "wd", "l2", "l2_reg", "reg", "lambda_", "lam", "lmbda", "weight_decay_rate", "decay_rate_l2")
DECAYING = {"weight", "decay", "decoupled"}  # what a name may say of weight decay


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
        """The learning rate, by its usual names; or what step is given, where it asks for one."""
        return RATE if self.asks_for_rate else self.setting(*RATES)

    @property
    def asks_for_rate(self) -> bool:
        """Whether step itself is given the learning rate, so that nothing which the optimiser keeps is one."""
        return "rate" in step_roles(needed(getattr(self.optimizer, self.step_name)))

    @property
    def is_told_its_count(self) -> bool:
        """Whether step is given the number of the step, which others may count from 0."""
        told = attribute(self.optimizer, "told_its_count", False) is True
        return told or "place" in step_roles(needed(getattr(self.optimizer, self.step_name)))

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
        """What it is, "sgd", "momentum", "adam", "rmsprop", "adagrad" or another, by its name and by what it keeps."""
        if attribute(self.optimizer, "is_plain", False) is True:
            return "sgd"
        others = OTHER_STEPS - DECAYING if self.decay else OTHER_STEPS
        some = (KNOWN_STEPS, KNOWN_STEPS[1:], KNOWN_STEPS[-2:])
        name = next(filter(None, (known_name(self.optimizer, known, others) for known in some)), None)
        name = "nesterov" if name == "nag" else name
        if name == "sgd" and self.setting("momentum", "mu"):
            name = "momentum"
        return None if name in ("momentum", "nesterov") and not 0 < self.momentum < 1 else name

    @property
    def momentum(self) -> float:
        """What momentum keeps of the velocity, by its usual names; else the usual number."""
        return self.setting("momentum", "mu", "beta", "gamma", "momentum_rate", "beta1", "rho") or 0.9

    @property
    def decay(self) -> float:
        """The weight decay, by its usual names; 0 where there is none."""
        return self.setting(*DECAYS) or 0.0

    @functools.cached_property
    def start(self) -> dict[str, Tensor]:
        """The parameters before the first step."""
        return self.params(self.copies()[1])

    @property
    def forgetting(self) -> list[float]:
        """The numbers by which RMSprop's average may be multiplied: what it keeps, or the usual."""
        names = ("rho", "decay_rate", "beta", "beta2", "gamma", "alpha", "decay", "smoothing", "momentum")
        own = {name: value for name, value in attributes(self.optimizer).items() if name in names}
        told = [float(value) for name, value in own.items() if isinstance(value, float) and 0 < value < 1]
        return told or [0.9, 0.99]

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
        first = self.setting("beta1", "beta_1", "b1", "beta_m", "mu", "momentum") or 0.9
        return first, self.setting("beta2", "beta_2", "b2", "beta_v", "rho") or 0.999

    def formulas(self, rate: float | None = None) -> list[Formula]:
        """The formulas that an optimiser of this name may follow, also with a learning rate that gets smaller."""
        rules = self._plain_formulas(rate)
        slower = self.setting(*SLOWER) or 0.0
        if not 0 < slower < 1 or not rules:
            return rules
        ways = [False, True] if self.kind in ("momentum", "nesterov") else [False]
        return [
            *rules,
            *(rule.slowing(slower, first, inside=way) for rule in rules for first in (0, 1) for way in ways),
        ]

    def _plain_formulas(self, rate: float | None) -> list[Formula]:
        """The formulas with one learning rate; the last gradients' average is momentum too."""
        rate = rate or self.rate
        if not rate:
            return []
        if self.kind == "sgd":
            return [descent(rate)]
        if self.kind == "adam":
            counts = [lambda t: t, lambda t: t + 1] if self.is_told_its_count else [lambda t: t]
            return [adam(rate, *self.betas, count=count) for count in counts]
        if self.kind == "nesterov":  # where the gradient is taken at the place ahead, the rule is that of momentum
            return [nesterov(rate, self.momentum), descent(rate, self.momentum)]
        if self.kind == "momentum":
            decay = self.momentum
            average = descent(rate, decay, 1 - decay)
            return [descent(rate, decay), average, nesterov(rate, decay), average.corrected(decay)]
        if self.kind not in ("rmsprop", "adagrad"):
            return []
        shares = [(1, 1)] if self.kind == "adagrad" else [(decay, 1 - decay) for decay in self.forgetting]
        rules = [rmsprop(rate, *share) for share in shares]
        rules += [adam(rate, 0.0, decay) for decay, share in shares if share < 1]  # corrected for starting at zero
        momentum = self.setting("momentum", "mu") or 0.0
        return rules + [rule.rolling(momentum) for rule in rules if 0 < momentum < 1]

    def decaying(self, name: str, rules: list[Formula], **where: float) -> list[Formula]:
        """Return formulas with weight decay for one parameter; it stands inside the gradient, or beside it with the rate."""
        start, decay = self.start[name], self.decay
        if where:
            return [rule.decaying(start, **where) for rule in rules]
        places = [{"inside": decay}, {"inside": 2 * decay}, {"before": self.rate * decay}, {"after": self.rate * decay}]
        return [rule.decaying(start, **place) for rule in rules for place in places]

    @functools.cached_property
    def right(self) -> bool:
        """Whether every parameter moves as the rule says."""
        return self.all_move(self.formulas())

    def all_move(self, rules: list[Formula]) -> bool:
        """Whether every parameter moves by one of these formulas, with weight decay or, as a bias may, without."""
        if not self.decay:
            return self.follows(*rules)
        return all(self.moves(name, rules + self.decaying(name, rules), 2e-3) for name in self.start)

    def moves(self, name: str, rules: list[Formula], precision: float = 1e-5) -> bool:
        """Whether one parameter goes the way of one of these formulas."""
        gradients, ways = [g[name] for g in self.gradients], [way[name] for way in self.path]
        return any(
            all(_alike(way, place, precision) for way, place in zip(ways, rule(gradients), strict=True))
            for rule in rules
        )

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
            _alike(way[slot.name], expected, 2e-3)
            for i, slot in enumerate(self.slots)
            for way, expected in zip(self.path, formula_of(i)([g[slot.name] for g in self.gradients]), strict=True)
        )


def _alike(way: Tensor, expected: Tensor, precision: float) -> bool:
    """Whether two ways agree; one that leads back to the start, up to rounding and to what an epsilon does."""
    size = float(expected.nan_to_num(0).abs().max())
    return torch.allclose(way, expected, rtol=precision, atol=max(1e-9, 1e-6 * size), equal_nan=True)


def generators(optimizer: Any) -> list[str]:
    """Return the names of an optimiser's attributes that can be run through only once, and have not been yet."""
    own = attributes(optimizer).items()
    return [name for name, value in own if isinstance(value, types.GeneratorType) and value.gi_frame is not None]
