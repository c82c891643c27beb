"""Clients that go before they are answered, and handlers that fail."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.testing import StringTransport

from mqgate.web.values import FAILED, Asked, Reply
from tests.web.world import SiteCase, answer, refused

GET = b"GET /1?oauth=secret HTTP/1.1\r\nAuthorization: secret\r\n\r\n"


class LostClientTests(SiteCase):
    """The connection is lost while the request is being answered."""

    def setUp(self) -> None:
        super().setUp()
        self.front.wait = True
        self.client = self.connect()
        self.calls: list[str] = []
        self.client.send(GET)
        [self.asked] = self.front.asked
        self.reply = Reply(200, b"x", unsent=lambda: self.calls.append("unsent"))

    def test_the_handler_hears_of_it_at_once(self) -> None:
        """So that its wait takes nothing for a client that is not there."""
        self.asked.when_lost(lambda: self.calls.append("lost"))
        self.assertEqual(self.calls, [])
        self.client.lose()
        self.assertEqual(self.calls, ["lost"])

    def test_the_reply_is_undone_and_not_written(self) -> None:
        """Once, and without a word in the log."""
        self.client.lose()
        self.front.waiting[0].callback(self.reply)
        self.assertEqual(self.calls, ["unsent"])
        self.assertEqual(self.client.received(), b"")

    def test_a_reply_that_the_loss_itself_brings_about_is_undone(self) -> None:
        """A wait that is cancelled ends at once, with an empty reply."""
        self.asked.when_lost(lambda: self.front.waiting[0].callback(self.reply))
        self.client.lose()
        self.assertEqual(self.calls, ["unsent"])

    def test_a_reply_that_cannot_be_undone_is_forgotten(self) -> None:
        """Most have nothing to undo."""
        self.client.lose()
        self.front.waiting[0].callback(Reply(200))
        self.assertEqual(self.client.received(), b"")

    def test_a_wait_that_was_cancelled_is_no_error(self) -> None:
        """The handler did what it was asked to do."""
        self.asked.when_lost(self.front.waiting[0].cancel)
        self.client.lose()
        self.assertEqual(self.flushLoggedErrors(CancelledError), [])

    def test_a_handler_that_fails_at_the_loss_is_logged(self) -> None:
        """And disturbs nobody."""
        self.asked.when_lost(lambda: 1 / 0)
        self.client.lose()
        self.front.waiting[0].callback(Reply(200, unsent=lambda: 1 / 0))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_all_calls_are_made_though_one_fails(self) -> None:
        """One of them ends the wait."""
        self.asked.when_lost(lambda: 1 / 0)
        self.asked.when_lost(lambda: self.calls.append("lost"))
        self.client.lose()
        self.assertEqual(self.calls, ["lost"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_poller_that_sends_far_ahead_is_dropped(self) -> None:
        """Nothing more would be read before its answer, so that its end would not be noticed."""
        self.assertFalse(self.asked.waits)
        self.asked.when_lost(lambda: self.calls.append("lost"))
        self.assertTrue(self.asked.waits)
        self.client.send(b"x" * 300_000)
        self.assertFalse(self.client.aborted)
        self.client.send(b"x" * 300_000)
        self.assertTrue(self.client.aborted)
        self.front.waiting[0].callback(self.reply)
        self.assertEqual((self.calls, self.client.received()), (["unsent"], b""))

    def test_a_client_that_was_far_ahead_when_its_wait_began_is_dropped_too(self) -> None:
        """Some handlers look something up before they wait."""
        self.client.send(b"x" * 600_000)
        self.assertFalse(self.client.aborted or self.client.reading)
        self.asked.when_lost(lambda: self.calls.append("lost"))
        self.assertTrue(self.client.aborted)
        self.client.lose()
        self.assertEqual(self.calls, ["lost"])

    def test_a_wait_that_begins_after_the_answer_drops_nobody(self) -> None:
        """Nothing is held back any more."""
        self.client.send(b"\r\n" * 300_000)
        self.front.waiting[0].callback(self.reply)
        self.asked.when_lost(lambda: self.calls.append("lost"))
        self.assertFalse(self.client.aborted)
        self.assertEqual(self.calls, [])

    def test_a_reply_after_an_abort_is_undone(self) -> None:
        """The transport tells of its end a turn later; the answer may come before."""
        self.client.channel.abort()
        self.front.waiting[0].callback(self.reply)
        self.assertEqual((self.calls, self.client.received()), (["unsent"], b""))
        self.client.lose()
        self.assertEqual(self.calls, ["unsent"])

    def test_a_reply_that_finds_the_socket_dead_is_undone(self) -> None:
        """The kernel may know before the reactor does."""
        self.client.transport.write = lambda data: False
        self.front.waiting[0].callback(self.reply)
        self.client.lose()
        self.assertEqual(self.calls, ["unsent"])

    def test_a_wait_that_begins_after_the_loss_is_ended_at_once(self) -> None:
        self.asked.client_lost()
        self.asked.when_lost(lambda: self.calls.append("lost"))
        self.assertEqual(self.calls, ["lost"])

    def test_an_answered_request_is_not_lost(self) -> None:
        """What was written is the client's."""
        self.asked.when_lost(lambda: self.calls.append("lost"))
        self.front.waiting[0].callback(self.reply)
        self.client.lose()
        self.assertEqual(self.calls, [])

    def test_requests_behind_a_lost_one_do_not_begin(self) -> None:
        """Nobody is there to be answered."""
        self.client.send(GET)
        self.client.lose()
        self.front.waiting[0].callback(self.reply)
        self.assertEqual(len(self.front.asked), 1)


class FailingFrontTests(SiteCase):
    """A front that does what it must not."""

    def fail_now(self, asked: Asked) -> Reply:
        """A handler's mistake."""
        raise ZeroDivisionError("A handler's mistake.")

    def test_the_client_gets_an_answer_without_the_reason(self) -> None:
        """And the connection goes on."""
        self.front.reply = self.fail_now
        connection = self.connect()
        self.assertEqual(connection.ask(GET), refused(FAILED, b"/1", close=False))
        [failure] = self.flushLoggedErrors(ZeroDivisionError)
        self.assertFalse(connection.closing)
        self.assertNotIn("secret", failure.getTraceback())

    def test_a_failure_that_comes_later_is_answered_too(self) -> None:
        """Also if the handler cancelled itself."""
        self.front.wait = True
        for error in (ZeroDivisionError, CancelledError):
            connection = self.connect()
            connection.send(GET)
            self.front.waiting.pop().errback(error())
            self.assertEqual(connection.received(), refused(FAILED, b"/1", close=False))
            self.assertEqual(len(self.flushLoggedErrors(error)), 1)

    def test_a_failure_after_the_client_has_gone_is_logged(self) -> None:
        """It is still a mistake."""
        self.front.wait = True
        connection = self.connect()
        connection.send(GET)
        connection.lose()
        self.front.waiting.pop().errback(ZeroDivisionError())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_reply_that_cannot_be_written_ends_the_connection(self) -> None:
        """There is nothing else that its client could be told; what it was for is undone."""
        undone: list[str] = []
        bad = Reply(200, "text", unsent=lambda: undone.append("unsent"))  # type: ignore[arg-type]
        self.front.reply = lambda asked: bad
        self.front.waiting = _Fired(bad)
        for self.front.wait in (False, True):
            connection = self.connect()
            self.assertEqual(connection.ask(GET), b"")
            self.assertTrue(connection.aborted)
            self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)
        self.assertEqual(undone, ["unsent"] * 2)

    def test_an_answer_that_is_there_already_is_written_at_once(self) -> None:
        """A Deferred need not have waited."""
        connection = self.connect()
        self.front.wait = True
        self.front.waiting = _Fired(Reply(200, b"x", b"text/plain"))
        self.assertEqual(connection.ask(GET + GET), answer(b"x") * 2)

    def test_a_transport_that_cannot_be_read_is_not_asked_for_more(self) -> None:
        """A lost connection ignores what its transport may still deliver."""
        connection = self.connect(StringTransport())
        connection.lose()
        connection.send(GET)
        self.assertEqual(self.front.asked, [])


class _Fired(list[Deferred[Reply]]):
    """Takes Deferreds and fires them."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self._reply = reply

    def append(self, waiting: Deferred[Reply]) -> None:
        """Fire it first."""
        waiting.callback(self._reply)
        super().append(waiting)
