"""Proofs that are written out: at one small size, all entries of both sides are worked out with SymPy and compared.

A proof gives every name in the shapes a small size of its own, writes all matrices out entry by entry, differentiates,
and compares every entry with the claim. What Jupyter shows is printed from the very formulas that were compared.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

import sympy

from minidl.lab.proof.formula import (
    Formula,
    as_formula,
    define,
    entry_latex,
    inside,
    latex,
    name_latex,
    new_indices,
    size_latex,
    times,
    under,
)

SIZES = (3, 2, 4, 5, 7)  # what the names in the shapes stand for, in order of appearance


class ProofError(AssertionError):
    """A claim that is wrong, or that could not be decided."""

    def _render_traceback_(self) -> list[str]:
        """In Jupyter the message says it all."""
        return [f"ProofError: {self}"]


@dataclass(frozen=True, repr=False)
class Proof:
    """What was proven, as text and in LaTeX. Jupyter shows the LaTeX."""

    text: str
    latex: str

    def __repr__(self) -> str:
        return self.text

    def _repr_latex_(self) -> str:
        return self.latex


def prove_gradient(
    forward: Formula,
    *,
    wrt: Formula,
    claim: Formula | float,
    upstream: Formula | None = None,
    entry: tuple[int, int] | None = None,
) -> Proof:
    """Prove that ``claim`` is dL/d(wrt).

    All that is known of the loss L is that it depends on the output Y = ``forward``, and ``upstream`` = dL/dY. Then, by
    the chain rule, the derivative of L with respect to one entry w of ``wrt`` is sum_ij g_ij dy_ij/dw. Without
    ``upstream``, ``forward`` is the loss itself, of shape 1 x 1.

    Parameters
    ----------
    forward, claim : Formula
        Where they have a kink (relu, abs, sign, >), the proof holds on both sides of it, not on the kink itself.
    wrt, upstream : Formula
        Symbols made by `matrices` or `scalars`.
    entry : tuple of two int, optional
        Row and column of an entry of ``wrt`` to work out on the page, counted from 1 as on paper.

    Raises
    ------
    ProofError
        If the claim is wrong, or cannot be decided.
    ValueError
        If something has another shape than it needs, or is not a symbol where one is needed.
    """
    claim = as_formula(claim)
    _check(forward, wrt, claim, upstream)
    if forward.op != "name":
        forward = define("L" if upstream is None else "Y", forward)
    evaluate = _Evaluator(forward, claim)
    outputs, symbols, claimed = evaluate(forward), evaluate(wrt), evaluate(claim)
    weights = sympy.ones(1, 1) if upstream is None else evaluate(upstream)
    slopes = {symbol: outputs.diff(symbol) for symbol in symbols}
    true = symbols.applyfunc(lambda symbol: sympy.Add(*weights.multiply_elementwise(slopes[symbol])))

    loss = forward.args[0] if upstream is None else "L"
    statement = f"d{loss}/d{wrt} = {claim}"
    _compare(statement, {"claimed": claimed, "differentiated": true})

    given = list(_definitions(forward, claim))
    if upstream is not None:
        given.append(f"{latex(upstream)} = {_partial('L', latex(forward))}")
    lines = [r",\qquad ".join(given), f"{under(_partial(loss, latex(wrt)), wrt)} = {latex(claim, shapes=True)}"]
    if wrt.shape != ("1", "1"):
        at = new_indices(wrt.shape)
        lines.append(f"{_partial(loss, latex(wrt, at))} = {latex(claim, at)}")
    if entry is not None:
        lines.extend(_worked_out(entry, claim, forward, upstream, symbols, slopes, weights))
    return _proof(statement, lines, evaluate, len(true))


def prove_equal(left: Formula | float, right: Formula | float) -> Proof:
    """Prove that two formulas of equal shape are equal, entry by entry; ProofError if not, ValueError for two shapes."""
    left, right = as_formula(left), as_formula(right)
    if left.shape != right.shape:
        raise ValueError(f"{left} = {right} expected equal shapes, got {times(left)} and {times(right)}")
    evaluate = _Evaluator(left, right)
    statement = f"{left} = {right}"
    _compare(statement, {"left": evaluate(left), "right": evaluate(right)})
    lines = [r",\qquad ".join(_definitions(left, right)), f"{latex(left)} = {latex(right)}"]
    return _proof(statement, [line for line in lines if line], evaluate, len(evaluate(left)))


def _check(forward: Formula, wrt: Formula, claim: Formula, upstream: Formula | None) -> None:
    for name, formula in (("wrt", wrt), ("upstream", upstream)):
        if formula is not None and formula.op != "symbol":
            raise ValueError(f"prove_gradient expected {name} to be a symbol, got {formula}")
    if upstream is None and forward.shape != ("1", "1"):
        raise ValueError(
            f"prove_gradient expected a loss, 1 x 1, or upstream=..., got {forward} of shape {times(forward)}"
        )
    if upstream is not None and upstream.shape != forward.shape:
        raise ValueError(
            f"prove_gradient expected upstream to have the shape of the output, {times(forward)}, got {times(upstream)}"
        )
    if claim.shape != wrt.shape:
        raise ValueError(f"dL/d{wrt} expected the shape of {wrt}, {times(wrt)}, got {claim} of shape {times(claim)}")


# --- entry by entry --------------------------------------------------------------------------------------------------


class Step(sympy.Function):
    """1 where the argument is above 0, else 0. It is flat on both sides of the step, so its derivative is 0."""

    nargs = 1

    @classmethod
    def eval(cls, argument: sympy.Expr) -> sympy.Expr | None:
        if argument.is_number:
            return sympy.Integer(1 if argument > 0 else 0)
        if not argument.has(Step) and argument.could_extract_minus_sign():
            return 1 - cls(-argument)  # true away from 0, and a formula without steps in it is almost nowhere 0
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


ENTRYWISE = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
    "neg": lambda a: -a,
    "abs": lambda a: a * (2 * Step(a) - 1),
    "exp": sympy.exp,
    "log": sympy.log,
    "relu": lambda a: a * Step(a),
    "sigmoid": lambda a: 1 / (1 + sympy.exp(-a)),
    "sign": lambda a: Step(a) - Step(-a),
    "step": Step,
    "tanh": sympy.tanh,
}


class _Evaluator:
    """Writes formulas out as SymPy matrices, of sizes that are small and all different."""

    def __init__(self, *formulas: Formula) -> None:
        names = dict.fromkeys(size for formula in inside(*formulas) for size in formula.shape if size != "1")
        if len(names) > len(SIZES):
            raise ValueError(f"a proof expected at most {len(SIZES)} different sizes, got {', '.join(names)}")
        symbols = {part.args[0].lower(): part for part in inside(*formulas) if part.op == "symbol"}
        for part in inside(*formulas):
            if part.op == "symbol" and part is not symbols[part.args[0].lower()]:
                raise ValueError(
                    f"a proof expected every symbol to be made once, got two whose entries are both {part}"
                )
        self.sizes = dict(zip(names, SIZES, strict=False))
        self._done: dict[Formula, sympy.Matrix] = {}

    def __call__(self, formula: Formula) -> sympy.Matrix:
        if formula not in self._done:
            self._done[formula] = self._write_out(formula)
        return self._done[formula]

    def _write_out(self, formula: Formula) -> sympy.Matrix:
        rows, columns = (self.sizes.get(size, 1) for size in formula.shape)
        parts = [self(part) for part in formula.args if isinstance(part, Formula)]
        match formula.op:
            case "number":
                return sympy.Matrix([formula.args[0]])
            case "symbol":
                return sympy.Matrix(rows, columns, lambda i, j: _symbol(formula, i, j))
            case "ones":
                return sympy.ones(rows, columns)
            case "name":
                return parts[0]
            case "T":
                return parts[0].T
            case "@":
                return parts[0] * parts[1]
            case "sum":
                return sympy.Matrix([sympy.Add(*parts[0])])
            case "derivative":
                return parts[0].diff(parts[1][0])
        function = ENTRYWISE[formula.op]
        return sympy.Matrix(
            rows,
            columns,
            lambda i, j: function(*(part[min(i, part.rows - 1), min(j, part.cols - 1)] for part in parts)),
        )


def _symbol(formula: Formula, i: int, j: int) -> sympy.Symbol:
    return sympy.Symbol(_entry_latex(formula, i, j), real=True)


def _entry_latex(formula: Formula, i: int, j: int) -> str:
    """Return the name of an entry; indices are counted from 1, and a row or column has only one."""
    index = "".join(str(k + 1) for k, size in zip((i, j), formula.shape, strict=True) if size != "1")
    return entry_latex(formula.args[0], index) if index else latex(formula)


def _positions(matrix: sympy.Matrix) -> list[tuple[int, int]]:
    return [(i, j) for i in range(matrix.rows) for j in range(matrix.cols)]


def _compare(statement: str, sides: dict[str, sympy.Matrix]) -> None:
    """Raise ProofError at the first entry in which two matrices are not proven equal."""
    left, right = sides.values()
    for i, j in _positions(left):
        a, b = left[i, j], right[i, j]
        if (a - b).expand() == 0:
            continue
        wrong = _differ(a, b)
        if wrong or not _is_zero(a - b):
            where = f" in entry ({i + 1}, {j + 1})" if len(left) > 1 else ""
            shown = "".join(f"\n  {name + where}: {side[i, j]}" for name, side in sides.items())
            verdict = "is wrong" if wrong else "could not be decided"
            raise ProofError(f"{statement}  {verdict}" + re.sub(r"[{}^\\]", "", shown))


def _differ(a: sympy.Expr, b: sympy.Expr) -> bool:
    """Whether two expressions have different values at one of a few fixed points."""
    rng, symbols = random.Random(0), sorted(a.free_symbols | b.free_symbols, key=str)
    for _ in range(8):
        point = {symbol: sympy.Rational(rng.randint(-200, 200), 97) for symbol in symbols}
        at_a, at_b = a.subs(point).evalf(30), b.subs(point).evalf(30)
        if at_a.is_finite and at_b.is_finite and abs(at_a - at_b) > 1e-20 * (1 + abs(at_a)):
            return True
    return False


def _is_zero(expression: sympy.Expr) -> bool:
    """Whether an expression is proven to be zero everywhere, on both sides of every step."""
    steps = [step for step in expression.atoms(Step) if not step.args[0].has(Step)]
    if steps:
        step = min(steps, key=str)
        return all(_is_zero(_decide(expression, step, side)) for side in (1, 0))
    expression = expression.rewrite(sympy.exp)
    return sympy.cancel(expression) == 0 or sympy.simplify(expression) == 0


def _decide(expression: sympy.Expr, step: Step, side: int) -> sympy.Expr:
    while expression.has(step):  # deciding a step may bring it forth again from another that has it inside
        expression = expression.subs(step, side)
    return expression


# --- on the page -----------------------------------------------------------------------------------------------------


def _proof(statement: str, lines: list[str], evaluate: _Evaluator, count: int) -> Proof:
    checked = "proven" if count == 1 else f"proven: all {count} entries agree"
    sizes = ", ".join(f"{name} = {size}" for name, size in evaluate.sizes.items())
    sizes_latex = r",\, ".join(f"{size_latex(name)} = {size}" for name, size in evaluate.sizes.items())
    lines = [*lines, rf"\checkmark\ \text{{{checked}}}" + (rf"\;\; ({sizes_latex})" if sizes else "")]
    rows = " \\\\[4pt]\n".join(f"& {line}" for line in lines)
    text = f"{statement}   ({checked}" + (f" for {sizes})" if sizes else ")")
    return Proof(text, f"$$\\begin{{aligned}}\n{rows}\n\\end{{aligned}}$$")


def _definitions(*formulas: Formula) -> Iterator[str]:
    for formula in dict.fromkeys(inside(*formulas)):
        if formula.op == "name":
            yield f"{latex(formula)} = {latex(formula.args[1])}"


def _partial(top: str, bottom: str) -> str:
    return rf"\frac{{\partial {name_latex(top)}}}{{\partial {bottom}}}"


def _worked_out(
    entry: tuple[int, int],
    claim: Formula,
    forward: Formula,
    upstream: Formula | None,
    symbols: sympy.Matrix,
    slopes: dict[sympy.Symbol, sympy.Matrix],
    weights: sympy.Matrix,
) -> Iterator[str]:
    """Yield the lines that derive one entry of the gradient."""
    row, column = (k - 1 for k in entry)
    if not (0 <= row < symbols.rows and 0 <= column < symbols.cols):
        raise ValueError(
            f"prove_gradient expected an entry within {symbols.rows} x {symbols.cols}, counted from 1, got {entry}"
        )
    yield r"\text{one entry worked out:}"
    symbol = symbols[row, column]
    terms = [(weights[at], slopes[symbol][at], at) for at in _positions(slopes[symbol]) if slopes[symbol][at] != 0]
    if upstream is None:
        yield f"{_partial(forward.args[0], sympy.latex(symbol))} = {_sum(slope for _, slope, _ in terms)}"
    else:
        at = new_indices(forward.shape)
        bottom = sympy.latex(symbol)
        yield (
            rf"{_partial('L', bottom)} = \sum_{{{','.join(at)}}} {latex(upstream, at)} \, "
            + _partial(latex(forward, at), bottom)
        )
        outputs = [_entry_latex(forward, *position) for _, _, position in terms]
        yield r"\qquad = " + " + ".join(
            rf"{sympy.latex(g)} \, {_partial(y, bottom)}" for (g, _, _), y in zip(terms, outputs, strict=True)
        )
        yield r"\qquad = " + _sum(sympy.Mul(g, slope) for g, slope, _ in terms)
    yield rf"\qquad = \left({latex(claim)}\right)_{{{row + 1}{column + 1}}}"


def _sum(terms: Iterator[sympy.Expr]) -> str:
    return " + ".join(sympy.latex(term) for term in terms) or "0"
