"""Losses: the cross-entropy and its softmax, and shapes that do not fit."""

# ruff: noqa: D205, D403 - the docstrings are for the student, and as long as they need to be

from __future__ import annotations

import torch
from torch import Tensor

from minidl.lab.doctor.measure.batches import Case
from minidl.lab.doctor.measure.behaviour import Behaviour
from minidl.lab.doctor.measure.reference import known_name
from minidl.lab.doctor.mistakes.reading import CHAIN, CROSS_ENTROPY, LOSS, MSE, NOWHERE, OVERFLOWING_SOFTMAX, PATHS
from minidl.lab.doctor.mistakes.rules import Seen, misbehaviour, wrong_value
from minidl.lab.doctor.subject.calls import StudentError
from minidl.lab.doctor.subject.values import as_tensor, same
from minidl.lab.doctor.wording import number


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
    if not case.subject.is_loss or case.target is None or case.target.shape != case.input.shape:
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


@wrong_value("softmax over everything", of="any", read=CROSS_ENTROPY)
def softmax_of_scores_over_everything(case: Case, what: str) -> Tensor:
    """{Where} takes the softmax over the whole batch: the probabilities of all samples together sum to 1. It belongs to the
    classes of each sample (dim 1).
    """
    X, (_, T, scale) = case.input, _softmax(case)
    Z = X.reshape(1, -1).log_softmax(1).reshape(X.shape)
    return scale * (-(T * Z).sum() if what == "output" else Z.exp() - T)


@wrong_value("softmax over everything", of="input", read=PATHS)
def softmax_backward_over_everything(case: Case, what: str) -> Tensor | None:
    """{Where} sums over the whole batch. The probabilities of a sample depend on the scores of that sample only: what comes
    back is y (g - sum of g y), the sum over its own classes.
    """
    Y, G = case.output, case.grad_output
    if _is_softmax_of_rows(case, logarithm=True):
        return G - Y.exp() * G.sum()
    return Y * (G - (G * Y).sum()) if _is_softmax_of_rows(case) else None


@wrong_value("wrong axis", of="input", read=PATHS)
def softmax_backward_over_samples(case: Case, what: str) -> Tensor | None:
    """{Where} sums over the samples (axis 0). The probabilities of a sample depend on the scores of that sample only: what
    comes back is y (g - sum of g y), the sum over its own classes (axis 1).
    """
    Y, G = case.output, case.grad_output
    if _is_softmax_of_rows(case, logarithm=True):
        return G - Y.exp() * G.sum(0)
    return Y * (G - (G * Y).sum(0)) if _is_softmax_of_rows(case) else None


@wrong_value("outer derivative forgotten", of="input", read=CHAIN)
def outer_derivative_forgotten(case: Case, what: str) -> list[Tensor | None]:
    """{Where} is the derivative of what stands under the root. The chain rule multiplies by the derivative of the root too:
    divide by 2 times the root.
    """
    truth, loss = case.truth[what], case.output
    if not case.subject.is_loss or loss.numel() != 1:
        return []
    if case.target is None or case.target.shape != case.input.shape:
        return [2 * loss * truth, loss * truth]
    error = case.input - case.target.double()
    of_samples = (
        all(case.is_multiple(t, e) for t, e in zip(truth, error, strict=True)) and truth.ndim == 2 and case.m > 1
    )
    lengths = [2 * error, error, 2 * error / case.n, error / case.n] if of_samples else []
    return [2 * loss * truth, loss * truth, *([] if _squared(case) else lengths)]


def _squared(case: Case) -> bool:
    """Whether a loss is of squared errors, without a root."""
    return all(c.is_multiple(c.truth["input"], c.input - c.target.double()) for c in case.batches.cases)


@wrong_value("shift forgotten", of="output", read=OVERFLOWING_SOFTMAX)
def shift_forgotten(case: Case, what: str) -> Tensor:
    """{Where} takes the log-sum-exp of scores from which something was subtracted: it has to be added back, or subtracted
    from the score of the right class too.
    """
    X, (_, T, scale) = case.input, _softmax(case)
    return scale * ((X - X.amax(1, keepdim=True)).logsumexp(1).sum() - (T * X).sum())


@misbehaviour("softmax over everything", read=NOWHERE)
def softmax_over_everything(behaviour: Behaviour) -> Seen | None:
    """forward takes the softmax over the whole batch: the probabilities of all {n} samples together sum to 1, and those of
    one sample to less. They belong to each sample: sum over its classes, with keepdim.
    """
    case = behaviour.batches.cases[0]
    everything = case.input.double().reshape(-1).softmax(0).reshape(case.input.shape)
    together = case.n > 1 and case.input.ndim == 2 and case.close(case.output, everything)
    return {"where": "output", "n": case.n} if together and case.m > 1 else None


@misbehaviour("wrong axis", read=NOWHERE)
def softmax_over_columns(behaviour: Behaviour) -> Seen | None:
    """forward takes the softmax over the samples (axis 0): the probabilities of one class in the whole batch sum to 1. They
    belong to each sample: sum over its classes, the last axis.
    """
    case, known = behaviour.batches.cases[0], known_name(behaviour.subject.original, ("softmax",))
    over = known and case.n > 1 and case.m > 1 and case.input.ndim == 2
    return {"where": "output"} if over and case.close(case.output, case.input.double().softmax(0)) else None


@misbehaviour("wrong shape", read=LOSS, misleads=True)
def loss_not_reduced(behaviour: Behaviour) -> Seen | None:
    """forward returns a loss for every entry, of shape {got_shape}: a loss is one number. Sum them, or take their
    mean.
    """
    output = as_tensor(behaviour.batches.plain["output"])
    if not behaviour.subject.is_loss or output is None or output.numel() == 1:
        return None
    return {"where": "output", "got_shape": tuple(output.shape)}


@misbehaviour("broadcast", read=MSE)
def broadcast(behaviour: Behaviour) -> Seen | None:
    """An input of shape {input_shape} and a target of shape {target_shape} are silently broadcast to {square}: every
    output is compared with every target, and the loss is {got_loss} instead of {expected_loss}. Compare the shapes
    first, and raise an error.
    """
    subject, batches = behaviour.subject, behaviour.batches
    if not subject.is_loss or _is_cross_entropy(batches.cases):  # one column of scores is nothing for a softmax
        return None
    given = batches.given_target
    if not given.is_floating_point() or given.numel() != batches.given.numel():
        return None
    X, T = batches.draw(5, 1), batches.draw(5, 1) + 0.1
    try:
        expected = subject.output_at(X, T)
        got = subject.output_at(X, T.reshape(5))
    except (StudentError, RuntimeError, TypeError, ValueError, IndexError):
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
        "got_loss": number(got.sum()),
        "expected_loss": number(expected.sum()),
    }


def _softmax(case: Case) -> tuple[Tensor, Tensor, Tensor]:
    """Return P, the one-hot T, and the scale of a cross-entropy, whose gradient is scale (P - T); TypeError for others."""
    X, T = case.input, case.target
    if T is not None and X.ndim == 2 and T.shape == X.shape[:1] and not T.is_floating_point():
        T = torch.nn.functional.one_hot(T, X.shape[1])
    if not case.subject.is_loss or X.ndim != 2 or T is None or T.shape != X.shape:
        raise TypeError("no cross-entropy")
    P = X.softmax(1)
    truth = case.expected_gradients()["input"]
    scale = (truth * (P - T)).sum() / ((P - T) ** 2).sum()
    if not case.close(truth, scale * (P - T)):
        raise TypeError("no cross-entropy")
    return P, T, scale


def _is_softmax_of_rows(case: Case, logarithm: bool = False) -> bool:
    """Whether a layer is a softmax of each sample, or the logarithm of that."""
    if case.subject.is_loss or case.input.ndim != 2:
        return False
    return case.close(case.output, case.input.log_softmax(1) if logarithm else case.input.softmax(1))


def _is_cross_entropy(cases: list[Case]) -> bool:
    try:
        _softmax(cases[0])
    except (IndexError, TypeError):
        return False
    return True
