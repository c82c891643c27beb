"""One connection's requests: read whole, and answered one after the other."""

from __future__ import annotations

import math
import re

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from mqgate.web.answer import answer_bytes
from mqgate.web.body import Body, ChunkedBody, Received, SizedBody
from mqgate.web.connection import ANSWERING, BODY, HEAD, LINGERING, LOST, GateConnection
from mqgate.web.front import LIVENESS
from mqgate.web.head import Head, check_line_ends, check_request_line, likely_path, read_head
from mqgate.web.headers import ReceivedHeaders
from mqgate.web.refusal import Refusal, head_too_large, too_large
from mqgate.web.request import GateRequest
from mqgate.web.values import BUSY, TOO_SLOW, Asked, Fault, Reply

_EMPTY_LINES = re.compile(rb"(?:\r\n)*+")


class GateChannel(GateConnection):
    """Reads with our own parsers, and answers through the factory's front.

    `HTTPChannel` stays what it is to transport and factory, but its reading is replaced as a whole,
    at `dataReceived`.
    """

    def __init__(self) -> None:
        super().__init__()
        #: What has come and was not read yet.
        self._buffer = b""
        #: How much of the buffer is known to hold no end of a head.
        self._searched = 0
        #: Whether the buffer begins with a request line that was found in order.
        self._line_known = False
        #: The request whose body is being read.
        self._head: Head | None = None
        self._body: Body | None = None
        #: The request that is being answered.
        self._request: GateRequest | None = None
        self._advancing = False
        self._lingered = 0

    # What transport and factory call

    def dataReceived(self, data: bytes) -> None:
        """Read on, unless a request is being answered or nothing is wanted any more."""
        phase = self._phase
        if phase <= ANSWERING:
            self._buffer = self._buffer + data if self._buffer else data
            if phase != ANSWERING:
                self._advance()
            elif len(self._buffer) > self._site.limits.ahead_bytes and not self._held:
                self._hold()
        elif phase == LINGERING:
            self._lingered += len(data)
            if self._lingered > self._site.limits.linger_bytes:
                self.abort()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Forget the connection; tell the request that is being answered."""
        self._phase = LOST
        self._forget()
        self._owe(0)
        request, self._request = self._request, None
        super().connectionLost(reason)  # type: ignore[no-untyped-call]
        if request is not None:
            request.client_lost()
        # Last: when nobody is left, the engine behind the handlers may be stopped.
        self._site.closed(self)

    def resumeProducing(self) -> None:
        """The client has read its answers: go on."""
        super().resumeProducing()
        self._advance()

    # What the site calls

    def overdue(self) -> None:
        """The deadline has passed."""
        if self._pace is not None:
            self._watch_sending()
        elif self._phase == HEAD and not self._buffer:
            self._close()
        elif self._phase <= BODY:
            self._refuse(Fault(TOO_SLOW, "The request did not arrive in time."))
        elif self._phase == LINGERING:
            # No abort: what the kernel still has to deliver of the answer would go with it.
            self._close()
        else:
            self.abort()

    def drain(self) -> None:
        """Come to an end soon: at once, unless a request is under way or an answer going out."""
        if self._phase == HEAD and not self._buffer:
            if self._blocked:
                self._linger()
            else:
                self._close()
        elif self._phase == LINGERING:
            self.deadline = min(self.deadline, self._linger_deadline())

    # What a request calls

    def answer(self, request: GateRequest, reply: Reply) -> None:
        """Write the answer to the request that is being answered."""
        self._request = None
        if self._phase != ANSWERING:
            # Aborted, and the transport has not said so yet.
            request.not_sent(reply)
            return
        head_only = request.asked.method == b"HEAD"
        sent = False
        try:
            sent = self._reply(reply, last=request.last, head_only=head_only)
        finally:
            if not sent:
                request.not_sent(reply)
        if self._held:
            self._held = False
            if self._phase == HEAD and not self._blocked:
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
        while self._buffer and self._phase <= BODY and not self._blocked:
            if self._phase == BODY:
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
                raise head_too_large(f"The head is longer than {limits.head_bytes} bytes.")
            if end < 0:
                self._check_beginning(buffer)
                self._start(limits.head_seconds)
                return False
            head = read_head(buffer[:end], limits.header_count)
        except Refusal as refusal:
            self._refuse(refusal.fault)
            return False
        self._searched = 0
        self._line_known = False
        self._buffer = buffer[end + 4 :]
        self._begin(head)
        return True

    def _check_beginning(self, buffer: bytes) -> None:
        """Refuse what can no longer become a head."""
        check_line_ends(buffer, self._searched)
        if not self._line_known:
            self._line_known = check_request_line(buffer, self._searched)
        self._searched = max(0, len(buffer) - 3)

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
        self._phase = BODY
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
        if site.busy and head.path != LIVENESS:
            reply = self.refusal(head.path, Fault(BUSY, site.busy))
            self._reply(reply, last=head.last, head_only=head.method == b"HEAD")
            return
        headers = ReceivedHeaders(head.fields)
        asked = Asked(
            *(head.method, head.path, head.query, headers, body, self._secure, self._peer),
            target=head.target,
        )
        self._request = request = site.request(self, asked, last=head.last)
        self._phase = ANSWERING
        self._started = None
        # However long it takes: a long poll is no slow client.
        self.deadline = math.inf
        request.put_to(site.front)

    def _hold(self) -> None:
        """Read no further before the request that is being answered is; the client is far ahead.

        While nothing is read, a client that goes is not noticed, and a request that waits would
        take a message for nobody. So the connection is dropped then: nobody who waits for an
        answer has a reason to send that much behind his request.
        """
        assert self._request is not None
        self._held = True
        self.transport.pauseProducing()
        self._request.asked.when_waiting(self._drop_held)

    def _drop_held(self) -> None:
        if self._held:
            self.abort()

    # Answering

    def _reply(self, reply: Reply, *, last: bool, head_only: bool) -> bool:
        """Write an answer, and close after the last one; False if the client has gone."""
        site = self._site
        last = last or site.draining
        data = answer_bytes(reply, site.date, closing=last, head_only=head_only)
        sent = self.transport.write(data) is not False
        self._phase = HEAD
        if last:
            self._linger()
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
        self.transport.write(
            answer_bytes(reply, self._site.date, closing=True, head_only=head_only)
        )
        self._linger()

    def _linger(self) -> None:
        self._forget()
        super()._linger()

    def _forget(self) -> None:
        """Let go of what was not read, or not to its end."""
        self._buffer = b""
        self._head = self._body = None
