"""An answer: what stands under the exercise's name, and what can be seen in its code without running it."""

from __future__ import annotations

import ast
import builtins
import difflib
import dis
import functools
import inspect
import linecache
import textwrap
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from minidl import Module
from minidl.lab.doctor.subject.stubs import is_stub
from minidl.lab.proof.formula import Formula

KNOWN_TO_TORCH = {*dir(torch), *dir(Tensor), *dir(torch.nn), *dir(torch.nn.functional), *dir(torch.special)}

# What lets torch find the gradients; a hand-written backward needs none of it.
AUTOGRAD = {
    "autograd",
    "requires_grad",
    "requires_grad_",
    "enable_grad",
    "vjp",
    "vmap",
    "jacobian",
    "jacrev",
    "grad_fn",
}

KEPT = {  # what stands for the letters of a claim in a layer's backward
    "X": "the input that forward keeps",
    "Y": "the output that forward keeps",
    "W": 'self.params["weight"]',
    "b": 'self.params["bias"]',
}

DEFINITIONS = (ast.ClassDef, ast.FunctionDef)
SHORT = 3  # statements that two people may well write alike


@dataclass(frozen=True)
class Answer:
    """What a student gave.

    Attributes
    ----------
    name : str
        The name in the notebook.
    value : object
        What it stands for.
    source : str
        The code of the cell that gave it, where that is known.
    """

    name: str
    value: Any
    source: str = ""


def run(name: str, code: str, given: str = "") -> Answer:
    """Return the answer that a cell would give, with ``given`` run before it."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(given, namespace)
    file = f"<answer {hash(code)}>"
    linecache.cache[file] = (
        len(code),
        None,
        code.splitlines(keepends=True),
        file,
    )  # so that errors can quote their line
    exec(compile(code, file, "exec"), namespace)
    return Answer(name, namespace[name], code)


def functions(value: Any) -> Iterator[tuple[str, types.FunctionType]]:
    """Yield the functions that a student wrote: the function itself, or the methods of a class or of an object's class."""
    if inspect.isfunction(value):
        yield value.__name__, value
    else:
        classes = value.__mro__ if isinstance(value, type) else type(value).__mro__
        for cls in classes:
            if cls.__module__.partition(".")[0] not in ("minidl", "torch", "builtins"):
                yield from ((name, method) for name, method in vars(cls).items() if inspect.isfunction(method))


def untouched(value: Any, methods: tuple[str, ...]) -> list[str]:
    """Return those of the methods that are still to be written."""
    return [method for method in methods if is_stub(getattr(value, method, None))]


def misnamed(value: Any, methods: tuple[str, ...]) -> str:
    """Return in words which method stands under a name that is a little different; nothing if none."""
    written = dict(functions(value))
    for method in methods:
        others = [name for name in written if name not in methods and not name.startswith("__")]
        alike = [name for name in others if name.lower() == method] or difflib.get_close_matches(method, others, 1, 0.8)
        if method not in written and alike:
            return f"nobody calls {alike[0]}: the name is {method}."
    return ""


def lent(value: Any) -> str:
    """Return in words which variable of the notebook a method uses where one of its own belongs; nothing if none."""
    kept = _kept(value)
    for where, function in functions(value):
        for name in _globals(function.__code__):
            found = function.__globals__.get(name, getattr(builtins, name, None))
            if isinstance(value, type) and name in kept and _is_data(found) and not isinstance(found, Tensor):
                return f"{where} uses `{name}` from outside of the class; its own is self.{name}."
            is_number = isinstance(found, (int, float))
            if (isinstance(found, Formula) or is_number) and (text := of_another_method(value, name, where)):
                return text
            if isinstance(found, Formula):
                return _of_letters(where, function)
            if isinstance(found, (int, float)) and inspect.isfunction(value) and name not in _made_beside(function):
                return f"it uses the notebook's `{name}`, not something that it is given or makes itself."
            if isinstance(found, Tensor) or found is builtins.input:
                if inspect.isfunction(value):
                    return f"it uses the notebook's `{name}`, not something that it is given or makes itself."
                if name in _texts(value):
                    return f'{where} uses the notebook\'s `{name}`. The layer has its own: self.params["{name}"].'
                return (
                    f"{where} uses the notebook's `{name}`, not something of its own. What it needs of another method is "
                    f"kept on the object: self.{name} = ... there, and self.{name} here."
                )
    return ""


def of_another_method(value: Any, name: str, where: str) -> str:
    """Return in words which other method of a class a name belongs to; nothing if it belongs to none."""
    for other, function in functions(value):
        if isinstance(value, type) and other != where and name in function.__code__.co_varnames:
            return (
                f"`{name}` belongs to {other} alone, and is gone when {other} ends. What {where} needs of it is kept on the "
                f"object: self.{name} = ... there, and self.{name} here."
            )
    return ""


def _of_letters(where: str, function: types.FunctionType) -> str:
    """Return in words which letters of a claim a function uses, and what stands for them in a layer."""
    code = function.__code__
    found = dict.fromkeys(name for name in _globals(code) if isinstance(function.__globals__.get(name), Formula))
    letters = _listed([f"`{name}`" for name in found])
    text = f"{where} uses the letter{'s' * (len(found) > 1)} {letters} of a claim. A layer works with tensors"
    means: dict[str, str] = {}
    if code.co_argcount == 2:  # a layer's, and not a loss's
        (given,) = code.co_varnames[1:2]
        means = {"forward": {"X": given}, "backward": {"G": given, **KEPT}}.get(where, {})
    said = [f"{name} is {means[name]}" for name in found if name in means]
    return f"{text}: here {_listed(said)}." if said else f"{text}."


def _listed(words: list[str]) -> str:
    """Return words as a list: one, two and three."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def borrowed(
    value: Any, others: tuple[str, ...] = (), methods: tuple[str, ...] = (), building_blocks: tuple[str, ...] = ()
) -> str:
    """Return in words what does the work in place of the student's own code; nothing if it is their own.

    Parameters
    ----------
    value : class or function
    others : tuple of str
        Names of functions and classes that would be the whole answer, of torch or others.
    methods : tuple of str
        The methods that were to be written.
    building_blocks : tuple of str
        Names of minidl's classes that the answer may be built of.
    """
    if isinstance(value, type):
        for method in methods:
            if getattr(value, method, None) in (None, getattr(Module, method, None)):
                return f"it has no {method}."
            home = getattr(getattr(value, method, None), "__module__", None) or ""
            if home.partition(".")[0] in ("minidl", "torch"):
                return f"its {method} is {home.partition('.')[0]}'s own; write yours."
    own = _own_names(value)
    for where, function in _with_helpers(value):
        names = set(_names(function.__code__)) - (own | _helpers(function).keys())
        if "nn" not in names:
            names.discard(getattr(value, "__name__", ""))  # super(SiLU, self).__init__()
        if used := sorted(names & AUTOGRAD):
            return f"{where} leaves the gradient to torch ({used[0]}); write yours by hand."
        if used := sorted(names & set(others)):
            return f"{where} uses {_whose(used[0], function)} {used[0]}; write yours."
        for name in _globals(function.__code__):
            found = function.__globals__.get(name)
            called = getattr(found, "__name__", "")  # whatever the name is under which it was imported
            if callable(found) and called in others and getattr(found, "__module__", "") != function.__module__:
                return f"{where} uses {_whose(name, function)} {called}; write yours."
            if callable(found) and str(getattr(found, "__module__", "")).startswith(
                ("torch.autograd", "torch.func", "torch._functorch")
            ):
                return f"{where} leaves the gradient to torch ({called}); write yours by hand."
            home = getattr(found, "__module__", "") if isinstance(found, type) else ""
            if (
                home.partition(".")[0] == "minidl"
                and home.count(".") == 1
                and (found.__name__ not in ("Module", *building_blocks))
            ):
                return f"{where} uses minidl's own {found.__name__}; write yours."
            if home.startswith(("torch.nn.modules", "torch.optim")):
                return f"{where} uses torch's own {found.__name__}; write yours."
        if _reaches(function, "torch", {"optim"}):
            return f"{where} uses torch's own optimiser; write yours."
    return ""


def _whose(name: str, function: types.FunctionType) -> str:
    """Return in words whose a function or class is that stands under a name in a function's code."""
    found = function.__globals__.get(name) if name in _globals(function.__code__) else None
    if (getattr(found, "__module__", None) or "").partition(".")[0] == "minidl":
        return "minidl's own"
    return "torch's own" if getattr(found, "__name__", name) in KNOWN_TO_TORCH else "a ready-made"


def _own_names(value: Any) -> set[str]:
    """Return the names under which a class keeps something of its own: its methods, and what they set on the object."""
    return _kept(value) | ({name for name, _ in functions(value)} if isinstance(value, type) else set())


def _kept(value: Any) -> set[str]:
    """Return the names under which a class sets something on the object."""
    return {name for _, function in functions(value) for name in _stored(function.__code__)}


def _is_data(found: Any) -> bool:
    return not (found is None or inspect.isroutine(found) or inspect.ismodule(found) or isinstance(found, type))


def _made_beside(function: types.FunctionType) -> set[str]:
    """Return the names to which the cell that defines a function assigns something outside of it."""
    try:
        cell = ast.parse("".join(linecache.getlines(function.__code__.co_filename)))
    except SyntaxError:  # magic commands in the cell
        return set()
    outside = [node for node in cell.body if not isinstance(node, DEFINITIONS)]
    names = (part for node in outside for part in ast.walk(node) if isinstance(part, ast.Name))
    return {part.id for part in names if isinstance(part.ctx, ast.Store)}


def _helpers(function: types.FunctionType) -> dict[str, types.FunctionType]:
    """Return the student's own functions that a function calls by name."""
    found = {name: function.__globals__.get(name) for name in _globals(function.__code__)}
    return {name: f for name, f in found.items() if inspect.isfunction(f) and f.__module__ == function.__module__}


def _with_helpers(value: Any) -> Iterator[tuple[str, types.FunctionType]]:
    """Yield the functions that a student wrote, and those of their own that these call."""
    waiting, seen = list(functions(value)), set()
    while waiting:
        name, function = waiting.pop(0)
        if function not in seen:
            seen.add(function)
            yield name, function
            waiting += _helpers(function).items()


def uses(function: Any, names: set[str]) -> str:
    """Return the first of some names that a function's code holds, in whatever way; nothing if it holds none."""
    for _, inner in functions(function):
        if found := sorted(names & set(_names(inner.__code__))):
            return found[0]
    return ""


def multiplied_before_compared(value: Any, method: str) -> bool:
    """Whether a method compares a product, as ``a * b < 3`` does: Python multiplies first."""
    signs = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
    compared = (
        part for part in _parts(value, method) if isinstance(part, ast.Compare) and isinstance(part.ops[0], signs)
    )
    return any(
        isinstance(side, ast.BinOp) and any(isinstance(part, ast.Mult) for part in ast.walk(side))
        for comparison in compared
        for side in (comparison.left, *comparison.comparators)
    )


def unraised(value: Any, method: str) -> str:
    """Return the name of an error that a method makes, and does not raise; nothing if there is none."""
    for part in _parts(value, method):
        made = part.value if isinstance(part, ast.Expr) else None
        name = getattr(made.func if isinstance(made, ast.Call) else made, "id", "")
        kind = getattr(builtins, name, None)
        if isinstance(kind, type) and issubclass(kind, Exception):
            return name
    return ""


def _parts(value: Any, method: str) -> Iterator[ast.AST]:
    """Yield all that a method is made of, where its source is known."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(getattr(value, method, None))))
    except (OSError, TypeError, SyntaxError):
        return
    yield from ast.walk(tree)


def same_code(name: str, source: str, solution: str) -> bool:
    """Whether two cells define a name in the same way, but for comments and layout."""
    try:
        ours, theirs = (_definition(name, code) for code in (solution, source))
    except SyntaxError:  # magic commands in the cell
        return False
    return bool(ours) and ours == theirs


def may_differ(solution: str) -> bool:
    """Whether a solution is so long that who writes alone hardly writes the same. Constructors are given, and do not count."""
    lines = 0
    for node in ast.parse(solution).body:
        inits = {
            id(part)
            for method in ast.walk(node)
            if getattr(method, "name", "") == "__init__"
            for part in ast.walk(method)
        }
        lines += sum(
            isinstance(part, ast.stmt) and not isinstance(part, DEFINITIONS) and id(part) not in inits
            for part in ast.walk(node)
        )
    return lines > SHORT


def _definition(name: str, code: str) -> list[str]:
    """Return the statements that define a name, as far as the computer reads them."""
    found = []
    for node in ast.parse(code).body:
        targets = node.targets if isinstance(node, ast.Assign) else ()
        if getattr(node, "name", None) == name or any(getattr(target, "id", None) == name for target in targets):
            found.append(ast.dump(node))
    return found


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _names(code: types.CodeType) -> Iterator[str]:
    for inner in _codes(code):
        yield from inner.co_names


def _globals(code: types.CodeType) -> tuple[str, ...]:
    return tuple(name for step, name in _steps(code) if step in ("LOAD_GLOBAL", "LOAD_NAME"))


def _stored(code: types.CodeType) -> tuple[str, ...]:
    return tuple(name for step, name in _steps(code) if step == "STORE_ATTR")


@functools.lru_cache(maxsize=100)  # an answer is looked at from many sides
def _steps(code: types.CodeType) -> tuple[tuple[str, Any], ...]:
    return tuple((step.opname, step.argval) for inner in _codes(code) for step in dis.get_instructions(inner))


def _texts(value: Any) -> set[Any]:
    """Return the texts in the code that a student wrote: keys, for example."""
    constants = [
        constant
        for _, function in functions(value)
        for code in _codes(function.__code__)
        for constant in code.co_consts
    ]
    return {
        text for item in constants for text in (item if isinstance(item, tuple) else (item,)) if isinstance(text, str)
    }


def _reaches(function: types.FunctionType, module: str, attributes: set[str]) -> bool:
    """Whether the function goes through one of these attributes of a module."""
    return module in _globals(function.__code__) and bool(attributes & set(_names(function.__code__)))
