"""A site in memory: a front that is told what to answer, a clock, and connections of bytes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import ISSLTransport
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mqgate.web.channel import GateChannel
from mqgate.web.limits import HTTPLimits
from mqgate.web.site import GateSite
from mqgate.web.values import Asked, Fault, Reply

DATE = re.compile(rb"\r\nDate: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\r\n")


def masked(data: bytes) -> bytes:
    """Bytes of answers with ``Date: *`` for every date."""
    return DATE.sub(b"\r\nDate: *\r\n", data)


def answer(
    body: bytes, status: bytes = b"200 OK", *, kind: bytes = b"text/plain", close: bool = False
) -> bytes:
    """An answer as the site writes it, its date masked."""
    return b"HTTP/1.1 %s\r\nDate: *\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n%s" % (
        status,
        kind,
        len(body),
        b"Connection: close\r\n" if close else b"",
        body,
    )


def refused(kind: str, path: bytes = b"/", *, close: bool = True) -> bytes:
    """A refusal in the shape of `EchoFront`, its date masked."""
    return answer(b"%s: %s" % (path, kind.encode()), b"418 I'm a teapot", kind=b"x", close=close)


class EchoFront:
    """Answers at once with what was asked, unless it is told to wait; keeps all that it was asked.

    Its refusals have a shape of their own, so that they can be told from Twisted's.
    """

    def __init__(self, limit: int = 1000) -> None:
        self.limit = limit
        self.asked: list[Asked] = []
        self.faults: list[Fault] = []
        self.waiting: list[Deferred[Reply]] = []
        self.wait = False
        self.reply: Callable[[Asked], Reply] = echo

    def answer(self, asked: Asked) -> Reply | Deferred[Reply]:
        """See `Room`."""
        self.asked.append(asked)
        if not self.wait:
            return self.reply(asked)
        self.waiting.append(Deferred())
        return self.waiting[-1]

    def refuse(self, path: bytes, fault: Fault) -> Reply:
        """See `Room`."""
        self.faults.append(fault)
        return Reply(418, b"%s: %s" % (path, fault.kind.encode()), b"x")

    def body_limit(self, path: bytes) -> int:
        """See `Room`."""
        return self.limit

    def owner(self, path: bytes) -> str:
        """See `Room`."""
        return "echo"


def echo(asked: Asked) -> Reply:
    """The method, the path, the query and the body."""
    return Reply(
        200,
        b" ".join((asked.method, asked.path, asked.query, asked.body)),
        b"text/plain",
    )


@implementer(ISSLTransport)
class TLSStringTransport(StringTransport):  # type: ignore[misc]
    """A transport that claims to be TLS over another one."""

    def __init__(self) -> None:
        super().__init__()
        self.transport = StringTransport()

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Nothing to delay."""


class Connection:
    """The client's end of one connection."""

    def __init__(self, site: GateSite, transport: Any) -> None:
        self.transport = transport
        channel = site.buildProtocol(None)
        assert isinstance(channel, GateChannel)
        self.channel = channel
        channel.makeConnection(transport)

    def send(self, *pieces: bytes) -> None:
        """Have the server receive these bytes, piece by piece."""
        for piece in pieces:
            self.channel.dataReceived(piece)

    def received(self) -> bytes:
        """What the server has written since this was last asked, with its date masked."""
        data = self.transport.value()
        self.transport.clear()
        return masked(data)

    def ask(self, *pieces: bytes) -> bytes:
        """Send, and return what was answered at once."""
        self.send(*pieces)
        return self.received()

    @property
    def closing(self) -> bool:
        """Whether the server has closed its side."""
        return bool(self.transport.disconnecting)

    @property
    def aborted(self) -> bool:
        """Whether the server has aborted the connection."""
        return bool(self.transport.disconnected)

    @property
    def reading(self) -> bool:
        """Whether the server reads."""
        return bool(self.transport.producerState == "producing")

    def lose(self) -> None:
        """Have the server hear that the connection is gone."""
        self.channel.connectionLost(Failure(ConnectionDone()))


class SiteCase(SynchronousTestCase):
    """A site over an `EchoFront`. No delayed call may be left behind it, nor any logged error."""

    limits = HTTPLimits()

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_000_000_000)
        self.front = EchoFront()
        self.site = GateSite(self.front, self.clock, self.limits)
        self.connections: list[Connection] = []
        self.addCleanup(self._leave)

    def connect(self, transport: Any = None) -> Connection:
        """A new connection; it is lost at the end of the test if it was not before."""
        connection = Connection(self.site, transport or StringTransport())
        self.connections.append(connection)
        return connection

    def seconds_pass(self, seconds: float) -> None:
        """Let time pass in steps of half a second."""
        self.clock.pump([0.5] * int(seconds * 2))

    def _leave(self) -> None:
        for connection in self.connections:
            connection.lose()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.flushLoggedErrors(), [])
