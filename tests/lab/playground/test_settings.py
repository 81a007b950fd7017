"""Settings of the playground: what does not fit is refused in a sentence."""

from __future__ import annotations

import pytest

from minidl.lab.playground.settings import Settings, widths_in


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"data": "circle"}, "data to be one of 'disk'"),
        ({"activation": "GELU"}, "activation to be one of 'ReLU', 'Tanh', 'Sigmoid', got 'GELU'"),
        ({"reduction": "none"}, "reduction to be one of"),
        ({"points": 3}, "the number of points to be an integer of at least 4, got 3"),
        ({"points": 2001}, "the number of points to be at most 2000"),
        ({"hidden": (0,)}, "each hidden layer to be an integer of at least 1, got 0"),
        ({"hidden": (51,)}, "each hidden layer to be at most 50"),
        ({"hidden": (2,) * 7}, "the number of hidden layers to be at most 6"),
        ({"noise": -0.1}, "noise of at least 0"),
        ({"noise": 0.6}, "noise to be at most 0.5"),
        ({"gain": float("inf")}, "gain to be a finite number"),
        ({"lr": 0}, "lr to be a finite number above 0"),
        ({"batch_size": 0}, "batch_size to be an integer of at least 1"),
        ({"seed": -1}, "seed to be an integer of at least 0"),
        ({"seed": 2**40}, "seed to be at most"),
    ],
)
def test_what_does_not_fit_is_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        Settings(**settings)


def test_others_may_be_at_the_edge():
    settings = Settings(points=4, hidden=[], noise=0.5, gain=0, batch_size=10**6)
    assert settings.widths == (2, 2)
    assert Settings(hidden=[50] * 6).changed(hidden=(3,)).widths == (2, 3, 2)


@pytest.mark.parametrize(
    ("text", "widths"),
    [("25-25-25", (25, 25, 25)), (" 4, 3 ", (4, 3)), ("4 3;2", (4, 3, 2)), ("4 x 3", (4, 3)), ("", ()), (" ", ())],
)
def test_widths_are_read_as_people_write_them(text, widths):
    assert widths_in(text) == widths


@pytest.mark.parametrize("text", ["a", "2.5", "25--", "-3", "²", "2-many"])
def test_other_widths_are_refused(text):
    with pytest.raises(ValueError, match="widths such as 25-25-25"):
        widths_in(text)
