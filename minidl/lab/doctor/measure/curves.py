"""The history of a training: its losses, epoch by epoch."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from torch import Tensor

EXPECTED = "a history as train returns it, a dictionary of lists with the losses of the epochs, or a list of them"


@dataclass
class Curves:
    """Losses on the training and, if there are such, on the validation data, one for each epoch.

    Attributes
    ----------
    training, validation : list of float
    """

    training: list[float]
    validation: list[float]

    @property
    def finite(self) -> list[float]:
        """The training losses as far as they are finite."""
        bad = next((k for k, value in enumerate(self.training) if not math.isfinite(value)), len(self.training))
        return self.training[:bad]

    def rises(self, factor: float) -> int:
        """Return in how many epochs the training loss is this many times that of the epoch before, or more."""
        pairs = zip(self.finite, self.finite[1:], strict=False)
        return sum(after > factor * before for before, after in pairs)


def curves_of(history: Any) -> Curves:
    """Return the losses in a history.

    Raises
    ------
    TypeError
        Where none are found.
    """
    if hasattr(history, "columns") and {"split", "epoch", "loss"} <= set(history.columns):
        first = history
        for column in ("model", "run"):
            if column in first.columns and len(first):
                first = first[first[column] == first[column].iloc[0]]
        parts = {
            kind: first[first["split"].str.startswith(kind[:3])].sort_values("epoch")["loss"].tolist()
            for kind in ("training", "validation")
        }
        return _curves(parts["training"], parts["validation"])
    if hasattr(history, "columns"):
        history = {str(name): list(history[name]) for name in history.columns}
    if isinstance(history, dict):
        held = {name: series for name, series in history.items() if re.search("val|test|held|dev", str(name), re.I)}
        own = {name: series for name, series in history.items() if name not in held}
        return _curves(_losses(own), _losses(held))
    return _curves(history, [])


def _losses(series: dict[Any, Any]) -> Any:
    """Return the first of some series that is called a loss, or of those that are not called accuracies."""
    losses = [values for name, values in series.items() if re.search("loss|error|cost", str(name), re.I)]
    others = [
        values for name, values in series.items() if not re.search("acc|epoch|lr|rate|time|step", str(name), re.I)
    ]
    return next(iter(losses or others), [])


def _curves(training: Any, validation: Any) -> Curves:
    try:
        parts = [
            part.detach().reshape(-1).tolist() if isinstance(part, Tensor) else [float(value) for value in part]
            for part in (training, validation)
        ]
    except (TypeError, ValueError):
        parts = [[], []]
    if not parts[0]:
        raise TypeError(f"check_up expected {EXPECTED}, got {type(training).__name__} without any")
    return Curves(*parts)
