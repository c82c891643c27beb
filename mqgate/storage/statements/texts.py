"""What a statement says to either database."""

from __future__ import annotations

from typing import NamedTuple


class Statement(NamedTuple):
    """One statement in the words of each database, side by side."""

    sqlite: str
    postgresql: str


def plain(text: str) -> Statement:
    """A statement that both understand; ``?`` stands for a value."""
    return Statement(text, text.replace("?", "%s"))
