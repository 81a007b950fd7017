"""``python .github/strips.py`` stores what the notebooks' sliders show, for web pages, which have no Python to draw it.

Of each cell that ends with ``explore(...)``, it moves the first slider from end to end, and stores the pictures below each
other in one file of the folder strips, with the slider's values and a digest of the cell: a test compares it with the notebook.
``python .github/strips.py 03 07`` does so for some of the notebooks.
"""

from __future__ import annotations

import base64
import io
import json
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image, PngImagePlugin

from minidl.lab.course.strips import NAME, SOURCE, VALUES, digest, strip_of

ROOT = Path(__file__).parents[1]
COLOURS = 128
BEFORE = """
import minidl.lab.interactive
made = []
def explore(*given, **options):
    made.append((minidl.lab.interactive.explore(*given, **options), options))
    return made[-1][0]
"""
AFTER = """
import base64, json, ipywidgets
box, options = made[-1]
slider = next(each for each in options.values() if isinstance(each, ipywidgets.ValueWidget))
image = next(each for each in box.children if isinstance(each, ipywidgets.Image))
if hasattr(slider, "options"):
    values = list(slider.options)
else:
    steps = round((slider.max - slider.min) / slider.step)
    values = [slider.min + slider.step * k for k in range(steps + 1)]
kept = sorted({round(k * (len(values) - 1) / 12) for k in range(13)})
frames = []
for k in kept:
    slider.value = values[k]
    frames.append(base64.b64encode(image.value).decode())
name = slider.description.strip("$")
width = int(image.layout.width.removesuffix("px"))
print(json.dumps({"name": name, "width": width, "values": [f"{values[k]:.4g}" for k in kept], "frames": frames}))
"""


def strips(path: Path) -> list[Path]:
    """Store the strips of a notebook, and return their files."""
    notebook = nbformat.read(path, 4)
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    moved = [cell for cell in cells if "\nexplore(" in cell["source"]]
    if not moved:
        return []
    blank = nbformat.v4.new_notebook()
    client = NotebookClient(
        blank, kernel_name="python3", timeout=600, resources={"metadata": {"path": str(path.parent)}}
    )
    client.allow_errors = True  # some are meant

    def run(source: str) -> list:
        blank["cells"].append(nbformat.v4.new_code_cell(source))
        return client.execute_cell(blank["cells"][-1], len(blank["cells"]) - 1)["outputs"]

    made = []
    with client.setup_kernel():
        for cell in cells[: cells.index(moved[-1]) + 1]:
            if cell in moved:
                run(BEFORE)
            run(cell["source"])
            if cell in moved:
                (output,) = run(AFTER)
                made.append(save(strip_of(path, cell), json.loads(output["text"]), digest(cell)))
    return made


def save(target: Path, record: dict, source: str) -> Path:
    """Write pictures below each other into one file of few colours, with what is known of them."""
    pictures = [Image.open(io.BytesIO(base64.b64decode(frame))).convert("RGB") for frame in record["frames"]]
    width = record["width"]
    height = round(pictures[0].height * width / pictures[0].width)
    board = Image.new("RGB", (width, height * len(pictures)), "white")
    for number, picture in enumerate(pictures):
        board.paste(picture.resize((width, height), Image.Resampling.LANCZOS), (0, number * height))
    about = PngImagePlugin.PngInfo()
    about.add_text(NAME, record["name"])
    about.add_text(VALUES, " ".join(record["values"]))
    about.add_text(SOURCE, source)
    target.parent.mkdir(parents=True, exist_ok=True)
    board.quantize(COLOURS, dither=Image.Dither.NONE).save(target, pnginfo=about, optimize=True)
    return target


if __name__ == "__main__":
    for notebook in sorted(ROOT.glob("notebooks/*.ipynb")):
        if len(sys.argv) == 1 or notebook.name[:2] in sys.argv[1:]:
            for made in strips(notebook):
                print(made.relative_to(ROOT), f"{made.stat().st_size / 1000:.0f} kB")
