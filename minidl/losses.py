"""MSELoss: the squared error."""

from torch import Tensor

from minidl.module import Module

REDUCTIONS = {  # of the squared errors of a batch, or of each batch of a stack
    "sum": lambda squares: squares.sum((-2, -1)),
    "batchmean": lambda squares: squares.sum(-1).mean(-1),  # of the samples
    "mean": lambda squares: squares.mean((-2, -1)),  # of all entries
}


class MSELoss(Module):
    """Squared error between input and target, L = sum_ij (x_ij - t_ij)^2 / N, with dL/dx_ij = 2 (x_ij - t_ij) / N.

    Parameters
    ----------
    reduction : {"sum", "batchmean", "mean"}
        What the sum is divided by: N = 1; N = n, the samples, which gives the mean loss per sample; or N = n * m, all
        entries. The words are PyTorch's own, and so is what they mean.

    Raises TypeError or ValueError for an unknown reduction, a target that differs from the input in shape, dtype or
    device (nothing is broadcast), or a mean over an empty batch.
    """

    def __init__(self, reduction: str = "sum") -> None:
        super().__init__()
        if not isinstance(reduction, str) or reduction not in REDUCTIONS:
            raise ValueError(f"MSELoss expected reduction 'sum', 'batchmean' or 'mean', got {reduction!r}")
        self.reduction = reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss, a number (of shape (runs,) for a stack), for two tensors of the same shape (..., n, m)."""
        self._check("input", input)
        self._check("target", target, input, input.shape)
        if self.reduction != "sum" and input.numel() == 0:
            raise ValueError(f"{self} expected at least one entry, got {tuple(input.shape)}")
        error = input - target
        self._kept = error, error.shape
        return REDUCTIONS[self.reduction](error * error)

    def backward(self) -> Tensor:
        """Return dL/d(input), of the shape of the input."""
        error = self._recall()
        n, m = error.shape[-2], error.shape[-1]
        return 2 / {"sum": 1, "batchmean": n, "mean": n * m}[self.reduction] * error

    def extra_repr(self) -> str:
        return f"reduction={self.reduction!r}"
