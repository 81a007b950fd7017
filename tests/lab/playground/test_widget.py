"""The playground's controls, without a browser: what they change, what is refused, and what there is to read."""

from __future__ import annotations

import re
import threading

import pandas as pd
import pytest
import torch

from minidl import Sequential
from minidl.lab.playground import Playground, playground

SMALL = {"points": 60, "hidden": (5,), "batch_size": 20}


@pytest.fixture
def play():
    return playground(**SMALL)


def tick(play, times=1):
    """Let the browser's counter go on, as it does while the playground plays."""
    for _ in range(times):
        play.controls.ticks.value += 1


def said(play):
    return re.sub(r"<[^>]+>", "", play.said.value)


def test_what_it_trains_is_a_plain_model_with_a_history(play):
    assert type(play) is Playground
    assert type(play.model) is Sequential
    play.epoch(3)
    assert list(play.history["epoch"]) == [1, 1, 2, 2, 3, 3]
    assert play.training[0].shape == play.test[1].shape == (60, 2)
    assert repr(play) == "<playground: 2-5-2 with ReLU on the disk, epoch 3>"
    assert "epochs=3" in play.code
    assert "Epoch 3" in play.picture.value


def test_it_plays_while_the_button_is_pressed(play):
    button = play.controls.playing
    tick(play)
    assert len(play.history) == 0
    button.value = True
    assert "Pause" in button.description
    tick(play, 2)
    pictures = {play.picture.value}
    tick(play)
    pictures.add(play.picture.value)
    button.value = False
    tick(play)
    assert "Play" in button.description
    assert play.history["epoch"].max() == 3
    assert len(pictures) == 2


@pytest.mark.parametrize(
    ("speed", "epochs", "step"), [("1 step", 0, 2), ("5 steps", 2, 0), ("1 epoch", 2, 0), ("5 epochs", 10, 0)]
)
def test_what_lies_between_two_pictures_can_be_chosen(play, speed, epochs, step):
    play.controls.speed.label = speed
    play.controls.playing.value = True
    tick(play, 2)
    assert (play.learner.epochs, play.learner.step_number) == (epochs, step)


def test_buttons(play):
    controls = play.controls
    controls.playing.value = True
    controls.step.click()
    assert not controls.playing.value
    assert (play.learner.epochs, play.learner.step_number) == (0, 1)
    assert "mini-batch of 20 points" in play.inside.value
    controls.epoch.click()
    assert (play.learner.epochs, play.learner.step_number) == (1, 0)
    assert play.inside.value == ""
    first = play.history
    controls.again.click()
    assert len(play.history) == 0
    controls.epoch.click()
    pd.testing.assert_frame_equal(play.history, first)


@pytest.mark.parametrize(
    ("name", "value", "holds"),
    [
        ("data", "moons", "moons"),
        ("points", "80", 80),
        ("noise", "0.1", 0.1),
        ("seed", "4", 4),
        ("hidden", "3, 2", (3, 2)),
        ("activation", "Tanh", "Tanh"),
        ("gain", 0.0, 0.0),
    ],
)
def test_what_makes_another_training_starts_again(play, name, value, holds):
    play.epoch()
    play.controls.playing.value = True
    play.controls.fields[name].value = value
    assert getattr(play.settings, name) == holds
    assert play.learner.epochs == 0
    assert not play.controls.playing.value


@pytest.mark.parametrize(
    ("name", "value", "holds"), [("lr", "0.01", 0.01), ("batch_size", "7", 7), ("reduction", "mean", "mean")]
)
def test_the_rest_changes_on_the_way(play, name, value, holds):
    play.epoch()
    play.controls.playing.value = True
    play.controls.fields[name].value = value
    assert getattr(play.settings, name) == holds
    assert play.learner.epochs == 1
    assert play.controls.playing.value
    assert play.code.startswith("# Something was changed on the way")
    assert f"From here on it trains with {play.controls.fields[name].description} " in said(play)
    play.restart()
    assert said(play) == ""


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("lr", "fast", "expected a number, got 'fast'"),
        ("lr", "-1", "lr to be a finite number above 0, got -1"),
        ("lr", "nan", "lr to be a finite number above 0, got nan"),
        ("points", "1e3", "expected a whole number, got '1e3'"),
        ("hidden", "25+25", "widths such as 25-25-25"),
        ("hidden", "25-25-500", "each hidden layer to be at most 50"),
        ("noise", "9", "noise to be at most 0.5"),
        ("seed", "", "a whole number, got ''"),
    ],
)
def test_what_does_not_fit_is_refused_below_the_controls(play, name, value, words):
    before, stood = play.settings, play.controls.fields[name].value
    play.controls.fields[name].value = value
    assert words in said(play).replace("&#x27;", "'")
    assert 'role="alert"' in play.said.value
    assert play.settings == before
    assert play.controls.fields[name].value == stood


def test_a_loss_that_is_infinite_stops_the_play_and_offers_a_tenth(play, capsys):
    play.restart(lr=100.0)
    assert play.controls.fields["lr"].value == "100"
    play.controls.playing.value = True
    tick(play, 20)
    assert not play.controls.playing.value
    assert "smaller learning rate, or with the mean per point as the loss" in said(play)
    assert "batchmean" not in said(play)
    assert play.controls.offer.layout.display == ""
    assert play.controls.offer.description == "Start again with learning rate 10"
    play.controls.offer.click()
    assert play.settings.lr == 10.0
    assert play.controls.offer.layout.display == "none"
    assert said(play) == ""
    assert capsys.readouterr() == ("", "")


def test_asked_for_in_code_it_is_raised():
    play = playground(**(SMALL | {"lr": 100.0}))
    with pytest.raises(FloatingPointError):
        play.epoch(30)


def test_a_model_that_was_taken_apart_gives_a_sentence(play, capsys):
    play.model[0].params["weight"] = torch.zeros(3, 3)
    play.controls.playing.value = True
    tick(play)
    assert "Error" in said(play) or "expected" in said(play)
    assert not play.controls.playing.value
    assert capsys.readouterr() == ("", "")


def test_a_dead_layer_is_said_as_long_as_it_is_dead(play):
    play.controls.fields["gain"].value = 0.0
    assert "All units of layer 1 are dead" in said(play)
    play.controls.epoch.click()
    play.controls.fields["lr"].value = "0.002"
    assert "All units of layer 1 are dead" in said(play)
    play.model[0].params["weight"][:] = 1.0
    play.controls.step.click()
    assert said(play) == ""


def test_one_plays_at_a_time(play):
    other = playground(**SMALL)
    play.controls.playing.value = True
    other.controls.playing.value = True
    assert (play.controls.playing.value, other.controls.playing.value) == (False, True)


def test_your_own_points():
    points = torch.rand(20, 2)
    play = playground((points, points[:, 0] > 0.5), hidden=(3,))
    play.epoch()
    assert play.settings.data == "own"
    assert play.controls.fields["data"].label == "your points"
    play.controls.fields["data"].value = "disk"
    play.controls.fields["data"].value = "own"
    assert len(play.training[0]) == 10
    with pytest.raises(ValueError, match="a target for each of 20 points, got 3"):
        playground((points, points[:3, 0] > 0.5))
    with pytest.raises(ValueError, match="beside your own points only"):
        playground("disk", test=(points, points))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"hidden": 25}, "hidden to be a sequence"),
        ({"lr": "small"}, "lr to be a number"),
        ({"data": torch.ones(3, 2)}, "data to be a string or"),
    ],
)
def test_arguments_of_another_kind_are_refused(arguments, words):
    with pytest.raises(TypeError, match=words):
        playground(**arguments)


def test_a_gain_that_is_not_listed_gets_a_place(play):
    assert playground(gain=1.5, **SMALL).controls.fields["gain"].label == "gain 1.5"
    play.restart(gain=0.7)
    assert play.controls.fields["gain"].label == "gain 0.7"


def test_a_gain_is_called_fit_for_the_activation_that_is_chosen(play):
    gain = play.controls.fields["gain"]
    assert gain.label == "gain √2, for ReLU"
    play.controls.fields["activation"].value = "Sigmoid"
    assert gain.label == "gain √2"
    assert [name for name, _ in gain.options if "for" in name] == ["gain 4, for Sigmoid"]
    assert play.settings.gain == gain.value == 2**0.5


def test_every_control_has_a_name_and_an_explanation(play):
    controls = play.controls
    shown = [*controls.fields.values(), controls.playing, controls.step, controls.epoch, controls.again, controls.speed]
    assert all(control.description and control.tooltip for control in shown)
    assert len({control.description for control in shown}) == len(shown)


def test_cells_and_the_browser_take_turns(play):
    """Jupyter answers widgets in a thread beside the one that runs cells."""
    play.controls.playing.value = True
    browser = threading.Thread(target=tick, args=(play, 40))
    browser.start()
    while browser.is_alive():
        history = play.history
        assert len(history) == 2 * history["epoch"].nunique()
    assert play.history["epoch"].max() == 40
    play.restart()
    play.controls.playing.value = True
    assert type(play.model) is Sequential
    tick(play)
    assert len(play.history) == 0  # who asks for the model has it alone
