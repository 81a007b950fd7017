"""What forward should be: from a reference that is given, or known by the name of the class."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from minidl.lab.doctor.subject.inside import attributes, children
from minidl.lab.doctor.subject.names import canonical
from minidl.lab.doctor.subject.subject import Subject
from minidl.lab.doctor.subject.values import as_tensor, close, is_values

Function = Callable[[Tensor, "Tensor | None", dict[str, Tensor]], Tensor]  # of input, target and named parameters

KNOWN = ("linear", "dense", "affine", "relu", "tanh", "sigmoid", "mse")
ACTIVATION = re.compile("^_?(act|activation|nonlinearity)", re.IGNORECASE)
KNOWN_STEPS = ("sgd", "momentum", "adam", "rmsprop", "adagrad", "nesterov", "nag")
# Words that make something else of a known name: LeakyReLU, HardTanh, LogSigmoid, LinearReLU, AdamW, RAdam…
OTHER_WORDS = set(
    re.findall(
        r"\w+",
        "x leaky parametric randomized p r c e s se ce g si hard soft log abs shrink shifted scaled bi bilinear gated "
        "squared square cubic clipped capped 6 norm conv sparse noisy weighted half masked root cross entropy rational "
        "residual block network net fc chain sequential double twice polynomial quantized",
    )
)
OTHER_STEPS = set(
    re.findall(r"\w+", "w r n ams max delta rectified decoupled weight decay clipped clipping lazy sign schedule")
)


class Expectation:
    """What forward should return, and the gradients that would follow."""

    def __init__(self, subject: Subject, options: list[Function], *, by_name: bool = False) -> None:
        self.subject, self.options, self.by_name = subject, options, by_name

    def output(self, input: Tensor, target: Tensor | None, got: Tensor) -> Tensor | None:
        """Return what forward should have returned, where it returned ``got``."""
        return self._function(input, target, got)(input, target, self._params())

    def gradients(
        self, input: Tensor, target: Tensor | None, got: Tensor, grad_output: Tensor
    ) -> dict[str, Tensor | None]:
        """Return the gradients of what forward should have been, for this batch."""
        leaves = {"input": input, **self._params()}
        leaves = {name: value.detach().clone().requires_grad_() for name, value in leaves.items()}
        with torch.enable_grad():
            params = {name: value for name, value in leaves.items() if name != "input"}
            output = self._function(input, target, got)(leaves["input"], target, params)
            fits = output.numel() == grad_output.numel()  # not where forward returns a loss for every entry
            total = (output * grad_output.reshape(output.shape)).sum() if fits else output.sum()
            grads = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
        return dict(zip(leaves, grads, strict=True))

    def _params(self) -> dict[str, Tensor]:
        subject = self.subject
        found = {slot.name: subject.parameter(slot.name) for slot in subject.slots}
        for name, value in attributes(subject.original).items():  # a bias without a gradient is a bias
            if canonical(name) in ("weight", "bias") and is_values(value) and name not in found:
                found[name] = as_tensor(value).double()
        return {name: value for name, value in found.items() if value is not None}

    def _function(self, input: Tensor, target: Tensor | None, got: Tensor) -> Function:
        """Return the first option that fits what forward returned, else the first that can be computed."""
        possible = []
        for function in self.options:
            try:
                output = function(input, target, self._params())
            except (RuntimeError, ValueError, TypeError, IndexError, StopIteration):
                continue
            if self.by_name and output.numel() != got.numel():
                continue  # it does something else than its name says
            if close(got, output, self.subject.tolerance):
                return function
            possible.append(function)
        if not possible:
            raise LookupError("the reference does not take this input")
        return possible[0]


def known_name(thing: Any, known: tuple[str, ...] = KNOWN, others: set[str] = OTHER_WORDS) -> str | None:
    """Return what a class is by its name, "relu" for MyReLU, or None: LeakyReLU is something else."""
    name = type(thing).__name__
    for spelling in ("ReLU", "RELU", "MSE", "SGD"):
        name = name.replace(spelling, spelling.capitalize())
    name = re.sub("rmsprop|adagrad", lambda found: found[0].capitalize(), name, flags=re.IGNORECASE)
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]
    found = [word for word in words if word in known]
    return found[0] if len(found) == 1 and not others & set(words) else None


def _bends(thing: Any) -> bool:
    """Whether a layer has an activation of its own inside, so that its name does not say all that it does."""
    own = [value for name, value in attributes(thing).items() if ACTIVATION.match(name)]
    named = [value for value in own if isinstance(value, str) and value not in ("", "linear", "identity", "none")]
    return bool(named) or any(callable(value) or hasattr(value, "forward") for value in own)


def expectation(subject: Subject, reference: Any) -> Expectation | None:
    """Return what the subject's forward should be, where somebody says so."""
    if reference is None:
        container = _bends(subject.original) or bool(children(subject.original))  # its name says what is in it
        name = None if container else known_name(subject.original)
        options = (LOSSES if subject.is_loss else LAYERS).get(name or "")
        return Expectation(subject, options, by_name=True) if options else None
    if isinstance(reference, str):
        if reference in (LOSSES if subject.is_loss else LAYERS):
            return Expectation(subject, (LOSSES if subject.is_loss else LAYERS)[reference])
        found = [getattr(place, reference) for place in (torch.nn.functional, torch) if hasattr(place, reference)]
        if not found:
            raise ValueError(f"expected a reference in torch.nn.functional or torch, and found no {reference!r} there")
        reference = found[0]
    if isinstance(reference, type):
        reference = reference()
    if isinstance(reference, torch.nn.Module):
        reference = copy.deepcopy(reference).double()
        if any(True for _ in reference.parameters()):
            return Expectation(subject, [_with_parameters(reference, flip) for flip in (True, False)])
    return Expectation(subject, [lambda X, T, params: reference(X) if T is None else reference(X, T)])


def _with_parameters(reference: torch.nn.Module, flip: bool) -> Function:
    """Return a torch module as a function of the student's parameters: found by shape, transposed if need be."""

    def function(X: Tensor, T: Tensor | None, params: dict[str, Tensor]) -> Tensor:
        left, theirs = dict(params), {}
        for name, value in reference.named_parameters():
            ways = [lambda p: p.mT if p.ndim == 2 else p, lambda p: p]
            tries = ((k, way(p)) for way in (ways if flip else ways[::-1]) for k, p in left.items())
            key, param = next((k, p) for k, p in tries if p.squeeze().shape == value.squeeze().shape)
            del left[key]
            theirs[name] = param.reshape(value.shape)
        return torch.func.functional_call(reference, theirs, (X,) if T is None else (X, T))

    return function


def _affine(transposed: bool) -> Function:
    def function(X: Tensor, T: Tensor | None, params: dict[str, Tensor]) -> Tensor:
        weight = next(
            p for p in params.values() if (p.ndim == 2 and min(p.shape) > 1) or canonical(_name(params, p)) == "weight"
        )
        rest = [p for p in params.values() if p is not weight]
        product = X @ (weight.mT if transposed else weight)
        return product + rest[0].reshape(-1) if rest else product

    return function


def _name(params: dict[str, Tensor], param: Tensor) -> str:
    return next(name for name, value in params.items() if value is param)


def _squared(divisor: Callable[[Tensor], float]) -> Function:
    return lambda X, T, params: ((X - T) ** 2).sum() / divisor(X)


LAYERS: dict[str, list[Function]] = {
    **{name: [_affine(False), _affine(True)] for name in ("linear", "dense", "affine")},
    "relu": [lambda X, T, params: X.relu()],
    "tanh": [lambda X, T, params: X.tanh()],
    "sigmoid": [lambda X, T, params: X.sigmoid()],
}
LOSSES: dict[str, list[Function]] = {
    "mse": [
        _squared(divisor)
        for divisor in (
            lambda X: 1,
            lambda X: len(X),
            lambda X: X.numel(),
            lambda X: 2,
            lambda X: 2 * len(X),
            lambda X: 2 * X.numel(),
        )
    ]
}
