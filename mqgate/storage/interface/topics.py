"""Operations on topic values: the latest and the retained message of each topic of a world.

Publishes are numbered, world by world, in the order in which their operations stand in the batch.
What is read in the same batch is read after all of them.
"""

from __future__ import annotations

from typing import NamedTuple

from mqgate.storage.interface.messages import Post
from mqgate.storage.interface.publishing import Publish


class PublishValue(NamedTuple):
    """Set a topic's latest value, and its retained one. Result: `Published`, or None: no room.

    With ``retained`` an empty ``data`` removes the retained value. The world has ``most`` topics
    at most: for a new one, that which was published to the longest ago is dropped, but none with a
    retained value; there is no room if no other is left.

    ``message`` is the same for queues: it is stored in the same transaction, unless the value was
    ``needed`` and there was no room for it.
    """

    world: int
    topic: str
    data: bytes
    retained: bool
    most: int
    message: Post | Publish | None
    needed: bool


class Published(NamedTuple):
    """The number of a publish, and the topics that were dropped for it."""

    seq: int
    dropped: tuple[str, ...]


class ReadValue(NamedTuple):
    """A topic's latest or retained value. Result: bytes, or None."""

    world: int
    topic: str
    retained: bool


class FindValue(NamedTuple):
    """What a gateway has to learn before it can tell what a filter finds. Result: `Found`.

    That is, of the latest or the retained values, those with numbers above ``since``, up to
    ``limit`` of them, in order. And if there is nothing new, it is the value of ``topic`` that was
    looked for.
    """

    world: int
    since: int
    limit: int
    topic: str | None
    retained: bool


class TopicRow(NamedTuple):
    """A topic, and the number of its latest value or of the last change to its retained one."""

    topic: str
    seq: int
    #: Whether there is a value: a retained one may have been removed.
    there: bool


class Found(NamedTuple):
    """An answer to `FindValue`."""

    rows: tuple[TopicRow, ...]
    #: How far these reach: with them, all is known that has a number up to here.
    seq: int
    #: Whether there are more rows.
    more: bool
    #: How many topics the world has.
    topics: int
    data: bytes | None


class DropValues(NamedTuple):
    """Drop topics not published to since ``upto``, retained values too; some at a time.

    ``upto`` None means all that are there. Result: `Dropped`.
    """

    world: int
    upto: int | None
    limit: int


class Dropped(NamedTuple):
    """How many topics were dropped, and what ``upto`` is for the next ones."""

    topics: int
    upto: int
