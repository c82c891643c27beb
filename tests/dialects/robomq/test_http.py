"""Statuses, methods, limits, and what browsers ask."""

from __future__ import annotations

import json
from typing import Any, cast

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import capturedLogs, formatEvent

from mqgate.dialects.declaration import Grant, Opening
from mqgate.dialects.robomq import DECLARATION
from mqgate.dialects.robomq.settings import Settings
from mqgate.engine.engine import Engine
from mqgate.engine.errors import (
    InvalidRequest,
    LimitReached,
    NoRoom,
    OperationFailed,
    Overloaded,
    StoreUnavailable,
)
from mqgate.web.front import Front
from mqgate.web.site import GateSite
from mqgate.web.values import (
    BUSY,
    FAILED,
    HEAD_TOO_LARGE,
    INSECURE,
    MALFORMED,
    TOO_LARGE,
    TOO_SLOW,
    Fault,
)
from tests.dialects.robomq.case import (
    AUTHORIZED,
    SECTION,
    Healthy,
    RoboMQCase,
    read_answer,
    request,
)

LIMIT = 48 * 1024
EXPOSED = "X-AMQP-Envelop, X-AMQP-Properties"


class MethodTests(RoboMQCase):
    def test_any_other_method_is_not_allowed(self) -> None:
        for method in ("PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "get", "Post", "BREW"):
            answer = self.ask(method, self.where(), b"")
            self.assert_refused(answer, 405)
            self.assertEqual(answer.headers["Allow"], "GET, POST")

    def test_head_takes_no_message(self) -> None:
        self.published("a")
        answer = self.ask("HEAD", self.where())
        self.assertEqual((answer.status, answer.headers["Allow"]), (405, "GET, POST"))
        self.assertEqual(answer.body, b"")
        self.assertEqual(self.bodies(), ["a"])

    def test_a_request_learns_what_it_asked(self) -> None:
        """For metrics and the access log."""
        seen = Seen()
        site = GateSite(Front([self.door], Healthy()), self.clock, watch=seen)
        self.addCleanup(site.drain)
        self.site = site
        for method in ("POST", "GET", "OPTIONS", "PUT"):
            self.ask(method, self.where(), b"")
        self.ask("GET", "/rest/demo")
        self.assertEqual(
            seen.operations, ["post_message", "get_message", "preflight", "other", "other"]
        )


class Seen:
    """A watch that remembers operations."""

    def __init__(self) -> None:
        self.operations: list[str] = []

    def seconds(self) -> float:
        """See `ClockedWatch`."""
        return 0.0

    def answered(self, asked: Any, *rest: object) -> None:
        """See `Watch`."""
        self.operations.append(asked.operation)

    def refused(self, fault: Fault) -> None:
        """See `Watch`."""


class BrowserTests(RoboMQCase):
    def test_options_needs_no_credentials(self) -> None:
        for path in (self.where(), "/rest/nowhere", "/rest/demo/e//k"):
            answer = self.ask("OPTIONS", path, None, "Origin: https://a.example", who=None)
            self.assertEqual((answer.status, answer.body), (204, b""))
            self.assertEqual(
                answer.headers,
                {
                    "Access-Control-Allow-Origin": "*",
                    "Access-Control-Allow-Methods": "GET, POST",
                    "Access-Control-Allow-Headers": "Authorization, Content-Type, "
                    "X-AMQP-Properties, X-Secret-Token, X-Other-Token",
                    "Access-Control-Expose-Headers": EXPOSED,
                },
            )
        self.assertEqual(self.queue_names(), [])

    def test_every_answer_shows_its_headers_to_scripts(self) -> None:
        self.published("a")
        answers = [
            self.get(), self.get(), self.post("a"), self.post("a", properties="x"),
            self.ask("GET", self.where(), who=None), self.ask("PUT", self.where()),
            self.ask("GET", "/rest/x"), self.client().ask(b"GET /rest/demo HTTP/3\r\n\r\n"),
        ]  # fmt: skip
        statuses = [answer.status for answer in answers]
        self.assertEqual(statuses, [200, 204, 200, 400, 401, 405, 404, 400])
        for answer in answers:
            self.assertEqual(answer.headers["Access-Control-Allow-Origin"], "*")
            self.assertEqual(answer.headers["Access-Control-Expose-Headers"], EXPOSED)


class OneOriginTests(RoboMQCase):
    settings = Settings(allow_origin="https://pages.example")

    def test_the_origin_can_be_configured(self) -> None:
        for answer in (self.get(), self.ask("OPTIONS", self.where(), who=None)):
            allowed = answer.headers["Access-Control-Allow-Origin"]
            self.assertEqual(allowed, "https://pages.example")


class NoOriginTests(RoboMQCase):
    settings = Settings(allow_origin="")

    def test_pages_can_be_kept_out(self) -> None:
        answer = self.ask("OPTIONS", self.where(), who=None)
        self.assertEqual((answer.status, answer.headers), (204, {"Allow": "GET, POST"}))
        self.assertNotIn("Access-Control-Allow-Origin", self.get().headers)


class LimitTests(RoboMQCase):
    def sized(self, size: int) -> str:
        """Properties of so many bytes, which have no ids to be filled in."""
        empty = json.dumps({"messageId": "m", "correlationId": "c", "headers": {"x": ""}})
        return empty.replace('""', f'"{"x" * (size - len(empty))}"')

    def test_properties_of_48_kilobytes_are_taken_and_come_back(self) -> None:
        properties = self.sized(LIMIT)
        self.assertEqual(len(properties), LIMIT)
        self.published("a", properties=properties)
        self.assertEqual(self.get().properties["headers"], json.loads(properties)["headers"])

    def test_longer_properties_are_too_large(self) -> None:
        """A connection is kept as long as all of it could be read."""
        client = self.client()
        header = f"X-AMQP-Properties: {self.sized(LIMIT + 1)}"
        sent = request("POST", self.where(), b"a", AUTHORIZED, header)
        answer = client.ask(sent)
        self.assert_refused(answer, 431, "X-AMQP-Properties is longer than 49152 bytes")
        self.assertEqual(client.ask(request("GET", self.where(), None, AUTHORIZED)).status, 204)

    def test_a_head_that_is_longer_still_is_too_large(self) -> None:
        """Whether its end has come or not, and whichever header makes it so."""
        for header in (f"X-AMQP-Properties: {self.sized(80_000)}", "X: " + "x" * 80_000):
            sent = request("POST", self.where(), b"a", AUTHORIZED, header)
            for data in (sent, sent[:70_000]):
                answer = self.client().ask(data)
                self.assert_refused(answer, 431, "The head is longer than 65536 bytes.")
                self.assertEqual(answer.headers["Connection"], "close")

    def test_what_no_client_could_take_back_is_too_large(self) -> None:
        """Escaped, each of these has three times its bytes; a line of 64 KiB is the most."""
        properties = json.dumps({"headers": {"x": "ä" * 12_000}}, ensure_ascii=False)
        answer = self.ask("POST", self.where(), b"", f"X-AMQP-Properties: {properties}")
        self.assert_refused(answer, 431)
        fewer = properties.replace("ä" * 12_000, "ä" * 10_000)
        answer = self.ask("POST", self.where(), b"", f"X-AMQP-Properties: {fewer}")
        self.assertEqual(answer.status, 200)
        self.assertLess(len(self.get().headers["X-AMQP-Properties"]), 61_440)

    def test_a_body_beyond_the_limit_is_too_large(self) -> None:
        self.assertGreaterEqual(self.door.body_limit, 1 << 20)
        for size in (self.door.body_limit, self.door.body_limit + 1):
            answer = self.ask("POST", self.where(), b"x" * size)
            self.assertEqual(answer.status, 200 if size <= self.door.body_limit else 413)
        self.assert_refused(answer, 413, f"The body is longer than {self.door.body_limit} bytes.")
        self.assertEqual(len(self.get().body), self.door.body_limit)
        self.assertEqual(self.get().status, 204)


class SmallestLimitTests(RoboMQCase):
    settings = Settings(body_bytes=1 << 20)

    def test_a_megabyte_always_passes(self) -> None:
        for size, status in ((1 << 20, 200), ((1 << 20) + 1, 413)):
            self.assertEqual(self.ask("POST", self.where(), b"x" * size).status, status)


class FaultTests(RoboMQCase):
    def test_what_http_turns_down_is_a_line_of_text(self) -> None:
        for kind, status in (
            (MALFORMED, 400), (TOO_LARGE, 413), (HEAD_TOO_LARGE, 431), (INSECURE, 403),
            (TOO_SLOW, 408), (BUSY, 503), (FAILED, 500),
        ):  # fmt: skip
            reply = self.door.refuse(Fault(kind, "Why."))
            self.assertEqual((reply.status, reply.body), (status, b"Why."))
            self.assertEqual(reply.content_type, b"text/plain")

    def test_what_is_no_http_is_refused_in_that_shape(self) -> None:
        data = self.client().send(b"GET /rest/demo/e/q/k HTTP/1.1\r\nContent-Length: x\r\n\r\n")
        self.assert_refused(read_answer(data), 400, "Content-Length is not a number.")


class BrokenEngine:
    """An engine whose every answer is the same."""

    def __init__(self, answer: Deferred[Any]) -> None:
        self._answer = answer

    def take(self, world: int, queue: str, wiring: object) -> Deferred[Any]:
        """See `Engine`."""
        return self._answer


class ErrorTests(RoboMQCase):
    def answer_of(self, broken: Deferred[Any]) -> Any:
        """What a GET is answered when this is what the engine says."""
        engine = cast(Engine, BrokenEngine(broken))
        opening = Opening(engine, Settings(), [Grant(SECTION, self.worlds)])
        front = Front([DECLARATION.open(opening)], Healthy())
        self.site = GateSite(front, self.clock)
        self.addCleanup(self.site.drain)
        return self.ask("GET", self.where() + "?s3cret")

    def test_what_would_lead_beyond_a_limit_is_403(self) -> None:
        error = LimitReached("the limit of 5 queues is reached")
        self.assert_refused(self.answer_of(fail(error)), 403, f"403 ACCESS_REFUSED - {error}")

    def test_a_database_that_cannot_now_is_503(self) -> None:
        for error in (StoreUnavailable("the disk is full"), Overloaded("x"), NoRoom("y")):
            self.assert_refused(self.answer_of(fail(error)), 503, str(error))
        self.assert_refused(self.answer_of(fail(StoreUnavailable())), 503, "Service unavailable")

    def test_what_no_store_could_take_is_400(self) -> None:
        text = "406 PRECONDITION_FAILED - too long"
        self.assert_refused(self.answer_of(fail(InvalidRequest("too long"))), 400, text)

    def test_what_the_engine_could_not_do_is_500_and_not_logged_twice(self) -> None:
        with capturedLogs() as events:
            answer = self.answer_of(fail(OperationFailed("s3cret")))
        self.assert_refused(answer, 500, "Internal server error")
        self.assertEqual(events, [])

    def test_what_nobody_foresaw_is_500_and_logged_without_secrets(self) -> None:
        """An exception's text may quote a body or a token, so it stays out of the log."""
        for broken in (fail(RuntimeError("s3cret")), succeed("s3cret")):
            with capturedLogs() as events:
                answer = self.answer_of(broken)
            self.assert_refused(answer, 500, "Internal server error")
            (event,) = events
            line = formatEvent(event)
            self.assertIn("GET /rest/demo/testEx/testQ/testKey from", line)
            self.assertIn("Error at", line)
            self.assertNotIn("s3cret", line)

    def test_an_exception_in_a_handler_is_answered_too(self) -> None:
        with capturedLogs() as events:
            self.answer_of(succeed(None))
            answer = self.ask("POST", self.where(), b"")
        self.assert_refused(answer, 500, "Internal server error")
        self.assertIn("routes.py", formatEvent(events[-1]))
