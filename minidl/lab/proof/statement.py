"""A statement: two sides that are claimed to be equal, and what decides whether they are.

Both sides are brought to index notation and compared in `normal_form`; where they look different, `identities` asks SymPy about
the single entries. What is proven that way holds for every number of rows and columns. Where nothing is proven, `examples`
writes small sizes out: a difference there refutes the statement, and `reply` says what it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy

from minidl.lab.proof.calculus import derived, picked
from minidl.lab.proof.domain import Condition, conditions
from minidl.lab.proof.examples import (
    LARGEST,
    WrittenOut,
    positions,
    sizes_of,
    smallest_sizes,
    true_gradient,
)
from minidl.lab.proof.formula import Formula, entry, inside, latex, new_indices, new_token, python, tidy, times, total
from minidl.lab.proof.identities import differ, vanishes
from minidl.lab.proof.normal_form import Polynomial, minus, normal_form
from minidl.lab.proof.reply import Reply
from minidl.lab.proof.words import unlatex


class ProofError(AssertionError):
    """A claim that is wrong, or that could not be decided.

    Attributes
    ----------
    hint : str
        What may be told to somebody who is still to find the truth; the message tells all of it.
    latex : str
        Both sides as formulas, where there are two.
    """

    def __init__(self, message: str, hint: str = "", latex: str = "") -> None:
        super().__init__(message)
        self.hint, self.latex = hint or message, latex
        self.is_shown = False

    def _render_traceback_(self) -> list[str]:
        """In Jupyter the formulas and the message say it all."""
        if self.latex and not self.is_shown:
            from IPython.display import Latex, display

            display(Latex(self.latex))
            self.is_shown = True  # Jupyter asks twice
        return [f"ProofError: {self}"]


@dataclass(frozen=True)
class Statement:
    """Two sides that are claimed to be equal: their names, and their entries in index notation at ``at``.

    ``formulas`` are all that it is made of, and ``write`` writes both sides out at given sizes.
    """

    text: str
    names: tuple[str, str]
    at: tuple[str, str]
    shape: tuple[str, str]
    entries: tuple[Formula, Formula]
    formulas: tuple[Formula, ...]
    gradient: tuple[Formula, Formula, Formula | None] | None

    @classmethod
    def of_gradient(cls, forward: Formula, wrt: Formula, claim: Formula, upstream: Formula | None) -> Statement:
        at = new_indices(wrt.shape)
        x = entry(wrt, at)
        if upstream is None:
            loss = entry(forward)
        else:
            over = tuple(map(new_token, forward.shape))
            loss = total(tuple(zip(over, forward.shape, strict=True)), entry(upstream, over) * entry(forward, over))
        text = f"d{forward.args[0] if upstream is None else 'L'}/d{wrt} = {claim}"
        entries = entry(claim, at), picked(derived(loss, x))
        formulas = (forward, wrt, claim, *(() if upstream is None else (upstream,)))
        return cls(text, ("claimed", "differentiated"), at, wrt.shape, entries, formulas, (forward, wrt, upstream))

    @classmethod
    def of_equality(cls, left: Formula, right: Formula) -> Statement:
        at = new_indices(left.shape)
        entries = entry(left, at), entry(right, at)
        return cls(f"{left} = {right}", ("left", "right"), at, left.shape, entries, (left, right), None)

    def __post_init__(self) -> None:
        """Raise ValueError if a name could be taken for another."""
        parts = list(inside(*self.formulas))
        symbols = {part.args[0].lower(): part for part in parts if part.op == "symbol"}
        names = {part.args[0]: part for part in parts if part.op == "name"}
        for part in parts:
            if part.op == "symbol" and part is not (other := symbols[part.args[0].lower()]):
                raise ValueError(
                    f"a proof expected names that differ in more than capitals, and one shape for each, "
                    f"got {part} ({times(part)}) and {other} ({times(other)})"
                )
            if part.op == "symbol" and part.args[0] in names.keys() - {*self.sizes}:
                raise ValueError(
                    f"a proof expected one thing for each name, got a symbol {part} and {part} = {names[part.args[0]].args[1]}"
                )
            if part.op == "name" and part is not (other := names[part.args[0]]):
                this, that = part.args[1], other.args[1]
                if python(this) != python(that):
                    raise ValueError(
                        f"a proof expected one thing for each name, got {part} = {this} and {part} = {that}"
                    )
            if part.op == "derivative" and part.args[1].args[0] in self.sizes:
                raise ValueError(
                    f"derivative expected x to be a symbolic number, got {part.args[1]}, which is the size {part.args[1]} here"
                )

    @property
    def sizes(self) -> tuple[str, ...]:
        return sizes_of(*self.formulas)

    def normal(self, formula: Formula) -> Polynomial:
        return normal_form(formula, self.sizes)

    def prove(self) -> list[Condition]:
        """Return where both sides are equal for every size; raise ProofError if they are not."""
        at_one, *larger = smallest_sizes(self.sizes, LARGEST)
        try:
            left, right = map(self.normal, self.entries)
            difference = minus(left, right)
            refuted = difference and self.counterexample(at_one)  # SymPy would take its time to say so
            if not refuted and vanishes(difference):
                return conditions(self.formulas, self.gradient and self.gradient[:2], self.normal)
        except ArithmeticError as error:
            raise ProofError(f"{self.text}  could not be decided: {error}") from None
        refuted = refuted or next(filter(None, map(self.counterexample, larger)), [])
        verdict = "is wrong" if refuted else "could not be decided"
        reply = Reply(self.names, self.entries, (left, right), self.formulas)
        lines = [f"{self.text}  {verdict}", *reply.lines(is_wrong=bool(refuted)), *refuted]
        sides = zip(self.names, self.entries, strict=True)
        rows = [rf"& \text{{{name}}} && {latex(tidy(side))}" for name, side in sides] + [rf"& ✗\ \text{{{verdict}}}"]
        shown = "$$\\begin{aligned}\n" + " \\\\[4pt]\n".join(rows) + "\n\\end{aligned}$$"
        raise ProofError("\n".join(lines), "\n".join([lines[0], *reply.hint(refuted)]), shown)

    def holds(self) -> bool:
        """Whether both sides are proven equal; False, too, where that cannot be decided, and no word about it."""
        try:
            difference = minus(*map(self.normal, self.entries))
            refuted = difference and self.counterexample(next(iter(smallest_sizes(self.sizes, LARGEST))))
            return not refuted and vanishes(difference)
        except ArithmeticError:
            return False

    def written_out(self, write: WrittenOut) -> tuple[sympy.Matrix, sympy.Matrix]:
        """Return both sides, entry by entry, at given sizes."""
        if self.gradient is None:
            left, right = self.formulas
            return write(left), write(right)
        forward, wrt, upstream = self.gradient
        return write(self.formulas[2]), true_gradient(forward, wrt, upstream, write)

    def counterexample(self, sizes: dict[str, int]) -> list[str]:
        """Return lines that show the first entry in which both sides differ at given sizes, none if there is none."""
        left, right = self.written_out(WrittenOut(sizes))
        for i, j in positions(left):
            if differ(left[i, j], right[i, j]):
                shown = ", ".join(f"{name} = {size}" for name, size in sizes.items())
                index = ", ".join(str(k + 1) for k, size in zip((i, j), self.shape, strict=True) if size != "1")
                where = " and ".join(filter(None, [f"entry ({index})" if index else "", shown]))
                both = zip(self.names, (left[i, j], right[i, j]), strict=True)
                width = max(map(len, self.names))
                values = [f"    {name:{width}}  {unlatex(sympy.latex(side))}" for name, side in both]
                return [f"  For example, {where}:" if where else "  That is:", *values]
        return []
