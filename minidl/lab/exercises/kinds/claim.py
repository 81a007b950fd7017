"""An exercise whose answer is a formula: the student claims it, and the prover answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from minidl.lab.exercises.answer import Answer, run
from minidl.lab.exercises.comparing import has_dots, show
from minidl.lab.exercises.kinds.exercise import Exercise
from minidl.lab.exercises.reply import DOTS, NotDone, Wrong
from minidl.lab.proof import Proof, ProofError, prove_equal, prove_gradient
from minidl.lab.proof.formula import Formula, as_formula, inside
from minidl.lab.proof.statement import Statement

COMPUTED: dict[str, Callable[..., Tensor]] = {
    "+": torch.add,
    "-": torch.sub,
    "*": torch.mul,
    "/": torch.div,
    "**": torch.pow,
    "@": torch.matmul,
    "step": lambda x: (x > 0).to(x.dtype),
}


@dataclass(frozen=True, kw_only=True)
class Claim(Exercise):
    """A gradient to be claimed, as a formula.

    Attributes
    ----------
    statement : function without arguments
        Returns what the claim is about: a dictionary of the formula ``forward``, of ``wrt``, and of ``upstream`` if there is
        one, as `prove_gradient` takes them.
    also_as : function without arguments, optional
        Returns another form of the same thing: a claim may be proven of this one instead.
    """

    statement: Callable[[], Mapping[str, Formula]]
    also_as: Callable[[], Mapping[str, Formula]] | None = None
    kind: ClassVar[str] = "claim"

    def judge(self, answer: Answer) -> tuple[str, Proof]:
        claim = answer.value
        if has_dots(claim):
            raise NotDone(DOTS)
        if not isinstance(claim, (Formula, int, float)) or isinstance(claim, bool):
            text = f"it should be a formula made of the symbols above, and {show(claim)} is not."
            if isinstance(claim, str):
                text += " Write it without quotation marks."
            raise Wrong(text, certain=True)
        statement = self.statement()
        try:
            return "proven, for every size", prove_gradient(**statement, claim=claim, steps=True)
        except ProofError as error:
            if self.also_as and (proof := _proof(**self.also_as(), claim=claim, steps=True)):
                return "proven, for every size", proof
            raise Wrong("\n".join(filter(None, [_of_message(claim, statement), error.hint]))) from error
        except ValueError as error:
            raise Wrong(". ".join(filter(None, [str(error), _of_message(claim, statement)]))) from error

    def slip(self, answer: Answer) -> str:
        for code, says in self.slips.items():
            if _same(answer.value, run(self.name, code, self.given).value):
                return says
        return ""


def _same(claim: Formula | float, known: Formula | float) -> bool:
    """Whether two claims are proven to be the same formula: it is asked often, and nobody wants to read why they are not."""
    claim, known = as_formula(claim), as_formula(known)
    try:
        return claim.shape == known.shape and Statement.of_equality(claim, known).holds()
    except ValueError:  # names that cannot stand in one statement
        return False


def _of_message(claim: Formula | float, statement: Mapping[str, Formula]) -> str:
    """Return what is wrong with how the message stands in a claim; nothing if it stands there once, as a factor."""
    message = statement.get("upstream")
    if message is None:
        return ""
    claim, name = as_formula(claim), message.args[0]
    if not any(part.op == "symbol" and part.args[0] == name for part in inside(claim)):
        return f"{name} does not occur in it: what comes back is made from what arrives."
    try:
        prove_equal(_with(claim, name, -2 * message), -2 * claim)
    except (ProofError, ValueError):
        return (
            f"with -2 {name} in place of {name}, it does not become -2 times as much. A message may be of either sign, and "
            "what comes back goes along with it: it is a factor."
        )
    return ""


def _with(formula: Formula, name: str, other: Formula) -> Formula:
    """Return a formula with another one in place of a symbol."""
    if formula.op == "symbol":
        return other if formula.args[0] == name else formula
    parts = tuple(_with(part, name, other) if isinstance(part, Formula) else part for part in formula.args)
    return Formula(formula.op, parts, formula.shape)


def names(formula: Formula) -> set[str]:
    """Return the names that a formula is written with: of a definition its own name alone."""
    if formula.op in ("symbol", "name"):
        return {formula.args[0]}
    return set().union(*(names(part) for part in formula.args if isinstance(part, Formula)))


def in_floats(formula: Formula, values: Mapping[str, Tensor]) -> Tensor:
    """Return what a formula gives in the computer, with matrices of one entry under its names."""
    op = formula.op
    if op in ("symbol", "name"):
        return values[formula.args[0]]
    like = next(iter(values.values()))
    if op in ("number", "ones"):
        return torch.full_like(like, float(formula.args[0]) if op == "number" else 1.0)
    parts = [in_floats(part, values) for part in formula.args]
    if op in ("T", "sum"):  # of one entry
        return parts[0]
    return COMPUTED[op](*parts) if op in COMPUTED else getattr(parts[0], op)()


def _proof(**claimed: Any) -> Proof | None:
    """Return the proof of a claim, or None where it is wrong."""
    try:
        return prove_gradient(**claimed)
    except ProofError:
        return None
