"""The values of pushing: how a queue pushes its messages, and what became of each try.

The engine decides what is tried when, and keeps it in the database. The carrying itself, and what
an address means, is the business of the dialect whose queues push: its `Carrier`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeAlias

import attrs
from twisted.internet.defer import Deferred

from mqgate.engine.values import NewMessage

#: States of a delivery; the last two are its end.
QUEUED = 0
RESERVED = 1
RETRYING = 2
DELIVERED = 3
FAILED = 4


class Target(NamedTuple):
    """Somebody to carry a message to."""

    #: Shown to people; what it means is the dialect's business.
    address: str
    #: What its pushes are limited together with, so that they cannot hold up those of others.
    lane: str
    #: What else the dialect has to know to get there.
    data: str


@attrs.frozen
class Pushing:
    """How a queue pushes the messages that come from now on."""

    #: Each is a delivery of its own, with targets that are tried one after the other until one
    #: takes the message. None at all: messages are not pushed but wait to be had.
    deliveries: Sequence[tuple[Target, ...]]
    #: How often a try that failed is made again.
    retries: int
    #: How long after, in milliseconds.
    retry_delay: int
    #: The queue that is told of deliveries that have failed.
    error_queue: str | None = None


@attrs.frozen
class Delivery:
    """One message on its way to one target."""

    world: int
    queue: str
    message_id: int
    #: The delivery's own id, that its end is acknowledged with.
    id: int
    #: All that it can go to, and which of these it is to go to now.
    targets: Sequence[Target]
    step: int
    body: bytes
    #: How long an acknowledgement may take, in milliseconds.
    timeout: int
    #: What was said of its message when it was posted.
    via: str

    @property
    def target(self) -> Target:
        """Where to go."""
        return self.targets[self.step]


@attrs.frozen
class Delivered:
    """The target has it."""

    code: int


@attrs.frozen
class Accepted:
    """The target has it and will acknowledge it later, within the message's timeout."""

    code: int


@attrs.frozen
class Failed:
    """The target did not take it."""

    #: Of its answer; 0 if there was none.
    code: int
    #: Why, for people.
    text: str


@attrs.frozen
class Forwarded:
    """The target is a queue here: a post and the end of this delivery are to be one."""

    code: int
    world: int
    queue: str
    message: NewMessage
    via: str


Outcome: TypeAlias = Delivered | Accepted | Failed | Forwarded


class Carrier(Protocol):
    """Carries messages to targets, for one dialect."""

    def carry(self, delivery: Delivery) -> Deferred[Outcome]:
        """Make one try. Cancelled when the server stops; then it may end in any way."""

    def error_message(self, delivery: Delivery, failures: Sequence[Failed]) -> NewMessage:
        """What the error queue is told: what the last try found, target by target."""


@attrs.frozen
class PushLimits:
    """How much is under way at once."""

    #: Tries in all, and in each lane.
    at_once: int = 100
    per_lane: int = 10
    #: How long a try may take, in milliseconds: after that, another gateway may repeat it.
    claim: int = 90_000


class PushObserver(Protocol):
    """Is told of every try."""

    def push_began(self) -> None:
        """A message is handed to its carrier."""

    def push_ended(self, outcome: str, seconds: float) -> None:
        """What became of it: ``delivered``, ``accepted``, ``failed`` or ``given up``."""


@attrs.frozen
class DeliveryStatus:
    """How far a delivery is."""

    id: int
    #: Of the target whose turn it is, or was last.
    address: str
    retries: int
    retry_delay: int
    #: Tries begun so far.
    tries: int
    #: `QUEUED` …
    status: int
    #: Of the last answer; 0 before the first.
    code: int

    @property
    def retries_left(self) -> int:
        """What is told of the tries that are left: one less than there are after the first."""
        return max(0, self.retries - self.tries)
