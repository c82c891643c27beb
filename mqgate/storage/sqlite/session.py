"""The statements of `mqgate.storage.statements`, run on one SQLite connection."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from mqgate.storage import statements as sql
from mqgate.storage.interface import (
    EPOCH,
    Change,
    Get,
    Memory,
    MessageRow,
    PostRow,
    QueueRow,
    Release,
    WorldRows,
)
from mqgate.storage.session import Shelf

#: Rows that one INSERT takes: sqlite3 lets go of Python's lock for each statement, and getting it
#: back from a busy reactor costs more than the row.
ROWS_AT_ONCE = (64, 16, 4, 1)

#: As many held messages as one reserve makes ready: a longer backlog is taken in slices.
PROMOTED_AT_ONCE = 1000


def _listed(ids: Iterable[int]) -> str:
    return "[" + ",".join(map(str, ids)) + "]"


def _columns(row: QueueRow) -> tuple[object, ...]:
    settings = json.dumps(row.settings, separators=(",", ":")).encode()
    return (*row[:5], settings, *row[6:])


def _queue_row(
    world: int, number: int, name: str, shelf: int, policy: str, settings: bytes, *rest: int
) -> QueueRow:
    return QueueRow(world, number, name, shelf, policy, json.loads(settings), *rest)


class SQLiteSession:
    """One connection's statements; implements `mqgate.storage.session.Session`."""

    def __init__(self, connection: sqlite3.Connection, slot: int, owner: str) -> None:
        self._execute = connection.execute
        self._executemany = connection.executemany
        self._slot = slot
        self._owner = owner

    # -- the catalogue

    def versions(self, worlds: Sequence[int]) -> dict[int, int]:
        return dict(self._execute(sql.VERSIONS, (_listed(worlds),)).fetchall())

    def newer(self, world: int, since: int) -> WorldRows:
        version, forgotten, next_number = self._execute(sql.WORLD, (world,)).fetchone()
        complete = since < forgotten or since < 0
        statement = sql.LIVE_QUEUES if complete else sql.QUEUES
        rows = self._execute(statement, (world, -1 if complete else since))
        queues = tuple(_queue_row(*row) for row in rows)
        return WorldRows(world, version, next_number, complete, queues)

    def change(self, change: Change) -> None:
        self._execute(sql.SET_WORLD, (change.version, change.next_number, change.world))
        # Removals first: a queue that is removed and made again in one batch is two rows.
        for row in sorted(change.queues, key=lambda row: row.removed == 0):
            self._execute(sql.SET_QUEUE, _columns(row))
        shelves = [(move.world, move.old) for move in change.reshelved]
        self._executemany(sql.ADD_OLD_SHELF, shelves)

    def raise_high(self, high: int) -> bool:
        return self._execute(sql.RAISE_HIGH, (high, self._slot, self._owner)).rowcount == 1

    def old_shelves(self, limit: int) -> list[Shelf]:
        return self._execute(sql.OLD_SHELVES, (limit,)).fetchall()

    def rows_of_shelf(self, shelf: Shelf, limit: int) -> list[tuple[int, int]]:
        rows = self._execute(sql.SHELF_READY, (*shelf, limit)).fetchall()
        if len(rows) < limit:
            rows += self._execute(sql.SHELF_HELD, (*shelf, limit - len(rows))).fetchall()
        return rows

    def forget_shelf(self, shelf: Shelf) -> None:
        self._execute(sql.FORGET_SHELF, shelf)

    def forget_queues(self, before: int, limit: int) -> int:
        self._execute(sql.NOTE_FORGOTTEN, (before, before))
        return self._execute(sql.FORGET_QUEUES, (before, limit)).rowcount

    # -- counters

    def count(self, shelf: Shelf) -> tuple[int, int]:
        counts: tuple[int, int] = self._execute(sql.COUNT, shelf).fetchone()
        return counts

    def has_counts(self, shelf: Shelf) -> bool:
        return self._execute(sql.HAS_COUNTS, shelf).fetchone() is not None

    def add_counts(self, counts: Sequence[tuple[int, int, int, int]]) -> None:
        self._executemany(
            sql.ADD_COUNT,
            [(world, shelf, self._slot, n, total) for world, shelf, n, total in counts],
        )

    def reshelf_counts(self, world: int, old: int, new: int | None) -> None:
        if new is not None:
            _, total = self.count((world, old))
            self._execute(sql.ADD_COUNT, (world, new, self._slot, 0, total))
        self._execute(sql.DROP_COUNTS, (world, old))

    # -- messages

    def post(self, shelf: Shelf, rows: Sequence[PostRow]) -> None:
        world, queue = shelf
        messages: list[object] = []
        bodies: list[object] = []
        for id_, state, pos, due, expires, timeout, props, data in rows:
            messages += (id_, world, queue, state, pos, due, expires, timeout, 0, 0, id_, id_)
            bodies += (id_, world, 1, props, data)
        self._insert(sql.post_messages, messages, 12)
        self._insert(sql.post_bodies, bodies, 5)

    def _insert(self, statement: Callable[[int], str], values: list[object], width: int) -> None:
        """Insert rows of ``width`` values, as many in one statement as there is one for."""
        start, rows = 0, len(values) // width
        for size in ROWS_AT_ONCE:
            while rows >= size:
                end = start + size * width
                self._execute(statement(size), values[start:end])
                start, rows = end, rows - size

    def promote(self, shelf: Shelf, now: int, in_place: bool) -> None:
        if in_place:
            self._execute(sql.PROMOTE_IN_PLACE, (*shelf, now, now, PROMOTED_AT_ONCE))
        else:
            self._execute(sql.PROMOTE_TO_BACK, (EPOCH, *shelf, now, now, PROMOTED_AT_ONCE))

    def ready(self, shelf: Shelf, n: int, now: int) -> sqlite3.Cursor:
        return self._execute(sql.READY, (*shelf, now, n))

    def reserve(self, ids: Sequence[int], lease: int | None, now: int) -> None:
        self._execute(sql.RESERVE, (now, lease, lease, now, _listed(ids)))

    def hand_out_deleted(self, rows: Sequence[MessageRow], now: int, memory: Memory) -> None:
        until = now + memory.time
        self._executemany(
            sql.HAND_OUT_DELETED,
            [(memory.shelf, row.times, row.first_at, until, row.id) for row in rows],
        )

    def next_due(self, shelf: Shelf, now: int) -> int | None:
        row = self._execute(sql.NEXT_DUE, (*shelf, now)).fetchone()
        return None if row is None else row[0]

    def get(self, get: Get, now: int) -> MessageRow | None:
        world, shelf, memory_shelf, id_ = get
        row = self._execute(sql.GET, (id_, world, shelf, memory_shelf, now)).fetchone()
        return None if row is None else MessageRow._make(row)

    def touch(self, shelf: Shelf, ids: Sequence[int], now: int) -> dict[int, int]:
        listed = _listed(ids)
        touched = self._execute(sql.TOUCH, (now, listed, *shelf, now, now)).fetchall()
        there = {row[0]: 0 for row in self._execute(sql.THESE, (listed, *shelf, now))}
        there.update(touched)
        return there

    def release(self, shelf: Shelf, releases: Sequence[Release], now: int) -> list[bool]:
        return [
            self._execute(
                sql.RELEASE_IN_PLACE if in_place else sql.RELEASE_TO,
                (2 if due else 0, due, pos, id_, *shelf, now),
            ).rowcount
            == 1
            for _, _, id_, due, pos, in_place in releases
        ]

    def give_back(self, shelf: Shelf, deliveries: Sequence[tuple[int, int]], now: int) -> int:
        returned = [(*delivery, *shelf, now) for delivery in deliveries]
        return self._executemany(sql.GIVE_BACK, returned).rowcount

    def put_back(self, shelf: Shelf, rows: Sequence[MessageRow], now: int) -> int:
        restored = 0
        for row in rows:
            if row.expires > now:
                restored += self._put_back(shelf, row)
        return restored

    def _put_back(self, shelf: Shelf, row: MessageRow) -> bool:
        world, queue = shelf
        if self._execute(sql.UNDELETE, (queue, row.expires, row.id)).rowcount:
            return True
        if self._execute(sql.EXISTS, (row.id,)).fetchone() is not None:
            return False
        self._execute(
            sql.post_messages(1),
            (
                *(row.id, world, queue, 0, row.pos, 0, row.expires, row.timeout, row.times),
                *(row.first_at, row.body, row.origin),
            ),
        )
        if not self._execute(sql.SHARE_BODY, (row.body,)).rowcount:
            self._execute(sql.post_bodies(1), (row.body, world, 1, row.props, row.data))
        return True

    def delete(self, shelf: Shelf, ids: Sequence[int], now: int) -> list[tuple[int, int]]:
        return self._execute(sql.DELETE, (_listed(ids), *shelf, now)).fetchall()

    def mark_deleted(self, shelf: Shelf, ids: Sequence[int], now: int, memory: Memory) -> list[int]:
        until = now + memory.time
        rows = self._execute(sql.MARK_DELETED, (memory.shelf, until, _listed(ids), *shelf, now))
        return [row[0] for row in rows.fetchall()]

    # -- what is removed for good

    def expired(self, now: int, limit: int) -> list[tuple[int, int, int, int, int]]:
        return self._execute(sql.EXPIRED, (now, limit)).fetchall()

    def next_expiry(self) -> int | None:
        expires: int | None = self._execute(sql.NEXT_EXPIRY).fetchone()[0]
        return expires

    def remove(self, ids: Sequence[int]) -> None:
        self._execute(sql.REMOVE, (_listed(ids),))

    def release_bodies(self, copies: Counter[int]) -> None:
        single = [body for body, times in copies.items() if times == 1]
        dropped = self._execute(sql.DROP_BODIES, (_listed(single),)).rowcount if single else 0
        if dropped == len(copies):  # nothing was shared, which is nearly always so
            return
        self._executemany(sql.LEAVE_BODY, [(times, body) for body, times in copies.items()])
        self._execute(sql.DROP_UNUSED_BODIES, (_listed(copies),))
