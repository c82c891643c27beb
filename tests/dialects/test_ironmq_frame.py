"""Paths, verbs, status codes and errors (section 1 of the specification)."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from zope.interface import provider

from mqgate.dialects.declaration import Grant, Opening
from mqgate.dialects.ironmq import DECLARATION
from mqgate.dialects.ironmq.settings import Namespace, Settings
from mqgate.engine.engine import Engine
from mqgate.engine.errors import (
    InvalidRequest,
    LimitReached,
    NoRoom,
    OperationFailed,
    Overloaded,
    StoreUnavailable,
)
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
from tests.dialects.ironmq_case import (
    PROJECT,
    TOKEN,
    Answer,
    IronMQCase,
    asking,
    authorized,
)

#: Every path of a pull queue below a project, and the verbs it takes.
ENDPOINTS = {
    "queues": "GET",
    "queues/q": "GET, POST, DELETE",
    "queues/q/clear": "POST",
    "queues/q/messages": "GET, POST, DELETE",
    "queues/q/messages/peek": "GET",
    "queues/q/messages/webhook": "POST",
    "queues/q/messages/1": "GET, DELETE",
    "queues/q/messages/1/touch": "POST",
    "queues/q/messages/1/release": "POST",
}


class PathTests(IronMQCase):
    def test_it_owns_every_version_number(self) -> None:
        """Clients of other versions are to get a 404 that they can read."""
        for segment in (b"1", b"3", b"2", b"10"):
            self.assertTrue(self.dialect.owns(segment), segment)
        for segment in (b"", b"v1", b"rest", b"topics", b"1a", b"-1", "\u0661".encode()):
            self.assertFalse(self.dialect.owns(segment), segment)

    def test_other_versions_are_not_found(self) -> None:
        """Without a look at the token: version 3 has other rules."""
        for path in ("/3/projects/p/queues/q", "/2", "/01/projects/p/queues", "/11/"):
            self.assert_refused(self.send(asking("GET", path)).answer(), 404, "Not found")

    def test_unknown_endpoints_are_not_found(self) -> None:
        """Text as in the vendor's issues (PHP client)."""
        for path in (
            "/1", "/1/", "/1/projects", "/1/projects/", "/1/tokens", "/1/x/y/queues",
            f"/1/projects/{PROJECT}", f"/1/projects/{PROJECT}/", f"/1/projects/{PROJECT}/caches",
            f"/1/projects/{PROJECT}/queues//messages", f"/1/projects/{PROJECT}/queues//",
            f"/1/projects/{PROJECT}/queues/q/nothing", f"/1/projects/{PROJECT}/Queues",
            f"/1/projects/{PROJECT}/queues/q/messages/1/nothing",
            f"/1/projects/{PROJECT}/queues/q/messages/1/touch/x",
            f"/1/projects/{PROJECT}/queues/q/messages/peek/touch",
            f"/1/projects/{PROJECT}/queues/q/messages//touch",
        ):  # fmt: skip
            answer = self.send(asking("GET", path, headers=authorized())).answer()
            self.assert_refused(answer, 404, "Not found")

    def test_every_path_works_with_a_slash_at_its_end(self) -> None:
        """The seed writes ``/alerts/``, clients do not."""
        body: Any = {"messages": [{"body": "b"}]}
        self.assertEqual(self.call("POST", "queues/q/messages/", body).status, 201)
        for path in ("queues/", "queues/q/", "queues/q/messages/", "queues/q/messages/peek/"):
            self.assertEqual(self.call("GET", path).status, 200, path)

    def test_names_are_stored_and_returned_decoded(self) -> None:
        """A queue of the Go client's tests is called ``MyProject - Prod``."""
        for encoded, name in (
            ("MyProject%20-%20Prod", "MyProject - Prod"),
            ("a%2Fb", "a/b"),
            ("a%2fb%3F%23%5B%5D%25", "a/b?#[]%"),
            ("!*'();:@&=+$,", "!*'();:@&=+$,"),
            ("K%C3%A4se%20%F0%9F%98%80", "Käse 😀"),
            ("Käse 😀", "Käse 😀"),
            ("..", ".."),
            ("%2e", "."),
            ("messages", "messages"),
            ("x" * 1000, "x" * 1000),
        ):
            self.post("b", queue=encoded)
            answer = self.call("GET", f"queues/{encoded}")
            self.assertEqual((answer.status, answer.json["name"]), (200, name))

    def test_names_that_are_no_text_are_refused(self) -> None:
        for name in ("%ff", "%00", "a%00b", "%ed%a0%80"):
            for path in (f"queues/{name}", f"queues/{name}/messages", f"queues/q/messages/{name}"):
                self.assert_refused(self.call("GET", path), 400)


class VerbTests(IronMQCase):
    def test_a_request_learns_what_it_asked(self) -> None:
        """For metrics and the access log; one that is turned down first does not."""
        for method, below, operation in [
            ("POST", "queues/q/messages", "post_messages"),
            ("GET", "queues/q/messages/peek", "peek_messages"),
            ("PUT", "queues/q", "other"),
            ("GET", "nothing", "other"),
        ]:
            request = self.begin(method, below)
            self.assertEqual(request.asked.operation, operation)

    def test_a_wrong_verb_is_not_allowed(self) -> None:
        """405 (seed), with the verbs that are (HTTP)."""
        for path, allowed in ENDPOINTS.items():
            for verb in ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "get"):
                if verb not in allowed.split(", "):
                    answer = self.call(verb, path)
                    self.assert_refused(answer, 405, "Method not allowed")
                    self.assertEqual(answer.reply.headers, ((b"Allow", allowed.encode()),))

    def test_all_right_verbs_lead_somewhere(self) -> None:
        for path, allowed in ENDPOINTS.items():
            for verb in allowed.split(", "):
                self.assertNotEqual(self.call(verb, path).status, 405, (verb, path))


class PostStatusTests(IronMQCase):
    def posts(self, **headers: str) -> set[int]:
        """The statuses of every kind of POST there is."""
        first = self.call("POST", "queues/q/messages", {"messages": [{"body": "b"}]}, headers)
        message = f"queues/q/messages/{first.json['ids'][0]}"
        return {
            first.status,
            self.call("POST", "queues/q/messages/webhook", b"x", headers).status,
            self.call("POST", f"{message}/touch", b"", headers).status,
            self.call("POST", f"{message}/release", {}, headers).status,
            self.call("POST", "queues/q", {}, headers).status,
            self.call("POST", "queues/q/clear", b"", headers).status,
        }

    def test_a_successful_post_is_created(self) -> None:
        """201 in the seed's table."""
        self.assertEqual(self.posts(), {201})
        self.assertEqual(self.posts(**{"User-Agent": "iron_mq_python (version: 0.7)"}), {201})

    def test_the_java_client_gets_200_and_nothing_else(self) -> None:
        """It raises on anything but exactly 200 (Client.java)."""
        for agent in ("IronMQ Java Client", "IronMQ Java Client/0.0.18"):
            self.assertEqual(self.posts(**{"User-Agent": agent}), {200})

    def test_other_verbs_are_200(self) -> None:
        (message,) = self.post("b")
        for verb, path, body in (
            ("GET", "queues", b""),
            ("GET", "queues/q", b""),
            ("GET", "queues/q/messages", b""),
            ("GET", "queues/q/messages/peek", b""),
            ("GET", f"queues/q/messages/{message}", b""),
            ("DELETE", f"queues/q/messages/{message}", b""),
            ("DELETE", "queues/q/messages", {"ids": ["1"]}),
            ("DELETE", "queues/q", b""),
        ):
            self.assertEqual(self.call(verb, path, body).status, 200, (verb, path))


class HostedPostStatusTests(PostStatusTests):
    """With the setting for clients that know the hosted service's 200."""

    settings = Settings(post_status=200)

    def test_a_successful_post_is_created(self) -> None:
        self.assertEqual(self.posts(), {200})


class FaultTests(IronMQCase):
    def test_what_http_turns_down_has_the_dialects_form(self) -> None:
        """Never 408 or 413: Node retries the one, and the seed knows 403 for limits."""
        for kind, status in (
            (MALFORMED, 400), (TOO_LARGE, 403), (HEAD_TOO_LARGE, 403), (INSECURE, 403),
            (TOO_SLOW, 400), (BUSY, 503), (FAILED, 500),
        ):  # fmt: skip
            reply = self.dialect.refuse(Fault(kind, "why"))
            self.assertEqual((reply.status, reply.body), (status, b'{"msg":"why"}'))
            self.assertEqual(reply.content_type, b"application/json")

    def test_a_request_may_have_256_kilobytes(self) -> None:
        self.assertEqual(self.dialect.body_limit, 262_144)


class BrokenEngine:
    """An engine whose every answer to ``info`` is the same."""

    def __init__(self, answer: Deferred[Any]) -> None:
        self._answer = answer

    def info(self, world: int, queue: str) -> Deferred[Any]:
        return self._answer


class ErrorTests(IronMQCase):
    def answer_of(self, broken: Deferred[Any]) -> Answer:
        engine = cast(Engine, BrokenEngine(broken))
        section = Namespace(projects=[PROJECT], tokens=[TOKEN])
        grants = [Grant(section, {PROJECT: 1})]
        self.dialect = DECLARATION.open(Opening(engine, Settings(), grants))
        return self.call("GET", "queues/q?oauth=s3cret")

    def observed(self) -> list[LogEvent]:
        """What is logged from now on."""
        events: list[LogEvent] = []

        @provider(ILogObserver)
        def observe(event: LogEvent) -> None:
            events.append(event)

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        return events

    def test_a_database_that_cannot_now_is_503(self) -> None:
        """Clients back off and try again (seed)."""
        for error in (StoreUnavailable("the disk is full"), Overloaded("x"), NoRoom("y")):
            self.assert_refused(self.answer_of(fail(error)), 503, str(error))
        self.assert_refused(self.answer_of(fail(StoreUnavailable())), 503)

    def test_a_limit_that_is_reached_is_403(self) -> None:
        """403: "resource limits" (seed)."""
        self.assert_refused(self.answer_of(fail(LimitReached("too many"))), 403, "too many")

    def test_what_no_store_could_take_is_400(self) -> None:
        self.assert_refused(self.answer_of(fail(InvalidRequest("too long"))), 400, "too long")

    def test_what_the_engine_could_not_do_is_500_and_not_logged_twice(self) -> None:
        events = self.observed()
        answer = self.answer_of(fail(OperationFailed("s3cret")))
        self.assert_refused(answer, 500, "Internal server error")
        self.assertEqual(events, [])

    def test_what_nobody_foresaw_is_500_and_logged_without_secrets(self) -> None:
        """An exception's text may quote a body or a token, so it stays out of the log."""
        for broken in (fail(RuntimeError("s3cret")), succeed("s3cret")):
            events = self.observed()
            answer = self.answer_of(broken)
            self.assert_refused(answer, 500, "Internal server error")
            (event,) = events
            logged = repr({key: value for key, value in event.items() if key != "log_logger"})
            self.assertIn("/queues/q", logged)
            self.assertNotIn("s3cret", logged)
            self.assertNotIn(TOKEN, logged)
            self.assertIn("Error", event["kind"])

    def test_an_exception_in_a_handler_is_answered_too(self) -> None:
        """``answer`` never raises: a missing verb of the engine is as bad as it gets."""
        events = self.observed()
        self.answer_of(succeed(None))
        answer = self.call("GET", "queues/q/messages")
        self.assert_refused(answer, 500, "Internal server error")
        self.assertIn("routes.py", events[-1]["where"])
