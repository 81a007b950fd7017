"""Stacks: R equal models trained as one, every tensor with one more dimension in front."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch

from minidl import Module
from minidl.lab.arguments import checked


@checked
def stack(models: Sequence[Module]) -> Module:
    """Return one model whose run r is a copy of ``models[r]``.

    The stack takes inputs of shape (R, n, m) and gives run r the slice ``input[r]``. It is a model like any other: SGD, a
    loss (which becomes R losses) and even another ``stack`` take it.

    Raises
    ------
    TypeError, ValueError
        If there are no models, or they are not modules of equal structure, dtype and device.
    """
    if not models:
        raise ValueError("stack expected at least one model, got none")
    for r, model in enumerate(models):
        if _structure(model) != _structure(models[0]):
            raise ValueError(f"stack expected models of equal structure, got {models[0]} and, as model {r}, {model}")
    stacked = copy.deepcopy(models[0])
    for modules in zip(stacked.modules(), *(model.modules() for model in models), strict=True):
        target, *members = modules
        for name in target.params:
            target.params[name] = torch.stack([member.params[name] for member in members])
            target.grad[name] = torch.stack([member.grad[name] for member in members])
    return stacked


@checked
def unstack(model: Module) -> list[Module]:
    """Return the R models of which ``model`` is a stack, as independent copies.

    Raises
    ------
    TypeError, ValueError
        If it is not a module, or not a stack.
    """
    runs = {param.shape[0] if param.ndim > 2 else None for param, _ in model.parameters()}
    if len(runs) != 1 or None in runs:
        shapes = [tuple(param.shape) for param, _ in model.parameters()]
        raise ValueError(
            f"unstack expected a stack, every parameter of shape (runs, rows, columns), got shapes {shapes}"
        )
    members = [copy.deepcopy(model) for _ in range(runs.pop())]
    for r, member in enumerate(members):
        for module in member.modules():
            for tensors in (module.params, module.grad):
                tensors.update({name: tensor[r].clone() for name, tensor in tensors.items()})
    return members


def _structure(model: Module) -> tuple:
    """Describe all that has to agree before two models can share a stack."""
    return repr(model), [
        (type(module), [(name, param.shape, param.dtype, param.device) for name, param in module.params.items()])
        for module in model.modules()
    ]
