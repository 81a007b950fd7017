"""Mini-batch training, the same loop for hand-written models, for stacks of them, and for PyTorch models."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from tqdm.asyncio import tqdm as terminal_bar
from tqdm.auto import tqdm

import minidl

COLUMNS = ["model", "run", "epoch", "split", "loss", "accuracy"]
Data = tuple[Tensor, Tensor]
Generators = torch.Generator | Sequence[torch.Generator] | None


def train(
    model: minidl.Module | nn.Module,
    training: Data,
    validation: Data | None = None,
    *,
    epochs: int,
    batch_size: int = 50,
    lr: float = 0.001,
    loss: Any = None,
    optimizer: Any = None,
    generator: Generators = None,
    name: str | None = None,
    progress: bool = True,
    callback: Callable[[int], None] | None = None,
) -> pd.DataFrame:
    """Train a model in place by mini-batch gradient descent and return its history.

    Every epoch visits the training samples once, in a new random order. Press stop (or Ctrl-C) whenever you like: the model
    keeps what it has learned, and the history of the epochs so far is returned.

    Parameters
    ----------
    model : minidl.Module or torch.nn.Module
        A stack of R runs takes data with a dimension of R in front.
    training, validation : (Tensor, Tensor)
        Inputs (..., n, m) and targets (..., n, k). Class labels are one-hot targets.
    epochs, batch_size : int
        The last batch of an epoch is smaller where batch_size does not divide n.
    lr : float
        Learning rate of the default optimiser.
    loss : optional
        An object with ``forward(input, target)`` and ``backward()``, by default ``MSELoss()``, the sum; for a PyTorch model a
        function of (input, target), by default ``torch.nn.MSELoss(reduction="sum")``. Its attribute ``reduction`` tells what
        it is divided by ("sum" where there is none).
    optimizer : optional
        An object with ``step()``, by default SGD (for a PyTorch model: of torch.optim).
    generator : torch.Generator or one for each run, optional
        Draws the order of the samples.
    name : str, optional
        What the history's column ``model`` says; by default "minidl" or "PyTorch".
    progress : bool
        Show a progress bar: in a notebook, or at a terminal.
    callback : function of the epoch's number, optional
        Called before the first epoch, with 0, and after every epoch.

    Returns
    -------
    DataFrame
        Columns ``model, run, epoch, split, loss, accuracy``: for every run and epoch the mean loss per sample and the share
        of samples whose largest output is the right one (NaN for a single output), on training and validation data.

    Raises
    ------
    FloatingPointError
        When the loss is no longer finite.
    """
    trainer = Trainer(
        model, training, validation, batch_size=batch_size, lr=lr, loss=loss, optimizer=optimizer, generator=generator
    )
    with progress_bar(epochs, "epoch", show=progress, desc="training") as bar:
        try:
            if callback:
                callback(0)
            for epoch in range(1, epochs + 1):
                trainer.run_epoch()
                bar.set_postfix(loss=f"{trainer.losses()[0].mean():.4f}", refresh=False)
                bar.update()
                if callback:
                    callback(epoch)
        except KeyboardInterrupt:
            print(f"Stopped after {trainer.epoch} of {epochs} epochs: the model and the history so far are kept.")
    return trainer.history(name)


def progress_bar(total: int, unit: str, *, show: bool = True, **options: Any) -> tqdm:
    """Return a progress bar that goes when it is done: one for notebooks in a notebook, one of text at a terminal.

    Where standard error is neither, a file say, the bar is silent: every update of it would be one more line there.

    Parameters
    ----------
    total, unit
        How many steps there are, and what they are called.
    show : bool
        False gives a silent bar.
    **options
        Of `tqdm`, such as ``desc`` and ``mininterval``.
    """
    in_notebook = tqdm is not terminal_bar  # a notebook's sys.stderr would not tell: some call themselves a terminal
    silent = not show or not (in_notebook or sys.stderr.isatty())
    return tqdm(total=total, unit=unit, disable=silent, leave=False, **options)


class Trainer:
    """One training, epoch by epoch: what ``train`` runs. Parameters as there.

    Attributes
    ----------
    epoch : int
        Epochs done.
    seconds : float
        Time spent on training steps alone, evaluation not counted.
    """

    def __init__(
        self,
        model: minidl.Module | nn.Module,
        training: Data,
        validation: Data | None = None,
        *,
        batch_size: int = 50,
        lr: float = 0.001,
        loss: Any = None,
        optimizer: Any = None,
        generator: Generators = None,
    ) -> None:
        hand_written = not isinstance(model, nn.Module)
        if not isinstance(batch_size, int) or batch_size < 1:
            raise ValueError(f"train expected batch_size to be an integer of at least 1, got {batch_size!r}")
        if loss is None:
            loss = minidl.MSELoss() if hand_written else nn.MSELoss(reduction="sum")
        if optimizer is None:
            optimizer = minidl.SGD(model, lr) if hand_written else torch.optim.SGD(model.parameters(), lr)
        for name, (inputs, targets) in {"training": training, "validation": validation or training}.items():
            if inputs.shape[:-1] != targets.shape[:-1]:
                got = f"{tuple(inputs.shape)} and {tuple(targets.shape)}"
                raise ValueError(f"train expected as many {name} targets (..., n, k) as inputs (..., n, m), got {got}")
        self.model, self.loss, self.optimizer = model, loss, optimizer
        self.training, self.batch_size = training, batch_size
        self.step = self._hand_written_step if hand_written else self._autograd_step
        self.splits = {"training": training} if validation is None else {"training": training, "validation": validation}
        self.sizes = [inputs.shape[-2] for inputs, _ in self.splits.values()]
        self.inputs, self.targets = (torch.cat(parts, dim=-2) for parts in zip(*self.splits.values(), strict=True))
        self.labels = self.targets.argmax(-1)
        self.runs = training[0].shape[:-2].numel()
        self.generators = list(generator) if isinstance(generator, Sequence) else [generator] * self.runs
        if len(self.generators) != self.runs:
            raise ValueError(f"train expected one generator for each of {self.runs} runs, got {len(self.generators)}")
        self.seconds = 0.0
        self.records: list[Tensor] = []  # of every epoch, shape (2, splits, runs): losses and accuracies

    @property
    def epoch(self) -> int:
        return len(self.records)

    def run_epoch(self) -> None:
        """Train for one epoch, then evaluate."""
        inputs, targets = self._shuffled()
        start = time.perf_counter()
        with torch.set_grad_enabled(isinstance(self.model, nn.Module)):
            for input, target in zip(inputs, targets, strict=True):
                self.step(input, target)
        self.seconds += time.perf_counter() - start
        self.records.append(self._evaluate())
        losses = self.losses()[0]
        if not losses.isfinite().all():
            run = f" (model {(~losses.isfinite()).nonzero()[0].item()} of the stack)" if self.runs > 1 else ""
            raise FloatingPointError(
                f"the training loss is no longer finite after epoch {self.epoch}{run}: the steps are too large. Start again "
                f"with a smaller learning rate (lr), a tenth of it say, or train on the mean loss per sample "
                f"(reduction='batchmean')."
            )

    def losses(self) -> Tensor:
        """Return the mean loss per sample after the last epoch, of shape (splits, runs)."""
        return self.records[-1][0]

    def history(self, name: str | None = None) -> pd.DataFrame:
        """Return the history so far, as ``train`` does."""
        if name is None:
            name = "PyTorch" if isinstance(self.model, nn.Module) else "minidl"
        if not self.records:
            return pd.DataFrame(columns=COLUMNS)
        values = torch.stack(self.records).permute(3, 0, 2, 1)  # (runs, epochs, splits, 2)
        index = pd.MultiIndex.from_product(
            [[name], range(self.runs), range(1, self.epoch + 1), list(self.splits)], names=COLUMNS[:4]
        )
        return pd.DataFrame(values.reshape(-1, 2).numpy(), index=index, columns=COLUMNS[4:]).reset_index()

    def _hand_written_step(self, input: Tensor, target: Tensor) -> None:
        self.loss.forward(self.model.forward(input), target)
        self.model.zero_grad()
        self.model.backward(self.loss.backward())
        self.optimizer.step()

    def _autograd_step(self, input: Tensor, target: Tensor) -> None:
        loss = self.loss(self.model(input), target)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def _shuffled(self) -> list[tuple[Tensor, ...]]:
        """Return the batches of one epoch: inputs and targets, each run's samples in an order of its own."""
        inputs, targets = self.training
        n, stack = inputs.shape[-2], inputs.shape[:-2]
        orders = [torch.randperm(n, generator=generator) for generator in self.generators]
        order = torch.stack(orders).reshape(*stack, n, 1)
        return [
            tensor.gather(-2, order.expand_as(tensor)).split(self.batch_size, dim=-2) for tensor in (inputs, targets)
        ]

    @torch.no_grad()
    def _evaluate(self) -> Tensor:
        """Return losses and accuracies, shape (2, splits, runs), of the model as it is."""
        rows = max(1, 5000 // self.runs)  # in pieces that stay in the processor's cache
        output = torch.cat([self.model.forward(part) for part in self.inputs.split(rows, -2)], dim=-2)
        right = (output.argmax(-1) == self.labels).double()  # float32 would make 0.486 a 0.48600000143
        if output.shape[-1] == 1:
            right = right * torch.nan  # a single output names no class
        losses = [
            self._loss_per_sample(part, target)
            for part, target in zip(output.split(self.sizes, -2), self.targets.split(self.sizes, -2), strict=True)
        ]
        accuracies = [part.mean(-1) for part in right.split(self.sizes, -1)]
        return torch.stack([torch.stack(losses).double(), torch.stack(accuracies)]).reshape(
            2, len(self.sizes), self.runs
        )

    def _loss_per_sample(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the mean loss per sample of each run, whatever the reduction of the training loss."""
        if isinstance(self.loss, (minidl.MSELoss, nn.MSELoss)):
            return (output - target).square().sum((-2, -1)) / output.shape[-2]
        value = (self.loss if isinstance(self.model, nn.Module) else self.loss.forward)(output, target)
        reduction = getattr(self.loss, "reduction", "sum")
        if isinstance(self.loss, nn.CrossEntropyLoss) and reduction == "mean":
            reduction = "batchmean"  # which is what PyTorch means by it here
        n, m = output.shape[-2:]
        return value * {"sum": 1 / n, "batchmean": 1, "mean": m}[reduction]
