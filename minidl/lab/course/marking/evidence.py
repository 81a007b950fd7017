"""What an answer has to do to be right: a script for each exercise, and what the solution does with it.

A reply that comes out of a process with a student's code in it can be forged. Numbers cannot: whoever wants to have them right
for inputs that are drawn anew in every marking has to compute them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from minidl import Linear, ReLU, Sequential, Tanh
from minidl.lab.course.marking.playing import play
from minidl.lab.exercises.answer import run
from minidl.lab.exercises.kinds import Chain, Exercise, Function, Layer, Loop, Loss, Network, Optimizer
from minidl.lab.exercises.kinds.calling import precision
from minidl.lab.exercises.kinds.network import RUNS

Script = list[dict[str, Any]]


class Arguments:
    """Stands in for a class that is to be built, and keeps what with."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        self.step = {"make": list(arguments), "with": keywords}


@precision(torch.float64)
def script(exercise: Exercise, seed: int) -> Script:
    """Return what is to be done with an answer to an exercise; random numbers are drawn from the seed."""
    drawn = torch.Generator().manual_seed(seed)
    match exercise:
        case Layer():
            return _of_layer(exercise, drawn)
        case Loss():
            return _of_loss(exercise, drawn)
        case Function():
            return [{"apply": list(arguments)} for arguments in exercise.cases()]
        case Optimizer():
            return _of_optimizer(exercise, drawn)
        case Chain():
            return _of_chain(exercise, drawn)
        case Loop():
            return _of_loop(drawn)
        case Network():
            return [{"apply": [], "with": {"generator": generator}} for generator in _generators(exercise)]
    return [{"value": True}]


def is_data(exercise: Exercise) -> bool:
    """Whether the answer itself crosses, so that the judge can have it without the student's code."""
    return not isinstance(exercise, (Layer, Loss, Function, Optimizer, Chain, Loop))


def _generators(exercise: Network) -> list[torch.Generator]:
    """Return the generators that the judge gives to a function that builds networks, each as it is then."""
    solution = run(exercise.name, exercise.solution, exercise.given).value
    given: list[torch.Generator] = []

    def challenge(generator: torch.Generator) -> Any:
        given.append(generator.clone_state())
        if len(given) == len(looked_at) + RUNS:
            raise Enough
        return solution(generator=generator)

    looked_at: list[Any] = []
    exercise._look_at(challenge)
    looked_at.extend(given)
    with contextlib.suppress(Enough):
        exercise._train(challenge)
    return given


class Enough(Exception):  # noqa: N818
    """All generators were given."""


def as_function(played: list[Any]) -> Callable[..., Any]:
    """Return a function that gives, one after the other, the networks that the student's function has built.

    ``played`` has after each network its generator, as the student's function has left it.
    """
    waiting = iter(zip(played[::2], played[1::2], strict=True))

    def challenge(generator: torch.Generator) -> Any:
        network, after = next(waiting)
        generator.set_state(after.get_state())
        return network

    return challenge


@precision(torch.float64)
def expected(exercise: Exercise, steps: Script) -> list[Any] | None:
    """Return what the solution does with a script; None where the answer itself is judged."""
    if is_data(exercise):
        return None
    return play(steps, run(exercise.name, exercise.solution, exercise.given).value)


def _of_layer(exercise: Layer, drawn: torch.Generator) -> Script:
    steps: Script = []
    solution = run(exercise.name, exercise.solution, exercise.given).value
    for build in exercise.builds.values():
        steps.append(build(Arguments).step)
        layer = build(solution)
        for shape in exercise.shapes:
            input = torch.randn(shape, generator=drawn)
            output = layer.forward(input.clone())
            steps.append({"call": "forward", "to": [input]})
            steps.append({"call": "backward", "to": [torch.randn(output.shape, generator=drawn)]})
        if getattr(layer, "grad", None):
            steps.append({"look": "grad"})
        if (
            exercise.reference and exercise.ends
        ):  # slopes are not compared there: single precision has few digits of them
            ends = torch.tensor([[end for end in exercise.ends if end]], dtype=torch.float32)
            steps.append({"call": "forward", "to": [ends]})
    return steps


def _of_loss(exercise: Loss, drawn: torch.Generator) -> Script:
    steps: Script = []
    for build, _ in exercise.builds.values():
        steps.append(build(Arguments).step)
        for input, target in exercise.pairs():
            near = input + 0.3 * torch.randn(input.shape, generator=drawn, dtype=input.dtype)
            steps += [{"call": "forward", "to": [near, target]}, {"call": "backward", "to": []}]
        steps += [{"call": "forward", "to": [input, target]} for input, target in exercise.ends()]
    return steps


def _of_optimizer(exercise: Optimizer, drawn: torch.Generator) -> Script:
    steps: Script = []
    for setting in exercise.settings.values():
        model = _modules(drawn, 3)
        steps.append({"make": [Sequential(*model)], "with": dict(setting)})
        shapes = [param.shape for module in model for param, _ in module.parameters()]
        for _ in range(4):
            steps.append({"grads": [torch.randn(shape, generator=drawn) for shape in shapes]})
            steps += [{"step": True}, {"look": "parts"}]
    return steps


def _of_chain(exercise: Chain, drawn: torch.Generator) -> Script:
    steps: Script = []
    for length in exercise.lengths:
        modules = _modules(drawn, length)
        steps.append({"make": modules})
        for samples in (4, 1):
            input = torch.randn((samples, 3), generator=drawn)
            output: Tensor = Sequential(*modules).forward(input)
            steps.append({"call": "forward", "to": [input]})
            steps.append({"call": "backward", "to": [torch.randn(output.shape, generator=drawn)]})
        steps.append({"look": "parts"})
        steps += [{"item": k} for k in range(length)]
    return steps


def _of_loop(drawn: torch.Generator) -> Script:
    """Return trainings that come out the same in whatever order a loop takes the samples.

    With all samples in one batch; and with small batches, but steps so short that the losses stay what they are.
    """
    steps: Script = []
    for batch_size, lr in ((23, 0.01), (5, 1e-9)):
        data = [torch.randn((23, 3), generator=drawn), torch.randn((23, 2), generator=drawn)]
        steps.append({"train": _modules(drawn, 3), "data": data, "epochs": 3, "batch_size": batch_size, "lr": lr})
    return steps


def _modules(drawn: torch.Generator, length: int) -> list[Any]:
    return [Linear(3, 5, generator=drawn), Tanh(), Linear(5, 2, generator=drawn), ReLU()][:length]
