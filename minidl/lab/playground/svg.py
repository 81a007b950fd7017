"""The few elements of a drawing, as text."""

from __future__ import annotations

import html

INK = "#1a1a1a"


def element(name: str, inside: str = "", **attributes: object) -> str:
    """Return an element; numbers are rounded to what one can see, and ``stroke_width`` is written as stroke-width."""
    written = "".join(f' {key.replace("_", "-")}="{_short(value)}"' for key, value in attributes.items())
    return f"<{name}{written}>{inside}</{name}>" if inside else f"<{name}{written}/>"


def text(x: float, y: float, words: str, *, small: bool = True, anchor: str = "start", **attributes: object) -> str:
    """Return words that begin, have their middle, or end at x."""
    look = {"text_anchor": anchor} | ({"class": "small"} if small else {}) | attributes
    return element("text", html.escape(words), x=x, y=y, **look) if words else ""


def path(d: str, *, stroke: str, width: float, **attributes: object) -> str:
    """Return lines; nothing where there are none."""
    return element("path", d=d, fill="none", stroke=stroke, stroke_width=width, **attributes) if d else ""


def image(address: str, x: float, y: float, width: float, height: float) -> str:
    """Return a picture, stretched to that size; it appears together with the rest of the drawing, not later."""
    size = {"x": x, "y": y, "width": width, "height": height}
    return element("image", href=address, **size, preserveAspectRatio="none", decoding="sync")


def _short(value: object) -> object:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else value
