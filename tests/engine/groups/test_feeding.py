"""How groups come to have what their topics keep, and what becomes of dead letters."""

from __future__ import annotations

from mqgate.engine.groups import Delivery, Outcome
from mqgate.storage.interface import Batch, CatchUp, Idle
from tests.engine.groups.case import LEASE, MAXIMUM, POLICY, RETENTION, GroupsCase

DAY = 86_400


class CatchingUpTests(GroupsCase):
    """New groups on topics that have kept much."""

    def test_a_poll_copies_a_little_and_the_rest_comes_in_the_background(self) -> None:
        for hundred in range(25):
            self.publish(*(b"%04d" % (100 * hundred + n) for n in range(100)))
        self.assertEqual(self.bodies(2), [b"0000", b"0001"])
        self.assertEqual(self.live(), 0)
        copied = self.copied()
        self.assertEqual(copied, 64)
        while not self.live():
            self.pass_time(0.01)
            self.assertLessEqual(self.copied() - copied, 1000)
            copied = self.copied()
        self.assertEqual(copied, 2500)
        self.assertEqual(self.bodies(3000), [b"%04d" % n for n in range(2, 2500)])

    def test_what_is_published_meanwhile_comes_once_and_in_order(self) -> None:
        self.publish(*(b"%03d" % n for n in range(100)), key="k")
        got: list[Delivery] = self.consume(16, ordered=True)
        self.publish(b"100", key="k")
        self.assertEqual(self.copied(), 64)
        for _ in range(20):
            self.acknowledge(*got[-16:])
            self.publish(b"%03d" % (101 + _), key="k")
            got += self.consume(16, ordered=True)
            self.pass_time(0.005)
        self.assertEqual([each.body for each in got], [b"%03d" % n for n in range(len(got))])
        self.assertEqual(len(got), 121)

    def test_a_poll_that_waits_is_woken_by_what_is_copied(self) -> None:
        self.publish(*(b"%03d" % n for n in range(900)))
        self.publish(b"rare", tag="rare")
        answers = self.waiting(tags=["rare"])
        self.assertEqual(answers, [])
        for _ in range(4):
            self.pass_time(0.01)
        self.assertEqual(answers, [[b"rare"]])

    def test_a_slice_the_database_could_not_do_is_done_later(self) -> None:
        self.publish(*(b"%03d" % n for n in range(100)))
        self.assertEqual(self.bodies(), [b"000"])
        self.fail_next(CatchUp)
        self.pass_time(0.01)
        self.assertEqual(self.copied(), 64)
        self.pass_time(1)
        self.assertEqual((self.copied(), self.live()), (100, 1))

    def test_a_stop_in_between_loses_nothing(self) -> None:
        self.publish(*(b"%03d" % n for n in range(100)))
        self.assertEqual(self.bodies(2), [b"000", b"001"])
        self.start_again()
        self.publish(b"100")
        found = self.bodies(200)
        self.assertEqual(found, [b"%03d" % n for n in range(2, 101)])
        self.publish(b"101")
        self.assertEqual(self.bodies(9), [b"101"])

    def test_copies_of_what_has_expired_are_not_made(self) -> None:
        self.publish(b"1", b"2")
        self.pass_time(RETENTION / 1000 - 0.25)
        self.publish(b"3")
        self.pass_time(0.25)
        self.assertEqual(self.copied(), 0)
        self.assertEqual(self.bodies(9), [b"3"])

    def test_bodies_are_shared(self) -> None:
        for group in "abc":
            self.consume(group=group)
        self.publish(b"1")
        self.assertEqual(self.rows("SELECT refs FROM body"), [(4,)])
        late = self.consume(group="d")
        self.assertEqual(self.rows("SELECT refs FROM body"), [(5,)])
        self.acknowledge(*late, group="d")
        for group in "abc":
            self.acknowledge(*self.consume(group=group), group=group)
        self.assertEqual(self.rows("SELECT refs FROM body"), [(1,)])

    def live(self) -> int:
        ((live,),) = self.rows("SELECT live FROM consumer_group")
        assert isinstance(live, int)
        return live

    def copied(self) -> int:
        ((n,),) = self.rows("SELECT count(*) FROM msg WHERE state < 3")
        return int(n)


class RestTests(GroupsCase):
    """Groups that nobody polls."""

    def test_a_group_nobody_polls_for_the_retention_leaves_its_messages(self) -> None:
        self.consume()
        for _ in range(5):
            self.publish(b"1")
            self.pass_time(DAY)
        self.assertEqual(self.live(), 0)
        self.assertEqual(self.rows("SELECT count(*) FROM msg WHERE state <> 5"), [(0,)])
        self.publish(b"new")
        self.assertEqual(self.rows("SELECT count(*) FROM msg WHERE state <> 5"), [(0,)])
        self.assertEqual(self.bodies(9), [b"1", b"1", b"new"])
        self.assertEqual(self.live(), 1)

    def test_a_group_that_is_polled_goes_on(self) -> None:
        for _ in range(10):
            self.assertEqual(self.bodies(), [])
            self.pass_time(DAY / 2)
        self.assertEqual(self.live(), 1)

    def test_nothing_acknowledged_comes_again(self) -> None:
        self.publish(b"1")
        self.consume()  # and goes away, without a word
        self.publish(b"2", delay=2 * DAY * 1000)
        (found,) = self.consume(9, group="h")
        self.acknowledge(found, group="h")
        for _ in range(6):
            self.pass_time(DAY)
        self.assertEqual(self.live(), 0)
        self.assertEqual(self.bodies(9, group="h"), [])

    def test_a_poll_beside_the_look_that_finds_it_idle_loses_nothing(self) -> None:
        self.consume()
        polled_at = self.now()
        self.publish(b"1", b"2", delay=4 * DAY * 1000)
        self.start_again()
        polls: list[object] = []

        def poll_too(batch: Batch) -> None:
            if any(isinstance(each, Idle) and each.before > polled_at for each in batch.operations):
                self.store.instead = lambda batch: None
                poll = self.groups.consume(self.world, "t", "g", lease=LEASE, policy=POLICY)
                poll.addBoth(polls.append)

        self.store.instead = poll_too
        self.pass_time(3 * DAY)
        for _ in range(70):
            self.pass_time(60)
        self.assertEqual(polls, [[]])
        self.pass_time(DAY)
        self.assertEqual(self.bodies(9), [b"1", b"2"])

    def live(self) -> int:
        ((n,),) = self.rows("SELECT count(*) FROM consumer_group WHERE live = 1")
        assert isinstance(n, int)
        return n


class DeadLetterTests(GroupsCase):
    """Messages that nobody manages to consume."""

    policy = "strict"

    def test_after_its_last_delivery_it_goes_to_the_group_s_dead_letters(self) -> None:
        (origin,) = self.publish(b"1", props=b"p", tag="a")
        self.consume(group="h")
        for count in (1, 2):
            (found,) = self.consume()
            self.assertEqual(found.count, count)
            self.pass_time(LEASE / 1000)
        self.assertEqual(self.bodies(9), [])
        (dead,) = self.consume(9, topic="%DLQ%g", group="undertaker", tags=["a"])
        self.assertEqual((dead.body, dead.props, dead.count), (b"1", b"p", 1))
        self.assertEqual(dead.origin, origin)
        # The other group's copy goes on.
        self.assertEqual(self.bodies(9, group="h"), [b"1"])

    def test_it_goes_there_in_time_whether_anybody_polls_or_not(self) -> None:
        self.publish(b"1")
        self.consume()
        answers = self.waiting(topic="%DLQ%g", group="undertaker", wait=600_000)
        self.pass_time(LEASE / 1000)
        self.consume()
        self.pass_time(LEASE / 1000 - 1)
        self.assertEqual(answers, [])
        self.pass_time(1)
        self.pass_time(1)
        self.assertEqual(answers, [[b"1"]])

    def test_acknowledged_in_its_last_delivery_it_is_no_dead_letter(self) -> None:
        self.publish(b"1")
        self.consume()
        self.pass_time(LEASE / 1000)
        self.assertEqual(self.acknowledge(*self.consume()), [Outcome.DONE])
        self.pass_time(LEASE / 1000 + 2)
        self.assertEqual(self.bodies(9, topic="%DLQ%g"), [])

    def test_it_makes_way_for_those_behind_it(self) -> None:
        self.publish(b"1", b"2", b"3", key="k")
        for _ in range(2):
            self.assertEqual(self.bodies(1, ordered=True), [b"1"])
            self.pass_time(LEASE / 1000)
        answers = self.waiting(9, ordered=True)
        self.pass_time(1)
        self.assertEqual(answers, [[b"2", b"3"]])

    def test_in_the_dead_letters_it_stays_for_the_retention(self) -> None:
        self.publish(b"1")
        self.pass_time(2 * DAY)
        self.bury()
        self.pass_time(RETENTION / 1000 - 5)
        self.assertEqual(self.bodies(9, topic="%DLQ%g", group="a"), [b"1"])
        self.pass_time(5)
        self.assertEqual(self.bodies(9, topic="%DLQ%g", group="b"), [])

    def test_a_dead_letter_that_dies_again_is_dropped_by_its_group_alone(self) -> None:
        self.publish(b"1")
        self.bury()
        for _ in range(2):
            self.assertEqual(self.bodies(9, topic="%DLQ%g", group="u"), [b"1"])
            self.pass_time(LEASE / 1000)
        self.pass_time(2)
        self.assertEqual(self.bodies(9, topic="%DLQ%g", group="u"), [])
        self.assertEqual(self.bodies(9, topic="%DLQ%g", group="v"), [b"1"])
        self.assertEqual(self.rows("SELECT count(*) FROM queue WHERE name LIKE '%u%DLQ'"), [(0,)])

    def test_many_die_together(self) -> None:
        bodies = [b"%03d" % n for n in range(250)]
        self.publish(*bodies)
        self.bury(300)
        self.pass_time(2)
        self.assertEqual(self.bodies(300), [])
        self.assertEqual(self.bodies(300, topic="%DLQ%g"), bodies)

    def test_however_many_they_are_nobody_waits_long_behind_them(self) -> None:
        self.publish(*(b"%04d" % n for n in range(900)))
        self.bury(900)
        for _ in range(9):
            self.pass_time(0.01)
        self.assertEqual(self.rows("SELECT count(*) FROM msg WHERE state = 1"), [(0,)])
        self.assertEqual(len(self.consume(3000, topic="%DLQ%g")), 900)

    def test_what_died_while_the_server_was_away_is_found_by_the_next_poll(self) -> None:
        self.publish(b"1")
        self.consume()
        self.pass_time(LEASE / 1000)
        self.consume()
        self.start_again()
        self.pass_time(LEASE / 1000 + 5)
        self.assertEqual(self.bodies(9), [])
        self.pass_time(1)
        self.assertEqual(self.bodies(9, topic="%DLQ%g"), [b"1"])

    def test_a_delivery_nobody_got_counts(self) -> None:
        self.publish(b"1")
        self.groups.give_back(self.world, "t", "g", self.consume())
        (found,) = self.consume()
        self.assertEqual(found.count, 2)
        self.groups.give_back(self.world, "t", "g", [found])
        (found,) = self.consume()
        self.assertEqual(found.count, 3)

    def bury(self, n: int = 1) -> None:
        for _ in range(2):
            self.consume(n)
            self.pass_time(LEASE / 1000)
        self.pass_time(2)


class ManyDeliveriesTests(GroupsCase):
    """The number that RocketMQ has."""

    def test_the_288th_redelivery_is_the_last(self) -> None:
        self.publish(b"1")
        for count in range(1, MAXIMUM + 1):
            (found,) = self.consume(lease=300_000)
            self.assertEqual(found.count, count)
            self.pass_time(300)
        self.assertEqual(self.bodies(9), [])
        self.pass_time(1)
        self.assertEqual(self.bodies(9), [])
        self.assertEqual(self.bodies(9, topic="%DLQ%g"), [b"1"])
