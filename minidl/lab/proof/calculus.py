"""The calculus of indices: the derivative of an entry, and what Kronecker deltas do under a sum.

The derivative of w_ab with respect to w_kj is 1 where a = k and b = j, and else 0: that is delta_ak delta_bj. A sum over a in
which delta_ak stands keeps one term, the one with a = k. These two rules, together with those for sums, products, quotients
and functions of numbers, are all that a gradient needs, whatever the sizes are.

Formulas are in index notation here, see `formula`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import sympy

from minidl.lab.proof.formula import Formula, as_formula, entry, inside, renamed, total

ZERO, ONE = as_formula(0), as_formula(1)
# The slopes of functions, from their input a and their output y; where there is a kink, on both sides of it.
SLOPES: dict[str, Callable[[Formula, Formula], Formula]] = {
    "abs": lambda a, y: a.sign(),
    "exp": lambda a, y: y,
    "log": lambda a, y: 1 / a,
    "relu": lambda a, y: a > 0,
    "sigmoid": lambda a, y: y * (1 - y),
    "sign": lambda a, y: ZERO,
    "step": lambda a, y: ZERO,
    "tanh": lambda a, y: 1 - y**2,
}


def differentiate(f: Formula, x: Formula, known_as: Formula | None = None) -> Formula:
    """Return the derivative of ``f`` with respect to the entry ``x`` of a symbol, full of deltas.

    What is defined under a name stays a partial derivative of that name: `opened` goes on. ``known_as`` is the name of ``f``
    itself, if it has one.
    """
    match f.op, f.args:
        case "number" | "delta", _:
            return ZERO
        case "symbol" | "entry" | "name", _ if base(f).op == "symbol":
            return _delta(f, x) if base(f) is base(x) else ZERO
        case "symbol" | "entry" | "name", _:
            return Formula("partial", (f, x)) if base(x) in inside(base(f)) else ZERO
        case "neg", (u,):
            return _minus(ZERO, differentiate(u, x))
        case "+", (u, v):
            return differentiate(u, x) + differentiate(v, x)
        case "-", (u, v):
            return _minus(differentiate(u, x), differentiate(v, x))
        case "*", (u, v):
            return times(differentiate(u, x), v) + times(u, differentiate(v, x))
        case "/", (u, v):
            du, dv = differentiate(u, x), differentiate(v, x)
            return _minus(_over(du, v), _over(times(u, dv), v**2))
        case "**", (u, v):
            du, dv = differentiate(u, x), differentiate(v, x)
            lower = u if v.op == "number" and v.args[0] == 2 else u ** _minus(v, ONE)
            return times(times(v, lower), du) + times(times(f, u.log()), dv)
        case "total", (over, u):
            du = differentiate(u, x)
            return du if du is ZERO else total(over, du)
        case "derivative", (u, s):
            return differentiate(derived(u, s), x)
        case op, (u,):
            du = differentiate(u, x)
            return du if du is ZERO else times(SLOPES[op](u, f if known_as is None else known_as), du)
    raise TypeError(f"no rule to differentiate {f.op}")


def derived(f: Formula, x: Formula) -> Formula:
    """Return the derivative of ``f`` with respect to the entry ``x`` of a symbol, all names opened."""
    result = differentiate(f, x)
    while next(partials(result), None) is not None:
        result = opened(result)
    return result


def base(f: Formula) -> Formula:
    """Return the symbol or name that an entry belongs to."""
    return f.args[0] if f.op == "entry" else f


def definition(f: Formula) -> Formula:
    """Return what an entry of a name stands for, in index notation."""
    _, formula = base(f).args
    return entry(formula, f.args[1] if f.op == "entry" else (None, None))


def partials(f: Formula) -> Iterator[Formula]:
    """Yield the partial derivatives of names in a formula."""
    return (part for part in inside(f) if part.op == "partial")


def opened(f: Formula) -> Formula:
    """Return a formula in which the first name that is still to be differentiated is, or else the formula as it is."""
    first = next((base(part.args[0]) for part in partials(f)), None)
    return f if first is None else _map(f, lambda part: _open(part, first))


def _open(part: Formula, name: Formula) -> Formula:
    if part.op != "partial" or base(part.args[0]) is not name:
        return part
    y, x = part.args
    return differentiate(definition(y), x, known_as=y)


def _map(f: Formula, change: Callable[[Formula], Formula]) -> Formula:
    """Change partial derivatives wherever they are; what a derivative that is 0 stood in vanishes with it."""
    match f.op, f.args:
        case "partial", _:
            return change(f)
        case "entry" | "symbol" | "name" | "number" | "delta", _:
            return f
        case "total", (over, u):
            changed = _map(u, change)
            return changed if changed is ZERO else total(over, changed)
        case "/", (u, v):
            return _over(_map(u, change), v)
        case "*", (u, v):
            return times(_map(u, change), _map(v, change))
        case "+", (u, v):
            return _map(u, change) + _map(v, change)
        case "-", (u, v):
            return _minus(_map(u, change), _map(v, change))
        case op, parts:
            return Formula(op, tuple(_map(part, change) for part in parts))


def _delta(f: Formula, x: Formula) -> Formula:
    result = ONE
    for a, b in zip(f.args[1], x.args[1], strict=True) if f.op == "entry" else ():
        if a is not None and a != b:
            result = result * Formula("delta", (a, b))
    return result


def times(u: Formula, v: Formula) -> Formula:
    """Return a product; one with 0 is 0."""
    return ZERO if ZERO in (u, v) else u * v


def _over(u: Formula, v: Formula) -> Formula:
    return ZERO if u is ZERO else u / v


def _minus(u: Formula, v: Formula) -> Formula:
    if v is ZERO:
        return u
    if u.op == v.op == "number":
        return Formula("number", (u.args[0] - v.args[0],))
    return -v if u is ZERO else u - v


# --- deltas under a sum ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Term:
    """A summand: the indices that it is added up over, with their sizes, its factors, and what it is divided by."""

    over: tuple[tuple[str, str], ...]
    factors: tuple[Formula, ...]
    below: tuple[Formula, ...] = ()

    def without_deltas(self) -> Term:
        """Let each delta pick the one term of its sum in which both its indices are equal."""
        for delta in self.factors:
            if delta.op != "delta":
                continue
            a, b = delta.args
            rest = replace(self, factors=tuple(factor for factor in self.factors if factor is not delta))
            if a == b:
                return rest.without_deltas()
            gone, kept = (a, b) if a in dict(self.over) else (b, a)
            if gone in dict(self.over):
                return rest.with_equal(gone, kept).without_deltas()
        return self

    def with_equal(self, gone: str, kept: str) -> Term:
        names = {gone: kept}
        return Term(
            tuple(pair for pair in self.over if pair[0] != gone),
            tuple(renamed(factor, names) for factor in self.factors),
            tuple(renamed(factor, names) for factor in self.below),
        )

    def signed(self) -> tuple[Formula, bool]:
        """Return the summand as a formula again, without its minus, and whether it has one."""
        number, product, below = sympy.Integer(1), ONE, ONE
        for factor in self.factors:
            if factor.op == "neg":
                number, factor = -number, factor.args[0]
            if factor.op == "/" and factor.args[0].op == "number":
                factor, divisor = factor.args
                below = below * divisor
            if factor.op == "number":
                number = number * factor.args[0]
            else:
                product = product * factor
        for factor in self.below:
            if factor.op == "number":
                number = number / factor.args[0]
            else:
                below = below * factor
        product = Formula("number", (sympy.Integer(abs(number.p)),)) * product
        below = Formula("number", (sympy.Integer(number.q),)) * below
        return total(self.over, product / below), number < 0


def picked(f: Formula) -> Formula:
    """Return a formula in which every delta that stands under a sum has picked its term."""
    result = ZERO
    for term in _terms(f):
        formula, has_minus = term.without_deltas().signed()
        result = _minus(result, formula) if has_minus else result + formula
    return result


def _terms(f: Formula) -> list[Term]:
    """Return what is added up in a formula; what holds no delta is not taken apart."""
    if not any(part.op == "delta" for part in inside(f)):
        return [Term((), (f,))]
    match f.op, f.args:
        case "+", (u, v):
            return _terms(u) + _terms(v)
        case "-", (u, v):
            return _terms(u) + _terms(-v)
        case "neg", (u,):
            return [replace(term, factors=(as_formula(-1), *term.factors)) for term in _terms(u)]
        case "*", (u, v):
            return [
                Term(a.over + b.over, a.factors + b.factors, a.below + b.below) for a in _terms(u) for b in _terms(v)
            ]
        case "/", (u, v):
            return [replace(term, below=(*term.below, v)) for term in _terms(u)]
        case "total", (over, u):
            return [replace(term, over=over + term.over) for term in _terms(u)]
    return [Term((), (f,))]
