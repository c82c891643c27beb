"""What the executor asks of a database for topics and their groups: the rest of its seam."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from mqgate.storage.interface import IdleGroup

#: A (world, shelf).
Shelf = tuple[int, int]
#: What a `MessageRow` is made of.
RawRow = tuple[Any, ...]

#: The state of a row of a topic's log.
LOGGED = 5


class Rows(Iterator[RawRow], Protocol):
    """Rows that the database reads as they are taken."""

    def close(self) -> None:
        """Read no more of them."""


class StoredRow(NamedTuple):
    """One message's row as it is inserted; its body is stored apart."""

    id: int
    world: int
    queue: int
    state: int
    pos: int
    due: int
    expires: int
    body: int
    origin: int
    tag: str | None
    key: str


class FoundRow(NamedTuple):
    """A message that is to be copied or moved."""

    id: int
    times: int
    pos: int
    due: int
    expires: int
    body: int
    origin: int
    tag: str | None
    key: str


class GroupSession(Protocol):
    """Statements on topics, inside one transaction. Times are in milliseconds."""

    # -- holding

    def hold_topics(self, shelves: Collection[Shelf]) -> None:
        """Wait until nobody else changes messages on these shelves of topics.

        Nobody else does then up to the end of the transaction, nor do groups of these topics
        become live. Once in a transaction, before anything is read.
        """

    def try_topics(self, shelves: Collection[Shelf]) -> set[Shelf]:
        """The same without waiting: those of these shelves that nobody else is at."""

    def hold_bodies(self, world: int, bodies: Sequence[int]) -> None:
        """Wait until nobody else changes the uses of these bodies, who does not then."""

    # -- groups

    def live_groups(self, world: int, topic: int) -> set[int]:
        """The queues' numbers of the groups that what is published goes to at once."""

    def group(self, world: int, topic: int, name: str) -> tuple[int, int] | None:
        """Whether a group is live, and how far into the log it has come; None = never heard of."""

    def open_group(self, world: int, topic: int, name: str, queue: int, now: int) -> None:
        """A group polled now for the first time, at the log's beginning."""

    def note_poll(self, world: int, topic: int, name: str, now: int) -> None:
        """A group is polled now."""

    def advance_group(self, world: int, topic: int, name: str, pos: int, live: bool) -> None:
        """A group has come so far into the log."""

    def rest_group(self, world: int, topic: int, name: str) -> None:
        """A group is live no longer, and begins again."""

    def idle_groups(self, before: int) -> list[IdleGroup]:
        """Live groups not polled since."""

    # -- rows that come, and bodies they share

    def last_place(self, shelf: Shelf) -> int:
        """The highest place in a log; 0 where it is empty."""

    def store(self, rows: Sequence[StoredRow]) -> None:
        """Insert messages' rows."""

    def store_bodies(self, bodies: Sequence[tuple[int, int, int, bytes | None, bytes]]) -> None:
        """Insert bodies: (id, world, how many share it, properties, data)."""

    def share_bodies(self, world: int, copies: Counter[int]) -> None:
        """More uses of each body, as many as are counted."""

    def logged(self, shelf: Shelf, after: int, limit: int, now: int) -> list[FoundRow]:
        """A log's next rows after a place."""

    def halves(self, shelf: Shelf, ids: Sequence[int], now: int) -> list[FoundRow]:
        """Those of the messages that are held, and not due yet."""

    # -- what is handed out

    def lapsed(self, shelf: Shelf, now: int, limit: int) -> list[tuple[int, int, int, str]]:
        """(id, state, count, key) of what has come due, the earliest first."""

    def exhausted(self, shelf: Shelf, maximum: int, now: int, limit: int) -> list[FoundRow]:
        """What has lapsed after so many deliveries."""

    def make_ready(self, shelf: Shelf, ids: Sequence[int]) -> None:
        """These rows are ready, at their places."""

    def next_after(self, shelf: Shelf, now: int) -> int | None:
        """When the next held message comes due that has not yet."""

    def ready_with_tag(self, shelf: Shelf, tag: str, n: int, now: int) -> Rows:
        """Up to ``n`` ready rows with a tag in their order, read as they are taken."""

    def heads(self, shelf: Shelf) -> Rows:
        """(key,) of those that have a head, in the order of the heads, read as they are taken."""

    def keys_with_tag(self, shelf: Shelf, tag: str) -> Rows:
        """(pos, id, key) of ready rows with a tag in their order, read as they are taken."""

    def is_reserved(self, shelf: Shelf, key: str) -> bool:
        """Whether some of a key are reserved."""

    def ready_of_key(self, shelf: Shelf, key: str, n: int, now: int) -> Rows:
        """Up to ``n`` ready rows of a key in their order, read as they are taken."""

    def ready_of_key_with_tag(self, shelf: Shelf, key: str, tag: str, n: int, now: int) -> Rows:
        """The same, of those with a tag."""

    def hold(self, shelf: Shelf, ids: Sequence[int], lease: int, now: int) -> None:
        """Reserve ready rows; none of them is a head any more, see `unmake_heads`."""

    def delivered(
        self, shelf: Shelf, ids: Sequence[int], now: int
    ) -> list[tuple[int, int, int, str]]:
        """(id, count, body, key) of those that are reserved, and not due yet."""

    # -- heads

    def set_heads(self, shelf: Shelf, keys: Collection[str]) -> None:
        """Of each key's ready rows make the lowest its head, unless some of it are reserved."""

    def clear_heads(self, shelf: Shelf, keys: Collection[str]) -> None:
        """Unmake heads of keys of which some are reserved, and heads that are not the lowest."""

    def unmake_heads(self, shelf: Shelf, ids: Sequence[int]) -> None:
        """The keys of these rows, which are reserved now, have no heads."""
