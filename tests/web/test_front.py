"""Which door a path leads to."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from mqgate.web.front import Barred, Front
from mqgate.web.values import (
    BUSY,
    FAILED,
    HEAD_TOO_LARGE,
    INSECURE,
    MALFORMED,
    TOO_LARGE,
    TOO_SLOW,
    Asked,
    Fault,
    Reply,
)


class Digits:
    """A dialect that owns numbers, and counts how often it is asked."""

    name = "digits"
    body_limit = 77

    def __init__(self) -> None:
        self.asked_for: list[bytes] = []

    def owns(self, segment: bytes) -> bool:
        """See `Dialect`."""
        self.asked_for.append(segment)
        return segment.isdigit()

    def answer(self, asked: Asked) -> Reply:
        """See `Dialect`."""
        return Reply(299, asked.path)

    def refuse(self, fault: Fault) -> Reply:
        """See `Dialect`."""
        return Reply(499, fault.kind.encode())


class Condition:
    """A server's health."""

    reason: str | None = None

    def ready(self) -> str | None:
        """See `Health`."""
        return self.reason


class FrontTests(SynchronousTestCase):
    """A front with one dialect."""

    def setUp(self) -> None:
        self.dialect = Digits()
        self.condition = Condition()
        self.front = Front([self.dialect], self.condition)

    def ask(self, path: bytes, method: bytes = b"GET") -> tuple[int, bytes]:
        """Status and body of the answer."""
        reply = self.front.answer(Asked(method, path, b"", Headers(), b"", False, ""))
        assert isinstance(reply, Reply)
        return reply.status, reply.body

    def test_the_first_segment_chooses_the_dialect(self) -> None:
        """Raw, and whatever follows it."""
        for path in (b"/1", b"/1/", b"/1/projects", b"/22/a//b"):
            self.assertEqual(self.ask(path), (299, path))

    def test_other_paths_are_not_found(self) -> None:
        """In plain text, without a guess at a dialect."""
        for path in (b"/", b"//1", b"/x/1", b"/%31", b"*", b"", b"/1x"):
            self.assertEqual(self.ask(path), (404, b"Not found\n"))

    def test_each_has_its_limit_for_bodies(self) -> None:
        """And there is one for paths that nobody owns."""
        self.assertEqual(self.front.body_limit(b"/1/a"), 77)
        self.assertEqual(self.front.body_limit(b"/x"), 65536)

    def test_a_refusal_has_the_owner_s_shape(self) -> None:
        """So that old clients can read it."""
        reply = self.front.refuse(b"/1/a", Fault(BUSY, "The server is stopping."))
        self.assertEqual((reply.status, reply.body), (499, b"busy"))

    def test_refusals_outside_any_dialect_are_plain_text(self) -> None:
        """With the reason in words."""
        wanted = {MALFORMED: 400, TOO_LARGE: 413, HEAD_TOO_LARGE: 431, TOO_SLOW: 408, BUSY: 503}
        wanted |= {INSECURE: 403, FAILED: 500, "?": 500}
        for path in (b"/", b"/healthz", b"/ca.crt"):
            for kind, status in wanted.items():
                reply = self.front.refuse(path, Fault(kind, "Because."))
                self.assertEqual((reply.status, reply.body), (status, b"Because.\n"))
                self.assertEqual(reply.content_type, b"text/plain")

    def test_a_segment_s_owner_is_looked_for_once(self) -> None:
        """Also when nobody owns it."""
        for _ in range(3):
            self.ask(b"/1/a")
            self.ask(b"/x/a")
        self.assertEqual(self.dialect.asked_for, [b"1", b"x"])

    def test_what_is_remembered_is_bounded(self) -> None:
        """Clients choose segments."""
        for number in range(2500):
            self.assertEqual(self.ask(b"/%d" % number)[0], 299)
        self.assertLessEqual(len(self.front._known), 1000)
        self.ask(b"/" + b"1" * 101)
        self.assertNotIn(b"1" * 101, self.front._known)

    def test_the_process_says_that_it_is_there(self) -> None:
        """Whether it can do its work or not."""
        self.condition.reason = "The disk is full."
        self.assertEqual(self.ask(b"/healthz"), (200, b"ok\n"))
        self.assertEqual(self.ask(b"/healthz", b"HEAD"), (200, b"ok\n"))

    def test_the_server_says_whether_it_is_ready(self) -> None:
        """And why it is not."""
        self.assertEqual(self.ask(b"/readyz"), (200, b"ready\n"))
        self.condition.reason = "The disk is full."
        self.assertEqual(self.ask(b"/readyz"), (503, b"The disk is full.\n"))

    def test_probes_only_ask(self) -> None:
        """Any other method gets the list of those that are allowed."""
        for path in (b"/healthz", b"/readyz"):
            reply = self.front.answer(Asked(b"POST", path, b"", Headers(), b"", False, ""))
            assert isinstance(reply, Reply)
            self.assertEqual((reply.status, reply.headers), (405, ((b"Allow", b"GET, HEAD"),)))

    def test_what_to_trust_is_shown_to_everybody(self) -> None:
        """As it is at that time; it has a path that is whole."""
        self.assertEqual(self.ask(b"/ca.crt"), (404, b"Not found\n"))
        self.front = Front([self.dialect], self.condition, lambda: b"PEM")
        self.assertEqual(self.ask(b"/ca.crt"), (200, b"PEM"))
        self.assertEqual(self.ask(b"/ca.crt", b"HEAD"), (200, b"PEM"))
        self.assertEqual(self.ask(b"/ca.crt", b"POST"), (405, b"Only GET and HEAD\n"))
        self.assertEqual(self.ask(b"/ca.crt/x"), (404, b"Not found\n"))

    def test_a_barred_dialect_turns_everybody_down_in_its_own_shape(self) -> None:
        """And leaves the other doors alone."""
        self.front = Front([Barred(self.dialect)], self.condition)
        self.assertEqual(self.ask(b"/1/a"), (499, INSECURE.encode()))
        self.assertEqual(self.ask(b"/healthz"), (200, b"ok\n"))
        self.assertEqual(self.front.body_limit(b"/1/a"), 77)
        self.assertEqual(self.front.owner(b"/1/a"), "digits")
        self.assertEqual(self.front.refuse(b"/1/a", Fault(BUSY, "")).body, b"busy")

    def test_nothing_is_below_the_probes(self) -> None:
        """Their paths are whole."""
        self.assertEqual(self.ask(b"/healthz/"), (404, b"Not found\n"))
        self.assertEqual(self.ask(b"/readyz/1", b"POST"), (404, b"Not found\n"))
