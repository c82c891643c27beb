"""Limits: which messages may come in, and what goes to make room for them.

All of it is counted inside the batch's transaction, so that no number of gateways leads beyond a
limit together. A post comes in whole or not at all, and so does a publish.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from mqgate.storage.executor.execution import SWEPT_BEFORE_COUNTING, Execution
from mqgate.storage.interface import Bound, Full, PostRow, Quota, Refusal
from mqgate.storage.interface.limits import BYTES, LENGTH, MESSAGES
from mqgate.storage.session import Shelf

#: A shelf over its bound, because that was lowered, loses so many messages more with each post: all
#: at once could be millions.
DROPPED_MORE = 500


class Incoming(NamedTuple):
    """An operation that brings messages: its place in the batch, and what it brings where."""

    place: int
    world: int
    parts: Sequence[tuple[Shelf, Sequence[PostRow]]]


def admit(execution: Execution, incoming: Iterable[Incoming]) -> dict[Shelf, list[PostRow]]:
    """What of these is to be stored, in a batch that has limits.

    What goes for their sake is gone by then. Raises `Full` if some of them cannot come in.
    """
    execution.sweep_up_to(SWEPT_BEFORE_COUNTING)  # what has expired takes nobody's room
    room = Room(execution)
    refused: dict[int, Refusal] = {}
    for place, world, parts in incoming:
        refusal = room.take_in(world, parts)
        if refusal is not None:
            refused[place] = refusal
            if room.changed:  # it is as if that were gone: those who come later are judged anew
                break
        execution.changes[place] = room.changed
    if refused:
        raise Full(refused)
    return room.admitted


def admit_copies(execution: Execution, comers: Iterable[tuple[int, int, int, int]]) -> None:
    """The same for messages of topics: (place in the batch, world, rows, bytes in all of them).

    They keep to what their worlds may hold; a queue's own limits are not for topics.
    """
    execution.sweep_up_to(SWEPT_BEFORE_COUNTING)
    room = Room(execution)
    refused: dict[int, Refusal] = {}
    for index, world, rows, size in comers:
        refusal = room.take_in_world(world, rows, size)
        if refusal is not None:
            refused[index] = refusal
    if refused:
        raise Full(refused)


class Room:
    """How full worlds and shelves are, as the messages of one batch come in.

    If one of them does not, the batch is rolled back: so it is no matter that what was dropped
    for its sake is gone.
    """

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        limits = execution.batch.limits
        self._quotas = {each.world: each for each in limits if isinstance(each, Quota)}
        self._bounds = {
            (each.world, each.shelf): each for each in limits if isinstance(each, Bound)
        }
        #: The messages that each world with a quota has by now, and their bytes.
        self._held = {world: self._held_by(world) for world in self._quotas}
        #: How many messages stood on a shelf before and still do.
        self._there: dict[Shelf, int] = {}
        #: What is to be stored.
        self.admitted: dict[Shelf, list[PostRow]] = {}
        #: By how much the last ones made shelves longer, or shorter.
        self.changed: Counter[Shelf] = Counter()

    def take_in(
        self, world: int, parts: Sequence[tuple[Shelf, Sequence[PostRow]]]
    ) -> Refusal | None:
        """Let rows in, each part of them on another shelf; or say what keeps them all out."""
        self.changed = Counter()
        for shelf, rows in parts:
            bound = self._bounds.get(shelf)
            if bound is not None and not bound.drop and self._over(bound, len(rows)) > 0:
                return Refusal(LENGTH, bound.length)
        parts = [(shelf, rows[self._make_room(shelf, len(rows)) :]) for shelf, rows in parts]
        n = sum(len(rows) for _, rows in parts)
        size = sum(_size(row) for _, rows in parts for row in rows)
        refusal = self.take_in_world(world, n, size)
        if refusal is None:
            for shelf, rows in parts:
                self.admitted.setdefault(shelf, []).extend(rows)
                self.changed[shelf] += len(rows)
        return refusal

    def take_in_world(self, world: int, rows: int, size: int) -> Refusal | None:
        """Let so many rows into a world, or say what keeps them out."""
        quota = self._quotas.get(world)
        refusal = quota and self._beyond(quota, rows, size)
        if refusal is None:
            self._add(world, rows, size)
        return refusal

    def _over(self, bound: Bound, n: int) -> int:
        """How much too long the shelf would be with so many messages more."""
        return self._length((bound.world, bound.shelf)) + n - bound.length

    def _make_room(self, shelf: Shelf, n: int) -> int:
        """Let the oldest go if that is the rule; for how many of those that come it did no good."""
        bound = self._bounds.get(shelf)
        over = self._over(bound, n) if bound is not None else 0
        if bound is None or over <= 0:
            return 0
        return self._drop(bound, min(over, n + DROPPED_MORE))

    def _beyond(self, quota: Quota, rows: int, size: int) -> Refusal | None:
        """What would be too much of these for their world."""
        messages, bytes_ = self._held[quota.world]
        if quota.messages is not None and messages + rows > quota.messages:
            return Refusal(MESSAGES, quota.messages)
        if quota.bytes is not None and bytes_ + size > quota.bytes:
            return Refusal(BYTES, quota.bytes)
        return None

    def _drop(self, bound: Bound, n: int) -> int:
        """Let go of the oldest; how many there were not to let go of.

        Those at the front first; after all that are ready, those that are held or delayed, then
        those that are being pushed; after all that stood there before, those that have just come.
        """
        shelf = (bound.world, bound.shelf)
        execution = self._execution
        execution.promote(shelf, bound.in_place)
        rows = execution.session.oldest(shelf, n)
        if len(rows) < n:
            rows += execution.session.pushes.drop_oldest(shelf, n - len(rows))
        execution.remove(shelf[0], ((row[0], row[1]) for row in rows))
        execution.counts[shelf] -= len(rows)
        self._there[shelf] -= len(rows)
        came = self.admitted.get(shelf, [])
        late = came[: n - len(rows)]
        del came[: len(late)]
        gone = len(rows) + len(late)
        self.changed[shelf] -= gone
        self._add(bound.world, -gone, -sum(row[2] for row in rows) - sum(map(_size, late)))
        return n - gone

    def _length(self, shelf: Shelf) -> int:
        """How long the shelf is by now."""
        if shelf not in self._there:
            n, _ = self._execution.session.count(shelf)
            self._there[shelf] = n + self._execution.counts[shelf]
        return self._there[shelf] + len(self.admitted.get(shelf, ()))

    def _held_by(self, world: int) -> tuple[int, int]:
        messages, size = self._execution.session.usage(world)
        came, left = self._execution.counts, self._execution.left
        messages += sum(n for shelf, n in came.items() if shelf[0] == world)
        return messages - sum(n for shelf, n in left.items() if shelf[0] == world), size

    def _add(self, world: int, messages: int, size: int) -> None:
        if world in self._held:
            before = self._held[world]
            self._held[world] = before[0] + messages, before[1] + size


def _size(row: PostRow) -> int:
    """The bytes of a message that count."""
    return len(row.data) + (len(row.props) if row.props else 0)
