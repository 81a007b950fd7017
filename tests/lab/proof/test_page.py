"""The LaTeX that Jupyter and GitHub show of a proof."""

import re

import pytest
from statements import MORE, RIGHT

from minidl.lab.proof import prove_gradient

CLAIMS = RIGHT | {name: MORE[name] for name in ("softmax", "three layers, W1", "attention, queries", "centered rows")}


def shown(name, **options):
    forward, wrt, upstream, claim = CLAIMS[name]
    return prove_gradient(forward, wrt=wrt, upstream=upstream, claim=claim, **options)._repr_latex_()


@pytest.mark.parametrize("name", CLAIMS)
def test_the_latex_of_a_derivation_is_sane(name):
    latex = shown(name, steps=True)
    blocks = latex.split("\n\n")
    assert all(block.startswith("$$\\begin{aligned}\n") and block.endswith("\n\\end{aligned}$$") for block in blocks)
    assert latex.count("$") == 4 * len(blocks)  # none within \text
    assert latex.count("{") == latex.count("}")
    assert latex.count(r"\left") == latex.count(r"\right")
    assert not re.search(r"\^\{\(\d\)\}_\{\w+'*\}\^", latex)  # LaTeX takes no second exponent
    assert blocks[-1].splitlines()[-2].startswith(r"& \checkmark\ \text{proven")


def test_reasons_stand_beside_the_lines_and_below_them_where_that_is_too_wide():
    assert r" && \quad \text{every path from }" in shown("linear, W", steps=True)
    wide = shown("chain relu, W1", steps=True)
    assert " && " not in wide
    assert "\n& \\qquad \\quad \\text{every path from }" in wide


def test_a_derivation_and_an_entry_are_shown_below_each_other():
    latex = shown("linear, b", steps=True, entry=(1, 2))
    statement, derivation, example = latex.split("\n\n")
    assert r"\checkmark" not in statement + derivation
    assert r"\delta_{j'j}" in derivation
    assert r"\text{one entry worked out, for }" in example
    assert r"\checkmark" in example
