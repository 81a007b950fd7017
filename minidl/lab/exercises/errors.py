"""What an error means that the student's code ended in: in one sentence, with the line where it happened."""

from __future__ import annotations

import difflib
import inspect
import linecache
import re
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from minidl import Module
from minidl.lab.exercises.answer import of_another_method
from minidl.lab.proof.formula import Formula

OURS = Path(__file__).parents[2]  # the package: what lies in it is not the student's
IPYTHONS = {"In", "Out", "get_ipython", "exit", "quit", "open"}  # names that a notebook has of its own
BRACKETS = (
    "Python multiplies before it compares, so that a product is compared here. Put brackets round the comparison alone, as in "
    "a * (b < 3)."
)
BY_NAME = ". The generator stands where something else is asked for. Give it by name: write generator=generator."


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
    if turned := re.search(r"([\w.]+|\))\s*\^\s*T\b", line):
        return f". In Python, ^ is no power, and a transpose is written with a dot: {turned[1].replace(')', '(...)')}.T"
    if isinstance(error, SyntaxError) and re.search(r"\|[^|=]+\|", line):
        return ". Python does not know |...|: write .abs() for it."
    if isinstance(error, SyntaxError):
        return ". Python cannot read that line: look for a missing bracket, comma or colon there, or one line above."
    if isinstance(error, NameError):
        return f". {_meant(error, line)}"
    if small := _small(error, line):
        return f". {small}"
    if isinstance(error, AttributeError):
        if inspect.isroutine(error.obj):
            size = ', such as "n"' if error.obj.__name__ == "ones" else ""
            return f". {error.obj.__name__} is a function: first come its brackets{size and f', with a size in them{size}'}."
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
    if re.search("'(Formula|Tensor|float|int)' object is not callable", text):
        if re.search(r"\.m?T\s*\(", line):
            return ". .T is written without brackets behind it."
        return ". Brackets right behind a value are a call: Python multiplies only where a * stands."
    if "list indices must be integers or slices, not tuple" in text:
        return ". Is a comma missing between two lists, such as two rows?"
    if "__init__() takes 1 positional argument" in text and (
        made := re.search(r"\b(ReLU|Sigmoid|Tanh)\(([\w.]*)(\)?)", line)
    ):
        behind = made[2] if made[2] and made[3] else "(...)"
        return (
            f". {made[1]} makes a layer. The function of that name is written with a dot: {behind}.{made[1].lower()}()."
        )
    if re.search(r"takes \d+ positional arguments? but \d+ w(as|ere) given", text):
        of_class = re.match(r"\w+\.\w+\(", text)
        if re.search(r"[(,] *generator *[,)]", line):
            return BY_NAME
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
    if "Generator' object is not callable" in text:
        return BY_NAME
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


def _small(error: BaseException, line: str) -> str:
    """Return in words which small letter of an earlier cell stands in a claim; nothing where none does."""
    frame = _students_frame(error)
    if frame is None or frame.f_code.co_name != "<module>":
        return ""
    known, cell = frame.f_globals, "".join(linecache.getlines(frame.f_code.co_filename))
    for name in re.findall(r"(?<![\w.])[a-z](?![\w(])", line.partition("=")[2]):
        value, of_capital = known.get(name), known.get(name.upper())
        if not isinstance(value, (Formula, float, int)) or re.search(rf"^\W*{name}\b.*=", cell, re.MULTILINE):
            continue
        if isinstance(of_capital, Formula):
            return f"The small {name} comes from an earlier cell; the matrix here is {name.upper()}, with a capital letter."
        if not isinstance(value, Formula) and _letters(line, known):
            return f"The small {name} comes from an earlier cell, where it is the number {value:g}."
    return ""


def _letters(line: str, known: Mapping[str, Any]) -> list[str]:
    """Return the formulas' capital letters that there are, if one of them stands in a line."""
    found = sorted(name for name, value in known.items() if isinstance(value, Formula) and re.fullmatch("[A-Z]", name))
    return found if re.search(rf"\b({'|'.join(found) or '$'})\b", line) else []


def _behind(name: str, line: str, known: Mapping[str, Any]) -> str:
    """Return how a function is written behind what it is taken of, where it was written before it; else nothing."""
    called = re.search(rf"(?<![\w.]){name}\(([A-Za-z_][\w.]*)?(\)?)", line)
    if not called:
        return ""
    first, *rest = (called[1] or "").split(".")
    value = known.get(first)
    for part in rest:
        value = getattr(value, part, None)
    if called[2] and isinstance(value, (Formula, Tensor)) and callable(getattr(type(value), name, None)):
        return f"It is written with a dot, behind what it is taken of: {called[1]}.{name}()."
    if not called[2] and any(
        isinstance(one, Formula) for word, one in known.items() if re.search(rf"\b{word}\b", line)
    ):
        return f"It is written with a dot, behind what it is taken of: (...).{name}()."
    return ""


def _meant(error: NameError, line: str) -> str:
    """Return what may have been meant by a name that is not there, from what there is where the code stopped."""
    if isinstance(error, UnboundLocalError):
        return "This function gives it a value, but not before that line."
    name = error.name or ""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    local, known = (frames[-1].f_locals, frames[-1].f_globals) if frames else ({}, {})
    method = frames[-1].f_code.co_name if frames and "self" in local else ""
    if method and hasattr(local["self"], name):
        return f"It is kept on the object: write self.{name}."
    if method and (text := of_another_method(type(local["self"]), name, method)):
        return text
    if name in known:  # a cell that was run since has made it
        return "By now there is such a name: run that cell again."
    if behind := _behind(name, line, {**known, **local}):
        return behind
    inside = bool(frames) and frames[-1].f_code.co_name != "<module>"
    is_function = callable(getattr(Tensor, name, None))  # relu(...) means no class ReLU
    known = [
        known_name
        for known_name, value in known.items()
        if (callable(value) or not inside)  # what a function needs of the notebook is no data
        and not (is_function and isinstance(value, type))
    ]
    others = [other for other in (*local, *known) if other not in IPYTHONS and not other.startswith("_")]
    if same := [other for other in others if other.casefold() == name.casefold()]:
        return f"Capitals and small letters are different; do you mean {same[0]}?"
    others = [other for other in others if name not in other.split("_")]  # output is not grad_output, misspelt
    if near := difflib.get_close_matches(name, others, 1):
        return f"Is that name spelt as where it is made; do you mean {near[0]}?"
    if callable(getattr(torch, name, None)):
        return f"torch has a function of that name: torch.{name}."
    given = frames[-1].f_code.co_varnames[: frames[-1].f_code.co_argcount] if frames else ()
    if own := [argument for argument in given if argument != "self"]:
        text = f"It is not among what is given here ({', '.join(own)}), and nothing here makes it."
        return f"{text} What another method has is kept on self, or is gone." if method else text
    if not inside and (letters := _letters(line, frames[-1].f_globals if frames else {})):
        return f"Nothing has made it. Of matrices there are {', '.join(letters)}."
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


def _students_frame(error: BaseException) -> FrameType | None:
    """Return where in the student's code the error happened."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return next((frame for frame in reversed(frames) if _is_of_students(frame.f_code.co_filename)), None)


def _is_of_students(file: str) -> bool:
    path = Path(file)
    return OURS not in path.parents and "site-packages" not in path.parts
