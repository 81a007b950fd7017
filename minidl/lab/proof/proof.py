"""`prove_gradient` and `prove_equal`: what others call."""

from __future__ import annotations

from minidl.lab.arguments import checked
from minidl.lab.proof.examples import sizes_of
from minidl.lab.proof.formula import Formula, as_formula, define, inside, latex, times
from minidl.lab.proof.page import Proof, definitions, derivation_of, headline, page, worked_out
from minidl.lab.proof.statement import Statement


@checked
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
        forward = define(_free_name(forward, claim, upstream), forward)
    statement = Statement.of_gradient(forward, wrt, claim, upstream)
    where = statement.prove()
    lines = headline(forward, wrt, claim, upstream)
    derivation = derivation_of(statement, forward, wrt, upstream, claim) if steps else None
    example = list(worked_out(entry, claim, forward, upstream, wrt)) if entry is not None else None
    return page(statement, where, lines, derivation, example)


@checked
def prove_equal(left: Formula | float, right: Formula | float) -> Proof:
    """Prove that two formulas of equal shape are equal, for every size; ProofError if not, ValueError for two shapes."""
    left, right = as_formula(left), as_formula(right)
    if left.shape != right.shape:
        raise ValueError(f"{left} = {right} expected equal shapes, got {times(left)} and {times(right)}")
    statement = Statement.of_equality(left, right)
    where = statement.prove()
    known = r",\qquad ".join(definitions(left, right))
    return page(statement, where, [*filter(None, [known]), f"{latex(left)} = {latex(right)}"])


def _free_name(forward: Formula, claim: Formula, upstream: Formula | None) -> str:
    """Return a name for the output, or for the loss, that nothing else has."""
    taken = {part.args[0] for part in inside(forward, claim) if part.op in ("symbol", "name")}
    first = "L" if upstream is None else "Y"
    return next(name for name in f"{first}ZFQRUV" if name not in taken)


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
    if upstream is wrt:
        raise ValueError(f"prove_gradient expected wrt and upstream to be two symbols, got {wrt} for both")
