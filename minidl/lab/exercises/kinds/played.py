"""An exercise whose answer is settings of the playground: a network is trained with them there, and looked at."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from minidl.lab.exercises.answer import Answer
from minidl.lab.exercises.comparing import has_dots, show
from minidl.lab.exercises.kinds.exercise import Exercise
from minidl.lab.exercises.reply import DOTS, NotDone, Wrong
from minidl.lab.playground import Playground, playground
from minidl.lab.playground.settings import Settings

NAMES = tuple(field.name for field in fields(Settings))


@dataclass(frozen=True, kw_only=True)
class Played(Exercise):
    """A dictionary of settings, or a list of several; each trains a network, to the same bit as the playground does.

    Attributes
    ----------
    start : mapping
        The playground's settings that the answer changes.
    epochs : int
        How long is trained.
    free : tuple of str
        The settings that may be changed.
    several : int
        How many dictionaries there are to be, of one setting each, all of them different; 0 asks for a single dictionary.
    least, most : float
        The share of test points that the network has to get right: at least, and at most.
    parameters : int, optional
        The network has to have fewer.
    """

    start: Mapping[str, Any]
    epochs: int
    free: tuple[str, ...]
    several: int = 0
    least: float = 0.0
    most: float = 1.0
    parameters: int | None = None
    kind: ClassVar[str] = "played"

    def judge(self, answer: Answer) -> str:
        if has_dots(answer.value):
            raise NotDone(DOTS)
        given = answer.value
        if self.several:
            given = self._several(given)
        return "; ".join(self._judge(one) for one in ([given] if not self.several else given))

    def _several(self, given: Any) -> list[Mapping[str, Any]]:
        """Return a list of dictionaries, if it is one, and each changes another setting."""
        if not isinstance(given, (list, tuple)) or not all(isinstance(one, Mapping) for one in given):
            raise Wrong(f"it should be a list of {self.several} dictionaries, and is {show(given)}.", hinted=False)
        if len(given) != self.several:
            raise Wrong(f"{self.several} ways are asked for, and here are {len(given)}.", hinted=False)
        for number, one in enumerate(given, 1):
            if len(one) != 1:
                raise Wrong(
                    f"way {number} changes {len(one)} settings: each is to change one, so that one sees what does it.",
                    hinted=False,
                )
        names = [next(iter(one)) for one in given]
        for name in names:
            if names.count(name) > 1:
                raise Wrong(
                    f"{names.count(name)} of them change {name!r}: find a way with another setting.", hinted=False
                )
        return list(given)

    def _judge(self, given: Any) -> str:
        """Return how a network fares that is trained with these settings."""
        if isinstance(given, Playground):
            raise Wrong(
                "write its settings down, as a dictionary of those that you have changed: {'batch_size': 50} for example.",
                hinted=False,
            )
        if not isinstance(given, Mapping):
            raise Wrong(
                f"it should be a dictionary of settings, {{'batch_size': 50}} for example, and is {show(given)}.",
                hinted=False,
            )
        for name in given:
            if name not in NAMES:
                raise Wrong(
                    f"the playground has no setting {name!r}. There are {', '.join(map(repr, self.free))}.",
                    hinted=False,
                )
            if name not in self.free:
                raise Wrong(f"{name!r} is part of the task, and has to stay as it is.", hinted=False)
        said = ", ".join(f"{name} = {value!r}" for name, value in given.items()) or "nothing changed"
        right, count, after = self._trained(given, said)
        measured = f"with {said}, {right:.1%} of the test points are right after {after}"
        if self.parameters is not None and count >= self.parameters:
            raise Wrong(f"the network has {count} parameters, {count - self.parameters + 1} too many.", hinted=False)
        if right < self.least:
            raise Wrong(f"{measured}, and {self.least:.0%} is the goal.")
        if right > self.most:
            raise Wrong(f"{measured}: it still learns. At most {self.most:.0%} is the goal.")
        return measured + (f" (a network of {count} parameters)" if self.parameters is not None else "")

    def _trained(self, given: Mapping[str, Any], said: str) -> tuple[float, int, str]:
        """Return the share of test points that are right, the number of parameters, and how far the training came."""
        try:
            return _train(tuple(sorted({**self.start, **_frozen(given)}.items())), self.epochs)
        except (TypeError, ValueError) as error:
            words = str(error).removeprefix("playground expected ")
            hidden = given.get("hidden")
            comma = f" One layer is written ({hidden},), with a comma." if type(hidden) is int else ""
            raise Wrong(
                f"the playground refuses {said}: it expects {words}.{comma}", certain=True, hinted=False
            ) from error


def _frozen(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}


@functools.lru_cache(maxsize=64)  # who tries again changes one of several
def _train(settings: tuple[tuple[str, Any], ...], epochs: int) -> tuple[float, int, str]:
    play, after = playground(**dict(settings)), f"{epochs} epochs"
    try:
        play.epoch(epochs)
    except FloatingPointError:
        after = f"epoch {play.learner.epochs}, where the numbers are no longer finite"
    output = play.model.forward(play.test[0])
    right = float((output.argmax(-1) == play.test[1].argmax(-1)).double().mean())
    if not math.isfinite(float(output.sum())):
        right = 0.5  # nothing that one could call an answer
    return right, sum(param.numel() for param, _ in play.model.parameters()), after
