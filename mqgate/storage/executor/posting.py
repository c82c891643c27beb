"""Posts."""

from __future__ import annotations

from mqgate.storage.executor.execution import Execution
from mqgate.storage.interface import Post


def post(execution: Execution) -> None:
    """Store messages."""
    for shelf, operations in execution.by_shelf(Post).items():
        rows = [row for _, operation in operations for row in operation.rows]
        execution.session.post(shelf, rows)
        execution.counts[shelf] += len(rows)
        execution.posts[shelf] += len(rows)
