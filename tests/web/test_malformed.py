"""Bytes that are no request: answered in the owner's shape, and never with a guess."""

from __future__ import annotations

from mqgate.web.limits import HTTPLimits
from mqgate.web.values import HEAD_TOO_LARGE, MALFORMED, TOO_LARGE
from tests.web.world import SiteCase, refused

#: Request lines that must be turned down, and the path whose owner gives the refusal its shape.
MALFORMED_LINES = {
    "no target": (b"GET", b"/"),
    "no version": (b"GET /1/a", b"/1/a"),
    "two spaces": (b"GET  /1/a HTTP/1.1", b"/"),
    "four words": (b"GET /1/a HTTP/1.1 x", b"/1/a"),
    "a space before the method": (b" GET /1/a HTTP/1.1", b"/"),
    "a method that is no token": (b"GE@T /1/a HTTP/1.1", b"/1/a"),
    "a control character in the target": (b"GET /1/a\x01 HTTP/1.1", b"/1/a\x01"),
    "NUL in the target": (b"GET /1/a\0 HTTP/1.1", b"/1/a\0"),
    "DEL in the target": (b"GET /1/a\x7f HTTP/1.1", b"/1/a\x7f"),
    "a target that is no path": (b"GET 1/a HTTP/1.1", b"/"),
    "another scheme": (b"GET ftp://h/1/a HTTP/1.1", b"/"),
    "a target for a proxy": (b"CONNECT example.org:443 HTTP/1.1", b"/"),
    "HTTP/2": (b"GET /1/a HTTP/2.0", b"/1/a"),
    "HTTP/2's greeting": (b"PRI * HTTP/2.0", b"/"),
    "HTTP/0.9": (b"GET /1/a HTTP/0.9", b"/1/a"),
    "HTTP/1.11": (b"GET /1/a HTTP/1.11", b"/1/a"),
    "lower case in the version": (b"GET /1/a http/1.1", b"/1/a"),
    "another protocol": (b"GET /1/a RTSP/1.0", b"/1/a"),
    "another version of an absolute target": (b"GET http://h/1/a?x HTTP/3.0", b"/1/a"),
}
#: The same for what follows the request line of ``/1/a``.
MALFORMED_HEADERS = {
    "a header without a colon": b"Host\r\n\r\n",
    "a header without a name": b": x\r\n\r\n",
    "a space before the colon": b"Host : x\r\n\r\n",
    "a name that is no token": b"Ho@st: x\r\n\r\n",
    "a folded header": b"X-A: a\r\n b: c\r\n\r\n",
    "a folded first header": b"\tX-A: a\r\n\r\n",
    "NUL in a header": b"X-A: a\0b\r\n\r\n",
    "a bare CR in a header": b"X-A: a\rb\r\n\r\n",
    "a bare LF in a header": b"X-A: a\nX-B: b\r\n\r\n",
    "a bare LF before the end": b"Host: h\r\n\n",
    "both length and chunks": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths that differ": b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    "two lengths in one header": b"Content-Length: 5, 5\r\n\r\nabcde",
    "a signed length": b"Content-Length: +5\r\n\r\nabcde",
    "a negative length": b"Content-Length: -5\r\n\r\nabcde",
    "a length in words": b"Content-Length: five\r\n\r\nabcde",
    "an empty length": b"Content-Length: \r\n\r\n",
    "a length with underscores": b"Content-Length: 1_0\r\n\r\n0123456789",
    "another transfer coding": b"Transfer-Encoding: gzip, chunked\r\n\r\n",
    "chunks twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "identity": b"Transfer-Encoding: identity\r\n\r\n",
}

CHUNKED = b"POST /1/a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
MALFORMED_CHUNKS = {
    "no size": b"\r\n",
    "a size that is no number": b"xyz\r\nabc\r\n",
    "a size with a sign": b"+3\r\nabc\r\n",
    "a size with a prefix": b"0x3\r\nabc\r\n",
    "a negative size": b"-1\r\n",
    "a space before the size": b" 3\r\nabc\r\n",
    "a size of too many digits": b"00000000000000003\r\nabc\r\n",
    "a control character in an extension": b"3;a=\x01\r\nabc\r\n",
    "a chunk longer than its size": b"3\r\nabcd\r\n",
    "a chunk that ends in LF": b"3\r\nabc\n0\r\n\r\n",
    "a size line that ends in LF": b"3\nabc\r\n",
    "a size line without an end": b"3;" + b"a" * 1100,
    "a size line beyond its limit": b"3;" + b"a" * 1100 + b"\r\nabc\r\n",
    "a trailer that is no header": b"0\r\nabc\r\n\r\n",
    "a trailer that ends in LF": b"0\r\na: b\n\n",
    "a trailer without an end": b"0\r\na: " + b"b" * 9000,
}


class MalformedTests(SiteCase):
    """One refusal, an end, and nothing for the front to do."""

    def assert_refused(self, kind: str, path: bytes, *pieces: bytes) -> None:
        """These bytes on a new connection must get a refusal of that kind, and nothing after it."""
        connection = self.connect()
        self.assertEqual(connection.ask(*pieces), refused(kind, path))
        self.assertTrue(connection.closing)
        self.assertEqual(connection.ask(b"GET /smuggled HTTP/1.1\r\n\r\n"), b"")
        self.assertEqual(self.front.asked, [])

    def test_request_lines_that_are_none_are_refused(self) -> None:
        """With or without anything behind them."""
        for why, (line, path) in MALFORMED_LINES.items():
            for rest in (b"\r\n", b"\r\n\r\n", b"\r\nHost: h\r\n\r\n"):
                with self.subTest(why, rest=rest):
                    self.assert_refused(MALFORMED, path, line + rest)

    def test_headers_that_are_none_are_refused(self) -> None:
        """In the shape of the path's owner."""
        for why, rest in MALFORMED_HEADERS.items():
            with self.subTest(why):
                self.assert_refused(MALFORMED, b"/1/a", b"POST /1/a HTTP/1.1\r\n" + rest)

    def test_lines_that_end_in_lf_alone_are_refused(self) -> None:
        """At once: the end of such a head never comes."""
        self.assert_refused(MALFORMED, b"/1/a", b"GET /1/a HTTP/1.1\nHost: h\n\n")

    def test_chunks_in_http_1_0_are_refused(self) -> None:
        """RFC 9112, section 6.1: the framing must be taken for faulty."""
        request = b"POST /1/a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        self.assert_refused(MALFORMED, b"/1/a", request)

    def test_what_is_no_request_is_refused_in_pieces(self) -> None:
        """A byte at a time, which must not lead to another answer, nor to none."""
        requests = {why: line + b"\r\n\r\n" for why, (line, _) in MALFORMED_LINES.items()}
        for why, rest in MALFORMED_HEADERS.items():
            requests[why] = b"POST /1/a HTTP/1.1\r\n" + rest
        for why, request in requests.items():
            with self.subTest(why):
                connection = self.connect()
                connection.send(*(request[at : at + 1] for at in range(len(request))))
                self.assertIn(b": malformed", connection.received())
                self.assertTrue(connection.closing)
                self.assertEqual(self.front.asked, [])

    def test_chunks_that_are_none_are_refused(self) -> None:
        """In the shape of the path's owner."""
        for why, body in MALFORMED_CHUNKS.items():
            with self.subTest(why):
                self.assert_refused(MALFORMED, b"/1/a", CHUNKED + body)
                self.assert_refused(MALFORMED, b"/1/a", CHUNKED, body)

    def test_what_is_not_http_is_refused_at_its_first_byte(self) -> None:
        """A client that begins TLS on a plain port should not wait for a deadline."""
        self.assert_refused(MALFORMED, b"/", b"\x16\x03\x01\x02\x00\x01")

    def test_a_method_has_an_end(self) -> None:
        """Or a sender without one would be listened to until its deadline."""
        self.assert_refused(MALFORMED, b"/", b"A" * 33)
        self.assert_refused(MALFORMED, b"/", b"A" * 33 + b" / HTTP/1.1\r\n\r\n")

    def test_a_request_line_is_checked_once(self) -> None:
        """A line that follows it, in whatever pieces, is not taken for one."""
        line = b"GET /1 HTTP/1.1\r\n"
        for rest in (b"Host: h\r\nX", b"Host: h\r\n", b"\r", b"H"):
            connection = self.connect()
            connection.send(line, *(rest[at : at + 1] for at in range(len(rest))))
            self.assertEqual(connection.received(), b"")

    def test_a_bad_request_line_is_refused_before_its_headers(self) -> None:
        """A person with a telnet should not have to guess."""
        self.assert_refused(MALFORMED, b"/x", b"HELLO /x\r\n")

    def test_a_refusal_names_its_reason(self) -> None:
        """For the person who reads the client's log."""
        rest = MALFORMED_HEADERS["both length and chunks"]
        self.connect().send(b"POST / HTTP/1.1\r\n" + rest)
        [fault] = self.front.faults
        self.assertEqual(fault.reason, "Both Content-Length and Transfer-Encoding are given.")

    def test_a_refusal_without_a_shape_is_plain_text(self) -> None:
        """A dialect that fails even at this must not leave the client without an answer."""

        def refuse(path: bytes, fault: object) -> object:
            raise ZeroDivisionError("A dialect's mistake.")

        self.front.refuse = refuse  # type: ignore[assignment, method-assign]
        self.assertIn(
            b"HTTP/1.1 400 Bad Request\r\nDate: *\r\nContent-Type: text/plain\r\n",
            self.connect().ask(b"GET\r\n\r\n"),
        )
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class HeadSizeTests(SiteCase):
    """Heads beyond their limits."""

    limits = HTTPLimits(head_bytes=1000, header_count=10)

    def test_a_head_up_to_the_limit_passes(self) -> None:
        """The empty line behind it does not count."""
        line = b"GET / HTTP/1.1\r\nX: "
        self.connect().send(line + b"x" * (1000 - len(line)) + b"\r\n\r\n")
        self.assertEqual(len(self.front.asked), 1)

    def test_a_head_beyond_the_limit_is_too_large(self) -> None:
        """Whether its end has come or not."""
        for end in (b"\r\n\r\n", b""):
            connection = self.connect()
            got = connection.ask(b"GET /1 HTTP/1.1\r\nX: ", b"x" * 1000 + end)
            self.assertEqual(got, refused(HEAD_TOO_LARGE, b"/1"))
            self.assertTrue(connection.closing)

    def test_a_request_line_beyond_the_limit_is_too_large(self) -> None:
        """The path up to there is enough to find its owner."""
        got = self.connect().ask(b"GET /" + b"x" * 1100)
        self.assertEqual(got, refused(HEAD_TOO_LARGE, b"/" + b"x" * 1100))

    def test_too_many_headers_are_too_large(self) -> None:
        """Each of them costs more than its bytes."""
        head = b"GET /1 HTTP/1.1\r\n" + b"a:\r\n" * 10
        self.connect().send(head + b"\r\n")
        self.assertEqual(len(self.front.asked), 1)
        self.assertEqual(self.connect().ask(head + b"b:\r\n\r\n"), refused(HEAD_TOO_LARGE, b"/1"))

    def test_a_length_of_any_number_of_digits_is_too_large(self) -> None:
        """Python itself refuses to read thousands of them."""
        request = b"POST /1 HTTP/1.1\r\nContent-Length: " + b"9" * 900 + b"\r\n\r\n"
        self.assertEqual(self.connect().ask(request), refused(TOO_LARGE, b"/1"))
