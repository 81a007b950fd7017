"""An exercise whose answer is an optimiser: the doctor examines it, and it goes step by step beside the right one."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor

from minidl import Linear, ReLU, Sequential
from minidl.lab.doctor import examine_optimizer
from minidl.lab.exercises.answer import Answer, functions, lent
from minidl.lab.exercises.comparing import SAME, same
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
    carries : tuple of str
        Attributes that change from step to step: lists of tensors, or a count. They tell slips with the same steps apart.
    not_yours : tuple of str
        Functions of torch that would be the whole answer.
    """

    settings: Mapping[str, Mapping[str, Any]]
    reference: Callable[..., torch.optim.Optimizer]
    carries: tuple[str, ...] = ()
    not_yours: tuple[str, ...] = ()
    kind: ClassVar[str] = "optimiser"

    def judge(self, answer: Answer) -> str:
        to_write(answer, ("step",), self.not_yours)
        cls = answer.value
        for number, (words, setting) in enumerate(self.settings.items()):
            model = _model()
            optimizer = call(f"building {self.name}", lambda s=setting, m=model: _built(cls, m, s))
            before = [param for param, _ in model.parameters()]
            values = [param.clone() for param in before]
            call(f"step of {self.name}", optimizer.step)
            _same_tensors(before, values, model, cls)
            mine, grads = self._path(lambda model, s=setting: _built(cls, model, s))
            if number == 0:  # the doctor names mistakes; the settings of the others may be none that it knows
                fresh = _model()
                diagnosis = examine_optimizer(_built(cls, fresh, setting), fresh)
                if diagnosis.mistakes != ["unnamed"]:  # the steps below say more
                    complain(diagnosis, self.notebook, f"with {words}")
            due = self._due(words)
            for step, (got, right) in enumerate(zip(mine, due, strict=True), 1):
                off = [
                    k for k, (g, r) in enumerate(zip(got, right, strict=True)) if not torch.allclose(g, r, 1e-6, 1e-9)
                ]
                if off:
                    raise Wrong(f"with {words}, {self._where_off(step, mine, due, off[0])}")
            if number == 0:
                complain(diagnosis, self.notebook, f"with {words}")
            if any(not torch.equal(before, after) for before, after in zip(*grads, strict=True)):
                raise Wrong("step changes the gradients; they belong to the model, and zero_grad clears them.")
        return f"{STEPS} steps are right with {' and with '.join(self.settings)}"

    def _due(self, words: str) -> list[list[Tensor]]:
        """Return the parameters after each of a few right steps with a setting: always the same ones."""
        if words not in self._right_paths:
            self._right_paths[words] = self._path(None, self.settings[words])[0]
        return self._right_paths[words]

    @cached_property
    def _right_paths(self) -> dict[str, list[list[Tensor]]]:
        return {}

    def _where_off(self, step: int, mine: list[list[Tensor]], due: list[list[Tensor]], k: int) -> str:
        """Return in words what a step does to one number of parameter k, where it should do something else."""
        start = [param.clone() for param, _ in _model().parameters()]
        at = tuple((~torch.isclose(mine[step - 1][k], due[step - 1][k], 1e-6, 1e-9)).nonzero()[0].tolist())
        drawn, grads = torch.Generator().manual_seed(3), []
        for _ in range(step):
            grads.append([torch.randn(param.shape, generator=drawn, dtype=param.dtype) for param in start][k])
        seen = ", ".join(f"{float(grad[at]):.4g}" for grad in grads)
        moved, right = (
            float(path[step - 1][k][at] - (path[step - 2][k][at] if step > 1 else start[k][at])) for path in (mine, due)
        )
        before = {1: "", 2: "step 1 is right, and "}.get(step, f"steps 1 to {step - 1} are right, and ")
        before = f"{before}step {step} is not" if before else "step 1 is not right"
        gradients = f"gradients {seen}" if step > 1 else f"gradient {seen}"
        digits = next((d for d in range(4, 17) if f"{moved:.{d}g}" != f"{right:.{d}g}"), 17)
        small = (
            " So small a difference may come of a small constant in the wrong place: are brackets missing?"
            if digits > 4
            else ""
        )
        return (
            f"{before}: with the {gradients}, it moves row {at[0] + 1}, column {at[1] + 1} of parameter "
            f"{k + 1} by {moved:.{digits}g}, where {right:.{digits}g} belongs.{small}"
        )

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

    def slip(self, answer: Answer) -> str:
        return lent(answer.value) or super().slip(answer)

    def behaviour(self, value: Any) -> Any:
        built: list[Any] = []

        def build(model: Any, setting: Mapping[str, Any]) -> Any:
            built.append(_built(value, model, setting))
            return built[-1]

        def work() -> list[Any]:
            try:
                paths = [self._path(lambda model, s=setting: build(model, s)) for setting in self.settings.values()]
            except Exception as problem:
                error = problem.__cause__ or problem
                return [f"{type(error).__name__}: {error}"], None
            return [(path, after) for path, (_, after) in paths], [self._carried(optimizer) for optimizer in built]

        return quietly(work)

    def _carried(self, optimizer: Any) -> list[Any] | None:
        """Return what an optimiser carries from step to step, where it keeps that under the names that it has been given."""
        kept = [vars(optimizer).get(name) for name in self.carries]
        return None if not kept or any(item is None for item in kept) else kept

    def alike(self, mine: Any, theirs: Any) -> bool:
        (path, carried), (their_path, theirs_carried) = mine, theirs
        if not same(path, their_path, SAME):
            return False
        both_carry = None not in (carried or [None]) and None not in (theirs_carried or [None])
        return not both_carry or same(carried, theirs_carried, SAME)


def _built(cls: type, model: Any, setting: Mapping[str, Any]) -> Any:
    """Build an optimiser, with a setting by name, or in order where its arguments have other names."""
    known = inspect.signature(cls).parameters
    return cls(model, **setting) if set(setting) <= set(known) else cls(model, *setting.values())


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


def _same_tensors(before: list[Tensor], values: list[Tensor], model: Sequential, cls: type) -> None:
    """Raise what is wrong where a step has changed none of the tensors that were the parameters."""
    if any(not torch.equal(param, value) for param, value in zip(before, values, strict=True)):
        return
    if any(param is not old for (param, _), old in zip(model.parameters(), before, strict=True)):
        text = "the layers hold new tensors after a step, and the old ones are what they were"
        raise Wrong(f"{text}. The parameter's own tensor has to change: all who hold it see that.", certain=True)
    names = {name for _, method in functions(cls) for name in method.__code__.co_names}
    if "params" in names and not names & {"parameters", "modules", "layers"}:
        text = "model.params holds only what is the model's own, and a Sequential has no parameters of its own"
        raise Wrong(f"nothing moves: {text}. parameters() finds those of the modules in it, too.", certain=True)
