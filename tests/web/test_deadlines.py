"""Clients that take too long, and those that may take their time."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs, formatEvent

from mqgate.web.front import Front
from mqgate.web.limits import HTTPLimits
from mqgate.web.values import BUSY, TOO_SLOW, Reply
from tests.web.world import Connection, SiteCase, TLSStringTransport, answer, refused

GET = b"GET /1 HTTP/1.1\r\n\r\n"


class DeadlineTests(SiteCase):
    """The limits as they are by default. The sweep may be late by a second."""

    def assert_ends_after(self, seconds: float, connection: Connection, attribute: str) -> None:
        """The connection must become ``closing`` or ``aborted`` then and no sooner."""
        self.seconds_pass(seconds - 1.5)
        self.assertFalse(getattr(connection, attribute))
        self.seconds_pass(2.5)
        self.assertTrue(getattr(connection, attribute))

    def test_an_idle_connection_is_closed_silently(self) -> None:
        """Whether it has ever had a request or not."""
        fresh = self.connect()
        self.assert_ends_after(75, fresh, "closing")
        used = self.connect()
        used.ask(GET)
        self.assert_ends_after(75, used, "closing")
        self.assertEqual(fresh.received() + used.received(), b"")
        self.assertEqual(self.front.faults, [])

    def test_each_request_begins_a_new_time_of_rest(self) -> None:
        """A connection that is used now and then lives on."""
        connection = self.connect()
        for _ in range(3):
            self.seconds_pass(70)
            self.assertEqual(connection.ask(GET), answer(b"GET /1  "))
        self.assertFalse(connection.closing)

    def test_an_empty_line_begins_no_request(self) -> None:
        """A client that sends one after a body must not be told that it is slow."""
        connection = self.connect()
        connection.send(GET + b"\r\n")
        connection.received()
        self.assert_ends_after(75, connection, "closing")
        self.assertEqual(connection.received(), b"")

    def test_a_head_has_ten_seconds(self) -> None:
        """From its first byte, however busily it trickles."""
        connection = self.connect()
        self.seconds_pass(60)
        connection.send(b"GET /1 HTTP/1.1\r\n")
        self.seconds_pass(4)
        connection.send(b"X-A: b")
        self.assert_ends_after(6, connection, "closing")
        self.assertEqual(connection.received(), refused(TOO_SLOW, b"/1"))

    def test_a_request_line_that_never_ends_is_refused_in_no_shape(self) -> None:
        """Its path may be cut off anywhere; this one was not begun."""
        connection = self.connect()
        connection.send(b"GE")
        self.assert_ends_after(10, connection, "closing")
        self.assertEqual(connection.received(), refused(TOO_SLOW))

    def test_a_whole_request_has_a_minute(self) -> None:
        """From the first byte of its head, of a known length or in chunks."""
        for head in (b"Content-Length: 100\r\n", b"Transfer-Encoding: chunked\r\n"):
            connection = self.connect()
            connection.send(b"POST /1 HTTP/1.1\r\n")
            self.seconds_pass(5)
            connection.send(head + b"\r\n")
            for _ in range(5):
                self.seconds_pass(10)
                connection.send(b"1")
            self.assert_ends_after(5, connection, "closing")
            self.assertEqual(connection.received(), refused(TOO_SLOW, b"/1"))

    def test_a_request_behind_another_has_its_own_time(self) -> None:
        """It begins when the one before it is answered."""
        self.front.wait = True
        connection = self.connect()
        connection.send(GET + b"GET /2 HTTP/1.1\r\n")
        self.seconds_pass(300)
        self.front.waiting.pop().callback(Reply(204))
        connection.received()
        self.assert_ends_after(10, connection, "closing")
        self.assertEqual(connection.received(), refused(TOO_SLOW, b"/2"))

    def test_a_long_poll_is_left_alone(self) -> None:
        """The handler knows how long it may take."""
        self.front.wait = True
        connection = self.connect()
        connection.send(GET)
        self.seconds_pass(1000)
        self.front.waiting.pop().callback(Reply(200, b"late", b"text/plain"))
        self.assertEqual(connection.received(), answer(b"late"))
        self.assert_ends_after(75, connection, "closing")

    def test_a_connection_is_closed_some_time_after_its_last_answer(self) -> None:
        """Whatever its client does; by then, it has had time to find the answer."""
        connection = self.connect(TLSStringTransport())
        connection.ask(b"GET /1 HTTP/1.0\r\n\r\n")
        connection.send(b"\r\n")
        self.seconds_pass(3.5)
        self.assertFalse(connection.transport.transport.disconnecting)
        self.seconds_pass(2.5)
        self.assertTrue(connection.transport.transport.disconnecting)
        self.assertFalse(connection.aborted)

    def test_a_closed_connection_that_does_not_go_is_aborted(self) -> None:
        """Such as one whose client is gone from the net."""
        connection = self.connect()
        self.assert_ends_after(75, connection, "closing")
        self.assert_ends_after(60, connection, "aborted")

    def test_a_tls_handshake_has_no_longer_than_a_head(self) -> None:
        """However busily it trickles: that is below us."""
        connection = self.connect(TLSStringTransport())
        self.assert_ends_after(10, connection, "closing")

    def test_after_its_handshake_a_tls_connection_may_rest(self) -> None:
        """Like any other."""
        connection = self.connect(TLSStringTransport())
        self.seconds_pass(5)
        self.assertTrue(IHandshakeListener.providedBy(connection.channel))
        connection.channel.handshakeCompleted()
        self.assert_ends_after(75, connection, "closing")

    def test_a_connection_that_fails_at_its_deadline_is_aborted(self) -> None:
        """The deadlines of the others are kept."""
        connections = [self.connect() for _ in range(3)]
        connections[1].transport.unregisterProducer = lambda: 1 / 0
        self.seconds_pass(76.5)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertTrue(connections[0].closing and connections[2].closing)
        self.assertTrue(connections[1].transport.disconnected)

    def test_no_timer_is_left_when_the_last_connection_has_gone(self) -> None:
        """One sweep serves all; none is needed for nobody."""
        first, second = self.connect(), self.connect()
        first.send(b"GET")
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        first.lose()
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        second.lose()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class FullTransport(StringTransport):
    """A transport whose client takes what it is given to take."""

    producer: Any
    unsent = 0
    taken = 0

    def write(self, data: bytes) -> None:
        """Nothing of this is taken at once."""
        super().write(data)
        self.unsent += len(data)
        if self.producer is not None:
            self.producer.pauseProducing()

    def take(self, count: int) -> None:
        """Have the client take so many bytes."""
        self.taken += count
        self.unsent -= count
        if not self.unsent and self.producer is not None:
            self.producer.resumeProducing()


class UnreadTests(SiteCase):
    """Clients that do not read their answers."""

    def setUp(self) -> None:
        super().setUp()
        self.front.reply = lambda asked: Reply(200, b"x" * 1_000_000)
        self.transport = FullTransport()
        self.connection = self.connect(self.transport)

    def take(self, count: int, seconds: int) -> None:
        """Have the client take so many bytes in each of so many seconds, and not be aborted."""
        for _ in range(seconds):
            self.transport.take(count)
            self.seconds_pass(1)
        self.assertFalse(self.connection.aborted)

    def test_a_client_that_takes_nothing_is_aborted_after_a_minute(self) -> None:
        """It would hold its answer in our memory."""
        self.connection.send(GET)
        self.take(0, 59)
        self.seconds_pass(2)
        self.assertTrue(self.connection.aborted)

    def test_a_client_that_takes_nothing_more_is_aborted_after_a_minute(self) -> None:
        """However much it took before."""
        self.connection.send(GET)
        self.take(100_000, 5)
        self.take(0, 58)
        self.seconds_pass(2)
        self.assertTrue(self.connection.aborted)

    def test_a_client_that_takes_too_little_is_aborted_after_a_minute(self) -> None:
        """A byte now and then would hold the answer for ever."""
        self.connection.send(GET)
        self.take(1000, 59)
        self.seconds_pass(2)
        self.assertTrue(self.connection.aborted)

    def test_a_client_that_takes_its_answer_slowly_is_left_alone(self) -> None:
        """It may be at the end of a thin line. Its time of rest begins when it has taken all."""
        self.connection.send(GET)
        self.take(1100, 300)
        self.transport.take(self.transport.unsent)
        self.assertTrue(self.connection.reading)
        self.seconds_pass(73)
        self.assertFalse(self.connection.closing)
        self.seconds_pass(3)
        self.assertTrue(self.connection.closing)

    def test_a_client_that_takes_its_last_answer_slowly_is_left_alone(self) -> None:
        """The time to linger begins when it has taken all."""
        self.connection.send(b"GET / HTTP/1.0\r\n\r\n")
        self.take(1100, 300)
        self.transport.take(self.transport.unsent)
        self.connection.send(b"\r\n")
        self.seconds_pass(60)
        self.assertFalse(self.connection.aborted)
        self.seconds_pass(10)
        self.assertTrue(self.connection.aborted)

    def test_a_client_that_takes_nothing_of_its_last_answer_is_aborted(self) -> None:
        """As of any other."""
        self.connection.send(b"GET / HTTP/1.0\r\n\r\n")
        self.take(0, 59)
        self.seconds_pass(2)
        self.assertTrue(self.connection.aborted)

    def test_a_body_goes_on_after_a_pause(self) -> None:
        """Its client was slow to take the word that it should send it."""
        self.connection.send(
            b"POST /1 HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        )
        self.seconds_pass(30)
        self.transport.take(self.transport.unsent)
        self.seconds_pass(28)
        self.assertFalse(self.connection.closing)
        self.seconds_pass(3)
        self.assertTrue(self.connection.closing)

    def test_a_refusal_that_finds_no_room_is_lingered_over(self) -> None:
        """What the client still sends has to be read, or its end would be a reset."""
        self.connection.send(b"GET\r\n\r\n")
        self.assertTrue(self.connection.closing)
        self.assertTrue(self.connection.reading)


class MemoryTests(SiteCase):
    """What waits for all clients together."""

    limits = HTTPLimits(unsent_bytes=1000)

    def test_requests_are_refused_while_too_much_waits(self) -> None:
        """Until clients have taken some, or gone; the connections stay."""
        slow = [self.connect(FullTransport()) for _ in range(2)]
        other = self.connect()
        self.front.reply = lambda asked: Reply(200, b"x" * 600)
        for way_out in (lambda: slow[0].transport.take(slow[0].transport.unsent), slow[1].lose):
            for connection in slow:
                connection.ask(GET)
            self.assertEqual(other.ask(GET), refused(BUSY, b"/1", close=False))
            way_out()
            self.assertIn(b"200 OK", other.ask(GET))

    def test_what_was_taken_meanwhile_does_not_count(self) -> None:
        """It is looked at once a second."""
        slow, other = self.connect(FullTransport()), self.connect()
        self.front.reply = lambda asked: Reply(200, b"x" * 2000)
        slow.send(GET)
        slow.transport.take(1500)
        self.assertIn(b"busy", other.ask(GET))
        self.seconds_pass(1)
        self.assertIn(b"200 OK", other.ask(GET))


class ProbedTests(SiteCase):
    """A server that can take no more upon itself is alive, and not ready."""

    limits = HTTPLimits(unsent_bytes=1000)

    def probe(self, path: bytes) -> bytes:
        return self.connect().ask(b"GET %s HTTP/1.1\r\n\r\n" % path)

    def assert_alive_and_not_ready(self, reason: bytes) -> None:
        self.assertIn(b"200 OK", self.probe(b"/healthz"))
        refusal = self.probe(b"/readyz")
        self.assertIn(b"503 Service Unavailable", refusal)
        self.assertIn(reason, refusal)

    def setUp(self) -> None:
        super().setUp()
        self.site.front = Front([], self)

    def ready(self) -> str | None:
        return None

    def test_beyond_what_may_wait(self) -> None:
        self.site.owe(1001)
        self.assert_alive_and_not_ready(b"Too many answers wait")
        self.site.owe(-1)
        self.assertIn(b"200 OK", self.probe(b"/readyz"))

    def test_while_it_stops(self) -> None:
        self.connect().send(b"GET /")
        self.site.drain()
        self.assert_alive_and_not_ready(b"The server is stopping")


class CrowdTests(SiteCase):
    """More connections than are let in."""

    limits = HTTPLimits(connections=2)

    def test_one_too_many_is_dropped(self) -> None:
        """At once, so that it costs nothing; another may come when one has gone."""
        with capturedLogs() as events:
            first, second = self.connect(), self.connect()
            for _ in range(3):
                third = self.connect()
                self.assertTrue(third.aborted)
                self.assertEqual(third.ask(GET), b"")
                third.lose()
        told = [formatEvent(event) for event in events]
        self.assertEqual(told, ["More than 2 connections: dropped"])
        second.lose()
        self.assertFalse(first.aborted or self.connect().aborted)
