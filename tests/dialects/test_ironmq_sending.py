"""The way out to receivers, over real sockets on loopback: what they may do, and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import KeyPair, PrivateCertificate
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mqgate.dialects.ironmq.connections import MOST_BYTES
from mqgate.dialects.ironmq.sending import Answer, NoAnswer, Sender, WayOut
from mqgate.dialects.ironmq.trust import Trust, read_authorities
from mqgate.tls.certificates import ensure

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Receiver(Protocol):
    """Reads requests, and does with each what its factory is told to."""

    def __init__(self, factory: Receivers) -> None:
        self.receivers = factory
        self.data = b""

    def connectionMade(self) -> None:
        """See `Protocol`."""
        self.receivers.connections += 1
        self.receivers.open.add(self)

    def dataReceived(self, data: bytes) -> None:
        """See `Protocol`."""
        self.data += data
        head, mark, rest = self.data.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        headers = dict(line.lower().split(b": ", 1) for line in lines[1:])
        if mark and len(rest) >= int(headers[b"content-length"]):
            self.data = b""
            self.receivers.requests.append((lines, rest))
            self.receivers.respond(self)

    def write(self, data: bytes) -> None:
        """Send something."""
        assert self.transport is not None
        self.transport.write(data)

    def end(self) -> None:
        """Hang up."""
        assert self.transport is not None
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """See `Protocol`."""
        self.receivers.open.discard(self)
        self.receivers.ended.callback(None)
        self.receivers.ended = Deferred()


class Receivers(Factory):
    """All connections of one receiver."""

    def __init__(self) -> None:
        self.connections = 0
        self.open: set[Receiver] = set()
        self.requests: list[tuple[list[bytes], bytes]] = []
        self.respond: Callable[[Receiver], object] = lambda receiver: receiver.write(OK)
        self.ended: Deferred[None] = Deferred()

    def buildProtocol(self, addr: Any) -> Receiver:
        """See `Factory`."""
        return Receiver(self)


class SendingCase(TestCase):
    """A sender, and a receiver on loopback."""

    timeout = 30

    def setUp(self) -> None:
        self.receivers = Receivers()

    def reactor(self) -> Any:
        from twisted.internet import reactor

        return reactor

    def listen(self, certificate: PrivateCertificate | None = None) -> str:
        """Where the receiver is."""
        reactor = self.reactor()
        if certificate is None:
            port = reactor.listenTCP(0, self.receivers, interface="127.0.0.1")
        else:
            options = certificate.options()
            port = reactor.listenSSL(0, self.receivers, options, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        number = port.getHost().port
        return f"https://localhost:{number}" if certificate else f"http://localhost:{number}"

    def sender(self, trust: Trust | None = None, **how: Any) -> Sender:
        sender = Sender(WayOut(self.reactor(), trust or Trust(), **how))
        self.addCleanup(sender.close)
        return sender

    def post(
        self,
        sender: Sender,
        url: str,
        body: bytes = b"hello",
        headers: Mapping[str, str] | None = None,
    ) -> Deferred[Answer]:
        return Deferred.fromCoroutine(sender.post(url, headers or {}, body))

    async def no_answer(self, sender: Sender, url: str) -> str:
        """Why there is none."""
        error = await self.assertFailure(self.post(sender, url), NoAnswer)
        return str(error)


def run(test: Callable[[Any], Coroutine[Any, Any, None]]) -> Callable[[Any], Deferred[None]]:
    """A test that is a coroutine."""

    def tested(self: Any) -> Deferred[None]:
        return Deferred.fromCoroutine(test(self))

    tested.__doc__ = test.__doc__
    return tested


class RequestTests(SendingCase):
    @run
    async def test_it_is_sent_as_it_is(self) -> None:
        sender, url = self.sender(), self.listen()
        body = b"\x00\xff" * 100_000
        answer = await self.post(sender, f"{url}/hook?a=b", body, {"X-A": "é", "User-Agent": "me"})
        self.assertEqual(answer, Answer(200, "OK"))
        ((lines, sent),) = self.receivers.requests
        self.assertEqual((lines[0], sent), (b"POST /hook?a=b HTTP/1.1", body))
        self.assertIn("X-A: é".encode(), lines)
        self.assertIn(b"User-Agent: me", lines)
        names = {line.partition(b":")[0].lower() for line in lines[1:]}
        self.assertEqual(
            names,
            {b"x-a", b"user-agent", b"host", b"content-length", b"accept-encoding"},
        )

    @run
    async def test_an_ipv6_address_can_be_asked(self) -> None:
        """Where there is IPv6 at all, it is connected to; the URL is no trouble anywhere."""
        why = await self.no_answer(self.sender(), "http://[::1]:9/")
        self.assertIn(why, ("connection refused", "no connection"))

    @run
    async def test_connections_are_kept_and_shared(self) -> None:
        sender, url = self.sender(), self.listen()
        for _ in range(5):
            await self.post(sender, url)
        self.assertEqual(self.receivers.connections, 1)

    @run
    async def test_and_closed_at_the_end(self) -> None:
        sender, url = self.sender(), self.listen()
        await self.post(sender, url)
        ended = self.receivers.ended
        await sender.close()
        await ended

    @run
    async def test_cookies_are_not_kept(self) -> None:
        cookie = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"
        self.receivers.respond = lambda receiver: receiver.write(cookie)
        sender, url = self.sender(), self.listen()
        for _ in range(2):
            await self.post(sender, url)
        self.assertNotIn(b"ookie", b"".join(self.receivers.requests[1][0]))

    @run
    async def test_redirections_are_not_followed(self) -> None:
        url = self.listen()
        for code in (301, 302, 303, 307, 308):
            moved = f"HTTP/1.1 {code} Moved\r\nLocation: {url}/x\r\nContent-Length: 0\r\n\r\n"
            self.receivers.respond = partial(Receiver.write, data=moved.encode())
            answer = await self.post(self.sender(), url)
            self.assertEqual(answer, Answer(code, "Moved"))
        self.assertEqual(len(self.receivers.requests), 5)

    @run
    async def test_no_request_is_made_twice(self) -> None:
        """Not even if the connection breaks: whether to try again is the engine's to say."""
        self.receivers.respond = lambda receiver: receiver.end()
        why = await self.no_answer(self.sender(), self.listen())
        self.assertEqual(why, "the connection was lost")
        self.assertEqual(len(self.receivers.requests), 1)

    @run
    async def test_nothing_is_logged(self) -> None:
        """Neither of connections, as the factory would, nor of what was sent."""
        events: list[Any] = []
        observer: Any = events.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        await self.post(self.sender(), self.listen(), headers={"Authorization": "OAuth s3cret"})
        seen = [event for event in events if "s3cret" in repr(event) or "HTTP11" in repr(event)]
        self.assertEqual(seen, [])


class PatienceTests(SendingCase):
    """Receivers that take their time, or all the memory there is."""

    @run
    async def test_one_that_does_not_answer(self) -> None:
        self.receivers.respond = lambda receiver: None
        ended = self.receivers.ended
        why = await self.no_answer(self.sender(timeout=0.3), self.listen())
        self.assertEqual(why, "no answer in time")
        await ended

    @run
    async def test_one_whose_port_is_closed(self) -> None:
        port = self.reactor().listenTCP(0, self.receivers, interface="127.0.0.1")
        number = port.getHost().port
        await port.stopListening()
        why = await self.no_answer(self.sender(), f"http://127.0.0.1:{number}/")
        self.assertEqual(why, "connection refused")

    @run
    async def test_one_whose_name_stands_for_nothing(self) -> None:
        why = await self.no_answer(self.sender(), "http://nothing.invalid/")
        self.assertEqual(why, "the host has no address that may be connected to")

    @run
    async def test_one_that_talks_nonsense(self) -> None:
        self.receivers.respond = lambda receiver: receiver.write(b"nonsense\r\n\r\n" * 10)
        why = await self.no_answer(self.sender(), self.listen())
        self.assertEqual(why, "the answer is no HTTP")

    @run
    async def test_one_whose_head_has_no_end(self) -> None:
        def talk(receiver: Receiver) -> None:
            receiver.write(b"HTTP/1.1 200 OK\r\n")
            for _ in range(MOST_BYTES // 1000 + 1):
                receiver.write(b"A: " + b"x" * 1000 + b"\r\n")

        self.receivers.respond = talk
        why = await self.no_answer(self.sender(timeout=20), self.listen())
        self.assertEqual(why, "the connection was lost")

    @run
    async def test_one_whose_body_has_no_end_has_answered(self) -> None:
        """What counts is its status; the connection is dropped."""

        def talk(receiver: Receiver) -> None:
            receiver.write(b"HTTP/1.1 503 Too Busy\r\n\r\n")
            receiver.write(b"x" * (2 * MOST_BYTES))

        self.receivers.respond = talk
        ended = self.receivers.ended
        answer = await self.post(self.sender(), self.listen())
        self.assertEqual(answer, Answer(503, "Too Busy"))
        await ended

    @run
    async def test_one_that_claims_to_send_packed_data_is_not_unpacked(self) -> None:
        """A kilobyte could unpack to a megabyte; what is thrown away need not be read."""
        packed = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope"
        self.receivers.respond = lambda receiver: receiver.write(packed)
        answer = await self.post(self.sender(), self.listen())
        self.assertEqual(answer.code, 200)

    @run
    async def test_connections_that_were_closed_meanwhile_are_no_failure(self) -> None:
        """Servers close connections that are not used, perhaps just when one is used again."""

        def once(receiver: Receiver) -> None:
            receiver.write(OK)
            receiver.end()

        sender, url = self.sender(), self.listen()
        self.receivers.respond = once
        ended = self.receivers.ended
        await self.post(sender, url)
        await ended
        self.receivers.respond = lambda receiver: receiver.write(OK)
        self.assertEqual((await self.post(sender, url)).code, 200)
        self.assertEqual(self.receivers.connections, 2)


class PrivateTests(SendingCase):
    """``push_allow_private = false``."""

    @run
    async def test_loopback_is_refused_by_name_and_by_every_spelling(self) -> None:
        url = self.listen()
        port = url.rpartition(":")[2]
        sender = self.sender(allow_private=False)
        for host in (
            "localhost",
            "127.0.0.1",
            "127.1",
            "2130706433",
            "[::1]",
            "[::ffff:127.0.0.1]",
        ):
            why = await self.no_answer(sender, f"http://{host}:{port}/")
            self.assertEqual(why, "the host has no address that may be connected to", host)
        self.assertEqual(self.receivers.connections, 0)


class TrustTests(SendingCase):
    """HTTPS: whom to believe."""

    def setUp(self) -> None:
        super().setUp()
        self.folder = Path(self.mktemp()).absolute()
        made = ensure(self.folder, ["localhost"], datetime.now(UTC))
        self.authority = str(made.ca_file)
        self.certificate = self.pair(self.folder)

    def pair(self, folder: Path) -> PrivateCertificate:
        pem = (folder / "server.key").read_bytes() + (folder / "server.pem").read_bytes()
        loaded: PrivateCertificate = PrivateCertificate.loadPEM(pem)
        return loaded

    @run
    async def test_a_certificate_of_a_known_authority_is_believed(self) -> None:
        sender = self.sender(Trust(read_authorities(self.authority)))
        url = self.listen(self.certificate)
        for _ in range(2):
            self.assertEqual((await self.post(sender, url)).code, 200)
        self.assertEqual(self.receivers.connections, 1)
        by_address = url.replace("localhost", "127.0.0.1")
        self.assertEqual((await self.post(sender, by_address)).code, 200)

    @run
    async def test_one_of_an_unknown_authority_is_not(self) -> None:
        why = await self.no_answer(self.sender(), self.listen(self.certificate))
        self.assertEqual(why, "no TLS connection: certificate verify failed")
        self.assertEqual(self.receivers.requests, [])

    @run
    async def test_one_for_another_host_is_not(self) -> None:
        """Its authority is known, but it names no 127.0.0.2."""
        sender = self.sender(Trust(read_authorities(self.authority)))
        options = self.certificate.options()
        port = self.reactor().listenSSL(0, self.receivers, options, interface="127.0.0.2")
        self.addCleanup(port.stopListening)
        url = f"https://127.0.0.2:{port.getHost().port}"
        self.assertEqual(await self.no_answer(sender, url), "the certificate is for another host")
        self.assertEqual(self.receivers.requests, [])

    @run
    async def test_nor_is_one_that_names_no_host(self) -> None:
        key = KeyPair.generate(size=2048)
        own: PrivateCertificate = key.selfSignedCert(1, commonName="localhost")
        why = await self.no_answer(self.sender(Trust([own])), self.listen(own))
        self.assertEqual(why, "the certificate is for another host")
        self.assertEqual(self.receivers.requests, [])

    @run
    async def test_with_the_switch_anybody_is(self) -> None:
        sender = self.sender(Trust(verify=False))
        self.assertEqual((await self.post(sender, self.listen(self.certificate))).code, 200)


class AuthorityTests(SynchronousTestCase):
    """``push_ca_file``."""

    def test_a_file_may_have_several(self) -> None:
        folder = Path(self.mktemp()).absolute()
        pems = []
        for name in ("one", "two"):
            made = ensure(folder / name, [], datetime.now(UTC))
            pems.append(Path(str(made.ca_file)).read_text())
        both = folder / "both.pem"
        both.write_text("a comment\n" + "and another\n".join(pems))
        self.assertEqual(len(read_authorities(str(both))), 2)

    def test_a_file_without_any_is_refused(self) -> None:
        path = Path(self.mktemp())
        for content in ("", "nonsense", "-----END CERTIFICATE-----", "-----BEGIN CERTIFICATE-----\n"
                        "AAAA\n-----END CERTIFICATE-----\n"):  # fmt: skip
            path.write_text(content)
            self.assertRaises(ValueError, read_authorities, str(path))
        self.assertRaises(OSError, read_authorities, str(path) + ".missing")
