"""Calling the student's code: who keeps the time, and what becomes of an error."""

from __future__ import annotations

import functools
import time
import traceback
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch


class StudentError(Exception):
    """The student's code raised ``error`` while it was ``doing`` something."""

    def __init__(self, doing: str, error: BaseException) -> None:
        super().__init__(doing)
        self.doing, self.error = doing, error

    def where(self) -> str:
        """Return the line of the student's code in which it happened."""
        others = {
            Path(__file__).parents[1],
            Path(torch.__file__).parent,
            Path(functools.__file__),
        }  # the doctor's, and no one's
        frames = traceback.extract_tb(self.error.__traceback__)
        here = [f for f in frames if not others & {Path(f.filename), *Path(f.filename).parents}]
        return f"line {here[0].lineno}: {here[0].line}" if here and here[0].line else ""


class TimeUp(BaseException):
    """Put into the thread that examines a subject that does not come back."""


@dataclass
class Watch:
    """What is going on right now, seen from the thread that keeps the time."""

    doing: str = ""
    since: float = 0.0  # 0 where no code of the student's is running
    over: bool = False  # the thread has been given up: it must leave the world alone

    def call(self, doing: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call the student's code; what it raises becomes a `StudentError`."""
        self.doing, self.since = doing, time.monotonic()
        try:
            return function(*arguments)
        except (TimeUp, StudentError):
            raise
        except BaseException as error:  # SystemExit too: an examination goes on
            raise StudentError(doing, error) from error
        finally:
            self.since = 0.0

    def call_to_the_end(self, doing: str, method: Callable[[], Any]) -> Any:
        """Call a method without arguments; one that yields, to its end."""

        def whole() -> Any:
            answer = method()
            return list(answer) if isinstance(answer, types.GeneratorType) else answer

        return self.call(doing, whole)
