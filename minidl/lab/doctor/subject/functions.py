"""Layers and losses that are written as functions: affine_forward and affine_backward, tanh and tanh_prime, mse and mse_prime.

A pair of functions becomes an object with forward and backward, which is examined like any other. What forward takes beside its
input are the parameters; their gradients, which backward returns, are added up.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import re
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch

from minidl.lab.doctor.subject.names import BACKWARD_METHODS, FORWARD_METHODS, first_method
from minidl.lab.doctor.subject.of_functions import (
    ABOUT_MODEL,
    OTHER_FORMS,
    PLAIN,
    SWITCH,
    Entrywise,
    Layer,
    Loss,
    of_a_loss,
    values_for,
)
from minidl.lab.doctor.subject.roles import LOSS_NAME, ends_with_two, needed, parameters, positional, role

DERIVATIVES = (  # how a function and its derivative are called; {} is what they have in common
    ("{}", "{}_prime"),
    ("{}", "d_{}"),
    ("{}", "d{}"),
    ("{}", "{}_derivative"),
    ("{}", "{}_deriv"),
    ("{}", "{}_grad"),
    ("{}", "grad_{}"),
    ("{}", "{}_gradient"),
    ("{}", "{}_d"),
    ("{}", "{}Prime"),
    ("{}", "{}Derivative"),
    ("{}", "{}Gradient"),
    ("{}", "{}Grad"),
    ("{}", "{}Deriv"),
    ("{}", "de_{}"),
    ("{}", "dZ_{}"),
    ("{}", "dA_{}"),
    ("{}", "{}_d1"),
    ("{}", "{}_diff"),
    ("{}", "{}_derivate"),
    ("{}", "derivative_{}"),
    ("{}", "deriv_{}"),
    ("{}", "gradient_{}"),
    ("{}", "prime_{}"),
    ("{}", "{}_derv"),
    ("{}", "der_{}"),
    ("{}", "{}_der"),
    ("{}_loss", "{}_grad"),
    ("{}_loss", "{}_loss_grad"),
    ("{}_loss", "d_{}_loss"),
    ("{}", "{}prime"),
)
# Words that make a derivative of a function's name, words that may be left out of either, and what such functions are called
OF_DERIVATIVES = re.compile("d|d[xzayf]|prime|deriv(ative)?|derivate|derv|der|grad(ient)?|diff(erential)?|slope|delta")
OF_ANY = re.compile("loss|cost|error|function|func|fn|fun|activation|act")
KNOWN = re.compile(
    "sigm|tanh|relu|elu|softmax|softplus|linear|identity|logistic|swish|mish|gauss|mse|mae|rmse|entropy|hinge|huber|"
    "quadratic|squared|loss|cost|error|activat|bce|nll|phi|^[fgh]$",
    re.IGNORECASE,
)


class FunctionPair:
    """Two functions that belong together, a forward and its backward, or one that does both.

    Attributes
    ----------
    forward, backward : function
        ``backward`` is the same function where it does both.
    is_derivative : bool
        Whether the second takes what the first takes, and returns the derivative there.
    home : str
        The name of the module in which they are, that of ``backward`` where they are in two.
    here : bool
        Whether both are in one module.
    """

    def __init__(
        self,
        forward: Callable,
        backward: Callable,
        *,
        is_derivative: bool = False,
        here: bool = True,
        both: bool = False,
    ) -> None:
        self.forward, self.backward, self.is_derivative, self.here = forward, backward, is_derivative, here
        self.home = backward.__module__
        self.__name__ = forward.__name__ if forward is backward or both else f"{forward.__name__}/{backward.__name__}"
        if not here and not forward.__module__.rpartition(".")[2].isidentifier():  # a file that nobody can import
            self.__name__ = backward.__name__

    @property
    def is_loss(self) -> bool:
        """Whether it takes an input and a target."""
        names = of_a_loss(self.forward)[:2]
        return len(names) == 2 and bool(
            (self.is_derivative and len([n for n in needed(self.backward) if n in names]) == 2)
            or LOSS_NAME.search(self.forward.__name__)
            or role(names[0]) == "target"
            or role(names[1]) == "target"
        )

    def ways(self, shape: Sequence[int] | None = None) -> Iterator[tuple[Any, ...]]:
        """Yield in words how it is called, an object, and what it is to be given: input, and of a loss a target."""
        if self.is_loss:
            yield from self._losses(shape)
        elif self.is_derivative:
            for by_number in (False, True):
                more = ", of one number at a time" if by_number else ""
                for place in ("input", "output"):
                    made = Entrywise(self.forward, self.backward, at_output=place == "output", by_number=by_number)
                    yield f"the derivative at the {place}{more}", made, shape or (4, 3)
        else:
            shapes = [tuple(shape)] if shape else [(4, 3), (4, 1), (2, 3, 4, 4), (4, 5, 3)]
            if not shape and "embed" in self.__name__:
                shapes = [(4, 1), (4, 3)]
            if not shape and re.search("conv|pool|spatial|image", self.__name__):
                shapes.sort(key=lambda one: len(one) != 4)
            forms = [(one, PLAIN) for one in shapes]
            forms += [(one, form) for one in shapes for form in OTHER_FORMS.get(len(one), ())]
            for size, form in forms:
                for numpy in (True, False):
                    words = f"an input of shape {size}" + f", parameters for {form}" * (form != PLAIN)
                    yield words, Layer(self, values_for(self.forward, size, numpy, form)), size

    def _losses(self, shape: Sequence[int] | None) -> Iterator[tuple[Any, ...]]:
        if not shape:
            yield from itertools.chain(self._losses((4, 3)), self._losses((4, 1)))
            return
        size = tuple(shape)
        drawn = torch.Generator().manual_seed(2)
        numbers, target = (torch.randn(size, generator=drawn) for _ in range(2))
        labels = torch.arange(size[0]) % size[-1]
        likely = numbers.softmax(-1)
        ones = (torch.rand(size, generator=drawn) > 0.5).float()
        made = Loss(self.forward, self.backward)
        plain = [("numbers", numbers, target), ("numbers and class numbers", numbers, labels)]
        chances = [("probabilities", likely, torch.eye(size[-1])[labels]), ("probabilities", likely, ones)]
        if re.search("bce|binary", self.__name__):
            chances.reverse()
        about = self.forward.__code__.co_names if hasattr(self.forward, "__code__") else ()
        logs = {"log", "clip", "clamp"} & set(about) and not {"exp", "softmax"} & set(about)
        classes = re.search("soft|cross|svm|hinge|entropy", self.__name__)
        for words, *given in (
            [*chances, *plain] if logs else [*plain[::-1], *chances] if classes else [*plain, *chances]
        ):
            if self.forward is not self.backward or made.switch or made.gives_a_gradient(*given):
                yield words, made, *given


def pair_of(forward: Callable, backward: Callable, *parameters: Any) -> Any:
    """Return a layer made of two functions, with parameters of the values or shapes given; without such, by their names."""
    names = needed(forward)[1:]
    values: dict[str, Any] = {}
    numpy = "torch" not in forward.__globals__
    for place, given in enumerate(parameters):
        if isinstance(given, (tuple, list)) and all(isinstance(size, int) for size in given):
            given = torch.randn(tuple(given), generator=torch.Generator().manual_seed(place), dtype=torch.float64)
            given = given.numpy() if numpy else given
        values[names[place]] = given
    return Layer(FunctionPair(forward, backward), values)


def own_functions(module: Any) -> dict[str, Callable]:
    """Return the functions that a module defines; what a decorator has put around them is taken off."""
    found = {}
    for name, value in vars(module).items():
        if not inspect.isfunction(value):
            continue
        if value.__name__ == "<lambda>":  # sigmoid = lambda x: ...
            value = types.FunctionType(value.__code__, value.__globals__, name, value.__defaults__, value.__closure__)
        inner = [cell.cell_contents for cell in value.__closure__ or () if inspect.isfunction(_content(cell))]
        candidates = [value, getattr(value, "__wrapped__", None), *inner]
        mine = (
            f for f in candidates if inspect.isfunction(f) and f.__module__ == module.__name__ and f.__name__ == name
        )
        if (function := next(mine, None)) is not None:
            found[name] = function
    return found


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # it is empty
        return None


def pairs(module: Any, around: Mapping[str, Callable] = MappingProxyType({})) -> list[FunctionPair]:
    """Find the pairs of functions that a module defines, by their names; a forward may be one of the functions ``around``."""
    own = own_functions(module)
    others = own | around
    found: list[FunctionPair] = []
    taken: set[str] = set()
    for name, function in own.items():
        match = re.fullmatch("(.*)(backward|backprop|bwd)(.*)", name, re.IGNORECASE)
        for partner in _forwards(*match.groups(), others) if match else ():
            if (
                partner in others
                and partner != name
                and name not in taken
                and _belong(others[partner], function, False)
            ):
                found.append(FunctionPair(others[partner], function, here=partner in own))
                taken |= {name, partner}
    found += derivatives(own, taken)
    order = list(own)
    return sorted(found, key=lambda pair: order.index(pair.forward.__name__) if pair.here else len(order))


def derivatives(own: Mapping[str, Callable], taken: set[str]) -> list[FunctionPair]:
    """Find functions and their derivatives, and those that return either; not among those that are ``taken``."""
    found: list[FunctionPair] = []
    for first, second in DERIVATIVES:
        for name, function in own.items():
            match = re.fullmatch(re.escape(second).replace(r"\{\}", "(.+)"), name)
            partner = first.format(match[1]) if match else ""
            if partner not in own or partner == name or {name, partner} & taken:
                continue
            if _belong(own[partner], function, True):
                found.append(FunctionPair(own[partner], function, is_derivative=True))
                taken |= {name, partner}
    for name, function in own.items():
        for partner in akin(name, own) if name not in taken else ():
            if not {name, partner} & taken and _belong(own[partner], function, True):
                found.append(FunctionPair(own[partner], function, is_derivative=True))
                taken |= {name, partner}
    for name, function in own.items():
        if name not in taken and len(positional(function)) >= 2 and _does_both(function):
            switch = next((p.name for p in positional(function) if SWITCH.match(p.name)), "")
            if switch and len(needed(function)) == 1:
                found.append(FunctionPair(function, _switched(function, switch), is_derivative=True, both=True))
            else:
                found.append(FunctionPair(function, function))
    return found


def akin(name: str, names: Mapping[str, Any]) -> list[str]:
    """Return what the function may be called of which this name is the derivative's, in words that may stand in any order."""
    words = _words(name)
    stem = [word for word in words if not OF_DERIVATIVES.fullmatch(word)]
    if not stem or len(stem) == len(words) or not KNOWN.search(name):
        return []
    short = [word for word in stem if not OF_ANY.fullmatch(word)] or stem
    others = {other: _words(other) for other in names if other != name}
    same = [other for other, its in others.items() if its == stem]
    return same + [other for other, its in others.items() if [w for w in its if not OF_ANY.fullmatch(w)] == short]


def _words(name: str) -> list[str]:
    """Return the words of a name, in lower case: of derivativeReLU and relu_derivative, derivative and relu."""
    parts = [part for word in name.split("_") for part in re.findall("[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\\d+", word)]
    words = [part.lower() for part in parts]
    return "".join(words).replace("relu", " relu ").split() if "relu" in "".join(words) else words


def pairs_in(cls: type) -> list[FunctionPair]:
    """Find the pairs of functions that a class holds as methods: sigmoid and sigmoid_prime of a network."""
    try:
        holder = cls.__new__(cls)  # it has no attributes yet but settings, which such functions may use
        for setting in parameters(cls):
            if isinstance(setting.default, (bool, int, float, str)) and not hasattr(cls, setting.name):
                object.__setattr__(holder, setting.name, setting.default)
    except Exception:
        return []
    names = [name for kind in reversed(cls.__mro__[:-1]) for name, value in vars(kind).items() if _is_function(value)]
    own = {name: getattr(holder, name) for name in dict.fromkeys(names) if not name.startswith("__")}
    own = {name: method for name, method in own.items() if positional(method)}
    own_backwards = [
        attempt for attempt in (first_method(cls, FORWARD_METHODS), first_method(cls, BACKWARD_METHODS)) if attempt
    ]
    found = derivatives(own, set())
    for pair in found:
        pair.__name__, pair.home = f"{cls.__name__}.{pair.__name__}", cls.__module__
    return [p for p in found if not {p.forward.__name__, p.backward.__name__} <= set(own_backwards)]


def _is_function(value: Any) -> bool:
    return inspect.isfunction(value) or isinstance(value, staticmethod)


def _switched(function: Callable, switch: str) -> Callable:
    """Return a function's derivative, which it returns where it is told to."""

    @functools.wraps(function)
    def derivative(x: Any) -> Any:
        return function(x, **{switch: True})

    return derivative


def _forwards(before: str, backward: str, after: str, names: Mapping[str, Callable]) -> list[str]:
    """Return what the forward of a backward function may be called: its partner, or that of which it is another version."""
    forward = {"backward": "forward", "Backward": "Forward", "bwd": "fwd"}.get(backward, "forward")
    versions = [name for name in names if before and name.startswith(f"{before}{forward}")]
    usual = [f"{before}{forward}{after}", f"{before}{forward}", f"{before}{after}".strip("_"), before.strip("_")]
    return usual + versions


def _belong(forward: Callable, backward: Callable, is_derivative: bool) -> bool:
    if not needed(forward) and not positional(forward):
        return False
    asked = len([name for name in needed(forward) if not ABOUT_MODEL.match(name)])
    return not is_derivative or asked == len([name for name in needed(backward) if not ABOUT_MODEL.match(name)])


def _does_both(function: Callable) -> bool:
    """Whether a loss returns its gradient too, or instead, where it is told to."""
    if any(SWITCH.match(p.name) and p.default is not p.empty for p in positional(function)):
        only = len(needed(function)) == 1  # an activation
        return only or bool(LOSS_NAME.search(function.__name__)) or role(needed(function)[0]) == "target"
    if not LOSS_NAME.search(function.__name__):
        return False
    names = [p.name for p in positional(function)]
    inside = set(function.__code__.co_varnames) - set(names)
    gradient = r"d_?(x|scores|out|input|logits|y|pred|w|theta)|grad(ient)?s?"
    return any(re.fullmatch(gradient, name, re.IGNORECASE) for name in inside) or ends_with_two(function)
