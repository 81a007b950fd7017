"""What a wrong claim is told: which factor or term is missing or too many, in index notation, as a teacher would say it."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction

import sympy

from minidl.lab.proof.formula import Formula, as_formula, free_indices, inside, new_indices, new_token, tidy, total
from minidl.lab.proof.normal_form import (
    Atom,
    Polynomial,
    Product,
    content,
    exchanged,
    minus,
    opened,
    opened_once,
    with_indices,
)
from minidl.lab.proof.words import plain


@dataclass(frozen=True)
class Reply:
    """Two sides that differ: their names, their entries as they were written, and their normal forms.

    ``formulas`` are what the statement is about, the last one the message that arrives, if there is one. Where the reply is
    ``discreet``, it says what the first side has and should not have, and of the second only whether the message is in it.
    """

    names: tuple[str, str]
    entries: tuple[Formula, Formula]
    polynomials: tuple[Polynomial, Polynomial]
    formulas: tuple[Formula, ...]
    discreet: bool = False

    def lines(self, *, is_wrong: bool) -> list[str]:
        width = max(map(len, self.names))
        written = [
            f"  {name:{width}}  {plain(tidy(side))}" for name, side in zip(self.names, self.entries, strict=True)
        ]
        said = self.difference() if is_wrong else []
        if len(said) > MANY:
            said = [f"{self.subject} differs in more than one place."]
        return [*written, *(f"  {sentence}" for sentence in said)]

    def hint(self, refuted: list[str]) -> list[str]:
        """Return lines that do not give the second side away: the first as an entry, and one thing that is wrong with it."""
        lines = [f"  {self.names[0]}  {plain(tidy(self.entries[0]))}"]
        said = replace(self, discreet=True).difference() if refuted else []
        if len(said) > 1:
            said = [f"{self.subject} differs in more than one place: begin with one single entry."]
        where = refuted[0].strip().removesuffix(":").replace(", entry", ", in entry") if refuted else ""
        return [*lines, *(f"  {sentence}" for sentence in said), *([f"  {where}, both sides differ."] if where else [])]

    def difference(self) -> list[str]:
        """Return sentences on what the first side has that the second has not, and the other way round."""
        claim, truth = self.polynomials
        if not claim or not truth:
            return []
        ratio = _ratio(claim, truth)
        if ratio and all(a[0] == "size" for a, _ in ratio[1]):
            return [f"{self.subject} is {_in_words(*ratio)}."]
        if len(claim) == len(truth) == 1:
            return self._one_product(next(iter(claim)), next(iter(truth)))
        if ratio:
            factors = Counter({a: int(e) for a, e in ratio[1]})
            return self._factors(+factors, +Counter({a: -e for a, e in factors.items()}))
        return self._terms(claim, truth)

    @property
    def taken(self) -> tuple[str, ...]:
        """The indices of the entry that both sides are."""
        return tuple(dict.fromkeys(itertools.chain(*map(free_indices, self.entries))))

    @property
    def subject(self) -> str:
        return {"claimed": "The claim"}.get(self.names[0], f"The {self.names[0]} side")

    def _one_product(self, claimed: Product, true: Product) -> list[str]:
        """Compare two products: indices that stand elsewhere, factors that are missing, and factors that are too many.

        An index that a sum runs over may have any name, so of all names those are taken with which the least is different.
        """
        pairs = itertools.product(_arrangements(claimed, self.taken), _arrangements(true, self.taken))
        extra, missing = min(((a - b, b - a) for a, b in pairs), key=lambda pair: pair[0].total() + pair[1].total())
        sentences = []
        only_these = extra.total() == missing.total() == 1
        for a, b in itertools.product(list(extra), list(missing)):
            alike = only_these or (a[:2] == b[:2] and a[0] in ("entry", "function"))
            if alike and extra[a] and missing[b]:
                sentences.append(
                    f"{self.subject} has {self._factor(a)} where {self._of_truth(self._factor(b))} stands."
                )
                extra[a] -= 1
                missing[b] -= 1
        return sentences + self._factors(+extra, +missing)

    def _factors(self, extra: Counter[Atom], missing: Counter[Atom]) -> list[str]:
        lacking = dict.fromkeys(self._lacking(self._factor(a)) for a in missing)
        return [f"{self.subject} lacks {what}." for what in lacking] + [
            f"{self.subject} has the factor {self._factor(a)} too many." for a in extra
        ]

    def _terms(self, claim: Polynomial, truth: Polynomial) -> list[str]:
        """Compare two sums of several products term by term."""
        sentences = []
        for product in claim:
            if product in truth and truth[product] != claim[product]:
                ratio = _in_words(claim[product] / truth[product], ())
                sentences.append(f"Its term {self._write({product: claim[product]})} is {ratio}.")
        missing = {product: c for product, c in truth.items() if product not in claim}
        extra = {product: c for product, c in claim.items() if product not in truth}
        if len(missing) == len(extra) == 1:
            right = self._of_truth(self._write(missing))
            return [*sentences, f"{self.subject} has {self._write(extra)} where {right} stands."]
        if 0 < len(missing) <= MANY:
            sentences.append(f"{self.subject} lacks {'a term' if self.discreet else self._write(missing)}.")
        if 0 < len(extra) <= MANY:
            sentences.append(f"{self.subject} has {self._write(extra)} too many.")
        elif extra and missing and self.discreet:  # what is missing would not be all there is to say
            sentences.append(f"{self.subject} has {len(extra)} terms too many.")
        return sentences

    def _of_truth(self, written: str) -> str:
        return "something else" if self.discreet else written

    def _lacking(self, factor: str) -> str:
        """Return in words which factor is missing."""
        message = f"{self.formulas[-1]}".lower() if len(self.formulas) == 4 else ""  # forward, wrt, claim, upstream
        known = not self.discreet or (message and factor.split("_")[0] == message)
        return f"the factor {factor}" if known else "a factor"

    def _factor(self, a: Atom) -> str:
        return self._write({((a, Fraction(1)),): Fraction(1)})

    def _write(self, p: Polynomial) -> str:
        return plain(tidy(as_written(p, self.formulas), self.taken))


MANY = 3  # terms, or sentences: more of them are no help


def _in_words(number: Fraction, sizes: Product) -> str:
    """Return how many times too large something is, or too small."""
    large = [str(abs(number.numerator))] if abs(number.numerator) != 1 else []
    small = [str(number.denominator)] if number.denominator != 1 else []
    for (_, name), exponent in sizes:
        power, side = abs(exponent), large if exponent > 0 else small
        side.extend([name] * int(power) if power.denominator == 1 else [f"{name}^({power})"])
    said = ["of the wrong sign"] if number < 0 else []
    said += [f"{' · '.join(large)} times too large"] if large else []
    said += [f"{' · '.join(small)} times too small"] if small else []
    return " and ".join(said)


def _ratio(claim: Polynomial, truth: Polynomial) -> tuple[Fraction, Product] | None:
    """Return a number and a product of which the claim is that many times the truth, if there are."""
    (m, above, p), (n, below, q) = content(claim), content(truth)
    exponents = Counter(dict(above))
    exponents.subtract(dict(below))
    if p == minus({}, q):
        m, p = -m, q
    return (m / n, tuple((a, e) for a, e in exponents.items() if e)) if p == q else None


def _arrangements(product: Product, taken: tuple[str, ...]) -> list[Counter[Atom]]:
    """Return a product's factors, those under its sums too, for every way to name the indices of the sums."""
    over, flat = opened(product)
    result = []
    for order in exchanged(over):
        indices, sizes = zip(*order, strict=True) if order else ((), ())
        names = dict(zip(indices, new_indices(sizes, taken), strict=True))
        result += [Counter({a: int(e) for a, e in named}) for named in with_indices(flat, names)]
    return result


# --- from the normal form back to a formula --------------------------------------------------------------------------


def as_written(p: Polynomial, formulas: tuple[Formula, ...]) -> Formula:
    """Return a polynomial in normal form as a formula in index notation; its symbols are those of the formulas."""
    return _sum(p, {part.args[0]: part for part in inside(*formulas) if part.op == "symbol"})


def _sum(p: Polynomial, symbols: dict[str, Formula]) -> Formula:
    result = as_formula(0)
    for product, coefficient in sorted(p.items(), key=lambda item: item[1] < 0):
        term = Formula("number", (sympy.Rational(abs(coefficient.numerator), 1),)) * _product(product, symbols)
        term = term / Formula("number", (sympy.Integer(coefficient.denominator),))
        result = result + term if coefficient > 0 else (-term if result.op == "number" else result - term)
    return result


def _product(product: Product, symbols: dict[str, Formula]) -> Formula:
    above, below = as_formula(1), as_formula(1)
    for a, exponent in product:
        factor, size = _atom(a, symbols), abs(exponent)
        if size != 1:
            factor = factor ** Formula("number", (sympy.Rational(size.numerator, size.denominator),))
        if exponent > 0:
            above = above * factor
        else:
            below = below * factor
    return above / below


def _atom(a: Atom, symbols: dict[str, Formula]) -> Formula:
    match a:
        case ("size", name):
            return Formula("symbol", (name,))
        case ("entry", name, *at) if at:
            found = iter(at)
            places = tuple(next(found) if size != "1" else None for size in symbols[name].shape)
            return Formula("entry", (symbols[name], places))
        case ("entry", name):
            return symbols[name]
        case ("delta", *at):
            return Formula("delta", tuple(at))
        case ("sum", _, _):
            over, product = opened_once(a)
            names = {index: new_token(size) for index, size in over}
            ((product, _),) = with_indices({product: Fraction(1)}, names).items()
            return total(tuple((names[index], size) for index, size in over), _product(product, symbols))
        case ("exp", product):
            return Formula("exp", (_product(product, symbols),))
        case ("function", "power", base, exponent):
            return _sum(dict(base), symbols) ** _sum(dict(exponent), symbols)
        case ("function", name, polynomial):
            return Formula(name, (_sum(dict(polynomial), symbols),))
        case ("base", polynomial):
            return _sum(dict(polynomial), symbols)
    raise TypeError(f"no such atom: {a}")
