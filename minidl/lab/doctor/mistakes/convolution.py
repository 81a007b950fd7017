"""Windows: convolutions and pooling. They overlap, they are padded, and they move by more than one."""

# ruff: noqa: D205 - the docstrings are for the student, and as long as they need to be

from __future__ import annotations

import torch
from torch import Tensor

from minidl.lab.doctor.measure.batches import Case
from minidl.lab.doctor.measure.behaviour import Behaviour
from minidl.lab.doctor.mistakes.reading import KEPT, NOWHERE, PATHS
from minidl.lab.doctor.mistakes.rules import Seen, misbehaviour, wrong_value
from minidl.lab.doctor.mistakes.windows import Convolution, convolution, pooling
from minidl.lab.doctor.subject.values import as_tensor
from minidl.lab.doctor.wording import number


@wrong_value("kernel flipped", of="any", read=NOWHERE)
def kernel_flipped(case: Case, what: str) -> list[Tensor | None]:
    """{Where} is that of a kernel turned round. What forward multiplies with an entry of the kernel goes back through the
    same entry: written as another convolution, with padding, that takes the flipped kernel there, and no flip in a loop.
    """
    layer = convolution(case)
    if layer is None or what == "output":
        return []
    if what == "input":
        return [layer.input_back(layer.spread(layer.kernel.flip(2, 3)))]
    return [layer.kernel_back(layer.kernel_gradient().flip(2, 3))] if what == layer.name else []


@wrong_value("overlaps overwritten", of="any", read=PATHS)
def overlaps_overwritten(case: Case, what: str) -> list[Tensor | None]:
    """{Where} keeps one window's share only: each window writes over what others have left. An entry that is in several
    windows gets something back from each, and all of it is added (+=; in NumPy, np.add.at where indices repeat).
    """
    layer = convolution(case)
    if layer is not None and what == layer.name:
        return [layer.kernel_back(share) for share in _last_shares(layer)]
    if what != "input":
        return []
    if layer is not None:
        return [layer.input_back(found) for found in _written_over(layer)]
    pool = pooling(case)
    if pool is None:
        return []
    ways = [pool.of_largest(order, add=False, whole=whole) for whole in (False, True) for order in (1, -1)]
    return [pool.input_back(found) for found in ways]


@wrong_value("padding forgotten", of="input", read=NOWHERE)
def padding_forgotten(case: Case, what: str) -> list[Tensor | None]:
    """{Where} belongs to the padded input, or is cut out of it at the wrong place: forward has padded its input on both
    sides, so backward has to cut the same off again on both sides.
    """
    layer = convolution(case)
    if layer is None or layer.padding == (0, 0):
        return []
    (top, left), (height, width) = layer.padding, layer.input.shape[2:]
    padded = layer.spread(layer.kernel, crop=False)
    return [
        layer.input_back(padded),
        layer.input_back(padded[:, :, :height, :width]),
        layer.input_back(padded[:, :, 2 * top :, 2 * left :]),
    ]


@wrong_value("stride forgotten", of="any", read=NOWHERE)
def stride_forgotten(case: Case, what: str) -> list[Tensor | None]:
    """{Where} goes on by one from window to window, where forward goes on by the stride: the windows of backward have to
    begin where those of forward did, at i * stride.
    """
    layer = convolution(case)
    if layer is not None and layer.stride != (1, 1):
        if what == "input":
            return [layer.input_back(layer.spread(layer.kernel, stride=(1, 1)))]
        return [layer.kernel_back(layer.kernel_gradient(stride=(1, 1)))] if what == layer.name else []
    pool = pooling(case) if what == "input" else None
    if pool is None or pool.stride == (1, 1) or pool.stride == pool.size:
        return []
    return [pool.input_back(pool.of_largest(stride=(1, 1)))]


@wrong_value("gradient to all", of="input", read=KEPT)
def gradient_to_all(case: Case, what: str) -> list[Tensor | None]:
    """{Where} goes to every entry of a window. Only the largest has made the output, so it alone gets the gradient, all of
    it: keep in forward where it was. A share for everybody is the way of the mean.
    """
    pool = pooling(case)
    if pool is None:
        return []
    everywhere = pool.of_all()
    return [pool.input_back(share * everywhere) for share in (1, 1 / (pool.size[0] * pool.size[1]))]


@misbehaviour("gradient to ties", read=KEPT, only_if_input_right=True)
def gradient_to_ties(behaviour: Behaviour) -> Seen | None:
    """Where several entries of a window are equally the largest, as zeros after a ReLU are, each of them gets the whole
    gradient: in a window of equal entries, {ratio} times of it in all. Give it to one of them, or share it.
    """
    cases, subject = behaviour.batches.cases, behaviour.subject
    if behaviour.batches.whole or subject.is_loss or subject.random or not all(map(_selects, cases)):
        return None
    input = torch.full(behaviour.first.input_values.shape, 0.5, dtype=torch.float64)
    output = subject.output_at(input)
    upstream = torch.ones_like(output)
    got = as_tensor(subject.run(input, upstream)["input"])
    slope = (subject.output_at(input + 0.25) - output).sum() / 0.25  # along this way, it is as smooth as can be
    if got is None or got.shape != input.shape or not slope:
        return None
    ratio = float(got.double().sum() / slope)
    return {"where": "input", "ratio": number(ratio), "got": got} if ratio > 1.01 else None


def _selects(case: Case) -> bool:
    """Whether every output is one of the inputs, and not all of them come out."""
    if case.output.numel() >= case.input.numel():
        inside = None
    else:
        inside = torch.isin(case.output.contiguous(), case.input.to(case.output).contiguous())
    if inside is None or case.subject.fine:
        return inside is not None and bool(inside.all())
    return bool(torch.isin(case.output.float(), case.input.float()).all())


def _written_over(layer: Convolution) -> list[Tensor]:
    """Return what is left where windows overwrite each other: the last one, the first one, the last of each filter."""
    filters, places = range(layer.grad_output.shape[1]), layer.places()
    of_all, of_each = [(None, place) for place in places], [(f, place) for f in filters for place in places]
    within = [(f, place) for place in places for f in filters]
    orders = [of_all, of_all[::-1], of_each, within]
    found = []
    for order in orders if len(filters) > 1 else orders[:2]:
        result = layer.padded_zeros()
        for f, place in order:
            layer.window(result, place)[...] = layer.share(f, place)
        found.append(layer.cropped(result))
    return found


def _last_shares(layer: Convolution) -> list[Tensor]:
    """Return the share of the last window alone: of all samples, and of the last sample."""
    shares = [layer.kernel_share(place) for place in (layer.places()[-1], layer.places()[0])]
    return [share.sum(0) for share in shares] + [share[-1] for share in shares]
