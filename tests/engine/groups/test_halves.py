"""Half messages: published, and consumed by nobody until they are decided."""

from __future__ import annotations

from mqgate.engine.groups import Outcome
from tests.engine.groups.case import LEASE, RETENTION, GroupsCase

DONE, LATE, INVALID = Outcome.DONE, Outcome.LATE, Outcome.INVALID
DAY = 86_400


class DecidingTests(GroupsCase):
    """Commit and rollback."""

    def setUp(self) -> None:
        super().setUp()
        self.consume()

    def test_nobody_consumes_it_until_it_is_committed(self) -> None:
        half = self.prepare(b"half", props=b"p", tag="a", key="k")
        self.assertEqual(self.bodies(9), [])
        self.assertEqual(self.bodies(9, group="new"), [])
        published = self.now()
        self.pass_time(5)
        self.assertEqual(self.commit(half.receipt), [DONE])
        for group in ("g", "new", "newer"):
            (found,) = self.consume(9, group=group, tags=["a"], ordered=True)
            self.assertEqual((found.body, found.props), (b"half", b"p"))
            self.assertEqual((found.origin, found.published_at), (half.id, published))
            self.assertEqual(found.count, 1)

    def test_rolled_back_it_is_gone(self) -> None:
        half = self.prepare()
        self.assertEqual(self.rollback(half.receipt), [DONE])
        self.assertEqual(self.bodies(9), [])
        self.pass_time(20)
        self.assertEqual(self.pop(), [])
        self.assertEqual(self.rows("SELECT count(*) FROM body"), [(0,)])

    def test_it_is_decided_once(self) -> None:
        half, other = self.prepare(), self.prepare(b"other")
        self.assertEqual(
            self.commit(half.receipt, half.receipt, "nonsense"), [DONE, INVALID, INVALID]
        )
        self.assertEqual(self.rollback(half.receipt, other.receipt), [INVALID, DONE])
        self.assertEqual(self.commit(other.receipt), [INVALID])
        self.assertEqual(self.bodies(9), [b"half"])

    def test_its_receipt_is_good_until_the_check_and_for_its_topic_alone(self) -> None:
        half = self.prepare(check_after=10_000)
        self.publish(b"1", topic="u")
        self.prepare(topic="u")
        self.assertEqual(half.due_at, self.now() + 10_000)
        self.assertEqual(self.commit(half.receipt, topic="u"), [INVALID])
        self.assertEqual(self.commit(half.receipt, topic="none"), [INVALID])
        self.assertEqual(self.acknowledge(half.receipt), [INVALID])
        self.pass_time(10)
        self.assertEqual(self.commit(half.receipt), [LATE])
        self.assertEqual(self.bodies(9), [])

    def test_a_start_of_delivery_still_to_come_holds(self) -> None:
        half = self.prepare(delay=60_000)
        self.pass_time(5)
        self.assertEqual(self.commit(half.receipt), [DONE])
        answers = self.waiting(wait=600_000)
        self.assertEqual(self.bodies(9, group="new"), [])
        self.pass_time(54.9)
        self.assertEqual(answers, [])
        self.pass_time(0.1)
        self.assertEqual(answers, [[b"half"]])
        self.assertEqual(self.bodies(9, group="new"), [b"half"])

    def test_who_waits_gets_it_in_the_commit_that_decides_it(self) -> None:
        half = self.prepare(tag="a")
        answers = self.waiting(tags=["a"])
        self.store.batches.clear()
        self.assertEqual(self.commit(half.receipt), [DONE])
        self.assertEqual(answers, [[b"half"]])
        self.assertEqual(len(self.store.batches), 1)

    def test_it_is_kept_as_long_as_one_that_is_published_at_its_commit(self) -> None:
        half = self.prepare(check_after=3_600_000)
        self.pass_time(3000)
        self.commit(half.receipt)
        self.pass_time(RETENTION / 1000 - 1)
        self.assertEqual(self.bodies(9), [b"half"])
        self.pass_time(1)
        self.assertEqual(self.bodies(9, group="new"), [])

    def test_a_topic_s_first_message_may_be_half_a_one(self) -> None:
        half = self.prepare(topic="new")
        self.assertEqual(self.bodies(9, topic="new"), [])
        self.commit(half.receipt, topic="new")
        self.assertEqual(self.bodies(9, topic="new"), [b"half"])


class CheckTests(GroupsCase):
    """Half messages that nobody decided."""

    def test_it_is_popped_when_its_time_has_come_and_hides_then(self) -> None:
        half = self.prepare(check_after=10_000)
        self.pass_time(9.999)
        self.assertEqual(self.pop(), [])
        self.pass_time(0.001)
        (first,) = self.pop(9)
        self.assertEqual((first.body, first.count, first.origin), (b"half", 1, half.id))
        self.assertEqual(first.due_at, self.now() + 10_000)
        self.assertEqual(self.pop(), [])
        self.pass_time(10)
        (second,) = self.pop()
        self.assertEqual(second.count, 2)
        self.assertEqual(self.commit(first.receipt), [LATE])
        self.assertEqual(self.acknowledge(second.receipt), [INVALID])
        self.assertEqual(self.commit(second.receipt), [DONE])
        self.assertEqual(self.bodies(9), [b"half"])
        self.pass_time(20)
        self.assertEqual(self.pop(), [])

    def test_it_is_checked_as_often_as_it_takes(self) -> None:
        self.policy = "strict"
        self.prepare(topic="u")
        self.pass_time(10)
        for count in range(1, 9):
            self.assertEqual([each.count for each in self.pop(topic="u")], [count])
            self.pass_time(10)

    def test_a_check_may_roll_it_back(self) -> None:
        self.prepare()
        self.pass_time(10)
        (check,) = self.pop()
        self.assertEqual(self.rollback(check.receipt), [DONE])
        self.pass_time(20)
        self.assertEqual((self.pop(), self.bodies(9)), ([], []))

    def test_popped_by_nobody_it_waits_and_a_poll_waits_for_it(self) -> None:
        polls = [self.groups.pop(self.world, "t", lease=1000, wait=30_000) for _ in range(2)]
        self.prepare(check_after=10_000)
        self.pass_time(10)
        (check,) = self.done(polls[0])
        self.assertEqual(check.body, b"half")
        self.pass_time(1)
        (again,) = self.done(polls[1])
        self.assertEqual(again.count, 2)
        self.pass_time(3600)
        self.assertEqual(len(self.pop()), 1)

    def test_what_is_given_back_can_be_popped_again(self) -> None:
        self.prepare(key="k")
        self.prepare(key="k")
        self.pass_time(10)
        checks = self.pop(2)
        self.groups.give_back(self.world, "t", None, checks)
        self.assertEqual([each.count for each in self.pop(9)], [2, 2])
        self.assertEqual(self.commit(*(each.receipt for each in checks)), [INVALID] * 2)

    def test_after_its_time_it_is_rolled_back(self) -> None:
        self.prepare()
        self.pass_time(DAY - 60)
        (check,) = self.pop(lease=120_000)
        self.pass_time(59)
        self.assertEqual(self.rows("SELECT count(*) FROM msg"), [(1,)])
        self.pass_time(1)
        self.assertEqual(self.commit(check.receipt), [INVALID])
        self.pass_time(1)
        self.assertEqual(self.rows("SELECT count(*) FROM msg"), [(0,)])
        self.assertEqual(self.rows("SELECT count(*) FROM body"), [(0,)])

    def test_checks_outlive_the_server(self) -> None:
        half = self.prepare()
        self.start_again()
        self.assertEqual(self.commit(half.receipt), [DONE])
        self.prepare(b"other")
        self.pass_time(10)
        (check,) = self.pop()
        self.start_again()
        self.assertEqual(self.commit(check.receipt), [DONE])
        self.assertEqual(self.bodies(9), [b"half", b"other"])

    def test_a_message_s_receipt_decides_nothing(self) -> None:
        self.publish(b"1")
        self.prepare()
        (delivery,) = self.consume(lease=LEASE)
        self.assertEqual(self.commit(delivery.receipt), [INVALID])
        self.assertEqual(self.rollback(delivery.receipt), [INVALID])
