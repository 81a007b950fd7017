"""SGD against torch.optim.SGD."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch
from torch import nn

from minidl import SGD, Linear, Module, ReLU, Sequential, Tanh


def build(generator, dtype=torch.float64):
    def linear(m, k):
        return Linear(m, k, generator=generator, dtype=dtype)

    return Sequential(linear(3, 5), Sequential(Tanh(), linear(5, 4)), ReLU(), linear(4, 2))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("lr", [0.001, 0.03, 1 / 3, 1])
@pytest.mark.parametrize("stack", [(), (3,)])
def test_twenty_steps_equal_those_of_torch_bit_for_bit(dtype, lr, stack, generator, randn):
    model = build(generator, dtype)
    for module in model.modules():
        for tensors in (module.params, module.grad):
            tensors.update({name: tensor.expand(*stack, *tensor.shape).clone() for name, tensor in tensors.items()})
    twins = [nn.Parameter(param.clone()) for param, _ in model.parameters()]
    ours, theirs = SGD(model, lr), torch.optim.SGD(twins, lr)
    start = [twin.detach().clone() for twin in twins]
    for _ in range(20):
        model.zero_grad()
        model(randn(*stack, 6, 3, dtype=dtype))
        model.backward(randn(*stack, 6, 2, dtype=dtype))
        for twin, (_, grad) in zip(twins, model.parameters(), strict=True):
            twin.grad = grad.clone()
        ours.step()
        theirs.step()
        for twin, (param, _) in zip(twins, model.parameters(), strict=True):
            assert torch.equal(param, twin.detach())
    assert not any(torch.equal(old, twin) for old, twin in zip(start, twins, strict=True))


def test_a_step_is_in_place_and_leaves_gradients_and_inputs_alone(generator, randn, unchanged):
    model, x = build(generator), randn(6, 3)
    output = model(x)
    grad_output = randn(6, 2)
    grad_input = model.backward(grad_output)
    params, grads = zip(*model.parameters(), strict=True)
    before = [param.clone() for param in params]
    with unchanged(x, output, grad_output, grad_input, *grads):
        SGD(model, 0.1).step()
    for param, old, (new, grad) in zip(params, before, model.parameters(), strict=True):
        assert new is param
        torch.testing.assert_close(new, old - 0.1 * grad, rtol=0, atol=1e-15)


def test_a_zero_gradient_moves_nothing(generator):
    model = build(generator)
    before = [param.clone() for param, _ in model.parameters()]
    SGD(model, 0.1).step()
    assert all(torch.equal(param, old) for (param, _), old in zip(model.parameters(), before, strict=True))


def test_the_learning_rate_may_be_changed_between_steps(randn):
    model = Linear(3, 2, dtype=torch.float64)
    optimizer = SGD(model, 0.1)
    optimizer.lr = 0.5
    model.grad["bias"].fill_(2)
    optimizer.step()
    assert model.params["bias"].tolist() == [[-1, -1]]


@pytest.mark.parametrize("lr", [0, 0.0, -0.1, -1, math.inf, math.nan])
def test_learning_rates_that_are_no_finite_number_above_0_are_refused(lr):
    with pytest.raises(ValueError, match=f"SGD expected lr to be a finite number above 0, got {lr!r}"):
        SGD(Linear(3, 2), lr)


@pytest.mark.parametrize("lr", [None, "0.1", True, [0.1], torch.tensor(0.1), Fraction(1, 10)], ids=repr)
def test_learning_rates_that_are_no_numbers_are_refused(lr):
    with pytest.raises(TypeError, match="SGD expected lr to be a finite number above 0, got "):
        SGD(Linear(3, 2), lr)


@pytest.mark.parametrize(
    "model", [None, [], nn.Linear(3, 2), Linear, Linear(3, 2).params], ids=lambda m: type(m).__name__
)
def test_what_is_not_a_module_is_refused(model):
    with pytest.raises(TypeError, match=f"SGD expected model to be a Module, got {type(model).__name__}"):
        SGD(model, 0.1)


@pytest.mark.parametrize("model", [Tanh(), Sequential(), Sequential(ReLU(), Sequential(Tanh())), Module()])
def test_a_model_without_parameters_is_refused(model):
    with pytest.raises(ValueError, match="SGD expected a model with parameters, got ") as caught:
        SGD(model, 0.1)
    assert str(caught.value).endswith(repr(model))


def test_repr_shows_the_learning_rate():
    assert repr(SGD(Linear(3, 2), 0.1)) == "SGD(lr=0.1)"


def test_a_parameter_shared_by_two_modules_is_refused():
    one, other = Linear(2, 2), Linear(2, 2)
    other.params, other.grad = one.params, one.grad
    with pytest.raises(ValueError, match="every parameter once"):
        SGD(Sequential(one, other), lr=0.1)
