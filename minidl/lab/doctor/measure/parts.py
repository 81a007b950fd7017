"""A tiny task for a training loop: data whose every row can be recognised, and a network that is right for some of them.

There are 23 training and 7 validation samples, both prime, so that a share tells what it is a share of. The network's answers
are planned: it is right for 14 and for 4 of them, and the learning rate is so small that this stays so.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

import minidl

N, N_VALIDATION, BATCH, CLASSES = 23, 7, 4, 10
N_ASKED = 263  # prime, and no whole number of the usual batches: an evaluation may take them in batches of 32 or of 128
RIGHT = {"training": 14, "validation": 4}
FEATURES, HIDDEN = 6, 60
RATE = 1e-3
MODEL, LOSS, OPTIMIZER = minidl.Sequential, minidl.MSELoss, minidl.SGD


@dataclass
class Task:
    """What a loop is given: a model, a loss, an optimiser, and data.

    Attributes
    ----------
    words : {"minidl", "torch"}
        Whose words the loop speaks: ``model.backward(loss.backward())``, or ``loss.backward()``.
    targets : {"one-hot", "labels", "column", "row"}
        One-hot rows (n, k); class numbers (n,); one number for each sample, as (n, 1) or as (n,).
    """

    words: str
    targets: str
    model: Any
    loss: Any
    optimizer: Any
    X: Tensor
    T: Tensor
    X_val: Tensor
    T_val: Tensor

    def copy(self) -> Task:
        """Return a task with parts of its own, which belong to each other as these do."""
        model, loss, optimizer = copy.deepcopy((self.model, self.loss, self.optimizer))
        data = (tensor.clone() for tensor in (self.X, self.T, self.X_val, self.T_val))
        return Task(self.words, self.targets, model, loss, optimizer, *data)


def tasks(
    words: str, model: Any, loss: Any, optimizer: Any, data: tuple[Tensor, Tensor] | None, asked: bool = False
) -> Iterator[Task]:
    """Yield the tasks that a loop in these words may be made for, the likeliest first; with parts given, if any.

    With ``asked``, the model shall only be asked: there are more validation data then.
    """
    if words == "minidl":
        kinds = ["one-hot", "labels"]
    elif loss is None or isinstance(loss, (nn.CrossEntropyLoss, nn.NLLLoss)):
        kinds = ["labels"] if loss is not None else ["labels", "column", "row", "one-hot"]
    else:
        kinds = ["column", "row", "one-hot"]
    for targets in kinds:
        X, T, X_val, T_val = _data(targets) if data is None else _halves(*data)
        network = copy.deepcopy((model, loss, optimizer))
        own_model, own_loss, own_optimizer = network
        if own_model is None:
            own_model = _network(words, targets, X, T, X_val, T_val)
        if own_loss is None:
            own_loss = minidl.MSELoss() if words == "minidl" else _loss_for(targets)
        if own_optimizer is None and words == "torch":
            own_optimizer = torch.optim.SGD(own_model.parameters(), RATE)
        elif own_optimizer is None and isinstance(own_model, minidl.Module):
            own_optimizer = minidl.SGD(own_model, RATE)
        if asked and data is None and model is None:
            X_val, T_val = _many(targets, own_model)
        yield Task(words, targets, own_model, own_loss, own_optimizer, X, T, X_val, T_val)


def _loss_for(targets: str) -> nn.Module:
    return nn.CrossEntropyLoss() if targets == "labels" else nn.MSELoss()


def _halves(X: Tensor, T: Tensor) -> tuple[Tensor, ...]:
    """Return the first samples of data given for training, and those after them for validation."""
    X, T = X[: N + N_VALIDATION], T[: N + N_VALIDATION]
    cut = max(1, len(X) * 3 // 4)
    return X[:cut].clone(), T[:cut].clone(), X[cut:].clone(), T[cut:].clone()


def _data(targets: str) -> tuple[Tensor, ...]:
    drawn = torch.Generator().manual_seed(4)
    X = torch.randn(N + N_VALIDATION, FEATURES, generator=drawn)
    X = (X - X[:N].mean(0)) / X[:N].std(0, correction=0)  # so that dividing by the spread changes nothing
    labels = torch.cat([torch.arange(N) % CLASSES, torch.arange(N_VALIDATION) % CLASSES])
    labels[:N] = labels[:N][torch.randperm(N, generator=drawn)]
    if targets == "one-hot":
        T = torch.eye(CLASSES, dtype=X.dtype)[labels]
        T *= 1 + 1e-3 * torch.arange(1, len(T) + 1)[:, None]  # so that each row can be recognised
    elif targets == "labels":
        T = labels
    else:
        T = (labels % 2).to(X.dtype)
        T = T[:, None] if targets == "column" else T
    return X[:N], T[:N].clone(), X[N:], T[N:].clone()


def _many(targets: str, model: Any) -> tuple[Tensor, Tensor]:
    """Return data to ask about, with targets such that a little over half of the model's answers are right."""
    drawn = torch.Generator().manual_seed(9)
    X = torch.randn(N_ASKED, FEATURES, generator=drawn)
    right = torch.rand(N_ASKED, generator=drawn) < 0.57
    trains = getattr(model, "training", False)
    with torch.no_grad():
        answers = (model.eval() if trains else model).forward(X)
    if trains:
        model.train()
    if targets in ("column", "row"):
        T = ((answers.reshape(-1) > 0.25) == right).to(X.dtype)  # between both limits that are usual, 0 and 0.5
        return X, T[:, None] if targets == "column" else T
    other = 1 + torch.randint(CLASSES - 1, (N_ASKED,), generator=drawn)
    labels = torch.where(right, answers.argmax(1), (answers.argmax(1) + other) % CLASSES)
    if targets == "labels":
        return X, labels
    return X, torch.eye(CLASSES, dtype=X.dtype)[labels] * (1 + 1e-4 * torch.arange(1, N_ASKED + 1)[:, None])


def _network(words: str, targets: str, X: Tensor, T: Tensor, X_val: Tensor, T_val: Tensor) -> Any:
    """Return a network with two layers, whose answers are planned."""
    drawn = torch.Generator().manual_seed(7)
    inputs, truths = torch.cat([X, X_val]), torch.cat([T, T_val])
    first = torch.randn(X.shape[1], HIDDEN, generator=drawn) / X.shape[1] ** 0.5
    shift = torch.linspace(-0.5, 1.0, HIDDEN)[None]
    features = torch.cat([(inputs @ first + shift).relu(), torch.ones(len(inputs), 1)], 1)
    last = torch.linalg.lstsq(
        features.double(), _answers(targets, truths, len(X)).double(), driver="gelsd"
    ).solution.to(X.dtype)
    if words == "minidl":
        hidden, output = (minidl.Linear(*w.shape, dtype=X.dtype) for w in (first, last[:-1]))
        for layer, weight, bias in ((hidden, first, shift), (output, last[:-1], last[-1:])):
            layer.params["weight"].copy_(weight)
            layer.params["bias"].copy_(bias)
        return minidl.Sequential(hidden, minidl.ReLU(), output)
    hidden, output = (nn.Linear(*w.shape, dtype=X.dtype) for w in (first, last[:-1]))
    with torch.no_grad():
        for layer, weight, bias in ((hidden, first, shift), (output, last[:-1], last[-1:])):
            layer.weight.copy_(weight.T)
            layer.bias.copy_(bias[0])
    layers = [hidden, nn.ReLU(), nn.Dropout(0.1), output]
    return nn.Sequential(*layers, nn.Flatten(0)) if targets == "row" else nn.Sequential(*layers)


def _answers(targets: str, truths: Tensor, n: int) -> Tensor:
    """Return what the network shall say: right for as many of both parts as planned, and never the same twice."""
    drawn = torch.Generator().manual_seed(2)
    right = torch.zeros(len(truths), dtype=torch.bool)
    for start, stop, count in ((0, n, RIGHT["training"]), (n, len(truths), RIGHT["validation"])):
        right[start + torch.randperm(stop - start, generator=drawn)[:count]] = True
    if targets in ("column", "row"):
        sign = torch.where(right, 1.0, -1.0) * (2 * truths.reshape(-1) - 1)
        return (sign * (0.7 + 0.3 * torch.rand(len(truths), generator=drawn)))[:, None] + 0.02
    labels = truths if targets == "labels" else truths.argmax(1)
    said = torch.where(right, labels, (labels + 1 + torch.arange(len(labels)) % (CLASSES - 1)) % CLASSES)
    scores = 0.4 * torch.rand(len(labels), CLASSES, generator=drawn)
    scores[torch.arange(len(labels)), said] += 0.6 + 0.2 * torch.rand(len(labels), generator=drawn)
    return scores
