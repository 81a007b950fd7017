"""Values: tensors, NumPy arrays, numbers and nested lists of numbers, compared, copied and drawn."""

from __future__ import annotations

import random
import sys
from typing import Any

import torch
from torch import Tensor


def is_numpy(value: Any) -> bool:
    """Whether this comes from NumPy, which need not be imported to ask."""
    return type(value).__module__.partition(".")[0] == "numpy"


def is_values(value: Any) -> bool:
    """Whether this is made of floating-point numbers: a tensor, an array, a number, a nested list of numbers."""
    if isinstance(value, Tensor):
        return value.is_floating_point()
    if is_numpy(value):
        return getattr(getattr(value, "dtype", None), "kind", "") == "f"
    return isinstance(value, float) or (isinstance(value, list) and len(value) > 0 and all(map(is_values, value)))


def as_tensor(value: Any) -> Tensor | None:
    """Return a copy of the value as a tensor, or None for what is none."""
    if isinstance(value, Tensor):
        return None if value.is_meta else value.detach().cpu().clone()  # there are no values in a meta tensor
    try:
        if is_numpy(value):
            return torch.as_tensor(value).clone()
        if isinstance(value, (int, float, list)) and not isinstance(value, bool):
            return torch.tensor(value, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        pass
    return None


def speak(tensor: Tensor, dialect: str) -> Any:
    """Return a copy in the kind of value that the module takes."""
    tensor = tensor.detach().clone()
    return {"torch": lambda: tensor, "numpy": tensor.numpy, "list": tensor.tolist}[dialect]()


def same(a: Tensor | None, b: Tensor | None) -> bool:
    """Whether two values are equal to the last bit, NaN to NaN."""
    if a is None or b is None:
        return a is b
    return a.shape == b.shape and torch.equal(a.nan_to_num(7.25), b.nan_to_num(7.25))


def random_states() -> tuple[Any, ...]:
    """Return where the random numbers of torch, of Python and of NumPy stand, to be compared."""
    numpy = sys.modules["numpy"].random.get_state() if "numpy" in sys.modules else ("", b"", 0)
    return torch.default_generator.get_state().tolist(), random.getstate(), bytes(numpy[1]), numpy[2]


def close(got: Tensor | None, expected: Tensor | None, tolerance: float) -> bool:
    """Whether two values agree, relative to the largest entry; entries that are NaN in ``expected`` are not compared."""
    if got is None or expected is None or got.shape != expected.shape:
        return False
    unmeasured = expected.isnan()
    if bool(unmeasured.any()):
        got, expected = got[~unmeasured], expected[~unmeasured]
    got, expected = got.double(), expected.double()
    if not got.numel():
        return True
    if not bool(got.isfinite().all()):
        return False
    scale = max(float(expected.abs().max()), float(got.abs().max()), 1e-3)
    return float((got - expected).abs().max()) <= tolerance * scale


def nonzero(value: Tensor | None) -> bool:
    """Whether there is an entry that is not zero."""
    return value is not None and value.numel() > 0 and bool((value != 0).any())


def both_signs(
    shape: tuple[int, ...] | torch.Size, generator: torch.Generator, smallest: float = 0.3, spread: float = 1.0
) -> Tensor:
    """Draw float64 numbers of both signs, their sizes between ``smallest`` and ``smallest + spread``."""
    size = smallest + spread * torch.rand(shape, generator=generator, dtype=torch.float64)
    return size * (torch.randint(2, shape, generator=generator) * 2 - 1)
