"""Exchanges, bindings, and messages in several queues, on one SQLite connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from mqgate.storage import statements
from mqgate.storage.interface import BindingRow, Change, ExchangeRow, Publish
from mqgate.storage.session import Shelf
from mqgate.storage.statements import publishing as sql


class PublishingStatements:
    """The part of `mqgate.storage.session.Session` that publishing needs."""

    _execute: Callable[..., sqlite3.Cursor]
    _executemany: Callable[..., sqlite3.Cursor]
    _insert: Callable[[Callable[[int], str], list[object], int], None]

    # -- the catalogue

    def _exchanges(self, world: int, since: int, complete: bool) -> tuple[ExchangeRow, ...]:
        """All exchanges of a world, or those that changed after a version."""
        statement = sql.LIVE_EXCHANGES.sqlite if complete else sql.EXCHANGES.sqlite
        return tuple(map(ExchangeRow._make, self._execute(statement, (world, since))))

    def _bindings(self, world: int, since: int, complete: bool) -> tuple[BindingRow, ...]:
        """The same of bindings."""
        statement = sql.LIVE_BINDINGS.sqlite if complete else sql.BINDINGS.sqlite
        return tuple(map(BindingRow._make, self._execute(statement, (world, since))))

    def _change_wiring(self, change: Change) -> None:
        """Write exchanges and bindings."""
        self._each(sql.SET_EXCHANGE.sqlite, change.exchanges)
        self._each(sql.SET_BINDING.sqlite, change.bindings)

    def _each(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        for row in rows:
            self._execute(statement, row)

    def forget_bindings(self, before: int, limit: int) -> int:
        self._execute(sql.NOTE_FORGOTTEN_BINDINGS, (before, before))
        forgotten = self._execute(sql.FORGET_BINDINGS.sqlite, (before, limit)).rowcount
        left = limit - forgotten
        return (
            forgotten + self._execute(sql.FORGET_BINDINGS_OF_QUEUES.sqlite, (before, left)).rowcount
        )

    # -- messages

    def publish(self, publishes: Sequence[tuple[int, Publish]]) -> None:
        messages: list[object] = []
        bodies: list[object] = []
        for origin, (world, copies) in publishes:
            for shelf, (id_, state, pos, due, expires, timeout, _, _), _ in copies:
                messages += (id_, world, shelf, state, pos, due, expires, timeout, 0, 0)
                messages += (origin, origin)
            first = copies[0].row
            bodies += (origin, world, len(copies), first.props, first.data)
        # In this order, as for a post.
        self._insert(statements.post_bodies, bodies, 5)
        self._insert(statements.post_messages, messages, 12)

    def held(self, shelf: Shelf, now: int, limit: int) -> int:
        held: int = self._execute(sql.HELD.sqlite, (*shelf, now, limit)).fetchone()[0]
        return held
