"""What an error means that the student's code ended in: in one sentence, with the line where it happened."""

from __future__ import annotations

import difflib
import linecache
import re
import traceback
from pathlib import Path

from minidl import Module

OURS = Path(__file__).parents[2]  # the package: what lies in it is not the student's


def is_unwritten(error: BaseException) -> bool:
    """Whether it is the stub's own ``raise NotImplementedError``; torch raises it too, but with a text."""
    return isinstance(error, NotImplementedError) and not error.args


def explain(error: BaseException, where: str) -> str:
    """Return what happened when ``where`` was called, and what it usually means."""
    line = _line(error)
    happened = f"{where} raises {type(error).__name__}" + (f": {error}" if str(error) else "")
    return f"{happened}{line and f' ({line})'}{_advice(error, line)}"


def _advice(error: BaseException, line: str) -> str:
    """Return what is to be done about it, as a sentence to be added; nothing where the error says it all."""
    text = str(error)
    if is_unwritten(error):
        return ". So this part is still to be written."
    if isinstance(error, SyntaxError):
        return ". Python cannot read that line: look for a missing bracket, comma or colon there, or one line above."
    if isinstance(error, NameError):
        if hasattr(_locals(error).get("self"), error.name or ""):
            return f". It is kept on the object: write self.{error.name}."
        near = difflib.get_close_matches(error.name or "", _names(error), 1)
        meant = f"; do you mean {near[0]}?" if near else " (and, if it comes from a cell above, run that one first)."
        return f". Is that name spelt as where it is made{meant}"
    if isinstance(error, AttributeError):
        if error.name in ("params", "grad", "_kept") and isinstance(error.obj, Module):
            return ". Is super().__init__() missing in __init__?"
        if error.name is not None and f"self.{error.name}" in line and "object has no attribute" in text:
            if near := difflib.get_close_matches(error.name, getattr(error.obj, "__dict__", ()), 1):
                return f". Is that name spelt as where it is made; do you mean self.{near[0]}?"
            return f". Nothing has been kept under that name: forward (or __init__) has to say self.{error.name} = ... first."
    if "bitwise_xor" in text or "for ^" in text:
        return ". In Python, ^ is no power: write ** for it."
    if re.search(r"takes \d+ positional arguments? but \d+ w(as|ere) given", text):
        of_class = re.match(r"\w+\.\w+\(", text)
        return ". Is self missing among the arguments, or is one too many asked for?" if of_class else ""
    if "unexpected keyword argument" in text:
        return ". It is called with that name: its def has to have it."
    if "missing" in text and "required positional argument" in text:
        if line:
            return ". Here it is called without."
        if not re.match(r"\w+\.\w+\(", text):
            return ". Nobody gives it that argument."
        return ". Nobody gives it that argument: what it needs from another method is kept on self."
    if "shapes cannot be multiplied" in text or "must match the size" in text:
        return ". @ multiplies matrices, and * entry by entry: is it the other one, or is one of the two transposed?"
    if "'builtin_function_or_method'" in text or "'method'" in text:
        return ". Are brackets, (), missing after the name of a function?"
    if "NoneType" in text:
        return ". Somewhere a value is None: is a return missing?"
    return ""


def _names(error: BaseException) -> list[str]:
    """Return the names that the code could have used where it stopped."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return [*frames[-1].f_locals, *frames[-1].f_globals] if frames else []


def _locals(error: BaseException) -> dict:
    """Return the local names of the code that stopped."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return frames[-1].f_locals if frames else {}


def _line(error: BaseException) -> str:
    """Return the last line of the student's code that was running."""
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {(error.text or '').strip()}" if error.lineno else ""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if OURS not in path.parents and "site-packages" not in path.parts:
            code = frame.line or linecache.getline(frame.filename, frame.lineno or 0).strip()
            return f"line {frame.lineno}: {code}" if code else ""
    return ""
