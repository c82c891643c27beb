"""One connection: reads requests, has them answered one after the other, and knows when to end."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IAddress, ISSLTransport
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel

from mqgate.web.answer import answer_bytes
from mqgate.web.body import Body, ChunkedBody, Received, SizedBody
from mqgate.web.head import Head, check_beginning, likely_path, read_head
from mqgate.web.headers import ReceivedHeaders
from mqgate.web.refusal import Refusal, too_large
from mqgate.web.request import GateRequest
from mqgate.web.values import BUSY, TOO_SLOW, Asked, Fault, Reply
from mqgate.web.wire import backlog, close, eager, end_writing

if TYPE_CHECKING:
    from mqgate.web.site import GateSite

# Where a connection is. Plain numbers, for they are compared several times in each request; in
# the first two of them, bytes that come are read.
#: Between requests, or in the middle of a head.
_HEAD = 0
#: In the middle of a body.
_BODY = 1
#: A request is being answered; what comes meanwhile has to wait.
_ANSWERING = 2
#: The last answer is written; what still comes is thrown away, so that the answer can be read.
_LINGERING = 3
#: Closed or aborted from our side; not yet gone.
_CLOSING = 4
_LOST = 5

_EMPTY_LINES = re.compile(rb"(?:\r\n)*+")


class GateChannel(HTTPChannel):
    """Reads with our own parsers, and answers through the factory's front.

    `HTTPChannel` stays what it is to transport and factory, but its reading is replaced as a whole,
    at `dataReceived`.
    """

    transport: Any

    #: When `overdue` is to be called, by the reactor's clock.
    deadline = math.inf

    _site: GateSite
    _secure: bool
    _peer: str

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._phase = _HEAD
        #: What has come and was not read yet.
        self._buffer = b""
        #: How much of the buffer is known to hold no end of a head.
        self._searched = 0
        #: When the first byte of an unfinished request came.
        self._started: float | None = None
        #: The request whose body is being read.
        self._head: Head | None = None
        self._body: Body | None = None
        #: The request that is being answered.
        self._request: GateRequest | None = None
        self._advancing = False
        #: Whether the client takes less than we write: nothing is read until it has caught up.
        self._blocked = False
        #: Whether the client has sent so much ahead that it must wait for its answer.
        self._held = False
        #: What `backlog` said when the client was last seen to take something.
        self._backlog: object = None
        self._lingered = 0

    # What transport and factory call

    def makeConnection(self, transport: Any) -> None:
        """Take a new connection into use."""
        super().makeConnection(eager(transport))  # type: ignore[no-untyped-call]

    def connectionMade(self) -> None:
        """Wait for the first request."""
        super().connectionMade()  # type: ignore[no-untyped-call]
        self._site = site = self.factory
        self._secure = ISSLTransport.providedBy(self.transport)
        self._peer = _address_text(self.transport.getPeer())
        site.opened(self)
        self.deadline = site.now + site.limits.idle_seconds

    def dataReceived(self, data: bytes) -> None:
        """Read on, unless a request is being answered or nothing is wanted any more."""
        phase = self._phase
        if phase <= _ANSWERING:
            self._buffer = self._buffer + data if self._buffer else data
            if phase != _ANSWERING:
                self._advance()
            elif len(self._buffer) > self._site.limits.ahead_bytes and not self._held:
                self._held = True
                self.transport.pauseProducing()
        elif phase == _LINGERING:
            self._lingered += len(data)
            if self._lingered > self._site.limits.linger_bytes:
                self.abort()

    def pauseProducing(self) -> None:
        """The client does not read its answers: stop reading its requests."""
        self._blocked = True
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """The client has read its answers: go on."""
        self._blocked = False
        if self._phase == _HEAD:
            self._rest()
        if not self._held:
            self.transport.resumeProducing()
        self._advance()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Forget the connection; tell the request that is being answered."""
        self._phase = _LOST
        self._buffer = b""
        self._head = self._body = None
        request, self._request = self._request, None
        super().connectionLost(reason)  # type: ignore[no-untyped-call]
        if request is not None:
            request.client_lost()
        # Last: when nobody is left, the engine behind the handlers may be stopped.
        self._site.closed(self)

    # What the site calls

    def overdue(self) -> None:
        """The deadline has passed."""
        if self._phase <= _BODY and not self._blocked:
            if self._phase == _HEAD and not self._buffer:
                self._close()
            else:
                self._refuse(Fault(TOO_SLOW, "The request did not arrive in time."))
        elif self._phase != _LINGERING and backlog(self.transport) != self._backlog:
            self._watch_sending()
        else:
            self.abort()

    def close_if_idle(self) -> None:
        """Close unless a request is under way."""
        if self._phase == _HEAD and not self._buffer:
            self._close()

    def abort(self) -> None:
        """Drop the connection, and whatever was not sent with it."""
        self._phase = _CLOSING
        self.deadline = math.inf
        self.transport.abortConnection()

    # What a request calls

    def answer(self, request: GateRequest, reply: Reply) -> None:
        """Write the answer to the request that is being answered."""
        self._request = None
        if self._phase != _ANSWERING:
            # Aborted, and the transport has not said so yet.
            request.not_sent(reply)
            return
        head_only = request.asked.method == b"HEAD"
        if not self._reply(reply, last=request.last, head_only=head_only):
            request.not_sent(reply)
        if self._held:
            self._held = False
            if self._phase == _HEAD and not self._blocked:
                self.transport.resumeProducing()
        if self._buffer:
            self._advance()

    def refusal(self, path: bytes, fault: Fault) -> Reply:
        """The shape that a refusal has for this path."""
        return self._site.refusal(path, fault)

    # Reading

    def _advance(self) -> None:
        """Read what is in the buffer. A loop, so that a long pipeline does not nest calls."""
        if self._advancing:
            return
        self._advancing = True
        while self._buffer and self._phase <= _BODY and not self._blocked:
            if self._phase == _BODY:
                self._read_body()
            elif not self._read_head():
                break
        self._advancing = False

    def _read_head(self) -> bool:
        """Read a head, if it is all there."""
        if self._buffer[0] == 13:
            # Empty lines before a request are skipped: old clients send one after a body.
            self._buffer = self._buffer[_EMPTY_LINES.match(self._buffer).end() :]  # type: ignore[union-attr]
            if self._buffer in (b"", b"\r"):
                return False
        buffer = self._buffer
        limits = self._site.limits
        end = buffer.find(b"\r\n\r\n", self._searched)
        try:
            if (end if end >= 0 else len(buffer)) > limits.head_bytes:
                raise too_large(f"The head is longer than {limits.head_bytes} bytes.")
            if end < 0:
                check_beginning(buffer, self._searched)
                self._searched = max(0, len(buffer) - 3)
                self._start(limits.head_seconds)
                return False
            head = read_head(buffer[:end], limits.header_count)
        except Refusal as refusal:
            self._refuse(refusal.fault)
            return False
        self._searched = 0
        self._buffer = buffer[end + 4 :]
        self._begin(head)
        return True

    def _begin(self, head: Head) -> None:
        """Go on from a head to its body, which is most often there already."""
        limit = self._site.front.body_limit(head.path)
        length = head.length
        if length is not None and length <= limit and length <= len(self._buffer):
            body = self._buffer[:length]
            self._buffer = self._buffer[length:]
            self._ask(head, body)
            return
        self._head = head
        try:
            if head.expects_continue and length is not None and length > limit:
                raise too_large(f"The body is longer than {limit} bytes.")
            received = Received(limit, limit + self._site.limits.discard_bytes)
            self._body = ChunkedBody(received) if length is None else SizedBody(received, length)
        except Refusal as refusal:
            self._refuse(refusal.fault)
            return
        self._phase = _BODY
        self._start(self._site.limits.request_seconds)
        if head.expects_continue and not self._buffer:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _read_body(self) -> None:
        body, head = self._body, self._head
        assert body is not None and head is not None
        data, self._buffer = self._buffer, b""
        try:
            rest = body.feed(data)
        except Refusal as refusal:
            self._refuse(refusal.fault)
            return
        if rest is None:
            return
        self._buffer = rest
        self._head = self._body = None
        try:
            content = body.received.whole()
        except Refusal as refusal:
            # The request was read to its end, so that the next one can be found behind it.
            reply = self.refusal(head.path, refusal.fault)
            self._reply(reply, last=head.last, head_only=head.method == b"HEAD")
        else:
            self._ask(head, content)

    def _ask(self, head: Head, body: bytes) -> None:
        """Have a request answered that was read whole."""
        site = self._site
        if site.draining:
            reply = self.refusal(head.path, Fault(BUSY, "The server is stopping."))
            self._reply(reply, last=True, head_only=head.method == b"HEAD")
            return
        headers = ReceivedHeaders(head.fields)
        asked = Asked(head.method, head.path, head.query, headers, body, self._secure, self._peer)
        self._request = request = GateRequest(self, asked, last=head.last)
        self._phase = _ANSWERING
        self._started = None
        # However long it takes: a long poll is no slow client.
        self.deadline = math.inf
        request.put_to(site.front)

    # Answering

    def _reply(self, reply: Reply, *, last: bool, head_only: bool) -> bool:
        """Write an answer, and close after the last one; False if the client has gone."""
        site = self._site
        last = last or site.draining
        data = answer_bytes(reply, site.date, closing=last, head_only=head_only)
        sent = self.transport.write(data) is not False
        self._phase = _HEAD
        if last:
            self._close()
        elif self._blocked:
            self._watch_sending()
        else:
            self._rest()
        return sent

    def _refuse(self, fault: Fault) -> None:
        """Turn down a request that cannot be read to its end, and with it the connection."""
        head = self._head
        path = likely_path(self._buffer) if head is None else head.path
        head_only = head is not None and head.method == b"HEAD"
        reply = self.refusal(path, fault)
        self._phase = _LINGERING
        self._buffer = b""
        self._head = self._body = None
        self.transport.write(
            answer_bytes(reply, self._site.date, closing=True, head_only=head_only)
        )
        self.deadline = self._site.reactor.seconds() + self._site.limits.linger_seconds
        if self._blocked:
            self.transport.resumeProducing()
        end_writing(self.transport)

    def _close(self) -> None:
        """Close, once everything that was written has gone out."""
        self._phase = _CLOSING
        self._buffer = b""
        self._watch_sending()
        close(self.transport)

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

    def _watch_sending(self) -> None:
        """Set the deadline for the client to take some of what is written."""
        self._backlog = backlog(self.transport)
        self.deadline = self._site.reactor.seconds() + self._site.limits.answer_seconds


def _address_text(address: IAddress) -> str:
    host = getattr(address, "host", None)
    if host is None:
        return str(address)
    port = getattr(address, "port", 0)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
