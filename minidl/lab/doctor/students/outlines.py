"""What a file defines and imports, read from its text: nothing of it is run."""

from __future__ import annotations

import ast
import re
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from minidl.lab.doctor.subject.functions import DERIVATIVES, akin
from minidl.lab.doctor.subject.names import (
    BACKWARD_METHODS,
    FORWARD_METHODS,
    LOSS_GRADIENT_METHODS,
    LOSS_METHODS,
    OPTIMIZER_NAME,
    STEP_METHODS,
)
from minidl.lab.doctor.subject.networks import BACKWARDS, FORWARDS
from minidl.lab.doctor.subject.of_functions import SWITCH
from minidl.lab.doctor.subject.roles import LOSS_NAME
from minidl.lab.doctor.subject.step_functions import UPDATES_NAME

LARGEST = 500_000  # bytes of a file of Python that somebody wrote; read, it takes a hundred times as much
METHODS = {*FORWARD_METHODS, *BACKWARD_METHODS, *LOSS_METHODS, *STEP_METHODS, *FORWARDS, *BACKWARDS} - {"__call__"}

PLAIN = {name.lower().replace("_", "") for name in (*FORWARDS, *BACKWARDS)}

BACKWARD = re.compile("(back|for)ward|backprop|bwd|[bf]prop", re.IGNORECASE)  # or what belongs to one


@dataclass(frozen=True)
class Outline:
    """A file as its text shows it.

    Attributes
    ----------
    classes : tuple of str
        The classes of its top level, in order.
    layers : frozenset of str
        Those of them that define a method which layers, losses and optimisers have, or a pair of functions.
    certain : tuple of str
        Those of them that an examination cannot leave out: with a forward and a backward that return something.
    inherited : bool
        Whether any of them has a base class.
    functions : tuple of str
        The functions of its top level.
    imports : tuple of (int, str)
        What it imports: how many dots, and the name.
    problem : str
        Why it cannot be read; empty where it can.
    """

    classes: tuple[str, ...] = ()
    layers: frozenset[str] = frozenset()
    certain: tuple[str, ...] = ()
    inherited: bool = False
    functions: tuple[str, ...] = ()
    imports: tuple[tuple[int, str], ...] = ()
    problem: str = ""

    @property
    def empty(self) -> bool:
        """Whether there is nothing in it that could be examined."""
        return not (self.layers or self.inherited)


def read(path: Path) -> Outline:
    """Return the outline of a file."""
    try:
        if path.is_symlink():
            return Outline(problem="a symbolic link, which is not followed")
        if not path.is_file():
            return Outline(problem="no plain file")
        if path.stat().st_size > LARGEST:
            return Outline(problem=f"larger than {LARGEST // 1000} kB: nobody writes such a file")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _outline(ast.parse(path.read_bytes()))
    except (SyntaxError, ValueError, RecursionError, MemoryError, OSError) as error:
        return Outline(problem=f"{type(error).__name__}: {error}")


def _outline(tree: ast.Module) -> Outline:
    classes, layers, functions, inherited = [], [], [], False
    for statement in _top(tree.body):
        if isinstance(statement, ast.ClassDef):
            classes.append(statement.name)
            inherited |= bool(statement.bases)  # it may have all that it needs from there
            methods = [s for s in statement.body if isinstance(s, ast.FunctionDef)]
            if any(_is_method(method.name) or _may_be_examined(method, methods) for method in methods):
                layers.append(statement.name)
        elif isinstance(statement, ast.FunctionDef):
            functions.append(statement)
        elif isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Lambda):
            names = [target.id for target in statement.targets if isinstance(target, ast.Name)]
            functions += [ast.FunctionDef(name=name, args=statement.value.args, body=[]) for name in names]
    imports = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [(0, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            imports.append((node.level, node.module or ""))
            imports += [(node.level, f"{node.module}.{a.name}" if node.module else a.name) for a in node.names]
    examined = {*layers, *(function.name for function in functions if _may_be_examined(function, functions))}
    names = [tuple(dict.fromkeys(names)) for names in (classes, (f.name for f in functions), imports)]
    return Outline(names[0], frozenset(examined), _certain(tree), inherited, names[1], names[2])


def _is_method(name: str) -> bool:
    """Whether a method is called as those of layers, losses, optimisers and networks are."""
    plain = name.lower().replace("_", "")
    return (
        name in METHODS
        or plain in PLAIN
        or any(names.pattern.fullmatch(plain) for names in (BACKWARD_METHODS, LOSS_GRADIENT_METHODS))
    )


def _certain(tree: ast.Module) -> tuple[str, ...]:
    """Return the classes that are layers or losses whatever else the file does; better too few."""
    defined = [statement for statement in tree.body if isinstance(statement, ast.ClassDef)]
    bound = Counter(node.name for node in ast.walk(tree) if isinstance(node, (ast.ClassDef, ast.FunctionDef)))
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            bound[node.id] += 1
        elif isinstance(node, ast.alias):
            bound[(node.asname or node.name).partition(".")[0]] += 1
    if bound["*"]:
        return ()
    plain = [cls for cls in defined if bound[cls.name] == 1 and not (cls.decorator_list or cls.keywords)]
    return tuple(cls.name for cls in plain if _answers(cls, "forward") and _answers(cls, "backward"))


def _answers(cls: ast.ClassDef, name: str) -> bool:
    """Whether a class's only method of this name returns something, and is not one that is still to be written."""
    methods = [s for s in cls.body if isinstance(s, ast.FunctionDef) and s.name == name]
    if len(methods) != 1 or methods[0].decorator_list:
        return False
    inside = list(ast.walk(methods[0]))
    return any(isinstance(node, ast.Return) and node.value is not None for node in inside) and not any(
        isinstance(node, ast.Name) and node.id == "NotImplementedError" for node in inside
    )


def _may_be_examined(function: ast.FunctionDef, functions: list[ast.FunctionDef]) -> bool:
    """Whether a function may be one of a pair, a loss with its gradient, or a step of an optimiser; better too often."""
    given = [argument.arg for argument in (*function.args.args, *function.args.kwonlyargs)]
    if any(map(SWITCH.match, given)) or BACKWARD.search(function.name):
        return True
    if len(given) > 1 and any(n.search(function.name) for n in (LOSS_NAME, OPTIMIZER_NAME, UPDATES_NAME)):
        return True
    names = {other.name: other for other in functions}
    derivatives = {second.format(function.name) for first, second in DERIVATIVES if first == "{}"}
    return bool(derivatives & set(names)) or bool(akin(function.name, names))


def _top(statements: list[ast.stmt]) -> list[ast.stmt]:
    """Return the statements of the top level, with those inside of if, try and with."""
    found = []
    for statement in statements:
        found.append(statement)
        for part in ("body", "orelse", "finalbody"):
            if isinstance(statement, (ast.If, ast.Try, ast.With)):
                found += _top(getattr(statement, part, []))
        if isinstance(statement, ast.Try):
            found += [inner for handler in statement.handlers for inner in _top(handler.body)]
    return found
