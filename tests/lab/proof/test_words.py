import pytest

from minidl.lab.proof import matrices, ones, scalars
from minidl.lab.proof.formula import entry, tidy
from minidl.lab.proof.words import plain, unlatex

X, W, A = matrices("X (n x in), W (in x out), A (n x m)")
x, n, eta = scalars("x, n, eta")


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        (entry(X @ W, ("i", "j")), "Σ_k x_ik w_kj"),
        (entry(A.exp() / (A.exp() @ ones("m")), ("i", "j")), "e^(a_ij) / (Σ_j' e^(a_ij'))"),
        (entry((A - 1) / n, ("i", "j")), "(a_ij - 1) / n"),
        (entry(A.relu() * 2, ("i", "j")), "max(0, a_ij) · 2"),
        (-x + eta, "-x + η"),
        (x ** (n - 1), "x^(n - 1)"),
        (entry(ones("n").T @ A, (None, "j")), "Σ_i a_ij"),
        ((x > 0) * x.log().abs(), "[x > 0] |log(x)|"),
    ],
    ids=str,
)
def test_formulas_in_index_notation_as_text(formula, text):
    assert plain(tidy(formula)) == text


def test_braces_that_do_not_close_are_named():
    with pytest.raises(ValueError, match="expected braces that close"):
        unlatex(r"x_{i")
