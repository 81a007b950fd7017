"""The chain rule: what is left out of it, and where the derivative is taken."""

# ruff: noqa: D205, D400 - the docstrings are for the student, and as long as they need to be

from __future__ import annotations

import torch
from torch import Tensor

from minidl.lab.doctor.measure.batches import Case
from minidl.lab.doctor.mistakes.reading import CHAIN, FORGOTTEN, LAYER, MODULE, NOWHERE, PATHS, RELU, SIGMOID, TANH
from minidl.lab.doctor.mistakes.rules import wrong_value


@wrong_value("upstream forgotten", of="any", read=FORGOTTEN)
def upstream_forgotten(case: Case, what: str) -> Tensor | None:
    """{Where} leaves out the upstream gradient: it is what you get for grad_output = 1 everywhere. The chain rule
    multiplies with grad_output.
    """
    return None if what == "output" else case.of_ones[what]


@wrong_value("upstream as mask", of="input", read=RELU)
def upstream_as_mask(case: Case, what: str) -> list[Tensor | None]:
    """{Where} is masked by the sign of the upstream gradient. The mask has to come from the input: where was x
    positive?
    """
    G, truth = case.grad_output, case.truth["input"]
    if G.shape != truth.shape:
        return []
    slopes = (truth / G)[truth.isfinite()]
    if len(slopes.round(decimals=4).unique()) > 2:
        return []  # a mask chooses between two
    positive = (G > 0).to(G)
    return [G * positive, positive, truth * positive, case.vjp(G, G)["input"]]


@wrong_value("derivative forgotten", of="input", read=CHAIN)
def derivative_forgotten(case: Case, what: str) -> Tensor:
    """{Where} is the upstream gradient itself, passed through as it came: the derivative of this layer is missing."""
    return case.grad_output


@wrong_value("derivative forgotten", of="input", read=CHAIN, combined_with=("upstream forgotten",))
def always_one(case: Case, what: str) -> Tensor | None:
    """{Where} is the same everywhere: both the derivative of this layer and the upstream gradient are missing."""
    return None if case.subject.is_loss else torch.ones_like(case.truth[what])


@wrong_value("derivative at output", of="input", read=TANH)
def derivative_at_output(case: Case, what: str) -> Tensor | None:
    """{Where} takes the derivative at the output, f'(f(x)), where the chain rule takes it at the input, f'(x). (For
    tanh this is tanh taken twice.) Write it with x, or rewrite the formula in terms of y.
    """
    return case.vjp(case.output, case.grad_output)["input"] if case.batches.entrywise else None


@wrong_value("derivative at output", of="input", read=TANH, combined_with=("upstream forgotten",))
def derivative_at_output_alone(case: Case, what: str) -> Tensor | None:
    """{Where} takes the derivative at the output, f'(f(x)), where the chain rule takes it at the input, and leaves out
    the upstream gradient as well.
    """
    return case.vjp(case.output, torch.ones_like(case.output))["input"] if case.batches.entrywise else None


@wrong_value("derivative at upstream", of="input", read=SIGMOID)
def derivative_at_upstream(case: Case, what: str) -> list[Tensor | None]:
    """{Where} takes the derivative at the upstream gradient, f'(G), where the chain rule takes it at the input: G *
    f'(x). Which of the two does your formula get?
    """
    if not case.batches.entrywise:
        return []
    G, ones = case.grad_output, torch.ones_like(case.grad_output)
    return [case.vjp(G, G)["input"], case.vjp(G, ones)["input"], case.subject.output_at(G, case.target)]


@wrong_value("derivative at minus x", of="input", read=CHAIN)
def derivative_at_minus_x(case: Case, what: str) -> Tensor | None:
    """{Where} takes the derivative at -x, where it belongs at x: is there a minus too many, or one missing, or is a mask the
    wrong way round?
    """
    if not case.batches.entrywise:
        return None
    slopes = case.vjp(-case.input, case.grad_output)["input"]
    return None if case.is_multiple(slopes, case.truth[what]) else slopes  # of x * x, it is the sign that is wrong


@wrong_value("function for derivative", of="input", read=CHAIN)
def function_for_derivative(case: Case, what: str) -> Tensor | None:
    """{Where} multiplies by the function itself, f(x), where its derivative belongs, f'(x)."""
    return case.grad_output * case.output if case.batches.entrywise else None


@wrong_value("signs lost", of="any", read=CHAIN)
def signs_lost(case: Case, what: str) -> Tensor | None:
    """{Where} has the right size in every entry, but never a minus: signs are lost, as with an absolute value or a square."""
    signs = torch.cat([c.truth[what].sign().reshape(-1) for c in case.batches.cases])
    return case.truth[what].abs() if bool((signs > 0).any() and (signs < 0).any()) else None


@wrong_value("scale forgotten", of="input", read=CHAIN)
def scale_forgotten(case: Case, what: str) -> list[Tensor | None]:
    """{Where} leaves out a parameter by which forward multiplies: it is what you get if that is 1 everywhere."""
    params = [p for s in case.subject.slots if not s.depth and (p := case.parameter(s.name)) is not None]
    scales = [p for p in params if p.numel() == case.k and bool((p != 0).all()) and case.k == case.m]
    return [case.vjp(case.input, case.grad_output / p.reshape(-1))["input"] for p in scales]


@wrong_value("other gradient", of="input", read=MODULE)
def other_gradient(case: Case, what: str) -> list[Tensor | None]:
    """{Where} is the gradient of a parameter: that stays in the module. What is returned is the gradient of the input."""
    return [truth for name, truth in case.truth.items() if name not in ("input", "output")]


@wrong_value("diagonal only", of="input", read=PATHS)
def diagonal_only(case: Case, what: str) -> Tensor | None:
    """{Where} takes each output's derivative by the input at its own place only. Here every output of a sample depends on
    all its inputs, as in a softmax, and what comes back along all these ways adds up.
    """
    X, G = case.input, case.grad_output
    if case.subject.is_loss or case.batches.entrywise or X.ndim != 2 or X.shape != G.shape:
        return None
    columns = torch.eye(case.m, dtype=torch.float64).unsqueeze(1).expand(-1, case.n, -1)
    slopes = torch.stack([case.vjp(X, column)["input"][:, j] for j, column in enumerate(columns)], 1)
    return G * slopes


@wrong_value("path forgotten", of="input", read=PATHS)
def path_forgotten(case: Case, what: str) -> Tensor | None:
    """{Where} is short of exactly one upstream gradient. Where the input also goes straight on to the output, x + f(x), the
    upstream gradient comes straight back too, and is added.
    """
    truth, G = case.truth[what], case.grad_output
    return truth - G if truth.shape == G.shape and not case.is_multiple(truth, G) else None


@wrong_value("always zero", of="input", read=CHAIN)
def always_zero(case: Case, what: str) -> Tensor:
    """{Where} is zero, and the derivative is not."""
    return torch.zeros_like(case.truth[what])


@wrong_value("always zero", of="output", read=NOWHERE)
def output_always_zero(case: Case, what: str) -> Tensor:
    """{Where} is zero, where other numbers belong."""
    return torch.zeros_like(case.truth[what])


@wrong_value("product rule", of="input", read=PATHS)
def term_of_product_missing(case: Case, what: str) -> list[Tensor | None]:
    """{Where} lacks one term of the product rule. Forward multiplies the input with something that depends on the input too,
    x f(x): the input goes two ways, and what comes back along both is added, f(x) + x f'(x).
    """
    X, Y, G, truth = case.input, case.output, case.grad_output, case.truth[what]
    if case.subject.is_loss or not X.shape == Y.shape == G.shape or not bool((X != 0).all()):
        return []
    term = G * Y / X
    told = [c.is_multiple(c.truth[what], c.grad_output * c.output / c.input) for c in case.batches.cases]
    return [] if all(told) or case.close(term, G) else [term, truth - term]


@wrong_value("formula for the output", of="input", read=TANH)
def formula_for_the_output(case: Case, what: str) -> list[Tensor | None]:
    """{Where} puts the input x into the formula that belongs to the output y: for tanh it is 1 - y^2, for the sigmoid
    y (1 - y), with y = f(x).
    """
    X, G = case.input, case.grad_output
    return [
        G * slope if case.close(case.output, f(X)) else None
        for f, slope in ((torch.tanh, 1 - X * X), (torch.sigmoid, X * (1 - X)))
    ]


@wrong_value("gradient missing", of="param", read=LAYER, also_where_none=True)
def gradient_missing(case: Case, what: str) -> Tensor:
    """{Where} stays zero: backward never computes it, so this parameter will not learn."""
    return torch.zeros_like(case.truth[what])
