"""The playground's training is that of ``train``, to the last bit, however it is cut into pieces."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

import minidl
from minidl import MSELoss
from minidl.lab.network import network
from minidl.lab.playground.data import DATA, data_set
from minidl.lab.playground.learner import COARSE, FINE, Learner
from minidl.lab.playground.settings import Settings
from minidl.lab.training import train

SMALL = {"points": 60, "hidden": (5, 4), "batch_size": 16}


def by_train(settings, epochs):
    """Return what the settings' own code makes: the model and the history."""
    names = {"torch": torch, "data_set": data_set, "network": network, "train": train, "MSELoss": MSELoss}
    names |= {name: getattr(minidl, name) for name in ("ReLU", "Tanh", "Sigmoid")}
    exec(settings.code(epochs).replace("epochs=", "progress=False, epochs="), names)
    return names["model"], names["history"]


def parameters(model):
    return [param for param, _ in model.parameters()]


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize(
    "others",
    [
        {"lr": 0.01},
        {"activation": "Tanh", "reduction": "batchmean", "lr": 0.3, "noise": 0.05, "seed": 3},
        {"activation": "Sigmoid", "gain": 4.0, "reduction": "mean", "lr": 1.0, "batch_size": 1},
    ],
)
def test_it_equals_train_to_the_last_bit(data, others):
    settings = Settings(data=data, **(SMALL | others))
    learner = Learner(settings)
    while learner.epochs < 4:  # steps, pieces of an epoch, looks in between, whole epochs
        learner.step()
        learner.look()
        learner.advance(2)
        learner.look()
        learner.advance(None)
    model, history = by_train(settings, 4)
    assert all(
        torch.equal(mine, theirs) for mine, theirs in zip(parameters(learner.model), parameters(model), strict=True)
    )
    pd.testing.assert_frame_equal(learner.history, history, check_exact=True)
    assert learner.changes == []


def test_an_epoch_ends_where_it_should():
    learner = Learner(Settings(**SMALL))
    seen = []
    for _ in range(9):
        learner.advance(3)
        seen.append((learner.epochs, learner.step_number, learner.steps))
    assert seen[:4] == [(0, 3, 4), (1, 0, 4), (1, 3, 4), (2, 0, 4)]


def test_what_may_change_on_the_way_does_and_is_remembered():
    learner = Learner(Settings(**SMALL))
    learner.advance(1)
    learner.change(learner.settings.changed(lr=0.5, batch_size=30, reduction="batchmean"))
    assert (learner.steps, learner.step_number) == (4, 1)  # of the epoch under way
    before = [param.clone() for param in parameters(learner.model)]
    learner.step()
    moved = [a - b for a, b in zip(before, parameters(learner.model), strict=True)]
    grads = [grad for _, grad in learner.last.model.parameters()]
    assert all(torch.allclose(a, 0.5 * b, atol=1e-6) for a, b in zip(moved, grads, strict=True))
    learner.advance(None)
    assert learner.steps == 2
    assert learner.changes == [0.25]


def test_the_last_step_can_be_done_again():
    learner = Learner(Settings(**SMALL))
    learner.advance(2)
    learner.step()
    step = learner.last
    assert (step.epoch, step.number, len(step.batch[0])) == (1, 3, 16)
    given = [grad.clone() for _, grad in step.model.parameters()]
    step.loss.forward(step.model.forward(step.batch[0]), step.batch[1])
    step.model.zero_grad()
    step.model.backward(step.loss.backward())
    assert all(torch.equal(a, grad) for a, (_, grad) in zip(given, step.model.parameters(), strict=True))
    minidl.SGD(step.model, step.lr).step()
    assert all(torch.equal(a, b) for a, b in zip(parameters(step.model), parameters(learner.model), strict=True))
    learner.advance(1)
    assert learner.last is None


def test_what_is_seen_is_what_the_network_answers():
    learner = Learner(Settings(data="moons", **SMALL))
    learner.advance(None)
    look = learner.look()
    row, column = 30, 10
    place = torch.tensor([[-1 + 2 * (column + 0.5) / FINE, -1 + 2 * (row + 0.5) / FINE]])
    outside, inside = learner.model.forward(place)[0].tolist()
    assert look.answer[row, column] == pytest.approx(inside - outside, rel=1e-5)
    hidden = learner.model[1].forward(learner.model[0].forward(place))[0]
    assert look.units[0][:, row // 2, column // 2] == pytest.approx(hidden.numpy(), rel=1e-5)
    assert [layer.shape for layer in look.units] == [(5, COARSE, COARSE), (4, COARSE, COARSE), (2, COARSE, COARSE)]
    assert [weights.shape for weights in look.weights] == [(2, 5), (5, 4), (4, 2)]


def test_the_numbers_of_a_look_are_those_of_its_moment():
    learner = Learner(Settings(lr=0.01, **SMALL))
    learner.advance(None)
    assert learner.look().now == pytest.approx(learner.look().records[-1], rel=1e-5)
    learner.advance(2)
    look, points = learner.look(), (learner.training, learner.test)
    differences = [learner.model.forward(inputs) - targets for inputs, targets in points]
    assert look.now[0] == pytest.approx([float(d.square().sum(-1).mean()) for d in differences], rel=1e-5)
    assert look.now[0] != pytest.approx(look.records[-1, 0], rel=1e-3)


def test_dead_units_are_those_that_answer_0_for_all_training_points():
    learner = Learner(Settings(**SMALL))
    learner.model[0].params["bias"][0, :2] = -100.0
    look = learner.look()
    hidden = learner.model[1].forward(learner.model[0].forward(learner.training[0]))
    assert list(look.dead[0]) == [not bool(unit.any()) for unit in hidden.T]
    assert look.dead[0][:2].all()
    assert look.awake[0][2:] == pytest.approx((hidden != 0).double().mean(0)[2:].numpy())
    silent = Learner(Settings(activation="Tanh", gain=0.0, **SMALL)).look()
    assert not np.concatenate(silent.dead).any()  # a Tanh of 0 has a slope


@pytest.mark.parametrize("take", ["advance", "step"])
def test_numbers_that_are_no_longer_finite_are_reported_at_once(take):
    learner = Learner(Settings(**(SMALL | {"lr": 1e6, "batch_size": 2})))

    def train_long():
        for _ in range(30):
            getattr(learner, take)()

    with pytest.raises(FloatingPointError, match="smaller learning rate"):
        train_long()
    assert learner.epochs < 2
    learner.look()


def test_a_dead_layer_is_seen_and_not_printed(capsys):
    learner = Learner(Settings(**SMALL))
    assert learner.look().dead_layer is None
    learner.model[2].params["bias"][:] = -100.0
    learner.advance(None)
    assert learner.look().dead_layer == 2
    assert capsys.readouterr().out == ""


def test_a_students_own_points_are_shared_out():
    points, classes = torch.randn(11, 2, dtype=torch.float64), torch.arange(11) % 2
    learner = Learner(Settings(data="own", hidden=(3,)), [(points, classes)])
    both = torch.cat([learner.training[0], learner.test[0]])
    assert (len(learner.training[0]), len(learner.test[0])) == (6, 5)
    assert sorted(both[:, 0].tolist()) == sorted(points[:, 0].to(both.dtype).tolist())
    for place, target in zip(*learner.training, strict=True):
        number = int((points.to(place.dtype) - place).abs().sum(-1).argmin())
        assert target.argmax() == classes[number]
    low, high = learner.side
    assert low < both.min() < both.max() < high
    learner.advance(None)
    given = Learner(Settings(data="own", hidden=(3,)), [(points, classes), (points[:4], classes[:4])])
    assert (len(given.training[0]), len(given.test[0])) == (11, 4)


def test_a_look_has_all_records_however_many_there_are():
    learner = Learner(Settings(**(SMALL | {"points": 4, "hidden": ()})))
    for epochs in (0, 1, 2, 1005):
        while learner.epochs < epochs:
            learner.advance(None)
        records = learner.look().records
        assert records.shape == (epochs, 2, 2)
    history = learner.history
    assert records[:, 0, 0].tolist() == history.loss[history.split == "training"].tolist()
    assert records[:, 1, 1].tolist() == history.accuracy[history.split == "validation"].tolist()
