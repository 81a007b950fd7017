"""Cells of code: read from a notebook or a file of Python, and what names they make and need."""

from __future__ import annotations

import ast
import builtins
import json
import re
import symtable
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

LARGEST = 30 * 2**20  # bytes of a file
LONGEST = 200_000  # characters of a cell
MOST = 2000  # cells
CHECK = re.compile(r"""\bcheck\(\s*["']([^"'\n]{1,80})["']""")
EVERYWHERE = {*dir(builtins), "display", "get_ipython", "__name__"}


class Unreadable(ValueError):  # noqa: N818
    """A file that is no notebook, or no text."""


@dataclass(frozen=True)
class Cell:
    """A cell of code.

    Attributes
    ----------
    source : str
        Its code, as Python: what only a notebook understands is left out.
    id : str
        Nothing in a file of Python.
    tags : frozenset of str
    """

    source: str
    id: str = ""
    tags: frozenset[str] = field(default_factory=frozenset)

    @property
    def checks(self) -> list[str]:
        """The ids that it asks checks about."""
        return CHECK.findall(self.source)

    @property
    def is_solution(self) -> bool:
        return "solution" in self.tags or self.source.lstrip().startswith("# Solution")

    @cached_property
    def _names(self) -> tuple[frozenset[str], frozenset[str]] | None:
        return _names_of(self.source)

    @property
    def runs(self) -> bool:
        """Whether Python can read it."""
        return self._names is not None

    @property
    def makes(self) -> frozenset[str]:
        """The names that it gives a meaning; as far as can be seen where Python cannot read it."""
        if self._names is not None:
            return self._names[0]
        return frozenset(re.findall(r"^(?:def |class )?([A-Za-z_]\w*)\s*(?==[^=]|\(|:|$)", self.source, re.MULTILINE))

    @property
    def needs(self) -> frozenset[str]:
        """The names that it uses and does not make before."""
        return self._names[1] if self._names is not None else frozenset()

    def same(self, other: Cell) -> bool:
        """Whether two cells say the same to Python, but for comments and layout."""
        return self.plain == other.plain

    @cached_property
    def plain(self) -> str:
        """Its code without comments and layout, where Python can read it."""
        return plain(self.source)


def plain(code: str) -> str:
    """Return code without comments and layout, where Python can read it."""
    try:
        return ast.dump(ast.parse(code))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return re.sub(r"\s+", " ", code).strip()


def _names_of(code: str) -> tuple[frozenset[str], frozenset[str]] | None:
    """Return which names some code makes, and which it needs from before; None where it cannot be read."""
    try:
        statements = ast.parse(code).body
        made: set[str] = set()
        needed: set[str] = set()
        for statement in statements:
            table = symtable.symtable(ast.unparse(statement), "cell", "exec")
            stores = {symbol.get_name() for symbol in table.get_symbols() if _is_made(symbol)}
            needed |= (_used(table) | _added_to(statement)) - made - (stores if _is_definition(statement) else set())
            made |= stores | set(_changed(statement))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return frozenset(made), frozenset(needed - EVERYWHERE)


def _is_made(symbol: symtable.Symbol) -> bool:
    return symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()


def _is_definition(statement: ast.stmt) -> bool:
    """Whether a statement may use its own name: a function that calls itself."""
    return isinstance(statement, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef))


def _used(table: symtable.SymbolTable) -> set[str]:
    """Return the names that are looked up among those of the whole notebook, by the code or by functions in it."""
    outermost = table.get_type() == "module"
    found = {
        symbol.get_name()
        for symbol in table.get_symbols()
        if symbol.is_referenced() and (outermost or symbol.is_global())
    }
    return found.union(*(_used(inner) for inner in table.get_children())) if table.get_children() else found


def _added_to(statement: ast.stmt) -> set[str]:
    """Return the names whose old value goes into their new one: ``x += 1``."""
    found = (node.target for node in ast.walk(statement) if isinstance(node, ast.AugAssign))
    return {target.id for target in found if isinstance(target, ast.Name)}


def _changed(statement: ast.stmt) -> Iterable[str]:
    """Yield the names of things into which something is put: ``layer.weight = ...``, ``table["a"] = ...``."""
    for node in ast.walk(statement):
        if isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Store):
            inner: ast.expr = node
            while isinstance(inner, (ast.Attribute, ast.Subscript)):
                inner = inner.value
            if isinstance(inner, ast.Name):
                yield inner.id


# ---------------------------------------------------------------------------------------------------------------------
# Reading


def read_notebook(content: bytes) -> tuple[list[Cell], dict[str, Any]]:
    """Return the cells of code of a notebook, and its metadata.

    Raises
    ------
    Unreadable
        Where it is none.
    """
    try:
        notebook = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"it is no notebook: {error}"[:200]) from error
    if isinstance(notebook, dict) and "worksheets" in notebook:
        raise Unreadable("it is a notebook of an old format (3): open it and save it again")
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        raise Unreadable("it is no notebook: it has no cells")
    metadata = notebook.get("metadata")
    code = [cell for cell in cells[:MOST] if isinstance(cell, dict) and cell.get("cell_type") == "code"]
    return [_cell(cell) for cell in code], metadata if isinstance(metadata, dict) else {}


def _cell(cell: dict[str, Any]) -> Cell:
    source, metadata = cell.get("source", ""), cell.get("metadata")
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    tags = metadata.get("tags", []) if isinstance(metadata, dict) else []
    tags = frozenset(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else frozenset()
    return Cell(as_python(str(source)[:LONGEST]), str(cell.get("id", ""))[:100], tags)


def read_python(content: bytes) -> list[Cell]:
    """Return the statements of a file of Python, each as a cell; one cell where Python cannot read it.

    Raises
    ------
    Unreadable
        Where it is no text.
    """
    try:
        text = as_python(content.decode("utf-8-sig"))[: 10 * LONGEST]
    except ValueError as error:
        raise Unreadable("it is no text in UTF-8") from error
    try:
        statements = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return [Cell(block) for block in _blocks(text)]
    lines = text.split("\n")
    starts = [min([s.lineno, *(d.lineno for d in getattr(s, "decorator_list", []))]) - 1 for s in statements]
    ends = [*starts[1:], len(lines)]
    return [Cell("\n".join(lines[start:end]).rstrip()) for start, end in zip(starts, ends, strict=True)][: 2 * MOST]


def _blocks(text: str) -> Sequence[str]:
    """Return a text in parts that begin where a line begins that is not indented, so that one mistake spoils one of them."""
    return re.split(r"\n(?=(?:def|class|@|import|from|[A-Za-z_]\w*\s*=))", text)


def as_python(source: str) -> str:
    """Return the code of a cell without the lines that only a notebook understands."""
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    first = source.lstrip().split("\n", 1)[0]
    if first.startswith("%%") and not re.match(r"%%(time|timeit|capture|prun)\b", first):
        return ""  # a shell's, or HTML
    lines = source.split("\n")
    return "\n".join(
        re.match(r"\s*", line)[0] + "pass" if re.match(r"\s*(%{1,2}\w|![^=]|\?)|^[\w.]+\?{1,2}\s*$", line) else line
        for line in lines
    )
