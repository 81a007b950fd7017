"""The report's network: its layers, and what it draws its weights from."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from minidl import Linear, ReLU, Sequential
from minidl.lab.network import WIDTHS, network


def params(model):
    return [param for param, _ in model.parameters()]


def test_it_is_that_of_the_report(generator):
    model = network(generator=generator)
    assert WIDTHS == (2, 25, 25, 25, 2)
    assert type(model) is Sequential
    assert [type(module) for module in model] == [Linear, ReLU, Linear, ReLU, Linear, ReLU, Linear]
    assert [tuple(param.shape) for param in params(model)[::2]] == [(2, 25), (25, 25), (25, 25), (25, 2)]
    assert sum(param.numel() for param in params(model)) == 1427


@pytest.mark.parametrize("widths", [(3, 4), (1, 5, 2), [4, 3, 2, 1]])
def test_other_widths(widths, generator, randn):
    model = network(widths, generator=generator, dtype=torch.float64)
    sizes = [(module.in_features, module.out_features) for module in model if module.params]
    assert sizes == list(itertools.pairwise(widths))
    assert isinstance(model[-1], Linear), "a ReLU behind the last layer would leave no output below 0"
    assert model(randn(6, widths[0])).shape == (6, widths[-1])


def test_layers_draw_in_order_from_one_generator(generator):
    model = network((2, 5, 3), gain=math.sqrt(2), generator=generator, dtype=torch.float64)
    again = torch.Generator().manual_seed(0)
    for linear, size in zip((model[0], model[2]), ((2, 5), (5, 3)), strict=True):
        expected = Linear(*size, gain=math.sqrt(2), generator=again, dtype=torch.float64)
        assert torch.equal(linear.params["weight"], expected.params["weight"])
        assert not linear.params["bias"].any()


def test_without_a_generator_the_global_one_draws_and_the_dtype_is_the_default_one():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        first, second = network(), network()
        torch.manual_seed(3)
        assert all(torch.equal(a, b) for a, b in zip(params(first), params(network()), strict=True))
    assert not torch.equal(params(first)[0], params(second)[0])
    assert {param.dtype for param in params(first)} == {torch.get_default_dtype()}


def test_bad_widths_are_refused():
    with pytest.raises(ValueError, match=r"network expected at least two widths, got \(2,\)"):
        network((2,))
    with pytest.raises(ValueError, match="out_features to be an integer of at least 1, got 0"):
        network((2, 3, 0, 2))
