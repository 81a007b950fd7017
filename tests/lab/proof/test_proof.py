import os
import re
import subprocess
import sys
import time

import pytest
from statements import MORE, RIGHT, WRONG, A, D, G, P, S, T, U, V, W, X, b, column, linear, n, one, sigma, squares, x

from minidl.lab.proof import ProofError, define, derivative, matrices, ones, prove_equal, prove_gradient, scalars


def prove(forward, wrt, upstream, claim, **options):
    return prove_gradient(forward, wrt=wrt, upstream=upstream, claim=claim, **options)


@pytest.mark.parametrize("case", (RIGHT | MORE).values(), ids=RIGHT | MORE)
def test_a_right_claim_is_proven_in_no_time(case):
    start = time.perf_counter()
    proof = prove(*case, entry=(1, 1) if case in RIGHT.values() and case[1] is not x else None)
    assert time.perf_counter() - start < 5  # on an idle machine all are under 1 s
    assert repr(case[3]) in repr(proof)
    assert "proven" in repr(proof)
    assert "proven" in proof._repr_latex_()


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
def test_a_wrong_claim_raises_and_shows_an_entry(case):
    with pytest.raises(
        ProofError, match=r"is wrong\n  claimed +\S.*\n  differentiated +\S(.|\n)*For example, entry \(\d(, \d)?\) and"
    ) as error:
        prove(*case)
    assert repr(case[3]) in str(error.value)
    assert error.value._render_traceback_() == [f"ProofError: {error.value}"]  # what Jupyter shows: no paths
    assert re.search(r"claimed\} && .*differentiated\} && .*is wrong", error.value.latex, re.DOTALL)


def test_a_claim_that_is_wrong_only_beyond_a_kink_is_refuted():
    forward, wrt, upstream, _ = MORE["clip"]
    for claim in (D * (A + 1 > 0), D * (A + 1 > 0) * (2 - A > 0)):
        with pytest.raises(ProofError, match="is wrong"):
            prove(forward, wrt, upstream, claim)


def test_the_error_shows_both_sides():
    with pytest.raises(ProofError) as error:
        prove(squares, A, None, A - T)
    claimed, differentiated = (line.split(maxsplit=1)[1] for line in str(error.value).splitlines()[-2:])
    assert (claimed, differentiated) == ("a_11 - t_11", "2 a_11 - 2 t_11")


def test_the_first_entry_that_differs_is_shown():
    with pytest.raises(ProofError, match=r"entry \(1, 2\)"):  # S U^T and its transpose agree on the diagonal
        prove(S @ V, V, U, U.T @ S)


def test_what_cannot_be_decided_is_not_proven(monkeypatch):
    monkeypatch.setattr("minidl.lab.proof.identities.is_zero", lambda expression: False)
    with pytest.raises(ProofError, match="could not be decided"):
        prove_equal((2 * x).tanh(), 2 * x.tanh() / (1 + x.tanh() ** 2))


def test_the_statement_is_printed_from_the_claim():
    shown = prove(linear, W, G, X.T @ G, entry=(1, 2))._repr_latex_()
    assert shown.startswith("$$")
    assert (
        r"\underset{\text{in} \times \text{out}}{\frac{\partial L}{\partial W}} = \underset{\text{in} \times n}{X^\top}"
        in shown
    )
    assert r"\frac{\partial L}{\partial w_{kj}} = \sum_{i} x_{ik} \, g_{ij}" in shown
    assert r"= g_{12} x_{11} + g_{22} x_{21} + g_{32} x_{31}" in shown
    assert r"= \left(X^\top \, G\right)_{12}" in shown


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (derivative(x.tanh(), x), 1 - x.tanh() ** 2),
        (derivative(sigma, x), sigma * (1 - sigma)),
        (sigma, x.exp() / (x.exp() + 1)),
        (sigma, (1 + (x / 2).tanh()) / 2),
        (sigma, 1 - 1 / (1 + x.exp())),
        (x.tanh(), (x.exp() - (-x).exp()) / (x.exp() + (-x).exp())),
        (x.relu() - (-x).relu(), x),
        (x.abs(), x.relu() + (-x).relu()),
        (X @ W + b, X @ W + one @ b),
        ((X @ W).T, W.T @ X.T),
    ],
    ids=str,
)
def test_equal_formulas_are_proven_equal(left, right):
    assert repr(prove_equal(left, right)).startswith(f"{left} = {right}")


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (derivative(x.tanh(), x), 1 - x.tanh()),
        (derivative(sigma, x), sigma * (1 + sigma)),
        (sigma, x.exp() / (x.exp() - 1)),
        (x.abs(), x.relu() - (-x).relu()),
        (x.abs(), x),
        (S @ V, V @ S),
    ],
    ids=str,
)
def test_unequal_formulas_are_refuted(left, right):
    with pytest.raises(ProofError, match="is wrong"):
        prove_equal(left, right)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((linear, W, G, G.T @ X), "dL/dW expected the shape of W, in x out, got G.T @ X of shape out x in"),
        ((linear, W, X, X.T @ G), "expected upstream to have the shape of the output, n x out, got n x in"),
        ((linear, X @ W, G, G), "expected wrt to be a symbol, got X @ W"),
        ((linear, W, None, X.T @ G), "expected a loss, 1 x 1, or upstream=..., got X @ W"),
        ((linear, W, G, X.T @ G * matrices("g (1 x 1)")[0]), r"one shape for each, got g .1 x 1. and G .n x out."),
        ((squares / n, n, None, -squares / n**2), "expected wrt to be a symbol, got n, which is the size n here"),
        ((G * G, G, G, G), "expected upstream to be a symbol of its own, got G, used in G . G"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        prove(*arguments)


def test_a_name_that_page_and_claim_both_define_is_explained_once():
    page, check = (define("H", X @ W + b) for _ in range(2))
    proof = prove_gradient(check.relu(), upstream=G, wrt=W, claim=X.T @ (G * (page > 0)))
    assert proof.latex.count(r"H = X \, W + b") == 1


def test_a_reason_is_given_once_and_for_what_is_seen():
    def reason(claim):
        return prove_gradient(P, upstream=D, wrt=A, claim=claim, steps=True).text.splitlines()[-1]

    row = D * P @ ones("m")
    assert reason(P * (D - row)).endswith("(1 is a column of ones: row i, column j)")
    assert reason(P * (D - define("r", row))).endswith("  (row i, column j)")


def test_the_reason_of_a_row_says_that_there_is_only_one():
    proof = prove_gradient(X @ W + b, upstream=G, wrt=b, claim=ones("n").T @ G, steps=True)
    assert proof.text.endswith("(1 is a column of ones: the only row, column j)")


def test_an_entry_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"expected an entry within 2 x 4, counted from 1, got \(0, 1\)"):
        prove(linear, W, G, X.T @ G, entry=(0, 1))


y, z = scalars("y, z")
never = x.tanh() - (x.exp() - (-x).exp()) / (x.exp() + (-x).exp())  # 0, which only SymPy knows


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (x.relu() / x.relu(), 1),
        ((A > 0).sum() / (A > 0).sum(), 1),
        ((x.relu() - y.relu()) / (x.relu() - y.relu()), 1),
        (x.relu().log().exp(), x.relu()),
        ((column - column.T) / (column - column.T), one @ one.T),
        ((never > 0) + (-never > 0), 1),
        ((-x.exp()).log(), (-x.exp()).log()),
        ((-1 - x**2) ** 0.5, (-1 - x**2) ** 0.5),
        ((x - x) / (x - x), 1),
        ((n - 1) * (column - column.T > 0) + (n - 1) * (column.T - column > 0), (n - 1) * (one @ one.T)),
        ((n - 1) * (n - 2) * (n - 3) * (column - column.T > 0).sum(), (n - 1) * (n - 2) * (n - 3) * n**2 / 2),
        ((n - 1) * (n - 2) * (n - 3) * ((column - column.T) ** 2 > 0), (n - 1) * (n - 2) * (n - 3) * one @ one.T),
        ((n - 1) * (n - 2) * (n - 3) * one, 0 * one),
        ((x * y).log(), x.log() + y.log()),
        ((x**2) ** 0.5, x),
        ((x**3) ** (1 / 3), x),
        (x.log().exp(), x.relu()),
    ],
    ids=str,
)
def test_what_exists_nowhere_or_fails_at_some_sizes_or_numbers_is_not_proven(left, right):
    with pytest.raises(ProofError, match=r"could not be decided|is wrong"):
        prove_equal(left, right)


@pytest.mark.parametrize(
    ("left", "right", "where"),
    [
        (x / x, 1, "x ≠ 0"),
        (x.log().exp(), x, "x > 0"),
        (x * (n - 1) / (n - 1) + 0 * one, x + 0 * one, "n - 1 ≠ 0"),
        (A / (A**2).sum() ** 0.5, A * (A**2).sum() ** -0.5, "Σ_ij a_ij^2 ≠ 0"),
        ((x * x).abs(), x**2, None),
        ((x**2) ** 0.5, x.abs(), "x^2 ≠ 0"),
        (x.exp().log() / n + 0 * one, x / n + 0 * one, None),
        ((x - 1 > 0) * (x + 1 > 0), (x - 1 > 0), "x - 1 ≠ 0 and x + 1 ≠ 0"),
    ],
    ids=str,
)
def test_what_is_left_out_is_named(left, right, where):
    verdict = repr(prove_equal(left, right)).splitlines()[0]
    assert verdict.endswith(f"where {where})") if where else "where" not in verdict


def test_a_claim_has_to_exist_where_the_gradient_does():
    with pytest.raises(ProofError, match=r"could not be decided: the claim exists only where a_ij > 0"):
        prove(2 * A, A, D, 2 * D * A.log().exp() / A)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: prove(A.tanh(), D, D, A.tanh()), "expected wrt and upstream to be two symbols, got D for both"),
        (lambda: prove_equal(define("H", A.tanh()), define("H", A.exp())), "one thing for each name, got H = A"),
        (lambda: prove_equal(define("A", 2 * T), 2 * T + 0 * A), "one thing for each name, got a symbol A and A = 2"),
        (lambda: prove_equal(derivative((n * A).sum(), n), A.sum()), "got n, which is the size n here"),
    ],
)
def test_statements_that_make_no_sense_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_many_equal_sizes_take_no_time():
    start = time.process_time()
    prove_equal((S @ V @ S @ V @ S @ V @ S).T, S.T @ (V.T @ S.T @ V.T) @ (S.T @ V.T @ S.T))
    with pytest.raises(ProofError, match="is wrong"):
        prove_equal((S @ V @ S @ V @ S @ V @ S @ V).sum(), (V @ S @ V @ S @ V @ S @ V @ V).sum())
    assert time.process_time() - start < 5


@pytest.mark.slow
def test_the_output_is_the_same_in_every_run(capsys):
    code = (
        "from minidl.lab.proof import *\n"
        "X, W, b, V, G = matrices('X (n x in), W (in x hidden), b (1 x hidden), V (hidden x out), G (n x out)')\n"
        "A = define('A', (X @ W + b).relu())\n"
        "print(prove_gradient(A @ V, upstream=G, wrt=W, claim=X.T @ ((G @ V.T) * A.sign()), entry=(1, 1)).latex)\n"
        "try: prove_gradient(A @ V, upstream=G, wrt=W, claim=X.T @ (G @ V.T))\n"
        "except ProofError as error: print(error)\n"
    )
    exec(code, {})  # here every run of the tests has hashes of its own
    there = os.environ | {"PYTHONHASHSEED": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=there, capture_output=True, text=True, check=True)
    assert done.stdout == capsys.readouterr().out
