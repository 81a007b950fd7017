"""Examining a network in one piece: its gradients against the slopes of its own loss, or of the loss that they are meant for.

Which loss a network is for, its gradients say themselves where it has no method for it: those of the last layer are those of
the squared error, or of the cross-entropy. A number that stands in front of all of them alike is a matter of the learning
rate. Where some of them fit and others do not, the others are wrong. Where none fits any loss, nothing is said.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import re
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from minidl.lab.doctor.diagnosis import Diagnosis, Finding
from minidl.lab.doctor.students.building import build
from minidl.lab.doctor.students.built import Broken, Built, CannotBuild, seed
from minidl.lab.doctor.students.configuring import configured, wanted
from minidl.lab.doctor.students.guesses import FEATURES, HIDDEN, OUTPUTS, SAMPLES, drawn
from minidl.lab.doctor.students.judging import OWN, Slopes, judged
from minidl.lab.doctor.students.preparing import set_up
from minidl.lab.doctor.students.project import Project
from minidl.lab.doctor.students.tries import shapes_for
from minidl.lab.doctor.subject.calls import Watch
from minidl.lab.doctor.subject.copies import copy_of
from minidl.lab.doctor.subject.inside import Path, attributes
from minidl.lab.doctor.subject.names import plain
from minidl.lab.doctor.subject.networks import ONE_COLUMN, ONE_ROW, Using, Way, is_target, ways, write
from minidl.lab.doctor.subject.paths import get
from minidl.lab.doctor.subject.roles import needed, parameters
from minidl.lab.doctor.subject.subject import in_double
from minidl.lab.doctor.subject.values import as_tensor, same
from minidl.lab.doctor.time_limit import Hung, guarded

SECONDS = 1.2  # for all the ways of one network
ENTRIES, STEP = 24, 1e-6
SIZES = {"input": FEATURES, "hidden": HIDDEN, "output": OUTPUTS, "class": OUTPUTS}
DRAWN = "its gradients are those of other random numbers than forward draws alone"
DATA = re.compile("^(x|inputs?|x_?train|data|features|training_inputs)$", re.IGNORECASE)
SIZE = re.compile("dim|size|class|node|unit|neuron|input|output|hidden")
LIST = re.compile("^((layers?_?)?(sizes?|dims?|dimensions|nodes|units|neurons)|layers|architecture|topology)$")

Losses = dict[str, Callable[[Tensor, Tensor], Tensor]]  # of output and target, one number


def _losses(output: Tensor, target: Tensor) -> Losses:
    """Return the losses that an output may be for, up to a factor."""
    found: Losses = {"the squared error": lambda a, t: ((a - t) ** 2).sum() / 2}
    found["the absolute error"] = lambda a, t: (a - t).abs().sum()
    if bool(((output > 0) & (output < 1)).all()):
        found["the cross-entropy"] = lambda a, t: -(t * a.log()).sum()
        found["the binary cross-entropy"] = lambda a, t: -(t * a.log() + (1 - t) * (1 - a).log()).sum()
    else:
        found["the cross-entropy of scores"] = lambda a, t: -(t * a.log_softmax(-1)).sum()
        found["the binary cross-entropy of scores"] = lambda a, t: (torch.nn.functional.softplus(a) - t * a).sum()
    return found


def examine_network(thing: Any, project: Project, time_limit: float) -> Diagnosis:
    """Examine a network in one piece.

    Raises
    ------
    CannotBuild
        Where it cannot be built or called, or its gradients are those of no loss that is known here.
    """
    cls = thing if isinstance(thing, type) else type(thing)
    first, wrong = "", None
    started = time.process_time()
    for built, way, data in _tries(cls, thing, project):
        for size in _sizes(built.thing, cls, data):
            if time.process_time() - started > SECONDS:
                break
            using = Using(built.thing, way, data)
            if way.trains:
                using.more = _more(project, cls)
            try:
                found = guarded(lambda watch, u=using, s=size: _examined(u, s, watch), time_limit)[0]
            except Hung as error:
                raise CannotBuild(str(error)) from error
            except CannotBuild:
                raise
            except Exception as error:
                text = f"{way.forward or way.backward} and {way.backward}: {type(error).__name__}: {error}"
                first = first or f"{built.said}, called with {size[0]} samples of {size[1]} features, {text}"
                continue
            if found is not None:
                said = f"{built.said}, the whole network, examined with {len(found[2])} parameters"
                wrong = wrong or Diagnosis(said, *found[:2])
                if all(finding.mistake != "gradient missing" for finding in found[0]):
                    return Diagnosis(said, *found[:2]) if not found[0] else wrong
                continue  # it may be made for one sample at a time
            first = first or f"{built.said}: its gradients are those of no loss that was tried"
    if wrong is not None:
        return wrong
    raise CannotBuild(first or f"{cls.__name__} is a network that could not be called")


def _tries(cls: type, thing: Any, project: Project) -> Iterator[tuple[Built, Way, Any]]:
    some = list(ways(cls))
    if not isinstance(thing, type):
        yield from ((Built(thing, cls.__name__), way, ()) for way in some)
        return
    if (
        some
        and some[0].forward
        and "." not in some[0].forward
        and not needed(getattr(cls, some[0].forward), bound=False)
    ):
        yield from _with_data(cls, project, some[0])
        return
    made: list[Built] = []
    with contextlib.suppress(CannotBuild, Broken):
        for built in build(cls, project, **_small(cls)):
            set_up(built.thing)
            made.append(built)
            if len(made) == 3:
                break
    made += [other for built in made[:1] for other in itertools.islice(configured(built, project), 1, 3)]
    for way in some:
        yield from ((built, way, ()) for built in made)


def _more(project: Project, cls: type) -> dict[str, Any]:
    """Return what a training may ask for beside the samples: a loss, its derivative, an optimiser."""
    if "for_trainings" not in project.__dict__:
        names = (
            "loss",
            "loss_fn",
            "loss_function",
            "cost",
            "criterion",
            "loss_prime",
            "optimizer",
            "optimiser",
            "optim",
        )
        found = {plain(name): wanted(name, project, cls) for name in names}
        project.__dict__["for_trainings"] = {name: some[0] for name, some in found.items() if some}
    return project.__dict__["for_trainings"]


def _small(cls: type) -> dict[str, Any]:
    """Return small sizes for arguments that have large ones by default."""
    found: dict[str, Any] = {}
    for parameter in parameters(cls):
        name = parameter.name.lower()
        size = next((size for word, size in SIZES.items() if word in name), None)
        if type(parameter.default) is int and size and SIZE.search(name):
            found[parameter.name] = size
        elif parameter.default is parameter.empty and LIST.match(name):
            found[parameter.name] = [FEATURES, HIDDEN, OUTPUTS]
    return found


def _with_data(cls: type, project: Project, way: Way) -> Iterator[tuple[Built, Way, Any]]:
    """Build a network from the data itself, which its methods take from there: NeuralNetwork(x, y)."""
    names = [p.name for p in parameters(cls) if p.default is p.empty]
    x, y = (next((n for n in names if test(n)), None) for test in (DATA.match, is_target))
    if x is None or y is None:
        return
    for k in (1, OUTPUTS):
        given = {x: drawn((SAMPLES, FEATURES), project), y: (drawn((SAMPLES, k), project) > 0) * 1.0}
        others = {n: HIDDEN for n in names if n not in given}
        with contextlib.suppress(Exception):
            seed()
            thing = cls(**given, **others)
            own = attributes(thing)
            places = [
                next((n for n, v in own.items() if v is given[n_] or _equal(v, given[n_])), None) for n_ in (x, y)
            ]
            if None not in places:
                yield Built(thing, f"{cls.__name__}({x}, {y})"), way, tuple(((".", place),) for place in places)


def _equal(a: Any, b: Any) -> bool:
    a, b = as_tensor(a), as_tensor(b)
    return a is not None and b is not None and same(a.double(), b.double())


def _sizes(network: Any, cls: type, data: Any) -> list[tuple[int, ...]]:
    if data:
        return [tuple(as_tensor(get(network, data[0])).shape)]
    return list(dict.fromkeys(s for s in shapes_for(network, cls) if s[0] > 1))[:5]


def _targets(k: int, n: int) -> Iterator[Tensor]:
    """Yield targets of n samples: as zeros and ones, and as the numbers of classes."""
    of_class = torch.arange(n) % max(k, 2)
    yield of_class[:, None].double() if k == 1 else torch.eye(k, dtype=torch.float64)[of_class]
    yield of_class


def _examined(using: Using, size: tuple[int, ...], watch: Watch) -> tuple[list[Finding], list[str], list[Path]] | None:
    """Return findings, notes, and the parameters examined; None where the gradients fit nothing."""
    torch.set_default_dtype(torch.float64)
    generator = torch.Generator().manual_seed(5)
    alone = using.way.layout in (ONE_COLUMN, ONE_ROW)
    x = torch.randn((1 if alone else size[0], *size[1:]), generator=generator, dtype=torch.float64)
    seconds, problem = time.process_time(), None
    base = copy_of(using.network, torch.float64)
    in_double(base)
    seed()
    probe = copy_of(base)
    answer = using.forward(probe, x, _target_of(using, base) if using.data else None)
    output = using.output(probe, answer, len(x)) if using.way.forward else None
    k = output.shape[1] if output is not None else OUTPUTS
    targets = [_target_of(using, base)] if using.data else _targets(k, len(x))
    for t in targets:
        try:
            found = _compared(using, probe if output is not None else base, x, t)
        except (TypeError, ValueError, IndexError, RuntimeError, AttributeError, KeyError, ZeroDivisionError) as error:
            problem = problem or error
            continue
        if found is not None:
            return found
        if time.process_time() - seconds > SECONDS:
            break
    if problem is not None:
        raise problem
    return None


def _target_of(using: Using, network: Any) -> Tensor:
    return as_tensor(get(network, using.data[1])).double()


def _compared(using: Using, used: Any, x: Tensor, t: Tensor) -> tuple[list[Finding], list[str], list[Path]] | None:
    drawn_ = torch.Generator().manual_seed(6)
    base = copy_of(used, torch.float64)
    paths = using.parameters(base)
    for path in paths:  # zeros hide what is wrong, and so do numbers near zero
        value = as_tensor(get(base, path))
        write(base, path, value + 0.5 * torch.randn(value.shape, generator=drawn_, dtype=torch.float64).to(value.dtype))
    start = {path: as_tensor(get(base, path)) for path in paths}
    network = copy_of(base)
    seed()
    answer = using.forward(network, x, t)
    after = {path: as_tensor(get(network, path)) for path in paths}
    paths = [path for path in paths if same(start[path], after[path])]  # what forward writes is no parameter
    start = {path: start[path] for path in paths}
    returned = using.backward(network, x, t, answer)
    if isinstance(returned, tuple) and using.way.backward == using.way.value:
        returned = returned[1:]
    how, got = using.gradients(network, start, returned)
    if len(got) < 2:
        return None
    slopes = _slopes(using, base, x, t, paths)
    slopes = {name: {p: s for p, s in of.items() if bool((s[1].abs() > 1e-9).any())} for name, of in slopes.items()}
    found = judged(using, how, got, start, slopes, len(x))
    if found is not None and found[0] and _draws(using, base, x, t, got):
        raise CannotBuild(DRAWN)
    return found


def _draws(using: Using, base: Any, x: Tensor, t: Tensor, got: dict[Path, Tensor]) -> bool:
    """Whether the gradients are others with other random numbers, of which forward may draw none or fewer."""
    network = copy_of(base)
    start = {path: as_tensor(get(network, path)) for path in got}
    seed()
    torch.rand(7)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.rand(7)
    returned = using.backward(network, x, t, using.forward(network, x, t))
    if isinstance(returned, tuple) and using.way.backward == using.way.value:
        returned = returned[1:]
    again = using.gradients(network, start, returned)[1]
    return any(
        path in again and not torch.allclose(again[path], grad, rtol=1e-2, atol=1e-4) for path, grad in got.items()
    )


def _slopes(using: Using, base: Any, x: Tensor, t: Tensor, paths: list[Path]) -> Slopes:
    """Return the slopes of every loss that may be meant, by central differences of the network's own forward."""
    network = copy_of(base)

    def measured() -> tuple[Tensor | None, float | None]:
        seed()
        answer = using.forward(network, x, t)
        output = using.output(network, answer, len(x)) if using.way.forward else None
        with contextlib.suppress(TypeError, ValueError, IndexError, AttributeError, RuntimeError):
            return output, using.value(network, x, t, answer)
        return output, None

    output, own = measured()
    names = [OWN] * (own is not None and math.isfinite(own))
    ways_: dict[str, Tensor] = {}
    if output is not None:
        rows = _in_rows(t, output.shape[1])
        if rows.shape == output.shape:
            for name, loss in _losses(output, rows).items():
                leaf = output.clone().requires_grad_()
                with torch.enable_grad():
                    ways_[name] = torch.autograd.grad(loss(leaf, rows), leaf)[0]
    found: Slopes = {name: {} for name in (*names, *ways_)}
    order = torch.Generator().manual_seed(3)
    for path in paths:
        value = as_tensor(get(network, path)).double()
        entries = torch.randperm(value.numel(), generator=order)[:ENTRIES]
        both: list[list[Any]] = []
        for i in entries.tolist():
            sides = []
            for sign in (1, -1):
                changed = value.reshape(-1).clone()
                changed[i] += sign * STEP
                write(network, path, changed.reshape(value.shape))
                sides.append(measured())
            both.append(sides)
            write(network, path, value)
        for name in names:
            found[name][path] = entries, torch.tensor([((a[1] or 0) - (b[1] or 0)) / (2 * STEP) for a, b in both])
        for name, way in ways_.items():
            found[name][path] = (
                entries,
                torch.tensor([float(((a[0] - b[0]) * way).sum()) / (2 * STEP) for a, b in both]),
            )
    return found


def _in_rows(t: Tensor, k: int) -> Tensor:
    """Return a target as numbers of the output's shape."""
    if t.is_floating_point() and t.ndim == 2:
        return t
    return torch.eye(k, dtype=torch.float64)[t.reshape(-1).long()] if k > 1 else t.reshape(-1, 1).double()
