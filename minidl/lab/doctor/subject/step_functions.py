"""Optimisers that are written as functions: adam(w, dw, config) returns the new w, and what it wants to be given next time."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import torch

from minidl.lab.doctor.subject.names import OPTIMIZER_NAME, is_gradient_of
from minidl.lab.doctor.subject.roles import parameters, role

RATE = 0.1
SETTINGS = {r"^(momentum|mu|beta|beta_?1|rho|decay(_rate)?)$": 0.9, r"^beta_?2$": 0.999, r"^eps(ilon)?$": 1e-8}
GRADIENT = re.compile(r"^(grad(ient)?s?|g)$")


class StepFunction:
    """A function that makes one step of one parameter, as an optimiser: ``update(param, grad)`` returns the new parameter.

    What the function returns beside it is kept, and given to the next step: a configuration, or averages.
    """

    def __init__(self, function: Callable, param: str, grad: str, *, numpy: bool) -> None:
        self.function, self.learning_rate, self.numpy = function, RATE, numpy
        self.names = [p.name for p in parameters(function)]
        self.param, self.grad = param, grad
        self.kept: dict[Any, dict[str, Any]] = {}  # by the shape of the parameter
        for name in self.names:
            value = next((v for pattern, v in SETTINGS.items() if re.search(pattern, name.lower())), None)
            if value is not None:
                setattr(self, name, value)

    def update(self, param: Any, grad: Any) -> Any:
        """Make a step of one parameter."""
        kept = self.kept.setdefault(tuple(param.shape), {"t": 0})
        kept["t"] += 1
        listed = re.match("params|parameters|weights_list", self.param) is not None and self.grad.endswith("s")
        values = {self.param: [param], self.grad: [grad]} if listed else {self.param: param, self.grad: grad}
        for name in self.names:
            if name not in values:
                values[name] = self._value(name, kept, param)
        answer = self.function(**values)
        new, *rest = answer if isinstance(answer, tuple) else (answer,)
        for name, value in zip([n for n in self.names if self._is_state(n)], rest, strict=False):
            kept[name] = value
        return new[0] if listed and isinstance(new, (list, tuple)) and len(new) == 1 else new

    def _is_state(self, name: str) -> bool:
        return name not in (self.param, self.grad, "t") and role(name) != "rate" and not hasattr(self, name)

    def _value(self, name: str, kept: dict[str, Any], param: Any) -> Any:
        if role(name) == "rate":
            return self.learning_rate
        if name == "t":
            return kept["t"]
        if hasattr(self, name):
            return getattr(self, name)
        if name == "config":
            return kept.get(name, {"learning_rate": self.learning_rate})
        return kept.get(name, 0 * param)


class Arrays:
    """A weight and a bias with gradients: all that a function of parameter and gradient needs."""

    def __init__(self, *, numpy: bool) -> None:
        drawn = torch.Generator().manual_seed(6)
        made = {name: torch.randn(shape, generator=drawn).double() for name, shape in (("W", (3, 2)), ("b", (2,)))}
        self.params: dict[str, Any] = {name: value.numpy() if numpy else value for name, value in made.items()}
        self.grads: dict[str, Any] = {name: 0 * value for name, value in self.params.items()}


class ArrayLayer:
    """The same as attributes of an object, as of a layer."""

    def __init__(self, *, numpy: bool) -> None:
        made = Arrays(numpy=numpy)
        self.weights, self.bias = made.params.values()
        self.dweights, self.dbias = made.grads.values()


class StepFunctionFound:
    """A function of a module that makes a step."""

    def __init__(self, function: Callable, param: str, grad: str) -> None:
        self.function, self.param, self.grad = function, param, grad
        self.__name__, self.home = function.__name__, function.__module__

    def ways(self) -> list[tuple[str, Any, Any]]:
        """Return in words how it is called, an optimiser, and a model."""
        made = []
        for numpy in (True, False):
            kind = type(self.__name__, (StepFunction,), {})
            made.append(
                (
                    "arrays" if numpy else "tensors",
                    kind(self.function, self.param, self.grad, numpy=numpy),
                    Arrays(numpy=numpy),
                )
            )
        return made


def step_functions(module: Any) -> list[StepFunctionFound]:
    """Find the functions of a module that make a step of a parameter, by their names and those of their arguments."""
    found = []
    for name, function in vars(module).items():
        if (
            not inspect.isfunction(function)
            or function.__module__ != module.__name__
            or not OPTIMIZER_NAME.search(name)
        ):
            continue
        names = [p.name for p in parameters(function)]
        grads = [g for g in names if GRADIENT.match(g) or any(is_gradient_of(g, p) for p in names)]
        if len(grads) != 1:
            continue
        params = [p for p in names if is_gradient_of(grads[0], p)] or [
            p for p in names if re.match("^(var|params?|parameters?|w|weights?|theta|x|p)$", p.lower())
        ]
        if params:
            found.append(StepFunctionFound(function, params[0], grads[0]))
    return found
