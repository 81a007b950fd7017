"""What students call things: forward and backward, the methods that list and zero, parameters and their gradients."""

from __future__ import annotations

from typing import Any

FORWARD_METHODS = ("forward", "__call__")
BACKWARD_METHODS = ("backward",)
LOSS_METHODS = ("forward", "loss", "__call__")
LOSS_GRADIENT_METHODS = ("backward", "dloss", "gradient", "grad", "derivative")
STEP_METHODS = ("step", "update")
PAIR_METHODS = ("param", "params", "parameters", "get_params", "get_parameters")
ZERO_METHODS = ("zero_grad", "zero_grads", "zero_gradient", "zero_gradients", "reset_grad", "reset_grads")
GRADIENT_METHODS = ("grad", "grads", "gradients", "get_grads", "get_gradients")
GRADIENT_PREFIXES = ("gradient_", "gradient", "grads_", "grad_", "grads", "grad", "dloss_d", "dl_d", "dld", "d_", "d",
                     "delta_", "delta", "nabla_", "g_", "g")  # fmt: skip
GRADIENT_SUFFIXES = ("_gradient", "_gradients", "_grads", "_grad", "gradient", "grad", "_d")
ALIASES = {"w": "weight", "weights": "weight", "b": "bias", "biases": "bias"}


def first_method(thing: Any, names: tuple[str, ...]) -> str | None:
    """Return the first of these names that is a method of a thing, or None."""
    return next((name for name in names if callable(_attribute(thing, name))), None)


def _attribute(thing: Any, name: str) -> Any:
    """Return an attribute; None where there is none, or where a student's ``__getattr__`` goes wrong."""
    try:
        return getattr(thing, name, None)
    except Exception:
        return None


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
