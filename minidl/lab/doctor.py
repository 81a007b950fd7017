"""The doctor: examines a hand-written layer, loss or optimiser and names its mistake.

    from minidl.lab.doctor import examine

    examine(MyReLU(), (4, 3))

The truth comes from the module's own forward, so that it may be one that nobody has seen before. What the doctor knows
by name, and how to teach it another mistake, is in `minidl.lab._mistakes`.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import random
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from minidl.lab._diagnosis import Diagnosis, Finding
from minidl.lab._exam import Case, Exam
from minidl.lab._mistakes import FACTORS, LINEAR, MISBEHAVIOURS, MSE, WRONG_STEPS, WRONG_VALUES, Factor, WrongValue
from minidl.lab._patient import TimeUp, Trouble, Watch, as_tensor, attributes, canonical, children, is_values, show
from minidl.lab._reference import expectation
from minidl.lab._trial import Trial

__all__ = ["Diagnosis", "Finding", "examine", "examine_loss", "examine_optimizer"]

TIME_LIMIT = 5.0  # seconds that one call of the student's code may take


def examine(module: Any, input: Any, *, reference: Any = None, time_limit: float = TIME_LIMIT) -> Diagnosis:
    """Examine a layer, or a container of layers, and name what is wrong with it.

    Parameters
    ----------
    module : object with ``forward`` and ``backward``
        A minidl Module or not. Its parameters and their gradients are found in ``params`` and ``grad`` dictionaries, in
        the (parameter, gradient) pairs that ``param()`` or ``parameters()`` lists, and as attributes such as ``weight``
        and ``grad_weight``, or ``w`` and ``dw``. It is copied, and not changed itself.
    input : shape, tensor or array
        A batch of shape (n, m), or such a shape to draw one from.
    reference : function or torch.nn module, optional
        What forward should be equal to; Linear, ReLU, Tanh and Sigmoid are known by the name of the class.
    time_limit : float
        Seconds that one call of the module may take.

    Raises
    ------
    TypeError, ValueError
        For something that is no module, an input that is no batch, or a reference that does not take it.
    """
    batch = _batch("input", input)
    if isinstance(module, type):
        raise TypeError(
            f"examine expected an object, got the class {module.__name__}: build one first, {module.__name__}(...)"
        )
    if not callable(getattr(module, "forward", None)) and not callable(module):
        raise TypeError(f"examine expected an object with forward and backward, got {type(module).__name__}")
    subject = f"{type(module).__name__}, examined with {_samples(batch)}"
    if not callable(getattr(module, "backward", None)):
        text = "there is no backward(grad_output): nothing returns the gradient of the input."
        return Diagnosis(subject, [Finding("no backward", "input", text)])
    return _guarded(subject, lambda watch: _examine_module(module, batch, reference, watch), time_limit)


def examine_loss(
    loss: Any, input: Any, target: Any, *, reference: Any = None, time_limit: float = TIME_LIMIT
) -> Diagnosis:
    """Examine a loss: ``forward(input, target)`` returns a number, ``backward()`` its gradient by the input.

    ``backward(input, target)`` is understood too. Parameters and errors are those of `examine`; ``target`` is a shape or
    a tensor: numbers, one-hot rows, or class numbers. MSE is known by the name of the class, with any reduction.
    """
    batch, targets = _batch("input", input), _batch("target", target, least=1)
    if isinstance(loss, type):
        raise TypeError(
            f"examine_loss expected an object, got the class {loss.__name__}: build one first, {loss.__name__}()"
        )
    if len(batch) != len(targets):
        raise ValueError(f"examine_loss expected a target for each of {len(batch)} samples, got {len(targets)}")
    subject = f"{type(loss).__name__}, examined with {_samples(batch)}"
    exam = Exam(loss, batch, targets)
    if exam.patient.forward_name is None or exam.patient.backward_name is None:
        raise TypeError(f"examine_loss expected an object with forward and backward, got {type(loss).__name__}")
    return _guarded(subject, lambda watch: _examine_module(loss, batch, reference, watch, targets), time_limit)


def _batch(name: str, given: Any, least: int = 2) -> Tensor:
    """Return the batch given, or draw one of the shape given."""
    if isinstance(given, (tuple, list)) and given and all(isinstance(size, int) for size in given):
        if min(given) < 1:
            raise ValueError(f"expected {name} of a shape with no dimension empty, got {tuple(given)}")
        return torch.randn(tuple(given), generator=torch.Generator().manual_seed(0))
    tensor = as_tensor(given)
    if tensor is None:
        raise TypeError(f"expected {name} to be a tensor, an array or a shape, got {type(given).__name__}")
    if tensor.ndim < least or not tensor.numel():
        raise ValueError(f"expected {name} of shape (n, m), got {tuple(tensor.shape)}")
    if not tensor.is_floating_point() and name == "input":
        tensor = tensor.to(torch.get_default_dtype())
    return tensor


def _samples(batch: Tensor) -> str:
    n, *m = batch.shape
    return f"{n} sample{'s' * (n > 1)} of {' x '.join(map(str, m))} feature{'s' * (m != [1])}"


# ---------------------------------------------------------------------------------------------------------------------
# The examination


def _examine_module(
    module: Any, input: Tensor, reference: Any, watch: Watch, target: Tensor | None = None
) -> tuple[list[Finding], list[str]]:
    """Return what is wrong with a module, and what else there is to say about it."""
    exam = Exam(module, input, target, watch)
    exam.expectation = expectation(exam, reference)
    special: list[Finding] = []
    try:
        _begin(exam, reference)
    except Trouble as trouble:
        special = [_raised(trouble, exam)]
        k = exam.outputs() if not exam.is_loss and trouble.doing == exam.patient.backward_name else 0
        if k in (0, len(exam.given)):
            return special, []
        exam = Exam(module, exam.draw(k, *exam.given.shape[1:]).to(exam.given.dtype), None, watch)
        exam.expectation = expectation(exam, reference)
        try:  # perhaps it only works where there are as many samples as outputs
            _begin(exam, reference)
        except Trouble:
            return special, []
    if exam.plain["output"] is None or as_tensor(exam.plain["output"]) is None:
        return [*special, *_misbehaviours(exam, only=("returns nothing", "wrong type"))], []
    inside = _examine_children(exam) if not exam.is_loss else []
    behaviour = _misbehaviours(exam)
    behaviour = [f for f in behaviour if f.mistake not in {g.mistake for g in inside}]
    names = {f.mistake for f in behaviour + inside}
    if not all(case.close(case.got["input"], case.truth["input"]) for case in exam.cases):
        behaviour = [f for f in behaviour if f.mistake != "kink"]  # it is wrong elsewhere too
    if "never zeroed" in names:
        behaviour = [f for f in behaviour if f.mistake != "nested not zeroed"]
    if "writes parameters" in names:
        behaviour = [f for f in behaviour if f.mistake not in ("stale cache", "overwritten")]
    lost = bool(names & {"first module not reached", "last module not reached", "module not reached", "wrong order"})
    values = [] if lost or inside or exam.plain["output"] is None else _wrong_values(exam, behaviour)
    if special and (values or behaviour or inside):
        exam.notes.append(f"backward runs only where there are as many samples as outputs: {special[0].text}")
        special = []
    return [*special, *values, *inside, *behaviour], _notes(exam)


def _begin(exam: Exam, reference: Any) -> None:
    try:
        exam.begin()
    except LookupError as error:
        if reference is not None:
            raise ValueError(
                f"expected a reference that takes what {type(exam.patient.original).__name__} does"
            ) from error
        exam.expectation = None  # a name alone promises little
        exam.cases = []
        exam.begin()


def _raised(trouble: Trouble, exam: Exam) -> Finding:
    error, line = trouble.error, trouble.where()
    text = (
        f"{trouble.doing} raises {type(error).__name__}{f': {error}' if str(error) else ''} for {_samples(exam.given)}"
    )
    return Finding("raises", trouble.doing, text + (f" ({line})." if line else "."), {"error": type(error).__name__})


def _misbehaviours(exam: Exam, only: tuple[str, ...] = ()) -> list[Finding]:
    findings: list[Finding] = []
    for mistake in MISBEHAVIOURS:
        if (only and mistake.name not in only) or any(f.mistake == mistake.name for f in findings):
            continue
        try:
            seen = mistake.observe(exam)
        except Trouble as trouble:
            if mistake.name in ("stale cache", "overwritten", "never zeroed") and not exam.patient.watch.over:
                finding = _raised(trouble, exam)
                finding.text = f"{finding.text[:-1]}, when it is used a second time."
                if all(f.mistake != "raises" for f in findings):
                    findings.append(finding)
            continue
        if seen is not None:
            expected, got = seen.pop("expected", None), seen.pop("got", None)
            text = mistake.says.format(**seen)
            where = seen.pop("where")
            findings.append(Finding(mistake.name, where, text, seen, expected, got, mistake.read))
    return findings


def _examine_children(exam: Exam) -> list[Finding]:
    """Examine the modules inside, each with the input that it gets there."""
    findings: list[Finding] = []
    for path, child in children(exam.patient.original):
        name = f"{show(path)} ({type(child).__name__})"
        input = exam.journey.inputs.get(name)
        if input is None or input.ndim < 2:
            continue
        for finding in _examine_module(child, input.to(exam.patient.native), None, exam.patient.watch)[0]:
            twin = [f for f in findings if f.mistake == finding.mistake and f.text.endswith(finding.text)]
            finding.where, finding.text = f"{show(path)}: {finding.where}", f"in {name}: {finding.text}"
            if not twin:
                findings.append(finding)
    return findings


def _wrong_values(exam: Exam, behaviour: list[Finding]) -> list[Finding]:
    """Find what differs from the truth in some batch, and name the mistake that fits all of them."""
    names = {f.mistake for f in behaviour}
    if any(f.mistake == "wrong shape" for f in behaviour) or not exam.cases:
        return []
    unclear = exam.unsteady | {f.where for f in behaviour if f.mistake in ("not reproducible", "wrong device")}
    unclear |= {f.where for f in behaviour if f.mistake in ("returns nothing", "wrong type", "parameter unused")}
    if "parameter unused" in names:
        unclear |= {"output"}
    findings: list[Finding] = []
    for what in sorted(exam.cases[0].truth, key=lambda what: what != "output"):  # forward first
        if what in unclear or all(case.truth[what] is None for case in exam.cases):
            continue
        wrong = [case for case in exam.cases if not case.close(_shown(case, what), _due(case, what))]
        if wrong and not _fits_reference(exam, what, findings):
            findings += _explain(exam, what, wrong[0])
    return findings


def _due(case: Case, what: str) -> Tensor | None:
    """Return the truth; zeros where forward does not use the parameter in this batch."""
    truth = case.truth[what]
    return torch.zeros_like(case.param(what)) if truth is None else truth


def _shown(case: Case, what: str) -> Tensor | None:
    return case.output if what == "output" else case.got[what]


def _fits_reference(exam: Exam, what: str, findings: list[Finding]) -> bool:
    """Whether a gradient is right for what forward should have been: then forward alone is to blame."""
    if what == "output" or all(f.where != "output" for f in findings):
        return False
    return all(case.close(case.got[what], exam.expectation.gradients(case)[what]) for case in exam.cases)


# ---------------------------------------------------------------------------------------------------------------------
# Naming a wrong value


def _explain(exam: Exam, what: str, worst: Case) -> list[Finding]:
    """Return the mistake, or the mistakes, that explain a wrong value in every batch; else what was measured."""
    kind = what if what in ("input", "output") else "param"
    known = [w for w in WRONG_VALUES if w.of in (kind, "any")]
    right = WrongValue("", "any", "", MSE if exam.is_loss else LINEAR, _due)
    cases = exam.cases
    if all(_shown(case, what) is not None for case in cases):
        for mistake, with_factor in [*((w, False) for w in known), (right, True), *((w, True) for w in known)]:
            found = _fit(cases, what, mistake, with_factor)
            if found is not None:
                return _named(exam, what, worst, mistake, *found)
    elif kind == "param":
        missing = next(w for w in known if w.name == "gradient missing")
        return _named(exam, what, worst, missing, (), None)
    return [_measured(exam, what, worst)]


def _fit(
    cases: list[Case], what: str, mistake: WrongValue, with_factor: bool
) -> tuple[tuple[Factor, ...], list[float] | None] | None:
    """Return the factors with which a mistake explains all batches, and their values; None where it does not."""
    try:
        predictions = [mistake.predict(case, what) for case in cases]
    except (Trouble, RuntimeError, TypeError, AttributeError, IndexError):
        return None
    lists = [p if isinstance(p, list) else [p] for p in predictions]
    for options in zip(*lists, strict=False):
        pairs = [(case, _shown(case, what), option) for case, option in zip(cases, options, strict=True)]
        if any(option is None or option.shape != got.shape for _, got, option in pairs):
            continue
        if not with_factor:
            same_as_truth = all(case.close(option, _due(case, what)) for case, _, option in pairs)
            if not same_as_truth and all(case.close(got, option) for case, got, option in pairs):
                return (), None
            continue
        ratios = [_ratio(case, got, option) for case, got, option in pairs]
        if any(ratio is None for ratio in ratios):
            continue
        factors = _factors(cases, ratios)
        if factors:
            return factors, ratios
    return None


def _ratio(case: Case, got: Tensor, prediction: Tensor) -> float | None:
    """Return the number by which a prediction has to be multiplied, or None where no number will do."""
    measured = prediction.isfinite()
    size = float((prediction[measured] ** 2).sum())
    if not size or not bool(got.isfinite().all()):
        return None
    ratio = float((got[measured] * prediction[measured]).sum()) / size
    return ratio if case.close(got, ratio * prediction) else None


def _factors(cases: list[Case], ratios: list[float]) -> tuple[Factor, ...]:
    """Return the fewest known factors whose product is the ratio in every batch."""
    sign, *others = FACTORS
    small = [f for f in others if f.name in ("2", "1/2")]
    options: list[tuple[Factor, ...]] = [(f,) for f in FACTORS] + [(sign, f) for f in others]
    options += [(s, f) for s in small for f in others if f not in small]
    options += [(sign, *pair) for pair in options if len(pair) == 2 and sign not in pair]
    slack = 20 * cases[0].exam.tolerance
    for factors in options:
        for case, ratio in zip(cases, ratios, strict=True):
            value = 1.0
            for factor in factors:
                value *= factor.value(case)
            if abs(ratio - value) > slack * abs(value):
                break
        else:
            return factors
    return ()


def _named(
    exam: Exam, what: str, worst: Case, mistake: WrongValue, factors: tuple[Factor, ...], ratios: list[float] | None
) -> list[Finding]:
    expected, got = _due(worst, what), _shown(worst, what)
    words = {"where": _where(what), "Where": _where(what)}
    words |= {"got_shape": tuple(got.shape) if got is not None else None, "expected_shape": tuple(expected.shape)}
    evidence = _evidence(worst, expected, got)
    if ratios is not None:
        evidence["factor"] = {f"n = {c.n}, m = {c.m}": round(r, 6) for c, r in zip(exam.cases, ratios, strict=True)}
    findings = []
    if mistake.name:
        findings.append(
            Finding(mistake.name, what, mistake.says.format(**words), evidence, expected, got, mistake.read)
        )
    for factor in factors:
        name = factor.name if factor.name == "sign" else f"factor {factor.name}"
        says = factor.says_of_loss if exam.is_loss and what == "input" else factor.says
        findings.append(Finding(name, what, says.format(**words), evidence, expected, got, mistake.read))
    for name in mistake.also:
        twin = next(w for w in WRONG_VALUES if w.name == name)
        findings.append(Finding(name, what, twin.says.format(**words), evidence, expected, got, twin.read))
    return findings


def _measured(exam: Exam, what: str, worst: Case) -> Finding:
    """Return a finding without a name: what was measured, and no guess."""
    expected, got = _due(worst, what), _shown(worst, what)
    evidence, parts = _evidence(worst, expected, got), []
    if got is None:
        parts.append("there is none")
    elif got.shape != expected.shape:
        parts.append(f"its shape is {tuple(got.shape)}, and should be {tuple(expected.shape)}")
    else:
        right = int((got - expected).abs().le(exam.tolerance * max(1.0, float(expected.abs().max()))).sum())
        parts.append(f"{right} of {got.numel()} entries are right")
        ratio = _ratio(worst, got, expected)
        if ratio is not None:
            parts.append(f"all are {ratio:.4g} times what they should be")
            evidence["factor"] = {f"n = {worst.n}, m = {worst.m}": round(ratio, 6)}
        elif not bool(got.isfinite().all()):
            parts.append(f"{int((~got.isfinite()).sum())} are not finite")
        else:
            parts.append(f"the largest difference is {evidence['largest difference']:.4g}")
    subject = (
        "forward does not return what it should" if what == "output" else f"{_where(what)} is not what forward makes it"
    )
    text = f"{subject}, in a way that I know no name for. Measured: {', '.join(parts)}."
    return Finding("unnamed", what, text, evidence, expected, got)


def _evidence(case: Case, expected: Tensor, got: Tensor | None) -> dict[str, Any]:
    """Return shapes, and the entry that differs most."""
    evidence: dict[str, Any] = {"expected shape": tuple(expected.shape)}
    if got is None:
        return evidence
    evidence["got shape"] = tuple(got.shape)
    if got.shape == expected.shape and got.numel():
        difference = (got - expected).abs().nan_to_num(0, posinf=0)
        at = int(difference.argmax())
        entry = []
        for size in reversed(expected.shape):
            entry.insert(0, at % size)
            at //= size
        evidence |= {"entry": entry, "expected": float(expected[tuple(entry)]), "got": float(got[tuple(entry)])}
        evidence["largest difference"] = float(difference.max())
    return evidence


def _where(what: str) -> str:
    return {"input": "what backward returns", "output": "what forward returns"}.get(what, f"the gradient of {what}")


def _notes(exam: Exam) -> list[str]:
    """Return what is worth knowing and no mistake."""
    notes = exam.notes
    own = [slot.name for slot in exam.patient.slots]
    if not own and not exam.is_loss:
        orphans = [
            name
            for name, value in attributes(exam.patient.original).items()
            if canonical(name) in ("weight", "bias") and is_values(value)
        ]
        if orphans:
            notes.append(
                f"I found no gradient that belongs to {' or '.join(orphans)}. To show me parameters, keep them in params and "
                "their gradients in grad (dictionaries with equal keys), return pairs from param(), or call the "
                "gradient of weight grad_weight."
            )
    if exam.random:
        notes.append("forward is random; it was examined with the same random numbers each time.")
    return notes


# ---------------------------------------------------------------------------------------------------------------------
# Optimisers


def examine_optimizer(optimizer: Any, model: Any, *, time_limit: float = TIME_LIMIT) -> Diagnosis:
    """Examine an optimiser by a few steps with known gradients: does every parameter move, and downhill?

    The gradients of a copy of the model are set, and ``step()`` of a copy of the optimiser is called. SGD, momentum and
    Adam are known by the name of the class, and their steps compared with the rule.

    Parameters
    ----------
    optimizer : object with ``step``
    model : object
        The module, or the list of modules, whose parameters it updates; found as `examine` finds them.
    time_limit : float
        Seconds that one call of the optimiser may take.

    Raises
    ------
    TypeError
        For an optimiser without ``step``.
    """
    if isinstance(optimizer, type) or not any(callable(getattr(optimizer, name, None)) for name in ("step", "update")):
        raise TypeError(f"examine_optimizer expected an object with step(), got {optimizer!r}")

    def examination(watch: Watch) -> tuple[list[Finding], list[str]]:
        try:
            trial = Trial(optimizer, model, watch)
            if not trial.slots:
                text = "no parameter with a gradient was found in the model: keep them in params and grad, or list them in param()."
                return [Finding("no parameters", "model", text)], []
            trial.path  # noqa: B018 - if it raises, it raises here
        except Trouble as trouble:
            return [
                Finding(
                    "raises", trouble.doing, f"{trouble.doing} raises {type(trouble.error).__name__}: {trouble.error}."
                )
            ], []
        findings = []
        for mistake in WRONG_STEPS:
            if mistake.name == "unnamed" and findings:
                continue
            seen = mistake.observe(trial)
            if seen is not None:
                text = mistake.says.format(**seen)
                findings.append(Finding(mistake.name, seen.pop("where"), text, seen, read=mistake.read))
        return findings, []

    return _guarded(f"{type(optimizer).__name__}, examined with {type(model).__name__}", examination, time_limit)


# ---------------------------------------------------------------------------------------------------------------------
# Leaving the world as it was


def _guarded(
    subject: str, examination: Callable[[Watch], tuple[list[Finding], list[str]]], time_limit: float
) -> Diagnosis:
    """Run an examination in a thread of its own, so that one that hangs can be given up."""
    watch, result = Watch(), []
    grad_mode = torch.is_grad_enabled()

    def work() -> None:
        torch.set_grad_enabled(grad_mode)  # of this thread alone
        try:
            result.append(examination(watch))
        except BaseException as error:
            result.append(error)

    with _unchanged(watch) as printed:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            while thread.is_alive():
                thread.join(0.05)
                since = watch.since
                if since and time.monotonic() - since > time_limit:
                    break
        finally:
            if thread.is_alive():
                watch.over = True
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(TimeUp))
                thread.join(0.2)
    if watch.over:
        text = f"{watch.doing} does not come back within {time_limit:g} seconds: is there a loop that never ends?"
        return Diagnosis(subject, [Finding("hangs", watch.doing, text)])
    if isinstance(result[0], BaseException):
        raise result[0]
    findings, notes = result[0]
    if printed.getvalue():
        lines = printed.getvalue().splitlines()
        notes.append(f"it prints, for example {lines[0][:60]!r}; that was kept from the screen.")
    return Diagnosis(subject, findings, notes)


@contextlib.contextmanager
def _unchanged(watch: Watch) -> Iterator[io.StringIO]:
    """Catch what is printed, and put back whatever the student's code and the doctor change for everybody."""
    printed = io.StringIO()
    numpy = sys.modules.get("numpy")
    states = torch.get_rng_state(), random.getstate(), numpy.random.get_state() if numpy else None
    dtype = torch.get_default_dtype()
    deterministic = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            warnings.simplefilter("ignore")
            yield printed
    finally:
        torch.set_rng_state(states[0])
        random.setstate(states[1])
        if numpy:
            numpy.random.set_state(states[2])
        torch.set_default_dtype(dtype)
        torch.use_deterministic_algorithms(deterministic[0], warn_only=deterministic[1])
