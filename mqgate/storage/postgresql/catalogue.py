"""Worlds, queues and counters, on one connection to PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mqgate.storage.executor.execution import SlotLost
from mqgate.storage.interface import BindingRow, Change, ExchangeRow, WorldRows
from mqgate.storage.postgresql.alerts import PostgreSQLAlerts
from mqgate.storage.postgresql.line import Answer
from mqgate.storage.postgresql.taking import take
from mqgate.storage.queue_rows import columns_of, queue_row
from mqgate.storage.session import Shelf
from mqgate.storage.statements import catalogue as sql


class CatalogueStatements:
    """The part of a session that is about the catalogue, the counters and the gateway."""

    _ask: Callable[..., Answer]
    _exchanges: Callable[[int, int, bool], tuple[ExchangeRow, ...]]
    _bindings: Callable[[int, int, bool], tuple[BindingRow, ...]]
    _change_wiring: Callable[[Change], None]
    _slot: int
    #: What the transaction began with; None in one that only reads.
    _fence: Answer | None
    alerts: PostgreSQLAlerts

    # -- the catalogue

    def versions(self, worlds: Sequence[int], changing: Sequence[int]) -> dict[int, int]:
        if self._fence is None:  # which only reads: what it finds is as new as it is whole
            return self._versions(worlds)
        # Read by a statement that begins when the locks are had: what it sees is not outdated.
        if changing:
            ordered = sorted({*worlds, *changing})
            alone = [world in changing for world in ordered]
            self._ask(sql.LOCK_WORLDS_TO_CHANGE, (ordered, alone))
        elif worlds:
            self._ask(sql.LOCK_WORLDS, (sorted(worlds),))
        versions = self._versions(worlds)
        if self._fence.count() != 1:
            raise SlotLost
        return versions

    def _versions(self, worlds: Sequence[int]) -> dict[int, int]:
        return dict(self._ask(sql.VERSIONS.postgresql, (worlds,)).all()) if worlds else {}

    def newer(self, world: int, since: int) -> WorldRows:
        version, forgotten, next_number = self._ask(sql.WORLD.postgresql, (world,)).one()
        complete = since < forgotten or since < 0
        statement = sql.LIVE_QUEUES if complete else sql.QUEUES
        after = -1 if complete else since
        rows = self._ask(statement.postgresql, (world, after))
        alerts = self.alerts.since(world, after)
        wiring = self._exchanges(world, after, complete), self._bindings(world, after, complete)
        if self._fence is None and self._ask(sql.WORLD.postgresql, (world,)).one()[1] != forgotten:
            return self.newer(world, since)  # tombstones went while they were to be read
        queues = tuple(queue_row(alerts, *row) for row in rows.all())
        return WorldRows(world, version, next_number, complete, queues, *wiring)

    def change(self, change: Change) -> None:
        values = (change.version, change.next_number, change.world)
        self._ask(sql.SET_WORLD.postgresql, values)
        # Removals first: a queue that is removed and made again in one batch is two rows.
        for row in sorted(change.queues, key=lambda row: row.removed == 0):
            self._ask(sql.SET_QUEUE.postgresql, columns_of(row))
        for move in change.reshelved:
            self._ask(sql.ADD_OLD_SHELF.postgresql, (move.world, move.old))
        self._change_wiring(change)
        if change.alerts_of:
            self.alerts.change(change)

    def raise_high(self, high: int) -> bool:
        """It was raised when the transaction began."""
        return True

    def old_shelves(self, limit: int) -> list[Shelf]:
        found = self._ask(sql.OLD_SHELVES.postgresql, (limit,)).all()
        return [(world, shelf) for shelf, world in take(self._ask, sql.TAKE_OLD_SHELVES, found)]

    def forget_shelf(self, shelf: Shelf) -> None:
        self._ask(sql.FORGET_SHELF.postgresql, shelf)

    # -- counters

    def count(self, shelf: Shelf) -> tuple[int, int]:
        there, total = self._ask(sql.COUNT.postgresql, shelf).one()
        return there, total

    def usage(self, world: int) -> tuple[int, int]:
        messages, size = self._ask(sql.USAGE.postgresql, (world,)).one()
        return messages, size

    def has_counts(self, shelf: Shelf) -> bool:
        return self._ask(sql.HAS_COUNTS.postgresql, shelf).count() == 1

    def add_counts(self, counts: Sequence[tuple[int, int, int, int]]) -> None:
        worlds, shelves, more, posted = zip(*sorted(counts), strict=True)
        self._ask(sql.ADD_COUNT.postgresql, (worlds, shelves, self._slot, more, posted))

    def reshelf_counts(self, world: int, old: int, new: int | None) -> None:
        if new is not None:
            _, total = self.count((world, old))
            self._ask(sql.ADD_COUNT.postgresql, ([world], [new], self._slot, [0], [total]))
        self._ask(sql.DROP_COUNTS.postgresql, (world, old))
