"""Formulas written out at a size, entry by entry, with SymPy: examples for the page, and what refutes a wrong claim."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import sympy

from minidl.lab.proof.formula import Formula, entry_latex, inside, latex
from minidl.lab.proof.identities import Step

SMALL = (3, 2, 4, 5, 7)  # sizes for an example, in order of appearance: small and all different
LARGEST = 3  # size at which a counterexample is looked for


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


class WrittenOut:
    """Writes formulas out as SymPy matrices; ``sizes`` says how large n, in and so on are."""

    def __init__(self, sizes: dict[str, int]) -> None:
        self.sizes = sizes
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
            case "symbol" if formula.shape == ("1", "1") and formula.args[0] in self.sizes:
                return sympy.Matrix([self.sizes[formula.args[0]]])
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
    return sympy.Symbol(entry_name(formula, i, j), real=True)


def entry_name(formula: Formula, i: int, j: int) -> str:
    """Return the name of an entry; indices are counted from 1, and a row or column has only one."""
    index = "".join(str(k + 1) for k, size in zip((i, j), formula.shape, strict=True) if size != "1")
    return entry_latex(formula.args[0], index) if index else latex(formula)


def sizes_of(*formulas: Formula) -> tuple[str, ...]:
    """Return the names of sizes in formulas, in order of appearance."""
    return tuple(dict.fromkeys(size for formula in inside(*formulas) for size in formula.shape if size != "1"))


def small(*formulas: Formula) -> WrittenOut:
    """Return what writes formulas out at sizes that are small and all different."""
    names = sizes_of(*formulas)
    if len(names) > len(SMALL):
        raise ValueError(f"an example expected at most {len(SMALL)} different sizes, got {', '.join(names)}")
    return WrittenOut(dict(zip(names, SMALL, strict=False)))


def true_gradient(forward: Formula, wrt: Formula, upstream: Formula | None, write: WrittenOut) -> sympy.Matrix:
    """Return dL/d(wrt), every entry differentiated on its own."""
    outputs = write(forward)
    weights = sympy.ones(1, 1) if upstream is None else write(upstream)
    return write(wrt).applyfunc(lambda symbol: sympy.Add(*(weights.multiply_elementwise(outputs.diff(symbol)))))


def positions(matrix: sympy.Matrix) -> list[tuple[int, int]]:
    """Return where a matrix has entries, row by row."""
    return [(i, j) for i in range(matrix.rows) for j in range(matrix.cols)]


def smallest_sizes(names: tuple[str, ...], largest: int) -> Iterator[dict[str, int]]:
    """Yield all sizes up to the largest, the smallest first."""
    for numbers in sorted(itertools.product(range(1, largest + 1), repeat=len(names)), key=lambda n: (sum(n), n)):
        yield dict(zip(names, numbers, strict=True))
