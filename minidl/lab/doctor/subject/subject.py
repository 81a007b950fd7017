"""The subject of an examination: somebody's layer or loss, called only with care and only in copies."""

from __future__ import annotations

import contextlib
import functools
import inspect
import random
import sys
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from minidl.lab.doctor.subject.calls import Watch
from minidl.lab.doctor.subject.conventions import Translator
from minidl.lab.doctor.subject.copies import copy_of
from minidl.lab.doctor.subject.inside import Path, attributes, descendants
from minidl.lab.doctor.subject.names import (
    BACKWARD_METHODS,
    FORWARD_METHODS,
    LOSS_GRADIENT_METHODS,
    LOSS_METHODS,
    ZERO_METHODS,
    first_method,
)
from minidl.lab.doctor.subject.parameters import Slot, find, shared_parameters
from minidl.lab.doctor.subject.paths import get, put
from minidl.lab.doctor.subject.values import as_tensor, both_signs, is_numpy, speak


class Subject:
    """A layer, container or loss under examination. The original is never called: every experiment has a fresh copy.

    What it takes, which parameters it has, and whether it gives the same twice is found out by
    `minidl.lab.doctor.subject.acquaintance`; until then the attributes below are what is likely.

    Parameters
    ----------
    original : object
        With forward and backward, or what losses call these.
    watch : Watch
        Who keeps the time.
    is_loss : bool
        Whether forward takes a target too.

    Attributes
    ----------
    original : object
        What is copied: it, or a copy of it whose parameters are not all zero or one.
    translator : Translator or None
        Calls forward and backward where they have conventions of their own.
    dialect : {"torch", "numpy", "list"}
        What it takes and returns: tensors, arrays, or lists of numbers.
    dtype : torch.dtype or None
        Of copies; None leaves every tensor as it is.
    native : torch.dtype
        Its own.
    slots : list of Slot
        The parameters and their gradients.
    draws : bool
        Whether it draws random numbers, as far as we know.
    random : bool
        Whether forward returns something else with other random numbers.
    unsteady : set of str
        What differs from one time to the next, for the same input and seed.
    fine : bool
        Whether forward calculates in float64.
    tolerance : float
        How closely it can be measured.
    """

    def __init__(self, original: Any, watch: Watch, *, is_loss: bool = False) -> None:
        self.given = self.original = original
        self.watch, self.is_loss = watch, is_loss
        self.forward_name = first_method(original, LOSS_METHODS if is_loss else FORWARD_METHODS)
        self.backward_name = first_method(original, LOSS_GRADIENT_METHODS if is_loss else BACKWARD_METHODS)
        self.translator: Translator | None = None
        self.dialect = "torch"
        self.dtype: torch.dtype | None = torch.float64
        self.native = torch.get_default_dtype()
        self.slots: list[Slot] = []
        self.seed = 0
        self.draws = True
        self.random = False
        self.unsteady: frozenset[str] = frozenset()
        self.fine = True
        self.tolerance = 1e-5

    # -- copies -------------------------------------------------------------------------------------------------------

    @functools.cached_property
    def shared(self) -> list[Path]:
        """The class attributes that hold parameters or their gradients."""
        return self.find(shared_parameters, self.original)

    @functools.cached_property
    def says_single(self) -> bool:
        """Whether a part says in an attribute that it calculates in float32."""
        parts = (self.original, *descendants(self.original))
        return any(_is_single(value) for part in parts for value in attributes(part).values())

    def fresh(self) -> Any:
        """Return a new copy, its gradients zero."""
        module = copy_of(self.original, self.dtype)
        if self.shared:
            own = copy_of([get(self.original, path) for path in self.shared], self.dtype)
            for path, value in zip(self.shared, own, strict=True):
                setattr(get(module, path[:-1]), path[-1][1], value)
        self.zero_gradients(module)
        if self.dtype is torch.float64 and self.says_single:
            in_double(module)
        return module

    def zero_gradients(self, module: Any) -> None:
        """Set the gradients of a copy to zero, without its own help."""
        for slot in self.slots:
            grad = as_tensor(get(module, slot.grad))
            if grad is not None:
                put(module, slot.grad, torch.zeros_like(grad))

    def shared_by_default(self) -> list[str]:
        """Return the attributes that are default arguments, which all objects of the class share."""
        init = type(self.given).__init__
        defaults = [
            *(getattr(init, "__defaults__", None) or ()),
            *(getattr(init, "__kwdefaults__", None) or {}).values(),
        ]
        shared = [value for value in defaults if isinstance(value, (list, dict, set, Tensor)) or is_numpy(value)]
        own = getattr(self.given, "__dict__", {})
        return [name for name, value in own.items() if any(value is default for default in shared)]

    @property
    def work(self) -> torch.dtype:
        """The dtype in which it calculates here."""
        return self.dtype or self.native

    def set_default(self) -> None:
        """Make new tensors of the student's code have the doctor's dtype, while the examination lasts."""
        if not self.watch.over:
            torch.set_default_dtype(self.work)

    @contextlib.contextmanager
    def in_dtype(self, dtype: torch.dtype | None) -> Iterator[None]:
        """Make copies in another dtype for a while; None leaves every tensor as the student made it."""
        before = self.dtype
        try:
            self.dtype = dtype
            self.set_default()
            yield
        finally:
            self.dtype = before
            self.set_default()

    # -- what it is given ---------------------------------------------------------------------------------------------

    def say(self, tensor: Tensor | None) -> Any:
        """Return a copy of a tensor in its working dtype, in what the subject takes."""
        return self.say_as_it_is(self.cast(tensor))

    def say_as_it_is(self, tensor: Tensor | None) -> Any:
        """Return a copy of a tensor, its dtype kept, in what the subject takes."""
        if tensor is None:
            return None
        return speak(tensor, "torch" if self.dialect == "list" and not tensor.is_floating_point() else self.dialect)

    def cast(self, tensor: Tensor | None) -> Tensor | None:
        """Return a tensor in the working dtype; one that is not of floating-point numbers as it is."""
        return tensor.to(self.work) if tensor is not None and tensor.is_floating_point() else tensor

    def cast_like(self, grad_output: Tensor, output: Any) -> Tensor:
        """Return an upstream gradient in the dtype of the output."""
        return grad_output.to(output.dtype if isinstance(output, Tensor) and output.is_floating_point() else self.work)

    def upstream(self, output: Any) -> Tensor:
        """Return an upstream gradient that fits an output; the same for the same shape."""
        value = as_tensor(output)
        shape = value.shape if value is not None else ()
        if self.is_loss or not shape:
            return torch.ones(shape, dtype=torch.float64)
        return both_signs(shape, torch.Generator().manual_seed(17))

    # -- calling it ---------------------------------------------------------------------------------------------------

    def forward(self, module: Any, input: Tensor, target: Tensor | None = None) -> Any:
        """Call forward with copies of these, in what the subject takes."""
        return self.raw_forward(module, self.say(input), self.say(target))

    def backward(self, module: Any, grad_output: Tensor, input: Tensor, target: Tensor | None = None) -> Any:
        """Call backward with copies of these, in what the subject takes."""
        return self.raw_backward(module, self.say_as_it_is(grad_output), self.say(input), self.say(target))

    def raw_forward(self, module: Any, input: Any, target: Any = None) -> Any:
        """Call forward with these very values; random numbers start the same each time."""
        if self.draws:
            self.reseed()
        if self.translator:
            return self.translator.forward(module, input, target)
        values = (input, target) if self.is_loss else (input,)
        return self.watch.call(self.forward_name, getattr(module, self.forward_name), *values)

    def raw_backward(self, module: Any, grad_output: Any, input: Any = None, target: Any = None) -> Any:
        """Call backward with these very values, as many of them as a loss's backward asks for."""
        if self.translator:
            return self.translator.backward(module, grad_output, input, target)
        method = getattr(module, self.backward_name)
        values: tuple[Any, ...] = (grad_output,)
        if self.is_loss:
            try:
                parameters = list(inspect.signature(method).parameters.values())
            except (TypeError, ValueError):
                parameters = []
            positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
            needed = [p for p in parameters if p.default is p.empty and p.kind in positional]
            values = ((), (grad_output,), (input, target))[min(len(needed), 2)]
        return self.watch.call(self.backward_name, method, *values)

    def run(
        self, input: Tensor, grad_output: Tensor | None, target: Tensor | None = None, module: Any = None
    ) -> dict[str, Any]:
        """Run forward and backward of a fresh copy; return "output", "input" and every parameter's gradient, raw."""
        module = self.fresh() if module is None else module
        output = self.forward(module, input, target)
        if grad_output is None:
            grad_output = self.upstream(output)
        grad_input = self.backward(module, self.cast_like(grad_output, output), input, target)
        return {"output": output, "input": grad_input, **self.gradients(module)}

    def output_at(self, input: Tensor, target: Tensor | None = None) -> Tensor | None:
        """Return the output for another input, in float64."""
        output = as_tensor(self.forward(self.fresh(), input, target))
        return None if output is None else output.double()

    def reseed(self) -> None:
        """Have the random numbers of torch, of Python and of NumPy begin at the seed."""
        torch.default_generator.manual_seed(self.seed)  # torch.manual_seed looks for other devices, for milliseconds
        random.seed(self.seed)
        if "numpy" in sys.modules:
            sys.modules["numpy"].random.seed(self.seed)

    def find(self, search: Callable[[Any], Any], module: Any) -> Any:
        """Search a module for parameters, which may call its methods that list them."""
        return find(search, module, self.watch)

    @property
    def zero_method(self) -> str | None:
        """The name of its zero_grad."""
        return first_method(self.original, ZERO_METHODS)

    @property
    def may_assign(self) -> bool:
        """Whether it has conventions of its own, and nothing that sets gradients to zero: then each backward begins anew."""
        return self.translator is not None and self.zero_method is None

    def zero_grad(self, module: Any) -> None:
        """Call a copy's own zero_grad."""
        self.watch.call(self.zero_method, getattr(module, self.zero_method))

    # -- its parameters -----------------------------------------------------------------------------------------------

    def gradients(self, module: Any) -> dict[str, Tensor | None]:
        """Return copies of the gradients that a copy has accumulated."""
        return {slot.name: as_tensor(get(module, slot.grad)) for slot in self.slots}

    def parameters(self, module: Any) -> dict[str, Tensor | None]:
        """Return copies of the parameters of a copy."""
        return {slot.name: as_tensor(get(module, slot.param)) for slot in self.slots}

    def parameter(self, name: str) -> Tensor | None:
        """Return the original's parameter of this name, in float64."""
        slot = next((slot for slot in self.slots if slot.name == name), None)
        value = None if slot is None else as_tensor(get(self.original, slot.param))
        return None if value is None else value.double()

    def own(self, name: str) -> bool:
        """Whether a parameter is the subject's own, not that of a module inside."""
        return any(slot.name == name and not slot.depth for slot in self.slots)


def in_double(module: Any) -> None:
    """Have a module calculate in float64 that says in an attribute that it calculates in float32."""
    for part in (module, *descendants(module)):
        for name, value in attributes(part).items():
            if _is_single(value):
                setattr(part, name, torch.float64 if value is torch.float32 else sys.modules["numpy"].float64)


def _is_single(value: Any) -> bool:
    """Whether a value is the name of float32, torch's or NumPy's."""
    if value is torch.float32:
        return True
    return isinstance(value, type) and value.__module__ == "numpy" and value.__name__ == "float32"


@contextlib.contextmanager
def new_memory_filled(watch: Watch) -> Iterator[None]:
    """Have torch.empty and its like filled with NaN for a while, so that reading what nobody has written shows."""
    set_mode = torch._C._set_deterministic_algorithms  # torch's public function imports its compiler, for seconds
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    set_mode(True, warn_only=True)
    try:
        yield
    finally:
        if not watch.over:
            set_mode(before[0], warn_only=before[1])
