"""ReLU, Tanh and Sigmoid: functions of one number, applied to every entry.

With Y = f(X) and G = dL/dY, the chain rule gives dL/dX = G * f'(X), entry by entry. All three derivatives can be had
from the output Y alone, so that is what these modules keep.
"""

from torch import Tensor

from minidl.module import Module


class ReLU(Module):
    """Rectified linear unit, y = max(0, x).

    The slope is 1 where y > 0 and 0 elsewhere, the sign of y; at the kink x = 0 it is taken to be 0, as in PyTorch.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return max(0, x) for every entry x of the input, in its shape (..., n, m)."""
        self._check("input", input)
        output = input.relu()
        self._kept = output, output.shape
        return output

    def backward(self, grad_output: Tensor) -> Tensor:
        """Return G * sign(y): G where y > 0, and 0 elsewhere."""
        output, grad_output = self._recall_for(grad_output)
        return grad_output * output.sign()


class Tanh(Module):
    """Hyperbolic tangent, y = (e^x - e^-x) / (e^x + e^-x), with slope 1 - y^2."""

    def forward(self, input: Tensor) -> Tensor:
        """Return tanh(x) for every entry x of the input, in its shape (..., n, m)."""
        self._check("input", input)
        output = input.tanh()
        self._kept = output, output.shape
        return output

    def backward(self, grad_output: Tensor) -> Tensor:
        """Return G * (1 - y^2)."""
        output, grad_output = self._recall_for(grad_output)
        return grad_output * (1 - output * output)


class Sigmoid(Module):
    """Logistic sigmoid, y = 1 / (1 + e^-x), with slope y (1 - y)."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the sigmoid of every entry x of the input, in its shape (..., n, m); torch's own never overflows."""
        self._check("input", input)
        output = input.sigmoid()
        self._kept = output, output.shape
        return output

    def backward(self, grad_output: Tensor) -> Tensor:
        """Return G * y * (1 - y)."""
        output, grad_output = self._recall_for(grad_output)
        return grad_output * output * (1 - output)
