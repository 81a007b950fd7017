"""What comes out of an examination: a row for each class."""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass
class Row:
    """What came out for one class, or for a file that has no class to examine."""

    file: str
    name: str
    verdict: str  # "well", "wrong", or why it could not be examined
    mistakes: list[str] = field(default_factory=list)
    details: str = ""
    page: str = ""

    def __post_init__(self) -> None:
        # What a student writes may hold anything: halves of signs, which no file takes, and orders to the terminal
        for name in ("file", "name", "details", "page"):
            setattr(self, name, re.sub("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", "\ufffd", getattr(self, name)))

    @property
    def well(self) -> bool:
        return self.verdict in ("well", "nothing to examine")
