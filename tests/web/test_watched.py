"""What a site tells the watch that it was given."""

from __future__ import annotations

from typing import cast

from mqgate.web.site import GateSite
from mqgate.web.values import CLIENT_LOST, FAILED, MALFORMED, Asked, Fault, Reply
from tests.web.world import SiteCase, answer


class Notebook:
    """A watch that writes everything down."""

    def __init__(self) -> None:
        self.time = 0.0
        self.told: list[tuple[object, ...]] = []

    def seconds(self) -> float:
        return self.time

    def answered(self, asked: Asked, door: str, status: int, size: int, seconds: float) -> None:
        self.told.append((asked.path, door, asked.operation, status, size, seconds))

    def refused(self, fault: Fault) -> None:
        self.told.append((fault.kind,))


class Clumsy(Notebook):
    """A watch that fails."""

    def answered(self, asked: Asked, door: str, status: int, size: int, seconds: float) -> None:
        raise ValueError("a watch fails")


class WatchedTests(SiteCase):
    def setUp(self) -> None:
        super().setUp()
        self.watch = Notebook()
        self.site = GateSite(self.front, self.clock, self.limits, self.watch)

    def test_an_answer_is_told_with_its_owner_its_size_and_its_time(self) -> None:
        """From the request read whole: how long it takes to arrive is the client's doing."""

        def reply(asked: Asked) -> Reply:
            asked.operation = "look"
            return Reply(201, b"four")

        self.front.reply = reply
        self.front.wait = True
        client = self.connect()
        client.send(b"POST /a?token=s HTTP/1.1\r\nContent-Length: 2\r\n")
        self.watch.time = 5.0
        client.send(b"Host: a\r\n\r\nab")
        self.assertEqual(self.watch.told, [])
        self.watch.time = 7.0
        self.front.waiting[0].callback(reply(self.front.asked[0]))
        self.assertEqual(self.watch.told, [(b"/a", "echo", "look", 201, 4, 2.0)])

    def test_each_request_of_a_connection_is_told_once(self) -> None:
        client = self.connect()
        client.send(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n")
        client.lose()
        self.connections.clear()
        self.assertEqual([told[0] for told in self.watch.told], [b"/a", b"/b"])

    def test_a_client_that_went_is_told_once_and_its_late_answer_is_not(self) -> None:
        self.front.wait = True
        client = self.connect()
        client.send(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
        client.lose()
        self.connections.clear()
        self.front.waiting[0].callback(Reply(200, b"late"))
        self.assertEqual(self.watch.told, [(b"/a", "echo", "other", CLIENT_LOST, 0, 0.0)])

    def test_what_is_turned_down_is_told_by_its_kind(self) -> None:
        self.connect().send(b"nonsense\r\n\r\n")
        self.assertEqual(self.watch.told, [(MALFORMED,)])

    def test_a_handler_that_fails_is_told_as_both(self) -> None:
        self.front.wait = True
        self.connect().send(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
        self.front.waiting[0].errback(ValueError("a handler fails"))
        self.assertEqual([told[0] for told in self.watch.told], [FAILED, b"/a"])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_a_watch_that_fails_disturbs_nobody(self) -> None:
        self.site = GateSite(self.front, self.clock, self.limits, Clumsy())
        client = self.connect()
        for _ in range(2):
            received = client.ask(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(received, answer(b"GET /a  "))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 2)

    def test_without_a_watch_requests_are_plain_ones(self) -> None:
        site = GateSite(self.front, self.clock, self.limits)
        self.assertEqual(cast(type, site.request).__name__, "GateRequest")
