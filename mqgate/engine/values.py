"""The values that go into the engine and come out of it.

Times are whole milliseconds: instants since 1970 in the engine's time, durations as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import msgspec

from mqgate.storage.interface import Census as Census
from mqgate.storage.interface import QueueFigures as QueueFigures

if TYPE_CHECKING:  # these values are made of the ones here
    from mqgate.engine.deliveries import Pushing

#: States of a message: docs/architecture.md has the picture.
READY = 0
RESERVED = 1
DELAYED = 2
DELETED = 3
#: On its way to receivers: nobody can reserve, touch or release it.
PUSHED = 4

#: The instant of things that never happen.
NEVER = 1 << 62


@attrs.frozen
class NewAlert:
    """An alert that a queue is to have: a message to another queue when its size changes so."""

    #: Whether it is set off at every multiple of the threshold, not at the threshold alone.
    progressive: bool
    #: Whether it is set off when the size falls to it, not when it rises to it.
    descending: bool
    #: At least 1.
    threshold: int
    #: The name of the queue that gets the messages; it is made when the first one comes.
    target: str
    #: For so long after it was set off nothing sets it off.
    snooze: int = 0


@attrs.frozen
class Alert(NewAlert):
    """An alert that a queue has."""

    id: int = attrs.field(kw_only=True)


@attrs.frozen
class Letter:
    """An alert's message: its body is ``before``, the queue's size in digits, and ``after``.

    In pieces, because the size is known only in the transaction that posts it.
    """

    before: bytes
    after: bytes
    #: How long a reservation of it lasts, and how long it lives; None = for ever.
    timeout: int = 60_000
    expires_in: int | None = None


def _plain_letter(queue: str, alert: Alert, now: int) -> Letter:
    return Letter(f"size of {queue}: ".encode(), b"")


@attrs.frozen
class Alerting:
    """How queues tell of their sizes."""

    #: The most alerts that one queue can have.
    at_most: int = 5
    #: Whether a queue with these settings can have any.
    possible: Callable[[Mapping[str, object]], bool] = lambda settings: True
    #: The message of an alert of the queue of this name, at this instant.
    letter: Callable[[str, Alert, int], Letter] = _plain_letter


@attrs.frozen
class Policy:
    """What a queue does with its messages. Set, under a name, by the dialect that makes queues."""

    #: A returned message goes to its old place (AMQP's custom), or to the back (IronMQ v1's).
    keeps_place: bool = False
    #: How long a deleted message stays readable by its id, in milliseconds; 0 = not at all.
    remembers_for: int = 0
    #: What its alerts are like.
    alerting: Alerting = Alerting()
    #: For topics and their groups: how long messages are kept, in milliseconds, from their publish
    #: or from when they are due. A group nobody polls for so long begins again.
    retention: int = 0
    #: For groups: a message that was handed out so often, and lapses, is a dead letter; 0 = never.
    maximum: int = 0
    #: … which goes to the topic whose name is this and the group's.
    dead_letters: str = ""
    #: How a queue with these settings pushes its messages; None: it does not. Without settings, no
    #: queue does.
    pushing: Callable[[Mapping[str, Any]], Pushing | None] | None = None


# These two are made for every message, by the hundred: of msgspec's kind they take less than half
# the time of attrs', and the garbage collector need not look through them.


class NewMessage(msgspec.Struct, gc=False):
    """A message to be posted. Not to be changed."""

    body: bytes
    #: How long a reservation of it lasts unless the reserve says otherwise.
    timeout: int = 60_000
    #: Hidden for so long.
    delay: int = 0
    #: Gone after so long; None = never.
    expires_in: int | None = None
    #: Opaque to the engine, but for `topic_names.note`; given back with the message.
    props: bytes | None = None


class Message(msgspec.Struct, gc=False):
    """A message as it was found or handed out. Not to be changed."""

    id: int
    body: bytes
    props: bytes | None
    state: int
    #: How often it has been reserved, this time included.
    count: int
    #: How long a reservation of it lasts unless the reserve says otherwise.
    timeout: int
    #: How long its present reservation was made for; the same as ``timeout`` if it has none.
    lease: int
    #: Since when it is available (encoded like an id): its place in the queue.
    position: int
    expires_at: int
    #: The instant of its first reservation; 0 = not reserved yet.
    first_at: int
    #: The id given at publish, equal in all copies.
    origin: int
    #: The number of the queue it is in, or was taken from.
    queue: int


@attrs.frozen
class QueueInfo:
    """A queue, its settings and its counters."""

    #: Unique in the world; a queue deleted and made again has another.
    number: int
    name: str
    #: When it was made.
    created_at: int
    #: What the dialect stored with it; opaque to the engine.
    settings: Mapping[str, object]
    #: Messages in it, reserved and delayed ones included; deleted and expired ones are not.
    size: int
    #: Messages ever posted to it.
    total: int
    alerts: tuple[Alert, ...] = ()


@attrs.frozen
class QueueName:
    """A line of a queue list."""

    number: int
    name: str
    created_at: int


# -- exchanges

#: The types of exchanges: a binding's key is a pattern, the key itself, or of no account.
TOPIC = "topic"
DIRECT = "direct"
FANOUT = "fanout"

#: The exchange where each key is the name of a queue. Nothing can be bound to it.
DEFAULT_EXCHANGE = ""

#: The exchange that topics and their values are bridged to.
TOPIC_EXCHANGE = "amq.topic"
#: Exchanges that every world has from the beginning, and their types.
PREDECLARED: Mapping[str, str] = {TOPIC_EXCHANGE: TOPIC, "amq.direct": DIRECT, "amq.fanout": FANOUT}

_RESERVED = "amq."


def is_reserved(name: str) -> bool:
    """Whether no exchange and no queue of that name can be made."""
    return name.startswith(_RESERVED)


@attrs.frozen
class Wiring:
    """What a request needs to be there: an exchange, a queue, and a binding between them."""

    #: `DEFAULT_EXCHANGE` needs no binding.
    exchange: str
    queue: str
    #: The binding's key, on a topic exchange a pattern.
    key: str
    #: The name of the policy that the queue gets if it is made.
    policy: str
    #: Whether an exchange (of type topic) or a queue that is missing may be made.
    may_declare: bool = True
    #: Whether a binding that is missing may be made.
    may_bind: bool = True


@attrs.frozen
class Taken:
    """A message that was handed out for good."""

    message: Message
    #: How many messages could have been handed out after it.
    left: int

    @property
    def redelivered(self) -> bool:
        """Whether it had been handed out before."""
        return self.message.count > 1


@attrs.frozen
class Topology:
    """Exchanges, queues and bindings that have to be there."""

    #: The type of each exchange, by name.
    exchanges: Mapping[str, str]
    #: The name of the policy of each queue, by name.
    queues: Mapping[str, str]
    #: (exchange, queue, key) of each binding; both are there, or among the above.
    bindings: Sequence[tuple[str, str, str]]
