import os
import subprocess
import sys
import time

import pytest

from minidl.lab.proof import ProofError, define, derivative, matrices, ones, prove_equal, prove_gradient, scalars

X, W, b, G = matrices("X (n x in), W (in x out), b (1 x out), G (n x out)")
W1, b1, W2, b2 = matrices("W1 (in x hidden), b1 (1 x hidden), W2 (hidden x out), b2 (1 x out)")
A, T, D = matrices("A (n x m), T (n x m), D (n x m)")
S, V, U = matrices("S (m x m), V (m x m), U (m x m)")
x, n, m = scalars("x, n, m")
one = ones("n")

linear = X @ W + b
tanh, sigmoid, relu = (define("Y", output) for output in (A.tanh(), A.sigmoid(), A.relu()))
leaky = A.relu() - (-A).relu() / 10
hidden = {name: define("H", getattr(X @ W1 + b1, name)()) for name in ("tanh", "relu")}
P = define("P", A.exp() / (A.exp() @ ones("m")))
cross_entropy = (A.exp() @ ones("m")).log().sum() - (T * A).sum()
squares = ((A - T) ** 2).sum()
sigma = define(r"\sigma(x)", 1 / (1 + (-x).exp()))

RIGHT = {
    "linear, X": (linear, X, G, G @ W.T),
    "linear, W": (linear, W, G, X.T @ G),
    "linear, b": (linear, b, G, one.T @ G),
    "linear, an accumulator": (linear, W, G, 0 + X.T @ G),
    "square": (S @ V, V, U, S.T @ U),
    "tanh": (tanh, A, D, D * (1 - tanh * tanh)),
    "sigmoid": (sigmoid, A, D, D * sigmoid * (1 - sigmoid)),
    "relu, from its input": (relu, A, D, D * (A > 0)),
    "relu, from its output": (relu, A, D, D * relu.sign()),
    "abs": (A.abs(), A, D, D * A.sign()),
    "leaky relu": (leaky, A, D, D * ((A > 0) + (-A > 0) / 10)),
    "mse, sum": (squares, A, None, 2 * (A - T)),
    "mse, batchmean": (squares / n, A, None, 2 * (A - T) / n),
    "mse, mean": (squares / (n * m), A, None, 2 * (A - T) / (n * m)),
    "chain tanh, W1": (hidden["tanh"] @ W2 + b2, W1, G, X.T @ ((G @ W2.T) * (1 - hidden["tanh"] ** 2))),
    "chain relu, W1": (hidden["relu"] @ W2 + b2, W1, G, X.T @ ((G @ W2.T) * hidden["relu"].sign())),
    "chain relu, X": (hidden["relu"] @ W2 + b2, X, G, ((G @ W2.T) * hidden["relu"].sign()) @ W1.T),
    "chain relu, W2": (hidden["relu"] @ W2 + b2, W2, G, hidden["relu"].T @ G),
    "softmax cross-entropy": (cross_entropy, A, None, P - T),
    "softmax cross-entropy, any targets": (-(T * P.log()).sum(), A, None, P * (T @ ones("m")) - T),
    "a number": ((x * A).sum(), x, None, A.sum()),
}
WRONG = {
    "linear, W transposed in a square": (S @ V, V, U, U.T @ S),
    "linear, X without the transpose": (S @ V, S, U, U @ V),
    "linear, W divided by n": (linear, W, G, X.T @ G / n),
    "linear, W divided by the size that n has in the proof": (linear, W, G, X.T @ G / 3),
    "linear, b averaged": (linear, b, G, one.T @ G / n),
    "linear, W of the wrong sign": (linear, W, G, -(X.T @ G)),
    "linear, upstream forgotten": (linear, W, G, X.T @ (one @ ones("out").T)),
    "mse, factor 2 missing": (squares, A, None, A - T),
    "mse, sign": (squares, A, None, 2 * (T - A)),
    "mse, batchmean not divided": (squares / n, A, None, 2 * (A - T)),
    "mse, mean divided by n only": (squares / (n * m), A, None, 2 * (A - T) / n),
    "tanh, slope at the output": (tanh, A, D, D * (1 - tanh.tanh() ** 2)),
    "tanh, upstream forgotten": (tanh, A, D, 1 - tanh * tanh),
    "tanh, slope forgotten": (tanh, A, D, D),
    "sigmoid, slope at the output": (sigmoid, A, D, D * sigmoid.sigmoid() * (1 - sigmoid.sigmoid())),
    "relu, masked by upstream": (relu, A, D, D * (D > 0)),
    "relu, slope always 1": (relu, A, D, D),
    "relu, on the other side": (relu, A, D, D * (1 - relu.sign())),
    "relu, minus the output is never above 0": (relu, A, D, D * (1 - (-relu > 0))),
    "chain, slope forgotten": (hidden["relu"] @ W2 + b2, W1, G, X.T @ (G @ W2.T)),
    "softmax cross-entropy, sign": (cross_entropy, A, None, T - P),
}


def prove(forward, wrt, upstream, claim, **options):
    return prove_gradient(forward, wrt=wrt, upstream=upstream, claim=claim, **options)


@pytest.mark.parametrize("case", RIGHT.values(), ids=RIGHT)
def test_a_right_claim_is_proven_in_no_time(case):
    start = time.perf_counter()
    proof = prove(*case, entry=None if case[1] is x else (1, 1))
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


def test_an_entry_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"expected an entry within 2 x 4, counted from 1, got \(0, 1\)"):
        prove(linear, W, G, X.T @ G, entry=(0, 1))


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
