"""Deleted messages that stay readable: one note for many of them, taken up when they lapse.

Each had an entry in the index of expiries, moved when it was deleted and removed with it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing

from mqgate.storage import statements as sql
from mqgate.storage.sqlite.rows import RowsById, listed, unlisted

#: Messages in one note, so that none is too long to be carried out at once.
TOGETHER = 500


class Remembered:
    """The notes of one connection; used inside a transaction. Times are in milliseconds."""

    def __init__(self, connection: sqlite3.Connection, rows: RowsById) -> None:
        self._execute = connection.execute
        self._rows = rows

    def note(self, until: int, ids: Sequence[int]) -> None:
        """Messages that were deleted, and are readable up to then."""
        for start in range(0, len(ids), TOGETHER):
            part = ids[start : start + TOGETHER]
            self._execute(sql.REMEMBER.sqlite, (until, len(part), listed(part)))

    def forget(self, now: int, limit: int) -> tuple[int, list[tuple[int, int]]]:
        """Remove up to ``limit`` messages whose time is over; how many, and their bodies."""
        removed = 0
        bodies: list[tuple[int, int]] = []
        for note, text in self._lapsed(now, limit):
            ids = unlisted(text)
            if len(ids) > limit:
                rest = ids[limit:]
                self._execute(sql.LESSEN_REMEMBERED.sqlite, (len(rest), listed(rest), note))
            else:
                self._execute(sql.DROP_REMEMBERED.sqlite, (note,))
            removed += self._remove(ids[:limit], now, bodies)
            limit -= len(ids)
        return removed, bodies

    def _lapsed(self, now: int, limit: int) -> list[tuple[int, str]]:
        """Notes that are due, until they have ``limit`` messages.

        No more than these are read: a note has up to 10 kB, and hundreds may be due.
        """
        notes = []
        with closing(self._execute(sql.LAPSED.sqlite, (now, limit))) as rows:
            for note, n, text in rows:
                notes.append((note, text))
                limit -= n
                if limit <= 0:
                    break
        return notes

    def next_lapse(self) -> int | None:
        """When the next of them is readable no longer."""
        lapses: int | None = self._execute(sql.NEXT_LAPSE.sqlite).fetchone()[0]
        return lapses

    def _remove(self, ids: Sequence[int], now: int, bodies: list[tuple[int, int]]) -> int:
        # To have each row returned costs as much again as to remove it; those with a small body
        # need not be.
        removed = self._rows.change(sql.FORGET_SMALL, ids, after=(now,))
        if removed < len(ids):
            others = self._execute(sql.FORGET.sqlite, (listed(ids), now)).fetchall()
            bodies += others
            removed += len(others)
        return removed
