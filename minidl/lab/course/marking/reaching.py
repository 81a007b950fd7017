"""Code that reaches for what no answer needs: the judge, other people's frames, the modules of everybody.

This looks at the text only, and a text can hide what it does. That costs it nothing here: no "right" is believed that the
answer's own numbers do not bear out. What is seen at once is said at once, though, before anything is run.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

MODULES = ("gc", "ctypes", "_ctypes", "builtins", "importlib", "multiprocessing")
OURS = ("minidl.lab.exercises", "minidl.lab.course", "minidl.lab.doctor.students")
ATTRIBUTES = {
    "_getframe",
    "_current_frames",
    "currentframe",
    "f_back",
    "f_locals",
    "f_globals",
    "tb_frame",
    "gi_frame",
    "cr_frame",
    "__subclasses__",
    "__globals__",
    "__code__",
    "__closure__",
    "settrace",
    "setprofile",
    "get_objects",
    "get_referrers",
    "get_referents",
}


def reaches(code: str) -> str:
    """Return in words for what some code reaches; nothing where that cannot be seen."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    imported: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    return next((f"line {node.lineno}: {what}" for node in ast.walk(tree) for what in _found(node, imported)), "")


def _found(node: ast.AST, imported: set[str]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (f"import {alias.name}" for alias in node.names if _ours_or_all(alias.name))
    elif isinstance(node, ast.ImportFrom):
        module, names = node.module or "", [alias.name for alias in node.names]
        if module == "minidl.lab.exercises" and names == ["check"]:
            return
        for name in names:
            if _ours_or_all(module) or _ours_or_all(f"{module}.{name}") or name in ATTRIBUTES:
                yield f"from {module} import {name}"
    elif isinstance(node, ast.Attribute):
        if node.attr in ATTRIBUTES or ast.unparse(node) == "sys.modules" or _ours_or_all(ast.unparse(node)):
            yield ast.unparse(node)[:60]
        elif isinstance(node.ctx, (ast.Store, ast.Del)) and _root(node) in imported:
            yield f"{ast.unparse(node)[:60]} = ..."
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id == "setattr" and node.args and _root(node.args[0]) in imported:
            yield f"{ast.unparse(node)[:60]}"
        elif node.func.id == "__import__":
            yield "__import__(...)"


def _ours_or_all(name: str) -> bool:
    return name.partition(".")[0] in MODULES or any(name == ours or name.startswith(f"{ours}.") for ours in OURS)


def _root(node: ast.AST) -> str:
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""
