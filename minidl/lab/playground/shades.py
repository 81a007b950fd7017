"""Pictures of numbers over the square, as small PNG files inside the drawing, and the border between two classes."""

from __future__ import annotations

import base64
import io

import numpy as np
from contourpy import contour_generator
from matplotlib.colors import Colormap
from PIL import Image

from minidl.lab.figures.style import REGIONS, SIGNS

EMPTY = 255  # an index: see through


def _palette(colours: Colormap) -> bytes:
    shades = (colours(np.arange(colours.N))[:, :3] * 255).round().astype(np.uint8).tobytes()
    return shades.ljust(3 * (EMPTY + 1), b"\xff")


PALETTES = {colours.name: _palette(colours) for colours in (REGIONS, SIGNS)}


def shade(numbers: np.ndarray, colours: Colormap = REGIONS) -> str:
    """Return a picture of numbers from -1 to 1, row by row upwards, as an address that holds the file itself."""
    return _address(_indices(numbers, colours)[::-1], colours)


def sheet(pictures: np.ndarray, rows: int, gap: int) -> str:
    """Return one picture of many, column by column from above, with gaps that one can see through.

    Each is scaled by its largest number: what counts is where a unit answers, not how loud.
    """
    units, side = len(pictures), pictures.shape[-1]
    columns, pitch = -(-units // rows), side + gap
    largest = np.abs(pictures).max(axis=(1, 2), keepdims=True)
    indices = _indices(pictures / np.where((largest > 0) & np.isfinite(largest), largest, 1), SIGNS)
    board = np.full((min(rows, units) * pitch, columns * pitch), EMPTY, dtype=np.uint8)
    for number, picture in enumerate(indices):
        column, row = divmod(number, rows)
        board[row * pitch : row * pitch + side, column * pitch : column * pitch + side] = picture[::-1]
    return _address(board, SIGNS)


def _indices(numbers: np.ndarray, colours: Colormap) -> np.ndarray:
    """Return for each number, from -1 to 1, which colour it has. What is no number has that of 0."""
    finite = np.nan_to_num(numbers, nan=0.0).clip(-1, 1)
    return ((finite + 1) / 2 * (colours.N - 1)).round().astype(np.uint8)


def _address(indices: np.ndarray, colours: Colormap) -> str:
    image = Image.fromarray(np.ascontiguousarray(indices))
    image.putpalette(PALETTES[colours.name])
    file = io.BytesIO()
    image.save(file, "png", compress_level=1, transparency=EMPTY)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def border(numbers: np.ndarray, size: float) -> str:
    """Return the path along which numbers over a square of that size, row by row upwards, change their sign."""
    if not np.isfinite(numbers).all() or not numbers.min() < 0 < numbers.max():
        return ""
    middles = (np.arange(len(numbers)) + 0.5) * size / len(numbers)
    lines = contour_generator(middles, size - middles, numbers).lines(0.0)
    return "".join("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in line) for line in lines)
