"""Linear: Y = XW + b."""

import math

import torch
from torch import Tensor

from minidl.module import Module, check_device, check_number


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
            check_number("Linear", name, size, "an integer of at least 1", int, lambda size: size >= 1)
        check_number(
            "Linear", "gain", gain, "a finite number of at least 0", (int, float), lambda gain: 0 <= gain < math.inf
        )
        if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
            raise TypeError(f"Linear expected a floating-point dtype, got {dtype!r}")
        if not isinstance(generator, (torch.Generator, type(None))):
            raise TypeError(f"Linear expected generator to be a torch.Generator, got {type(generator).__name__}")
        check_device("Linear", device)
        self.in_features, self.out_features = in_features, out_features
        std = gain * math.sqrt(2 / (in_features + out_features))
        weight = torch.randn(in_features, out_features, generator=generator, device=device, dtype=dtype) * std
        self.params = {"weight": weight, "bias": weight.new_zeros(1, out_features)}
        self.grad = {name: torch.zeros_like(param) for name, param in self.params.items()}

    def forward(self, input: Tensor) -> Tensor:
        """Return XW + b, of shape (..., n, out_features), for an input X of shape (..., n, in_features)."""
        weight, bias = self.params["weight"], self.params["bias"]
        self._check("input", input, weight, m=self.in_features)
        output = product(input, weight, plus=bias)
        self._kept = input, output.shape
        return output

    def backward(self, grad_output: Tensor) -> Tensor:
        """Add X^T G and the column sums of G into ``grad``; return G W^T, of the shape of the input."""
        input, grad_output = self._recall_for(grad_output)
        add_product(self.grad["weight"], input.mT, grad_output)
        self.grad["bias"] += grad_output.sum(-2, keepdim=True)
        return product(grad_output, self.params["weight"].mT)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}"


def product(left: Tensor, right: Tensor, plus: Tensor | None = None) -> Tensor:
    """Return left @ right, over the last two dimensions, plus a third tensor if there is one, in one operation."""
    if plus is None:  # for a stack, `torch.bmm` is the shortest way
        return torch.bmm(left, right) if left.ndim == 3 else left @ right
    if left.ndim == 2:
        return torch.addmm(plus, left, right)
    return torch.baddbmm(plus, left, right) if left.ndim == 3 else left @ right + plus


def add_product(total: Tensor, left: Tensor, right: Tensor) -> None:
    """Add left @ right to a tensor, in place."""
    if total.ndim == 2:
        total.addmm_(left, right)
    elif total.ndim == 3:
        total.baddbmm_(left, right)
    else:
        total += left @ right
