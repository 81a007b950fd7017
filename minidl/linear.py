"""Linear: Y = XW + b."""

import math

import torch
from torch import Tensor

from minidl.module import Module


class Linear(Module):
    """Fully connected layer, Y = XW + b: y_ij = sum_k x_ik w_kj + b_j.

    With G = dL/dY, the chain rule gives::

        dL/dX = G W^T        (n, in)   = (n, out) (out, in)
        dL/dW = X^T G        (in, out) = (in, n) (n, out)
        dL/db = 1^T G        (1, out) = (1, n) (n, out)

    The bias is a weight whose input is always 1, and every sample shares it: its gradient is the sum of the rows of G.

    Parameters
    ----------
    in_features, out_features : int
        Features of one input sample and of one output sample.
    gain : float
        Scale of the initial weights, finite and >= 0; ``torch.nn.init.calculate_gain`` gives it for an activation.
    generator, device, dtype : optional
        Where the weights are drawn from, where they live, their floating-point dtype; PyTorch's defaults if left out.

    ``params`` and ``grad`` hold "weight", shape (..., in_features, out_features), and "bias", shape (..., 1, out_features).
    The bias starts at zero, the weights Xavier-normal, with std gain * sqrt(2 / (in_features + out_features)) (Glorot and
    Bengio, 2010, "Understanding the difficulty of training deep feedforward neural networks").

    Raises TypeError or ValueError for a bad argument, or a tensor that does not fit.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        gain: float = 1.0,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        for name, size in (("in_features", in_features), ("out_features", out_features)):
            if not isinstance(size, int) or isinstance(size, bool) or size < 1:
                error = ValueError if type(size) is int else TypeError
                raise error(f"Linear expected {name} to be an integer of at least 1, got {size!r}")
        if not isinstance(gain, (int, float)) or not 0 <= gain < math.inf:
            error = ValueError if isinstance(gain, (int, float)) else TypeError
            raise error(f"Linear expected gain to be a finite number of at least 0, got {gain!r}")
        if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
            raise TypeError(f"Linear expected a floating-point dtype, got {dtype!r}")
        self.in_features, self.out_features = in_features, out_features
        std = gain * math.sqrt(2 / (in_features + out_features))
        weight = torch.randn(in_features, out_features, generator=generator, device=device, dtype=dtype) * std
        self.params = {"weight": weight, "bias": weight.new_zeros(1, out_features)}
        self.grad = {name: torch.zeros_like(param) for name, param in self.params.items()}
        self._ones = self._ones_for = None

    def forward(self, input: Tensor) -> Tensor:
        """Return XW + b, of shape (..., n, out_features), for an input X of shape (..., n, in_features)."""
        weight, bias = self.params["weight"], self.params["bias"]
        self._check("input", input, weight, self.in_features, any_n=True)
        self._kept = input
        return add_product(bias, input, weight)

    def backward(self, grad_output: Tensor) -> Tensor:
        """Add X^T G and 1^T G into ``grad``; return G W^T, of the shape of the input."""
        input = self._recall_for(grad_output, self.out_features)
        weight, grad = self.params["weight"], self.grad
        ones = self._row_of_ones(input.shape[-2], weight)
        if grad_output.requires_grad:
            grad_output = grad_output.detach()  # or grad would keep autograd's graph
        add_product(grad["weight"], input.mT, grad_output, out=grad["weight"])
        add_product(grad["bias"], ones, grad_output, out=grad["bias"])
        return product(grad_output, weight.mT)

    def _row_of_ones(self, n: int, weight: Tensor) -> Tensor:
        """Return the bias's input, transposed: n ones. They are made anew only where the batch size changes."""
        if self._ones is None or self._ones.shape[-1] != n or self._ones_for is not weight:
            self._ones, self._ones_for = weight.new_ones(*weight.shape[:-2], 1, n), weight
        return self._ones

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}"


def product(left: Tensor, right: Tensor) -> Tensor:
    """Return left @ right, over the last two dimensions; ``torch.bmm`` is the shortest way to that for a stack."""
    return torch.bmm(left, right) if left.ndim == 3 else left @ right


def add_product(total: Tensor, left: Tensor, right: Tensor, out: Tensor | None = None) -> Tensor:
    """Return total + left @ right, over the last two dimensions, in one operation, and write it to ``out`` if given."""
    if total.ndim == 2:
        return torch.addmm(total, left, right, out=out)
    if total.ndim == 3:
        return torch.baddbmm(total, left, right, out=out)
    return torch.add(total, left @ right, out=out)
