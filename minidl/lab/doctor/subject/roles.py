"""What the arguments of a student's methods are for, as far as their names tell."""

from __future__ import annotations

import dis
import functools
import inspect
import itertools
import re
from typing import Any

from minidl.lab.doctor.subject.names import (
    BACKWARD_METHODS,
    FORWARD_METHODS,
    LOSS_GRADIENT_METHODS,
    LOSS_METHODS,
    OPTIMIZER_NAME,
    STEP_METHODS,
    attribute,
    first_method,
    fitting,
)
from minidl.lab.doctor.subject.stubs import is_stub

ROLES = {  # in lower case without underscores; the first that fits
    "cache": r"^(cached?|caches|ctx|context|memory|saved|tape|store|intermediates?)$",
    "rate": r"^(lr|learningrate|learnrate|eta|alpha|rate|stepsize|tasa|lrate)$",
    "flag": r"train|^mode$|^predict$|^test|^eval|entrenando|inference|^phase$|^verbose$|^save",
    "target": r"target|label|true|actual|expected|truth|desired|onehot|^(t|gt|tgt|truth|correct|real|yreal)$",
    "grad": r"grad|upstream|delta|err(or)?s?$|^err|^(g|dout|d(y|z|a|h|x|l|o|v|s)|dvalues?|dnext|dlosst?)$|^d(l|loss|j)d?",
}
PREDICTION = r"pred|^out|hat$|logit|score|prob|input|estimate|^(x|a|p|xs|yh|inp|inpt|activations?)$"
PARAMETER = (
    r"^(w\d?|b\d?|weights?|bias(es)?|gamma|beta|(recurrent_)?kernel|filters|wx|wh|stride|pad(ding)?)$|param|config"
)
OF_TWO_NAME = re.compile(
    "^(add|sub|mul|div|matmul)", re.IGNORECASE
)  # of arithmetic, whose second input may be called y
LOSS_NAME = re.compile(
    r"loss|mse|mae|bce|nll|entropy|criterion|(?<!back)error|(^|_)cost|perdida|quadratic|mean_?squared|_regression",
    re.IGNORECASE,
)


def parameters(function: Any) -> list[inspect.Parameter]:
    """Return the parameters of a function or a class; none where Python does not know them."""
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return []


def positional(function: Any, *, bound: bool = True) -> list[inspect.Parameter]:
    """Return the parameters that can be given without their names; of a function in a class without the first one."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    found = [p for p in parameters(function) if p.kind in kinds]
    return found if bound else found[1:]


def needed(function: Any, *, bound: bool = True) -> list[str]:
    """Return the names of the parameters that have to be given."""
    return [p.name for p in positional(function, bound=bound) if p.default is p.empty]


def role(name: str) -> str:
    """Return what an argument of this name is for: "grad", "cache", "rate", "flag", "target", or "input" for all others."""
    plain = name.lower().replace("_", "")
    if re.match(r"d_?[A-Z]\w*$", name):  # dA, dZ, dValues, d_Out
        return "grad"
    if plain in ("ytrain", "ytest", "ybatch", "yval", "trainy", "testy"):
        return "target"
    return next((what for what, pattern in ROLES.items() if re.search(pattern, plain)), "input")


def target_first(names: list[str]) -> bool:
    """Whether the first of two arguments is the target, by their names: (y_true, y_pred), (y, y_hat)."""
    return len(names) > 1 and _weight(names[0]) > _weight(names[1])


def order_is_clear(names: list[str]) -> bool:
    """Whether the names of two arguments leave no doubt which is the target."""
    return len(names) > 1 and abs(_weight(names[0]) - _weight(names[1])) >= 2


def _weight(name: str) -> int:
    """Return how much a name speaks for a target, and not for a prediction."""
    plain = name.lower().replace("_", "")
    if re.search(PREDICTION, plain) or role(name) == "grad":
        return -2
    return 2 if role(name) == "target" else 1 if plain in ("y", "ys", "classes") else 0


@functools.lru_cache(maxsize=1000)
def kind(cls: type) -> str | None:
    """Return what a class is, "layer", "loss" or "optimizer", by its methods, their arguments and its name; None for others."""
    forward = _own_method(cls, FORWARD_METHODS)
    steps = first_method(cls, STEP_METHODS)
    if forward and steps and OPTIMIZER_NAME.search(cls.__name__) and is_stub(getattr(cls, forward)):
        return "optimizer"  # that is a module by its base class alone
    loss, gradient = _own_method(cls, LOSS_METHODS), first_method(cls, LOSS_GRADIENT_METHODS)
    other = forward and is_stub(getattr(cls, forward)) and loss not in (None, forward) and gradient
    if other and LOSS_NAME.search(cls.__name__) and not is_stub(getattr(cls, gradient)):
        return "loss"  # that is a module by its base class alone
    if forward and first_method(cls, BACKWARD_METHODS):
        static = isinstance(inspect.getattr_static(cls, forward), staticmethod)
        given = needed(getattr(cls, forward), bound=static)
        open_ended = any(p.kind is p.VAR_POSITIONAL for p in parameters(getattr(cls, forward)))
        if LOSS_NAME.search(cls.__name__) and (len(given) >= 2 or open_ended):
            return "loss"
        if len(given) == 2 and OF_TWO_NAME.search(cls.__name__):
            return "layer"
        return "loss" if len(given) == 2 and _speaks_of_a_target(given) else "layer"
    if steps and not first_method(cls, BACKWARD_METHODS) and (OPTIMIZER_NAME.search(cls.__name__) or not forward):
        return "optimizer"
    if (
        loss
        and gradient
        and (LOSS_NAME.search(cls.__name__) or _speaks_of_a_target(needed(getattr(cls, loss), bound=False)))
    ):
        return "loss"
    if LOSS_NAME.search(cls.__name__) and (returns_both(cls) or is_fused(cls)):
        return "loss"
    return (
        "optimizer" if steps and not forward and OPTIMIZER_NAME.search(cls.__name__) else None
    )  # that calls backward too


def takes_its_parameters(cls: type) -> bool:
    """Whether the forward of a layer is given its parameters beside the input: forward(x, w, b), forward(x, bn_param)."""
    forward = _own_method(cls, FORWARD_METHODS)
    names = needed(getattr(cls, forward), bound=isinstance(inspect.getattr_static(cls, forward), staticmethod))[1:]
    return bool(names) and all(re.search(PARAMETER, name.lower()) for name in names)


def returns_both(cls: type) -> bool:
    """Whether a loss has one method alone, which returns the number and its gradient."""
    name = _own_method(cls, LOSS_METHODS)
    if name is None or first_method(cls, LOSS_GRADIENT_METHODS):
        return False
    method = getattr(cls, name)
    return len(needed(method, bound=False)) == 2 and ends_with_two(method)


def ends_with_two(method: Any) -> bool:
    """Whether what a method returns are two things."""
    code = [i for i in dis.get_instructions(method) if i.opname != "NOP"] if hasattr(method, "__code__") else []
    return any(
        a.opname == "BUILD_TUPLE" and a.arg == 2 and b.opname == "RETURN_VALUE" for a, b in itertools.pairwise(code)
    )


def is_fused(cls: type) -> bool:
    """Whether a loss is the gradient of a cross-entropy behind a softmax alone: backward(probabilities, target)."""
    backward = first_method(cls, BACKWARD_METHODS)
    if backward is None or _own_method(cls, (*FORWARD_METHODS, *LOSS_METHODS)) is not None:
        return False
    name = cls.__name__.lower()
    return "softmax" in name and len(needed(getattr(cls, backward), bound=False)) == 2


def _own_method(cls: type, names: tuple[str, ...]) -> str | None:
    """Return the first of these names that is a method of a class's objects (every class can itself be called)."""
    own = {name for kind in cls.__mro__[:-1] for name, value in vars(kind).items() if _is_method(value)}
    found = [name for name in names if name in own] or [name for name in fitting(cls, names) if name in own]
    written = (name for name in found if name != "__call__" and not is_stub(getattr(cls, name)))
    return next(written, None) or next(iter(found), None)


def _is_method(value: Any) -> bool:
    return callable(value) or isinstance(value, staticmethod)


def _speaks_of_a_target(names: list[str]) -> bool:
    plain = [name.lower().replace("_", "") for name in names]
    return (
        any(role(name) == "target" for name in names)
        or ("y" in plain[1:] and (re.search(PREDICTION, plain[0]) is not None))
        or (plain[:1] == ["y"] and len(plain) > 1 and re.search(PREDICTION, plain[1]) is not None)
    )


def takes_probabilities(loss: Any) -> bool:
    """Whether a loss takes the logarithm of its input as it is: it uses log, and nothing that makes probabilities."""
    names: set[str] = set()
    own = [value for kind in type(loss).__mro__[:-1] for name, value in vars(kind).items() if name != "__init__"]
    for method in [loss, *own]:
        code = getattr(method, "__code__", None)
        names |= set(code.co_names) if code else set()
    if isinstance(functions := attribute(loss, "functions"), tuple):
        names |= set(functions[0].__code__.co_names) if hasattr(functions[0], "__code__") else set()
    makes = any(re.search("^exp_?$|softmax|sigmoid|softplus|logsumexp", name, re.IGNORECASE) for name in names)
    return bool(names & {"log", "log2", "log_", "clip", "clamp"}) and not makes
