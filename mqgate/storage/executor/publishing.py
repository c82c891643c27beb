"""Publishes to several queues, and messages taken off for good."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from mqgate.storage.executor.admitting import Incoming, admit
from mqgate.storage.executor.execution import SWEPT_BEFORE_COUNTING, Execution
from mqgate.storage.executor.handing_out import handed_out, remove_handed_out
from mqgate.storage.interface import HELD_COUNTED, Publish, Take, Taken
from mqgate.storage.session import Shelf


def publish(execution: Execution) -> None:
    """Store copies that share a body."""
    publishes = [(each.copies[0].row.id, each) for _, each in execution.all(Publish)]
    for _, (world, copies) in publishes:
        for copy in copies:
            execution.posts[world, copy.shelf] += 1
    if execution.batch.limits:
        publishes = list(_admitted(execution, publishes))
    execution.session.publish(publishes)
    for _, (world, copies) in publishes:
        for copy in copies:
            execution.counts[world, copy.shelf] += 1
            if copy.pushes:
                execution.session.pushes.add((world, copy.shelf), copy.pushes)


def _admitted(
    execution: Execution, publishes: list[tuple[int, Publish]]
) -> Iterator[tuple[int, Publish]]:
    """What is to be stored of them: a copy may be gone already for the sake of a later one."""
    incoming = [
        Incoming(index, world, [((world, copy.shelf), (copy.row,)) for copy in copies])
        for index, (world, copies) in execution.all(Publish)
    ]
    admitted = admit(execution, incoming)
    ids = {row.id for rows in admitted.values() for row in rows}
    for origin, (world, copies) in publishes:
        left = tuple(copy for copy in copies if copy.row.id in ids)
        if left:
            yield origin, Publish(world, left)


def take(execution: Execution) -> None:
    """Hand out one message to each, first come, first served."""
    execution.sweep_up_to(SWEPT_BEFORE_COUNTING)  # so that none of those is counted
    for shelf, operations in execution.by_shelf(Take).items():
        _, _, memory, in_place = operations[0][1]
        execution.promote(shelf, in_place)
        found = execution.session.ready(shelf, len(operations), execution.now, taking=True)
        with closing(found) as ready:
            rows = [handed_out(row, None, execution.now) for row in ready]
        left = _ready(execution, shelf) if rows else 0
        for index, _ in operations[len(rows) :]:
            execution.results[index] = Taken(None, 0)
        for row, (index, _) in zip(rows, operations, strict=False):
            left -= 1
            execution.results[index] = Taken(row, max(left, 0))
        if rows:
            remove_handed_out(execution, shelf, memory, rows)


def _ready(execution: Execution, shelf: Shelf) -> int:
    """How many messages could be handed out, from the counters: a queue may have millions."""
    there, _ = execution.session.count(shelf)
    held = execution.session.held(shelf, execution.now, HELD_COUNTED)
    return there + execution.counts[shelf] - held
