"""Optimisers that are written as functions: adam(w, dw, config) returns the new w, and what it wants to be given next time.

`called_with` finds what such a function is for: one parameter and its gradient, several with a gradient each, dictionaries or
lists of all, or gradients alone, of which it returns the change.
"""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import torch

from minidl.lab.doctor.subject.names import OPTIMIZER_NAME, RATES, is_gradient_of
from minidl.lab.doctor.subject.roles import parameters, role
from minidl.lab.doctor.subject.stepping import COUNT
from minidl.lab.doctor.subject.values import as_tensor, is_values

RATE = 0.1
SETTINGS = {r"^(momentum|mu|beta|beta_?1|rho|decay(_rate)?)$": 0.9, r"^beta_?2$": 0.999, r"^eps(ilon)?$": 1e-8}
OFF = re.compile(r"^(reg\w*|lambd?a?_?|l1|l2|weight_decay|wd|decay)$")
GRADIENT = re.compile(r"^(grad(ient)?s?|g)$")
GRADIENT_ALONE = re.compile(r"^(d|d_|grad_)(w|b|weights?|bias(es)?|gamma|beta|theta)(_?\d)?$", re.IGNORECASE)
PARAMETER = re.compile("^(var|params?|parameters?|w|weights?|theta|x|p)$")
PARAMETERS = re.compile("^(params|parameters|variables|vars|weights|trainable_\\w+|model_params)$")
GRADIENTS = re.compile("^(grads|gradients|d_?params|d_?weights|derivatives)$")
UPDATES_NAME = re.compile(
    r"^(update|apply|step)_?(all_?)?(the_?)?(params?|parameters|weights|grads|gradients|variables)|gradient_step",
    re.IGNORECASE,
)
EACH, APART, CHANGE = (
    "each",
    "apart",
    "change",
)  # one parameter at a time; all in arguments of their own; gradients alone
NUMBERED, NAMED, LISTS, NESTED = "numbered", "named", "lists", "nested"  # how all of them stand in one argument
SIZES = {"w": (3, 2), "b": (2,)}


class Arrays:
    """A weight and a bias with gradients: all that a function of parameter and gradient needs."""

    def __init__(self, *, numpy: bool, names: tuple[str, ...] = ("W", "b")) -> None:
        drawn = torch.Generator().manual_seed(6)
        sizes = {name: SIZES["b" if _is_bias(name) else "w"] for name in names}
        made = {name: torch.randn(shape, generator=drawn).double() for name, shape in sizes.items()}
        self.params: dict[str, Any] = {name: value.numpy() if numpy else value for name, value in made.items()}
        self.grads: dict[str, Any] = {name: 0 * value for name, value in self.params.items()}


class ArrayLayer:
    """The same as attributes of an object, as of a layer."""

    def __init__(self, *, numpy: bool) -> None:
        made = Arrays(numpy=numpy)
        self.weights, self.bias = made.params.values()
        self.dweights, self.dbias = made.grads.values()


class State(dict):
    """What an optimiser keeps in a dictionary that it expects to be filled: settings, and zeros of a parameter's shape."""

    def __init__(self, params: dict[str, Any], words: list[str], rate: float) -> None:
        super().__init__({word: value for word in words if (value := _setting(word, rate)) is not None})
        self.params, self.rate = params, rate

    def __missing__(self, key: Any) -> Any:
        setting = _setting(str(key), self.rate)
        if setting is None:
            names = list(self.params)
            low = str(key).lower()
            fits = [name for name in names if low.endswith(name.lower())]
            place = names.index(fits[-1]) if fits else key if isinstance(key, int) and key < len(names) else 0
            setting = 1 if COUNT.fullmatch(low) else 0 * self.params[names[place]]
        self[key] = setting
        return setting


class StepFunction:
    """A function that makes a step, as an optimiser; what it returns beside the parameters is given to it the next time.

    ``form`` is how it is given parameters and gradients, ``state`` what it is given to begin with where it wants to remember:
    "zeros" or a "dictionary".
    """

    def __init__(self, found: StepFunctionFound, form: str, state: str) -> None:
        self._found, self._form, self._begin, self.learning_rate = found, form, state, RATE
        self._settings: dict[str, float] = {}
        self._names = [p.name for p in parameters(found.function) if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        self._optional = {p.name for p in parameters(found.function) if p.default is not p.empty}
        self._kept: dict[str, dict[str, Any]] = {}
        counts = (
            [] if {"get", "setdefault"} & set(found.function.__code__.co_names) else found.words
        )  # else it begins itself
        self.told_its_count = any(
            COUNT.fullmatch(word.lower()) for word in (*self._names, *counts)
        )  # and may count from 0
        for name in (*self._names, *found.words):
            value = next((v for pattern, v in SETTINGS.items() if re.search(pattern, name.lower())), None)
            if value is not None and name not in found.params:
                self._settings[name] = value
                setattr(self, name, value)  # by that it is read

    @property
    def is_plain(self) -> bool:
        """Whether it is given a learning rate and nothing else, so that a step can only be plain descent."""
        others = [n for n in self._names if n not in (*self._found.params, *self._found.grads)]
        return (
            bool(others)
            and all(role(name) == "rate" for name in others)
            and not OPTIMIZER_NAME.search(self._found.__name__)
        )

    def step(self, model: Any) -> None:
        """Make a step of all parameters."""
        for names in [[name] for name in model.params] if self._form == EACH else [list(model.params)]:
            kept = self._kept.setdefault(" ".join(names), {})
            kept["count"] = kept.get("count", 0) + 1
            self._step(model, names, kept)

    def _step(self, model: Any, names: list[str], kept: dict[str, Any]) -> None:
        mine = {name: model.params[name] for name in names}
        grads = {name: model.grads[name] for name in names}
        values = dict(zip(self._found.params, self._laid(mine, ""), strict=True)) if self._found.params else {}
        values |= zip(self._found.grads, self._laid(grads, "d"), strict=True)
        states = []
        for name in self._names:
            if name in values:
                continue
            value, is_state = self._value(name, kept, mine)
            states += [name] * is_state
            if name in self._optional and value is None:
                continue
            values[name] = value
        answer = self._found.function(**values)
        rest = self._take(model, mine, answer, [values[name] for name in self._found.params])
        for name, value in zip(states, [value for value in rest if not isinstance(value, str)], strict=False):
            kept[name] = value

    def _laid(self, values: dict[str, Any], before: str) -> list[Any]:
        """Return values in the arguments that are for them, gradients with a letter ``before`` their names."""
        if self._form == LISTS:
            return [list(values.values())]
        if self._form == NESTED:
            return [[list(values.values())]]
        if self._form == NUMBERED:
            low = "dw" in " ".join(self._found.words)
            return [{f"{before}{name.lower() if low else name}1": value for name, value in values.items()}]
        if self._form == NAMED:
            same_keys = not any(word[:2].lower() in ("dw", "db") for word in self._found.words)
            return [{name if same_keys else f"{before}{name}": value for name, value in values.items()}]
        listed = self._form == EACH and self._found.listed
        return [[value] for value in values.values()] if listed else list(values.values())

    def _value(self, name: str, kept: dict[str, Any], mine: dict[str, Any]) -> tuple[Any, bool]:
        """Return what an argument is given, and whether that is something to remember."""
        if role(name) == "rate":
            rate = getattr(self, "learning_rate", None)
            return (rate, False) if rate is not None or name in self._optional else (RATE, False)
        if COUNT.fullmatch(name.lower()):
            return kept["count"], False
        if name in kept:
            return kept[name], True
        if name in self._settings:
            return self._settings[name], False
        if OFF.match(name.lower()) and name not in self._optional:
            return 0.0, False
        in_words = name in ("config", "state", "optimizer_state")
        if name in self._optional and not in_words:
            return None, True
        if self._begin == "dictionary" or in_words:
            params = dict(zip(self._keys(mine), mine.values(), strict=True))
            rate = getattr(self, "learning_rate", RATE)
            words = ("learning_rate", *self._found.words)
            begun = {w: v for w in words if (v := _setting(w, rate)) is not None}  # it fills in the rest itself
            kept[name] = begun if name in self._optional else State(params, self._found.words, rate)
            return kept[name], True
        zeros = [0 * value for value in mine.values()]
        if self._form in (APART, CHANGE):
            ends = [key for key in mine if name.lower().endswith(key.lower()) or name.lower().endswith(key[0].lower())]
            return 0 * mine[(ends or list(mine))[0]], True
        return zeros[0] if self._form == EACH else self._laid(dict(zip(mine, zeros, strict=True)), "d")[0], True

    def _keys(self, mine: dict[str, Any]) -> list[str]:
        return [f"{name}1" for name in mine] if self._form == NUMBERED else list(mine)

    def _take(self, model: Any, mine: dict[str, Any], answer: Any, given: list[Any]) -> list[Any]:
        """Write new parameters into the model: those returned, or those put in place of others; return what else there is."""
        parts = list(answer) if isinstance(answer, tuple) else [answer]
        if isinstance(answer, list) and self._form in (EACH, APART, CHANGE) and len(answer) == len(mine):
            parts = answer
        if self._form in (NUMBERED, NAMED, LISTS, NESTED):
            parts[0] = parts[0] if _fits(parts[0], mine) else given[0]
            new, rest = list(_flat(parts[0])), parts[1:]
        else:
            if self._form == EACH and self._found.listed and isinstance(parts[0], list):
                parts = [*parts[0], *parts[1:]]
            new, rest = parts[: len(mine)], parts[len(mine) :]
            if not all(is_values(value) for value in new):
                new, rest = list(given), parts if answer is not None else []
            if self._form == EACH and self._found.listed and isinstance(new[0], list):
                new = new[0]
        left = list(mine)
        for value in new:
            shape = tuple(getattr(value, "shape", ()))
            name = next((n for n in left if tuple(mine[n].shape) == shape), None)
            if name is None:
                continue
            left.remove(name)
            if self._form == CHANGE:
                rate = 1 if any(role(n) == "rate" for n in self._names) else self.learning_rate
                value = mine[name] - rate * value
            model.params[name] = value
        return rest


class StepMethod(StepFunction):
    """The same of a method: what is remembered, and the rate, may be the object's own."""

    def __init__(self, found: StepFunctionFound, form: str, state: str) -> None:
        super().__init__(found, form, state)
        own = {n: v for n, v in vars(self._owner).items() if isinstance(v, (int, float))}
        if not any(role(name) == "rate" for name in self._names):
            vars(self).pop("learning_rate")
            vars(self).update(own)

    @property
    def _owner(self) -> Any:
        return self._found.function.__self__

    def step(self, model: Any) -> None:
        """Make a step of all parameters, with the rate that is asked for here."""
        for name, value in vars(self).items():
            if name in RATES and name in vars(self._owner):
                setattr(self._owner, name, value)
        super().step(model)


class StepFunctionFound:
    """A function of a module that makes a step.

    Attributes
    ----------
    params, grads : list of str
        The arguments that are parameters and their gradients; no parameters where it returns the change.
    words : list of str
        The strings in its text, which may be keys of what it is given.
    """

    def __init__(
        self, function: Callable, params: list[str], grads: list[str], kind: type = StepFunction, name: str = ""
    ) -> None:
        self.function, self.params, self.grads, self.kind = function, params, grads, kind
        self.__name__, self.home = name or function.__name__, function.__module__
        self.words = list(_strings(function.__code__))

    @property
    def listed(self) -> bool:
        """Whether one parameter is given in a list of one."""
        several = re.match("params|parameters|weights_list", self.params[0]) if self.params else None
        return several is not None and self.grads[0].endswith("s")

    @property
    def fills_in_itself(self) -> bool:
        """Whether it can do without a configuration, so that no key of that is a matter of what it is given."""
        return any(p.name == "config" and p.default is None for p in parameters(self.function))

    def ways(self) -> Iterator[tuple[str, Any, Any]]:
        """Yield in words how it is called, an optimiser, and a model."""
        for form in self._forms():
            names = (
                tuple(self.params)
                if form == APART
                else tuple(map(_parameter_of, self.grads))
                if form == CHANGE
                else None
            )
            for numpy in (True, False):
                for state in ("zeros", "dictionary"):
                    kind = type(self.__name__, (self.kind,), {})
                    model = Arrays(numpy=numpy, names=names) if names else Arrays(numpy=numpy)
                    made = kind(self, form, state)
                    if _moves(made, model):
                        yield f"{'arrays' if numpy else 'tensors'}", made, model
        numpy = "torch" not in self.function.__globals__
        names = (
            tuple(self.params)
            if len(self.params) > 1
            else tuple(map(_parameter_of, self.grads[:2]))
            if not self.params
            else None
        )
        if self.kind is not StepFunction:
            return
        model = Arrays(numpy=numpy, names=names) if names else Arrays(numpy=numpy)
        made = type(self.__name__, (self.kind,), {})(self, self._forms()[0], "zeros")
        yield "arrays" if numpy else "tensors", made, model

    def _forms(self) -> list[str]:
        if not self.params:
            return [CHANGE]
        if len(self.params) > 1:
            return [APART]
        if not PARAMETERS.match(self.params[0].lower()):
            return [EACH, LISTS, NESTED]
        keys = any(re.fullmatch("d?[wW]|d?[bB]", word) for word in self.words)
        keyed = [NUMBERED, NAMED]
        lists = (
            [LISTS, EACH, NESTED] if self.listed or not re.match("weights", self.params[0]) else [EACH, LISTS, NESTED]
        )
        return keyed + lists if keys else lists + keyed[::-1]


def step_functions(module: Any) -> list[StepFunctionFound]:
    """Find the functions of a module that make a step of parameters, by their names and those of their arguments."""
    found = []
    for name, function in vars(module).items():
        if not inspect.isfunction(function) or function.__module__ != module.__name__ or function.__name__ != name:
            continue
        by_name = OPTIMIZER_NAME.search(name) is not None
        if by_name or UPDATES_NAME.search(name):
            made = called_with([p.name for p in parameters(function)], by_name)
            if made is not None:
                found.append(StepFunctionFound(function, *made))
    return found


def called_with(names: list[str], by_name: bool) -> tuple[list[str], list[str]] | None:
    """Return which arguments are parameters and which gradients; ``by_name``: whether it is called as optimisers are."""
    pairs = [(p, g) for g in names for p in names if is_gradient_of(g, p) and not is_gradient_of(p, g)]
    if len(pairs) > 1 and len({p for p, _ in pairs}) == len({g for _, g in pairs}) == len(pairs):
        return [p for p, _ in pairs], [g for _, g in pairs]
    grads = [
        g for g in names if GRADIENT.match(g) or GRADIENTS.match(g.lower()) or any(is_gradient_of(g, p) for p in names)
    ]
    if len(grads) == 1:
        params = [p for p in names if is_gradient_of(grads[0], p)]
        params += [p for p in names if PARAMETER.match(p.lower()) or PARAMETERS.match(p.lower())]
        return ([params[0]], grads) if params else None
    alone = [g for g in names if GRADIENT_ALONE.match(g)]
    if by_name and alone and not pairs and not any(PARAMETER.match(name.lower()) for name in names):
        return [], alone
    return None


def _moves(optimizer: StepFunction, model: Arrays) -> bool:
    """Whether a step of a copy runs and moves something."""
    mine = copy.deepcopy(model)
    for name, value in mine.params.items():
        mine.grads[name] = 0 * value + 1
    before = {name: as_tensor(value).clone() for name, value in mine.params.items()}
    try:
        copy.deepcopy(optimizer).step(mine)
        after = {name: as_tensor(value) for name, value in mine.params.items()}
        return all(v is not None and v.shape == before[n].shape and not v.equal(before[n]) for n, v in after.items())
    except Exception:
        return False


def _fits(value: Any, mine: dict[str, Any]) -> bool:
    return isinstance(value, (dict, list)) and len(list(_flat(value))) == len(mine)


def _flat(value: Any) -> Iterator[Any]:
    """Yield the arrays in a dictionary, a list, or lists in a list."""
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, (list, tuple)) and not (isinstance(value, list) and value and isinstance(value[0], float)):
        for inner in value:
            yield from _flat(inner)
    else:
        yield value


def _strings(code: Any) -> Iterator[str]:
    """Yield the strings in a function's code, those in tuples too; not its docstring."""
    for value in code.co_consts:
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, str) and item.replace("_", "").isalnum():
                yield item


def _setting(word: str, rate: float) -> float | None:
    """Return a value for a setting of this name, None where it is none."""
    if role(word) == "rate":
        return rate
    value = next((v for pattern, v in SETTINGS.items() if re.search(pattern, word.lower())), None)
    return 0.0 if value is None and OFF.match(word.lower()) else value


def _is_bias(name: str) -> bool:
    return re.match(r"b(_?\d|ias|$)|beta", name.lower()) is not None


def _parameter_of(grad: str) -> str:
    """Return what a parameter is called, by the name of its gradient."""
    return re.sub("^(d_?|grad_)", "", grad)
