"""How the doctor handles a stranger's module: copies of it, careful calls, its parameters, and its true gradients."""

from __future__ import annotations

import contextlib
import copy
import functools
import random
import sys
import time
import traceback
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

Path = tuple[
    tuple[str, Any], ...
]  # the way from a module to something in it: (".", attribute), ("[]", key), ("()", method)

PAIR_METHODS = ("param", "params", "parameters", "get_params", "get_parameters")
ZERO_METHODS = ("zero_grad", "zero_grads", "zero_gradient", "zero_gradients", "reset_grad", "reset_grads")
GRADIENT_METHODS = ("grad", "grads", "gradients", "get_grads", "get_gradients")
GRADIENT_PREFIXES = ("gradient_", "gradient", "grads_", "grad_", "grads", "grad", "dloss_d", "dl_d", "dld", "d_", "d",
                     "delta_", "delta", "nabla_", "g_", "g")  # fmt: skip
GRADIENT_SUFFIXES = ("_gradient", "_gradients", "_grads", "_grad", "gradient", "grad", "_d")
ALIASES = {"w": "weight", "weights": "weight", "b": "bias", "biases": "bias"}


class Trouble(Exception):  # noqa: N818
    """The module raised ``error`` while it was ``doing`` something."""

    def __init__(self, doing: str, error: BaseException) -> None:
        super().__init__(doing)
        self.doing, self.error = doing, error

    def where(self) -> str:
        """Return the line of the student's code in which it happened."""
        here = [f for f in traceback.extract_tb(self.error.__traceback__) if f.filename != __file__]
        return f"line {here[0].lineno}: {here[0].line}" if here and here[0].line else ""


class TimeUp(BaseException):
    """Put into the thread that examines a module that does not come back."""


# ---------------------------------------------------------------------------------------------------------------------
# Values: tensors, NumPy arrays, numbers and nested lists of numbers


def is_numpy(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "numpy"


def is_values(value: Any) -> bool:
    """Whether this is made of floating-point numbers: a tensor, an array, a number, a nested list of numbers."""
    if isinstance(value, Tensor):
        return value.is_floating_point()
    if is_numpy(value):
        return getattr(getattr(value, "dtype", None), "kind", "") == "f"
    return isinstance(value, float) or (isinstance(value, list) and len(value) > 0 and all(map(is_values, value)))


def as_tensor(value: Any) -> Tensor | None:
    """Return a copy of the value as a tensor, or None for what is none."""
    if isinstance(value, Tensor):
        return None if value.is_meta else value.detach().cpu().clone()  # there are no values in a meta tensor
    try:
        if is_numpy(value):
            return torch.as_tensor(value).clone()
        if isinstance(value, (int, float, list)) and not isinstance(value, bool):
            return torch.tensor(value, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        pass
    return None


def speak(tensor: Tensor, dialect: str) -> Any:
    """Return a copy in the kind of value that the module takes."""
    tensor = tensor.detach().clone()
    return {"torch": lambda: tensor, "numpy": tensor.numpy, "list": tensor.tolist}[dialect]()


def same(a: Tensor | None, b: Tensor | None) -> bool:
    """Whether two values are equal to the last bit, NaN to NaN."""
    if a is None or b is None:
        return a is b
    return a.shape == b.shape and torch.equal(a.nan_to_num(7.25), b.nan_to_num(7.25))


def random_states() -> tuple[Any, ...]:
    """Return where the random numbers of torch, of Python and of NumPy stand, to be compared."""
    numpy = sys.modules["numpy"].random.get_state() if "numpy" in sys.modules else ("", b"", 0)
    return torch.default_generator.get_state().tolist(), random.getstate(), bytes(numpy[1]), numpy[2]


# ---------------------------------------------------------------------------------------------------------------------
# Paths into a module


def step(holder: Any, kind: str, key: Any) -> Any:
    if kind == "()":
        method, index, side = key
        return flat_pairs(getattr(holder, method)())[index][side]
    if kind == "call":
        return getattr(holder, key)()
    return getattr(holder, key) if kind == "." else holder[key]


def get(root: Any, path: Path, default: Any = None) -> Any:
    try:
        for kind, key in path:
            root = step(root, kind, key)
    except (AttributeError, KeyError, IndexError, TypeError):
        return default
    return root


def put(root: Any, path: Path, value: Tensor) -> None:
    """Write into the tensor or array that stands there; numbers and lists are replaced."""
    there = get(root, path)
    if isinstance(there, Tensor):
        there.data.copy_(value)
    elif is_numpy(there) and getattr(there, "ndim", 0) == value.ndim:
        there[...] = value.numpy()
    elif there is not None:
        kind, key = path[-1]
        holder = get(root, path[:-1])
        if kind == ".":
            setattr(holder, key, value.tolist())
        elif kind == "[]" and not isinstance(holder, tuple):
            holder[key] = value.tolist()


def show(path: Path) -> str:
    """Return a path as a student would write it, for example layers[0].weight."""
    text = ""
    for kind, key in path:
        if kind == "()":
            text += f".{key[0]}()[{key[1]}]"
        elif kind == "call":
            text += f".{key}()"
        else:
            text += f".{key}" if kind == "." else f"[{key!r}]"
    return text.lstrip(".")


def attributes(thing: Any) -> dict[str, Any]:
    slots = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
    return {**{name: getattr(thing, name) for name in slots if hasattr(thing, name)}, **getattr(thing, "__dict__", {})}


def class_attributes(thing: Any) -> dict[str, Any]:
    """Return what belongs to the class itself and holds numbers: all objects of the class share it."""
    found: dict[str, Any] = {}
    for kind in reversed(type(thing).__mro__[:-1]) if hasattr(thing, "__dict__") else ():
        found |= {k: v for k, v in vars(kind).items() if isinstance(v, (Tensor, dict, list)) or is_numpy(v)}
    return {k: v for k, v in found.items() if not k.startswith("__") and k not in attributes(thing) and contents(v)}


def everything(thing: Any) -> dict[str, Any]:
    return {**class_attributes(thing), **attributes(thing)}


def flat_pairs(listed: Any) -> list[tuple[Any, Any]]:
    """Return the (parameter, gradient) pairs in what ``param()`` or ``parameters()`` returned, however nested."""
    if isinstance(listed, dict):
        listed = listed.values()
    if isinstance(listed, (Tensor, str, bytes)) or not hasattr(listed, "__iter__"):
        return []
    pairs = []
    for item in listed:
        names = pair_names(item)
        if isinstance(item, (tuple, list)) and len(item) == 2 and is_values(item[0]):
            pairs.append((item[0], item[1]))
        elif isinstance(item, Tensor) and item.is_floating_point():
            pairs.append((item, item.grad))
        elif is_numpy(item) and is_values(item):
            pairs.append((item, None))
        elif isinstance(item, (tuple, list, dict)):
            pairs += flat_pairs(item)
        elif names:
            pairs.append((getattr(item, names[0]), getattr(item, names[1])))
    return pairs


def pair_names(thing: Any) -> tuple[str, str] | None:
    """Return the names of value and gradient in an object that holds just these: a student's own Parameter."""
    if isinstance(thing, (Tensor, str, type)) or is_numpy(thing) or is_module(thing):
        return None
    own = getattr(thing, "__dict__", {})
    values = [name for name in own if is_values(own[name]) and not is_gradient_name(name)]
    grads = [name for name in own if is_gradient_name(name) and (own[name] is None or as_tensor(own[name]) is not None)]
    return (values[0], grads[0]) if len(values) == len(grads) == 1 else None


# ---------------------------------------------------------------------------------------------------------------------
# Parameters


@dataclass(frozen=True)
class Slot:
    """A parameter and its gradient: their names for the reader, and where they are in any copy of the module."""

    name: str
    param: Path
    grad: Path
    depth: int = 0  # 0: the module's own; 1 and more: of a module inside it

    def renamed(self, number: int) -> Slot:
        return replace(self, name=f"{self.name} ({number})")


def canonical(name: str) -> str:
    name = name.lower().strip("_")
    return ALIASES.get(name, name)


def is_gradient_of(name: str, param: str) -> bool:
    """Whether a name is what students call the gradient of a parameter: grad_weight, weight_grad, dw or dl_dw."""
    if name == param:
        return False
    low = name.lower().lstrip("_")
    stems = [low[len(p) :] for p in GRADIENT_PREFIXES if low.startswith(p)]
    stems += [low[: -len(s)] for s in GRADIENT_SUFFIXES if low.endswith(s)]
    return canonical(param) in {canonical(stem) for stem in stems if stem}


def is_gradient_name(name: str) -> bool:
    low = name.lower().strip("_")
    return "grad" in low or low.startswith(("dparam", "d_param", "dweight", "deriv"))


def own_slots(module: Any) -> list[Slot]:
    """Find the module's own parameters that have a gradient: in dictionaries, in listed pairs, by their names."""
    found = list(_by_name(module)) + list(_in_dictionaries(module))
    listed = list(_in_pairs(module, found))
    slots, seen = [], set()
    for slot in listed + found:
        value = get(module, slot.param)
        key = value.data_ptr() if isinstance(value, Tensor) and value.numel() else id(value)
        if key not in seen:
            seen.add(key)
            slots.append(slot)
    return slots


def _by_name(module: Any) -> Iterator[Slot]:
    holders = [((), ".", everything(module))]
    holders += [(((".", k),), "[]", v) for k, v in everything(module).items() if isinstance(v, dict)]
    for path, kind, values in holders:
        for name, value in values.items():
            if not isinstance(name, str) or not is_values(value):
                continue
            partners = [g for g in values if isinstance(g, str) and is_gradient_of(g, name)]
            partners = [g for g in partners if values[g] is None or as_tensor(values[g]) is not None]
            if partners:
                yield Slot(name, (*path, (kind, name)), (*path, (kind, partners[0])))
            elif isinstance(value, Tensor) and value.is_leaf and (value.requires_grad or value.grad is not None):
                yield Slot(name, (*path, (kind, name)), (*path, (kind, name), (".", "grad")))
        for name, value in values.items():
            names = pair_names(value)
            if names:
                there = (*path, (kind, name))
                yield Slot(str(name), (*there, (".", names[0])), (*there, (".", names[1])))


def _in_dictionaries(module: Any) -> Iterator[Slot]:
    """Find pairs of dictionaries (or lists), one of parameters, one of gradients; and attributes beside the latter."""
    groups = {(".", k): v for k, v in everything(module).items()}
    of_params, of_grads = (
        [name for name in names if callable(getattr(module, name, None))] for names in (PAIR_METHODS, GRADIENT_METHODS)
    )
    for method in of_params + of_grads if of_params and of_grads else ():
        with contextlib.suppress(Exception):
            groups["call", method] = getattr(module, method)()
    groups = {step: v for step, v in groups.items() if isinstance(v, (dict, list)) and v}
    for (grads_kind, grads_name), grads in groups.items():
        for (kind, params_name), params in groups.items():
            if not is_gradient_name(grads_name) and not is_gradient_of(grads_name, params_name):
                continue
            if params_name == grads_name or is_gradient_name(params_name) or type(params) is not type(grads):
                continue
            keys = params if isinstance(params, dict) else range(len(params))
            for key in keys:
                if not isinstance(params[key], Tensor) and not is_numpy(params[key]):
                    continue
                partners = grads if isinstance(grads, dict) else range(len(grads))
                partner = [g for g in partners if g == key or (isinstance(g, str) and is_gradient_of(g, str(key)))]
                if partner and grads[partner[0]] is not params[key]:
                    name = key if isinstance(key, str) else f"{params_name}[{key}]"
                    there = ((kind, params_name), ("[]", key))
                    yield Slot(name, there, ((grads_kind, grads_name), ("[]", partner[0])))
        for key in grads if isinstance(grads, dict) and is_gradient_name(grads_name) else ():
            for name, value in everything(module).items():
                named = canonical(str(key)) == canonical(name) or is_gradient_of(str(key), name)
                if named and value is not grads[key] and not isinstance(value, list) and is_values(value):
                    yield Slot(name, ((".", name),), ((grads_kind, grads_name), ("[]", key)))


def _in_pairs(module: Any, known: list[Slot]) -> Iterator[Slot]:
    """Find what ``param()`` lists; under the name of the attribute where it is the same thing."""
    for method in PAIR_METHODS:
        if not callable(getattr(module, method, None)):
            continue
        try:
            pairs = flat_pairs(getattr(module, method)())
        except Exception:
            continue
        inside = [get(child, s.param) for _, child in children(module) for s in slots_of(child)]
        for index, (param, grad) in enumerate(pairs):
            if any(param is value for value in inside):
                continue
            twin = [s for s in known if get(module, s.param) is param]
            if twin and (grad is None or get(module, twin[0].grad) is grad):
                yield twin[0]
                continue
            if grad is None and not (isinstance(param, Tensor) and param.requires_grad):
                continue
            name = next((k for k, v in everything(module).items() if v is param), f"{method}()[{index}]")
            yield Slot(name, (("()", (method, index, 0)),), (("()", (method, index, 1)),))
        return


def children(module: Any) -> list[tuple[Path, Any]]:
    """Find the modules directly inside: attributes with forward and backward, and lists, tuples and dicts of these."""
    found: list[tuple[Path, Any]] = []

    def look(path: Path, value: Any) -> None:
        if isinstance(value, (list, tuple, dict)):
            for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                if len(path) < 4:
                    look((*path, ("[]", key)), item)
        elif is_module(value) and value is not module and all(value is not other for _, other in found):
            found.append((path, value))

    for name, value in attributes(module).items():
        look(((".", name),), value)
    inner = [x for _, child in found for x in descendants(child)]
    return [(path, child) for path, child in found if all(child is not x for x in inner)]


def descendants(module: Any) -> list[Any]:
    """Return all modules inside, at any depth."""
    found: list[Any] = []
    todo = [module]
    while todo:
        for value in attributes(todo.pop()).values():
            for item in _items(value):
                if is_module(item) and item is not module and all(item is not x for x in found):
                    found.append(item)
                    todo.append(item)
    return found


def _items(value: Any, depth: int = 3) -> Iterator[Any]:
    if isinstance(value, (list, tuple, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            if depth:
                yield from _items(item, depth - 1)
    else:
        yield value


def is_module(value: Any) -> bool:
    return (
        not isinstance(value, type)
        and callable(getattr(value, "forward", None))
        and callable(getattr(value, "backward", None))
    )


def slots_of(module: Any) -> list[Slot]:
    """Find all parameters, those of the modules inside included."""
    slots = own_slots(module)
    for path, child in children(module):
        for slot in slots_of(child):
            name = f"{show(path)}.{slot.name}"
            slots.append(Slot(name, path + slot.param, path + slot.grad, slot.depth + 1))
    return slots


def shared_parameters(module: Any) -> list[Path]:
    """Find the class attributes, of a module and of those inside it, that hold parameters or their gradients."""
    shared = class_attributes(module)
    paths = [path for slot in (own_slots(module) if shared else ()) for path in (slot.param, slot.grad)]
    held = [get(module, path) for path in paths]
    holds = [name for name, value in shared.items() if any(v is item for v in held for item in contents(value))]
    inside = [path + rest for path, child in children(module) for rest in shared_parameters(child)]
    return [((".", name),) for name in holds] + inside


# ---------------------------------------------------------------------------------------------------------------------
# Copies


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
        twin = memo[id(thing)] = copy.copy(thing)
        for name, value in attributes(thing).items():
            with contextlib.suppress(Exception):
                setattr(twin, name, _twin(value, memo))
    else:
        memo.update(done)
        memo.setdefault(id(memo), []).append(done)  # it may not be freed, and its id given away, before the end
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


def contents(thing: Any) -> list[Any]:
    """Return every tensor, NumPy array and torch generator in a thing."""
    found, seen, todo = [], set(), [thing]
    while todo:
        value = todo.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, (Tensor, torch.Generator)) or (is_numpy(value) and hasattr(value, "astype")):
            found.append(value)
        elif isinstance(value, dict):
            todo += value.values()
        elif isinstance(value, (list, tuple, set)):
            todo += value
        elif not isinstance(value, (type, types.ModuleType, str, bytes, int, float)) and not hasattr(value, "__get__"):
            todo += attributes(value).values()
    return found


# ---------------------------------------------------------------------------------------------------------------------
# The patient


@contextlib.contextmanager
def new_memory_filled(watch: Watch) -> Iterator[None]:
    """Have torch.empty and its like filled with NaN for a while, so that reading what nobody has written shows."""
    set_mode = torch._C._set_deterministic_algorithms  # torch's public function imports its compiler, for seconds
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    set_mode(True, warn_only=True)
    try:
        yield
    finally:
        if not watch.over:
            set_mode(before[0], warn_only=before[1])


@dataclass
class Watch:
    """What is going on right now, seen from the thread that keeps the time."""

    doing: str = ""
    since: float = 0.0  # 0 where no code of the student's is running
    over: bool = False  # the thread has been given up: it must leave the world alone


class Patient:
    """A module under examination. The original is never called: every experiment has a fresh copy.

    Parameters
    ----------
    module : object
    methods : tuple of two tuples of names
        What forward and backward may be called.
    watch : Watch
        Who keeps the time.
    """

    def __init__(self, module: Any, methods: tuple[tuple[str, ...], tuple[str, ...]], watch: Watch) -> None:
        self.original, self.watch = module, watch
        self.forward_name, self.backward_name = (
            next((name for name in names if callable(getattr(module, name, None))), None) for names in methods
        )
        self.dialect = "torch"
        self.dtype: torch.dtype | None = torch.float64  # of copies; None leaves every tensor as it is
        self.native = torch.get_default_dtype()
        self.slots: list[Slot] = []
        self.seed = 0
        self.draws = True  # random numbers, as far as we know

    @functools.cached_property
    def shared(self) -> list[Path]:
        """The class attributes that hold parameters or their gradients."""
        return self.find(shared_parameters, self.original)

    def fresh(self, dtype: torch.dtype | str | None = "same") -> Any:
        """Return a new copy, in the doctor's dtype unless another is asked for, its gradients zero."""
        dtype = self.dtype if dtype == "same" else dtype
        module = copy_of(self.original, dtype)
        if self.shared:
            own = copy_of([get(self.original, path) for path in self.shared], dtype)
            for path, value in zip(self.shared, own, strict=True):
                setattr(get(module, path[:-1]), path[-1][1], value)
        for slot in self.slots:
            grad = as_tensor(get(module, slot.grad))
            if grad is not None:
                put(module, slot.grad, torch.zeros_like(grad))
        return module

    def shared_by_default(self) -> list[str]:
        """Return the attributes that are default arguments, which all objects of the class share."""
        init = type(self.original).__init__
        defaults = [
            *(getattr(init, "__defaults__", None) or ()),
            *(getattr(init, "__kwdefaults__", None) or {}).values(),
        ]
        shared = [value for value in defaults if isinstance(value, (list, dict, set, Tensor)) or is_numpy(value)]
        own = getattr(self.original, "__dict__", {})
        return [name for name, value in own.items() if any(value is default for default in shared)]

    def call(self, doing: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call the student's code; what it raises becomes Trouble."""
        self.watch.doing, self.watch.since = doing, time.monotonic()
        try:
            return function(*arguments)
        except TimeUp:
            raise
        except BaseException as error:  # SystemExit too: an examination goes on
            raise Trouble(doing, error) from error
        finally:
            self.watch.since = 0.0

    def find(self, search: Callable[[Any], Any], module: Any) -> Any:
        """Search a module for parameters, which may call its methods that list them."""
        doing = next((name for name in PAIR_METHODS if callable(getattr(module, name, None))), "__getattr__")
        return self.call(doing, search, module)

    def ask(self, doing: str, method: Callable[[], Any]) -> Any:
        """Call a method without arguments; one that yields, to its end."""

        def whole() -> Any:
            answer = method()
            return list(answer) if isinstance(answer, types.GeneratorType) else answer

        return self.call(doing, whole)

    def forward(self, module: Any, *inputs: Any) -> Any:
        """Call forward; random numbers start the same each time."""
        if self.draws:
            self.reseed()
        return self.call(self.forward_name, getattr(module, self.forward_name), *inputs)

    def backward(self, module: Any, *gradients: Any) -> Any:
        return self.call(self.backward_name, getattr(module, self.backward_name), *gradients)

    def say(self, tensor: Tensor | None) -> Any:
        """Return a copy of a tensor in what the module takes."""
        if tensor is None:
            return None
        return speak(tensor, "torch" if self.dialect == "list" and not tensor.is_floating_point() else self.dialect)

    def reseed(self) -> None:
        torch.default_generator.manual_seed(self.seed)  # torch.manual_seed looks for other devices, for milliseconds
        random.seed(self.seed)
        if "numpy" in sys.modules:
            sys.modules["numpy"].random.seed(self.seed)
