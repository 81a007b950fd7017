"""Layers and losses that are written as functions: affine_forward and affine_backward, tanh and tanh_prime, mse and mse_prime.

A pair of functions becomes an object with forward and backward, which is examined like any other. What forward takes beside its
input are the parameters; their gradients, which backward returns, are added up.
"""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from minidl.lab.doctor.subject.roles import LOSS_NAME, needed, positional, role, target_first
from minidl.lab.doctor.subject.values import as_tensor, is_numpy

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
    ("{}", "der_{}"),
    ("{}", "{}_der"),
    ("{}_loss", "{}_grad"),
    ("{}_loss", "{}_loss_grad"),
    ("{}_loss", "d_{}_loss"),
)
SWITCH = re.compile("^(deriv(ative)?|grad(ient)?|prime|der|backward|return_grad)$")
SETTINGS: dict[str, Any] = {"mode": "train", "stride": 1, "pad": 1, "p": 0.3, "seed": 1, "eps": 1e-5, "momentum": 0.9,
                            "pool_height": 2, "pool_width": 2}  # fmt: skip
SIZES = {
    r"^(b|bias|db)$|^b_?[a-z]{1,2}$": "k",
    r"gamma|scale|beta|shift": "m",
    r"^(wh|u)$": "kk",
    r"^(w|wx|weights?|theta)": "mk",
    r"^h|h$|state": "nk",
}


class FunctionPair:
    """Two functions that belong together, a forward and its backward, or one that does both.

    Attributes
    ----------
    forward, backward : function
        ``backward`` is the same function where it does both.
    is_derivative : bool
        Whether the second takes what the first takes, and returns the derivative there.
    home : str
        The name of the module in which they are.
    """

    def __init__(self, forward: Callable, backward: Callable, *, is_derivative: bool = False) -> None:
        self.forward, self.backward, self.is_derivative = forward, backward, is_derivative
        self.home = forward.__module__
        self.__name__ = forward.__name__ if forward is backward else f"{forward.__name__}/{backward.__name__}"

    @property
    def is_loss(self) -> bool:
        names = [p.name for p in positional(self.forward)][:2]
        return len(names) == 2 and bool(
            LOSS_NAME.search(self.forward.__name__) or role(names[0]) == "target" or role(names[1]) == "target"
        )

    def ways(self, shape: Sequence[int] | None = None) -> Iterator[tuple[Any, ...]]:
        """Yield in words how it is called, an object, and what it is to be given: input, and of a loss a target."""
        if self.is_loss:
            yield from self._losses(shape)
        elif self.is_derivative:
            yield "the derivative at the input", Entrywise(self.forward, self.backward), shape or (4, 3)
            yield (
                "the derivative at the output",
                Entrywise(self.forward, self.backward, at_output=True),
                shape or (4, 3),
            )
        else:
            shapes = [tuple(shape)] if shape else [(4, 3), (4, 1), (2, 3, 4, 4), (4, 5, 3)]
            if not shape and "embed" in self.__name__:
                shapes = [(4, 1), (4, 3)]
            if not shape and re.search("conv|pool|spatial|image", self.__name__):
                shapes.sort(key=lambda size: len(size) != 4)
            for size in shapes:
                for numpy in (True, False):
                    yield f"an input of shape {size}", Layer(self, _values(self.forward, size, numpy)), size

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
            yield words, made, *given


class Layer:
    """A layer made of two functions; what forward takes beside the input are its parameters."""

    def __init__(self, pair: FunctionPair, values: dict[str, Any]) -> None:
        self.called = pair.__name__
        self.functions = pair.forward, pair.backward
        is_array = {name: isinstance(value, Tensor) or is_numpy(value) for name, value in values.items()}
        self.params = {name: value for name, value in values.items() if is_array[name]}
        self.grads = {name: 0 * value for name, value in self.params.items()}
        self.settings = {name: value for name, value in values.items() if not is_array[name]}
        self.names = list(values)
        self.kept: dict[str, Any] = {}

    def forward(self, x: Any) -> Any:
        import copy

        settings = copy.deepcopy(self.settings)
        values = {name: self.params[name] if name in self.params else settings[name] for name in self.names}
        answer = self.functions[0](x, *values.values())
        parts = answer if isinstance(answer, tuple) else (answer,)
        self.kept = {**values, needed(self.functions[0])[0]: x, "output": parts[0]}
        self.cache = parts[1] if len(parts) == 2 else parts[1:] if len(parts) > 2 else x
        return parts[0]

    def backward(self, grad_output: Any) -> Any:
        back = self.functions[1]
        arguments: list[Any] = []
        wanted = positional(back)
        if isinstance(self.cache, dict) and set(self.cache) & {p.name for p in wanted}:
            answer = back(grad_output, **self.cache)
        else:
            for parameter in wanted:
                if parameter.name in self.kept:
                    arguments.append(self.kept[parameter.name])
                elif (not arguments and role(parameter.name) != "cache") or (
                    role(parameter.name) == "grad" and all(a is not grad_output for a in arguments)
                ):
                    arguments.append(grad_output)
                elif parameter.default is parameter.empty:
                    arguments.append(self.cache)
            answer = back(*arguments)
        return self._taken(answer)

    def _taken(self, answer: Any) -> Any:
        """Add up the gradients of parameters, and return that of the input."""
        if isinstance(answer, dict):
            named = dict(answer)
            first = next((named.pop(n) for n in list(named) if re.fullmatch("d_?(x|input|inp|A_prev)", n)), None)
            for name in self.params:
                for key, value in named.items():
                    if key.lower() in (f"d{name}".lower(), name.lower(), f"d_{name}".lower()):
                        self.grads[name] = self.grads[name] + value
            return first
        if not isinstance(answer, (tuple, list)):
            shape = getattr(answer, "shape", None)
            only = list(self.params)
            if len(only) == 1 and shape == self.params[only[0]].shape and shape != self._input_shape():
                self.grads[only[0]] = self.grads[only[0]] + answer
                return None
            return answer
        for name, value in zip(self.params, answer[1:], strict=False):
            if value is not None:
                self.grads[name] = self.grads[name] + value
        return answer[0]

    def _input_shape(self) -> Any:
        return getattr(self.kept.get(needed(self.functions[0])[0]), "shape", None)


class Entrywise:
    """A function and its derivative, as a layer."""

    def __init__(self, function: Callable, derivative: Callable, *, at_output: bool = False) -> None:
        self.called = f"{function.__name__}/{derivative.__name__}"
        self.function, self.derivative, self.at_output = function, derivative, at_output

    def forward(self, x: Any) -> Any:
        self.x = x
        self.y = self.function(x)
        return self.y

    def backward(self, grad_output: Any) -> Any:
        return grad_output * self.derivative(self.y if self.at_output else self.x)


class Loss:
    """A loss and its gradient, two functions of input and target, or one that returns both or either."""

    def __init__(self, loss: Callable, gradient: Callable) -> None:
        self.called = loss.__name__ if loss is gradient else f"{loss.__name__}/{gradient.__name__}"
        self.functions = loss, gradient
        names = [p.name for p in positional(loss)][:2]
        self.swapped = target_first(names)
        self.swapped_back = target_first(needed(gradient)) if len(needed(gradient)) == 2 else self.swapped
        self.switch = next((p.name for p in positional(loss) if SWITCH.match(p.name)), "")

    def forward(self, input: Any, target: Any) -> Any:
        values = (target, input) if self.swapped else (input, target)
        answer = self.functions[0](*values)
        return _loss_in(answer) if isinstance(answer, tuple) else answer

    def backward(self, input: Any, target: Any) -> Any:
        values = (target, input) if self.swapped_back else (input, target)
        if self.functions[0] is not self.functions[1]:
            return self.functions[1](*values)
        answer = self.functions[0](*values, **({self.switch: True} if self.switch else {}))
        return answer[-1] if isinstance(answer, tuple) else answer


OF_FUNCTIONS = (Layer, Entrywise, Loss)


def _loss_in(parts: tuple[Any, ...]) -> Any:
    """Return the number among the things that a loss returns."""
    numbers = [part for part in parts if (tensor := as_tensor(part)) is not None and tensor.numel() == 1]
    return numbers[0] if numbers else parts[0]


def _values(function: Callable, size: tuple[int, ...], numpy: bool) -> dict[str, Any]:
    """Return values for what a forward function takes beside its input, by their names."""
    m = size[1] if len(size) == 4 else size[-1]
    letters = {"n": size[0], "m": m, "k": 2}
    found: dict[str, Any] = {}
    generator = torch.Generator().manual_seed(4)
    for name in needed(function)[1:]:
        plain = name.lower().replace("prev_", "")
        if re.search("param|config|settings", plain):
            found[name] = {**SETTINGS, "stride": 2 if "pool" in plain else 1}
            continue
        if plain in ("g", "groups", "num_groups"):
            found[name] = m
            continue
        if plain in ("stride", "pad", "padding"):
            found[name] = 1
            continue
        if plain in ("activation", "mode"):
            found[name] = "relu" if plain == "activation" else "train"
            continue
        if re.search("slope|ratio|alpha|^p$|prob|eps|momentum", plain):
            found[name] = 0.3
            continue
        shape = next(
            ([letters[c] for c in sizes] for pattern, sizes in SIZES.items() if re.search(pattern, plain)), [2]
        )
        if "embed" in function.__name__:
            shape = [5, 3]
        if "lstm" in function.__name__ and plain[0] in "wb":
            shape = [*shape[:-1], 4 * shape[-1]]  # four gates side by side
        if len(size) == 4 and plain.startswith("w"):
            shape = [2, m, 3, 3]
        value = torch.randn(shape, generator=generator, dtype=torch.float64)
        found[name] = value.numpy() if numpy else value
    return found


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


def pairs(module: Any) -> list[FunctionPair]:
    """Find the pairs of functions that a module defines, by their names."""
    own = {
        name: value
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and value.__name__ == name
    }
    found: list[FunctionPair] = []
    taken: set[str] = set()
    for name, function in own.items():
        match = re.fullmatch("(.*)(backward|backprop|bwd)(.*)", name, re.IGNORECASE)
        for partner in _forwards(*match.groups()) if match else ():
            if (
                partner in own
                and partner != name
                and not {name, partner} & taken
                and _belong(own[partner], function, False)
            ):
                found.append(FunctionPair(own[partner], function))
                taken |= {name, partner}
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
        if name not in taken and len(positional(function)) >= 2 and _does_both(function):
            found.append(FunctionPair(function, function))
    order = list(own)
    return sorted(found, key=lambda pair: order.index(pair.forward.__name__))


def _forwards(before: str, backward: str, after: str) -> list[str]:
    """Return what the forward of a backward function may be called."""
    forward = {"backward": "forward", "Backward": "Forward", "bwd": "fwd"}.get(backward, "forward")
    return [f"{before}{forward}{after}", f"{before}{forward}", f"{before}{after}".strip("_"), before.strip("_")]


def _belong(forward: Callable, backward: Callable, is_derivative: bool) -> bool:
    if not needed(forward) and not positional(forward):
        return False
    return not is_derivative or len(needed(forward)) == len(needed(backward))


def _does_both(function: Callable) -> bool:
    """Whether a loss returns its gradient too, or instead, where it is told to."""
    if any(SWITCH.match(p.name) and p.default is not p.empty for p in positional(function)):
        return bool(LOSS_NAME.search(function.__name__)) or role(needed(function)[0]) == "target"
    if not LOSS_NAME.search(function.__name__):
        return False
    names = [p.name for p in positional(function)]
    inside = set(function.__code__.co_varnames) - set(names)
    return any(re.fullmatch(r"d_?(x|scores|out|input|logits|y|pred)|grad(ient)?s?", name) for name in inside)
