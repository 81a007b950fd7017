"""Using a network of a project's own for a moment: its trainings, forward and back, functions that train it."""

from __future__ import annotations

import contextlib
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from minidl.lab.doctor.students.configuring import wanted
from minidl.lab.doctor.students.guesses import OUTPUTS, uses_numpy
from minidl.lab.doctor.students.project import Project
from minidl.lab.doctor.students.recording import asked, methods_of
from minidl.lab.doctor.students.tries import shapes_for
from minidl.lab.doctor.subject.copies import copy_of
from minidl.lab.doctor.subject.names import plain
from minidl.lab.doctor.subject.networks import BACKWARDS, FORWARDS, is_target
from minidl.lab.doctor.subject.own_loops import LOOPS, train
from minidl.lab.doctor.subject.roles import needed, parameters, positional, role
from minidl.lab.doctor.subject.stubs import is_stub
from minidl.lab.doctor.subject.values import as_tensor

FORWARD, BACK = (*FORWARDS, "__call__", "_forward_pass", "call"), (*BACKWARDS, "_backward_pass", "feed_backward")
BESIDE = ("loss", "loss_fn", "loss_function", "cost", "cost_function", "criterion", "loss_prime", "optimizer", "optimiser",
          "optim")  # fmt: skip
HELD = re.compile("^(network|net|model|nn|layers|mlp)$", re.IGNORECASE)


def uses(network: Any, project: Project) -> Iterator[Callable[[], Any]]:
    """Yield ways of using a network: its own trainings, forward and back, functions that train it."""
    first = _first(network)
    numpy = uses_numpy(project)
    for shape in _shapes(first if first is not None else network):
        x = torch.randn(shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
        output = _output(network, x, numpy)
        for t in _targets(output, shape[0]):
            say = (lambda v: v.numpy().copy()) if numpy else (lambda v: v.clone())
            yield from _calls(network, project, say, x, t)


def _first(network: Any) -> Any:
    """Return the first layer of a network."""
    return next((layers[0] for layers in _lists(network)), None)


def _shapes(layer: Any) -> list[tuple[int, ...]]:
    found = [s for s in shapes_for(layer, type(layer)) if s[0] > 1]
    return found[:4]


def _output(network: Any, x: Tensor, numpy: bool) -> Tensor | None:
    """Return what a network gives for a batch; None where that is not known."""
    if isinstance(network, list):
        return None
    for name in FORWARD:
        method = getattr(type(network), name, None)
        if method is None or is_stub(method):
            continue
        with contextlib.suppress(Exception):
            twin = copy_of(network)
            bound = getattr(twin, name)
            values = [True if role(n) == "flag" else (x.numpy().copy() if numpy else x.clone()) for n in needed(bound)]
            found = as_tensor(bound(*values))
            if found is not None and found.ndim and found.is_floating_point():
                return found.double()
    return None


def _targets(output: Tensor | None, n: int) -> Iterator[Tensor]:
    if output is not None and output.ndim == 2 and output.shape[0] == n:
        k = output.shape[1]
        yield torch.eye(max(k, 2), dtype=torch.float64)[torch.arange(n) % max(k, 2)][:, :k]
    elif output is not None and output.shape[0] == n:
        yield (torch.randn(output.shape, generator=torch.Generator().manual_seed(2)) > 0).double()
    else:
        yield torch.eye(OUTPUTS, dtype=torch.float64)[torch.arange(n) % OUTPUTS]
    yield torch.arange(n) % 2


def _calls(
    network: Any, project: Project, say: Callable[[Tensor], Any], x: Tensor, t: Tensor
) -> Iterator[Callable[[], Any]]:
    more = _more(project, type(network))

    def and_on(use: Callable[[Any], Any]) -> Callable[[], None]:
        def both() -> None:
            twin = copy_of(network)
            try:
                use(twin)
            finally:
                for layers in _lists(twin):
                    _through(layers, say, x, t, more)

        return both

    if isinstance(network, list):
        yield and_on(lambda twin: None)
    else:
        own = [n for n in (*LOOPS, "train_on_batch") if callable(getattr(type(network), n, None))]
        for name in own[:4]:
            yield and_on(lambda twin, name=name: train(twin, name, say(x), say(t), len(x), more))
        forwards = [n for n in FORWARD if callable(getattr(type(network), n, None))]
        backwards = [n for n in BACK if callable(getattr(type(network), n, None)) and n not in own]
        for back in backwards[:2]:
            for forward in forwards[:1]:
                yield and_on(lambda twin, f=forward, b=back: _both_ways(twin, f, b, say, x, t, more))
        if not own and not backwards:
            yield and_on(lambda twin: None)
    for function in _trainers(project):
        yield lambda f=function: _by_function(f, copy_of(network), say, x, t, more)


def _more(project: Project, cls: type) -> dict[str, Any]:
    """Return what may be asked for beside samples and targets: a loss, its derivative, an optimiser."""
    if "beside" not in project.__dict__:
        found = {plain(n): some[0] for n in BESIDE if (some := wanted(n, project, cls))}
        project.__dict__["beside"] = found
    return project.__dict__["beside"]


def _both_ways(
    network: Any, forward: str, back: str, say: Callable, x: Tensor, t: Tensor, more: dict[str, Any]
) -> None:
    method = getattr(network, forward)
    answer = method(*[True if role(n) == "flag" else say(x) for n in (p.name for p in asked(method))])
    output = answer[0] if isinstance(answer, tuple) else answer
    as_one = as_tensor(output)
    up = (
        say(torch.randn(as_one.shape, generator=torch.Generator().manual_seed(4), dtype=torch.float64))
        if as_one is not None
        else None
    )
    method, given = getattr(network, back), []
    for p in positional(method):
        if p.default is not p.empty:
            break
        if is_target(p.name):
            given.append(say(t))
        elif role(p.name) == "rate":
            given.append(0.01)
        elif plain(p.name) in more:
            given.append(more[plain(p.name)])
        elif re.search("pred|^out|hat", p.name):
            given.append(output)
        elif role(p.name) == "grad" or len(needed(method)) == 1:
            given.append(up)
        else:
            given.append(say(x))
    method(*given)


def _through(layers: list[Any], say: Callable[[Tensor], Any], x: Tensor, t: Tensor, more: dict[str, Any]) -> None:
    """Go through a list of layers, forward and back."""
    value, inputs = say(x), []
    for layer in layers:
        method = getattr(layer, methods_of(type(layer))[0])
        inputs.append(value)
        value = method(*[_for_layer(p.name, value, value, say, t, more) for p in asked(method)])
        value = value[0] if isinstance(value, tuple) else value
    generator = torch.Generator().manual_seed(4)
    up = say(0.1 * torch.randn(as_tensor(value).shape, generator=generator, dtype=torch.float64))
    for layer, given in zip(layers[::-1], inputs[::-1], strict=True):
        method = getattr(layer, methods_of(type(layer))[1])
        names = [p.name for p in asked(method)]
        values = [_for_layer(n, up, given, say, t, more) for n in names]
        if len(names) > 1 and not any(role(n) == "grad" for n in names):
            values[0] = up
        up = method(*values)
        up = up[0] if isinstance(up, tuple) else up


def _for_layer(name: str, value: Any, given: Any, say: Callable[[Tensor], Any], t: Tensor, more: dict[str, Any]) -> Any:
    """Return what an argument of a layer's method may be: what comes from its neighbour, or something else by its name."""
    short = plain(name)
    if role(name) in ("rate", "flag"):
        return 0.01 if role(name) == "rate" else True
    if short in more:
        return more[short]
    if is_target(name) and role(name) != "grad":
        return say(t)
    return given if re.fullmatch("x|inputs?|aprev|inp|prev|yprev|xprev|data", short) else value


def _lists(network: Any) -> list[list[Any]]:
    """Return the lists of layers in a network."""
    if isinstance(network, (list, tuple)):
        return [list(network)]
    found = [v for v in getattr(network, "__dict__", {}).values() if isinstance(v, (list, tuple)) and v]
    return [list(v) for v in found if all(methods_of(type(one)) for one in v)]


def _trainers(project: Project) -> list[Any]:
    """Return functions of a project that train what they are given."""
    if "trainers" not in project.__dict__:
        found = [f for m in project.modules.values() for f in vars(m).values() if inspect.isfunction(f)]
        project.__dict__["trainers"] = [
            f
            for f in dict.fromkeys(found)
            if any(HELD.match(p.name) for p in parameters(f))
            and any(is_target(p.name) or "y" in p.name.lower() for p in parameters(f))
        ][:2]
    return project.__dict__["trainers"]


def _by_function(function: Any, network: Any, say: Callable, x: Tensor, t: Tensor, more: dict[str, Any]) -> None:
    given = {}
    for p in parameters(function):
        name = plain(p.name)
        if HELD.match(p.name):
            given[p.name] = network
        elif p.default is not p.empty and not re.search("epoch|iter|batch", name):
            continue
        elif re.search("epoch|iter", name):
            given[p.name] = 1
        elif "batch" in name and "size" in name:
            given[p.name] = len(x)
        elif role(p.name) == "rate":
            given[p.name] = 0.01
        elif name in more:
            given[p.name] = more[name]
        elif is_target(p.name) or name.startswith("y"):
            given[p.name] = say(t)
        else:
            given[p.name] = say(x)
    function(**given)
