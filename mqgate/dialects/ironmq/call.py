"""A request that was let in, as the handlers get it, and what they have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs
from twisted.internet.defer import Deferred

from mqgate.dialects.ironmq import target, wire
from mqgate.dialects.ironmq.access import Project
from mqgate.engine.engine import Engine
from mqgate.engine.errors import MessageNotFound
from mqgate.web.values import Asked, Reply

#: The name under which the engine knows how our queues treat their messages.
POLICY = "ironmq"


@attrs.define(eq=False)
class Call:
    """A request that was let in, with what its path names."""

    asked: Asked
    engine: Engine
    project: Project
    #: The status of a POST that succeeds.
    post_status: int
    queue: str = ""
    #: What the path names in the queue: a message, or an alert.
    item: str = ""

    def message_id(self) -> int:
        """The message that the path names. Raises `MessageNotFound` if it can be none."""
        number = target.message_id(self.item)
        if number is None:
            raise MessageNotFound
        return number


Handler = Callable[[Call], Deferred[Reply]]


def saying(text: str) -> Mapping[int, Reply]:
    """A fixed reply, made once, by status."""
    return {status: Reply(status, wire.said(text)) for status in (200, 201)}


def fixed(_result: object, reply: Reply) -> Reply:
    """A reply that says no more than that it is done."""
    return reply
