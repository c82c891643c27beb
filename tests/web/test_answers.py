"""What a client gets for a request that is in order, to the byte."""

from __future__ import annotations

from twisted.internet.address import IPv6Address, UNIXAddress
from twisted.internet.testing import StringTransport
from twisted.web.http import datetimeToString

from mqgate.web.values import Asked, Reply
from tests.web.world import SiteCase, TLSStringTransport, answer, echo

GET = b"GET /1/projects?n=1 HTTP/1.1\r\nHost: h\r\n\r\n"


class RequestTests(SiteCase):
    """How a request reaches the front."""

    def ask(self, *pieces: bytes) -> Asked:
        """Send one request on a new connection; the front must have got exactly one."""
        self.connect().send(*pieces)
        [asked] = self.front.asked
        return asked

    def test_path_and_query_are_not_decoded(self) -> None:
        """Only the dialect knows what an encoded slash or an empty segment means."""
        asked = self.ask(b"GET /1//a%2Fb;c/?x=%20&y=a?b HTTP/1.1\r\n\r\n")
        self.assertEqual((asked.path, asked.query), (b"/1//a%2Fb;c/", b"x=%20&y=a?b"))

    def test_scheme_and_host_of_an_absolute_target_are_dropped(self) -> None:
        """Clients that believe to speak to a proxy send them (RFC 9112, section 3.2.2)."""
        asked = self.ask(b"GET HTTP://example.org:80/1/a?b HTTP/1.1\r\n\r\n")
        self.assertEqual((asked.path, asked.query), (b"/1/a", b"b"))

    def test_an_absolute_target_without_a_path_means_the_root(self) -> None:
        """As in RFC 9112, section 3.2.2."""
        asked = self.ask(b"GET https://example.org?a HTTP/1.1\r\n\r\n")
        self.assertEqual((asked.path, asked.query), (b"/", b"a"))

    def test_the_target_is_kept_for_those_who_check_signatures(self) -> None:
        """Byte for byte; that a query was there, if an empty one, can be told from it alone."""
        for line, target in (
            (b"/1//a%2Fb?x=%20&y=a?b", b"/1//a%2Fb?x=%20&y=a?b"),
            (b"/a?", b"/a?"),
            (b"http://example.org/a?", b"/a?"),
            (b"http://example.org?b", b"/?b"),
        ):
            self.front.asked.clear()
            asked = self.ask(b"GET %b HTTP/1.1\r\n\r\n" % line)
            self.assertEqual(asked.target, target)

    def test_options_for_the_whole_server_reach_the_front(self) -> None:
        """The front has no door there, and says so."""
        self.assertEqual(self.ask(b"OPTIONS * HTTP/1.1\r\n\r\n").path, b"*")

    def test_bytes_beyond_ascii_may_stand_in_a_path(self) -> None:
        """What they mean is for the dialect to say."""
        self.assertEqual(self.ask(b"GET /1/\xd0\xb9 HTTP/1.1\r\n\r\n").path, b"/1/\xd0\xb9")

    def test_headers_are_found_in_any_case(self) -> None:
        """Old clients send names in lower case."""
        asked = self.ask(b"GET / HTTP/1.1\r\nauthorization:OAuth x \r\nX-A: 1\r\nx-a:\t2\r\n\r\n")
        self.assertEqual(asked.header(b"Authorization"), b"OAuth x")
        self.assertEqual(asked.header(b"X-a"), b"2")
        self.assertEqual(asked.headers.getRawHeaders("X-A"), ["1", "2"])
        self.assertIsNone(asked.header(b"Cookie"))

    def test_a_body_is_passed_on_as_it_is(self) -> None:
        """Neither forms nor content types mean anything here."""
        asked = self.ask(
            b"POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            b"Content-Length: 7\r\n\r\na=b\0&c="
        )
        self.assertEqual(asked.body, b"a=b\0&c=")

    def test_chunks_become_one_body(self) -> None:
        """Extensions and trailers are thrown away."""
        asked = self.ask(
            b"POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n"
            b'3\r\nabc\r\n0A ;x="y z"\r\n0123456789\r\n0\r\nX-T: t\r\n\r\n'
        )
        self.assertEqual(asked.body, b"abc0123456789")

    def test_the_body_may_come_later_than_the_head(self) -> None:
        """In as many pieces as the network likes."""
        asked = self.ask(b"POST / HTTP/1.1\r\nContent-Length: 6\r\n\r\n", b"ab", b"c", b"def")
        self.assertEqual(asked.body, b"abcdef")

    def test_empty_lines_before_a_request_are_skipped(self) -> None:
        """Old clients send one after a body."""
        self.assertEqual(self.ask(b"\r", b"\n", b"\r\n\r\nGET /a HTTP/1.1\r\n\r\n").path, b"/a")

    def test_large_headers_pass(self) -> None:
        """AMQP properties of 48 KiB in one header, the longest that dialects need."""
        asked = self.ask(b"GET / HTTP/1.1\r\nX-AMQP-Properties: " + b"p" * 49152 + b"\r\n\r\n")
        self.assertEqual(len(asked.header(b"X-AMQP-Properties") or b""), 49152)

    def test_it_says_whether_it_came_over_tls(self) -> None:
        """Some dialects are not served in the clear."""
        self.assertFalse(self.ask(GET).secure)
        self.connect(TLSStringTransport()).send(GET)
        self.assertTrue(self.front.asked[-1].secure)

    def test_it_says_where_it_came_from(self) -> None:
        """For logs."""
        self.assertEqual(self.ask(GET).peer, "192.168.1.1:54321")
        self.connect(StringTransport(peerAddress=IPv6Address("TCP", "::1", 7))).send(GET)
        self.assertEqual(self.front.asked[-1].peer, "[::1]:7")
        self.connect(StringTransport(peerAddress=UNIXAddress(b"/s"))).send(GET)
        self.assertIn("/s", self.front.asked[-1].peer)


class AnswerTests(SiteCase):
    """How a reply is written."""

    def reply(self, reply: Reply, request: bytes = GET) -> bytes:
        """What a client gets for a reply."""
        self.front.reply = lambda asked: reply
        return self.connect().ask(request)

    def test_an_answer_is_written_at_once(self) -> None:
        """One write is one packet and one system call."""
        written: list[bytes] = []
        transport = StringTransport()
        transport.write = written.append  # type: ignore[method-assign]
        self.connect(transport).send(GET)
        self.assertEqual(len(written), 1)

    def test_an_answer_has_status_date_type_and_length(self) -> None:
        """And nothing that was not asked for."""
        self.assertEqual(
            self.reply(Reply(201, b"{}")),
            b"HTTP/1.1 201 Created\r\nDate: *\r\nContent-Type: application/json\r\n"
            b"Content-Length: 2\r\n\r\n{}",
        )

    def test_header_names_go_out_as_they_are_spelled(self) -> None:
        """Clients of RocketMQ and RoboMQ look them up in just that case."""
        reply = Reply(200, headers=((b"x-mq-request-id", b"A"), (b"X-AMQP-Envelop", b"{}")))
        self.assertEqual(
            self.reply(reply),
            b"HTTP/1.1 200 OK\r\nDate: *\r\nContent-Type: application/json\r\n"
            b"x-mq-request-id: A\r\nX-AMQP-Envelop: {}\r\nContent-Length: 0\r\n\r\n",
        )

    def test_a_line_break_cannot_get_into_the_headers(self) -> None:
        """A client's text in a header would otherwise become headers of its choice."""
        reply = Reply(200, headers=((b"X-A", b"a\r\nX-B: b\nc\rd"),))
        self.assertIn(b"\r\nX-A: a X-B: b c d\r\n", self.reply(reply))

    def test_no_content_has_no_length_and_no_type(self) -> None:
        """RFC 9110, section 8.6; and a body would be taken for the next answer."""
        for status, reason in ((204, b"No Content"), (304, b"Not Modified")):
            self.assertEqual(
                self.reply(Reply(status, b"ignored")),
                b"HTTP/1.1 %d %s\r\nDate: *\r\n\r\n" % (status, reason),
            )

    def test_a_status_without_a_name_is_sent(self) -> None:
        """The reason phrase means nothing to clients."""
        self.assertTrue(self.reply(Reply(599)).startswith(b"HTTP/1.1 599 Unknown\r\n"))

    def test_head_gets_the_headers_of_the_answer(self) -> None:
        """The length is that of the body that is left out."""
        connection = self.connect()
        whole = answer(b"HEAD /a  ")
        self.assertEqual(
            connection.ask(b"HEAD /a HTTP/1.1\r\n\r\n"),
            whole.partition(b"\r\n\r\n")[0] + b"\r\n\r\n",
        )
        self.assertFalse(connection.closing)

    def test_the_date_is_that_of_the_second(self) -> None:
        """It is made once a second, not for each answer."""
        connection = self.connect()
        for _ in range(3):
            connection.send(GET)
            date = datetimeToString(self.clock.seconds())
            self.assertIn(b"\r\nDate: " + date + b"\r\n", connection.transport.value())
            connection.transport.clear()
            self.clock.advance(1)

    def test_the_connection_is_kept(self) -> None:
        """Whatever the answer was."""
        connection = self.connect()
        for _ in range(3):
            self.assertEqual(connection.ask(GET), answer(b"GET /1/projects n=1 "))
        self.assertFalse(connection.closing)

    def test_a_connection_is_closed_when_the_client_wants_it(self) -> None:
        """What it sends behind that request is not looked at."""
        for options in (b"close", b"keep-alive, Close", b"TE\r\nConnection: close"):
            connection = self.connect()
            got = connection.ask(b"GET /a HTTP/1.1\r\nConnection: %s\r\n\r\n" % options, GET)
            self.assertEqual(got, answer(b"GET /a  ", close=True))
            self.assertTrue(connection.closing)

    def test_http_1_0_gets_its_answer_and_an_end(self) -> None:
        """Its clients know where a body ends by that."""
        connection = self.connect()
        self.assertEqual(
            connection.ask(b"GET /a HTTP/1.0\r\n\r\n"), answer(b"GET /a  ", close=True)
        )
        self.assertTrue(connection.closing)


class LaterAnswerTests(SiteCase):
    """Answers that take their time, and what comes meanwhile."""

    def setUp(self) -> None:
        super().setUp()
        self.front.wait = True
        self.client = self.connect()

    def fire(self, body: bytes) -> None:
        """Give the front's oldest answer."""
        self.front.waiting.pop(0).callback(Reply(200, body, b"text/plain"))

    def test_the_answer_is_written_when_it_is_there(self) -> None:
        """And the connection goes on."""
        self.assertEqual(self.client.ask(GET), b"")
        self.fire(b"late")
        self.assertEqual(self.client.received(), answer(b"late"))
        self.client.send(GET)
        self.fire(b"again")
        self.assertEqual(self.client.received(), answer(b"again"))

    def test_requests_of_one_connection_are_answered_in_order(self) -> None:
        """The second one does not even begin before the first is answered."""
        self.client.send(GET + b"GET /2 HTTP/1.1\r\n\r\n" + b"GET /3 HT", b"TP/1.1\r\n\r\n")
        for path in (b"/1/projects", b"/2", b"/3"):
            self.assertEqual(self.front.asked[-1].path, path)
            self.fire(path)
            self.assertEqual(self.client.received(), answer(path))
        self.assertEqual(len(self.front.asked), 3)

    def test_a_long_pipeline_that_is_answered_at_once_does_not_nest(self) -> None:
        """Thousands of answers would otherwise exhaust the stack."""
        self.client.send(GET)
        self.front.wait = False
        self.client.send(b"GET /a HTTP/1.1\r\n\r\n" * 2000)
        self.fire(b"first")
        self.assertEqual(self.client.received(), answer(b"first") + answer(b"GET /a  ") * 2000)

    def test_a_client_that_sends_too_far_ahead_has_to_wait(self) -> None:
        """What it sends must not pile up here; it goes on once there is an answer."""
        post = b"POST /2 HTTP/1.1\r\nContent-Length: 100\r\n\r\n" + b"x" * 100
        self.client.send(GET, post * 2000)
        self.assertTrue(self.client.reading)
        self.client.send(post * 1000)
        self.assertFalse(self.client.reading)
        self.front.wait = False
        self.front.reply = lambda asked: Reply(204)
        self.fire(b"first")
        self.assertTrue(self.client.reading)
        self.assertEqual(self.client.received().count(b"HTTP/1.1 204"), 3000)

    def test_the_longest_request_may_be_sent_ahead(self) -> None:
        """The body may be as long as any dialect takes, the head as long as we do."""
        head = b"POST /2 HTTP/1.1\r\nX-A: %s\r\nContent-Length: 262144\r\n\r\n" % (b"a" * 65000)
        self.client.send(GET, head + b"x" * 262144)
        self.assertTrue(self.client.reading)

    def test_a_client_that_went_too_far_ahead_before_its_last_answer_is_read_to_its_end(
        self,
    ) -> None:
        """It could lose the answer otherwise."""
        self.client.send(b"GET / HTTP/1.0\r\n\r\n", b"x" * 400_000)
        self.assertFalse(self.client.reading)
        self.fire(b"last")
        self.assertTrue(self.client.reading)
        self.assertEqual(self.client.received(), answer(b"last", close=True))
        self.assertTrue(self.client.closing)


class UnreadAnswerTests(SiteCase):
    """Clients that don't read."""

    def test_no_request_is_begun_while_answers_are_not_read(self) -> None:
        """The transport says so when its buffer is full; answers would pile up in it."""
        client = self.connect()
        transport = client.transport

        def full(asked: Asked) -> Reply:
            transport.producer.pauseProducing()
            return echo(asked)

        self.front.reply = full
        self.assertEqual(
            client.ask(b"GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n"), answer(b"GET /a  ")
        )
        self.assertFalse(client.reading)
        transport.producer.resumeProducing()
        self.assertEqual(client.received(), answer(b"GET /b  "))

    def test_a_pause_in_the_middle_of_an_answer_ends_with_it(self) -> None:
        """TLS may have to wait for the client at any time."""
        self.front.wait = True
        client = self.connect()
        client.send(GET)
        client.transport.producer.pauseProducing()
        self.assertFalse(client.reading)
        client.transport.producer.resumeProducing()
        self.assertTrue(client.reading)

    def test_a_client_that_sent_too_far_ahead_still_has_to_wait(self) -> None:
        """Whatever the transport says of its buffer meanwhile."""
        self.front.wait = True
        client = self.connect()
        client.send(GET, b"x" * 400_000)
        client.transport.producer.pauseProducing()
        client.transport.producer.resumeProducing()
        self.assertFalse(client.reading)
