"""Acknowledgements: delete, touch, release, and deliveries undone."""

from __future__ import annotations

from collections.abc import Sequence

from mqgate.storage.executor.execution import Execution
from mqgate.storage.interface import Delete, DeletePushed, GiveBack, Memory, PutBack, Release, Touch
from mqgate.storage.session import Shelf


def delete(execution: Execution) -> None:
    """Delete by ids."""
    for shelf, operations in execution.by_shelf(Delete).items():
        for memory in {operation.memory for _, operation in operations}:
            same = [each for each in operations if each[1].memory == memory]
            delete_alike(execution, shelf, same, memory)


def delete_alike(
    execution: Execution,
    shelf: Shelf,
    operations: Sequence[tuple[int, Delete | DeletePushed]],
    memory: Memory | None,
) -> None:
    """Delete the ids of all these operations, which have the same ``memory``."""
    ids = [each for _, operation in operations for each in operation.ids]
    found = _found(execution, shelf, ids, memory)
    execution.counts[shelf] -= len(found)
    if len(found) == len(ids):  # all are there, and none twice
        for index, operation in operations:
            execution.results[index] = operation.ids
        return
    there = set(found)
    for index, operation in operations:
        # Two callers may delete one message at once: only the first finds it.
        mine = tuple(each for each in dict.fromkeys(operation.ids) if each in there)
        there.difference_update(mine)
        execution.results[index] = mine


def _found(execution: Execution, shelf: Shelf, ids: list[int], memory: Memory | None) -> list[int]:
    """Delete what is there of these; which that was."""
    if memory:
        return execution.session.mark_deleted(shelf, ids, execution.now, memory)
    rows = execution.session.delete(shelf, ids, execution.now)
    execution.release_bodies(shelf[0], (body for _, body in rows))
    return [row[0] for row in rows]


def touch(execution: Execution) -> None:
    """Restart clocks."""
    for shelf, operations in execution.by_shelf(Touch).items():
        there = execution.session.touch(shelf, [op.id for _, op in operations], execution.now)
        for index, operation in operations:
            execution.results[index] = there.get(operation.id)


def release(execution: Execution) -> None:
    """Make ready, or delayed."""
    for shelf, operations in execution.by_shelf(Release).items():
        there = execution.session.release(shelf, [op for _, op in operations], execution.now)
        for (index, _), found in zip(operations, there, strict=True):
            execution.results[index] = found


def give_back(execution: Execution) -> None:
    """Undo reservations nobody heard of."""
    for shelf, operations in execution.by_shelf(GiveBack).items():
        for index, operation in operations:
            execution.results[index] = execution.session.give_back(
                shelf, operation.deliveries, execution.now
            )


def put_back(execution: Execution) -> None:
    """Undo removals nobody heard of."""
    for shelf, operations in execution.by_shelf(PutBack).items():
        for index, operation in operations:
            restored = execution.session.put_back(shelf, operation.rows, execution.now)
            execution.counts[shelf] += restored
            execution.results[index] = restored
