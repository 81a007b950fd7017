"""What is trained, and which random numbers each of its runs draws from."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import torch

from minidl.lab.arguments import check_choice

FRAMEWORKS = ("minidl", "PyTorch")
INITIAL_WEIGHTS = ("Xavier", "Xavier sqrt 2", "PyTorch default")
REDUCTIONS = ("sum", "batchmean", "mean")


@dataclasses.dataclass(frozen=True)
class Setting:
    """What is trained, and how.

    Attributes
    ----------
    name : str
        Names the folder of the record; letters, digits, "-" and "_".
    framework : {"minidl", "PyTorch"}
        Hand-written backward passes, or torch.nn with autograd and torch.optim.SGD.
    initial_weights : {"Xavier", "Xavier sqrt 2", "PyTorch default"}
        Xavier-normal with zero bias and gain 1 or sqrt(2) in every layer, or what torch.nn.Linear starts with. The two
        frameworks start from the same numbers.
    reduction : {"sum", "batchmean", "mean"}
        Of the squared errors of a batch; see ``minidl.MSELoss``.
    lr, epochs, batch_size, seed, training_points, validation_points
        Learning rate of SGD; passes through the training data; samples in a batch; where data, initial weights and the order
        of the samples are drawn from; points in each of the two sets.
    dtype : {"float32", "float64"}
    """

    name: str
    framework: str = "minidl"
    initial_weights: str = "Xavier"
    reduction: str = "sum"
    lr: float = 0.001
    epochs: int = 1000
    batch_size: int = 50
    seed: int = 0
    training_points: int = 1000
    validation_points: int = 1000
    dtype: str = "float32"

    def __post_init__(self) -> None:
        allowed = {
            "framework": FRAMEWORKS,
            "initial_weights": INITIAL_WEIGHTS,
            "reduction": REDUCTIONS,
            "dtype": ("float32", "float64"),
        }
        for field, values in allowed.items():
            check_choice("Setting", field, getattr(self, field), values)
        if not isinstance(self.name, str) or not self.name.replace("-", "").replace("_", "").isalnum():
            raise ValueError(f"Setting expected a name of letters, digits, '-' and '_', got {self.name!r}")
        if not isinstance(self.lr, (int, float)) or isinstance(self.lr, bool) or not 0 < self.lr < math.inf:
            raise ValueError(f"Setting expected lr to be a finite number above 0, got {self.lr!r}")
        for field in ("epochs", "batch_size", "training_points", "validation_points"):
            value = getattr(self, field)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"Setting expected {field} to be an integer of at least 1, got {value!r}")
        if not isinstance(self.seed, int) or isinstance(self.seed, bool) or self.seed < 0:
            raise ValueError(f"Setting expected seed to be an integer of at least 0, got {self.seed!r}")


def generators(setting: Setting, run: int) -> tuple[torch.Generator, torch.Generator, torch.Generator]:
    """Return what run number ``run`` of a setting draws from: its data, its initial weights, the order of its samples."""
    seeds = np.random.SeedSequence((setting.seed, run)).generate_state(3, np.uint64)
    data, weights, order = (torch.Generator().manual_seed(int(seed) >> 1) for seed in seeds)
    return data, weights, order
