"""The same network in PyTorch: weights copied both ways, and hand-written layers inside PyTorch models."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

import minidl

TWINS = {minidl.ReLU: nn.ReLU, minidl.Tanh: nn.Tanh, minidl.Sigmoid: nn.Sigmoid}


def to_torch(model: minidl.Module) -> nn.Module:
    """Return the PyTorch twin of a model: ``nn.Sequential`` of a Sequential, ``nn.Linear`` of a Linear, and so on.

    The parameters are copies. PyTorch keeps the weight of a Linear transposed, (out_features, in_features), and its bias
    as a vector.

    Raises
    ------
    TypeError
        For a module that has no twin in PyTorch.
    ValueError
        For a stack: unstack it first.
    """
    if type(model) is minidl.Sequential:  # a subclass may compute something else
        return nn.Sequential(*map(to_torch, model))
    if type(model) is minidl.Linear:
        weight, bias = model.params["weight"], model.params["bias"]
        if weight.ndim != 2:
            raise ValueError(f"to_torch expected one model, got a stack with weights of shape {tuple(weight.shape)}")
        twin = nn.Linear(model.in_features, model.out_features, device="meta")
        twin.weight = nn.Parameter(weight.T.clone(memory_format=torch.contiguous_format))
        twin.bias = nn.Parameter(bias[0].clone())
        return twin
    if type(model) in TWINS:
        return TWINS[type(model)]()
    raise TypeError(f"to_torch expected a minidl Sequential, Linear, ReLU, Tanh or Sigmoid, got {type(model).__name__}")


def from_torch(model: nn.Module) -> minidl.Module:
    """Return the minidl twin of an ``nn.Sequential``, ``nn.Linear``, ``nn.ReLU``, ``nn.Tanh`` or ``nn.Sigmoid``.

    Raises
    ------
    TypeError
        For a module that has no twin in minidl.
    ValueError
        For an ``nn.Linear`` without a bias.
    """
    if type(model) is nn.Sequential:
        return minidl.Sequential(*map(from_torch, model))
    if type(model) is nn.Linear:
        if model.bias is None:
            raise ValueError(f"from_torch expected a Linear with a bias, got {model}")
        weight = model.weight.detach()
        unused = torch.Generator(device=weight.device)  # its numbers are overwritten: draw none from elsewhere
        twin = minidl.Linear(
            model.in_features, model.out_features, generator=unused, device=weight.device, dtype=weight.dtype
        )
        twin.params["weight"].copy_(weight.T)
        twin.params["bias"].copy_(model.bias.detach())
        return twin
    for ours, theirs in TWINS.items():
        if type(model) is theirs:
            return ours()
    raise TypeError(f"from_torch expected nn.Sequential, Linear, ReLU, Tanh or Sigmoid, got {type(model).__name__}")


def torch_stack(models: Sequence[nn.Module]) -> nn.Module:
    """Return one PyTorch module that runs R equal ones at once: input (R, n, m), output (R, n, k).

    This is PyTorch's own way (``torch.func``: stacked parameters, the first model's forward mapped over them), with autograd
    and the modules of torch.nn inside.
    """
    return _TorchStack(models)


class _TorchStack(nn.Module):
    def __init__(self, models: Sequence[nn.Module]) -> None:
        super().__init__()
        params, _ = torch.func.stack_module_state(list(models))
        self.stacked = nn.ParameterList(nn.Parameter(param.detach()) for param in params.values())
        self.by_name = dict(zip(params, self.stacked, strict=True))  # made once: it costs time in every forward
        skeleton = copy.deepcopy(models[0]).to("meta")
        self.run_all = torch.func.vmap(lambda params, x: torch.func.functional_call(skeleton, params, (x,)))
        self.traced: dict[tuple, Callable] = {}

    def forward(self, input: Tensor) -> Tensor:
        kind = (input.shape, input.dtype, input.device)
        if kind not in self.traced:  # vmap finds out anew in every forward what to run, which takes half of its time
            from torch.fx.experimental.proxy_tensor import make_fx  # here: importing it takes a second

            self.traced[kind] = _without_idle_steps(make_fx(self.run_all)(self.by_name, input))
        return self.traced[kind](self.by_name, input)


def _without_idle_steps(traced: torch.fx.GraphModule) -> torch.fx.GraphModule:
    """Take out what vmap's general rules leave behind: views that change no shape, and products with 1."""
    aten = torch.ops.aten
    views = (aten.expand.default, aten.view.default, aten._unsafe_view.default)
    for node in list(traced.graph.nodes):
        is_idle = node.target in views and node.meta["val"].shape == node.args[0].meta["val"].shape
        if is_idle or (node.target is aten.mul.Scalar and node.args[1] == 1):
            node.replace_all_uses_with(node.args[0])
            traced.graph.erase_node(node)
    traced.graph.eliminate_dead_code()
    traced.recompile()
    return traced


def as_autograd(module: Any) -> nn.Module:
    """Wrap an object with ``forward(input)`` and ``backward(grad_output)`` as a differentiable PyTorch module.

    So a hand-written layer runs inside a PyTorch model, and ``torch.autograd.gradcheck`` can judge it. Its parameters
    become those of the wrapper and share its memory, so that an optimiser of PyTorch trains the layer itself. They are found
    as ``parameters()`` or ``param()``, which give (parameter, gradient) pairs, or as the dictionaries ``params`` and ``grad``.

    The layer's own gradient accumulators are left as they were: the gradients go where PyTorch wants them.

    Raises
    ------
    TypeError
        If the object has no ``forward`` or no ``backward``.
    """
    for name in ("forward", "backward"):
        if isinstance(module, type) or not callable(getattr(module, name, None)):
            raise TypeError(f"as_autograd expected an object with forward and backward, got {type(module).__name__}")
    return _Wrapped(module)


class _Wrapped(nn.Module):
    def __init__(self, module: Any) -> None:
        super().__init__()
        self.module = module
        self.shared = nn.ParameterList(nn.Parameter(param) for param, _ in _pairs(module))

    def forward(self, input: Tensor) -> Tensor:
        return _HandWritten.apply(self.module, input, *self.shared)

    def extra_repr(self) -> str:
        return repr(self.module)


class _HandWritten(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, module: Any, input: Tensor, *params: Tensor) -> Tensor:
        ctx.module = module
        ctx.save_for_backward(input, *params)  # so that PyTorch notices where they change before backward
        return module.forward(input).clone()  # a layer may write into its output later

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        (input, *_), module = ctx.saved_tensors, ctx.module
        before = [grad.clone() for _, grad in _pairs(module)]
        for _, grad in _pairs(module):
            grad.zero_()
        try:
            module.forward(input)  # again: another may have come between, or another backward used it up
            grad_input = module.backward(grad_output)
            grads = [grad.clone() for _, grad in _pairs(module)]
        finally:
            for (_, grad), old in zip(_pairs(module), before, strict=True):
                grad.copy_(old)
        return None, grad_input, *grads


def _pairs(module: Any) -> list[tuple[Tensor, Tensor]]:
    """Return the (parameter, gradient) pairs of a hand-written module, asked anew since it may replace its gradients."""
    for name in ("parameters", "param"):
        if callable(getattr(module, name, None)):
            return [(param, grad) for param, grad in getattr(module, name)()]
    params, grad = getattr(module, "params", {}), getattr(module, "grad", {})
    return [(params[name], grad[name]) for name in params]
