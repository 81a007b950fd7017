"""Networks of a project's own, made so that a certain layer is in them, and used for a moment: forward, back, a step."""

from __future__ import annotations

import contextlib
import inspect
import itertools
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from minidl.lab.doctor.students.building import ADDING, Broken, CannotBuild, build
from minidl.lab.doctor.students.built import Built, seed, vars_of
from minidl.lab.doctor.students.configuring import configured, wanted
from minidl.lab.doctor.students.guesses import BENT_NAME, FEATURES, LINEAR_NAME, OUTPUTS, SIDE, uses_numpy
from minidl.lab.doctor.students.preparing import INPUT_SHAPE
from minidl.lab.doctor.students.project import Project
from minidl.lab.doctor.students.recording import Records, asked, methods_of, recorded
from minidl.lab.doctor.students.tries import shapes_for
from minidl.lab.doctor.subject.copies import copy_of
from minidl.lab.doctor.subject.names import plain
from minidl.lab.doctor.subject.networks import BACKWARDS, FORWARDS, is_target
from minidl.lab.doctor.subject.own_loops import LOOPS, train
from minidl.lab.doctor.subject.roles import kind, needed, parameters, positional, role
from minidl.lab.doctor.subject.stubs import is_stub
from minidl.lab.doctor.subject.values import as_tensor

SECONDS, ALL = 1.0, 10.0  # of the processor, for the networks around one layer, and for those around all of a project
LAYERS = re.compile("layers?|modules?|sequence|stack|blocks|network|model", re.IGNORECASE)
LINKING = re.compile("link|connect|compile|build|setup|set_up|prepare|finali[sz]e|init(ialize|ialise)", re.IGNORECASE)
FLAT = re.compile("flatten|reshape", re.IGNORECASE)
IMAGES = re.compile("conv|pool|2d", re.IGNORECASE)
OTHER, OTHER_BACK = ("__call__", "_forward_pass", "call"), ("_backward_pass", "feed_backward")
BESIDE = ("loss", "loss_fn", "loss_function", "cost", "cost_function", "criterion", "loss_prime", "optimizer", "optimiser",
          "optim")  # fmt: skip
HELD = re.compile("^(network|net|model|nn|layers|mlp)$", re.IGNORECASE)


def record(cls: type, project: Project, records: Records) -> Iterator[str]:
    """Use networks with an object of a class in them, until there is no time left; yield each time there is a new record."""
    started, spent = time.process_time(), project.__dict__.setdefault("spent", [0.0])
    seconds = min(SECONDS, ALL - spent[0])
    every = [c for c in _classes(project) if kind(c) in ("layer", "loss") or c is cls]
    seen = len(records.get(cls, ()))
    for said, network in _networks(cls, project):
        for use in _uses(network, project):
            if time.process_time() - started > seconds:
                spent[0] += time.process_time() - started
                return
            torch.set_default_dtype(torch.float64)
            with recorded(every, records), contextlib.suppress(Exception):
                seed()
                use()
            if len(records.get(cls, ())) > seen:
                seen = len(records[cls])
                yield said
                break


def _classes(project: Project) -> list[type]:
    found = [c for m in project.modules.values() for c in vars(m).values() if isinstance(c, type)]
    names = {m.__name__ for m in project.modules.values()}
    return [c for c in dict.fromkeys(found) if c.__module__ in names]


# ---------------------------------------------------------------------------------------------------------------------
# Networks


def _networks(cls: type, project: Project) -> Iterator[tuple[str, Any]]:
    """Yield networks in which an object of a class may be."""
    holders = [c for c in _classes(project) if c is not cls and _holds(c, cls)]
    holders.sort(key=lambda c: -_mentions(c, cls))
    for holder in holders[:4]:
        for layers in _sequences(cls, project):
            yield from _held(holder, layers, project)
        if _mentions(holder, cls) or kind(cls) == "loss":
            with contextlib.suppress(CannotBuild, Broken):
                for built in itertools.islice(build(holder, project), 3):
                    for other in itertools.islice(configured(built, project), 3):
                        yield other.said, other.thing
    for layers in _sequences(cls, project):
        yield "a list of layers", layers


def _holds(holder: type, cls: type) -> bool:
    """Whether objects of a class may hold layers, and use them."""
    if kind(holder) in ("loss", "optimizer"):
        return False
    own = vars_of(holder)
    uses = any(name in own for name in (*LOOPS, *FORWARDS, *BACKWARDS, "_forward_pass", "__call__"))
    given = any(LAYERS.fullmatch(p.name) for p in parameters(holder))
    adds = any(ADDING.fullmatch(name) and callable(value) for name, value in own.items())
    return uses and (given or adds or _mentions(holder, cls) > 0)


def _mentions(holder: type, cls: type) -> int:
    """Return how many methods of a class name another."""
    codes = [getattr(value, "__code__", None) for value in vars_of(holder).values()]
    return sum(cls.__name__ in code.co_names for code in codes if code is not None)


def _sequences(cls: type, project: Project) -> Iterator[list[Any]]:
    """Yield lists of layers with an object of a class among them, built anew each time."""
    if kind(cls) == "loss":
        return
    linear, bent, flat = (_neighbours(cls, project, pattern) for pattern in (LINEAR_NAME, BENT_NAME, FLAT))
    of_images = IMAGES.search(cls.__name__) is not None
    after = [[], *([flat, flat + linear] if of_images else [bent]), linear, bent + linear]
    for number in range(4):
        for behind in [one for place, one in enumerate(after) if one not in after[:place]]:
            for before in ([],) if of_images or not linear else ([], linear):
                made = []
                with contextlib.suppress(Exception):
                    for place, one in enumerate([*before, cls, *behind]):
                        made.append(_built(one, project, number if one is cls or place == 0 else 0, place == 0))
                    yield made


def _neighbours(cls: type, project: Project, pattern: re.Pattern) -> list[type]:
    """Return one class that may stand beside another, by its name; rather one of the same family."""
    found = [c for c in project.near(cls) if pattern.search(c.__name__) and c is not cls and kind(c) == "layer"]
    return sorted(found, key=lambda c: -len(set(c.__mro__) & set(cls.__mro__)))[:1]


def _built(cls: type, project: Project, number: int, first: bool) -> Any:
    """Return an object of a class, built in the way of this number; one that stands first is told what its input is."""
    known = project.__dict__.setdefault("ways_to_build", {}).setdefault(cls, [])
    of_images = IMAGES.search(cls.__name__) is not None
    if not known:
        with contextlib.suppress(CannotBuild, Broken):
            known += [built.thing for built in itertools.islice(build(cls, project), 6)]
        known.sort(key=lambda thing: -_knows_its_input(thing, of_images))
    made = copy_of(known[min(number // 2 if first else number, len(known) - 1)])
    if first and number % 2:
        _tell(made, (FEATURES, SIDE, SIDE) if of_images else (FEATURES,))
    return made


def _tell(layer: Any, shape: tuple[int, ...]) -> None:
    """Tell a layer the shape of its input, where it has a place or a method for that."""
    for name, value in list(getattr(layer, "__dict__", {}).items()):
        if INPUT_SHAPE.match(name) and not isinstance(value, bool):
            setattr(layer, name, shape if value is None or isinstance(value, (tuple, list)) else shape[-1])
    for name in ("set_input_shape", "set_input_size", "set_input_dim"):
        if callable(getattr(layer, name, None)):
            getattr(layer, name)(shape)


def _knows_its_input(thing: Any, of_images: bool) -> int:
    """Return how well an object knows the shape of its input: not at all, as some number, or as what is wanted."""
    own = [v for name, v in getattr(thing, "__dict__", {}).items() if INPUT_SHAPE.match(name) and v is not None]
    return max((1 + (of_images and isinstance(value, tuple) and len(value) > 2) for value in own), default=0)


def _held(holder: type, layers: list[Any], project: Project) -> Iterator[tuple[str, Any]]:
    """Yield networks of a class that hold these layers."""
    names = [p.name for p in parameters(holder) if p.kind is not p.VAR_KEYWORD]
    given = next((n for n in names if LAYERS.fullmatch(n)), None)
    variadic = next((p for p in parameters(holder) if p.kind is p.VAR_POSITIONAL), None)
    adding = sorted(n for n, v in vars_of(holder).items() if ADDING.fullmatch(n) and callable(v))
    made: list[Any] = []
    said = f"{holder.__name__} with {', '.join(type(layer).__name__ for layer in layers)}"
    with contextlib.suppress(Exception):
        if given is not None:
            ways = [{given: layers, **others} for others in _others(holder, given, project)]
            for way in ways:
                with contextlib.suppress(Exception):
                    seed()
                    made.append(holder(**way))
        elif variadic is not None:
            made.append(holder(*layers))
        elif adding:
            for others in _others(holder, "", project):
                with contextlib.suppress(Exception):
                    network = holder(**others)
                    add = next(m for n in adding if needed(m := getattr(network, n)))
                    for layer in layers:
                        add(layer)
                    made.append(network)
    for network in made[:3]:
        with contextlib.suppress(Exception):
            for other in itertools.islice(configured(Built(network, said), project), 4):
                yield other.said, other.thing


def _others(holder: type, given: str, project: Project) -> list[dict[str, Any]]:
    """Return what the other arguments of a network may be: an optimiser, a loss, as objects and as classes."""
    asked = [
        p for p in parameters(holder) if p.default is p.empty and p.name != given and p.kind is p.POSITIONAL_OR_KEYWORD
    ]
    ways = []
    for way in range(3):
        values: dict[str, Any] = {}
        for p in asked:
            found = wanted(p.name, project, holder)
            if way == 1 and found and not isinstance(found[0], (str, float)) and not inspect.isroutine(found[0]):
                values[p.name] = type(found[0])
            elif way == 2 and re.match("optim", p.name) and found:
                values[p.name] = found[0]
            elif way == 2 and re.match("loss|cost", p.name) and found:
                values[p.name] = type(found[0]) if not isinstance(found[0], str) else found[0]
            else:
                values[p.name] = found[0] if found else 0.1 if role(p.name) == "rate" else FEATURES
        ways.append(values)
    return ways if asked else ways[:1]


# ---------------------------------------------------------------------------------------------------------------------
# Using them


def _uses(network: Any, project: Project) -> Iterator[Callable[[], Any]]:
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
    for name in (*FORWARDS, *OTHER):
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
        forwards = [n for n in (*FORWARDS, *OTHER) if callable(getattr(type(network), n, None))]
        backwards = [n for n in (*BACKWARDS, *OTHER_BACK) if callable(getattr(type(network), n, None)) and n not in own]
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
