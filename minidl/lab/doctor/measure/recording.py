"""What a training loop does with its parts: every call on model, loss and optimiser, in order, with the samples it is about.

`recorded` makes the parts write that down.
"""

from __future__ import annotations

import contextlib
import random
import sys
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from minidl.lab.doctor.measure.parts import Task
from minidl.lab.doctor.measure.ways import changed, climbing, kept_of


@dataclass
class Event:
    """One call, or one change that was seen.

    Attributes
    ----------
    kind : str
        "forward" and "backward" of a model; "loss" and "message", a loss's forward and backward; "zero", a call of zero_grad;
        "zeroed", gradients found to be zero that were not before; "step" of an optimiser; "moved", parameters found to
        be changed without one; "loaded itself", a load_state_dict of a model's own tensors; "clipped", a call of PyTorch's
        clip_grad_norm_ or clip_grad_value_; "late", gradients changed after the step that used them, and then zeroed.
    of : object
        Whose call it is.
    rows : list of int, or None
        Which samples a forward was about, counted through training and then validation data; None where they are no known ones.
    moves : int
        How often the parameters of the model had changed by then.
    """

    kind: str
    of: Any
    rows: list[int] | None = None
    moves: int = 0
    output: Tensor | None = None
    target: Tensor | None = None
    value: Tensor | None = None
    about: Event | None = None  # of a loss: the forward; of a message: the loss; of a backward: the forward
    training: bool = True
    learns: bool = True  # whether autograd was on
    how: str = ""  # of a loss: what became of the model's output before it
    true_message: Tensor | None = None
    matches: list[bool | None] | None = None  # of a loss: which targets are their own samples', once that is known
    contributions: list[Event] = field(default_factory=list)  # of a step: the backwards that are in the gradients
    still: bool = False  # of a step: whether no model has been moved by it
    alone: bool = False  # of a step: whether none of the optimiser's parameters is a model's
    climbs: float | None = (
        None  # of a step or move: cosine of the way taken and the gradient, -1 for a plain step downhill
    )
    rate: float | None = None  # of a step: the learning rate, where it is known
    touched: frozenset[tuple[int, int]] = (
        frozenset()
    )  # of a step: the parameters that it moves, each by model and place
    faithful: float | None = None  # of a step: cosine of the gradients it is made with and those that were computed
    share: float | None = None  # of a step: how much of the gradients that were computed is in those it is made with
    weights: tuple[float, ...] = ()  # of a forward: the sums of the parameters, by which one knows them again
    shapes: tuple[int, ...] = ()  # of a forward: the shape of what the model is given
    random_states: tuple[int, ...] = ()  # of each source of random numbers
    draws: int = 0  # permutations drawn so far
    alive: Callable[[], Any] = lambda: None

    @property
    def size(self) -> int:
        """How many samples a forward is about, also where it is not known which."""
        known = self.rows if self.rows is not None else self.output
        return len(known) if known is not None and (isinstance(known, list) or known.ndim) else 0


@dataclass
class State:
    """What is known of a model from the last time it was looked at."""

    model: Any
    params: list[Tensor]
    moves: int = 0
    coming: list[Event] = field(default_factory=list)  # backwards that may not have come to their end
    pending: dict[int, list[Event]] = field(
        default_factory=dict
    )  # those in the gradient of each parameter, by its place
    last: Event | None = None  # its last forward
    slopes: dict[int, Tensor] = field(default_factory=dict)  # the last gradient of each parameter, by its place
    used: dict[int, Tensor] = field(default_factory=dict)  # the gradients of the last step, until there are others
    cleared: set[int] = field(default_factory=set)  # parameters whose gradient has been set to zero after a backward

    def arrive(self) -> None:
        """Count the backwards that have come to their end as parts of every gradient."""
        for place in range(len(self.params)) if self.coming else ():
            self.pending.setdefault(place, []).extend(self.coming)
        self.coming = []

    def inside(self, places: set[int]) -> list[Event]:
        """Return the backwards whose results are in the gradients of some parameters, or, without any, in some gradient."""
        found = {id(e): e for place, events in self.pending.items() if place in places or not places for e in events}
        return list(found.values())


def pairs(model: Any) -> list[tuple[Tensor, Tensor | None]]:
    """Return the parameters of a model, each with its gradient."""
    if isinstance(model, nn.Module):
        return [(param, param.grad) for param in model.parameters()]
    for method in ("parameters", "param"):
        with contextlib.suppress(Exception):
            found = list(getattr(model, method)())
            return [(param, grad) for param, grad in found if isinstance(param, Tensor)]
    return []


class Log:
    """Everything that happened to the parts of one task."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.events: list[Event] = []
        self.states: dict[int, State] = {}
        self.kept: list[int] = []  # how many graphs of earlier steps were alive at each forward
        self.draws = 0
        self.busy = False  # whether a part that is written down calls another that would be too
        self.X, self.T = torch.cat([task.X, task.X_val]).clone(), torch.cat([task.T, task.T_val]).clone()
        self.scaled = [(X, 0.3 * _gap(X)) for X in _scaled(self.X.flatten(1), len(task.X))]
        self.scaled[1:] = [(X, 0.1 * slack) for X, slack in self.scaled[1:]]

    def __deepcopy__(self, memo: dict) -> Log:
        return self

    # What is looked at ----------------------------------------------------------------------------------------------

    def rows(self, input: Any) -> list[int] | None:
        """Return which samples these are, or None."""
        if (
            not isinstance(input, Tensor)
            or not input.ndim
            or not input.numel()
            or input[0].numel() != self.X[0].numel()
        ):
            return None
        given = input.detach().reshape(len(input), -1).to(self.X.dtype)
        for known, slack in self.scaled:
            nearest, rows = torch.cdist(given, known).min(1)
            if bool((nearest <= slack).all()):
                return rows.tolist()
        return None

    def state(self, model: Any) -> State:
        if id(model) not in self.states:
            self.states[id(model)] = State(model, [param.detach().clone() for param, _ in pairs(model)])
        return self.states[id(model)]

    def look(self) -> None:
        """Look at all models: whether parameters have moved without a step, and gradients have become zero."""
        for state in list(self.states.values()):
            now = pairs(state.model)
            state.arrive()
            moved = changed(now, state.params)
            if moved:
                before, state.params = state.params, [param.detach().clone() for param, _ in now]
                state.moves += 1
                slopes = [
                    grad if grad is not None and bool(grad.any()) else state.slopes.get(k)
                    for k, (_, grad) in enumerate(now)
                ]
                climbs = climbing(before, state.params, slopes)
                touched = frozenset((id(state.model), place) for place in moved)
                self.add("moved", state.model, contributions=state.inside(moved), climbs=climbs, touched=touched)
            empty = {k for k, (_, grad) in enumerate(now) if grad is None or not bool(grad.any())}
            if any(state.pending.values()) and len(empty) == len(now):
                self.add("zeroed", state.model)
            some = {place for place, slope in state.slopes.items() if bool(slope.any())}  # 0 by itself is not set to 0
            state.cleared |= {place for place, events in state.pending.items() if events} & empty & some
            state.pending = {place: events for place, events in state.pending.items() if place not in empty}

    def add(self, kind: str, of: Any, **more: Any) -> Event:
        event = Event(kind, of, draws=self.draws, **more)
        self.events.append(event)
        return event

    # What parts do --------------------------------------------------------------------------------------------------

    def forward(self, model: Any, input: Any, output: Any) -> None:
        state = self.state(model)
        self.look()
        grad = isinstance(output, Tensor) and output.requires_grad
        event = self.add(
            "forward",
            model,
            rows=self.rows(input),
            moves=state.moves,
            output=output.detach().clone() if isinstance(output, Tensor) else None,
            training=getattr(model, "training", True),
            learns=torch.is_grad_enabled(),
            random_states=_random_states(),
            weights=tuple(float(param.double().sum()) for param in state.params),
            shapes=tuple(input.shape) if isinstance(input, Tensor) else (),
        )
        state.last = event
        if grad and output.grad_fn is not None:
            output.register_hook(lambda message: self.backward(model, message, event))
            mark = _Mark()
            output.grad_fn.metadata["mark"] = mark  # lives as long as the graph does
            event.alive = weakref.ref(mark)
        done = [e.about for e in self.events if e.kind == "backward" and e.about is not None]
        self.kept.append(len({id(e) for e in done if e.alive() is not None and e.moves < state.moves}))

    def loss(self, loss: Any, input: Any, target: Any, value: Any, message: Tensor | None) -> None:
        self.look()
        about, how = self._forward_of(input)
        if about is None and self._forward_of(target)[1] == "":
            how = "swapped"
        tensors = [t.detach().clone() if isinstance(t, Tensor) else None for t in (input, target, value)]
        self.add(
            "loss", loss, about=about, how=how, rows=about.rows if about else None, true_message=message,
            output=tensors[0], target=tensors[1], value=tensors[2], learns=torch.is_grad_enabled(),
        )  # fmt: skip

    def _forward_of(self, input: Any) -> tuple[Event | None, str]:
        """Return the forward from which a loss's input comes, and what has been done to it since."""
        if not isinstance(input, Tensor):
            return None, "unknown"
        flat = input.detach().reshape(-1)
        forwards = [e for e in self.events if e.kind == "forward" and e.output is not None][-12:]
        for event in reversed(forwards):
            if event.output.numel() != flat.numel():
                continue
            output = event.output
            ways = {
                "": output,
                "softmax": output.softmax(-1),
                "log_softmax": output.log_softmax(-1),
                "sigmoid": output.sigmoid(),
            }
            for how, way in ways.items():
                if torch.allclose(way.reshape(-1).to(flat.dtype), flat, rtol=1e-4, atol=1e-6):
                    return event, how
        return None, "unknown"

    def message(self, loss: Any, value: Any) -> None:
        about = next((e for e in reversed(self.events) if e.kind == "loss" and e.of is loss), None)
        self.add("message", loss, about=about, value=value.detach().clone() if isinstance(value, Tensor) else None)

    def backward(self, model: Any, message: Any, about: Event | None = None) -> None:
        state = self.state(model)
        if about is None or not state.coming:  # of several outputs of PyTorch's, one backward may not have ended
            self.look()
        about = about or state.last
        value = message.detach().clone() if isinstance(message, Tensor) else None
        event = self.add(
            "backward", model, about=about, rows=about.rows if about else None, value=value, moves=state.moves
        )
        state.coming.append(event)
        state.used = {}

    def differentiated(self, model: Any) -> None:
        """Keep the gradients that a backward has computed."""
        state = self.state(model)
        state.slopes = {k: g.detach().clone() for k, (_, g) in enumerate(pairs(model)) if g is not None}

    def zero(self, of: Any) -> None:
        self.look()
        self.late()
        self.add("zero", of)

    def late(self) -> None:
        """Write down of every model whether its gradients have been changed after the step that used them."""
        for state in self.states.values():
            now = {k: g for k, (_, g) in enumerate(pairs(state.model)) if g is not None and k in state.used}
            others = len(now) == len(state.used) and any(not torch.equal(g, state.used[k]) for k, g in now.items())
            if others and any(bool(g.any()) for g in now.values()):
                self.add("late", state.model)
            state.used = {}

    def loaded(self, model: Any, state: Any) -> None:
        """Write down that a model gets the parameters back that it has, after steps that have changed them."""
        known = self.states.get(id(model))
        if known is None or not known.moves or not isinstance(state, dict):
            return
        own = {param.data_ptr() for param, _ in pairs(model)}
        given = [value for value in state.values() if isinstance(value, Tensor) and value.numel()]
        if given and all(value.data_ptr() in own for value in given if value.is_floating_point()):
            self.add("loaded itself", model)

    @contextlib.contextmanager
    def stepping(self, optimizer: Any) -> Iterator[None]:
        """Write down a step: what was in the gradients, and what it moved."""
        self.look()
        before = {key: state.moves for key, state in self.states.items()}
        slopes = {
            key: [None if g is None else g.detach().clone() for _, g in pairs(state.model)]
            for key, state in self.states.items()
        }
        self.busy = True
        try:
            yield
        finally:
            self.busy = False
        touched: set[tuple[int, int]] = set()
        climbs = faithful = share = None
        for key, state in self.states.items():
            now = pairs(state.model)
            places = changed(now, state.params)
            if places:
                old, state.params, state.moves = state.params, [p.detach().clone() for p, _ in now], before[key] + 1
                climbs = climbing(old, state.params, slopes.get(key, [None] * len(now)))
                faithful, share = kept_of(slopes.get(key, []), state.slopes, places) or (None, None)
                touched |= {(id(state.model), place) for place in places}
                state.used = {k: g.detach().clone() for k, (_, g) in enumerate(now) if g is not None}
        known = {id(param) for state in self.states.values() for param, _ in pairs(state.model)}
        held = [p for group in getattr(optimizer, "param_groups", []) for p in group["params"]]
        alone = bool(held) and not any(id(param) in known for param in held)
        self.add(
            "step",
            optimizer,
            contributions=self._contributions(touched),
            touched=frozenset(touched),
            faithful=faithful,
            share=share,
            still=not touched,
            alone=alone,
            climbs=climbs,
            rate=_rate(optimizer),
        )

    def _contributions(self, touched: set[tuple[int, int]]) -> list[Event]:
        """Return the backwards whose results are in the gradients of the parameters that a step moves."""
        found: list[Event] = []
        for state in self.states.values():
            places = {place for model, place in touched if model == id(state.model)}
            found += state.inside(places) if places or not touched else []
        return found


def _gap(X: Tensor) -> float:
    """Return how far apart the closest of these are."""
    gaps = torch.cdist(X, X) + 1e9 * torch.eye(len(X), dtype=X.dtype)
    return float(gaps[gaps > 0].min())


def _scaled(X: Tensor, n: int) -> list[Tensor]:
    """Return the data as they are, and as loops scale them, by what the training samples or all are like."""
    found = [X]
    for part in (X[:n], X):
        low, high = part.amin(0), part.amax(0)
        found += [(X - low) / (high - low), 2 * (X - low) / (high - low) - 1, (X - part.mean()) / part.std(), X / high]
        found += [(X - part.min()) / (part.max() - part.min()), X / part.abs().max(), (X - part.mean(0)) / part.std(0)]
    return [*found, X / 255, X / X.norm(dim=1, keepdim=True)]


class _Mark:
    """Something to look for, in a graph."""


def _rate(optimizer: Any) -> float | None:
    """Return the learning rate of an optimiser, where it is known."""
    groups = getattr(optimizer, "param_groups", None)
    rate = groups[0].get("lr") if groups else getattr(optimizer, "lr", None)
    return float(rate) if isinstance(rate, (int, float)) else None


def _random_states() -> tuple[int, ...]:
    """Draw from every source of random numbers, so that none stands still by itself, and return where they all are."""
    numpy = sys.modules.get("numpy")
    states = [hash(torch.get_rng_state().numpy().tobytes()), hash(random.getstate())]
    if numpy:
        _, keys, place, *_ = numpy.random.get_state()
        states.append(hash((keys.tobytes(), place)))
        numpy.random.rand()
    torch.rand(1)
    random.random()
    return tuple(states)
