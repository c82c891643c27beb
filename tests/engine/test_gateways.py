"""Many gateways over one database: who waits at one hears of what happens at another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, fail

from mqgate.engine.neighbours import LOOK_SECONDS, SLICE
from mqgate.engine.values import NewMessage
from mqgate.engine.waiting import in_order, place_of
from mqgate.storage.interface import Batch, Consume, Look, Review, Unavailable
from tests.engine import gateway_ways
from tests.engine.case import EngineCase
from tests.engine.gateways import GatewaysCase
from tests.stores import only_sqlite


class AnnouncedTests(gateway_ways.Ways):
    """Nothing is lost on the way."""

    def served(
        self, ask: Callable[[], list[Any]], act: Callable[[], Any], after: float, body: bytes
    ) -> None:
        self.pass_time(LOOK_SECONDS + 0.5)  # the next look is a second away
        answers = ask()
        self.assertEqual(answers, [])
        act()
        if after:
            self.assertEqual(answers, [])
            self.pass_time(after)
        self.assertEqual(answers, [[body]])


class LostTests(gateway_ways.Ways):
    """Everything is lost on the way."""

    def served(
        self, ask: Callable[[], list[Any]], act: Callable[[], Any], after: float, body: bytes
    ) -> None:
        self.network.losing = True
        self.pass_time(LOOK_SECONDS + 0.5)
        answers = ask()
        act()
        if after:
            self.pass_time(after)
        self.pass_time(LOOK_SECONDS)
        self.pass_time(0)
        self.assertEqual(answers, [[body]])


class HearingTests(GatewaysCase):
    """What is announced, and what that comes to."""

    how_many = 3

    def test_what_is_taken_by_the_same_commit_is_not_announced(self) -> None:
        answers = self.poll(self.one)
        self.post(self.one, b"1")
        self.assertEqual((answers, self.network.told), ([[b"1"]], []))
        self.poll(self.one, n=2)
        self.post(self.one, b"2", b"3", b"4")
        self.assertEqual(self.network.told, [(0, {(self.world, "q")})])

    def test_it_is_announced_after_the_commit_and_once_for_a_batch(self) -> None:
        held: Deferred[None] = Deferred()

        def hold(batch: Batch) -> Deferred[Any]:
            self.one.store.instead = lambda batch: None
            return held.addCallback(lambda _: self.one.store.run(batch))

        self.one.store.instead = hold
        for queue in ("q", "r", "q"):
            message = [NewMessage(b"m")]
            self.one.engine.post(self.world, queue, message, policy="back")
        self.turns()
        self.assertEqual(self.network.told, [])
        held.callback(None)
        self.turns()
        self.assertEqual(self.network.told, [(0, {(self.world, "q"), (self.world, "r")})])

    def test_what_came_to_nothing_is_not_announced(self) -> None:
        self.one.store.instead = lambda batch: fail(Unavailable("no disk"))
        posted = self.one.engine.post(self.world, "q", [NewMessage(b"m")], policy="back")
        self.turns()
        self.failureResultOf(posted)
        self.one.store.instead = lambda batch: None
        self.assertEqual(self.network.told, [])

    def test_what_is_heard_makes_one_look_and_whoever_finds_something_the_next(self) -> None:
        polls = [self.poll(self.two) for _ in range(50)]
        self.two.store.batches.clear()
        self.post(self.one, *[b"x"] * 20)
        self.assertEqual(polls, [[[b"x"]]] * 20 + [[]] * 30)
        self.assertLess(len(self.two.store.batches), 10)
        looks = [each for batch in self.two.store.batches for each in batch.operations]
        self.assertLess(len(looks), 50)

    def test_only_one_of_the_gateways_gets_it(self) -> None:
        polls = [self.poll(gateway) for gateway in self.gateways[1:] for _ in range(2)]
        for n in range(4):
            self.post(self.one, b"%d" % n)
        self.assertEqual(sorted(polls), [[[b"%d" % n]] for n in range(4)])

    def test_where_something_was_missed_all_lines_are_looked_at_at_once(self) -> None:
        self.network.losing = True
        self.pass_time(LOOK_SECONDS + 0.5)
        polls = [self.poll(self.two, queue=f"q{n}") for n in range(5)]
        self.post(self.one, b"1", queue="q1")
        self.post(self.one, b"2", queue="q3", delay=100)
        self.two.engine._neighbours.readied(None)
        self.turns()
        self.assertEqual(polls, [[], [[b"1"]], [], [], []])
        self.pass_time(0.1)
        self.assertEqual(polls, [[], [[b"1"]], [], [[b"2"]], []])

    def test_missing_something_while_it_is_looked_has_it_looked_again(self) -> None:
        self.network.losing = True
        self.post(self.one, b"before")
        self.take(self.one, remove=True)
        answers = self.poll(self.two)
        held = self.hold_look()
        self.pass_time(LOOK_SECONDS)
        self.two.engine._neighbours.readied(None)
        self.post(self.one, b"m")
        held.callback(None)
        self.turns()
        self.assertEqual(answers, [[b"m"]])

    def hold_look(self) -> Deferred[None]:
        """Keep back what the next look has seen until the Deferred is fired."""
        held: Deferred[None] = Deferred()

        def hold(batch: Batch) -> Deferred[Any] | None:
            if not any(isinstance(each, Look) for each in batch.operations):
                return None
            self.two.store.instead = lambda batch: None
            seen = self.store.run(batch)
            return held.addCallback(lambda _: seen)

        self.two.store.instead = hold
        return held

    def test_what_is_heard_while_a_poll_looks_has_it_look_again(self) -> None:
        """It may have looked before the post, and come into line after it was heard of."""
        self.post(self.one, b"before")
        self.take(self.one, remove=True)
        held: Deferred[None] = Deferred()

        def hold(batch: Batch) -> Deferred[Any]:
            self.two.store.instead = lambda batch: None
            seen = self.store.run(batch)
            return held.addCallback(lambda _: seen)

        self.two.store.instead = hold
        answers = self.poll(self.two)
        self.post(self.one, b"m")
        self.assertEqual(answers, [])
        held.callback(None)
        self.turns()
        self.assertEqual(answers, [[b"m"]])
        self.assertEqual(self.poll(self.two), [])  # which heard nothing

    def test_who_has_stopped_hears_nothing(self) -> None:
        stopped = self.two.engine.stop()
        self.turns()
        self.successResultOf(stopped)
        self.two.store.batches.clear()
        for queues in (None, [(self.world, "q")]):
            self.two.engine._neighbours.readied(queues)
        self.pass_time(5)
        self.assertEqual(self.two.store.batches, [])


class LookingTests(GatewaysCase):
    """What is looked at once a second."""

    def looks(self) -> list[Look]:
        found = [each for batch in self.two.store.batches for each in batch.operations]
        self.two.store.batches.clear()
        return [each for each in found if isinstance(each, Look)]

    def test_no_queue_is_looked_at_in_which_nobody_waits(self) -> None:
        self.post(self.one, b"1")
        self.looks()
        self.pass_time(LOOK_SECONDS)
        self.assertEqual(self.looks(), [])

    def test_many_queues_are_looked_at_in_slices(self) -> None:
        names = [f"q{n:03}" for n in range(2 * SLICE + 50)]
        for name in names:
            self.one.engine.update(self.world, name, {}, policy="back")
        self.turns()
        self.pass_time(1)
        polls = [self.two.engine.reserve(self.world, name, wait=30_000) for name in names]
        self.turns()
        self.looks()
        for _ in range(15):
            self.pass_time(0.1)
        self.assertEqual([len(each.lines) for each in self.looks()], [SLICE, SLICE, 50])
        for each in polls:
            each.addErrback(lambda failure: None).cancel()

    def test_a_message_that_no_filter_takes_costs_one_look_for_each_filter(self) -> None:
        self.publish(self.one, b"m", tag="z")
        for tag in "xxxyyy":
            self.waiting(self.two, tags=frozenset(tag))
        self.pass_time(LOOK_SECONDS)
        self.two.store.batches.clear()
        self.pass_time(LOOK_SECONDS)
        found = [each for batch in self.two.store.batches for each in batch.operations]
        tags = [each.tags for each in found if isinstance(each, Consume)]
        self.assertEqual(sorted(tags), [("x",), ("y",)])

    def test_lines_are_told_apart_by_their_keys(self) -> None:
        world = self.world
        group = (world, "\x1ft\x1fg")
        for key, place in (
            ((world, "q"), (world, "q", False)),
            ((world, "a\x1fb\x1fc\x1f"), (world, "a\x1fb\x1fc\x1f", False)),
            ((world, "\x1ft\x1f"), (world, "\x1ft\x1f", False)),
            (group, (*group, False)),
            (in_order(group), (*group, True)),
        ):
            self.assertEqual(place_of(key), place)


@only_sqlite
class AloneTests(EngineCase):
    """One gateway on a database of its own."""

    def test_nobody_looks_for_others_where_there_are_none(self) -> None:
        self.poll()
        self.store.batches.clear()
        for _ in range(5):
            self.pass_time(1)
        found = [each for batch in self.store.batches for each in batch.operations]
        self.assertFalse([each for each in found if isinstance(each, Look | Review)])
