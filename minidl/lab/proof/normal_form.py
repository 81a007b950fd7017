"""A normal form of formulas in index notation: equal for two formulas that differ only in how they are written.

A normal form is a polynomial: a dictionary from products to their coefficients. A product is a sorted tuple of pairs (atom,
exponent), without an atom twice. Atoms are

    ("entry", name, i, ...)      an entry of a symbol; without an index, a symbolic number
    ("size", name)               how many values an index takes
    ("delta", i, j)
    ("sum", sizes, product)      a sum over as many indices as there are sizes, in a product that does not fall apart
    ("exp", product)             its exponent says how often the product is in e's exponent
    ("function", name, ...)      of one or more polynomials
    ("base", polynomial)         a polynomial of several terms with an exponent below 0, or broken (then it is not negative)

Sums over products fall apart where no index connects the factors: sum_ij a_i b_j is (sum_i a_i)(sum_j b_j), and sum_i 1 is n.
The indices of what remains are named #1.0, #1.1, ... in that order which makes the product come first among all
orders, so that their names in the formula do not matter; the first number is greater than those of the sums inside.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction

import sympy

from minidl.lab.proof.calculus import base, definition, derived
from minidl.lab.proof.formula import Formula, renamed

Atom = tuple
Product = tuple[tuple[Atom, Fraction], ...]
Polynomial = dict[Product, Fraction]

MANY = 120  # orders of indices: more of them take too long
_numbers = itertools.count()


def normal_form(formula: Formula, sizes: Iterable[str] = (), *, open_names: bool = True) -> Polynomial:
    """Return the normal form of a formula in index notation; a symbolic number called like one of the sizes is that size.

    With ``open_names=False`` defined names are symbols like others.
    """
    return _NormalForm(frozenset(sizes), open_names).of(formula)


class _NormalForm:
    def __init__(self, sizes: frozenset[str], open_names: bool) -> None:
        self.sizes, self.open_names = sizes, open_names

    def of(self, f: Formula) -> Polynomial:
        op, args = f.op, f.args
        match op:
            case "number":
                return constant(Fraction(int(args[0].p), int(args[0].q)))
            case "symbol" | "entry" | "name" if base(f).op == "symbol" or not self.open_names:
                name, at = base(f).args[0], f.args[1] if op == "entry" else ()
                if not at and name in self.sizes:
                    return atom(("size", name))
                return atom(("entry", name, *(index for index in at if index)))
            case "name" | "entry":
                return self.of(definition(f))
            case "delta":
                return delta(*args)
            case "total":
                over = {index: f"_{next(_numbers)}" for index, _ in args[0]}
                result = self.of(renamed(args[1], over))
                for index, size in args[0]:
                    result = add_up(result, over[index], size)
                return result
            case "derivative":
                return self.of(derived(*args))
            case "+":
                return plus(self.of(args[0]), self.of(args[1]))
            case "-":
                return minus(self.of(args[0]), self.of(args[1]))
            case "neg":
                return minus({}, self.of(args[0]))
            case "*":
                return times(self.of(args[0]), self.of(args[1]))
            case "/":
                return times(self.of(args[0]), power(self.of(args[1]), Fraction(-1)))
            case "**":
                return raised(self.of(args[0]), self.of(args[1]))
        return function(op, self.of(args[0]))


# --- polynomials -----------------------------------------------------------------------------------------------------


def constant(number: Fraction | int) -> Polynomial:
    """Return a number as a polynomial."""
    return {(): Fraction(number)} if number else {}


def atom(a: Atom, exponent: Fraction | int = 1) -> Polynomial:
    """Return an atom to a power as a polynomial."""
    return {((a, Fraction(exponent)),): Fraction(1)}


def plus(p: Polynomial, q: Polynomial, factor: Fraction | int = 1) -> Polynomial:
    """Return p plus a number times q; terms that cancel are gone."""
    result = dict(p)
    for product, coefficient in q.items():
        result[product] = result.get(product, 0) + factor * coefficient
        if not result[product]:
            del result[product]
    return result


def minus(p: Polynomial, q: Polynomial) -> Polynomial:
    """Return p minus q: empty where both are equal."""
    return plus(p, q, -1)


def times(p: Polynomial, q: Polynomial) -> Polynomial:
    """Return the product, multiplied out."""
    result: Polynomial = {}
    for (a, m), (b, n) in itertools.product(p.items(), q.items()):
        result = plus(result, _joined(a, b), m * n)
    return result


def _joined(a: Product, b: Product) -> Polynomial:
    """Return the product of two products: exponents of an atom add up; a step is 0 or 1, and so is its square."""
    exponents: dict[Atom, Fraction] = dict(a)
    for each, exponent in b:
        exponents[each] = exponents.get(each, 0) + exponent
    for each, exponent in exponents.items():
        if exponent > 1 and each[:2] == ("function", "step"):
            exponents[each] = Fraction(1)
    whole = [each for each, e in exponents.items() if each[0] == "base" and (e.denominator == 1 and e > 0)]
    product = _sorted({each: e for each, e in exponents.items() if e and each not in whole})
    result: Polynomial = {product: Fraction(1)}
    for each in whole:
        result = times(result, power(dict(each[1]), exponents[each]))
    return result


def _sorted(exponents: dict[Atom, Fraction]) -> Product:
    return tuple(sorted(exponents.items(), key=repr))


def key(p: Polynomial) -> tuple:
    """Return a polynomial as a part of an atom."""
    return tuple(sorted(p.items(), key=repr))


def power(p: Polynomial, exponent: Fraction) -> Polynomial:
    """Return a polynomial to a power; what its terms have in common leaves the parentheses first."""
    if not exponent:
        return constant(1)
    if not p and exponent < 0:
        raise ZeroDivisionError("a formula divides by 0")
    if not p:
        return {}
    if exponent > 0 and exponent.denominator == 1:
        result = p
        for _ in range(int(exponent) - 1):
            result = times(result, p)
        return result
    number, common, rest = content(p)
    roots = constant(1)
    if exponent.denominator != 1:  # of what may be negative, no root is taken on its own; but that of x^2 is |x|
        for a, e in common:
            if even(a, e) and not is_positive(a) and (e * exponent).denominator == 1:
                roots = times(roots, atom(a, e * exponent))
                if e * exponent % 2:
                    roots = times(roots, function("sign", power(atom(a), Fraction(1))))
        squares = {a for a, e in common if even(a, e) and (e * exponent).denominator == 1}
        kept = tuple((a, e) for a, e in common if not is_positive(a) and a not in squares)
        common = tuple((a, e) for a, e in common if is_positive(a))
        rest = times(rest, {kept: Fraction(1)})
        if number < 0:
            rest = minus({}, rest)
        root = _root(abs(number), exponent)
        if root is None:
            rest, root = times(rest, constant(abs(number))), Fraction(1)
    else:
        root = number**exponent
    result = times(roots, {_sorted({a: e * exponent for a, e in common}): root})
    return result if rest == constant(1) else times(result, atom(("base", key(rest)), exponent))


def _root(number: Fraction, exponent: Fraction) -> Fraction | None:
    """Return a number to a broken power, if that is a fraction."""
    parts = [sympy.integer_nthroot(part, exponent.denominator) for part in (number.numerator, number.denominator)]
    if not all(is_exact for _, is_exact in parts):
        return None
    (top, _), (bottom, _) = parts
    return Fraction(int(top), int(bottom)) ** exponent.numerator


def content(p: Polynomial) -> tuple[Fraction, Product, Polynomial]:
    """Return a number, a product and a polynomial whose product p is; what all terms of p share is not in the third."""
    first, *others = (dict(product) for product in p)
    common = {
        a: min([e, *(other.get(a, Fraction(0)) for other in others)])
        for a, e in first.items()
        if all(a in other for other in others) or e < 0
    }
    for other in others:
        common |= {a: min([common.get(a, Fraction(0)), e]) for a, e in other.items() if e < 0 and a not in first}
    common = {a: e for a, e in common.items() if e}
    numbers = list(p.values())
    number = Fraction(math.gcd(*(c.numerator for c in numbers)), math.lcm(*(c.denominator for c in numbers)))
    if (len(p) == 1 and numbers[0] < 0) or (len(p) > 1 and leads_with_minus(p)):
        number = -number
    rest: Polynomial = {}
    for product, coefficient in p.items():
        exponents = Counter(dict(product))
        for a, e in common.items():
            exponents[a] -= e
        rest = plus(rest, {_sorted({a: e for a, e in exponents.items() if e}): coefficient / number})
    return number, _sorted(common), rest


def leads_with_minus(p: Polynomial) -> bool:
    """Whether the first term has a minus; the order of terms does not depend on the names of indices.

    Where two terms differ only in their indices, as in x_i - x_j, no term is the first.
    """
    shapes = sorted((repr(_relabeled(product)), coefficient) for product, coefficient in p.items())
    tied = Counter(shape for shape, _ in shapes)
    return next((coefficient < 0 for shape, coefficient in shapes if tied[shape] == 1), False)


def _relabeled(part: object, labels: dict[str, str] | None = None) -> object:
    """Return a part of a normal form with labels in place of its indices, in an order that does not depend on their names."""
    match part:
        case ("entry" | "delta" as kind, *rest):
            name, at = (rest[:1], rest[1:]) if kind == "entry" else ([], rest)
            return (kind, *name, *(labels.get(i, "#" if i[0] == "#" else i) if labels else "" for i in at))
        case ("sum", sizes, product):
            return ("sum", sizes, _relabeled(product, labels))
        case tuple():
            inner = tuple(_relabeled(each, labels) for each in part)
            return tuple(sorted(inner, key=repr)) if all(isinstance(each, tuple) for each in inner) else inner
    return part


def raised(p: Polynomial, exponent: Polynomial) -> Polynomial:
    """Return p to a power that may be a formula itself."""
    if not exponent or set(exponent) == {()}:
        return power(p, exponent.get((), Fraction(0)))
    return atom(("function", "power", key(p), key(exponent)))


# --- functions -------------------------------------------------------------------------------------------------------


def function(name: str, p: Polynomial) -> Polynomial:
    """Return a function of a number, in the form in which those that are equal for simple reasons look equal."""
    match name:
        case "exp":
            return {_sorted({("exp", product): coefficient for product, coefficient in p.items()}): Fraction(1)}
        case "log":
            return _log(p)
        case "relu":
            return times(p, _step(p))
        case "sign":
            return minus(_step(p), _step(minus({}, p)))
        case "abs":
            return times(p, function("sign", p))
        case "step":
            return _step(p)
        case "tanh" if not p:
            return {}
        case "sigmoid" if not p:
            return constant(Fraction(1, 2))
        case "tanh" if leads_with_minus(p):
            return minus({}, function("tanh", minus({}, p)))
        case "sigmoid" if leads_with_minus(p):
            return minus(constant(1), function("sigmoid", minus({}, p)))
    return atom(("function", name, key(p)))


def _log(p: Polynomial) -> Polynomial:
    """Return the logarithm; factors that are positive for sure leave it as summands."""
    if not p:
        raise ZeroDivisionError("a formula takes the logarithm of 0")
    number, common, rest = content(p)
    if number < 0:
        number, rest = -number, minus({}, rest)
    result: Polynomial = {}
    left = times({(): number}, rest)
    for a, exponent in common:
        if a[0] == "exp":
            result = plus(result, {a[1]: Fraction(1)}, exponent)
        elif is_positive(a):
            result = plus(result, atom(("function", "log", key(atom(a)))), exponent)
        else:
            left = times(left, atom(a, exponent))
    if left == constant(1):
        return result
    if len(left) == 1:  # log(1 / u) is -log(u): one exists where the other does
        ((product, coefficient),) = left.items()
        if len(product) == 1 and coefficient == 1 and product[0][1].denominator == 1 and product[0][1] % 2:
            ((a, exponent),) = product
            return plus(result, atom(("function", "log", key(atom(a)))), exponent)
    return plus(result, atom(("function", "log", key(left))))


def _step(p: Polynomial) -> Polynomial:
    """Return 1 where p is above 0 and else 0. Exactly at 0 it does not matter, unless p is 0 in a whole region."""
    if not p:
        return {}
    number, common, rest = content(p)
    steps = [a for a, _ in common if a[:2] == ("function", "step")]
    if steps:  # where such a step is 0, so is p
        inner = {_sorted({a: e for a, e in common if a not in steps}): number}
        return times({_sorted({a: Fraction(1) for a in steps}): Fraction(1)}, _step(times(inner, rest)))
    kept = {a: e for a, e in common if not is_positive(a)}
    if any(e != 1 for e in kept.values()) and not _is_somewhere_0(p):  # x^2 is above 0, and x^3 is where x is
        kept = {a: Fraction(1) if e % 2 == 1 else e for a, e in kept.items() if not even(a, e)}
    sign = 1 if number > 0 else -1
    p = times({_sorted(kept): Fraction(sign)}, rest)
    if all(coefficient > 0 and all(is_positive(a) for a, _ in product) for product, coefficient in p.items()):
        return constant(1)
    if all(coefficient < 0 and all(is_positive(a) for a, _ in product) for product, coefficient in p.items()):
        return {}
    has_minus = leads_with_minus(p) if len(p) > 1 else next(iter(p.values())) < 0
    if has_minus and "step" not in repr(p) and not _is_somewhere_0(p):
        return minus(constant(1), _step(minus({}, p)))
    return atom(("function", "step", key(p)))


def _is_somewhere_0(p: Polynomial) -> bool:
    """Whether p is 0, whatever the symbols stand for, where its indices are equal: so is x_i - x_j."""
    indices = set().union(*map(_all_indices, p))
    try:
        return len(indices) > 1 and not with_indices(p, dict.fromkeys(indices, "*"))
    except ZeroDivisionError:
        return True


def even(a: Atom, exponent: Fraction) -> bool:
    """Whether an atom to a power is a square, which is above 0 wherever it is not 0."""
    return exponent % 2 == 0 and a[:2] != ("function", "step")


def is_positive(a: Atom) -> bool:
    """Whether an atom is above 0 for sure, whatever the symbols stand for."""
    match a:
        case ("exp", _) | ("size", _):
            return True
        case ("function", "sigmoid", _):
            return True
        case ("sum", _, product):
            return all(is_positive(each) for each, _ in product)
        case ("base", polynomial):
            return all(c > 0 and all(is_positive(each) for each, _ in product) for product, c in polynomial)
    return False


def vanishes_in_a_region(p: Polynomial) -> bool:
    """Whether p may be 0 for all numbers on one side of its steps, as max(0, x) is."""
    steps = sorted({_relabeled(a) for a in _steps_in(key(p))}, key=repr)
    for sides in itertools.product((1, 0), repeat=len(steps)):
        side = dict(zip(steps, sides, strict=True))
        try:
            if not rebuilt(p, lambda a, side=side: constant(side[s]) if (s := _relabeled(a)) in side else None):
                return True
        except ZeroDivisionError:
            return True
    return False


def _steps_in(part: object) -> list[Atom]:
    if not isinstance(part, tuple):
        return []
    found = [part] if part[:2] == ("function", "step") else []
    return sum(map(_steps_in, part), found)


def kinks_of(p: Polynomial) -> list[tuple[Atom, Polynomial]]:
    """Return the steps in a polynomial, each with the polynomial whose sign it tells."""
    return [(a, dict(a[2])) for product in p for a, _ in product if a[:2] == ("function", "step")]


# --- indices ---------------------------------------------------------------------------------------------------------


def delta(a: str, b: str) -> Polynomial:
    """Return 1 where two indices are called the same, else a delta."""
    return constant(1) if a == b else atom(("delta", *sorted((a, b))))


def indices_of(part: object) -> set[str]:
    """Return the indices in a part of a normal form, those of its sums (#) left out."""
    match part:
        case ("entry", _, *at) | ("delta", *at):
            return {index for index in at if not index.startswith("#")}
        case ("sum", _, product):  # its sizes may have any name
            return indices_of(product)
        case tuple():
            return set().union(*map(indices_of, part)) if part else set()
    return set()


def add_up(p: Polynomial, index: str, size: str) -> Polynomial:
    """Return the sum of p over an index."""
    result: Polynomial = {}
    for product, coefficient in p.items():
        result = plus(result, _added_up(product, index, size), coefficient)
    return result


def _added_up(product: Product, index: str, size: str) -> Polynomial:
    if size == "1":
        return {product: Fraction(1)}
    for a, _ in product:
        if a[0] == "delta" and index in a[1:]:  # the delta picks the term in which its two indices are equal
            (other,) = set(a[1:]) - {index}
            rest = tuple(pair for pair in product if pair[0] != a)
            return with_indices({rest: Fraction(1)}, {index: other})
    outside = tuple((a, e) for a, e in product if index not in indices_of(a))
    within = tuple(pair for pair in product if pair not in outside)
    if not within:
        return times({outside: Fraction(1)}, atom(("size", size)))
    over, flat = opened(within)
    result: Polynomial = {}
    for inner, coefficient in flat.items():
        result = plus(result, _sum([(index, size), *over], inner), coefficient)
    return times({outside: Fraction(1)}, result)


def opened(product: Product) -> tuple[list[tuple[str, str]], Polynomial]:
    """Return the indices that the sums of a product run over, with their sizes, and all that stands under them."""
    over: list[tuple[str, str]] = []
    result = constant(1)
    for a, exponent in product:
        if a[0] == "sum" and exponent > 0 and exponent.denominator == 1:
            for _ in range(int(exponent)):
                inner_over, inner = opened_once(a)
                over += inner_over
                result = times(result, {inner: Fraction(1)})
        else:
            result = times(result, atom(a, exponent))
    return over, result


def exchanged(over: list[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    """Yield the orders of indices and their sizes in which those of one size change places, sorted by size.

    Where they are more than ``MANY``, only one.
    """
    groups = [
        list(group) for _, group in itertools.groupby(sorted(over, key=lambda pair: pair[1]), lambda pair: pair[1])
    ]
    if math.prod(math.factorial(len(group)) for group in groups) > MANY:
        yield list(itertools.chain(*groups))
    else:
        for order in itertools.product(*map(itertools.permutations, groups)):
            yield list(itertools.chain(*order))


def opened_once(a: Atom) -> tuple[list[tuple[str, str]], Product]:
    """Return the indices of a sum, each with its size, and its product, under names that nothing else has."""
    _, sizes, product = a
    height = _height(a)
    names = {f"#{height}.{k}": f"_{next(_numbers)}" for k in range(len(sizes))}
    ((product, _),) = with_indices({product: Fraction(1)}, names).items()
    return list(zip(names.values(), sizes, strict=True)), product


def _height(part: object) -> int:
    match part:
        case ("sum", _, product):
            return 1 + _height(product)
        case tuple():
            return max(map(_height, part), default=0)
    return 0


def _sum(over: list[tuple[str, str]], product: Product) -> Polynomial:
    """Return a sum as an atom, its indices in the order that makes the product come first among all that are alike."""
    height = 1 + _height(product)
    sizes = dict(over)
    best = None
    for order in _orders(sizes, product):
        names = {index: f"#{height}.{k}" for k, index in enumerate(order)}
        candidate = with_indices({product: Fraction(1)}, names)
        if best is None or repr(key(candidate)) < repr(key(best[1])):
            best = order, candidate
    order, candidate = best
    ((renamed_product, coefficient),) = candidate.items()
    return {((("sum", tuple(sizes[index] for index in order), renamed_product), Fraction(1)),): coefficient}


def _orders(labels: dict[str, str], product: Product) -> Iterator[list[str]]:
    """Yield the orders of the indices of a sum that do not depend on their names, from labels that begin as their sizes.

    What tells an index from others is where it stands, and with which others. Of those that nothing tells apart, each comes
    first once.
    """
    while True:
        places = {
            index: (
                label,
                repr(_relabeled(tuple(pair for pair in product if index in indices_of(pair)), labels | {index: "*"})),
            )
            for index, label in labels.items()
        }
        ranks = {place: f"{rank:03}" for rank, place in enumerate(sorted(set(places.values())))}
        told_apart = len(ranks) > len(set(labels.values()))
        labels = {index: ranks[place] for index, place in places.items()}
        if not told_apart:
            break
    alike = Counter(labels.values())
    tied = min((label for label, count in alike.items() if count > 1), default=None)
    if tied is None:
        yield sorted(labels, key=labels.get)
    else:
        for index in [index for index, label in labels.items() if label == tied]:
            yield from _orders(labels | {index: f"{tied}-first"}, product)


def with_indices(p: Polynomial, names: dict[str, str]) -> Polynomial:
    """Return p with other indices."""

    def change(a: Atom) -> Polynomial | None:
        match a:
            case ("entry", name, *at):
                return atom(("entry", name, *(names.get(i, i) for i in at)))
            case ("delta", i, j):
                return delta(names.get(i, i), names.get(j, j))
        return None if names.keys() & _all_indices(a) else atom(a)

    return rebuilt(p, change)


def rebuilt(p: Polynomial, change: Callable[[Atom], Polynomial | None]) -> Polynomial:
    """Return p with other atoms, built anew: what becomes equal is put together. None leaves an atom to its parts."""
    result: Polynomial = {}
    for product, coefficient in p.items():
        built: Polynomial = constant(1)
        for a, exponent in product:
            built = times(built, _rebuilt_atom(a, exponent, change))
        result = plus(result, built, coefficient)
    return result


def _rebuilt_atom(a: Atom, exponent: Fraction, change: Callable[[Atom], Polynomial | None]) -> Polynomial:
    changed = change(a)
    if changed is not None:
        return atom(a, exponent) if changed == atom(a) else power(changed, exponent)
    match a:
        case ("sum", _, _):
            over, product = opened_once(a)
            changed = rebuilt({product: Fraction(1)}, change)
            as_before = [len(new) == len(product) and indices_of(new) >= dict(over).keys() for new in changed]
            if as_before == [True]:  # hangs together as it did
                ((product, coefficient),) = changed.items()
                changed = times(constant(coefficient), _sum(over, product))
            else:
                for index, size in over:
                    changed = add_up(changed, index, size)
        case ("exp", product):
            changed = function("exp", rebuilt({product: Fraction(1)}, change))
        case ("function", "power", polynomial, by):
            changed = raised(rebuilt(dict(polynomial), change), rebuilt(dict(by), change))
        case ("function", name, polynomial):
            changed = function(name, rebuilt(dict(polynomial), change))
        case ("base", polynomial):
            changed = rebuilt(dict(polynomial), change)
        case _:
            return atom(a, exponent)
    return power(changed, exponent)


def _all_indices(part: object) -> set[str]:
    match part:
        case ("entry", _, *at) | ("delta", *at):
            return set(at)
        case ("sum", _, product):
            return _all_indices(product)
        case tuple():
            return set().union(*map(_all_indices, part)) if part else set()
    return set()
