"""An exercise whose answer is a loss: the doctor examines it, and it is tried with large numbers and shapes that do not fit."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from minidl.lab.doctor import examine_loss
from minidl.lab.doctor.subject.stubs import is_stub
from minidl.lab.exercises.answer import Answer, lent, unraised
from minidl.lab.exercises.comparing import SAME, difference, same, show
from minidl.lab.exercises.errors import explain
from minidl.lab.exercises.kinds.calling import call, quietly
from minidl.lab.exercises.kinds.exercise import Exercise
from minidl.lab.exercises.kinds.layer import complain, prepared, returned, to_write, without_torchs
from minidl.lab.exercises.reply import Wrong

Pairs = list[tuple[Tensor, Tensor]]


@dataclass(frozen=True, kw_only=True)
class Loss(Exercise):
    """A class with ``forward(input, target)`` and ``backward()`` to be written.

    Attributes
    ----------
    builds : mapping of str to (function, function)
        Ways of building an object from the class, each under the words that describe it, and what forward should be equal
        to for this one: a function of input and target.
    pairs : function without arguments
        Returns pairs of input and target that the doctor examines it with: several samples, one, and another number.
    ends : function without arguments
        Returns pairs at which numbers are large, compared in single precision.
    refused : tuple of pairs of shapes
        Of an input and a target for which forward has to raise ValueError.
    not_yours : tuple of str
        Functions of torch that would be the whole answer.
    """

    builds: Mapping[str, tuple[Callable[[type], Any], Callable[[Tensor, Tensor], Tensor]]]
    pairs: Callable[[], Pairs]
    ends: Callable[[], Pairs] = field(default=list)
    refused: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = ()
    not_yours: tuple[str, ...] = ()
    kind: ClassVar[str] = "loss"

    def judge(self, answer: Answer) -> str:
        to_write(answer, ("forward", "backward"), self.not_yours)
        cls = answer.value
        for number, (words, (build, reference)) in enumerate(self.builds.items()):
            loss = call(f"building {self.name}", build, cls)
            prepared(loss)
            self._walk(loss, cls, reference)
            if self.refused and (error := unraised(cls, "forward")):
                raise Wrong(f"forward makes a {error}, and does not raise it: write raise before it.", certain=True)
            for input, target in self.pairs() if number == 0 else self.pairs()[:1]:
                diagnosis = examine_loss(loss, input, target, reference=reference)
                if not self.refused:  # then nobody has asked for it yet
                    diagnosis.findings = [finding for finding in diagnosis.findings if finding.mistake != "broadcast"]
                complain(without_torchs(diagnosis, self.not_yours), self.notebook, words)
            if problem := self._at_the_ends(loss, reference):
                raise Wrong(problem)
            for shapes in self.refused:
                self._refuse(loss, *shapes)
        samples = " and ".join(str(n) for n in sorted({len(input) for input, _ in self.pairs()}))
        ends = ", and where numbers are large" if self.ends() else ""
        refused = "; shapes that do not fit are refused" if self.refused else ""
        return f"forward and backward are right, for batches of {samples} samples{ends}{refused}"

    def _walk(self, loss: Any, cls: type, reference: Callable[[Tensor, Tensor], Tensor]) -> None:
        """Go forward and back once: what goes wrong so early is said more plainly here than by the doctor."""
        input, target = (tensor.clone() for tensor in self.pairs()[0])
        try:
            value = call(f"forward of {self.name}", loss.forward, input, target)
            if value is None:
                raise Wrong(f"forward of {self.name} returns nothing: is a return missing?", certain=True)
            if not isinstance(value, (Tensor, float, int)) or (isinstance(value, Tensor) and value.numel() != 1):
                got = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else show(value)
                raise Wrong(f"a loss is one number, and forward of {self.name} returns {got}: is a sum missing?")
            if is_stub(getattr(cls, "backward", None)):
                raise Wrong("backward is still to be written.", certain=True)
            if needed := [p for p in inspect.signature(loss.backward).parameters.values() if p.default is p.empty]:
                names = ", ".join(parameter.name for parameter in needed)
                text = f"backward asks for {names}, and gets nothing: forward keeps what it needs on self."
                raise Wrong(text, certain=True)
            back = returned(self.name, "backward", call(f"backward of {self.name}", loss.backward), cls)
            self._digits(loss, value, back, reference)
        except Wrong as problem:
            if not problem.certain and (text := lent(cls)):
                raise Wrong(text, certain=True) from problem
            raise

    def _digits(self, loss: Any, value: Any, back: Tensor, reference: Callable[..., Tensor]) -> None:
        """Raise where something has lost digits on the way."""
        input, target = self.pairs()[0]
        x = input.clone().requires_grad_()
        due = reference(x, target)
        (slope,) = torch.autograd.grad(due, x)
        forward = value if isinstance(value, Tensor) else torch.tensor(value, dtype=input.dtype)
        for method, got, right in (("forward", forward, due.detach()), ("backward", back, slope)):
            if got.dtype is not input.dtype and got.shape == right.shape:
                text = f"{method} returns {got.dtype} where the input is {input.dtype}"
                raise Wrong(f"{text}: is something converted, or made with a dtype of its own?")
            off = (got - right).abs().max() / right.abs().max() if got.shape == right.shape else torch.tensor(1.0)
            if 1e-11 < float(off) < 1e-6:
                text = f"{method} is a little off, by {float(off):.0e} of the largest"
                if bounded := self._bounded(loss, reference):
                    raise Wrong(f"{text}{bounded}")
                raise Wrong(
                    f"{text}: is something converted on the way, with float() or a dtype, or is a small number added?"
                )

    def _bounded(self, loss: Any, reference: Callable[..., Tensor]) -> str:
        """Return where a loss that is right up to a little stays far too small, as with a small number inside a logarithm."""
        for input, target in ((input.double(), target) for input, target in self.ends()):
            target = target.double() if target.is_floating_point() else target
            due, value = float(reference(input, target)), float(loss.forward(input.clone(), target.clone()))
            if value < 0.9 * due - 1:
                return (
                    f". And for the input {show(input)} and the target {show(target)}, forward returns {value:.4g}, which is "
                    "much too small: is a small number added inside the logarithm? It keeps the loss below a bound."
                )
        return ""

    def _at_the_ends(self, loss: Any, reference: Callable[[Tensor, Tensor], Tensor]) -> str:
        for input, target in self.ends():
            shown = f"for the input {show(input)} and the target {show(target)}"
            value = call(f"forward of {self.name}", loss.forward, input.clone(), target.clone())
            back = call(f"backward of {self.name}", loss.backward)
            x = input.double().requires_grad_()
            due = reference(x, target.double() if target.is_floating_point() else target)
            (slope,) = torch.autograd.grad(due, x)
            if not torch.isclose(torch.as_tensor(value).double(), due.detach(), rtol=1e-4, atol=1e-6):
                return f"{shown}, forward returns {float(value):.6g}, and that is not it."
            off = ~torch.isclose(back.double(), slope, rtol=1e-4, atol=1e-6)
            if bool(off.any()):
                at = tuple(off.nonzero()[0].tolist())
                where = ", ".join(f"{name} {k + 1}" for name, k in zip(("row", "column")[-len(at) :], at, strict=True))
                return f"{shown}, backward returns {float(back[at]):.6g} in {where}, and that is not it."
        return ""

    def _refuse(self, loss: Any, of_input: tuple[int, ...], of_target: tuple[int, ...]) -> None:
        asked = f"an input of shape {of_input} and a target of shape {of_target}"
        input, target = torch.ones(of_input), torch.ones(of_target)
        try:
            got = loss.forward(input, target)
        except ValueError:
            return
        except Exception as error:
            text = f"for {asked}, forward should raise ValueError; {explain(error, 'it')}"
            raise Wrong(text) from error
        if isinstance(got, BaseException):
            raise Wrong(
                f"for {asked}, forward returns a {type(got).__name__} where it should raise one: write raise, not return."
            )
        raise Wrong(f"for {asked}, forward should raise ValueError, and returns {show(got)}.")

    def behaviour(self, value: Any) -> Any:
        def work() -> dict[str, Any]:
            forward, backward, due = [], [], []
            for build, reference in self.builds.values():
                loss = build(value)
                for input, target in [*self.pairs(), *self.ends()]:
                    due.append(reference(input, target))
                    forward.append(loss.forward(input.clone(), target.clone()))
                    backward.append(loss.backward())
            return {"forward": forward, "backward": backward, "forward is right": not difference(forward, due, 1e-4)}

        return quietly(work)

    def slip(self, answer: Answer) -> str:
        return lent(answer.value) or super().slip(answer)

    def alike(self, mine: Any, theirs: Any) -> bool:
        """Whether two losses do the same, or have the same wrong forward, whatever comes after it."""
        if not same(mine["forward"], theirs["forward"], SAME):
            return False
        return not mine["forward is right"] or same(mine["backward"], theirs["backward"], SAME)
