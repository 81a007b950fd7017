"""The mistakes that the doctor knows: for each, a sentence for the student and a small function that recognises it.

The sentence is the function's docstring. There are three kinds:

- A *factor* is a number that may stand in front of what is right, or of another mistake. (Its second sentence is for a
  loss, which forgets its factors in another way.)
- A *wrong value* is a prediction: given a batch, the function returns what somebody who makes this mistake would have
  computed. The doctor compares, allows for a factor on top, and believes it only if it fits every batch.
- A *misbehaviour* is an experiment: the function tries something on fresh copies of the module and returns what it saw,
  or None.

To add a mistake, write one more function. In its sentence, {where} and {Where} are what is wrong ("the gradient of
weight"), and other names in braces are what a misbehaviour has seen.
"""

# ruff: noqa: D205, D400, D403 - the docstrings are for the student, and as long as they need to be

from __future__ import annotations

import functools
import inspect
import itertools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from minidl.lab._exam import Batch, Case
from minidl.lab._experiments import Experiments
from minidl.lab._patient import (
    PAIR_METHODS,
    ZERO_METHODS,
    Trouble,
    as_tensor,
    get,
    is_numpy,
    new_memory_filled,
    put,
    random_states,
    same,
    show,
)
from minidl.lab._trial import Trial, adam, descent

# Where to read on: notebook and section
MODULE = ("01_module.ipynb", "The contract")
CHAIN = ("01_module.ipynb", "A chain of three")
FORGOTTEN = ("01_module.ipynb", "Mistakes")
LINEAR = ("02_linear.ipynb", "Mistakes")
RELU = ("03_relu.ipynb", "Mistakes")
TANH = ("04_tanh.ipynb", "Mistakes")
SIGMOID = ("05_sigmoid.ipynb", "Mistakes")
MSE = ("06_mse.ipynb", "Mistakes")
SEQUENTIAL = ("07_sequential.ipynb", "Mistakes")
SGD = ("08_sgd.ipynb", "Mistakes")
ADDED = ("01_module.ipynb", "Gradients are added")
KEPT = ("01_module.ipynb", "One backward for each forward")
KINK = ("03_relu.ipynb", "The kink")
OVERFLOW = ("05_sigmoid.ipynb", "When the formula fails")
DIVISORS = ("06_mse.ipynb", "Sum, batchmean, mean: who divides by what?")
CROSS_ENTROPY = ("12_your_own_layer.ipynb", "Softmax minus one-hot")
OVERFLOWING_SOFTMAX = ("12_your_own_layer.ipynb", "When the softmax overflows")
MOMENTUM = ("12_your_own_layer.ipynb", "An optimiser: momentum")
ADAM = ("12_your_own_layer.ipynb", "Adam, and its bias correction")


@dataclass(frozen=True)
class WrongValue:
    name: str
    of: str  # "input": what backward returns; "param": a parameter's gradient; "output": of forward; "any" of them
    says: str
    read: tuple[str, str]
    predict: Callable[[Case, str], Tensor | Iterable[Tensor | None] | None]
    also: tuple[str, ...] = ()  # names of mistakes that this one is a combination with
    last: bool = False  # to be tried where no other fits


@dataclass(frozen=True)
class Misbehaviour:
    name: str
    says: str
    read: tuple[str, str]
    observe: Callable[[Any], dict[str, Any] | None]  # of Experiments, or of a Trial


@dataclass(frozen=True)
class Factor:
    name: str
    says: str
    says_of_loss: str
    value: Callable[[Case], float]


FACTORS: list[Factor] = []
WRONG_VALUES: list[WrongValue] = []
MISBEHAVIOURS: list[Misbehaviour] = []
WRONG_STEPS: list[Misbehaviour] = []  # of optimisers


def _sentences(function: Callable) -> list[str]:
    """Return the paragraphs of a docstring, each as one line."""
    return [" ".join(paragraph.split()) for paragraph in (function.__doc__ or function.__name__).split("\n\n")]


def factor(name: str) -> Callable:
    def register(value: Callable) -> Callable:
        says, *of_loss = _sentences(value)
        FACTORS.append(Factor(name, says, *(of_loss or [says]), value))
        return value

    return register


def wrong_value(
    name: str, *, of: str, read: tuple[str, str], also: tuple[str, ...] = (), last: bool = False
) -> Callable:
    def register(predict: Callable) -> Callable:
        WRONG_VALUES.append(WrongValue(name, of, _sentences(predict)[0], read, predict, also, last))
        return predict

    return register


def misbehaviour(name: str, *, read: tuple[str, str]) -> Callable:
    def register(observe: Callable) -> Callable:
        MISBEHAVIOURS.append(Misbehaviour(name, _sentences(observe)[0], read, observe))
        return observe

    return register


def wrong_step(name: str, *, read: tuple[str, str]) -> Callable:
    def register(observe: Callable) -> Callable:
        WRONG_STEPS.append(Misbehaviour(name, _sentences(observe)[0], read, observe))
        return observe

    return register


# ---------------------------------------------------------------------------------------------------------------------
# Factors, alone or on top of another wrong value


@factor("sign")
def sign(case: Case) -> float:
    """{Where} has the wrong sign: a descent along it climbs.

    backward returns minus the derivative of your own loss: does the target come first, where it has to be subtracted? With
    it, a descent climbs.
    """
    return -1


@factor("2")
def twice(case: Case) -> float:
    """{Where} is twice what it should be: there is a 2 too many, or something is added twice.

    backward returns twice the derivative of your own loss: forward has a 1/2 that backward does not have, or
    backward a 2 too many.
    """
    return 2


@factor("1/2")
def half(case: Case) -> float:
    """{Where} is half of what it should be: the 2 from the derivative of a square is missing, or there is a 1/2 too
    many.

    backward returns half the derivative of your own loss: the 2 from the derivative of the square is missing, or
    there is a 1/2 too many.
    """
    return 1 / 2


@factor("n")
def times_n(case: Case) -> float:
    """{Where} is n times too large, n being the number of samples: something multiplies by the batch size, or sums
    over the batch twice.

    backward returns n times the derivative of your own loss, n being the number of samples: forward divides by n,
    and backward does not.
    """
    return case.n


@factor("1/n")
def divided_by_n(case: Case) -> float:
    """{Where} is divided by n, the number of samples. A gradient is the sum over the batch; whether to average is for
    the loss alone to decide.

    backward returns 1/n of the derivative of your own loss, n being the number of samples: backward divides by n,
    and forward does not.
    """
    return 1 / case.n


@factor("m")
def times_m(case: Case) -> float:
    """{Where} is m times too large, m being the number of features of the input.

    backward returns m times the derivative of your own loss, m being the number of outputs: forward divides by m,
    and backward does not. With one output nobody sees it.
    """
    return case.m


@factor("1/m")
def divided_by_m(case: Case) -> float:
    """{Where} is divided by m, the number of features of the input: it looks like a mean over the features where a sum
    belongs.

    backward returns 1/m of the derivative of your own loss, m being the number of outputs: backward divides by m,
    and forward does not. With one output nobody sees it.
    """
    return 1 / case.m


@factor("n*m")
def times_entries(case: Case) -> float:
    """{Where} is n*m times too large, n*m being the number of entries of the input.

    backward returns n*m times the derivative of your own loss, n*m being the number of entries: forward takes the
    mean over all entries, and backward belongs to their sum.
    """
    return case.n * case.m


@factor("1/(n*m)")
def divided_by_entries(case: Case) -> float:
    """{Where} is divided by n*m, the number of entries of the input: it looks like .mean() over everything where a sum
    belongs.

    backward returns 1/(n*m) of the derivative of your own loss, n*m being the number of entries: backward belongs
    to the mean over all entries, and forward takes their sum.
    """
    return 1 / (case.n * case.m)


@factor("k")
def times_k(case: Case) -> float:
    """{Where} is k times too large, k being the number of features of the output."""
    return case.k


@factor("1/k")
def divided_by_k(case: Case) -> float:
    """{Where} is divided by k, the number of features of the output: it looks like a mean over the outputs where a sum
    belongs.
    """
    return 1 / case.k


@factor("n*k")
def times_outputs(case: Case) -> float:
    """{Where} is n*k times too large, n*k being the number of entries of the output."""
    return case.n * case.k


@factor("1/(n*k)")
def divided_by_outputs(case: Case) -> float:
    """{Where} is divided by n*k, the number of entries of the output: it looks like .mean() over everything where a
    sum belongs.
    """
    return 1 / (case.n * case.k)


# ---------------------------------------------------------------------------------------------------------------------
# Wrong values, the likelier first


@wrong_value("transposed", of="any", read=LINEAR)
def transposed(case: Case, what: str) -> Tensor | None:
    """{Where} is transposed: rows and columns are exchanged. Check the shapes under every factor: the transpose stands
    on the input (X^T G), or on the weight (G W^T).
    """
    truth = case.truth[what]
    return truth.mT if truth.ndim == 2 else None


@wrong_value("transposed", of="input", read=LINEAR)
def weight_not_transposed(case: Case, what: str) -> list[Tensor | None]:
    """{Where} is the upstream gradient times the weight the wrong way round: a transpose is missing, or one too many.
    With as many inputs as outputs the shapes do not give it away.
    """
    G, truth = case.grad_output, case.truth[what]
    ways = [(w, w.mT) for p in _matrices(case) for w in (p, p.mT)]
    return [_product(G, wrong) for right, wrong in ways if _is_multiple(case, truth, _product(G, right))]


@wrong_value("reshaped", of="any", read=LINEAR)
def reshaped(case: Case, what: str) -> list[Tensor | None]:
    """{Where} comes from reshape (or view) where a transpose belongs. reshape keeps the numbers in reading order and
    only breaks the lines elsewhere; .T exchanges rows and columns.
    """
    truth, X, G = case.truth[what], case.input, case.grad_output
    if truth.ndim != 2:
        return []
    found = [truth.mT.reshape(truth.shape), truth.reshape(truth.mT.shape)]
    if what == "input":
        found += [_product(G, w) for p in _matrices(case) for w in (p.reshape(p.mT.shape), p.mT.reshape(p.shape))]
    elif what == "output":
        found += [_product(X, w) for p in _matrices(case) for w in (p.reshape(p.mT.shape), p.mT.reshape(p.shape))]
    elif X.ndim == G.ndim == 2:
        for left, right in ((X, G), (G, X)):
            product = left.reshape(left.mT.shape) @ right
            found += [product, product.mT]
    return found


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


@wrong_value("derivative forgotten", of="input", read=CHAIN, also=("upstream forgotten",))
def always_one(case: Case, what: str) -> Tensor | None:
    """{Where} is the same everywhere: both the derivative of this layer and the upstream gradient are missing."""
    return None if case.exam.is_loss else torch.ones_like(case.truth[what])


@wrong_value("derivative at output", of="input", read=TANH)
def derivative_at_output(case: Case, what: str) -> Tensor | None:
    """{Where} takes the derivative at the output, f'(f(x)), where the chain rule takes it at the input, f'(x). (For
    tanh this is tanh taken twice.) Write it with x, or rewrite the formula in terms of y.
    """
    return case.vjp(case.output, case.grad_output)["input"] if case.exam.entrywise else None


@wrong_value("derivative at output", of="input", read=TANH, also=("upstream forgotten",))
def derivative_at_output_alone(case: Case, what: str) -> Tensor | None:
    """{Where} takes the derivative at the output, f'(f(x)), where the chain rule takes it at the input, and leaves out
    the upstream gradient as well.
    """
    return case.vjp(case.output, torch.ones_like(case.output))["input"] if case.exam.entrywise else None


@wrong_value("derivative at upstream", of="input", read=SIGMOID)
def derivative_at_upstream(case: Case, what: str) -> list[Tensor | None]:
    """{Where} takes the derivative at the upstream gradient, f'(G), where the chain rule takes it at the input: G *
    f'(x). Which of the two does your formula get?
    """
    if not case.exam.entrywise:
        return []
    G, ones = case.grad_output, torch.ones_like(case.grad_output)
    return [case.vjp(G, G)["input"], case.vjp(G, ones)["input"], case.exam.output_at(G, case.target)]


@wrong_value("derivative at minus x", of="input", read=CHAIN)
def derivative_at_minus_x(case: Case, what: str) -> Tensor | None:
    """{Where} takes the derivative at -x, where it belongs at x: is there a minus too many, or one missing, or is a mask the
    wrong way round?
    """
    if not case.exam.entrywise:
        return None
    slopes = case.vjp(-case.input, case.grad_output)["input"]
    return None if _is_multiple(case, slopes, case.truth[what]) else slopes  # of x * x, it is the sign that is wrong


@wrong_value("function for derivative", of="input", read=CHAIN)
def function_for_derivative(case: Case, what: str) -> Tensor | None:
    """{Where} multiplies by the function itself, f(x), where its derivative belongs, f'(x)."""
    return case.grad_output * case.output if case.exam.entrywise else None


@wrong_value("signs lost", of="any", read=CHAIN)
def signs_lost(case: Case, what: str) -> Tensor | None:
    """{Where} has the right size in every entry, but never a minus: signs are lost, as with an absolute value or a square."""
    signs = torch.cat([c.truth[what].sign().reshape(-1) for c in case.exam.cases])
    return case.truth[what].abs() if bool((signs > 0).any() and (signs < 0).any()) else None


@wrong_value("scale forgotten", of="input", read=CHAIN)
def scale_forgotten(case: Case, what: str) -> list[Tensor | None]:
    """{Where} leaves out a parameter by which forward multiplies: it is what you get if that is 1 everywhere."""
    params = [p for s in case.exam.patient.slots if not s.depth and (p := case.param(s.name)) is not None]
    scales = [p for p in params if p.numel() == case.k and bool((p != 0).all()) and case.k == case.m]
    return [case.vjp(case.input, case.grad_output / p.reshape(-1))["input"] for p in scales]


@wrong_value("other gradient", of="input", read=MODULE)
def other_gradient(case: Case, what: str) -> list[Tensor | None]:
    """{Where} is the gradient of a parameter: that stays in the module. What is returned is the gradient of the input."""
    return [truth for name, truth in case.truth.items() if name not in ("input", "output")]


@wrong_value("diagonal only", of="input", read=CHAIN)
def diagonal_only(case: Case, what: str) -> Tensor | None:
    """{Where} takes each output's derivative by the input at its own place only. Here every output of a sample depends on
    all its inputs, as in a softmax, and what comes back along all these ways adds up.
    """
    X, G = case.input, case.grad_output
    if case.exam.is_loss or case.exam.entrywise or X.ndim != 2 or X.shape != G.shape:
        return None
    columns = torch.eye(case.m, dtype=torch.float64).unsqueeze(1).expand(-1, case.n, -1)
    slopes = torch.stack([case.vjp(X, column)["input"][:, j] for j, column in enumerate(columns)], 1)
    return G * slopes


@wrong_value("path forgotten", of="input", read=CHAIN)
def path_forgotten(case: Case, what: str) -> Tensor | None:
    """{Where} is short of exactly one upstream gradient. Where the input also goes straight on to the output, x + f(x), the
    upstream gradient comes straight back too, and is added.
    """
    truth, G = case.truth[what], case.grad_output
    return truth - G if truth.shape == G.shape and not _is_multiple(case, truth, G) else None


@wrong_value("input gradient summed", of="input", read=LINEAR)
def input_summed(case: Case, what: str) -> list[Tensor | None]:
    """{Where} is summed over the batch. All samples share the parameters, but each has an input, and so a gradient, of its
    own.
    """
    truth = case.truth[what]
    return [truth.sum(0), truth.sum(0, keepdim=True)] if truth.ndim > 1 else []


@wrong_value("input gradient summed", of="input", read=MSE)
def input_summed_to_one(case: Case, what: str) -> Tensor:
    """{Where} is summed to one single number. Every entry of the input has a gradient of its own."""
    return case.truth[what].sum()


@wrong_value("always zero", of="input", read=CHAIN)
def always_zero(case: Case, what: str) -> Tensor:
    """{Where} is zero, and the derivative is not."""
    return torch.zeros_like(case.truth[what])


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


@wrong_value("target forgotten", of="input", read=CROSS_ENTROPY)
def target_forgotten(case: Case, what: str) -> Tensor:
    """{Where} is the softmax alone. The gradient of the cross-entropy is softmax minus one-hot: subtract 1 at the
    right class of each sample.
    """
    P, _, scale = _softmax(case)
    return scale * P


@wrong_value("derivative forgotten", of="input", read=CROSS_ENTROPY)
def softmax_forgotten(case: Case, what: str) -> Tensor:
    """{Where} is the derivative of the loss by the probabilities, -t / p. The softmax that made them from the input has a
    derivative too; both together give softmax minus one-hot.
    """
    P, T, scale = _softmax(case)
    return -scale * T / P


@wrong_value("derivative forgotten", of="input", read=CROSS_ENTROPY)
def sigmoid_forgotten(case: Case, what: str) -> Tensor | None:
    """{Where} is the derivative of the loss by the probabilities. The sigmoid that made them from the input has a derivative
    too, p (1 - p); both together give p - t.
    """
    if not case.exam.is_loss or case.target is None or case.target.shape != case.input.shape:
        return None
    P, T, truth = case.input.sigmoid(), case.target.double(), case.truth[what]
    scale = (truth * (P - T)).sum() / ((P - T) ** 2).sum()
    return scale * (P - T) / (P * (1 - P)) if case.close(truth, scale * (P - T)) else None


@wrong_value("wrong axis", of="any", read=CROSS_ENTROPY)
def softmax_over_samples(case: Case, what: str) -> list[Tensor]:
    """{Where} takes the softmax over the samples (dim 0): the probabilities of one class in the whole batch sum to 1. It
    belongs to the classes of each sample (dim 1).
    """
    X, (_, T, scale) = case.input, _softmax(case)
    scores = (X, X - X.amax(1, keepdim=True))  # a shift of each sample is not harmless here
    return [scale * (-(T * Z.log_softmax(0)).sum() if what == "output" else Z.softmax(0) - T) for Z in scores]


@wrong_value("shift forgotten", of="output", read=OVERFLOWING_SOFTMAX)
def shift_forgotten(case: Case, what: str) -> Tensor:
    """{Where} takes the log-sum-exp of scores from which something was subtracted: it has to be added back, or subtracted
    from the score of the right class too.
    """
    X, (_, T, scale) = case.input, _softmax(case)
    return scale * ((X - X.amax(1, keepdim=True)).logsumexp(1).sum() - (T * X).sum())


def _softmax(case: Case) -> tuple[Tensor, Tensor, Tensor]:
    """Return P, the one-hot T, and the scale of a cross-entropy, whose gradient is scale (P - T); TypeError for others."""
    X, T, exam = case.input, case.target, case.exam
    if T is not None and X.ndim == 2 and T.shape == X.shape[:1] and not T.is_floating_point():
        T = torch.nn.functional.one_hot(T, X.shape[1])
    if not exam.is_loss or X.ndim != 2 or T is None or T.shape != X.shape:
        raise TypeError("no cross-entropy")
    P = X.softmax(1)
    truth = (case.truth if exam.expectation is None else exam.expectation.gradients(case))["input"]
    scale = (truth * (P - T)).sum() / ((P - T) ** 2).sum()
    if not case.close(truth, scale * (P - T)):
        raise TypeError("no cross-entropy")
    return P, T, scale


def _is_cross_entropy(exam: Experiments) -> bool:
    try:
        _softmax(exam.cases[0])
    except (IndexError, TypeError):
        return False
    return True


@wrong_value("gradient missing", of="param", read=LINEAR)
def gradient_missing(case: Case, what: str) -> Tensor:
    """{Where} stays zero: backward never computes it, so this parameter will not learn."""
    return torch.zeros_like(case.truth[what])


@wrong_value("output for input", of="param", read=LINEAR)
def output_for_input(case: Case, what: str) -> list[Tensor | None]:
    """{Where} is computed with the layer's output, where its input belongs: keep the input in forward."""
    Y, G = case.output, case.grad_output
    return [Y.mT @ G, G.mT @ Y] if Y.ndim == 2 else []


@wrong_value("bias to scalar", of="param", read=LINEAR)
def bias_to_scalar(case: Case, what: str) -> list[Tensor | None]:
    """{Where} is summed to one single number. Every output has a bias of its own: sum over the samples only, sum(0)."""
    truth = case.truth[what]
    if truth.numel() != max(truth.shape, default=1) or truth.numel() < 2:
        return []
    total = truth.sum()
    return [total, total.reshape(1), total.reshape(1, 1), total.expand(truth.shape)]


@wrong_value("wrong axis", of="param", read=LINEAR)
def wrong_axis(case: Case, what: str) -> list[Tensor | None]:
    """{Where} is summed along the wrong axis: over the features (sum(1)) instead of over the samples (sum(0))."""
    truth = case.truth[what]
    if truth.numel() != max(truth.shape, default=1) or truth.numel() < 2:
        return []
    each = torch.stack([part.reshape(-1) for part in case.samples(what)]).sum(1)
    n, k = len(each), truth.numel()
    found = [each, each.reshape(n, 1), each.reshape(1, n), each.reshape(n, 1).expand(n, k)]
    return [*found, each.expand(k).reshape(truth.shape) if n in (1, k) else None]  # added in place, it broadcasts


@wrong_value("last sample only", of="param", read=LINEAR)
def last_sample_only(case: Case, what: str) -> Tensor | None:
    """{Where} is that of the last sample alone: it is overwritten for every sample instead of summed over the batch."""
    return case.samples(what)[-1]


@wrong_value("first sample only", of="param", read=LINEAR)
def first_sample_only(case: Case, what: str) -> Tensor | None:
    """{Where} is that of the first sample alone: the others of the batch never enter."""
    return case.samples(what)[0]


@wrong_value("sample left out", of="param", read=LINEAR)
def sample_left_out(case: Case, what: str) -> list[Tensor | None]:
    """{Where} leaves out the first or the last sample of the batch: does a loop begin one too late, or end one too early?"""
    return [case.truth[what] - case.samples(what)[i] for i in (-1, 0)]


@wrong_value("sample left out", of="input", read=LINEAR)
def row_left_out(case: Case, what: str) -> list[Tensor | None]:
    """{Where} is zero for the first or the last sample of the batch: does a loop begin one too late, or end one too early?"""
    kept = torch.ones(case.n, *[1] * (case.truth[what].ndim - 1), dtype=torch.float64)
    ends = kept.clone(), kept.clone()
    ends[0][-1], ends[1][0] = 0, 0
    return [case.truth[what] * end for end in ends]


@wrong_value("no batch sum", of="param", read=LINEAR)
def no_batch_sum(case: Case, what: str) -> list[Tensor | None]:
    """{Where} is not summed over the batch: there is one for every sample. All samples share the parameter, so their
    gradients add up.
    """
    parts = torch.stack(case.samples(what))
    return [parts, parts.squeeze(1) if parts.ndim > 1 and parts.shape[1] == 1 else None]


@wrong_value("wrong shape", of="any", read=LINEAR)
def wrong_shape(case: Case, what: str) -> Tensor | None:
    """{Where} has the right numbers in the wrong shape: {got_shape} where {expected_shape} belongs. A gradient has the
    shape of what it is the gradient of; otherwise the next addition broadcasts.
    """
    got, truth = case.got[what], case.truth[what]
    return truth.reshape(got.shape) if got.numel() == truth.numel() and got.shape != truth.shape else None


@wrong_value("factor c", of="any", read=CHAIN, last=True)
def constant_factor(case: Case, what: str) -> Tensor | None:
    """{Where} is {number} times what it should be, in every batch{setting}."""
    values = [(c, c.output if what == "output" else c.got[what], c.truth[what]) for c in case.exam.cases]
    number = next(c.multiple(got, truth) for c, got, truth in values if not c.close(got, truth))
    return number * case.truth[what] if len(values) > 1 and math.isfinite(number) else None


def _matrices(case: Case) -> list[Tensor]:
    """Return the module's own matrices; a module inside has its own message."""
    own = [slot.name for slot in case.exam.patient.slots if not slot.depth]
    return [p for name in own if (p := case.param(name)) is not None and p.ndim == 2]


def _is_multiple(case: Case, value: Tensor, of: Tensor | None) -> bool:
    """Whether a value is a number times another, the same number in every entry."""
    if of is None or of.shape != value.shape or not bool(of.any()):
        return False
    return case.close(value, (value * of).sum() / (of * of).sum() * of)


def _product(left: Tensor, right: Tensor) -> Tensor | None:
    return left @ right if left.ndim == 2 and left.shape[-1] == right.shape[0] else None


# ---------------------------------------------------------------------------------------------------------------------
# Misbehaviours: what is returned


@misbehaviour("returns nothing", read=MODULE)
def returns_nothing(exam: Experiments) -> dict[str, Any] | None:
    """{method} returns None: is a return missing at its end?"""
    for method, what in ((exam.patient.forward_name, "output"), (exam.patient.backward_name, "input")):
        if exam.plain[what] is None:
            return {"method": method, "where": what}
    return None


@misbehaviour("wrong type", read=MODULE)
def wrong_type(exam: Experiments) -> dict[str, Any] | None:
    """{method} returns {got_type} where {expected_type} belongs."""
    expected = {"torch": "a tensor", "numpy": "an array", "list": "a list of numbers"}[exam.patient.dialect]
    for method, what in ((exam.patient.forward_name, "output"), (exam.patient.backward_name, "input")):
        value = exam.plain[what]
        meta = isinstance(value, Tensor) and value.is_meta
        if (
            value is not None
            and not meta
            and (
                as_tensor(value) is None
                or (isinstance(value, (int, float)) and what == "input")
                or (isinstance(value, list) and exam.patient.dialect != "list")
                or (is_numpy(value) and exam.patient.dialect == "torch" and value.ndim > 0)
            )
        ):
            got = "an array" if is_numpy(value) else f"a {type(value).__name__}"
            return {"method": method, "where": what, "got_type": got, "expected_type": expected}
    return None


@misbehaviour("wrong shape", read=MSE)
def loss_not_reduced(exam: Experiments) -> dict[str, Any] | None:
    """forward returns a loss for every entry, of shape {got_shape}: a loss is one number. Sum them, or take their
    mean.
    """
    output = as_tensor(exam.plain["output"])
    if not exam.is_loss or output is None or output.numel() == 1:
        return None
    return {"where": "output", "got_shape": tuple(output.shape)}


@misbehaviour("wrong dtype", read=MODULE)
def wrong_dtype(exam: Experiments) -> dict[str, Any] | None:
    """{Where} has dtype {got_dtype} for an input of {expected_dtype}: nothing should change the dtype in silence."""
    if exam.patient.dialect != "torch":
        return None
    with exam.in_dtype(None):
        module = exam.patient.fresh()
        natively = exam.run(exam.given, None, exam.given_target, module)
    natively |= {slot.name: get(module, slot.grad) for slot in exam.patient.slots}
    for what, value in natively.items():
        if isinstance(value, Tensor) and value.dtype is not exam.patient.native:
            return {
                "where": what,
                "got_dtype": value.dtype,
                "expected_dtype": exam.patient.native,
            }
    return None


@misbehaviour("wrong device", read=MODULE)
def wrong_device(exam: Experiments) -> dict[str, Any] | None:
    """{Where} is on device {got_device} for an input on {expected_device}."""
    for what in ("output", "input"):
        value = exam.plain[what]
        if isinstance(value, Tensor) and value.device.type != "cpu":
            return {
                "where": what,
                "got_device": value.device,
                "expected_device": "cpu",
            }
    return None


# ---------------------------------------------------------------------------------------------------------------------
# Misbehaviours: parameters and accumulators


@misbehaviour("parameter unused", read=LINEAR)
def parameter_unused(exam: Experiments) -> dict[str, Any] | None:
    """forward does not use {what}: changing it changes nothing. (y + b makes a new tensor; y.add(b) thrown away does
    nothing.)
    """
    for slot in exam.patient.slots:
        if not slot.depth and exam.cases and all(case.truth[slot.name] is None for case in exam.cases):
            return {"where": slot.name, "what": slot.name}
    return None


@misbehaviour("overwritten", read=ADDED)
def overwritten(exam: Experiments) -> dict[str, Any] | None:
    """backward overwrites the gradient of {what} instead of adding to it. The contract is to accumulate, so that two
    backward passes add up and a parameter used twice gets both gradients; zero_grad starts anew.
    """
    once, twice = exam.repeated
    names = [n for n in once if _nonzero(once[n]) and same(once[n], twice[n])]
    return {"where": names[0], "what": _and(names)} if names else None


@misbehaviour("never zeroed", read=SGD)
def never_zeroed(exam: Experiments) -> dict[str, Any] | None:
    """{method} leaves the gradient of {what} as it was: the next batch is added to this one's. (g.zero_() sets a
    tensor to zero; g = zeros only gives the name g to another tensor.)
    """
    kept = [name for name in exam.not_zeroed if exam.own(name)]
    return {"method": exam.zero_method, "where": kept[0], "what": _and(kept)} if kept else None


@misbehaviour("nested not zeroed", read=SEQUENTIAL)
def nested_not_zeroed(exam: Experiments) -> dict[str, Any] | None:
    """{method} does not reach {what}, in a module inside: it has to call {method} of every module that it contains."""
    kept = [name for name in exam.not_zeroed if not exam.own(name)]
    return {"method": exam.zero_method, "where": kept[0], "what": _and(kept)} if kept else None


@misbehaviour("gradient replaced", read=SGD)
def gradient_replaced(exam: Experiments) -> dict[str, Any] | None:
    """{method} puts a new tensor in the place of the gradient of {what}. An optimiser that holds the old one never
    sees another gradient: set it to zero in place, g.zero_().
    """
    if exam.zero_method is None:
        return None
    module = exam.used()
    before = {slot.name: get(module, slot.grad) for slot in exam.patient.slots if not slot.depth}
    exam.patient.call(exam.zero_method, getattr(module, exam.zero_method))
    names = [
        slot.name
        for slot in exam.patient.slots
        if not slot.depth
        and isinstance(before[slot.name], Tensor)
        and get(module, slot.grad) is not before[slot.name]
        and get(exam.patient.original, slot.grad) is not None
        and slot.grad[-1] != (".", "grad")  # torch's own way
        and get(module, slot.grad, before[slot.name]) is not None
    ]
    return {"method": exam.zero_method, "where": names[0], "what": _and(names)} if names else None


@misbehaviour("writes parameters", read=MODULE)
def zeroes_parameters(exam: Experiments) -> dict[str, Any] | None:
    """{method} changes {what} itself: it has to set the gradients to zero, and leave the parameters alone."""
    if exam.zero_method is None:
        return None
    module = exam.used()
    before = exam.parameters(module)
    exam.patient.call(exam.zero_method, getattr(module, exam.zero_method))
    names = [name for name, value in exam.parameters(module).items() if not same(value, before[name])]
    return {"method": exam.zero_method, "where": names[0], "what": _and(names)} if names else None


@misbehaviour("raises", read=MODULE)
def helper_raises(exam: Experiments) -> dict[str, Any] | None:
    """{method}, called after forward and backward, raises {error}."""
    module = exam.used()
    for names in (PAIR_METHODS, ZERO_METHODS):
        name = next((name for name in names if callable(getattr(module, name, None))), None)
        if name is None or not _takes_nothing(getattr(module, name)):
            continue
        try:
            exam.patient.ask(name, getattr(module, name))
        except Trouble as trouble:
            error, line = trouble.error, trouble.where()
            text = f"{type(error).__name__}: {error}" + (f" ({line})" if line else "")
            return {"method": name, "where": name, "error": text}
    return None


@misbehaviour("parameter not listed", read=MODULE)
def parameter_not_listed(exam: Experiments) -> dict[str, Any] | None:
    """{method}() does not list {what}, so no optimiser will ever change it."""
    method, missing = exam.unlisted
    own = [slot.name for slot in missing if not slot.depth]
    return {"method": method, "where": own[0], "what": _and(own)} if own else None


@misbehaviour("nested parameters missing", read=SEQUENTIAL)
def nested_parameters_missing(exam: Experiments) -> dict[str, Any] | None:
    """{method}() does not list {what}, of a module inside, so no optimiser will ever change it. A container has to
    collect the parameters of everything in it, at any depth.
    """
    method, missing = exam.unlisted
    nested = [slot.name for slot in missing if slot.depth]
    return {"method": method, "where": nested[0], "what": _and(nested)} if nested else None


# ---------------------------------------------------------------------------------------------------------------------
# Misbehaviours: what is kept between forward and backward


@misbehaviour("returns a sum", read=ADDED)
def returns_a_sum(exam: Experiments) -> dict[str, Any] | None:
    """What backward returns is added to what it has returned before. Only the gradients of parameters are collected; that
    of the input is new for each batch.
    """
    if exam.random or exam.unsteady:
        return None
    second, both = exam.alone["input"], exam.after_another["input"]
    if same(second, both) or second is None or both is None or second.shape != both.shape:
        return None
    first = exam.history((exam.first, True))["input"]
    if not _nonzero(first) or not torch.allclose(both.double(), first.double() + second.double(), 1e-5):
        return None
    return {"where": "input", "expected": second, "got": both}


@misbehaviour("stale cache", read=KEPT)
def stale_cache(exam: Experiments) -> dict[str, Any] | None:
    """backward uses what is left of an earlier forward: after two forwards, with different inputs, it gives something else
    than after the second alone. Keep what backward needs anew in every forward.
    """
    if exam.random or exam.unsteady:
        return None
    right = exam.alone
    for with_backward in (True, False):
        got = exam.after_another if with_backward else exam.history((exam.first, False), (exam.second, True))
        if not same(got["output"], right["output"]):
            return None  # forward itself has a memory: that is another matter
        wrong = [what for what in right if not same(got[what], right[what])]
        if wrong:
            return {"where": wrong[0], "expected": right[wrong[0]], "got": got[wrong[0]]}
    return None


@misbehaviour("stale cache", read=KEPT)
def stale_size(exam: Experiments) -> dict[str, Any] | None:
    """backward goes by the size of an earlier batch: after {n} samples, it gives something else for {fewer} than for these
    alone. Take the sizes anew in every forward.
    """
    n = len(exam.second.input_values)
    if exam.random or exam.unsteady or n < 2:
        return None
    values, target = exam.second.input_values[:-1], exam.second.target_values
    fewer = Batch(exam, values, None if target is None else target[:-1])
    try:
        right = exam.history((fewer, True))
    except Trouble:
        return None  # it is made for batches of one size
    got = exam.history((exam.first, True), (fewer, True))
    wrong = [what for what in right if not same(got[what], right[what])]
    if not wrong or wrong[0] == "output":
        return None
    return {"where": wrong[0], "n": n, "fewer": n - 1, "expected": right[wrong[0]], "got": got[wrong[0]]}


@misbehaviour("stale cache", read=KEPT)
def stale_parameter(exam: Experiments) -> dict[str, Any] | None:
    """backward uses a copy of {what} that was made earlier: when training changes {what}, forward changes and backward
    does not.
    """
    if exam.random or exam.unsteady or not exam.right() or not exam.fine:
        return None
    case = exam.cases[0]
    for slot in exam.patient.slots:
        if slot.depth or case.truth[slot.name] is None:
            continue

        def change(module: Any, slot: Any = slot) -> None:
            value = as_tensor(get(module, slot.param))
            put(module, slot.param, value * 1.25 + 0.125)

        truth = exam.truth(case.input, case.grad_output, case.target, prepare=change)
        new, used = exam.patient.fresh(), exam.patient.fresh()
        exam.run(case.input, case.grad_output, case.target, used)
        change(new)
        change(used)
        output = as_tensor(exam.forward(new, case.input, case.target))
        again = exam.run(case.input, case.grad_output, case.target, used)
        got = as_tensor(again["input"])
        if same(as_tensor(again["output"]), output) and not case.close(got, truth["input"]):
            return {"where": "input", "what": slot.name, "expected": truth["input"], "got": got}
    return None


@misbehaviour("shared parameters", read=MODULE)
def parameters_shared(exam: Experiments) -> dict[str, Any] | None:
    """All objects of the class share {what}: two layers have the same parameters, or the same gradients. What stands in the
    class belongs to all; make it in __init__, as self.{name} = ...
    """
    paths = exam.patient.shared
    names = list(dict.fromkeys(path[-1][1] for path in paths))
    return {"where": names[0], "what": _and([show(path) for path in paths]), "name": names[0]} if names else None


@misbehaviour("shared cache", read=KEPT)
def shared_cache(exam: Experiments) -> dict[str, Any] | None:
    """Two objects of this class share what forward keeps: backward of the one uses the input of the other. Keep it in
    self, not in the class, in a module-level name, or in a default argument.
    """
    if exam.random or exam.unsteady:
        return None
    right = exam.history((exam.first, True))
    one, other = exam.patient.fresh(), exam.patient.fresh()
    for name in exam.patient.shared_by_default():
        setattr(other, name, getattr(one, name))
    output = exam.raw_forward(one, exam.first.input, exam.first.target)
    exam.raw_forward(other, exam.second.input, exam.second.target)
    got = {"input": as_tensor(exam.raw_backward(one, exam.first.upstream(output), exam.first.input, exam.first.target))}
    got.update(exam.gradients(one))
    wrong = [what for what in got if not same(got[what], right[what])]
    return {"where": wrong[0], "expected": right[wrong[0]], "got": got[wrong[0]]} if wrong else None


# ---------------------------------------------------------------------------------------------------------------------
# Misbehaviours: writing into what belongs to somebody else


@misbehaviour("writes input", read=RELU)
def writes_input(exam: Experiments) -> dict[str, Any] | None:
    """{method} writes into its input, which belongs to whoever called it (to the layer before, or it is the data
    itself). Make a new tensor; names ending in _ and x[...] = write in place.
    """
    return exam.written.get("input")


@misbehaviour("writes upstream", read=RELU)
def writes_upstream(exam: Experiments) -> dict[str, Any] | None:
    """{method} writes into grad_output, which belongs to the layer after it. Make a new tensor; names ending in _ and
    g[...] = write in place.
    """
    return exam.written.get("upstream")


@misbehaviour("writes parameters", read=MODULE)
def writes_parameters(exam: Experiments) -> dict[str, Any] | None:
    """{method} changes {what}: a layer computes gradients, and only the optimiser changes parameters."""
    return exam.written.get("parameters")


@misbehaviour("writes output", read=RELU)
def writes_output(exam: Experiments) -> dict[str, Any] | None:
    """{method} writes into a tensor that was returned earlier: whoever has kept it now has other numbers."""
    return exam.written.get("output")


# ---------------------------------------------------------------------------------------------------------------------
# Misbehaviours: numbers


@misbehaviour("not reproducible", read=MODULE)
def not_reproducible(exam: Experiments) -> dict[str, Any] | None:
    """{Where} differs from one time to the next, for the same input: something is random, or comes from another call."""
    if exam.random and not exam.drops():
        return {"where": "output"}
    names = sorted(exam.unsteady - ({"output"} if exam.random else set()))
    return {"where": names[0]} if names else None


@misbehaviour("drawn anew", read=KEPT)
def drawn_anew(exam: Experiments) -> dict[str, Any] | None:
    """backward draws random numbers of its own, and its gradient is wrong: keep the mask that forward has drawn, and use it
    again.
    """
    if not exam.random or exam.right():
        return None
    module = exam.patient.fresh()
    output = exam.raw_forward(module, exam.first.input, exam.first.target)
    before = random_states()
    exam.raw_backward(module, exam.first.upstream(output), exam.first.input, exam.first.target)
    return {"where": "input"} if random_states() != before else None


@misbehaviour("not reproducible", read=RELU)
def uninitialised(exam: Experiments) -> dict[str, Any] | None:
    """{Where} contains memory that nobody has written to (torch.empty, empty_like): whatever was there before. Start
    from zeros.
    """
    if exam.patient.dialect != "torch":
        return None
    with new_memory_filled(exam.patient.watch):
        filled = exam.run(exam.first.input_values, None, exam.first.target_values)
    plain = exam.run(exam.first.input_values, None, exam.first.target_values)
    for what, value in filled.items():
        value, other = as_tensor(value), as_tensor(plain[what])
        if value is not None and other is not None and bool(value.isnan().any()) and not bool(other.isnan().any()):
            return {"where": what}
    return None


@misbehaviour("not finite", read=OVERFLOW)
def not_finite(exam: Experiments) -> dict[str, Any] | None:
    """{Where} is {value} for inputs of ±100 in {precision}, where the right value is an ordinary number: on the way there
    something overflows, as e^100 does in float32. Rewrite the formula so that the exponent is never positive, or use
    torch's own.
    """
    mild, hot = (exam.extreme(size, exam.patient.dtype) for size in (20, 100))
    single = exam.extreme(100, torch.float32) if exam.patient.dtype and exam.patient.dialect != "list" else None
    for what, value in hot.items() if hot else ():
        before = mild and mild.get(what)
        for results, reference, limit in ((single, value, 1e30), (hot, before, math.inf), (single, before, math.inf)):
            got = results.get(what) if results else None
            if got is None or reference is None or (reference.shape not in (got.shape, torch.Size()) and got.ndim):
                continue
            wrong = got.isnan() if reference is before else ~got.isfinite()
            wrong = wrong & reference.isfinite() & (reference.abs() < limit)
            if bool(wrong.any()):
                values = got[wrong] if got.ndim else got.reshape(1)
                precision = str(torch.float32 if results is single else exam.work).removeprefix("torch.")
                return {"where": what, "value": _number(values[0]), "precision": precision}
    return None


@misbehaviour("kink", read=KINK)
def relu_kink(exam: Experiments) -> dict[str, Any] | None:
    """At the kink, x = 0, {text} ReLU's slope there is 0 by convention, as in PyTorch. The mask x > 0 gives that, and
    x >= 0 does not.
    """
    slopes = exam.slopes_at_zero
    if slopes is None or not exam.is_relu():
        return None
    *_, got = slopes
    if got.abs().max() <= 1e-6:
        return None
    return {
        "where": "input",
        "text": f"the slope is {_number(got.reshape(-1)[0])}.",
        "expected": torch.zeros_like(got),
        "got": got,
    }


@misbehaviour("kink", read=KINK)
def kink(exam: Experiments) -> dict[str, Any] | None:
    """At the kink, x = 0, the slope is {value}, and the slopes on its two sides are {left} and {right}: it has to be
    one of them, or between.
    """
    slopes = exam.slopes_at_zero
    if slopes is None or exam.is_relu():
        return None
    left, right, got = slopes
    low, high = torch.minimum(left, right) - 0.05, torch.maximum(left, right) + 0.05
    wrong = ~((got >= low) & (got <= high))
    if not bool(wrong.any()):
        return None
    at = int(wrong.reshape(-1).nonzero()[0])
    numbers = {name: _number(t.reshape(-1)[at]) for name, t in (("value", got), ("left", left), ("right", right))}
    return {"where": "input", **numbers, "got": got}


@misbehaviour("broadcast", read=MSE)
def broadcast(exam: Experiments) -> dict[str, Any] | None:
    """An input of shape {input_shape} and a target of shape {target_shape} are silently broadcast to {square}: every
    output is compared with every target, and the loss is {got_loss} instead of {expected_loss}. Compare the shapes
    first, and raise an error.
    """
    if not exam.is_loss or _is_cross_entropy(exam):  # one column of scores is nothing for a softmax
        return None
    given = exam.given_target
    if not given.is_floating_point() or given.numel() != exam.given.numel():
        return None
    X, T = exam.draw(5, 1), exam.draw(5, 1) + 0.1
    try:
        expected = exam.output_at(X, T)
        got = exam.output_at(X, T.reshape(5))
    except (Trouble, RuntimeError, TypeError, ValueError, IndexError):
        return None  # an error is what we want
    if expected is None or got is None or not bool(expected.isfinite().all()):
        return None
    if same(expected, got) or torch.allclose(expected.sum(), got.sum(), rtol=1e-6):
        return None
    return {
        "where": "output",
        "input_shape": (5, 1),
        "target_shape": (5,),
        "square": (5, 5),
        "got_loss": _number(got.sum()),
        "expected_loss": _number(expected.sum()),
    }


# ---------------------------------------------------------------------------------------------------------------------
# Misbehaviours: containers


@misbehaviour("first module not reached", read=SEQUENTIAL)
def first_not_reached(exam: Experiments) -> dict[str, Any] | None:
    """backward never reaches the first module, {what}: its parameters get no gradient, and what backward returns is
    not the gradient of the input. Does the loop stop one too early?
    """
    forward, backward = exam.journey.forward, exam.journey.backward
    missing = [c for c in forward if c not in backward]
    return {"where": forward[0], "what": forward[0]} if missing and missing[0] == forward[0] else None


@misbehaviour("last module not reached", read=SEQUENTIAL)
def last_not_reached(exam: Experiments) -> dict[str, Any] | None:
    """backward leaves out the last module, {what}: the others get its output's gradient instead of its input's."""
    forward, backward = exam.journey.forward, exam.journey.backward
    missing = [c for c in forward if c not in backward]
    if len(forward) < 2 or not missing or missing[-1] != forward[-1]:
        return None
    return {"where": forward[-1], "what": forward[-1]}


@misbehaviour("module not reached", read=SEQUENTIAL)
def module_not_reached(exam: Experiments) -> dict[str, Any] | None:
    """backward never reaches {what}, which forward uses."""
    forward, backward = exam.journey.forward, exam.journey.backward
    missing = [c for c in forward[1:-1] if c not in backward]
    return {"where": missing[0], "what": _and(missing)} if missing else None


@misbehaviour("wrong order", read=SEQUENTIAL)
def wrong_order(exam: Experiments) -> dict[str, Any] | None:
    """backward goes through the modules in forward's order; it has to go backwards, from the last to the first."""
    journey = exam.journey
    forward, backward = journey.forward, journey.backward
    if exam.cases and (exam.right() or backward != forward):
        return None
    if not backward or backward != forward[: len(backward)] or forward == forward[::-1]:  # it may raise on the way
        return None
    chained = any(same(journey.outputs.get(a), journey.inputs.get(b)) for a, b in itertools.pairwise(forward))
    return {"where": "input"} if chained else None


@misbehaviour("module left out", read=SEQUENTIAL)
def module_left_out(exam: Experiments) -> dict[str, Any] | None:
    """forward never uses {what}, and backward goes through it all the same."""
    missing = [c for c in exam.journey.backward if c not in exam.journey.forward]
    return {"where": missing[0], "what": _and(missing)} if missing else None


@misbehaviour("modules reordered", read=SEQUENTIAL)
def modules_reordered(exam: Experiments) -> dict[str, Any] | None:
    """After backward the modules stand in another order, and the next forward runs through them in that: list.reverse()
    changes the list itself, reversed(list) does not.
    """
    return {"where": "input"} if exam.journey.reordered else None


@misbehaviour("message not passed on", read=SEQUENTIAL)
def output_not_passed_on(exam: Experiments) -> dict[str, Any] | None:
    """{what} gets the same input in forward as {before}, the module before it, has got, and backward goes through them one
    after the other. What a module's forward returns is the input of the module after it.
    """
    return _passed_by(exam, "forward", "before")


@misbehaviour("module used twice", read=KEPT)
def module_used_twice(exam: Experiments) -> dict[str, Any] | None:
    """forward uses {what} more than once, and backward goes wrong. Does it keep what belongs to its last use only? Make an
    object of its own for each place.
    """
    forward, backward = exam.journey.forward, exam.journey.backward
    names = [c for c in dict.fromkeys(forward) if forward.count(c) > 1]
    if not names or not backward or (exam.cases and exam.right()):
        return None
    return {"where": names[0], "what": _and(names)}


@misbehaviour("message not passed on", read=SEQUENTIAL)
def message_not_passed_on(exam: Experiments) -> dict[str, Any] | None:
    """{what} gets the same upstream gradient in backward as {after}, the module after it, has got. What a module's backward
    returns is the upstream gradient of the module before it.
    """
    return _passed_by(exam, "backward", "after")


def _passed_by(exam: Experiments, way: str, beside: str) -> dict[str, Any] | None:
    """Find a module of a chain that is given what the one beside it was given, and not what that returned."""
    journey = exam.journey
    if exam.right() or journey.backward != journey.forward[::-1] or len(set(journey.forward)) < len(journey.forward):
        return None
    forward, backward = (journey.inputs, journey.outputs), (journey.received, journey.returned)
    (given, gave), (given_back, gave_back) = (forward, backward) if way == "forward" else (backward, forward)
    for first, what in itertools.pairwise(journey.forward if way == "forward" else journey.backward):
        chained = same(given_back[first], gave_back[what])  # so it is the other way
        got, due = given[what], gave[first]
        if chained and got is not None and same(got, given[first]) and not same(got, due):
            return {"where": what, "what": what, beside: first, "expected": due, "got": got}
    return None


# ---------------------------------------------------------------------------------------------------------------------
# Optimisers


@wrong_step("parameters not updated", read=SGD)
def parameters_not_updated(trial: Trial) -> dict[str, Any] | None:
    """{method} does not change {what}. Does it reach modules inside modules, and weight and bias both? Does it write
    into the tensor (p -= ...), or only give the name p to a new one (p = p - ...)? Are these the model's own, or copies?
    """
    still = trial.still
    if not still:
        return None
    everything = len(still) == len(trial.slots)
    return {"method": trial.step_name, "where": still[0], "what": _and(still), "nothing moves": everything}


@wrong_step("uphill", read=SGD)
def uphill(trial: Trial) -> dict[str, Any] | None:
    """{method} goes uphill: it moves {what} along the gradient, where the loss grows. Descent subtracts:
    p <- p - lr * grad.
    """
    ways = trial.steady
    names = [name for name, way in ways.items() if float((way * trial.gradients[0][name]).sum()) > 0]
    if not names or wrong_formula(trial) or gradient_unused(trial):
        return None
    return {"method": trial.step_name, "where": names[0], "what": _and(names)}


@wrong_step("gradient unused", read=SGD)
def gradient_unused(trial: Trial) -> dict[str, Any] | None:
    """{method} does not use the gradient of {what}: with another gradient, the first step is the same."""
    ways, names = trial.first_step(trial.gradients[1]), list(trial.path[0])
    names = [n for n in names if same(ways[n], trial.path[0][n]) and bool((ways[n].isfinite() & (ways[n] != 0)).any())]
    signs = [n for n in names if not torch.equal(trial.gradients[0][n].sign(), trial.gradients[1][n].sign())]
    return {"method": trial.step_name, "where": signs[0], "what": _and(signs)} if signs else None


@wrong_step("gradient replaced", read=SGD)
def holds_old_gradients(trial: Trial) -> dict[str, Any] | None:
    """After zero_grad, {method} still follows the old gradient of {what}: one of the two, model or optimiser, keeps a
    tensor that the other has replaced. Set gradients to zero in place, g.zero_().
    """
    ways = trial.after_zero_grad
    if ways is None:
        return None
    names = [n for n, way in ways.items() if n not in trial.still and float((way * trial.gradients[0][n]).sum()) <= 0]
    if any(float((way * trial.gradients[0][name]).sum()) > 0 for name, way in trial.steady.items()):
        return None  # uphill anyway
    return {"method": trial.step_name, "where": names[0], "what": _and(names)} if names else None


@wrong_step("writes gradient", read=SGD)
def writes_gradient(trial: Trial) -> dict[str, Any] | None:
    """{method} changes the gradient of {what}, which belongs to the model: whoever looks at it next, or adds to it,
    has other numbers.
    """
    optimizer, model = trial.copies()
    for gradients in trial.gradients[:2]:  # a velocity is still zero in the first step
        trial.set(model, gradients)
        trial.step(optimizer)
    after = {slot.name: as_tensor(get(model, slot.grad)) for slot in trial.slots}
    names = [n for n, g in after.items() if g is not None and not same(g.double(), gradients[n]) and bool(g.any())]
    return {"method": trial.step_name, "where": names[0], "what": _and(names)} if names else None


@wrong_step("never zeroed", read=SGD)
def optimizer_never_zeroes(trial: Trial) -> dict[str, Any] | None:
    """The optimiser's zero_grad leaves the gradient of {what} as it was."""
    optimizer, model = trial.copies()
    if not callable(getattr(optimizer, "zero_grad", None)):
        return None
    trial.set(model, trial.gradients[0])
    trial.patient.call("zero_grad", optimizer.zero_grad)
    after = {slot.name: as_tensor(get(model, slot.grad)) for slot in trial.slots}
    names = [name for name, grad in after.items() if grad is not None and bool(grad.any())]
    return {"where": names[0], "what": _and(names)} if names else None


@wrong_step("learning rate unused", read=SGD)
def rate_unused(trial: Trial) -> dict[str, Any] | None:
    """{method} does not use the learning rate: with another {what}, the first step is the same."""
    if not trial.rate or trial.used or trial.still or trial.follows(*trial.rules()):
        return None
    ways = trial.first_step(trial.gradients[0], **{trial.rate_name: 2 * trial.rate})
    if not all(same(way, trial.path[0][name]) and bool(way.isfinite().all()) for name, way in ways.items()):
        return None
    return {"method": trial.step_name, "where": "step", "what": trial.rate_name}


@wrong_step("step size", read=SGD)
def step_size(trial: Trial) -> dict[str, Any] | None:
    """{method} moves by {ratio} times lr * grad, with lr = {rate}{hint}. Only the learning rate belongs there."""
    if trial.kind != "sgd" or not trial.rate or trial.used:
        return None
    ratios = {trial.size_of_first_step(slot.name) for slot in trial.slots if slot.name not in trial.still}
    if len(ratios) != 1 or None in ratios or not (ratio := ratios.pop()) > 0 or abs(ratio - 1) < 1e-3:
        return None
    if rate_unused(trial):
        return None
    hint = ": averaging, if that is what divides it, is for the loss to decide" if ratio < 1 else ""
    if ratio > 1 and abs(ratio - round(ratio)) < 1e-6:
        hint = f", as if every parameter were updated {round(ratio)} times"
    return {"method": trial.step_name, "where": "step", "ratio": _number(ratio), "rate": trial.rate, "hint": hint}


@wrong_step("momentum forgotten", read=MOMENTUM)
def momentum_forgotten(trial: Trial) -> dict[str, Any] | None:
    """The {what} not carried from step to step: nothing is left of earlier gradients. Does step write into the
    tensor that is kept (kept.mul_(...).add_(...)), or only give its name to a new one (kept = ...)?
    """
    if trial.kind not in ("momentum", "adam") or not trial.rate or trial.used or trial.still:
        return None
    if trial.kind == "adam":
        options = {"averages are": (False, False), "average m is": (False, True), "average v is": (True, False)}
        rules = {what: adam(trial.rate, *trial.betas, carry=carry) for what, carry in options.items()}
        what = next((what for what, rule in rules.items() if trial.follows(rule)), None)
    else:
        decay = trial.setting("momentum", "mu", "beta", "gamma") or 0.9
        forgetful = trial.follows(descent(trial.rate), descent(trial.rate, share=1 - decay))
        what = "velocity is" if forgetful else None
    return {"where": "step", "what": what} if what else None


@wrong_step("momentum not lost", read=MOMENTUM)
def momentum_not_lost(trial: Trial) -> dict[str, Any] | None:
    """Nothing of the velocity is lost from step to step: it grows by every gradient. The factor below 1 belongs to the old
    velocity, v <- momentum * v + grad.
    """
    if trial.kind != "momentum" or not trial.rate or trial.used or trial.still:
        return None
    decay = trial.setting("momentum", "mu", "beta", "gamma") or 0.9
    piled = any(trial.follows(descent(trial.rate, 1.0, share)) for share in (1.0, decay, 1 - decay))
    return {"where": "step"} if piled else None


@wrong_step("step count", read=ADAM)
def step_count(trial: Trial) -> dict[str, Any] | None:
    """The t of the bias correction {what}: it should be 1 in the first step, and grow by 1 with every step, once for all
    parameters.
    """
    if trial.kind != "adam" or not trial.rate or trial.used:
        return None
    rule, count = functools.partial(adam, trial.rate, *trial.betas), len(trial.slots)
    if not any(bool(way.isfinite().any()) for way in trial.path[0].values()):
        return {"where": "step", "what": "is 0 in the first step"}
    if trial.follows(rule(count=lambda t: 1)):
        return {"where": "step", "what": "stays 1"}
    if trial.follows(rule(count=lambda t: t + 1)):
        return {"where": "step", "what": "is 2 in the first step"}
    if count > 1 and trial.follows_each(lambda i: rule(count=lambda t: (t - 1) * count + i + 1)):
        return {"where": "step", "what": "grows with every parameter, as if self.t += 1 stood inside the loop"}
    return None


@wrong_step("bias correction forgotten", read=ADAM)
def bias_correction_forgotten(trial: Trial) -> dict[str, Any] | None:
    """{what} not corrected for starting at zero: Adam divides m by 1 - beta1^t and v by 1 - beta2^t, t counting the
    steps from 1. Without it the first steps have the wrong length.
    """
    if trial.kind != "adam" or not trial.rate or trial.used:
        return None
    betas = trial.betas
    options = {"m and v are": (False, False), "m is": (False, True), "v is": (True, False)}
    for what, (correct_m, correct_v) in options.items():
        if trial.follows(adam(trial.rate, *betas, correct_m, correct_v)):
            return {"where": "step", "what": what}
    return None


SLIPS = {
    "no root": "divides by v, where its square root belongs",
    "no square": "averages the gradient in v, where its square belongs",
    "square in m": "averages the square of the gradient in m, where the gradient itself belongs",
    "share of m": "adds the whole gradient to m: the factor 1 - beta1 is missing",
    "share of v": "adds the whole square to v: the factor 1 - beta2 is missing",
    "m unused": "goes along the gradient itself, where m belongs",
    "m written back": "writes the corrected m back into the m that is kept, and corrects it again in the next step",
    "v written back": "writes the corrected v back into the v that is kept, and corrects it again in the next step",
    "written back": "writes the corrected m and v back into those that are kept, and corrects them again in the next step",
}


@wrong_step("wrong formula", read=ADAM)
def wrong_formula(trial: Trial) -> dict[str, Any] | None:
    """{method} {what}. Compare it with the formula, part by part."""
    if trial.kind != "adam" or not trial.rate or trial.used or trial.still:
        return None
    beta1, beta2 = trial.betas
    found = {"where": "step", "method": trial.step_name}
    if trial.follows(adam(trial.rate, beta1, beta2)):
        if trial.tiny < 0.5:
            return {**found, "what": "takes the root of v + eps, where eps is added to the root of v"}
        return None
    if trial.follows(adam(trial.rate, beta2, beta1)):
        return {**found, "what": "exchanges beta1 and beta2"}
    slip = next((slip for slip in SLIPS if trial.follows(adam(trial.rate, beta1, beta2, slip=slip))), None)
    return {**found, "what": SLIPS[slip]} if slip else None


@wrong_step("unnamed", read=SGD)
def not_the_rule(trial: Trial) -> dict[str, Any] | None:
    """The steps are not those of {rule}, in a way that I know no name for. Measured: with the gradient {gradient}, the
    first step moves {what} by {moved}, where {due} belongs; the next ones by {others}.
    """
    rules = trial.rules()
    if not rules or trial.used or trial.still or trial.follows(*rules):
        return None
    name = trial.slots[0].name
    gradients = [g[name] for g in trial.gradients]
    expected = [p.reshape(-1)[0] for p in rules[0](gradients)]
    got = [way[name].reshape(-1)[0] for way in trial.path]
    later = ", ".join(
        f"{_number(b - a)} ({_number(d - c)})" for a, b, c, d in zip(got, got[1:], expected, expected[1:], strict=False)
    )
    numbers = {"gradient": gradients[0].reshape(-1)[0], "moved": got[0], "due": expected[0]}
    return {
        "where": "step",
        "rule": {"sgd": "plain descent", "momentum": "descent with momentum", "adam": "Adam"}[trial.kind],
        "what": f"the first entry of {name}",
        "others": later,
        **{key: _number(value) for key, value in numbers.items()},
    }


def _takes_nothing(method: Callable) -> bool:
    """Whether a method can be called without arguments."""
    try:
        inspect.signature(method).bind()
    except (TypeError, ValueError):
        return False
    return True


# ---------------------------------------------------------------------------------------------------------------------
# Words

OF_OUTPUT = "What forward returns is {factor} times what it should be."
UNNAMED = "{Where} is not what forward makes it, in a way that I know no name for. Measured: {measured}."
UNNAMED_OUTPUT = (
    "What forward returns is not what it should be, in a way that I know no name for. Measured: {measured}."
)


def words(where: str, **seen: Any) -> dict[str, Any]:
    """Return what can stand in braces in a sentence."""
    name = {"input": "what backward returns", "output": "what forward returns"}.get(where, f"the gradient of {where}")
    return {**seen, "where": name, "Where": name[0].upper() + name[1:]}


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def _nonzero(value: Tensor | None) -> bool:
    return value is not None and value.numel() > 0 and bool((value != 0).any())


def _number(value: Any) -> str:
    return f"{float(value):.4g}"
