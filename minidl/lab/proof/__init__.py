"""Prove gradient formulas with SymPy, and show what was proven.

    X, W, b, G = matrices("X (n x in), W (in x out), b (1 x out), G (n x out)")
    prove_gradient(X @ W + b, upstream=G, wrt=W, claim=X.T @ G)

The proof holds for every number of rows and columns, and ``steps=True`` shows the derivation line by line. Where it does not
hold, at a kink or where something is divided by 0, it says so. A wrong claim raises `ProofError`, which says what is missing or
too many and shows an entry where both sides differ.

The way of a statement: `formula` holds what is said, written once, printed as mathematics, and taken apart into entries;
`calculus` differentiates an entry and lets the deltas pick their terms; `normal_form` decides whether two entries are the
same, with the help of `identities` (SymPy) where single numbers are concerned; `domain` finds where that holds; `statement`
puts this together, and `proof` is what others call. For the page there are `page`, the layout; `derivation`, the lines and
their reasons; `examples`, written out at a small size, which also refute what is wrong; `reply`, what a wrong claim is told;
and `words`, formulas as plain text.
"""

from minidl.lab.proof.formula import define, derivative, matrices, ones, scalars
from minidl.lab.proof.page import Proof
from minidl.lab.proof.proof import prove_equal, prove_gradient
from minidl.lab.proof.statement import ProofError

__all__ = [
    "Proof",
    "ProofError",
    "define",
    "derivative",
    "matrices",
    "ones",
    "prove_equal",
    "prove_gradient",
    "scalars",
]
