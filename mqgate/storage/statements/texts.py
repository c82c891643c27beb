"""What a statement says to either database."""

from __future__ import annotations

import itertools
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


def numbered(text: str) -> str:
    """PostgreSQL's words, of which some name a value by its number; ``?`` is the next one."""
    numbers = itertools.count(1)
    return re.sub(r"\?", lambda _: f"${next(numbers)}", text)


def named(text: str) -> Statement:
    """A statement that both understand; ``:name`` stands for a value."""
    return Statement(text, _NAME.sub(r"%(\1)s", text))


def lowest(column: str, table: str, sqlite: str = "", postgresql: str = "") -> Statement:
    """The lowest value of a column, under a condition in the words of each database.

    SQLite returns NULL where there is none, and PostgreSQL no row: it may look through all of an
    index for a minimum, but not for the first row in an order.
    """
    return Statement(
        f"SELECT min({column}) FROM {table}{sqlite}",
        f"SELECT {column} FROM {table}{postgresql} ORDER BY {column} LIMIT 1",
    )
