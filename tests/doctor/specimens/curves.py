"""Trainings that there were, of which nothing but the losses shows that they went wrong."""

from __future__ import annotations

import math

import pandas as pd
from torch import nn

import minidl
from specimens.collection import setting
from specimens.settings import labels, network, points, torch_network


def looked_at(history, **more):
    return {"model": network(2, 25, 25, 2), "data": points(), "history": history, **more}


@setting("loss diverges")
def losses_that_rise():
    return looked_at([0.9, 0.8, 1.1, 2.4, 9.7, 80.0])


@setting("loss diverges")
def torch_losses_that_end_in_nan():
    model, loss = torch_network(2, 25, 2), nn.CrossEntropyLoss()
    history = {"loss": [0.69, 0.7, 3.5, math.inf, math.nan]}
    return {"model": model, "data": labels(points()), "loss": loss, "history": history}


@setting("loss jumps")
def losses_that_jump():
    return looked_at([0.9, 0.5, 0.4, 0.9, 0.35, 0.3, 0.7, 0.3, 0.25, 0.6, 0.22, 0.2])


@setting("loss jumps")
def table_of_losses_that_jump():
    losses = [0.9, 0.5, 0.9, 0.45, 0.8, 0.4, 0.3, 0.6, 0.3, 0.25]
    table = pd.DataFrame({"model": "minidl", "run": 0, "epoch": range(1, 11), "split": "training", "loss": losses})
    return looked_at(table, loss=minidl.MSELoss("batchmean"))


@setting("loss flat")
def losses_that_stay():
    return looked_at({"train_loss": [0.9, 0.9, 0.899, 0.9, 0.898, 0.899]})


@setting("loss flat")
def torch_losses_that_stay():
    model, loss = torch_network(2, 25, 2), nn.CrossEntropyLoss()
    return {"model": model, "data": labels(points()), "loss": loss, "history": 20 * [0.7012]}


@setting("falls on training data only")
def validation_losses_that_turn():
    training = [0.9 * 0.85**k for k in range(25)]
    validation = [0.9 * 0.85**k if k < 8 else 0.3 + 0.02 * (k - 8) for k in range(25)]
    return looked_at({"loss": training, "val_loss": validation})


@setting("falls on training data only")
def torch_table_of_losses_that_part():
    rows = []
    for k in range(1, 21):
        rows.append(["PyTorch", 0, k, "training", 1 / k, 0.5])
        rows.append(["PyTorch", 0, k, "validation", 1 / k if k < 6 else 0.2 + 0.03 * (k - 5), 0.5])
    table = pd.DataFrame(rows, columns=["model", "run", "epoch", "split", "loss", "accuracy"])
    model, loss = torch_network(2, 25, 2), nn.CrossEntropyLoss()
    return {"model": model, "data": labels(points()), "loss": loss, "history": table}
