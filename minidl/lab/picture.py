"""The README's picture: a network learning the disk. ``python -m minidl picture`` makes it again."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import torch

import minidl
from minidl.lab import figures
from minidl.lab.disk import disk
from minidl.lab.network import network
from minidl.lab.training import train

MOMENTS = (0, 5, 20, 60, 300)  # epochs


def draw(path: str | Path, *, seed: int = 2) -> Path:
    """Train the report's network on 1000 points of the disk, draw what it says at five moments, and save that as PNG."""
    generator = torch.Generator().manual_seed(seed)
    data = disk(1000, generator=generator)
    model = network(gain=math.sqrt(2), generator=generator)
    moments: dict[int, minidl.Module] = {}

    def keep(epoch: int) -> None:
        if epoch in MOMENTS:
            moments[epoch] = copy.deepcopy(model)

    train(model, data, epochs=MOMENTS[-1], lr=0.0005, generator=generator, callback=keep)
    few = tuple(tensor[:200] for tensor in data)
    axes = figures.film(moments, few)
    (saved,) = figures.save(axes[0].figure, path, formats=("png",))
    return saved
