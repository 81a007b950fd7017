"""An exercise whose answer is a function that builds a network: several are trained on the disk, and judged on fresh points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch

from minidl import Linear, Module, Sequential
from minidl.lab.doctor.subject.stubs import is_empty, is_stub
from minidl.lab.exercises.answer import Answer, uses
from minidl.lab.exercises.comparing import show
from minidl.lab.exercises.kinds.calling import call
from minidl.lab.exercises.kinds.exercise import Exercise
from minidl.lab.exercises.reply import WRITE, NotDone, Wrong

RUNS = 5
SEED = 100  # of the first run: its points are those of no run in a notebook


@dataclass(frozen=True, kw_only=True)
class Network(Exercise):
    """A function of ``generator`` that returns a network, two inputs and two outputs, not trained yet.

    Attributes
    ----------
    parameters : int
        It has to have fewer.
    error : float
        The mean error on fresh points has to be below this.
    epochs : int
        How long it is trained.
    """

    parameters: int
    error: float
    epochs: int
    kind: ClassVar[str] = "network"

    def judge(self, answer: Answer) -> str:
        function = answer.value
        try:
            count = self._look_at(function)
        except Wrong as problem:
            problem.hinted = False  # the hint is for networks that have been trained
            raise
        networks = _networks(function)
        errors = self._errors[networks] if networks in self._errors else self._train(function)
        if networks is not None:
            self._errors[networks] = errors
        mean = float(errors.mean())
        each = ", ".join(f"{100 * error:.1f}" for error in errors.tolist())
        measured = f"{count} parameters, and a mean test error of {100 * mean:.2f} % over {RUNS} networks ({each} %)"
        if mean >= self.error:
            over = (
                f"{100 * (mean - self.error):.2f} points more than the {100 * self.error:g} % that it has to be below"
            )
            raise Wrong(f"{measured}. The parameters are few enough; the error is {over}.")
        return measured

    def _look_at(self, function: Any) -> int:
        """Return how many parameters a function's network has, if it is one that can be trained here."""
        if isinstance(function, Module):
            raise Wrong(
                f"it should be a function that returns a network, and is a network: write def {self.name}(...)."
            )
        if not callable(function) or isinstance(function, type):
            raise Wrong(f"it should be a function, and is {show(function)}: define it with def {self.name}(...).")
        if is_empty(function) or is_stub(function):
            raise NotDone(WRITE.format("the function"))
        if name := uses(function, {"train", "SGD", "backward", "repeat"}):
            raise Wrong(f"it should return the network untrained, and uses {name}: the check trains it.")
        shown = f"{self.name}(generator=...)"
        model, again, other = (call(shown, _built, function, seed) for seed in (1, 1, 2))
        if model is None:
            raise Wrong(f"{shown} returns nothing: is a return missing?")
        if not isinstance(model, Sequential):
            raise Wrong(f"{shown} should return a Sequential, and returns {show(model)}.")
        if any(one is another for one in model.modules() for another in other.modules()):
            raise Wrong("every call should make a new network, and two calls return the same layers.")
        count = sum(param.numel() for param, _ in model.parameters())
        for features in {layer.in_features for layer in list(model.layers())[:1] if isinstance(layer, Linear)} - {2}:
            raise Wrong(f"a point has 2 coordinates, and the first layer takes {features}.")
        output = call(f"forward of {self.name}'s network", model.forward, torch.zeros(7, 2, dtype=torch.float64))
        if output.shape != (7, 2):
            raise Wrong(f"for 7 points the output has the shape {tuple(output.shape)}, and should have (7, 2).")
        if not count:
            raise Wrong("the network has no parameters, so there is nothing to train.")
        if count >= self.parameters:
            many = f"it has {count:,} parameters, {count - self.parameters + 1:,} more than the {self.parameters - 1:,} allowed"
            raise Wrong(f"{many}. (It has not been trained.)")
        layers = [layer for layer in model.modules() if isinstance(layer, Linear)]
        others = ([layer for layer in twin.modules() if isinstance(layer, Linear)] for twin in (again, other))
        for number, (layer, same, fresh) in enumerate(zip(layers, *others, strict=False), 1):
            mine, equal, drawn = (each.params["weight"] for each in (layer, same, fresh))
            if not mine.any():
                raise Wrong(f"all weights of its Linear layer number {number} start at 0: nothing gets through.")
            if mine.shape == drawn.shape and torch.equal(mine, drawn):
                text = (
                    f"the weights of its Linear layer number {number} are not drawn from the generator that it is given"
                )
                raise Wrong(f"{text}: another one changes nothing in them. Is it handed on, all the way to this layer?")
            if not torch.equal(mine, equal):
                text = f"its Linear layer number {number} starts with other weights each time, for the same generator"
                raise Wrong(f"{text}. They have to be drawn from it, or the verdict is a lottery.")
        if _is_straight(model):
            text = "nothing bends in it: however many Linear layers there are, together they are one"
            raise Wrong(f"{text}, and draw one straight line. (It has not been trained.)")
        return count

    @cached_property
    def _errors(self) -> dict[Any, torch.Tensor]:
        """The errors of networks that have been trained: who asks once more need not wait for the same ones."""
        return {}

    def _train(self, function: Callable[..., Any]) -> torch.Tensor:
        """Return the errors of several trained networks on fresh points."""
        from minidl.lab.experiment.repeated import repeat  # brings pandas, which takes longer than most checks

        before = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)
        try:
            _, history = repeat(function, runs=RUNS, first=SEED, epochs=self.epochs, progress=True)
        except FloatingPointError as error:
            raise Wrong(
                f"its training explodes, a loss is no longer finite: are the first weights too large? ({error})"
            ) from error
        finally:
            torch.set_default_dtype(before)
        last = history[(history["split"] == "validation") & (history["epoch"] == self.epochs)]
        return torch.tensor(1 - last["accuracy"].to_numpy())


def _networks(function: Callable[..., Any]) -> tuple[Any, ...] | None:
    """Return what the networks are that will be trained, to know them again; None where some module is not minidl's own."""
    found: list[Any] = []
    for seed in range(SEED, SEED + RUNS):
        generator = torch.Generator().manual_seed(seed)
        model = call("it", _built_by, function, generator)
        modules = list(model.modules())
        if any(type(module).__module__.split(".")[0] != "minidl" for module in modules):
            return None
        found += [repr(model), generator.get_state().numpy().tobytes()]
        found += [param.numpy().tobytes() for param, _ in model.parameters()]
    return tuple(found)


def _is_straight(model: Module) -> bool:
    """Whether a network's output is a linear function of the point: between any two points it lies on the line."""
    a, b = 3 * torch.randn(2, 200, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    left, right, middle = (model.forward(points) for points in (a, b, (a + b) / 2))
    span = float((left - right).abs().max())
    return span > 0 and float((middle - (left + right) / 2).abs().max()) < 1e-9 * span


def _built(function: Callable[..., Any], seed: int) -> Any:
    """Build a network in double precision, where random numbers from elsewhere differ from call to call."""
    return _built_by(function, torch.Generator().manual_seed(seed))


def _built_by(function: Callable[..., Any], generator: torch.Generator) -> Any:
    torch.set_default_dtype(torch.float64)  # call puts it back
    return function(generator=generator)
