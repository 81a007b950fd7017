"""Figures that follow sliders."""

from __future__ import annotations

import io
from collections.abc import Callable

import ipywidgets as widgets
import matplotlib.pyplot as plt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from minidl.lab.arguments import checked
from minidl.lab.figures.shown import SHARP

LENGTH = "500px"  # of a slider: short ones are hard to set


@checked
def explore(
    figure: Figure, update: Callable[..., None], *, play: bool = False, **sliders: widgets.ValueWidget
) -> widgets.VBox:
    """Show a figure below sliders, and redraw it when one of them moves.

    Redrawing a figure takes well under 0.1 s, where making a new one takes several times as long.

    Parameters
    ----------
    figure : Figure
        Drawn once, with axes, labels and everything that does not move. Its layout stays as it is from then on.
    update : callable
        Called with the sliders' values, by name. It changes what moves, as with ``line.set_data(x, y)``. What it prints
        or raises is shown below the figure.
    play : bool
        Put a button before the first slider that moves it from end to end: a slider over a list of options.
    sliders : ipywidgets
        Their ``description`` defaults to their name, a formula where that is one letter.

    Returns
    -------
    VBox
        The sliders, the figure, and what update has to say; Jupyter shows it.
    """
    width = round(figure.get_figwidth() * figure.dpi)
    # Its own size, or it would be stretched; no margin, or it would be wider than its cell.
    size = widgets.Layout(align_self="flex-start", width=f"{width}px", max_width="100%", margin="0")
    image, said = widgets.Image(format="png", layout=size), widgets.Output()
    for name, slider in sliders.items():
        slider.description = slider.description or _formula(name)
        slider.layout.width, slider.style.description_width = LENGTH, "initial"

    def redraw() -> None:
        update(**{name: slider.value for name, slider in sliders.items()})
        picture = io.BytesIO()
        # figure.savefig would draw it twice, and a smaller file would take longer than it saves
        canvas.print_png(picture, pil_kwargs={"compress_level": 1})
        image.value = picture.getvalue()

    def moved(change: object) -> None:
        said.outputs = ()
        with said:
            redraw()

    plt.close(figure)  # or Jupyter would show it a second time
    figure.set_dpi(SHARP * figure.dpi)
    canvas = FigureCanvasAgg(figure)
    redraw()
    figure.set_layout_engine("none")  # laying out anew takes longer than drawing, and would make the axes jump
    for slider in sliders.values():
        slider.observe(moved, names="value")
    shown = list(sliders.values())
    if play and shown:
        film = widgets.Play(max=len(shown[0].options) - 1, interval=500, show_repeat=False)
        widgets.jslink((film, "value"), (shown[0], "index"))
        shown[0] = widgets.HBox([film, shown[0]])
    return widgets.VBox([*shown, image, said])


def _formula(name: str) -> str:
    """Return a name as it is typeset: x and x_2 are formulas, lr and gain are words."""
    return f"${name}$" if len(name.split("_")[0]) == 1 else name
