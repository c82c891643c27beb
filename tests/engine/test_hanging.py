"""The database does not answer: nobody waits for it longer than is said."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from mqgate.engine.errors import StoreUnavailable
from mqgate.engine.intake import Limits
from mqgate.engine.values import NewMessage
from mqgate.storage.interface import Unavailable
from tests.engine.case import EngineCase


class HangingTests(EngineCase):
    """The database does not answer: nobody waits for it longer than is said."""

    limits = Limits(patience=10.0)

    def hang(self) -> Deferred[Any]:
        held: Deferred[Any] = Deferred()
        self.store.instead = lambda batch: held
        self.engine.post(self.world, "q", [NewMessage(b"under way")], policy="back").addErrback(
            lambda failure: None
        )
        self.turn()
        return held

    def asked(self) -> Deferred[Any]:
        return self.engine.post(self.world, "q", [NewMessage(b"behind")], policy="back")

    def seconds(self, n: int) -> None:
        for _ in range(n):
            self.pass_time(1)

    def test_who_waits_behind_it_is_told_in_time(self) -> None:
        held = self.hang()
        asked = self.asked()
        self.seconds(9)
        self.assertNoResult(asked)
        self.seconds(2)
        self.failureResultOf(asked, StoreUnavailable)
        self.assertIn("does not answer", self.engine.trouble() or "")
        late = self.asked()
        self.seconds(2)
        self.failureResultOf(late, StoreUnavailable)
        self.store.instead = lambda batch: None
        held.errback(Unavailable("gone"))
        self.seconds(2)
        self.assertEqual(
            self.post(b"after"),
            self.done(self.engine.peek(self.world, "q"))[0:0] or self.last_ids(),
        )
        self.flushLoggedErrors()

    def last_ids(self) -> list[int]:
        return [each.id for each in self.done(self.engine.peek(self.world, "q", 9))]

    def test_when_it_gives_up_who_has_waited_as_long_is_told_with_it(self) -> None:
        held = self.hang()
        asked = self.asked()
        self.seconds(8)
        held.errback(Unavailable("the connection was cut"))
        self.turn()
        self.failureResultOf(asked, StoreUnavailable)
        self.store.instead = lambda batch: None

    def test_a_refusal_that_comes_at_once_is_nobody_elses(self) -> None:
        held = self.hang()
        asked = self.asked()
        self.store.instead = lambda batch: None
        held.errback(Unavailable("for once"))
        self.assertEqual(len(self.done(asked)), 1)

    def test_polls_in_line_wait_on(self) -> None:
        answers = self.poll()
        held = self.hang()
        self.seconds(12)
        self.assertEqual(answers, [])
        self.store.instead = lambda batch: None
        held.errback(Unavailable("gone"))
        self.seconds(2)
        self.post(b"m")
        self.assertEqual(answers, [[b"m"]])
