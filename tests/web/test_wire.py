"""Writing at once, over a pair of real sockets, and closing in the way each transport needs."""

from __future__ import annotations

import socket
import tracemalloc
from typing import Any

from OpenSSL.SSL import WantReadError
from twisted.internet.interfaces import (
    IOpenSSLServerConnectionCreator,
    IPushProducer,
    ISSLTransport,
    ITCPTransport,
)
from twisted.internet.main import CONNECTION_LOST
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.internet.tcp import Connection
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import alsoProvides, implementer

from mqgate.web.wire import (
    EagerTLS,
    EagerTransport,
    close,
    eager,
    end_writing,
    hang_up,
    taken,
    unsent,
)
from tests.web.world import TLSStringTransport

#: More than any socket takes at once.
LARGE = bytes(range(256)) * 32768


class Watcher(Clock):
    """A reactor that only notes what it should watch."""

    def __init__(self) -> None:
        super().__init__()
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


class Above(Protocol):
    """A protocol and push producer that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def pauseProducing(self) -> None:
        """See `IPushProducer`."""
        self.told.append("pause")

    def resumeProducing(self) -> None:
        """See `IPushProducer`."""
        self.told.append("resume")

    def stopProducing(self) -> None:
        """See `IPushProducer`."""
        self.told.append("stop")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """See `IProtocol`."""
        self.told.append("lost")


@implementer(IOpenSSLServerConnectionCreator)
class _Ready:
    """Makes TLS connections that need no handshake and do not encrypt."""

    def serverConnectionForTLS(self, protocol: object) -> Any:
        """See `IOpenSSLServerConnectionCreator`."""
        return self

    def __init__(self) -> None:
        self._out = b""

    def set_accept_state(self) -> None:
        """It is on the server's side."""

    def set_app_data(self, data: object) -> None:
        """It needs none."""

    def do_handshake(self) -> None:
        """Nothing is needed."""

    def send(self, data: bytes) -> int:
        """Keep it for `bio_read`."""
        self._out += data
        return len(data)

    def bio_read(self, size: int) -> bytes:
        """What is to go out."""
        if not self._out:
            raise WantReadError
        out, self._out = self._out[:size], self._out[size:]
        return out

    def shutdown(self) -> bool:
        """Say farewell; the other end has not yet."""
        self._out += b"farewell"
        return False


class EagerTests(SynchronousTestCase):
    """A transport over one end of a pair of sockets."""

    def setUp(self) -> None:
        ours, self.other_end = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(self.other_end.close)
        self.other_end.setblocking(False)
        self.reactor = Watcher()
        self.stock: Any = Connection(ours, Protocol(), self.reactor)  # type: ignore[arg-type]
        self.above = self.stock.protocol = Above()
        self.stock.connected = 1
        self.transport = eager(self.stock)
        self.transport.registerProducer(self.above, True)

    def arrived(self) -> bytes:
        """What the other end can read by now."""
        try:
            return self.other_end.recv(1 << 22)
        except BlockingIOError:
            return b""

    def turn(self) -> bytes:
        """Let the reactor turn until nobody wants to write; what arrived."""
        arrived = b""
        while self.reactor.writers:
            outcome = self.stock.doWrite()
            if outcome is not None:
                self.stock.connectionLost(Failure(outcome))
            arrived += self.arrived()
        return arrived

    def test_what_fits_is_sent_at_once(self) -> None:
        """Without a turn of the reactor."""
        self.assertIs(self.transport.write(b"abc"), True)
        self.transport.writeSequence([b"d", b"ef"])
        self.assertEqual(self.arrived(), b"abcdef")
        self.assertEqual(self.reactor.writers, set())

    def test_what_does_not_fit_goes_out_in_order(self) -> None:
        """And nothing overtakes it, even once there is room again."""
        self.assertIs(self.transport.write(LARGE), True)
        self.assertEqual(self.reactor.writers, {self.stock})
        arrived = self.arrived()
        self.assertIs(self.transport.write(b"second"), True)
        self.transport.write(b"third")
        self.assertEqual(arrived + self.turn(), LARGE + b"secondthird")

    def test_what_is_written_after_a_delay_is_sent_at_once_again(self) -> None:
        """A large answer must not make all that follow it slower."""
        self.transport.write(LARGE)
        self.turn()
        self.transport.write(b"next")
        self.assertEqual((self.arrived(), self.reactor.writers), (b"next", set()))

    def test_what_the_socket_has_room_for_does_not_wait(self) -> None:
        """One call sends less than that."""
        ours = self.stock.getHandle()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        self.stock.SEND_LIMIT = 1000
        data = bytes(range(100)) * 100
        self.assertIs(self.transport.write(data), True)
        self.assertEqual((self.arrived(), self.reactor.writers), (data, set()))
        self.assertEqual(self.above.told, [])

    def test_who_writes_is_paused_while_anything_waits(self) -> None:
        """And hears of it once, each time."""
        for _ in range(2):
            self.transport.write(LARGE)
            self.transport.write(LARGE)
            self.assertEqual(self.above.told, ["pause"])
            self.turn()
            self.assertEqual(self.above.told, ["pause", "resume"])
            self.above.told.clear()

    def test_what_waits_is_not_copied(self) -> None:
        """The whole of it stays in memory anyway, until its last byte is sent."""
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        self.transport.write(LARGE)
        self.turn_once()
        self.assertLess(tracemalloc.get_traced_memory()[1], len(LARGE) // 4)

    def turn_once(self) -> None:
        """Let the other end take something, and the reactor turn."""
        self.other_end.recv(1 << 18)
        self.stock.doWrite()

    def test_what_waits_and_what_moves_is_counted(self) -> None:
        """By this a client that reads slowly is told from one that does not read."""
        self.transport.write(LARGE)
        waiting, before = unsent(self.transport), taken(self.transport)
        self.assertGreater(waiting, 0)
        self.stock.doWrite()
        self.assertEqual((unsent(self.transport), taken(self.transport)), (waiting, before))
        self.turn_once()
        moved = taken(self.transport) - before
        self.assertGreater(moved, 0)
        self.assertEqual(unsent(self.transport), waiting - moved)
        self.assertEqual((unsent(StringTransport()), taken(StringTransport())), (0, 0))

    def test_a_dead_socket_is_noticed(self) -> None:
        """The protocol hears of it in the reactor's next turn."""
        self.other_end.close()
        self.assertIs(self.transport.write(b"abc"), False)
        self.assertEqual(self.above.told, [])
        self.reactor.advance(0)
        self.assertEqual(self.above.told, ["stop", "lost"])
        self.assertIs(self.transport.write(b"abc"), False)

    def test_a_socket_that_dies_in_the_middle_of_a_write_is_noticed(self) -> None:
        """The second part of it finds out."""
        outcomes: list[object] = [10, CONNECTION_LOST]
        self.stock.writeSomeData = lambda data: outcomes.pop(0)
        self.assertIs(self.transport.write(b"x" * 20), False)
        self.reactor.advance(0)
        self.assertEqual(self.above.told, ["stop", "lost"])

    def test_a_socket_that_dies_while_something_waits_is_noticed(self) -> None:
        """What is written from then on fails."""
        self.transport.write(LARGE)
        self.other_end.shutdown(socket.SHUT_RDWR)
        self.turn()
        self.assertIs(self.transport.write(b"abc"), False)
        self.assertEqual(unsent(self.transport), 0)
        self.assertEqual(self.above.told, ["pause", "stop", "lost"])

    def test_nothing_is_written_to_a_lost_connection(self) -> None:
        """TLS says farewell even then. Whether anything waited makes no difference."""
        self.transport.write(LARGE)
        self.stock.connectionLost(Failure(CONNECTION_LOST))
        self.assertIs(self.transport.write(b"abc"), False)
        self.assertEqual((unsent(self.transport), self.reactor.writers), (0, set()))

    def test_nothing_is_written_after_an_end(self) -> None:
        """An abort takes back what waits; the others let it go out first."""
        for end, arrives in (("loseConnection", LARGE), ("loseWriteConnection", LARGE)):
            with self.subTest(end):
                self.setUp()
                self.transport.write(LARGE)
                getattr(self.transport, end)()
                self.assertIs(self.transport.write(b"abc"), False)
                self.assertEqual(self.turn(), arrives)
        self.setUp()
        self.transport.abortConnection()
        self.assertIs(self.transport.write(b"abc"), False)
        self.assertEqual(self.arrived(), b"")

    def test_it_closes_once_nothing_waits(self) -> None:
        """At once if nothing does."""
        close(self.transport)
        self.turn()
        self.assertEqual(self.above.told, ["lost"])
        self.setUp()
        self.transport.write(LARGE)
        close(self.transport)
        self.assertEqual(self.turn(), LARGE)
        self.assertEqual(self.above.told, ["pause", "lost"])

    def test_only_push_producers_are_taken(self) -> None:
        """Nobody here has another."""
        self.assertRaises(ValueError, self.transport.registerProducer, self.above, False)

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
        """Behind all that waits. The other end reads an end, and may still send."""
        for data in (b"", LARGE):
            self.setUp()
            self.transport.write(data)
            end_writing(self.transport)
            self.assertEqual(self.turn(), data)
            self.assertEqual(self.other_end.recv(10), b"")
            self.other_end.send(b"still here")
            self.assertEqual(self.stock.getHandle().recv(100), b"still here")
            hang_up(self.transport)
            self.assertIn("lost", self.above.told)

    def test_a_write_over_tls_tells_of_a_loss_below_it(self) -> None:
        """And of an end. Twisted's own does not say."""
        for end in (lambda: self.other_end.close(), lambda: self.transport.loseConnection()):
            tls = EagerTLS(TLSMemoryBIOFactory(_Ready(), False, Factory(), self.reactor), Above())
            tls.makeConnection(self.transport)
            self.assertIs(tls.write(b"abc"), True)
            end()
            self.assertIs(tls.write(b"abc"), False)
            self.setUp()

    def test_a_write_over_tls_after_its_end_goes_nowhere(self) -> None:
        """As Twisted has it; ours says so."""
        tls = EagerTLS(TLSMemoryBIOFactory(_Ready(), False, Factory(), self.reactor), Above())
        tls.makeConnection(self.transport)
        tls.loseConnection()
        self.assertIs(tls.write(b"abc"), False)

    def test_tls_ends_with_its_own_word(self) -> None:
        """A half-close below it would look like an attack."""
        transport: Any = TLSStringTransport()
        transport.registerProducer(Protocol(), True)
        end_writing(transport)
        self.assertTrue(transport.disconnecting)
        self.assertFalse(transport.transport.disconnecting)
