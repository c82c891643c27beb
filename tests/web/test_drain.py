"""The end of a site: nothing that was accepted goes without its answer."""

from __future__ import annotations

from mqgate.web.values import BUSY, Reply
from tests.web.world import SiteCase, TLSStringTransport, answer, refused

GET = b"GET /1 HTTP/1.1\r\n\r\n"


class DrainTests(SiteCase):
    """A site that is told to come to an end."""

    def test_a_site_without_connections_is_drained(self) -> None:
        """However often it is told."""
        self.successResultOf(self.site.drain())
        self.successResultOf(self.site.drain())

    def test_idle_connections_are_closed_at_once(self) -> None:
        """Fresh ones and used ones; it ends when they are gone."""
        fresh, used = self.connect(), self.connect()
        used.ask(GET)
        ended = self.site.drain()
        self.assertTrue(fresh.closing and used.closing)
        self.assertEqual(used.received(), b"")
        fresh.lose()
        self.assertNoResult(ended)
        used.lose()
        self.successResultOf(ended)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_requests_under_way_are_answered_and_closed(self) -> None:
        """The answer says so, for clients that would send another one."""
        self.front.wait = True
        polls = [self.connect() for _ in range(20)]
        for poll in polls:
            poll.send(GET)
        ended = self.site.drain()
        self.assertFalse(any(poll.closing for poll in polls))
        for waiting in self.front.waiting:
            waiting.callback(Reply(200, b"none", b"text/plain"))
        for poll in polls:
            self.assertEqual(poll.received(), answer(b"none", close=True))
            self.assertTrue(poll.closing)
            poll.lose()
        self.successResultOf(ended)

    def test_a_request_behind_one_under_way_is_dropped(self) -> None:
        """The client sees from `Connection: close` that it was not begun."""
        self.front.wait = True
        connection = self.connect()
        connection.send(GET + GET)
        self.site.drain()
        self.front.waiting.pop().callback(Reply(200, b"last", b"text/plain"))
        self.assertEqual(connection.received(), answer(b"last", close=True))
        self.assertEqual(len(self.front.asked), 1)

    def test_requests_that_come_too_late_are_refused(self) -> None:
        """Half-read ones, and those of connections that were accepted last."""
        half = self.connect()
        half.send(GET[:5])
        body = self.connect()
        body.send(b"POST /1 HTTP/1.1\r\nContent-Length: 2\r\n\r\na")
        self.site.drain()
        late = self.connect()
        for connection, rest in ((half, GET[5:]), (body, b"b"), (late, GET)):
            self.assertFalse(connection.closing)
            self.assertEqual(connection.ask(rest), refused(BUSY, b"/1"))
            self.assertTrue(connection.closing)
        self.assertEqual(self.front.asked, [])

    def test_what_is_left_after_the_grace_is_aborted(self) -> None:
        """A client must not keep a server from stopping."""
        self.front.wait = True
        poll, slow = self.connect(), self.connect()
        poll.send(GET)
        idle = self.connect()
        slow.send(b"GE")
        lost: list[str] = []
        self.front.asked[0].when_lost(lambda: lost.append("lost"))
        ended = self.site.drain(3)
        self.site.drain(3)
        self.seconds_pass(2.5)
        self.assertFalse(poll.aborted or slow.aborted or idle.aborted)
        self.seconds_pass(1)
        self.assertTrue(poll.aborted and slow.aborted and idle.aborted)
        for connection in (poll, slow, idle):
            self.assertNoResult(ended)
            connection.lose()
        self.successResultOf(ended)
        self.assertEqual(lost, ["lost"])

    def test_lingering_connections_take_a_second_of_the_grace_at_most(self) -> None:
        """Their clients have their answers, and don't look at the connection."""
        before = self.connect(TLSStringTransport())
        before.ask(b"GET / HTTP/1.0\r\n\r\n")
        self.site.drain(5)
        late = self.connect(TLSStringTransport())
        late.ask(GET)
        for connection in (before, late):
            self.assertTrue(connection.closing)
            self.assertFalse(connection.transport.transport.disconnecting)
        self.seconds_pass(2)
        for connection in (before, late):
            self.assertTrue(connection.transport.transport.disconnecting)
            self.assertFalse(connection.aborted)

    def test_an_answer_that_is_going_out_is_not_cut_short(self) -> None:
        """Its connection ends behind it."""
        connection = self.connect(TLSStringTransport())
        connection.ask(GET)
        connection.transport.unsent = 1
        connection.transport.producer.pauseProducing()
        self.site.drain(10)
        self.seconds_pass(3)
        self.assertFalse(connection.transport.transport.disconnecting)
        connection.transport.unsent = 0
        self.seconds_pass(3)
        self.assertTrue(connection.transport.transport.disconnecting)

    def test_an_idle_tls_connection_is_closed_without_its_client(self) -> None:
        """Pools don't look at their idle connections; the end must not wait for theirs."""
        connection = self.connect(TLSStringTransport())
        self.site.drain()
        self.assertTrue(connection.closing)
        self.assertTrue(connection.transport.transport.disconnecting)
