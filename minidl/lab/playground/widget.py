"""The playground itself: controls, the picture, and what it has to say."""

from __future__ import annotations

import html
import math
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as widgets
import pandas as pd
from torch import Tensor

from minidl import Sequential
from minidl.lab.arguments import check_whole, checked
from minidl.lab.playground.controls import PAUSE, PLAY, READ, Controls, gains, written
from minidl.lab.playground.data import Points
from minidl.lab.playground.learner import Learner
from minidl.lab.playground.opened import opened
from minidl.lab.playground.picture import Still, picture
from minidl.lab.playground.settings import LIVE, OWN, Settings

# Jupyter answers widgets in a thread of their own, beside the one that runs cells. What touches a training takes turns.
TURN = threading.RLock()
ALL: weakref.WeakSet[Playground] = (
    weakref.WeakSet()
)  # one plays at a time: one that is out of sight would only take time
CHANGED = "# Something was changed on the way: from the start, the last settings would give other numbers.\n"
DEAD = (
    "All units of layer {} are dead: every training point gets the same answer, and the layer learns no more. "
    "Start again with a smaller learning rate, or with other initial weights."
).format
MARKED = "dotted in the curves. To compare two trainings fairly, start again."

PROSE = "max-width:60em;line-height:1.45"


class Playground(widgets.VBox):
    """A network that learns while one watches. ``playground`` makes one.

    Attributes
    ----------
    settings : Settings
    model : minidl.Sequential
        The network, as it is now. To ask for it pauses the playground: two cannot work with one network at a time.
    history : DataFrame
        As ``train`` returns it, of the epochs so far.
    training, test : (Tensor, Tensor)
        Points, shape (n, 2), and one-hot targets, shape (n, 2).
    code : str
        The training so far as a cell of code.
    """

    def __init__(self, settings: Settings, own: Sequence[Points] = ()) -> None:
        self.own = own
        self.learner = Learner(settings, own)
        self.controls = Controls(settings, has_own=bool(own))
        self.picture, self.said, self.inside, self.as_code = (widgets.HTML() for _ in range(4))
        self.picture.layout.max_width = "100%"
        # room for two lines, so that the picture stays where it is when there is something to say
        words = widgets.HBox(
            [self.said, self.controls.offer], layout={"min_height": "44px", "align_items": "center", "grid_gap": "14px"}
        )
        below = [words, self.picture, self.inside, self.as_code]
        super().__init__([*self.controls.rows, *below], layout={"overflow": "hidden"})
        self._is_writing, self._says_dead = False, False
        self._answer_controls()
        ALL.add(self)
        self._draw()

    @property
    def settings(self) -> Settings:
        return self.learner.settings

    @property
    def model(self) -> Sequential:
        self.pause()
        return self.learner.model

    @property
    def history(self) -> pd.DataFrame:
        with TURN:
            return self.learner.history

    @property
    def training(self) -> Points:
        return self.learner.training

    @property
    def test(self) -> Points:
        return self.learner.test

    @property
    def code(self) -> str:
        with TURN:
            return CHANGED * bool(self.learner.changes) + self.settings.code(self.learner.epochs)

    def step(self) -> None:
        """Take one mini-batch step, and open it up below the picture."""
        self._do(self.learner.step)

    def epoch(self, count: int = 1) -> None:
        """Train to the end of the epoch under way, or for one; and for more epochs if there are more to be.

        Raises
        ------
        FloatingPointError
            When the loss is no longer finite.
        """
        check_whole("epoch", "count", count)
        self._do(lambda: [self.learner.advance(None) for _ in range(count)])

    def restart(self, **changes: Any) -> None:
        """Start again, with some settings changed: ``restart(lr=0.01)``."""
        with TURN:
            self._begin(self.settings.changed(**changes))

    def still(self) -> Still:
        """Return the picture as it is now, one that needs no Python to be looked at."""
        with TURN:
            return Still(self.learner.look())

    def pause(self) -> None:
        """Stop playing."""
        with TURN:
            self.controls.playing.value = False

    def __repr__(self) -> str:
        widths = "-".join(map(str, self.settings.widths))
        return f"<playground: {widths} with {self.settings.activation} on {self.learner.words}, epoch {self.learner.epochs}>"

    # -----------------------------------------------------------------------------------------------------------------
    # What the controls do

    def _answer_controls(self) -> None:
        controls = self.controls
        for name, field in controls.fields.items():
            field.observe(self._answering(lambda change, name=name: self._set(name, change["new"])), names="value")
        controls.playing.observe(self._answering(lambda change: self._play(change["new"])), names="value")
        controls.ticks.observe(self._answering(lambda change: self._tick()), names="value")
        controls.step.on_click(self._answering(lambda button: self._pausing(self.step)))
        controls.epoch.on_click(self._answering(lambda button: self._pausing(self.epoch)))
        controls.again.on_click(self._answering(lambda button: self._pausing(self.restart)))
        controls.offer.on_click(self._answering(lambda button: self._pausing(self._accept)))

    def _answering(self, answer: Callable[[Any], None]) -> Callable[[Any], None]:
        """Return an answer to a control whose errors become sentences below the controls."""

        def safe(event: Any) -> None:
            try:
                with TURN:
                    answer(event)
            except FloatingPointError:
                pass  # it has been said, and what to do about it
            except (
                Exception
            ) as error:  # of a model that a student has taken apart, too: there is no cell to raise it in
                self.pause()
                self._say(
                    f"{type(error).__name__}: {error}" if not isinstance(error, ValueError) else str(error), "alert"
                )

        return safe

    def _play(self, playing: bool) -> None:
        self.controls.playing.description = PAUSE if playing else PLAY
        if not playing:
            self._draw()
            return
        for other in ALL - {self}:
            other.pause()
        self._say("")

    def _tick(self) -> None:
        """Go on for one picture; the browser asks for it, while it plays and has shown the last one."""
        if self.controls.playing.value:
            steps, epochs = self.controls.speed.value
            self._do(
                lambda: self.learner.advance(steps) if steps else [self.learner.advance(None) for _ in range(epochs)]
            )

    def _pausing(self, action: Callable[[], None]) -> None:
        self.pause()
        action()

    def _accept(self) -> None:
        self.restart(lr=self._smaller)

    def _set(self, name: str, value: Any) -> None:
        """Take over a setting; what does not fit is refused in a sentence, and the control says again what holds."""
        if self._is_writing:
            return
        try:
            settings = self.settings.changed(**{name: READ[name](value) if name in READ else value})
        except (TypeError, ValueError) as error:
            self._write(name)
            words = str(error).removeprefix("playground expected ")
            self._say(f"Refused: expected {words}. It stays as it was.", "alert")
            return
        self._write(name, settings)
        if settings == self.settings:
            return
        if name in LIVE:
            self.learner.change(settings)
            field = self.controls.fields[name]
            goes_on = (
                f"From here on it trains with {field.description} {getattr(field, 'label', field.value)}: {MARKED}"
            )
            self._draw()
            if not self._says_dead:
                self._say(goes_on if self.learner.changes else "")
        else:
            self.pause()
            self._begin(settings)

    # -----------------------------------------------------------------------------------------------------------------
    # What happens then

    def _begin(self, settings: Settings) -> None:
        self.learner = Learner(settings, self.own)
        for name in self.controls.fields:
            self._write(name, settings)
        self._say("")
        self._draw()

    def _do(self, work: Callable[[], object]) -> None:
        """Train, then draw. Where a number is no longer finite: stop, say so, and offer a tenth of the learning rate."""
        with TURN:
            try:
                work()
            except FloatingPointError as error:
                self.pause()
                self._draw()
                self._say(str(error), "alert")
                self._smaller = float(f"{self.settings.lr / 10:.3g}")
                self.controls.offer.description = f"Start again with learning rate {self._smaller:g}"
                self.controls.offer.layout.display = ""
                raise
            self._draw()

    def _draw(self) -> None:
        playing = self.controls.playing.value
        look = self.learner.look()
        self.picture.value = picture(look, hints=not playing)
        if look.dead_layer or self._says_dead:  # and no longer than it holds
            self._say(DEAD(look.dead_layer) if look.dead_layer else "")
            self._says_dead = look.dead_layer is not None
        inside = opened(self.learner.last) if self.learner.last and not playing else ""
        self._put(self.inside, inside and f'<div style="{PROSE}">{inside}</div>')
        if not playing:
            code = f"<pre>{html.escape(self.code)}</pre>"
            self._put(self.as_code, f"<details><summary>This training as code</summary>{code}</details>")

    def _say(self, text: str, role: str = "status") -> None:
        self.controls.offer.layout.display = "none"
        self._says_dead = False
        self._put(
            self.said,
            f'<p role="{role}" style="{PROSE};margin:0">{html.escape(text)}</p>' if text else "",
        )

    def _put(self, place: widgets.HTML, value: str) -> None:
        place.value = value
        place.layout.display = "" if value else "none"

    def _write(self, name: str, settings: Settings | None = None) -> None:
        """Let a control say what holds."""
        settings, field = settings or self.settings, self.controls.fields[name]
        value = written(name, settings) if name in READ else getattr(settings, name)
        self._is_writing = True
        try:
            if name == "gain" and field.options != tuple(gains(settings)):
                field.options = gains(settings)
            field.value = value
        finally:
            self._is_writing = False


@checked
def playground(
    data: str | tuple[Tensor, Tensor] = "disk",
    *,
    test: tuple[Tensor, Tensor] | None = None,
    points: int = 500,
    noise: float = 0.0,
    hidden: Sequence[int] = (25, 25, 25),
    activation: str = "ReLU",
    gain: float = math.sqrt(2),
    reduction: str = "sum",
    lr: float = 0.001,
    batch_size: int = 50,
    seed: int = 0,
) -> Playground:
    """Return a network that learns while one watches, with controls for all of the settings. Jupyter shows it.

    What it trains is a plain ``minidl.Sequential``: at any time, ``.model`` is the network and ``.history`` what ``train``
    would have returned. ``.step()``, ``.epoch()`` and ``.restart()`` are what its buttons do.

    Parameters
    ----------
    data : {"disk", "corners", "moons", "spiral"} or (Tensor, Tensor)
        Your own points are of shape (n, 2), and their targets one-hot, (n, 2), or class numbers 0 and 1, (n,).
    test : (Tensor, Tensor), optional
        Your own test points and targets; without them, every other point of yours is one.
    points, noise, hidden, activation, gain, reduction, lr, batch_size, seed
        See ``Settings``; each of them has a control.

    Raises
    ------
    TypeError, ValueError
        For what does not fit.
    """
    return Playground(*_arranged(data, test, points=points, noise=noise, hidden=hidden, activation=activation, gain=gain,
                                 reduction=reduction, lr=lr, batch_size=batch_size, seed=seed))  # fmt: skip


def _arranged(data: Any, test: Points | None, **settings: Any) -> tuple[Settings, list[Points]]:
    """Return the settings, and a student's own data if there are any."""
    if isinstance(data, str):
        if test is not None:
            raise ValueError(f"playground expected test points beside your own points only, got data {data!r}")
        if data == OWN:
            raise ValueError('playground expected your points and targets themselves, not "own"')
        return Settings(data=data, **settings), []
    return Settings(data=OWN, **settings), [data] if test is None else [data, test]
