"""A check-up: what it takes, what it leaves alone, and what it says."""

from __future__ import annotations

import json
import random
import time

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from diagnosing import diagnose, finding, specimen_named
from specimens.settings import labels, network, points, torch_network

import minidl
from minidl.lab.doctor import check_up
from minidl.lab.doctor.check_up import CheckUp

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("of_torch", [False, True])
def test_model_data_random_numbers_and_figures_stay_as_they_were(of_torch):
    data = labels(points(200)) if of_torch else points(200)
    model = torch_network(2, 25, 25, 2) if of_torch else network(2, 25, 25, 2)
    loss = torch.nn.CrossEntropyLoss() if of_torch else minidl.MSELoss()
    parts = list(model.parameters()) if of_torch else [tensor for pair in model.parameters() for tensor in pair]
    kept = [tensor.detach().clone() for tensor in (*parts, *data)]
    inside = {name: dict(vars(module)) for name, module in enumerate(model)}
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist(), plt.get_fignums()  # noqa: NPY002
    check_up(model, data, loss=loss, lr=0.01)
    assert all(torch.equal(a, b) for a, b in zip((*parts, *data), kept, strict=True))
    assert all(vars(module).keys() == inside[name].keys() for name, module in enumerate(model))
    now = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist(), plt.get_fignums()  # noqa: NPY002
    assert torch.equal(states[0], now[0])
    assert states[1:] == now[1:]
    assert not of_torch or model.training
    assert not of_torch or all(param.grad is None for param in model.parameters())


def test_it_takes_less_than_five_seconds_on_the_network_of_the_disk():
    started = time.process_time()
    assert check_up(network(2, 25, 25, 25, 2), points(1000), points(1000, 2), lr=0.001)
    assert time.process_time() - started < 5


def test_it_is_text_html_and_dictionary():
    report = diagnose(specimen_named("torch_most_units_dead"))
    text, shown = str(report), report._repr_html_()
    assert text.splitlines()[0].endswith("1 thing in the way.")
    assert "28 of 30 units" in text
    assert "try: start again" in text
    assert "4 ReLU" in text
    assert shown.count("<tr") == shown.count("</tr>") == 6
    assert shown.count("<th") == 5
    told = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert told["mistakes"] == ["dead units"]
    assert told["layers"][3]["asleep"] >= 0.9
    assert told["findings"][0]["try"]
    assert {"loss", "guess", "after one step"} <= set(told["measured"])


def test_a_model_without_anything_in_the_way_says_so():
    report = diagnose(specimen_named("report_before"))
    assert report
    assert "nothing in the way" in str(report)
    assert report.measured["after one step"] < 1
    assert [row["layer"] for row in report.layers][:2] == ["1 Linear", "2 ReLU"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a_missing_value", "The inputs hold nan in row 18, counted from 1: "),
        ("torch_classes_from_one", "go from 1 to 10, and the model has 10 outputs"),
        ("torch_dropout_that_is_not_told", "The model's forward draws random numbers"),
        ("pixels_up_to_255", "up to 255"),
        ("all_inside", "All 500 samples have class 1"),
        ("split_with_leak", "100 of 100 validation samples"),
        ("torch_a_few_leak", "40 of 140 validation samples"),
        ("all_weights_zero", "All 25 units of layer 1 Linear"),
        ("a_sum_with_the_rate_of_a_mean", "this loss is a sum over 50 samples"),
        ("torch_one_hidden_unit", "10 samples cannot even be learned by heart"),
        ("torch_softmax_at_the_end", "cannot fall below 1.461"),
        ("torch_relu_for_negative_targets", "nothing below 0"),
        ("torch_scores_for_bce", "which ends with a Linear, gives numbers from"),
        ("torch_all_frozen", "Each of the 4 parameters"),
    ],
)
def test_a_sentence_says_what_was_measured(name, said):
    assert said in finding(name).text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("weights_too_small", "larger initial weights: Xavier's, with the gain of the activation; fewer layers."),
        ("eight_sigmoids_of_xavier", "the weights are Xavier's already, and a sigmoid's slope is 1/4 at most"),
    ],
)
def test_what_it_says_to_try_is_not_there_already(name, said):
    assert said in finding(name).tries


@pytest.mark.parametrize("name", ["rate_of_three", "torch_rate_of_a_hundred", "rate_of_a_millionth"])
def test_the_rate_that_it_says_to_try_is_a_better_one(name):
    given = specimen_named(name).build()
    rate = float(finding(name).tries.split("lr = ")[1].split(",")[0].rstrip("."))
    assert not {"steps too large", "steps too small"} & set(check_up(**{**given, "lr": rate}).mistakes)


def test_what_raises_is_said():
    assert "the model raises" in str(check_up(network(3, 5, 2), points(100)))
    text = str(check_up(torch_network(2, 5, 3), (points(20)[0], torch.zeros(20, 4))))
    assert "the loss raises RuntimeError" in text
    assert "(line" not in text  # neither the doctor's lines nor PyTorch's are the student's


def test_frozen_layers_and_class_numbers_as_amounts_are_notes():
    X, y = labels(points(100))
    model = torch_network(2, 10, 10, 2)
    model[2].requires_grad_(False)
    (note,) = check_up(model, (X, y), lr=0.1).notes
    assert note.startswith("layer 3 Linear is frozen")
    amounts = (torch.arange(100) % 4).to(X.dtype)[:, None]
    assert "from 0 to 3" in check_up(torch_network(2, 10, 1), (X, amounts), lr=0.01).notes[0]
    assert CheckUp("a network", [], ["a note"]).verdict == "a network: nothing in the way; one thing to look at."


def test_a_class_taken_for_another_and_a_label_among_the_inputs_are_notes():
    X, y = points(80)[0], torch.arange(80) % 4
    model = torch.nn.Sequential(torch.nn.Linear(2, 4))  # it says what the first input is, and never 3
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[0.0, 0.0], [2.0, 0.0], [4.0, 0.0], [4.0, 0.0]]))
        model[0].bias.copy_(torch.tensor([0.0, -1.0, -4.0, -4.1]))
    told = torch.stack([y.to(X.dtype).clamp(max=2), X[:, 1]], 1)
    (note,) = check_up(model, (told, y)).notes
    assert "class 3 is hardly ever right, in 0 of 20 training samples, and most often read as class 2, 20 times" in note
    told = torch.stack([X[:, 1], 2.0 * (y % 2)], 1)
    report = check_up(torch_network(2, 8, 2), (told[:60], y[:60] % 2), (told[60:], y[60:] % 2), lr=0.5)
    assert report
    assert "column 2 of the inputs (counted from 1) tells the target by itself" in report.notes[0]
    assert "After 200 trial steps all 20 held-out samples are right" in report.notes[0]


def test_it_says_how_many_samples_were_learned_by_heart():
    X = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    report = check_up(network(2, 8, 1), (X, (X[:, :1] != X[:, 1:]).to(X.dtype)))
    assert "of 4 samples learned by heart" in str(report)


X, T = points(20)


@pytest.mark.parametrize(
    ("call", "error", "word"),
    [
        (lambda: check_up(network(2, 2), X), TypeError, "a pair of tensors"),
        (lambda: check_up(network(2, 2), (X, T[:5])), ValueError, "as many targets"),
        (lambda: check_up(network(2, 2), (X, T), lr=-1.0), ValueError, "above 0, got -1.0"),
        (lambda: check_up(network(2, 2), (X, T), lr="fast"), TypeError, "'fast'"),
        (lambda: check_up(network(2, 2), (X, T), batch_size=0), ValueError, "batch_size"),
        (lambda: check_up("a model", (X, T)), TypeError, "a model with forward"),
    ],
)
def test_what_cannot_be_looked_at_is_refused(call, error, word):
    with pytest.raises(error, match=word):
        call()
