"""A card: what the doctor and the checks say, with a bar at its left, a mark, and a bold name.

The mark is white on a colour, so that it can be read in every theme; all other text has the colour of what stands around it.
"""

from __future__ import annotations

import html
import re

MARKS = {  # white on these has a contrast of 4.5 and more, and they stand out from white and from black
    "not done": ("#707070", "○"),
    "wrong": ("#b35806", "✗"),
    "right": ("#2166ac", "✓"),
}


# A hyphen in front of a number is a minus sign; in `code`, after "line 3: ", in calls and in places[-1] it stays, and in 1e-4
MINUS = re.compile(r"(`[^`]*`|line \d+: .*|\w[(\[][^()\[\]]*)|(?<![^\s(\[,])-(?=\.?\d)")


def shown(text: str) -> str:
    """Return a text as HTML, with true minus signs; plain text keeps hyphens, which every terminal can show."""
    return html.escape(MINUS.sub(lambda found: found[1] or "−", text))


def card(status: str, title: str, body: str = "") -> str:
    """Return a card as HTML: ``title`` is text and is shown in bold, ``body`` is HTML."""
    colour, mark = MARKS[status]
    chip = f"background: {colour}; color: #fff; border-radius: 3px; padding: 0 0.35em; margin-right: 0.5em"
    return (
        f'<div class="minidl-card" style="border-left: 4px solid {colour}; padding: 4px 12px; margin: 6px 0; max-width: 46em">'
        f'<b style="{chip}">{mark}</b><b>{shown(title)}</b>{body}</div>'
    )


def paragraph(text: str) -> str:
    """Return some lines of text as HTML that keeps their breaks."""
    return f'<div style="white-space: pre-wrap">{shown(text)}</div>' if text else ""


def link(notebook: str, section: str) -> str:
    """Return a link to a section of a notebook, as Jupyter and the web pages follow it."""
    address = html.escape(f"{notebook}#{section.replace(' ', '-')}", quote=True)
    words = html.escape(f"{notebook}, {section}" if section else notebook)
    return f'<a href="{address if section else html.escape(notebook, quote=True)}">{words}</a>'
