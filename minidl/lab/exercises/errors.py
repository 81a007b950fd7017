"""What an error means that the student's code ended in: in one sentence, with the line where it happened."""

from __future__ import annotations

import difflib
import linecache
import re
import traceback
from pathlib import Path

import torch

from minidl import Module

OURS = Path(__file__).parents[2]  # the package: what lies in it is not the student's
IPYTHONS = {"In", "Out", "get_ipython", "exit", "quit", "open"}  # names that a notebook has of its own
BRACKETS = (
    "Python multiplies before it compares, so that a product is compared here. Put brackets round the comparison alone, as in "
    "a * (b < 3)."
)


def is_unwritten(error: BaseException) -> bool:
    """Whether it is the stub's own ``raise NotImplementedError``; torch raises it too, but with a text."""
    return isinstance(error, NotImplementedError) and not error.args


def explain(error: BaseException, where: str, does: str = "raises") -> str:
    """Return what happened when ``where`` was called, and what it usually means; ``does`` is the verb."""
    line = _line(error)
    said = error.msg if isinstance(error, SyntaxError) else str(error)  # the line of a syntax error comes after it
    happened = f"{where} {does} {type(error).__name__}" + (f": {said}" if said else "")
    return f"{happened}{line and f' ({line})'}{_advice(error, line)}"


def _advice(error: BaseException, line: str) -> str:
    """Return what is to be done about it, as a sentence to be added; nothing where the error says it all."""
    text = str(error)
    if is_unwritten(error):
        return ". So this part is still to be written."
    if isinstance(error, SyntaxError):
        return ". Python cannot read that line: look for a missing bracket, comma or colon there, or one line above."
    if isinstance(error, NameError):
        return f". {_meant(error)}"
    if isinstance(error, AttributeError):
        if error.name in ("params", "grad", "_kept") and isinstance(error.obj, Module):
            return ". Is super().__init__() missing in __init__?"
        if isinstance(error.obj, dict) and error.name in error.obj:
            return f'. What is in a dictionary is read with brackets, ["{error.name}"].'
        if error.name in (getattr(error.obj, "params", None) or ()):
            return f'. A parameter is kept under its name in params: self.params["{error.name}"].'
        if error.name is not None and f"self.{error.name}" in line and "object has no attribute" in text:
            if near := difflib.get_close_matches(error.name, getattr(error.obj, "__dict__", ()), 1):
                return f". Is that name spelt as where it is made; do you mean self.{near[0]}?"
            return f". Nothing has been kept under that name: forward (or __init__) has to say self.{error.name} = ... first."
    if "bitwise_xor" in text or "for ^" in text:
        return ". In Python, ^ is no power: write ** for it."
    if re.search("bitwise_(and|or|not)|for (&|\\||unary ~)", text):
        return ". & and | come after * and before < and >: put brackets round each comparison, and round them together."
    if re.search(r"takes \d+ positional arguments? but \d+ w(as|ere) given", text):
        of_class = re.match(r"\w+\.\w+\(", text)
        return ". Is self missing among the arguments, or is one too many asked for?" if of_class else ""
    if "unexpected keyword argument" in text:
        return ". It is called with that name: its def has to have it."
    if "missing" in text and "required positional argument" in text:
        if re.match(r"\w+\.forward\(\) missing 1 required positional argument: 'input'", text):
            meant = "If its class is meant, it comes without brackets where it is given."
            return f". A module is called there without an input. {meant}"
        if line:
            return ". In that line it is called without it."
        if not re.match(r"\w+\.\w+\(", text):
            return ". Nobody gives it that argument."
        return ". Nobody gives it that argument: what it needs from another method is kept on self."
    if isinstance(error, KeyError):
        return ". No entry has that name: is it spelt as where it is made?"
    if "Boolean value of Tensor" in text:
        both = re.search(r"\band\b|[<>]=?[^<>,()]+[<>]", line) is not None
        return (
            ". A tensor has many entries, and if, and, or, min, max and a < x < b ask for one single truth: "
            "compare entry by entry."
            + (" Where two comparisons hold, their product is 1: (a < x) * (x < b)." if both else "")
        )
    if "cannot be multiplied" in text:
        return (
            ". @ multiplies matrices: the left has as many columns as the right has rows. Which of the two is the wrong way "
            "round; or is *, entry by entry, meant?"
        )
    if "must match the size" in text or "broadcast shape" in text:
        if re.search(r"\bsum\((\w+, *)?((dim|axis) *= *)?(1|-1)\b", line):
            return (
                ". In that line a sum runs along dimension 1, the features: one number is left for each sample (a column with "
                "keepdim=True; else it counts as a row). Does the rest of the line fit that?"
            )
        if re.search(r"\.(mT|T|t\(\)|transpose\([^)]*\)) *@", line):
            return (
                ". A product like X^T G, as for Linear's weight, is a table: a row for each column of X, and a column for each "
                "of G. Is what it meets in that line such a table, too?"
            )
        return ". The two shapes do not fit. Write both down: which one is not what you expect, and where does it come from?"
    if "converted to Python scalars" in text:
        return ". A function of math, or float(), takes one number; for whole tensors there are torch's, such as torch.exp."
    if "'builtin_function_or_method'" in text or "'method'" in text:
        return ". Are brackets, (), missing after the name of a function?"
    if re.search(
        r"input\.numel\(\) == 0|(index|pop) .*empty|empty sequence|arg is an empty|iterable argument is empty", text
    ):
        return (
            ". There it is given nothing, an empty tensor or list. Is it what is left of a choice, and nothing has met the "
            "condition?"
        )
    if "does not require grad and does not have a grad_fn" in text or "not have been used in the graph" in text:
        return (
            ". torch differentiates by a tensor that it watches (requires_grad_), and none stands in what is differentiated "
            "there. A layer computes with its own weight, not with a copy of it."
        )
    if "NoneType" in text:
        return ". Somewhere a value is None: is a return missing?"
    return ""


def _meant(error: NameError) -> str:
    """Return what may have been meant by a name that is not there, from what there is where the code stopped."""
    if isinstance(error, UnboundLocalError):
        return "This function gives it a value, but not before that line."
    name = error.name or ""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    local, known = (frames[-1].f_locals, frames[-1].f_globals) if frames else ({}, {})
    if name in known:  # a cell that was run since has made it
        return "By now there is such a name: run that cell again."
    if hasattr(local.get("self"), name):
        return f"It is kept on the object: write self.{name}."
    inside = (
        bool(frames) and frames[-1].f_code.co_name != "<module>"
    )  # what a function needs of the notebook is no data
    known = [known_name for known_name, value in known.items() if callable(value) or not inside]
    others = [other for other in (*local, *known) if other not in IPYTHONS and not other.startswith("_")]
    if same := [other for other in others if other.casefold() == name.casefold()]:
        return f"Capitals and small letters are different; do you mean {same[0]}?"
    if near := difflib.get_close_matches(name, others, 1):
        return f"Is that name spelt as where it is made; do you mean {near[0]}?"
    if callable(getattr(torch, name, None)):
        return f"torch has a function of that name: torch.{name}."
    given = frames[-1].f_code.co_varnames[: frames[-1].f_code.co_argcount] if frames else ()
    if own := [argument for argument in given if argument != "self"]:
        return f"It is not among what is given here ({', '.join(own)}), and nothing here makes it."
    return "Is it spelt as where it is made? And if it comes from a cell above, run that one first."


def _line(error: BaseException) -> str:
    """Return the last line of the student's code that was running."""
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {(error.text or '').strip()}" if error.lineno else ""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_of_students(frame.filename)]
    if not frames:
        return ""
    last = frames[-1]
    code = last.line or linecache.getline(last.filename, last.lineno or 0).strip()
    where = f" of {last.name}" if last.filename != frames[0].filename else ""  # another cell, called from theirs
    return f"line {last.lineno}{where}: {code}" if code else ""


def _is_of_students(file: str) -> bool:
    path = Path(file)
    return OURS not in path.parents and "site-packages" not in path.parts
