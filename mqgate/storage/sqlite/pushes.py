"""The statements of `mqgate.storage.statements.pushes`, run on one SQLite connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence

from mqgate.storage.interface import (
    SLOT_SHIFT,
    ClaimedPush,
    PushKey,
    PushRow,
    PushStatus,
    SettlePush,
    ShowPushes,
)
from mqgate.storage.push_rows import due, dumped, found, shown
from mqgate.storage.push_session import Absent, DuePush, Shelf
from mqgate.storage.sqlite.remembering import TOGETHER, Remembered
from mqgate.storage.sqlite.rows import listed
from mqgate.storage.statements import pushes as sql

#: Entries that one INSERT takes; see `mqgate.storage.sqlite.session.ROWS_AT_ONCE`.
ROWS_AT_ONCE = (16, 4, 1)
#: Values that one entry takes there.
WIDTH = 13


class SQLitePushes:
    """One connection's statements; implements `mqgate.storage.push_session.PushSession`."""

    def __init__(self, connection: sqlite3.Connection, slot: int, remembered: Remembered) -> None:
        self._execute = connection.execute
        self._slot = slot
        self._remembered = remembered

    def add(self, shelf: Shelf, rows: Sequence[PushRow]) -> None:
        values: list[object] = []
        for message, subscriber, number, targets, via, error_queue, *times, next_at in rows:
            url, lane, _ = targets[0]
            values += (*shelf, message, subscriber, number, dumped(targets), via, error_queue)
            values += (*times, url, lane, next_at)
        start, left = 0, len(rows)
        for size in ROWS_AT_ONCE:
            while left >= size:
                end = start + size * WIDTH
                self._execute(sql.add(size), values[start:end])
                start, left = end, left - size

    def show(self, show: ShowPushes, now: int) -> tuple[PushStatus, ...] | None:
        world, shelf, memory_shelf, message = show
        values = (message, world, shelf, memory_shelf, now)
        return shown(self._execute(sql.SHOW.sqlite, values).fetchall())

    # -- claiming

    def resume(self, now: int) -> None:
        self._execute(sql.RESUME.sqlite, (now, SLOT_SHIFT, self._slot))

    def due(self, now: int, limit: int) -> list[DuePush]:
        return due(self._execute(sql.DUE.sqlite, (now, limit)))

    def lanes(self, after: str, limit: int) -> list[str]:
        return [row[0] for row in self._execute(sql.LANES.sqlite, (after, limit))]

    def due_in_lane(self, lane: str, now: int, limit: int) -> list[DuePush]:
        return due(self._execute(sql.DUE_IN_LANE.sqlite, (lane, now, limit)))

    def next_due(self, now: int) -> int | None:
        row = self._execute(sql.NEXT_DUE.sqlite, (now,)).fetchone()
        return None if row is None else row[0]

    def find(self, key: PushKey, now: int) -> ClaimedPush | Absent:
        row = self._execute(sql.FIND.sqlite, (now, *key, now)).fetchone()
        if row is None:
            return Absent.TAKEN
        return found(key, row)

    def claim(self, push: ClaimedPush, until: int) -> None:
        self._execute(sql.CLAIM.sqlite, (push.claim, until, push.tries, *push.key))

    # -- what comes of it

    def hold(self, messages: Collection[tuple[int, int]]) -> None:
        pass  # the transaction has the whole file to itself

    def settle(self, settle: SettlePush) -> bool:
        key, claim, *progress, target, failures, _, _ = settle
        written = (*progress, *target[:2], dumped(failures) if failures else None, *key, claim)
        return self._execute(sql.SETTLE.sqlite, written).rowcount == 1

    def acknowledge(self, key: PushKey) -> bool:
        return self._execute(sql.ACKNOWLEDGE.sqlite, key).rowcount == 1

    def is_known(self, key: PushKey, memory_shelf: int, now: int) -> bool:
        world, shelf, message, subscriber = key
        values = (world, shelf, memory_shelf, message, subscriber, now)
        return self._execute(sql.IS_KNOWN.sqlite, values).fetchone() is not None

    def left(self, shelf: Shelf, message: int) -> tuple[int, int]:
        still_open, failed = self._execute(sql.LEFT.sqlite, (*shelf, message)).fetchone()
        return int(still_open), int(failed)

    # -- messages in state 4

    def pushed(self, shelf: Shelf, ids: Sequence[int], now: int) -> list[tuple[int, int]]:
        return self._execute(sql.PUSHED.sqlite, (listed(ids), *shelf, now)).fetchall()

    def finish(self, shelf: Shelf, messages: Sequence[int], memory_shelf: int, until: int) -> None:
        ids = listed(messages)
        rows = self._execute(sql.FINISH_MESSAGES.sqlite, (memory_shelf, until, ids)).fetchall()
        self._execute(sql.FINISH_ENTRIES.sqlite, (memory_shelf, *shelf, ids))
        expiring: dict[int, list[int]] = {}
        for message, expires in rows:
            expiring.setdefault(expires, []).append(message)
        for expires, finished in expiring.items():
            self._remembered.note(expires, finished)
            self.remember(expires, (shelf[0], memory_shelf), finished)

    def drop_oldest(self, shelf: Shelf, n: int) -> list[tuple[int, int, int]]:
        rows = self._execute(sql.OLDEST.sqlite, (*shelf, n)).fetchall()
        self._execute(sql.DROP.sqlite, (*shelf, listed(row[0] for row in rows)))
        return rows

    def empty(self, shelf: Shelf, limit: int) -> tuple[int, list[tuple[int, int]]]:
        entries = self._execute(sql.OF_SHELF.sqlite, (*shelf, limit)).fetchall()
        if not entries:
            return 0, []
        self._execute(sql.DROP_UP_TO, (*shelf, *entries[-1]))
        messages = dict.fromkeys(message for message, _ in entries)
        return len(entries), self.pushed(shelf, list(messages), -1)

    # -- entries whose messages are gone

    def remember(self, until: int, shelf: Shelf, messages: Sequence[int]) -> None:
        for start in range(0, len(messages), TOGETHER):
            ids = listed(messages[start : start + TOGETHER])
            self._execute(sql.REMEMBER.sqlite, (until, *shelf, ids))

    def next_lapse(self) -> int | None:
        """When there are entries to be removed next."""
        lapses: int | None = self._execute(sql.NEXT_LAPSE.sqlite).fetchone()[0]
        return lapses

    def forget(self, now: int, limit: int) -> int:
        left = limit
        while left > 0:
            note = self._execute(sql.LAPSED.sqlite, (now,)).fetchone()
            if note is None:
                break
            rowid, *messages = note
            removed = self._execute(sql.FORGET, (*messages, left)).rowcount
            if removed < left:
                self._execute(sql.DROP_REMEMBERED.sqlite, (rowid,))
            left -= removed
        return limit - left
