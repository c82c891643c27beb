"""What the executor asks of a database about pushes, beside `mqgate.storage.session`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import Enum
from typing import NamedTuple, Protocol

from mqgate.storage.interface import (
    ClaimedPush,
    PushKey,
    PushRow,
    PushStatus,
    SettlePush,
    ShowPushes,
)

#: A (world, shelf).
Shelf = tuple[int, int]


class DuePush(NamedTuple):
    """An entry that is due, and its lane."""

    lane: str
    key: PushKey


class Absent(Enum):
    """Why an entry cannot be claimed."""

    #: Its message, or the queue, is no more.
    USELESS = 0
    #: It is not due any more: it was claimed, or has ended; or somebody else is about to.
    TAKEN = 1


class PushSession(Protocol):
    """The statements about pushes of one database, inside one transaction."""

    def add(self, shelf: Shelf, rows: Sequence[PushRow]) -> None:
        """Store entries."""

    def show(self, show: ShowPushes, now: int) -> tuple[PushStatus, ...] | None:
        """A message's entries by subscriber; None if there is no such message."""

    # -- claiming: what another gateway is at is passed over

    def resume(self, now: int) -> None:
        """Have what this gateway had claimed be due now, its last try not counted."""

    def due(self, now: int, limit: int) -> list[DuePush]:
        """Entries that are due, those that have been so for longest first."""

    def lanes(self, after: str, limit: int) -> list[str]:
        """Some lanes with open entries, in order."""

    def due_in_lane(self, lane: str, now: int, limit: int) -> list[DuePush]:
        """The same as `due`, of one lane."""

    def next_due(self, now: int) -> int | None:
        """When the next entry comes due after now."""

    def find(self, key: PushKey, now: int) -> ClaimedPush | Absent:
        """An entry that is due with its message. Nobody else claims it then."""

    def claim(self, push: ClaimedPush, until: int) -> None:
        """Claim an entry, as it is told here."""

    # -- what comes of it

    def hold(self, messages: Collection[tuple[int, int]]) -> None:
        """Wait until nobody else ends entries of these messages, given as (world, id).

        Nobody else does then, nor their pushing, up to the end of the transaction.
        """

    def settle(self, settle: SettlePush) -> bool:
        """Write down what became of a try; was it still this claim's?"""

    def acknowledge(self, key: PushKey) -> bool:
        """End an entry as delivered; was it open?"""

    def is_known(self, key: PushKey, memory_shelf: int, now: int) -> bool:
        """Whether there is such an entry, on either shelf of the queue."""

    def left(self, shelf: Shelf, message: int) -> tuple[int, int]:
        """How many of a message's entries are open, and how many have failed."""

    # -- messages in state 4

    def pushed(self, shelf: Shelf, ids: Sequence[int], now: int) -> list[tuple[int, int]]:
        """(id, body) of those of these messages that are being pushed."""

    def finish(self, shelf: Shelf, messages: Sequence[int], memory_shelf: int, until: int) -> None:
        """Messages are deleted, and readable until then at most; so are their entries, ended."""

    def drop_oldest(self, shelf: Shelf, n: int) -> list[tuple[int, int, int]]:
        """Remove all entries of the oldest messages; (id, body, bytes) of these."""

    def empty(self, shelf: Shelf, limit: int) -> tuple[int, list[tuple[int, int]]]:
        """Remove so many entries of a shelf at most.

        How many there were, and (id, body) of those of their messages that are still there.
        """

    # -- entries whose messages are gone

    def remember(self, until: int, shelf: Shelf, messages: Sequence[int]) -> None:
        """The entries of these messages are to be removed then."""

    def forget(self, now: int, limit: int) -> int:
        """Remove up to so many entries whose time is over; how many."""
