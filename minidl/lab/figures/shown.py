"""What Jupyter shows of a figure: twice the pixels, few bytes, and a description for those who cannot see it."""

from __future__ import annotations

import base64
import io
import re
import sys
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from minidl.lab.figures.style import WHOLE_STYLE, few_colours, png

STYLE = """<style>
.jp-Notebook .jp-RenderedMarkdown :is(p, li) { max-width: 46em }
.jp-Notebook .jp-RenderedHTMLCommon table { margin-left: 0 !important }
.jp-Notebook .jp-RenderedMarkdown details { margin: 0.8em 0; padding-left: 1em }
.jp-Notebook .jp-OutputArea-output:is(.jp-RenderedImage) img { border-radius: 6px }
.jp-Notebook .jp-OutputArea-output .MathJax_Display, .jp-Notebook mjx-container[display="true"] { text-align: left !important }
.jp-Notebook .jp-RenderedLatex:has(.mjx-c2713) { border-left: 4px solid #1a7f37; padding: 4px 12px; margin: 6px 0 }
.jp-Notebook mjx-mi:has(> .mjx-c2713) { background: #1a7f37; color: #fff; border-radius: 3px; padding: 0.2em 0.35em }
.jp-Notebook .jp-RenderedLatex:has(mjx-utext) { border-left: 4px solid #b35806; padding: 4px 12px; margin: 6px 0 }
.jp-Notebook .jp-RenderedLatex :has(> mjx-utext) { background: #b35806; color: #fff; border-radius: 3px; padding: 0 0.35em }
</style>"""  # of prose, pictures, proofs (✓) and refutations (✗) in JupyterLab; nothing else has such classes
SHARP = 2  # pixels for each of the screen's, as screens of today have them


def use_style() -> None:
    """Use the project's style for all figures from now on: the first line of a notebook that draws.

    In Jupyter, they are shown as ``picture`` makes them, and lines of prose get a width that can be read.
    """
    plt.style.use(WHOLE_STYLE)
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell and "inline" in plt.get_backend():
        from IPython.display import HTML, display

        plt.switch_backend(plt.get_backend())  # its way to show figures is set up first, or it would replace ours
        shell.display_formatter.formatters["image/png"].for_type(Figure, picture)
        display(HTML(STYLE))


def picture(figure: Figure) -> tuple[str, dict[str, Any]]:
    """Return a figure as Jupyter takes it: a PNG in base64, and what is known of it, its size and its description."""
    data = png(figure, SHARP * figure.dpi)
    drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    if min(drawn.min) < -0.01 or drawn.x1 > width + 0.01 or drawn.y1 > height + 0.01:
        figure.savefig(whole := io.BytesIO(), dpi=SHARP * figure.dpi, format="png", bbox_inches="tight")
        data = few_colours(Image.open(whole))  # nothing is cut off
    width, height = (round(int.from_bytes(data[at : at + 4]) / SHARP) for at in (16, 20))  # where a PNG has its size
    about = {"width": width, "height": height, "alt": description(figure)}
    return base64.b64encode(data).decode(), about


def description(figure: Figure) -> str:
    """Return in words what a figure shows: titles, what its axes are, and where its lines begin and end.

    An axes with a label of its own, ``ax.set_label("...")``, is described by that, below its title.
    """
    return " ".join(words for words in map(_of_axes, figure.axes) if words)


def _of_axes(ax: Axes) -> str:
    title = next(filter(str.strip, (ax.get_title(loc=place) for place in ("left", "center"))), "").strip()
    if ax.get_label() and not ax.get_label().startswith("<"):
        return _plain(f"{title}{'. ' if title else ''}{ax.get_label()}.")
    scale = "" if ax.get_yscale() == "linear" else ", on a logarithmic scale"
    named = [artist for artist in (*ax.lines, *ax.collections) if not artist.get_label().startswith("_")]
    labels = [artist.get_label() for artist in named]
    once = {artist.get_label(): _of_line(artist) for artist in named if labels.count(artist.get_label()) == 1}
    items = [once.get(label, label) for label in dict.fromkeys(labels)]
    axes = " against ".join(filter(None, (ax.get_ylabel(), ax.get_xlabel()))) + scale
    return _plain(f"{title}{'. ' if title and axes else ''}{axes}{': ' if items else ''}{'; '.join(items)}.")


def _of_line(artist: Artist) -> str:
    heights = [float(y) for y in artist.get_ydata() if y == y] if isinstance(artist, Line2D) else []
    if len(heights) < 2 or artist.get_linestyle() == "None":
        return artist.get_label()
    return f"{artist.get_label()}, from {heights[0]:.3g} to {heights[-1]:.3g}"


def _plain(text: str) -> str:
    """Return a text without what formulas are written with."""
    return re.sub(r"[$\\{}]", "", text).replace("\n", ", ")
