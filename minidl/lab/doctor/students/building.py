"""Building what a student's file holds, with arguments that fit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from minidl.lab.doctor.students.loading import classes, kind, parameters

SAMPLES, FEATURES, HIDDEN, OUTPUTS = 4, 3, 4, 2
UNIT = "(s|dims?|sizes?|features?|channels|units|nodes|neurons)?$"
ARGUMENTS = {  # a constructor's arguments, by their names in lower case without underscores
    rf"^(n|num|dim|d|fan|size)?(in|inputs?){UNIT}|^(n|num|normalized)?(features?|dims?|size|shape|m|d|width)$": FEATURES,
    rf"^(n|num|dim|d|fan|size)?(out|outputs?|hidden|units|neurons|nodes){UNIT}": OUTPUTS,
    "^(lr|learningrate|eta|stepsize|alpha|slope|negativeslope|gamma|scale|factor|weightdecay)$": 0.1,
    "^(momentum|mu|beta|rho|p|dropout|rate|prob|beta1)$": 0.5,
    "^beta2$": 0.999,
    "^(eps|epsilon)$": 1e-5,
    "^(use)?bias$": True,
}
LINEAR_NAME = re.compile("linear|dense|affine|connected", re.IGNORECASE)
BENT_NAME = re.compile("tanh|sigmoid|relu", re.IGNORECASE)


@dataclass(frozen=True)
class SpareLayers:
    """Classes to stand in where a student's file has no layers of its own. They have to be importable by their names.

    Attributes
    ----------
    linear : class
        Built with the numbers of features in and out.
    bent : class
        Built without arguments.
    container : class
        Built with layers.
    """

    linear: type
    bent: type
    container: type

    def network(self) -> Any:
        """Return a small network of them."""
        return self.container(self.linear(FEATURES, HIDDEN), self.bent(), self.linear(HIDDEN, OUTPUTS))


class CannotBuild(Exception):  # noqa: N818
    """There are constructor arguments that nobody here can guess."""


def build(cls: type, module: Any, spare: SpareLayers, model: Any = None) -> Any:
    """Build an object, its arguments guessed from their names; an optimiser's first one is ``model``.

    ``module`` is the file, ``spare`` has layers for a container in it.

    Raises
    ------
    CannotBuild
        With the reason, where that does not work.
    """
    arguments: list[Any] = [] if model is None else [model]
    names: dict[str, Any] = {}
    numbers = iter((FEATURES, OUTPUTS))  # for numbers without a telling name
    for parameter in parameters(cls)[len(arguments) :]:
        if parameter.kind is parameter.VAR_POSITIONAL:
            arguments += layers(module, cls, spare)
        elif parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD:
            value = _guess(parameter.name, module, cls, spare)
            value = next(numbers, None) if value is None else value
            if value is None:
                raise CannotBuild(f"{cls.__name__} needs the argument {parameter.name!r}")
            if parameter.kind is parameter.KEYWORD_ONLY:
                names[parameter.name] = value
            else:
                arguments.append(value)
    try:
        return cls(*arguments, **names)
    except Exception as error:
        given = [repr(a) if isinstance(a, (int, float)) else type(a).__name__ for a in (*arguments, *names.values())]
        raise CannotBuild(f"{cls.__name__}({', '.join(given)}) raises {type(error).__name__}: {error}") from error


def _guess(name: str, module: Any, cls: type, spare: SpareLayers) -> Any:
    name = name.lower().replace("_", "")
    if re.search("layers|modules", name):
        return layers(module, cls, spare)
    return next((value for pattern, value in ARGUMENTS.items() if re.search(pattern, name)), None)


def layers(module: Any, container: type, spare: SpareLayers) -> list[Any]:
    """Return three layers for a container: those of the same file where it has such, else spare ones."""
    linear, bent = spare.linear, spare.bent
    for cls in classes(module):
        needed = sum(p.default is p.empty for p in parameters(cls))
        if cls is not container and kind(cls) == "layer":
            linear = cls if needed == 2 and LINEAR_NAME.search(cls.__name__) else linear
            bent = cls if needed == 0 and BENT_NAME.search(cls.__name__) else bent
    return [linear(FEATURES, HIDDEN), bent(), linear(HIDDEN, OUTPUTS)]
