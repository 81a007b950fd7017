"""Examining a layer, a container, a loss or an optimiser, from the first call to the diagnosis."""

from __future__ import annotations

import contextlib
import inspect
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from minidl.lab.doctor.diagnosis import Diagnosis, Finding
from minidl.lab.doctor.explanation import wrong_values
from minidl.lab.doctor.measure.batches import Batches
from minidl.lab.doctor.measure.behaviour import Behaviour
from minidl.lab.doctor.measure.reference import expectation
from minidl.lab.doctor.measure.steps import Steps, generators
from minidl.lab.doctor.mistakes import MISBEHAVIOURS, WRONG_STEPS
from minidl.lab.doctor.observations import as_finding, misbehaviours, observe, without_consequences, without_explained
from minidl.lab.doctor.subject.adapters import OF_FUNCTIONS
from minidl.lab.doctor.subject.calls import StudentError, Watch
from minidl.lab.doctor.subject.copies import copy_of
from minidl.lab.doctor.subject.functions import FunctionPair, pair_of
from minidl.lab.doctor.subject.graphs import OfGraph
from minidl.lab.doctor.subject.inside import children, contents, show
from minidl.lab.doctor.subject.names import (
    BACKWARD_METHODS,
    FORWARD_METHODS,
    LOSS_GRADIENT_METHODS,
    LOSS_METHODS,
    STEP_METHODS,
    first_method,
)
from minidl.lab.doctor.subject.roles import needed, role, takes_its_parameters
from minidl.lab.doctor.subject.subject import Subject
from minidl.lab.doctor.subject.values import as_tensor, is_numpy
from minidl.lab.doctor.time_limit import TIME_LIMIT, Hung, guarded

HOW_TO_SHOW = (
    "no parameters were found. To show them: keep them in params and their gradients in grad (dictionaries with "
    "equal keys), return (parameter, gradient) pairs from param(), or call the gradient of weight grad_weight."
)
USED_UP = (
    "{what} is a generator: it gives the parameters once, in the first step, and after that nothing moves. Keep a list of "
    "them, list(model.parameters())."
)

EPSILON = "its eps stands elsewhere than in the paper, inside the root or before the correction: only tiny gradients show that."


def examine(module: Any, input: Any, *more: Any, reference: Any = None, time_limit: float = TIME_LIMIT) -> Diagnosis:
    """Examine a layer, or a container of layers, and name what is wrong with it.

    A layer of two functions is examined by ``examine(affine_forward, affine_backward, (4, 3), (3, 2), (2,))``: the batch, and
    the shapes or values of what forward takes beside it.

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
    _check_time("examine", time_limit)
    if inspect.isroutine(module) and callable(input):
        if not more:
            raise TypeError("examine expected two functions and then a batch, or its shape")
        pair = FunctionPair(module, input)
        module, input = (pair_of(module, input, *more[1:]) if more[1:] else next(pair.ways(more[0]))[1]), more[0]
    elif more:
        raise TypeError(
            "examine expected a module and its input, or two functions, a batch and forward's other arguments"
        )
    batch = _batch("input", input, whole=True)
    _check_object("examine", module, FORWARD_METHODS)
    if len(needed(getattr(module, first_method(module, FORWARD_METHODS)))) == 2:
        with contextlib.suppress(Hung):  # it will be seen to hang in what follows
            batch = guarded(lambda watch: _for_two(module, batch, watch), time_limit)[0]
    if first_method(module, BACKWARD_METHODS) is None:
        text = "there is no backward(grad_output): nothing returns the gradient of the input."
        return Diagnosis(_described(module, batch), [Finding("no backward", "input", text)])
    return _diagnose(_described(module, batch), lambda watch: _examine(module, batch, reference, watch), time_limit)


def examine_loss(
    loss: Any, input: Any, target: Any, *, reference: Any = None, time_limit: float = TIME_LIMIT
) -> Diagnosis:
    """Examine a loss: ``forward(input, target)`` returns a number, ``backward()`` its gradient by the input.

    ``backward(input, target)`` is understood too. Parameters and errors are those of `examine`; ``target`` is a shape, or
    a tensor of numbers, one-hot rows, or class numbers. MSE is known by the name of the class, with any reduction.
    """
    _check_time("examine_loss", time_limit)
    batch, targets = _batch("input", input), _batch("target", target, least=1)
    _check_object("examine_loss", loss, LOSS_METHODS)
    if len(batch) != len(targets):
        raise ValueError(f"examine_loss expected a target for each of {len(batch)} samples, got {len(targets)}")
    if first_method(loss, LOSS_GRADIENT_METHODS) is None:
        text = "there is no backward(): nothing returns the gradient of the input."
        return Diagnosis(_described(loss, batch), [Finding("no backward", "input", text)])
    return _diagnose(
        _described(loss, batch), lambda watch: _examine(loss, batch, reference, watch, targets), time_limit
    )


def examine_optimizer(optimizer: Any, model: Any, *, faster: Any = None, time_limit: float = TIME_LIMIT) -> Diagnosis:
    """Examine an optimiser by a few steps with known gradients: whether every parameter moves, and downhill.

    The gradients of a copy of the model are set, and ``step()`` of a copy of the optimiser is called. SGD, momentum and
    Adam are known by the name of the class, and their steps compared with the rule.

    Parameters
    ----------
    optimizer : object with ``step``
    model : object
        The module whose parameters it updates, found as `examine` finds them.
    faster : object, optional
        The same optimiser, built with a larger learning rate: whether that makes a difference.
    time_limit : float
        Seconds that one call of the optimiser may take.

    Raises
    ------
    TypeError
        For an optimiser without ``step``.
    """
    _check_time("examine_optimizer", time_limit)
    for stepper in (optimizer,) if faster is None else (optimizer, faster):
        _check_object("examine_optimizer", stepper, STEP_METHODS)
    described = f"{type(optimizer).__name__}, examined with {_name(model)}"
    return _diagnose(described, lambda watch: _examine_steps(optimizer, model, watch, faster), time_limit)


def _check_time(who: str, time_limit: Any) -> None:
    is_number = isinstance(time_limit, (int, float)) and not isinstance(time_limit, bool)
    if not (is_number and 0 < time_limit < math.inf):
        error = ValueError if is_number else TypeError
        raise error(f"{who} expected time_limit to be a number of seconds above 0, got {time_limit!r}")


def _check_object(who: str, thing: Any, methods: tuple[str, ...]) -> None:
    if isinstance(thing, type):
        raise TypeError(
            f"{who} expected an object, got the class {thing.__name__}: build one first, {thing.__name__}(...)"
        )
    if first_method(thing, methods) is None:
        raise TypeError(f"{who} expected an object with {methods[0]}, got {type(thing).__name__}")


def _batch(name: str, given: Any, least: int = 2, whole: bool = False) -> Tensor:
    """Return the batch given, or draw one of the shape given; whole numbers as they are, where they may be meant."""
    if isinstance(given, (tuple, list)) and given and all(isinstance(size, int) for size in given):
        if min(given) < 1:
            raise ValueError(f"expected {name} of a shape without empty dimensions, got {tuple(given)}")
        given = torch.randn(tuple(given), generator=torch.Generator().manual_seed(len(name)))
    tensor = as_tensor(given)
    if tensor is None:
        got = f"one on device {given.device}" if isinstance(given, Tensor) else type(given).__name__
        raise TypeError(f"expected {name} to be a tensor with numbers in it, an array or a shape, got {got}")
    whole &= not tensor.is_floating_point() and not tensor.is_complex() and tensor.dtype is not torch.bool
    if tensor.ndim < (1 if whole else least) or not tensor.numel():
        raise ValueError(f"expected {name} of shape (n, m), got {tuple(tensor.shape)}")
    if name == "input" and not tensor.is_floating_point() and not whole:
        tensor = tensor.to(torch.get_default_dtype())
    return tensor


def _for_two(module: Any, batch: Tensor, watch: Watch) -> Tensor:
    """Return a batch for a module with two inputs, side by side: as many features again, or as many as its state has."""
    method = first_method(module, FORWARD_METHODS)
    if {"flag", "rate"} & {role(name) for name in needed(getattr(module, method))}:
        return batch
    drawn = torch.Generator().manual_seed(9)
    sizes = [size for value in contents(module) for size in getattr(value, "shape", ())]
    others = [
        torch.randn(*batch.shape[:-1], size, generator=drawn, dtype=batch.dtype) for size in (batch.shape[-1], *sizes)
    ]
    for other in others:
        for way in (lambda x: x.clone(), lambda x: x.numpy().copy()):
            with contextlib.suppress(StudentError):
                watch.call(method, getattr(copy_of(module, batch.dtype), method), way(batch), way(other))
                return torch.cat([batch, other], -1)
    return torch.cat([batch, others[0]], -1)


def _described(module: Any, batch: Tensor) -> str:
    n, *m = batch.shape
    if not m:
        return f"{type(module).__name__}, examined with {n} whole number{'s' * (n > 1)}"
    size = f"{n} sample{'s' * (n > 1)} of {' x '.join(map(str, m))} feature{'s' * (m != [1])}"
    return f"{_name(module)}, examined with {size}"


def _name(module: Any) -> str:
    """Return what a module is called: its class, or the functions that it is made of."""
    return module.called if isinstance(module, (*OF_FUNCTIONS, OfGraph)) else type(module).__name__


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
# Layers, containers and losses


def _examine(
    module: Any, input: Tensor, reference: Any, watch: Watch, target: Tensor | None = None
) -> tuple[list[Finding], list[str]]:
    """Return what is wrong with a layer, a container or a loss, and what else there is to say about it."""
    subject = Subject(module, watch, is_loss=target is not None)
    batches = Batches(subject, input, target)
    raised = None
    try:
        _measure(batches, reference)
    except StudentError as error:
        raised = as_finding(error)
        why = [rule for rule in MISBEHAVIOURS if rule.asked_if_it_raises]
        reasons = [] if subject.is_loss else observe(why, Behaviour(batches))
        if reasons:
            return [*reasons, raised], []
        batches, wants = _another_batch(batches, input, target, reference)
        if batches is None:
            return [raised], []
        batches.notes.append(f"it runs with {len(batches.given)} samples; with another number of them, {raised.text}")
        raised = None if wants == "whole" else raised
    subject, notes, behaviour = batches.subject, batches.notes, Behaviour(batches)
    output = as_tensor(batches.plain["output"])
    if output is None or not output.numel():
        return observe([rule for rule in MISBEHAVIOURS if rule.asked_without_output], behaviour), []
    if not batches.cases:
        text = "What forward returns is not finite, for the input given and for every other that was tried."
        return [Finding("not finite", "output", text)], notes
    inside = [] if subject.is_loss else _examine_inside(behaviour)
    seen = [f for f in observe(MISBEHAVIOURS, behaviour) if all(f.mistake != g.mistake for g in inside)]
    seen = without_consequences(seen, inside, batches)
    misled = any(rule.misleads for rule in misbehaviours(seen))
    values = [] if inside or misled else wrong_values(batches, seen)
    if values:
        methods = subject.forward_name, subject.backward_name
        seen = [f for f in seen if f.mistake != "raises" or f.where not in methods]  # in the second use: a consequence
    elif raised and not seen and not inside:
        return [raised], []
    if not subject.slots and not subject.is_loss:
        holds = any(isinstance(value, Tensor) or is_numpy(value) for value in contents(subject.fresh()))
        notes.append(HOW_TO_SHOW if holds else "it has no parameters that can be seen.")
    if subject.translator and subject.translator.convention.told:
        notes.append(f"understood as: {subject.translator.convention.told}.")
    if behaviour.steps_itself:
        notes.append(
            "backward makes the step of its parameters itself, as it is meant to here; its gradients were examined."
        )
    if subject.random:
        notes.append("forward is random; it was examined with the same random numbers each time.")
    return [*values, *inside, *seen], notes


def _measure(batches: Batches, reference: Any) -> None:
    batches.expectation = expectation(batches.subject, reference)
    try:
        batches.measure()
    except LookupError as error:
        if reference is not None:
            raise ValueError(
                f"expected a reference that takes what {type(batches.subject.original).__name__} does, "
                f"got {getattr(reference, '__name__', type(reference).__name__)}"
            ) from error
        batches.expectation = None  # a name alone promises little
        batches.measure()


def _another_batch(
    batches: Batches, input: Tensor, target: Tensor | None, reference: Any
) -> tuple[Batches | None, str]:
    """Return measurements on a batch that the module may take after all, or None, and what is special about it.

    That is the whole batch, where only its first samples were taken; or one with as many samples as outputs, where a sum
    along the wrong axis has the right size.
    """

    def of(input: Tensor, rows: int) -> Batches:
        known = batches.subject
        return Batches(Subject(known.original, known.watch, is_loss=known.is_loss), input, target, rows)

    others = []
    if len(input) > len(batches.given):
        others.append((of(input, len(input)), "whole"))
    k = 0 if batches.subject.is_loss else batches.features_out()
    if k not in (0, len(batches.given)):
        square = batches.draw(k, *input.shape[1:]).to(input.dtype)
        others.append((of(square, k), "as many samples as outputs"))
    for other, special in others:
        try:
            _measure(other, reference)
        except StudentError:
            continue
        return other, special
    return None, ""


def _examine_inside(behaviour: Behaviour) -> list[Finding]:
    """Examine the modules inside, each with the input that it gets there."""
    findings: list[Finding] = []
    subject = behaviour.subject
    for path, child in children(subject.original):
        name = f"{show(path)} ({type(child).__name__})"
        input = behaviour.calls_inside.inputs.get(name)
        if takes_its_parameters(type(child)):
            continue  # it is called with more than its input
        if input is None or input.ndim < 1 + input.is_floating_point():
            continue
        input = input.to(subject.native) if input.is_floating_point() else input
        for finding in _examine(child, input, None, subject.watch)[0]:
            finding.where, finding.text = f"{show(path)}: {finding.where}", f"In {name}: {finding.text}"
            findings.append(finding)
    return findings


# ---------------------------------------------------------------------------------------------------------------------
# Optimisers


def _examine_steps(optimizer: Any, model: Any, watch: Watch, faster: Any) -> tuple[list[Finding], list[str]]:
    for name in generators(optimizer):
        return [Finding("used up", name, USED_UP.format(what=name))], []
    try:
        steps = Steps(optimizer, model, watch, faster)
        if not steps.slots:
            return [Finding("no parameters", "model", HOW_TO_SHOW)], []
        steps.path  # noqa: B018 - if it raises, it raises here
    except StudentError as error:
        return [as_finding(error)], []
    elsewhere = steps.kind == "adam" and steps.rate and not steps.used and steps.right and steps.tiny < 0.5
    return without_explained(observe(WRONG_STEPS, steps)), [EPSILON] * bool(elsewhere)
