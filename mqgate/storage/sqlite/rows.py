"""Statements on rows that are given by their ids: in a list, or by runs of ids.

Messages that were posted together have ids that follow each other, and are mostly handed out and
deleted together. To name a run by its ends takes a third of the time of a list, which SQLite has to
read and sort first: a twentieth of what the store does for a message in batches.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from mqgate.storage import statements as sql

#: Runs are used from this length on, on average: a statement for a shorter one costs more.
WORTHWHILE = 8

#: Fewer rows than that are not worth an attempt.
FEW = 8

#: A quarter of what Python's own take for ids, which was 1.2 % of a message in batches.
_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(list[int])


def listed(ids: Iterable[int]) -> str:
    """Ids as SQLite's json_each takes them."""
    return _ENCODER.encode(list(ids)).decode()


def unlisted(text: str) -> list[int]:
    """The ids of a list that `listed` made."""
    return _DECODER.decode(text)


def runs_of(ids: Iterable[int]) -> Iterator[tuple[int, int]]:
    """The first and the last of those that follow each other; each id is in one run."""
    ascending = iter(sorted(ids))
    first = last = next(ascending, None)
    if first is None or last is None:
        return
    for id_ in ascending:
        if id_ != last + 1:
            yield first, last
            first = id_
        last = id_
    yield first, last


class RowsById:
    """One connection's statements that have ``id IN`` a list; used inside a transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute

    def change(
        self,
        statement: str,
        ids: Sequence[int],
        before: tuple[object, ...] = (),
        after: tuple[object, ...] = (),
    ) -> int:
        """Carry it out on these, with the values before and after them; how many it concerned."""
        runs = list(runs_of(ids)) if len(ids) >= WORTHWHILE else ()
        if not runs or len(runs) * WORTHWHILE > len(ids):
            return self._execute(statement, (*before, listed(ids), *after)).rowcount
        by_run = sql.by_run(statement)
        return sum(self._execute(by_run, (*before, *run, *after)).rowcount for run in runs)

    def change_all(
        self,
        statement: str,
        ids: Sequence[int],
        before: tuple[object, ...] = (),
        after: tuple[object, ...] = (),
    ) -> bool:
        """The same if it concerns all of many rows; else change nothing.

        To have the ids of those that it concerned returned costs half as much again as the change.
        """
        if len(ids) < FEW:
            return False
        self._execute("SAVEPOINT attempt")
        all_of_them = self.change(statement, ids, before, after) == len(ids)
        if not all_of_them:
            self._execute("ROLLBACK TO attempt")
        self._execute("RELEASE attempt")
        return all_of_them
