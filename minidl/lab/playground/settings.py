"""What the playground trains: every setting, with its limits."""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass

from minidl import Module, ReLU, Sigmoid, Tanh
from minidl.lab.arguments import check_choice, check_finite, check_whole
from minidl.lab.playground.data import DATA
from minidl.losses import REDUCTIONS

ACTIVATIONS: dict[str, type[Module]] = {"ReLU": ReLU, "Tanh": Tanh, "Sigmoid": Sigmoid}
OWN = "own"  # the name of a student's own tensors
MOST_LAYERS, MOST_UNITS, MOST_POINTS, MOST_NOISE = 6, 50, 2000, 0.5
LIVE = ("lr", "batch_size", "reduction")  # can change while a training goes on


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is trained, and how.

    Attributes
    ----------
    data : {"disk", "corners", "moons", "spiral", "own"}
        "own" stands for tensors that were handed over.
    points : int
        How many training points there are, and how many test points.
    noise : float
        How far points are shifted, see ``data_set``.
    hidden : tuple of int
        The width of each hidden layer; none gives a linear model.
    activation : {"ReLU", "Tanh", "Sigmoid"}
    gain : float
        Of the initial weights, see ``Linear``: 0 lets all of them be 0, 1 is Xavier's.
    reduction : {"sum", "batchmean", "mean"}
        Of the loss that is trained on.
    lr : float
        The learning rate.
    batch_size : int
    seed : int
        Of data, initial weights, and the order of the points.

    Raises
    ------
    TypeError, ValueError
        For what does not fit.
    """

    data: str = "disk"
    points: int = 500
    noise: float = 0.0
    hidden: tuple[int, ...] = (25, 25, 25)
    activation: str = "ReLU"
    gain: float = math.sqrt(2)
    reduction: str = "sum"
    lr: float = 0.001
    batch_size: int = 50
    seed: int = 0

    def __post_init__(self) -> None:
        owner = "playground"
        check_choice(owner, "data", self.data, (*DATA, OWN))
        check_choice(owner, "activation", self.activation, tuple(ACTIVATIONS))
        check_choice(owner, "reduction", self.reduction, tuple(REDUCTIONS))
        check_whole(owner, "the number of points", self.points, 4)
        check_whole(owner, "batch_size", self.batch_size)
        check_whole(owner, "seed", self.seed, 0)
        for name in ("noise", "gain"):
            check_finite(owner, name, getattr(self, name))
        check_finite(owner, "lr", self.lr, above=0)
        object.__setattr__(self, "hidden", tuple(self.hidden))
        for width in self.hidden:
            check_whole(owner, "each hidden layer", width)
        for name, value, most in (
            ("the number of points", self.points, MOST_POINTS),
            ("the number of hidden layers", len(self.hidden), MOST_LAYERS),
            ("each hidden layer", max(self.hidden, default=0), MOST_UNITS),
            ("noise", self.noise, MOST_NOISE),
            ("seed", self.seed, 2**32),
        ):
            if value > most:
                raise ValueError(f"{owner} expected {name} to be at most {most}, got {value}")
        for name in ("noise", "gain"):
            if getattr(self, name) < 0:
                raise ValueError(f"{owner} expected {name} of at least 0, got {getattr(self, name)}")

    @property
    def widths(self) -> tuple[int, ...]:
        """Features of the input, of every hidden layer and of the output."""
        return (2, *self.hidden, 2)

    def changed(self, **changes: object) -> Settings:
        """Return the same settings but for some."""
        return dataclasses.replace(self, **changes)

    def code(self, epochs: int) -> str:
        """Return the training as a cell of code that gives the same numbers, to the last bit."""
        noise = f", noise={self.noise:g}" if self.noise else ""
        drawn = f'data_set("{self.data}", {self.points}{noise}, generator=generator)'
        data = (
            "training, test = play.training, play.test" if self.data == OWN else f"training = {drawn}\ntest = {drawn}"
        )
        return (
            f"generator = torch.Generator().manual_seed({self.seed})\n"
            f"{data}\n"
            f"model = network({self.widths}, activation={self.activation}, gain={self.gain!r}, generator=generator)\n"
            f'options = {{"lr": {self.lr!r}, "batch_size": {self.batch_size}, "loss": MSELoss("{self.reduction}")}}\n'
            f"history = train(model, training, test, epochs={epochs}, generator=generator, **options)"
        )


def widths_in(text: str) -> tuple[int, ...]:
    """Return the widths that a text gives, such as "25-25-25", "25, 25" or nothing.

    Raises
    ------
    ValueError
        For anything but whole numbers with something between them.
    """
    parts = re.split(r"[\s,;x-]+", text.strip()) if text.strip() else []
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise ValueError(f"playground expected widths such as 25-25-25, or nothing for no hidden layer, got {text!r}")
    return tuple(map(int, parts))
