"""Conventions: how a student's forward and backward are called, and where what they give is to be found.

The doctor itself knows one way alone: forward(input) returns the output, backward(grad_output) the gradient of the input, and
the gradients of parameters are added up somewhere. A `Convention` translates between that and what students have instead;
`fitting` tries which of them fits, by the names of arguments, and by what comes out.
"""

from __future__ import annotations

import operator
import sys
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from minidl.lab.doctor.subject.inside import Path, show
from minidl.lab.doctor.subject.names import attribute
from minidl.lab.doctor.subject.parameters import Slot
from minidl.lab.doctor.subject.paths import get, put
from minidl.lab.doctor.subject.values import as_tensor, is_numpy

RETURNED = "gradients_returned"  # what a copy gets as an attribute, where backward returns the parameters' gradients
BOX = "its "  # before the attribute of what forward returns, which holds the output
RATE = 1.0  # the learning rate for a backward that updates parameters itself: the step is minus the gradient


@dataclass(frozen=True)
class Convention:
    """How forward and backward are called.

    Attributes
    ----------
    forward, backward : tuple of str
        What each argument is: "input", "target", "grad", "cache", "output", "rate", "flag" or "second" (of two inputs).
    layout : {"rows", "columns", "single", "whole", "places"}
        How a batch stands in the input: a sample is a row or a column; there is one sample alone, without a dimension of its
        own; or the entries are whole numbers, 0 and 1, of which a sample has one alone where they are "places".
    split : int
        Of two inputs, the number of features of the first; both are one input to the doctor, side by side.
    output, grad_input : str
        "" where it is what is returned, "first" for the first of several, else the attribute where it is left.
    reduction : {"", "sum", "mean"}
        What makes a number of a loss for each sample.
    returned : tuple of (key, path)
        Which of the things returned is the gradient of which parameter.
    updated : tuple of path
        The parameters that backward itself moves, by the learning rate that it is given: so far, minus their gradients.
    restored : tuple of path
        All that backward moves, which is put back.
    derivative : bool
        Whether backward returns the derivative at the input that it is given, without an upstream gradient.
    beside : tuple of (method, what each of its arguments is)
        What is called beside backward, and makes the gradients of the parameters.
    rate : float
        The learning rate of a backward that updates parameters itself.
    """

    forward: tuple[str, ...] = ("input",)
    backward: tuple[str, ...] = ("grad",)
    layout: str = "rows"
    split: int = 0
    output: str = ""
    grad_input: str = ""
    reduction: str = ""
    returned: tuple[tuple[Any, Path], ...] = ()
    updated: tuple[Path, ...] = ()
    restored: tuple[Path, ...] = ()
    derivative: bool = False
    beside: tuple[tuple[str, tuple[str, ...]], ...] = ()
    rate: float = RATE

    @property
    def is_whole(self) -> bool:
        """Whether it takes whole numbers, along which there is no slope."""
        return self.layout in ("whole", "places")

    @property
    def told(self) -> str:
        """What is to be said about it; nothing where it is the doctor's own."""
        parts = []
        if "cache" in self.backward:
            parts.append("forward returns (output, cache), and backward takes the cache")
        if self.forward[:2] == ("target", "input"):
            parts.append("the target comes first")
        if "input" in self.backward and "target" not in self.backward:
            parts.append(f"backward({', '.join(self.backward)})")
        if self.updated and "rate" not in self.backward:
            parts.append(
                f"backward updates the parameters itself, by {self.rate:g} times the gradients: its step was measured"
            )
        if "rate" in self.backward:
            parts.append(
                "backward updates the parameters itself; it was called with the learning rate 1, and its step measured"
            )
        parts += [
            "backward returns the derivative at the input, which was multiplied by the upstream gradient"
        ] * self.derivative
        parts += [f"what forward leaves in {self.output} was taken"] * (self.output not in ("", "first"))
        parts += [f"what backward leaves in {self.grad_input} was taken"] * (self.grad_input not in ("", "first"))
        parts += ["backward returns the gradients of the parameters too"] * bool(self.returned)
        parts += [f"{name} was called beside it" for name, _ in self.beside]
        parts += ["a sample is a column"] * (self.layout == "columns")
        parts += ["it takes one sample at a time"] * (self.layout == "single")
        parts += ["it takes whole numbers"] * self.is_whole
        parts += ["it has two inputs, which were put side by side"] * bool(self.split)
        parts += [f"of its loss for each sample, the {self.reduction} was taken"] * bool(self.reduction)
        return "; ".join(parts)

    def slots(self) -> list[Slot]:
        """The parameters whose gradients are returned, or known by how far backward moves them."""
        paths = [path for _, path in self.returned] + list(self.updated)
        return [
            Slot(show(path), path, ((".", RETURNED), ("[]", show(path))), sum(k != "." for k, _ in path[:-1]))
            for path in paths
        ]


PLAIN = Convention()


@dataclass
class Translator:
    """Calls a subject's methods in one convention, and remembers what backward needs of the last forwards."""

    subject: Any
    convention: Convention
    kept: dict[int, tuple[Any, ...]] = field(default_factory=dict)

    def forward(self, module: Any, input: Any, target: Any = None) -> Any:
        """Call forward; return the output."""

        def whole() -> Any:
            return self.output(module, self.ask_forward(module, input, target))

        return self.subject.watch.call(self.subject.forward_name, whole)

    def ask_forward(self, module: Any, input: Any, target: Any = None) -> Any:
        """Call forward; return all that it returns."""
        subject, convention = self.subject, self.convention
        value = self._laid_out(input)
        target = self._like_input(target)
        parts = {"input": value, "target": target, "flag": True, "rate": RATE, "as given": input}
        if convention.split:
            parts["input"], parts["second"] = value[..., : convention.split], value[..., convention.split :]
        arguments = [parts[name] for name in convention.forward]
        answer = subject.watch.call(subject.forward_name, getattr(module, subject.forward_name), *arguments)
        rest = answer[1:] if isinstance(answer, tuple) else ()
        parts["cache"] = rest[0] if len(rest) == 1 else rest
        parts["answer"] = answer[0] if rest else attribute(module, "output") if answer is None else answer
        self.kept[id(module)] = (module, parts)  # the module too, so that its id is not given away
        if len(self.kept) > 8:
            del self.kept[next(iter(self.kept))]
        return answer

    def output(self, module: Any, answer: Any) -> Any:
        """Return the output: what forward returned, or a part of it, or what it left in the module."""
        convention = self.convention
        if convention.output:
            holder = answer if convention.output.startswith(BOX) else module
            name = convention.output.removeprefix(BOX)
            answer = answer[0] if convention.output == "first" else getattr(holder, name)
        if convention.reduction:
            return answer.sum() if convention.reduction == "sum" else answer.mean()
        return self._back(answer)

    def backward(self, module: Any, grad_output: Any, input: Any = None, target: Any = None) -> Any:
        """Call backward; return the gradient of the input, and add up those of parameters that are returned with it."""
        return self.subject.watch.call(self.subject.backward_name, self._backward, module, grad_output, input, target)

    def _backward(self, module: Any, grad_output: Any, input: Any, target: Any) -> Any:
        convention = self.convention
        before = {path: as_tensor(get(module, path)) for path in convention.restored}
        answer = self.ask_backward(module, grad_output, input, target)
        self._collect(module, answer, before)
        if convention.split:
            several = isinstance(answer, (tuple, list))
            return _side_by_side(tuple(answer[:2])) if several else answer
        if convention.is_whole:  # there is no slope along whole numbers
            return 0.0 * self.kept[id(module)][1]["as given"]
        if convention.derivative:
            return grad_output * answer
        if convention.grad_input:
            place = operator.attrgetter(convention.grad_input)
            answer = answer[0] if convention.grad_input == "first" else place(module)
        return self._back(answer)

    def ask_backward(self, module: Any, grad_output: Any, input: Any = None, target: Any = None) -> Any:
        """Call backward; return all that it returns."""
        subject, (_, parts) = self.subject, self.kept.get(id(module), (None, {}))
        parts = {"input": input, "target": target, "rate": RATE, "flag": True, **parts}
        if subject.is_loss:
            parts |= {"input": self._laid_out(input), "target": self._like_input(target)}
        parts["grad"] = self._laid_out(grad_output, whole=False)
        parts["output"] = parts.get("answer", attribute(module, "output"))
        parts["gradients"] = {}  # what it fills with those of the parameters
        for method, names in self.convention.beside:
            subject.watch.call(method, getattr(module, method), *(parts[name] for name in names))
        arguments = [parts[name] for name in self.convention.backward]
        answer = subject.watch.call(subject.backward_name, getattr(module, subject.backward_name), *arguments)
        return (answer, parts["gradients"]) if parts["gradients"] else answer

    def _collect(self, module: Any, answer: Any, before: dict[Path, Tensor | None]) -> None:
        convention, found = self.convention, {}
        for key, path in convention.returned:
            value = answer
            for step in key:
                value = value[step]
            gradient, shape = as_tensor(value), as_tensor(get(module, path)).shape
            found[show(path)] = gradient.reshape(shape) if gradient.numel() == shape.numel() else gradient
        for path, old in before.items():
            if path in convention.updated:
                found[show(path)] = (old - as_tensor(get(module, path))) / convention.rate
            put(module, path, old)
        if found:
            sums = dict(attribute(module, RETURNED, {}))
            for name, path in [
                (show(path), path) for path in (*(p for _, p in convention.returned), *convention.updated)
            ]:
                if is_numpy(get(module, path)):  # an optimiser may read it there
                    found[name] = found[name].numpy()
            object.__setattr__(module, RETURNED, {n: v if n not in sums else sums[n] + v for n, v in found.items()})

    def _like_input(self, target: Any) -> Any:
        """Return the target of one sample alone, where the input is so."""
        alone = self.convention.layout == "single" and target is not None and len(target) == 1
        return target[0] if alone else target

    def _laid_out(self, value: Any, whole: bool = True) -> Any:
        layout = self.convention.layout
        if layout == "columns":
            return value.T if value.ndim == 2 else value
        if layout == "single":
            if len(value) != 1:
                raise RuntimeError("it takes one sample")
            return value[0] if value.ndim > 1 else value
        if layout in ("whole", "places") and whole:
            return _whole(value if layout == "whole" else value[..., 0])
        return value

    def _back(self, value: Any) -> Any:
        layout = self.convention.layout
        if layout == "columns" and getattr(value, "ndim", 0) == 2:
            return value.T
        return value[None] if layout == "single" and getattr(value, "ndim", 0) > 0 else value


def _side_by_side(values: tuple[Any, ...]) -> Any:
    if isinstance(values[0], Tensor):
        return torch.cat(values, -1)
    return sys.modules["numpy"].concatenate(values, -1)


def _whole(value: Any) -> Any:
    """Return zeros and ones instead of numbers, many of each, so that rows of a table are used more than once."""
    if isinstance(value, Tensor):
        return (value.detach().abs() * 7.31).round().long() % 2
    return ((abs(value) * 7.31).round() % 2).astype(int)
