"""Values on their way between processes, as JSON of a fixed form: nothing that comes out of it can run.

`packed` writes numbers, text, tensors, formulas and minidl's own modules, and of anything else how it looks. `unpacked` reads
them and believes nothing: a formula is made again, operation by operation, and a module out of its parameters.
"""

from __future__ import annotations

import base64
import inspect
import math
import textwrap
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

import minidl
from minidl import Linear, Module, ReLU, Sequential, Sigmoid, Tanh
from minidl.lab.proof import define, derivative, matrices, ones, scalars
from minidl.lab.proof.formula import Formula, as_formula

DEEPEST = 60  # lists in lists, formulas in formulas
LARGEST = 50_000  # entries of a tensor
LONGEST = 2000  # characters of a text
MOST = 2000  # things in a list
DTYPES = {
    str(dtype): dtype for dtype in (torch.float64, torch.float32, torch.int64, torch.int32, torch.uint8, torch.bool)
}
BINARY = ("+", "-", "*", "/", "**", "@")
FUNCTIONS = ("abs", "exp", "log", "relu", "sigmoid", "sign", "tanh", "sum")
WITHOUT_PARAMETERS = (ReLU, Tanh, Sigmoid)


class Unreadable(ValueError):  # noqa: N818
    """What came is none of the values that cross."""


class Other:
    """Something that does not cross: all that is known of it is how it looks."""

    def __init__(self, looks: str) -> None:
        self._looks = looks

    def __repr__(self) -> str:
        return self._looks


# ---------------------------------------------------------------------------------------------------------------------
# Out


def packed(value: Any, depth: int = 0) -> Any:
    """Return a value as JSON holds it."""
    if depth > DEEPEST:
        return {"other": "something very deep"}
    if value is None or isinstance(value, bool):
        return value
    if value is ...:
        return {"dots": True}
    if isinstance(value, str):
        return value[:LONGEST]
    if isinstance(value, Tensor):
        return _packed_tensor(value)
    if isinstance(value, torch.Generator):
        return {"generator": [value.initial_seed(), packed(value.get_state())]}
    if isinstance(value, Formula):
        return {"formula": [value.op, [_packed_part(part, depth) for part in value.args], list(value.shape)]}
    if isinstance(value, Module):
        return _packed_module(value, depth)
    if isinstance(value, (list, tuple)):
        things = [packed(thing, depth + 1) for thing in value[:MOST]]
        return things if isinstance(value, list) else {"tuple": things}
    if isinstance(value, Mapping):
        pairs = list(value.items())[:MOST]
        return {"dict": [[packed(key, depth + 1), packed(thing, depth + 1)] for key, thing in pairs]}
    return _packed_number(value, depth)


def _packed_number(value: Any, depth: int) -> Any:
    """Return a number of any kind: Python's, NumPy's, SymPy's; an array as lists; of anything else how it looks."""
    if isinstance(value, int) and abs(value) < 10**300:
        return int(value)
    try:
        if hasattr(value, "tolist"):
            return packed(value.tolist(), depth + 1)
        number = float(value)
        return number if math.isfinite(number) else {"float": str(number)}
    except Exception:
        return {"other": _looks(value)}


def _looks(value: Any) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__}"[:LONGEST]
    if inspect.isroutine(value):
        return "a function"
    try:
        return " ".join(repr(value).split())[:LONGEST]
    except Exception:
        return f"an object of {type(value).__name__}"[:LONGEST]


def _packed_tensor(value: Tensor) -> Any:
    value = value.detach()
    if value.numel() > LARGEST:
        return {"other": f"a tensor of shape {tuple(value.shape)}"}
    if str(value.dtype) not in DTYPES:
        value = value.double()
    data = value.cpu().contiguous().numpy().tobytes()
    return {"tensor": [str(value.dtype), list(value.shape), base64.b64encode(data).decode("ascii")]}


def _packed_part(part: Any, depth: int) -> Any:
    return packed(part, depth + 1) if isinstance(part, Formula) else str(part)[:LONGEST]


def _packed_module(module: Module, depth: int) -> Any:
    if type(module) is Sequential:
        return {"module": ["Sequential", [packed(inner, depth + 1) for inner in module.children()]]}
    if type(module) in WITHOUT_PARAMETERS:
        return {"module": [type(module).__name__, []]}
    tensors = [{name: packed(tensor) for name, tensor in each.items()} for each in (module.params, module.grad)]
    if type(module) is Linear:
        return {"module": ["Linear", tensors]}
    if isinstance(module, Linear):  # a teacher's own: its text goes along
        return {"module": [_text_of(type(module)), tensors]}
    return {"other": _looks(module)}


def _text_of(cls: type) -> str:
    """Return code that defines a class ``Layer`` that is the same."""
    bodies = [inspect.getsource(each) for each in reversed(cls.__mro__) if not _is_ours(each)]
    bodies = [textwrap.dedent(body).partition("\n")[2] for body in bodies]
    return "\n".join(f"class Layer({'Layer' if place else 'Linear'}):\n{body}" for place, body in enumerate(bodies))


def _is_ours(cls: type) -> bool:
    return cls is object or cls.__module__ in ("minidl.linear", "minidl.module", "abc")


# ---------------------------------------------------------------------------------------------------------------------
# In


def unpacked(value: Any, trusted: bool = False, depth: int = 0) -> Any:
    """Return what `packed` has written.

    Parameters
    ----------
    value : object
        What JSON gave.
    trusted : bool
        Whether it comes from us: a module may then bring the text of its class.

    Raises
    ------
    Unreadable
        If anything is not as it has to be.
    """
    if depth > DEEPEST:
        raise Unreadable("something very deep")
    if value is None or type(value) in (bool, int, float):
        return value
    if isinstance(value, str):
        return value[:LONGEST]
    if isinstance(value, list):
        return [unpacked(thing, trusted, depth + 1) for thing in value[:MOST]]
    if not isinstance(value, dict) or len(value) != 1:
        raise Unreadable("other fields than there are")
    ((kind, inside),) = value.items()
    try:
        match kind, inside:
            case "dots", True:
                return ...
            case "float", ("nan" | "inf" | "-inf") as text:
                return float(text)
            case "other", str() as text:
                return Other(text[:LONGEST])
            case "generator", [int() as seed, dict() as state]:
                generator = torch.Generator().manual_seed(seed)
                generator.set_state(unpacked(state))
                return generator
            case "tuple", list() as things:
                return tuple(unpacked(thing, trusted, depth + 1) for thing in things[:MOST])
            case "dict", list() as pairs:
                return {
                    unpacked(key, trusted, depth + 1): unpacked(thing, trusted, depth + 1)
                    for key, thing in pairs[:MOST]
                }
            case "tensor", [str() as dtype, list() as shape, str() as data]:
                return _tensor(dtype, shape, data)
            case "formula", [str() as op, list() as parts, [str(), str()] as shape]:
                return _formula(op, parts, shape, depth)
            case "module", [str() as name, list() as parts]:
                return _module(name, parts, trusted, depth)
    except Unreadable:
        raise
    except Exception as error:
        raise Unreadable(f"{kind}: {error}") from error
    raise Unreadable("a kind of value that there is not")


def _tensor(dtype: str, shape: list[Any], data: str) -> Tensor:
    if len(shape) > 8 or not all(type(size) is int and size >= 0 for size in shape) or math.prod(shape) > LARGEST:
        raise Unreadable("no shape")
    flat = bytearray(base64.b64decode(data, validate=True))
    if not flat:
        return torch.zeros(shape, dtype=DTYPES[dtype])
    return torch.frombuffer(flat, dtype=DTYPES[dtype]).reshape(shape).clone()


def _formula(op: str, parts: list[Any], shape: list[str], depth: int) -> Formula:
    """Make a formula again as a notebook makes it, so that its shapes fit whatever was said."""
    if op == "symbol":
        (name,) = parts
        rows, columns = shape
        if not name.isidentifier():
            raise Unreadable("no name of a symbol")
        return scalars(name)[0] if (rows, columns) == ("1", "1") else matrices(f"{name} ({rows} x {columns})")[0]
    if op == "number":
        return as_formula(Fraction(parts[0]))
    if op == "ones":
        return ones(parts[0])
    inner = [unpacked(part, False, depth + 1) if isinstance(part, dict) else part for part in parts]
    if op == "name":
        return define(str(inner[0]), inner[1])
    if op == "derivative":
        return derivative(*inner)
    if not all(isinstance(part, Formula) for part in inner):
        raise Unreadable("an operation on something else")
    if op in BINARY:
        left, right = inner
        made = {
            "+": lambda: left + right,
            "-": lambda: left - right,
            "*": lambda: left * right,
            "/": lambda: left / right,
            "**": lambda: left**right,
            "@": lambda: left @ right,
        }[op]()
        return made
    (part,) = inner
    if op in FUNCTIONS:
        return getattr(part, op)()
    if op in ("T", "neg", "step"):
        return {"T": lambda: part.T, "neg": lambda: -part, "step": lambda: part > 0}[op]()
    raise Unreadable("an operation that there is not")


def _module(name: str, parts: list[Any], trusted: bool, depth: int) -> Module:
    if name == "Sequential":
        return Sequential(*(unpacked(part, trusted, depth + 1) for part in parts))
    if name in ("ReLU", "Tanh", "Sigmoid"):
        return getattr(minidl, name)()
    if name != "Linear" and not trusted:
        raise Unreadable("a module that there is not")
    params, grad = ({key: unpacked(tensor) for key, tensor in each.items()} for each in parts)
    if set(params) != {"weight", "bias"} or set(grad) != set(params):
        raise Unreadable("other parameters than a Linear has")
    known: dict[str, Any] = {"Linear": Linear, "Tensor": Tensor, "torch": torch}
    if name != "Linear":
        exec(name, known)
    weight = params["weight"]
    layer = known["Linear" if name == "Linear" else "Layer"](*weight.shape, dtype=weight.dtype)
    for ours, theirs in ((layer.params, params), (layer.grad, grad)):
        for key, tensor in theirs.items():
            if tensor.shape != ours[key].shape or tensor.dtype != ours[key].dtype:
                raise Unreadable("a parameter that does not fit")
            ours[key].copy_(tensor)
    return layer
