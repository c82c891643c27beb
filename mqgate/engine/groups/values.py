"""The values that go into topics and come out of groups. Times are whole milliseconds."""

from __future__ import annotations

from enum import Enum

import attrs

# Made for every message, and so not frozen: see `mqgate.engine.values`.


@attrs.define
class TopicMessage:
    """A message to be published. Not to be changed."""

    body: bytes
    #: Opaque to the engine; given back with each delivery.
    props: bytes | None = None
    #: What consumers may ask for.
    tag: str | None = None
    #: Messages with one key are consumed in order where that is asked for. Those without one have
    #: a key in common.
    key: str | None = None
    #: Nobody gets it for so long.
    delay: int = 0


@attrs.define
class Delivery:
    """A message as it was handed out to a group's consumer. Not to be changed."""

    #: Of this group's copy.
    id: int
    #: The same for all groups and all deliveries, and nobody else's.
    origin: int
    body: bytes
    props: bytes | None
    published_at: int
    #: When the group got it for the first time.
    first_at: int
    #: Until then it is this consumer's.
    due_at: int
    #: How often the group has got it, this time included.
    count: int
    #: What acknowledges this delivery, once: ASCII letters, digits, ``-`` and ``_``.
    receipt: str


@attrs.frozen
class Prepared:
    """A half message: published, but consumed by nobody until it is decided."""

    #: The origin it will have.
    id: int
    #: What decides it, until ``due_at``.
    receipt: str
    due_at: int


class Outcome(Enum):
    """What came of a receipt."""

    DONE = "done"
    #: Too late: the message is, or may be, somebody else's.
    LATE = "late"
    #: Used, forged, or for something else.
    INVALID = "invalid"
