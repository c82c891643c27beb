"""From the messages that are posted to a pushing queue to their deliveries."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mqgate.engine.deliveries import Pushing, Target
from mqgate.engine.errors import InvalidRequest
from mqgate.engine.values import PUSHED
from mqgate.storage.interface import INSTANT_SHIFT, PostRow, PushRow, QueueRow

#: So many deliveries one post may make: what comes of it is one transaction.
MOST_DELIVERIES = 10_000


def pushed(
    queue: QueueRow,
    pushing: Pushing,
    rows: Sequence[PostRow],
    via: str,
    tells_errors: bool,
    new_id: Callable[[], int],
    now: int,
) -> tuple[list[PostRow], tuple[PushRow, ...]]:
    """These messages as they are pushed, with their entries. Raises `InvalidRequest`."""
    if not pushing.deliveries:
        return list(rows), ()
    wanted = len(rows) * len(pushing.deliveries)
    if wanted > MOST_DELIVERIES:
        raise InvalidRequest(
            f"this would be pushed {wanted} times, {MOST_DELIVERIES} is the most:"
            " post fewer messages at once"
        )
    entries = tuple(
        PushRow(
            row.id,
            new_id(),
            queue.number,
            _begun_with(row.id, targets),
            via,
            pushing.error_queue if tells_errors else None,
            pushing.retries,
            pushing.retry_delay,
            row.due or now,
        )
        for row in rows
        for targets in pushing.deliveries
    )
    return [row._replace(state=PUSHED, pos=row.id, due=0) for row in rows], entries


def _begun_with(message: int, targets: tuple[Target, ...]) -> tuple[Target, ...]:
    """The targets in the order in which they are tried: each message begins with the next one."""
    if len(targets) == 1:
        return targets
    first = ((message >> INSTANT_SHIFT) + message) % len(targets)
    return (*targets[first:], *targets[:first])
