"""The same over real connections, plain and TLS: what only a kernel can spoil."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol, wrapClientTLS
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.ssl import PrivateCertificate, optionsForClientTLS
from twisted.internet.task import cooperate, deferLater
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from mqgate.web.limits import HTTPLimits
from mqgate.web.site import GateSite
from mqgate.web.values import TOO_LARGE, Reply
from mqgate.web.wire import EagerTLS
from tests.web.world import EchoFront, answer, masked, refused

reactor: Any = global_reactor
GET = b"GET /1 HTTP/1.1\r\n\r\n"


@cache
def certificate() -> PrivateCertificate:
    """A certificate and its key, made once."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    loaded: PrivateCertificate = PrivateCertificate.loadPEM(private + made.public_bytes(pem))
    return loaded


class Client(Protocol):
    """Keeps what it receives."""

    def __init__(self) -> None:
        self.transport: Any
        self.data = b""
        self.lost: Deferred[bytes] = Deferred()
        self._wanted: tuple[int, Deferred[bytes]] | None = None

    def dataReceived(self, data: bytes) -> None:
        """See `Protocol`."""
        self.data += data
        if self._wanted is not None and len(self.data) >= self._wanted[0]:
            (_, wanted), self._wanted = self._wanted, None
            wanted.callback(self.data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """See `Protocol`."""
        self.lost.callback(self.data)

    def leave(self) -> None:
        """Drop the connection, if it is still there."""
        if not self.lost.called:
            self.transport.abortConnection()

    def received(self, answers: bytes) -> Deferred[bytes]:
        """Fires with all that came, masked, once it is as much as these masked answers."""
        size = len(answers) + answers.count(b"Date: *") * 28
        wanted: Deferred[bytes] = Deferred()
        self._wanted = size, wanted
        self.dataReceived(b"")
        return wanted.addCallback(masked)


class LiveTests(TestCase):
    """Plain TCP."""

    timeout = 20
    limits = HTTPLimits(discard_bytes=1000)

    def setUp(self) -> None:
        self.front = EchoFront()
        self.site = GateSite(self.front, reactor, self.limits)
        port = reactor.listenTCP(0, self.listening(), interface="127.0.0.1")
        self.endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
        self.addCleanup(self.site.drain, 1)
        self.addCleanup(port.stopListening)

    def listening(self) -> Any:
        """The factory to listen with."""
        return self.site

    def connecting(self) -> Any:
        """The endpoint to connect to."""
        return self.endpoint

    async def connect(self) -> Client:
        """A connected client."""
        client: Client = await connectProtocol(self.connecting(), Client())
        self.addCleanup(client.leave)
        return client

    async def until(self, condition: Any) -> None:
        """Let the reactor turn until the condition holds."""
        while not condition():
            await deferLater(reactor, 0.001, lambda: None)

    async def test_a_client_in_the_middle_of_a_long_body_finds_its_refusal(self) -> None:
        """A reset would take it away: it is read on until the client has seen the answer."""
        client = await self.connect()
        transport = client.transport
        transport.write(b"POST /1 HTTP/1.1\r\nContent-Length: 100000000\r\n\r\n")

        def body() -> Iterator[None]:
            for _ in range(30):
                transport.write(b"x" * 65536)
                yield None

        await cooperate(body()).whenDone()
        want = refused(TOO_LARGE, b"/1")
        self.assertEqual(await client.received(want), want)

    async def test_a_client_that_goes_is_noticed_at_once(self) -> None:
        """Its wait is ended, and what was done for it is undone."""
        self.front.wait = True
        calls: list[str] = []
        client = await self.connect()
        client.transport.write(GET)
        await self.until(lambda: self.front.asked)
        self.front.asked[0].when_lost(lambda: calls.append("lost"))
        client.transport.abortConnection()
        await self.until(lambda: calls)
        self.front.waiting[0].callback(Reply(200, b"x", unsent=lambda: calls.append("unsent")))
        self.assertEqual(calls, ["lost", "unsent"])

    async def test_a_poller_that_sends_far_ahead_takes_no_message_with_it(self) -> None:
        """Its end would not be noticed; so it is dropped before."""
        self.front.wait = True
        calls: list[str] = []
        client = await self.connect()
        client.transport.write(GET)
        await self.until(lambda: self.front.asked)
        self.front.asked[0].when_lost(lambda: calls.append("lost"))
        client.transport.write(b"x" * 1_000_000)
        await self.until(lambda: calls)
        self.front.waiting[0].callback(Reply(200, b"x", unsent=lambda: calls.append("unsent")))
        self.assertEqual(calls, ["lost", "unsent"])

    async def test_large_answers_arrive_whole_and_in_order(self) -> None:
        """Though the socket takes only a part of them at once."""
        large = bytes(range(256)) * 20_000
        replies = iter([large, b"small", large, b"last"])
        self.front.reply = lambda asked: Reply(200, next(replies), b"text/plain")
        client = await self.connect()
        client.transport.write(GET * 4)
        want = answer(large) + answer(b"small") + answer(large) + answer(b"last")
        self.assertEqual(await client.received(want), want)

    async def test_a_last_answer_arrives_whole_before_the_end(self) -> None:
        """However large it is."""
        large = bytes(range(256)) * 20_000
        self.front.reply = lambda asked: Reply(200, large, b"text/plain")
        client = await self.connect()
        client.transport.write(b"GET / HTTP/1.0\r\n\r\n")
        self.assertEqual(masked(await client.lost), answer(large, close=True))

    async def test_a_last_answer_arrives_whole_whatever_its_client_still_sends(self) -> None:
        """Bytes that nobody reads would have the kernel reset the connection."""
        large = bytes(range(256)) * 40_000
        self.front.reply = lambda asked: Reply(200, large, b"text/plain")
        client = await self.connect()
        client.transport.write(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        await self.until(lambda: self.front.asked)
        client.transport.pauseProducing()
        client.transport.write(b"\r\n")
        await deferLater(reactor, 0.05, lambda: None)
        client.transport.resumeProducing()
        self.assertEqual(masked(await client.lost), answer(large, close=True))

    async def test_waiting_requests_are_answered_before_the_end(self) -> None:
        """Twenty of twenty; then nobody is left."""
        self.front.wait = True
        clients = [await self.connect() for _ in range(20)]
        for client in clients:
            client.transport.write(GET)
        await self.until(lambda: len(self.front.waiting) == 20)
        ended = self.site.drain(10)
        for waiting in self.front.waiting:
            waiting.callback(Reply(200, b"none", b"text/plain"))
        for data in await gatherResults([client.lost for client in clients]):
            self.assertEqual(masked(data), answer(b"none", close=True))
        await ended

    async def test_the_end_does_not_wait_for_clients_that_do_not_look(self) -> None:
        """A pool's idle connections are closed from our side alone."""
        client = await self.connect()
        transport = client.transport
        transport.write(GET)
        await client.received(answer(b"GET /1  "))
        transport.pauseProducing()
        started = reactor.seconds()
        await self.site.drain(10)
        self.assertLess(reactor.seconds() - started, 5)

    async def test_a_client_that_takes_no_end_is_aborted_after_the_grace(self) -> None:
        """Here one whose request is never answered."""
        self.front.wait = True
        client = await self.connect()
        client.transport.write(GET)
        await self.until(lambda: self.front.waiting)
        await self.site.drain(0.05)
        self.assertEqual(await client.lost, b"")


class LiveTLSTests(LiveTests):
    """TLS, sent at once."""

    protocol = EagerTLS

    def listening(self) -> Any:
        """The site, wrapped."""
        factory = TLSMemoryBIOFactory(certificate().options(), False, self.site, reactor)
        factory.protocol = self.protocol
        return factory

    def connecting(self) -> Any:
        """The endpoint, wrapped."""
        return wrapClientTLS(
            optionsForClientTLS("localhost", trustRoot=certificate()), self.endpoint
        )


class LiveStockTLSTests(LiveTLSTests):
    """TLS as Twisted sends it by default."""

    protocol = TLSMemoryBIOFactory.protocol  # type: ignore[assignment]
