"""What is in the database, at one moment, without touching it.

It is read through a view of the database, which is beside a running server and neither waits nor
keeps anybody waiting.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Container, Iterator, Mapping
from typing import NamedTuple

import attrs

from mqgate.engine.errors import InvalidRequest
from mqgate.engine.ids import AHEAD
from mqgate.engine.names import check_names, is_hidden, parts_of
from mqgate.engine.time import SteadyTime
from mqgate.engine.values import NEVER, PREDECLARED, READY, RESERVED
from mqgate.storage.interface import EPOCH, INSTANT_SHIFT, MessageRow
from mqgate.storage.statements import showing as sql
from mqgate.storage.views import View


@attrs.frozen
class Queue:
    """A queue as the catalogue has it."""

    world: int
    number: int
    name: str
    shelf: int
    policy: str
    settings: Mapping[str, object]
    created_at: int


class Binding(NamedTuple):
    """A queue is bound to an exchange, both by name."""

    exchange: str
    queue: str
    key: str


@attrs.frozen
class Figures:
    """What is in a queue, counted. Instants are None where there is nothing to come."""

    ready: int
    reserved: int
    delayed: int
    #: On their way to receivers.
    pushed: int
    #: Messages ever posted.
    total: int
    #: When the oldest of its messages was posted.
    oldest_at: int | None
    #: When the next reservation or delay ends.
    next_due_at: int | None
    next_expiry_at: int | None

    @property
    def size(self) -> int:
        """How many messages there are."""
        return self.ready + self.reserved + self.delayed + self.pushed


@attrs.frozen
class TopicValue:
    """A value of a topic."""

    #: It counts the publishes to all topics of the world.
    number: int
    #: In bytes.
    size: int
    #: Its first bytes.
    data: bytes


@attrs.frozen
class Topic:
    """A topic and its values."""

    name: str
    latest: TopicValue
    retained: TopicValue | None


@attrs.frozen
class Alert:
    """An alert of a queue, and when it went off last; None if it never did."""

    id: int
    progressive: bool
    descending: bool
    threshold: int
    target: str
    snooze: int
    fired_at: int | None


def posted_at(message_id: int) -> int:
    """When a message was posted."""
    return (message_id >> INSTANT_SHIFT) + EPOCH


class Snapshot:
    """The database as it is when this is made; used in a ``with`` statement."""

    def __init__(
        self, view: View, wall: Callable[[], float], monotonic: Callable[[], float]
    ) -> None:
        self._view = view
        try:
            [(high,)] = view.rows(sql.HIGH)
            ahead = view.ahead()
        except BaseException:
            view.close()
            raise
        #: The engine's time: like the server's, it is never behind the ids that were given out.
        self.now: int = SteadyTime(wall, monotonic, high, AHEAD, ahead=ahead)()

    def __enter__(self) -> Snapshot:
        return self

    def __exit__(self, *_: object) -> None:
        self._view.close()

    def world_names(self) -> dict[str, int]:
        """The number of the world behind each name."""
        return dict(self._view.rows(sql.WORLD_NAMES))

    def queues(self, world: int) -> list[Queue]:
        """A world's queues by name, without those that the engine keeps to itself."""
        return [each for each in self._queues(world) if not is_hidden(each.name)]

    def logs(self, world: int) -> dict[str, dict[str | None, Queue]]:
        """By topics: the log as None, each group's queue, and as "" that of half messages."""
        topics: dict[str, dict[str | None, Queue]] = {}
        for each in self._queues(world):
            if is_hidden(each.name):
                topic, group = parts_of(each.name)
                topics.setdefault(topic, {})[group] = each
        return topics

    def groups(self, log: Queue) -> dict[str, tuple[bool, int]]:
        """By a topic's groups that were ever polled: is it live, and when was it polled?"""
        rows = self._view.rows(sql.GROUPS, (log.world, log.number))
        return {name: (bool(live), polled_at) for name, live, polled_at in rows}

    def size(self, queue: Queue) -> int:
        """How many messages a queue counts."""
        [(n, _)] = self._view.rows(sql.COUNT, (queue.world, queue.shelf))
        assert isinstance(n, int)
        return n

    def _queues(self, world: int) -> list[Queue]:
        return [_queue(*row) for row in self._view.rows(sql.QUEUES, (world,))]

    def queue(self, world: int, name: str) -> Queue | None:
        """A queue by name."""
        try:
            check_names(name)
        except InvalidRequest:  # nothing can be called that, or not for others
            return None
        rows = self._view.rows(sql.QUEUE, (world, name))
        return _queue(*rows[0]) if rows else None

    def exchanges(self, world: int, bound: Container[str]) -> dict[str, str]:
        """The type of each of a world's exchanges, by name.

        Those that every world has are among them if they are ``bound``.
        """
        found = {name: type_ for name, type_ in PREDECLARED.items() if name in bound}
        return found | dict(self._view.rows(sql.EXCHANGES, (world,)))

    def bindings(self, world: int) -> list[Binding]:
        """A world's bindings by exchange, queue and key."""
        return [Binding._make(row) for row in self._view.rows(sql.BINDINGS, (world,))]

    def topics(self, world: int, most: int) -> Iterator[Topic]:
        """A world's topics by name, with so many bytes of their values at most."""
        rows = self._view.stream(sql.TOPICS, {"world": world, "bytes": most})
        for name, latest_number, latest_size, latest, number, size, data in rows:
            retained = None if data is None else TopicValue(number, size, data)
            yield Topic(name, TopicValue(latest_number, latest_size, latest), retained)

    def alerts(self, queue: Queue) -> list[Alert]:
        """A queue's alerts, in the order in which they were made."""
        rows = self._view.rows(sql.ALERTS, (queue.world, queue.number))
        return [
            Alert(id_, bool(progressive), bool(descending), threshold, target, snooze, at or None)
            for id_, progressive, descending, threshold, target, snooze, at in rows
        ]

    def figures(self, queue: Queue) -> Figures:
        """Count a queue's messages."""
        values = {"world": queue.world, "shelf": queue.shelf, "now": self.now}
        rows = self._view.rows
        [(ready, *ready_firsts)] = rows(sql.READY_FIGURES, values)
        [(due, reserved, delayed, *held_firsts, next_due)] = rows(sql.HELD_FIGURES, values)
        [(pushed, *pushed_firsts)] = rows(sql.PUSHED_FIGURES, values)
        [(_, total)] = rows(sql.COUNT, (queue.world, queue.shelf))
        oldest, expiry = (
            min((each for each in firsts if each is not None), default=None)
            for firsts in zip(ready_firsts, held_firsts, pushed_firsts, strict=True)
        )
        return Figures(
            ready + due,
            reserved,
            delayed,
            pushed,
            total,
            None if oldest is None else posted_at(oldest),
            next_due,
            None if expiry == NEVER else expiry,
        )

    def messages(self, queue: Queue, *, keeps_place: bool) -> Iterator[MessageRow]:
        """A queue's messages in their order, read as they are taken.

        Those that have come due are ready. ``keeps_place`` is the queue's policy's.
        """
        shelf = (queue.world, queue.shelf)
        ready = self._view.stream(sql.READY, (*shelf, self.now))
        placed = heapq.merge(
            ((row[2], row[0], row) for row in ready),
            self._held(queue, keeps_place),
            self._pushed(queue),
        )
        return (MessageRow._make(row) for _, _, row in placed)

    def _held(
        self, queue: Queue, keeps_place: bool
    ) -> Iterator[tuple[int, int, tuple[object, ...]]]:
        """Place, id and row of what is reserved or delayed.

        The places are sorted by the database, and each row read when it is its turn: it would
        sort the bodies, too.
        """
        values = {
            "world": queue.world,
            "shelf": queue.shelf,
            "now": self.now,
            "keeps_place": keeps_place,
            "epoch": EPOCH,
            "shift": INSTANT_SHIFT,
        }
        get = (queue.world, queue.shelf, self.now)
        for place, id_ in self._view.stream(sql.HELD_PLACES, values):
            [found] = self._view.rows(sql.MESSAGE, (id_, *get))
            row = MessageRow._make(found)
            if row.due <= self.now:
                row = row._replace(state=READY, due=0, lease=0)
            elif row.state != RESERVED:
                row = row._replace(lease=0)
            yield place, id_, row

    def _pushed(self, queue: Queue) -> Iterator[tuple[int, int, tuple[object, ...]]]:
        """The same of what is on its way to receivers."""
        get = (queue.world, queue.shelf, self.now)
        values = {"world": queue.world, "shelf": queue.shelf}
        for (id_,) in self._view.stream(sql.PUSHED, values):
            for found in self._view.rows(sql.MESSAGE, (id_, *get)):  # none, if it has expired
                yield found[2], id_, found


def _queue(
    world: int, number: int, name: str, shelf: int, policy: str, settings: bytes, created: int
) -> Queue:
    return Queue(world, number, name, shelf, policy, json.loads(settings), created)
