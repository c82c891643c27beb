"""TLS connections that have ended: nothing of them is left for the garbage collector.

It looks at what has lived for a while only now and then, and crowds of idle connections live for
a while.
"""

from __future__ import annotations

import gc
import ssl
import weakref
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mqgate.tls.certificates import ensure, made_files
from mqgate.tls.context import ServerContext
from mqgate.web.channel import GateChannel
from mqgate.web.site import GateSite
from mqgate.web.wire import EagerTLS
from tests.web.world import EchoFront


class Wire(StringTransport):
    """What is under TLS."""

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Nothing to delay."""


class Client:
    """Python's own TLS, whose bytes are carried over by hand."""

    def __init__(self, server: EagerTLS, transport: Wire) -> None:
        self._server, self._transport = server, transport
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.tls = context.wrap_bio(self._incoming, self._outgoing)

    def carry(self) -> None:
        """Bring what either side has written to the other."""
        if self._outgoing.pending:
            self._server.dataReceived(self._outgoing.read())
        self._incoming.write(self._transport.value())
        self._transport.clear()

    def insist(self, step: Callable[[], object]) -> object:
        """Take a step as often as it needs more from the other side."""
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                self.carry()
            else:
                self.carry()
                return result


class EndTests(SynchronousTestCase):
    """However a client goes, the collector is not needed."""

    def setUp(self) -> None:
        folder = Path(self.mktemp()).absolute()
        ensure(folder, (), datetime.now(UTC), host="mq1")
        self.context = ServerContext(made_files(folder))
        self.clock = Clock()
        self.site = GateSite(EchoFront(), self.clock)
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)

    def connected(self) -> tuple[EagerTLS, Client]:
        """A connection on which a request was answered."""
        factory = TLSMemoryBIOFactory(self.context, False, self.site, self.clock)
        factory.protocol = EagerTLS
        server, transport = factory.buildProtocol(None), Wire()
        assert isinstance(server, EagerTLS)
        server.makeConnection(transport)
        client = Client(server, transport)
        client.insist(client.tls.do_handshake)
        client.tls.write(b"GET /1 HTTP/1.1\r\n\r\n")
        answer = client.insist(lambda: client.tls.read(1000))
        self.assertTrue(isinstance(answer, bytes) and answer.startswith(b"HTTP/1.1 200 OK"))
        return server, client

    def assert_gone_after(self, end: Callable[[EagerTLS, Client], object]) -> None:
        """Nothing is left when this has been done and the connection has gone."""
        server, client = self.connected()
        channel = server.wrappedProtocol
        assert isinstance(channel, GateChannel)
        left: list[Callable[[], object]] = [weakref.ref(server), weakref.ref(channel)]
        end(server, client)
        server.connectionLost(Failure(ConnectionLost()))
        del server, client, channel
        self.assertEqual([each() for each in left], [None, None])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_client_that_goes_without_a_word(self) -> None:
        self.assert_gone_after(lambda server, client: None)

    def test_a_client_that_says_so(self) -> None:
        def say(server: EagerTLS, client: Client) -> None:
            try:
                client.tls.unwrap()
            except ssl.SSLWantReadError:
                client.carry()

        self.assert_gone_after(say)

    def test_a_connection_that_the_server_drops(self) -> None:
        self.assert_gone_after(lambda server, client: server.abortConnection())

    def test_a_client_that_goes_in_the_middle_of_a_request(self) -> None:
        def ask(server: EagerTLS, client: Client) -> None:
            client.tls.write(b"POST /1 HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf")
            client.carry()

        self.assert_gone_after(ask)
