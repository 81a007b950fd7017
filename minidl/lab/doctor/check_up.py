"""A check-up: what stands in the way of a training, measured on copies of model and loss."""

from __future__ import annotations

import html
import math
from typing import Any

import torch
from torch import Tensor, nn

from minidl.lab.doctor.card import shown
from minidl.lab.doctor.diagnosis import Diagnosis, Finding
from minidl.lab.doctor.measure.answers import confusion, telling_column
from minidl.lab.doctor.measure.curves import curves_of
from minidl.lab.doctor.measure.layers import dead, saturated, spread, update_ratio
from minidl.lab.doctor.measure.nets import Layer
from minidl.lab.doctor.measure.parts import LOSS
from minidl.lab.doctor.measure.vitals import TEN, TRIAL_STEPS, Vitals
from minidl.lab.doctor.mistakes import WRONG_SETTINGS
from minidl.lab.doctor.observations import as_finding, observe, without_explained
from minidl.lab.doctor.subject.calls import StudentError, Watch
from minidl.lab.doctor.time_limit import Hung, guarded
from minidl.lab.doctor.wording import listed, number, things

TIME_LIMIT = 60.0
CLASS_NUMBERS = (
    "the targets are whole numbers from 0 to {last}, one of them for each sample. Are they classes? A squared error takes "
    "them for amounts, as if 1 lay between 0 and 2; classes want an output for each, with CrossEntropyLoss or one-hot rows."
)
CONFUSED = (
    "class {label} is hardly ever right, in {right} of {of} {data} samples, and most often read as class {read_as}, {times} "
    "times: look at samples of both, and at their targets."
)
TELLS = (
    "column {column} of the inputs (counted from 1) tells the target by itself: each of its values belongs to one target. Is "
    "it the label?{right} Nothing need be learned from the others then, and where the label is not known it will be missing."
)
COLUMNS = {
    "spread": "spread over the samples",
    "asleep": "dead or saturated",
    "gradient": "gradient of the weights",
    "update": "step / weights",
}
Data = tuple[Tensor, Tensor]


class CheckUp(Diagnosis):
    """What a check-up found. Truthy when nothing stands in the way; Jupyter shows it with a figure of the layers.

    Attributes
    ----------
    measured : dict
        The numbers: loss, that of a guess, what a trial step does to it, and so on.
    layers : list of dict
        Of each layer its name, the spread of its outputs over the samples, the share of its units that are dead (ReLU) or of
        its outputs that are saturated (tanh, sigmoid), the size of its weights' gradient, and that of a step against them.
    """

    measured: dict[str, Any]
    layers: list[dict[str, Any]]

    @property
    def verdict(self) -> str:
        """One line: what was looked at, and whether something stands in the way."""
        count = len(self.findings)
        said = f"{count} thing{'s' * (count > 1)} in the way" if count else "nothing in the way"
        said += f"; {things(len(self.notes))} to look at" if self.notes and not count else ""
        return f"{self.subject}: {said}."

    def __str__(self) -> str:
        lines = [super().__str__(), *(f"Measured: {line}" for line in self._sentences())]
        if self.layers:
            head = ["layer", *COLUMNS.values()]
            rows = [head, *([row["layer"], *(_written(row[c], c) for c in COLUMNS)] for row in self.layers)]
            widths = [max(len(row[k]) for row in rows) for k in range(len(head))]
            lines += [
                "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
            ]
        return "\n".join(lines)

    __repr__ = __str__

    def _sentences(self) -> list[str]:
        seen = self.measured
        lines = []
        if "loss" in seen:
            guess = f", {number(seen['guess'])} for one answer to all" if "guess" in seen else ""
            lines.append(f"a loss of {number(seen['loss'])} for each sample{guess}.")
        if "after one step" in seen:
            lines.append(f"one step takes a batch's loss to {number(seen['after one step'])} times what it was.")
        if "ten samples" in seen:
            count = "ten" if seen["by heart"] == TEN else seen["by heart"]
            lines.append(f"of {count} samples learned by heart, {seen['ten samples']:.0%} of a guess's loss is left.")
        for data in ("training", "validation"):
            if f"{data} losses" in seen:
                losses = seen[f"{data} losses"]
                told = (
                    f"{number(losses[0])} in the first, {number(losses[-1])} in the last, {number(min(losses))} at best"
                )
                lines.append(f"in {len(losses)} epochs a {data} loss of {told}.")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Return plain strings, numbers, lists and dictionaries."""
        plain = super().to_dict()
        layers = [{k: _finite(v) for k, v in row.items()} for row in self.layers]
        measured = {
            k: [_finite(one) for one in v] if isinstance(v, list) else _finite(v) for k, v in self.measured.items()
        }
        return {**plain, "measured": measured, "layers": layers}

    def _repr_html_(self) -> str:
        lines = "".join(f"<div><small>Measured: {shown(line)}</small></div>" for line in self._sentences())
        return super()._repr_html_() + lines + _figure(self.layers)


def _finite(value: Any) -> Any:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _written(value: float | None, column: str) -> str:
    if value is None:
        return ""
    return f"{value:.0%}" if column == "asleep" else f"{value:.1e}" if 0 < abs(value) < 1e-3 else f"{value:.3g}"


def _figure(layers: list[dict[str, Any]]) -> str:
    """Return the layers as rows of bars: a share as it is, the other numbers by their logarithm, each with its number."""
    if not layers:
        return ""
    head = "".join(
        f'<th style="text-align: left; font-weight: normal">{title}</th>' for title in ("layer", *COLUMNS.values())
    )
    rows = ""
    for row in layers:
        cells = f'<td style="text-align: left">{html.escape(row["layer"])}</td>'
        for column in COLUMNS:
            value = row[column]
            length = 0.0
            if value is not None and math.isfinite(value):
                largest = max((r[column] or 0 for r in layers if math.isfinite(r[column] or 0)), default=0) or 1
                length = value if column == "asleep" else max(0.0, 1 + math.log10(max(value, 1e-30) / largest) / 6)
            bar = f'<div style="background: #2166ac; height: 8px; width: {round(90 * length)}px"></div>'
            text = f"<small>{_written(value, column)}</small>"
            cells += f'<td style="text-align: left; min-width: 100px">{"" if value is None else bar + text}</td>'
        rows += f'<tr style="background: none">{cells}</tr>'
    said = "Bars: shares as they are; the others by their logarithm, a sixth of the width is a factor of 10."
    note = f"<div><small>{said}</small></div>"
    return f'<table style="border-collapse: collapse"><tr>{head}</tr>{rows}</table>{note}'


def check_up(
    model: Any,
    data: Data,
    validation: Data | None = None,
    *,
    loss: Any = None,
    lr: float | None = None,
    batch_size: int = 50,
    history: Any = None,
    time_limit: float = TIME_LIMIT,
) -> CheckUp:
    """Measure what may stand in the way of a training, before it or in the middle, and say it in order of importance.

    It looks at the data, the start (outputs, units, signals), one trial step and a short trial training, the gradients against
    numbers, and tries whether ten samples can be learned by heart. All of that happens on copies; what is not certain is
    measured and not judged.

    Parameters
    ----------
    model : object
        Of minidl, of ``torch.nn``, or your own, with ``parameters()``.
    data, validation : (Tensor, Tensor)
        Inputs (n, ...) and targets, as the loss takes them.
    loss : object, optional
        By default ``MSELoss()``, the sum; for a model of PyTorch ``CrossEntropyLoss()`` for class numbers, else its
        ``MSELoss()``.
    lr : float, optional
        The learning rate of plain gradient descent. Without it, steps are not judged.
    batch_size : int
        Samples in a batch of the training.
    history : DataFrame, dict or list of float, optional
        The losses of a training that there was, epoch by epoch: as `minidl.lab.training.train` returns them, as lists
        ("loss" and "val_loss", or "training" and "validation"), or those of the training data alone.
    time_limit : float
        Seconds that it may take.

    Raises
    ------
    TypeError, ValueError
        For data that are no pair of tensors, or not as many inputs as targets; for a learning rate that is no number above 0;
        for a history in which no losses are found.
    """
    data, validation = _checked("data", data), None if validation is None else _checked("validation", validation)
    if lr is not None and not (isinstance(lr, (int, float)) and not isinstance(lr, bool) and 0 < lr < math.inf):
        raise (ValueError if isinstance(lr, (int, float)) else TypeError)(
            f"check_up expected lr to be a number above 0, got {lr!r}"
        )
    if not isinstance(batch_size, int) or batch_size < 1:
        raise ValueError(f"check_up expected batch_size to be an integer of at least 1, got {batch_size!r}")
    if not callable(getattr(model, "forward", None)):
        raise TypeError(f"check_up expected a model with forward, got {type(model).__name__}")
    curves = None if history is None else curves_of(history)
    if loss is None:
        whole = not data[1].is_floating_point()
        loss = LOSS() if not isinstance(model, nn.Module) else nn.CrossEntropyLoss() if whole else nn.MSELoss()
    subject = f"{type(model).__name__} with {len(data[0])} samples" + (f" and lr = {lr:g}" if lr else "")

    def work(watch: Watch) -> CheckUp:
        return watch.call(
            "the model", lambda: _measured(subject, Vitals(model, data, validation, loss, lr, batch_size, curves))
        )

    try:
        return guarded(work, time_limit)[0]
    except Hung as error:
        return _report(subject, [Finding("hangs", "the model", str(error))], {}, [])
    except StudentError as error:
        return _report(subject, [as_finding(error)], {}, [])


def _checked(name: str, data: Any) -> Data:
    if not isinstance(data, (tuple, list)) or len(data) != 2 or not all(isinstance(part, Tensor) for part in data):
        raise TypeError(
            f"check_up expected {name} to be a pair of tensors, inputs and targets, got {type(data).__name__}"
        )
    inputs, targets = data
    if not inputs.ndim or not targets.ndim or len(inputs) != len(targets) or not len(inputs):
        raise ValueError(
            f"check_up expected as many targets as inputs in {name}, got {tuple(inputs.shape)} and {tuple(targets.shape)}"
        )
    return inputs.detach().clone(), targets.detach().clone()


def _measured(subject: str, vitals: Vitals) -> CheckUp:
    findings: list[Finding] = []
    for rule in WRONG_SETTINGS:
        if rule.stops and (stopping := observe([rule], vitals)):
            return _report(subject, stopping, {}, [])
    for rule in WRONG_SETTINGS:
        if not rule.stops and not any(
            rule.name in found.rule.explains for found in findings
        ):  # or it need not be measured
            findings += observe([rule], vitals)
    findings = without_explained(findings)
    measured = {"loss": vitals.loss, "guess": vitals.guess}
    if "by_heart" in vars(vitals):
        measured["ten samples"], measured["ten samples right"] = vitals.by_heart  # NaN is left out below
        measured["by heart"] = len(vitals.ten)
    if vitals.lr:
        measured |= {
            "lr": vitals.lr,
            "after one step": vitals.after(vitals.lr),
            "after a trial training": vitals.travel,
        }
    if vitals.held_out is not None:
        measured["validation loss"] = vitals.held_out
    if vitals.curves:
        measured["training losses"] = vitals.curves.training
        if vitals.curves.validation:
            measured["validation losses"] = vitals.curves.validation
    measured = {k: v for k, v in measured.items() if not (isinstance(v, float) and math.isnan(v))}
    pairs = zip(vitals.layers, vitals.of_a_batch, strict=True)
    report = _report(subject, findings, measured, [_row(*pair, vitals.lr) for pair in pairs])
    report.notes = _notes(vitals)
    return report


def _notes(vitals: Vitals) -> list[str]:
    """Return what is worth saying, and may be meant as it is."""
    notes = []
    frozen = [layer.name for layer in vitals.layers if layer.frozen]
    if frozen:
        several = len(frozen) > 1
        what = f"layer{'s' * several} {listed(frozen)} {'are' if several else 'is'} frozen (requires_grad = False)"
        notes.append(f"{what}: no step moves {'them' if several else 'it'}. On purpose?")
    values = vitals.T.unique() if vitals.T.is_floating_point() else vitals.T[:0]
    column = vitals.T.ndim == 1 or (vitals.T.ndim == 2 and vitals.T.shape[1] == 1)
    if column and 3 <= len(values) <= 20 and bool((values == torch.arange(len(values))).all()):
        notes.append(CLASS_NUMBERS.format(last=len(values) - 1))
    confused, telling = confusion(vitals), telling_column(vitals)
    if confused:
        notes.append(CONFUSED.format(**vars(confused)))
    if telling:
        notes.append(TELLS.format(column=telling, right=_all_right(vitals)))
    return notes


def _all_right(vitals: Vitals) -> str:
    """Say it where held-out samples are all answered rightly after a few steps, which is too good."""
    if vitals.validation is None or vitals.labels is None or not vitals.lr or vitals.traveller is None:
        return ""
    if vitals.right_of(vitals.traveller, *vitals.validation) < 1:
        return ""
    count = len(vitals.validation[0])
    return f" After {TRIAL_STEPS} trial steps all {count} held-out samples are right, which is too good."


def _row(layer: Layer, of_a_batch: Layer, lr: float | None) -> dict[str, Any]:
    asleep = dead(layer) if layer.kind == "relu" else saturated(layer) if layer.kind in ("tanh", "sigmoid") else None
    gradient = float(of_a_batch.grads[0].double().square().mean().sqrt()) if layer.params else None
    update = update_ratio(of_a_batch, lr) if layer.params and lr else None
    return {"layer": layer.name, "spread": spread(layer), "asleep": asleep, "gradient": gradient, "update": update}


def _report(subject: str, findings: list[Finding], measured: dict[str, Any], layers: list[dict[str, Any]]) -> CheckUp:
    report = CheckUp(subject, findings)
    report.measured, report.layers = measured, layers
    return report
