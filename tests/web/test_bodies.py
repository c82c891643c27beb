"""Bodies beyond their limit, and clients that ask before they send one."""

from __future__ import annotations

from mqgate.web.limits import HTTPLimits
from mqgate.web.values import MALFORMED, TOO_LARGE
from tests.web.world import SiteCase, TLSStringTransport, answer, refused

NEXT = b"GET /next HTTP/1.1\r\n\r\n"


def sized(length: int, *headers: bytes) -> bytes:
    """The head of a post of that length."""
    lines = (b"POST /1 HTTP/1.1", b"Content-Length: %d" % length, *headers)
    return b"\r\n".join(lines) + b"\r\n\r\n"


def chunk(length: int) -> bytes:
    """A chunk of that length."""
    return b"%x\r\n%s\r\n" % (length, b"x" * length)


CHUNKED = b"POST /1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


class BodyLimitTests(SiteCase):
    """The front takes 1,000 bytes; 2,000 more are read and thrown away."""

    limits = HTTPLimits(discard_bytes=2000, linger_bytes=5000, linger_seconds=3)

    def test_a_body_up_to_the_limit_passes(self) -> None:
        """Of a known length or in chunks."""
        self.connect().send(sized(1000), b"x" * 1000)
        self.connect().send(CHUNKED + chunk(600) + chunk(400) + END)
        self.assertEqual([len(asked.body) for asked in self.front.asked], [1000, 1000])

    def test_a_body_somewhat_too_long_is_read_and_refused(self) -> None:
        """The connection stays usable: the client's next message may well be shorter."""
        for pieces in (
            [sized(3000), b"x" * 2999, b"x"],
            [sized(1001) + b"x" * 1001],
            [CHUNKED, chunk(1000), chunk(1), END],
            [CHUNKED + chunk(3000) + END],
        ):
            connection = self.connect()
            connection.send(*pieces[:-1])
            self.assertEqual(connection.received(), b"")
            self.assertEqual(connection.ask(pieces[-1]), refused(TOO_LARGE, b"/1", close=False))
            self.assertEqual(connection.ask(NEXT), answer(b"GET /next  "))
        self.assertEqual(self.front.asked[0].path, b"/next")

    def test_a_request_behind_a_refused_body_is_answered(self) -> None:
        """Even if it came in the same packet."""
        got = self.connect().ask(sized(1500) + b"x" * 1500 + NEXT)
        self.assertEqual(got, refused(TOO_LARGE, b"/1", close=False) + answer(b"GET /next  "))

    def test_a_client_that_closes_is_closed_after_a_refusal_too(self) -> None:
        """`Connection: close` holds for every answer."""
        connection = self.connect()
        got = connection.ask(sized(1500, b"Connection: close"), b"x" * 1500)
        self.assertEqual(got, refused(TOO_LARGE, b"/1"))
        self.assertTrue(connection.closing)

    def test_what_is_thrown_away_takes_no_memory(self) -> None:
        """What was kept goes as soon as the limit is passed."""
        connection = self.connect()
        connection.send(CHUNKED, chunk(1000), b"7d0\r\n" + b"x" * 1000)
        body = connection.channel._body
        assert body is not None
        self.assertEqual((body.received.size, len(body.received._content)), (2000, 0))

    def test_a_body_far_too_long_is_refused_at_once(self) -> None:
        """Before any of it has come, as far as it is announced."""
        for pieces in (
            [sized(3001)],
            [sized(10**17)],
            [CHUNKED, b"bb9\r\n"],
            [CHUNKED, chunk(1500), chunk(1500), b"1\r\n"],
            [CHUNKED, b"ffffffffffffffff\r\n"],
        ):
            connection = self.connect()
            connection.send(*pieces[:-1])
            self.assertEqual(connection.received(), b"")
            self.assertEqual(connection.ask(pieces[-1]), refused(TOO_LARGE, b"/1"))
            self.assertTrue(connection.closing)
        self.assertEqual(self.front.asked, [])

    def test_trailers_have_a_limit_too(self) -> None:
        """Though they are thrown away."""
        got = self.connect().ask(CHUNKED + b"0\r\n" + b"a: bcdefghi\r\n" * 1000)
        self.assertEqual(got, refused(TOO_LARGE, b"/1"))

    def test_after_an_early_refusal_a_little_more_is_read(self) -> None:
        """A reset would take the answer away from a client that is still sending."""
        connection = self.connect()
        connection.send(sized(10_000))
        connection.send(b"x" * 5000)
        self.assertFalse(connection.aborted)
        connection.send(b"x")
        self.assertTrue(connection.aborted)

    def test_after_an_early_refusal_there_is_a_little_time(self) -> None:
        """Then the connection is closed, whatever its client does."""
        connection = self.connect(TLSStringTransport())
        connection.send(sized(10_000))
        self.seconds_pass(2.5)
        self.assertFalse(connection.transport.transport.disconnecting)
        self.seconds_pass(1.5)
        self.assertTrue(connection.transport.transport.disconnecting)

    def test_head_gets_no_body_with_a_refusal(self) -> None:
        """Neither early nor late."""
        head = b"HEAD /1 HTTP/1.1\r\nContent-Length: %d\r\n\r\n"
        early = self.connect().ask(head % 9000)
        late = self.connect().ask(head % 1001, b"x" * 1001)
        self.assertTrue(early.endswith(b"Content-Length: 13\r\nConnection: close\r\n\r\n"))
        self.assertTrue(late.endswith(b"Content-Length: 13\r\n\r\n"))


class ContinueTests(SiteCase):
    """``Expect: 100-continue``, which curl and PHP send with longer bodies."""

    EXPECT = b"Expect: 100-continue"
    GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"

    def test_a_client_that_waits_is_told_to_go_on(self) -> None:
        """In whatever case it says so."""
        connection = self.connect()
        self.assertEqual(connection.ask(sized(3, b"expect: 100-Continue")), self.GO_ON)
        self.assertEqual(connection.ask(b"abc"), answer(b"POST /1  abc"))

    def test_a_client_that_sends_chunks_is_told_to_go_on(self) -> None:
        """Its body's length will be seen as it comes."""
        head = CHUNKED.replace(b"\r\n\r\n", b"\r\n%s\r\n\r\n" % self.EXPECT)
        self.assertEqual(self.connect().ask(head), self.GO_ON)

    def test_a_client_that_does_not_wait_is_not_told(self) -> None:
        """RFC 9110, section 10.1.1."""
        self.assertEqual(self.connect().ask(sized(3, self.EXPECT) + b"a"), b"")
        self.assertEqual(
            self.connect().ask(sized(3, self.EXPECT) + b"abc"), answer(b"POST /1  abc")
        )
        self.assertEqual(self.connect().ask(sized(0, self.EXPECT)), answer(b"POST /1  "))

    def test_http_1_0_is_not_told(self) -> None:
        """It would take it for the answer."""
        head = sized(3, self.EXPECT).replace(b"HTTP/1.1", b"HTTP/1.0")
        self.assertEqual(self.connect().ask(head), b"")

    def test_a_body_too_long_is_not_asked_for(self) -> None:
        """That is what the client asks for; how much too long does not matter."""
        connection = self.connect()
        self.assertEqual(connection.ask(sized(1001, self.EXPECT)), refused(TOO_LARGE, b"/1"))
        self.assertTrue(connection.closing)

    def test_other_expectations_are_ignored(self) -> None:
        """No client is known to have any."""
        self.assertEqual(self.connect().ask(sized(3, b"Expect: the-best")), b"")


class BodyAndNextTests(SiteCase):
    """Where a body ends, the next request begins."""

    def test_the_request_behind_a_body_is_found(self) -> None:
        """However the bytes are cut."""
        stream = sized(3) + b"abc" + CHUNKED + chunk(2) + END + NEXT
        want = answer(b"POST /1  abc") + answer(b"POST /1  xx") + answer(b"GET /next  ")
        for at in range(len(stream) + 1):
            self.assertEqual(self.connect().ask(*filter(None, (stream[:at], stream[at:]))), want)

    def test_rubbish_behind_a_body_is_refused(self) -> None:
        """A client that counts wrongly must hear of it."""
        got = self.connect().ask(sized(3) + b"abcdef")
        self.assertEqual(got, answer(b"POST /1  abc"))
        for rubbish in (b"def\0", b"{}\r\n"):
            got = self.connect().ask(sized(3) + b"abc" + rubbish)
            self.assertEqual(got, answer(b"POST /1  abc") + refused(MALFORMED))
