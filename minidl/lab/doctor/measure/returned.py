"""What a training loop returns, beside what it should have returned: losses and shares, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from minidl.lab.doctor.measure.recording import Event
from minidl.lab.doctor.measure.trainings import Training

Series = list[float]
MEAN_OF_MEANS = "the mean of the batches' losses"


def leaves(thing: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what is in lists, tuples, dictionaries and tables, each with its way."""
    if hasattr(thing, "to_dict") and hasattr(thing, "columns"):
        thing = {column: list(thing[column]) for column in thing.columns}
    if isinstance(thing, dict):
        for key, value in thing.items():
            yield from leaves(value, f"{name}[{key!r}]")
    elif isinstance(thing, (list, tuple)):
        for place, value in enumerate(thing):
            yield from leaves(value, f"{name}[{place}]")
    else:
        yield name, thing


def series(thing: Any, name: str = "") -> list[tuple[str, Series]]:
    """Return the lists of numbers in what a loop returns, and numbers that stand alone as lists of one."""
    if hasattr(thing, "to_dict") and hasattr(thing, "columns"):
        thing = {column: list(thing[column]) for column in thing.columns}
    if isinstance(thing, dict):
        return [found for key, value in thing.items() for found in series(value, f"{name} {key}".strip())]
    if _number(thing) is not None:
        return [(name, [_number(thing)])]
    if isinstance(thing, Tensor) or type(thing).__name__ == "ndarray":
        numbers = thing.detach() if isinstance(thing, Tensor) else torch.as_tensor(thing)
        return [(name, numbers.double().tolist())] if numbers.ndim == 1 and not numbers.is_complex() else []
    if not isinstance(thing, (list, tuple)) or not thing:
        return []
    numbers = [_number(value) for value in thing]
    if isinstance(thing, list) and None not in numbers:
        return [(name, numbers)]
    kinds = {type(value) for value in thing}
    if isinstance(thing, list) and len(kinds) == 1 and kinds <= {tuple, list} and len({len(v) for v in thing}) == 1:
        columns = [list(column) for column in zip(*thing, strict=True)]
        if all(_number(value) is not None for column in columns for value in column):
            return [(f"{name} {k + 1}".strip(), [_number(v) for v in column]) for k, column in enumerate(columns)]
    if isinstance(thing, list) and kinds == {dict}:
        return [f for key in thing[0] for f in series([row.get(key) for row in thing], f"{name} {key}".strip())]
    return [found for place, value in enumerate(thing) for found in series(value, name or f"value {place + 1}")]


def _number(value: Any) -> float | None:
    if isinstance(value, (bool, str, bytes)):
        return None
    if isinstance(value, Tensor):
        return float(value.detach()) if value.ndim == 0 and not value.is_complex() else None
    if isinstance(value, (int, float)):
        return float(value)
    return float(value) if type(value).__module__ == "numpy" and getattr(value, "ndim", 1) == 0 else None


@dataclass
class Candidate:
    """Numbers, one for each epoch, that a loop may return; ``mistake`` is empty where it is right to."""

    what: str
    values: Series
    mistake: str = ""
    data: str = ""  # of which data it is a share
    one_by_one: bool = False  # whether there is one for each batch
    mean: bool = False  # of a loss: whether it is a mean for each batch already
    all_epochs: bool = False  # whether a single number does not do

    def fits(self, series: Series) -> bool:
        own = self.values
        if self.all_epochs and len(series) == 1:
            return False
        if len(series) == 1 and len(own) > 1 and not self.one_by_one:
            own = own[-1:]
        return len(own) == len(series) and all(
            math.isclose(a, b, rel_tol=2e-4, abs_tol=1e-6) for a, b in zip(series, own, strict=True)
        )


def candidates(training: Training) -> list[Candidate]:
    """Return what the loop's numbers may be: the right ones first."""
    if training.known is None:  # each rule about what is returned asks again
        found = [*_losses(training), *_shares(training)]
        of_one = ("loss of one batch", "accuracy of one batch")  # an evaluation: likelier than a batch of the training
        training.known = sorted(found, key=lambda c: 2 * bool(c.mistake) - (c.mistake in of_one))
    return training.known


def confirmed(training: Training) -> bool:
    """Whether a loop that raised nothing returns numbers, and all of them are right ones."""
    known = [c for c in candidates(training) if not c.mistake]
    numbers = series(training.result)
    return training.raised is None and all(any(c.fits(values) for c in known) for _, values in numbers)


def mean_like(training: Training, event: Event) -> bool:
    """Whether a loss is a mean: by its word, or else because a batch that is taken twice has no larger one."""
    if hasattr(event.of, "reduction"):
        return event.of.reduction != "sum"
    training.log.busy = True  # nothing is written down of this
    try:
        twice = float(event.of.forward(torch.cat([event.output] * 2), torch.cat([event.target] * 2)))
        return abs(twice - float(event.value)) < 0.1 * abs(float(event.value))
    except Exception:
        return False
    finally:
        training.log.busy = False


def _losses(training: Training) -> Iterator[Candidate]:
    parts = [(data, _trained_losses(training, epochs)) for data, epochs in _trained(training)]
    parts += _evaluated_losses(training)
    n = len(training.task.X)
    for place, (data, epochs) in enumerate(parts):
        if not epochs or not all(epochs):
            continue
        one = of_one_batch(training, data, [[e.about for e in epoch] for epoch in epochs]) if place else ""
        mean = mean_like(training, epochs[0][0])
        values = [[float(e.value) for e in epoch] for epoch in epochs]
        sizes = [[e.size for e in epoch] for epoch in epochs]
        sums, ns, counts = [sum(v) for v in values], [sum(s) for s in sizes], [len(v) for v in values]
        weighted = [sum(a * b for a, b in zip(v, s, strict=True)) for v, s in zip(values, sizes, strict=True)]
        by_samples = [s / n for s, n in zip(sums, ns, strict=True)]
        by_batches = [s / b for s, b in zip(sums, counts, strict=True)]
        if one:  # of few samples, and no more of it
            for values_of in (sums, by_samples, by_batches):
                yield Candidate(one, values_of, "loss of one batch", data)
            continue
        largest = max(max(s) for s in sizes)
        what = "of the training batches" if place == 0 else "of an evaluation"
        right = {"sum": sums, "first": [v[0] for v in values]}
        last = [[v[-1] for v in values], [v[-1] / s[-1] for v, s in zip(values, sizes, strict=True)]]
        if mean:
            right |= {"mean": by_batches, "weighted": [w / n for w, n in zip(weighted, ns, strict=True)]}
            wrong = {
                "samples": by_samples,
                "batches, after it was multiplied by the samples": [
                    w / b for w, b in zip(weighted, counts, strict=True)
                ],
                "batches and their size": [s / b / largest for s, b in zip(sums, counts, strict=True)],
                "the size of a batch": [s / largest for s in sums],
            }
        else:
            right["mean"] = by_samples
            each = [[a / b for a, b in zip(v, s, strict=True)] for v, s in zip(values, sizes, strict=True)]
            right["mean of means"] = [sum(v) / len(v) for v in each]
            wrong = {
                "batches": by_batches,
                "the size of a batch": [s / largest for s in sums],
                "samples, after it was multiplied by them": [w / n for w, n in zip(weighted, ns, strict=True)],
            }
        if min(counts) > 1:
            wrong["batches less one"] = [s / (b - 1) for s, b in zip(sums, counts, strict=True)]
        if data == "validation":
            wrong["training samples"] = [(w if mean else s) / n for w, s in zip(weighted, sums, strict=True)]
        singles = counts[0] == 1  # a single batch is whole
        unequal = any(len(set(s)) > 1 for s in sizes)
        of_means = "mean" if mean else "mean of means"
        for way, values_of in right.items():
            called = MEAN_OF_MEANS if unequal and way == of_means else f"the loss {what}"
            yield Candidate(called, values_of, data=data)
        for values_of in last:  # as one number at the end it may be meant, as that of an epoch it is not
            asked = training.kind == "evaluation" or len(values) > 1
            yield Candidate(
                "last",
                values_of,
                "loss of the last batch" if asked and counts[0] > 1 else "",
                all_epochs=len(values) > 1,
                data=data,
            )
            if training.kind != "evaluation" or counts[0] == 1:
                yield Candidate(f"the last loss {what}", values_of[-1:], data=data)
        yield Candidate(f"every loss {what}", [v for epoch in values for v in epoch], data=data, one_by_one=True)
        each = [v / n for e, s in zip(values, sizes, strict=True) for v, n in zip(e, s, strict=True)]
        yield Candidate(f"every loss {what}", each, data=data, one_by_one=True)
        for divisor, values_of in wrong.items():
            if not (singles and divisor == "batches"):
                yield Candidate(divisor, values_of, "divided", mean=mean)
        if len(sums) > 1:
            for values_of in (sums, by_samples, by_batches, [w / n for w, n in zip(weighted, ns, strict=True)]):
                totals = [sum(values_of[: k + 1]) for k in range(len(values_of))]
                yield Candidate(what, totals, "never reset")


def _trained(training: Training) -> list[tuple[str, list[list[Event]]]]:
    """Return the forwards that were learned from, epoch by epoch: those of validation data apart, where no batch has both."""
    by, held = training.by_epoch, training.sets["validation"]
    rows = [set(e.rows or ()) for epoch in by for e in epoch]
    if not any(some and some <= held for some in rows) or any(some & held and some - held for some in rows):
        return [("training", by)]
    parts = {"training": False, "validation": True}
    return [(d, [[e for e in epoch if bool(e.rows) and (e.rows[0] in held) == v] for epoch in by])
            for d, v in parts.items()]  # fmt: skip


def of_one_batch(training: Training, data: str, blocks: list[list[Event]]) -> str:
    """Return of which few samples an evaluation is, where it should be of all: of the last batch, or of one of a loader."""
    if training.kind not in ("training", "epoch") or len(blocks) != len(training.by_epoch):
        return ""
    looked = {row for block in blocks for e in block for row in e.rows}
    here = training.sets.get(data, set())
    if any(len(block) > 1 for block in blocks) or not looked < here:
        return ""
    size = f"{len(blocks[0][0].rows)} of {len(here)} samples"
    if data == "validation":
        return f"{size}, one batch of the loader," if "validation loader" in training.roles else ""
    for epoch, block in zip(training.by_epoch, blocks, strict=True):
        if set(epoch[-1].rows or ()) != set(block[0].rows) or 2 * block[0].size > len(here):
            return ""
    return f"{size}, those of the last batch,"


def _trained_losses(training: Training, epochs: list[list[Event]]) -> list[list[Event]]:
    by = [[training.loss_of(forward) for forward in epoch] for epoch in epochs]
    return [] if any(e is None or e.value is None or e.value.numel() != 1 for epoch in by for e in epoch) else by


def _evaluated_losses(training: Training) -> Iterator[tuple[str, list[list[Event]]]]:
    for name in ("training", "validation", "both"):
        blocks = [[training.loss_of(e) for e in block] for kind, block in evaluations(training) if kind == name]
        if blocks and all(
            e is not None and e.value is not None and e.value.numel() == 1 for block in blocks for e in block
        ):
            yield name, blocks


def evaluations(training: Training) -> list[tuple[str, list[Event]]]:
    """Return the forwards without a backward, those between two changes of the model together, by the data that they are of."""
    blocks: dict[tuple[int, str], list[Event]] = {}
    for event in training.evaluated:
        if event.rows is None or event.output is None or not event.rows:
            continue
        kind = next((name for name, rows in training.sets.items() if set(event.rows) <= rows), "both")
        block = blocks.setdefault((event.moves, kind), [])
        if all(other.rows != event.rows for other in block):  # a second look is none
            block.append(event)
    return [(kind, block) for (_, kind), block in blocks.items()]


def _right(training: Training, event: Event) -> list[int]:
    """Return how many samples of a forward are answered rightly, for each way of reading its output."""
    truth, output = training.truth(event.rows), event.output
    if output.ndim == 2 and output.shape[1] > 1:
        labels = truth.argmax(1) if truth.ndim == 2 and truth.shape[1] > 1 else truth.reshape(-1)
        return [int((output.argmax(1) == labels).sum())]
    yes, output = truth.reshape(-1) > 0.5, output.reshape(-1)
    return [int(((output > limit) == yes).sum()) for limit in (0.0, 0.5)]


def _along_columns(training: Training, events: list[Event]) -> list[float] | None:
    """Return the shares that somebody may get who takes the largest entry of each column."""
    output, truth = torch.cat([e.output for e in events]), torch.cat([training.truth(e.rows) for e in events])
    if output.ndim != 2 or output.shape[1] < 2:
        return None
    if truth.shape == output.shape:
        return [float((output.argmax(0) == truth.argmax(0)).double().mean())]
    if truth.numel() != len(truth):
        return None
    n = min(output.shape)  # class numbers: somebody may have made the lengths fit, and divides by one of them
    right = int((output.argmax(0)[:n] == truth.reshape(-1)[:n]).sum())
    return [right / count for count in (n, *output.shape)]


def _shares(training: Training) -> Iterator[Candidate]:
    by_set: dict[str, list[list[Event]]] = {}
    for kind, block in evaluations(training):
        by_set.setdefault(kind, []).append(block)
    groups = [*_trained(training), *by_set.items()]
    n, n_validation = len(training.task.X), len(training.task.X_val)
    for data, epochs in groups:
        events = [e for epoch in epochs for e in epoch]
        if not epochs or not all(epochs) or any(e.rows is None or e.output is None or not e.rows for e in events):
            continue
        readings = len(_right(training, epochs[0][0]))
        for reading in range(readings):
            rights = [[_right(training, e)[reading] for e in epoch] for epoch in epochs]
            sizes = [[len(e.rows) for e in epoch] for epoch in epochs]
            correct, counts, batches = [sum(r) for r in rights], [sum(s) for s in sizes], [len(r) for r in rights]
            share = [c / k for c, k in zip(correct, counts, strict=True)]
            means = [sum(a / b for a, b in zip(r, s, strict=True)) / len(r) for r, s in zip(rights, sizes, strict=True)]
            one = of_one_batch(training, data, epochs) if epochs is by_set.get(data) else ""
            if one:
                yield from _in_all_forms(one, share, "accuracy of one batch", data)
                continue
            yield from _in_all_forms("share", share, "", data)
            unequal = "mean of unequal batches" if any(len(set(s)) > 1 for s in sizes) else ""
            yield from _in_all_forms("mean of the batches' shares", means, unequal, data)
            yield Candidate("count", [float(c) for c in correct], "", data)
            each = [a / b for r, s in zip(rights, sizes, strict=True) for a, b in zip(r, s, strict=True)]
            yield Candidate("share of each batch", each, "", data, one_by_one=True)
            if batches[0] > 1:
                last = [r[-1] / s[-1] for r, s in zip(rights, sizes, strict=True)]
                yield from _in_all_forms("last batch", last, "last batch", data)
                over_all = [r[-1] / sum(s) for r, s in zip(rights, sizes, strict=True)]
                yield from _in_all_forms("last batch over all samples", over_all, "last batch", data)
            width = epochs[0][0].output.shape[-1] if epochs[0][0].output.ndim == 2 else 1
            largest = max(max(s) for s in sizes)
            samples = {"training samples": n, "validation samples": n_validation, "samples of both": n + n_validation}
            divisors = {f"{count} {what}": [count] * len(correct) for what, count in samples.items()}
            divisors |= {
                "the number of batches": batches,
                "the batches times their full size": [b * largest for b in batches],
                "the size of a batch": [largest] * len(correct),
                "all entries of the output": [k * width for k in counts],
            }
            for what, by in {"": [1] * len(counts), "divided by the samples": counts}.items():
                if what or batches[0] > 1:
                    summed = [m * b / d for m, b, d in zip(means, batches, by, strict=True)]
                    yield from _in_all_forms(what, summed, "shares added up", data)
            for what, by in divisors.items():
                if by != counts:
                    yield from _in_all_forms(
                        what, [c / d for c, d in zip(correct, by, strict=True)], "wrong count", data
                    )
        for mistake, values in (("other targets", _against(training, epochs)), ("entries", _entries(training, epochs))):
            if values is not None and data in by_set:
                yield from _in_all_forms(mistake, values, mistake, data)
        columns = [_along_columns(training, epoch) for epoch in epochs]
        if None not in columns:
            for shares in zip(*columns, strict=True):
                yield from _in_all_forms("columns", list(shares), "wrong axis", data)


def _against(training: Training, epochs: list[list[Event]]) -> Series | None:
    """Return the shares of somebody who compares what was asked in a shuffled order with targets in that of the data."""
    shares = []
    for epoch in epochs:
        rows, output = [row for e in epoch for row in e.rows], torch.cat([e.output for e in epoch])
        truth = training.truth(sorted(rows))
        if rows == sorted(rows) or output.ndim != 2 or output.shape[1] < 2:
            return None
        labels = truth.argmax(1) if truth.ndim == 2 and truth.shape[1] > 1 else truth.reshape(-1)
        shares.append(float((output.argmax(1) == labels).double().mean()))
    return shares


def _entries(training: Training, epochs: list[list[Event]]) -> Series | None:
    """Return the shares of entries that are on the right side of one half."""
    shares = []
    for epoch in epochs:
        output, truth = (
            torch.cat(parts) for parts in ([e.output for e in epoch], [training.truth(e.rows) for e in epoch])
        )
        if output.ndim != 2 or output.shape[1] < 2 or truth.shape != output.shape:
            return None
        shares.append(float(((output > 0.5) == (truth > 0.5)).double().mean()))
    return shares


def _in_all_forms(what: str, shares: Series, mistake: str, data: str) -> Iterator[Candidate]:
    """Yield a share, in percent too, and the share of the others."""
    for values in (shares, [1 - s for s in shares]):
        yield Candidate(what, values, mistake, data)
        yield Candidate(what, [100 * v for v in values], mistake, data)
