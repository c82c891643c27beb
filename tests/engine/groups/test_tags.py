"""Consumers that want some of a group's messages and leave the others alone."""

from __future__ import annotations

from twisted.internet.defer import CancelledError

from mqgate.engine.groups import TopicMessage
from tests.engine.groups.case import LEASE, GroupsCase


class TagTests(GroupsCase):
    """Each poll filters for itself."""

    def setUp(self) -> None:
        super().setUp()
        self.consume()

    def test_a_poll_gets_what_has_one_of_its_tags_in_order(self) -> None:
        for tag, body in (("a", b"1"), ("b", b"2"), (None, b"3"), ("c", b"4"), ("a", b"5")):
            self.publish(body, tag=tag)
        self.assertEqual(self.bodies(9, tags=["none"]), [])
        self.assertEqual(self.bodies(9, tags=["c", "a", "c"]), [b"1", b"4", b"5"])
        self.assertEqual(self.bodies(1), [b"2"])
        self.assertEqual(self.bodies(9), [b"3"])

    def test_no_more_are_taken_than_were_asked_for(self) -> None:
        for body in (b"1", b"2", b"3"):
            self.publish(body, tag="a")
            self.publish(body + b"b", tag="b")
        self.assertEqual(self.bodies(2, tags=["b", "a"]), [b"1", b"1b"])
        self.assertEqual(self.bodies(9, tags=["b"]), [b"2b", b"3b"])

    def test_what_a_filter_passes_over_is_not_disturbed(self) -> None:
        self.publish(b"1", tag="a")
        self.publish(b"2", tag="b")
        self.assertEqual(self.bodies(9, tags=["b"]), [b"2"])
        (found,) = self.consume(9)
        self.assertEqual((found.body, found.count), (b"1", 1))

    def test_a_tag_that_no_message_can_have_matches_none(self) -> None:
        self.publish(b"1", tag="")
        for tag in ("", "a\0", "\ud800"):
            self.assertEqual(self.bodies(9, tags=[tag]), [], repr(tag))
        self.assertEqual(self.bodies(9), [b"1"])

    def test_polls_of_several_filters_are_served_in_one_batch(self) -> None:
        for tag in "aabb":
            self.publish(tag.encode(), tag=tag)
        polls = [
            self.groups.consume(self.world, "t", "g", 1, lease=LEASE, tags=tags, policy=self.policy)
            for tags in ("b", (), "b", "ab", "a")
        ]
        bodies = [[each.body for each in self.done(poll)] for poll in polls]
        self.assertEqual(bodies, [[b"b"], [b"a"], [b"b"], [b"a"], []])


class WaitingTests(GroupsCase):
    """Long polls with filters."""

    def setUp(self) -> None:
        super().setUp()
        self.consume()
        self.store.batches.clear()

    def test_a_message_for_another_tag_neither_ends_nor_uses_up_a_poll(self) -> None:
        answers = self.waiting(tags=["a"])
        self.store.batches.clear()
        self.publish(b"b", tag="b")
        self.publish(b"none")
        # Nobody looked: all that was stored are two publishes.
        self.assertEqual([len(batch.operations) for batch in self.store.batches], [1, 1])
        self.publish(b"a", tag="a")
        self.assertEqual(answers, [[b"a"]])
        self.assertEqual(len(self.store.batches[-1].operations), 2)
        self.assertEqual(self.bodies(9), [b"b", b"none"])

    def test_who_came_first_is_served_first_whatever_is_asked_for(self) -> None:
        first = self.waiting(tags=["a"])
        second = self.waiting()
        third = self.waiting(tags=["a"])
        self.publish(b"1", tag="a")
        self.publish(b"2", tag="a")
        self.publish(b"3", tag="a")
        self.assertEqual((first, second, third), ([[b"1"]], [[b"2"]], [[b"3"]]))

    def test_one_publish_serves_each_filter_its_own(self) -> None:
        polls = [self.waiting(9, tags=tags) for tags in ("a", "b", "ab", "c", ())]
        self.done(
            self.groups.publish(
                self.world,
                "t",
                [self.message(tag) for tag in "abcd"],
                policy=self.policy,
            )
        )
        self.assertEqual(polls, [[[b"a"]], [[b"b"]], [], [[b"c"]], [[b"d"]]])

    def test_as_many_are_served_as_there_are_messages_of_their_tag(self) -> None:
        polls = [self.waiting(tags=tags) for tags in ("b", "a", "b", "a", "a", ())]
        messages = [self.message(tag) for tag in "aaa"]
        self.store.batches.clear()
        self.done(self.groups.publish(self.world, "t", messages, policy=self.policy))
        self.assertEqual(polls, [[], [[b"a"]], [], [[b"a"]], [[b"a"]], []])
        self.assertEqual([len(batch.operations) for batch in self.store.batches], [4])

    def test_all_are_served_when_much_comes_due_at_once(self) -> None:
        polls = [self.waiting(tags=["a"]) for _ in range(20)]
        others = [self.waiting(tags=["b"]) for _ in range(3)]
        messages = [TopicMessage(b"a", tag="a", delay=5000)] * 20
        self.done(self.groups.publish(self.world, "t", messages, policy=self.policy))
        self.pass_time(5)
        for _ in range(40):
            self.turn()
        self.assertEqual((polls, others), ([[[b"a"]]] * 20, [[]] * 3))

    def test_what_comes_due_wakes_who_wants_it_behind_many_who_do_not(self) -> None:
        others = [self.waiting(tags=["b"]) for _ in range(20)]
        answers = self.waiting(tags=["a"])
        self.publish(b"1", tag="a", delay=5000)
        self.publish(b"2", tag="a", delay=5000)
        more = self.waiting(tags=["a"])
        self.pass_time(5)
        for _ in range(4):
            self.turn()
        self.assertEqual((answers, more), ([[b"1"]], [[b"2"]]))
        self.assertEqual(others, [[]] * 20)

    def test_what_lapses_wakes_who_waits(self) -> None:
        self.publish(b"1", tag="a")
        self.consume(lease=5000)
        answers = self.waiting(tags=["a"])
        self.pass_time(4.999)
        self.assertEqual(answers, [])
        self.pass_time(0.001)
        self.assertEqual(answers, [[b"1"]])

    def test_a_wait_ends_with_nothing(self) -> None:
        answers = self.waiting(tags=["a"], wait=3000)
        self.pass_time(2.9)
        self.assertEqual(answers, [])
        self.pass_time(0.1)
        self.assertEqual(answers, [[]])

    def test_a_poll_whose_client_has_gone_takes_nothing(self) -> None:
        self.waiting(tags=["a"])
        gone = self.last
        answers = self.waiting(tags=["a"])
        gone.addErrback(lambda failure: failure.trap(CancelledError))
        gone.cancel()
        self.publish(b"1", tag="a")
        self.assertEqual(answers, [[b"1"]])
        self.assertEqual(self.engine.waiting, 0)

    def test_a_poll_waits_for_a_topic_that_nobody_has_published_to(self) -> None:
        answers = self.waiting(topic="new", group="new")
        self.publish(b"1", topic="new")
        self.assertEqual(answers, [[b"1"]])
