"""What consumers do with a group's queue, and how a group comes to be live.

Whatever changes a row that is ready or reserved restores what holds of the heads: a key's lowest
ready row is its head if and only if none of the key is reserved.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from itertools import groupby, islice
from operator import itemgetter

from mqgate.storage.executor.execution import Execution
from mqgate.storage.executor.handing_out import handed_out, taken
from mqgate.storage.executor.logs import fed
from mqgate.storage.interface import (
    Acknowledge,
    Append,
    Bury,
    CatchUp,
    CaughtUp,
    Consume,
    Consumed,
    Decide,
    Idle,
    MessageRow,
    Rest,
    Return,
    Topic,
)
from mqgate.storage.session import RawRow, Shelf

#: The kinds that change rows of topics, or have a group become live. (When one comes to rest, its
#: queue's row changes too: nobody else uses the world's catalogue then.)
CHANGING: frozenset[type] = frozenset({Acknowledge, Return, Bury, Decide, Append, CatchUp, Consume})
#: As many held messages as one take makes ready: a longer backlog is taken in slices.
PROMOTED_AT_ONCE = 1000
#: A poll in order that asks for tags looks at so many keys for them, whatever these have.
HEADS_LOOKED_AT = 1000


def hold(execution: Execution) -> None:
    """Before anything is read: have each topic's shelf that is changed to ourselves.

    A post beside the last acknowledgement of its key would not see that nothing of the key is
    reserved any more, nor the acknowledgement that there is something new: one lock a shelf keeps
    them apart, and the publishers of a topic, and those who feed a group. One a key would be no
    better where there are no keys, as is the rule; a poll does not know before it looks which keys
    it gets; and a batch has many keys, where a database has few locks.
    """
    shelves: set[Shelf] = set()
    topics: list[Topic | None] = [each.topic for _, each in execution.all(Append)]
    for kind in (Acknowledge, Return, Consume, Bury, Decide):
        shelves.update(execution.by_shelf(kind))
    topics += [each.topic for _, each in execution.all(Bury)]
    topics += [each.topic for _, each in execution.all(Decide)]
    for topic in topics:
        if topic is not None:
            shelves.add((topic.world, topic.shelf))
            shelves.update((topic.world, group.shelf) for group in topic.groups)
    for _, each in execution.all(CatchUp):
        shelves |= {(each.topic.world, each.topic.shelf), (each.topic.world, each.group.shelf)}
    execution.session.hold_topics(shelves)


def acknowledge(execution: Execution) -> None:
    """Remove what is still held as it was handed out."""
    for shelf, operations in execution.by_shelf(Acknowledge).items():
        ids = [id_ for _, operation in operations for id_, _ in operation.deliveries]
        held = {
            (id_, count): (body, key)
            for id_, count, body, key in execution.session.delivered(shelf, ids, execution.now)
        }
        gone: dict[tuple[int, int], tuple[int, str]] = {}
        for index, operation in operations:
            results = []
            for delivered in operation.deliveries:
                found = held.pop(delivered, None)  # a second time it is used
                results.append(found is not None)
                if found is not None:
                    gone[delivered] = found
            execution.results[index] = tuple(results)
        if gone:
            execution.remove(shelf[0], ((id_, body) for (id_, _), (body, _) in gone.items()))
            execution.counts[shelf] -= len(gone)
            execution.session.set_heads(shelf, {key for _, key in gone.values()})


def give_back(execution: Execution) -> None:
    """Undo deliveries nobody heard of."""
    for shelf, operations in execution.by_shelf(Return).items():
        wanted = {each for _, operation in operations for each in operation.deliveries}
        rows = execution.session.delivered(shelf, [id_ for id_, _ in wanted], execution.now)
        there = {(id_, count): key for id_, count, _, key in rows if (id_, count) in wanted}
        if there:
            execution.session.make_ready(shelf, [id_ for id_, _ in there])
            _restore_heads(execution, shelf, set(there.values()))
        for index, operation in operations:
            execution.results[index] = sum(1 for each in operation.deliveries if each in there)


def _restore_heads(execution: Execution, shelf: Shelf, keys: set[str]) -> None:
    execution.session.clear_heads(shelf, keys)
    execution.session.set_heads(shelf, keys)


# -- catching up


def catch_up(execution: Execution) -> None:
    """Feed groups from their topics' logs, some messages at a time."""
    for index, operation in execution.all(CatchUp):
        topic, name = operation.topic, operation.name
        state = execution.session.group(topic.world, topic.number, name)
        if state is None:
            number = operation.group.number
            execution.session.open_group(topic.world, topic.number, name, number, execution.now)
            state = (0, 0)
        else:
            execution.session.note_poll(topic.world, topic.number, name, execution.now)
        live, cursor = state
        if live or not operation.ids:
            execution.results[index] = CaughtUp(0, bool(live))
        else:
            execution.results[index] = _copy(execution, operation, cursor)


def _copy(execution: Execution, operation: CatchUp, cursor: int) -> CaughtUp:
    topic, ids, now = operation.topic, operation.ids, execution.now
    session, shelf = execution.session, (topic.world, operation.group.shelf)
    found = session.logged((topic.world, topic.shelf), cursor, len(ids), now)
    rows = [fed(shelf, id_, row, now) for id_, row in zip(ids, found, strict=False)]
    if rows:
        session.store(rows)
        execution.share_bodies(topic.world, Counter(row.body for row in rows))
        _restore_heads(execution, shelf, {row.key for row in rows if row.state == 0})
        execution.counts[shelf] += len(rows)
        execution.posts[shelf] += len(rows)
    # What is published in this batch is in the log already; the next one's finds the group live.
    live = len(rows) < len(ids)
    last = found[-1].pos if found else cursor
    session.advance_group(topic.world, topic.number, operation.name, last, live)
    return CaughtUp(len(rows), live)


def rest(execution: Execution) -> None:
    """Groups that nobody polls are fed no longer."""
    for _, operation in execution.all(Rest):
        execution.session.rest_group(*operation)


def idle(execution: Execution) -> None:
    """Find them."""
    for index, operation in execution.all(Idle):
        execution.results[index] = tuple(execution.session.idle_groups(operation.before))


# -- handing out


def consume(execution: Execution) -> None:
    """Hand out, first come, first served."""
    for shelf, operations in execution.by_shelf(Consume).items():
        more, exhausted = _promote(execution, shelf, operations[0][1].maximum)
        empty = []
        for _, alike in groupby(operations, _filter):
            for index, share in _shares(execution, shelf, list(alike)):
                execution.results[index] = Consumed(tuple(share), None, exhausted)
                if not share:
                    empty.append(index)
        if empty:  # told after the leases, which come due too
            due = execution.now if more else execution.session.next_after(shelf, execution.now)
            for index in empty:
                execution.results[index] = Consumed((), due, exhausted)


def _filter(entry: tuple[int, Consume]) -> tuple[tuple[str, ...], int, int]:
    """Takes with the same filter share one walk; those in order shut keys out from each other."""
    index, operation = entry
    return operation.tags, operation.lease, index if operation.in_order else -1


def _promote(execution: Execution, shelf: Shelf, maximum: int) -> tuple[bool, bool]:
    """Make ready what has come due: was that not all, and are some to be buried?"""
    lapsed = execution.session.lapsed(shelf, execution.now, PROMOTED_AT_ONCE)
    ready = {
        id_: key
        for id_, state, count, key in lapsed
        if not (maximum and state == 1 and count >= maximum)
    }
    if ready:
        execution.session.make_ready(shelf, list(ready))
        _restore_heads(execution, shelf, set(ready.values()))
    more = len(lapsed) == PROMOTED_AT_ONCE and bool(ready)
    return more, len(ready) < len(lapsed)


def _shares(
    execution: Execution, shelf: Shelf, operations: list[tuple[int, Consume]]
) -> list[tuple[int, list[MessageRow]]]:
    """To each what it takes, for takes with one filter."""
    first = operations[0][1]
    wanted = sum(operation.n for _, operation in operations)
    with ExitStack() as opened:
        if first.in_order:
            rows = _in_order(execution, shelf, first)
        else:
            rows = _in_line(execution, shelf, first.tags, wanted, opened)
        shares = [
            (
                index,
                [handed_out(row, operation.lease, execution.now) for row in taken(rows, operation)],
            )
            for index, operation in operations
        ]
    ids = [row.id for _, share in shares for row in share]
    if ids:
        execution.session.hold(shelf, ids, first.lease, execution.now)
        execution.session.unmake_heads(shelf, ids)
    return shares


def _in_line(
    execution: Execution, shelf: Shelf, tags: tuple[str, ...], n: int, opened: ExitStack
) -> Iterator[RawRow]:
    """The next rows, whatever their keys."""
    session, now = execution.session, execution.now
    if not tags:
        return opened.enter_context(closing(session.ready(shelf, n, now, taking=True)))
    rows = [
        opened.enter_context(closing(session.ready_with_tag(shelf, tag, n, now))) for tag in tags
    ]
    return heapq.merge(*rows, key=_place)


def _in_order(execution: Execution, shelf: Shelf, operation: Consume) -> Iterator[RawRow]:
    """The next rows of keys of which none are reserved, key by key."""
    left = operation.n
    tags = operation.tags
    with closing(_free_keys(execution, shelf, tags)) as keys:
        for place, key in enumerate(keys):
            if tags and place >= HEADS_LOOKED_AT and left < operation.n:
                return  # what there is will do
            with ExitStack() as opened:
                for row in _of_key(execution, shelf, key, tags, left, opened):
                    left -= 1
                    yield row
            if not left:
                return


def _free_keys(execution: Execution, shelf: Shelf, tags: tuple[str, ...]) -> Generator[str]:
    """Keys of which none are reserved, in the order of their heads.

    Where tags are asked for, the first of these may have none of them, and they may be many:
    after so many, those that do have one are looked for, in the order of what they have.
    """
    seen = set()
    with closing(execution.session.heads(shelf)) as heads:
        for (key,) in islice(heads, HEADS_LOOKED_AT if tags else None):
            seen.add(key)
            yield key
    if len(seen) < HEADS_LOOKED_AT:
        return
    with ExitStack() as opened:
        tagged = [
            opened.enter_context(closing(execution.session.keys_with_tag(shelf, tag)))
            for tag in tags
        ]
        for _, _, key in heapq.merge(*tagged):
            if key not in seen:
                seen.add(key)
                if not execution.session.is_reserved(shelf, key):
                    yield key


def _of_key(
    execution: Execution,
    shelf: Shelf,
    key: str,
    tags: tuple[str, ...],
    n: int,
    opened: ExitStack,
) -> Iterator[RawRow]:
    session, now = execution.session, execution.now
    if not tags:
        return opened.enter_context(closing(session.ready_of_key(shelf, key, n, now)))
    rows = [
        opened.enter_context(closing(session.ready_of_key_with_tag(shelf, key, tag, n, now)))
        for tag in tags
    ]
    return islice(heapq.merge(*rows, key=_place), n)


#: What a queue is ordered by: (pos, id).
_place = itemgetter(2, 0)
