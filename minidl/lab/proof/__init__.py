"""Prove gradient formulas with SymPy, and show what was proven.

    X, W, b, G = matrices("X (n x in), W (in x out), b (1 x out), G (n x out)")
    prove_gradient(X @ W + b, upstream=G, wrt=W, claim=X.T @ G)

`formula` holds what is said, written once and printed as mathematics; `examples` proves it, written out at one small size.
A wrong claim raises `ProofError`, which shows an entry where both sides differ.
"""

from minidl.lab.proof.examples import Proof, ProofError, prove_equal, prove_gradient
from minidl.lab.proof.formula import define, derivative, matrices, ones, scalars

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
