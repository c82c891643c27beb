"""What comes to a topic: its log, the queues of its groups, and half messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mqgate.storage.executor.admitting import admit_copies
from mqgate.storage.executor.execution import Execution
from mqgate.storage.group_session import LOGGED, FoundRow, StoredRow
from mqgate.storage.interface import (
    EPOCH,
    INSTANT_SHIFT,
    Append,
    Bury,
    Copies,
    Decide,
    LogEntry,
    Prepare,
    Topic,
)
from mqgate.storage.session import Shelf


def append(execution: Execution) -> None:
    """Store messages: a row in the log, one for each live group, and one body for them all."""
    if execution.batch.limits:
        admit_copies(execution, _entering(execution))
    for topic, messages in _by_topic(execution).items():
        live = _live(execution, topic)
        # In this order, as what is counted with a message is its body's size.
        execution.session.store_bodies(
            [(each.ids.id, topic.world, 1 + len(live), each.props, each.data) for each in messages]
        )
        _spread(execution, topic, live, [(each.ids, _row(each)) for each in messages])


def _by_topic(execution: Execution) -> dict[Topic, list[LogEntry]]:
    topics: dict[Topic, list[LogEntry]] = {}
    for _, operation in execution.all(Append):
        topics.setdefault(operation.topic, []).extend(operation.messages)
    return topics


def _row(entry: LogEntry) -> FoundRow:
    id_ = entry.ids.id
    return FoundRow(id_, 0, id_, entry.due, entry.expires, id_, id_, entry.tag, entry.key)


def _entering(execution: Execution) -> Iterator[tuple[int, int, int, int]]:
    """What the messages come to: each copy counts."""
    for index, operation in execution.all(Append):
        topic, messages = operation.topic, operation.messages
        copies = 1 + len(_live(execution, topic))
        size = sum(len(each.data) + len(each.props or b"") for each in messages)
        yield index, topic.world, copies * len(messages), copies * size


#: The places, in a topic's row of groups, and the shelves of those that are live.
_Live = list[tuple[int, int]]


def _live(execution: Execution, topic: Topic) -> _Live:
    numbers = execution.session.live_groups(topic.world, topic.number)
    return [(n, each.shelf) for n, each in enumerate(topic.groups) if each.number in numbers]


def _spread(
    execution: Execution, topic: Topic, live: _Live, found: Sequence[tuple[Copies, FoundRow]]
) -> None:
    """Write messages into a topic's log and its live groups' queues."""
    session, log = execution.session, (topic.world, topic.shelf)
    # The order of the log is that of the commits: whoever copies from it comes back to no place
    # that was passed.
    placed = list(_placed(found, session.last_place(log)))
    rows = [_logged(log, ids, row) for ids, row in placed]
    for n, shelf in live:
        group = (topic.world, shelf)
        rows += [fed(group, ids.groups[n], row, execution.now) for ids, row in placed]
    session.store(rows)
    for shelf in (topic.shelf, *(shelf for _, shelf in live)):
        execution.counts[topic.world, shelf] += len(placed)
        execution.posts[topic.world, shelf] += len(placed)
    keys = {row.key for _, row in placed if row.due <= execution.now}
    for _, shelf in live:
        session.set_heads((topic.world, shelf), keys)


def _placed(
    found: Sequence[tuple[Copies, FoundRow]], last: int
) -> Iterator[tuple[Copies, FoundRow]]:
    for ids, row in found:
        last = max(ids.id, last + 1)
        yield ids, row if row.pos == last else row._replace(pos=last)


def _logged(log: Shelf, ids: Copies, row: FoundRow) -> StoredRow:
    return StoredRow(
        *(ids.id, *log, LOGGED, row.pos, row.due, row.expires),
        *(row.body, row.origin, row.tag, row.key),
    )


def fed(shelf: Shelf, id_: int, row: FoundRow, now: int) -> StoredRow:
    """A log's row as a group's queue gets it: to be consumed in the log's order, once it is due."""
    waits = row.due > now
    # Those that are due at one moment are in the log's order by their ids.
    pos = max(row.pos, (row.due - EPOCH) << INSTANT_SHIFT) if row.due else row.pos
    return StoredRow(
        *(id_, *shelf, 2 if waits else 0, pos, row.due if waits else 0, row.expires),
        *(row.body, row.origin, row.tag, row.key),
    )


def prepare(execution: Execution) -> None:
    """Store half messages."""
    halves = [operation for _, operation in execution.all(Prepare)]
    if execution.batch.limits:
        sizes = [len(each.data) + len(each.props or b"") for each in halves]
        places = [index for index, _ in execution.all(Prepare)]
        worlds = [each.world for each in halves]
        admit_copies(execution, zip(places, worlds, [1] * len(halves), sizes, strict=True))
    execution.session.store_bodies(
        [(each.id, each.world, 1, each.props, each.data) for each in halves]
    )
    execution.session.store(
        [
            StoredRow(
                *(each.id, each.world, each.shelf, 2, each.pos, each.due, each.expires),
                *(each.id, each.id, each.tag, each.key),
            )
            for each in halves
        ]
    )
    for each in halves:
        execution.counts[each.world, each.shelf] += 1
        execution.posts[each.world, each.shelf] += 1


def decide(execution: Execution) -> None:
    """Publish half messages, or drop them."""
    for index, operation in execution.all(Decide):
        found = _halves(execution, operation)
        rows = [row for row in found if row is not None]
        if rows:
            _take_out(execution, operation, rows)
        execution.results[index] = tuple(None if row is None else row.due for row in found)


def _halves(execution: Execution, operation: Decide) -> list[FoundRow | None]:
    """Each half message as it is to be published, the first time it is named."""
    shelf = (operation.world, operation.shelf)
    ids = [id_ for id_, _ in operation.halves]
    rows = execution.session.halves(shelf, ids, execution.now)
    there = {(row.id, row.times): row for row in rows}
    found = [there.pop(half, None) for half in operation.halves]
    return [row and _decided(row, operation.retention, execution.now) for row in found]


def _decided(row: FoundRow, retention: int, now: int) -> FoundRow:
    due = (row.pos >> INSTANT_SHIFT) + EPOCH
    if due <= now:
        due = 0
    return row._replace(due=due, expires=(due or now) + retention)


def _take_out(execution: Execution, operation: Decide, rows: list[FoundRow]) -> None:
    shelf = (operation.world, operation.shelf)
    execution.counts[shelf] -= len(rows)
    if operation.topic is None:
        execution.remove(shelf[0], ((row.id, row.body) for row in rows))
    else:
        execution.session.remove(shelf[0], [row.id for row in rows])
        # As many ids as there may be: which of them are used is no matter.
        move(execution, operation.topic, list(zip(operation.ids, rows, strict=False)))
    execution.session.set_heads(shelf, {row.key for row in rows})


def move(execution: Execution, topic: Topic, found: Sequence[tuple[Copies, FoundRow]]) -> None:
    """Append messages whose rows are gone from where they were; their bodies go along."""
    live = _live(execution, topic)
    if live:
        more = dict.fromkeys((row.body for _, row in found), len(live))
        execution.share_bodies(topic.world, more)
    _spread(execution, topic, live, found)


def bury(execution: Execution) -> None:
    """Move what lapsed after its last delivery to where the dead letters go."""
    for index, operation in execution.all(Bury):
        shelf = (operation.world, operation.shelf)
        dead = execution.session.exhausted(
            shelf, operation.maximum, execution.now, len(operation.ids)
        )
        execution.counts[shelf] -= len(dead)
        if operation.topic is None:
            execution.remove(shelf[0], ((row.id, row.body) for row in dead))
        elif dead:
            execution.session.remove(shelf[0], [row.id for row in dead])
            anew = [row._replace(due=0, expires=operation.expires) for row in dead]
            move(execution, operation.topic, list(zip(operation.ids, anew, strict=False)))
        if dead:
            execution.session.set_heads(shelf, {row.key for row in dead})
        execution.results[index] = len(dead)
