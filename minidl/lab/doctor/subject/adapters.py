"""Objects that stand between the doctor and a student's: for one sample at a time, or for a gradient alone."""

from __future__ import annotations

import copy
import sys
from typing import Any

import torch
from torch import Tensor

from minidl.lab.doctor.subject.names import (
    BACKWARD_METHODS,
    INPUT_GRADIENT_NAME,
    LOSS_GRADIENT_METHODS,
    LOSS_METHODS,
    first_method,
)
from minidl.lab.doctor.subject.of_functions import Entrywise, Layer, Loss
from minidl.lab.doctor.subject.roles import is_fused, needed, returns_both, role, target_first


class Fused:
    """A cross-entropy behind a softmax, of which the student has the gradient alone, by the probabilities: p - t."""

    def __init__(self, student: Any, method: str) -> None:
        self.called, self.student, self.method = type(student).__name__, student, method

    def forward(self, logits: Any, target: Any) -> Any:
        """Return the mean over the samples, as those who write the gradient in this way mean it."""
        rows = range(len(logits))
        if isinstance(logits, Tensor):
            return -logits.log_softmax(-1)[rows, target].mean()
        numpy = sys.modules["numpy"]
        moved = logits - logits.max(-1, keepdims=True)
        return (numpy.log(numpy.exp(moved).sum(-1)) - moved[rows, target]).mean()

    def backward(self, logits: Any, target: Any) -> Any:
        """Return what the student's backward does, by the logits."""
        answer = getattr(self.student, self.method)(self._softmax(logits), target)
        if answer is None:
            own = vars(self.student)
            return next((own[name] for name in own if INPUT_GRADIENT_NAME.match(name)), None)
        return answer

    @staticmethod
    def _softmax(logits: Any) -> Any:
        if isinstance(logits, Tensor):
            return logits.softmax(-1)
        raised = sys.modules["numpy"].exp(logits - logits.max(-1, keepdims=True))
        return raised / raised.sum(-1, keepdims=True)


class EachSample:
    """A layer without parameters that takes one sample at a time, for a batch of these."""

    def __init__(self, student: Any, forward: str, backward: str) -> None:
        self.called, self.student, self.names = type(student).__name__, student, (forward, backward)
        self.each: list[Any] = []

    def forward(self, input: Any) -> Any:
        """Return the outputs of all samples, each from a copy of the student's layer."""
        self.each = [copy.copy(self.student) for _ in input]
        return _stacked([getattr(one, self.names[0])(row) for one, row in zip(self.each, input, strict=True)])

    def backward(self, grad_output: Any) -> Any:
        """Return the gradients of all samples."""
        return _stacked([getattr(one, self.names[1])(row) for one, row in zip(self.each, grad_output, strict=True)])


def _stacked(values: list[Any]) -> Any:
    return torch.stack(values) if isinstance(values[0], Tensor) else sys.modules["numpy"].stack(values)


class Summed:
    """A loss that returns a number for each sample, with the sum of these."""

    def __init__(self, student: Any, forward: str, backward: str) -> None:
        self.called, self.student, self.names = type(student).__name__, student, (forward, backward)

    def _ask(self, name: str, input: Any, target: Any) -> Any:
        method = getattr(self.student, name)
        names = needed(method)
        given = (target, input) if target_first(names) else (input, target)
        return method(*(given if len(names) != 1 or role(names[0]) != "target" else (target,))[: len(names)])

    def forward(self, input: Any, target: Any) -> Any:
        """Return the sum."""
        return self._ask(self.names[0], input, target).sum()

    def backward(self, input: Any, target: Any) -> Any:
        """Return what the student's backward does."""
        return self._ask(self.names[1], input, target)


class SummedAlone(Summed):
    """A loss that takes one sample at a time, the sum of what it is for those of a batch."""

    def forward(self, input: Any, target: Any) -> Any:
        """Return the sum over the samples."""
        self.each = [copy.copy(self.student) for _ in input]
        return sum(self._of(one, self.names[0], x, t) for one, x, t in zip(self.each, input, target, strict=True))

    def backward(self, input: Any, target: Any) -> Any:
        """Return the gradients of all samples."""
        each = zip(self.each, input, target, strict=True)
        return _stacked([self._of(one, self.names[1], x, t) for one, x, t in each])

    def _of(self, one: Any, name: str, x: Any, t: Any) -> Any:
        return Summed(one, *self.names)._ask(name, x, t)


class Listener:
    """Stands where a loss wants the network through which it sends its gradient: it keeps what it is given."""

    def __init__(self) -> None:
        self.dinputs: Any = None

    def forward(self, input: Any) -> Any:
        """Return the input."""
        return input

    def backward(self, grad_output: Any) -> Any:
        """Keep the gradient, and hand it on."""
        self.dinputs = grad_output
        return grad_output

    def param(self) -> list[Any]:
        """Return no parameters."""
        return []


class BehindSigmoid:
    """A loss of a sigmoid's output, whose gradient is that by the sigmoid's input: fn(a, y), delta(z, a, y)."""

    def __init__(self, student: Any, loss: str, gradient: str) -> None:
        self.called, self.student, self.names = type(student).__name__, student, (loss, gradient)

    def forward(self, z: Any, target: Any) -> Any:
        """Return the loss of the sigmoid of the input."""
        return getattr(self.student, self.names[0])(self._sigmoid(z), target)

    def backward(self, z: Any, target: Any) -> Any:
        """Return what the student says of the gradient by the input."""
        return getattr(self.student, self.names[1])(z, self._sigmoid(z), target)

    @staticmethod
    def _sigmoid(z: Any) -> Any:
        return z.sigmoid() if isinstance(z, Tensor) else 1 / (1 + sys.modules["numpy"].exp(-z))

    @staticmethod
    def fits(thing: Any) -> bool:
        """Whether a loss takes an output and a target, and its gradient what came before these."""
        names = first_method(thing, LOSS_METHODS), first_method(thing, LOSS_GRADIENT_METHODS)
        if None in names or names[0] == "forward":
            return False
        of_loss, of_gradient = (needed(getattr(thing, name)) for name in names)
        return len(of_loss) == 2 and len(of_gradient) == 3 and of_gradient[1:] == of_loss


def as_a_loss(thing: Any) -> Any:
    """Return a loss as it is; as an object of two methods, where one returns number and gradient, or there is no number."""
    if returns_both(type(thing)):
        method = getattr(thing, first_method(thing, LOSS_METHODS))
        made = Loss(method, method)
        made.called = type(thing).__name__
        return made
    if BehindSigmoid.fits(thing):
        names = first_method(thing, LOSS_METHODS), first_method(thing, LOSS_GRADIENT_METHODS)
        return BehindSigmoid(thing, *names)
    return Fused(thing, first_method(thing, BACKWARD_METHODS)) if is_fused(type(thing)) else thing


OF_FUNCTIONS = (Layer, Entrywise, Loss, Fused, BehindSigmoid, Summed, SummedAlone, EachSample)
