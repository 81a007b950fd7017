"""``python .github/learning_picture.py`` draws the README's picture again: the report's network learns the disk."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import torch
from matplotlib.lines import Line2D

import minidl
from minidl.lab import figures
from minidl.lab.disk import disk
from minidl.lab.figures.style import GREY
from minidl.lab.network import network
from minidl.lab.training import train

PICTURE = Path(__file__).with_name("learning.png")
MOMENTS = (0, 5, 20, 300)  # epochs


def main(path: str | Path = PICTURE, *, moments: Sequence[int] = MOMENTS, seed: int = 2) -> Path:
    """Train on 1000 points, draw what the network says at some moments, the last of which ends it, and save that as PNG."""
    mpl.use("Agg")  # the picture goes to a file: no screen needed
    generator = torch.Generator().manual_seed(seed)
    data = disk(1000, generator=generator)
    model = network(gain=math.sqrt(2), generator=generator)
    kept: dict[int, minidl.Module] = {}

    def keep(epoch: int) -> None:
        if epoch in moments:
            kept[epoch] = copy.deepcopy(model)

    train(model, data, epochs=moments[-1], lr=0.0005, generator=generator, callback=keep)
    few = tuple(tensor[:200] for tensor in data)
    axes = figures.film(kept, few)
    for epoch, ax in zip(kept, axes, strict=True):
        ax.set_axis_off()
        ax.set_title(f"epoch {epoch}", loc="center", fontsize=20)
    handles, labels = axes[0].get_legend_handles_labels()
    border, edge = (Line2D([], [], color=colour, linestyle=line) for colour, line in (("black", "-"), (GREY, ":")))
    labels += ["the network's border", "the disk's edge"]
    axes[0].figure.legend(
        [*handles, border, edge],
        labels,
        loc="outside lower center",
        ncols=4,
        fontsize=13,
        markerscale=1.5,
        frameon=False,
        columnspacing=1.2,
    )
    (saved,) = figures.save(axes[0].figure, path, formats=("png",))
    return saved


if __name__ == "__main__":
    print(f"Written to {main()}")
