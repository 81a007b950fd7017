"""Getting to know the subject: what it takes, which parameters it has, and whether it gives the same twice."""

from __future__ import annotations

import types
from typing import Any

import torch
from torch import Tensor

from minidl.lab.doctor.subject.calls import StudentError
from minidl.lab.doctor.subject.copies import copy_of
from minidl.lab.doctor.subject.fitting import DERIVATIVES, FITS, RIGHT, find_convention, is_told_nothing, moves
from minidl.lab.doctor.subject.inside import attributes, contents
from minidl.lab.doctor.subject.names import attribute, beside_backward
from minidl.lab.doctor.subject.parameters import Slot, slots_of
from minidl.lab.doctor.subject.paths import get, put
from minidl.lab.doctor.subject.roles import needed, positional, role, target_first
from minidl.lab.doctor.subject.subject import Subject
from minidl.lab.doctor.subject.values import as_tensor, both_signs, is_numpy, random_states, same


def get_to_know(subject: Subject, input: Tensor, target: Tensor | None) -> None:
    """Find out how the subject is called, what it takes, and its parameters.

    Raises
    ------
    StudentError
        Where it raises whatever it is given: what it raised in the way that got furthest.
    """
    try:
        _get_to_know(subject, input, target)
        _move_off_zero_and_one(subject, input, target)
    except StudentError:
        before = subject.forward_name
        if before == "__call__" or not any("__call__" in vars(kind) for kind in type(subject.original).__mro__[:-1]):
            raise
        subject.forward_name = "__call__"  # it may keep there what backward needs
        try:
            _get_to_know(subject, input, target)
            _move_off_zero_and_one(subject, input, target)
            return
        except StudentError:
            subject.forward_name = before
        raise


def _move_off_zero_and_one(subject: Subject, input: Tensor, target: Tensor | None) -> None:
    """Take a copy for the original in which no parameter is all zeros or all ones: these hide what is wrong with a factor."""
    if subject.shared or subject.original is not subject.given:
        return
    values = {slot: as_tensor(get(subject.original, slot.param)) for slot in subject.slots}
    plain = [
        slot for slot, v in values.items() if v is not None and v.numel() and bool((v == 0).all() | (v == 1).all())
    ]
    if not plain:
        return
    drawn = torch.Generator().manual_seed(13)
    twin = copy_of(subject.original)
    for slot in plain:
        value = values[slot]
        put(twin, slot.param, value + both_signs(value.shape, drawn, 0.1, 0.3).to(value.dtype))
    subject.original = twin
    try:
        output = as_tensor(subject.run(input, None, target)["output"])
        well = output is not None and bool(output.isfinite().all())
    except StudentError:
        well = False
    if not well:
        subject.original = subject.given


def _get_to_know(subject: Subject, input: Tensor, target: Tensor | None) -> None:
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
    subject.translator = None
    for dialect in dialects if not _speaks_otherwise(subject) else ():
        for dtype in (torch.float64, None):
            subject.dialect, subject.dtype = dialect, dtype
            subject.set_default()
            try:
                results = subject.run(input, None, target)
            except StudentError as error:
                errors.append(error)
                continue
            output = results["output"]
            to_array = dialect == "torch" and is_numpy(output) and dialects[0] == "torch"
            if to_array or (dialect != "list" and isinstance(output, list)):
                turned = turned or (dialect, dtype)
                continue
            if not _fits(results, input) or _keeps_nothing(subject, input):
                if _translated(subject, dialects, input, target):
                    return
                subject.dialect, subject.dtype = dialect, dtype
                subject.set_default()
            subject.slots = _parameters(subject, input, target)
            if not subject.slots and moves(subject, input) and _translated(subject, dialects, input, target) != RIGHT:
                subject.dialect, subject.dtype, subject.translator = dialect, dtype, None
                subject.slots = []
                subject.set_default()
            return
    if _translated(subject, dialects, input, target):
        return
    subject.dialect, subject.dtype = turned or (dialects[0], None)
    subject.set_default()
    if not turned:
        if not errors:
            subject.run(input, None, target)
            subject.slots = _parameters(subject, input, target)
            return
        raise max(errors, key=lambda error: error.doing == subject.backward_name)  # the first that got furthest
    subject.slots = _parameters(subject, input, target)


def _fits(results: dict[str, Any], input: Tensor) -> bool:
    """Whether a first use went as the contract says: values came, and a gradient of the input's shape."""
    output, grad_input = as_tensor(results["output"]), as_tensor(results["input"])
    return output is not None and grad_input is not None and grad_input.shape == input.shape


def _keeps_nothing(subject: Subject, input: Tensor) -> bool:
    """Whether backward takes what forward takes, by its name, and forward keeps nothing: it can only mean the derivative."""
    forward, backward = (needed(getattr(subject.original, n)) for n in (subject.forward_name, subject.backward_name))
    if subject.is_loss or len(forward) != 1 or forward != backward or subject.slots:
        return False
    if attributes(subject.original) and subject.backward_name not in DERIVATIVES:
        return False
    module = subject.fresh()
    before = dict(attributes(module))
    subject.forward(module, input)
    after = attributes(module)
    return before.keys() == after.keys() and all(after[name] is value for name, value in before.items())


def _speaks_otherwise(subject: Subject) -> bool:
    """Whether the names of arguments say that it is called in another way, where the usual one might run as well."""
    forward, backward = (getattr(subject.original, n) for n in (subject.forward_name, subject.backward_name))
    if subject.is_loss:
        names = needed(backward)
        given_back = len(names) == 1 and (role(names[0]) == "target" or names[0].lower() in ("y", "label"))
        return given_back or target_first(needed(forward)) or target_first(names)
    if beside_backward(subject.original, subject.backward_name) and len(needed(backward)) == 2:
        return True
    return is_told_nothing(subject) or "rate" in map(role, [p.name for p in positional(backward)[1:]])


def _translated(subject: Subject, dialects: list[str], input: Tensor, target: Tensor | None) -> int:
    """Look for another convention that fits, and take it; say how well it fits, 0 where there is none."""
    best: tuple[int, Any] = (FITS - 1, None)
    for dialect in dialects[:2]:
        if best[1] is not None:
            break
        for dtype in (torch.float64, None):
            subject.dialect, subject.dtype, subject.translator = dialect, dtype, None
            subject.set_default()
            fit = find_convention(subject, input, target)
            if fit > best[0]:
                best = fit, (dialect, dtype, subject.translator)
            if fit == RIGHT:
                break
    if best[1] is None:
        subject.translator = None
        return 0
    subject.dialect, subject.dtype, subject.translator = best[1]
    subject.set_default()
    subject.slots = _parameters(subject, input, target)
    returned = [s for s in subject.translator.convention.slots() if all(s.param != t.param for t in subject.slots)]
    subject.slots = subject.slots + returned
    return best[0]


def _speaks_of_numpy(subject: Subject) -> bool:
    methods = [getattr(subject.original, name, None) for name in (subject.forward_name, subject.backward_name)]
    functions = attribute(subject.original, "functions")
    methods += functions if isinstance(functions, tuple) else ()  # of a pair of functions
    codes = [code for method in methods if (code := getattr(method, "__code__", None))]
    names = {name for code in codes for name in code.co_names}
    if not names & {"np", "numpy", "torch"}:  # it calls what does
        around = getattr(methods[-1] if functions else methods[0], "__globals__", {}).values()
        names |= {value.__name__.partition(".")[0] for value in around if isinstance(value, types.ModuleType)}
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
    if subject.fine and input.is_floating_point():  # it may round its input all the same
        subject.fine = not _rounds(subject, input.double(), target, output)
    subject.tolerance = 1e-5 if subject.fine else 3e-2 if output.element_size() == 2 else 3e-4


def _rounds(subject: Subject, input: Tensor, target: Tensor | None, output: Tensor) -> bool:
    """Whether an input rounded to float32 gives the very same output, so that small changes of it show nothing."""
    rounded = input.float().double()
    if subject.translator and subject.translator.convention.is_whole:
        return False
    if torch.equal(rounded, input):
        return False
    try:
        return same(as_tensor(subject.forward(subject.fresh(), rounded, target)), output)
    except StudentError:
        return False
