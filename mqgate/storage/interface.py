"""What every database must offer the engine: run one batch in one transaction.

Batches and results are plain values (tuples, bytes, integers), so that whoever executes them may
be a thread or another process, over one database or another. Times are
milliseconds since 1970 as the engine counts them; a *shelf* is the number that stands in a
message's row for its queue, and changes when the queue is cleared (docs/architecture.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from twisted.internet.defer import Deferred

#: Ids and positions count milliseconds from here (2010-01-01), so that 41 bits last until 2079;
#: below them are 10 bits of the gateway's slot and 12 of a sequence.
EPOCH = 1_262_304_000_000
INSTANT_SHIFT = 22
SLOT_SHIFT = 12


class StoreError(Exception):
    """The database cannot be opened, or not now. The text is one sentence for the operator."""


class Unavailable(Exception):
    """A batch could not be committed because of the disk, a lock or the connection.

    Nothing of it is to be seen; the same batch may succeed later.
    """


class Damaged(Unavailable):
    """What the batch touches cannot be read any more. It will not pass; the rest may be sound."""


class LeaseLost(Unavailable):
    """Another gateway took this one's slot over; nothing was changed."""


# -- operations, in the order in which the kinds are carried out ---------------------------------


class Sweep(NamedTuple):
    """Remove up to ``limit`` expired messages. Result: `Swept`."""

    limit: int


class Memory(NamedTuple):
    """Where a queue's deleted messages stay readable by their ids, and for how long.

    A shelf of their own, which the queue keeps for life: clearing it does not forget them. They
    stay no longer than they would have anyway.
    """

    shelf: int
    time: int


class Delete(NamedTuple):
    """Delete messages by id. Result: the tuple of ids that were there."""

    world: int
    shelf: int
    ids: tuple[int, ...]
    memory: Memory | None


class Touch(NamedTuple):
    """Restart the reservation's clock with the message's own timeout.

    Result: when the reservation ends now; 0 for a message nobody holds, which stays as it is; None
    where there is no such message.
    """

    world: int
    shelf: int
    id: int


class Release(NamedTuple):
    """Make a message ready (``due`` 0) or delayed until ``due``. Result: was it there?

    ``pos`` is its new place; ``in_place`` keeps the old one, unless that is still to come.
    """

    world: int
    shelf: int
    id: int
    due: int
    pos: int
    in_place: bool


class GiveBack(NamedTuple):
    """Undo deliveries that never reached a client: place and count kept. Result: how many.

    ``deliveries`` are (id, count): one that has lapsed or was handed out again is left alone.
    """

    world: int
    shelf: int
    deliveries: tuple[tuple[int, int], ...]


class PutBack(NamedTuple):
    """Undo removals (`Reserve.remove`) that never reached a client. Result: how many.

    Each message comes back under its id, at its place, with its count.
    """

    world: int
    shelf: int
    rows: tuple[MessageRow, ...]


class PostRow(NamedTuple):
    """One message to be stored."""

    id: int
    state: int
    pos: int
    due: int
    expires: int
    timeout: int
    props: bytes | None
    data: bytes


class Post(NamedTuple):
    """Store messages. Result: None."""

    world: int
    shelf: int
    rows: tuple[PostRow, ...]


class Reserve(NamedTuple):
    """Hand out up to ``n`` ready messages in order of (pos, id). Result: `Reserved`.

    No more are added once their bodies have ``size`` bytes, so that no answer is too large.
    ``lease`` None means each message's own timeout. ``remove`` hands them out for good;
    ``memory`` is as for `Delete`. ``in_place`` says where lapsed reservations go.
    """

    world: int
    shelf: int
    n: int
    size: int
    lease: int | None
    remove: bool
    memory: Memory | None
    in_place: bool


class Peek(NamedTuple):
    """What a `Reserve` would hand out, left where it is. Result: a tuple of `MessageRow`."""

    world: int
    shelf: int
    n: int
    size: int
    in_place: bool


class Get(NamedTuple):
    """One message by id, from either shelf of its queue. Result: `MessageRow` or None."""

    world: int
    shelf: int
    memory_shelf: int
    id: int


class Count(NamedTuple):
    """A queue's counters. Result: (messages in it, messages ever posted to it)."""

    world: int
    shelf: int


class EmptyShelves(NamedTuple):
    """Remove up to ``limit`` messages from shelves no queue uses. Result: is there more?"""

    limit: int


class Forget(NamedTuple):
    """Drop tombstones of queues removed before ``before``, some at a time. Result: how many."""

    before: int
    limit: int


class Check(NamedTuple):
    """Nothing but what every batch does: see that the plan is not outdated. Result: None."""


class Probe(NamedTuple):
    """Write something of no consequence, to learn whether writing works. Result: None."""


Operation: TypeAlias = (
    Sweep
    | Delete
    | Touch
    | Release
    | GiveBack
    | PutBack
    | Post
    | Reserve
    | Peek
    | Get
    | Count
    | EmptyShelves
    | Forget
    | Check
    | Probe
)


# -- results -------------------------------------------------------------------------------------


class MessageRow(NamedTuple):
    """A message as stored; `Reserve` returns it as it is after the reservation."""

    id: int
    state: int
    pos: int
    due: int
    expires: int
    timeout: int
    #: How long the last reservation was made for.
    lease: int
    times: int
    first_at: int
    body: int
    origin: int
    props: bytes | None
    data: bytes


class Reserved(NamedTuple):
    """What a reserve got, and, if that is nothing, when the next held message comes due."""

    rows: tuple[MessageRow, ...]
    next_due: int | None


class Swept(NamedTuple):
    """How many messages a sweep removed, and when the next one expires (None: none ever)."""

    removed: int
    next_expires: int | None


# -- the catalogue -------------------------------------------------------------------------------


class QueueRow(NamedTuple):
    """A queue as the catalogue holds it; ``removed`` is the instant of its removal, or 0."""

    world: int
    number: int
    name: str
    shelf: int
    policy: str
    settings: Mapping[str, object]
    created: int
    removed: int
    version: int


class Reshelf(NamedTuple):
    """A queue left ``old``: its messages go, its counters start again at ``new``.

    The total of messages ever posted goes along; with ``new`` None the queue is gone.
    """

    world: int
    old: int
    new: int | None


class Change(NamedTuple):
    """A world's catalogue moves from one version to the next, with these rows."""

    world: int
    version: int
    next_number: int
    queues: tuple[QueueRow, ...]
    reshelved: tuple[Reshelf, ...]


class WorldRows(NamedTuple):
    """A world's catalogue, or what changed in it since the version that was asked about."""

    world: int
    version: int
    next_number: int
    #: Whether these are all its rows, rather than the newer ones alone.
    complete: bool
    queues: tuple[QueueRow, ...]


class Stale(NamedTuple):
    """The batch was planned with an outdated catalogue and not carried out; this is newer."""

    worlds: tuple[WorldRows, ...]


# -- batches and stores --------------------------------------------------------------------------


class Batch(NamedTuple):
    """What is to happen in one transaction, all or nothing."""

    now: int
    #: The catalogue version of each world that the plan relies on.
    versions: tuple[tuple[int, int], ...]
    changes: tuple[Change, ...]
    operations: tuple[Operation, ...]
    #: A new upper bound of the ids given out, or 0: the old one still holds.
    high: int


class Opened(NamedTuple):
    """What a gateway starts with."""

    #: Its slot: ten bits of every id it makes, so that no other gateway makes the same.
    slot: int
    #: Ids up to here have been given out already.
    high: int


class Store(Protocol):
    """A database, as the engine sees it."""

    def open(self) -> Opened:
        """Open it, making or upgrading the schema. Blocking; before the reactor runs.

        Raises `StoreError`.
        """

    def worlds(self, names: Sequence[Sequence[str]]) -> list[int]:
        """The number of the world behind each group of names, made where new. Blocking.

        Raises `StoreError` where the names of one group belong to different worlds already.
        """

    def run(self, batch: Batch) -> Deferred[list[object] | Stale]:
        """Carry out a batch; fires after the commit with a result for each operation, in order.

        Fails with `Unavailable`, or with anything else if one of the operations cannot be done
        by any means: then nothing was changed either, and the culprit has to be found.
        """

    def has_room(self) -> bool:
        """Whether the disk has room for new messages. Cheap enough to be asked for each batch."""

    def tidy(self) -> Deferred[bool]:
        """Give some unused space back to the system. Fires with whether there is more to do."""

    def close(self) -> Deferred[None]:
        """Finish what was handed over and close."""
