"""What the executor asks of a database about alerts: a part of `mqgate.storage.session`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeAlias

#: (world, queue's number).
QueueKey: TypeAlias = tuple[int, int]
#: (world, queue's number, alert's id).
AlertKey: TypeAlias = tuple[int, int, int]


class AlertSession(Protocol):
    """The statements on alerts, inside one transaction."""

    def lock(self, queues: Sequence[QueueKey]) -> dict[AlertKey, int]:
        """When each alert of these queues was set off last (0: never).

        From here to the end of the transaction no other one changes the sizes of these queues.
        """

    def set_off(self, alerts: Iterable[AlertKey], now: int) -> None:
        """Note that alerts were set off."""

    def watched(self, shelves: Iterable[tuple[int, int]]) -> dict[tuple[int, int], str]:
        """Those (world, shelf) whose queue has alerts, with the queue's name."""
