"""Copies of a student's object: deep, in another dtype if need be, what shares memory sharing it still."""

from __future__ import annotations

import contextlib
import copy
from typing import Any

import torch
from torch import Tensor

from minidl.lab.doctor.subject.inside import attributes, contents


def copy_of(thing: Any, dtype: torch.dtype | None = None) -> Any:
    """Return a deep copy, every tensor and array in it made ``dtype``, those that share memory sharing it still."""
    memo: dict[int, Any] = {}
    storages: dict[int, Tensor] = {}
    kept = [thing]  # nothing may be freed, or its id given away, before the copy is made
    for value in contents(thing):
        if isinstance(value, Tensor):
            memo[id(value)] = _copy_tensor(value, dtype, storages)
        elif isinstance(value, torch.Generator):
            memo[id(value)] = value.clone_state()
        else:
            memo[id(value)] = value.astype(str(dtype)[6:]) if dtype and value.dtype.kind == "f" else value.copy()
        kept.append(value)
    return _twin(thing, memo)


def _twin(thing: Any, memo: dict[int, Any]) -> Any:
    """Return a deep copy, except for what has none, such as an open file or a generator: that is shared."""
    if id(thing) in memo:
        return memo[id(thing)]
    done = dict(memo)  # what is half done when it fails is thrown away
    try:
        twin = copy.deepcopy(thing, done)
    except Exception:
        if type(thing) in (tuple, list):
            return type(thing)(_twin(value, memo) for value in thing)
        twin = memo[id(thing)] = _shallow(thing)
        for name, value in attributes(thing).items():
            with contextlib.suppress(Exception):
                setattr(twin, name, _twin(value, memo))
    else:
        memo.update(done)
        memo.setdefault(id(memo), []).append(done)  # it may not be freed, and its id given away, before the end
    return twin


def _shallow(thing: Any) -> Any:
    """Return a copy that shares what it holds; of an object whose ``__getattr__`` looks for what is not there yet, too."""
    try:
        return copy.copy(thing)
    except Exception:
        twin = object.__new__(type(thing))
        for name, value in attributes(thing).items():
            object.__setattr__(twin, name, value)
        return twin


def _copy_tensor(tensor: Tensor, dtype: torch.dtype | None, storages: dict[int, Tensor]) -> Tensor:
    dtype = dtype if dtype and tensor.is_floating_point() else tensor.dtype
    old = tensor.detach()
    try:
        storage = old.untyped_storage()
        key = storage.data_ptr()
        if not key or key not in storages:
            size = storage.nbytes() // old.element_size()
            storages[key] = old.as_strided((size,), (1,), 0).to("cpu", dtype, copy=True)
        new = storages[key].as_strided(old.shape, old.stride(), old.storage_offset())
    except (RuntimeError, NotImplementedError):  # sparse, meta and the like
        new = old.clone()
    if tensor.requires_grad and tensor.is_leaf:
        new = torch.nn.Parameter(new) if isinstance(tensor, torch.nn.Parameter) else new.requires_grad_()
    if tensor.is_leaf and tensor.grad is not None:
        new.grad = tensor.grad.detach().to(dtype, copy=True)
    return new
