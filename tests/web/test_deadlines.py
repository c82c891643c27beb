"""Clients that take too long, and those that may take their time."""

from __future__ import annotations

from typing import Any

from twisted.internet.testing import StringTransport

from mqgate.web.values import TOO_SLOW, Reply
from tests.web.world import Connection, SiteCase, answer, refused

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

    def test_a_closed_connection_that_does_not_go_is_aborted(self) -> None:
        """Such as one whose client is gone from the net."""
        connection = self.connect()
        connection.ask(b"GET /1 HTTP/1.0\r\n\r\n")
        self.assertTrue(connection.closing)
        self.assert_ends_after(60, connection, "aborted")

    def test_no_timer_is_left_when_the_last_connection_has_gone(self) -> None:
        """One sweep serves all; none is needed for nobody."""
        first, second = self.connect(), self.connect()
        first.send(b"GET")
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        first.lose()
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        second.lose()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class BufferedTransport(StringTransport):
    """A transport that shows, as TCP connections do, what the client has not taken yet."""

    producer: Any
    dataBuffer = b""
    offset = 0

    def write(self, data: bytes) -> None:
        """Nothing of this is taken, and it is too much to go on."""
        super().write(data)
        self.dataBuffer = data
        self.producer.pauseProducing()


class UnreadTests(SiteCase):
    """Clients that do not read their answers."""

    def setUp(self) -> None:
        super().setUp()
        self.transport = BufferedTransport()
        self.connection = self.connect(self.transport)

    def test_a_client_that_takes_nothing_is_aborted_after_a_minute(self) -> None:
        """It would hold its answer in our memory."""
        self.connection.send(GET)
        self.seconds_pass(58.5)
        self.assertFalse(self.connection.aborted)
        self.seconds_pass(3)
        self.assertTrue(self.connection.aborted)

    def test_a_client_that_takes_a_little_now_and_then_is_left_alone(self) -> None:
        """It may be at the end of a thin line."""
        self.connection.send(GET)
        for _ in range(10):
            self.seconds_pass(50)
            self.transport.offset += 1
        self.assertFalse(self.connection.aborted)
        self.transport.producer.resumeProducing()
        self.seconds_pass(70)
        self.assertFalse(self.connection.closing)
        self.seconds_pass(10)
        self.assertTrue(self.connection.closing)

    def test_a_client_that_takes_its_last_answer_slowly_is_left_alone(self) -> None:
        """Also when its connection is closed behind that answer."""
        self.connection.send(b"GET / HTTP/1.0\r\n\r\n")
        self.assertTrue(self.connection.closing)
        for _ in range(10):
            self.seconds_pass(50)
            self.transport.offset += 1
        self.assertFalse(self.connection.aborted)
        self.seconds_pass(130)
        self.assertTrue(self.connection.aborted)

    def test_a_refusal_that_finds_no_room_is_lingered_over(self) -> None:
        """What the client still sends has to be read, or its end would be a reset."""
        self.connection.send(b"GET\r\n\r\n")
        self.assertTrue(self.connection.closing)
        self.assertTrue(self.connection.reading)
