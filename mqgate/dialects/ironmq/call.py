"""A request that was let in, as the handlers get it, and what they have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs
from twisted.internet.defer import Deferred

from mqgate.dialects.ironmq import target, wire
from mqgate.dialects.ironmq.access import Project
from mqgate.dialects.ironmq.push_wire import project_url, via
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
    #: What receivers of pushes are told that this server is called; None = as clients call it.
    public_url: str | None
    queue: str = ""
    #: What the path names in the queue: a message, or an alert.
    item: str = ""
    #: What it names in that: the subscriber that a message was pushed to.
    part: str = ""

    def message_id(self) -> int:
        """The message that the path names. Raises `MessageNotFound` if it can be none."""
        number = target.message_id(self.item)
        if number is None:
            raise MessageNotFound
        return number

    def via(self) -> str:
        """How the request came, for those whom its messages are pushed to."""
        asked = self.asked
        host = asked.header(b"host")
        return via(0, project_url(self.public_url, asked.secure, host, self.project.id))


Handler = Callable[[Call], Deferred[Reply]]


def saying(text: str) -> Mapping[int, Reply]:
    """A fixed reply, made once, by status."""
    return {status: Reply(status, wire.said(text)) for status in (200, 201)}


def fixed(_result: object, reply: Reply) -> Reply:
    """A reply that says no more than that it is done."""
    return reply
