"""Exchanges, bindings, and messages in several queues, on one connection to PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mqgate.storage import statements
from mqgate.storage.interface import BindingRow, Change, ExchangeRow, Publish
from mqgate.storage.postgresql.line import Answer
from mqgate.storage.session import Shelf
from mqgate.storage.statements import publishing as sql


class PublishingStatements:
    """The part of `mqgate.storage.session.Session` that publishing needs."""

    _ask: Callable[..., Answer]

    # -- the catalogue

    def _exchanges(self, world: int, since: int, complete: bool) -> tuple[ExchangeRow, ...]:
        """All exchanges of a world, or those that changed after a version."""
        statement = sql.LIVE_EXCHANGES if complete else sql.EXCHANGES
        rows = self._ask(statement.postgresql, (world, since)).all()
        return tuple(map(ExchangeRow._make, rows))

    def _bindings(self, world: int, since: int, complete: bool) -> tuple[BindingRow, ...]:
        """The same of bindings."""
        statement = sql.LIVE_BINDINGS if complete else sql.BINDINGS
        rows = self._ask(statement.postgresql, (world, since)).all()
        return tuple(map(BindingRow._make, rows))

    def _change_wiring(self, change: Change) -> None:
        """Write exchanges and bindings."""
        for exchange in change.exchanges:
            self._ask(sql.SET_EXCHANGE.postgresql, exchange)
        for binding in change.bindings:
            self._ask(sql.SET_BINDING.postgresql, binding)

    # -- messages

    def publish(self, publishes: Sequence[tuple[int, Publish]]) -> None:
        worlds: dict[int, list[tuple[int, Publish]]] = {}
        for each in publishes:
            worlds.setdefault(each[1].world, []).append(each)
        for world, mine in worlds.items():
            self._publish(world, mine)

    def _publish(self, world: int, publishes: Sequence[tuple[int, Publish]]) -> None:
        messages: list[tuple[int, ...]] = []
        bodies: list[tuple[object, ...]] = []
        for origin, (_, copies) in publishes:
            for shelf, (id_, state, pos, due, expires, timeout, _, _), _ in copies:
                messages.append((id_, shelf, state, pos, due, expires, timeout, origin))
            first = copies[0].row
            bodies.append((origin, len(copies), first.props, first.data))
        # In this order, as for a post.
        self._ask(statements.POST_BODIES, (world, *zip(*bodies, strict=True)))
        self._ask(statements.POST_MESSAGES, (world, *zip(*messages, strict=True)))

    def held(self, shelf: Shelf, now: int, limit: int) -> int:
        row = self._ask(sql.HELD.postgresql, (*shelf, now, limit)).one()
        assert row is not None
        held: int = row[0]
        return held
