"""The doctor (a first version: it only compares gradients; being written)."""

from __future__ import annotations

import copy
from typing import Any

import torch


class Diagnosis:
    def __init__(self, text: str) -> None:
        self.text = text

    def __bool__(self) -> bool:
        return not self.text

    def __repr__(self) -> str:
        return self.text or "All is well."

    def _repr_html_(self) -> str:
        return f"<pre>{self}</pre>"


def _compare(forward, backward, input, reference, text=""):
    x = input.clone().requires_grad_()
    y = forward(x)
    g = torch.ones_like(y) if y.ndim == 0 else torch.linspace(-1, 2, y.numel(), dtype=y.dtype).reshape(y.shape)
    (truth,) = torch.autograd.grad(y, x, g)
    got = backward(g)
    if reference is not None and not torch.allclose(reference(input), y.detach(), atol=1e-5):
        text = "forward differs from the reference."
    if got is None or got.shape != truth.shape or not torch.allclose(got.detach(), truth, atol=1e-5):
        text += f"\nbackward: expected {truth}, got {got}"
    return Diagnosis(text)


def _tensor(x: Any) -> torch.Tensor:
    if isinstance(x, torch.Tensor):
        return x
    return torch.randn(x, generator=torch.Generator().manual_seed(0))


def examine(module: Any, input: Any, *, reference: Any = None) -> Diagnosis:
    module = copy.deepcopy(module)
    return _compare(module.forward, module.backward, _tensor(input), reference)


def examine_loss(loss: Any, input: Any, target: Any, *, reference: Any = None) -> Diagnosis:
    loss, target = copy.deepcopy(loss), _tensor(target)
    return _compare(
        lambda x: loss.forward(x, target),
        lambda g: loss.backward(),
        _tensor(input),
        reference and (lambda x: reference(x, target)),
    )


def examine_optimizer(optimizer: Any, model: Any) -> Diagnosis:
    return Diagnosis("")
