"""What the executor asks of a database: the seam that each kind of database fills in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from mqgate.storage.alert_session import AlertSession
from mqgate.storage.group_session import GroupSession, RawRow, Rows, Shelf
from mqgate.storage.interface import (
    Change,
    Get,
    Memory,
    MessageRow,
    PostRow,
    Publish,
    Release,
    WorldRows,
)
from mqgate.storage.push_session import PushSession
from mqgate.storage.topic_session import TopicSession

__all__ = ["ExpiredRow", "RawRow", "Rows", "Session", "Shelf"]

#: (id, world, shelf, state, body, key) of a message that has expired.
ExpiredRow = tuple[int, int, int, int, int, str | None]


class Session(GroupSession, TopicSession, Protocol):
    """The statements of one database, inside one transaction. Times are in milliseconds."""

    @property
    def alerts(self) -> AlertSession:
        """Those about alerts."""

    @property
    def pushes(self) -> PushSession:
        """Those about pushes."""

    # -- the catalogue and the gateway

    def versions(self, worlds: Sequence[int], changing: Sequence[int]) -> dict[int, int]:
        """The catalogue version of each world.

        Where several gateways write: from here to the end of the transaction no other one changes
        the catalogue of these worlds, or uses that of ``changing``.
        """

    def newer(self, world: int, since: int) -> WorldRows:
        """What changed in a world's catalogue after a version."""

    def change(self, change: Change) -> None:
        """Write catalogue rows, and note which shelves are left to be emptied."""

    def forget_queues(self, before: int, limit: int) -> int:
        """Drop up to so many tombstones of queues removed before an instant; how many."""

    def forget_bindings(self, before: int, limit: int) -> int:
        """Drop up to so many bindings that were removed before an instant, or whose queues were.

        Returns how many.
        """

    def raise_high(self, high: int) -> bool:
        """Raise the bound of the ids given out; False if another gateway has the slot now."""

    # -- counters

    def count(self, shelf: Shelf) -> tuple[int, int]:
        """Messages there, messages ever posted."""

    def usage(self, world: int) -> tuple[int, int]:
        """Messages of a world, and their bytes where these are counted."""

    def has_counts(self, shelf: Shelf) -> bool:
        """Whether a queue uses this shelf and has had messages."""

    def add_counts(self, counts: Sequence[tuple[int, int, int, int]]) -> None:
        """Add to counters: (world, shelf, messages more, posts more)."""

    def reshelf_counts(self, world: int, old: int, new: int | None) -> None:
        """Begin new counters with the old ones' total, or with nothing; drop the old ones."""

    # -- messages

    def post(self, shelf: Shelf, rows: Sequence[PostRow]) -> None:
        """Store messages with their bodies."""

    def publish(self, publishes: Sequence[tuple[int, Publish]]) -> None:
        """Store messages under their origins, each in several queues, with one body for all."""

    def promote(self, shelf: Shelf, now: int, in_place: bool) -> None:
        """Make ready what has come due: at its place, or where it became available."""

    def ready(self, shelf: Shelf, n: int, now: int, *, taking: bool) -> Rows:
        """Up to ``n`` ready rows in their order, read as they are taken.

        With ``taking`` none that another gateway is taking, and none that it can take then.
        """

    def reserve(self, shelf: Shelf, ids: Sequence[int], lease: int | None, now: int) -> None:
        """Reserve rows that `ready` returned, for ``lease`` or their own timeouts."""

    def hand_out_deleted(
        self, shelf: Shelf, rows: Sequence[MessageRow], now: int, memory: Memory
    ) -> None:
        """Leave rows readable, as they are after the delivery that removes them."""

    def next_due(self, shelf: Shelf, now: int) -> int | None:
        """When the next reserved or delayed message becomes ready; None if there is none."""

    def look(self, lines: Sequence[tuple[int, int, bool]], now: int) -> tuple[int | None, ...]:
        """For each (world, shelf, in order): see `mqgate.storage.interface.Look`."""

    def held(self, shelf: Shelf, now: int, limit: int) -> int:
        """How many messages are reserved or delayed, as far as ``limit``."""

    def get(self, get: Get, now: int) -> MessageRow | None:
        """One row of either shelf."""

    def delete(self, shelf: Shelf, ids: Sequence[int], now: int) -> list[tuple[int, int]]:
        """Remove rows; (id, body) of those that were there."""

    def mark_deleted(self, shelf: Shelf, ids: Sequence[int], now: int, memory: Memory) -> list[int]:
        """Leave rows readable; the ids of those that were there."""

    def touch(self, shelf: Shelf, ids: Sequence[int], now: int) -> dict[int, int]:
        """By the ids of those that are there: when the reservation ends now, or 0."""

    def release(self, shelf: Shelf, releases: Sequence[Release], now: int) -> list[bool]:
        """Make rows ready or delayed; for each whether it was there."""

    def give_back(self, shelf: Shelf, deliveries: Sequence[tuple[int, int]], now: int) -> int:
        """End the reservations that are still those of (id, count); how many."""

    def put_back(self, shelf: Shelf, rows: Sequence[MessageRow], now: int) -> int:
        """Restore removed rows that have not expired since; how many."""

    # -- what is removed for good

    def oldest(self, shelf: Shelf, n: int) -> list[tuple[int, int, int]]:
        """(id, body, bytes) of the first messages of a shelf: of the ready ones, then of others."""

    def expired(self, now: int, limit: int) -> list[ExpiredRow]:
        """Messages past their time, earliest first.

        Not of deleted ones: `forget_deleted` is for them. Where several gateways write, none of a
        world whose catalogue is being changed, which is not from here to the end of the
        transaction.
        """

    def take_expired(self, rows: Sequence[ExpiredRow], now: int) -> list[ExpiredRow]:
        """Those of the rows that are still there, and that no other gateway is at, nor will be."""

    def forget_deleted(self, now: int, limit: int) -> tuple[int, list[tuple[int, int]]]:
        """Remove deleted messages that are readable no longer: how many, and (world, body)s."""

    def next_expiry(self) -> int | None:
        """When the next message expires, or is readable no longer."""

    def old_shelves(self, limit: int) -> list[Shelf]:
        """Some of the shelves that no queue uses any more."""

    def rows_of_shelf(self, shelf: Shelf, limit: int) -> list[tuple[int, int]]:
        """(id, body) of some messages of a shelf."""

    def forget_shelf(self, shelf: Shelf) -> None:
        """A shelf is empty, if it is: another gateway may be at what is left."""

    def remove(self, world: int, ids: Sequence[int]) -> None:
        """Remove messages."""

    def release_bodies(self, world: int, copies: Counter[int]) -> None:
        """One use less of each body, as often as it is counted; unused ones go.

        Body 0 is nobody's: a small one stands in its message's row, and goes with it.
        """
