"""Matrices as formulas: written as tensors are, printed as mathematics.

Shapes have names instead of numbers, and have to fit::

    X, W, b = matrices("X (n x in), W (in x out), b (1 x out)")
    X @ W + b

A row added to a matrix is added to each of its rows, and so on, as with tensors.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import math
import numbers
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import sympy

from minidl.lab.arguments import check_kind, checked

INDEX = {"n": "i", "in": "k", "out": "j", "m": "j", "hidden": "u"}  # the index that runs over a size
ALLOWED = 'it is made with +, -, *, /, **, @, .T, .sum() of all entries, ones("n"), > 0 and functions such as .exp()'
NO_MATRIX = (
    "expected two matrices, and one is a number: is a small letter of an earlier cell meant to be a capital one?"
)
INSTEAD = "write .relu() for the larger one of 0 and a formula; comparisons count as 1 and 0, and may be multiplied"
PLUS, SUM, ENTRIES, TIMES, POWER, ATOM = range(6)  # how tightly a printed formula holds together


def _operator(op: str, swapped: bool = False) -> Callable[[Formula, object], Formula]:
    def method(self: Formula, other: Formula | float) -> Formula:
        left, right = (other, self) if swapped else (self, other)
        return _entrywise(op, as_formula(left), as_formula(right))

    return method


def _function(op: str) -> Callable[[Formula], Formula]:
    def method(self: Formula) -> Formula:
        return Formula(op, (self,), self.shape)

    method.__name__ = op
    return method


@dataclass(frozen=True, eq=False, repr=False)
class Formula:
    """A matrix written as an operation and what it is applied to.

    Attributes
    ----------
    op : str
        ``"symbol"``, ``"number"``, ``"ones"``, ``"name"``, ``"derivative"``, an operator or the name of a function; in index
        notation also ``"entry"``, ``"total"``, ``"delta"`` and ``"partial"``.
    args : tuple
        The formulas it is applied to; for a symbol its name, for a number its value.
    shape : tuple of two str
        Names of the sizes; ``"1"`` is one. A number is 1 x 1.
    """

    op: str
    args: tuple
    shape: tuple[str, str] = ("1", "1")

    __add__, __radd__ = _operator("+"), _operator("+", swapped=True)
    __sub__, __rsub__ = _operator("-"), _operator("-", swapped=True)
    __mul__, __rmul__ = _operator("*"), _operator("*", swapped=True)
    __truediv__, __rtruediv__ = _operator("/"), _operator("/", swapped=True)
    __pow__, __neg__ = _operator("**"), _function("neg")
    abs, exp, log = _function("abs"), _function("exp"), _function("log")
    relu, sigmoid, sign, tanh = _function("relu"), _function("sigmoid"), _function("sign"), _function("tanh")

    def __getattr__(self, name: str) -> Formula:
        """Say what there is instead of an operation that only tensors have."""
        raise AttributeError(f"a formula has no .{name}: {ALLOWED}", name=name, obj=self)

    def __lt__(self, other: float) -> Formula:
        return (-self if isinstance(other, (int, float)) and not other else other - self) > 0

    def __gt__(self, other: float) -> Formula:
        difference = self if isinstance(other, (int, float)) and not other else self - other
        return Formula("step", (difference,), self.shape)

    def __ge__(self, other: float) -> Formula:
        return 1 - (self < other)

    def __le__(self, other: float) -> Formula:
        return 1 - (self > other)

    def __bool__(self) -> bool:
        raise TypeError(
            f"a formula is neither true nor false, and max, min, if, and, or, not and a < x < b ask that: {INSTEAD}"
        )

    def __abs__(self) -> Formula:
        raise TypeError("Python's abs does not know formulas: write .abs()")

    def __matmul__(self, other: Formula) -> Formula:
        if isinstance(other, (int, float)):
            raise TypeError(f"{python(self, TIMES)} @ {other} {NO_MATRIX}")
        if not isinstance(other, Formula):
            return NotImplemented
        if self.shape[1] != other.shape[0]:
            raise ValueError(
                f"{python(self, TIMES)} @ {python(other, POWER)} expected equal sizes in the middle, "
                f"got {times(self)} @ {times(other)}"
            )
        return Formula("@", (self, other), (self.shape[0], other.shape[1]))

    def __rmatmul__(self, other: object) -> Formula:
        if isinstance(other, (int, float)):
            raise TypeError(f"{other} @ {python(self, POWER)} {NO_MATRIX}")
        return NotImplemented

    @property
    def T(self) -> Formula:  # noqa: N802  torch's name for it
        return Formula("T", (self,), self.shape[::-1])

    mT = T  # noqa: N815  and its other name

    def sum(self, *dimensions: object, **options: object) -> Formula:
        if dimensions or options:
            raise TypeError(
                "a formula's .sum() adds up all entries; to add up over one index, multiply by a column of ones"
            )
        return Formula("sum", (self,))

    def __repr__(self) -> str:
        return python(self)

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle {latex(self)}$"


@checked
def matrices(text: str) -> tuple[Formula, ...]:
    """Return the symbolic matrices described by a text like ``"X (n x in), W (in x out), b (1 x out)"``."""
    if not re.fullmatch(r"(\w+ \(\w+ x \w+\)(, |$))+", text):
        raise ValueError(f"matrices expected a text like 'X (n x in), W (in x out)', got {text!r}")
    found = re.findall(r"(\w+) \((\w+) x (\w+)\)", text)
    return tuple(_symbol(name, (_size(rows), _size(columns))) for name, rows, columns in found)


@checked
def scalars(text: str) -> tuple[Formula, ...]:
    """Return the symbolic numbers described by a text like ``"x, n, eta"``."""
    return tuple(_symbol(name, ("1", "1")) for name in re.findall(r"\w+", text))


@functools.cache
def _symbol(name: str, shape: tuple[str, str]) -> Formula:
    """Return a symbol: the same one for the same name and shape, wherever it is asked for."""
    return Formula("symbol", (name,), shape)


def ones(size: str) -> Formula:
    """Return a column of ones, of shape size x 1."""
    if isinstance(size, Formula):
        raise TypeError(f'ones expected the name of a size, in quotation marks: ones("n"), got the formula {size}')
    check_kind("ones", "size", size, str)
    return Formula("ones", (size,), (_size(size), "1"))


def _size(name: str) -> str:
    """Return the name of a size if it is one: a proof for every size has no use for a certain number."""
    if not isinstance(name, str):
        raise TypeError(f"a size expected a name, such as 'n', got {type(name).__name__}")
    if name != "1" and not name.isidentifier():
        raise ValueError(f"a size expected a name, such as n, or 1, got {name!r}")
    return name


@checked
def define(name: str, formula: Formula) -> Formula:
    """Return the formula under a name, by which it is printed from here on."""
    return Formula("name", (name, formula), formula.shape)


@checked
def derivative(formula: Formula, x: Formula) -> Formula:
    """Return the derivative of a formula, entry by entry, with respect to a symbolic number."""
    if x.op != "symbol" or x.shape != ("1", "1"):
        raise ValueError(f"derivative expected x to be a symbolic number, got {x} of shape {times(x)}")
    return Formula("derivative", (formula, x), formula.shape)


def as_formula(value: Formula | float) -> Formula:
    """Return a number as a formula, and a formula as it is.

    A float is the fraction that was meant, up to the rounding of a few operations: 1 / 3 is a third, and 1 - 0.9 a tenth. One
    that is no fraction with at most six digits below is what its decimals say.
    """
    if isinstance(value, Formula):
        return value
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        only = ": it can be compared with <, >, <= and >= only" if isinstance(value, bool) else ""
        only = ": are brackets, (), missing behind its name?" if inspect.isroutine(value) else only
        raise TypeError(f"a formula expected numbers and symbolic matrices, got {type(value).__name__}{only}")
    if isinstance(value, numbers.Rational):
        number = Fraction(int(value.numerator), int(value.denominator))
    elif math.isfinite(value):
        value = float(value)
        number = Fraction(value).limit_denominator(10**6)
        if abs(number - Fraction(value)) > 4 * Fraction(math.ulp(value)):
            number = Fraction(repr(value))
    else:
        raise ValueError(f"a formula expected finite numbers, got {value}")
    return Formula("number", (sympy.Rational(number.numerator, number.denominator),))


def inside(*formulas: Formula) -> Iterator[Formula]:
    """Yield everything that formulas are made of, and each formula after its parts."""
    for formula in formulas:
        yield from inside(*(part for part in formula.args if isinstance(part, Formula)))
        yield formula


def times(formula: Formula) -> str:
    """Return the shape as text, such as ``n x in``."""
    return " x ".join(formula.shape)


def _entrywise(op: str, left: Formula, right: Formula) -> Formula:
    neutral = {"+": 0, "*": 1, "/": 1}.get(op)  # adding 0 adds nothing: an accumulator may start at 0
    if right.op == "number" and right.args[0] == neutral:
        return left
    if left.op == "number" and left.args[0] == neutral and op != "/":
        return right
    shape = []
    for a, b in zip(left.shape, right.shape, strict=True):
        if a != b and "1" not in (a, b):
            raise ValueError(f"({left}) {op} ({right}) expected equal shapes, got {times(left)} and {times(right)}")
        shape.append(b if a == "1" else a)
    return Formula(op, (left, right), tuple(shape))


# --- in index notation -----------------------------------------------------------------------------------------------
# A formula in index notation is a number, 1 x 1, made of entries (a matrix and its indices), of totals (the indices that they
# run over, each with its size, and what is added up), and, where something is differentiated, of deltas and partial
# derivatives. An index that a total runs over is a name of its own, such as i~7, until `tidy` gives it a letter.

_numbers = itertools.count()


def entry(formula: Formula, at: tuple[str | None, str | None] = (None, None)) -> Formula:
    """Return the entry ``at`` (i, j) of a formula in index notation; where a size is 1, its index does not matter."""
    at = tuple(None if size == "1" else index for index, size in zip(at, formula.shape, strict=True))
    match formula.op, formula.args:
        case "symbol" | "name", _:
            return formula if formula.shape == ("1", "1") else Formula("entry", (formula, at))
        case "ones", _:
            return as_formula(1)
        case "T", (part,):
            return entry(part, at[::-1])
        case "@", (left, right):
            size = left.shape[1]
            k = new_token(size)
            return total(((k, size),), entry(left, (at[0], k)) * entry(right, (k, at[1])))
        case "sum", (part,):
            inner = tuple(map(new_token, part.shape))
            return total(tuple(zip(inner, part.shape, strict=True)), entry(part, inner))
        case "+" | "-" | "*" | "/", (left, right):
            return _entrywise(formula.op, entry(left, at), entry(right, at))
        case _, parts:
            return Formula(formula.op, tuple(entry(p, at) if isinstance(p, Formula) else p for p in parts))


def total(over: tuple[tuple[str, str], ...], formula: Formula) -> Formula:
    """Return the sum of a formula over indices, given with their sizes; what is of size 1 needs no sum."""
    over = tuple((index, size) for index, size in over if size != "1")
    if formula.op == "total":
        over, formula = over + formula.args[0], formula.args[1]
    return Formula("total", (over, formula)) if over else formula


def new_token(size: str) -> str:
    """Return an index that nothing else runs over."""
    return f"{new_indices((size,))[0]}~{next(_numbers)}"


def renamed(formula: Formula, names: dict[str, str]) -> Formula:
    """Return a formula in index notation with other names for some of its indices."""
    match formula.op, formula.args:
        case "entry", (matrix, at):
            return Formula("entry", (matrix, tuple(names.get(i, i) for i in at)))
        case "delta", at:
            return Formula("delta", tuple(names.get(i, i) for i in at))
        case "total", (over, body):  # what it runs over is its own affair
            return Formula("total", (over, renamed(body, {i: j for i, j in names.items() if i not in dict(over)})))
        case "symbol" | "name", _:
            return formula
        case _, parts:
            return Formula(
                formula.op, tuple(renamed(p, names) if isinstance(p, Formula) else p for p in parts), formula.shape
            )


def free_indices(formula: Formula) -> dict[str, None]:
    """Return the indices that no total of a formula runs over, in order of appearance."""
    match formula.op, formula.args:
        case "entry", (_, at):
            return dict.fromkeys(i for i in at if i)
        case "delta", at:
            return dict.fromkeys(at)
        case "total", (over, body):
            bound = dict(over)
            return {i: None for i in free_indices(body) if i not in bound}
        case _, parts:
            found: dict[str, None] = {}
            for part in parts:
                found |= free_indices(part) if isinstance(part, Formula) else {}
            return found


def tidy(formula: Formula, taken: tuple[str, ...] | None = None) -> Formula:
    """Return a formula in index notation in which totals run over the usual letters, with primes where those are taken."""
    if taken is None:
        taken = tuple(free_indices(formula))
    match formula.op, formula.args:
        case "total", (over, body):
            letters = [index for index, _ in over if "~" not in index]  # has its letter already
            names = {}
            for token, size in over:
                if "~" in token:
                    (names[token],) = new_indices((size,), (*taken, *letters))
                    letters.append(names[token])
            over = tuple((names.get(index, index), size) for index, size in over)
            return Formula("total", (over, tidy(renamed(body, names), (*taken, *letters))))
        case "sum", _:
            return tidy(entry(formula), taken)
        case "symbol" | "name" | "entry", _:
            return formula
        case _, parts:
            return Formula(
                formula.op, tuple(tidy(p, taken) if isinstance(p, Formula) else p for p in parts), formula.shape
            )


# --- printing --------------------------------------------------------------------------------------------------------


def python(formula: Formula, tight: int = PLUS) -> str:
    """Return the formula in Python, in parentheses if it holds less tightly than it has to."""
    op, args = formula.op, formula.args
    match op:
        case "symbol" | "name":
            text, strength = args[0].replace("\\", ""), ATOM
        case "number":
            text, strength = str(args[0]), ATOM if args[0] >= 0 else PLUS
        case "ones":
            text, strength = f'ones("{args[0]}")', ATOM
        case "+" | "-":
            text, strength = f"{python(args[0])} {op} {python(args[1], TIMES if op == '-' else PLUS)}", PLUS
        case "*" | "/" | "@":
            text, strength = f"{python(args[0], TIMES)} {op} {python(args[1], POWER)}", TIMES
        case "neg":
            text, strength = f"-{python(args[0], TIMES)}", PLUS
        case "**":
            text, strength = f"{python(args[0], ATOM)}**{python(args[1], ATOM)}", POWER
        case "T":
            text, strength = f"{python(args[0], ATOM)}.T", ATOM
        case "step":
            text, strength = f"({python(args[0])} > 0)", ATOM
        case "derivative":
            text, strength = f"derivative({args[0]}, {args[1]})", ATOM
        case "entry" | "total" | "delta" | "partial":  # index notation is no Python
            text, strength = latex(formula), ATOM
        case _:
            text, strength = f"{python(args[0], ATOM)}.{op}()", ATOM
    return text if strength >= tight else f"({text})"


def latex(formula: Formula, at: tuple[str, str] | None = None, *, shapes: bool = False) -> str:
    """Return the formula in LaTeX: as a matrix, with the shapes under its factors if wanted, or its entry ``at`` (i, j)."""
    if at is None:
        return _Printer(shapes).print(tidy(formula))
    taken = tuple(index for index, size in zip(at, formula.shape, strict=True) if size != "1")
    return _Printer(shapes).print(tidy(entry(formula, at), taken))


def name_latex(name: str) -> str:
    """Return a name in LaTeX; one that is LaTeX already stays as it is."""
    return name if "\\" in name else sympy.latex(sympy.Symbol(name))


def entry_latex(name: str, index: str) -> str:
    """Return the name of a matrix's entry: ``x_{ij}`` for X, and ``w^{(1)}_{ij}`` for W1."""
    letters, digits = re.fullmatch(r"(.*?)(\d*)", name).groups()
    return name_latex(letters.lower()) + (f"^{{({digits})}}" if digits else "") + f"_{{{index}}}"


def partial_latex(top: str, bottom: str) -> str:
    """Return a partial derivative in LaTeX."""
    return rf"\frac{{\partial {top}}}{{\partial {bottom}}}"


def size_latex(size: str) -> str:
    """Return the name of a size in LaTeX."""
    return size if len(size) == 1 else rf"\text{{{size}}}"


def under(text: str, formula: Formula) -> str:
    """Return LaTeX with the formula's shape under it, if it is a matrix."""
    shape = r" \times ".join(size_latex(size) for size in formula.shape)
    return text if formula.shape == ("1", "1") else rf"\underset{{{shape}}}{{{text}}}"


def new_indices(sizes: tuple[str, ...], taken: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return indices that run over sizes: their usual letters, with primes where those are taken."""
    found = []
    for size in sizes:
        index = INDEX.get(size, size[0])
        while index in (*taken, *found):
            index += "'"
        found.append(index)
    return tuple(found)


@dataclass(frozen=True)
class _Printer:
    """Prints LaTeX; ``shapes`` go under factors."""

    shapes: bool

    def print(self, formula: Formula, tight: int = PLUS) -> str:
        """Return LaTeX, in parentheses if it holds less tightly than it has to."""
        text, strength = self._print(formula)
        return text if strength >= tight else self._parentheses(text)

    def _print(self, f: Formula) -> tuple[str, int]:
        op, args = f.op, f.args
        scalar = f.shape == ("1", "1")
        match op:
            case "symbol" | "name":
                return self._with_shape(name_latex(args[0]), f), ATOM
            case "entry":
                return entry_latex(args[0].args[0], "".join(i for i in args[1] if i)), ATOM
            case "number":
                return sympy.latex(args[0]), ATOM if args[0] >= 0 else PLUS
            case "ones":
                return self._with_shape(r"\mathbf{1}", f), ATOM
            case "+" | "-":
                return f"{self.print(args[0])} {op} {self.print(args[1], SUM if op == '-' else PLUS)}", PLUS
            case "neg":
                return f"-{self.print(args[0], SUM)}", PLUS
            case "*" if scalar or ("1", "1") in (args[0].shape, args[1].shape):
                last = SUM if args[1].op == "total" else TIMES  # a sum that ends a product needs no parentheses
                return self._product((self.print(args[0], TIMES), self.print(args[1], last))), last
            case "*":
                return rf"{self.print(args[0], ENTRIES)} \odot {self.print(args[1], TIMES)}", ENTRIES
            case "/" if args[1].shape == ("1", "1") and (args[0].op == "total" or not scalar):
                top, rest = args[0].args if args[0].op == "*" and args[0].args[0].shape == ("1", "1") else (1, args[0])
                return self._product((latex(as_formula(top) / args[1]), self.print(rest, SUM))), TIMES
            case "/":
                return rf"\frac{{{self.print(args[0])}}}{{{self.print(args[1])}}}", POWER
            case "**":
                circle = "" if scalar else r"\circ "
                below = self.print(args[0], ATOM)
                if args[0].op == "entry" and "^" in below:  # LaTeX takes no second exponent
                    below = f"{{{below}}}"
                return f"{below}^{{{circle}{self.print(args[1])}}}", POWER
            case "T":
                text = _Printer(False).print(args[0], ATOM) + r"^\top"
                return (self._with_shape(text, f) if args[0].op in ("symbol", "name", "ones") else text), POWER
            case "@":
                return self._product(self.print(arg, TIMES) for arg in args), TIMES
            case "total":
                return rf"\sum_{{{','.join(i for i, _ in args[0])}}} {self.print(args[1], SUM)}", SUM
            case "delta":
                return rf"\delta_{{{''.join(args)}}}", ATOM
            case "partial":
                return partial_latex(*map(self.print, args)), POWER
            case "derivative":
                return rf"\frac{{d}}{{d{self.print(args[1])}}} \, {self.print(args[0], TIMES)}", TIMES
            case "exp" if scalar:
                return f"e^{{{self.print(args[0])}}}", POWER
            case "abs":
                return rf"\left|{self.print(args[0])}\right|", ATOM
            case "step":
                return rf"\left[{self.print(args[0])} > 0\right]", ATOM
            case "relu":
                return rf"\max{self._parentheses(f'0, {self.print(args[0])}')}", ATOM
        word = {"log": r"\ln", "sigmoid": r"\sigma", "sign": r"\operatorname{sign}"}.get(op, rf"\{op}")
        return word + self._parentheses(self.print(args[0])), ATOM

    @staticmethod
    def _parentheses(text: str) -> str:
        return rf"\left({text}\right)" if re.search(r"\\frac|\\sum|\\underset", text) else f"({text})"

    def _with_shape(self, text: str, f: Formula) -> str:
        return under(text, f) if self.shapes else text

    def _product(self, factors: Iterable[str]) -> str:
        first, *others = [factor for factor in factors if factor != "1"] or ["1"]
        space = r" \;\; " if r"\underset" in first + "".join(others) else r" \, "  # shapes below want room
        # a number that follows another factor needs a dot: 2v 2x would be read with hesitation
        return first + "".join(rf" \cdot {other}" if other[0].isdigit() else space + other for other in others)
