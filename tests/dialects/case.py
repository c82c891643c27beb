"""What every dialect's test case has: an engine on a virtual clock, in a database of its own."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mqgate.engine.engine import Engine
from mqgate.storage.interface import Store
from tests import stores

#: Some day in 2023, in seconds.
START = 1_700_000_000
#: More rounds than this in one instant, and the engine is chasing its own tail.
MANY = 100


class DialectCase(SynchronousTestCase):
    """To be given an ``engine`` by who inherits it."""

    engine: Engine
    #: When it begins, in seconds.
    instant: int = START

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(self.instant)
        self.database = stores.for_test(self)

    def check_and_close(self, store: Store) -> None:
        """Close the database, in which everything must add up."""
        store.close()
        self.assertEqual(self.database.problems(), [])

    def now(self) -> int:
        """The engine's time, in milliseconds."""
        return round(self.clock.seconds() * 1000)

    def stop(self) -> None:
        """Stop the engine."""
        stopped = self.engine.stop()
        self.settle()
        self.successResultOf(stopped)

    def settle(self) -> None:
        """Let the engine do all that it can do at this instant."""
        for _ in range(MANY):
            self.clock.advance(0)
            if all(c.getTime() > self.clock.seconds() for c in self.clock.getDelayedCalls()):
                return
        self.fail("the engine finds no rest")

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and everything happen that falls due."""
        self.clock.advance(seconds)
        self.settle()
