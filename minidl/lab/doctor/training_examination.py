"""Examining a training loop: it is run on a tiny task with parts that write down what is done to them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from torch import Tensor

from minidl.lab.doctor.diagnosis import Diagnosis, Finding
from minidl.lab.doctor.measure.parts import Task, tasks
from minidl.lab.doctor.measure.returned import confirmed
from minidl.lab.doctor.measure.trainings import EPOCHS, Training
from minidl.lab.doctor.mistakes import WRONG_LOOPS
from minidl.lab.doctor.mistakes.directions import __name__ as directions
from minidl.lab.doctor.mistakes.reports import __name__ as reports
from minidl.lab.doctor.observations import as_finding, observe, without_explained
from minidl.lab.doctor.subject.calls import Watch
from minidl.lab.doctor.subject.loops import kind_of, roles_of, source_of, words_of
from minidl.lab.doctor.time_limit import Hung, guarded
from minidl.lab.doctor.training_notes import notes_on
from minidl.lab.doctor.wording import things

TIME_LIMIT = 20.0  # seconds for a whole run of the loop, which may print or draw on the way


def examine_training(
    train: Callable[..., Any],
    *,
    model: Any = None,
    loss: Any = None,
    optimizer: Any = None,
    data: tuple[Tensor, Tensor] | None = None,
    framework: str | None = None,
    time_limit: float = TIME_LIMIT,
) -> Diagnosis:
    """Examine a training loop, or a part of one, and name what is wrong with it.

    It is run for a few epochs on a tiny task, with parts that write down every call: which samples the model gets, in which
    order and with which targets; when gradients are computed, used and zeroed; what moves. What it returns, losses and
    accuracies, is compared with what was measured meanwhile.

    Parameters
    ----------
    train : function
        ``train(model, loss, optimizer, X, T, epochs, batch_size)``, or ``step(model, loss, optimizer, X, T)`` for one batch,
        or ``evaluate(model, X, T)``; what is what is told by the names of the arguments. ``X_val`` and ``T_val`` (or
        ``X_test``) are validation data, ``train_loader`` and ``val_loader`` DataLoaders; loss and optimiser may be missing,
        where the loop makes its own (``lr`` is given to it).
    model, loss, optimizer : object, optional
        Parts to run it with, in place of the doctor's: your own, or ``torch.nn.MSELoss()`` where a PyTorch loop is not for
        classes. They are copied. By default a small network of minidl with ``MSELoss()``, the sum, and one-hot targets; or one
        of ``torch.nn`` with dropout and ``CrossEntropyLoss()``, and class numbers as targets.
    data : (Tensor, Tensor), optional
        Inputs and targets for a model of yours; every sample must differ from the others.
    framework : {"minidl", "torch"}, optional
        Whose words the loop speaks. By default both are tried.
    time_limit : float
        Seconds that a run may take.

    Raises
    ------
    TypeError, ValueError
        For something that is no such function, or another framework.
    """
    if framework not in (None, "minidl", "torch"):
        raise ValueError(f"examine_training expected framework 'minidl' or 'torch', got {framework!r}")
    roles = roles_of(train)
    source = source_of(train)
    kind, name = kind_of(roles, source), getattr(train, "__name__", type(train).__name__)
    likely = words_of(source, roles.get("loss", "loss")) if framework is None else (framework,)
    if any(type(part).__module__.startswith("torch.") for part in (model, loss, optimizer)):
        likely = ("torch",)

    def work(watch: Watch) -> tuple[list[Finding], list[str], str]:
        tried: list[tuple[Training, list[Finding]]] = []
        for words in likely:
            for task in tasks(words, model, loss, optimizer, data, asked=kind == "evaluation"):
                training = Training(train, kind, roles, task, watch)
                training.source = source
                findings = without_explained(observe(WRONG_LOOPS, training))
                if training.raised and not any("raises" in f.rule.explains for f in findings):
                    findings.append(as_finding(training.raised))
                if not findings and (not tried or confirmed(training)):
                    return [], notes_on(training, [], tried), _described(name, training)
                if findings:
                    tried.append((training, findings))
                named = any("raises" in f.rule.explains for f in findings if f.rule)
                slip = training.raised and isinstance(training.raised.error, (NameError, SyntaxError, ImportError))
                if slip or (named and loss is not None):
                    break
                families = {f.rule.family for f in findings if f.rule}
                if directions in families or (not training.raised and families - {reports}):
                    break  # with no other data that would be right
            if tried and not all(training.raised for training, _ in tried):
                break
        training, findings = min(tried, key=_doubt)
        return findings, notes_on(training, findings, tried), _described(name, training)

    try:
        (findings, notes, described), _ = guarded(work, time_limit)
    except Hung as error:
        return LoopDiagnosis(f"{name}, a training loop", [Finding("hangs", name, str(error))])
    return LoopDiagnosis(described, findings, notes)


class LoopDiagnosis(Diagnosis):
    """What was found in a loop. Where nothing is wrong and something was noted, the verdict says that there is more to read."""

    @property
    def verdict(self) -> str:
        """One line: what was examined, and whether all is well."""
        if self.findings or not self.notes:
            return super().verdict
        return f"{self.subject}: no mistake found; {things(len(self.notes))} to look at."


def _doubt(tried: tuple[Training, list[Finding]]) -> tuple[bool, bool, bool, bool]:
    """Return how little a diagnosis is worth: one of a loop that ran is worth most, then one that made a step.

    Then one in which model and loss had all that they were asked for; then one that has a name.
    """
    training, findings = tried
    error = training.raised.error if training.raised else None
    unknown = isinstance(error, AttributeError)
    parts = {type(part).__name__ for part in (training.task.model, training.task.loss)}
    asked = re.match(r"'(\w+)' object has no attribute", str(error)) if unknown else None
    unnamed = any(f.rule is None for f in findings) and not unknown
    return error is not None, not training.of_kind("step"), bool(asked and asked[1] in parts), unnamed


def _described(name: str, training: Training) -> str:
    task: Task = training.task
    parts = "PyTorch's parts" if task.words == "torch" else "minidl's parts"
    if training.kind == "evaluation":
        return f"{name}, run with {parts} and {len(task.X_val)} samples"
    once, made = training.passes
    as_asked = training.raised or not made or abs(made - EPOCHS * once) < 0.01
    how = {
        "training": f"for {EPOCHS} epochs with" if as_asked else f"with epochs = {EPOCHS},",
        "epoch": f"for {EPOCHS} epochs, one a call, with",
        "step": f"for {len(training.calls)} steps with",
    }
    return f"{name}, run {how[training.kind]} {parts} and {len(task.X)} samples"
