"""Handwritten digits: the 1,797 small pictures that come with scikit-learn, an extra of this project.

Without scikit-learn, importing this module raises ImportError and says what to install.
"""

from __future__ import annotations

import torch
from torch import Tensor

from minidl.lab.arguments import check_kind
from minidl.module import check_number

try:
    from sklearn.datasets import load_digits
except ImportError:
    raise ImportError(
        "the handwritten digits come with scikit-learn, which is not installed: "
        'run  pip install -e ".[digits]"  in the folder of this project'
    ) from None

Data = tuple[Tensor, Tensor]


def digits(
    *, test: int = 397, generator: torch.Generator | None = None, dtype: torch.dtype | None = None
) -> tuple[Data, Data]:
    """Split the pictures at random into a training set and a test set.

    Parameters
    ----------
    test : int
        Number of pictures in the test set; the others are for training, 1,400 of the 1,797 by default.
    generator : torch.Generator, optional
        Where the split is drawn from; PyTorch's global generator if left out.
    dtype : torch.dtype, optional
        Of all tensors; PyTorch's default if left out.

    Returns
    -------
    training, test : (Tensor, Tensor)
        Images, shape (n, 64): the 8 x 8 pixels row by row, in [0, 1], 1 where there is most ink. Targets, shape (n, 10):
        one-hot, a 1 in column d for the digit d, so that ``targets.argmax(-1)`` gives the digits.

    Raises
    ------
    TypeError, ValueError
        If test is not an integer from 1 to 1796.

    Notes
    -----
    The pixels are divided by their largest value, 16, and not standardised one by one: the three pixels that are 0 in every
    picture have no standard deviation to divide by.
    """
    pixels, labels = load_digits(return_X_y=True)
    n = len(labels)
    check_number("digits", "test", test, f"an integer from 1 to {n - 1}", int, lambda test: 1 <= test < n)
    check_kind("digits", "generator", generator, torch.Generator | None)
    check_kind("digits", "dtype", dtype, torch.dtype | None)
    if dtype is not None and not dtype.is_floating_point:
        raise TypeError(f"digits expected a floating-point dtype, got {dtype}")
    dtype = dtype or torch.get_default_dtype()
    images = torch.from_numpy(pixels).to(dtype) / 16
    targets = torch.eye(10, dtype=dtype)[torch.from_numpy(labels)]
    order = torch.randperm(n, generator=generator)
    return tuple((images[part], targets[part]) for part in (order[test:], order[:test]))
