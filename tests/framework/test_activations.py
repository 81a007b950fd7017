"""ReLU, Tanh and Sigmoid against torch's, against central differences, and where they saturate."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from minidl import ReLU, Sigmoid, Tanh

ACTIVATIONS = [(ReLU, nn.ReLU), (Tanh, nn.Tanh), (Sigmoid, nn.Sigmoid)]
SHAPES = [(5, 3), (1, 3), (4, 1), (3, 5, 2), (2, 3, 1, 4), (2, 0, 3)]
every = pytest.mark.parametrize(("ours", "theirs"), ACTIVATIONS, ids=["ReLU", "Tanh", "Sigmoid"])


@every
@pytest.mark.parametrize("shape", SHAPES)
def test_forward_and_backward_equal_torch(ours, theirs, shape, randn, close):
    module, x, grad_output = ours(), randn(*shape), randn(*shape)
    expected_input = x.clone().requires_grad_()
    expected = theirs()(expected_input)
    expected.backward(grad_output)
    close(module(x), expected.detach())
    close(module.backward(grad_output), expected_input.grad)


@every
@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 2)])
def test_backward_equals_central_differences(ours, theirs, shape, randn, central_differences):
    module, x, grad_output = ours(), randn(*shape), randn(*shape)
    module(x)
    grad_input = module.backward(grad_output)
    numeric = central_differences(lambda: (module(x) * grad_output).sum(), x)
    torch.testing.assert_close(grad_input, numeric, rtol=0, atol=1e-8)


@every
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_large_inputs_saturate_without_overflow(ours, theirs, dtype):
    module = ours()
    x = torch.tensor([[1e4, -1e4, 100.0, -100.0]], dtype=dtype)
    output = module(x)
    grad_input = module.backward(torch.ones_like(x))
    assert torch.equal(output, theirs()(x))
    assert output.isfinite().all()
    slopes = [1, 0, 1, 0] if ours is ReLU else [0, 0, 0, 0]
    torch.testing.assert_close(grad_input, torch.tensor([slopes], dtype=dtype), rtol=0, atol=1e-40)


def test_the_slope_of_relu_at_zero_is_zero():
    x = torch.tensor([[0.0, -0.0, 1e-300, -1e-300]], dtype=torch.float64)
    relu = ReLU()
    assert relu(x).tolist() == [[0, 0, 1e-300, 0]]
    assert relu.backward(torch.full_like(x, 3)).tolist() == [[0, 0, 3, 0]]


def test_values_that_can_be_checked_with_a_pencil():
    # tanh(ln 2) = (2 - 1/2) / (2 + 1/2) = 3/5, slope 1 - 9/25; sigmoid(ln 3) = 1 / (1 + 1/3) = 3/4, slope 3/16
    for module, x, y, slope in [(Tanh(), math.log(2), 3 / 5, 16 / 25), (Sigmoid(), math.log(3), 3 / 4, 3 / 16)]:
        assert module(torch.tensor([[x, 0.0]], dtype=torch.float64))[0, 0].item() == pytest.approx(y, abs=1e-15)
        grad_input = module.backward(torch.tensor([[2.0, 0.0]], dtype=torch.float64))
        assert grad_input.tolist() == [[pytest.approx(2 * slope, abs=1e-15), 0]]


@every
def test_repr_is_that_of_torch_and_there_are_no_parameters(ours, theirs):
    assert repr(ours()) == repr(theirs())
    assert list(ours().parameters()) == []
