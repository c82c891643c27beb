"""The statements of `mqgate.storage.statements`, run on one SQLite connection."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain

from mqgate.storage import statements as sql
from mqgate.storage.interface import (
    EPOCH,
    Change,
    Get,
    Memory,
    MessageRow,
    PostRow,
    Release,
    WorldRows,
)
from mqgate.storage.queue_rows import columns_of, queue_row
from mqgate.storage.session import ExpiredRow, Shelf
from mqgate.storage.sqlite.aging import Aging
from mqgate.storage.sqlite.alerts import SQLiteAlerts
from mqgate.storage.sqlite.groups import GroupStatements
from mqgate.storage.sqlite.publishing import PublishingStatements
from mqgate.storage.sqlite.pushes import SQLitePushes
from mqgate.storage.sqlite.remembering import Remembered
from mqgate.storage.sqlite.rows import RowsById, listed
from mqgate.storage.sqlite.topics import TopicStatements
from mqgate.storage.statements import catalogue, looking

#: Rows that one INSERT takes: sqlite3 lets go of Python's lock for each statement, and getting it
#: back from a busy reactor costs more than the row.
ROWS_AT_ONCE = (64, 16, 4, 1)

#: As many held messages as one reserve makes ready: a longer backlog is taken in slices.
PROMOTED_AT_ONCE = 1000

#: Bytes of body and properties that stand in their message's row. Of 256 bytes, that is a fifth
#: less for each message in batches, of 500 bytes an eighth; of 1,000 bytes it is more, not less,
#: because they are written anew each time the message changes its state.
SMALL = 512


def _plain(rows: Sequence[PostRow], small: int) -> list[object] | None:
    """Ids and bodies of small messages that differ in nothing else, as nearly always; else None.

    To hand over a value costs as much as to insert it: this is a sixth of a post.
    """
    expires, timeout = rows[0].expires, rows[0].timeout
    values: list[object] = []
    alike = (0, 0, expires, timeout, None)
    for id_, state, pos, due, its_expires, its_timeout, props, data in rows:
        if (
            pos != id_
            or len(data) > small
            or (state, due, its_expires, its_timeout, props) != alike
        ):
            return None
        values += (id_, data)
    return values


class SQLiteSession(GroupStatements, PublishingStatements, TopicStatements):
    """One connection's statements; implements `mqgate.storage.session.Session`."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        slot: int,
        owner: str,
        small: int = SMALL,
        *,
        visitor: bool = False,
    ) -> None:
        self._execute = connection.execute
        self._executemany = connection.executemany
        self._visitor = visitor
        self._aging = Aging(connection, visitor=visitor)
        self._rows = RowsById(connection)
        self._remembered = Remembered(connection, self._rows)
        self._small = small
        self._slot = slot
        self._owner = owner
        self.alerts = SQLiteAlerts(connection)
        self.pushes = SQLitePushes(connection, slot, self._remembered)

    # -- the catalogue

    def versions(self, worlds: Sequence[int], changing: Sequence[int]) -> dict[int, int]:
        return dict(self._execute(catalogue.VERSIONS.sqlite, (listed(worlds),)).fetchall())

    def newer(self, world: int, since: int) -> WorldRows:
        version, forgotten, next_number = self._execute(catalogue.WORLD.sqlite, (world,)).fetchone()
        complete = since < forgotten or since < 0
        statement = catalogue.LIVE_QUEUES.sqlite if complete else catalogue.QUEUES.sqlite
        since = -1 if complete else since
        alerts = self.alerts.since(world, since)
        rows = self._execute(statement, (world, since))
        queues = tuple(queue_row(alerts, *row) for row in rows)
        return WorldRows(
            world,
            version,
            next_number,
            complete,
            queues,
            self._exchanges(world, since, complete),
            self._bindings(world, since, complete),
        )

    def change(self, change: Change) -> None:
        self._execute(
            catalogue.SET_WORLD.sqlite, (change.version, change.next_number, change.world)
        )
        # Removals first: a queue that is removed and made again in one batch is two rows.
        for row in sorted(change.queues, key=lambda row: row.removed == 0):
            self._execute(catalogue.SET_QUEUE.sqlite, columns_of(row))
        shelves = [(move.world, move.old) for move in change.reshelved]
        self._executemany(catalogue.ADD_OLD_SHELF.sqlite, shelves)
        self._change_wiring(change)
        if change.alerts_of:
            self.alerts.change(change)

    def raise_high(self, high: int) -> bool:
        return self._execute(catalogue.RAISE_HIGH, (high, self._slot, self._owner)).rowcount == 1

    def old_shelves(self, limit: int) -> list[Shelf]:
        return self._execute(catalogue.OLD_SHELVES.sqlite, (limit,)).fetchall()

    def rows_of_shelf(self, shelf: Shelf, limit: int) -> list[tuple[int, int]]:
        rows: list[tuple[int, int]] = []
        for statement in sql.SHELF_ROWS:
            if len(rows) < limit:
                rows += self._execute(statement.sqlite, (*shelf, limit - len(rows))).fetchall()
        return rows

    def forget_shelf(self, shelf: Shelf) -> None:
        self._execute(catalogue.FORGET_SHELF.sqlite, shelf)

    def forget_queues(self, before: int, limit: int) -> int:
        self._execute(catalogue.NOTE_FORGOTTEN.sqlite, (before, before))
        return self._execute(catalogue.FORGET_QUEUES.sqlite, (before, limit)).rowcount

    # -- counters

    def count(self, shelf: Shelf) -> tuple[int, int]:
        counts: tuple[int, int] = self._execute(catalogue.COUNT.sqlite, shelf).fetchone()
        return counts

    def usage(self, world: int) -> tuple[int, int]:
        usage: tuple[int, int] = self._execute(catalogue.USAGE.sqlite, (world,)).fetchone()
        return usage

    def has_counts(self, shelf: Shelf) -> bool:
        return self._execute(catalogue.HAS_COUNTS.sqlite, shelf).fetchone() is not None

    def add_counts(self, counts: Sequence[tuple[int, int, int, int]]) -> None:
        self._executemany(
            catalogue.ADD_COUNT.sqlite,
            [(world, shelf, self._slot, n, total) for world, shelf, n, total in counts],
        )

    def reshelf_counts(self, world: int, old: int, new: int | None) -> None:
        if new is not None:
            _, total = self.count((world, old))
            self._execute(catalogue.ADD_COUNT.sqlite, (world, new, self._slot, 0, total))
        self._execute(catalogue.DROP_COUNTS.sqlite, (world, old))

    # -- messages

    def post(self, shelf: Shelf, rows: Sequence[PostRow]) -> None:
        if not rows:
            return
        small = self._small
        alike = _plain(rows, small)
        if alike is not None:
            expires, timeout = rows[0].expires, rows[0].timeout
            aged = not self._aging.is_young(rows)
            self._insert(sql.post_plain, alike, 2, (*shelf, expires, timeout, aged))
            return
        large = [row for row in rows if len(row[7]) + len(row[6] or b"") > small]
        if large:
            self._post_large(shelf, large)
            self.post(shelf, [row for row in rows if len(row[7]) + len(row[6] or b"") <= small])
        else:
            self._insert(sql.post_small, list(chain.from_iterable(rows)), 8, shelf)

    def _post_large(self, shelf: Shelf, rows: Sequence[PostRow]) -> None:
        world, queue = shelf
        messages: list[object] = []
        bodies: list[object] = []
        for id_, state, pos, due, expires, timeout, props, data in rows:
            messages += (id_, world, queue, state, pos, due, expires, timeout, 0, 0, id_, id_)
            bodies += (id_, world, 1, props, data)
        # In this order, as what is counted with a message is its body's size (see `metering`).
        self._insert(sql.post_bodies, bodies, 5)
        self._insert(sql.post_messages, messages, 12)

    def _insert(
        self,
        statement: Callable[[int], str],
        values: list[object],
        width: int,
        common: tuple[int, ...] = (),
    ) -> None:
        """Insert rows of ``width`` values, as many in one statement as there is one for."""
        start, rows = 0, len(values) // width
        for size in ROWS_AT_ONCE:
            while rows >= size:
                end = start + size * width
                self._execute(statement(size), (*common, *values[start:end]))
                start, rows = end, rows - size

    def promote(self, shelf: Shelf, now: int, in_place: bool) -> None:
        if in_place:
            self._execute(sql.PROMOTE_IN_PLACE.sqlite, (*shelf, now, now, PROMOTED_AT_ONCE))
        else:
            self._execute(sql.PROMOTE_TO_BACK.sqlite, (EPOCH, *shelf, now, now, PROMOTED_AT_ONCE))

    def ready(self, shelf: Shelf, n: int, now: int, *, taking: bool) -> sqlite3.Cursor:
        return self._execute(sql.READY.sqlite, (*shelf, now, n))

    def reserve(self, shelf: Shelf, ids: Sequence[int], lease: int | None, now: int) -> None:
        self._rows.change(sql.RESERVE.sqlite, ids, (now, lease, lease, now))

    def hand_out_deleted(
        self, shelf: Shelf, rows: Sequence[MessageRow], now: int, memory: Memory
    ) -> None:
        until = now + memory.time
        self._executemany(
            sql.HAND_OUT_DELETED.sqlite,
            [(memory.shelf, row.times, row.first_at, until, row.id) for row in rows],
        )
        self._remembered.note(until, [row.id for row in rows])

    def next_due(self, shelf: Shelf, now: int) -> int | None:
        row = self._execute(sql.NEXT_DUE.sqlite, (*shelf, now)).fetchone()
        return None if row is None else row[0]

    def look(self, lines: Sequence[tuple[int, int, bool]], now: int) -> tuple[int | None, ...]:
        return tuple(
            self._execute(
                looking.FIRST_IN_ORDER if in_order else looking.FIRST.sqlite, (world, shelf, now)
            ).fetchone()[0]
            for world, shelf, in_order in lines
        )

    def get(self, get: Get, now: int) -> MessageRow | None:
        world, shelf, memory_shelf, id_ = get
        row = self._execute(sql.GET.sqlite, (id_, world, shelf, memory_shelf, now)).fetchone()
        return None if row is None else MessageRow._make(row)

    def touch(self, shelf: Shelf, ids: Sequence[int], now: int) -> dict[int, int]:
        these = listed(ids)
        touched = self._execute(sql.TOUCH.sqlite, (now, these, *shelf, now, now)).fetchall()
        there = {row[0]: 0 for row in self._execute(sql.THESE.sqlite, (these, *shelf, now))}
        there.update(touched)
        return there

    def release(self, shelf: Shelf, releases: Sequence[Release], now: int) -> list[bool]:
        return [
            self._execute(
                sql.RELEASE_IN_PLACE.sqlite if in_place else sql.RELEASE_TO.sqlite,
                (2 if due else 0, due, pos, id_, *shelf, now),
            ).rowcount
            == 1
            for _, _, id_, due, pos, in_place in releases
        ]

    def give_back(self, shelf: Shelf, deliveries: Sequence[tuple[int, int]], now: int) -> int:
        returned = [(*delivery, *shelf, now) for delivery in deliveries]
        return self._executemany(sql.GIVE_BACK.sqlite, returned).rowcount

    def put_back(self, shelf: Shelf, rows: Sequence[MessageRow], now: int) -> int:
        restored = 0
        for row in rows:
            if row.expires > now:
                restored += self._put_back(shelf, row)
        return restored

    def _put_back(self, shelf: Shelf, row: MessageRow) -> bool:
        world, queue = shelf
        if self._execute(sql.UNDELETE.sqlite, (queue, row.expires, row.id)).rowcount:
            return True
        if self._execute(sql.EXISTS.sqlite, (row.id,)).fetchone() is not None:
            return False
        body = self._keep_body(world, row)
        small = (None, None) if body else (row.props, row.data)
        self._execute(
            sql.RESTORE.sqlite,
            (
                *(row.id, world, queue, row.pos, row.expires, row.timeout, row.times),
                *(row.first_at, body, row.origin, *small),
            ),
        )
        return True

    def _keep_body(self, world: int, row: MessageRow) -> int:
        """The body that a removed message is to use again; 0 if it goes into its own row."""
        if row.body and self._execute(sql.SHARE_BODY.sqlite, (row.body,)).rowcount:
            return row.body
        if not row.body or len(row.data) + len(row.props or b"") <= self._small:
            return 0
        self._execute(sql.post_bodies(1), (row.body, world, 1, row.props, row.data))
        return row.body

    def delete(self, shelf: Shelf, ids: Sequence[int], now: int) -> list[tuple[int, int]]:
        if self._rows.change_all(sql.DELETE_SMALL, ids, after=(*shelf, now)):
            return [(id_, 0) for id_ in ids]
        return self._execute(sql.DELETE.sqlite, (listed(ids), *shelf, now)).fetchall()

    def mark_deleted(self, shelf: Shelf, ids: Sequence[int], now: int, memory: Memory) -> list[int]:
        until = now + memory.time
        before, after = (memory.shelf, until), (*shelf, now)
        if self._rows.change_all(sql.MARK_DELETED, ids, before, after):
            there = list(ids)
        else:
            values = (*before, listed(ids), *after)
            rows = self._execute(sql.MARK_DELETED_RETURNING.sqlite, values)
            there = [row[0] for row in rows.fetchall()]
        self._remembered.note(until, there)
        return there

    # -- what is removed for good

    def oldest(self, shelf: Shelf, n: int) -> list[tuple[int, int, int]]:
        rows = self._execute(sql.OLDEST_READY.sqlite, (*shelf, n)).fetchall()
        if len(rows) < n:
            rows += self._execute(sql.OLDEST_HELD.sqlite, (*shelf, n - len(rows))).fetchall()
        return rows

    def expired(self, now: int, limit: int) -> list[ExpiredRow]:
        if self._visitor:  # its clock may be ahead of the time that the server goes by
            return []
        self._aging.go_on(now)
        return self._execute(sql.EXPIRED.sqlite, (now, limit)).fetchall()

    def take_expired(self, rows: Sequence[ExpiredRow], now: int) -> list[ExpiredRow]:
        return list(rows)  # nobody else writes

    def next_expiry(self) -> int | None:
        if self._aging.behind:
            return 0
        expires: int | None = self._execute(sql.NEXT_EXPIRY.sqlite).fetchone()[0]
        lapses = self._remembered.next_lapse(), self.pushes.next_lapse()
        return min((each for each in (expires, *lapses) if each is not None), default=None)

    def forget_deleted(self, now: int, limit: int) -> tuple[int, list[tuple[int, int]]]:
        return self._remembered.forget(now, limit)

    def remove(self, world: int, ids: Sequence[int]) -> None:
        self._rows.change(sql.REMOVE.sqlite, ids)

    def release_bodies(self, world: int, copies: Counter[int]) -> None:
        copies.pop(0, None)  # that of a message with a small one
        if not copies:
            return
        single = [body for body, times in copies.items() if times == 1]
        dropped = self._rows.change(sql.DROP_BODIES.sqlite, single)
        if dropped == len(copies):  # nothing was shared, which is nearly always so
            return
        self._executemany(sql.LEAVE_BODY.sqlite, [(times, body) for body, times in copies.items()])
        self._execute(sql.DROP_UNUSED_BODIES.sqlite, (listed(copies),))
