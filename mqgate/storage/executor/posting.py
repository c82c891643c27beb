"""Posts."""

from __future__ import annotations

from collections.abc import Iterator

from mqgate.storage.executor.admitting import Incoming, admit
from mqgate.storage.executor.execution import Execution
from mqgate.storage.interface import Post


def post(execution: Execution) -> None:
    """Store messages."""
    by_shelf = execution.by_shelf(Post)
    admitted = admit(execution, _incoming(execution)) if execution.batch.limits else None
    for shelf, operations in by_shelf.items():
        rows = [row for _, operation in operations for row in operation.rows]
        execution.posts[shelf] += len(rows)
        execution.store(shelf, rows if admitted is None else admitted[shelf])


def _incoming(execution: Execution) -> Iterator[Incoming]:
    for index, (world, shelf, rows) in execution.all(Post):
        yield Incoming(index, world, [((world, shelf), rows)])
