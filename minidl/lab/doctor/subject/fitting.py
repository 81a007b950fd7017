"""Finding the convention that fits a subject: by the names of its methods' arguments, and by what comes out.

Each candidate is tried. Best is one whose gradient agrees with the slope of its own forward; where none does, the first that
gives a gradient of the right shape is meant.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from minidl.lab.doctor.subject.adapters import Listener
from minidl.lab.doctor.subject.argument_orders import backward_arguments, forward_arguments
from minidl.lab.doctor.subject.calls import StudentError
from minidl.lab.doctor.subject.conventions import BOX, RETURNED, Convention, Translator
from minidl.lab.doctor.subject.inside import Path, attributes, children, show
from minidl.lab.doctor.subject.names import (
    INPUT_GRADIENT_NAME,
    OUTPUT_NAMES,
    beside_backward,
    is_gradient_name,
    is_gradient_of,
)
from minidl.lab.doctor.subject.paths import get
from minidl.lab.doctor.subject.roles import needed, parameters, positional, role
from minidl.lab.doctor.subject.subject import Subject
from minidl.lab.doctor.subject.values import as_tensor, is_numpy, is_values, same

RIGHT, FITS, RUNS, RAISES = 3, 2, 1, 0
STEPS = re.compile("^_*(nn|net|network|model|parent|optimi[sz]er)$")
RATE_KEPT = re.compile(r"^_*(lr|l_?rate|learning_?rate|learn_?rate|eta)$", re.IGNORECASE)
DERIVATIVES = ("derivative", "deriv", "gradient")  # the names of a backward that is no backward


def find_convention(subject: Subject, input: Tensor, target: Tensor | None) -> int:
    """Give the subject the convention that fits best, in the kind of value that it has now; return how well it fits.

    Where none fits, it gets none.
    """
    best, found, ran = RUNS, None, False
    for usual in (True, False):
        for convention in _candidates(subject, input, usual):
            score, fitting = _try(subject, convention, input, target)
            ran |= score > RAISES
            if score > best:
                best, found = score, fitting
            if score == RIGHT:
                break
        alone = len(input) == 1 and best < RIGHT  # one sample may have no dimension of its own
        # only what raises is given anything but rows of numbers
        if (ran and not alone) or (subject.is_loss and len(input) > 1):
            break
    if found is not None:
        subject.translator = Translator(subject, found)
    return best


def _error(subject: Subject, front: tuple[str, ...], input: Tensor) -> StudentError | None:
    """Return what forward raises for rows of numbers: only then is it given anything else."""
    translator = Translator(subject, Convention(front, split=input.shape[-1] // 2 if "second" in front else 0))
    try:
        translator.ask_forward(subject.fresh(), subject.say(input))
    except StudentError as error:
        return error
    return None


def _is_about_indices(error: StudentError) -> bool:
    """Whether an error says that numbers were taken for places in a table."""
    return (
        isinstance(error.error, (IndexError, TypeError))
        and re.search("ind(ex|ices)|integer|long", str(error.error)) is not None
    )


def _candidates(subject: Subject, input: Tensor, usual: bool) -> Iterator[Convention]:
    forward = getattr(subject.original, subject.forward_name)
    backward = getattr(subject.original, subject.backward_name)
    fronts = list(dict.fromkeys(forward_arguments(forward, subject.is_loss)))
    backs = list(dict.fromkeys(backward_arguments(backward, subject.is_loss)))
    if not fronts or not backs:
        return
    rows_raise = None if subject.is_loss else _error(subject, fronts[0], input)
    layouts = ["rows"] if usual else ["columns"] * (not subject.is_loss) + ["single"] * (len(input) == 1)
    looks_up = "embed" in type(subject.original).__name__.lower() or (rows_raise and _is_about_indices(rows_raise))
    if looks_up and input.is_floating_point():  # else it gets the whole numbers that were given
        layouts = ["whole"] + ["places"] * (input.shape[-1] == 1)
    if not subject.is_loss and needed(forward) == needed(backward) and len(needed(forward)) == 1:
        yield Convention(fronts[0], ("input",), derivative=True)
        if subject.backward_name in DERIVATIVES:  # what it is to be given may be the output as well
            yield Convention(fronts[0], ("output",), derivative=True)
    if is_told_nothing(subject):
        yield Convention(fronts[0], (), derivative=True)
    beside = () if subject.is_loss else _beside(subject)
    for layout, front in itertools.product(layouts, fronts):
        splits = _splits(subject, input) if "second" in front else [0]
        for split, back in itertools.product(splits, backs):
            both = subject.is_loss and {"input", "target"} <= set(back)
            if both and needed(forward)[:2] == needed(backward)[:2] and front.index("input") != back.index("input"):
                continue  # the same names mean the same
            yield Convention(front, back, layout, split, beside=beside)


def _beside(subject: Subject) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the methods that make the gradients of the parameters beside backward, and what they are to be given."""
    found = []
    for name in beside_backward(subject.original, subject.backward_name):
        roles = [role(argument) for argument in needed(getattr(subject.original, name))]
        if roles in (["grad"], ["input", "grad"], ["grad", "input"]):
            found.append((name, tuple(roles)))
    return tuple(found[:1])


def is_told_nothing(subject: Subject) -> bool:
    """Whether backward of a layer need not be told of a gradient that arrives: it can only return the derivative."""
    backward = getattr(subject.original, subject.backward_name)
    asks = needed(backward) if subject.backward_name in DERIVATIVES else positional(backward)
    asks = asks or [p for p in parameters(backward) if p.kind is p.VAR_POSITIONAL]
    return not subject.is_loss and not asks


def _splits(subject: Subject, input: Tensor) -> list[int]:
    m = input.shape[-1]
    return [m // 2, *(size for size in range(1, m) if size != m // 2)]


def _try(subject: Subject, convention: Convention, input: Tensor, target: Tensor | None) -> tuple[int, Convention]:
    """Return how well a convention fits, and it, with what was found out on the way."""
    before = subject.translator
    try:
        return _tried(subject, convention, input, target)
    except (StudentError, RuntimeError, TypeError, ValueError, AttributeError, IndexError, KeyError, LookupError):
        return RAISES, convention
    finally:
        subject.translator = before


def _tried(subject: Subject, convention: Convention, input: Tensor, target: Tensor | None) -> tuple[int, Convention]:
    module = subject.fresh()
    subject.translator = Translator(subject, convention)
    subject.reseed()
    answer = subject.translator.ask_forward(module, subject.say(input), subject.say(target))
    convention = replace(convention, output=_where_output(module, answer))
    if "cache" in convention.backward and convention.output != "first":
        return RAISES, convention
    options = [convention]
    if subject.is_loss and _all_by_all(Translator(subject, convention).output(module, answer), input):
        return RAISES, convention
    if subject.is_loss and _numel(Translator(subject, convention).output(module, answer)) > 1:
        options = [replace(convention, reduction=way) for way in ("mean", "sum")]
    best = max((_scored(subject, option, input, target) for option in options), key=lambda t: (t[0], -t[2]))
    return best[0], best[1]


def _where_output(module: Any, answer: Any) -> str:
    if isinstance(answer, tuple) and answer and as_tensor(answer[0]) is not None:
        return "first"
    if answer is None or answer is module:
        own = attributes(module)
        numbers = [n for n in ("loss_value", "loss", "value", "cost") if _numel(own.get(n)) == 1]
        if numbers:
            return numbers[0]
        return next((n for n in OUTPUT_NAMES if n in own and (is_values(own[n]) or as_tensor(own[n]) is not None)), "")
    if as_tensor(answer) is None and hasattr(answer, "__dict__"):  # in a box
        own = [name for name, value in vars(answer).items() if isinstance(value, Tensor) or is_numpy(value)]
        return BOX + own[0] if len(own) == 1 else ""
    return ""


def _all_by_all(value: Any, input: Tensor) -> bool:
    """Whether a loss multiplies every entry by every other, as d.T @ d does: it is meant for one column."""
    tensor = as_tensor(value)
    square = tensor is not None and tensor.ndim == 2 and tensor.shape[0] == tensor.shape[1] > 1
    return square and tensor.shape != input.shape


def _numel(value: Any) -> int:
    tensor = as_tensor(value)
    return 0 if tensor is None else tensor.numel()


def _scored(
    subject: Subject, convention: Convention, input: Tensor, target: Tensor | None
) -> tuple[int, Convention, float]:
    """Return how well it fits, the convention, and how far the gradient is from the slope measured."""
    module = subject.fresh()
    subject.translator = Translator(subject, convention)
    output = subject.forward(module, input, target)
    value = as_tensor(output)
    if value is None:
        return RAISES, convention, 0.0
    grad_output = subject.cast_like(subject.upstream(output), output)
    values = {path: as_tensor(get(module, path)) for path in arrays(subject.original)}
    given = (subject.say_as_it_is(grad_output), subject.say(input), subject.say(target))
    answer = subject.translator.ask_backward(module, *given)
    where = _where_gradient(module, answer)
    moved: tuple[Path, ...] = ()
    kept = None if subject.is_loss or "rate" in convention.backward else kept_rate(module)
    if kept is not None:
        convention = replace(convention, rate=kept)
    if "rate" in convention.backward or kept is not None:
        moved = tuple(path for path, old in values.items() if not same(old, as_tensor(get(module, path))))
    convention = replace(
        convention,
        grad_input=where,
        returned=_returned(subject, answer, where, 2 if convention.split else 1),
        updated=moved,
        restored=moved,
    )
    if moved and not _proportional(subject, convention, grad_output, input, moved):
        convention = replace(convention, updated=())
    subject.translator = Translator(subject, convention)
    module = subject.fresh()
    subject.forward(module, input, target)
    grad_input = as_tensor(subject.backward(module, grad_output, input, target))
    if grad_input is None and answer is None and where == "" and children(module):
        return FITS, convention, 0.0  # a network, of which nobody wants the gradient of the data
    if grad_input is None or grad_input.shape != input.shape or not grad_input.is_floating_point():
        return RUNS, convention, 0.0
    difference = _difference(subject, input, target, grad_output, grad_input)
    return (RIGHT if difference < 1e-3 else FITS), convention, difference


def kept_rate(module: Any) -> float | None:
    """Return the learning rate that a module keeps, or the network that it knows, where there is one that makes a step."""
    holders = [module, *(v for n, v in attributes(module).items() if STEPS.search(n) and hasattr(v, "__dict__"))]
    for holder in holders:
        for name, value in attributes(holder).items():
            if RATE_KEPT.match(name) and isinstance(value, float) and value > 0:
                return value
    return None


def moves(subject: Subject, input: Tensor) -> bool:
    """Whether backward of a layer changes what forward has used, and it keeps a learning rate for that."""
    module = subject.fresh()
    if subject.is_loss or children(module) or kept_rate(module) is None:
        return False
    places = arrays(subject.original)
    output = subject.forward(module, input)
    before = {path: as_tensor(get(module, path)) for path in places}
    subject.backward(module, subject.cast_like(subject.upstream(output), output), input)
    return any(not same(value, as_tensor(get(module, path))) for path, value in before.items())


def _where_gradient(module: Any, answer: Any) -> str:
    if (
        isinstance(answer, tuple)
        and len(answer) > 1
        and as_tensor(answer[0]) is not None
        and all(part is not None for part in answer)
    ):
        return "first"
    if answer is None or isinstance(answer, dict):
        own = attributes(module)
        inside = [
            f"{n}.dinputs" for n, value in own.items() if isinstance(value, Listener) and value.dinputs is not None
        ]
        return next(
            (n for n in own if INPUT_GRADIENT_NAME.match(n) and as_tensor(own[n]) is not None), *inside[:1] or [""]
        )
    return ""


def arrays(module: Any, prefix: Path = ()) -> list[Path]:
    """Return where a module, and those inside it, keep numbers that may be parameters."""
    found: list[Path] = []
    for name, value in attributes(module).items():
        if name == RETURNED or is_gradient_name(name):
            continue
        if isinstance(value, Tensor) or is_numpy(value):
            found.append((*prefix, (".", name)))
        elif isinstance(value, dict):
            found += [
                (*prefix, (".", name), ("[]", k)) for k, v in value.items() if isinstance(v, Tensor) or is_numpy(v)
            ]
        elif (
            isinstance(value, list) and 0 < len(value) < 4 and all(isinstance(v, Tensor) or is_numpy(v) for v in value)
        ):
            found += [(*prefix, (".", name), ("[]", k)) for k in range(len(value))]
    found = [path for path in found if _is_param(get(module, path[len(prefix) :]))]
    for path, child in children(module) if len(prefix) < 6 else ():
        found += arrays(child, prefix + path)
    return found


def _is_param(value: Any) -> bool:
    return is_values(value) and getattr(value, "ndim", 0) > 0


def _returned(subject: Subject, answer: Any, where: str, inputs: int) -> tuple[tuple[Any, Path], ...]:
    """Find which of the things that backward returns, after those of the inputs, is the gradient of which parameter."""
    if where != "first" and not isinstance(answer, dict):
        return ()
    params = [p for p in arrays(subject.original) if len(p) <= 2]
    shapes = {path: as_tensor(get(subject.original, path)).shape for path in params}
    rest = [((i,), v) for i, v in enumerate(answer)][inputs:] if where == "first" else [((), answer)]
    found: list[tuple[Any, Path]] = []
    for key, value in rest:
        if isinstance(value, dict):
            for name, v in value.items():
                fits = [p for p in params if str(name) == p[-1][1] or is_gradient_of(str(name), str(p[-1][1]))]
                if fits and as_tensor(v) is not None:
                    found.append(((*key, name), fits[0]))
            continue
        if isinstance(value, (list, tuple)):
            rest += [((*key, i), v) for i, v in enumerate(value)]
            continue
        tensor = as_tensor(value)
        fits = [
            p
            for p in params
            if tensor is not None and shapes[p].numel() == tensor.numel() and all(p != q for _, q in found)
        ]
        fits.sort(key=lambda p: shapes[p] != tensor.shape)
        if fits:
            found.append((key, fits[0]))
    return tuple(found)


def _proportional(
    subject: Subject, convention: Convention, grad_output: Tensor, input: Tensor, moved: tuple[Path, ...]
) -> bool:
    """Whether twice the upstream gradient moves the parameters twice as far: a plain step, which shows the gradient."""
    steps = []
    for scale in (1.0, 2.0):
        module = subject.fresh()
        subject.translator = Translator(subject, convention)
        subject.forward(module, input)
        subject.backward(module, scale * grad_output, input)
        steps.append([as_tensor(getattr(module, RETURNED)[show(path)]) for path in moved])
    return all(torch.allclose(2 * a.double(), b.double(), rtol=1e-3, atol=1e-9) for a, b in zip(*steps, strict=True))


def _difference(
    subject: Subject, input: Tensor, target: Tensor | None, grad_output: Tensor, grad_input: Tensor
) -> float:
    """Return how far the gradient is from the slope measured, along one direction; 0 where they agree."""
    drawn = torch.Generator().manual_seed(11)
    way = torch.rand(input.shape, generator=drawn, dtype=torch.float64) + 0.5
    fine = as_tensor(subject.forward(subject.fresh(), input, target))
    step = 1e-5 if fine is not None and fine.dtype is torch.float64 else 1e-2
    high, low = (subject.output_at(input.double() + s * step * way, target) for s in (1, -1))
    if high is None or low is None or high.shape != grad_output.shape:
        return float("inf")
    measured = float(((high - low) * grad_output).sum()) / (2 * step)
    claimed = float((grad_input.double() * way).sum())
    return abs(abs(measured) - abs(claimed)) / max(abs(measured), abs(claimed), 1e-6) + (measured * claimed < 0) * 0.01
