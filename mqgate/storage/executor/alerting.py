"""Alerts: what a batch's changes of size set off, found by walking its operations in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from operator import itemgetter
from typing import Any

from mqgate.storage.alert_session import AlertKey, QueueKey
from mqgate.storage.executor.admitting import Room
from mqgate.storage.executor.execution import SWEPT_BEFORE_COUNTING, Execution
from mqgate.storage.interface import (
    LEVELS,
    AcknowledgePush,
    Alert,
    Bell,
    Delete,
    DeletePushed,
    Fired,
    Leave,
    Operation,
    Post,
    PostRow,
    Publish,
    PushRow,
    PutBack,
    Reserve,
    SettlePush,
    Take,
    Watch,
    Watched,
)
from mqgate.storage.session import Shelf

#: By how much an operation changes the size of its queue, from the operation and its result.
CHANGES: Mapping[type, Callable[[Any, Any], int]] = {
    Post: lambda post, _: len(post.rows),
    PutBack: lambda _, restored: restored,
    Delete: lambda _, there: -len(there),
    DeletePushed: lambda _, there: -len(there),
    Reserve: lambda reserve, reserved: -len(reserved.rows) if reserve.remove else 0,
    Take: lambda _, taken: 0 if taken.row is None else -1,
}
#: The kinds of operations that change sizes, and of those that hand out: both in their order.
_CHANGING = (
    *(Post, Publish, PutBack, Delete, DeletePushed, SettlePush, AcknowledgePush),
    Leave,
)
_TAKING = (Reserve, Take)


def _shelf(operation: Any) -> Shelf:
    return operation.world, operation.shelf


def crosses(alert: Alert, before: int, after: int) -> bool:
    """Whether a change of size sets an alert off, snooze apart.

    It does on reaching the threshold, not on being beyond it; of a progressive one, on reaching
    any multiple, which 0 is not.
    """
    step = alert.threshold
    if alert.progressive:
        if alert.descending:
            return (before - 1) // step * step >= max(after, step)
        return after // step > before // step
    if alert.descending:
        return before > step >= after
    return before < step <= after


def hold(execution: Execution) -> None:
    """Before anything is read: hold the sizes of the watched queues still."""
    for _, watch in execution.all(Watch):
        keys = sorted((queue.world, queue.queue) for queue in watch.queues)
        execution.set_off_at = execution.session.alerts.lock(keys)


def begin(execution: Execution) -> None:
    """Before any operation: learn the sizes of the watched queues, and what has expired there."""
    for _, watch in execution.all(Watch):
        shelves = {(queue.world, queue.shelves[0]) for queue in watch.queues}
        for shelf in shelves:
            size, _ = execution.session.count(shelf)
            execution.sizes[shelf] = size
        _expire(execution, shelves)


def _expire(execution: Execution, shelves: set[Shelf]) -> None:
    """Remove what has expired of these, among what has expired first."""
    rows = execution.session.expired(execution.now, SWEPT_BEFORE_COUNTING)
    gone = execution.remove_expired([row for row in rows if (row[1], row[2]) in shelves])
    execution.expired.update((row[1], row[2]) for row in gone)


def ring(execution: Execution) -> None:
    """After all operations: find out what they set off, and post the messages."""
    for index, watch in execution.all(Watch):
        execution.results[index] = _Walk(execution, watch).run()


class _Outgoing:
    """Messages of alerts on their way to their shelves.

    Limits hold for them as for others. One that a limit keeps out is dropped: whoever set the alert
    off is not to be refused for it.
    """

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._room: Room | None = None
        self._rows: dict[Shelf, list[PostRow]] = {}
        self._pushes: dict[Shelf, list[PushRow]] = {}

    def take(self, shelf: Shelf, row: PostRow, pushes: Iterable[PushRow]) -> tuple[bool, int]:
        """Whether a message is posted; and by how much its shelf is longer now, or shorter."""
        entries = [entry._replace(message=row.id) for entry in pushes]
        if entries:
            self._pushes.setdefault(shelf, []).extend(entries)
        if not self._execution.batch.limits:
            self._rows.setdefault(shelf, []).append(row)
            return True, 1
        if self._room is None:
            self._execution.sweep_up_to(SWEPT_BEFORE_COUNTING)
            self._room = Room(self._execution)
            self._rows = self._room.admitted
        refusal = self._room.take_in(shelf[0], [(shelf, (row,))])
        return refusal is None, self._room.changed[shelf]

    def post(self) -> None:
        """Put them on their shelves."""
        for shelf, rows in self._rows.items():
            self._execution.store(shelf, rows)
            there = {row.id for row in rows}
            entries = [each for each in self._pushes.get(shelf, ()) if each.message in there]
            if entries:
                self._execution.session.pushes.add(shelf, entries)


class _Walk:
    """One batch's changes of size, one after the other."""

    def __init__(self, execution: Execution, watch: Watch) -> None:
        self._execution = execution
        self._outgoing = _Outgoing(execution)
        self._ids = iter(watch.ids)
        self._queues: dict[QueueKey, Watched] = {}
        self._by_shelf: dict[Shelf, QueueKey] = {}
        self._sizes: dict[QueueKey, int] = {}
        #: When alerts were set off last, and those of them that this batch has set off.
        self._set_off_at: dict[AlertKey, int] = dict(execution.set_off_at)
        self._set_off: dict[AlertKey, None] = {}
        #: What messages did to the sizes of their queues, where that is still to be looked at.
        self._coming: list[tuple[Shelf, int]] = []
        self._fired: list[Fired] = []
        for queue in watch.queues:
            key = (queue.world, queue.queue)
            self._queues[key] = queue
            self._sizes[key] = execution.sizes[queue.world, queue.shelves[0]]
            for shelf in queue.shelves:
                self._by_shelf[queue.world, shelf] = key

    def run(self) -> tuple[Fired, ...]:
        """Go through it all, and post the messages."""
        for key, queue in self._queues.items():
            expired = self._execution.expired[queue.world, queue.shelves[0]]
            self._change(key, -expired, before=True)
        for key, change in self._changes():
            self._change(key, change)
        for _ in range(1, LEVELS):
            coming, self._coming = self._coming, []
            for shelf, change in coming:
                self._change(self._by_shelf.get(shelf), change)
        self._outgoing.post()
        self._execution.session.alerts.set_off(self._set_off, self._execution.now)
        return tuple(self._fired)

    def _changes(self) -> Iterator[tuple[QueueKey, int]]:
        """What the batch's operations do to the sizes of watched queues, in their order.

        Those that hand out come last, but before their queue leaves the shelf: they may hand out
        what operations bring that came after them.
        """
        kinds = self._execution.kinds
        takers = [each for kind in _TAKING for each in kinds.get(kind, ())]
        others = chain.from_iterable(kinds.get(kind, ()) for kind in _CHANGING)
        for index, operation in sorted(others, key=itemgetter(0)):
            if isinstance(operation, Leave):
                yield from self._watched(each for each in takers if _shelf(each[1]) == operation)
                takers = [each for each in takers if _shelf(each[1]) != operation]
            yield from self._watched([(index, operation)])
        yield from self._watched(takers)

    def _watched(
        self, operations: Iterable[tuple[int, Operation]]
    ) -> Iterator[tuple[QueueKey, int]]:
        """What some of the operations do to the sizes of watched queues."""
        for index, operation in operations:
            for shelf, change in self._changes_of(index, operation):
                key = self._by_shelf.get(shelf)
                if key is not None:
                    yield key, change

    def _changes_of(self, index: int, operation: Any) -> Iterable[tuple[Shelf, int]]:
        """What one operation does to shelves."""
        if isinstance(operation, SettlePush | AcknowledgePush):
            ended = self._execution.ended.get(index)
            return [] if ended is None else [(ended, -1)]
        world, *_ = operation
        known = self._execution.changes.get(index)
        if known is not None:
            return known.items()
        if isinstance(operation, Publish):
            return [((world, copy.shelf), 1) for copy in operation.copies]
        shelf = _shelf(operation)
        if isinstance(operation, Leave):
            key = self._by_shelf.get(shelf)
            return [(shelf, 0 if key is None else -self._sizes[key])]
        result = self._execution.results[index]
        return [(shelf, CHANGES[type(operation)](operation, result))]

    def _change(self, key: QueueKey | None, by: int, *, before: bool = False) -> None:
        """Set off what this sets off. ``before``: it happened before the batch."""
        if key is None:  # a queue without alerts
            return
        old = self._sizes[key]
        new = self._sizes[key] = old + by
        for bell in self._queues[key].bells:
            if crosses(bell.alert, old, new) and not (before and bell.new):
                self._ring((*key, bell.alert.id), bell, new)

    def _ring(self, key: AlertKey, bell: Bell, size: int) -> None:
        now, snooze = self._execution.now, bell.alert.snooze
        # Another gateway's batch may be of a later moment, and have come first.
        if snooze and now - self._set_off_at.get(key, 0) < snooze:
            return
        world, target = key[0], bell.alert.target
        if bell.shelf is None:
            self._execution.missing.append((world, target))
            return
        id_, shelf = next(self._ids), (world, bell.shelf)
        body = b"%b%d%b" % (bell.before, size, bell.after)
        row = bell.row._replace(id=id_, pos=id_, data=body)
        posted, longer = self._outgoing.take(shelf, row, bell.pushes)
        self._coming.append((shelf, longer))
        if not posted:
            return
        self._execution.posts[shelf] += 1
        self._set_off_at[key] = now
        self._set_off[key] = None
        self._fired.append(Fired(world, target, bell.row.expires))
