"""What the classic wrong claims are told."""

import pytest
from statements import W1, W2, A, D, G, S, T, U, V, W, X, hidden, linear, m, n, one, ones_m, squares, tanh

from minidl.lab.proof import ProofError, ones, prove_gradient

relu_chain = hidden["relu"]
REPLIES = {
    "n times too large": ((linear, W, G, X.T @ G * n), ["The claim is n times too large."]),
    "n times too small": ((linear, W, G, X.T @ G / n), ["The claim is n times too small."]),
    "a third": ((linear, W, G, X.T @ G / 3), ["The claim is 3 times too small."]),
    "n thirds": (
        (linear, W, G, X.T @ G * (one.T @ one) / 3),
        ["The claim is n times too large and 3 times too small."],
    ),
    "root of n": ((linear, W, G, X.T @ G / n**0.5), ["The claim is n^(1/2) times too small."]),
    "wrong sign": ((linear, W, G, -(X.T @ G)), ["The claim is of the wrong sign."]),
    "factor 2 missing": ((squares, A, None, A - T), ["The claim is 2 times too small."]),
    "transposed": ((S @ V, V, U, S @ U), ["The claim has s_jj'' where s_j''j stands."]),
    "upstream forgotten": ((linear, W, G, X.T @ (one @ ones("out").T)), ["The claim lacks the factor g_ij."]),
    "a factor too many": ((A * T, A, D, D * T * A), ["The claim has the factor a_ij too many."]),
    "a factor replaced": ((A * T, A, D, D * A), ["The claim has a_ij where t_ij stands."]),
    "too many for a list": (
        (1 / (1 + A * A), A, D, 1 / (1 + D * D)),
        ["The claim differs in more than one place."],
    ),
    "slope forgotten": ((tanh, A, D, D), ["The claim lacks -d_ij tanh(a_ij)^2."]),
    "slope of relu forgotten": (
        (relu_chain @ W2, W1, G, X.T @ (G @ W2.T)),
        ["The claim lacks the factor [b^(1)_u + Σ_k' w^(1)_k'u x_ik' > 0]."],
    ),
    "a term missing": ((A * A + A * T, A, D, 2 * D * A), ["The claim lacks d_ij t_ij."]),
    "a term too many": ((A * A, A, D, 2 * D * A + D), ["The claim has d_ij too many."]),
    "one sign": (
        (A - A @ ones_m / m, A, D, D + D @ ones_m / m),
        ["Its term 1/m Σ_j' d_ij' is of the wrong sign."],
    ),
}


@pytest.mark.parametrize("name", REPLIES)
def test_a_wrong_claim_is_told_what_is_wrong(name):
    (forward, wrt, upstream, claim), said = REPLIES[name]
    with pytest.raises(ProofError, match="is wrong") as error:
        prove_gradient(forward, wrt=wrt, upstream=upstream, claim=claim)
    _, _, _, *rest = str(error.value).splitlines()
    sentences = [line.strip() for line in rest if line.strip()[:4] in ("The ", "Its ")]
    assert sentences == said
