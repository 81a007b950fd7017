"""What a training loop asks for: which of its arguments is the model, which the loss, which the data."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from typing import Any

# What arguments are called, in the order in which it is tried
ROLES = {
    "validation loader": r"(val|test|dev|eval).*(loader|dl|batches)|(loader|dl)_?(val|test|dev)",
    "loader": r".*loader.*|.*_?dl|dataloader|batches|train_?iter|data_?iter",
    "validation pair": r"(val|valid|validation|test|dev|held_?out)(_?(set|data|ds|dataset|pair))?",
    "training pair": r"(train|training|trn)(_?(set|data|ds|dataset|pair))?|dataset|pairs?|xy",
    "validation inputs": r"(x|xs|inputs?|data|features|images)_?(val|valid|validation|test|te|dev|v)|"
    r"(val|valid|validation|test|dev|held)_?(x|xs|inputs?|features|images)",
    "validation targets": r"(y|ys|t|ts|targets?|labels?)_?(val|valid|validation|test|te|dev|v)|"
    r"(val|valid|validation|test|dev|held)_?(y|ys|t|ts|targets?|labels?)",
    "model": r"(the_?)?(model|net|network|mlp|module|nn|classifier|neural_?net(work)?)\d?",
    "loss": r"(loss|criterion|cost|objective|mse|crit)(_?(fn|func|function|f|module|layer|criterion))?|l",
    "optimizer": r"optimi[sz]er?|optim|opt|sgd|solver|updater|adam",
    "scheduler": r".*sched.*",
    "inputs": r"x|xs|xb|x_?(batch|train|trn|tr|all|data)|(train(ing)?|trn|batch)_?(x|xs|inputs?|data|features|images)|"
    r"inputs?|data|features|samples|images|input_?data",
    "targets": r"t|ts|y|ys|yb|[ty]_?(batch|train|trn|tr|all|true|data)|(train(ing)?|trn|batch)_?(y|t|ts|ys|targets?|labels?)|"
    r"targets?|labels?|truth",
    "epochs": r"(n|num|nb|max|number_of)?_?(epochs?|iters?|iterations?)|((n|num|nb|max)_?)?steps|epoch_?(count|s)",
    "batch size": r"(mini_?)?batch(_?size)?|bs|b|mb(_?size)?|size|nb|mini_batch",
    "rate": r"lr|eta|learning_?rate|rate|step_?size|alpha",
    "device": r"device|dev",
    "generator": r"gen(erator)?|rng|g",
    "number": r"seed|patience|accum.*|every|k|.*_every|.*_steps|.*interval",
    "switch": r"verbose|progress|plot|quiet|debug|log|shuffle|silent",
}
EXPECTED = (
    "a function train(model, loss, optimizer, X, T, epochs, batch_size), step(model, loss, optimizer, X, T), or one with "
    "loaders in place of X and T"
)


def roles_of(function: Callable[..., Any]) -> dict[str, str]:
    """Return which argument of a loop is what: names of arguments by role. Those with a default that nobody knows are left out.

    Raises
    ------
    TypeError
        For something that is no function, or one with an argument that says nothing.
    """
    if not callable(function) or isinstance(function, type):
        raise TypeError(
            f"examine_training expected {EXPECTED}, got {getattr(function, '__name__', type(function).__name__)}"
        )
    roles: dict[str, str] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        name = parameter.name.lower().strip("_")
        role = next((r for r, names in ROLES.items() if r not in roles and re.fullmatch(names, name)), None)
        optional = parameter.default is not parameter.empty
        if role is None and not optional:
            raise TypeError(
                f"examine_training expected {EXPECTED}; of {function.__name__} it does not know what to give as "
                f"{parameter.name!r}: call it model, loss, optimizer, X, T, X_val, T_val, train_loader, val_loader, epochs, "
                f"batch_size or lr, or give it a default"
            )
        if role is not None and (not optional or role not in ("number", "switch", "device", "scheduler", "generator")):
            roles[role] = parameter.name
    return _settled(roles, function)


def _settled(roles: dict[str, str], function: Callable[..., Any]) -> dict[str, str]:
    """Return the roles, those that depend on others put right; TypeError where there is no model or no data."""
    if "targets" not in roles and "inputs" in roles:  # data alone are inputs and targets together
        roles["training pair"] = roles.pop("inputs")
    if "training pair" in roles and "targets" in roles and "inputs" not in roles:
        roles["inputs"] = roles.pop("training pair")
    if "loader" not in roles and "validation loader" in roles and not {"inputs", "training pair"} & set(roles):
        roles["loader"] = roles.pop("validation loader")
    if not {"inputs", "training pair"} & set(roles):
        for ours, theirs in (
            ("inputs", "validation inputs"),
            ("targets", "validation targets"),
            ("training pair", "validation pair"),
        ):
            if theirs in roles and "loader" not in roles:
                roles[ours] = roles.pop(theirs)
    if "model" not in roles or not {"inputs", "training pair", "loader"} & set(roles):
        raise TypeError(f"examine_training expected {EXPECTED}, got {function.__name__}{inspect.signature(function)}")
    return roles


def kind_of(roles: dict[str, str], source: str) -> str:
    """Return what a function does: a whole "training", one "epoch", one "step", or an "evaluation" without any step."""
    if "epochs" in roles:
        return "training"
    if "optimizer" not in roles and "rate" not in roles and not re.search(r"\.step\(|\.backward\(", source):
        return "evaluation"
    return "epoch" if {"batch size", "loader"} & set(roles) else "step"


def source_of(function: Callable[..., Any]) -> str:
    """Return the text of a function without comments; nothing where it cannot be had."""
    try:
        text = inspect.getsource(inspect.unwrap(function.func if isinstance(function, functools.partial) else function))
    except (OSError, TypeError, AttributeError):
        return ""
    return "\n".join(line.split("#")[0] for line in text.splitlines())


OF_TORCH = (
    r"\.train\(\)|\.eval\(\)|no_grad|inference_mode|set_grad_enabled|requires_grad|retain_graph|clip_grad|\b(opt\w*|sgd|adam|solver)\.zero_grad|"
    r"\bF\.|\bnn\.|Loader"
)


def words_of(source: str, loss: str) -> tuple[str, ...]:
    """Return whose words a loop speaks, or probably speaks, and whose else it might; its loss is called so."""
    ours = len(
        re.findall(r"\.backward\(\s*(?!retain_graph|create_graph|gradient)[^)\s]|model\.zero_grad|\.params\b", source)
    )
    theirs = len(
        re.findall(
            r"criterion|loss_fn|optimizer\.zero_grad|no_grad|Loader|\bF\.|optim\.|inference_mode|\.train\(\)|\.eval\(\)|\.to\(device",
            source,
        )
    )
    theirs += 2 * len(re.findall(r"\.argmax\([^)]*\) == (y|labels)\b", source))
    alone = re.search(r"^\s*[^=#\n]*\w\)?\.backward\((retain_graph=\w+)?\)\s*$", source, re.MULTILINE)  # as a statement
    of_the_loss = re.search(rf"^\s*{loss}\.backward\(\)", source, re.MULTILINE) and not re.search(
        rf"\b{loss} = ", source
    )
    if alone and not ours and not of_the_loss and re.search(OF_TORCH, source):
        return ("torch",)
    return ("torch", "minidl") if theirs > 2 * ours else ("minidl", "torch")
