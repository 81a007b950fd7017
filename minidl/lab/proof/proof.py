"""`prove_gradient` and `prove_equal`: a statement, its proof for every size, and what Jupyter shows of it.

Both sides of a statement are brought to index notation and compared in `normal_form`; where they look different,
`identities` asks SymPy about the single entries. What is proven that way holds for every number of rows and columns. Where
nothing is proven, `examples` writes small sizes out: a difference there refutes the statement, and `reply` says what it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sympy

from minidl.lab.proof.calculus import derived, picked
from minidl.lab.proof.derivation import Line, derive
from minidl.lab.proof.examples import (
    LARGEST,
    WrittenOut,
    differ,
    entry_name,
    positions,
    sizes_of,
    small,
    smallest_sizes,
    true_gradient,
)
from minidl.lab.proof.formula import (
    Formula,
    as_formula,
    define,
    entry,
    inside,
    latex,
    name_latex,
    new_indices,
    new_token,
    partial_latex,
    size_latex,
    times,
    total,
    under,
)
from minidl.lab.proof.identities import vanishes
from minidl.lab.proof.normal_form import Polynomial, kinks_of, minus, normal_form
from minidl.lab.proof.reply import Reply, as_written
from minidl.lab.proof.words import plain, unlatex


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
    steps: bool = False,
    entry: tuple[int, int] | None = None,
) -> Proof:
    """Prove that ``claim`` is dL/d(wrt), for every number of rows and columns.

    All that is known of the loss L is that it depends on the output Y = ``forward``, and ``upstream`` = dL/dY. Then, by
    the chain rule, the derivative of L with respect to one entry w of ``wrt`` is sum_ij g_ij dy_ij/dw. Without
    ``upstream``, ``forward`` is the loss itself, of shape 1 x 1.

    Parameters
    ----------
    forward, claim : Formula
        Where they have a kink (relu, abs, sign, >), the proof holds on both sides of it, not on the kink itself. A symbolic
        number with the name of a size is that size.
    wrt, upstream : Formula
        Symbols made by `matrices` or `scalars`.
    steps : bool
        Show the derivation too, line by line in index notation.
    entry : tuple of two int, optional
        Row and column of an entry of ``wrt`` to work out on the page at a small size, counted from 1 as on paper.

    Raises
    ------
    ProofError
        If the claim is wrong, or cannot be decided.
    ValueError
        If something has another shape than it needs, or is not a symbol where one is needed.
    """
    claim = as_formula(claim)
    _check_gradient(forward, wrt, claim, upstream)
    if forward.op != "name":
        forward = define("L" if upstream is None else "Y", forward)
    statement = _Statement.of_gradient(forward, wrt, claim, upstream)
    statement.prove()

    loss = forward.args[0] if upstream is None else "L"
    given = list(_definitions(forward, claim))
    if upstream is not None:
        given.append(f"{latex(upstream)} = {partial_latex('L', latex(forward))}")
    lines = [
        r",\qquad ".join(given),
        f"{under(partial_latex(name_latex(loss), latex(wrt)), wrt)} = {latex(claim, shapes=True)}",
    ]
    at = new_indices(wrt.shape)
    if wrt.shape != ("1", "1"):
        lines.append(f"{partial_latex(name_latex(loss), latex(wrt, at))} = {latex(claim, at)}")
    derivation = _derivation(statement, forward, wrt, upstream, claim) if steps else []
    example = list(_worked_out(entry, claim, forward, upstream, wrt)) if entry is not None else []
    return _proof(statement, lines, derivation, example)


def prove_equal(left: Formula | float, right: Formula | float) -> Proof:
    """Prove that two formulas of equal shape are equal, for every size; ProofError if not, ValueError for two shapes."""
    left, right = as_formula(left), as_formula(right)
    if left.shape != right.shape:
        raise ValueError(f"{left} = {right} expected equal shapes, got {times(left)} and {times(right)}")
    statement = _Statement.of_equality(left, right)
    statement.prove()
    lines = [r",\qquad ".join(_definitions(left, right)), f"{latex(left)} = {latex(right)}"]
    return _proof(statement, [line for line in lines if line], [], [])


def _check_gradient(forward: Formula, wrt: Formula, claim: Formula, upstream: Formula | None) -> None:
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
    if wrt.shape == ("1", "1") and wrt.args[0] in sizes_of(forward, claim):
        raise ValueError(f"prove_gradient expected wrt to be a symbol, got {wrt}, which is the size {wrt} here")
    if upstream is not None and any(part is upstream for part in inside(forward)):
        raise ValueError(
            f"prove_gradient expected upstream to be a symbol of its own, got {upstream}, used in {forward}"
        )


# --- what is proven --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Statement:
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
    def of_gradient(cls, forward: Formula, wrt: Formula, claim: Formula, upstream: Formula | None) -> _Statement:
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
    def of_equality(cls, left: Formula, right: Formula) -> _Statement:
        at = new_indices(left.shape)
        entries = entry(left, at), entry(right, at)
        return cls(f"{left} = {right}", ("left", "right"), at, left.shape, entries, (left, right), None)

    def __post_init__(self) -> None:
        symbols = {part.args[0].lower(): part for part in inside(*self.formulas) if part.op == "symbol"}
        for part in inside(*self.formulas):
            if part.op == "symbol" and part is not symbols[part.args[0].lower()]:
                other = symbols[part.args[0].lower()]
                raise ValueError(
                    f"a proof expected names that differ in more than capitals, and one shape for each, "
                    f"got {part} ({times(part)}) and {other} ({times(other)})"
                )

    @property
    def sizes(self) -> tuple[str, ...]:
        return sizes_of(*self.formulas)

    def normal(self, formula: Formula) -> Polynomial:
        return normal_form(formula, self.sizes)

    def prove(self) -> None:
        """Raise ProofError unless both sides are equal for every size."""
        try:
            left, right = map(self.normal, self.entries)
            difference = minus(left, right)
            refuted = difference and self.counterexample(largest=1)  # SymPy would take its time to say so
            if not refuted and vanishes(difference):
                return
        except ZeroDivisionError as error:
            raise ProofError(f"{self.text}  could not be decided: {error}") from None
        refuted = refuted or self.counterexample()
        verdict = "is wrong" if refuted else "could not be decided"
        reply = Reply(self.names, self.entries, (left, right), self.formulas)
        raise ProofError("\n".join([f"{self.text}  {verdict}", *reply.lines(is_wrong=bool(refuted)), *refuted]))

    def written_out(self, write: WrittenOut) -> tuple[sympy.Matrix, sympy.Matrix]:
        """Return both sides, entry by entry, at given sizes."""
        if self.gradient is None:
            left, right = self.formulas
            return write(left), write(right)
        forward, wrt, upstream = self.gradient
        return write(self.formulas[2]), true_gradient(forward, wrt, upstream, write)

    def counterexample(self, largest: int = LARGEST) -> list[str]:
        """Return lines that show an entry in the smallest size in which both sides differ, none if there is no such size."""
        for sizes in smallest_sizes(self.sizes, largest):
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

    def kinks(self) -> list[Formula]:
        """Return what must not be 0 for the statement to be proven, in index notation.

        Where nothing jumps and no kink is differentiated, both sides are continuous, and equal on the kinks as well.
        """
        jumps = [part for part in inside(*self.formulas) if part.op in ("sign", "step")]
        for part in inside(*self.formulas):
            if part.op == "derivative" or (self.gradient and part is self.gradient[0]):
                x = part.args[1] if part.op == "derivative" else self.gradient[1]
                jumps += [kink for kink in inside(part) if kink.op in ("relu", "abs") and x in inside(kink)]
        found: dict[object, Formula] = {}
        for jump in jumps:
            argument = entry(jump.args[0], new_indices(jump.args[0].shape))
            for inner, polynomial in kinks_of(self.normal(Formula("step", (argument,)))):
                if self.normal(argument) in (polynomial, minus({}, polynomial)):
                    found[inner] = argument.args[0] if argument.op == "neg" else argument
                else:
                    found.setdefault(inner, as_written(polynomial, self.formulas))
        return list(found.values())


# --- on the page -----------------------------------------------------------------------------------------------------


def _proof(statement: _Statement, lines: list[str], derivation: list[tuple[str, str]], example: list[str]) -> Proof:
    sizes, kinks = statement.sizes, statement.kinks()
    names = _listed(list(sizes))
    verdict = f"proven for every {names}" if sizes else "proven"
    verdict_latex = rf"\text{{{verdict.removesuffix(names)}}}" + _listed_latex(sizes)
    if kinks:
        verdict += ", where " + _listed([f"{plain(kink)} ≠ 0" for kink in kinks])
        verdict_latex += r"\text{, where }" + r"\text{ and }".join(rf"{latex(kink)} \ne 0" for kink in kinks)
    shown = [rf"& {line}" for line in lines]
    blocks = [shown]
    if derivation:
        head, *rest = derivation
        blocks.append([rf"{head[0]} && {_reason(head[1])}", *(rf"{line} && {_reason(why)}" for line, why in rest)])
    if example:
        blocks.append([rf"& {line}" for line in example])
    blocks[-1].append(rf"& \checkmark\ {verdict_latex}")
    text = [f"{statement.text}   ({verdict})"]
    if derivation:
        width = max(len(unlatex(line.replace("&", ""))) for line, _ in derivation)
        text += [
            f"  {unlatex(line.replace('&', '')):{width}}   {why.replace('$', '') and _plain_reason(why)}"
            for line, why in derivation
        ]
    body = "\n\n".join(_aligned(block) for block in blocks)
    return Proof("\n".join(text), body)


def _aligned(rows: list[str]) -> str:
    joined = " \\\\[4pt]\n".join(rows)
    return f"$$\\begin{{aligned}}\n{joined}\n\\end{{aligned}}$$"


def _listed(names: list[str]) -> str:
    """Return names as a list in words: n, in and out."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def _listed_latex(sizes: tuple[str, ...]) -> str:
    return _listed([size_latex(size) for size in sizes]).replace(", ", r",\, ").replace(" and ", r"\text{ and }")


def _reason(text: str) -> str:
    """Return a reason in LaTeX: words as text, and formulas, between dollar signs, as they are."""
    parts = text.split("$")
    return r"\quad " + "".join(part if k % 2 else rf"\text{{{part}}}" for k, part in enumerate(parts) if part)


def _plain_reason(text: str) -> str:
    parts = text.split("$")
    return "(" + "".join(unlatex(part) if k % 2 else part for k, part in enumerate(parts)) + ")"


def _definitions(*formulas: Formula) -> Iterator[str]:
    """Yield what names stand for, each once: a claim and its check may both have defined it."""
    names = (part for part in inside(*formulas) if part.op == "name")
    yield from dict.fromkeys(f"{latex(name)} = {latex(name.args[1])}" for name in names)


def _derivation(
    statement: _Statement, forward: Formula, wrt: Formula, upstream: Formula | None, claim: Formula
) -> list[tuple[str, str]]:
    """Return the lines of the derivation in LaTeX, each with its reason, from the chain rule to the claim."""
    lines = derive(forward, wrt, upstream)
    last = lines[-1].formula
    claimed = entry(claim, statement.at)
    for line in lines:
        if not any(part.op == "partial" for part in inside(line.formula)):
            assert vanishes(minus(statement.normal(line.formula), statement.normal(claimed))), line
    if normal_form(last, statement.sizes, open_names=False) != normal_form(claimed, statement.sizes, open_names=False):
        lines.append(Line(claimed, _rewritten(last, claimed, statement.at)))
    loss = name_latex(forward.args[0] if upstream is None else "L")
    left = partial_latex(loss, latex(wrt, statement.at))
    shown = [(f"{left if k == 0 else ''} &= {latex(line.formula)}", line.reason) for k, line in enumerate(lines)]
    if wrt.shape != ("1", "1"):
        index = "".join(i for i, size in zip(statement.at, wrt.shape, strict=True) if size != "1")
        shown.append((rf" &= \left({latex(claim)}\right)_{{{index}}}", _as_matrices(claim, statement)))
    return shown


def _rewritten(last: Formula, claimed: Formula, at: tuple[str, str]) -> str:
    names = dict.fromkeys(
        part.args[0] for part in inside(last, claimed) if part.op == "entry" and part.args[0].op == "name"
    )
    said = [
        f"${latex(name, new_indices(name.shape))} = {latex(name.args[1], new_indices(name.shape))}$" for name in names
    ]
    return "since " + _listed(said) if said else "the same, for all numbers"


def _as_matrices(claim: Formula, statement: _Statement) -> str:
    """Return why entries written side by side are a product of matrices."""
    said: dict[str, None] = {}
    for part in _visible(claim):
        if part.op == "T" and part.args[0].op in ("symbol", "name"):
            rows, columns = new_indices(part.args[0].shape)
            if "1" not in part.args[0].shape:
                said[f"${latex(part.args[0], (rows, columns))} = ({latex(part)})_{{{columns}{rows}}}$"] = None
        if part.op == "ones":
            said[f"${latex(part)}$ is a column of ones"] = None
    where = ", ".join(
        f"{word} ${index}$"
        for word, index, size in zip(("row", "column"), statement.at, statement.shape, strict=True)
        if size != "1"
    )
    return f"{_listed(list(said))}: {where}" if said else where


def _visible(formula: Formula) -> Iterator[Formula]:
    """Yield what a formula is made of as it is printed: what a name stands for is not seen."""
    if formula.op != "name":
        for part in formula.args:
            if isinstance(part, Formula):
                yield from _visible(part)
    yield formula


def _worked_out(
    at: tuple[int, int], claim: Formula, forward: Formula, upstream: Formula | None, wrt: Formula
) -> Iterator[str]:
    """Yield the lines that derive one entry of the gradient at a small size."""
    write = small(forward, claim)
    symbols, outputs = write(wrt), write(forward)
    weights = sympy.ones(1, 1) if upstream is None else write(upstream)
    row, column = (k - 1 for k in at)
    if not (0 <= row < symbols.rows and 0 <= column < symbols.cols):
        raise ValueError(
            f"prove_gradient expected an entry within {symbols.rows} x {symbols.cols}, counted from 1, got {at}"
        )
    shown = r",\, ".join(f"{size_latex(name)} = {size}" for name, size in write.sizes.items())
    yield r"\text{one entry worked out, for }" + shown + ":"
    symbol = symbols[row, column]
    slopes = outputs.diff(symbol)
    terms = [(weights[place], slopes[place], place) for place in positions(slopes) if slopes[place] != 0]
    bottom = sympy.latex(symbol)
    if upstream is None:
        yield f"{partial_latex(name_latex(forward.args[0]), bottom)} = {_sum(slope for _, slope, _ in terms)}"
    else:
        over = new_indices(forward.shape)
        yield (
            rf"{partial_latex('L', bottom)} = \sum_{{{','.join(over)}}} {latex(upstream, over)} \, "
            + partial_latex(latex(forward, over), bottom)
        )
        named = [entry_name(forward, *place) for _, _, place in terms]
        yield r"\qquad = " + " + ".join(
            rf"{sympy.latex(g)} \, {partial_latex(y, bottom)}" for (g, _, _), y in zip(terms, named, strict=True)
        )
        yield r"\qquad = " + _sum(sympy.Mul(g, slope) for g, slope, _ in terms)
    yield rf"\qquad = \left({latex(claim)}\right)_{{{row + 1}{column + 1}}}"


def _sum(terms: Iterator[sympy.Expr]) -> str:
    return " + ".join(sympy.latex(term) for term in terms) or "0"
