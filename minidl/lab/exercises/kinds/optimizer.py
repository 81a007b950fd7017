"""An exercise whose answer is an optimiser: the doctor examines it, and it goes step by step beside the right one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from minidl import Linear, ReLU, Sequential
from minidl.lab.doctor import examine_optimizer
from minidl.lab.exercises.answer import Answer, lent
from minidl.lab.exercises.comparing import SAME, difference
from minidl.lab.exercises.kinds.calling import call, quietly
from minidl.lab.exercises.kinds.exercise import Exercise
from minidl.lab.exercises.kinds.layer import complain, to_write
from minidl.lab.exercises.reply import Wrong

STEPS = 4


@dataclass(frozen=True, kw_only=True)
class Optimizer(Exercise):
    """A class with ``step()`` to be written, built as ``cls(model, **setting)``.

    Attributes
    ----------
    settings : mapping of str to dict
        Keyword arguments to build it with, under the words that describe them; a number that may be written into the code
        differs among them.
    reference : function
        Takes a list of torch parameters and a setting; returns the torch optimiser that makes the right steps.
    not_yours : tuple of str
        Functions of torch that would be the whole answer.
    """

    settings: Mapping[str, Mapping[str, Any]]
    reference: Callable[..., torch.optim.Optimizer]
    not_yours: tuple[str, ...] = ()
    kind: ClassVar[str] = "optimiser"

    def judge(self, answer: Answer) -> str:
        to_write(answer, ("step",), self.not_yours)
        cls = answer.value
        for number, (words, setting) in enumerate(self.settings.items()):
            model = _model()
            optimizer = call(f"building {self.name}", lambda s=setting, m=model: cls(m, **s))
            try:
                call(f"step of {self.name}", optimizer.step)
            except Wrong as problem:
                raise Wrong(lent(cls) or str(problem)) from problem
            mine, grads = self._path(lambda model, s=setting: cls(model, **s))
            if number == 0:  # the doctor names mistakes; the settings of the others may be none that it knows
                fresh = _model()
                complain(examine_optimizer(cls(fresh, **setting), fresh), self.notebook, f"with {words}")
            due, _ = self._path(None, setting)
            for step, (got, right) in enumerate(zip(mine, due, strict=True), 1):
                off = [
                    k for k, (g, r) in enumerate(zip(got, right, strict=True)) if not torch.allclose(g, r, 1e-6, 1e-9)
                ]
                if off:
                    k = off[0]
                    at = tuple((~torch.isclose(got[k], right[k], 1e-6, 1e-9)).nonzero()[0].tolist())
                    raise Wrong(
                        f"with {words}, step {step} brings row {at[0] + 1}, column {at[1] + 1} of parameter {k + 1} to "
                        f"{float(got[k][at]):.6g}, and that is not it."
                    )
            if any(not torch.equal(before, after) for before, after in zip(*grads, strict=True)):
                raise Wrong("step changes the gradients; they belong to the model, and zero_grad clears them.")
        return f"{STEPS} steps are right with {' and with '.join(self.settings)}"

    def _path(
        self, build: Callable[[Any], Any] | None, setting: Mapping[str, Any] | None = None
    ) -> tuple[list[list[Tensor]], tuple[list[Tensor], list[Tensor]]]:
        """Return the parameters after each of a few steps, and the last gradients before and after the last step."""
        model, drawn = _model(), torch.Generator().manual_seed(3)
        pairs = list(model.parameters())
        leaves = [torch.nn.Parameter(param.clone()) for param, _ in pairs]
        optimizer = build(model) if build else self.reference(leaves, **(setting or {}))
        path, before = [], []
        for _ in range(STEPS):
            for (_, grad), leaf in zip(pairs, leaves, strict=True):
                grad.copy_(torch.randn(grad.shape, generator=drawn, dtype=grad.dtype))
                leaf.grad = grad.clone()
            before = [grad.clone() for _, grad in pairs]
            call(f"step of {self.name}", optimizer.step) if build else optimizer.step()
            path.append([param.clone() for param, _ in pairs] if build else [leaf.detach().clone() for leaf in leaves])
        return path, (before, [grad for _, grad in pairs])

    def behaviour(self, value: Any) -> Any:
        def work() -> list[Any]:
            paths = (self._path(lambda model, s=setting: value(model, **s)) for setting in self.settings.values())
            return [(path, after) for path, (_, after) in paths]

        return quietly(work)

    def alike(self, mine: Any, theirs: Any) -> bool:
        return not difference(mine, theirs, SAME)


def _model() -> Sequential:
    drawn = torch.Generator().manual_seed(2)
    layers = (
        Linear(3, 4, generator=drawn, dtype=torch.float64),
        ReLU(),
        Linear(4, 2, generator=drawn, dtype=torch.float64),
    )
    model = Sequential(*layers)
    for _, grad in model.parameters():
        grad.copy_(torch.randn(grad.shape, generator=drawn, dtype=grad.dtype))
    return model
