"""What one sets and presses in the playground. Each is the browser's own, so that a keyboard reaches it, and has a name."""

from __future__ import annotations

import math
from collections.abc import Callable

import ipywidgets as widgets

from minidl.lab.playground.data import DATA
from minidl.lab.playground.settings import ACTIVATIONS, OWN, Settings, widths_in
from minidl.losses import REDUCTIONS

GAINS = {
    "all 0": 0.0,
    "gain 0.1": 0.1,
    "Xavier (gain 1)": 1.0,
    "gain √2": math.sqrt(2),
    "gain 5/3": 5 / 3,
    "gain 4": 4.0,
}
SUITED = {"ReLU": "gain √2", "Tanh": "gain 5/3", "Sigmoid": "gain 4"}
LOSSES = {"sum": "sum", "batchmean": "mean per point (batchmean)", "mean": "mean per output (mean)"}
SPEEDS = {"1 step": (1, 0), "5 steps": (5, 0), "1 epoch": (0, 1), "5 epochs": (0, 5)}  # steps, epochs
PLAY, PAUSE = "▶ Play", "❚❚ Pause"
PICTURES_A_SECOND = 20  # at most


def whole(text: str) -> int:
    """Return the whole number that a text says; ValueError in a sentence where it says none."""
    return _number(text, int, "a whole number")


def real(text: str) -> float:
    """Return the number that a text says; ValueError in a sentence where it says none."""
    return _number(text, float, "a number")


def _number(text: str, kind: Callable, what: str) -> float:
    try:
        return kind(text.strip())
    except ValueError:
        raise ValueError(f"playground expected {what}, got {text!r}") from None


READ = {"points": whole, "noise": real, "seed": whole, "hidden": widths_in, "lr": real, "batch_size": whole}


def gains(settings: Settings) -> list[tuple[str, float]]:
    """Return what can be chosen for the initial weights, with a word at the gain that is made for the activation."""
    listed = GAINS if settings.gain in GAINS.values() else GAINS | {f"gain {settings.gain:g}": settings.gain}
    suited = SUITED[settings.activation]
    return [(f"{name}, for {settings.activation}" if name == suited else name, gain) for name, gain in listed.items()]


def written(name: str, settings: Settings) -> str:
    """Return what stands in the field of a setting."""
    value = getattr(settings, name)
    return "-".join(map(str, value)) if name == "hidden" else f"{value:g}" if isinstance(value, float) else str(value)


class Controls:
    """All of them.

    Attributes
    ----------
    fields : dict of str to widget
        By the name of the setting.
    playing : ToggleButton
        Pressed while the playground plays.
    ticks : Play
        Unseen: the browser counts while it plays, and waits when a picture takes its time.
    step, epoch, again, offer : Button
        One step, one epoch, start again; and start again with a smaller learning rate, where that is what is needed.
    speed : widget
        What lies between two pictures: (steps, epochs).
    """

    def __init__(self, settings: Settings, has_own: bool) -> None:
        data = {of.words: name for name, of in DATA.items()} | ({"your points": OWN} if has_own else {})
        self.fields: dict[str, widgets.ValueWidget] = {
            "data": _choice("data", data.items(), settings.data, "starts again"),
            "points": _text("points", "training points, and as many test points; starts again", "4.5em"),
            "noise": _text("noise", "how far each point is shifted, in sides of the square; starts again", "4em"),
            "seed": _text("seed", "of the points, the initial weights and the order; starts again", "4em"),
            "hidden": _text("hidden layers", "units of each hidden layer, such as 25-25-25; starts again", "8em"),
            "activation": _choice(
                "activation", [(name, name) for name in ACTIVATIONS], settings.activation, "starts again"
            ),
            "gain": _choice("initial weights", gains(settings), settings.gain, "starts again"),
            "reduction": _choice("loss", [(LOSSES[name], name) for name in REDUCTIONS], settings.reduction, "at once"),
            "lr": _text("learning rate", "counts from the next step on", "5em"),
            "batch_size": _text("batch size", "counts from the next epoch on", "4em"),
        }
        for name in READ:
            self.fields[name].value = written(name, settings)
        self.playing = widgets.ToggleButton(description=PLAY, tooltip="Play, or pause", button_style="primary")
        self.ticks = widgets.Play(max=10**9, interval=round(1000 / PICTURES_A_SECOND), layout={"display": "none"})
        # in the browser: it stops at once, whatever Python is doing
        self.link = widgets.jslink((self.playing, "value"), (self.ticks, "playing"))
        self.step, self.epoch, self.again = (
            widgets.Button(description=name, tooltip=hint)
            for name, hint in (
                ("One step", "One mini-batch step, opened up below the picture"),
                ("One epoch", "As many steps as there are left in the epoch"),
                ("Start again", "The same data and initial weights: the same training"),
            )
        )
        self.offer = widgets.Button(button_style="warning", layout={"width": "auto", "flex": "none", "display": "none"})
        self.speed = _choice("picture every", SPEEDS.items(), SPEEDS["1 epoch"], "what happens between two pictures")

    @property
    def rows(self) -> list[widgets.HBox]:
        """All of them, as they stand."""
        lines = (
            ("data", "points", "noise", "seed"),
            ("hidden", "activation", "gain"),
            ("lr", "batch_size", "reduction"),
        )
        wrap = {"flex_flow": "row wrap", "grid_gap": "2px 14px"}
        buttons = [self.playing, self.step, self.epoch, self.again, self.speed, self.ticks]
        return [
            *(widgets.HBox([self.fields[name] for name in line], layout=wrap) for line in lines),
            widgets.HBox(buttons, layout=wrap),
        ]


def _text(name: str, hint: str, width: str) -> widgets.Text:
    long = f"calc({len(name) * 0.5:.1f}em + {width} + 1.5em)"
    return widgets.Text(
        description=name,
        tooltip=hint,
        continuous_update=False,
        style={"description_width": "initial"},
        layout={"width": long},
    )


def _choice(name: str, options: object, value: object, hint: str) -> widgets.Dropdown:
    look = {"style": {"description_width": "initial"}, "layout": {"width": "auto"}}
    return widgets.Dropdown(options=list(options), value=value, description=name, tooltip=hint, **look)
