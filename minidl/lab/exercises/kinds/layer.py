"""An exercise whose answer is a layer: the doctor examines it, and it is tried with large and small numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from minidl import Module
from minidl.lab.doctor import Diagnosis, examine
from minidl.lab.doctor.mistakes.rules import Factor
from minidl.lab.doctor.subject.stubs import is_stub
from minidl.lab.exercises.answer import (
    Answer,
    borrowed,
    functions,
    lent,
    misnamed,
    multiplied_before_compared,
    untouched,
)
from minidl.lab.exercises.comparing import SAME, difference, same, show
from minidl.lab.exercises.errors import BRACKETS
from minidl.lab.exercises.kinds.calling import call, precision, quietly
from minidl.lab.exercises.kinds.exercise import Exercise
from minidl.lab.exercises.kinds.measuring import inexact, measured
from minidl.lab.exercises.reply import WRITE, NotDone, Wrong
from minidl.lab.proof.formula import Formula

GUESSED = ("unnamed", "path forgotten", "product rule")  # the last two, where a factor is to explain the rest
ENDS = (0.0, 0.01, -0.01, 6.0, -6.0, 30.0, -30.0, 100.0, -100.0)


def to_write(
    answer: Answer, methods: tuple[str, ...], not_yours: tuple[str, ...], building_blocks: tuple[str, ...] = ()
) -> None:
    """Raise what there is to say about a class before it is built: still the stub, no class, or not the student's own."""
    cls = answer.value
    if not isinstance(cls, type):
        raise Wrong(f"it should be a class, and is {show(cls)}: define it with class {answer.name}.", certain=True)
    if text := misnamed(cls, methods):
        raise Wrong(text, certain=True)
    missing = untouched(cls, methods)
    if len(missing) == len(methods):
        raise NotDone(WRITE.format(" and ".join(methods)))
    if text := borrowed(cls, not_yours, methods, building_blocks):
        raise Wrong(text, certain=True)


def prepared(module: Any) -> None:
    """Raise what there is to say where a module's __init__ leaves out that of Module."""
    if isinstance(module, Module) and "params" not in vars(module):
        text = "super().__init__() is missing in __init__: it prepares what every module has, params and grad."
        raise Wrong(text, certain=True)


def returned(name: str, method: str, got: Any, written: Any = None) -> Tensor:
    """Return what a method returned, if that is a tensor; ``written`` is the class or object that has the method."""
    if got is None:
        raise Wrong(f"{method} of {name} returns nothing: is a return missing?", certain=True)
    if callable(got):
        raise Wrong(f"{method} of {name} returns a function: are brackets, (), missing after it?", certain=True)
    if isinstance(got, (tuple, list)):
        raise Wrong(f"{method} of {name} returns {len(got)} things, and should return one tensor.", certain=True)
    if not isinstance(got, Tensor):
        is_claim = isinstance(got, Formula)  # of which more can be said: which letters stand in it
        raise Wrong(f"{method} of {name} should return a tensor, and returns {show(got)}.", certain=not is_claim)
    if not got.is_floating_point():
        if got.dtype is torch.bool and multiplied_before_compared(written, method):
            raise Wrong(f"{method} of {name} returns a tensor of true and false. {BRACKETS}", certain=True)
        what = "true and false" if got.dtype is torch.bool else "whole numbers"
        raise Wrong(f"{method} of {name} returns a tensor of {what}, and not of numbers with a point.")
    return got


def _of_claims(cls: type) -> str:
    """Return in words what of the prover a layer uses; nothing if it uses none of it."""
    for where, function in functions(cls):
        for name in function.__code__.co_names:
            home = getattr(function.__globals__.get(name), "__module__", None) or ""
            if home.startswith("minidl.lab.proof") and callable(function.__globals__[name]):
                return f"{where} uses `{name}`, which makes formulas for claims. A layer works with tensors."
    return ""


def complain(diagnosis: Diagnosis, notebook: str, built: str = "") -> None:
    """Raise what the doctor found, without its notes, and without sections that the reader of this notebook has not met."""
    if built:
        diagnosis.subject = f"{built}, {diagnosis.subject}"
    if any(finding.mistake != "unnamed" for finding in diagnosis.findings):  # that may be why
        diagnosis.findings = [finding for finding in diagnosis.findings if finding.mistake != "unnamed"]
    for finding in diagnosis.findings:
        if finding.read[0][:2] > notebook:
            finding.read = ("", "")
    if not diagnosis:
        without_notes = Diagnosis(diagnosis.subject, diagnosis.findings)
        raise Wrong(str(without_notes), without_notes)


def without_torchs(diagnosis: Diagnosis, not_yours: tuple[str, ...]) -> Diagnosis:
    """Take the advice to use torch's own away, where that would be the whole answer; a backward of torch's always is."""
    whole = any(not name.endswith("_backward") for name in not_yours)
    for finding in diagnosis.findings:
        if whole or finding.text.startswith("What backward"):
            finding.text = finding.text.replace(", or use torch's own", "")
    return diagnosis


@dataclass(frozen=True, kw_only=True)
class Layer(Exercise):
    """A class with ``forward(input)`` and ``backward(grad_output)`` to be written.

    Attributes
    ----------
    builds : mapping of str to function
        Ways of building an object from the class, each under the words that describe it, beginning with "with".
    shapes : tuple of shapes
        Of the batches that the first of them is examined with: several samples, one, and another number.
    reference : function, optional
        What forward should be equal to, entry by entry.
    ends : tuple of float
        Inputs at which forward and backward are compared with the reference in float32; none where the layer mixes
        its features.
    smallest : float
        What forward may be off by where it should be next to nothing.
    methods : tuple of str
        What was to be written.
    not_yours : tuple of str
        Functions and classes of torch that would be the whole answer.
    building_blocks : tuple of str
        Classes of minidl that the answer may be built of.
    also : function, optional
        Takes the class; returns in words what else is wrong with it, or nothing.
    """

    builds: Mapping[str, Callable[[type], Any]] = field(default_factory=lambda: {"": lambda cls: cls()})
    shapes: tuple[tuple[int, ...], ...] = ((4, 3), (1, 3), (5, 1))
    reference: Callable[[Tensor], Tensor] | None = None
    ends: tuple[float, ...] = ENDS
    smallest: float = 1e-30
    methods: tuple[str, ...] = ("forward", "backward")
    not_yours: tuple[str, ...] = ()
    building_blocks: tuple[str, ...] = ()
    also: Callable[[type], str] | None = None
    kind: ClassVar[str] = "layer"

    def judge(self, answer: Answer) -> str:
        to_write(answer, self.methods, self.not_yours, self.building_blocks)
        cls = answer.value
        for number, (words, build) in enumerate(self.builds.items()):
            module = call(f"building {self.name}", build, cls)
            prepared(module)
            self._walk(module, cls)
            for shape in self.shapes if number == 0 else self.shapes[:1]:
                diagnosis = examine(module, shape, reference=self.reference)
                self._in_other_words(diagnosis, lambda build=build: build(cls), shape, words)
                complain(without_torchs(diagnosis, self.not_yours), self.notebook, words)
            if self.reference and self.ends and (problem := self._at_the_ends(module)):
                raise Wrong(inexact(lambda build=build: build(cls), self.shapes[0], self.reference) or problem)
            self._keeps_its_type(build, cls)
        if self.also and (problem := call(self.name, self.also, cls)):
            raise Wrong(problem)
        samples = " and ".join(str(n) for n in sorted({shape[0] for shape in self.shapes}))
        ends = f", and at x = {', '.join(f'{x:g}' for x in self.ends)}" if self.reference and self.ends else ""
        return f"forward and backward are right, for batches of {samples} samples{ends}"

    def _in_other_words(
        self, diagnosis: Diagnosis, build: Callable[[], Any], shape: tuple[int, ...], words: str
    ) -> None:
        """Raise what two batches tell, where the doctor has no name for what it found, or needs two names for one thing."""
        found = diagnosis.findings
        named = any(finding.mistake not in GUESSED and not isinstance(finding.rule, Factor) for finding in found)
        if found and not named and (found[0].mistake == "unnamed" or len(found) > 1):
            by_entry = self.reference is not None and bool(self.ends)
            if text := measured(build, shape, self.reference, by_entry):
                raise Wrong(f"{words}, {text}" if words else text, diagnosis if found[0].mistake == "unnamed" else None)

    def _keeps_its_type(self, build: Callable[[type], Any], cls: type) -> None:
        """Raise what there is to say where numbers of one precision go in and those of another come out."""
        for dtype in (torch.float32, torch.float64):
            with precision(dtype):
                module = build(cls)
                input = torch.randn(self.shapes[0], generator=torch.Generator().manual_seed(1))
                output = call(f"forward of {self.name}", module.forward, input)
                back = call(f"backward of {self.name}", module.backward, torch.ones(output.shape))
            for method, got in (("forward", output), ("backward", back)):
                if got.dtype != dtype:
                    mine, given = (str(kind).removeprefix("torch.") for kind in (got.dtype, dtype))
                    text = f"what {method} returns is {mine}, though {given} went in: the layer that gets it would refuse it"
                    raise Wrong(f"{text}. Keep the type.")

    def _walk(self, module: Any, cls: type) -> None:
        """Go forward and back once: what goes wrong so early is said more plainly here than by the doctor."""
        input = torch.randn(self.shapes[0], generator=torch.Generator().manual_seed(1))
        output = returned(self.name, "forward", call(f"forward of {self.name}", module.forward, input.clone()), cls)
        if is_stub(getattr(cls, "backward", None)):
            raise Wrong("backward is still to be written.", certain=True)
        back = call(f"backward of {self.name}", module.backward, torch.ones_like(output))
        returned(self.name, "backward", back, cls)

    @precision(torch.float32)
    def _at_the_ends(self, module: Any) -> str:
        """Compare forward and backward with the reference where numbers are large, small, or nothing."""
        assert self.reference is not None
        input = torch.tensor([self.ends], dtype=torch.float32)
        grad_output = torch.linspace(1, 2, input.numel(), dtype=input.dtype).reshape(input.shape)
        output = call(f"forward of {self.name}", module.forward, input.clone())
        back = call(f"backward of {self.name}", module.backward, grad_output.clone())
        x = input.double().requires_grad_()
        due = self.reference(x)
        (slope,) = torch.autograd.grad(due, x, grad_output.double())
        for method, mine, right in (("forward", output, due.detach()), ("backward", back, slope)):
            # of two numbers near 1 that are subtracted, single precision has seven digits: so many has a slope
            rounding = self.smallest if method == "forward" else 1e-6
            off = ~torch.isclose(mine.double(), right, rtol=1e-4, atol=rounding)
            off &= ~((input == 0) & (method == "backward"))  # a kink has no slope, and no curve is judged by one point
            if bool(off.any()):
                k = int(off.nonzero()[0][1])
                got = float(mine[0, k]) if method == "forward" else float(mine[0, k] / grad_output[0, k])
                what = "returns" if method == "forward" else "takes for the slope"
                more = self._why_at_an_end(mine[0], right[0], k) if method == "forward" else ""
                return f"at x = {self.ends[k]:g}, {method} {what} {got:.6g}, and that is not it.{more}"
        return ""

    def _why_at_an_end(self, mine: Tensor, due: Tensor, k: int) -> str:
        """Return a sentence on an output at an end that is not right, where it looks like something that is known."""
        if not bool(mine[k].isfinite()):
            return " On the way to it a number has become too large for float32."
        for other, x in enumerate(self.ends):
            if float(mine[k]) == float(mine[other]) and due[k] != due[other] and x * self.ends[k] > 0:
                return f" It is what forward returns at x = {x:g} too: is the input, or the output, cut off?"
        if float(mine[k]) == 0:
            return " Are digits lost on the way, or is something that is no number replaced by 0?"
        return ""

    def slip(self, answer: Answer) -> str:
        known = _of_claims(answer.value) or lent(answer.value) or super().slip(answer)
        if not known and (methods := [m for m in self.methods if multiplied_before_compared(answer.value, m)]):
            return f"look at the comparison in {methods[0]}. {BRACKETS}"
        return known

    def _batches(self) -> list[Tensor]:
        """Return what answers are known by: batches of all shapes, and the ends."""
        drawn = (torch.Generator().manual_seed(1) for _ in self.shapes)
        batches = [
            torch.randn(shape, generator=generator, dtype=torch.float64)
            for shape, generator in zip(self.shapes, drawn, strict=True)
        ]
        return batches + ([torch.tensor([self.ends], dtype=torch.float32)] if self.reference and self.ends else [])

    def behaviour(self, value: Any) -> Any:
        batches = self._batches()
        ways = quietly(lambda: [_one_way(value, build, batch) for build in self.builds.values() for batch in batches])
        if ways is None or all(isinstance(way, str) for way in ways):
            return None
        if self.reference is None:
            return {"all": ways}
        due = [self.reference(batch) for _ in self.builds for batch in batches]
        outputs = [way if isinstance(way, str) else way[0] for way in ways]
        return {
            "forward": [way if isinstance(way, str) else [way[0], way[2]] for way in ways],
            "lost": self._lost(ways, due),
            "forward is right": not difference(outputs, due, 1e-4),
            "all": ways,
        }

    def alike(self, mine: Any, theirs: Any) -> bool:
        """Whether two layers do the same, or have the same wrong forward, whatever comes after it."""
        if self.reference is None:
            return same(mine["all"], theirs["all"], SAME)
        if not same(mine["forward"], theirs["forward"], SAME) or mine["lost"] != theirs["lost"]:
            return False
        return not mine["forward is right"] or same(mine["all"], theirs["all"], SAME)

    def _lost(self, ways: Any, due: list[Tensor]) -> str:
        """Return as text which outputs are 0 and should be small numbers: a comparison takes these for the same."""
        pairs = [(way[0], right) for way, right in zip(ways, due, strict=True) if not isinstance(way, str)]
        lost = [(got == 0) & (right.abs() > self.smallest) for got, right in pairs if got.shape == right.shape]
        return " ".join("".join(str(int(entry)) for entry in entries.flatten().tolist()) for entries in lost)


def _one_way(cls: type, build: Callable[[type], Any], batch: Tensor) -> list[Tensor] | str:
    """Return all that comes of going forward and back once with a new object, or what that raises."""
    torch.default_generator.manual_seed(0)
    try:
        module, input = build(cls), batch.clone()
        output = module.forward(input)
        drawn = torch.Generator().manual_seed(2)  # of both signs, so that a gate set by the message is seen
        grad_output = torch.randn(output.shape, generator=drawn, dtype=batch.dtype)
        back = module.backward(grad_output)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return [output, back, input, grad_output, *getattr(module, "grad", {}).values()]
