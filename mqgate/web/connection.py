"""One connection as such: its deadlines, clients that do not take their answers, and its end."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IAddress, IHandshakeListener, ISSLTransport
from twisted.web.http import HTTPChannel
from zope.interface import implementer

from mqgate.web.pace import Pace
from mqgate.web.wire import close, eager, end_writing, hang_up, taken, unsent

if TYPE_CHECKING:
    from mqgate.web.site import GateSite

# Where a connection is. Plain numbers, for they are compared several times in each request; in
# the first two of them, bytes that come are read.
#: Between requests, or in the middle of a head.
HEAD = 0
#: In the middle of a body.
BODY = 1
#: A request is being answered; what comes meanwhile has to wait.
ANSWERING = 2
#: The last answer is written; what still comes is thrown away, so that the answer can be read.
LINGERING = 3
#: Closed or aborted from our side; not yet gone.
CLOSING = 4
LOST = 5


@implementer(IHandshakeListener)
class GateConnection(HTTPChannel):
    """What `GateChannel` is apart from requests."""

    transport: Any

    #: When `overdue` is to be called, by the reactor's clock.
    deadline = math.inf

    _site: GateSite
    _secure: bool
    _peer: str

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._phase = HEAD
        #: When the first byte of an unfinished request came.
        self._started: float | None = None
        #: Whether the client takes less than we write: nothing is read until it has caught up.
        self._blocked = False
        #: How it takes what waits for it; None if nothing does.
        self._pace: Pace | None = None
        #: What the site knows to wait for this client, in bytes.
        self._owed = 0
        #: Whether the client has sent so much ahead that it must wait for its answer.
        self._held = False

    def makeConnection(self, transport: Any) -> None:
        """Take a new connection into use."""
        super().makeConnection(eager(transport))  # type: ignore[no-untyped-call]

    def connectionMade(self) -> None:
        """Wait for the first request."""
        super().connectionMade()  # type: ignore[no-untyped-call]
        self._site = site = self.factory
        self._secure = ISSLTransport.providedBy(self.transport)
        self._peer = _address_text(self.transport.getPeer())
        if not site.opened(self):
            self.abort()
            return
        limits = site.limits
        self.deadline = site.now + (limits.head_seconds if self._secure else limits.idle_seconds)

    def handshakeCompleted(self) -> None:
        """TLS is ready: wait for the first request."""
        if self._phase == HEAD:
            self._rest()

    def pauseProducing(self) -> None:
        """The client does not read its answers: stop reading its requests."""
        self._blocked = True
        self.transport.pauseProducing()
        self._watch_sending()

    def resumeProducing(self) -> None:
        """The client has read its answers: go on."""
        self._blocked = False
        self._pace = None
        self._owe(0)
        if self._phase == HEAD:
            self._rest()
        elif self._phase == BODY:
            self._start(self._site.limits.request_seconds)
        elif self._phase == ANSWERING:
            self.deadline = math.inf
        if not self._held:
            self.transport.resumeProducing()

    def abort(self) -> None:
        """Drop the connection, and whatever was not sent with it."""
        self._phase = CLOSING
        self.deadline = math.inf
        self._pace = None
        self.transport.abortConnection()

    # Ending

    def _linger(self) -> None:
        """End behind the last answer; until the client does so too, throw away what it sends.

        To close with bytes unread, or to get some afterwards, would reset the connection, and the
        client could lose what it had not read yet.
        """
        self._phase = LINGERING
        if self._blocked:
            self._watch_sending()
        else:
            self.deadline = self._linger_deadline()
        if self._blocked or self._held:
            self.transport.resumeProducing()
        end_writing(self.transport)

    def _close(self) -> None:
        """Close; nothing is left to be sent."""
        ending = hang_up if self._phase == LINGERING else close
        self._phase = CLOSING
        self.deadline = self._site.reactor.seconds() + self._site.limits.answer_seconds
        ending(self.transport)

    # Deadlines

    def _start(self, seconds: float) -> None:
        """Set the deadline of a part of a request, from when its first byte was seen."""
        if self._started is None:
            self._started = self._site.reactor.seconds()
        self.deadline = self._started + seconds

    def _rest(self) -> None:
        """Set the deadline of a connection without a request."""
        self._started = None
        self.deadline = self._site.now + self._site.limits.idle_seconds

    def _linger_deadline(self) -> float:
        site = self._site
        limits = site.limits
        return site.reactor.seconds() + (
            limits.drain_linger_seconds if site.draining else limits.linger_seconds
        )

    def _watch_sending(self) -> None:
        """See, now and once a second, that the client takes what waits for it."""
        now, count = self._site.reactor.seconds(), taken(self.transport)
        waiting = unsent(self.transport)
        self._owe(waiting)
        if self._pace is None:
            self._pace = Pace(now, count)
        if self._phase == LINGERING and not waiting:
            # There is no producer any more that would be told.
            self._pace = None
            self.deadline = self._linger_deadline()
        elif self._pace.is_too_slow(count, now, self._site.limits):
            self.abort()
        else:
            self.deadline = now + 1

    def _owe(self, waiting: int) -> None:
        """Tell the site how many bytes wait for this client."""
        if waiting != self._owed:
            self._site.owe(waiting - self._owed)
            self._owed = waiting


def _address_text(address: IAddress) -> str:
    host = getattr(address, "host", None)
    if host is None:
        return str(address)
    port = getattr(address, "port", 0)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
