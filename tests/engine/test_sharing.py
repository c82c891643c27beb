"""Many gateways over one database: what one changes the others know, and what it leaves they do."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, succeed

from mqgate.engine.commits import PLANNED_AT_MOST
from mqgate.engine.deliveries import Delivered
from mqgate.engine.errors import BindingNotFound, QueueNotFound
from mqgate.engine.groups.feeding import NOTED_EVERY
from mqgate.engine.values import NewMessage, Wiring
from mqgate.storage.interface import Batch, Change, Moved, Rest
from tests.engine.gateways import Gateway, GatewaysCase
from tests.stores import examples

RETENTION = 259_200_000


class CatalogueTests(GatewaysCase):
    """Changes are seen by the very next request at any gateway."""

    how_many = 4

    def test_a_queue_that_comes_and_goes_is_there_and_gone_for_everybody(self) -> None:
        world = self.world
        for n in range(60):
            maker, user = self.gateways[n % 4], self.gateways[(n + 1) % 4]
            self.done(maker.engine.update(world, "q", {"n": n}, policy="back"))
            info = self.done(user.engine.info(world, "q"))
            self.assertEqual((info.settings, info.size), ({"n": n}, 0))
            self.post(user, b"m")
            self.done(maker.engine.clear(world, "q"))
            self.assertEqual(self.take(user), [])
            self.done(maker.engine.delete_queue(world, "q"))
            for gateway in self.gateways:
                listed = self.done(gateway.engine.list_queues(world, offset=0, limit=9))
                self.assertEqual(listed, [])
                asked = gateway.engine.info(world, "q")
                self.turns()
                self.failureResultOf(asked, QueueNotFound)

    def test_what_is_bound_at_one_is_reached_from_another(self) -> None:
        world = self.world
        for n in range(20):
            maker, user = self.gateways[n % 4], self.gateways[(n + 1) % 4]
            wiring = Wiring("e", f"q{n}", "k.*", "back")
            self.done(maker.engine.take(world, f"q{n}", wiring=wiring))
            message = NewMessage(b"m")
            reached = self.done(user.engine.publish(world, "e", ["k.1"], message))
            self.assertEqual(reached, 1)
            self.done(user.engine.unbind(world, "e", f"q{n}", "k.*"))
            again = maker.engine.unbind(world, "e", f"q{n}", "k.*")
            self.turns()
            self.failureResultOf(again, BindingNotFound)

    def test_lists_are_in_order_whoever_made_what_is_in_them(self) -> None:
        for n in (5, 3, 9, 1, 7, 3, 2):
            gateway = self.gateways[n % 4]
            self.done(gateway.engine.update(self.world, f"q{n}", {}, policy="back"))
            if n == 9:
                self.done(self.one.engine.delete_queue(self.world, "q3"))
            names = [
                [
                    each.name
                    for each in self.done(other.engine.list_queues(self.world, offset=0, limit=99))
                ]
                for other in self.gateways
            ]
            self.assertEqual(names, [sorted(names[0])] * 4)

    def names(self, at: Gateway) -> list[str]:
        listed = self.done(at.engine.list_queues(self.world, offset=0, limit=999))
        return [each.name for each in listed]

    def test_queues_made_at_all_of_them_at_once_are_all_made(self) -> None:
        """However often their plans have to be made anew."""
        asked = [
            gateway.engine.update(self.world, f"q{n} {gateway.slot}", {}, policy="back")
            for n in range(30)
            for gateway in self.gateways
        ]
        self.turns()
        for each in asked:
            self.successResultOf(each)
        listed = self.done(self.one.engine.list_queues(self.world, offset=0, limit=999))
        self.assertEqual(len(listed), 120)
        self.assertEqual(len({each.number for each in listed}), 120)

    def test_a_gateway_that_is_always_overtaken_comes_to_its_turn(self) -> None:
        """Others change something between each of its plans and the next, for a long time."""
        left = list(range(PLANNED_AT_MOST - 2))

        def overtake(batch: Batch) -> Deferred[Any] | None:
            if left and any(isinstance(each, Change) for each in batch.changes):
                n = left.pop()
                self.two.engine.update(self.world, f"other {n}", {}, policy="back")
                for _ in range(4):
                    self.two.clock.advance(0)
            return None

        self.one.store.instead = overtake
        self.done(self.one.engine.update(self.world, "mine", {}, policy="back"))
        self.assertEqual(left, [])

    def test_what_a_change_costs_does_not_grow_with_what_there_is(self) -> None:
        """Of a change, other gateways are told the rows that are new to them, and no more."""
        for n in range(300):
            gateway = self.gateways[n % 4]
            self.done(gateway.engine.update(self.world, f"q{n}", {}, policy="back"))
        told: list[int] = []

        def note(batch: Batch) -> Deferred[Any]:
            return self.store.run(batch).addCallback(count)

        def count(result: Any) -> Any:
            if not isinstance(result, list):
                told.append(sum(len(rows.queues) for rows in result.worlds))
            return result

        self.two.store.instead = note
        self.done(self.one.engine.update(self.world, "one more", {}, policy="back"))
        self.done(self.two.engine.update(self.world, "and another", {}, policy="back"))
        self.assertLessEqual(max(told), 4)
        self.two.store.instead = lambda batch: None


class TopicTests(GatewaysCase):
    """What is published to a topic at one gateway is read at another, by its name or a filter."""

    def read(self, at: Gateway, pattern: str) -> bytes | None:
        return self.done(at.engine.topics.read(self.world, pattern))

    def set_value(self, at: Gateway, topic: str, value: bytes) -> None:
        self.done(at.engine.topics.publish(self.world, topic, value))

    def test_the_last_value_is_found_whoever_published_it(self) -> None:
        for n in range(30):
            maker, reader = self.gateways[n % 2], self.gateways[n // 2 % 2]
            value = b"%d" % n
            self.set_value(maker, f"a/{n % 7}", value)
            for pattern in ("a/+", "#", f"a/{n % 7}"):
                self.assertEqual(self.read(reader, pattern), value)

    def test_what_another_gateway_has_forgotten_is_not_found_and_may_come_again(self) -> None:
        for n in range(20):
            self.set_value(self.one, f"a/{n}", b"m")
        self.assertEqual(self.read(self.two, "a/+"), b"m")
        self.assertEqual(self.done(self.one.engine.topics.forget(self.world)), 20)
        self.assertIsNone(self.read(self.two, "a/+"))
        self.set_value(self.one, "a/3", b"again")
        self.assertEqual(self.read(self.two, "+/3"), b"again")


class MovedTests(GatewaysCase):
    """A gateway has lost its slot to another one."""

    def test_ids_stay_apart_and_nothing_is_answered_twice(self) -> None:
        ids = [*self.post(self.one, *[b"a"] * 50), *self.post(self.two, *[b"b"] * 50)]
        self.one.store.instead = self.moves_to(9)
        ids += self.post(self.one, *[b"c"] * 50)
        ids += self.post(self.two, *[b"d"] * 50)
        ids += self.post(self.one, *[b"e"] * 50)
        self.assertEqual(len(set(ids)), 250)
        self.assertEqual(self.one.slots(ids), {0, 1, 9})
        self.assertEqual(self.done(self.two.engine.info(self.world, "q")).total, 250)

    def moves_to(self, slot: int) -> Any:
        def move(batch: Batch) -> Deferred[Any]:
            self.one.store.instead = lambda batch: None
            return succeed(Moved(slot, 0))

        return move


class ApartTests(GatewaysCase):
    """The machines' clocks are five seconds apart: the database's counts."""

    off = (5.0, 0.0)

    def test_no_reservation_ends_early_or_late(self) -> None:
        for first, second in ((self.one, self.two), (self.two, self.one)):
            self.post(first, b"m", timeout=3000)
            self.assertEqual(self.take(first), [b"m"])
            self.pass_time(2.9)
            self.assertEqual((self.take(first), self.take(second)), ([], []))
            self.pass_time(0.2)
            self.assertEqual(self.take(second, remove=True), [b"m"])

    def test_delays_and_expiry_are_the_same_everywhere(self) -> None:
        self.post(self.one, b"m", delay=2000, expires_in=4000)
        self.pass_time(1.9)
        self.assertEqual(self.take(self.two), [])
        self.pass_time(0.2)
        (message,) = self.done(self.two.engine.peek(self.world, "q"))
        self.pass_time(1.8)
        self.assertEqual(self.done(self.one.engine.peek(self.world, "q")), [message])
        self.pass_time(0.2)
        self.assertEqual(self.done(self.one.engine.peek(self.world, "q")), [])

    def test_what_is_posted_at_both_stays_in_order(self) -> None:
        for n in range(20):
            self.post(self.gateways[n % 2], b"%d" % n)
            self.pass_time(0.05)
        self.assertEqual(self.take(self.one, 99), [b"%d" % n for n in range(20)])

    def test_a_key_is_consumed_in_order_whoever_published(self) -> None:
        self.publish(self.one, b"first")
        self.consume(self.one)
        for n in range(20):
            self.publish(self.gateways[n % 2], b"%d" % n, key="k")
        bodies = []
        for n in range(20):
            (delivery,) = self.consume(self.gateways[n // 2 % 2], ordered=True)
            bodies.append(delivery.body)
            groups = self.gateways[n % 2].engine.groups
            self.done(groups.acknowledge(self.world, "t", "g", [delivery.receipt]))
        self.assertEqual(bodies, [b"%d" % n for n in range(20)])

    def test_a_clock_that_is_set_is_followed(self) -> None:
        for off in (0.0, -30.0, 60.0):
            self.two.off = off
            self.two.engine._neighbours.ahead(round(-off * 1000))
            self.assertLess(abs(self.two.time() - self.one.time()), 10)
            self.post(self.two, b"m", timeout=3000)
            self.assertEqual(self.take(self.two), [b"m"])
            self.pass_time(2.9)
            self.assertEqual(self.take(self.one), [])
            self.pass_time(0.2)
            self.assertEqual(self.take(self.one, remove=True), [b"m"])


class LeftTests(GatewaysCase):
    """A gateway has died with something to be done."""

    def test_what_expires_is_gone_within_a_second(self) -> None:
        self.pass_time(90)
        self.pass_time(5)  # the other one has long looked what there is
        self.post(self.one, b"m", expires_in=5000)
        self.kill(self.one)
        self.pass_time(1)
        self.pass_time(4)
        self.pass_time(1)
        self.assertEqual(self.database.rows("SELECT id FROM msg"), [])

    def test_what_is_to_be_pushed_is_pushed_by_another(self) -> None:
        self.done(self.one.engine.update(self.world, "p", {"to": [["a"]]}, policy="push"))
        self.pass_time(90)  # the other one has long looked what there is
        messages = [NewMessage(b"m", delay=0)]
        self.one.store.instead = lambda batch: self.die_after(batch)
        self.one.engine.post(self.world, "p", messages, policy="push")
        self.turns()
        self.kill(self.one)
        self.assertEqual(self.two.carrier.tries, [])
        for _ in range(3):
            self.pass_time(1)
        self.assertEqual([each.to for each in self.two.carrier.tries], ["a"])
        self.two.carrier.tries[0].deferred.callback(Delivered(200))
        self.turns()

    def die_after(self, batch: Batch) -> Deferred[Any]:
        """It is on disk, and that was all that it did."""
        self.store.run(batch)
        return Deferred()

    def test_what_it_was_pushing_is_pushed_again_when_its_claim_has_run_out(self) -> None:
        self.done(self.one.engine.update(self.world, "p", {"to": [["a"]]}, policy="push"))
        self.pass_time(90)
        self.post(self.one, b"m", queue="p")
        self.assertEqual([each.to for each in self.one.carrier.tries], ["a"])
        self.kill(self.one)
        for _ in range(600):
            if self.two.carrier.tries:
                break
            self.pass_time(1)
        self.assertEqual([each.to for each in self.two.carrier.tries], ["a"])
        self.two.carrier.tries[0].deferred.callback(Delivered(200))
        self.turns()

    def test_a_group_that_is_let_rest_just_as_it_is_polled_begins_again(self) -> None:
        self.publish(self.one, b"1")
        self.assertEqual([each.body for each in self.consume(self.two)], [b"1"])
        self.pass_time(RETENTION / 1000)
        self.one.clock.advance(NOTED_EVERY / 2000)  # it looks for such groups first
        held: Deferred[None] = Deferred()
        resting: list[Batch] = []

        def hold(batch: Batch) -> Deferred[Any] | None:
            if not any(isinstance(each, Rest) for each in batch.operations):
                return None
            resting.append(batch)
            self.one.store.instead = lambda batch: None
            return held.addCallback(lambda _: self.store.run(batch))

        self.one.store.instead = hold
        while not resting:
            self.pass_time(NOTED_EVERY / 1000)
        self.assertEqual(self.consume(self.two), [])  # and notes that it is polled
        held.callback(None)
        self.turns()
        answers = self.waiting(self.two)
        self.publish(self.one, b"2")
        self.pass_time(0.1)
        self.assertEqual(answers, [[b"2"]])


STEPS = st.tuples(
    st.sampled_from(
        ["post", "post", "later", "take", "poll", "poll", "poll", "lose", "slow", "wait", "wait"]
    ),
    st.integers(0, 2),
    st.integers(1, 6),
)


class AccountTests(GatewaysCase):
    """Nothing is lost, nothing comes twice, and nobody waits for what is there.

    Whatever is asked of three gateways, over a network that does what it likes.
    """

    how_many = 3

    def setUp(self) -> None:
        """Each example begins anew."""

    @settings(max_examples=examples(40), deadline=None)
    @given(st.lists(STEPS, max_size=40))
    def test_every_message_is_accounted_for(self, steps: list[tuple[str, int, int]]) -> None:
        self.open()
        self.play(steps)
        self.finish()

    def play(self, steps: list[tuple[str, int, int]]) -> None:
        posted, taken = 0, []
        polls: list[list[Any]] = []
        for what, which, n in steps:
            at = self.gateways[which]
            if what == "post":
                self.post(at, *[b"%d" % each for each in range(posted, posted + n)])
                posted += n
            elif what == "later":
                bodies = [b"%d" % each for each in range(posted, posted + n)]
                self.post(at, *bodies, delay=300 * n)
                posted += n
            elif what == "take":
                taken += self.take(at, n, remove=True)
            elif what == "poll":
                asked = at.engine.reserve(self.world, "q", n, wait=3_600_000, remove=True)
                polls.append(self.answers(asked))
            elif what == "lose":
                self.network.losing = n > 3
            elif what == "slow":
                self.network.delay = n * 0.2
            else:
                self.pass_time(n * 0.2)
        self.pass_time(2)  # the longest delay, and until everybody has looked
        self.pass_time(1)
        self.pass_time(1)
        answered = [body for answers in polls for bodies in answers for body in bodies]
        waiting = [answers for answers in polls if not answers]
        left = self.take(self.one, 999, remove=True)
        found = sorted(map(int, taken + answered + left))
        self.assertEqual(found, list(range(posted)))
        self.assertFalse(waiting and left, "somebody waits for what is there")
