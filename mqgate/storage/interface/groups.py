"""Operations on topics, which keep what is published in a log, and on the groups fed from it.

A topic's log and each of its groups' queues are queues of their own, with shelves of their own;
half messages, published but not decided, have one more. Within a group a message has a *key*: one
of a key's messages is handed out after the other where that is asked for. Those published without
a key share the key ``""``.
"""

from __future__ import annotations

from typing import NamedTuple

from mqgate.storage.interface.messages import MessageRow

#: (id, count): a message as it was handed out at one time.
Delivered = tuple[int, int]


class Fed(NamedTuple):
    """A group's queue, as the catalogue has it."""

    number: int
    shelf: int


class Topic(NamedTuple):
    """A topic's log and its groups. Whether a group is live is for the database to know."""

    world: int
    number: int
    shelf: int
    groups: tuple[Fed, ...]


class Copies(NamedTuple):
    """Ids for a message's row in the log, and for its copies in the topic's groups."""

    id: int
    groups: tuple[int, ...]


class LogEntry(NamedTuple):
    """One message for a topic. ``due`` is when it may be consumed; 0 = at once."""

    ids: Copies
    due: int
    expires: int
    tag: str | None
    key: str
    props: bytes | None
    data: bytes


# -- operations, in the order in which the kinds are carried out


class Acknowledge(NamedTuple):
    """Remove messages that are still reserved as they were handed out.

    Result: a tuple that says for each delivery whether it was.
    """

    world: int
    shelf: int
    deliveries: tuple[Delivered, ...]


class Return(NamedTuple):
    """Undo deliveries that never reached a client: place and count kept. Result: how many."""

    world: int
    shelf: int
    deliveries: tuple[Delivered, ...]


class Bury(NamedTuple):
    """Move messages that lapsed after their last delivery to a topic, or nowhere.

    As many at most as there are ``ids``; in the log they stay until ``expires``. A message of
    ``maximum`` deliveries has had its last. Result: how many were moved.
    """

    world: int
    shelf: int
    maximum: int
    topic: Topic | None
    ids: tuple[Copies, ...]
    expires: int


class Prepare(NamedTuple):
    """Store a half message: nobody consumes it until it is decided. Result: None.

    It becomes ready, for a check, at ``due``. ``pos`` is its place in its topic, which may be
    still to come.
    """

    world: int
    shelf: int
    id: int
    pos: int
    due: int
    expires: int
    tag: str | None
    key: str
    props: bytes | None
    data: bytes


class Decide(NamedTuple):
    """Append half messages to ``topic``, or drop them where that is None.

    They must be still as they were handed out (or stored: with a count of 0), and not due yet.
    What is published stays ``retention`` milliseconds from now, or from when it is due; ``ids``
    has one entry for each. Result: for each when it is due, 0 = at once, or None where it was not
    there.
    """

    world: int
    shelf: int
    halves: tuple[Delivered, ...]
    topic: Topic | None
    ids: tuple[Copies, ...]
    retention: int


class Append(NamedTuple):
    """Write messages into a topic's log, and into the queues of its live groups. Result: None."""

    topic: Topic
    messages: tuple[LogEntry, ...]


class CatchUp(NamedTuple):
    """Copy the next messages of a topic's log to a group that is not live, one for each id.

    A group never heard of begins at the log's earliest message; one that comes to the log's end
    is live from here on. The group is noted as polled. Result: `CaughtUp`.
    """

    topic: Topic
    name: str
    group: Fed
    ids: tuple[int, ...]


class Rest(NamedTuple):
    """A group is live no longer: it will begin at the log's earliest message. Result: None."""

    world: int
    topic: int
    name: str


class Idle(NamedTuple):
    """Find live groups that were not polled since ``before``. Result: a tuple of `IdleGroup`."""

    before: int


class Consume(NamedTuple):
    """Hand out up to ``n`` of a group's ready messages in order of (pos, id). Result: `Consumed`.

    Of those with one of ``tags``, if there are any. ``in_order`` leaves out the keys of which
    something is reserved. A message of ``maximum`` deliveries (0: any number) has had its last.
    ``size`` and ``lease`` are as for `Reserve`.
    """

    world: int
    shelf: int
    n: int
    size: int
    lease: int
    tags: tuple[str, ...]
    in_order: bool
    maximum: int


# -- results


class CaughtUp(NamedTuple):
    """How many messages were copied, and whether the group is live now."""

    copied: int
    live: bool


class IdleGroup(NamedTuple):
    """A live group, its queue's name, and when it was polled last, to the minute."""

    world: int
    queue: str
    polled_at: int


class Consumed(NamedTuple):
    """What a take got, when the next held message comes due, and whether some are to be buried."""

    rows: tuple[MessageRow, ...]
    next_due: int | None
    exhausted: bool
