"""Projects with an autograd of their own: layers have forward alone, and the tensors that they return have backward.

Such a layer becomes an object with forward and backward, which is examined like any other: backward is that of the whole graph,
from its output back to its input.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from typing import Any

from torch import Tensor

from minidl.lab.doctor.subject.inside import attributes
from minidl.lab.doctor.subject.names import BACKWARD_METHODS, FORWARD_METHODS, attribute, first_method
from minidl.lab.doctor.subject.paths import pair_names
from minidl.lab.doctor.subject.roles import LOSS_NAME, needed, parameters
from minidl.lab.doctor.subject.stubs import is_stub
from minidl.lab.doctor.subject.values import as_tensor, is_numpy

VALUES = ("value", "data", "_data", "values", "array", "val", "_value")
ARITHMETIC = {"__add__", "__mul__", "__matmul__", "__sub__", "__getitem__"}


def tensor_class(classes: Iterable[type]) -> type | None:
    """Return the class of a project whose objects are numbers with a backward of their own."""
    found = (c for c in classes if callable(attribute(c, "backward")) and len(needed(c)) == 1)
    return next((c for c in found if _keeps_gradient(c) and first_method(c, FORWARD_METHODS[:-1]) is None), None)


def _keeps_gradient(cls: type) -> bool:
    """Whether an object begins with a gradient of its own, and can be calculated with."""
    begins = attribute(getattr(cls, "__init__", None), "__code__")
    return begins is not None and {"grad", "_grad"} & set(begins.co_names) != set() and bool(ARITHMETIC & set(dir(cls)))


class GraphLayer:
    """A class whose objects calculate with such tensors.

    Attributes
    ----------
    defined : type
        The class.
    tensor : type
        The class of the tensors.
    """

    def __init__(self, cls: type, tensor: type) -> None:
        self.defined, self.tensor, self.__name__ = cls, tensor, cls.__name__

    @property
    def is_loss(self) -> bool:
        """Whether it takes a target too."""
        return bool(LOSS_NAME.search(self.__name__)) or len(self._needed()) == 2

    def _needed(self) -> list[str]:
        method = first_method(self.defined, FORWARD_METHODS)
        return needed(getattr(self.defined, method), bound=False) if method else []

    @property
    def fits(self) -> bool:
        """Whether it takes one tensor, or two, and does something with them."""
        method = first_method(self.defined, FORWARD_METHODS)
        own = any(method in vars(kind) for kind in self.defined.__mro__[:-1]) if method else False
        if not own or inspect.isabstract(self.defined) or is_stub(getattr(self.defined, method)):
            return False
        return (
            self.defined is not self.tensor
            and len(self._needed()) in (1, 2)
            and not first_method(self.defined, BACKWARD_METHODS)
        )


def graph_layers(module: Any, tensor: type) -> list[GraphLayer]:
    """Find the layers and losses of a module that calculate with a project's own tensors."""
    own = [value for value in vars(module).values() if isinstance(value, type) and value.__module__ == module.__name__]
    return [layer for layer in (GraphLayer(cls, tensor) for cls in dict.fromkeys(own)) if layer.fits]


class OfGraph:
    """A layer or loss whose backward is that of the graph which its forward has made."""

    def __init__(self, layer: Any, tensor: type) -> None:
        self.called, self.layer, self.tensor = type(layer).__name__, layer, tensor
        self.kept: tuple[Any, ...] = ()  # the input and the output of the last forward, as tensors of the student's

    def forward(self, input: Any, *target: Any) -> Any:
        """Return the numbers of the output."""
        method = first_method(self.layer, ("forward", "__call__"))
        given = self._made(input)
        result = getattr(self.layer, method)(given, *(self._made(each) for each in target))
        self.kept = given, result
        numbers = numbers_of(result)
        return numbers.sum() if target and getattr(numbers, "ndim", 0) else numbers

    def backward(self, *given: Any) -> Any:
        """Go back through the graph; return the gradient of the input."""
        input, result = self.kept
        grad_output = given[0] if len(given) == 1 else None
        backward = result.backward
        if len(given) == 1 and parameters(backward):
            backward(grad_output)
        elif len(given) == 1:
            (result * self._made(grad_output)).sum().backward()
        else:
            backward()
        return numbers_of(input.grad)

    def _made(self, values: Any) -> Any:
        settings = {p.name: True for p in parameters(self.tensor) if p.name == "requires_grad"}
        return self.tensor(values, **settings)

    def param(self) -> list[Any]:
        """Return the parameters that the layer keeps, each with its gradient."""
        return [
            own if pair_names(own) else (numbers_of(own), numbers_of(own.grad)) for own in self._tensors(self.layer)
        ]

    def _tensors(self, thing: Any, depth: int = 4) -> Iterator[Any]:
        if isinstance(thing, self.tensor):
            yield thing
        elif depth:
            inner = thing.values() if isinstance(thing, dict) else thing if isinstance(thing, (list, tuple)) else None
            for value in attributes(thing).values() if inner is None else inner:
                if not isinstance(value, (str, int, float, type, Tensor)) and not is_numpy(value):
                    yield from self._tensors(value, depth - 1)


def numbers_of(thing: Any) -> Any:
    """Return the numbers that a student's tensor holds."""
    for _ in range(3):
        if thing is None or isinstance(thing, Tensor) or is_numpy(thing):
            return thing
        held = next((value for name in VALUES if (value := attribute(thing, name)) is not None), None)
        if held is None or callable(held):
            return thing if as_tensor(thing) is not None else None
        thing = held
    return thing
