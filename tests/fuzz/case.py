"""What hostile tests have in common: a server, and what must hold of all it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy
from twisted.trial.unittest import SynchronousTestCase

from tests import stores
from tests.fuzz.answers import Answer, check
from tests.fuzz.rig import Exchange, World

T = TypeVar("T")

#: Stands for the id of a message that is there.
KNOWN = b"1" * 19


class Examples:
    """Does something with whatever a strategy makes."""

    #: Examples for each test; an heir may take more.
    examples = 200

    def each(self, strategy: SearchStrategy[T], do: Callable[[T], object]) -> None:
        """Do something with all that the strategy makes."""

        def example(made: T) -> None:
            do(made)

        chosen = settings(
            max_examples=stores.examples(self.examples),
            deadline=None,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        )
        chosen(given(strategy)(example))()


class HostileCase(Examples, SynchronousTestCase):
    """Whatever comes: the right error in the right shape or an end, nothing changed, never 5xx."""

    def setUp(self) -> None:
        self.world = World(self.mktemp())
        self.addCleanup(lambda: self.world.close())

    def check(self, answer: Answer, *, dialect: bool) -> None:
        """Raise `AssertionError` unless it is one that the documents know."""
        check(answer, dialect=dialect)

    def try_all(self, strategy: SearchStrategy[Sequence[bytes]], **expected: object) -> None:
        """Have `expect` hold for all that the strategy makes."""
        self.each(strategy, lambda pieces: self.expect(*pieces, **expected))  # type: ignore[arg-type]

    def expect(
        self,
        *pieces: bytes,
        statuses: Sequence[int] = (),
        dialect: bool = True,
        ends: bool = False,
        every: int = 0,
        seconds: int = 0,
    ) -> Exchange:
        """What comes of these bytes must be allowed, and if it is a refusal, nothing changed.

        With ``statuses``, it must be one answer, with one of them; with ``ends``, it must leave
        the connection closed.
        """
        known = self.world.ids[0].encode()
        exchange = self.world.exchange(
            *(piece.replace(KNOWN, known) for piece in pieces), every=every, seconds=seconds
        )
        for answer in exchange.answers:
            self.check(answer, dialect=dialect)
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertFalse(exchange.refused and exchange.changed, exchange)
        if statuses:
            self.assertEqual(len(exchange.answers), 1, exchange)
            self.assertIn(exchange.answers[0].status, statuses)
        if ends:
            self.assertTrue(exchange.closed)
        if exchange.changed:
            self.begin_anew()
        return exchange

    def begin_anew(self) -> None:
        """A server as at first, after something was granted."""
        self.world.close()
        self.world = World(self.mktemp())
