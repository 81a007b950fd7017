"""One training of the playground, step by step, and what is to be seen of it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from minidl import SGD, MSELoss, ReLU, Sequential
from minidl.lab.network import network
from minidl.lab.playground.data import DATA, Points, as_points, data_set, square_around
from minidl.lab.playground.settings import ACTIVATIONS, OWN, Settings
from minidl.lab.training import Trainer

FINE, COARSE = 48, 24  # places along a side: of the whole network's picture, and of each unit's
TOO_LARGE = (
    "The numbers in the network are no longer finite: the steps were too large. "
    "Start again with a smaller learning rate, or with the mean per point as the loss."
)


@dataclass(frozen=True)
class Step:
    """The last mini-batch step.

    Attributes
    ----------
    model : Sequential
        As it was before the step, with the gradients of the batch.
    batch : (Tensor, Tensor)
    loss : MSELoss
    lr : float
    epoch, number : int
        Which step it was, counted from 1.
    """

    model: Sequential
    batch: Points
    loss: MSELoss
    lr: float
    epoch: int
    number: int


@dataclass(frozen=True)
class Look:
    """All that a picture shows of a training at one moment. Layers are hidden ones and the output, the first one first.

    Attributes
    ----------
    settings : Settings
    words : str
        What the data are.
    epochs, step, steps : int
        Epochs done, steps done in the one under way, and how many an epoch has.
    side : (float, float)
        The ends of the square's sides.
    answer : array, shape (FINE, FINE)
        By how much the second output is larger, row by row upwards.
    units : list of arrays, shape (units, COARSE, COARSE)
        What each unit puts out over the square.
    awake : list of arrays, shape (units,)
        The share of training points for which a unit puts out something else than 0.
    dead : list of arrays of bool, shape (units,)
        Units of ReLU that put out 0 for all training points.
    weights : list of arrays, shape (in, out)
    training, test : (array, array)
        Points (n, 2) and whether each is of class 1.
    records : array, shape (epochs, 2, 2)
        For each epoch loss and accuracy (rows) on training and test points (columns).
    now : array, shape (2, 2)
        The same at this moment, which may lie between two epochs.
    changes : tuple of float
        After how many epochs a setting was changed on the way.
    """

    settings: Settings
    words: str
    epochs: int
    step: int
    steps: int
    side: tuple[float, float]
    answer: np.ndarray
    units: list[np.ndarray]
    awake: list[np.ndarray]
    dead: list[np.ndarray]
    weights: list[np.ndarray]
    training: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    records: np.ndarray
    now: np.ndarray
    changes: tuple[float, ...]

    @property
    def dead_layer(self) -> int | None:
        """The number, from 1, of the first hidden layer all of whose units are dead."""
        return next((number for number, dead in enumerate(self.dead[:-1], 1) if dead.all()), None)


class Learner:
    """A training that goes on step by step, the same as ``train`` would do with the same seed.

    One generator, from the seed of the settings, draws training points, test points, initial weights, and the order of the
    points in every epoch.

    Parameters
    ----------
    settings : Settings
    own : sequence of (Tensor, Tensor)
        A student's own data, where the settings say "own": training points and targets, and perhaps test points and
        targets; without these, every other one of the training points, in a random order, becomes a test point.

    Attributes
    ----------
    model : Sequential
    training, test : (Tensor, Tensor)
    last : Step or None
        The last step, where ``step`` took it.
    """

    def __init__(self, settings: Settings, own: Sequence[Points] = ()) -> None:
        self.settings = settings
        generator = torch.Generator().manual_seed(settings.seed)
        if settings.data == OWN:
            self.training, self.test = _split(own, generator)
            self.side, self.words = square_around(torch.cat([self.training[0], self.test[0]])), "your points"
        else:
            drawn = {"noise": settings.noise, "generator": generator}
            self.training, self.test = (data_set(settings.data, settings.points, **drawn) for _ in range(2))
            self.side, self.words = DATA[settings.data].side, DATA[settings.data].words
        activation = ACTIVATIONS[settings.activation]
        self.model = network(settings.widths, activation=activation, gain=settings.gain, generator=generator)
        self.loss, self.optimizer = MSELoss(settings.reduction), SGD(self.model, settings.lr)
        options = {"loss": self.loss, "optimizer": self.optimizer, "generator": generator}
        self.trainer = Trainer(self.model, self.training, self.test, batch_size=settings.batch_size, **options)
        self.trainer.said_dead = True  # each look tells of it
        self.last, self._steps = None, 0
        self.changes: list[float] = []  # after how many epochs
        self._copied, self._copies = np.empty((0, 2, 2)), 0
        self._places = _places(self.side)

    @property
    def epochs(self) -> int:
        """Epochs done."""
        return self.trainer.epoch

    @property
    def steps(self) -> int:
        """How many steps there are in the epoch under way, or in the next one."""
        return self._steps if self.trainer.waiting else -(-len(self.training[0]) // self.settings.batch_size)

    @property
    def step_number(self) -> int:
        """Steps done in the epoch under way."""
        return self._steps - len(self.trainer.waiting) if self.trainer.waiting else 0

    @property
    def history(self) -> pd.DataFrame:
        """The history so far, as ``train`` returns it."""
        return self.trainer.history()

    def change(self, settings: Settings) -> None:
        """Go on with another learning rate, batch size or reduction. The batches of the epoch under way stay as they are."""
        if settings != self.settings and self.epochs + self.step_number > 0:
            self.changes.append(self.epochs + self.step_number / self.steps)
        self.settings, self.optimizer.lr = settings, settings.lr
        self.trainer.batch_size, self.loss.reduction = settings.batch_size, settings.reduction

    def advance(self, steps: int | None = 1) -> None:
        """Take so many steps, but none beyond the end of the epoch; with None, all that are left of it.

        Raises
        ------
        FloatingPointError
            Where a number is no longer finite.
        """
        self.last = None
        self._advance(steps)

    def step(self) -> None:
        """Take one step, and keep it to be looked at."""
        before, loss, epoch = copy.deepcopy(self.model), copy.deepcopy(self.loss), self.epochs + 1
        number, seen = self.step_number + 1, []
        plain = self.trainer.step
        self.trainer.step = lambda *batch: (seen.append(batch), plain(*batch))
        try:
            self._advance(1)
        finally:
            self.trainer.step = plain
            for layer, now in zip(before.layers(), self.model.layers(), strict=True):
                layer.grad = {name: grad.clone() for name, grad in now.grad.items()}
            self.last = Step(before, seen[0], loss, self.settings.lr, epoch, number)

    def _advance(self, steps: int | None) -> None:
        self._steps = self.steps  # of the epoch under way: another batch size counts from the next one on
        try:
            self.trainer.advance(steps)
        except FloatingPointError:
            raise FloatingPointError(TOO_LARGE) from None  # in the words of the controls
        if not all(bool(param.isfinite().all()) for param, _ in self.model.parameters()):
            raise FloatingPointError(TOO_LARGE)

    def look(self) -> Look:
        """Return all that there is to be seen now."""
        inputs, learnt = torch.cat([self._places, self.training[0], self.test[0]]), len(self.training[0])
        outputs, units, awake, dead = [], [], [], []
        with torch.no_grad():
            for layer in self.model.layers():
                inputs = layer.forward(inputs)
                outputs.append(inputs)
        linears = [k for k, layer in enumerate(self.model.layers()) if layer.params]
        ends = [*(k + 1 for k in linears[:-1]), linears[-1]]  # behind the activations
        layers, skip = list(self.model.layers()), FINE // COARSE
        for k in ends:
            over = outputs[k][: FINE * FINE].T.reshape(-1, FINE, FINE)
            units.append(over[:, ::skip, ::skip].numpy())
            share = (outputs[k][FINE * FINE :][:learnt] != 0).double().mean(0).numpy()
            awake.append(share)
            dead.append((share == 0) & isinstance(layers[k], ReLU))
        outside, inside = outputs[-1][: FINE * FINE].T
        answers = outputs[-1][FINE * FINE :].tensor_split([learnt])
        scores = [_score(*pair) for pair in zip(answers, (self.training[1], self.test[1]), strict=True)]
        return Look(
            settings=self.settings,
            words=self.words,
            epochs=self.epochs,
            step=self.step_number,
            steps=self.steps,
            side=self.side,
            answer=(inside - outside).reshape(FINE, FINE).numpy(),
            units=units,
            awake=awake,
            dead=dead,
            weights=[layers[k].params["weight"].detach().numpy().copy() for k in linears],
            training=_as_arrays(self.training),
            test=_as_arrays(self.test),
            records=self._records(),
            now=np.array(scores).T,
            changes=tuple(self.changes),
        )

    def _records(self) -> np.ndarray:
        """Return all records as one array. Each is copied once: there may be many thousands, and a look at each picture."""
        if len(self._copied) < self.epochs:
            room = np.empty((2 * self.epochs + 1000, 2, 2))
            room[: self._copies] = self._copied[: self._copies]
            self._copied = room
        for record in self.trainer.records[self._copies :]:
            self._copied[self._copies] = record[..., 0]
            self._copies += 1
        return self._copied[: self._copies]


def _split(own: Sequence[Points], generator: torch.Generator) -> tuple[Points, Points]:
    """Return a student's training and test points."""
    if not own:
        raise ValueError(
            'playground expected your own points and targets for data "own": playground((points, targets))'
        )
    inputs, targets = as_points(*own[0])
    if len(own) > 1:
        return (inputs, targets), as_points(*own[1])
    if len(inputs) < 2:
        raise ValueError("playground expected at least two points: every other one is for testing")
    order = torch.randperm(len(inputs), generator=generator)
    return tuple((inputs[rows], targets[rows]) for rows in (order[::2], order[1::2]))


def _score(answers: Tensor, targets: Tensor) -> tuple[float, float]:
    """Return the mean loss per point, and the share of right answers."""
    right = (answers.argmax(-1) == targets.argmax(-1)).double().mean()
    return float((answers - targets).square().sum() / len(targets)), float(right)


def _places(side: tuple[float, float]) -> Tensor:
    """Return the middles of the fields of a grid, row by row from below."""
    low, high = side
    along = low + (high - low) * (torch.arange(FINE) + 0.5).to(torch.get_default_dtype()) / FINE
    y, x = torch.meshgrid(along, along, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], dim=-1)


def _as_arrays(points: Points) -> tuple[np.ndarray, np.ndarray]:
    return points[0].numpy(), points[1].argmax(-1).numpy() == 1
