"""What this gateway knows of worlds and what is in them, and drafts of what is to change.

A copy: the database's is the truth. Every batch names the versions it was planned with; if one is
outdated nothing is done, the newer rows come back, and the batch is planned again.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence

from mqgate.engine.alarms import messages_at_most
from mqgate.engine.names import fed_from, is_hidden
from mqgate.engine.wiring import Exchanges, WiringDraft
from mqgate.storage.interface import Alert, Change, QueueRow, Reshelf, WorldRows

#: Older than any version: all rows are wanted.
UNKNOWN = -1


class World:
    """One world's queues and exchanges, as of a version."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.version = UNKNOWN
        self.next_number = 1
        self.queues: dict[str, QueueRow] = {}
        #: The same by number.
        self.numbers: dict[int, QueueRow] = {}
        self.exchanges = Exchanges()
        #: The names of the queues that are fed from a log, by the log's.
        self.fed: dict[str, set[str]] = {}
        self._names: list[str] | None = []
        #: The names of queues that have alerts.
        self.alerted: set[str] = set()

    def take(self, newer: WorldRows) -> None:
        """Take in what the database knows better."""
        if newer.complete:
            self.queues, self.numbers, self.fed = {}, {}, {}
            self.exchanges = Exchanges()
            self.alerted = set()
            self._names = None
        self._note_names(newer.queues)
        self._apply(newer.queues)
        self.exchanges.apply(newer.exchanges, newer.bindings, self.numbers)
        self.version = newer.version
        self.next_number = newer.next_number

    def commit(self, change: Change) -> None:
        """Take in a change of our own, which is on disk now."""
        self._note_names(change.queues)
        self._apply(change.queues)
        self.exchanges.apply(change.exchanges, change.bindings, self.numbers)
        self.version = change.version
        self.next_number = change.next_number

    def names(self) -> list[str]:
        """The queues' names in code point order, without the engine's own queues."""
        if self._names is None:
            self._names = sorted(name for name in self.queues if not is_hidden(name))
        return self._names

    def _note_names(self, rows: Sequence[QueueRow]) -> None:
        """Keep the names in their order: other gateways may change them all the time.

        Before the rows are taken in.
        """
        if self._names is None:
            return
        there = {row.name for row in rows if not row.removed}
        gone = {row.name for row in rows if row.removed and row.number in self.numbers}
        for name in gone - there:
            if not is_hidden(name):
                del self._names[bisect_left(self._names, name)]
        for name in there - self.queues.keys():
            if not is_hidden(name):
                insort(self._names, name)

    def _apply(self, rows: tuple[QueueRow, ...]) -> None:
        # Removals first: a queue that was removed and made again has two rows with one name.
        for row in sorted(rows, key=lambda row: row.removed == 0):
            log = fed_from(row.name)
            if not row.removed:
                self.queues[row.name] = self.numbers[row.number] = row
                if row.alerts:
                    self.alerted.add(row.name)
                else:
                    self.alerted.discard(row.name)
                if log is not None:
                    self.fed.setdefault(log, set()).add(row.name)
            elif self.numbers.pop(row.number, None) is not None:
                del self.queues[row.name]
                self.exchanges.forget(row.number)
                self.alerted.discard(row.name)
                if log is not None:
                    self.fed[log].discard(row.name)


class Draft:
    """A world's catalogue as one batch is going to leave it."""

    def __init__(self, world: World, now: int) -> None:
        self._world = world
        self._now = now
        self._next_number = world.next_number
        self._version = world.version + 1
        self._rows: dict[int, QueueRow] = {}
        self._names: dict[str, QueueRow | None] = {}
        self._reshelved: list[Reshelf] = []
        #: How many queues there are.
        self.size = len(world.queues)
        self._wiring: WiringDraft | None = None
        self._alerts_of: set[int] = set()

    @property
    def planned_with(self) -> tuple[int, int]:
        """The world and the version this draft starts from."""
        return self._world.number, self._world.version

    def find(self, name: str) -> QueueRow | None:
        """The queue of that name, as far as this batch has come."""
        if name in self._names:
            return self._names[name]
        return self._world.queues.get(name)

    @property
    def wiring(self) -> WiringDraft:
        """The world's exchanges and bindings, as far as this batch has come."""
        if self._wiring is None:
            self._wiring = WiringDraft(
                self._world.number,
                self._world.exchanges,
                self._numbered,
                self._now,
                self._version,
            )
        return self._wiring

    def _numbered(self, number: int) -> QueueRow | None:
        """The queue of that number, as far as this batch has come."""
        row = self._rows.get(number) or self._world.numbers.get(number)
        return None if row is None or row.removed else row

    def fed_from(self, log: str) -> list[QueueRow]:
        """The queues of the groups that are fed from a log, as far as this batch has come."""
        names = self._world.fed.get(log, set()) | {
            name for name in self._names if fed_from(name) == log
        }
        return [row for name in sorted(names) if (row := self.find(name)) is not None]

    def make(self, name: str, policy: str, settings: Mapping[str, object]) -> QueueRow:
        """A new queue; there must be none of that name."""
        number, shelf = self._take_number(), self._take_number()
        self.size += 1
        return self._set(
            QueueRow(
                self._world.number,
                number,
                name,
                shelf,
                policy,
                dict(settings),
                self._now,
                0,
                self._version,
            )
        )

    def set_settings(self, queue: QueueRow, settings: Mapping[str, object]) -> QueueRow:
        """Lay settings over those the queue has."""
        if not settings:
            return queue
        merged = {**queue.settings, **settings}
        return self._set(queue._replace(settings=merged, version=self._version))

    def set_alerts(self, queue: QueueRow, alerts: tuple[Alert, ...]) -> QueueRow:
        """Give the queue these alerts and no other."""
        if alerts == queue.alerts:
            return queue
        self._alerts_of.add(queue.number)
        return self._set(queue._replace(alerts=alerts, version=self._version))

    def clear(self, queue: QueueRow) -> QueueRow:
        """Put the queue onto a new shelf, leaving its messages behind."""
        shelf = self._take_number()
        self._reshelved.append(Reshelf(self._world.number, queue.shelf, shelf))
        return self._set(queue._replace(shelf=shelf, version=self._version))

    def remove(self, queue: QueueRow) -> None:
        """Leave a tombstone, and the messages behind."""
        self.size -= 1
        self._reshelved.append(Reshelf(self._world.number, queue.shelf, None))
        queue = self.set_alerts(queue, ())
        self._rows[queue.number] = queue._replace(removed=self._now, version=self._version)
        self._names[queue.name] = None

    def change(self) -> Change | None:
        """What has to be written; None if nothing changes."""
        exchanges, bindings = self._wiring.rows() if self._wiring is not None else ((), ())
        if not (self._rows or exchanges or bindings):
            return None
        return Change(
            self._world.number,
            self._version,
            self._next_number,
            tuple(self._rows.values()),
            tuple(self._reshelved),
            exchanges,
            bindings,
            tuple(self._alerts_of),
        )

    def _set(self, row: QueueRow) -> QueueRow:
        self._rows[row.number] = row
        self._names[row.name] = row
        return row

    def _take_number(self) -> int:
        number = self._next_number
        self._next_number += 1
        return number


class Catalogue:
    """All worlds this gateway has heard of."""

    def alert_messages(self, world: int, queue: str) -> int:
        """How many messages one change of this queue's size may bring about."""
        known = self.world(world)
        if queue not in known.alerted:
            return 0
        return messages_at_most(known.queues[queue], known.queues.get)

    def __init__(self) -> None:
        self._worlds: dict[int, World] = {}
        #: Whether any queue has alerts.
        self.has_alerts = False

    def world(self, number: int) -> World:
        """A world, empty and outdated if it was never asked about."""
        world = self._worlds.get(number)
        if world is None:
            world = self._worlds[number] = World(number)
        return world

    def take(self, newer: tuple[WorldRows, ...]) -> None:
        """Take in what the database knows better."""
        for rows in newer:
            self.world(rows.world).take(rows)
        self._look_for_alerts()

    def commit(self, changes: tuple[Change, ...]) -> None:
        """Take in changes of our own, which are on disk now."""
        for change in changes:
            self.world(change.world).commit(change)
        if changes:
            self._look_for_alerts()

    def _look_for_alerts(self) -> None:
        self.has_alerts = any(world.alerted for world in self._worlds.values())
