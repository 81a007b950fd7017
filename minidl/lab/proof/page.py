"""What is shown of a proof: the statement, its derivation, an entry worked out, and for which sizes and where it holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sympy

from minidl.lab.proof.derivation import Line, derive
from minidl.lab.proof.domain import Condition
from minidl.lab.proof.examples import entry_name, positions, small
from minidl.lab.proof.formula import (
    Formula,
    entry,
    inside,
    latex,
    name_latex,
    new_indices,
    partial_latex,
    size_latex,
    under,
)
from minidl.lab.proof.identities import vanishes
from minidl.lab.proof.normal_form import minus, normal_form
from minidl.lab.proof.statement import ProofError, Statement
from minidl.lab.proof.words import unlatex

WIDE = (
    140  # characters of a derivation's widest line and widest reason in plain text: more do not fit beside each other
)


@dataclass(frozen=True, repr=False)
class Proof:
    """What was proven, as text and in LaTeX. Jupyter shows the LaTeX."""

    text: str
    latex: str

    def __repr__(self) -> str:
        return self.text

    def _repr_latex_(self) -> str:
        return self.latex


def page(
    statement: Statement,
    where: list[Condition],
    lines: list[str],
    derivation: list[tuple[str, str]] | None = None,
    example: list[str] | None = None,
) -> Proof:
    """Return what is shown of a proof: its lines, the derivation and the example, and for which sizes and where it holds."""
    sizes = statement.sizes
    names = _listed(list(sizes))
    verdict = f"proven for every {names}" if sizes else "proven"
    verdict_latex = rf"\text{{{verdict.removesuffix(names)}}}" + _listed_latex(sizes)
    if where:
        verdict += ", where " + _listed([str(condition) for condition in where])
        verdict_latex += r"\text{, where }" + r"\text{ and }".join(condition.latex for condition in where)
    shown = [rf"& {line}" for line in lines]
    blocks = [shown]
    if derivation:
        blocks.append(list(_rows(derivation)))
    if example:
        blocks.append([rf"& {line}" for line in example])
    blocks[-1].append(rf"& \checkmark\ {verdict_latex}")
    text = [f"{statement.text}   ({verdict})", *(_in_plain(derivation) if derivation else [])]
    body = "\n\n".join(_aligned(block) for block in blocks)
    return Proof("\n".join(text), body)


def _rows(derivation: list[tuple[str, str]]) -> Iterator[str]:
    """Yield the rows of a derivation: reasons beside the lines, or, where that is too wide, below them."""
    plain = [(_in_text(line), _plain_reason(why)) for line, why in derivation]
    is_wide = sum(max(map(len, column)) for column in zip(*plain, strict=True)) > WIDE
    for line, why in derivation:
        if is_wide:
            yield line
            yield rf"& \qquad {_reason(why)}"
        else:
            yield f"{line} && {_reason(why)}"


def _in_plain(derivation: list[tuple[str, str]]) -> list[str]:
    width = max(len(_in_text(line)) for line, _ in derivation)
    return [f"  {_in_text(line):{width}}   {_plain_reason(why)}" for line, why in derivation]


def _in_text(line: str) -> str:
    return unlatex(line.replace("&", ""))


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


def headline(forward: Formula, wrt: Formula, claim: Formula, upstream: Formula | None) -> list[str]:
    """Return the lines that say what is known, and what is claimed of it, as matrices and entry by entry."""
    loss = name_latex(forward.args[0] if upstream is None else "L")
    given = list(definitions(forward, claim))
    if upstream is not None:
        given.append(f"{latex(upstream)} = {partial_latex('L', latex(forward))}")
    lines = [
        r",\qquad ".join(given),
        f"{under(partial_latex(loss, latex(wrt)), wrt)} = {latex(claim, shapes=True)}",
    ]
    at = new_indices(wrt.shape)
    if wrt.shape != ("1", "1"):
        lines.append(f"{partial_latex(loss, latex(wrt, at))} = {latex(claim, at)}")
    return lines


def definitions(*formulas: Formula) -> Iterator[str]:
    """Yield what stands behind the names in formulas."""
    found = {f"{latex(f)} = {latex(f.args[1])}": None for f in inside(*formulas) if f.op == "name"}
    yield from found


def derivation_of(
    statement: Statement, forward: Formula, wrt: Formula, upstream: Formula | None, claim: Formula
) -> list[tuple[str, str]]:
    """Return the lines of the derivation in LaTeX, each with its reason, from the chain rule to the claim."""
    lines = derive(forward, wrt, upstream)
    last = lines[-1].formula
    claimed = entry(claim, statement.at)
    for line in lines:
        is_open = any(part.op == "partial" for part in inside(line.formula))
        if not is_open and not vanishes(minus(statement.normal(line.formula), statement.normal(claimed))):
            raise ProofError(f"{statement.text}  could not be derived line by line")
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


def _as_matrices(claim: Formula, statement: Statement) -> str:
    """Return why entries written side by side are a product of matrices."""
    said = []
    for part in _written(claim):
        if part.op == "T" and part.args[0].op in ("symbol", "name"):
            rows, columns = new_indices(part.args[0].shape)
            if "1" not in part.args[0].shape:
                said.append(f"${latex(part.args[0], (rows, columns))} = ({latex(part)})_{{{columns}{rows}}}$")
        if part.op == "ones":
            said.append(f"${latex(part)}$ is a column of ones")
    row, column = statement.at
    only = "the only row" if statement.shape[1] != "1" else ""
    rows = f"row ${row}$" if statement.shape[0] != "1" else only
    where = ", ".join(filter(None, (rows, f"column ${column}$" if statement.shape[1] != "1" else "")))
    return f"{_listed(list(dict.fromkeys(said)))}: {where}" if said else where


def _written(formula: Formula) -> Iterator[Formula]:
    """Yield the parts of a formula that are written there, and not behind a name."""
    yield formula
    if formula.op != "name":
        for part in formula.args:
            if isinstance(part, Formula):
                yield from _written(part)


def worked_out(
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
