"""The last mini-batch step, opened up: every layer's sizes, and a small network with all of its numbers."""

from __future__ import annotations

import copy
import html

import matplotlib.pyplot as plt
import torch
from torch import Tensor

from minidl import Linear
from minidl.lab import figures
from minidl.lab.figures.shown import picture
from minidl.lab.playground.learner import Step

MOST = 2  # features of a layer in a network that is drawn with its numbers
# in a tab of its own: the notebook may be in the middle of something
LINK = '<a href="{0}.ipynb" target="_blank" style="text-decoration:underline">{0}</a>'.format
CELL = '<td style="text-align:right">{}</td>'.format
COLUMNS = (
    "layer",
    "puts out",
    "zeros",
    "message that arrives",
    "weight W",
    "gradient ∂W",
    "update −lr·∂W",
    "update / weight",
)
ABOUT = (
    "Each size is the root of the mean square: of what the layer puts out for the points of the batch, of the message that "
    "arrives from behind, of its weights before the step, of their gradient, and of what the step adds to them."
)


def opened(step: Step) -> str:
    """Return the last step as HTML: a table with a row for each layer, and for a small network a figure with its numbers."""
    points = len(step.batch[0])
    title = f"Step {step.number} of epoch {step.epoch}: a mini-batch of {points} point{'s' * (points > 1)}, lr = {step.lr:g}"
    loss, rows = _measured(step)
    head = "".join(f'<th scope="col">{name}</th>' for name in COLUMNS)
    body = "".join(
        f'<tr><th scope="row" style="white-space:nowrap">{row[0]}</th>{"".join(map(CELL, row[1:]))}</tr>'
        for row in rows
    )
    drawn = _numbers(step) if max(max(layer.params["weight"].shape) for layer in _linears(step)) <= MOST else ""
    return (
        f"<h4>{title}</h4><p>The loss of the batch was {loss:.4g} ({step.loss.reduction}). {ABOUT} It is derived in "
        f"{LINK('02_linear')} (gradients), {LINK('07_sequential')} (the way back) and {LINK('08_sgd')} (the step).</p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{drawn}"
    )


def _linears(step: Step) -> list[Linear]:
    return [layer for layer in step.model.layers() if isinstance(layer, Linear)]


def _measured(step: Step) -> tuple[float, list[list[str]]]:
    """Return the loss of the batch, and for each layer its name and sizes, as they are shown."""
    model, loss = copy.deepcopy(step.model), copy.deepcopy(step.loss)
    layers, outputs = list(model.layers()), [step.batch[0]]
    for layer in layers:
        outputs.append(layer.forward(outputs[-1]))
    value = float(loss.forward(outputs[-1], step.batch[1]))
    messages = [loss.backward()]
    for layer in reversed(layers):
        messages.append(layer.backward(messages[-1]))
    messages = messages[:-1][::-1]  # what arrives at each layer, the first layer's first
    rows = []
    last, place = len(_linears(step)), 0
    for number, (layer, output, message) in enumerate(zip(layers, outputs[1:], messages, strict=True)):
        place += bool(layer.params)  # a layer of the picture is a Linear and what follows it
        name = f"{f'layer {place}' if place < last else 'output'}, {type(layer).__name__}"
        rest = ["", "", "", ""]
        if layer.params:
            weight, gradient = layer.params["weight"], step.model[number].grad["weight"]
            name += f" {' → '.join(map(str, weight.shape))}"
            size, moved = _size(weight), step.lr * _size(gradient)
            rest = [*map(_words, (size, _size(gradient), moved)), f"{moved / size:.2%}" if size else "from 0"]
        rows.append(
            [name, _words(_size(output)), f"{float((output == 0).double().mean()):.0%}", _words(_size(message)), *rest]
        )
    return value, rows


def _size(tensor: Tensor) -> float:
    return float(tensor.double().square().mean().sqrt())


def _words(value: float) -> str:
    return f"{value:.3g}"


def _numbers(step: Step) -> str:
    """Return the network figure of 07_sequential for the first point of the batch."""
    inputs, targets = step.batch
    with torch.no_grad():
        ax = figures.network(step.model, inputs[:1], targets[:1], loss=step.loss)
    file, about = picture(ax.figure)
    plt.close(ax.figure)
    many = len(inputs)
    together = " (the batch's gradient is their sum)" if step.loss.reduction == "sum" else ""
    which = "the point" if many == 1 else f"the first of the {many} points alone{together}"
    size = f'width="{about["width"]}" style="max-width:100%;height:auto"'
    drawn = f'<img alt="{html.escape(about["alt"])}" {size} src="data:image/png;base64,{file}">'
    return f"<p>The network before the step, with {which}:</p>{drawn}"
