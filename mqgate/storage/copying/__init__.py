"""Copies a whole database into another one, whatever either of them is (docs/command.md).

The target gets all of it in one piece: as long as the copy is not whole, there is nothing to be
seen of it, so that one that was cut short is simply done again. A row at a time is in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum, auto
from typing import Protocol

from mqgate.storage.copying.settling import Row, settled
from mqgate.storage.copying.tables import BY_NAME, TABLES, Table
from mqgate.storage.interface import StoreError

#: Progress is told after so many rows.
_STEP = 1000


#: Of these no two databases have the same: made at random with a database, and at each start.
_MARKS = ("secret", "gateway")


class Holds(Enum):
    """What is in a target."""

    NOTHING = auto()
    #: What was copied into it from this very source, and nobody has opened either since.
    THIS = auto()
    OTHERS = auto()


__all__ = ["Holds", "Row", "Source", "Target", "copy", "holds"]


class Source(Protocol):
    """A database that nobody changes as long as this is open. All of it raises `StoreError`."""

    name: str

    def rows(self, table: Table) -> Iterator[Row]:
        """All rows of a table, in the order of its key, read as they are taken."""

    def count(self) -> int:
        """About how many rows there are to be copied."""

    def close(self) -> None:
        """Let others have it."""


class Target(Protocol):
    """A database that nobody else has open as long as this is. All of it raises `StoreError`."""

    name: str

    def used(self) -> bool:
        """Whether it holds anything but what a server makes at its first start."""

    def rows(self, table: Table) -> Iterator[Row]:
        """The rows of a table that are there already."""

    def clear(self) -> None:
        """Make the tables, or empty them."""

    def write(self, table: Table, rows: Iterator[Row]) -> None:
        """Add rows to a table."""

    def finish(self) -> None:
        """Have all that was written there, durably and at once."""

    def close(self) -> None:
        """Let others have it; what was not finished is gone."""


def holds(source: Source, target: Target) -> Holds:
    """What is in the target."""
    if not target.used():
        return Holds.NOTHING
    same = all(
        list(settled(table, source.rows(table))) == list(settled(table, target.rows(table)))
        for table in map(BY_NAME.__getitem__, _MARKS)
    )
    return Holds.THIS if same else Holds.OTHERS


def copy(source: Source, target: Target, progress: Callable[[int], None]) -> dict[str, int]:
    """Copy everything; how many rows of each table. ``progress`` is told how many rows it was yet.

    Raises `StoreError` if the target holds something, or one of the two cannot be used.
    """
    if target.used():
        raise StoreError(
            f"{target.name} holds queues or messages already: copy into an empty database"
        )
    target.clear()
    counts = dict.fromkeys(BY_NAME, 0)
    done = 0

    def counted(table: Table) -> Iterator[Row]:
        nonlocal done
        for row in settled(table, source.rows(table)):
            yield row
            counts[table.name] += 1
            done += 1
            if done % _STEP == 0:
                progress(done)

    for table in TABLES:
        target.write(table, counted(table))
    target.finish()
    return counts
