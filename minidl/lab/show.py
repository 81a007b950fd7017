"""What Jupyter shows: the sources of classes side by side, and a model as a table."""

from __future__ import annotations

import ast
import copy
import html
import inspect
import keyword
import re
import sys
import textwrap
from collections.abc import Sequence

from minidl import Module, Sequential
from minidl.lab.arguments import checked


@checked
def model_table(model: Sequential) -> str:
    """Return a model as a table in HTML: for each layer its output shape and its number of parameters, and their total.

    The shapes are found by a trial run of copies, from the first layer that has a weight: the model stays as it is. Where a
    layer cannot run, its shape is "?".
    """
    x, rows, total = None, "", 0
    for layer in model.layers():
        try:
            if x is None:
                weight = layer.params["weight"]
                x = weight.new_zeros(*weight.shape[:-2], 1, weight.shape[-2])
            x = copy.deepcopy(layer).forward(x)
            *stack, _, m = x.shape
            shape = f"({', '.join(map(str, (*stack, 'n', m)))})"
        except Exception:  # a layer still being written must not keep its model from being shown
            x, shape = None, "?"
        count = sum(param.numel() for module in layer.modules() for param in module.params.values())
        total += count
        rows += f"<tr><td>{html.escape(repr(layer))}</td><td>{shape}</td><td>{count:,}</td></tr>"
    head = "<tr><th>layer</th><th>output shape</th><th>parameters</th></tr>"
    foot = f"<tr><th>total</th><th></th><th>{total:,}</th></tr>"
    return f"<table><thead>{head}</thead><tbody>{rows}</tbody><tfoot>{foot}</tfoot></table>"


def register() -> None:
    """Let Jupyter show every Sequential as `model_table` does. Outside of Jupyter nothing happens."""
    ipython = sys.modules.get("IPython")  # where it runs, it is imported; elsewhere that would only take time
    shell = ipython.get_ipython() if ipython else None
    if shell is not None:
        shell.display_formatter.formatters["text/html"].for_type(Sequential, model_table)


class SideBySide:
    """Sources in columns, highlighted, in Jupyter; one below the other where there is no room, and as text."""

    def __init__(self, columns: dict[str, str]) -> None:
        self.columns = columns

    def __repr__(self) -> str:
        return "\n\n".join(f"# {title}\n{source}" for title, source in self.columns.items())

    def _repr_html_(self) -> str:
        columns = "".join(
            f'<div style="max-width: 100%"><b>{html.escape(title)}</b>'
            f'<pre style="font-size: 85%; white-space: pre; overflow-x: auto">{_highlighted(source)}</pre></div>'
            for title, source in self.columns.items()
        )
        return f'<div style="display: flex; flex-wrap: wrap; gap: 0.8em 2.5em">{columns}</div>'


def _highlighted(source: str) -> str:
    """Return Python as HTML, in the colours that JupyterLab's editor has in its theme; elsewhere keywords are bold."""
    kinds = {"keyword": rf"\b(?:{'|'.join(keyword.kwlist)})\b", "comment": "#.*", "string": r"\"[^\"\n]*\"|'[^'\n]*'"}
    pattern = "|".join(f"(?P<{kind}>{words})" for kind, words in (kinds | {"number": r"\b\d[\d.]*\b"}).items())
    shown, end = "", 0
    for found in re.finditer(pattern, source):
        weight = "; font-weight: bold" if found.lastgroup == "keyword" else ""
        look = f"color: var(--jp-mirror-editor-{found.lastgroup}-color, inherit){weight}"
        shown += html.escape(source[end : found.start()]) + f'<span style="{look}">{html.escape(found[0])}</span>'
        end = found.end()
    return shown + html.escape(source[end:])


@checked
def side_by_side(*classes: type, methods: Sequence[str] = ("forward", "backward")) -> SideBySide:
    """Return the source of some methods of classes, next to each other, without docstrings.

    ValueError for a class that has no such method but Module's.
    """
    columns = {}
    for cls in classes:
        sources = []
        for method in methods:
            written = [vars(home)[method] for home in cls.__mro__ if home is not Module and method in vars(home)]
            if not written:
                raise ValueError(f"side_by_side expected {cls.__name__} to define {method}, got none")
            sources.append(_without_docstring(inspect.getsource(written[0])))
        title = f"minidl.{cls.__name__}" if cls.__module__.startswith("minidl.") else cls.__name__
        columns[title] = "\n".join(dict.fromkeys(sources))  # one line may define two methods
    return SideBySide(columns)


def _without_docstring(source: str) -> str:
    source = textwrap.dedent(source)
    try:
        function = ast.parse(source).body[0]
    except SyntaxError:  # the middle of a statement: a lambda in brackets
        return source
    if not isinstance(function, ast.FunctionDef) or ast.get_docstring(function) is None:
        return source
    docstring, lines = function.body[0], source.splitlines(keepends=True)
    return "".join(lines[: docstring.lineno - 1] + lines[docstring.end_lineno :])
