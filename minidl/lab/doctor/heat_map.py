"""Two matrices as heat maps side by side, in HTML: what should have come, and what came, framed where it differs."""

from __future__ import annotations

import math

import torch
from torch import Tensor

SHOWN = 8  # rows and columns of a matrix that are drawn


def side_by_side(expected: Tensor | None, got: Tensor | None) -> str:
    """Return expected beside got as two heat maps of one scale, where both are there."""
    if expected is None or got is None:
        return ""
    finite = [float(t[t.isfinite()].abs().max()) if bool(t.isfinite().any()) else 0 for t in (expected, got)]
    largest = max(*finite, 1e-12)
    framed = torch.zeros_like(got, dtype=torch.bool)
    if expected.shape == got.shape:
        close = torch.isclose(got.double(), expected.double(), rtol=1e-4, atol=1e-6 * largest, equal_nan=True)
        framed = ~close if bool(close.any()) else framed  # frames everywhere would say nothing
    tables = "".join(
        _heat_map(f"{title} {tuple(tensor.shape)}" if tensor.ndim else title, tensor, largest, frames)
        for title, tensor, frames in (("expected", expected, torch.zeros_like(expected)), ("got", got, framed))
    )
    return f'<div style="display: flex; gap: 2em; margin: 0.3em 0">{tables}</div>'


def _heat_map(title: str, tensor: Tensor, largest: float, framed: Tensor) -> str:
    """Return a table of numbers on colours: orange above zero, blue below, white at zero, as in the figures."""
    matrix, framed = (t.reshape(-1, t.shape[-1]) if t.ndim else t.reshape(1, 1) for t in (tensor, framed))
    columns = min(matrix.shape[1], SHOWN + 1)
    rows = f'<tr><th colspan="{columns}" style="text-align: left; font-weight: normal">{title}</th></tr>'
    for row, frames in zip(matrix[:SHOWN].tolist(), framed.tolist(), strict=False):
        cells = "".join(_cell(*cell, largest) for cell in zip(row[:SHOWN], frames, strict=False))
        rows += f'<tr style="background: none">{cells}{"<td>…</td>" if len(row) > SHOWN else ""}</tr>'
    if len(matrix) > SHOWN:
        rows += '<tr style="background: none"><td>…</td></tr>'
    return f'<table style="border-collapse: collapse; margin: 0">{rows}</table>'


def _written(value: float, largest: float) -> str:
    """Return a number with as many decimals as all of its matrices have, and a true minus sign."""
    decimals = min(max(0, 2 - math.floor(math.log10(largest))), 6) if largest > 0 else 0
    return f"{value:z.{decimals}f}".replace("-", "−")


def _cell(value: float, framed: bool, largest: float) -> str:
    strength = min(abs(value) / largest, 1.0) if value == value else 0.0
    dark = (179, 88, 6) if value > 0 else (33, 102, 172)
    colour = [round(255 + (c - 255) * strength) for c in dark]
    light = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    ink = "#000" if 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2] > 0.18 else "#fff"  # the better contrast
    style = f"background: rgb({','.join(map(str, colour))}); color: {ink}; text-align: right; padding: 1px 5px"
    style += f"; box-shadow: inset 0 0 0 2px {ink}" if framed else ""
    return f'<td style="{style}">{_written(value, largest)}</td>'
