"""A collection of hand-written modules, right and wrong, as students write them. No tests here: see test_specimens.py.

Every wrong one is marked with what is wrong with it, in the words of `minidl.lab.doctor`; two at once where there are
two. They are plain on purpose: no helper makes two of them alike.

There is a file for each family of mistakes, as in `minidl.lab.doctor`; one with several mistakes stands in the family of
the first; `histories` has more of `reports`. The right ones are in `right_*`: many of the wrong ones are theirs but for
one method. A file registers what it holds as soon as it is imported.
"""

from specimens import (
    accumulators,
    batch_sum,
    chain_rule,
    containers,
    contract,
    conventions,
    convolution,
    curves,
    directions,
    endings,
    factors,
    gradients,
    graphs,
    histories,
    loops,
    losses,
    matrices,
    memory,
    normalisation,
    numbers,
    optimisers,
    orders,
    rates,
    reports,
    right_containers,
    right_conventions,
    right_images,
    right_layers,
    right_loops,
    right_losses,
    right_new_layers,
    right_optimisers,
    right_settings,
    right_steps,
    samples,
    settings,
    starts,
    unnamed,
    weights,
)
from specimens.collection import SPECIMENS, Specimen, fill, right, right_with, specimen
from specimens.losses import SquaredErrorOfEachEntry
from specimens.matrices import PlainLinearBiasUnused
from specimens.memory import ClassTensors
from specimens.right_containers import Residual, minidl_network
from specimens.right_layers import HandoutLinear, PlainLinear
from specimens.right_new_layers import ELU, Attention, Dropout, Log, Softplus, Square, TwelveSamples
from specimens.right_optimisers import PairsSGD

RIGHT = (
    right_layers,
    right_new_layers,
    right_images,
    right_containers,
    right_losses,
    right_optimisers,
    right_loops,
    right_steps,
    right_settings,
    right_conventions,
)
FAMILIES = (
    factors,
    matrices,
    chain_rule,
    normalisation,
    convolution,
    batch_sum,
    losses,
    contract,
    accumulators,
    memory,
    numbers,
    containers,
    optimisers,
    loops,
    gradients,
    graphs,
    weights,
    directions,
    samples,
    orders,
    reports,
    histories,
    settings,
    endings,
    starts,
    rates,
    curves,
    conventions,
    unnamed,
)

__all__ = [
    "ELU",
    "FAMILIES",
    "RIGHT",
    "SPECIMENS",
    "Attention",
    "ClassTensors",
    "Dropout",
    "HandoutLinear",
    "Log",
    "PairsSGD",
    "PlainLinear",
    "PlainLinearBiasUnused",
    "Residual",
    "Softplus",
    "Specimen",
    "Square",
    "SquaredErrorOfEachEntry",
    "TwelveSamples",
    "fill",
    "minidl_network",
    "right",
    "right_with",
    "specimen",
]
