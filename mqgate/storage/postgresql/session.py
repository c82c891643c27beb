"""The statements of `mqgate.storage.statements`, run on one PostgreSQL connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mqgate.storage import statements as sql
from mqgate.storage.interface import (
    EPOCH,
    Bound,
    Get,
    Memory,
    MessageRow,
    PostRow,
    Quota,
    Release,
)
from mqgate.storage.postgresql.alerts import PostgreSQLAlerts
from mqgate.storage.postgresql.catalogue import CatalogueStatements
from mqgate.storage.postgresql.forgetting import ForgettingStatements
from mqgate.storage.postgresql.groups import GroupStatements
from mqgate.storage.postgresql.line import Answer, Line
from mqgate.storage.postgresql.publishing import PublishingStatements
from mqgate.storage.postgresql.pushes import PostgreSQLPushes
from mqgate.storage.postgresql.remembering import Remembered
from mqgate.storage.postgresql.rows import LazyRows
from mqgate.storage.postgresql.taking import take
from mqgate.storage.postgresql.topics import TopicStatements
from mqgate.storage.session import ExpiredRow, Shelf
from mqgate.storage.statements import catalogue, looking

#: As many held messages as one reserve makes ready: a longer backlog is taken in slices.
PROMOTED_AT_ONCE = 1000

#: Bytes of body and properties that stand in their message's row, as in SQLite.
SMALL = 512


READY_TAKEN = sql.READY.postgresql + sql.TAKING


def _is_plain(rows: Sequence[PostRow]) -> bool:
    """Whether messages differ in nothing but id and body, as nearly always."""
    alike = (0, 0, rows[0].expires, rows[0].timeout, None)
    return all(
        pos == id_ and (state, due, expires, timeout, props) == alike
        for id_, state, pos, due, expires, timeout, props, _ in rows
    )


class PostgreSQLSession(
    CatalogueStatements,
    ForgettingStatements,
    GroupStatements,
    PublishingStatements,
    TopicStatements,
):
    """One connection's statements; implements `mqgate.storage.session.Session`."""

    def __init__(self, line: Line, slot: int, small: int = SMALL) -> None:
        self._line = line
        self._ask = line.ask
        self._slot = slot
        self._small = small
        self._fence: Answer | None = None
        self._remembered = Remembered(line)
        self.alerts = PostgreSQLAlerts(line)
        self.pushes = PostgreSQLPushes(line, slot, self._remembered)

    def begin(self, fence: Answer | None) -> None:
        """A new transaction, which began with this; or with nothing, as it only reads."""
        self._fence = fence

    def hold_limits(self, limits: Sequence[Quota | Bound]) -> None:
        """Wait until no other gateway is at the limits that this transaction keeps to."""
        if limits:
            locks = {
                catalogue.lock_of_quota(each.world)
                if isinstance(each, Quota)
                else catalogue.lock_of_bound(each.world, each.shelf)
                for each in limits
            }
            self._ask(catalogue.LOCK_LIMITS, (sorted(locks),))

    # -- messages

    def post(self, shelf: Shelf, rows: Sequence[PostRow]) -> None:
        small = [row for row in rows if len(row[7]) + len(row[6] or b"") <= self._small]
        if len(small) < len(rows):
            large = [row for row in rows if len(row[7]) + len(row[6] or b"") > self._small]
            self._post_large(shelf, large)
        if not small:
            return
        if _is_plain(small):
            first = small[0]
            ids, data = [row[0] for row in small], [row[7] for row in small]
            self._ask(sql.POST_PLAIN, (*shelf, first.expires, first.timeout, ids, data))
        else:
            self._ask(sql.POST_SMALL, (*shelf, *map(list, zip(*small, strict=True))))

    def _post_large(self, shelf: Shelf, rows: Sequence[PostRow]) -> None:
        world, queue = shelf
        ids, states, places, dues, expiries, timeouts, props, data = map(
            list, zip(*rows, strict=True)
        )
        # In this order, as what is counted with a message is its body's size (see `metering`).
        self._ask(sql.POST_BODIES, (world, ids, [1] * len(ids), props, data))
        queues = [queue] * len(ids)
        columns = (ids, queues, states, places, dues, expiries, timeouts, ids)
        self._ask(sql.POST_MESSAGES, (world, *columns))

    def promote(self, shelf: Shelf, now: int, in_place: bool) -> None:
        values = (*shelf, now, PROMOTED_AT_ONCE)
        if in_place:
            self._ask(sql.PROMOTE_IN_PLACE.postgresql, values)
        else:
            self._ask(sql.PROMOTE_TO_BACK.postgresql, (*values, EPOCH))

    def ready(self, shelf: Shelf, n: int, now: int, *, taking: bool) -> LazyRows:
        return self._messages(READY_TAKEN if taking else sql.READY.postgresql, (*shelf, now, n))

    def _messages(self, statement: str, values: Sequence[object]) -> LazyRows:
        """Messages of the world that is the first of the values."""
        world = values[0]
        assert isinstance(world, int)
        return LazyRows(self._line, world, self._ask(statement, values).all())

    def look(self, lines: Sequence[tuple[int, int, bool]], now: int) -> tuple[int | None, ...]:
        columns = map(list, zip(*lines, strict=True))
        rows = self._ask(looking.FIRST.postgresql, (now, *columns)).all() if lines else []
        return tuple(row[0] for row in rows)

    def reserve(self, shelf: Shelf, ids: Sequence[int], lease: int | None, now: int) -> None:
        self._ask(sql.RESERVE.postgresql, (now, lease, shelf[0], ids))

    def hand_out_deleted(
        self, shelf: Shelf, rows: Sequence[MessageRow], now: int, memory: Memory
    ) -> None:
        until, ids = now + memory.time, [row.id for row in rows]
        values = (shelf[0], ids, memory.shelf, now, until)
        self._ask(sql.HAND_OUT_DELETED.postgresql, values)
        self._remembered.note(shelf[0], until, ids)

    def next_due(self, shelf: Shelf, now: int) -> int | None:
        row = self._ask(sql.NEXT_DUE.postgresql, (*shelf, now)).one()
        return None if row is None else row[0]

    def get(self, get: Get, now: int) -> MessageRow | None:
        rows = map(MessageRow._make, self._messages(sql.GET.postgresql, (*get, now)))
        return next(rows, None)

    def touch(self, shelf: Shelf, ids: Sequence[int], now: int) -> dict[int, int]:
        world, queue = shelf
        values = (world, ids, queue, now)
        touched = self._ask(sql.TOUCH.postgresql, values)
        there = dict.fromkeys((row[0] for row in self._ask(sql.THESE.postgresql, values).all()), 0)
        there.update(touched.all())
        return there

    def release(self, shelf: Shelf, releases: Sequence[Release], now: int) -> list[bool]:
        world, queue = shelf
        answers = {}
        for place, each in sorted(enumerate(releases), key=lambda entry: entry[1].id):
            statement = sql.RELEASE_IN_PLACE if each.in_place else sql.RELEASE_TO
            values = (world, each.id, queue, now, 2 if each.due else 0, each.due, each.pos)
            answers[place] = self._ask(statement.postgresql, values)
        return [answers[place].count() == 1 for place in range(len(releases))]

    def give_back(self, shelf: Shelf, deliveries: Sequence[tuple[int, int]], now: int) -> int:
        answers = [
            self._ask(sql.GIVE_BACK.postgresql, (*delivery, *shelf, now))
            for delivery in sorted(deliveries)
        ]
        return sum(answer.count() for answer in answers)

    def put_back(self, shelf: Shelf, rows: Sequence[MessageRow], now: int) -> int:
        return sum(self._put_back(shelf, row) for row in rows if row.expires > now)

    def _put_back(self, shelf: Shelf, row: MessageRow) -> bool:
        world, queue = shelf
        if self._ask(sql.UNDELETE.postgresql, (queue, row.expires, row.id, world)).count():
            return True
        if self._ask(sql.EXISTS.postgresql, (row.id, world)).count():
            return False
        body = self._keep_body(world, row)
        small = (None, None) if body else (row.props, row.data)
        self._ask(
            sql.RESTORE.postgresql,
            (
                *(row.id, world, queue, row.pos, row.expires, row.timeout, row.times),
                *(row.first_at, body, row.origin, *small),
            ),
        )
        return True

    def _keep_body(self, world: int, row: MessageRow) -> int:
        """The body that a removed message is to use again; 0 if it goes into its own row."""
        if row.body and self._ask(sql.SHARE_BODY.postgresql, (row.body, world)).count():
            return row.body
        if not row.body or len(row.data) + len(row.props or b"") <= self._small:
            return 0
        self._ask(sql.POST_BODIES, (world, [row.body], [1], [row.props], [row.data]))
        return row.body

    def delete(self, shelf: Shelf, ids: Sequence[int], now: int) -> list[tuple[int, int]]:
        world, queue = shelf
        return self._ask(sql.DELETE.postgresql, (world, ids, queue, now)).all()

    def mark_deleted(self, shelf: Shelf, ids: Sequence[int], now: int, memory: Memory) -> list[int]:
        world, queue = shelf
        until = now + memory.time
        values = (world, ids, queue, now, memory.shelf, until)
        there = [row[0] for row in self._ask(sql.MARK_DELETED_RETURNING.postgresql, values).all()]
        self._remembered.note(world, until, there)
        return there

    # -- what is removed for good

    def oldest(self, shelf: Shelf, n: int) -> list[tuple[int, int, int]]:
        rows = self._ask(sql.OLDEST_READY.postgresql, (*shelf, n)).all()
        if len(rows) < n:
            rows += self._ask(sql.OLDEST_HELD.postgresql, (*shelf, n - len(rows))).all()
        return rows

    def rows_of_shelf(self, shelf: Shelf, limit: int) -> list[tuple[int, int]]:
        rows: list[tuple[int, int]] = []
        for statement in sql.SHELF_ROWS:
            if len(rows) < limit:
                rows += self._ask(statement.postgresql, (*shelf, limit - len(rows))).all()
        return rows

    def expired(self, now: int, limit: int) -> list[ExpiredRow]:
        rows = self._ask(sql.EXPIRED.postgresql, (now, limit)).all()
        if not rows:
            return []
        # Where the catalogue is just being changed, whose these are may be another matter then.
        worlds = sorted({row[1] for row in rows})
        still = {row[0] for row in self._ask(catalogue.TRY_WORLDS, (worlds,)).all()}
        return [row for row in rows if row[1] in still]

    def take_expired(self, rows: Sequence[ExpiredRow], now: int) -> list[ExpiredRow]:
        return take(self._ask, sql.TAKE_EXPIRED, [row[:2] for row in rows], now)

    def next_expiry(self) -> int | None:
        expires = self._ask(sql.NEXT_EXPIRY.postgresql)
        lapses = self._remembered.next_lapse(), self.pushes.next_lapse()
        times = (*(expires.one() or ()), *lapses)
        return min((each for each in times if each is not None), default=None)

    def forget_deleted(self, now: int, limit: int) -> tuple[int, list[tuple[int, int]]]:
        return self._remembered.forget(now, limit)

    def remove(self, world: int, ids: Sequence[int]) -> None:
        self._ask(sql.REMOVE.postgresql, (world, ids))

    def release_bodies(self, world: int, copies: Mapping[int, int]) -> None:
        single = sorted(body for body, times in copies.items() if times == 1)
        dropped = self._ask(sql.DROP_BODIES.postgresql, (world, single)).count() if single else 0
        if dropped == len(copies):  # nothing was shared, which is nearly always so
            return
        bodies = sorted(copies)
        self._ask(sql.LOCK_BODIES, (world, bodies))
        for times in sorted(set(copies.values())):
            alike = [body for body in bodies if copies[body] == times]
            self._ask(sql.LEAVE_BODY.postgresql, (times, world, alike))
        self._ask(sql.DROP_UNUSED_BODIES.postgresql, (world, bodies))
