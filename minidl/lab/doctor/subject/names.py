"""What students call things: forward and backward, the methods that list and zero, parameters and their gradients."""

from __future__ import annotations

import re
from typing import Any

from minidl.lab.doctor.subject.stubs import is_stub

FORWARD_METHODS = (
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
)
BACKWARD_METHODS = (
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
)
LOSS_METHODS = (
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
)
LOSS_GRADIENT_METHODS = ("backward", "backward_pass", "backprop", "dloss", "calc_dloss", "loss_grad", "gradient", "grad",
                         "derivative", "deriv", "prime", "delta", "loss_prime", "loss_gradient", "loss_derivative",
                         "derivate", "compute_derivative", "compute_gradient", "calc_gradient", "get_gradient",
                         "grad_loss")  # fmt: skip
STEP_METHODS = ("step", "update", "update_params", "update_parameters", "update_weights", "calculate_update",
                "apply_gradients", "optimize", "actualizar", "update_param", "apply", "update_weight", "step_layer",
                "optimise", "update_layer")  # fmt: skip
OPTIMIZER_NAME = re.compile(r"sgd|adam|adagrad|rmsprop|momentum|optim|descent|nesterov|adadelta", re.IGNORECASE)
RATES = ("lr", "learning_rate", "eta", "alpha", "step_size", "optz_rate", "rate", "_lr")
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
ALIASES = {"w": "weight", "weights": "weight", "b": "bias", "biases": "bias"}


def first_method(thing: Any, names: tuple[str, ...]) -> str | None:
    """Return the first of these names that is a method of a thing, one that does something before one that is to be written."""
    found = [name for name in names if callable(attribute(thing, name))]
    written = (name for name in found if name != "__call__" and not is_stub(attribute(thing, name)))
    return next(written, None) or next(iter(found), None)


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


def is_gradient_name(name: str) -> bool:
    """Whether a name says that this is a gradient, or several."""
    low = name.lower().strip("_")
    return "grad" in low or low.startswith(("dparam", "d_param", "dweight", "deriv"))
