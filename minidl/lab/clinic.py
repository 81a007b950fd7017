"""The data of a patient whose illness cannot be read in a notebook, but has to be measured."""

from __future__ import annotations

import torch
from torch import Tensor

from minidl.lab.disk import disk

N, LOST = 500, 316


def points_and_answers() -> tuple[Tensor, Tensor]:
    """Return points of the unit square, and what somebody has taken for their answers, inside the disk or not.

    Returns
    -------
    points, answers : Tensor, shape (500, 2)
        As ``minidl.lab.disk.disk`` draws them, but put together from two files. What went wrong with that is for the reader
        of notebook 14 to find out by measuring, and not said here.
    """
    points, targets = disk(N + 1, generator=torch.Generator().manual_seed(5))
    answers = torch.cat([targets[:LOST], targets[LOST + 1 :]])
    return points[:N], answers
