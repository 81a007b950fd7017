"""ReLU, Tanh and Sigmoid: functions of one number, applied to every entry.

With Y = f(X) and G = dL/dY, the chain rule gives dL/dX = G * f'(X), entry by entry. All three derivatives can be had
from the output Y alone, so that is what these modules keep. The slopes are new tensors, so G is multiplied into them in place.
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
        self._kept = output = input.relu()
        return output

    def backward(self, grad_output: Tensor) -> Tensor:
        """Return G where y > 0, and 0 elsewhere."""
        output = self._recall_for(grad_output)
        return output.sign().mul_(grad_output)


class Tanh(Module):
    """Hyperbolic tangent, y = (e^x - e^-x) / (e^x + e^-x), with slope 1 - y^2."""

    def forward(self, input: Tensor) -> Tensor:
        """Return tanh(x) for every entry x of the input, in its shape (..., n, m)."""
        self._check("input", input)
        self._kept = output = input.tanh()
        return output

    def backward(self, grad_output: Tensor) -> Tensor:
        """Return G * (1 - y^2)."""
        output = self._recall_for(grad_output)
        return (1 - output * output).mul_(grad_output)


class Sigmoid(Module):
    """Logistic sigmoid, y = 1 / (1 + e^-x), with slope y (1 - y)."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the sigmoid of every entry x of the input, in its shape (..., n, m); torch's own never overflows."""
        self._check("input", input)
        self._kept = output = input.sigmoid()
        return output

    def backward(self, grad_output: Tensor) -> Tensor:
        """Return G * y * (1 - y)."""
        output = self._recall_for(grad_output)
        return (output * (1 - output)).mul_(grad_output)
