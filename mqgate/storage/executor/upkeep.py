"""What the engine does for itself: expiry, old shelves, tombstones."""

from __future__ import annotations

from mqgate.storage.executor.execution import Execution
from mqgate.storage.interface import EmptyShelves, Forget, Review, Reviewed, Sweep, Swept
from mqgate.storage.session import Shelf

#: As many shelves are looked at in one step, however empty they are.
SHELVES_AT_ONCE = 100


def sweep(execution: Execution) -> None:
    """Remove what has expired."""
    for index, operation in execution.all(Sweep):
        swept, left = execution.sweep_up_to(operation.limit)
        swept += _forget_deleted(execution, operation.limit - swept)
        swept += execution.session.pushes.forget(execution.now, operation.limit - swept)
        execution.results[index] = Swept(swept, execution.session.next_expiry(), left)


def _forget_deleted(execution: Execution, limit: int) -> int:
    """Remove so many deleted messages at most that are readable no longer; how many there were."""
    removed, bodies = execution.session.forget_deleted(execution.now, limit)
    for world in {each[0] for each in bodies}:
        execution.release_bodies(world, (body for owner, body in bodies if owner == world))
    return removed


def empty_shelves(execution: Execution) -> None:
    """Remove what queues have left behind."""
    for index, operation in execution.all(EmptyShelves):
        room = operation.limit
        shelves = execution.session.old_shelves(SHELVES_AT_ONCE)
        for shelf in shelves:
            room -= empty_shelf(execution, shelf, room)
            if not room:
                break
            execution.session.forget_shelf(shelf)
        execution.results[index] = not room or len(shelves) == SHELVES_AT_ONCE


def empty_shelf(execution: Execution, shelf: Shelf, limit: int) -> int:
    """Remove so much at most of what is on a shelf that no queue uses; how much there was."""
    session = execution.session
    rows = session.rows_of_shelf(shelf, limit)
    execution.remove(shelf[0], rows)
    if len(rows) == limit:
        return limit
    entries, pushed = session.pushes.empty(shelf, limit - len(rows))
    execution.remove(shelf[0], pushed)
    return len(rows) + entries


def forget(execution: Execution) -> None:
    """Drop tombstones."""
    for index, operation in execution.all(Forget):
        before, limit = operation
        # A queue's tombstone stays as long as bindings of it are left, which nobody else finds.
        forgotten = execution.session.forget_bindings(before, limit)
        if forgotten < limit:
            forgotten += execution.session.forget_queues(before, limit - forgotten)
        execution.results[index] = forgotten


def review(execution: Execution) -> None:
    """See what is left to be done."""
    session, now = execution.session, execution.now
    for index, (overdue,) in execution.all(Review):
        due = session.pushes.due(now - overdue, 1)
        execution.results[index] = Reviewed(session.next_expiry(), bool(due))


def probe(execution: Execution) -> None:
    """Write something of no consequence."""
    if not execution.batch.high:
        execution.session.raise_high(0)
