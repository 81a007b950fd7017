"""Whether some code does what other code does, statement by statement, under other names."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator

Names = dict[str, str]


def blocks(text: str) -> Iterator[ast.stmt]:
    """Yield the statements in a text: in code all of them, and in other text each line that is code, with what is below it."""
    lines = text.splitlines()
    for start, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        end = start + 1
        while end < len(lines) and (not lines[end].strip() or len(lines[end]) - len(lines[end].lstrip()) > indent):
            end += 1
        if line.strip():
            try:
                yield from ast.parse(textwrap.dedent("\n".join(lines[start:end]))).body
            except SyntaxError:
                continue


def size(node: ast.AST) -> int:
    """Return of how many names, numbers and operations some code is made."""
    parts = (ast.Name, ast.Attribute, ast.Constant, ast.Call, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Subscript)
    return sum(isinstance(part, parts) for part in ast.walk(node))


def holds(shown: ast.stmt, answer: ast.stmt) -> bool:
    """Whether a statement holds an answer: the same but for the names of things, and for more statements in its body."""
    return _same(shown, answer, {}) is not None


def _same(shown: object, answer: object, names: Names) -> Names | None:
    """Return the names of the answer that stand for those shown, if both are the same with these; else None."""
    if (mine := _name(shown)) and (theirs := _name(answer)):
        known = names.get(mine)
        if known is None and theirs not in names.values():
            return {**names, mine: theirs}
        return names if known == theirs else None
    if type(shown) is not type(answer):
        return None
    if isinstance(shown, ast.AST):
        for field, part in ast.iter_fields(answer):
            if field in ("ctx", "type_comment", "kind"):
                continue
            same = _in_order if field == "body" and isinstance(part, list) else _same
            names = same(getattr(shown, field, None), part, names)
            if names is None:
                return None
        return names
    if isinstance(shown, list):
        if len(shown) != len(answer):
            return None
        for one, other in zip(shown, answer, strict=True):
            names = _same(one, other, names)
            if names is None:
                return None
        return names
    return names if shown == answer else None


def _in_order(shown: list[ast.stmt], answer: list[ast.stmt], names: Names) -> Names | None:
    """Return the names with which all statements of the answer stand among those shown, in their order."""
    if not answer:
        return names
    for place, statement in enumerate(shown):
        found = _same(statement, answer[0], names)
        if found is not None and (rest := _in_order(shown[place + 1 :], answer[1:], found)) is not None:
            return rest
    return None


def _name(node: object) -> str:
    """Return what a thing is called: a variable, an attribute of self, or a key that is text; nothing for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        return f"self.{node.attr}"
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return repr(node.value)
    return ""
