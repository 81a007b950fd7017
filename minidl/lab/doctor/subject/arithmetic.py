"""What goes wrong in a calculation first: an overflow, a division by zero, or the logarithm of zero."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode

from minidl.lab.doctor.subject.calls import Watch


@contextlib.contextmanager
def faults_of_arithmetic(watch: Watch) -> Iterator[list[tuple[str, str]]]:
    """Collect "overflow", "division by zero" and "log of zero" in what torch and NumPy calculate, the first first.

    Each stands behind what the student's code was doing, as the watch says: "forward" or "backward".
    """
    found: list[tuple[str, str]] = []
    with contextlib.ExitStack() as stack:
        stack.enter_context(_Watching(watch, found))
        if "numpy" in sys.modules:

            def seen(kind: str, _: int) -> None:
                logarithm = any("log" in name for name in sys._getframe(1).f_code.co_names)
                division = "log of zero" if logarithm else "division by zero"
                found.append((watch.doing, "overflow" if "overflow" in kind else division))

            stack.enter_context(sys.modules["numpy"].errstate(over="call", divide="call", call=seen))
        yield found


class _Watching(TorchFunctionMode):
    """Looks at the results of torch's functions."""

    def __init__(self, watch: Watch, found: list[tuple[str, str]]) -> None:
        super().__init__()
        self.watch, self.found = watch, found

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        name = getattr(func, "__name__", "").strip("_")
        first = args[0] if args and isinstance(args[0], Tensor) and args[0].is_floating_point() else None
        zero = first is not None and name in ("log", "log2", "log10") and bool((first == 0).any())
        finite = first is not None and bool(first.isfinite().all())
        result = func(*args, **(kwargs or {}))
        if zero:
            self.found.append((self.watch.doing, "log of zero"))
        elif finite and isinstance(result, Tensor) and result.is_floating_point() and not bool(result.isfinite().all()):
            fault = "division by zero" if "div" in name or name == "reciprocal" else "overflow"
            self.found.append((self.watch.doing, fault))
        return result
