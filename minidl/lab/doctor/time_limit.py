"""How the doctor leaves the world as it was: a time limit, nothing printed, nothing changed for everybody else."""

from __future__ import annotations

import contextlib
import ctypes
import io
import random
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch

from minidl.lab.doctor.subject.calls import TimeUp, Watch

TIME_LIMIT = 5.0  # seconds that one call of the student's code may take

# Standard output, the default dtype and the random numbers belong to everybody: one examination at a time. One that is
# begun by the code under examination takes place inside it.
_ALONE = threading.Lock()
_HERE = threading.local()


class Hung(Exception):  # noqa: N818
    """The student's code did not come back."""


def guarded(work: Callable[[Watch], Any], time_limit: float) -> tuple[Any, str]:
    """Return what ``work`` returns, and what was printed meanwhile.

    It runs in a thread of its own, so that one that hangs can be given up, wherever it hangs.

    Raises
    ------
    Hung
        Where one call of the student's code takes longer than ``time_limit`` seconds.
    """
    watch, result = Watch(), []
    grad_mode = torch.is_grad_enabled()

    def run() -> None:
        _HERE.examining = True
        torch.set_grad_enabled(grad_mode)  # it is each thread's own
        try:
            result.append((work(watch), None))
        except BaseException as error:
            result.append((None, error))

    turn = contextlib.nullcontext() if getattr(_HERE, "examining", False) else _ALONE
    with turn, _unchanged() as printed:
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            while thread.is_alive() and not (watch.since and time.monotonic() - watch.since > time_limit):
                thread.join(0.05)
        finally:
            if thread.is_alive():
                watch.over = True
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(TimeUp))
                thread.join(0.2)  # a loop ends here; one that sleeps is left behind
    if watch.over:
        raise Hung(f"{watch.doing} does not come back within {time_limit:g} seconds: is there a loop that never ends?")
    value, error = result[0]
    if error is not None:
        raise error
    return value, printed.getvalue()


@contextlib.contextmanager
def _unchanged() -> Iterator[io.StringIO]:
    """Catch what is printed, and put back whatever the student's code and the doctor change for everybody."""
    printed = io.StringIO()
    numpy = sys.modules.get("numpy")
    states = torch.get_rng_state(), random.getstate(), numpy.random.get_state() if numpy else None
    dtype, threads = torch.get_default_dtype(), torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            warnings.simplefilter("ignore")
            yield printed
    finally:
        torch.set_rng_state(states[0])
        random.setstate(states[1])
        if numpy:
            numpy.random.set_state(states[2])
        torch.set_default_dtype(dtype)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        torch._C._set_deterministic_algorithms(deterministic[0], warn_only=deterministic[1])
