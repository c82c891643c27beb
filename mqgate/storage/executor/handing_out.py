"""Reserves and reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import islice

from mqgate.storage.executor.execution import Execution
from mqgate.storage.interface import (
    Consume,
    Get,
    Look,
    Memory,
    MessageRow,
    Peek,
    Reserve,
    Reserved,
)
from mqgate.storage.session import RawRow, Shelf


def reserve(execution: Execution) -> None:
    """Hand out, to each its share."""
    for shelf, operations in execution.by_shelf(Reserve).items():
        execution.promote(shelf, operations[0][1].in_place)
        shares = _shares(execution, shelf, operations)
        leases: dict[int | None, list[int]] = {}
        for (index, operation), share in zip(operations, shares, strict=True):
            if share and operation.remove:
                remove_handed_out(execution, shelf, operation.memory, share)
            elif share:
                leases.setdefault(operation.lease, []).extend(row.id for row in share)
            execution.results[index] = Reserved(tuple(share), None)
        for lease, ids in leases.items():
            execution.session.reserve(shelf, ids, lease, execution.now)
        if not all(shares):  # told after the leases, which come due too
            nothing = Reserved((), execution.session.next_due(shelf, execution.now))
            for (index, _), share in zip(operations, shares, strict=True):
                if not share:
                    execution.results[index] = nothing


def _shares(
    execution: Execution, shelf: Shelf, operations: list[tuple[int, Reserve]]
) -> list[list[MessageRow]]:
    """First come, first served: each takes its share in the order of the queue."""
    wanted = sum(operation.n for _, operation in operations)
    with closing(execution.session.ready(shelf, wanted, execution.now, taking=True)) as rows:
        return [
            [handed_out(row, operation.lease, execution.now) for row in taken(rows, operation)]
            for _, operation in operations
        ]


def handed_out(row: RawRow, lease: int | None, now: int) -> MessageRow:
    """The row as it is after the delivery."""
    id_, _, pos, _, expires, timeout, _, times, first_at, body, origin, props, data = row
    if lease is None:
        lease = timeout
    # Made so, a named tuple costs a third of what it does when it is called with its fields.
    return tuple.__new__(
        MessageRow,
        (
            id_,
            1,
            pos,
            now + lease,
            expires,
            timeout,
            lease,
            times + 1,
            first_at or now,
            body,
            origin,
            props,
            data,
        ),
    )


def remove_handed_out(
    execution: Execution, shelf: Shelf, memory: Memory | None, share: list[MessageRow]
) -> None:
    """Take rows off the queue that were handed out for good."""
    execution.counts[shelf] -= len(share)
    if memory:
        execution.session.hand_out_deleted(shelf, share, execution.now, memory)
    else:
        execution.remove(shelf[0], ((row.id, row.body) for row in share))


def peek(execution: Execution) -> None:
    """Look at the next ones."""
    for index, operation in execution.all(Peek):
        shelf = (operation.world, operation.shelf)
        execution.promote(shelf, operation.in_place)
        with closing(
            execution.session.ready(shelf, operation.n, execution.now, taking=False)
        ) as rows:
            execution.results[index] = tuple(map(MessageRow._make, taken(rows, operation)))


def get(execution: Execution) -> None:
    """Look one up."""
    for index, operation in execution.all(Get):
        execution.results[index] = execution.session.get(operation, execution.now)


def look(execution: Execution) -> None:
    """See which queues have something, or will have."""
    for index, operation in execution.all(Look):
        execution.results[index] = execution.session.look(operation.lines, execution.now)


def taken(rows: Iterator[RawRow], operation: Reserve | Peek | Consume) -> list[RawRow]:
    """The next rows, as many and as large as they may be; one at least."""
    share = []
    room = operation.size
    for row in islice(rows, operation.n):
        share.append(row)
        room -= len(row[-1])
        if room <= 0:
            break
    return share
