"""What a file defines and imports, read from its text: nothing of it is run."""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass
from pathlib import Path

from minidl.lab.doctor.subject.names import BACKWARD_METHODS, FORWARD_METHODS, LOSS_METHODS, STEP_METHODS

LARGEST = 2_000_000  # bytes of a file of Python that somebody wrote
METHODS = {*FORWARD_METHODS, *BACKWARD_METHODS, *LOSS_METHODS, *STEP_METHODS} - {"__call__"}
PAIR = (("forward", "backward"), ("fwd", "bwd"), ("fprop", "bprop"))


@dataclass(frozen=True)
class Outline:
    """A file as its text shows it.

    Attributes
    ----------
    classes : tuple of str
        The classes of its top level, in order.
    layers : frozenset of str
        Those of them that define a method which layers, losses and optimisers have, or a pair of functions.
    functions : tuple of str
        The functions of its top level.
    imports : tuple of (int, str)
        What it imports: how many dots, and the name.
    problem : str
        Why it cannot be read; empty where it can.
    """

    classes: tuple[str, ...] = ()
    layers: frozenset[str] = frozenset()
    functions: tuple[str, ...] = ()
    imports: tuple[tuple[int, str], ...] = ()
    problem: str = ""

    @property
    def empty(self) -> bool:
        """Whether there is nothing in it that could be examined."""
        return not (self.classes or self.functions)


def read(path: Path) -> Outline:
    """Return the outline of a file."""
    try:
        if path.is_symlink():
            return Outline(problem="a symbolic link, which is not followed")
        if not path.is_file():
            return Outline(problem="no plain file")
        if path.stat().st_size > LARGEST:
            return Outline(problem=f"larger than {LARGEST // 10**6} MB: nobody writes such a file")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError, OSError) as error:
        return Outline(problem=f"{type(error).__name__}: {error}")
    classes, layers, functions = [], [], []
    for statement in _top(tree.body):
        if isinstance(statement, ast.ClassDef):
            classes.append(statement.name)
            if METHODS & {s.name for s in statement.body if isinstance(s, ast.FunctionDef)}:
                layers.append(statement.name)
        elif isinstance(statement, ast.FunctionDef):
            functions.append(statement.name)
    imports = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [(0, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            imports.append((node.level, node.module or ""))
            imports += [(node.level, f"{node.module}.{a.name}" if node.module else a.name) for a in node.names]
    unique = [tuple(dict.fromkeys(names)) for names in (classes, functions, imports)]
    pairs = {
        name
        for name in functions
        if any(first in name and name.replace(*p) in functions for p in PAIR for first in p[:1])
    }
    return Outline(unique[0], frozenset(layers) | pairs, unique[1], unique[2])


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
