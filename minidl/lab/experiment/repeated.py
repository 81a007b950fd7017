"""The disk learned several times over, in one stack: the same setting, with other points, weights and batches each time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import torch

from minidl import SGD, Module, MSELoss, Sequential
from minidl.lab.disk import disk
from minidl.lab.stacked import stack
from minidl.lab.training import train


def repeat(
    make: Callable[..., Sequential],
    *,
    runs: int = 5,
    first: int = 0,
    n: int = 1000,
    epochs: int = 40,
    batch_size: int = 50,
    lr: float = 0.001,
    reduction: str = "sum",
    progress: bool = False,
    **network: Any,
) -> tuple[Module, pd.DataFrame]:
    """Train networks on the disk, each from its own points, initial weights and batches, and return their stack and history.

    Parameters
    ----------
    make : function
        Called with ``generator=...``, and with the options in ``network``, for each network.
    runs, first : int
        How many networks, and the seed of the first; the next has the next seed.
    n : int
        Training points. The errors are measured on 1,000 more.
    epochs, batch_size, lr, reduction
        As in a training. The last quarter of the epochs has a tenth of the learning rate.
    progress : bool
        Show a progress bar.
    """
    generators = [torch.Generator().manual_seed(first + run) for run in range(runs)]
    data = []
    for size in (n, 1000):
        drawn = [disk(size, generator=generator) for generator in generators]
        data.append((torch.stack([points for points, _ in drawn]), torch.stack([targets for _, targets in drawn])))
    model = stack([make(generator=generator, **network) for generator in generators])
    optimizer = SGD(model, lr)

    def calm_down(epoch: int) -> None:
        optimizer.lr = lr if epoch < 0.75 * epochs else lr / 10

    history = train(
        model,
        *data,
        epochs=epochs,
        batch_size=batch_size,
        loss=MSELoss(reduction),
        optimizer=optimizer,
        generator=generators,
        callback=calm_down,
        progress=progress,
    )
    return model, history
