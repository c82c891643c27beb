"""The statements of `mqgate.storage.statements.groups`, on one connection to PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from mqgate.storage.group_session import FoundRow, RawRow, Rows, Shelf, StoredRow
from mqgate.storage.interface import IdleGroup
from mqgate.storage.postgresql.line import Answer, Line
from mqgate.storage.postgresql.rows import LazyRows
from mqgate.storage.statements import LOCK_BODIES
from mqgate.storage.statements import groups as sql

#: So many keys are read at first, and so many times more with each look: a poll in order needs one
#: key as a rule, but there may be as many as there are messages.
PAGE = 8
GROWTH = 8
LARGEST_PAGE = 1000


class _Pages(Iterator[RawRow]):
    """Rows in the order of (pos, id), with which each begins, read page by page."""

    def __init__(self, read: Callable[[int, int, int], list[RawRow]]) -> None:
        self._read = read
        self._page: Iterator[RawRow] = iter(())
        self._size, self._left = PAGE, True
        self._after = (-1, -1)

    def __next__(self) -> RawRow:
        row = next(self._page, None)
        if row is None and self._left:
            rows = self._read(*self._after, self._size)
            self._left = len(rows) == self._size
            self._size = min(self._size * GROWTH, LARGEST_PAGE)
            self._page = iter(rows)
            row = next(self._page, None)
        if row is None:
            raise StopIteration
        self._after = row[0], row[1]
        return row

    def close(self) -> None:
        """Read no more of them."""
        self._page, self._left = iter(()), False


class _Keys(_Pages):
    """Their last columns alone."""

    def __next__(self) -> RawRow:
        return super().__next__()[2:]


class GroupStatements:
    """The part of a session that `mqgate.storage.group_session.GroupSession` describes.

    Whoever changes rows of a topic has the lock of their shelf, from before he reads them to the
    end of his transaction. So nobody changes them between a statement here and the next one. (What
    has expired by a clock that is ahead may be locked for a moment, by a sweep that leaves it.)
    """

    _ask: Callable[..., Answer]
    _line: Line

    # -- holding

    def hold_topics(self, shelves: Collection[Shelf]) -> None:
        # A statement of its own: what reads rows must not have begun before the wait was over.
        self._ask(sql.LOCK_SHELVES, (sorted({sql.lock_of(*shelf) for shelf in shelves}),))

    def try_topics(self, shelves: Collection[Shelf]) -> set[Shelf]:
        locks = {shelf: sql.lock_of(*shelf) for shelf in shelves}
        rows = self._ask(sql.TRY_SHELVES, (sorted(set(locks.values())),)).all()
        got = {row[0] for row in rows}
        return {shelf for shelf, lock in locks.items() if lock in got}

    def hold_bodies(self, world: int, bodies: Sequence[int]) -> None:
        self._ask(LOCK_BODIES, (world, bodies))

    # -- groups

    def live_groups(self, world: int, topic: int) -> set[int]:
        return {row[0] for row in self._ask(sql.LIVE_GROUPS.postgresql, (world, topic)).all()}

    def group(self, world: int, topic: int, name: str) -> tuple[int, int] | None:
        row: Any = self._ask(sql.GROUP.postgresql, (world, topic, name)).one()
        return None if row is None else (row[0], row[1])

    def open_group(self, world: int, topic: int, name: str, queue: int, now: int) -> None:
        self._ask(sql.OPEN_GROUP.postgresql, (world, topic, name, queue, now))

    def note_poll(self, world: int, topic: int, name: str, now: int) -> None:
        self._ask(sql.NOTE_POLL.postgresql, (now, world, topic, name))

    def advance_group(self, world: int, topic: int, name: str, pos: int, live: bool) -> None:
        self._ask(sql.ADVANCE_GROUP.postgresql, (pos, int(live), world, topic, name))

    def rest_group(self, world: int, topic: int, name: str) -> None:
        self._ask(sql.REST_GROUP.postgresql, (world, topic, name))

    def idle_groups(self, before: int) -> list[IdleGroup]:
        rows = self._ask(sql.IDLE_GROUPS.postgresql, (before,)).all()
        return [IdleGroup._make(row) for row in rows]

    # -- rows that come, and bodies they share

    def last_place(self, shelf: Shelf) -> int:
        row = self._ask(sql.LAST_PLACE.postgresql, shelf).one()
        return row[0] or 0 if row else 0

    def store(self, rows: Sequence[StoredRow]) -> None:
        if rows:
            self._ask(sql.STORE_ROWS, tuple(zip(*rows, strict=True)))

    def store_bodies(self, bodies: Sequence[tuple[int, int, int, bytes | None, bytes]]) -> None:
        if bodies:
            self._ask(sql.STORE_BODIES, tuple(zip(*bodies, strict=True)))

    def share_bodies(self, world: int, copies: Mapping[int, int]) -> None:
        alike: dict[int, list[int]] = {}
        for body, more in copies.items():
            alike.setdefault(more, []).append(body)
        for more, bodies in alike.items():
            self._ask(sql.SHARE_BODIES.postgresql, (more, world, bodies))

    def logged(self, shelf: Shelf, after: int, limit: int, now: int) -> list[FoundRow]:
        return _found(self._ask(sql.LOGGED.postgresql, (*shelf, after, now, limit)))

    def halves(self, shelf: Shelf, ids: Sequence[int], now: int) -> list[FoundRow]:
        return _found(self._ask(sql.HALVES.postgresql, (ids, *shelf, now, now)))

    # -- what is handed out

    def lapsed(self, shelf: Shelf, now: int, limit: int) -> list[tuple[int, int, int, str]]:
        rows: Any = self._ask(sql.LAPSED.postgresql, (*shelf, now, now, limit)).all()
        return rows  # type: ignore[no-any-return]

    def exhausted(self, shelf: Shelf, maximum: int, now: int, limit: int) -> list[FoundRow]:
        return _found(self._ask(sql.EXHAUSTED.postgresql, (*shelf, now, maximum, now, limit)))

    def make_ready(self, shelf: Shelf, ids: Sequence[int]) -> None:
        self._ask(sql.MAKE_READY.postgresql, (shelf[0], ids))

    def next_after(self, shelf: Shelf, now: int) -> int | None:
        row = self._ask(sql.NEXT_AFTER.postgresql, (*shelf, now, now)).one()
        return None if row is None else row[0]

    def ready_with_tag(self, shelf: Shelf, tag: str, n: int, now: int) -> Rows:
        return self._messages(sql.READY_WITH_TAG.postgresql, (*shelf, tag, now, n))

    def _messages(self, statement: str, values: tuple[Any, ...]) -> Rows:
        """Messages of the shelf that the values begin with."""
        return LazyRows(self._line, values[0], self._ask(statement, values).all())

    def heads(self, shelf: Shelf) -> Rows:
        return _Keys(lambda *page: self._ask(sql.HEADS.postgresql, (*shelf, *page)).all())

    def keys_with_tag(self, shelf: Shelf, tag: str) -> Rows:
        statement = sql.KEYS_WITH_TAG.postgresql
        return _Pages(lambda *page: self._ask(statement, (*shelf, tag, *page)).all())

    def is_reserved(self, shelf: Shelf, key: str) -> bool:
        row = self._ask(sql.IS_RESERVED.postgresql, (*shelf, key)).one()
        return row is not None and bool(row[0])

    def ready_of_key(self, shelf: Shelf, key: str, n: int, now: int) -> Rows:
        return self._messages(sql.READY_OF_KEY.postgresql, (*shelf, key, now, n))

    def ready_of_key_with_tag(self, shelf: Shelf, key: str, tag: str, n: int, now: int) -> Rows:
        return self._messages(sql.READY_OF_KEY_WITH_TAG.postgresql, (*shelf, key, tag, now, n))

    def hold(self, shelf: Shelf, ids: Sequence[int], lease: int, now: int) -> None:
        self._ask(sql.HOLD.postgresql, (now + lease, lease, now, shelf[0], ids))

    def delivered(
        self, shelf: Shelf, ids: Sequence[int], now: int
    ) -> list[tuple[int, int, int, str]]:
        rows: Any = self._ask(sql.DELIVERED.postgresql, (ids, *shelf, now, now)).all()
        return rows  # type: ignore[no-any-return]

    # -- heads

    def set_heads(self, shelf: Shelf, keys: Collection[str]) -> None:
        self._ask(sql.SET_HEADS.postgresql, (shelf[0], *shelf, sorted(keys), *shelf))

    def clear_heads(self, shelf: Shelf, keys: Collection[str]) -> None:
        self._ask(sql.CLEAR_HEADS.postgresql, (shelf[0], sorted(keys), *shelf, *shelf, *shelf))

    def unmake_heads(self, shelf: Shelf, ids: Sequence[int]) -> None:
        self._ask(sql.UNMAKE_HEADS.postgresql, (shelf[0], *shelf, shelf[0], ids))


def _found(answer: Answer) -> list[FoundRow]:
    return [FoundRow._make(row) for row in answer.all()]
