"""What else is tried with a thing that is well so far, and what in a project as a whole says how something is meant."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import torch

from minidl.lab.doctor.diagnosis import Diagnosis, Finding
from minidl.lab.doctor.examination import examine_loss, examine_optimizer
from minidl.lab.doctor.students.building import Broken, Built, CannotBuild, build
from minidl.lab.doctor.students.guesses import FEATURES, LINEAR_NAME, NETWORK_NAME, SAMPLES, SIDE
from minidl.lab.doctor.students.preparing import adds_up, set_up, slots_in
from minidl.lab.doctor.students.project import Project
from minidl.lab.doctor.students.tries import Shape, Try
from minidl.lab.doctor.subject.copies import copy_of
from minidl.lab.doctor.subject.inside import attributes, children
from minidl.lab.doctor.subject.names import BACKWARD_METHODS, FORWARD_METHODS, first_method
from minidl.lab.doctor.subject.roles import kind, needed, parameters, role
from minidl.lab.doctor.subject.values import as_tensor

CONVENTIONS = ("broadcast", "overwritten", "gradient replaced")  # what may be meant so
FINE = {*CONVENTIONS, "gradient to ties", "kink"}  # what may be so, and hides nothing else
SETTINGS = {  # of optimisers, that are tried where they are off by default
    r"^(momentum|mu)$": 0.9,
    r"^(weight_?decay|wd|l2(_?(reg|lambda|penalty|regularization))?|reg|lambda_|lmbda)$": 0.1,
    r"^((lr|learning_?rate)_?)?decay$": 0.1,
}
REDUCTION = re.compile("^(reduction|reduce|size_?average|average|mean|aggregation)$", re.IGNORECASE)
OBLONG = "that is so for images that are not square; for square ones, all is well."
ACTIVATION_ARGUMENT = re.compile("act|nonlin", re.IGNORECASE)
ACTIVATIONS = ("sigmoid", "tanh", "softmax", "relu", "leaky_relu")
Tried = Callable[[Any, str], Try]  # of an object, and of how it was made


def with_optimizer(made: Any, cls: type, project: Project, tried: Tried) -> Try | None:
    """Return what is wrong with a layer only when it has got the optimiser that its attribute waits for."""
    if getattr(made, "optimizer", made) is not None:
        return None
    for other in project.near(cls):
        with contextlib.suppress(Exception):
            if kind(other) == "optimizer":
                thing, optimizer = copy_of(made), next(build(other, project))
                thing.optimizer = optimizer.thing
                found = tried(thing, f"{cls.__name__} with optimizer={optimizer.said}")
                if not found.ran:
                    continue
                found.diagnosis.notes.append(f"that is so with optimizer={optimizer.said}; without, all is well.")
                return found if set(found.diagnosis.mistakes) - FINE else None
    return None


def with_another_word(cls: type, project: Project, tried: Tried) -> Try | None:
    """Return what is wrong with a layer that does several things, when a setting names another of these."""
    for parameter in parameters(cls):
        if not ACTIVATION_ARGUMENT.search(parameter.name) and not (
            parameter.name in ("name", "kind", "type") and ACTIVATION_ARGUMENT.search(cls.__name__)
        ):
            continue
        if not isinstance(parameter.default, str) and parameter.default is not parameter.empty:
            continue
        for word in (word for word in _words(project) if word != parameter.default):
            with contextlib.suppress(CannotBuild, Broken, StopIteration):
                built = next(build(cls, project, **{parameter.name: word}))
                found = tried(built.thing, built.said)
                bare = any("no parameters that can be seen" in note for note in found.diagnosis.notes)
                named = set(found.diagnosis.mistakes) - FINE - ({"not finite"} if bare else {"unnamed"})
                if (found.ran and named) or (found.raised and found.raised.evidence.get("error") == "NameError"):
                    found.diagnosis.notes.append(f"that is so with {parameter.name}={word!r}.")
                    return found
    return None


def _words(project: Project) -> list[str]:
    """Return the names of activations that stand in a project: those of functions, and those in quotes."""
    values = [value for module in project.modules.values() for value in vars(module).values()]
    values += [v for cls in project.pool for v in vars(cls).values()]
    codes = [code for value in values if (code := getattr(value, "__code__", None))]
    found = {str(item).strip("_") for code in codes for item in (code.co_name, *code.co_consts)}
    found |= {key for value in values if isinstance(value, dict) for key in value if isinstance(key, str)}
    return [word for word in ACTIVATIONS if word in found]


def oblong(size: Shape) -> Shape | None:
    """Return the shape of images that are not square, where these are: so width and height are told apart."""
    if len(size) != 4:
        return None
    n, *places = size
    side = max(i for i in (1, 2) if places[i] == SIDE) if SIDE in places[1:] and places.count(SIDE) == 2 else 0
    return (n, *(p + 2 * (i == side) for i, p in enumerate(places))) if side else None


def with_other_reduction(
    cls: type, project: Project, usual: Try, input: Any, target: Any, time_limit: float
) -> Try | None:
    """Return what is wrong with a loss only where it is told to sum instead of taking the mean, or the other way round."""
    parameter = next((p for p in parameters(cls) if REDUCTION.match(p.name) and p.default is not p.empty), None)
    if parameter is None:
        return None
    default = parameter.default
    others = [not default] if isinstance(default, bool) else [v for v in ("sum", "mean") if v != default]
    for value in others if isinstance(default, (bool, str)) else ():
        with contextlib.suppress(CannotBuild, Broken, StopIteration):
            built = next(build(cls, project, **{parameter.name: value}))
            found = Try(built.said, examine_loss(built.thing, input, target, time_limit=time_limit))
            if found.ran and set(found.diagnosis.mistakes) - FINE:
                found.diagnosis.notes.append(f"that is so with {parameter.name}={value!r}; otherwise all is well.")
                return found
    return None


def holds_nothing(made: Any) -> bool:
    """Whether this is a network into whose list nobody has put a layer."""
    if not NETWORK_NAME.search(type(made).__name__) or children(made):
        return False
    return any(isinstance(value, list) and not value for value in attributes(made).values()) and not slots_in(made)


def assigns(project: Project, diagnosis: Diagnosis) -> bool:
    """Whether all layers of a project assign their gradients, so that this is how it is meant here."""
    if any(f.mistake == "overwritten" and f.evidence.get("added") for f in diagnosis.findings):
        return False  # this one adds some up
    if "assigns" not in project.__dict__:
        project.__dict__["assigns"] = not any(
            adds_up(built.thing, (SAMPLES, FEATURES), (2, FEATURES, SIDE, SIDE)) for built in _layers_of(project)
        )
    return project.__dict__["assigns"]


def _layers_of(project: Project) -> Iterator[Built]:
    """Yield an object of each layer of a project that is no container."""
    for cls in project.pool:
        with contextlib.suppress(CannotBuild, Broken, StopIteration):
            if kind(cls) == "layer" and not children((built := next(build(cls, project))).thing):
                yield built


def broadcasts(finding: Finding) -> bool:
    """Whether a gradient of another shape is broadcast to the right one, and not beyond."""
    got, expected = finding.got, finding.expected
    if got is None or expected is None or finding.where == "output":
        return False
    if got.numel() == expected.numel() and got.shape[:1] == (1,) and got.shape[1:] == expected.shape:
        return True  # a row where a vector belongs
    try:
        return got.expand(expected.shape).shape == expected.shape  # broadcast_shapes would import sympy, for seconds
    except RuntimeError:
        return False


def _does_several_things(cls: Any) -> bool:
    """Whether backward is told what the gradient is to be of, so that it returns one gradient at a time."""
    backward = getattr(cls, first_method(cls, BACKWARD_METHODS) or "", None)
    return any(re.match("wrt|with_?respect|respect", p.name) for p in parameters(backward))


def _imported_in_vain(finding: Finding, project: Project) -> bool:
    """Whether the name that is not known is one that a file imports which did not load as a whole."""
    name = re.search(r"name '(\w+)' is not defined", finding.text)
    for path in project.problems if name else ():
        with contextlib.suppress(OSError, UnicodeDecodeError):
            text = (project.root / path).read_text(encoding="utf-8")
            if re.search(rf"\bimport\b[^\n#]*\b{name[1]}\b", text):
                return True
    return False


def goes_with_a_loss(cls: type, thing: Any) -> bool:
    """Whether a softmax is given the target where it goes back, and returns the gradient of it and its loss together."""
    if "softmax" not in cls.__name__.lower():
        return False
    drawn = torch.Generator().manual_seed(8)
    x, t = (torch.randn(SAMPLES, FEATURES, generator=drawn, dtype=torch.float64) for _ in range(2))
    for given in ((x.numpy(), t.numpy()), (x, t)):
        with contextlib.suppress(Exception):
            made = copy_of(thing)
            forward, backward = (
                getattr(made, first_method(made, names)) for names in (FORWARD_METHODS, BACKWARD_METHODS)
            )
            y = as_tensor(forward(given[0].copy() if given[0] is not x else x.clone()))
            back = as_tensor(backward(*[0.1 if role(name) == "rate" else given[1] for name in needed(backward)]))
            return any(torch.allclose(back, (y - t) / n) for n in (1, SAMPLES))
    return False


def guessed_at(diagnosis: Diagnosis, cls: Any, project: Project) -> None:
    """Raise CannotBuild where what is wrong may come of how the file was loaded, or of settings that were chosen here."""
    if diagnosis.findings and _does_several_things(cls):
        raise CannotBuild("backward is told what the gradient is to be of, which was not known here")
    broken = {module.__name__ for path, module in project.modules.items() if path in project.problems}
    if diagnosis.findings and any("it runs with" in n and "positional argument" in n for n in diagnosis.notes):
        raise CannotBuild("how many arguments it takes was a guess, and it raises with some")
    for finding in diagnosis.findings:
        if finding.evidence.get("error") == "NameError":
            of_broken = getattr(cls, "__module__", "") in broken or _imported_in_vain(finding, project)
            if of_broken:
                raise CannotBuild(f"its file did not load as a whole, and {finding.text.split(' (line')[0]}")
        itself = any("updates the parameters itself" in note for note in diagnosis.notes)
        if finding.mistake == "gradient missing" and itself:
            raise CannotBuild(
                "backward makes a step of its own, with momentum or a penalty: not the gradient times the rate"
            )


def in_double_alone(finding: Finding, numpy: bool) -> str | None:
    """Say why it is fine that a framework of arrays calculates in float64, whatever it is given."""
    if numpy and finding.mistake == "wrong dtype" and "has dtype torch.float64 for" in finding.text:
        return "NumPy calculates in float64 by itself"
    if numpy and re.search("for inputs of [±-]?100 in float32", finding.text):
        return "in float64, in which NumPy calculates by itself, it is right there"
    return None


def in_columns(cls: type, project: Project, tried: Callable[[Any, Shape, str], Try]) -> bool:
    """Whether a sample is a column for the linear layers of a project."""
    for other in project.near(cls):
        with contextlib.suppress(CannotBuild, Broken, StopIteration):
            if kind(other) == "layer" and LINEAR_NAME.search(other.__name__):
                built = next(build(other, project))
                set_up(built.thing, (SAMPLES, FEATURES))
                notes = tried(built.thing, (SAMPLES, FEATURES), built.said).diagnosis.notes
                if any("a sample is a column" in note for note in notes):
                    return True
    return False


def one_sample_each(cls: type, project: Project, tried: Callable[[Any, Shape, str], Try]) -> bool:
    """Whether the linear layers of a project refuse a batch, and take one sample."""
    for other in project.near(cls):
        with contextlib.suppress(CannotBuild, Broken, StopIteration):
            if kind(other) == "layer" and LINEAR_NAME.search(other.__name__):
                seen = []
                for size in ((SAMPLES, FEATURES), (1, FEATURES)):
                    thing = next(build(other, project)).thing
                    set_up(thing, size, 0)
                    seen.append(tried(thing, size, other.__name__))
                if seen[0].raised is not None and seen[1].raised is None:
                    return True
    return False


def with_correction(cls: type, project: Project, first: Any, model: Any, time_limit: float) -> Try | None:
    """Return what an optimiser is like with the correction of its averages, where that has to be asked for."""
    for parameter in parameters(cls):
        if "correct" in parameter.name and parameter.default is False:
            with contextlib.suppress(CannotBuild, Broken, StopIteration):
                built = next(build(cls, project, first, **{parameter.name: True}))
                found = Try(built.said, examine_optimizer(built.thing, model, time_limit=time_limit))
                found.diagnosis.notes.append(f"that is so with {parameter.name}=True, which has to be asked for.")
                return found if found.ran else None
    return None


def with_other_settings(cls: type, project: Project, first: Any, model: Any, time_limit: float) -> Try | None:
    """Return what is wrong with an optimiser only when it is given other settings than those that were chosen before."""

    def built(**settings: Any) -> Built | None:
        with contextlib.suppress(CannotBuild, Broken, StopIteration):
            return next(build(cls, project, first, **settings))
        return None

    for parameter in parameters(cls):
        value = next((v for pattern, v in SETTINGS.items() if re.search(pattern, parameter.name, re.IGNORECASE)), None)
        faster, note = None, f"that is so with {parameter.name}={value}; otherwise all is well."
        if role(parameter.name) == "rate" or parameter.name == "optz_rate":
            value, fast = 0.05, built(**{parameter.name: 0.2})
            faster = fast.thing if fast else None
        elif value is None or parameter.default not in (0, None, False, 0.0):
            continue
        slow = built(**{parameter.name: value})
        if slow is None:
            continue
        found = Try(slow.said, examine_optimizer(slow.thing, model, faster=faster, time_limit=time_limit))
        uncertain = {"unnamed", "writes gradient"}  # what a setting means; a penalty may be added in place
        if "decay" in parameter.name and "weight" not in parameter.name:
            uncertain.add("step size")  # that is what it is for
        if found.ran and set(found.diagnosis.mistakes) - uncertain:
            found.diagnosis.notes += [note] * (faster is None)
            return found
    return None


def returns_no_gradient(finding: Finding) -> bool:
    """Whether backward returns nothing, or something else by names, as the gradients of all parameters."""
    return finding.mistake == "returns nothing" or finding.evidence.get("got_type") == "a dict"
