"""Exercises about a formula: the student claims one, and the prover answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidl.lab.exercises.replies import Reply, right, wrong
from minidl.lab.exercises.values import show
from minidl.lab.proof import Proof, ProofError
from minidl.lab.proof.formula import Formula


def check_claim(name: str, answer: Any, prove: Callable[[Any], Proof], hint: str) -> Reply:
    """Let a claim be proven for every size; where it is wrong, the prover says how."""
    if not isinstance(answer, (Formula, int, float)) or isinstance(answer, bool):
        return wrong(name, f"it should be a formula made of the symbols above, and {show(answer)} is not.", hint)
    try:
        proof = prove(answer)
    except ProofError as error:
        return wrong(name, error.hint, hint)
    except ValueError as error:
        return wrong(name, str(error), hint)
    return right(name, proof=proof)
