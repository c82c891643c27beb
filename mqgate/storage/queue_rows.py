"""A queue's row as the tables have it, on either database."""

from __future__ import annotations

import json
from collections.abc import Mapping

from mqgate.storage.interface import Alert, QueueRow


def columns_of(row: QueueRow) -> tuple[object, ...]:
    """The values of a queue's row; its alerts stand in a table of their own."""
    settings = json.dumps(row.settings, separators=(",", ":")).encode()
    return (*row[:5], settings, *row[6:9])


def queue_row(
    alerts: Mapping[int, tuple[Alert, ...]],
    world: int,
    number: int,
    name: str,
    shelf: int,
    policy: str,
    settings: bytes,
    created: int,
    removed: int,
    version: int,
) -> QueueRow:
    """A queue from its values and the alerts of all queues, by their numbers."""
    return QueueRow(
        world,
        number,
        name,
        shelf,
        policy,
        json.loads(settings),
        created,
        removed,
        version,
        alerts.get(number, ()),
    )
