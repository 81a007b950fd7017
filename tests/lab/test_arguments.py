"""What is refused, and in which words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from minidl.lab import figures, numeric, proof
from minidl.lab.arguments import as_numbers, check_choice, check_kind, checked

A, W = proof.matrices("A (n x k), W (k x m)")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: proof.prove_gradient(A, wrt=3, claim=A), "prove_gradient expected wrt to be a Formula, got int"),
        (lambda: proof.define("Y", None), "define expected formula to be a Formula, got NoneType"),
        (lambda: figures.new_axes("x"), "new_axes expected ax to be an Axes or None, got str"),
        (
            lambda: figures.gradient_flow({"a": [1.0, "b"]}),
            "gradient_flow expected sizes to be a dict, each a string: a sequence, each a number, got {'a': [1.0, 'b']}",
        ),
        (lambda: numeric.agree({}, below="1"), "agree expected below to be a number, got str"),
        (lambda: numeric.central_differences(3, torch.ones(2)), "expected function to be a function, got int"),
    ],
)
def test_another_kind_than_the_signature_says(call, words):
    with pytest.raises(TypeError) as caught:
        call()
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (int, [0, -3, np.int64(2)], [True, 1.0, "1", torch.tensor(1)]),
        (float, [0, 0.5, np.float32(2), Fraction(1, 3)], [False, "0.5", 1j, torch.tensor(0.5)]),
        (bool, [True, False], [0, 1, None, torch.tensor(True)]),
        (str | None, ["", None], [b"", 0]),
        (tuple[int, str], [(1, "a"), [1, "a"]], [(1,), (1, 2), ("a", 1), 1, None]),
        (
            Sequence[float],
            [[], [1, 2.5], (1,), np.ones(3), range(3)],
            [[None], np.array(1.0), {1: 2}, torch.ones(3), 1],
        ),
        (dict[str, Tensor], [{}, {"a": torch.ones(2)}], [{"a": 1}, {1: torch.ones(2)}, [], None]),
        (Callable[[Tensor], float], [len, torch.nn.ReLU()], [None, 3]),
        (type, [int], [3]),
        (Any, [None, 3, object()], []),
    ],
)
def test_kinds(kind, good, bad):
    for value in good:
        check_kind("it", "value", value, kind)
    for value in bad:
        with pytest.raises(TypeError, match=r"^it expected value to be .+, got .+"):
            check_kind("it", "value", value, kind)


def test_each_of_several_is_looked_at_and_named():
    @checked
    def together(*sizes: int, **lengths: float) -> tuple:
        return sizes, lengths

    assert together(1, 2, a=0.5) == ((1, 2), {"a": 0.5})
    with pytest.raises(TypeError, match="sizes to be an integer, got str"):
        together(1, "2")
    with pytest.raises(TypeError, match="together expected b to be a number, got str"):
        together(a=1, b="2")


def test_a_missing_argument_is_left_to_python():
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'b'"):
        numeric.largest_difference(torch.ones(2))


def test_choices():
    check_choice("it", "word", "a", ("a", "b"))
    for bad in ("c", 1, None, ["a"], np.array(["a", "b"])):
        with pytest.raises(ValueError, match=r"^it expected word to be one of 'a', 'b', got "):
            check_choice("it", "word", bad, ("a", "b"))


@pytest.mark.parametrize(
    ("tensor", "error", "words"),
    [
        (np.ones((3, 2)), TypeError, "x to be a Tensor, got ndarray"),
        (torch.ones(3, 2, dtype=torch.complex64), TypeError, "x of real numbers, got torch.complex64"),
        (torch.ones(3, 2, device="meta"), ValueError, "got a tensor on device meta"),
        (torch.ones(2, 3), ValueError, "x of shape (n, 2) or (n,), got (2, 3)"),
        (torch.ones(1, 3, 2), ValueError, "x of shape (n, 2) or (n,), got (1, 3, 2)"),
        (torch.ones(0, 2), ValueError, "x of shape (n, 2) or (n,), got (0, 2)"),
        (torch.tensor([[1.0, float("nan")]]), ValueError, "x that are finite, got nan"),
    ],
)
def test_tensors_that_are_no_numbers_to_draw(tensor, error, words):
    with pytest.raises(error) as caught:
        as_numbers("it", "x", tensor, "(n, 2)", "(n,)")
    assert str(caught.value).startswith("it expected x ")
    assert words in str(caught.value)


def test_numbers_to_draw_are_those_that_were_given():
    given = torch.rand(3, 2, requires_grad=True)
    got = as_numbers("it", "x", given, "(n, 2)")
    assert torch.equal(got, given)
    assert not got.requires_grad
    assert as_numbers("it", "x", torch.tensor([True, False])).tolist() == [1, 0]
