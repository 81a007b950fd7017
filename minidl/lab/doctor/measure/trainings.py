"""A training loop is run on a tiny task, once for one epoch and once for some more; what it did is put in order here."""

from __future__ import annotations

import copy
import functools
import random
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from minidl.lab.doctor.measure.parts import BATCH, RATE, Task
from minidl.lab.doctor.measure.recorded import listening, record
from minidl.lab.doctor.measure.recording import Event, Log
from minidl.lab.doctor.subject.calls import StudentError, Watch

EPOCHS = 3


class Training:
    """What a loop did with its task.

    Attributes
    ----------
    kind : {"training", "epoch", "step", "evaluation"}
    roles : dict
        Names of the loop's arguments by role.
    log : Log
    result : object
        What the loop returned; of several calls, a list.
    raised : StudentError or None
    left_off : bool
        Whether the loop has ended with PyTorch's gradients switched off.
    """

    def __init__(self, loop: Callable[..., Any], kind: str, roles: dict[str, str], task: Task, watch: Watch) -> None:
        self.loop, self.kind, self.roles, self.task, self.watch = loop, kind, roles, task, watch
        self.name = getattr(loop, "__name__", type(loop).__name__)
        self.raised: StudentError | None = None
        self.known: list[Any] | None = None  # what its numbers may be, once that is asked for, see `returned`
        self.in_one_epoch = self.met_in_one_epoch = 0
        if kind == "training":
            self.log = self._run(1)
            self.in_one_epoch = len(self.trained)
            self.met_in_one_epoch = sum(e.size for e in self.trained)
        if self.raised is None:
            self.__dict__ = {k: v for k, v in vars(self).items() if k not in CACHED}
            self.log = self._run(EPOCHS)
        self.epochs = EPOCHS

    # Running --------------------------------------------------------------------------------------------------------

    def _run(self, epochs: int, batch: int = BATCH, rate: float = RATE) -> Log:
        task = self.task.copy()
        log = record(task)
        self.log, self.ran = log, task
        self.calls: list[int] = []  # how many events there were before each call
        results = []
        torch.manual_seed(8)  # what is changed here is put back, see `time_limit`
        random.seed(8)
        if "numpy" in sys.modules:
            sys.modules["numpy"].random.seed(8)
        with torch.enable_grad(), listening(log):  # what the loop switches off ends with it
            try:
                for given in self._given(task, epochs, batch, rate):
                    self.calls.append(len(log.events))
                    results.append(self.watch.call(self.name, functools.partial(self.loop, **given)))
            except StudentError as error:
                self.raised = error
            self.left_off = not torch.is_grad_enabled()
        self.result = results[0] if len(results) == 1 else results
        return log

    def _given(self, task: Task, epochs: int, batch: int, rate: float) -> list[dict[str, Any]]:
        """Return the arguments of each call."""
        values = {
            "model": task.model, "loss": task.loss, "optimizer": task.optimizer, "epochs": epochs, "batch size": batch,
            "rate": rate, "device": "cpu", "generator": torch.Generator().manual_seed(3), "number": 2, "switch": False,
            "inputs": task.X, "targets": task.T, "training pair": (task.X, task.T),
            "validation inputs": task.X_val, "validation targets": task.T_val, "validation pair": (task.X_val, task.T_val),
        }  # fmt: skip
        if "loader" in self.roles or "validation loader" in self.roles:
            drawn = torch.Generator().manual_seed(5)
            values["loader"] = DataLoader(TensorDataset(task.X, task.T), batch, shuffle=True, generator=drawn)
            values["validation loader"] = DataLoader(TensorDataset(task.X_val, task.T_val), BATCH)
        if "scheduler" in self.roles:
            values["scheduler"] = torch.optim.lr_scheduler.StepLR(task.optimizer, 100)
        given = {name: values[role] for role, name in self.roles.items()}
        if self.kind == "evaluation" and "loader" in self.roles:
            given[self.roles["loader"]] = values["validation loader"]
        elif self.kind == "evaluation":
            for role, data in (
                ("inputs", task.X_val),
                ("targets", task.T_val),
                ("training pair", (task.X_val, task.T_val)),
            ):
                if role in self.roles:
                    given[self.roles[role]] = data
        if self.kind == "epoch":
            return [given] * epochs
        if self.kind != "step":
            return [given]
        drawn, calls = torch.Generator().manual_seed(6), []
        for _ in range(2):
            for rows in torch.randperm(len(task.X), generator=drawn).split(BATCH):
                batch = {"inputs": task.X[rows], "targets": task.T[rows], "training pair": (task.X[rows], task.T[rows])}
                calls.append({**given, **{self.roles[r]: v for r, v in batch.items() if r in self.roles}})
        return calls

    # What happened --------------------------------------------------------------------------------------------------

    def of_kind(self, *kinds: str) -> list[Event]:
        return [event for event in self.log.events if event.kind in kinds]

    @functools.cached_property
    def model(self) -> Any:
        """The model that is trained: the one with most backwards, or else with most forwards."""
        of = [e.of for e in (self.of_kind("backward") or self.of_kind("forward"))]
        return max(of, key=lambda one: sum(other is one for other in of)) if of else None

    @functools.cached_property
    def forwards(self) -> list[Event]:
        return [e for e in self.of_kind("forward") if e.of is self.model]

    @functools.cached_property
    def backwards(self) -> list[Event]:
        return [e for e in self.of_kind("backward") if e.of is self.model]

    @functools.cached_property
    def losses(self) -> list[Event]:
        return self.of_kind("loss")

    @functools.cached_property
    def steps(self) -> list[Event]:
        """The steps of an optimiser, and changes of the model without one, for which there was a new gradient."""
        steps, used = [], set()
        kinds = ("step",) if any(not e.still for e in self.of_kind("step")) else ("step", "moved")
        for event in self.of_kind(*kinds):
            new = {id(e) for e in event.contributions} - used
            if event.kind == "step" or (event.of is self.model and new):  # no step is one who loads what was kept
                steps.append(event)
                used |= new
        return steps

    @functools.cached_property
    def trained(self) -> list[Event]:
        """The forwards that were followed by their backward, each once."""
        seen = {id(e.about) for e in self.backwards}
        return [e for e in self.forwards if id(e) in seen]

    @functools.cached_property
    def evaluated(self) -> list[Event]:
        """The forwards that were not."""
        seen = {id(e.about) for e in self.backwards}
        return [e for e in self.forwards if id(e) not in seen]

    @functools.cached_property
    def moved(self) -> bool:
        """Whether the model that was trained has changed."""
        state = self.log.states.get(id(self.model))
        return bool(state and state.moves)

    @functools.cached_property
    def by_epoch(self) -> list[list[Event]]:
        """The forwards that were trained on, epoch by epoch; nothing where that cannot be told."""
        if self.kind == "training":
            size = self.in_one_epoch
            if not size or len(self.trained) % size:
                return []
            if "step" in self.roles["epochs"].lower() and size == 1:
                return []  # what is counted are steps
            return [self.trained[k : k + size] for k in range(0, len(self.trained), size)]
        if self.kind == "epoch":
            place = {id(e): k for k, e in enumerate(self.log.events)}
            ends = [*self.calls[1:], len(self.log.events)]
            return [
                [e for e in self.trained if start <= place[id(e)] < end]
                for start, end in zip(self.calls, ends, strict=True)
            ]
        return []

    @functools.cached_property
    def orders(self) -> list[list[int]]:
        """The samples of each epoch in the order in which they were trained on; nothing where some are not known."""
        if any(event.rows is None for event in self.trained):
            return []
        return [[row for event in epoch for row in event.rows] for epoch in self.by_epoch]

    @functools.cached_property
    def sets(self) -> dict[str, set[int]]:
        n = len(self.task.X)
        return {"training": set(range(n)), "validation": set(range(n, n + len(self.task.X_val)))}

    def loss_of(self, forward: Event) -> Event | None:
        """Return the loss that was computed of a forward."""
        return next((e for e in self.losses if e.about is forward), None)

    @functools.cached_property
    def passes(self) -> tuple[float, float]:
        """How often the training samples are gone through, with epochs = 1 and with all of them."""
        n = len(self.task.X)
        met = sum(e.size for e in self.trained)
        return self.met_in_one_epoch / n, met / n

    @functools.cached_property
    def sizes_with_other_batches(self) -> list[int]:
        """How large the batches are that the loop makes where batches twice as large are asked for."""
        return [len(e.rows or ()) for e in self.again(2 * BATCH).trained]

    def again(self, batch: int = BATCH, rate: float = RATE) -> Training:
        """Return what the loop does where other batches are asked for, or another learning rate."""
        other = copy.copy(self)
        other.__dict__ = {k: v for k, v in vars(self).items() if k not in CACHED}
        other.known = None
        other.log = other._run(EPOCHS, batch, rate)
        return other

    def truth(self, rows: list[int]) -> Tensor:
        return self.log.T[rows]

    def matches(self, loss: Event) -> list[bool | None]:
        """Return of each sample of a loss whether its target is its own: None for what is no sample's target."""
        if loss.matches is None:
            loss.matches = self._matches(loss)
        return loss.matches

    def _matches(self, loss: Event) -> list[bool | None]:
        if loss.rows is None or loss.target is None or not loss.target.ndim or len(loss.target) != len(loss.rows):
            return []
        given, truth = _labels_or_rows(loss.target, self.log.T)
        own = truth[loss.rows]
        if given.shape[1:] != own.shape[1:]:
            return []
        right = (given - own).abs().amax(1) < 1e-5
        known = torch.cdist(given, truth).amin(1) < 1e-5
        return [None if not known[k] else bool(right[k]) for k in range(len(given))]

    @property
    def in_batches(self) -> bool:
        """Whether an epoch has several batches."""
        return any(len(epoch) > 1 for epoch in self.by_epoch)

    def position(self, event: Event) -> int:
        return next(k for k, other in enumerate(self.log.events) if other is event)


def _labels_or_rows(given: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Return targets as rows of numbers, those given and those of all samples; as class numbers where one of them is that."""
    given, truth = given.reshape(len(given), -1).double(), truth.reshape(len(truth), -1).double()
    if given.shape[1] == 1 and truth.shape[1] > 1:
        truth = truth.argmax(1, keepdim=True).double()
    elif truth.shape[1] == 1 and given.shape[1] > 1:
        given = given.argmax(1, keepdim=True).double()
    return given, truth


CACHED = {name for name, value in vars(Training).items() if isinstance(value, functools.cached_property)}
