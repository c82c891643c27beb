"""Writing at once, over a pair of real sockets, and closing in the way each transport needs."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.interfaces import IPushProducer, ISSLTransport, ITCPTransport
from twisted.internet.protocol import Protocol
from twisted.internet.tcp import Connection
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import alsoProvides

from mqgate.web.wire import EagerTransport, backlog, eager, end_writing
from tests.web.world import TLSStringTransport


class Watcher:
    """A reactor that only notes what it should watch."""

    def __init__(self) -> None:
        self.writers: set[Any] = set()

    def addWriter(self, writer: Any) -> None:
        """See `IReactorFDSet`."""
        self.writers.add(writer)

    def removeWriter(self, writer: Any) -> None:
        """See `IReactorFDSet`."""
        self.writers.discard(writer)

    def addReader(self, reader: Any) -> None:
        """See `IReactorFDSet`."""

    def removeReader(self, reader: Any) -> None:
        """See `IReactorFDSet`."""


class EagerTests(SynchronousTestCase):
    """A transport over one end of a pair of sockets."""

    def setUp(self) -> None:
        ours, self.other_end = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(self.other_end.close)
        self.other_end.setblocking(False)
        self.reactor = Watcher()
        self.stock: Any = Connection(ours, Protocol(), self.reactor)  # type: ignore[arg-type]
        self.stock.connected = 1
        self.transport = eager(self.stock)

    def arrived(self) -> bytes:
        """What the other end can read by now."""
        try:
            return self.other_end.recv(1 << 20)
        except BlockingIOError:
            return b""

    def test_what_fits_is_sent_at_once(self) -> None:
        """Without a turn of the reactor."""
        self.assertIs(self.transport.write(b"abc"), True)
        self.transport.writeSequence([b"d", b"ef"])
        self.assertEqual(self.arrived(), b"abcdef")
        self.assertEqual(self.reactor.writers, set())

    def test_what_does_not_fit_goes_out_in_order(self) -> None:
        """And nothing overtakes it, even once there is room again."""
        first = bytes(range(256)) * 8192
        self.assertIs(self.transport.write(first), True)
        self.assertEqual(self.reactor.writers, {self.stock})
        arrived = self.arrived()
        self.transport.write(b"second")
        self.transport.write(b"third")
        while self.reactor.writers:
            self.stock.doWrite()
            arrived += self.arrived()
        self.assertEqual(arrived, first + b"secondthird")
        self.transport.write(b"fourth")
        self.assertEqual((self.arrived(), self.reactor.writers), (b"", {self.stock}))

    def test_what_waits_shows_whether_it_moves(self) -> None:
        """By this a client that reads slowly is told from one that does not read."""
        self.transport.write(b"x" * (1 << 21))
        self.stock.doWrite()
        before = backlog(self.transport)
        self.assertEqual(backlog(self.transport), before)
        self.arrived()
        self.stock.doWrite()
        self.assertNotEqual(backlog(self.transport), before)
        self.assertEqual(backlog(StringTransport()), (0, 0))

    def test_a_dead_socket_is_noticed(self) -> None:
        """The reactor is left to find out by itself, as after a stock write."""
        self.other_end.close()
        self.assertIs(self.transport.write(b"abc"), False)
        self.assertEqual(self.reactor.writers, {self.stock})

    def test_nothing_is_written_to_a_lost_connection(self) -> None:
        """TLS says farewell even then."""
        self.stock.connected = 0
        self.transport.write(b"abc")
        self.assertEqual((self.arrived(), self.reactor.writers), (b"", set()))

    def test_it_is_a_tcp_transport_to_those_above(self) -> None:
        """They look at the interfaces it provides, and use the rest of it."""
        self.assertIsInstance(self.transport, EagerTransport)
        self.assertTrue(ITCPTransport.providedBy(self.transport))
        self.assertTrue(IPushProducer.providedBy(self.transport))
        self.assertIs(self.transport.getHandle(), self.stock.getHandle())

    def test_nothing_goes_past_tls(self) -> None:
        """A connection that was upgraded encrypts in `write`."""
        alsoProvides(self.stock, ISSLTransport)
        self.assertIs(eager(self.stock), self.stock)

    def test_other_transports_are_left_as_they_are(self) -> None:
        """They may have no socket at all."""
        transport = StringTransport()
        self.assertIs(eager(transport), transport)

    def test_tcp_ends_with_a_half_close(self) -> None:
        """The other end reads an end, and may still send."""
        self.stock.registerProducer(Protocol(), True)
        end_writing(self.transport)
        self.stock.doWrite()
        self.assertEqual(self.other_end.recv(10), b"")
        self.other_end.send(b"still here")
        self.assertEqual(self.stock.getHandle().recv(100), b"still here")

    def test_tls_ends_with_its_own_word(self) -> None:
        """A half-close below it would look like an attack."""
        transport: Any = TLSStringTransport()
        transport.registerProducer(Protocol(), True)
        end_writing(transport)
        self.assertTrue(transport.disconnecting)
        self.assertFalse(transport.transport.disconnecting)
