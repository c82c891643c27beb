"""Operations on messages, and what comes of them."""

from __future__ import annotations

from typing import NamedTuple

# -- operations, in the order in which the kinds are carried out


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


#: Address, lane, and what else its dialect has to know of it.
TargetRow = tuple[str, str, str]


class PushRow(NamedTuple):
    """How a message is to be pushed: one entry of `mqgate.storage.interface.pushes`."""

    message: int
    subscriber: int
    number: int
    targets: tuple[TargetRow, ...]
    via: str
    error_queue: str | None
    retries: int
    delay: int
    next_at: int


class Post(NamedTuple):
    """Store messages. Result: None."""

    world: int
    shelf: int
    rows: tuple[PostRow, ...]
    #: How those of them that are in state 4 are to be pushed.
    pushes: tuple[PushRow, ...] = ()


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
    """Drop what was removed before ``before``, some at a time. Result: how many rows.

    Those are the tombstones of queues and bindings, and the bindings of removed queues.
    """

    before: int
    limit: int


class Check(NamedTuple):
    """Nothing but what every batch does: see that the plan is not outdated. Result: None."""


class Look(NamedTuple):
    """See whether queues have something for those who wait on them.

    ``lines`` are (world, shelf, in order): in order, only a message whose key's turn it is counts.
    Result: for each the instant at which its first message is, or comes, due; 0 where one is ready;
    None where there is none.
    """

    lines: tuple[tuple[int, int, bool], ...]


class Review(NamedTuple):
    """See what waits to be done, whoever was to do it: `Reviewed`.

    ``overdue`` says for how many milliseconds pushes have been due that somebody has left.
    """

    overdue: int


class Probe(NamedTuple):
    """Write something of no consequence, to learn whether writing works. Result: None."""


# -- results


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
    #: Which body it uses; 0 for one of its own that is small enough to stand in its row.
    body: int
    origin: int
    props: bytes | None
    data: bytes


class Reserved(NamedTuple):
    """What a reserve got, and, if that is nothing, when the next held message comes due."""

    rows: tuple[MessageRow, ...]
    next_due: int | None


class Reviewed(NamedTuple):
    """When the next message expires (None: none ever), and whether pushes have been left."""

    next_expires: int | None
    pushes_overdue: bool


class Swept(NamedTuple):
    """How many messages a sweep removed, and when the next one expires (None: none ever).

    Queues with alerts are left as they are: their expiry is a matter of `Watch`.
    """

    removed: int
    next_expires: int | None
    #: The (world, name) of queues that were left.
    left: tuple[tuple[int, str], ...] = ()
