"""Runs of settings: where each starts, how it is trained, alone or in a stack, and the results of many."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
from torch import nn

import minidl
from minidl.lab.arguments import check_whole, checked
from minidl.lab.disk import disk
from minidl.lab.experiment.record import Record
from minidl.lab.experiment.setting import INITIAL_WEIGHTS, Setting, generators
from minidl.lab.network import network
from minidl.lab.stacked import stack
from minidl.lab.torch_twin import from_torch, to_torch, torch_stack
from minidl.lab.training import Trainer, progress_bar


class Result(NamedTuple):
    """What an experiment gives.

    ``history`` has the columns ``model, run, epoch, split, loss, accuracy``; ``runs`` has one row per run: ``model, run,
    training_accuracy, validation_accuracy, seconds`` (training alone; NaN for runs trained in one pass). The column
    ``model`` holds the setting's name.
    """

    history: pd.DataFrame
    runs: pd.DataFrame


class Start(NamedTuple):
    """Where a run starts: its data, its initial model, and the generator that will order its samples."""

    training: tuple[torch.Tensor, torch.Tensor]
    validation: tuple[torch.Tensor, torch.Tensor]
    model: minidl.Sequential
    generator: torch.Generator


def start(setting: Setting, run: int) -> Start:
    """Return where run number ``run`` of a setting starts.

    All numbers are drawn in float32 and then cast: a float64 setting starts where its float32 twin does.
    """
    data, weights, order = generators(setting, run)
    dtype = getattr(torch, setting.dtype)
    training, validation = (
        tuple(tensor.to(dtype) for tensor in disk(points, generator=data, dtype=torch.float32))
        for points in (setting.training_points, setting.validation_points)
    )
    gain = math.sqrt(2) if setting.initial_weights == "Xavier sqrt 2" else 1.0
    drawn = to_torch(network(gain=gain, generator=weights, dtype=torch.float32))  # PyTorch's models can be cast
    if setting.initial_weights == "PyTorch default":
        with torch.random.fork_rng(devices=[]):  # torch.nn.Linear draws from the global generator alone
            torch.manual_seed(weights.initial_seed())
            for module in drawn:
                if isinstance(module, nn.Linear):
                    module.reset_parameters()
    return Start(training, validation, from_torch(drawn.to(dtype)), order)


def trainer(runs: Sequence[tuple[Setting, int]], *, stacked: bool) -> Trainer:
    """Return the training of these (setting, run)s, ready to go: of all in one stack, or of a single one.

    The settings of a stack may differ in name and initial weights alone.
    """
    if not stacked and len(runs) != 1:
        raise ValueError(f"trainer expected one run, or stacked=True, got {len(runs)} runs")
    starts = [start(setting, run) for setting, run in runs]
    setting = runs[0][0]
    models = [each.model for each in starts]
    if setting.framework == "PyTorch":
        models = [to_torch(model) for model in models]
    if stacked:
        model = torch_stack(models) if setting.framework == "PyTorch" else stack(models)
        splits = [each.training for each in starts], [each.validation for each in starts]
        data = [tuple(torch.stack(tensors) for tensors in zip(*split, strict=True)) for split in splits]
    else:
        model, data = models[0], [starts[0].training, starts[0].validation]
    loss = minidl.MSELoss(setting.reduction) if setting.framework == "minidl" else _torch_loss(setting.reduction)
    orders = [each.generator for each in starts]
    return Trainer(model, *data, batch_size=setting.batch_size, lr=setting.lr, loss=loss, generator=orders)


def _torch_loss(reduction: str) -> nn.MSELoss:
    """Return torch.nn's squared error. Over a stack it adds up the runs: they share no parameter, so no gradients mix."""
    return nn.MSELoss(reduction="sum") if reduction == "sum" else _MeanLoss(reduction)


class _MeanLoss(nn.MSELoss):
    def __init__(self, reduction: str) -> None:
        super().__init__(reduction="sum")
        self.per = {"batchmean": slice(-2, -1), "mean": slice(-2, None)}[reduction]

    def forward(self, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return super().forward(input, target) / math.prod(input.shape[self.per])


@checked
def run_experiments(
    settings: Sequence[Setting] | Setting,
    runs: int,
    *,
    stacked: bool = False,
    folder: str | Path | None = None,
    progress: bool = True,
) -> Result:
    """Train ``runs`` runs of every setting, or load what is recorded of them, and return all histories and final results.

    Parameters
    ----------
    settings : Setting or sequence of them
        With different names. One after the other their runs are interleaved (run 0 of each, then run 1 of each ...), so that
        noise on the machine hits all alike.
    runs : int
        Runs of each setting, at least 1.
    stacked : bool
        Train all runs of a setting in one pass, together with those of settings that differ from it in nothing but the
        initial weights. Histories are those of single runs up to rounding; times are not measured.
    folder : path, optional
        Where to record, as ``minidl.lab.experiment.record`` says. What is there already is loaded instead of trained.
    progress : bool
        Show a progress bar, of epochs: in a notebook, or at a terminal.

    Raises
    ------
    RecordError
        If a file in the folder is damaged, or belongs to another setting.
    FloatingPointError
        If a loss is no longer finite.
    """
    settings = [settings] if isinstance(settings, Setting) else list(settings)
    check_whole("run_experiments", "runs", runs)
    if not settings or len({setting.name for setting in settings}) < len(settings):
        raise ValueError(f"run_experiments expected settings of different names, got {[s.name for s in settings]}")
    records = {setting: Record(setting, stacked, folder) for setting in settings}
    done = {setting: record.load(runs) for setting, record in records.items()}
    groups: dict[object, list[tuple[Setting, int]]] = {}
    for run, setting in itertools.product(range(runs), settings):
        alike = dataclasses.replace(setting, name="any", initial_weights=INITIAL_WEIGHTS[0])
        groups.setdefault(alike if stacked else (setting, run), []).append((setting, run))
    # a stack is trained whole even where one run of it is missing: without the others it would be rounded otherwise
    passes = [group for group in groups.values() if any(run not in done[setting] for setting, run in group)]
    epochs = sum(members[0][0].epochs for members in passes)
    # in a notebook every update is a message: many thousands would overflow the queue of one who reads them late
    with progress_bar(epochs, "epoch", show=progress and bool(passes), mininterval=0.5) as bar:
        for members in passes:
            names = " and ".join(dict.fromkeys(setting.name for setting, _ in members))
            bar.set_description(f"{names}, {len(members)} runs" if stacked else f"{names}, run {members[0][1]}")
            # hand-written derivatives need no autograd: without its bookkeeping they take a tenth less time
            with torch.inference_mode(members[0][0].framework == "minidl"):
                training = trainer(members, stacked=stacked)
                for _ in range(members[0][0].epochs):
                    try:
                        training.run_epoch()
                    except FloatingPointError as error:
                        setting, run = members[(~training.losses()[0].isfinite()).nonzero()[0].item()]
                        raise FloatingPointError(f"setting {setting.name}, run {run}: {error}") from None
                    bar.update()
            history = training.history()
            for place, (setting, run) in enumerate(members):
                of_run = history[history["run"] == place].assign(model=setting.name, run=run).reset_index(drop=True)
                if run not in done[setting]:
                    done[setting][run] = records[setting].write(run, of_run, None if stacked else training.seconds)
    ordered = [done[setting][run] for setting in settings for run in range(runs)]
    return Result(*(pd.concat(tables, ignore_index=True) for tables in zip(*ordered, strict=True)))
