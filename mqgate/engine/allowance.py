"""What a world and its queues may hold, as their operator decided."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import attrs

from mqgate.engine.errors import LimitReached
from mqgate.storage.interface import Refusal
from mqgate.storage.interface.limits import BYTES, LENGTH, MESSAGES


@attrs.frozen
class QueueRule:
    """What queues hold whose names match: ``*`` stands for any text, ``?`` for one character."""

    match: str
    #: Messages at most: ready, reserved and delayed ones. None = as many as come.
    length: int | None = None
    #: Whether the oldest go then, rather than that new ones are refused.
    drop: bool = False
    #: No message stays longer than this, in milliseconds from its post.
    age: int | None = None


@attrs.frozen
class Allowance:
    """What one world may hold at most; None = as much as comes."""

    queues: int | None = None
    messages: int | None = None
    #: Of the messages' bodies and properties.
    bytes: int | None = None
    #: The first one that matches a queue's name is its rule.
    rules: Sequence[QueueRule] = ()

    def rule(self, name: str) -> QueueRule | None:
        """The rule for a queue of that name."""
        return next((rule for rule in self.rules if fnmatchcase(name, rule.match)), None)


_TEXTS = {
    MESSAGES: "the limit of {} messages is reached",
    BYTES: "the limit of {} bytes is reached",
    LENGTH: "the queue is full: it holds {} messages at most",
}


def too_many_queues(limit: int) -> LimitReached:
    """The error for one queue too many."""
    return LimitReached(f"the limit of {limit} queues is reached")


def limit_reached(refusal: Refusal) -> LimitReached:
    """The error for what the store refused."""
    return LimitReached(_TEXTS[refusal.what].format(refusal.limit))
