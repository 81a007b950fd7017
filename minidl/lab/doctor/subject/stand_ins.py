"""A network that stands in for one of the project's own where that cannot be built: an optimiser finds parameters in it.

Its layers have a weight and a bias under whatever name they are asked for, and lists or dictionaries of both. What it cannot
know, whether something was added that is named in no usual way, is for those who use it to see: that every parameter moves.
"""

from __future__ import annotations

import re
from typing import Any

import torch

from minidl.lab.doctor.subject.names import canonical, is_gradient_of, plain

SIZES = {"W1": (3, 4), "b1": (4,), "W2": (4, 2), "b2": (2,)}
LAYERS = re.compile("_*(all|trainable)?(layers|modules|network|net|model|mods|nn|sequence|blocks)(list)?")
PARAMS = re.compile("_*(get)?(trainable|learnable)?(params|parameters|vars|variables)(list)?")
GRADS = re.compile(
    "_*(get)?((params?|parameters?)?(grads|gradients|grad|derivatives)(ofparams|list)?|grads?(params|parameters)|dparams)"
)
YES = re.compile("_*(is|has)?(trainable|learnable|params|parameters|weights|requiresgrad|training|train)")
WORDS = {"W": ("w", "weight", "weights", "kernel", "theta"), "b": ("b", "bias", "biases")}


class ListOf(list):
    """Arrays of a table, in a list that can be called as a method that returns it; what is put into it goes to the table."""

    def __init__(self, table: dict[str, Any], keys: list[str]) -> None:
        super().__init__(table[key] for key in keys)
        self.table, self.keys_ = table, keys

    def __call__(self, *_: Any) -> ListOf:
        return self

    def __setitem__(self, place: Any, value: Any) -> None:
        super().__setitem__(place, value)
        if isinstance(place, int):
            self.table[self.keys_[place]] = value

    def __reduce_ex__(self, _: Any) -> Any:
        return ListOf, (self.table, self.keys_)


class DictionaryOf(dict):
    """The same as a dictionary, by the names of one layer: W and b, or what else these may be called."""

    def __init__(self, table: dict[str, Any], keys: dict[str, str]) -> None:
        super().__init__({name: table[key] for name, key in keys.items()})
        self.table, self.keys_ = table, keys

    def __call__(self, *_: Any) -> Any:
        return list(self.values())

    def __missing__(self, name: Any) -> Any:
        which = of(str(name)) or of_gradient(str(name))
        if which is None:
            raise KeyError(name)
        return self[which]

    def __setitem__(self, name: Any, value: Any) -> None:
        which = name if name in self.keys_ else of(str(name)) or name
        super().__setitem__(which, value)
        if which in self.keys_:
            self.table[self.keys_[which]] = value

    def __reduce_ex__(self, _: Any) -> Any:
        return DictionaryOf, (self.table, self.keys_)


class StandInLayer:
    """A layer of the network."""

    def __init__(self, arrays: dict[str, Any], gradients: dict[str, Any], number: int, listed: bool) -> None:
        vars(self).update(_arrays=arrays, _gradients=gradients, _number=number, _listed=listed)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "_arrays" not in vars(self):
            raise AttributeError(name)
        short = plain(name)
        own = vars(self)
        if (which := of(name)) is not None:
            return own["_arrays"][f"{which}{own['_number']}"]
        for pattern, table in ((PARAMS, own["_arrays"]), (GRADS, own["_gradients"])):
            if pattern.fullmatch(short):
                keys = {letter: f"{letter}{own['_number']}" for letter in "Wb"}
                return ListOf(table, list(keys.values())) if own["_listed"] else DictionaryOf(table, keys)
        if (which := of_gradient(name)) is not None:
            return own["_gradients"][f"{which}{own['_number']}"]
        if YES.fullmatch(short):
            return True
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        own = vars(self)
        if (which := of(name)) is not None:
            own["_arrays"][f"{which}{own['_number']}"] = value
        else:
            own[name] = value


class StandIn:
    """The network itself: two layers."""

    def __init__(self, *, numpy: bool, listed: bool) -> None:
        drawn = torch.Generator().manual_seed(6)
        made = {name: torch.randn(shape, generator=drawn).double() for name, shape in SIZES.items()}
        self.arrays = {name: value.numpy() if numpy else value for name, value in made.items()}
        self.gradients = {name: 0 * value for name, value in self.arrays.items()}
        self._layers = [StandInLayer(self.arrays, self.gradients, number, listed) for number in (1, 2)]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "_layers" not in vars(self):
            raise AttributeError(name)
        short = plain(name)
        if LAYERS.fullmatch(short):
            return vars(self)["_layers"]
        if PARAMS.fullmatch(short):
            return ListOf(self.arrays, list(SIZES))
        if GRADS.fullmatch(short):
            return ListOf(self.gradients, list(SIZES))
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


def of(name: str) -> str | None:
    """Return which of the two a name means, W or b; None where neither."""
    low = canonical(name)
    return next((which for which, words in WORDS.items() if low in words), None)


def of_gradient(name: str) -> str | None:
    """Return the gradient of which of the two a name means."""
    return next((which for which, words in WORDS.items() if any(is_gradient_of(name, word) for word in words)), None)
