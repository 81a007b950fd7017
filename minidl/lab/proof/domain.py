"""Where a statement holds: off the kinks, where nothing is divided by 0, and where logarithms and roots exist.

A proof does not hold at single points such as the kink of relu, and says so. What does not exist in a whole region of numbers,
as 1 / max(0, x), is not proven at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import sympy

from minidl.lab.proof.examples import WrittenOut, positions, sizes_of
from minidl.lab.proof.formula import Formula, entry, inside, latex, new_indices, tidy
from minidl.lab.proof.identities import differ, is_above_0
from minidl.lab.proof.normal_form import (
    Atom,
    Polynomial,
    even,
    is_positive,
    key,
    kinks_of,
    minus,
    vanishes_in_a_region,
)
from minidl.lab.proof.reply import as_written
from minidl.lab.proof.words import plain


class UndefinedError(ArithmeticError):
    """A formula that does not exist, in a whole region or anywhere."""


@dataclass(frozen=True)
class Condition:
    """What a proof asks of a formula in index notation: that it is not 0, or above 0."""

    formula: Formula
    relation: str

    def __str__(self) -> str:
        return f"{plain(self.formula)} {self.relation} 0"

    @property
    def latex(self) -> str:
        sign = {"≠": r"\ne", ">": ">"}[self.relation]
        return f"{latex(self.formula)} {sign} 0"


def conditions(
    formulas: tuple[Formula, ...], gradient: tuple[Formula, Formula] | None, normal: Callable[[Formula], Polynomial]
) -> list[Condition]:
    """Return what must hold for a statement made of the formulas to be proven.

    ``gradient`` is what is differentiated and with respect to what, if anything is; ``normal`` returns normal forms.

    Raises
    ------
    UndefinedError
        If one of the formulas does not exist in a whole region of numbers, or a claim where what is differentiated does.
    """
    found: dict[object, Condition] = {}
    for kink in _kinks(formulas, gradient):
        argument = _entry(kink)
        if not _holds_at_a_point(kink, _differs_from_0, any):
            raise UndefinedError(f"{plain(tidy(argument))} is always 0, where the formula jumps")
        for _, polynomial in kinks_of(normal(Formula("step", (argument,)))):
            if normal(argument) in (polynomial, minus({}, polynomial)):
                found[key(polynomial)] = Condition(argument.args[0] if argument.op == "neg" else argument, "≠")
            else:
                found.setdefault(key(polynomial), Condition(as_written(polynomial, formulas), "≠"))
    known = {part for part, _ in _domains(gradient[:1])} if gradient else set()
    positive = {key(normal(_entry(part))) for part in known}
    for part, relation in _domains(formulas):
        argument = _entry(part)
        polynomial = normal(argument)
        needed = _needed(polynomial, relation)
        if not needed:
            continue
        if why := _undefined(part, polynomial, relation):
            does = "divides by" if relation == "≠" else "takes the logarithm or a root of"
            raise UndefinedError(f"a formula {does} {plain(tidy(argument))}, which is {why}")
        if gradient and needed == ">" and key(polynomial) not in positive:
            raise UndefinedError(f"the claim exists only where {plain(tidy(argument))} > 0")
        if key(polynomial) not in found or needed == ">":
            found[key(polynomial)] = Condition(tidy(argument), needed)
    return list(found.values())


def _entry(formula: Formula) -> Formula:
    return entry(formula, new_indices(formula.shape))


def _kinks(formulas: tuple[Formula, ...], gradient: tuple[Formula, Formula] | None) -> list[Formula]:
    """Return what must not be 0 since something jumps there, or is differentiated at a kink.

    Everywhere else both sides are continuous, and so equal on the kinks as well.
    """
    jumps = [part for part in inside(*formulas) if part.op in ("sign", "step")]
    differentiated = [part.args for part in inside(*formulas) if part.op == "derivative"]
    for formula, x in [*differentiated, *([gradient] if gradient else [])]:
        jumps += [kink for kink in inside(formula) if kink.op in ("relu", "abs") and x in inside(kink)]
    return [jump.args[0] for jump in dict.fromkeys(jumps)]


def _domains(formulas: tuple[Formula, ...]) -> Iterator[tuple[Formula, str]]:
    """Yield what must not be 0, or must be above 0, for the formulas to exist."""
    for part in dict.fromkeys(inside(*formulas)):
        match part.op, part.args:
            case "/", (_, divisor):
                yield divisor, "≠"
            case "log", (argument,):
                yield argument, ">"
            case "**", (below, exponent) if exponent.op == "number" and exponent.args[0].is_integer:
                if exponent.args[0] < 0:
                    yield below, "≠"
            case "**", (below, _):
                yield below, ">"


def _needed(p: Polynomial, relation: str) -> str | None:
    """Return what has to be asked of p: nothing if it is positive for sure, and only that it is not 0 if it is a square."""
    uncertain = [
        [
            (a, exponent)
            for a, exponent in product
            if not (is_positive(a) or (a[0] == "base" and exponent.denominator > 1))
        ]
        for product in p
    ]  # of a root, it is asked elsewhere
    if p and not any(uncertain) and (all(c > 0 for c in p.values()) or (relation == "≠" and len(p) == 1)):
        return None
    square = all(c > 0 for c in p.values()) and all(_is_square(*pair) for pairs in uncertain for pair in pairs)
    return "≠" if square else relation


def _is_square(a: Atom, exponent: Fraction) -> bool:
    """Whether an atom to a power is a square, or a sum of squares."""
    if a[0] == "sum":
        return all(is_positive(inner) or _is_square(inner, e) for inner, e in a[2])
    return even(a, exponent)


def _undefined(part: Formula, p: Polynomial, relation: str) -> str | None:
    """Return what is wrong with a divisor, or with what a logarithm or a root is taken of, in a whole region."""
    if vanishes_in_a_region(p):
        return "0 in a whole region"
    if not _holds_at_a_point(part, _differs_from_0, all):
        return "always 0 somewhere"
    if relation == ">" and not _holds_at_a_point(part, is_above_0, all):
        return "not above 0 at any point that was tried"
    return None


def _differs_from_0(a: sympy.Expr) -> bool:
    return differ(a, sympy.Integer(0))


def _holds_at_a_point(
    formula: Formula, test: Callable[[sympy.Expr], bool], quantor: Callable[[Iterable[bool]], bool]
) -> bool:
    """Whether all, or any, entries of a formula pass a test, at one of two sizes: n - 2 is 0 at one of them only."""
    for size in (2, 3):
        written = WrittenOut(dict.fromkeys(sizes_of(formula), size))(formula)
        if quantor(test(written[i, j]) for i, j in positions(written)):
            return True
    return False
