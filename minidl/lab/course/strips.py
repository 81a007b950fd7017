"""What a slider shows, on a web page: its pictures, stored below each other in one file, moved by a few lines of script.

``python .github/strips.py`` makes the files. Where there is none for a cell, or the cell has changed since, the page does
without.
"""

from __future__ import annotations

import base64
import hashlib
import html
from pathlib import Path
from typing import Any

from PIL import Image

NAME, VALUES, SOURCE = "slider", "values", "source"  # what the file says of itself
SCRIPT = """<script>
for (const strip of document.querySelectorAll(".strip")) {
  const [slider, said, image] = strip.querySelectorAll("input, output, img");
  const values = slider.dataset.values.split(" ");
  slider.oninput = () => {
    said.value = values[slider.value];
    slider.setAttribute("aria-valuetext", said.value);
    image.style.transform = `translateY(${(-100 * slider.value) / values.length}%)`;
  };
  slider.oninput();
}
</script>"""
STRIP = """<figure class="strip" style="max-width: {width}px">
<label>{name} <input type="range" min="0" max="{last}" value="{middle}" data-values="{values}"> <output></output></label>
<div style="aspect-ratio: {width} / {height}"><img alt="{alt}" src="data:image/png;base64,{data}"></div>
</figure>"""
STYLE = """
.strip { margin: 0.8em 0 }
.strip div { overflow: hidden }
.strip label { display: flex; gap: 0.7em; align-items: center }
.strip input { flex: 0 1 24em }
.strip img { width: 100%; border-radius: 0 }
"""


def strip_of(notebook: Path, cell: Any) -> Path:
    """Return where the strip of a cell is kept, whether it is there or not."""
    return notebook.parents[1] / ".github" / "strips" / f"{notebook.stem}-{cell['id']}.png"


def digest(cell: Any) -> str:
    """Return what tells whether a cell has changed."""
    return hashlib.sha256(cell["source"].encode()).hexdigest()[:16]


def strip(notebook: Path, cell: Any, alt: str) -> str:
    """Return a cell's slider and its pictures as HTML; nothing where they are not stored."""
    path = strip_of(notebook, cell)
    if not path.is_file():
        return ""
    with Image.open(path) as image:
        about, (width, height) = dict(image.text), image.size
    if about.get(SOURCE) != digest(cell):
        return ""
    values = about[VALUES].split()
    return STRIP.format(
        name=html.escape(about[NAME].replace("_", "")),
        width=width,
        height=height // len(values),
        last=len(values) - 1,
        middle=len(values) // 2,
        values=html.escape(about[VALUES]),
        alt=html.escape(alt),
        data=base64.b64encode(path.read_bytes()).decode(),
    )
