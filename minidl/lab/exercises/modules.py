"""Exercises about a layer, a loss or an optimiser: the doctor examines them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from minidl.lab.doctor import Diagnosis, examine, examine_loss, examine_optimizer
from minidl.lab.doctor.subject.stubs import is_stub
from minidl.lab.exercises.replies import WRITE, Reply, not_done, right, wrong


def check_module(
    name: str, answer: Any, input: Any, target: Any, build: Callable[..., Any] | None, reference: Any, hint: str
) -> Reply:
    """Have a layer, or with a target a loss, examined with two sizes of batch."""

    def diagnose(module: Any, input: Any, target: Any) -> Diagnosis:
        if target is None:
            return examine(module, input, reference=reference)
        return examine_loss(module, input, target, reference=reference)

    def diagnose_twice(module: Any) -> Diagnosis:
        diagnosis = diagnose(module, input, target)
        n = input[0] if isinstance(input, (tuple, list)) else len(input)
        rows = 3 if n != 3 else 2  # a batch size written into the code is right for one of them only
        return diagnosis and diagnose(module, _resized(input, rows), _resized(target, rows))

    return _ask_doctor(name, answer, ("forward", "backward"), build or (lambda cls: cls()), diagnose_twice, hint)


def check_optimizer(name: str, answer: Any, model: Any, build: Callable[..., Any] | None, hint: str) -> Reply:
    """Have an optimiser of this model examined."""

    def built(cls: type) -> Any:
        return build(cls, model) if build else cls(model)

    return _ask_doctor(name, answer, ("step",), built, lambda optimizer: examine_optimizer(optimizer, model), hint)


def _ask_doctor(
    name: str,
    answer: Any,
    methods: tuple[str, ...],
    build: Callable[[type], Any],
    diagnose: Callable[[Any], Diagnosis],
    hint: str,
) -> Reply:
    """Reply with what the doctor says about an object, or about one built from a class."""
    stubs = [method for method in methods if isinstance(answer, type) and is_stub(getattr(answer, method, None))]
    if stubs:
        return not_done(name, WRITE.format(" and ".join(stubs)))
    try:
        diagnosis = diagnose(build(answer) if isinstance(answer, type) else answer)
    except NotImplementedError:
        return not_done(name, WRITE.format("__init__"))
    except NameError:
        raise
    except Exception as error:
        return wrong(name, f"{type(error).__name__}: {error}", hint)
    if diagnosis:
        return right(name, diagnosis)
    for finding in diagnosis.findings:
        if finding.evidence.get("error") == "NotImplementedError":
            return not_done(name, WRITE.format(finding.where))
    return wrong(name, str(Diagnosis(diagnosis.subject, diagnosis.findings)), hint, diagnosis)  # without notes


def _resized(batch: Any, rows: int) -> Any:
    """Return a batch, or the shape of one, with another number of samples."""
    if batch is None or isinstance(batch, (tuple, list)):
        return batch and (rows, *batch[1:])
    return batch[torch.arange(rows) % len(batch)]
