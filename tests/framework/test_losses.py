"""MSELoss against torch's, for each of its three reductions."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import nn

from minidl import MSELoss

REDUCTIONS = ["sum", "batchmean", "mean"]
SHAPES = [(5, 3), (1, 3), (4, 1), (1, 1), (6, 2)]
STACKS = [(), (3,), (2, 3)]


def torch_loss(reduction, input, target):
    """Return torch's loss; its mean is over all entries, so the mean per sample is its sum, divided by n."""
    if reduction == "batchmean":
        return nn.MSELoss(reduction="sum")(input, target) / input.shape[0]
    return nn.MSELoss(reduction=reduction)(input, target)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("shape", SHAPES)
def test_loss_and_gradient_of_every_run_equal_torch(reduction, stack, shape, randn, close):
    loss, x, target = MSELoss(reduction), randn(*stack, *shape), randn(*stack, *shape)
    value, grad_input = loss(x, target), loss.backward()
    assert value.shape == stack
    runs = 0
    for run in itertools.product(*map(range, stack)):
        expected_input = x[run].clone().requires_grad_()
        expected = torch_loss(reduction, expected_input, target[run])
        expected.backward()
        close(value[run], expected.detach())
        close(grad_input[run], expected_input.grad)
        runs += 1
    assert runs == math.prod(stack)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_backward_equals_central_differences(reduction, randn, central_differences):
    loss, x, target = MSELoss(reduction), randn(4, 3), randn(4, 3)
    loss(x, target)
    numeric = central_differences(lambda: loss(x, target), x)
    loss(x, target)
    torch.testing.assert_close(loss.backward(), numeric, rtol=0, atol=1e-8)


def test_the_sum_is_the_default_and_the_others_divide_it_by_n_and_by_n_times_m(randn, close):
    x, target = randn(4, 3), randn(4, 3)
    total = MSELoss()(x, target)
    close(total, (x - target).square().sum())
    for reduction, count in zip(REDUCTIONS, [1, 4, 12], strict=True):
        close(MSELoss(reduction)(x, target), total / count)


def test_a_loss_that_can_be_checked_with_a_pencil():
    x, target = torch.tensor([[1.0, 5.0], [0.0, 2.0]]), torch.tensor([[3.0, 4.0], [0.0, 1.0]])
    for reduction, value, gradient in [
        ("sum", 6, [[-4, 2], [0, 2]]),
        ("batchmean", 3, [[-2, 1], [0, 1]]),
        ("mean", 1.5, [[-1, 0.5], [0, 0.5]]),
    ]:
        loss = MSELoss(reduction)
        assert loss(x, target).item() == value
        assert loss.backward().tolist() == gradient


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_each_backward_needs_its_own_forward(reduction, randn, unchanged):
    loss, x, target = MSELoss(reduction), randn(4, 3), randn(4, 3)
    for _ in range(2):
        with (
            unchanged(loss),
            pytest.raises(RuntimeError, match=r"MSELoss\(reduction='.*'\) expected .*, got a backward"),
        ):
            loss.backward()
        loss(x, target)
        loss.backward()


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_the_callers_tensors_are_never_written_to(reduction, randn, unchanged):
    loss, x, target, other = MSELoss(reduction), randn(4, 3), randn(4, 3), randn(4, 3)
    value = loss(x, target)
    with unchanged(x, target, other, value):
        grad_input = loss.backward()
        with unchanged(grad_input):
            loss(other, target)
            loss.backward()


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_input_or_target_may_be_kept_and_changed_after_forward(reduction, randn, close):
    loss, x, target = MSELoss(reduction), randn(4, 3), randn(4, 3)
    loss(x, target)
    expected = loss.backward()
    loss(x, target)
    x.zero_()
    target.zero_()
    close(loss.backward(), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_large_errors_stay_finite(reduction, dtype):
    loss = MSELoss(reduction)
    x = torch.tensor([[1e4, -1e4], [-1e4, 1e4]], dtype=dtype)
    value, grad_input = loss(x, -x), loss.backward()
    assert value.isfinite()
    torch.testing.assert_close(value, torch_loss(reduction, x, -x))
    assert grad_input.isfinite().all()
    assert value.dtype == grad_input.dtype == dtype


def test_the_sum_over_an_empty_batch_is_zero_and_its_means_are_refused(unchanged):
    empty = torch.empty(0, 3, dtype=torch.float64)
    loss = MSELoss("sum")
    assert loss(empty, empty).item() == 0
    assert loss.backward().shape == (0, 3)
    for reduction in ("batchmean", "mean"):
        loss = MSELoss(reduction)
        with (
            unchanged(loss),
            pytest.raises(ValueError, match=r"MSELoss\(.*\) expected at least one .*, got .*\(0, 3\)"),
        ):
            loss(empty, empty)


def test_autograd_leaves_no_trace(randn):
    loss, x, target = MSELoss(), randn(4, 3).requires_grad_(), randn(4, 3)
    loss(x, target)
    assert not loss.backward().requires_grad


@pytest.mark.parametrize("reduction", ["none", "Sum", "", None, 1])
def test_unknown_reductions_are_refused(reduction):
    with pytest.raises(ValueError, match=f"MSELoss expected reduction 'sum', 'batchmean' or 'mean', got {reduction!r}"):
        MSELoss(reduction)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_repr_can_be_evaluated(reduction):
    assert repr(MSELoss(reduction)) == f"MSELoss(reduction='{reduction}')"
    assert eval(repr(MSELoss(reduction))).reduction == reduction
