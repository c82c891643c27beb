"""What a statement says to either database."""

from __future__ import annotations

import re
from typing import NamedTuple

#: A value's name; ``::`` is PostgreSQL's cast.
_NAME = re.compile(r"(?<!:):([a-z_]+)")


class Statement(NamedTuple):
    """One statement in the words of each database, side by side."""

    sqlite: str
    postgresql: str


def plain(text: str) -> Statement:
    """A statement that both understand; ``?`` stands for a value."""
    return Statement(text, text.replace("?", "%s"))


def named(text: str) -> Statement:
    """A statement that both understand; ``:name`` stands for a value."""
    return Statement(text, _NAME.sub(r"%(\1)s", text))
