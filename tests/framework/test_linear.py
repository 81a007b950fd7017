"""Linear against torch.nn.Linear, against central differences, and its initial weights."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import nn

from minidl import Linear

SHAPES = [(5, 3, 4), (1, 3, 4), (4, 5, 3), (2, 6, 5), (7, 1, 2), (3, 2, 1)]
STACKS = [(), (3,), (2, 3), (1,)]


def make(randn, in_features, out_features, stack=()):
    """Return a Linear whose parameters are a stack of random ones."""
    linear = Linear(in_features, out_features, dtype=torch.float64)
    linear.params = {"weight": randn(*stack, in_features, out_features), "bias": randn(*stack, 1, out_features)}
    linear.grad = {name: torch.zeros_like(param) for name, param in linear.params.items()}
    return linear


def twins(linear):
    """Yield the index of every run of a stack, and the torch.nn.Linear that is equal to it."""
    weight, bias = linear.params["weight"], linear.params["bias"]
    for run in itertools.product(*map(range, weight.shape[:-2])):
        twin = nn.Linear(linear.in_features, linear.out_features, dtype=torch.float64)
        with torch.no_grad():
            twin.weight.copy_(weight[run].T)
            twin.bias.copy_(bias[run][0])
        yield run, twin


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize(("n", "in_features", "out_features"), SHAPES)
def test_every_run_equals_its_own_torch_linear(n, in_features, out_features, stack, randn, close):
    linear = make(randn, in_features, out_features, stack)
    for batch in (n, n + 3, n):  # the batch size may change from one pass to the next
        x, grad_output = randn(*stack, batch, in_features), randn(*stack, batch, out_features)
        linear.zero_grad()
        output, grad_input = linear(x), linear.backward(grad_output)
        runs = 0
        for run, twin in twins(linear):
            expected_input = x[run].clone().requires_grad_()
            expected = twin(expected_input)
            expected.backward(grad_output[run])
            close(output[run], expected.detach())
            close(grad_input[run], expected_input.grad)
            close(linear.grad["weight"][run], twin.weight.grad.T)
            close(linear.grad["bias"][run], twin.bias.grad[None])
            runs += 1
        assert runs == math.prod(stack)


@pytest.mark.parametrize("stack", STACKS)
def test_gradients_equal_central_differences(stack, randn, central_differences):
    linear = make(randn, 3, 4, stack)
    x, grad_output = randn(*stack, 5, 3), randn(*stack, 5, 4)
    linear(x)
    grad_input = linear.backward(grad_output)
    for tensor, gradient in [
        (x, grad_input),
        (linear.params["weight"], linear.grad["weight"]),
        (linear.params["bias"], linear.grad["bias"]),
    ]:
        numeric = central_differences(lambda: (linear(x) * grad_output).sum(), tensor)
        torch.testing.assert_close(gradient, numeric, rtol=0, atol=1e-7)


def test_replaced_parameters_are_used(randn, close):
    linear = make(randn, 3, 4)
    for stack, dtype in [((2,), torch.float64), ((), torch.float32), ((), torch.float64)]:
        linear.params = {"weight": randn(*stack, 3, 4, dtype=dtype), "bias": randn(*stack, 1, 4, dtype=dtype)}
        linear.grad = {name: torch.zeros_like(param) for name, param in linear.params.items()}
        x = randn(*stack, 5, 3, dtype=dtype)
        linear.backward(torch.ones_like(linear(x)))
        torch.testing.assert_close(linear.grad["bias"], torch.full((*stack, 1, 4), 5, dtype=dtype))
        torch.testing.assert_close(linear.grad["weight"], x.sum(-2)[..., None].expand(*stack, 3, 4))


@pytest.mark.parametrize(
    ("in_features", "out_features", "gain"),
    [(300, 200, 1.0), (20, 900, 1.0), (900, 20, nn.init.calculate_gain("relu")), (250, 250, 5 / 3), (2, 3, 1)],
)
def test_initial_weights_are_xavier_normal(in_features, out_features, gain, generator):
    layers = [
        Linear(in_features, out_features, gain=gain, generator=generator, dtype=torch.float64)
        for _ in range(math.ceil(15_000 / (in_features * out_features)))
    ]
    z = torch.stack([layer.params["weight"] for layer in layers]) / (gain * math.sqrt(2 / (in_features + out_features)))
    count = z.numel()
    # four standard errors of the mean, the std, and the share of a normal distribution within one std
    assert abs(z.mean()) < 4 / math.sqrt(count)
    assert abs(z.std() - 1) < 4 / math.sqrt(2 * count)
    within = math.erf(math.sqrt(0.5))
    assert abs((z.abs() < 1).double().mean() - within) < 4 * math.sqrt(within * (1 - within) / count)


def test_gain_scales_the_initial_weights():
    one, three = (Linear(4, 5, gain=gain, generator=torch.Generator().manual_seed(1)) for gain in (1, 3))
    torch.testing.assert_close(three.params["weight"], 3 * one.params["weight"])
    assert not Linear(4, 5, gain=0).params["weight"].any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bias_and_gradients_start_at_zero(dtype):
    linear = Linear(3, 4, dtype=dtype)
    assert linear.params.keys() == linear.grad.keys() == {"weight", "bias"}
    assert linear.params["weight"].shape == (3, 4)
    assert linear.params["bias"].shape == (1, 4)
    zeros = [linear.params["bias"], *linear.grad.values()]
    assert not any(tensor.any() for tensor in zeros)
    for name, param in linear.params.items():
        assert linear.grad[name].shape == param.shape
        assert linear.grad[name].dtype == param.dtype == dtype


def test_a_generator_makes_weights_reproducible_and_leaves_the_global_one_alone():
    before = torch.get_rng_state()
    first, second, other = (Linear(3, 4, generator=torch.Generator().manual_seed(seed)) for seed in (5, 5, 6))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.params["weight"], second.params["weight"])
    assert not torch.equal(first.params["weight"], other.params["weight"])


def test_without_a_generator_the_global_one_draws():
    with torch.random.fork_rng():
        torch.manual_seed(5)
        weight = Linear(3, 4).params["weight"]
        assert not torch.equal(Linear(3, 4).params["weight"], weight)
        torch.manual_seed(5)
        assert torch.equal(Linear(3, 4).params["weight"], weight)


def test_device_and_dtype_are_those_asked_for():
    default = torch.get_default_dtype()
    assert {tensor.dtype for pair in Linear(3, 4).parameters() for tensor in pair} == {default}
    meta = Linear(3, 4, device="meta", dtype=torch.float16)
    for pair in meta.parameters():
        assert [(tensor.device.type, tensor.dtype) for tensor in pair] == [("meta", torch.float16)] * 2


@pytest.mark.parametrize("bad", [0, -1, 2.0, True, "3", None, [3]])
@pytest.mark.parametrize("position", [0, 1])
def test_bad_sizes_are_refused(bad, position):
    error = ValueError if type(bad) is int else TypeError
    name = ("in_features", "out_features")[position]
    sizes = [3, 3]
    sizes[position] = bad
    with pytest.raises(error, match=rf"Linear expected {name} to be an integer of at least 1, got ") as caught:
        Linear(*sizes)
    assert str(caught.value).endswith(f"got {bad!r}")


@pytest.mark.parametrize(
    ("gain", "error"),
    [(-1.0, ValueError), (math.inf, ValueError), (math.nan, ValueError), ("relu", TypeError), (None, TypeError)],
)
def test_bad_gains_are_refused(gain, error):
    with pytest.raises(error, match=f"Linear expected gain .*, got {gain!r}"):
        Linear(3, 4, gain=gain)


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex64, "float64", float])
def test_bad_dtypes_are_refused(dtype):
    with pytest.raises(TypeError, match="Linear expected a floating-point dtype, got "):
        Linear(3, 4, dtype=dtype)


@pytest.mark.parametrize(("in_features", "out_features"), [(2, 25), (1, 1)])
def test_repr_is_that_of_torch(in_features, out_features):
    twin = nn.Linear(in_features, out_features)
    assert repr(Linear(in_features, out_features)) == repr(twin).replace(", bias=True", "")
