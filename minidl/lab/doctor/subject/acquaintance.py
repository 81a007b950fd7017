"""Getting to know the subject: what it takes, which parameters it has, and whether it gives the same twice."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from minidl.lab.doctor.subject.calls import StudentError
from minidl.lab.doctor.subject.inside import contents
from minidl.lab.doctor.subject.parameters import Slot, slots_of
from minidl.lab.doctor.subject.paths import get
from minidl.lab.doctor.subject.subject import Subject
from minidl.lab.doctor.subject.values import as_tensor, is_numpy, random_states, same


def get_to_know(subject: Subject, input: Tensor, target: Tensor | None) -> None:
    """Find out what the subject takes (tensors, arrays or lists; float64 or only its own dtype), and its parameters.

    Raises
    ------
    StudentError
        Where it raises whatever it is given: what it raised in the way that got furthest.
    """
    subject.slots = []
    inside = contents(subject.original)
    own = [c.dtype for c in inside if isinstance(c, Tensor) and c.is_floating_point()]
    arrays = any(is_numpy(c) for c in inside)
    subject.native = own[0] if own else torch.float64 if arrays else input.dtype
    if not subject.native.is_floating_point:
        subject.native = torch.get_default_dtype()
    dialects = ["numpy", "torch", "list"] if arrays or _speaks_of_numpy(subject) else ["torch", "numpy", "list"]
    errors: list[StudentError] = []
    turned = None  # the first way in which it took one kind of value and returned another
    for dialect in dialects:
        for dtype in (torch.float64, None):
            subject.dialect, subject.dtype = dialect, dtype
            subject.set_default()
            try:
                output = subject.run(input, None, target)["output"]
            except StudentError as error:
                errors.append(error)
                continue
            to_array = dialect == "torch" and is_numpy(output) and dialects[0] == "torch"
            if to_array or (dialect != "list" and isinstance(output, list)):
                turned = turned or (dialect, dtype)
                continue
            subject.slots = _parameters(subject, input, target)
            return
    subject.dialect, subject.dtype = turned or (dialects[0], None)
    subject.set_default()
    if not turned:
        raise max(errors, key=lambda error: error.doing == subject.backward_name)  # the first that got furthest
    subject.slots = _parameters(subject, input, target)


def _speaks_of_numpy(subject: Subject) -> bool:
    names: set[str] = set()
    for name in (subject.forward_name, subject.backward_name):
        code = getattr(getattr(subject.original, name, None), "__code__", None)
        names.update(code.co_names if code else ())
    return bool(names & {"np", "numpy"}) and "torch" not in names


def _parameters(subject: Subject, input: Tensor, target: Tensor | None) -> list[Slot]:
    """Find parameters in a copy that has been used, since some gradients are made by the first backward.

    What forward itself put there is no parameter: it is not there before, or is replaced by the next forward.
    """
    used, fresh, again = (subject.fresh() for _ in range(3))
    subject.run(input, None, target, used)
    found = [slot for module in (used, fresh) for slot in subject.find(slots_of, module)]
    slots = list({slot.param: slot for slot in found}.values())
    before = [get(again, slot.param) for slot in slots]
    subject.forward(again, input, target)
    names: dict[str, int] = {}
    kept = []
    for slot, value in zip(slots, before, strict=True):
        if value is not None and get(again, slot.param) is value and get(fresh, slot.param) is not None:
            names[slot.name] = names.get(slot.name, 0) + 1
            kept.append(slot if names[slot.name] == 1 else slot.renamed(names[slot.name]))
    return kept


def see_what_repeats(subject: Subject, input: Tensor, target: Tensor | None) -> None:
    """See whether the same input gives the same results again, with the same random seed and with another; how exactly."""
    runs: list[dict[str, Tensor | None]] = []
    subject.reseed()
    before = random_states()
    for seed in (0, 0, 1):
        subject.seed = seed
        runs.append({what: as_tensor(value) for what, value in subject.run(input, None, target).items()})
    subject.seed = 0
    subject.reseed()
    subject.run(input, None, target)
    subject.draws = before != random_states()

    def differ(i: int, j: int) -> frozenset[str]:
        return frozenset(w for w in runs[0] if not same(runs[i][w], runs[j][w]))

    subject.unsteady, seeded = differ(0, 1), differ(0, 2)
    subject.random = "output" in seeded
    if not subject.random:
        subject.unsteady |= seeded
    output: Any = runs[0]["output"]
    if output is None:
        return
    subject.fine = output.dtype is torch.float64 and not same(output.float().double(), output)
    subject.tolerance = 1e-5 if subject.fine else 3e-2 if output.element_size() == 2 else 3e-4
