import math

import numpy as np
import pytest
import sympy

from minidl.lab.proof.formula import as_formula, define, derivative, latex, matrices, ones, scalars

X, W, b, G = matrices("X (n x in), W (in x out), b (1 x out), G (n x out)")
A, B, W1 = matrices("A (n x m), B (n x m), W1 (in x hidden)")
x, n, eta = scalars("x, n, eta")


@pytest.mark.parametrize(
    ("formula", "python", "matrix", "entry"),
    [
        (X @ W + b, "X @ W + b", r"X \, W + b", r"\sum_{k} x_{ik} \, w_{kj} + b_{j}"),
        (X.T @ G, "X.T @ G", r"X^\top \, G", r"\sum_{n} x_{ni} \, g_{nj}"),
        (ones("n").T @ G, 'ones("n").T @ G', r"\mathbf{1}^\top \, G", r"\sum_{i} g_{ij}"),
        (A * (1 - B * B), "A * (1 - B * B)", r"A \odot (1 - B \odot B)", r"a_{ij} \, (1 - b_{ij} \, b_{ij})"),
        (A - (B - A), "A - (B - A)", "A - (B - A)", "a_{ij} - (b_{ij} - a_{ij})"),
        (A.T @ (A * B), "A.T @ (A * B)", r"A^\top \, (A \odot B)", None),
        ((A @ B.T) * 2, "A @ B.T * 2", r"A \, B^\top \cdot 2", None),
        ((A + B).T, "(A + B).T", r"(A + B)^\top", "a_{ji} + b_{ji}"),
        (2 * (A - B) / n, "2 * (A - B) / n", r"\frac{2}{n} \, (A - B)", r"\frac{2 \, (a_{ij} - b_{ij})}{n}"),
        (A**2, "A**2", r"A^{\circ 2}", "a_{ij}^{2}"),
        (-A + B, "-A + B", "-A + B", "-a_{ij} + b_{ij}"),
        (A * (B > 0), "A * (B > 0)", r"A \odot \left[B > 0\right]", r"a_{ij} \, \left[b_{ij} > 0\right]"),
        (A.relu(), "A.relu()", r"\max(0, A)", r"\max(0, a_{ij})"),
        (A.exp() / (A.exp() @ ones("m")), None, None, r"\frac{e^{a_{ij}}}{\sum_{j'} e^{a_{ij'}}}"),
        (W1, "W1", "W_{1}", "w^{(1)}_{ij}"),
        ((2 * eta) * (2 * n), "2 * eta * (2 * n)", r"2 \, \eta \cdot 2 \, n", None),
        (eta * A, "eta * A", r"\eta \, A", r"\eta \, a_{ij}"),
        (define("Y", A.tanh()), "Y", "Y", "y_{ij}"),
    ],
    ids=str,
)
def test_a_formula_is_printed_as_it_was_written(formula, python, matrix, entry):
    if formula.op == "@" and formula.args[0].op == "T" and entry:  # the sum runs over n: give the entry other letters
        entry = entry.replace("_{n}", r"_{i'}").replace("{n", "{i'")
    assert python is None or repr(formula) == python
    assert matrix is None or latex(formula) == matrix
    assert entry is None or latex(formula, ("i", "j")) == entry


def test_the_sum_of_all_entries_of_a_loss():
    assert latex(((A - B) ** 2).sum() / n) == r"\frac{1}{n} \, \sum_{i,j} (a_{ij} - b_{ij})^{2}"
    assert latex(derivative(1 / (1 + (-x).exp()), x)) == r"\frac{d}{dx} \, \frac{1}{1 + e^{-x}}"


def test_shapes_stand_under_the_factors():
    assert latex(X.T @ G, shapes=True) == (
        r"\underset{\text{in} \times n}{X^\top} \;\; \underset{n \times \text{out}}{G}"
    )


def test_an_accumulator_may_start_at_zero():
    assert 0 + G is G
    assert G + 0.0 is G
    assert (1 * G) is G
    assert G / 1 is G
    assert repr(1 / x) == "1 / x"


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: G @ X, "expected equal sizes in the middle, got n x out @ n x in"),
        (lambda: X + W, "expected equal shapes, got n x in and in x out"),
        (lambda: X * G, "expected equal shapes, got n x in and n x out"),
        (lambda: matrices("X n x in"), "expected a text like 'X .n x in."),
        (lambda: matrices("X (3 x in)"), "a size expected a name, such as n, or 1, got '3'"),
        (lambda: ones("n x m"), "a size expected a name, such as n, or 1, got 'n x m'"),
        (lambda: X * float("nan"), "expected finite numbers, got nan"),
        (lambda: derivative(x, X), "expected x to be a symbolic number, got X of shape n x in"),
    ],
)
def test_what_does_not_fit_is_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize("other", ["2", None, [1.0], True, 1j])
def test_a_formula_takes_numbers_and_formulas_only(other):
    with pytest.raises(TypeError):
        X + other
    with pytest.raises(TypeError):
        X @ other


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: X.mean(), AttributeError, r"a formula has no .mean: it is made with .*ones"),
        (lambda: X.t(), AttributeError, "a formula has no .t: "),
        (lambda: X.sum(0), TypeError, "adds up all entries; to add up over one index, multiply by a column of ones"),
        (lambda: X.sum(axis=0), TypeError, "adds up all entries"),
        (lambda: ones(3), TypeError, "ones expected size to be a string, got int"),
    ],
)
def test_what_only_tensors_have_is_said_in_the_words_of_formulas(build, error, message):
    with pytest.raises(error, match=message):
        build()


def test_below_is_the_other_way_round():
    assert repr(X < 0) == repr(-X > 0)


def test_jupyter_shows_latex():
    assert (X @ W)._repr_latex_() == r"$\displaystyle X \, W$"


@pytest.mark.parametrize(
    ("value", "fraction"),
    [
        (0.1, (1, 10)),
        (1 / 3, (1, 3)),
        (1 - 0.9, (1, 10)),
        (0.1 + 0.2, (3, 10)),
        (0.044715, (44715, 10**6)),
        (1e-20, (1, 10**20)),
        (1e-300, (1, 10**300)),
        (0.33333333333333, (33333333333333, 10**14)),
        (math.pi, (3141592653589793, 10**15)),
        (2**70, (2**70, 1)),
        (np.float32(0.5), (1, 2)),
        (np.int64(3), (3, 1)),
    ],
)
def test_a_float_is_the_fraction_that_was_meant_and_else_its_decimals(value, fraction):
    assert as_formula(value).args[0] == sympy.Rational(*fraction)


def test_at_least_and_at_most_are_what_less_and_more_leave():
    (x,) = scalars("x")
    assert str(x >= 3) == str(1 - (x < 3))
    assert str(x <= 3) == str(1 - (x > 3))


@pytest.mark.parametrize(
    "build",
    [
        lambda: max(0, G),
        lambda: max(G, 0),
        lambda: min(G, 1),
        lambda: max(A, B),
        lambda: -1 < A < 1,
        lambda: A and B,
        lambda: not A,
        lambda: G if G > 0 else 0,
    ],
)
def test_a_formula_has_no_truth_to_choose_by(build):
    with pytest.raises(TypeError, match=r"a formula is neither true nor false, and max, .*: write \.relu\(\)"):
        build()


def test_the_abs_of_python_is_refused():
    with pytest.raises(TypeError, match=r"write \.abs\(\)"):
        abs(G)


def test_formulas_may_be_compared_with_formulas():
    assert repr(A > B) == repr(A - B > 0)
    assert repr(A > 0.0) == repr(A > 0) == "(A > 0)"


@pytest.mark.parametrize("product", [lambda: 14.0 @ X, lambda: X @ 3])
def test_a_number_in_a_product_of_matrices_may_be_a_small_letter_of_an_earlier_cell(product):
    with pytest.raises(TypeError, match="expected two matrices, and one is a number: is a small letter"):
        product()
