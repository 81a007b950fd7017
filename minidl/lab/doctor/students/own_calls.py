"""How a project's own code builds its things and what it gives to them: read from its text, and never run.

`Linear(784, 128, activation="relu")` in a script or a test tells more about the constructor than the names of its arguments do.
Numbers that are large are made small, the same number the same way within a call, so that what is built is quick to examine.
"""

from __future__ import annotations

import ast
import contextlib
import itertools
import sys
import types
import warnings
from collections import ChainMap, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

LARGE, MANY = 8, 400  # numbers above the first are made small; so many files of a project are read
LARGEST = 400_000  # bytes of a file that is read
SMALL = (3, 4, 2, 5, 6)  # what large numbers become, in the order in which they appear
SIDE = 8  # … and those that are equal neighbours, the sides of an image
DRAWN = {"randn", "rand", "zeros", "ones", "random", "normal", "uniform", "standard_normal", "empty", "randint"}
SKIPPED = {"__pycache__", "node_modules", "site-packages", "venv", "env"}


Scope = dict[str, list[ast.expr]]  # what a name may stand for, none where nothing tells
Names = ChainMap  # of scopes, the innermost first


class Unknown(Exception):  # noqa: N818
    """An expression whose value the text alone does not tell."""


@dataclass
class Told:
    """A call of a project's own code, its arguments as values."""

    arguments: list[Any]
    names: dict[str, Any]

    @property
    def plain(self) -> bool:
        """Whether it is made of numbers alone, which tell little."""
        return all(type(value) in (int, float, bool) for value in (*self.arguments, *self.names.values()))


@dataclass
class OwnCalls:
    """The calls in the files of a project.

    Attributes
    ----------
    calls : dict
        By the name of what is called: the file, the call, and what simple names stand for in that file.
    """

    calls: dict[str, list[tuple[Path, ast.Call, Names]]] = field(default_factory=dict)

    @classmethod
    def of(cls, project: Any) -> OwnCalls:
        """Return those of a project; its files are read once."""
        if "own_calls" not in project.__dict__:
            project.__dict__["own_calls"] = cls().read(project.root)
        return project.__dict__["own_calls"]

    def read(self, root: Path) -> OwnCalls:
        """Read all files below a folder."""
        paths = sorted(p for p in root.rglob("*.py") if not SKIPPED & set(p.relative_to(root).parts))
        for path in paths[:MANY]:
            try:
                if path.is_symlink() or path.stat().st_size > LARGEST:
                    continue
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    tree = ast.parse(path.read_bytes())
            except (SyntaxError, ValueError, RecursionError, MemoryError, OSError):
                continue
            self._file(path.relative_to(root), tree)
        return self

    def _file(self, path: Path, tree: ast.Module) -> None:
        todo = deque([(tree, ChainMap(_assigned(tree)))])
        while todo:
            node, names = todo.popleft()
            if isinstance(node, ast.Call) and (name := _last(node.func)):
                self.calls.setdefault(name, []).append((path, node, names))
            if isinstance(node, (ast.FunctionDef, ast.Lambda)):
                names = names.new_child(_arguments(node) | _assigned(node))
            todo += [(inner, names) for inner in ast.iter_child_nodes(node)]

    def building(self, cls: type, project: Any) -> Iterator[Told]:
        """Yield the arguments of the calls that build an object of a class, in the order of the files."""
        yield from self.calling(cls.__name__, project)

    def calling(self, name: str, project: Any) -> Iterator[Told]:
        """Yield the arguments of the calls of this name."""
        seen: list[str] = []
        for _, call, names in self.calls.get(name, [])[:40]:
            try:
                told = Told(*_Reader(project, names, {}).arguments(call))
            except (Unknown, RecursionError):
                continue
            text = ast.dump(call)
            if text not in seen and (told.arguments or told.names):
                seen.append(text)
                yield told
            if len(seen) > 4:
                return


def _assigned(scope: ast.AST) -> Scope:
    """Return what the names stand for that are assigned in a file or function, but not in those within it."""
    found: Scope = {}
    todo = deque(ast.iter_child_nodes(scope))
    while todo:
        node = todo.popleft()
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            found.setdefault(node.targets[0].id, []).append(node.value)
        elif isinstance(node, ast.For) and isinstance(node.target, ast.Name):
            listed = isinstance(node.iter, (ast.List, ast.Tuple))
            found.setdefault(node.target.id, []).extend(node.iter.elts[:1] if listed else [])
        todo += ast.iter_child_nodes(node)
    return found


def _arguments(function: ast.FunctionDef | ast.Lambda) -> Scope:
    """Return the arguments of a function, and what they stand for by default."""
    places = [*function.args.posonlyargs, *function.args.args]
    defaults = [None] * (len(places) - len(function.args.defaults)) + list(function.args.defaults)
    named = zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
    return {a.arg: [default] if default else [] for a, default in (*zip(places, defaults, strict=True), *named)}


def _last(function: ast.expr) -> str:
    """Return the last name of what is called: Linear of nn.Linear."""
    return (
        function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""
    )


class _Reader:
    """Reads the values of expressions, as far as their text tells."""

    def __init__(self, project: Any, names: Names, made_small: dict[int, int], depth: int = 0) -> None:
        self.project, self.names, self.made_small, self.depth = project, names, made_small, depth

    def arguments(self, call: ast.Call) -> tuple[list[Any], dict[str, Any]]:
        """Return the values of a call's arguments: by place, and by name."""
        given = [self.small(value) for argument in call.args for value in self._spread(argument)]
        names = {}
        for keyword in call.keywords:
            if keyword.arg is None:
                raise Unknown
            names[keyword.arg] = self.small(self.value(keyword.value))
        return given, names

    def _spread(self, argument: ast.expr) -> list[Any]:
        return list(self.value(argument.value)) if isinstance(argument, ast.Starred) else [self.value(argument)]

    def shape(self, call: ast.Call) -> tuple[int, ...]:
        """Return the shape of an array that a call makes."""
        given = [self.value(argument) for argument in call.args]
        given += [self.value(keyword.value) for keyword in call.keywords if keyword.arg in ("size", "shape")]
        sizes = next((g for g in given if isinstance(g, (tuple, list))), None)
        sizes = sizes if sizes is not None else [g for g in given if type(g) is int]
        if not sizes or not all(type(size) is int for size in sizes):
            raise Unknown
        shape = tuple(sizes)
        return (min(shape[0], 4), *(self.small(shape)[1:]))

    def small(self, value: Any) -> Any:
        """Return a value, large whole numbers in it made small."""
        if type(value) is int and LARGE < value < 10**6:
            return self.made_small.setdefault(value, SMALL[len(self.made_small) % len(SMALL)])
        if type(value) in (tuple, list) and value and all(type(v) is int for v in value):
            if any(a == b > LARGE for a, b in itertools.pairwise(value)):  # an image; others are sizes of layers
                return type(value)(SIDE if v > LARGE else v for v in value)
            return type(value)(self.small(v) for v in value)
        return value

    def value(self, node: ast.expr) -> Any:
        """Return the value of an expression.

        Raises
        ------
        Unknown
            Where its text does not tell.
        """
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, (ast.Tuple, ast.List)):
            values = [self.value(element) for element in node.elts]
            return tuple(values) if isinstance(node, ast.Tuple) else values
        if isinstance(node, ast.Dict) and all(key is not None for key in node.keys):
            return {self.value(key): self.value(value) for key, value in zip(node.keys, node.values, strict=True)}
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -self._number(node.operand)
        if isinstance(node, ast.BinOp):
            return self._calculated(node)
        if isinstance(node, ast.Name):
            return self._named(node.id)
        if isinstance(node, ast.Attribute):
            return self._attribute(node)
        if isinstance(node, ast.Call):
            return self._built(node)
        raise Unknown

    def _number(self, node: ast.expr) -> Any:
        value = self.value(node)
        if type(value) not in (int, float) or abs(value) > 10**9:
            raise Unknown
        return value

    def _calculated(self, node: ast.BinOp) -> Any:
        a, b = self._number(node.left), self._number(node.right)
        if isinstance(node.op, ast.Add):
            return a + b
        if isinstance(node.op, ast.Sub):
            return a - b
        if isinstance(node.op, ast.Mult):
            return a * b
        if isinstance(node.op, (ast.Div, ast.FloorDiv)) and b:
            return a / b if isinstance(node.op, ast.Div) else a // b
        if isinstance(node.op, ast.Pow) and abs(b) < 10 and a:
            return a**b
        raise Unknown

    def _named(self, name: str) -> Any:
        if name in self.names:
            inner = _Reader(self.project, self.names, self.made_small, self.depth + 1)
            for meaning in self.names[name][:-6:-1] if self.depth < 6 else ():
                with contextlib.suppress(Unknown):
                    value = inner.value(meaning)
                    if not isinstance(value, tuple) or any(size not in (0, 1) for size in value):
                        return value
            raise Unknown
        return self._of_project(name)

    def _of_project(self, name: str) -> Any:
        """Return a class or function that the project defines."""
        for module in self.project.modules.values() if self.project else ():
            value = vars(module).get(name)
            if isinstance(value, (type, types.FunctionType)):
                return value
        raise Unknown

    def _attribute(self, node: ast.Attribute) -> Any:
        home = node.value.id if isinstance(node.value, ast.Name) else ""
        for known, names in (("numpy", ("np", "numpy")), ("torch", ("torch",))):
            if home in names and known in sys.modules:
                value = getattr(sys.modules[known], node.attr, None)
                if value is None or isinstance(value, types.ModuleType):
                    raise Unknown
                return value
        return self._of_project(node.attr)

    def _built(self, call: ast.Call) -> Any:
        """Return an object of one of the project's own classes, or an array of numbers."""
        name = _last(call.func)
        if self.depth > 4:
            raise Unknown
        if name == "randint" and len(call.args) == 2 and not call.keywords:
            return max(2, self._number(call.args[0]))
        if name in DRAWN and isinstance(call.func, ast.Attribute):
            numbers = torch.randn(self.small(self.shape(call)), generator=torch.Generator().manual_seed(8)).double()
            home = ast.dump(call.func)
            return numbers if "'torch'" in home else numbers.numpy()
        value = self._of_project(name)
        if not isinstance(value, type):
            raise Unknown
        inner = _Reader(self.project, self.names, self.made_small, self.depth + 1)
        given, names = inner.arguments(call)
        try:
            return value(*given, **names)
        except Exception as error:
            raise Unknown from error
