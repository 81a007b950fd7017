"""An exercise whose answer is a container of modules: its modules note who calls them with what."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from minidl import Linear, Module, ReLU, Sequential, Tanh
from minidl.lab.doctor.subject.stubs import is_stub
from minidl.lab.exercises.answer import Answer, lent, misnamed
from minidl.lab.exercises.kinds.calling import call
from minidl.lab.exercises.kinds.exercise import Exercise
from minidl.lab.exercises.kinds.layer import returned, to_write
from minidl.lab.exercises.reply import Wrong

Calls = list[tuple[str, int, Tensor]]


class Spy(Module):
    """Multiplies by one number, and notes every call of its forward and backward, with the number of its place."""

    def __init__(self, place: int, calls: Calls) -> None:
        super().__init__()
        self.place, self.calls, self.input = place, calls, None
        self.params = {"factor": torch.full((1, 1), place + 0.5)}
        self.grad = {"factor": torch.zeros(1, 1)}

    def forward(self, input: Tensor) -> Tensor:
        self.calls.append(("forward", self.place, input.clone()))
        self.input = input
        return input * self.params["factor"]

    def backward(self, grad_output: Tensor) -> Tensor:
        self.calls.append(("backward", self.place, grad_output.clone()))
        self.grad["factor"] += (grad_output * self.input).sum()
        return grad_output * self.params["factor"]


@dataclass(frozen=True, kw_only=True)
class Chain(Exercise):
    """A class built as ``cls(*modules)``, with ``forward``, ``backward`` and ``__getitem__`` to be written.

    Attributes
    ----------
    lengths : tuple of int
        How many modules are put in: several numbers, so that none can be written into the code.
    """

    lengths: tuple[int, ...] = (3, 2, 4)
    kind: ClassVar[str] = "chain"

    def judge(self, answer: Answer) -> str:
        to_write(answer, ("forward", "backward"), ())
        cls = answer.value
        for method in ("forward", "backward"):
            if is_stub(getattr(cls, method, None)):
                raise Wrong(f"{method} is still to be written.", certain=True)
        for length in self.lengths:
            try:
                self._follow(cls, length)
                self._take_out(cls, length)
                self._with_layers(cls, length)
            except Wrong as problem:
                text = "" if problem.certain else lent(cls)
                raise Wrong(text or str(problem), hinted=problem.hinted or bool(text)) from problem
        numbers = ", ".join(map(str, sorted(self.lengths)))
        return f"forward, backward and [k] are right, for chains of {numbers} modules, one batch after the other"

    def _follow(self, cls: type, length: int) -> None:
        """Go through a chain of spies, twice, and look at what they have noted."""
        calls: Calls = []
        spies = [Spy(place, calls) for place in range(1, length + 1)]
        try:
            chain = call(f"building {self.name}", cls, *spies)
        except Wrong as problem:
            if re.search(r"takes \d+ positional arguments? but", str(problem)):
                text = f"it is built as {self.name}(first, second, ...), with any number of modules"
                raise Wrong(
                    f"{text}, and __init__ takes a fixed number: *modules takes them all.", certain=True
                ) from problem
            raise
        if hidden := [name for name in vars(chain) if callable(getattr(Module, name, None))]:
            raise Wrong(f"self.{hidden[0]} hides Module's own method {hidden[0]}, which is needed: take another name.")
        found = {id(param) for param, _ in call("parameters()", lambda: list(chain.parameters()))}
        for spy in spies:
            if id(spy.params["factor"]) not in found:
                where = "it looks at attributes that are modules, or lists or tuples of them"
                raise Wrong(f"in a chain of {length}, parameters() does not find those of module {spy.place}: {where}.")
        for samples, when in ((2, ""), (1, ", for the second batch,")):
            for method, run in (("forward", chain.forward), ("backward", chain.backward)):
                calls.clear()
                message = torch.arange(1.0, 1 + 3 * samples).reshape(samples, 3)
                before = message.clone()
                shown = f"{method} of {self.name}, with {length} modules{when or ','}"
                lists = {name: list(held) for name, held in vars(chain).items() if isinstance(held, list)}
                got = returned(self.name, method, call(shown, run, message))
                for name, held in lists.items():
                    self._kept(method, name, held, vars(chain).get(name))
                mine = [(place, tensor) for what, place, tensor in calls if what == method]
                self._order(shown, method, [place for place, _ in mine], length)
                self._hand_on(shown, method, mine, spies, before)
                last = spies[-1] if method == "forward" else spies[0]
                if not torch.equal(got, mine[-1][1] * last.params["factor"]):
                    raise Wrong(f"{shown} does not return what module {last.place} has returned.")
                if not torch.equal(message, before):
                    raise Wrong(f"{shown} changes the tensor that it is given.")

    def _kept(self, method: str, name: str, before: list[Any], after: Any) -> None:
        """Raise what a method has done to a list of modules that it should only have gone through."""
        if not isinstance(after, list) or not any(isinstance(item, Module) for item in before):
            return
        if all(one is another for one, another in zip(before, after, strict=False)) and len(before) == len(after):
            return
        turned = len(before) == len(after) and all(
            one is another for one, another in zip(before, after[::-1], strict=True)
        )
        if turned:
            text = f"{method} leaves self.{name} the other way round: list.reverse() turns the list itself"
            raise Wrong(f"{text}, for every call that comes. reversed(...) and [::-1] leave it as it is.", certain=True)
        raise Wrong(
            f"{method} changes self.{name}, and the next call needs it as it was: only go through it.", certain=True
        )

    def _order(self, shown: str, method: str, places: list[int], length: int) -> None:
        """Raise what is wrong with the order in which the modules are called."""
        due = list(range(1, length + 1))
        if method == "backward":
            due.reverse()
        if places == due:
            return
        if not places:
            raise Wrong(f"{method} does not call {method} of any of the modules.")
        went = f"{shown} calls module{'s' * (len(places) > 1)} {', '.join(map(str, places))} (counted from 1)"
        if places == due[::-1]:
            raise Wrong(f"{went}, in this order: that is the wrong way round.")
        if places == due[: len(places)]:
            raise Wrong(f"{went} and then no more: does a loop end too early?")
        if missing := sorted(set(due) - set(places)):
            raise Wrong(f"{went} and never {' and '.join(map(str, missing))}.")
        if len(places) > length:
            raise Wrong(f"{went}: some more than once.")
        raise Wrong(f"{went}, in this order.")

    def _hand_on(
        self, shown: str, method: str, calls: list[tuple[int, Tensor]], spies: list[Spy], given: Tensor
    ) -> None:
        """Raise where a module does not get what the one before it has returned."""
        for place, got in calls:
            if not isinstance(got, Tensor):
                raise Wrong(f"{shown} gives module {place} something that is no tensor: {got!r}.")
            if not torch.equal(got, given):
                before = place - 1 if method == "forward" else place + 1
                arrived = "the input of the chain" if method == "forward" else "the message that has arrived"
                where = f"what module {before} has returned" if 1 <= before <= len(spies) else arrived
                raise Wrong(f"{shown} gives module {place} something else than {where}.")
            given = got * spies[place - 1].params["factor"]

    def _take_out(self, cls: type, length: int) -> None:
        """Look at what an index gives."""
        if is_stub(getattr(cls, "__getitem__", None)):
            text = "forward and backward are right; `__getitem__(self, k)` is still to be written."
            text = misnamed(cls, ("forward", "backward", "__getitem__")) or text
            raise Wrong(text, certain=True, hinted=False)
        modules = _modules(length)
        chain = call(f"building {self.name}", cls, *modules)
        for k, module in enumerate(modules):
            shown = f"[{k}] of a chain of {length}"
            got = call(shown, lambda k=k: chain[k])
            if got is module:
                continue
            if got is None:
                raise Wrong(f"{shown} gives None: is a return missing in `__getitem__`?", certain=True, hinted=False)
            if other := [place for place, each in enumerate(modules, 1) if got is each]:
                text = f"{shown} gives module {other[0]}, counted from 1, and should give module {k + 1}."
                raise Wrong(text, hinted=False)
            if type(got) is type(module):
                text = f"{shown} gives a copy: what the copy learns, the chain does not. Give the module itself."
                raise Wrong(text, hinted=False)
            text = f"{shown} gives a {type(got).__name__}, and should give module {k + 1}, counted from 1, itself."
            raise Wrong(text, hinted=False)

    def _with_layers(self, cls: type, length: int) -> None:
        """Put the modules that an index gives into another chain, and compare with minidl's own, layers of all kinds in it."""
        modules, twins = _modules(length), _modules(length)
        first = call(f"building {self.name}", cls, *modules)
        chain, due = call(f"building {self.name}", lambda: cls(*(first[k] for k in range(length)))), Sequential(*twins)
        for samples in (4, 1):
            drawn = torch.Generator().manual_seed(samples)
            input = torch.randn(samples, 3, generator=drawn, dtype=torch.float64)
            output = call(f"forward of {self.name}", chain.forward, input)
            right = due.forward(input)
            message = torch.randn(right.shape, generator=drawn, dtype=torch.float64)
            back, right_back = call(f"backward of {self.name}", chain.backward, message), due.backward(message)
            for what, got, theirs in (("forward", output, right), ("backward", back, right_back)):
                if got.shape != theirs.shape or not torch.allclose(got, theirs):
                    chained = ", ".join(type(module).__name__ for module in modules)
                    raise Wrong(f"with {chained}, {what} does not return what they give one after the other.")
        pairs = zip(chain.parameters(), due.parameters(), strict=True)
        if not all(torch.allclose(grad, right) for (_, grad), (_, right) in pairs):
            raise Wrong("the gradients of two batches, one after the other, are not added up in the layers.")


def _modules(length: int) -> list[Module]:
    drawn = torch.Generator().manual_seed(length)
    linear: Callable[..., Any] = lambda *sizes: Linear(*sizes, generator=drawn, dtype=torch.float64)  # noqa: E731
    return [linear(3, 5), Tanh(), linear(5, 2), ReLU()][:length]
