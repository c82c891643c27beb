"""What passes between HTTP and a dialect: a request that was read, and the answer to it.

Handlers know these two values and nothing of the connection, so that another HTTP front end can
take the place of this one without a change to any dialect.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Protocol

import attrs
from twisted.internet.defer import Deferred
from twisted.web.http_headers import Headers

#: The operation of a request that its dialect has not told from others, or turned down first.
OTHER = "other"
#: What stands in place of a status where the client went before it was answered.
CLIENT_LOST = 499


def _joined(asked: Asked) -> bytes:
    return b"%b?%b" % (asked.path, asked.query) if asked.query else asked.path


@attrs.define(eq=False)
class Asked:
    """One request, its body read whole."""

    method: bytes
    #: The path as it stood on the request line: not decoded, without the query.
    path: bytes
    #: What followed the first ``?``, not decoded; empty if there was none.
    query: bytes = attrs.field(repr=False)  # it may hold a token
    headers: Headers = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
    #: Whether it came over TLS.
    secure: bool
    #: The other end's address, for logs.
    peer: str
    #: What it turned out to ask, in its dialect's words; for watches.
    operation: str = OTHER
    #: Path and query byte for byte, an empty query's ``?`` included: signatures are over this.
    target: bytes = attrs.field(
        kw_only=True, repr=False, default=attrs.Factory(_joined, takes_self=True)
    )
    #: The calls of `when_lost`; None once the client is gone.
    _lost: list[Callable[[], object]] | None = attrs.field(init=False, factory=list, repr=False)
    #: The call of `when_waiting`.
    _waiting: Callable[[], object] | None = attrs.field(init=False, default=None, repr=False)

    def header(self, name: bytes) -> bytes | None:
        """The value of a request header (the last one, where a client repeats it), or None."""
        values = self.headers.getRawHeaders(name)
        return values[-1] if values else None

    def when_lost(self, call: Callable[[], object]) -> None:
        """Have ``call`` made if the client's connection is lost before the answer is written.

        At once if it is lost already. For waits only: cancelling a write half-way would leave its
        outcome unknown.
        """
        if self._lost is None:
            call()
            return
        self._lost.append(call)
        if self._waiting is not None:
            self._waiting()

    @property
    def waits(self) -> bool:
        """Whether its handler wants to know when the client goes, and the client is there."""
        return bool(self._lost)

    def when_waiting(self, call: Callable[[], object]) -> None:
        """Have ``call`` made once the request `waits`, which may be now; for the HTTP room."""
        self._waiting = call
        if self.waits:
            call()

    def client_lost(self, make: Callable[[Callable[[], object]], object] = operator.call) -> None:
        """Make the calls of `when_lost`, each by way of ``make``; for the HTTP room."""
        calls, self._lost = self._lost, None
        for call in calls or ():
            make(call)


@attrs.frozen(eq=False)
class Reply:
    """The answer to a request: written at once, whole."""

    status: int
    body: bytes = b""
    content_type: bytes = b"application/json"
    #: Further headers, written byte for byte as they stand here.
    headers: tuple[tuple[bytes, bytes], ...] = ()
    #: Called, once, if the client is gone before the answer could be written.
    unsent: Callable[[], object] | None = None


class Dialect(Protocol):
    """A door onto the engine, as the HTTP room sees it."""

    #: The dialect's name in the configuration and in logs.
    name: str
    #: The longest request body it takes, in bytes.
    body_limit: int

    def owns(self, segment: bytes) -> bool:
        """Whether paths whose first segment is ``segment`` (raw, without slashes) are its own."""

    def answer(self, asked: Asked) -> Reply | Deferred[Reply]:
        """Do what is asked. Never raises and never fails: errors are replies too."""

    def refuse(self, fault: Fault) -> Reply:
        """The dialect's shape for a request that HTTP itself has to turn down."""


class Watch(Protocol):
    """Is told of every request that a handler saw, and of what was turned down before."""

    def answered(self, asked: Asked, door: str, status: int, size: int, seconds: float) -> None:
        """An answer was written: whose it is, the bytes of its body, and how long it took.

        The status is `CLIENT_LOST` if the client went first.
        """

    def refused(self, fault: Fault) -> None:
        """A request was turned down in the HTTP room, or by it after a handler's failure."""


class ClockedWatch(Watch, Protocol):
    """A watch with a clock, which a site can have."""

    @property
    def seconds(self) -> Callable[[], float]:
        """Seconds that never run backwards."""


@attrs.frozen
class Fault:
    """Why a request was turned down before any handler saw it."""

    #: One of the words below, of which a dialect makes a status code of its own.
    kind: str
    #: A sentence for the person who reads the client's log.
    reason: str


#: The bytes are no HTTP request, or one that must not be guessed at.
MALFORMED = "malformed"
#: The body is longer than the limit.
TOO_LARGE = "too large"
#: The head is.
HEAD_TOO_LARGE = "head too large"
#: It came without TLS, to a dialect that is spoken over TLS only.
INSECURE = "insecure"
#: Head or body did not arrive in time.
TOO_SLOW = "too slow"
#: The server is stopping, or it cannot take more upon itself just now.
BUSY = "busy"
#: A handler failed in a way that nobody foresaw; the log has it.
FAILED = "failed"

#: What HTTP has for each, where a dialect has nothing of its own.
FAULT_STATUS: Mapping[str, int] = {
    MALFORMED: 400,
    TOO_LARGE: 413,
    HEAD_TOO_LARGE: 431,
    INSECURE: 403,
    TOO_SLOW: 408,
    BUSY: 503,
    FAILED: 500,
}
