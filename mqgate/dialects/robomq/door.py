"""The dialect as the HTTP room sees it."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from mqgate.dialects.robomq.access import Access
from mqgate.dialects.robomq.drafts import Drafts
from mqgate.dialects.robomq.errors import status_and_text
from mqgate.dialects.robomq.refusal import Refused
from mqgate.dialects.robomq.replies import METHODS, Replies
from mqgate.dialects.robomq.routes import HANDLERS, Call
from mqgate.dialects.robomq.settings import Settings
from mqgate.dialects.robomq.target import SEGMENT, read_target
from mqgate.engine.engine import Engine
from mqgate.web.values import FAULT_STATUS, Asked, Fault, Reply


class Door:
    """The RoboMQ REST interface."""

    name = "robomq"

    def __init__(
        self, engine: Engine, access: Access, settings: Settings, new_id: Callable[[], str]
    ) -> None:
        self._engine = engine
        self._access = access
        self._drafts = Drafts(new_id, fill_ids=settings.fill_ids)
        self._replies = Replies(settings.allow_origin, access.token_headers)
        self.body_limit = settings.body_bytes

    def owns(self, segment: bytes) -> bool:
        """See `Dialect`."""
        return segment == SEGMENT

    def answer(self, asked: Asked) -> Reply | Deferred[Reply]:
        """Do what is asked. Never raises and never fails: errors are replies too."""
        try:
            if asked.method == b"OPTIONS":  # which browsers send without credentials
                asked.operation = "preflight"
                return self._replies.preflight
            reply = self._start(asked)
        except Exception as error:  # noqa: BLE001 - whatever it was, the client gets an answer
            return self._reply_to(error, asked)
        return reply.addErrback(self._reply_to_failure, asked)

    def refuse(self, fault: Fault) -> Reply:
        """This dialect's shape for a request that HTTP itself has to turn down."""
        return self._replies.said(FAULT_STATUS[fault.kind], fault.reason)

    def _start(self, asked: Asked) -> Deferred[Reply]:
        """Look, in this order, at credentials, method, path, vhost and rights; then do it."""
        user = self._access.authenticate(asked)
        handler = HANDLERS.get(asked.method)
        if handler is None:
            raise Refused(405, "Only GET and POST", ((b"Allow", METHODS),))
        target = read_target(asked.path)
        world, rights = self._access.enter(user, target.vhost)
        asked.operation = handler.__name__
        return handler(
            Call(asked, self._engine, self._replies, user, world, rights, target, self._drafts)
        )

    def _reply_to(self, error: BaseException, asked: Asked) -> Reply:
        headers = error.headers if isinstance(error, Refused) else ()
        status, text = status_and_text(error, asked)
        return self._replies.said(status, text, headers)

    def _reply_to_failure(self, failure: Failure, asked: Asked) -> Reply:
        error = failure.value
        assert error is not None  # a Deferred fails with an exception
        return self._reply_to(error, asked)
