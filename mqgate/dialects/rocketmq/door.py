"""The dialect as the HTTP room sees it."""

from __future__ import annotations

import itertools

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from mqgate.dialects.rocketmq import wire
from mqgate.dialects.rocketmq.access import Access, check_digest
from mqgate.dialects.rocketmq.errors import refusal_for
from mqgate.dialects.rocketmq.refusal import Refused
from mqgate.dialects.rocketmq.routes import METHODS, XML, Call
from mqgate.dialects.rocketmq.settings import Settings
from mqgate.dialects.rocketmq.target import SEGMENT, read_query, topic_name, topic_segment
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

#: The longest request; 4 MiB of text take up to 24 when every character of it is escaped.
BODY_LIMIT = 32 * 2**20
#: In place of a host where nobody knows which one the client asked.
_NO_HOST = "mqgate"
#: What the SDKs make of each: Java's tries again by itself after a 500 or 503.
_FAULTS = {
    MALFORMED: (400, "InvalidRequestURL"),
    TOO_LARGE: (400, "InvalidArgument"),
    HEAD_TOO_LARGE: (400, "InvalidRequestURL"),
    INSECURE: (403, "HTTPForbidden"),
    TOO_SLOW: (408, "InvalidArgument"),
    BUSY: (503, "InternalServerError"),
    FAILED: (500, "InternalError"),
}
_VERSION = (b"x-mq-version", b"2015-06-06")
#: The SDKs look these names up in exactly this case.
_REQUEST_ID = b"x-mq-request-id"


class RequestIds:
    """Ids of requests: 24 hex digits each, never the same twice."""

    def __init__(self, beginning: bytes) -> None:
        """``beginning`` is six random bytes, another for each start of the server."""
        self._beginning = beginning.hex().upper()
        self._count = itertools.count(1)

    def next(self) -> str:
        """Another one."""
        return f"{self._beginning}{next(self._count):012X}"


class Door:
    """RocketMQ over HTTP, version 2015-06-06."""

    name = "rocketmq"
    body_limit = BODY_LIMIT

    def __init__(
        self,
        engine: Engine,
        clock: IReactorTime,
        access: Access,
        settings: Settings,
        request_ids: RequestIds,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._access = access
        self._settings = settings
        self._request_ids = request_ids

    def owns(self, segment: bytes) -> bool:
        """See `Dialect`."""
        return segment == SEGMENT

    def answer(self, asked: Asked) -> Reply | Deferred[Reply]:
        """Do what is asked. Never raises and never fails: errors are replies too."""
        request_id = self._request_ids.next()
        try:
            reply = self._start(asked, _headers(request_id))
        except Exception as error:  # noqa: BLE001 - whatever it was, the client gets an answer
            return _reply_to(error, asked, request_id)
        return reply.addErrback(_reply_to_failure, asked, request_id)

    def refuse(self, fault: Fault) -> Reply:
        """This dialect's shape for a request that HTTP itself has to turn down."""
        return _refused(_refusal_of(fault), self._request_ids.next(), _NO_HOST)

    def _start(self, asked: Asked, headers: tuple[tuple[bytes, bytes], ...]) -> Deferred[Reply]:
        """Look, in this order, at path, method, signature, digest and query; then do it."""
        segment = topic_segment(asked.method, asked.path, asked.target)
        handler = METHODS.get(asked.method)
        if handler is None:
            allow = b", ".join(METHODS)
            text = "The method is none of GET, POST and DELETE."
            raise Refused(405, "InvalidRequestURL", text, ((b"Allow", allow),))
        now = self._engine.now()
        opened = self._access.admit(asked, now / 1000)
        check_digest(asked)
        parameters = read_query(asked.query)
        instance = opened.get(parameters.instance)
        if instance is None:
            raise Refused(403, "AccessDenied", "The access key does not open this instance.")
        call = Call(
            *(asked, self._engine, self._clock, now, self._settings),
            *(instance, topic_name(segment), parameters, headers),
        )
        return Deferred.fromCoroutine(handler(call))


def _headers(request_id: str) -> tuple[tuple[bytes, bytes], ...]:
    return (_REQUEST_ID, request_id.encode()), _VERSION


def _reply_to_failure(failure: Failure, asked: Asked, request_id: str) -> Reply:
    error = failure.value
    assert error is not None  # a Deferred fails with an exception
    return _reply_to(error, asked, request_id)


def _reply_to(error: BaseException, asked: Asked, request_id: str) -> Reply:
    host = asked.header(b"host") or _NO_HOST.encode()
    scheme = "https" if asked.secure else "http"
    host_id = f"{scheme}://{host.decode('latin-1')}"
    return _refused(refusal_for(error, asked), request_id, host_id)


def _refused(refusal: Refused, request_id: str, host_id: str) -> Reply:
    body = wire.error(refusal.code, refusal.text, request_id, host_id)
    return Reply(refusal.status, body, XML, (*_headers(request_id), *refusal.headers))


def _refusal_of(fault: Fault) -> Refused:
    status, code = _FAULTS[fault.kind]
    return Refused(status, code, fault.reason)
