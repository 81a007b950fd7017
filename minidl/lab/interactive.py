"""Figures that follow sliders."""

from __future__ import annotations

import io
from collections.abc import Callable

import ipywidgets as widgets
import matplotlib.pyplot as plt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from minidl.lab.arguments import checked


@checked
def explore(figure: Figure, update: Callable[..., None], **sliders: widgets.ValueWidget) -> widgets.VBox:
    """Show a figure below sliders, and redraw it when one of them moves.

    Redrawing a figure takes well under 0.1 s, where making a new one takes several times as long.

    Parameters
    ----------
    figure : Figure
        Drawn once, with axes, labels and everything that does not move. Its layout stays as it is from then on.
    update : callable
        Called with the sliders' values, by name. It changes what moves, as with ``line.set_data(x, y)``. What it prints
        or raises is shown below the figure.
    sliders : ipywidgets
        Their ``description`` defaults to their name.

    Returns
    -------
    VBox
        The sliders, the figure, and what update has to say; Jupyter shows it.
    """
    # Its own size, or it would be stretched; no margin, or it would be wider than its cell.
    size = widgets.Layout(align_self="flex-start", max_width="100%", margin="0")
    image, said = widgets.Image(format="png", layout=size), widgets.Output()
    for name, slider in sliders.items():
        slider.description = slider.description or name

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
    canvas = FigureCanvasAgg(figure)
    redraw()
    figure.set_layout_engine("none")  # laying out anew takes longer than drawing, and would make the axes jump
    for slider in sliders.values():
        slider.observe(moved, names="value")
    return widgets.VBox([*sliders.values(), image, said])
