"""Derivatives in index notation against autograd, entry by entry."""

import itertools

import pytest
import torch
from evaluated import Evaluated, differ, sizes_in
from statements import MORE, RIGHT

from minidl.lab.proof import define, derivative, matrices, ones, scalars
from minidl.lab.proof.calculus import derived, picked
from minidl.lab.proof.formula import entry, inside, new_indices, new_token, total

CLAIMS = RIGHT | MORE
S, A = matrices("S (m x m), A (n x m)")
(x,) = scalars("x")


def differentiated(forward, wrt, upstream):
    """Return dL/d(wrt) in index notation, with its deltas and with those gone."""
    slot = new_indices(wrt.shape)
    over = tuple(map(new_token, forward.shape))
    loss = entry(forward)
    if upstream is not None:
        loss = total(tuple(zip(over, forward.shape, strict=True)), entry(upstream, over) * entry(forward, over))
    result = derived(loss, entry(wrt, slot))
    return slot, result, picked(result)


def check_entries(evaluated, formulas, slot, gradient):
    for i, j in itertools.product(*map(range, gradient.shape)):
        for formula in formulas:
            value = evaluated.at(formula, dict(zip(slot, (i, j), strict=True)))
            assert not differ(value.to(torch.float64), gradient[i, j]), formula


@pytest.mark.parametrize(
    "name", ["linear, W", "square", "chain tanh, W1", "softmax", "layer norm", "mse, mean", "pairs"]
)
def test_deltas_and_what_they_pick_are_the_gradient(name):
    forward, wrt, upstream, _ = CLAIMS[name]
    slot, with_deltas, without = differentiated(forward, wrt, upstream)
    assert not any(part.op == "delta" for part in inside(without))
    names = sizes_in(forward, wrt)
    evaluated = Evaluated({size: 1 + k % 3 for k, size in enumerate(names)}, seed=1)
    check_entries(evaluated, (with_deltas, without), slot, evaluated.gradient(forward, wrt, upstream))


@pytest.mark.parametrize(
    "forward",
    [
        S.sum() ** 2,
        (S @ S.T).sum() * S.sum(),
        ((S @ ones("m")) * S).sum(),
        (S * S.T).sum(),
        define("h", S.sum()) * define("h", S.sum()),
        (S / S.sum()).exp().sum(),
        (S.abs() ** x).sum(),
        (x ** (S / 3)).sum(),
    ],
    ids=str,
)
def test_equal_letters_are_not_caught(forward):
    slot, with_deltas, without = differentiated(forward, S, None)
    evaluated = Evaluated({"m": 3}, seed=2)
    check_entries(evaluated, (with_deltas, without), slot, evaluated.gradient(forward, S))


@pytest.mark.parametrize(
    "formula", [x**3, x.tanh(), x.sigmoid(), define("q", x**2) * x.exp(), 1 / x, (1 + x**2).log()], ids=str
)
def test_derivatives_of_derivatives(formula):
    evaluated = Evaluated({}, seed=0)
    second = derived(derived(formula, x), x)
    (first,) = torch.autograd.grad(evaluated(formula), evaluated(x), create_graph=True)
    (there,) = torch.autograd.grad(first, evaluated(x))
    assert not differ(evaluated.at(second, {}), there[0, 0])
    assert not differ(evaluated(derivative(derivative(formula, x), x)), there)
