"""The dialect as the HTTP room sees it."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from mqgate.dialects.ironmq import limits, openapi, wire
from mqgate.dialects.ironmq.access import Access
from mqgate.dialects.ironmq.call import Call
from mqgate.dialects.ironmq.errors import reply_to
from mqgate.dialects.ironmq.refusal import Refused, unknown
from mqgate.dialects.ironmq.routes import TREE
from mqgate.dialects.ironmq.routing import find
from mqgate.dialects.ironmq.settings import Settings
from mqgate.dialects.ironmq.target import name_of, split_path
from mqgate.engine.engine import Engine
from mqgate.web.values import (
    BUSY,
    FAILED,
    HEAD_TOO_LARGE,
    INSECURE,
    MALFORMED,
    TOO_LARGE,
    TOO_SLOW,
    Asked,
    Fault,
    Reply,
)

_VERSION = b"1"
#: This client takes every status but 200 for a failure.
_JAVA_CLIENT = b"IronMQ Java Client"
#: 408 is not among the vendor's codes, and the Node client retries it for ever.
_FAULT_STATUS = {
    MALFORMED: 400,
    TOO_LARGE: 403,
    HEAD_TOO_LARGE: 403,
    INSECURE: 403,
    TOO_SLOW: 400,
    BUSY: 503,
    FAILED: 500,
}


class Door:
    """IronMQ, API version 1."""

    name = "ironmq"
    body_limit = limits.BODY_BYTES

    def __init__(
        self, engine: Engine, access: Access, settings: Settings, public_url: str | None
    ) -> None:
        self._engine = engine
        self._access = access
        self._settings = settings
        self._public_url = public_url

    def owns(self, segment: bytes) -> bool:
        """Every version number: other versions are to get a 404 that their clients can read.

        And the description of all this.
        """
        return segment.isdigit() or segment == openapi.SEGMENT

    def answer(self, asked: Asked) -> Reply | Deferred[Reply]:
        """Do what is asked. Never raises and never fails: errors are replies too."""
        try:
            reply = self._start(asked)
        except Exception as error:  # noqa: BLE001 - whatever it was, the client gets an answer
            return reply_to(error, asked)
        return reply.addErrback(_reply_to_failure, asked)

    def refuse(self, fault: Fault) -> Reply:
        """This dialect's shape for a request that HTTP itself has to turn down."""
        return Reply(_FAULT_STATUS[fault.kind], wire.said(fault.reason))

    def _start(self, asked: Asked) -> Deferred[Reply]:
        """Look, in this order, at token, project, path, verb and body; then call the handler."""
        segments = split_path(asked.path)
        if segments == [openapi.SEGMENT]:
            return succeed(openapi.describe(asked))
        if segments[:1] != [_VERSION]:
            raise unknown()
        names_project = len(segments) > 2 and segments[1] == b"projects"
        project = self._access.admit(asked, segments[2] if names_project else b"")
        node, named = find(TREE, segments[3:])
        if node is None:
            raise unknown()
        handler = node.verbs.get(asked.method)
        names = [name_of(segment) for segment in named]
        if handler is None:
            raise Refused(405, "Method not allowed", ((b"Allow", b", ".join(node.verbs)),))
        asked.operation = handler.__name__
        status = self._post_status(asked)
        return handler(Call(asked, self._engine, project, status, self._public_url, *names))

    def _post_status(self, asked: Asked) -> int:
        status = self._settings.post_status
        if status == 200 or asked.method != b"POST":
            return status
        agent = asked.header(b"user-agent")
        return 200 if agent is not None and agent.startswith(_JAVA_CLIENT) else status


def _reply_to_failure(failure: Failure, asked: Asked) -> Reply:
    error = failure.value
    assert error is not None  # a Deferred fails with an exception
    return reply_to(error, asked)
