"""Module: what every layer, container and loss has in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor


def check_number(owner: str, name: str, value: object, expected: str, kinds: tuple | type, fits: Callable) -> None:
    """Raise TypeError for what is no number of these kinds (True is none), and ValueError for one that does not fit."""
    is_number = isinstance(value, kinds) and not isinstance(value, bool)
    if not (is_number and fits(value)):
        error = ValueError if is_number else TypeError
        raise error(f"{owner} expected {name} to be {expected}, got {value!r}")


def check_device(owner: str, device: object) -> None:
    """Raise TypeError or ValueError for a device that is none, or is not here."""
    if isinstance(device, bool) or not isinstance(device, (torch.device, str, int, type(None))):
        raise TypeError(f"{owner} expected a device, such as 'cpu', got {device!r}")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"{owner} expected a device that is here, such as 'cpu', got {device!r}") from error


class Module:
    """Base class: a function with a hand-written derivative.

    A module computes ``output = forward(input)``; ``module(input)`` is the same call. Given dL/d(output), ``backward``
    returns dL/d(input) and **adds** dL/d(parameter), summed over the batch, into ``grad``. Tensors are batches of shape
    (n, m): n samples of m features. Any dimensions in front of these two are a stack of independent runs. A tensor that
    does not fit raises TypeError or ValueError, and the module stays as it was.

    Each ``backward`` belongs to the last ``forward`` and uses it up: a second ``backward`` without another ``forward``
    raises RuntimeError, as it does in PyTorch. So a module used twice in one network is never silently wrong. Between the
    two, leave the input and the output as they are: a module keeps one of them, not a copy.

    To write a layer, subclass this, call ``super().__init__()``, and define ``forward`` and ``backward``. Parameters go
    into the dictionary ``params``, and zeros of the same shape, under the same name, into ``grad``: their accumulators.
    """

    def __init__(self) -> None:
        self.params: dict[str, Tensor] = {}
        self.grad: dict[str, Tensor] = {}
        self._kept: tuple[Tensor, torch.Size] | None = None

    def forward(self, input: Tensor) -> Tensor:
        """Compute the output and keep what ``backward`` needs."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward(input)")

    def backward(self, grad_output: Tensor) -> Tensor:
        """Add dL/d(parameter) into ``grad`` and return dL/d(input), given dL/d(output) of the last forward."""
        raise NotImplementedError(f"{type(self).__name__} defines no backward(grad_output)")

    def __call__(self, *inputs: Tensor) -> Tensor:
        return self.forward(*inputs)

    def children(self) -> Iterator[Module]:
        """Yield the modules directly inside this one: attributes that are modules, or lists or tuples of modules."""
        for value in vars(self).values():
            for item in value if isinstance(value, (list, tuple)) else (value,):
                if isinstance(item, Module):
                    yield item

    def modules(self) -> list[Module]:
        """Return this module and all modules inside it, at any depth, each once."""
        return list(dict.fromkeys([self, *(module for child in self.children() for module in child.modules())]))

    def parameters(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (param, grad) pairs of this module and of all modules inside it."""
        for module in self.modules():
            for name, param in module.params.items():
                yield param, module.grad[name]

    def zero_grad(self) -> None:
        """Set every gradient accumulator of this module, and of all modules inside it, to zero, in place."""
        grads = [grad for module in self.modules() for grad in module.grad.values()]
        if grads:  # all in one call, which takes no empty list
            torch._foreach_zero_(grads)

    def extra_repr(self) -> str:
        """Return what ``repr`` shows between the parentheses."""
        return ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.extra_repr()})"

    def __getstate__(self) -> dict:
        return {**vars(self), "_kept": None}  # a copy has had no forward yet

    def _recall(self) -> Tensor:
        """Return what forward kept, once; RuntimeError where there is nothing."""
        if self._kept is None:
            raise RuntimeError(
                f"{self} expected one forward before each backward, got a backward without: call forward(input) first. "
                "A layer that stands in two places of a network has to be two modules."
            )
        kept, _ = self._kept
        self._kept = None
        return kept.detach() if kept.requires_grad else kept  # autograd has no business in here

    def _recall_for(self, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        """Return what forward kept, once, and ``grad_output``, if that has the output's shape, dtype and device."""
        if self._kept is None:
            self._recall()
        kept, shape = self._kept
        self._check("grad_output", grad_output, kept, shape)
        self._kept = None
        if kept.requires_grad or grad_output.requires_grad:
            return kept.detach(), grad_output.detach()
        return kept, grad_output

    def _check(
        self, name: str, tensor: Tensor, like: Tensor | None = None, shape: tuple | None = None, m: int | None = None
    ) -> None:
        """Raise TypeError or ValueError unless ``tensor`` is a batch of floating-point numbers.

        With ``like`` it must have that tensor's dtype and device, and this shape, or else m features and the same stack.
        """
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{self} expected {name} to be a torch.Tensor, got {type(tensor).__name__}")
        if not tensor.is_floating_point():
            raise TypeError(f"{self} expected {name} of a floating-point dtype, got {tensor.dtype}")
        got = tensor.shape
        if shape is not None:
            fits = got == shape
        elif like is None:
            fits = len(got) >= 2
        else:
            fits = len(got) == like.ndim and got[-1] == m and (len(got) == 2 or got[:-2] == like.shape[:-2])
        if not fits:
            expected = shape or (*(() if like is None else like.shape[:-2]), "n", m or "m")
            raise ValueError(f"{self} expected {name} of shape ({', '.join(map(str, expected))}), got {tuple(got)}")
        if like is None:
            return
        if tensor.dtype is not like.dtype:
            raise ValueError(f"{self} expected {name} of dtype {like.dtype}, got {tensor.dtype}")
        if tensor.device != like.device:
            raise ValueError(f"{self} expected {name} on device {like.device}, got {tensor.device}")
