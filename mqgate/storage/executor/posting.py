"""Posts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mqgate.storage.executor.admitting import Incoming, admit
from mqgate.storage.executor.execution import Execution
from mqgate.storage.interface import Post, PostRow, PushRow
from mqgate.storage.session import Shelf


def post(execution: Execution) -> None:
    """Store messages."""
    by_shelf = execution.by_shelf(Post)
    admitted = admit(execution, _incoming(execution)) if execution.batch.limits else None
    for shelf, operations in by_shelf.items():
        rows = [row for _, operation in operations for row in operation.rows]
        execution.posts[shelf] += len(rows)
        execution.store(shelf, rows if admitted is None else admitted[shelf])
        if pushes := [entry for _, operation in operations for entry in operation.pushes]:
            _store_pushes(execution, shelf, pushes, None if admitted is None else admitted[shelf])


def _incoming(execution: Execution) -> Iterator[Incoming]:
    for index, (world, shelf, rows, _) in execution.all(Post):
        yield Incoming(index, world, [((world, shelf), rows)])


def _store_pushes(
    execution: Execution,
    shelf: Shelf,
    pushes: Sequence[PushRow],
    admitted: Sequence[PostRow] | None,
) -> None:
    """Store the entries of messages that were."""
    if admitted is not None:
        there = {row.id for row in admitted}
        pushes = [entry for entry in pushes if entry.message in there]
    execution.session.pushes.add(shelf, pushes)
