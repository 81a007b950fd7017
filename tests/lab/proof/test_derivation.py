"""Every line of a derivation is the gradient, evaluated with torch and not by the prover."""

import itertools

import pytest
from evaluated import Evaluated, differ, sizes_in
from statements import MORE, RIGHT

from minidl.lab.proof import define, prove_gradient
from minidl.lab.proof.derivation import derive
from minidl.lab.proof.formula import new_indices

CLAIMS = RIGHT | {
    name: MORE[name] for name in ("softmax", "huber", "L2 penalty", "centered rows", "column times matrix")
}


@pytest.mark.parametrize("name", CLAIMS)
def test_every_line_is_the_claim(name):
    forward, wrt, upstream, claim = CLAIMS[name]
    forward = forward if forward.op == "name" else define("Y", forward)
    evaluated = Evaluated({size: 1 + k % 2 for k, size in enumerate(sizes_in(forward, wrt, claim))}, seed=3)
    lines = derive(forward, wrt, upstream)
    assert lines[-1].reason
    for i, j in itertools.product(*map(range, evaluated(wrt).shape)):
        for line in lines:
            value = evaluated.at(line.formula, dict(zip(new_indices(wrt.shape), (i, j), strict=True)))
            assert not differ(value, evaluated(claim)[i, j]), line


def test_the_derivation_of_a_weight_reads_as_on_a_board():
    forward, wrt, upstream, claim = RIGHT["linear, W"]
    text = repr(prove_gradient(forward, wrt=wrt, upstream=upstream, claim=claim, steps=True)).splitlines()
    assert [" ".join(line.split()) for line in text[1:]] == [
        "∂L/∂w_kj = Σ_ij' g_ij' ∂y_ij'/∂w_kj (every path from w_kj to L)",
        "= Σ_ij' g_ij' Σ_k' x_ik' δ_k'k δ_j'j (y_ij' = Σ_k' x_ik' w_k'j' + b_j'; only w_kj moves)",
        "= Σ_i g_ij x_ik (the deltas pick k' = k, j' = j)",
        "= (X^T G)_kj (x_ik = (X^T)_ki: row k, column j)",
    ]
