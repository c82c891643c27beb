"""The dialect as the HTTP room sees it."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from mqgate.dialects.shiftr import wire
from mqgate.dialects.shiftr.access import Doorkeeper, Pass
from mqgate.dialects.shiftr.errors import status_and_text
from mqgate.dialects.shiftr.refusal import Refused
from mqgate.dialects.shiftr.replies import METHODS, Replies
from mqgate.dialects.shiftr.settings import Settings
from mqgate.engine.engine import Engine
from mqgate.engine.topic_names import LARGEST_VALUE
from mqgate.web.values import FAULT_STATUS, TOO_LARGE, Asked, Fault, Reply

_log = Logger()


class Door:
    """shiftr.io's HTTP interface."""

    name = "shiftr"
    body_limit = LARGEST_VALUE

    def __init__(
        self, engine: Engine, doorkeeper: Doorkeeper, settings: Settings, busy: set[int]
    ) -> None:
        """``busy`` are the worlds that cannot be used yet."""
        self._engine = engine
        self._doorkeeper = doorkeeper
        self._settings = settings
        self._busy = busy
        self._replies = Replies(settings.allow_origin)

    def without_credentials(self, doorkeeper: Doorkeeper) -> Door:
        """Another door to the same, for clients who name no token."""
        return Door(self._engine, doorkeeper, self._settings, self._busy)

    def owns(self, segment: bytes) -> bool:
        """See `Dialect`."""
        return segment == wire.SEGMENT or self._settings.root

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
        name = "payload-limit: " if fault.kind == TOO_LARGE else ""
        return self._replies.said(FAULT_STATUS[fault.kind], name + fault.reason)

    def _start(self, asked: Asked) -> Deferred[Reply]:
        """Look, in this order, at prefix, credentials, method, topic and query; then do it."""
        topic = wire.topic_part(asked.path, root=self._settings.root)
        if topic is None:
            raise Refused(404, "Not found: topics are below /broker/")
        admitted = self._doorkeeper.admit(asked)
        if admitted.world in self._busy:
            raise Refused(503, "Starting: what was published before is being forgotten")
        if asked.method == b"POST":
            return self._publish(asked, topic, admitted)
        if asked.method in (b"GET", b"HEAD"):
            return self._read(asked, topic, admitted)
        raise Refused(405, "Only GET and POST", ((b"Allow", METHODS),))

    def _publish(self, asked: Asked, raw: bytes, admitted: Pass) -> Deferred[Reply]:
        """Publish the body, whatever its ``Content-Type``."""
        asked.operation = "publish"
        if not admitted.may_write:
            raise Refused(403, "no-write-access: this token may read only")
        topic = wire.read_topic(raw)
        retained = wire.read_parameters(asked.query, publishing=True).retained
        done = self._engine.topics.publish(admitted.world, topic, asked.body, retained=retained)
        return done.addCallback(self._published)

    def _read(self, asked: Asked, raw: bytes, admitted: Pass) -> Deferred[Reply]:
        """Look for the message that was published last, among those that are retained or all."""
        asked.operation = "read"
        pattern = wire.read_filter(raw)
        retained = wire.read_parameters(asked.query, publishing=False).retained
        found = self._engine.topics.read(admitted.world, pattern, retained=retained)
        return found.addCallback(self._found)

    def _published(self, _reached: int) -> Reply:
        return self._replies.published

    def _found(self, payload: bytes | None) -> Reply:
        return self._replies.nothing if payload is None else self._replies.value(payload)

    def _reply_to(self, error: BaseException, asked: Asked) -> Reply:
        headers = error.headers if isinstance(error, Refused) else ()
        status, text = status_and_text(error, asked)
        return self._replies.said(status, text, headers)

    def _reply_to_failure(self, failure: Failure, asked: Asked) -> Reply:
        error = failure.value
        assert error is not None  # a Deferred fails with an exception
        return self._reply_to(error, asked)


def forgetting(engine: Engine, worlds: Iterable[int]) -> set[int]:
    """Have worlds forget what was published before; those in the set are not done yet."""
    busy = set(worlds)
    for world in list(busy):
        _forget(engine, world, busy)
    return busy


def _forget(engine: Engine, world: int, busy: set[int]) -> None:
    def failed(failure: Failure) -> None:
        # The world stays closed: what was to be forgotten would come back.
        _log.failure("Old values could not be forgotten; start again for another try", failure)

    engine.topics.forget(world).addCallbacks(lambda _: busy.discard(world), failed)
