"""Objects made of functions: a layer, an activation, a loss; and values for what a layer's function takes beside its input."""

from __future__ import annotations

import copy
import dis
import itertools
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from minidl.lab.doctor.subject.names import (
    is_gradient_name,
)
from minidl.lab.doctor.subject.roles import needed, positional, role, target_first
from minidl.lab.doctor.subject.values import as_tensor, is_numpy

SWITCH = re.compile(
    "^(is|use|get|compute|calc|return|want|with|as)?_?(deriv|derivative|derivate|derv|der|grad|gradient|prime|diff|backward)$",
    re.IGNORECASE,
)
SETTINGS: dict[str, Any] = {"mode": "train", "stride": 1, "pad": 1, "p": 0.3, "seed": 1, "eps": 1e-5, "momentum": 0.9,
                            "pool_height": 2, "pool_width": 2}  # fmt: skip
SIZES = {
    r"gamma|scale|beta|shift": "m",
    r"^d?b": "k",
    r"^(wh|u$|recurrent)": "kk",
    r"^(w|wx|weights?|theta|kernels?$|filters$)": "mk",
    r"^(h|c)$|^(h|c)_?0$|h$|state": "nk",
}
PLAIN, COLUMNS, CHANNELS, FILTERS, CHANNELS_LAST = "plain", "columns", "channels", "filters", "channels last"
OTHER_FORMS = {2: (COLUMNS,), 4: (CHANNELS, FILTERS, CHANNELS_LAST)}
ABOUT_MODEL = re.compile("^(model|params?|parameters|net|network|layers?)$")
PENALTY = re.compile("^(lam|lamb?da?_?|reg|reg_strength|l2|weight_decay)$")
MASK = re.compile("mask")


class Layer:
    """A layer made of two functions; what forward takes beside the input are its parameters."""

    def __init__(self, pair: Any, values: dict[str, Any]) -> None:
        self.called = pair.__name__
        self.functions = pair.forward, pair.backward
        is_array = {name: isinstance(value, Tensor) or is_numpy(value) for name, value in values.items()}
        self.params = {name: value for name, value in values.items() if is_array[name]}
        self.grads = {name: 0 * value for name, value in self.params.items()}
        self.settings = {name: value for name, value in values.items() if not is_array[name]}
        self.names = list(values)
        self.kept: dict[str, Any] = {}

    def forward(self, x: Any) -> Any:
        settings = copy.deepcopy(self.settings)
        values = {name: self.params[name] if name in self.params else settings[name] for name in self.names}
        answer = self.functions[0](x, *values.values())
        parts = answer if isinstance(answer, tuple) else (answer,)
        if len(parts) > 2 and isinstance(parts[1], (tuple, dict)):
            parts = parts[:2]  # the rest are states
        self.kept = {**values, needed(self.functions[0])[0]: x, "output": parts[0]}
        self.widths = self._widths(parts)
        if self.widths:
            outputs, parts = parts[: len(self.widths)], parts[len(self.widths) - 1 :]
        self.cache = parts[1] if len(parts) == 2 else parts[1:] if len(parts) > 2 else x
        return _side_by_side(outputs) if self.widths else parts[0]

    def _widths(self, parts: tuple[Any, ...]) -> list[int]:
        """Return the sizes of several outputs, of which each has a gradient of its own; nothing where there is one."""
        names = [p.name for p in positional(self.functions[1]) if p.name not in self.kept]
        count = sum(bool(re.match("d|grad", n)) and role(n) != "cache" for n in names)
        shapes = [tuple(getattr(part, "shape", ())) for part in parts[:count]]
        if count < 2 or len(parts) < count or any(not s or s[:-1] != shapes[0][:-1] for s in shapes):
            return []
        return [shape[-1] for shape in shapes]

    def backward(self, grad_output: Any) -> Any:
        back = self.functions[1]
        arguments: list[Any] = []
        if self.widths:
            edges = [sum(self.widths[:i]) for i in range(len(self.widths) + 1)]
            grads = [grad_output[..., a:b] for a, b in itertools.pairwise(edges)]
            return self._taken(back(*grads, self.cache))
        wanted = positional(back)
        if isinstance(self.cache, dict) and set(self.cache) & {p.name for p in wanted}:
            answer = back(grad_output, **self.cache)
        else:
            for parameter in wanted:
                if parameter.name in self.kept and role(parameter.name) != "cache":
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


def _side_by_side(values: Sequence[Any]) -> Any:
    return (
        torch.cat(list(values), -1) if isinstance(values[0], Tensor) else sys.modules["numpy"].concatenate(values, -1)
    )


class Entrywise:
    """A function and its derivative, as a layer; ``by_number``: they take one number at a time."""

    def __init__(
        self, function: Callable, derivative: Callable, *, at_output: bool = False, by_number: bool = False
    ) -> None:
        self.called = f"{function.__name__}/{derivative.__name__}"
        self.function, self.derivative, self.at_output = function, derivative, at_output
        self.by_number = by_number

    def _of(self, function: Callable, x: Any) -> Any:
        if not self.by_number:
            return function(x)
        values = [float(function(float(number))) for number in x.reshape(-1)]
        made = torch.tensor(values, dtype=torch.float64).reshape(tuple(x.shape))
        return made.to(x.dtype) if isinstance(x, Tensor) else made.numpy()

    def forward(self, x: Any) -> Any:
        self.x = x
        self.y = self._of(self.function, x)
        return self.y

    def backward(self, grad_output: Any) -> Any:
        slope = self._of(self.derivative, self.y if self.at_output else self.x)
        if getattr(slope, "ndim", 0) == grad_output.ndim + 1:  # the slopes of all entries by all, for each sample
            return (grad_output[..., None, :] @ slope)[..., 0, :]
        return grad_output * slope


class Loss:
    """A loss and its gradient, two functions of input and target, or one that returns both or either.

    What they want beside these is given by its name: an empty model, the weight of a penalty, a mask that leaves all in.
    """

    def __init__(self, loss: Callable, gradient: Callable) -> None:
        self.called = loss.__name__ if loss is gradient else f"{loss.__name__}/{gradient.__name__}"
        self.functions = loss, gradient
        names = of_a_loss(loss)[:2]
        self.swapped = target_first(names)
        mine = of_a_loss(gradient)[:2]
        self.swapped_back = target_first(mine) if len(mine) == 2 else self.swapped
        self.switch = next((p.name for p in positional(loss) if SWITCH.match(p.name)), "")
        self.boxed = _opens_a_box(loss)

    def _given(self, function: Callable, input: Any, target: Any, swapped: bool) -> list[Any]:
        """Return what a function is given, in its order."""
        names = needed(function)
        input = Box(input) if self.boxed else input
        if _of_weights(names):
            data = torch.randn(len(target), len(input), generator=torch.Generator().manual_seed(3), dtype=torch.float64)
            values = [input, data if isinstance(input, Tensor) else data.numpy(), target]
        else:
            values = [target, input] if swapped else [input, target]
        rest = iter(values)
        given = []
        for name in names:
            if ABOUT_MODEL.match(name):
                given.append({})
            elif PENALTY.match(name):
                given.append(0.1)
            elif MASK.search(name):
                given.append(0 * target + 1 if hasattr(target, "shape") else 1)
            else:
                given.append(next(rest, None))
        return given + [value for value in rest if len(needed(function)) == 1]

    def forward(self, input: Any, target: Any) -> Any:
        answer = self.functions[0](*self._given(self.functions[0], input, target, self.swapped))
        answer = tuple(vars(answer).values()) if self.boxed and hasattr(answer, "__dict__") else answer
        return _loss_in(answer) if isinstance(answer, tuple) else answer

    def gives_a_gradient(self, input: Tensor, target: Tensor) -> bool:
        """Whether the last of what one function of both returns has the input's shape, or whether it raises."""
        for as_given in (lambda x: x.double().numpy() if x.is_floating_point() else x.numpy(), lambda x: x.clone()):
            try:
                last = as_tensor(self.backward(as_given(input), as_given(target)))
            except Exception:
                continue
            return last is not None and last.shape == input.shape
        return True

    def backward(self, input: Any, target: Any) -> Any:
        given = self._given(self.functions[1], input, target, self.swapped_back)
        if self.functions[0] is not self.functions[1]:
            return self.functions[1](*given)
        answer = self.functions[0](*given, **({self.switch: True} if self.switch else {}))
        if self.boxed and hasattr(answer, "__dict__"):
            return next((value for name, value in vars(answer).items() if is_gradient_name(name)), None)
        return answer[-1] if isinstance(answer, tuple) else answer


class Box:
    """What a network of some projects returns: its output, in an attribute, and who made it."""

    def __init__(self, value: Any) -> None:
        self.array = self.value = self.val = value
        self.model = self.creator = None


def _opens_a_box(loss: Callable) -> bool:
    """Whether a loss takes its input out of an attribute: input.array."""
    steps = [step for step in dis.get_instructions(loss) if step.opname != "NOP"] if hasattr(loss, "__code__") else []
    first = [p.name for p in positional(loss)][:1]
    return any(
        a.opname.startswith("LOAD_FAST")
        and [a.argval] == first
        and b.opname == "LOAD_ATTR"
        and b.argval in vars(Box(0))
        for a, b in itertools.pairwise(steps)
    )


def of_a_loss(function: Callable) -> list[str]:
    """Return the names of the arguments of a loss that are its input and its target."""
    names = [p.name for p in positional(function)]
    return [n for n in names if not any(pattern.search(n) for pattern in (ABOUT_MODEL, PENALTY, MASK))]


def _of_weights(names: list[str]) -> bool:
    """Whether a loss is one of weights: loss(W, X, y) returns its gradient by W."""
    return len(names) > 2 and all(
        re.fullmatch(p, n) for p, n in zip(("[Ww]|theta|weights", "[Xx]|data", "[yYt]"), names[:3], strict=True)
    )


def _loss_in(parts: tuple[Any, ...]) -> Any:
    """Return the number among the things that a loss returns."""
    numbers = [part for part in parts if (tensor := as_tensor(part)) is not None and tensor.numel() == 1]
    return numbers[0] if numbers else parts[0]


def values_for(function: Callable, size: tuple[int, ...], numpy: bool, form: str = PLAIN) -> dict[str, Any]:
    """Return values for what a forward function takes beside its input, by their names, in one of the usual forms."""
    m = size[1] if len(size) == 4 and form != CHANNELS_LAST else size[-1]
    letters = {"n": size[0], "m": m, "k": 2}
    found: dict[str, Any] = {}
    if not any(re.search("^(w|kernel|filters|theta)", name.lower()) for name in needed(function)[1:]):
        letters["k"] = m  # what is added to the input itself
    generator = torch.Generator().manual_seed(4)
    for name in needed(function)[1:]:
        plain = name.lower().replace("prev_", "").replace("_prev", "")
        if plain == "cache":  # averages of batches before
            found[name] = (0.0, 1.0)
            continue
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
        if re.search("slope|ratio|alpha|^p$|p_?drop|dropout|keep|prob|eps|momentum", plain):
            found[name] = 0.3
            continue
        shape = next(
            ([letters[c] for c in sizes] for pattern, sizes in SIZES.items() if re.search(pattern, plain)), [2]
        )
        if "embed" in function.__name__:
            shape = [5, 3]
        gates = 4 if "lstm" in function.__name__ else 2 if "gru" in function.__name__ and not plain.endswith("t") else 1
        if plain[0] in "wb" and not plain.startswith("beta"):
            shape = [*shape[:-1], gates * shape[-1]]  # the gates side by side
        if len(size) == 4 and plain.startswith("w"):
            shape = [3, 3, m, 2] if form == CHANNELS_LAST else [2, m, 3, 3]
        elif form == COLUMNS and plain[0] in "wb":
            shape = [2, m] if plain[0] == "w" else [2, 1]
        elif form in (CHANNELS, FILTERS) and shape in ([m], [2]):
            shape = [1, *shape, 1, 1] if form == CHANNELS else [*shape, 1]
        elif form == CHANNELS_LAST and shape in ([m], [2]):
            shape = [1, 1, 1, *shape]
        value = torch.randn(shape, generator=generator, dtype=torch.float64)
        found[name] = value.numpy() if numpy else value
    return found
