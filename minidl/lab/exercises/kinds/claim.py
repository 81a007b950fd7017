"""An exercise whose answer is a formula: the student claims it, and the prover answers."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from minidl.lab.exercises.answer import Answer, run
from minidl.lab.exercises.comparing import has_dots, show
from minidl.lab.exercises.errors import BRACKETS
from minidl.lab.exercises.kinds.exercise import Exercise
from minidl.lab.exercises.reply import DOTS, NotDone, Wrong
from minidl.lab.proof import Proof, ProofError, prove_equal, prove_gradient
from minidl.lab.proof.examples import sizes_of
from minidl.lab.proof.formula import Formula, as_formula, inside, times
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
            elif isinstance(claim, Tensor) and re.search(r"^\w+_\b.* = matrices", self.given, re.MULTILINE):
                text += " The symbols' names end in _, and those without it are numbers."
            raise Wrong(text, certain=True)
        statement = self.statement()
        if text := _of_an_earlier_cell(as_formula(claim), statement):
            raise Wrong(text, certain=True)
        if _compares_a_product(as_formula(claim), statement.get("upstream")):
            raise Wrong(BRACKETS, certain=True)
        try:
            return "proven, for every size", prove_gradient(**statement, claim=claim, steps=True)
        except ProofError as error:
            if self.also_as and (proof := _proof(**self.also_as(), claim=claim, steps=True)):
                return "proven, for every size", proof
            if stranger := _stranger(claim, statement):  # all else that is wrong may come from it
                raise Wrong(stranger) from error
            hint = _without_smallest_example(error.hint) if self.also_as else error.hint
            raise Wrong("\n".join(filter(None, [_of_message(claim, statement), hint]))) from error
        except ValueError as error:
            said = _of_message(claim, statement)
            raise Wrong(". ".join(filter(None, [str(error), said[:1].upper() + said[1:]]))) from error

    def slip(self, answer: Answer) -> str:
        claim = as_formula(answer.value)
        mine = _in_numbers(claim)
        for code, says in self.slips.items():
            if code not in self._behaviours:
                known = as_formula(run(self.name, code, self.given).value)
                self._behaviours[code] = known, _in_numbers(known)
            known, theirs = self._behaviours[code]
            if claim.shape == known.shape and not _differ(mine, theirs) and _same(claim, known):
                return says
        return ""


def _without_smallest_example(hint: str) -> str:
    """Leave an example out that has one row and column: there two forms of a thing may be different, and so both right."""
    return "\n".join(
        line
        for line in hint.splitlines()
        if not re.match(r"  For example(, in entry \([\d, ]+\))?( and)?( \w+ = 1,)+ both", line)
    )


def _same(claim: Formula, known: Formula) -> bool:
    """Whether two claims of one shape are proven to be the same: nobody wants to read why they are not."""
    try:
        return Statement.of_equality(claim, known).holds()
    except ValueError:  # names that cannot stand in one statement
        return False


def _in_numbers(formula: Formula) -> Tensor | None:
    """Return what a formula gives for some numbers, always the same ones; None where it cannot be computed so."""
    sizes = {name: _size(name) for name in sizes_of(formula)}
    values = {part.args[0]: _drawn(part.args[0], part.shape) for part in inside(formula) if part.op == "symbol"}
    try:
        return in_floats(formula, values, sizes)
    except (KeyError, AttributeError, RuntimeError, TypeError):
        return None


def _size(name: str) -> int:
    """Return some number of rows or columns, always the same for a name."""
    return 2 + zlib.crc32(name.encode()) % 11


def _drawn(name: str, shape: tuple[str, str]) -> Tensor:
    """Return some numbers, always the same for a name; of a single number that may be a size, that one."""
    if shape == ("1", "1"):
        return torch.full((1, 1), float(_size(name)), dtype=torch.float64)
    drawn = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    return torch.randn([1 if size == "1" else _size(size) for size in shape], generator=drawn, dtype=torch.float64)


def _differ(mine: Tensor | None, theirs: Tensor | None) -> bool:
    """Whether two claims, computed with the same numbers, are far apart: that spares a proof that they are not the same."""
    if mine is None or theirs is None:
        return False
    if mine.shape != theirs.shape:
        return True
    apart = (mine - theirs).abs() > 1e-6 * (1 + mine.abs() + theirs.abs())
    return bool(apart.any()) and bool(mine.isfinite().all()) and bool(theirs.isfinite().all())


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
    except ValueError:  # names that cannot stand in one statement
        return ""
    except ProofError:
        return (
            f"with -2 {name} in place of {name}, it does not become -2 times as much. A message may be of either sign, and "
            "what comes back goes along with it: it is a factor."
        )
    return ""


def _stranger(claim: Formula | float, statement: Mapping[str, Formula]) -> str:
    """Return what is wrong with the first letter of a claim that the statement has not; nothing if it has them all."""
    parts = list(inside(*statement.values()))
    letters = list(dict.fromkeys(part.args[0] for part in parts if part.op == "symbol"))
    known = {*letters}.union(*(part.shape for part in parts))
    for part in inside(as_formula(claim)):
        if part.op == "symbol" and part.args[0] not in known:
            return f"nothing says what {part.args[0]} is: write what you mean with {', '.join(letters)} alone."
    return ""


def _of_an_earlier_cell(claim: Formula, statement: Mapping[str, Formula]) -> str:
    """Return in words which small letter stands in a claim where a capital one is meant; nothing where none does."""
    ours = {part.args[0]: part for part in inside(*statement.values()) if part.op in ("symbol", "name")}
    for part in _letters(claim):
        name = part.args[0]
        meant = next((other for other in ours if other.lower() == name), "")
        strange = [one for one in inside(part) if one.op == "symbol" and one is not ours.get(one.args[0])]
        if name not in ours and meant and strange:
            is_what = f"{name} = {part.args[1]}" if part.op == "name" else f"its shape is {times(part)}"
            if part.op == "symbol" and part.shape == ("1", "1"):
                is_what = "it is a single number"
            return (
                f"the small {name} in it comes from an earlier cell, where {is_what}. The matrix here is {meant}, with a "
                "capital letter."
            )
    return ""


def _compares_a_product(claim: Formula, message: Formula | None) -> bool:
    """Whether a claim is one comparison, of the message together with something else."""
    if claim.op == "-" and claim.args[0].op == "number":  # 1 - [x > 0] is how x <= 0 is written
        claim = claim.args[1]
    symbols = {part.args[0] for part in inside(claim) if part.op == "symbol"}
    return claim.op == "step" and message is not None and message.args[0] in symbols and len(symbols) > 1


def with_input(claim: Formula) -> str:
    """Return a remark on a right claim that holds X, where Y and G are asked for."""
    return (
        "Y and G are asked for, and X stands in it: backward would have to keep the input too."
        if "X" in names(claim)
        else ""
    )


def _with(formula: Formula, name: str, other: Formula) -> Formula:
    """Return a formula with another one in place of a symbol."""
    if formula.op == "symbol":
        return other if formula.args[0] == name else formula
    parts = tuple(_with(part, name, other) if isinstance(part, Formula) else part for part in formula.args)
    return Formula(formula.op, parts, formula.shape)


def names(formula: Formula) -> set[str]:
    """Return the names that a formula is written with: of a definition its own name alone."""
    return {part.args[0] for part in _letters(formula)}


def _letters(formula: Formula) -> Iterator[Formula]:
    """Yield the symbols and definitions that a formula is written with."""
    if formula.op in ("symbol", "name"):
        yield formula
    else:
        for part in formula.args:
            if isinstance(part, Formula):
                yield from _letters(part)


def in_floats(formula: Formula, values: Mapping[str, Tensor], sizes: Mapping[str, int] | None = None) -> Tensor:
    """Return what a formula gives in the computer, with matrices under its names; of ``sizes``, what is not given is 1."""
    op = formula.op
    if op in ("symbol", "name") and formula.args[0] in values:
        return values[formula.args[0]]
    dtype = next(iter(values.values())).dtype if values else torch.float64
    if op == "number":
        return torch.full((1, 1), float(formula.args[0]), dtype=dtype)
    if op == "ones":
        return torch.ones((sizes or {}).get(formula.args[0], 1), 1, dtype=dtype)
    parts = [in_floats(part, values, sizes) for part in formula.args if isinstance(part, Formula)]
    if op == "name":
        return parts[0]
    if op == "T":
        return parts[0].mT
    if op == "sum":
        return parts[0].sum().reshape(1, 1)
    return COMPUTED[op](*parts) if op in COMPUTED else getattr(parts[0], op)()


def _proof(**claimed: Any) -> Proof | None:
    """Return the proof of a claim, or None where it is wrong."""
    try:
        return prove_gradient(**claimed)
    except ProofError:
        return None
