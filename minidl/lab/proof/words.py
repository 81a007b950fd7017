"""Formulas as plain text, for a terminal and for error messages."""

from __future__ import annotations

import re
import unicodedata

from minidl.lab.proof.formula import Formula, latex

SIGNS = {
    "partial": "∂",
    "sum": "Σ",
    "odot": "⊙",
    "top": "T",
    "mathbf": "",
    "circ": "∘",
    "cdot": "·",
    "ln": "log",
    "checkmark": "✓",
}
PLAIN = {"left", "right", "text", "operatorname", "displaystyle"}


def plain(formula: Formula) -> str:
    """Return a formula in index notation as text."""
    return unlatex(latex(formula))


def unlatex(text: str) -> str:
    """Return LaTeX as it is printed by `formula`, as text: x_{ij'} as x_ij', a fraction as a / b."""
    text = text.replace(r"\,", " ").replace(r"\;", " ")
    result, rest = "", text
    while rest:
        command = re.match(r"\\([a-zA-Z]+)", rest)
        if rest.startswith(r"\frac"):
            top, rest = _braces(rest[len(r"\frac") :])
            bottom, rest = _braces(rest)
            top, bottom = unlatex(top), unlatex(bottom)
            slash = " / " if " " in top or " " in bottom else "/"
            result += f"{_tight(top, '+-')}{slash}{_tight(bottom, '+- ')}"
        elif rest.startswith((r"_{", "^{")):
            inside, left = _braces(rest[1:])
            inside = unlatex(inside).replace(",", "")
            result += rest[0] + (f"({inside})" if rest[0] == "^" and len(inside) > 1 and inside[0] != "(" else inside)
            result += " " if result.rpartition("Σ")[2] == "_" + inside else ""
            rest = left
        elif command:
            name, rest = command[1], rest[command.end() :]
            if name not in PLAIN:
                result += SIGNS[name] if name in SIGNS else _greek(name)
        else:
            if rest[0] not in "{}":
                result += rest[0]
            rest = rest[1:]
    result = re.sub(" +", " ", result).replace("∂ ", "∂").replace(" )", ")")
    return re.sub(r"(^|\()- ", r"\1-", result.strip())


def _braces(text: str) -> tuple[str, str]:
    """Return what stands in the braces that a text begins with, and what comes after them."""
    depth = 0
    for position, letter in enumerate(text):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if not depth:
            return text[1:position], text[position + 1 :]
    raise ValueError(f"expected braces that close, got {text}")


def _tight(text: str, signs: str) -> str:
    """Return a text in parentheses if one of the signs stands in it, outside of parentheses."""
    depth = 0
    for letter in text:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter in signs and not depth:
            return f"({text})"
    return text


def _greek(name: str) -> str:
    try:
        return unicodedata.lookup(f"GREEK SMALL LETTER {name.upper()}")
    except KeyError:
        return name
