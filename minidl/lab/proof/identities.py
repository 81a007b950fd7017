"""What holds of functions of single numbers, such as 1 - tanh(x)^2 = 4 / (e^x + e^-x)^2: SymPy knows.

Where a polynomial in normal form is not plainly 0, its sums are opened and those over the same sizes put together; what stands
under them is one formula in single entries, which SymPy is asked about. A sum of something that is 0 is 0.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction

import sympy

from minidl.lab.proof.normal_form import Atom, Polynomial, Product, exchanged, is_positive, opened, plus, with_indices


class Step(sympy.Function):
    """1 where the argument is above 0, else 0. It is flat on both sides of the step, so its derivative is 0."""

    nargs = 1

    @classmethod
    def eval(cls, argument: sympy.Expr) -> sympy.Expr | None:
        if argument.is_number:
            return sympy.Integer(1 if argument > 0 else 0)
        for step in argument.atoms(Step):
            relu = step * step.args[0]
            if argument in (relu, -relu):  # the step of max(0, x) is the step of x; -max(0, x) is never above 0
                return step if argument == relu else sympy.Integer(0)
        return None

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        return sympy.Integer(0)

    def _latex(self, printer: object, exp: str | None = None) -> str:
        return rf"\left[{printer._print(self.args[0])} > 0\right]"

    def _sympystr(self, printer: object) -> str:
        return f"[{printer._print(self.args[0])} > 0]"


FUNCTIONS = {
    "log": sympy.log,
    "power": sympy.Pow,
    "sigmoid": lambda a: 1 / (1 + sympy.exp(-a)),
    "step": Step,
    "tanh": sympy.tanh,
}


def vanishes(p: Polynomial) -> bool:
    """Whether a polynomial in normal form is proven to be 0, whatever its symbols stand for and however long its sums are."""
    return not p or all(is_zero(_expression(part)) for part in _integrands(p))


def _integrands(p: Polynomial) -> list[Polynomial]:
    """Return what stands under the sums of p, one polynomial for all sums that run over the same sizes.

    An index may be called one way or the other under a sum, so two of the same size could stand for each other. What is
    returned is the sum over all ways to name them: it is 0 where the sum is.
    """
    groups: dict[tuple[str, ...], Polynomial] = defaultdict(dict)
    for product, coefficient in p.items():
        over, flat = opened(product)
        for order in exchanged(over):
            sizes = tuple(size for _, size in order)
            names = {index: f"!{k}" for k, (index, _) in enumerate(order)}
            groups[sizes] = plus(groups[sizes], with_indices(flat, names), coefficient)
    return list(groups.values())


def _expression(p: Polynomial) -> sympy.Expr:
    return sympy.Add(*(_fraction(coefficient) * _product(product) for product, coefficient in p.items()))


def _product(product: Product) -> sympy.Expr:
    return sympy.Mul(*(_atom(a) ** _fraction(exponent) for a, exponent in product))


def _fraction(number: Fraction) -> sympy.Rational:
    return sympy.Rational(number.numerator, number.denominator)


def _atom(a: Atom) -> sympy.Expr:
    match a:
        case ("exp", product):
            return sympy.exp(_product(product))
        case ("function", name, *polynomials):
            return FUNCTIONS[name](*(_expression(dict(each)) for each in polynomials))
        case ("base", polynomial):
            return _expression(dict(polynomial))
    return sympy.Symbol(repr(a), positive=True) if is_positive(a) else sympy.Symbol(repr(a), real=True)


def is_zero(expression: sympy.Expr, decided: tuple[tuple[sympy.Expr, int], ...] = ()) -> bool:
    """Whether an expression is proven to be zero everywhere, on both sides of every step.

    ``decided`` are the arguments of steps, each with the side it is on; two of them may rule each other out.
    """
    steps = [step for step in expression.atoms(Step) if not step.args[0].has(Step)]
    if steps:
        step = min(steps, key=str)
        return all(
            is_zero(_decide(expression, step, side), (*decided, (step.args[0], side)))
            for side in (1, 0)
            if not any(_excluded(step.args[0], side, other, on) for other, on in decided)
        )
    if differ(expression, sympy.Integer(0)):  # quickly seen
        return False
    expression = expression.rewrite(sympy.exp)
    return sympy.cancel(expression) == 0 or sympy.simplify(expression) == 0


def _decide(expression: sympy.Expr, step: Step, side: int) -> sympy.Expr:
    while expression.has(step):  # deciding a step may bring it forth again from another that has it inside
        expression = expression.subs(step, side)
    return expression


def _excluded(a: sympy.Expr, side: int, b: sympy.Expr, on: int) -> bool:
    """Whether a cannot be on a side of 0 if b is on another: a and b differ by a number, or add up to one."""
    apart, together = a - b, a + b
    if side != on and apart.is_number:  # above 0 is one of them, and it would be the smaller one
        return bool(apart <= 0 if side else apart >= 0)
    if side == on and together.is_number:
        return bool(together <= 0 if side else together > 0)
    return False


# --- at a few points -------------------------------------------------------------------------------------------------


def differ(a: sympy.Expr, b: sympy.Expr) -> bool:
    """Whether two expressions have different values at one of a few fixed points at which both exist."""
    return any(abs(at_a - at_b) > 1e-20 * (1 + abs(at_a)) for at_a, at_b in _values(a, b))


def is_above_0(a: sympy.Expr) -> bool:
    """Whether an expression is above 0 at one of a few fixed points."""
    return any(value > 0 for (value,) in _values(a))


def _values(*expressions: sympy.Expr) -> Iterator[tuple[sympy.Expr, ...]]:
    symbols = sorted(set().union(*(expression.free_symbols for expression in expressions)), key=str)
    rng = random.Random(0)
    for _ in range(
        24 if any(expression.has(Step) for expression in expressions) else 8
    ):  # to come to both sides of steps
        point = {symbol: sympy.Rational(rng.randint(1 if symbol.is_positive else -200, 200), 97) for symbol in symbols}
        values = tuple(expression.subs(point).evalf(30) for expression in expressions)
        if all(value.is_real and value.is_finite for value in values):
            yield values
