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
from minidl.lab.arguments import check_kind
from minidl.module import check_number

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
    TypeError, ValueError
        For data that are no pairs of tensors, do not fit each other or are not finite; for a loss or an optimiser of the
        other framework, or an optimiser of another model.
    FloatingPointError
        When the loss is no longer finite.
    """
    check_number("train", "epochs", epochs, "an integer of at least 0", int, lambda epochs: epochs >= 0)
    for argument, value, kind in (("name", name, str | None), ("progress", progress, bool)):
        check_kind("train", argument, value, kind)
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


def _check_data(name: str, data: Data, like: Data | None = None) -> None:
    """Raise TypeError or ValueError unless these are inputs (..., n, m) and as many targets (..., n, k), all of them finite.

    With ``like``, they must have as many columns as those.
    """
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise TypeError(f"train expected {name} data as a pair of inputs and targets, got {type(data).__name__}")
    names = f"{name} inputs", f"{name} targets"
    for what, tensor in zip(names, data, strict=True):
        if not isinstance(tensor, Tensor):
            got = type(tensor).__name__
            raise TypeError(
                f"train expected {what} to be a torch.Tensor, got {got}: torch.as_tensor(...) makes one of it"
            )
    inputs, targets = data
    if inputs.shape[:-1] != targets.shape[:-1]:
        got = f"{tuple(inputs.shape)} and {tuple(targets.shape)}"
        raise ValueError(f"train expected as many {name} targets (..., n, k) as inputs (..., n, m), got {got}")
    for place, (what, tensor) in enumerate(zip(names, data, strict=True)):
        if tensor.ndim < 2 or not tensor.numel():
            got = tuple(tensor.shape)
            raise ValueError(f"train expected {what} of shape (..., n, m), with at least one sample, got {got}")
        if tensor.is_meta:
            raise ValueError(
                f"train expected {what} with numbers in them, got a tensor on device meta, which holds none"
            )
        if not bool(tensor.isfinite().all()):
            *_, row, column = (~tensor.isfinite()).nonzero()[0].tolist()
            got = f"{float(tensor[..., row, column].flatten()[0])} in row {row + 1}"
            raise ValueError(f"train expected {what} that are finite, got {got}")
        if like is not None and tensor.shape[-1] != like[place].shape[-1]:
            m = like[place].shape[-1]
            raise ValueError(f"train expected {what} of {m} columns, as in training, got {tensor.shape[-1]}")


def _check_parts(model: Any, loss: Any, optimizer: Any) -> None:
    """Raise TypeError or ValueError for a loss or an optimiser that cannot train this model."""
    hand_written = not isinstance(model, nn.Module)
    if hand_written and not all(callable(getattr(loss, name, None)) for name in ("forward", "backward")):
        raise TypeError(f"train expected a loss with forward and backward for this model, got {type(loss).__name__}")
    if not hand_written and not callable(loss):
        raise TypeError(f"train expected a function of (input, target) as the loss of a PyTorch model, got {loss!r}")
    if not callable(getattr(optimizer, "step", None)):
        raise TypeError(f"train expected an optimiser with step(), got {type(optimizer).__name__}")
    of_torch = isinstance(optimizer, torch.optim.Optimizer)
    if of_torch == hand_written and (of_torch or isinstance(optimizer, minidl.SGD)):
        ours = "minidl.SGD, or your own" if hand_written else "one of torch.optim"
        raise TypeError(f"train expected an optimiser that fits the model, {ours}, got {type(optimizer).__name__}")
    own = [param for param, _ in model.parameters()] if isinstance(model, minidl.Module) else None
    own = list(model.parameters()) if isinstance(model, nn.Module) else own
    if own is None:
        return
    if any(param.is_inference() for param in own) and not torch.is_inference_mode_enabled():
        raise ValueError(
            "train expected a model that can learn, got one made in inference mode: build it outside of it"
        )
    held = [param for group in optimizer.param_groups for param in group["params"]] if of_torch else None
    held = [param for param, _ in optimizer.model.parameters()] if isinstance(optimizer, minidl.SGD) else held
    if held is not None and not {id(param) for param in held} & {id(param) for param in own}:
        raise ValueError("train expected an optimiser of this model, got one that holds the parameters of another")


def _modules(model: Any) -> list[Any]:
    """Return a model and what is inside it, where it can tell."""
    return list(model.modules()) if isinstance(model, (minidl.Module, nn.Module)) else [model]


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
    waiting : list of (Tensor, Tensor)
        The batches of the epoch under way for which no step has been taken yet.
    said_dead : bool
        Whether a dead layer has been told of: that is done once.
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
        check_number("train", "batch_size", batch_size, "an integer of at least 1", int, lambda size: size >= 1)
        check_kind("train", "generator", generator, Generators)
        _check_data("training", training)
        if validation is not None:
            _check_data("validation", validation, like=training)
        if loss is None:
            loss = minidl.MSELoss() if hand_written else nn.MSELoss(reduction="sum")
        if optimizer is None:
            optimizer = minidl.SGD(model, lr) if hand_written else torch.optim.SGD(model.parameters(), lr)
        _check_parts(model, loss, optimizer)
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
        self.said_dead = False
        self.seconds = 0.0
        self.waiting: list[tuple[Tensor, Tensor]] = []
        self.records: list[Tensor] = []  # of every epoch, shape (2, splits, runs): losses and accuracies

    @property
    def epoch(self) -> int:
        return len(self.records)

    def run_epoch(self) -> None:
        """Train for one epoch, or for what is left of one, then evaluate."""
        self.advance(None)

    def advance(self, steps: int | None = 1) -> bool:
        """Take some of the steps of an epoch, as many as are left at most; after its last one, evaluate.

        Parameters
        ----------
        steps : int or None
            None takes all that are left.

        Returns
        -------
        bool
            Whether the epoch is over.
        """
        if not self.waiting:
            self.waiting = list(zip(*self._shuffled(), strict=True))
        now, self.waiting = self.waiting[:steps], [] if steps is None else self.waiting[steps:]
        start = time.perf_counter()
        with torch.set_grad_enabled(isinstance(self.model, nn.Module)):
            for input, target in now:
                self.step(input, target)
        self.seconds += time.perf_counter() - start
        if self.waiting:
            return False
        self._end_epoch()
        return True

    def _end_epoch(self) -> None:
        """Evaluate, and see whether the training can go on."""
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
        return pd.DataFrame(values.reshape(-1, 2).cpu().numpy(), index=index, columns=COLUMNS[4:]).reset_index()

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
        orders = [
            torch.randperm(n, generator=generator, device=None if generator is None else generator.device)
            for generator in self.generators
        ]
        order = torch.stack(orders).reshape(*stack, n, 1).to(inputs.device)
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
        self._note_dead_units(output)
        return torch.stack([torch.stack(losses).double(), torch.stack(accuracies)]).reshape(
            2, len(self.sizes), self.runs
        )

    def _note_dead_units(self, output: Tensor) -> None:
        """Say once that a network with ReLU gives all samples the same output: a layer of it is dead, and stays so."""
        units = [k for k, module in enumerate(_modules(self.model), 1) if isinstance(module, (minidl.ReLU, nn.ReLU))]
        stuck = (output == output[..., :1, :]).all(-1).all(-1)
        if units and not self.said_dead and output.shape[-2] > 1 and bool(stuck.any()):
            self.said_dead = True
            which = f" in {int(stuck.sum())} of {self.runs} models" if self.runs > 1 else ""
            print(
                f"After epoch {self.epoch + 1} all samples get the same output{which}:\n"
                "no unit of some ReLU layer is awake, and what sleeps learns nothing.\n"
                "Start again with a smaller learning rate, or with other initial weights."
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
