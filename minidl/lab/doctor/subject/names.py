"""What students call things: forward and backward, the methods that list and zero, parameters and their gradients."""

from __future__ import annotations

import functools
import re
from typing import Any

from minidl.lab.doctor.subject.stubs import is_stub


class Names(tuple):
    """Names of methods, the likelier first; where a class has none of them, one that fits a pattern is meant."""

    pattern: re.Pattern

    @classmethod
    def of(cls, names: tuple[str, ...], *patterns: str) -> Names:
        """Return names, with patterns for what is called otherwise: of names in lower case without underscores."""
        made = cls(names)
        made.pattern = re.compile("|".join(f"(?:{pattern})" for pattern in patterns))
        return made

    def without_call(self) -> Names:
        """Return the same without the method that every class has."""
        return Names.of(tuple(name for name in self if name != "__call__"), self.pattern.pattern)


ASKS = "(?:compute|calc|calculate|do|run|eval|evaluate|get|propagate|process)?"
SLOPE = (
    "(?:grads?|gradients?|derivatives?|deriv|derive|derivate|derivada|derivee|diff|differential|differentiate|prime)"
)
FORWARD_METHODS = Names.of(
    (
        "forward",
        "forward_pass",
        "forward_propagation",
        "forward_prop",
        "fprop",
        "feed_forward",
        "forward_propagate",
        "function",
        "f",
        "__call__",
    ),
    ASKS
    + r"(?:forwards?|fwd|fprop|feedforwards?|propagation|outputs?|activations?)(?:pass|prop|propagat(?:ion|e)|step|value|x)?",
    "propagate|activate|activation|calculate|compute|calc|call|apply|evaluate|transform|func|fn|funct|funcion|value|fire",
)
BACKWARD_METHODS = Names.of(
    (
        "backward",
        "backward_pass",
        "backward_propagation",
        "backprop",
        "back_prop",
        "bprop",
        "backpropagate",
        "back_propagate",
        "backward_propagate",
        "compute_gradients",
        "derivative",  # of an activation, as all that follow
        "deriv",
        "gradient",
    ),
    ASKS + r"(?:back(?:ward|word|prop|pass|step|propag)\w*|back|bwd|bprop\w*)",
    ASKS + f"(?:input|local|inner|own|x)?(?:{SLOPE}|w?deltas?)(?:function|fn|func|f|inputs?|x|local|wrtinputs?)?",
    f"(?:f|fn|func|function|activation|activate|forward|call){SLOPE}",
    "d|df|dx|dy|dfdx|fd|fprime|dfunc|dfunction|dactivation|dactivate|dforward|updategradinput|inputgrad",
)
LOSS_METHODS = Names.of(
    (
        "forward",
        "loss",
        "calc_loss",
        "compute_loss",
        "loss_function",
        "forward_pass",
        "calculate",
        "compute",
        "call",
        "loss_value",
        "compute_cost",
        "cost",
        "error",
        "__call__",
    ),
    "(?:compute|calc|calculate|get|eval|evaluate)(?:the)?(?:loss|cost|error|value)?(?:function|value|fn)?",
    "(?:loss|cost|error|objective)(?:function|value|fn|func|f)?|function|func|fn|f|apply|value|run|score",
)
LOSS_GRADIENT_METHODS = Names.of(
    ("backward", "backward_pass", "backprop", "dloss", "calc_dloss", "loss_grad", "gradient", "grad", "derivative", "deriv",
     "prime", "delta", "loss_prime", "loss_gradient", "loss_derivative", "derivate", "compute_derivative", "compute_gradient",
     "calc_gradient", "get_gradient", "grad_loss"),
    f"(?:compute|calc|calculate|get|eval|evaluate)?(?:loss|cost|error|output|the|local)?(?:{SLOPE}|deltas?)"
    "(?:loss|function|fn|func|f|inputs?|output)?",
    r"(?:loss|cost|error|function|fn|f|func)(?:back\w*|deltas?)|back\w*|bwd|bprop|d|df|dfunction|dcost|derror|fprime",
)  # fmt: skip
STEP_METHODS = Names.of(("step", "update", "update_params", "update_parameters", "update_weights", "calculate_update",
                "apply_gradients", "optimize", "actualizar", "update_param", "apply", "update_weight", "step_layer",
                "optimise", "update_layer"),
    "(?:apply|compute|calc|calculate|get|make|do|run|perform|take)?(?:a|the|one)?(?:steps?|updates?|grads?|gradients?|deltas?)"
    r"(?:params?|parameters?|weights?|variables?|values?|layers?)?|(?:update|step|adjust)\w*|minimi[sz]e|descend|optim(?:i[sz]e\w*)?|call"
)  # fmt: skip
OPTIMIZER_NAME = re.compile(r"sgd|adam|adagrad|rmsprop|momentum|optim|descent|nesterov|adadelta", re.IGNORECASE)
RATES = ("lr", "learning_rate", "eta", "alpha", "step_size", "optz_rate", "rate", "_lr", "_learning_rate",
         "learn_rate", "learningRate", "l_rate", "lrate", "_eta", "_alpha", "LR")  # fmt: skip
PAIR_METHODS = ("param", "params", "parameters", "get_params", "get_parameters", "params_and_grads", "params_grads",
                "parameters_and_gradients", "get_params_and_grads", "get_parameters_and_gradients")  # fmt: skip
OUTPUT_NAMES = ("output", "outputs", "out", "Output", "value")  # where forward leaves what it does not return
INPUT_GRADIENT_NAME = re.compile(
    r"^(d_?(l_?d)?inputs?|dinp|dvalues|input_?(error|grad|gradient|delta)|grad_?inputs?)$", re.IGNORECASE
)
CACHED_NAME = re.compile(r"^_*(inputs?|inp|outputs?|out)$")  # what is kept from forward, and is no parameter
ZERO_METHODS = ("zero_grad", "zero_grads", "zero_gradient", "zero_gradients", "reset_grad", "reset_grads")
GRADIENT_METHODS = ("grad", "grads", "gradients", "get_grads", "get_gradients")
GRADIENT_PREFIXES = ("gradient_", "gradient", "grads_", "grad_", "grads", "grad", "dloss_d", "dl_d", "dld", "d_", "d",
                     "delta_", "delta", "nabla_", "g_", "g")  # fmt: skip
GRADIENT_SUFFIXES = ("_gradient", "_gradients", "_grads", "_grad", "gradient", "grad", "_d")
ALIASES = {"w": "weight", "weights": "weight", "b": "bias", "biases": "bias", "biais": "bias"}
BOTH_WAYS = (
    re.compile("forward.*|fprop|feedforward|propagate"),
    re.compile("back(?:ward|prop).*|bprop|computegradients?"),
)
OF_PARAMETERS = re.compile(  # methods beside backward, which make the gradients of the parameters
    r"(?:backward|compute|calc|calculate|update|accumulate|acc|get)*(?:update|acc)?(?:grad|grads|gradients?)"
    r"(?:of|wrt)?(?:param|params|parameters|parameter|weights?|w)?"
    r"|(?:backward|compute|calc|calculate|update)(?:param|params|parameters|weights?|w)(?:grad|grads|gradients?)"
)


def first_method(thing: Any, names: tuple[str, ...]) -> str | None:
    """Return the first of these names that is a method of a thing, one that does something before one that is to be written."""
    found = [name for name in names if callable(attribute(thing, name))]
    if not set(found) - {"__call__"} and not ("__call__" in found and "__call__" in _methods(_class(thing))):
        found = [*fitting(thing, names), *found]
    written = (name for name in found if name != "__call__" and not is_stub(attribute(thing, name)))
    return next(written, None) or next(iter(found), None)


def fitting(thing: Any, names: tuple[str, ...]) -> list[str]:
    """Return the methods of a class, or of an object's, that have other names but fit the pattern, and take something."""
    steps = names is STEP_METHODS
    if not isinstance(names, Names) or (OPTIMIZER_NAME.search(_class(thing).__name__) is not None) != steps:
        return []
    found = [name for name in _methods(_class(thing)) if names.pattern.fullmatch(plain(name))]
    return sorted(found, key=lambda name: OF_PARAMETERS.fullmatch(plain(name)) is not None)


@functools.lru_cache(maxsize=1000)
def goes_both_ways(cls: type) -> bool:
    """Whether a class has methods that go forward and back, whatever they are called."""
    if cls.__module__.partition(".")[0] in ("torch", "numpy", "builtins"):
        return False
    names = [plain(name) for name in _methods(cls)]
    return all(any(pattern.fullmatch(name) for name in names) for pattern in BOTH_WAYS)


def beside_backward(thing: Any, backward: str) -> list[str]:
    """Return the methods that make the gradients of the parameters, where backward returns that of the input alone."""
    found = [n for n in _methods(_class(thing)) if n != backward and OF_PARAMETERS.fullmatch(plain(n))]
    return [name for name in found if not is_stub(attribute(thing, name))]


def plain(name: str) -> str:
    """Return a name in lower case without underscores."""
    return name.lower().replace("_", "")


def _class(thing: Any) -> type:
    return thing if isinstance(thing, type) else type(thing)


@functools.lru_cache(maxsize=1000)
def _methods(cls: type) -> list[str]:
    """Return the methods that a student's class has, with something to be given; those first that do something."""
    own: dict[str, Any] = {}
    for kind in reversed(cls.__mro__[:-1]):
        if kind.__module__.partition(".")[0] not in ("torch", "minidl", "abc"):
            own |= vars(kind)
    found = []
    for name, value in own.items():
        static = isinstance(value, staticmethod)
        code = getattr(value.__func__ if static else value, "__code__", None)
        if code is not None and code.co_argcount - (not static) > 0 and not re.fullmatch("__(?!call).*__", name):
            found.append(name)
    return sorted(found, key=lambda name: is_stub(own[name]))


def attribute(thing: Any, name: str, default: Any = None) -> Any:
    """Return an attribute; the default where there is none, or where a student's ``__getattr__`` goes wrong."""
    try:
        return getattr(thing, name, default)
    except Exception:
        return default


def canonical(name: str) -> str:
    """Return a parameter's name in its usual spelling: weight for W."""
    name = name.lower().strip("_")
    return ALIASES.get(name, name)


def is_gradient_of(name: str, param: str) -> bool:
    """Whether a name is what students call the gradient of a parameter: grad_weight, weight_grad, dw or dl_dw."""
    if name == param:
        return False
    low = name.lower().lstrip("_")
    stems = [low[len(p) :] for p in GRADIENT_PREFIXES if low.startswith(p)]
    stems += [low[: -len(s)] for s in GRADIENT_SUFFIXES if low.endswith(s)]
    return canonical(param) in {canonical(stem) for stem in stems if stem}


def is_the_gradient_of(name: str, param: str) -> bool:
    """Whether two names mean all parameters, in one array, and their gradient: _parameters and _gradient."""
    low = name.lower().strip("_")
    return low in ("grad", "grads", "gradient", "gradients") and canonical(param) in (
        "parameters",
        "parameter",
        "params",
    )


def is_gradient_name(name: str) -> bool:
    """Whether a name says that this is a gradient, or several."""
    low = name.lower().strip("_")
    return "grad" in low or low.startswith(("dparam", "d_param", "dweight", "deriv"))
