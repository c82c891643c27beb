"""The wall clock is set, forward and back: what the engine does by time, it does in time."""

from __future__ import annotations

from mqgate.engine.engine import Engine
from mqgate.engine.ids import AHEAD
from mqgate.engine.time import SteadyTime
from tests.engine.case import POLICIES, START, EngineCase, WatchedStore

HOUR = 3600.0


class ClockCase(EngineCase):
    """An engine whose timers run on one clock, while the other one is set by hand."""

    #: By how much the wall clock is ahead.
    ahead = 0.0

    def start(self) -> None:
        self.store = WatchedStore(self.database.store())
        opened = self.store.open()
        (self.world,) = self.store.worlds([["a:one"]])
        self.time = SteadyTime(self.wall, self.clock.seconds, opened.high, AHEAD)
        self.engine = Engine(self.store, self.clock, self.time, POLICIES, opened=opened)
        self.engine.start()
        self.done(self.engine.list_queues(self.world, offset=0, limit=1))

    def wall(self) -> float:
        return self.clock.seconds() + self.ahead

    def restart(self, *, ahead: float, down: float = 5.0) -> None:
        """Another process, some seconds later, on a machine whose clock was set meanwhile."""
        self.finish()
        self.ahead = ahead
        self.clock.advance(down)
        self.start()

    def ids(self) -> list[int]:
        return [each.id for each in self.done(self.engine.peek(self.world, "q", 100))]


class SetWhileRunningTests(ClockCase):
    """Nothing is to be noticed at all."""

    def test_reservations_delays_expiry_and_polls_take_their_time(self) -> None:
        posted = self.post(b"held", b"expiring", timeout=60_000)
        self.post(b"brief", expires_in=90_000, queue="brief")
        self.post(b"late", delay=100_000, queue="late")
        self.take(2)
        answers = self.poll(queue="late", wait=200_000)
        for ahead in (HOUR, -HOUR, 0, -HOUR, HOUR, 0):
            self.ahead = ahead
            posted += self.post(b"more", queue="other")
            self.assertEqual(self.take(2, wait=0), [])
            self.assertEqual(len(self.done(self.engine.peek(self.world, "brief"))), 1)
            self.assertEqual(answers, [])
            self.pass_time(9.9)
        self.assertEqual(posted, sorted(set(posted)))
        self.pass_time(0.7)
        self.assertEqual(self.take(2), [b"held", b"expiring"])
        self.pass_time(30)
        self.assertEqual(self.done(self.engine.peek(self.world, "brief")), [])
        self.pass_time(10)
        self.assertEqual(answers, [[b"late"]])


class SetAcrossARestartTests(ClockCase):
    """A start goes by the wall clock, but never behind the time that is known on disk."""

    def test_ids_never_repeat_and_the_order_is_kept(self) -> None:
        posted = self.post(b"1", policy="place")
        for ahead in (HOUR, -HOUR, 0, -2 * HOUR, 2 * HOUR):
            self.restart(ahead=ahead)
            posted += self.post(b"x", policy="place")
        self.assertEqual(posted, sorted(set(posted)))
        self.assertEqual(self.ids(), posted)

    def test_set_back_no_reservation_ends_early_and_none_is_late_by_more_than_the_stop(
        self,
    ) -> None:
        self.post(b"held", timeout=60_000)
        self.take()
        self.pass_time(20)
        self.restart(ahead=-HOUR, down=5)
        self.pass_time(39.9)
        self.assertEqual(self.take(), [])
        # The five seconds of the stop did not count, and a tenth before it was not noted.
        self.pass_time(0.3)
        self.assertEqual(self.take(), [b"held"])

    def test_set_back_after_a_long_rest_it_is_late_by_a_minute_at_most(self) -> None:
        """A sweep each minute notes the time: nobody need come by."""
        self.post(b"held", timeout=12 * 3_600_000, queue="long")
        self.take(queue="long")
        for _ in range(600):
            self.pass_time(30)
        self.restart(ahead=-6 * HOUR, down=0)
        self.assertGreater(self.time(), (START + 5 * HOUR - 70) * 1000)

    def test_delayed_messages_are_not_lost_and_what_expires_does(self) -> None:
        self.post(b"late", delay=30_000)
        self.post(b"brief", expires_in=30_000, queue="brief")
        self.restart(ahead=-HOUR)
        self.pass_time(20)
        self.assertEqual((self.take(), self.take(queue="brief")), ([], [b"brief"]))
        self.pass_time(17)
        self.assertEqual(self.take(), [b"late"])
        self.assertEqual(self.done(self.engine.info(self.world, "brief")).size, 0)

    def test_set_forward_what_is_due_by_then_is_due(self) -> None:
        """A machine that was off for an hour looks the same."""
        self.post(b"late", delay=30_000)
        self.post(b"held", queue="held")
        self.take(queue="held")
        self.restart(ahead=HOUR)
        self.assertEqual((self.take(), self.take(queue="held")), ([b"late"], [b"held"]))
