"""What is in the database, at one moment, without touching it.

A connection that cannot write, in one transaction: beside a running server it neither waits nor
keeps anybody waiting. Every statement that the command adds to the storage room's stands here.
"""

from __future__ import annotations

import heapq
import json
import os
import sqlite3
from collections.abc import Callable, Container, Iterator, Mapping
from typing import NamedTuple

import attrs

from mqgate.engine.ids import AHEAD
from mqgate.engine.names import is_hidden, parts_of
from mqgate.engine.time import SteadyTime
from mqgate.engine.values import NEVER, PREDECLARED, READY, RESERVED
from mqgate.storage import statements as sql
from mqgate.storage.interface import EPOCH, INSTANT_SHIFT, MessageRow, StoreError
from mqgate.storage.sqlite import reading, schema
from mqgate.storage.statements import catalogue

HIGH = "SELECT coalesce(max(high), 0) FROM gateway"
WORLD_NAMES = "SELECT name, world FROM world_name ORDER BY name"
QUEUES = (
    "SELECT world, number, name, shelf, policy, settings, created FROM queue"
    " WHERE world = ? AND removed = 0 ORDER BY name"
)
#: Of a topic's number: whether each of its groups is live, and when it was polled.
GROUPS = "SELECT name, live, polled_at FROM consumer_group WHERE world = ? AND topic = ?"
QUEUE = (
    "SELECT world, number, name, shelf, policy, settings, created FROM queue"
    " WHERE world = ? AND removed = 0 AND name = ?"
)
ALERTS = (
    "SELECT id, progressive, descending, threshold, target, snooze, fired_at FROM alert"
    " WHERE world = ? AND queue = ? ORDER BY id"
)
#: As in the storage room, ``+expires`` keeps SQLite from walking the expiry index.
READY_FIGURES = (
    "SELECT count(*), min(id), min(expires) FROM msg"
    " WHERE world = :world AND queue = :shelf AND state = 0 AND +expires > :now"
)
#: What has come due is ready, whether anybody has looked since or not.
HELD_FIGURES = (
    "SELECT total(due <= :now), total(due > :now AND state = 1), total(due > :now AND state = 2),"
    " min(id), min(expires), min(CASE WHEN due > :now THEN due END) FROM msg"
    " WHERE world = :world AND queue = :shelf AND state IN (1, 2) AND +expires > :now"
)
PUSHED_FIGURES = (
    "SELECT count(*), min(id), min(expires) FROM msg WHERE state = 4 AND expires > :now"
    " AND id IN (SELECT message FROM push WHERE world = :world AND queue = :shelf)"
)
PUSHED = (
    "SELECT DISTINCT message FROM push WHERE world = :world AND queue = :shelf ORDER BY message"
)
#: A lapsed reservation stands where its queue's policy sends it, everything else at its place.
HELD_PLACES = (
    "SELECT CASE WHEN state = 1 AND due <= :now AND NOT :keeps_place THEN (due - :epoch) << :shift"
    " ELSE pos END AS place, id FROM msg"
    " WHERE world = :world AND queue = :shelf AND state IN (1, 2) AND +expires > :now"
    " ORDER BY place, id"
)
#: Of a value without bytes, ``substr`` makes none at all.
TOPICS = (
    "SELECT topic, latest_seq, length(latest), coalesce(substr(latest, 1, :bytes), x''),"
    " retained_seq, length(retained), substr(retained, 1, :bytes)"
    " FROM topic_value WHERE world = :world ORDER BY topic"
)

EXCHANGES = "SELECT name, type FROM exchange WHERE world = ? AND removed = 0"
BINDINGS = (
    "SELECT b.exchange, q.name, b.key FROM binding b"
    " JOIN queue q ON q.world = b.world AND q.number = b.queue AND q.removed = 0"
    " WHERE b.world = ? AND b.removed = 0 ORDER BY b.exchange, q.name, b.key"
)

#: SQLite looks for signals after so many of its steps.
_STEPS = 100_000


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
    """The database as it is when this is made; used in a ``with`` statement.

    Raises `StoreError` where there is none that can be read. ``interrupted`` is asked now and
    then in the middle of long statements, which then end with an error.
    """

    def __init__(
        self,
        path: str,
        wall: Callable[[], float],
        monotonic: Callable[[], float],
        interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        self.connection = _open(path)
        self.connection.set_progress_handler(interrupted, _STEPS)
        try:
            self.connection.execute("BEGIN")
            (high,) = self.connection.execute(HIGH).fetchone()
        except BaseException:
            self.connection.close()
            raise
        #: The engine's time: like the server's, it is never behind the ids that were given out.
        self.now: int = SteadyTime(wall, monotonic, high, AHEAD)()

    def __enter__(self) -> Snapshot:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def end(self) -> None:
        """Let go of the moment; what is read from here on is newer."""
        self.connection.execute("ROLLBACK")

    def world_names(self) -> dict[str, int]:
        """The number of the world behind each name."""
        return dict(self.connection.execute(WORLD_NAMES).fetchall())

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
        rows = self.connection.execute(GROUPS, (log.world, log.number))
        return {name: (bool(live), polled_at) for name, live, polled_at in rows}

    def size(self, queue: Queue) -> int:
        """How many messages a queue counts."""
        n, _ = self.connection.execute(
            catalogue.COUNT.sqlite, (queue.world, queue.shelf)
        ).fetchone()
        assert isinstance(n, int)
        return n

    def _queues(self, world: int) -> list[Queue]:
        return [_queue(*row) for row in self.connection.execute(QUEUES, (world,))]

    def queue(self, world: int, name: str) -> Queue | None:
        """A queue by name."""
        if is_hidden(name):
            return None
        try:
            row = self.connection.execute(QUEUE, (world, name)).fetchone()
        except UnicodeEncodeError:  # no text, so no queue's name
            return None
        return row and _queue(*row)

    def exchanges(self, world: int, bound: Container[str]) -> dict[str, str]:
        """The type of each of a world's exchanges, by name.

        Those that every world has are among them if they are ``bound``.
        """
        found = {name: type_ for name, type_ in PREDECLARED.items() if name in bound}
        return found | dict(self.connection.execute(EXCHANGES, (world,)).fetchall())

    def bindings(self, world: int) -> list[Binding]:
        """A world's bindings by exchange, queue and key."""
        return [Binding._make(row) for row in self.connection.execute(BINDINGS, (world,))]

    def topics(self, world: int, most: int) -> Iterator[Topic]:
        """A world's topics by name, with so many bytes of their values at most."""
        rows = self.connection.execute(TOPICS, {"world": world, "bytes": most})
        for name, latest_number, latest_size, latest, number, size, data in rows:
            retained = None if data is None else TopicValue(number, size, data)
            yield Topic(name, TopicValue(latest_number, latest_size, latest), retained)

    def alerts(self, queue: Queue) -> list[Alert]:
        """A queue's alerts, in the order in which they were made."""
        rows = self.connection.execute(ALERTS, (queue.world, queue.number))
        return [
            Alert(id_, bool(progressive), bool(descending), threshold, target, snooze, at or None)
            for id_, progressive, descending, threshold, target, snooze, at in rows
        ]

    def figures(self, queue: Queue) -> Figures:
        """Count a queue's messages."""
        values = {"world": queue.world, "shelf": queue.shelf, "now": self.now}
        execute = self.connection.execute
        ready, *ready_firsts = execute(READY_FIGURES, values).fetchone()
        due, reserved, delayed, *held_firsts, next_due = execute(HELD_FIGURES, values).fetchone()
        pushed, *pushed_firsts = execute(PUSHED_FIGURES, values).fetchone()
        _, total = execute(catalogue.COUNT.sqlite, (queue.world, queue.shelf)).fetchone()
        oldest, expiry = (
            min((each for each in firsts if each is not None), default=None)
            for firsts in zip(ready_firsts, held_firsts, pushed_firsts, strict=True)
        )
        return Figures(
            ready + int(due),
            int(reserved),
            int(delayed),
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
        ready = self.connection.execute(sql.READY.sqlite, (*shelf, self.now, -1))
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

        The places are sorted by SQLite, and each row read when it is its turn: SQLite would sort
        the bodies, too.
        """
        values = {
            "world": queue.world,
            "shelf": queue.shelf,
            "now": self.now,
            "keeps_place": keeps_place,
            "epoch": EPOCH,
            "shift": INSTANT_SHIFT,
        }
        get = (queue.world, queue.shelf, queue.shelf, self.now)
        for place, id_ in self.connection.execute(HELD_PLACES, values):
            found = self.connection.execute(sql.GET.sqlite, (id_, *get)).fetchone()
            row = MessageRow._make(found)
            if row.due <= self.now:
                row = row._replace(state=READY, due=0, lease=0)
            elif row.state != RESERVED:
                row = row._replace(lease=0)
            yield place, id_, row

    def _pushed(self, queue: Queue) -> Iterator[tuple[int, int, tuple[object, ...]]]:
        """The same of what is on its way to receivers."""
        get = (queue.world, queue.shelf, queue.shelf, self.now)
        for (id_,) in self.connection.execute(PUSHED, {"world": queue.world, "shelf": queue.shelf}):
            found = self.connection.execute(sql.GET.sqlite, (id_, *get)).fetchone()
            if found is not None:  # it has not expired
                yield found[2], id_, found


def _queue(
    world: int, number: int, name: str, shelf: int, policy: str, settings: bytes, created: int
) -> Queue:
    return Queue(world, number, name, shelf, policy, json.loads(settings), created)


def _open(path: str) -> sqlite3.Connection:
    """A connection that cannot write. Raises `StoreError`."""
    if not os.path.exists(path):
        raise StoreError(f"there is no database {path}: start the server once to make it")
    with schema.told_plainly(path):
        connection = reading.connect(path)
        try:
            _check(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def _check(connection: sqlite3.Connection, path: str) -> None:
    """Refuse what this version does not know."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    known = len(schema.migrations())
    if application != schema.APPLICATION:
        raise StoreError(f"{path} is no database of mqgate: use another data folder")
    if version > known:
        raise StoreError(
            f"{path} was written by a newer mqgate (schema {version}, this one knows {known}):"
            " use that version's command"
        )
    if version < known:
        raise StoreError(f"{path} is of an older mqgate: start the server once to upgrade it")
