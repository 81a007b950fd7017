"""Figures that follow sliders."""

from __future__ import annotations

import gc
import io
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.legend import Legend
from matplotlib.path import Path
from matplotlib.spines import Spine
from PIL import Image

from minidl.lab.arguments import checked
from minidl.lab.figures.shown import SHARP, picture

LENGTH = "500px"  # of a slider: short ones are hard to set
UNSEEN = {"_stale", "_animated", "_gid", "_rasterized"}  # what does not make an artist's look


class Sliders(widgets.VBox):
    """Sliders, and the figure that follows them. Where there is nobody to move them, a picture of the start is shown."""

    def __init__(self, children: Sequence[widgets.Widget], still: tuple[str, dict[str, Any]]) -> None:
        super().__init__(children)
        self.still = still

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        picture, about = self.still
        return super()._repr_mimebundle_(**kwargs) | {"image/png": picture}, {"image/png": about}


class Stage:
    """A figure of which only what moves is drawn anew: frames, ticks, labels, and what lies below all that moves, are kept.

    Whatever lies in the axes counts as moving as soon as it looks different, and with it all that is drawn after it.
    """

    def __init__(self, figure: Figure) -> None:
        self.figure, self.canvas = figure, FigureCanvasAgg(figure)
        self.frame: Any = None
        self.kept: list[Any] = []  # how that looks which is drawn with the frame
        self.seen: object = None

    def png(self) -> bytes:
        """Draw the figure, and return it as a PNG."""
        now = [(str(ax.viewLim), ax.get_xlabel(), ax.get_ylabel(), ax.get_position()) for ax in self.figure.axes]
        artists = self.moving()
        looks = [_look(artist) for artist in artists]
        if str(now) != self.seen or looks[: len(self.kept)] != self.kept:
            before = looks if self.frame is None else self.kept
            same = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(before, looks, strict=False))
            self.seen, self.kept = str(now), [look for look, _ in same]
            plt.setp(artists[len(self.kept) :], animated=True)  # which leaves them out
            self.canvas.draw()
            self.frame = self.canvas.copy_from_bbox(self.figure.bbox)
        self.canvas.restore_region(self.frame)
        for artist in artists[len(self.kept) :]:
            artist.draw(self.canvas.get_renderer())
        drawn, picture = io.BytesIO(), Image.fromarray(np.asarray(self.canvas.buffer_rgba())).convert("RGB")
        picture.save(drawn, "png", compress_level=1)  # a smaller file would take longer than it saves
        return drawn.getvalue()

    def moving(self) -> list[Artist]:
        """Return what lies in the axes, the lowest first."""
        artists = [artist for ax in self.figure.axes for artist in ax.get_children() if artist is not ax.patch]
        return sorted((a for a in artists if not isinstance(a, Axis | Spine)), key=Artist.get_zorder)


def _look(artist: Artist) -> Any:
    """Return all that makes an artist's look, to compare it with another's; a legend, of many artists, is never the same."""
    if isinstance(artist, Legend):
        return object()
    parts = {name: part for name, part in vars(artist).items() if name not in UNSEEN}
    return type(artist), {name: _plain(part) for name, part in parts.items()}


def _plain(part: Any) -> Any:
    if isinstance(part, np.ndarray):
        return part.tobytes()
    if isinstance(part, Path):
        return part.vertices.tobytes()
    if isinstance(part, list | tuple):
        return [_plain(one) for one in part]
    return part if isinstance(part, str | int | float | FontProperties) else None


@checked
def explore(
    figure: Figure | Callable[..., Any],
    update: Callable[..., None] | None = None,
    *,
    play: bool = False,
    **sliders: widgets.ValueWidget,
) -> Sliders:
    """Show a figure below sliders, and redraw it when one of them moves.

    Redrawing a figure takes well under 0.1 s, where making a new one takes several times as long.

    Parameters
    ----------
    figure : Figure or callable
        A figure with everything that does not move, or a function that draws: it takes the sliders' values by name and
        ``ax``, None at first, and returns what it has drawn into, which is emptied and handed to it the next time. Layout and
        limits stay as they are from then on.
    update : callable, optional
        For a figure: called with the sliders' values, by name. It changes what moves, as with ``line.set_data(x, y)``. What it
        prints or raises is shown below the figure.
    play : bool
        Put a button before the first slider that moves it from end to end: a slider over a list of options.
    sliders : ipywidgets
        Their ``description`` defaults to their name, a formula where that is one letter.

    Returns
    -------
    Sliders
        The sliders, the figure, and what update has to say; Jupyter shows it.
    """

    def values() -> dict[str, Any]:
        return {name: slider.value for name, slider in sliders.items()}

    if isinstance(figure, Figure) == (update is None):
        raise ValueError(
            "explore expected a figure and update, or a function that draws and no update, got something else"
        )
    if update is None:
        draw, axes = figure, figure(**values(), ax=None)
        figure, limits = np.ravel(axes)[0].figure, [(ax.get_xlim(), ax.get_ylim()) for ax in np.ravel(axes)]

        def update(**moved: Any) -> None:
            for ax in np.ravel(axes):
                ax.set_label("")  # its description, to which a picture of several parts adds
                for artist in (*ax.lines, *ax.collections, *ax.patches, *ax.images, *ax.texts):
                    artist.remove()
            draw(**moved, ax=axes)
            for ax, (x, y) in zip(np.ravel(axes), limits, strict=True):
                ax.set(xlim=x, ylim=y)

    width = round(figure.get_figwidth() * figure.dpi)
    # Its own size, or it would be stretched; no margin, or it would be wider than its cell.
    size = widgets.Layout(align_self="flex-start", width=f"{width}px", max_width="100%", margin="0")
    image, said = widgets.Image(format="png", layout=size), widgets.Output()
    for name, slider in sliders.items():
        slider.description = slider.description or _formula(name)
        slider.layout.width, slider.style.description_width = LENGTH, "initial"

    def moved(change: object) -> None:
        said.outputs = ()
        collects = gc.isenabled()
        gc.disable()  # a search for garbage takes as long as a picture: not before this one is there
        try:
            with said:
                update(**values())
                image.value = stage.png()
        finally:
            if collects:
                gc.enable()

    plt.close(figure)  # or Jupyter would show it a second time
    update(**values())
    still = picture(figure)
    figure.set_dpi(SHARP * figure.dpi)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laying out anew takes longer than drawing, and would make the axes jump
    stage = Stage(figure)
    image.value = stage.png()
    for slider in sliders.values():
        slider.observe(moved, names="value")
    shown = list(sliders.values())
    if play and shown:
        film = widgets.Play(max=len(shown[0].options) - 1, interval=500, show_repeat=False)
        widgets.jslink((film, "value"), (shown[0], "index"))
        shown[0] = widgets.HBox([film, shown[0]])
    return Sliders([*shown, image, said], still)


def _formula(name: str) -> str:
    """Return a name as it is typeset: x and x_2 are formulas, lr and gain are words."""
    return f"${name}$" if len(name.split("_")[0]) == 1 else name
