"""Equal in index notation means equal when written out, for random formulas; and what is equal by simple laws is seen."""

import pytest
import sympy
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from minidl.lab.proof import ProofError, matrices, ones, prove_equal, scalars
from minidl.lab.proof.examples import WrittenOut, positions
from minidl.lab.proof.formula import Formula, entry
from minidl.lab.proof.identities import differ
from minidl.lab.proof.normal_form import normal_form

pytestmark = pytest.mark.slow

SIZES = ("n", "m", "1")
SYMBOLS = {
    (a, b): matrices(f"A{i}{j} ({a} x {b}), B{i}{j} ({a} x {b})")
    for i, a in enumerate(SIZES)
    for j, b in enumerate(SIZES)
}
(n,) = scalars("n")
S, V, A = matrices("S (n x n), V (n x n), A (n x m)")
quick = settings(max_examples=50, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@st.composite
def formulas(draw, shape, depth=3):
    """Return a random formula of a shape, of sums, products, transposes, functions and totals."""
    kind = draw(st.sampled_from(["symbol", "+", "-", "*", "@", "T", "function", "sum", "row"])) if depth else "symbol"
    part = lambda of: draw(formulas(of, depth - 1))  # noqa: E731
    match kind:
        case "+":
            return part(shape) + part(shape)
        case "-":
            return part(shape) - part(shape)
        case "*":
            return part(shape) * part(shape)
        case "@":
            between = draw(st.sampled_from(SIZES[:2]))
            return part((shape[0], between)) @ part((between, shape[1]))
        case "T":
            return part(shape[::-1]).T
        case "function":
            return Formula(draw(st.sampled_from(["tanh", "relu", "exp", "neg"])), (part(shape),), shape)
        case "sum" if shape == ("1", "1"):
            return part(draw(st.tuples(st.sampled_from(SIZES), st.sampled_from(SIZES)))).sum()
        case "row" if shape[0] != "1":
            return part(("1", shape[1])) + part(shape)
    return draw(st.sampled_from(SYMBOLS[shape]))


@st.composite
def rewritten(draw, f, wrong):
    """Return a formula rewritten by laws of matrices, and, with ``wrong``, by some that do not hold."""
    if f.op == "symbol":
        return f
    args = [draw(rewritten(part, wrong)) for part in f.args]
    a, b = args[0], args[-1]
    laws = [lambda: Formula(f.op, tuple(args), f.shape)]
    match f.op:
        case "+" | "*":
            laws += [lambda: Formula(f.op, (b, a), f.shape)]
        case "-":
            laws += [lambda: a + (-b), lambda: -(b - a)]
        case "@":
            laws += [lambda: (b.T @ a.T).T, lambda: (a + a) @ b / 2]
            laws += [lambda: a.args[0] @ (a.args[1] @ b)] if a.op == "@" else []
            if a.op == "+" and a.args[0].shape == a.args[1].shape:
                laws += [lambda: a.args[0] @ b + a.args[1] @ b]
        case "relu":
            laws += [lambda: a * (a > 0), lambda: a + (-a).relu(), lambda: (a + a.abs()) / 2]
        case "tanh":
            laws += [lambda: -((-a).tanh())]
        case "exp":
            laws += [lambda: 1 / (-a).exp()]
        case "sum":
            laws += [lambda: ones(a.shape[0]).T @ a @ ones(a.shape[1]), lambda: a.T.sum()]
    if wrong:
        laws += [lambda: 2 * f, lambda: f * (ones("n").T @ ones("n")) / 3]
        laws += [lambda: a] if a.shape == f.shape else []
        laws += [lambda: f.T] if f.shape[0] == f.shape[1] else []
        laws += [lambda: b @ a] if f.op == "@" and a.shape == b.shape else []
    return draw(st.sampled_from(laws))()


def agree(left, right):
    """Whether two formulas agree when written out, at three sizes."""
    for sizes in ({"n": 2, "m": 3}, {"n": 3, "m": 1}, {"n": 4, "m": 2}):
        a, b = map(WrittenOut(sizes), (left, right))
        if any(differ(a[i, j], b[i, j]) for i, j in positions(a)):
            return False
    return True


shapes = st.sampled_from([("n", "m"), ("n", "n"), ("1", "m"), ("1", "1")])


@quick
@given(st.data(), shapes)
def test_laws_are_seen(data, shape):
    left = data.draw(formulas(shape))
    right = data.draw(rewritten(left, wrong=False))
    prove_equal(left, right)


@quick
@given(st.data(), shapes)
def test_what_is_accepted_agrees_when_written_out_and_what_is_refuted_does_not(data, shape):
    left = data.draw(formulas(shape, depth=2))
    right = data.draw(rewritten(left, wrong=True))
    assume(left is not right)
    verdict = verdict_on(left, right)
    assert verdict in ("proven", "is wrong")
    assert agree(left, right) == (verdict == "proven")


def verdict_on(left, right):
    """Return what the prover says of two formulas."""
    try:
        prove_equal(left, right)
    except ProofError as error:
        return next(verdict for verdict in ("is wrong", "could not be decided") if verdict in str(error))
    return "proven"


@pytest.mark.parametrize(
    ("formula", "same"),
    [
        (entry((S @ V).sum()), entry(ones("n").T @ S @ (V @ ones("n")))),
        (entry((S * S.T).sum()), entry((S.T * S).sum())),
        (entry((A - A + 1).sum()), entry(ones("n").T @ ones("n") * (ones("m").T @ ones("m")))),
        (entry((S @ V @ S @ V).sum()), entry((V.T @ S.T @ V.T @ S.T).sum())),
        (entry((1 / (1 + (S @ V).exp())).sum()), entry(((1 + (V.T @ S.T).exp()) ** -1).sum())),
    ],
    ids=["sums", "transposed", "sizes", "chain", "below"],
)
def test_the_names_of_indices_do_not_matter(formula, same):
    assert normal_form(formula, ("n", "m")) == normal_form(same, ("n", "m"))


def test_a_size_is_no_number():
    assert normal_form(entry(ones("n").T @ ones("n")), ("n",)) == normal_form(n, ("n",)) != normal_form(n)
    assert sympy.Integer(3) not in normal_form(n, ("n",)).values()
