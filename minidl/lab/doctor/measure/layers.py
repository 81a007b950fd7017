"""What is measured of a single layer, from what it got and gave for a batch."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from minidl.lab.doctor.measure.nets import RANGES, Layer


def dropped(layer: Layer) -> float:
    """Return which share of what it gets a layer without parameters sets to 0, other entries each time; 0 for most layers."""
    if layer.params or layer.input is None or layer.input.shape != layer.output.shape:
        return 0.0
    trains = isinstance(layer.module, nn.Module)
    try:
        with torch.no_grad():
            first, second = ((layer.module.train() if trains else layer.module).forward(layer.input) for _ in range(2))
    except Exception:
        return 0.0
    if torch.equal(first, second):
        return 0.0
    there = layer.input != 0
    return float(((first == 0) & there).sum() / there.sum().clamp_min(1))


def restless(layer: Layer) -> bool:
    """Whether a layer of PyTorch gives something else each time, in evaluation too."""
    if not isinstance(layer.module, nn.Module) or layer.input is None:
        return False
    try:
        with torch.no_grad():
            first, second = (layer.module.eval()(layer.input) for _ in range(2))
        return not torch.equal(first.nan_to_num(), second.nan_to_num())
    except Exception:
        return False


def update_ratio(layer: Layer, lr: float) -> float:
    """Return how far a step moves a layer's weights, against their size."""
    weight, grad = layer.params[0], layer.grads[0]
    size = float(weight.double().norm())
    return lr * float(grad.double().norm()) / size if size else math.inf


def dead(layer: Layer) -> float:
    """Return the share of a ReLU layer's units that are 0 for every sample."""
    flat = layer.output.reshape(len(layer.output), -1)
    return float((flat <= 0).all(0).double().mean())


def saturated(layer: Layer) -> float:
    """Return the share of a tanh's or sigmoid's outputs where the slope is less than a twentieth of the largest."""
    flat = layer.output.double()
    slope = 1 - flat**2 if layer.kind == "tanh" else 4 * flat * (1 - flat)
    return float((slope < 0.05).double().mean())


def spread(layer: Layer) -> float:
    """Return the standard deviation of a unit's output over the samples, on average over the units."""
    flat = layer.output.reshape(len(layer.output), -1).double()
    return float(flat.var(0, correction=0).mean().sqrt())


def out_of_reach(layer: Layer, T: Tensor) -> float:
    """Return the share of targets that lie outside what the last layer can give."""
    low, high = RANGES.get(layer.kind, (-math.inf, math.inf))
    return float(((low - 1e-6 > T) | (high + 1e-6 < T)).double().mean())
