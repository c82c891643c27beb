"""What alerts have to post: a naive model, fed with what was committed.

It knows each queue's messages by their ids and when they expire, takes the operations of a batch
one after the other, and compares whole sizes before and after. Nothing in it is clever.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import attrs

from mqgate.storage.interface import (
    Alert,
    Batch,
    Delete,
    Leave,
    MessageRow,
    Post,
    PostRow,
    PutBack,
    QueueRow,
    Reserve,
    Watch,
)

#: (world, queue's number).
Key = tuple[int, int]


class Letter(NamedTuple):
    """A message of an alert: the shelf it is to be found on, and its body."""

    world: int
    shelf: int
    body: bytes


def body(queue: str, target: str, alert: int, now: int, size: int) -> bytes:
    """What the policy of these tests writes."""
    return f"bell {queue}>{target} {alert} {now} {size}".encode()


@attrs.define
class Queue:
    """A queue as the model has it."""

    row: QueueRow
    alerts: tuple[Alert, ...] = ()
    #: By id: when it expires, and the shelf that it was put on.
    messages: dict[int, tuple[int, int]] = attrs.Factory(dict)
    #: All shelves it has had.
    shelves: set[int] = attrs.Factory(set)


@attrs.define
class Model:
    """All worlds, as of the last batch."""

    queues: dict[Key, Queue] = attrs.Factory(dict)
    set_off_at: dict[int, int] = attrs.Factory(dict)
    _now: int = 0
    #: Alerts that are there since this batch.
    _new: set[int] = attrs.Factory(set)
    _coming: list[tuple[Key, Alert, bytes]] = attrs.Factory(list)
    _posted: list[Letter] = attrs.Factory(list)

    def commit(self, batch: Batch, results: list[Any]) -> list[Letter]:
        """A batch was committed with these results: the letters that it has to have posted."""
        self._now = batch.now
        removed = self._change(batch)
        watch = next((each for each in batch.operations if isinstance(each, Watch)), None)
        watched = [(each.world, each.queue) for each in watch.queues] if watch else []
        self._expire(watched)
        touched = set()
        for operation, result in zip(batch.operations, results, strict=True):
            if isinstance(operation, Post | PutBack | Delete | Reserve | Leave):
                key, queue = self._on(operation.world, operation.shelf)
                before = len(queue.messages)
                self._carry_out(queue, operation, result)
                if len(queue.messages) != before and queue.alerts:
                    touched.add(key)
                self._look(key, before, len(queue.messages))
        assert touched <= set(watched), "a queue with alerts changed unseen"
        for key in removed:
            del self.queues[key]
        for queue in self.queues.values():
            gone = [id_ for id_, (_, on) in queue.messages.items() if on != queue.row.shelf]
            old = {alert.id for alert in queue.alerts} - self._new
            assert not (gone and old), "a queue with alerts was cleared unseen"
            for id_ in gone:
                del queue.messages[id_]
        return self._letters()

    def learn(self, letter: Letter, id_: int, expires: int) -> None:
        """A letter was posted under this id."""
        _, queue = self._on(letter.world, letter.shelf)
        # By its place, not by its text: one alert may be set off twice at the same size.
        place = next(n for n, each in enumerate(self._posted) if each is letter)
        queue.messages.pop(-1 - place, None)
        queue.messages[id_] = (expires, letter.shelf)

    def _change(self, batch: Batch) -> list[Key]:
        """Take in the catalogue's changes; the queues that are no more after the batch."""
        removed = []
        self._new = set()
        for change in batch.changes:
            for row in change.queues:
                key = (row.world, row.number)
                queue = self.queues.get(key)
                if queue is None:
                    if row.removed:  # came and went in one batch
                        queue = self.queues[key] = Queue(row, shelves={row.shelf})
                        removed.append(key)
                        continue
                    queue = self.queues[key] = Queue(row)
                queue.shelves.add(row.shelf)
                if row.removed:
                    removed.append(key)
                    continue
                self._new |= {it.id for it in row.alerts} - {it.id for it in queue.alerts}
                queue.row, queue.alerts = row, row.alerts
            for move in reversed(change.reshelved):  # a new queue may have had several
                for queue in self.queues.values():
                    if queue.row.world == move.world and move.new in queue.shelves:
                        queue.shelves.add(move.old)
        return removed

    def _on(self, world: int, shelf: int) -> tuple[Key, Queue]:
        ((key, queue),) = (
            (key, queue)
            for key, queue in self.queues.items()
            if key[0] == world and shelf in queue.shelves
        )
        return key, queue

    def _expire(self, watched: list[Key]) -> None:
        """Queues with alerts lose what has expired when somebody looks, others at any time."""
        now = self._now
        quiet = [key for key, queue in self.queues.items() if not queue.alerts]
        for key in [*quiet, *watched]:
            queue = self.queues[key]
            before = len(queue.messages)
            for id_ in [id_ for id_, (expires, _) in queue.messages.items() if expires <= now]:
                del queue.messages[id_]
            self._look(key, before, len(queue.messages), but=self._new)

    def _carry_out(self, queue: Queue, operation: object, result: Any) -> None:
        messages, now = queue.messages, self._now
        if isinstance(operation, Post):
            self._put(queue, operation.shelf, operation.rows)
        elif isinstance(operation, PutBack):
            rows = [row for row in operation.rows if row.expires > now and row.id not in messages]
            assert len(rows) == result, (rows, result)
            self._put(queue, operation.shelf, rows)
        elif isinstance(operation, Delete):
            for id_ in result:
                del messages[id_]
        elif isinstance(operation, Reserve):
            for row in result.rows:
                assert row.id in messages, row
                if operation.remove:
                    del messages[row.id]
        else:
            messages.clear()

    def _put(self, queue: Queue, shelf: int, rows: Iterable[PostRow | MessageRow]) -> None:
        queue.messages.update((row.id, (row.expires, shelf)) for row in rows)

    def _look(self, key: Key, before: int, after: int, but: set[int] | None = None) -> None:
        """See what a change of size sets off."""
        now = self._now
        for alert in self.queues[key].alerts:
            if alert.id in (but or ()) or not _reached(alert, before, after):
                continue
            if alert.snooze and now - self.set_off_at.get(alert.id, -alert.snooze) < alert.snooze:
                continue
            self.set_off_at[alert.id] = now
            name = self.queues[key].row.name
            self._coming.append((key, alert, body(name, alert.target, alert.id, now, after)))

    def _letters(self) -> list[Letter]:
        """The letters in order, those included that letters set off, three levels deep."""
        self._posted = []
        for level in (1, 2, 3):
            coming, self._coming = self._coming, []
            for (world, _), alert, text in coming:
                target = self._named(world, alert.target)
                queue = self.queues[target]
                before = len(queue.messages)
                # Its id is learnt later.
                queue.messages[-1 - len(self._posted)] = (1 << 62, queue.row.shelf)
                self._posted.append(Letter(world, queue.row.shelf, text))
                if level < 3:
                    self._look(target, before, before + 1)
        return self._posted

    def _named(self, world: int, name: str) -> Key:
        (key,) = (
            key for key, queue in self.queues.items() if key[0] == world and queue.row.name == name
        )
        return key


def _reached(alert: Alert, before: int, after: int) -> bool:
    """Size by size: does it come to the threshold, or to a multiple that is not 0?"""
    sizes = range(after, before) if alert.descending else range(before + 1, after + 1)
    if alert.progressive:
        return any(size and size % alert.threshold == 0 for size in sizes)
    return any(size == alert.threshold for size in sizes)
