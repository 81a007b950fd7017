"""A copy of a network, hand-written or of PyTorch, that can be run, looked into layer by layer, and trained a little."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from minidl.lab.doctor.measure.recording import pairs
from minidl.lab.doctor.subject.calls import StudentError
from minidl.lab.doctor.subject.copies import copy_of
from minidl.lab.doctor.subject.inside import children

RANGES = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, float("inf"))}


@dataclass
class Layer:
    """What a layer gave for a batch.

    Attributes
    ----------
    name : str
        Its place among the layers, counted from 1, and its class.
    kind : str
        "relu", "tanh", "sigmoid" or "softmax", "linear" for one with a weight, "" for others.
    input, output : Tensor
    params, grads : list of Tensor
    module : object
        Itself, in a copy of the model.
    frozen : bool
        Whether it has parameters of PyTorch, none of which asks for a gradient.
    """

    name: str
    kind: str
    output: Tensor
    params: list[Tensor]
    grads: list[Tensor]
    last: bool = False
    input: Tensor | None = None
    module: Any = None
    frozen: bool = False


def leaves(model: Any) -> list[Any]:
    """Return the layers of a model: the modules inside it that hold no others, or itself."""
    if isinstance(model, nn.Module):
        return [module for module in model.modules() if not list(module.children())]
    inside = [child for _, child in children(model)]
    return [leaf for child in inside for leaf in leaves(child)] if inside else [model]


def kind_of(layer: Any) -> str:
    """Return what kind of layer this is, by its class and those above it."""
    names = " ".join(kind.__name__.lower() for kind in type(layer).__mro__)
    kinds = ("leakyrelu", "softmax", "relu", "tanh", "sigmoid", "dropout")
    found = next((kind for kind in kinds if kind in names), "")
    if found in ("leakyrelu", "dropout"):
        return ""
    return found or ("linear" if own_pairs(layer) else "")


def own_pairs(layer: Any) -> list[tuple[Tensor, Tensor | None]]:
    """Return a layer's own parameters, each with its gradient; weights before biases."""
    return sorted(pairs(layer), key=lambda pair: -pair[0].numel())


@contextlib.contextmanager
def _named(part: str) -> Iterator[None]:
    """Say of an error which part has raised it."""
    try:
        yield
    except StudentError:
        raise
    except Exception as error:
        raise StudentError(part, error) from error


class Net:
    """A copy of a model and of its loss, in another dtype if need be."""

    def __init__(self, model: Any, loss: Any, dtype: torch.dtype | None = None) -> None:
        self.model, self.loss = copy_of((model, loss), dtype)
        self.of_torch = isinstance(model, nn.Module)
        if self.of_torch:
            self.model.eval()  # one and the same answer each time
        self.dtype = dtype

    def copy(self, dtype: torch.dtype | None = None) -> Net:
        return Net(self.model, self.loss, dtype)

    def _as_mine(self, data: Tensor) -> Tensor:
        return data.to(self.dtype) if self.dtype and data.is_floating_point() else data

    @functools.cached_property
    def _of_torch(self) -> list[Tensor]:
        return list(self.model.parameters())  # these stay the same objects, and to find them takes as long as a step

    @property
    def params(self) -> list[Tensor]:
        return self._of_torch if self.of_torch else [param for param, _ in pairs(self.model)]

    @property
    def grads(self) -> list[Tensor]:
        found = [(p, p.grad) for p in self._of_torch] if self.of_torch else pairs(self.model)
        return [torch.zeros_like(p) if g is None else g.detach() for p, g in found]

    def answer(self, X: Tensor) -> Tensor:
        """Return the model's output."""
        with torch.no_grad():
            return self._output(X).detach()

    def value(self, X: Tensor, T: Tensor) -> float:
        """Return the loss."""
        with torch.no_grad():
            return float(self._value(self._output(X), T))

    def _output(self, X: Tensor) -> Tensor:
        with _named("the model"):
            return (self.model if self.of_torch else self.model.forward)(self._as_mine(X))

    def _value(self, output: Tensor, T: Tensor) -> Any:
        with _named("the loss"):
            return (self.loss if self.of_torch else self.loss.forward)(output, self._as_mine(T))

    def loss_of(self, output: Tensor, target: Tensor) -> float | None:
        """Return the loss of an output that is given; None where it takes none such."""
        try:
            with torch.no_grad():
                return float(self.loss(output, target) if self.of_torch else self.loss.forward(output, target))
        except Exception:
            return None

    def differentiate(self, X: Tensor, T: Tensor) -> float:
        """Compute the gradients, and return the loss."""
        if self.of_torch:
            for param in self._of_torch:
                param.grad = None
            with torch.enable_grad():
                value = self._value(self._output(X), T)
                with _named("backward"):
                    value.backward()
            return float(value.detach())
        with torch.no_grad():
            value = self._value(self._output(X), T)
            for _, grad in pairs(self.model):
                grad.zero_()
            with _named("the loss's backward"):
                message = self.loss.backward()
            with _named("the model's backward"):
                self.model.backward(message)
        return float(value)

    def step(self, lr: float, along: list[Tensor] | None = None) -> None:
        """Move every parameter against its gradient, or another direction."""
        with torch.no_grad():
            if along is None and not self.of_torch:
                moves = pairs(self.model)
            else:
                moves = zip(self.params, self.grads if along is None else along, strict=True)
            for param, way in moves:
                param.sub_(way, alpha=lr)

    def layers(self, X: Tensor, T: Tensor) -> list[Layer]:
        """Run a batch forward and backward, and return what every layer gave and got."""
        outputs: list[tuple[Any, Tensor, Tensor]] = []
        found = leaves(self.model)
        with self._listening(found, outputs):
            self.differentiate(X, T)
        order = [module for module, _, _ in outputs]
        result = []
        for place, (module, input, output) in enumerate(outputs, 1):
            own = own_pairs(module)
            grads = [torch.zeros_like(p) if g is None else g.detach().clone() for p, g in own]
            name = f"{place} {type(module).__name__}"
            params = [p.detach().clone() for p, _ in own]
            frozen = self.of_torch and bool(own) and not any(param.requires_grad for param, _ in own)
            result.append(
                Layer(name, kind_of(module), output, params, grads, module is order[-1], input, module, frozen)
            )
        return result

    @contextlib.contextmanager
    def _listening(self, modules: list[Any], outputs: list[tuple[Any, Tensor, Tensor]]) -> Iterator[None]:
        if self.of_torch:
            hooks = [
                module.register_forward_hook(
                    lambda module, inputs, output: outputs.append(_kept(module, inputs, output))
                )
                for module in modules
            ]
            try:
                yield
            finally:
                for hook in hooks:
                    hook.remove()
            return
        for module in modules:
            module.forward = functools.partial(_recorded_forward, module, module.forward, outputs)
        try:
            yield
        finally:
            for module in modules:
                del module.forward


def _recorded_forward(module: Any, forward: Any, outputs: list[tuple[Any, Tensor, Tensor]], *inputs: Any) -> Any:
    output = forward(*inputs)
    outputs.append(_kept(module, inputs, output))
    return output


def _kept(module: Any, inputs: tuple[Any, ...], output: Tensor) -> tuple[Any, Tensor | None, Tensor]:
    input = inputs[0].detach().clone() if inputs and isinstance(inputs[0], Tensor) else None
    return module, input, output.detach().clone()
