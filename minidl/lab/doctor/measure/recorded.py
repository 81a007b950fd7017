"""Parts that write down what is done to them: each gets a class of its own, which calls what it had and tells the log.

So it stays an instance of what it was, with everything that it holds. What a loop makes for itself, a loss of minidl, an
optimiser of PyTorch, is written down too, as long as `listening` lasts.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import clip_grad
from torch.optim import optimizer as of_torch

from minidl.lab.doctor.measure.parts import LOSS, MODEL, OPTIMIZER, Task
from minidl.lab.doctor.measure.recording import Log

# PyTorch's loss functions, and the classes that stand for them; the classes call the functions
LOSSES = {
    "cross_entropy": nn.CrossEntropyLoss,
    "nll_loss": nn.NLLLoss,
    "mse_loss": nn.MSELoss,
    "binary_cross_entropy_with_logits": nn.BCEWithLogitsLoss,
    "binary_cross_entropy": nn.BCELoss,
}
# What clips gradients: by the norm, which a function does that both ways to call it share, and by the value
CLIPPING = (
    (clip_grad, "_clip_grads_with_norm_"),
    (clip_grad, "clip_grad_value_"),
    (nn.utils, "clip_grad_value_"),
)


def record(task: Task) -> Log:
    """Have the parts of a task written down, and return the log."""
    log = Log(task)
    log.state(task.model)
    _record_model(task.model, log)
    if task.loss is not None:
        _record_loss(task.loss, log)
    if task.optimizer is not None:
        _record_optimizer(task.optimizer, log)
    return log


def _recorded(thing: Any, methods: dict[str, Callable]) -> None:
    kind = type(thing)
    inside = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__}
    thing.__class__ = type(kind.__name__, (kind,), {**inside, **methods})


def _record_model(model: Any, log: Log) -> None:
    kind = type(model)
    if isinstance(model, nn.Module):
        for place, param in enumerate(model.parameters()):
            if param.requires_grad:
                param.register_post_accumulate_grad_hook(functools.partial(_keep_slope, log.state(model).slopes, place))

    def zero_grad(self: Any, *more: Any, **others: Any) -> None:
        log.zero(self)
        kind.zero_grad(self, *more, **others)

    backward = None if isinstance(model, nn.Module) else kind.backward
    methods = model_methods(kind.forward, backward, log)
    _recorded(model, {**methods, **({"zero_grad": zero_grad} if hasattr(kind, "zero_grad") else {})})


def _keep_slope(slopes: dict[int, Tensor], place: int, param: Tensor) -> None:
    slopes[place] = param.grad.detach().clone()


def model_methods(plain: Callable, plain_backward: Callable | None, log: Log) -> dict[str, Callable]:
    """Return a model's methods that write down what these do, but for what happens to models inside it."""

    def forward(self: Any, input: Any, *more: Any, **others: Any) -> Any:
        if log.busy:
            return plain(self, input, *more, **others)
        log.busy = True
        try:
            output = plain(self, input, *more, **others)
        finally:
            log.busy = False
        log.forward(self, input, output)
        return output

    def backward(self: Any, grad_output: Any, *more: Any) -> Any:
        if log.busy:
            return plain_backward(self, grad_output, *more)
        log.backward(self, grad_output)
        log.busy = True
        try:
            answer = plain_backward(self, grad_output, *more)
        finally:
            log.busy = False
        log.differentiated(self)
        return answer

    return {"forward": forward, **({"backward": backward} if plain_backward else {})}


def _record_loss(loss: Any, log: Log) -> None:
    kind = type(loss)

    def zero_grad(self: Any, *more: Any, **others: Any) -> None:
        log.zero(self)
        kind.zero_grad(self, *more, **others)

    methods = loss_methods(kind.forward, getattr(kind, "backward", None), log)
    _recorded(loss, {**methods, **({"zero_grad": zero_grad} if hasattr(kind, "zero_grad") else {})})


def loss_methods(plain: Callable, plain_backward: Callable | None, log: Log) -> dict[str, Callable]:
    """Return a loss's methods that write down what these do."""

    def forward(self: Any, input: Any, target: Any, *more: Any) -> Any:
        if log.busy:
            return plain(self, input, target, *more)
        log.busy = True
        value, message = None, None
        try:
            value = plain(self, input, target, *more)
            message = true_message(self, input, target)
        finally:
            log.busy = False
            log.loss(self, input, target, value, message)
        return value

    def true_message(loss: Any, input: Any, target: Any) -> Tensor | None:
        """Return what the loss's backward would return now, from a copy of it."""
        with contextlib.suppress(Exception):
            twin = type(loss).__new__(type(loss))
            twin.__dict__.update(vars(loss))
            plain(twin, input, target)
            return plain_backward(twin).detach().clone()
        return None

    def backward(self: Any, *more: Any) -> Any:
        value = plain_backward(self, *more)
        if not log.busy:
            log.message(self, value)
        return value

    return {"forward": forward, **({"backward": backward} if plain_backward else {})}


def _record_optimizer(optimizer: Any, log: Log) -> None:
    kind = type(optimizer)
    if isinstance(optimizer, torch.optim.Optimizer):
        return  # all of these are listened to, see `listening`

    def zero_grad(self: Any, *more: Any) -> None:
        log.zero(self)
        kind.zero_grad(self, *more)

    methods = {"step": recorded_step(kind.step, log)}
    _recorded(optimizer, {**methods, **({"zero_grad": zero_grad} if hasattr(kind, "zero_grad") else {})})


def recorded_step(plain: Callable, log: Log) -> Callable:
    """Return an optimiser's step that writes down what this one does."""

    def step(self: Any, *more: Any) -> Any:
        if log.busy:
            return plain(self, *more)
        with log.stepping(self):
            return plain(self, *more)

    return step


@contextlib.contextmanager
def listening(log: Log) -> Iterator[None]:
    """Write down what every optimiser of PyTorch does, also one that the loop makes; and count the permutations drawn."""
    running: dict[int, Any] = {}

    def before(optimizer: Any, positional: tuple, keywords: dict) -> Any:
        closure = positional[1] if len(positional) > 1 else keywords.get("closure")
        step = running[id(optimizer)] = log.stepping(optimizer)
        if closure is None:
            step.__enter__()
            return None

        entered = []

        def recorded_closure() -> Any:
            value = closure()
            if not entered:  # some optimisers ask several times in one step
                entered.append(step.__enter__())
            return value

        return (optimizer, recorded_closure), {}

    def after(optimizer: Any, positional: tuple, keywords: dict) -> None:
        with contextlib.suppress(RuntimeError, StopIteration):
            running.pop(id(optimizer)).__exit__(None, None, None)

    randperm, zero_grad = torch.randperm, torch.optim.Optimizer.zero_grad

    def counted(*sizes: Any, **options: Any) -> Tensor:
        log.draws += 1
        return randperm(*sizes, **options)

    def zero(self: Any, set_to_none: bool = True) -> None:
        log.zero(self)
        zero_grad(self, set_to_none)

    load = nn.Module.load_state_dict

    def loading(self: Any, state: Any, *more: Any, **others: Any) -> Any:
        log.loaded(self, state)
        return load(self, state, *more, **others)

    def loss_function(function: Callable, kind: type) -> Callable:
        def recorded(input: Any, target: Any, *more: Any, **others: Any) -> Any:
            if log.busy:
                return function(input, target, *more, **others)
            value, loss = None, kind(reduction=others.get("reduction", "mean"))
            try:
                value = function(input, target, *more, **others)
            finally:
                log.loss(loss, input, target, value, None)
            return value

        return recorded

    def clipping(plain: Callable) -> Callable:
        def clips(*given: Any, **options: Any) -> Any:
            log.look()
            log.add("clipped", None)
            return plain(*given, **options)

        return clips

    hooks = [of_torch.register_optimizer_step_pre_hook(before), of_torch.register_optimizer_step_post_hook(after)]
    changes = [(torch, "randperm", counted), (torch.optim.Optimizer, "zero_grad", zero)]
    changes += [(nn.Module, "load_state_dict", loading)]
    changes += [(functional, name, loss_function(getattr(functional, name), kind)) for name, kind in LOSSES.items()]
    changes += [(OPTIMIZER, "step", recorded_step(OPTIMIZER.step, log))]
    changes += [(LOSS, name, method) for name, method in loss_methods(LOSS.forward, LOSS.backward, log).items()]
    changes += [(MODEL, name, method) for name, method in model_methods(MODEL.forward, MODEL.backward, log).items()]
    changes += [(nn.Sequential, "forward", model_methods(nn.Sequential.forward, None, log)["forward"])]
    changes += [(owner, name, clipping(getattr(clip_grad, name))) for owner, name in CLIPPING if hasattr(owner, name)]
    kept = [(owner, name, getattr(owner, name)) for owner, name, _ in changes]
    for owner, name, value in changes:
        setattr(owner, name, value)
    try:
        yield
    finally:
        for owner, name, value in kept:
            setattr(owner, name, value)
        for hook in hooks:
            hook.remove()
        log.look()
        log.late()
