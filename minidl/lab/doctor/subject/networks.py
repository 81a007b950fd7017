"""Whole networks that are written as one class, of which no layer can be asked alone.

`Network.backprop(x, y)`, `NN.backward(X, y, output)`, `TwoLayerNet.loss(X, y)`: forward and the gradients of all parameters,
which are returned, kept as attributes, or used for a step at once. A `Way` says how the methods of such a class are called.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from minidl.lab.doctor.subject.fitting import arrays
from minidl.lab.doctor.subject.inside import Path, attributes, contents, show
from minidl.lab.doctor.subject.names import OUTPUT_NAMES, STEP_METHODS, first_method, is_gradient_name, is_gradient_of
from minidl.lab.doctor.subject.own_loops import TINY, loops, spelled, train
from minidl.lab.doctor.subject.parameters import slots_of
from minidl.lab.doctor.subject.paths import get, put
from minidl.lab.doctor.subject.roles import LOSS_NAME, needed, positional, role
from minidl.lab.doctor.subject.stubs import is_stub
from minidl.lab.doctor.subject.values import as_tensor, is_numpy, is_values

FORWARDS = ("forward", "feedforward", "feed_forward", "forward_pass", "forward_propagation", "forward_prop", "forwardprop",
            "forward_propagate", "fprop", "propagate", "scores", "predict", "think", "query")  # fmt: skip
BACKWARDS = ("backward", "backprop", "back_prop", "backward_pass", "backward_propagation", "backpropagation",
             "back_propagation", "backpropagate", "back_propagate", "backward_propagate", "backward_prop", "bprop",
             "backprop_pass", "compute_gradients", "gradient", "gradients", "get_gradients", "calculate_gradients",
             "calc_gradients", "grad", "train_step", "train_on_batch", "train")  # fmt: skip
VALUES = ("loss", "cost", "compute_loss", "compute_cost", "calculate_loss", "calc_loss", "cost_function", "get_loss",
          "loss_function", "get_cost")  # fmt: skip
TARGET = re.compile(
    "^(y|t|ys|d|labels?|targets?|y_?true|y_?train|y_?batch|expected|desired|answers?|t_?batch)$", re.IGNORECASE
)
OUTPUT = re.compile(
    r"^(o|out|outputs?|al|a\d?|y_?hat|yhat|y_?pred|pred(ict(ed|ions?))?|probs?|final_outputs?)$", re.IGNORECASE
)
PREDICTED = re.compile(r"^(out|outputs?|y_?hat|y_?pred|pred(ict(ed|ions?))?|probs?)$", re.IGNORECASE)
KEPT = re.compile("^(caches?|memory|activations|zs|store|params_cache|parameters_cache|cached?_values)$", re.IGNORECASE)
COUNTED = re.compile("^(m|n|batch_?size|mini_?batch_?size|num_?samples|n_?samples)$", re.IGNORECASE)
OFF = re.compile("^(reg|lambda_?|lambd|lmbda|l2|l1|verbose|momentum|mu|decay|weight_decay)$", re.IGNORECASE)
ONCE = re.compile("^(epochs?|iterations?|num_?iter(ation)?s?|n_?iters?|n_?epochs?|steps)$", re.IGNORECASE)
RATE_OF_ALL = 0.01
ROWS, COLUMNS, ONE_COLUMN, ONE_ROW = "rows", "columns", "one column", "one row"
EACH_ROW, EACH_COLUMN = "each a row", "each a column"  # of matrices of their own


@dataclass(frozen=True)
class Way:
    """How a network is called: its methods, "" where there is none, and how samples stand in its input."""

    forward: str
    backward: str
    value: str
    layout: str = ROWS
    trains: bool = False  # whether backward is a training of its own

    def laid(self, batch: Tensor | None) -> Tensor | None:
        """Return a batch, a sample in each row, as the network takes it."""
        if batch is None or self.layout == ROWS:
            return batch
        if self.layout == COLUMNS:
            return batch.T if batch.ndim == 2 else batch
        if self.layout in (EACH_ROW, EACH_COLUMN):
            batch = batch[:, None].double() if batch.ndim == 1 else batch
            return batch[:, None] if self.layout == EACH_ROW else batch[:, :, None]
        return batch[0][:, None] if self.layout == ONE_COLUMN and batch.ndim == 2 else batch[0]

    def rows(self, output: Tensor) -> Tensor:
        """Return an output with a sample in each row."""
        if self.layout in (EACH_ROW, EACH_COLUMN):
            return output.flatten(1) if output.ndim == 3 else output
        return output.T if self.layout in (COLUMNS, ONE_COLUMN) else output[None] if self.layout == ONE_ROW else output


def is_network(cls: type) -> bool:
    """Whether a class is a network in one piece: forward, and a backward that is given the target, or no argument at all."""
    return next(ways(cls), None) is not None


def trains(cls: type) -> bool:
    """Whether the step of what looks like an optimiser is given samples and targets: it trains the network that it holds."""
    name = first_method(cls, STEP_METHODS)
    return name is not None and next(loops(cls), ("", ""))[1] == name


def ways(cls: type) -> Iterator[Way]:
    """Yield the ways in which the methods of a class may make it a network."""
    own = {n for kind in cls.__mro__[:-1] for n, v in vars(kind).items() if callable(v) and not is_stub(v)}
    forwards, backwards, values = (spelled(names, own) for names in (FORWARDS, BACKWARDS, VALUES))
    if LOSS_NAME.search(cls.__name__):
        return
    of_value = next((name for name in values if len(positional(getattr(cls, name), bound=False)) >= 1), "")
    for name in backwards:
        asked = needed(getattr(cls, name), bound=False)
        if name == "train" and any(ONCE.match(p.name) or COUNTED.match(p.name) for p in positional(getattr(cls, name))):
            continue  # it goes through all of the data
        alone = not asked and forwards and not needed(getattr(cls, forwards[0]), bound=False)
        if forwards and (any(map(is_target, asked)) or alone):
            yield from (Way(forwards[0], name, of_value, layout) for layout in (ROWS, COLUMNS, ONE_COLUMN, ONE_ROW))
    for name in values:
        asked = [p.name for p in positional(getattr(cls, name), bound=False)]
        both = len(asked) > 1 and not is_target(asked[0]) and is_target(asked[1])
        if both and (not forwards or forwards[0] == "predict") and first_method(cls, ("backward",)) is None:
            yield from (Way("", name, name, layout) for layout in (ROWS, COLUMNS))
    for output, training in loops(cls):
        yield from (Way(output, training, "", layout, True) for layout in (ROWS, EACH_ROW, EACH_COLUMN, COLUMNS))


def is_target(name: str) -> bool:
    """Whether an argument is the target of a network."""
    return role(name) == "target" or TARGET.match(name) is not None


class Using:
    """A network with a way of calling it, on copies of which everything is measured.

    Parameters
    ----------
    network : object
    way : Way
    data : tuple of Path
        Where it keeps the input and the target that it was built from; nothing where it is given these.
    """

    def __init__(self, network: Any, way: Way, data: tuple[Path, Path] | tuple[()] = ()) -> None:
        self.network, self.way, self.data = network, way, data
        self.more: dict[str, Any] = {}  # what a training may ask for beside the samples
        self.numpy = not any(isinstance(value, Tensor) for value in contents(network))

    def say(self, batch: Tensor | None) -> Any:
        """Return a batch in what the network takes."""
        laid = self.way.laid(batch)
        return laid if laid is None or not self.numpy else laid.numpy().copy()

    def forward(self, network: Any, x: Tensor, t: Tensor | None) -> Any:
        """Call forward, and return all that it returns."""
        for path, value in zip(self.data, (x, t), strict=False):
            setattr(network, path[0][1], self.say(value))
        if not self.way.forward:
            return None
        method = operator.attrgetter(self.way.forward)(network)
        values = [True if role(name) == "flag" else self.say(x) for name in needed(method)]
        return method(*values)

    def output(self, network: Any, answer: Any, n: int) -> Tensor | None:
        """Return the output, a sample in each row, of what forward has returned, or left in the network."""
        own = attributes(network)
        if answer is None or answer is network:
            last = max((name for name in own if re.fullmatch(r"_?[aA]_?\d", name)), default="")
            answer = next((own[name] for name in (*OUTPUT_NAMES, "y_hat", "yhat", "a", last) if name in own), None)
        if isinstance(answer, (tuple, list)) and len(answer) > 1 and isinstance(answer[1], (dict, list, tuple)):
            found = self.output(network, answer[0], n)
            answer = answer if found is None else answer[0]
        if isinstance(answer, list) and len(answer) == n and self.way.trains:
            parts = [as_tensor(value) for value in answer]
            if all(p is not None and p.is_floating_point() and p.shape == parts[0].shape for p in parts):
                return torch.stack(parts).reshape(n, -1).double()
        for value in list(flat(answer))[::-1]:
            tensor = as_tensor(value)
            if tensor is not None and tensor.is_floating_point() and 0 < tensor.ndim < 3 + self.way.trains:
                rows = self.way.rows(tensor)
                if rows.ndim == 1 and len(rows) == n:
                    rows = rows[:, None]
                if rows.ndim == 2 and len(rows) == n:
                    return rows.double()
        return None

    def backward(self, network: Any, x: Tensor, t: Tensor, answer: Any) -> Any:
        """Call backward with what the names of its arguments ask for, and return all that it returns."""
        if self.way.trains:
            return train(network, self.way.backward, self.say(x), self.say(t), len(x), self.more)
        method = getattr(network, self.way.backward)
        output = next((v for v in flat(answer) if as_tensor(v) is not None), None)
        if isinstance(answer, (tuple, list)) and answer and not isinstance(answer[-1], (dict, list, tuple)):
            output = answer[-1]
        kept = answer[1:] if isinstance(answer, tuple) and len(answer) > 1 else answer
        given = []
        for place, parameter in enumerate(positional(method)):
            name = parameter.name
            optional = parameter.default is not parameter.empty
            if is_target(name):
                value = self.say(t)
            elif role(name) == "rate":
                value = RATE_OF_ALL
            elif optional and not (OFF.match(name) or ONCE.match(name)):
                value = parameter.default
            elif OFF.match(name):
                value = 0.0
            elif ONCE.match(name):
                value = 1
            elif KEPT.match(name):
                value = kept[0] if isinstance(kept, tuple) and len(kept) == 1 else kept
            elif OUTPUT.match(name) and (place or PREDICTED.match(name)):
                value = output
            elif COUNTED.match(name) and place:
                value = len(x)
            elif role(name) == "grad":
                value = output - self.say(t)
            else:
                value = self.say(x)
            given.append(value)
        return method(*given)

    def value(self, network: Any, x: Tensor, t: Tensor, answer: Any) -> float | None:
        """Return the network's own loss, None where it has none."""
        if not self.way.value:
            return None
        method = getattr(network, self.way.value)
        names = [p.name for p in positional(method) if p.default is p.empty or is_target(p.name)]
        output = next((v for v in flat(answer) if as_tensor(v) is not None), None)
        given = [
            self.say(t) if is_target(n) else output if OUTPUT.match(n) else 0.0 if OFF.match(n) else self.say(x)
            for n in names
        ]
        found = method(*given)
        found = as_tensor(found[0] if isinstance(found, tuple) else found)
        return float(found) if found is not None and found.numel() == 1 else None

    def parameters(self, network: Any) -> list[Path]:
        """Return where a network keeps arrays that may be parameters; not the data that it was built from."""
        found = [slot.param for slot in slots_of(network)] + arrays(network)
        for name, value in attributes(network).items():
            if isinstance(value, list) and value and not is_gradient_name(name):
                found += [
                    ((".", name), ("[]", i))
                    for i, v in enumerate(value)
                    if is_values(v) and not isinstance(v, (list, float))
                ]
        data = [path[0][1] for path in self.data]
        held: list[Any] = []
        kept = []
        for path in found:
            value = get(network, path)
            if (
                path[0][1] in data
                or not (isinstance(value, Tensor) or is_numpy(value))
                or getattr(value, "ndim", 0) == 0
            ):
                continue
            if all(value is not other for other in held):
                held.append(value)
                kept.append(path)
        return kept

    def gradients(self, network: Any, before: dict[Path, Tensor], answer: Any) -> tuple[str, dict[Path, Tensor]]:
        """Return how a network gives its gradients after backward, and these: returned, kept, or minus its steps."""
        returned = _returned(answer, before)
        kept = {}
        for slot in slots_of(network):
            grad = as_tensor(get(network, slot.grad))
            if (
                slot.param in before
                and grad is not None
                and grad.shape == before[slot.param].shape
                and bool(grad.any())
            ):
                kept[slot.param] = grad.double()
        moved = {}
        for path, old in before.items():
            new = as_tensor(get(network, path))
            if new is not None and new.shape == old.shape and not torch.equal(new, old):
                moved[path] = (old - new).double()
        if self.way.trains:
            return "moved", {path: step / TINY for path, step in moved.items()}
        found = [("returned", returned), ("kept", kept), ("moved", moved)]
        return max(found, key=lambda one: len(one[1]))


def _returned(answer: Any, before: dict[Path, Tensor]) -> dict[Path, Tensor]:
    """Return the gradients among the things that backward returns, by their names or else by their shapes, in order."""
    found: dict[Path, Tensor] = {}
    for name, value in named(answer):
        tensor = as_tensor(value)
        if tensor is None or not tensor.is_floating_point():
            continue
        fits = [p for p in before if p not in found and before[p].shape == tensor.shape]
        by_name = [p for p in fits if name and (name == str(p[-1][1]) or is_gradient_of(name, str(p[-1][1])))]
        if by_name or fits:
            found[(by_name or fits)[0]] = tensor.double()
    return found


def flat(value: Any, depth: int = 4) -> Iterator[Any]:
    """Yield the things in nested lists, tuples and dictionaries."""
    for _, inner in named(value, "", depth):
        yield inner


def named(value: Any, name: str = "", depth: int = 4) -> Iterator[tuple[str, Any]]:
    """Yield the things in nested lists, tuples and dictionaries, with the names that dictionaries give them."""
    if isinstance(value, dict) and depth:
        for key, inner in value.items():
            yield from named(inner, str(key), depth - 1)
    elif isinstance(value, (list, tuple)) and depth:
        for inner in value:
            yield from named(inner, name, depth - 1)
    else:
        yield name, value


def write(network: Any, path: Path, value: Tensor) -> None:
    """Write the values of a parameter."""
    put(network, path, value)


def called(path: Path) -> str:
    """Return what a parameter is called."""
    return show(path)
