"""The doctor: examines a hand-written layer, loss or optimiser and names its mistake.

    from minidl.lab.doctor import examine

    examine(MyReLU(), (4, 3))

The truth comes from the module's own forward, so that it may be one that nobody has seen before. What the doctor knows
by name, and how to teach it another mistake, is in `minidl.lab._mistakes`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from minidl.lab._diagnosis import Diagnosis, Finding
from minidl.lab._experiments import Experiments
from minidl.lab._guard import Hung, guarded
from minidl.lab._mistakes import MISBEHAVIOURS, WRONG_STEPS, Misbehaviour, words
from minidl.lab._naming import wrong_values
from minidl.lab._patient import Trouble, Watch, as_tensor, children, contents, is_numpy, show
from minidl.lab._reference import expectation
from minidl.lab._trial import Trial, generators

__all__ = ["Diagnosis", "Finding", "examine", "examine_loss", "examine_optimizer"]

# Every gradient is wrong then
ASTRAY = ("wrong order", "module left out", "module used twice", "modules reordered", "message not passed on")
BEFORE_ALL = ("wrong order", "module left out", "module used twice", "shared parameters")  # why it may raise
TIME_LIMIT = 5.0  # seconds that one call of the student's code may take
HOW_TO_SHOW = (
    "no parameters were found. To show them: keep them in params and their gradients in grad (dictionaries with "
    "equal keys), return (parameter, gradient) pairs from param(), or call the gradient of weight grad_weight."
)
USED_UP = (
    "{what} is a generator: it gives the parameters once, in the first step, and after that nothing moves. Keep a list of "
    "them, list(parameters)."
)


def examine(module: Any, input: Any, *, reference: Any = None, time_limit: float = TIME_LIMIT) -> Diagnosis:
    """Examine a layer, or a container of layers, and name what is wrong with it.

    Parameters
    ----------
    module : object with ``forward`` and ``backward``
        A minidl Module or not. Its parameters and their gradients are found in ``params`` and ``grad`` dictionaries (or
        lists, or methods that return such), in the (parameter, gradient) pairs that ``param()`` or ``parameters()`` lists,
        and as attributes such as ``weight`` and ``grad_weight``, or ``w`` and ``dw``. It is copied, and not changed itself.
    input : shape, tensor or array
        A batch of shape (n, m), or such a shape to draw one from. Of a large batch, the first samples are taken.
    reference : function or torch.nn module, or the name of a function of torch.nn.functional or torch, optional
        What forward should be equal to. Linear, ReLU, Tanh and Sigmoid are known by the name of the class.
    time_limit : float
        Seconds that one call of the module may take.

    Raises
    ------
    TypeError, ValueError
        For something that is no module, an input that is no batch, or a reference that does not take it.
    """
    batch = _batch("input", input)
    _check_object("examine", module, ("forward", "__call__"))
    if not callable(getattr(module, "backward", None)):
        text = "there is no backward(grad_output): nothing returns the gradient of the input."
        return Diagnosis(_subject(module, batch), [Finding("no backward", "input", text)])
    return _diagnose(_subject(module, batch), lambda watch: _examine(module, batch, reference, watch), time_limit)


def examine_loss(
    loss: Any, input: Any, target: Any, *, reference: Any = None, time_limit: float = TIME_LIMIT
) -> Diagnosis:
    """Examine a loss: ``forward(input, target)`` returns a number, ``backward()`` its gradient by the input.

    ``backward(input, target)`` is understood too. Parameters and errors are those of `examine`; ``target`` is a shape, or
    a tensor of numbers, one-hot rows, or class numbers. MSE is known by the name of the class, with any reduction.
    """
    batch, targets = _batch("input", input), _batch("target", target, least=1)
    _check_object("examine_loss", loss, ("forward", "loss", "__call__"))
    if len(batch) != len(targets):
        raise ValueError(f"examine_loss expected a target for each of {len(batch)} samples, got {len(targets)}")
    if Experiments(loss, batch, targets, Watch()).patient.backward_name is None:
        text = "there is no backward(): nothing returns the gradient of the input."
        return Diagnosis(_subject(loss, batch), [Finding("no backward", "input", text)])
    return _diagnose(_subject(loss, batch), lambda watch: _examine(loss, batch, reference, watch, targets), time_limit)


def examine_optimizer(optimizer: Any, model: Any, *, time_limit: float = TIME_LIMIT) -> Diagnosis:
    """Examine an optimiser by a few steps with known gradients: whether every parameter moves, and downhill.

    The gradients of a copy of the model are set, and ``step()`` of a copy of the optimiser is called. SGD, momentum and
    Adam are known by the name of the class, and their steps compared with the rule.

    Parameters
    ----------
    optimizer : object with ``step``
    model : object
        The module whose parameters it updates, found as `examine` finds them.
    time_limit : float
        Seconds that one call of the optimiser may take.

    Raises
    ------
    TypeError
        For an optimiser without ``step``.
    """
    _check_object("examine_optimizer", optimizer, ("step", "update"))
    subject = f"{type(optimizer).__name__}, examined with {type(model).__name__}"
    return _diagnose(subject, lambda watch: _examine_steps(optimizer, model, watch), time_limit)


def _check_object(who: str, thing: Any, methods: tuple[str, ...]) -> None:
    if isinstance(thing, type):
        raise TypeError(
            f"{who} expected an object, got the class {thing.__name__}: build one first, {thing.__name__}(...)"
        )
    if not any(callable(getattr(thing, name, None)) for name in methods):
        raise TypeError(f"{who} expected an object with {methods[0]}, got {type(thing).__name__}")


def _batch(name: str, given: Any, least: int = 2) -> Tensor:
    """Return the batch given, or draw one of the shape given."""
    if isinstance(given, (tuple, list)) and given and all(isinstance(size, int) for size in given):
        if min(given) < 1:
            raise ValueError(f"expected {name} of a shape without empty dimensions, got {tuple(given)}")
        given = torch.randn(tuple(given), generator=torch.Generator().manual_seed(len(name)))
    tensor = as_tensor(given)
    if tensor is None:
        raise TypeError(f"expected {name} to be a tensor, an array or a shape, got {type(given).__name__}")
    if tensor.ndim < least or not tensor.numel():
        raise ValueError(f"expected {name} of shape (n, m), got {tuple(tensor.shape)}")
    if name == "input" and not tensor.is_floating_point():
        tensor = tensor.to(torch.get_default_dtype())
    return tensor


def _subject(module: Any, batch: Tensor) -> str:
    n, *m = batch.shape
    size = f"{n} sample{'s' * (n > 1)} of {' x '.join(map(str, m))} feature{'s' * (m != [1])}"
    return f"{type(module).__name__}, examined with {size}"


def _diagnose(
    subject: str, examination: Callable[[Watch], tuple[list[Finding], list[str]]], time_limit: float
) -> Diagnosis:
    try:
        (findings, notes), printed = guarded(examination, time_limit)
    except Hung as error:
        return Diagnosis(subject, [Finding("hangs", str(error).split(maxsplit=1)[0], str(error))])
    if printed:
        notes.append(f"it prints, for example {printed.strip().splitlines()[0][:60]!r}; that was kept from the screen.")
    return Diagnosis(subject, findings, notes)


# ---------------------------------------------------------------------------------------------------------------------
# Modules


def _examine(
    module: Any, input: Tensor, reference: Any, watch: Watch, target: Tensor | None = None
) -> tuple[list[Finding], list[str]]:
    """Return what is wrong with a module, and what else there is to say about it."""
    exam = Experiments(module, input, target, watch)
    raised = None
    try:
        _begin(exam, reference)
    except Trouble as trouble:
        raised = _raised(trouble)
        reasons = [] if exam.is_loss else _observe([m for m in MISBEHAVIOURS if m.name in BEFORE_ALL], exam)
        if reasons:
            return [*reasons, raised], []
        exam, wants = _another_batch(exam, input, target, reference)
        if exam is None:
            return [raised], []
        exam.notes.append(f"it runs with {len(exam.given)} samples; with another number of them, {raised.text}")
        raised = None if wants == "whole" else raised
    notes = exam.notes
    if as_tensor(exam.plain["output"]) is None:
        return _observe([m for m in MISBEHAVIOURS if m.name in ("returns nothing", "wrong type")], exam), []
    if not exam.cases:
        text = "What forward returns is not finite, for the input given and for every other that was tried."
        return [Finding("not finite", "output", text)], notes
    inside = [] if exam.is_loss else _examine_children(exam)
    seen = [f for f in _observe(MISBEHAVIOURS, exam) if all(f.mistake != g.mistake for g in inside)]
    seen = _causes(seen, inside, exam)
    astray = any(f.mistake.endswith("module not reached") or f.mistake in ASTRAY for f in seen)
    values = [] if inside or astray else wrong_values(exam, seen)
    if values:
        methods = exam.patient.forward_name, exam.patient.backward_name
        seen = [f for f in seen if f.mistake != "raises" or f.where not in methods]  # in the second use: a consequence
    elif raised and not seen and not inside:
        return [raised], []
    if not exam.patient.slots and not exam.is_loss:
        holds = any(isinstance(value, Tensor) or is_numpy(value) for value in contents(exam.patient.fresh()))
        notes.append(HOW_TO_SHOW if holds else "it has no parameters that can be seen.")
    if exam.random:
        notes.append("forward is random; it was examined with the same random numbers each time.")
    return [*values, *inside, *seen], notes


def _begin(exam: Experiments, reference: Any) -> None:
    exam.expectation = expectation(exam, reference)
    try:
        exam.begin()
    except LookupError as error:
        if reference is not None:
            raise ValueError(
                f"expected a reference that takes what {type(exam.patient.original).__name__} does"
            ) from error
        exam.expectation, exam.cases = None, []  # a name alone promises little
        exam.begin()


def _another_batch(
    exam: Experiments, input: Tensor, target: Tensor | None, reference: Any
) -> tuple[Experiments | None, str]:
    """Return an examination of a batch that the module may take after all, or None, and what is special about it.

    That is the whole batch, where only its first samples were taken; or one with as many samples as outputs, where a sum
    along the wrong axis has the right size.
    """
    module, watch = exam.patient.original, exam.patient.watch
    others = []
    if len(input) > len(exam.given):
        others.append((Experiments(module, input, target, watch, rows=len(input)), "whole"))
    k = 0 if exam.is_loss else exam.outputs()
    if k not in (0, len(exam.given)):
        square = exam.draw(k, *input.shape[1:]).to(input.dtype)
        others.append((Experiments(module, square, None, watch, rows=k), "as many samples as outputs"))
    for other, special in others:
        try:
            _begin(other, reference)
        except Trouble:
            continue
        return other, special
    return None, ""


def _observe(mistakes: list[Misbehaviour], subject: Any) -> list[Finding]:
    """Make every experiment; the first of each name that sees something counts."""
    findings: list[Finding] = []
    for mistake in mistakes:
        if any(f.mistake == mistake.name for f in findings):
            continue
        try:
            seen = mistake.observe(subject)
        except Trouble as trouble:
            if mistake.name in ("stale cache", "overwritten") and all(f.mistake != "raises" for f in findings):
                findings.append(_raised(trouble, "when it is used a second time"))
            continue
        if seen is not None:
            where, expected, got = seen.pop("where"), seen.pop("expected", None), seen.pop("got", None)
            text = mistake.says.format(**words(where, **seen))
            findings.append(Finding(mistake.name, where, text, seen, expected, got, mistake.read))
    return findings


def _causes(seen: list[Finding], inside: list[Finding], exam: Experiments) -> list[Finding]:
    """Leave out what follows from something else."""
    names = {f.mistake for f in seen + inside}
    follows: set[str] = set()
    if "never zeroed" in names:
        follows |= {"nested not zeroed"}
    if "writes parameters" in names:
        follows |= {"stale cache", "overwritten"}
    if "returns a sum" in names:
        follows |= {"stale cache"}
    if "modules reordered" in names:
        follows |= {"writes parameters", "stale cache", "raises"}
    if inside:
        follows |= {"module used twice", "message not passed on"}
    if "not reproducible" in names:
        follows |= {"not finite", "kink", "stale cache", "shared cache", "overwritten"}
    if not all(case.close(case.got["input"], case.truth["input"]) for case in exam.cases):
        follows |= {"kink"}  # it is wrong elsewhere too
    return [f for f in seen if f.mistake not in follows]


def _examine_children(exam: Experiments) -> list[Finding]:
    """Examine the modules inside, each with the input that it gets there."""
    findings: list[Finding] = []
    for path, child in children(exam.patient.original):
        name = f"{show(path)} ({type(child).__name__})"
        input = exam.journey.inputs.get(name)
        if input is None or input.ndim < 2:
            continue
        for finding in _examine(child, input.to(exam.patient.native), None, exam.patient.watch)[0]:
            finding.where, finding.text = f"{show(path)}: {finding.where}", f"In {name}: {finding.text}"
            findings.append(finding)
    return findings


def _raised(trouble: Trouble, when: str = "") -> Finding:
    error, line = trouble.error, trouble.where()
    text = f"{trouble.doing} raises {type(error).__name__}" + (f": {error}" if str(error) else "")
    text += "".join(f" ({part})" for part in (when, line) if part)
    return Finding("raises", trouble.doing, text, {"error": type(error).__name__, "line": line})


# ---------------------------------------------------------------------------------------------------------------------
# Optimisers


def _examine_steps(optimizer: Any, model: Any, watch: Watch) -> tuple[list[Finding], list[str]]:
    for name in generators(optimizer):
        return [Finding("used up", name, USED_UP.format(what=name))], []
    try:
        trial = Trial(optimizer, model, watch)
        if not trial.slots:
            return [Finding("no parameters", "model", HOW_TO_SHOW)], []
        trial.path  # noqa: B018 - if it raises, it raises here
    except Trouble as trouble:
        return [_raised(trouble)], []
    findings = _observe(WRONG_STEPS, trial)
    if len(findings) > 1:
        findings = [f for f in findings if f.mistake != "unnamed"]
    return findings, []
