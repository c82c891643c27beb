"""The statements of `mqgate.storage.statements.groups`, run on one SQLite connection."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence

from mqgate.storage import statements as plain
from mqgate.storage.group_session import FoundRow, Shelf, StoredRow
from mqgate.storage.interface import IdleGroup
from mqgate.storage.statements import groups as sql


def _listed(values: Iterable[int | str]) -> str:
    return json.dumps(list(values))


def _found(rows: sqlite3.Cursor) -> list[FoundRow]:
    return [FoundRow._make(row) for row in rows]


class GroupStatements:
    """The part of a session that `mqgate.storage.group_session.GroupSession` describes."""

    _execute: Callable[..., sqlite3.Cursor]
    _executemany: Callable[..., sqlite3.Cursor]

    def _insert(self, statement: Callable[[int], str], values: list[object], width: int) -> None:
        raise NotImplementedError

    # -- holding: the transaction has the whole file to itself

    def hold_topics(self, shelves: Collection[Shelf]) -> None:
        pass

    def try_topics(self, shelves: Collection[Shelf]) -> set[Shelf]:
        return set(shelves)

    def hold_bodies(self, world: int, bodies: Sequence[int]) -> None:
        pass

    # -- groups

    def live_groups(self, world: int, topic: int) -> set[int]:
        return {row[0] for row in self._execute(sql.LIVE_GROUPS.sqlite, (world, topic))}

    def group(self, world: int, topic: int, name: str) -> tuple[int, int] | None:
        row: tuple[int, int] | None = self._execute(
            sql.GROUP.sqlite, (world, topic, name)
        ).fetchone()
        return row

    def open_group(self, world: int, topic: int, name: str, queue: int, now: int) -> None:
        self._execute(sql.OPEN_GROUP.sqlite, (world, topic, name, queue, now))

    def note_poll(self, world: int, topic: int, name: str, now: int) -> None:
        self._execute(sql.NOTE_POLL.sqlite, (now, world, topic, name))

    def advance_group(self, world: int, topic: int, name: str, pos: int, live: bool) -> None:
        self._execute(sql.ADVANCE_GROUP.sqlite, (pos, int(live), world, topic, name))

    def rest_group(self, world: int, topic: int, name: str) -> None:
        self._execute(sql.REST_GROUP.sqlite, (world, topic, name))

    def idle_groups(self, before: int) -> list[IdleGroup]:
        return [IdleGroup._make(row) for row in self._execute(sql.IDLE_GROUPS.sqlite, (before,))]

    # -- rows that come, and bodies they share

    def last_place(self, shelf: Shelf) -> int:
        return self._execute(sql.LAST_PLACE.sqlite, shelf).fetchone()[0] or 0

    def store(self, rows: Sequence[StoredRow]) -> None:
        values: list[object] = [value for row in rows for value in row]
        self._insert(sql.store_rows, values, len(StoredRow._fields))

    def store_bodies(self, bodies: Sequence[tuple[int, int, int, bytes | None, bytes]]) -> None:
        self._insert(plain.post_bodies, [value for body in bodies for value in body], 5)

    def share_bodies(self, world: int, copies: Counter[int]) -> None:
        self._executemany(sql.SHARE_BODIES.sqlite, [(more, body) for body, more in copies.items()])

    def logged(self, shelf: Shelf, after: int, limit: int, now: int) -> list[FoundRow]:
        return _found(self._execute(sql.LOGGED.sqlite, (*shelf, after, now, limit)))

    def halves(self, shelf: Shelf, ids: Sequence[int], now: int) -> list[FoundRow]:
        return _found(self._execute(sql.HALVES.sqlite, (_listed(ids), *shelf, now, now)))

    # -- what is handed out

    def lapsed(self, shelf: Shelf, now: int, limit: int) -> list[tuple[int, int, int, str]]:
        return self._execute(sql.LAPSED.sqlite, (*shelf, now, now, limit)).fetchall()

    def exhausted(self, shelf: Shelf, maximum: int, now: int, limit: int) -> list[FoundRow]:
        return _found(self._execute(sql.EXHAUSTED.sqlite, (*shelf, now, maximum, now, limit)))

    def make_ready(self, shelf: Shelf, ids: Sequence[int]) -> None:
        self._execute(sql.MAKE_READY.sqlite, (_listed(ids),))

    def next_after(self, shelf: Shelf, now: int) -> int | None:
        row = self._execute(sql.NEXT_AFTER.sqlite, (*shelf, now, now)).fetchone()
        return None if row is None else row[0]

    def ready_with_tag(self, shelf: Shelf, tag: str, n: int, now: int) -> sqlite3.Cursor:
        return self._execute(sql.READY_WITH_TAG.sqlite, (*shelf, tag, now, n))

    def heads(self, shelf: Shelf) -> sqlite3.Cursor:
        return self._execute(sql.HEADS.sqlite, shelf)

    def keys_with_tag(self, shelf: Shelf, tag: str) -> sqlite3.Cursor:
        return self._execute(sql.KEYS_WITH_TAG.sqlite, (*shelf, tag))

    def is_reserved(self, shelf: Shelf, key: str) -> bool:
        return bool(self._execute(sql.IS_RESERVED.sqlite, (*shelf, key)).fetchone()[0])

    def ready_of_key(self, shelf: Shelf, key: str, n: int, now: int) -> sqlite3.Cursor:
        return self._execute(sql.READY_OF_KEY.sqlite, (*shelf, key, now, n))

    def ready_of_key_with_tag(
        self, shelf: Shelf, key: str, tag: str, n: int, now: int
    ) -> sqlite3.Cursor:
        return self._execute(sql.READY_OF_KEY_WITH_TAG.sqlite, (*shelf, key, tag, now, n))

    def hold(self, shelf: Shelf, ids: Sequence[int], lease: int, now: int) -> None:
        self._execute(sql.HOLD.sqlite, (now + lease, lease, now, _listed(ids)))

    def delivered(
        self, shelf: Shelf, ids: Sequence[int], now: int
    ) -> list[tuple[int, int, int, str]]:
        return self._execute(sql.DELIVERED.sqlite, (_listed(ids), *shelf, now, now)).fetchall()

    # -- heads

    def set_heads(self, shelf: Shelf, keys: Collection[str]) -> None:
        self._execute(sql.SET_HEADS.sqlite, (*shelf, _listed(keys), *shelf))

    def clear_heads(self, shelf: Shelf, keys: Collection[str]) -> None:
        self._execute(sql.CLEAR_HEADS.sqlite, (*shelf, _listed(keys), *shelf, *shelf))

    def unmake_heads(self, shelf: Shelf, ids: Sequence[int]) -> None:
        self._execute(sql.UNMAKE_HEADS.sqlite, (_listed(ids), *shelf))
