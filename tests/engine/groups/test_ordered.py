"""Messages with one key are consumed one after the other."""

from __future__ import annotations

from typing import Any

from mqgate.engine.groups import Outcome, TopicMessage
from tests.engine.groups.case import LEASE, GroupsCase


class OrderedTests(GroupsCase):
    """Ordered polls."""

    def setUp(self) -> None:
        super().setUp()
        self.consume()

    def put(self, *bodies: bytes) -> None:
        """Publish; the first letter is the key, "-" none."""
        for body in bodies:
            key = body[:1].decode()
            self.publish(body, key=None if key == "-" else key)

    def ordered(self, n: int = 1, **how: Any) -> list[bytes]:
        return self.bodies(n, ordered=True, **how)

    def test_a_batch_has_several_keys_and_several_messages_of_a_key_in_order(self) -> None:
        self.put(b"a1", b"b1", b"a2", b"-1", b"b2", b"-2")
        self.assertEqual(self.ordered(9), [b"a1", b"a2", b"b1", b"b2", b"-1", b"-2"])

    def test_while_one_is_out_nothing_of_its_key_is_handed_out(self) -> None:
        self.put(b"a1", b"a2", b"a3", b"b1", b"a4")
        self.assertEqual(self.ordered(2), [b"a1", b"a2"])
        self.assertEqual(self.ordered(9), [b"b1"])
        self.put(b"a5")
        self.assertEqual(self.ordered(9), [])

    def test_the_next_come_when_all_of_them_are_acknowledged(self) -> None:
        self.put(b"a1", b"a2", b"a3")
        first, second = self.consume(2, ordered=True)
        self.acknowledge(second)
        self.assertEqual(self.ordered(9), [])
        self.acknowledge(first)
        self.assertEqual(self.ordered(9), [b"a3"])

    def test_what_was_not_acknowledged_comes_again_the_first_ones_first(self) -> None:
        self.put(b"a1", b"a2", b"a3", b"a4")
        _, second, _ = self.consume(3, ordered=True)
        self.acknowledge(second)
        self.pass_time(LEASE / 1000)
        found = self.consume(9, ordered=True)
        self.assertEqual([each.body for each in found], [b"a1", b"a3", b"a4"])
        self.assertEqual([each.count for each in found], [2, 2, 1])

    def test_a_key_may_be_as_long_as_it_likes(self) -> None:
        """And differ from another one in its last character: it stands in indexes all the same."""
        long = "".join(str(n * n) for n in range(4000))
        for body, key in ((b"a1", long + "a"), (b"b1", long + "b"), (b"a2", long + "a")):
            self.publish(body, key=key)
        self.assertEqual(self.ordered(), [b"a1"])
        self.assertEqual(self.ordered(9), [b"b1"])
        self.assertEqual(self.ordered(9), [])

    def test_messages_without_a_key_are_in_order_too(self) -> None:
        self.put(b"-1", b"-2", b"a1")
        (first,) = self.consume(1, ordered=True)
        self.assertEqual(self.ordered(9), [b"a1"])
        self.acknowledge(first)
        self.assertEqual(self.ordered(9), [b"-2"])

    def test_a_delayed_message_does_not_hold_back_the_others(self) -> None:
        self.publish(b"a1", key="a", delay=5000)
        self.put(b"a2", b"a3")
        (second,) = self.consume(1, ordered=True)
        self.assertEqual(second.body, b"a2")
        self.pass_time(5)
        self.assertEqual(self.ordered(9), [])
        self.acknowledge(second)
        self.assertEqual(self.ordered(1), [b"a3"])

    def test_a_message_that_comes_due_takes_its_place_before_later_ones(self) -> None:
        self.publish(b"a1", key="a", delay=5000)
        self.pass_time(6)
        self.put(b"a2")
        self.assertEqual(self.ordered(1), [b"a1"])

    def test_a_plain_poll_passes_by_the_order_and_blocks_what_it_took(self) -> None:
        self.put(b"a1", b"a2", b"b1", b"b2")
        (first,) = self.consume(1, ordered=True)
        second = self.consume(1)
        self.assertEqual(second[0].body, b"a2")
        self.acknowledge(first)
        self.assertEqual(self.ordered(1), [b"b1"])
        self.acknowledge(*second)
        self.put(b"a3")
        self.assertEqual(self.ordered(9), [b"a3"])

    def test_tags_hold_in_order_too(self) -> None:
        for number, tag in enumerate("xyxyx"):
            self.publish(b"a%d" % number, key="a", tag=tag)
            self.publish(b"b%d" % number, key="b", tag="z")
        first = self.consume(1, ordered=True, tags=["y"])
        self.assertEqual(first[0].body, b"a1")
        self.assertEqual(self.ordered(9, tags=["x", "y"]), [])
        self.acknowledge(*first)
        self.assertEqual(self.ordered(3, tags=["x", "y"]), [b"a0", b"a2", b"a3"])
        self.assertEqual(self.ordered(9), [b"b0", b"b1", b"b2", b"b3", b"b4"])

    def test_a_rare_tag_is_found_behind_any_number_of_keys_without_it(self) -> None:
        common = [TopicMessage(b"", key=f"{number}", tag="common") for number in range(1200)]
        self.done(self.groups.publish(self.world, "t", common, policy=self.policy))
        self.publish(b"a1", b"a2", key="a", tag="rare")
        self.publish(b"b1", b"b2", b"b3", key="b", tag="rare")
        self.publish(b"b4", key="b", tag="rarer")
        self.assertEqual(self.ordered(1, tags=["rare"]), [b"a1"])
        self.assertEqual(self.ordered(1, tags=["rarer", "rare"]), [b"b1"])
        self.assertEqual(self.ordered(9, tags=["rarer", "rare"]), [])
        self.pass_time(LEASE / 1000)
        self.assertEqual(self.ordered(9, tags=["rare", "rarer"]), [b"a1", b"a2"])
        found = self.ordered(9, tags=["rare", "rarer"])
        self.assertEqual(found, [b"b1", b"b2", b"b3", b"b4"])
        self.assertEqual(len(self.ordered(2000)), 1200)

    def test_keys_of_one_group_are_nothing_to_another(self) -> None:
        self.put(b"a1", b"a2")
        self.ordered(1)
        self.assertEqual(self.ordered(1, group="h"), [b"a1"])

    def test_what_expires_makes_way(self) -> None:
        self.put(b"a1", b"a2")
        (first,) = self.consume(1, ordered=True, lease=10 * 86_400_000)
        self.pass_time(2 * 86_400)
        self.put(b"a3")
        self.pass_time(86_400)
        self.pass_time(1)
        self.assertEqual(self.ordered(9), [b"a3"])
        self.assertEqual(self.acknowledge(first), [Outcome.INVALID])

    def test_a_late_group_has_the_same_order(self) -> None:
        self.put(b"a1", b"b1", b"a2", b"b2", b"a3")
        self.assertEqual(self.ordered(2, group="late"), [b"a1", b"a2"])
        self.assertEqual(self.ordered(1, group="late"), [b"b1"])
        self.put(b"b3")
        self.pass_time(1)
        self.assertEqual(self.ordered(9, group="late"), [])

    def test_the_order_outlives_the_server(self) -> None:
        self.put(b"a1", b"a2", b"b1")
        (first,) = self.consume(1, ordered=True)
        self.start_again()
        self.assertEqual(self.ordered(9), [b"b1"])
        self.acknowledge(first)
        self.assertEqual(self.ordered(9), [b"a2"])


class WaitingTests(GroupsCase):
    """Ordered polls that wait."""

    def setUp(self) -> None:
        super().setUp()
        self.consume()

    def ordered(self, n: int = 9, **how: Any) -> list[Any]:
        return self.waiting(n, ordered=True, **how)

    def test_an_acknowledgement_wakes_who_waits_for_what_comes_after(self) -> None:
        self.publish(b"a1", b"a2", key="a")
        (first,) = self.consume(1, ordered=True)
        answers = self.ordered()
        self.assertEqual(answers, [])
        self.acknowledge(first)
        self.assertEqual(answers, [[b"a2"]])

    def test_one_acknowledgement_wakes_as_many_as_it_makes_way_for(self) -> None:
        keys = ("a", "b", "c")
        for key in keys:
            self.publish(key.encode() + b"1", key.encode() + b"2", key=key)
        first = [self.consume(1, ordered=True)[0] for _ in keys]
        answers = [self.ordered(1) for _ in keys]
        self.acknowledge(*first)
        self.assertEqual(answers, [[[b"a2"]], [[b"b2"]], [[b"c2"]]])

    def test_a_lapse_wakes_ordered_polls_and_plain_ones(self) -> None:
        for ordered in (True, False):
            self.publish(b"a1", key="a")
            self.consume(1, ordered=True, lease=5000)
            answers = self.waiting(ordered=ordered)
            self.pass_time(5)
            self.assertEqual(answers, [[b"a1"]])
            self.acknowledge(*self.consume())

    def test_a_publish_serves_an_ordered_poll_in_its_own_commit(self) -> None:
        answers = self.ordered()
        self.store.batches.clear()
        self.publish(b"a1", key="a")
        self.assertEqual(answers, [[b"a1"]])
        self.assertEqual(len(self.store.batches), 1)

    def test_a_message_behind_another_one_is_no_use_to_an_ordered_poll(self) -> None:
        self.publish(b"a1", key="a")
        self.consume(1, ordered=True)
        ordered = self.ordered()
        plain = self.waiting()
        self.publish(b"a2", key="a")
        self.assertEqual((ordered, plain), ([], [[b"a2"]]))
