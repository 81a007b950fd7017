"""Preparing an object: it may have to be told the shape of its input, or be used once, before it has parameters."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import torch

from minidl.lab.doctor.students.guesses import FEATURES
from minidl.lab.doctor.subject.acquaintance import get_to_know
from minidl.lab.doctor.subject.calls import Watch
from minidl.lab.doctor.subject.inside import attributes, contents
from minidl.lab.doctor.subject.names import PAIR_METHODS
from minidl.lab.doctor.subject.parameters import Slot, slots_of
from minidl.lab.doctor.subject.roles import positional
from minidl.lab.doctor.subject.subject import Subject
from minidl.lab.doctor.subject.values import is_numpy, nonzero, same
from minidl.lab.doctor.time_limit import TIME_LIMIT, Hung, guarded

WAYS = 5  # of saying the shape of the input
PLUG = re.compile(
    r"^(plug|connect|attach|link|set_(input|prev|previous)(_layer|_unit)?|add_input|bind)(_to|_in|_input|_layers?|_with)?$"
)
BEFORE = re.compile("layer|unit|prev|input|node", re.IGNORECASE)
AFTER = re.compile("next|after|following|succ", re.IGNORECASE)
INPUT_SHAPE = re.compile(r"^_?(in|input|inputs|prev|previous)_?(shape|size|dims?|features|nodes|units)$")
SETUP = re.compile(r"^(build|init(ialize|ialise)?(_?(params|parameters|weights?|layer))?|reset_parameters|setup)$")


def used(model: Any, *sizes: tuple[int, ...]) -> Any:
    """Return a copy that has been through one forward and backward, since that makes some gradients; else the model."""
    try:
        return guarded(lambda watch: _used(model, sizes, watch), TIME_LIMIT)[0]
    except Hung:
        return model


def _used(model: Any, sizes: tuple[tuple[int, ...], ...], watch: Watch) -> Any:
    subjects: list[tuple[Any, Subject]] = []
    for size in sizes:
        subject = Subject(model, watch)
        input = torch.randn(size, generator=torch.Generator().manual_seed(3))
        try:
            get_to_know(subject, input, None)
            module = subject.fresh()
            subject.run(input, None, None, module)
        except Exception:
            subjects.append((size, subject))
        else:
            return module
    for size, subject in subjects:
        subject.dialect = "numpy" if any(is_numpy(value) for value in contents(model)) else subject.dialect
        module = subject.fresh()
        with contextlib.suppress(Exception):
            output = subject.forward(module, torch.ones(size))
            with contextlib.suppress(Exception):
                subject.backward(module, subject.cast_like(subject.upstream(output), output), torch.ones(size))
            return module
    return model


def adds_up(layer: Any, *sizes: tuple[int, ...]) -> bool:
    """Whether a layer adds up its parameters' gradients, so that two equal backward passes give twice as much."""

    def asked(watch: Watch) -> bool:
        for size in sizes:
            with contextlib.suppress(Exception):
                subject, input = Subject(layer, watch), torch.randn(size, generator=torch.Generator().manual_seed(3))
                get_to_know(subject, input, None)
                module, seen = subject.fresh(), []
                for _ in range(2):
                    subject.run(input, None, None, module)
                    seen.append(subject.gradients(module))
                return any(nonzero(grad) and not same(grad, seen[1][name]) for name, grad in seen[0].items())
        return False

    try:
        return guarded(asked, TIME_LIMIT)[0]
    except Hung:
        return False


def slots_in(model: Any) -> list[Slot]:
    """Return the parameters of a model; none where looking for them raises."""
    try:
        return slots_of(model)
    except Exception:
        return []


def set_up(thing: Any, shape: tuple[int, ...] = (), way: int = -1) -> bool:
    """Call the methods that give an object its parameters: those that need nothing, or in some way the shape of the input.

    ``way`` is the number of the way, below `WAYS`; -1 calls only those that need nothing. Return whether something was set up.
    """
    done = way in (0, 1) and _told_its_input(thing, shape[1:] if way == 0 else shape[-1])
    done |= way in (0, -1) and _plugged(thing, shape[1:] or (FEATURES,))
    for name in ("training", "is_training", "_is_training", "in_training", "train_mode"):
        if getattr(thing, "__dict__", {}).get(name) is False:  # a dropout does nothing otherwise
            setattr(thing, name, True)
    for name in dir(type(thing)):
        if not SETUP.match(name):
            continue
        method = getattr(thing, name)
        wanted = [p for p in positional(method) if p.default is p.empty]
        try:
            if not wanted and (way < 0 or done):
                method()
            elif len(wanted) == 1 and way >= 0:
                method((shape[1:], shape[-1], (None, *shape[1:]), shape, (1, *shape[1:]))[way])
            else:
                continue
            done = True
        except Exception:
            continue
    return done


class Around:
    """Stands where a layer wants the network around it, from which it takes the learning rate."""

    def __init__(self) -> None:
        self.learning_rate = self.lr = self.eta = 1.0
        self.training = self.is_training = self.train_mode = True
        self.layers: list[Any] = []


class Source:
    """Stands where a layer wants the one before it, from which it takes its input: it hands on what it is given."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.output_shape = self.input_shape = self.shape = self.out_shape = shape
        self.units = self.size = self.output_size = self.n_out = self.neurons = shape[0]
        self.output_unit = self.next = self.next_layer = self.activation = None

    def forward(self, input: Any, *_: Any) -> Any:
        """Return the input."""
        return input


def _plugged(thing: Any, shape: tuple[int, ...]) -> bool:
    """Plug an object onto a source of batches of a shape, where it has a method for that; return whether it has."""
    for name in dir(type(thing)):
        if PLUG.match(name):
            method = getattr(thing, name)
            wanted = [p.name for p in positional(method) if p.default is p.empty]
            if any(map(BEFORE.search, wanted)) and len(wanted) < 4:
                with contextlib.suppress(Exception):
                    method(*(_neighbour(name, shape) for name in wanted))
                    return True
    return False


def _neighbour(name: str, shape: tuple[int, ...]) -> Any:
    """Return what stands for a layer's neighbour of this name: the one before it, none behind it, the network around it."""
    return None if AFTER.search(name) else Source(shape) if BEFORE.search(name) else Around()


def _told_its_input(thing: Any, shape: Any) -> bool:
    """Write the shape of the input where an object keeps it and has none yet; return whether it does."""
    names = [name for name, value in attributes(thing).items() if value is None and INPUT_SHAPE.match(name)]
    for name in names:
        setattr(thing, name, shape)
    return bool(names)


def lists(model: Any) -> list[Any]:
    """Return what a model's methods list as its parameters."""
    found = []
    for name in PAIR_METHODS:
        method = getattr(model, name, None)
        if isinstance(method, (list, tuple)) and method:  # a property, or the list itself
            found.append(list(method))
        elif callable(method):
            try:
                listed = method()
                found += [listed] * isinstance(listed, dict) + [list(listed)]
            except Exception:
                continue
    return found
