"""Every group gets every message, once, whoever comes first."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError

from mqgate.engine.allowance import Allowance
from mqgate.engine.engine import Engine
from mqgate.engine.errors import (
    GroupNotFound,
    InvalidRequest,
    LimitReached,
    NoRoom,
    TopicNotFound,
)
from mqgate.engine.groups import Outcome, TopicMessage
from mqgate.storage.interface import EPOCH
from tests.engine.case import WatchedStore
from tests.engine.groups.case import LEASE, RETENTION, GroupsCase


class GroupsTests(GroupsCase):
    """Groups, and what they are given."""

    def test_every_group_gets_every_message_and_its_consumers_share_them(self) -> None:
        self.assertEqual(self.bodies(), [])
        self.assertEqual(self.bodies(group="h"), [])
        self.publish(b"1", b"2")
        self.assertEqual(self.bodies(), [b"1"])
        self.assertEqual(self.bodies(9), [b"2"])
        self.assertEqual(self.bodies(9, group="h"), [b"1", b"2"])
        self.assertEqual(self.bodies(9), [])

    def test_a_new_group_begins_at_the_earliest_message(self) -> None:
        self.publish(b"1", b"2")
        self.assertEqual(self.bodies(9, group="late"), [b"1", b"2"])
        self.publish(b"3")
        self.assertEqual(self.bodies(9, group="late"), [b"3"])

    def test_topics_of_one_name_in_two_worlds_are_two(self) -> None:
        (other,) = self.store.worlds([["a:two"]])
        self.publish(b"1")
        world, self.world = self.world, other
        self.assertEqual(self.bodies(), [])
        self.world = world
        self.assertEqual(self.bodies(), [b"1"])

    def test_a_delivery_tells_all_about_it(self) -> None:
        (origin,) = self.publish(b"1", props=b"p")
        published = self.now()
        self.pass_time(1)
        (first,) = self.consume()
        taken = self.now()
        self.pass_time(LEASE / 1000)
        (second,) = self.consume(lease=5000)
        (other,) = self.consume(group="h")
        for each in (first, second, other):
            self.assertEqual((each.origin, each.body, each.props), (origin, b"1", b"p"))
            self.assertEqual(each.published_at, published)
        self.assertEqual((first.first_at, first.due_at, first.count), (taken, taken + LEASE, 1))
        self.assertEqual(second.first_at, taken)
        self.assertEqual((second.due_at, second.count), (self.now() + 5000, 2))
        self.assertEqual(other.count, 1)
        self.assertNotEqual(other.id, first.id)
        self.assertEqual((origin >> 22) + EPOCH, published)

    def test_messages_are_kept_for_the_retention_and_no_longer(self) -> None:
        self.bodies(group="g")
        self.publish(b"1")
        self.publish(b"later", delay=1000)
        self.pass_time(RETENTION / 1000 - 1)
        self.assertEqual(self.bodies(9, group="new"), [b"1", b"later"])
        self.pass_time(1)
        self.assertEqual(self.bodies(9, group="newer"), [b"later"])
        self.pass_time(1)
        self.assertEqual(self.bodies(9, group="newest"), [])
        self.pass_time(1)
        self.assertEqual(self.rows("SELECT count(*) FROM msg"), [(0,)])
        self.assertEqual(self.rows("SELECT count(*) FROM body"), [(0,)])

    def test_a_scheduled_message_comes_when_it_is_due_to_old_groups_and_new(self) -> None:
        self.bodies()
        forty_days = 40 * 86_400
        self.publish(b"later", delay=forty_days * 1000)
        self.publish(b"now")
        self.assertEqual(self.bodies(9), [b"now"])
        self.assertEqual(self.bodies(9, group="new"), [b"now"])
        self.pass_time(forty_days - 1)
        self.assertEqual(self.bodies(9), [])
        self.pass_time(1)
        for group in ("g", "new", "newer"):
            self.assertEqual(self.bodies(9, group=group), [b"later"], group)
        self.pass_time(RETENTION / 1000 - 1)
        self.assertEqual(self.bodies(9, group="newest"), [b"later"])

    def test_no_other_queue_is_called_like_a_topic_s(self) -> None:
        self.publish(b"1")
        self.consume()
        self.post(b"plain", queue="t", policy="back")
        self.assertEqual(self.take(9, queue="t"), [b"plain"])
        names = self.done(self.engine.list_queues(self.world, offset=0, limit=9))
        self.assertEqual([each.name for each in names], ["t"])
        for name in ("\x1ft", "\x1ft\x1fg"):
            self.refused(self.engine.reserve(self.world, name), InvalidRequest)
        self.start_again()
        names = self.done(self.engine.list_queues(self.world, offset=0, limit=9))
        self.assertEqual([each.name for each in names], ["t"])


class NamesTests(GroupsCase):
    """What may be made, and what it may be called."""

    def test_without_leave_to_make_them_missing_ones_are_told(self) -> None:
        message = [TopicMessage(b"1")]
        how: dict[str, Any] = {"policy": self.policy, "create": False}
        self.refused(self.groups.publish(self.world, "t", message, **how), TopicNotFound)
        consume = self.groups.consume
        self.refused(consume(self.world, "t", "g", lease=1, **how), TopicNotFound)
        self.done(self.groups.declare(self.world, "t", policy=self.policy))
        self.done(self.groups.publish(self.world, "t", message, **how))
        self.refused(consume(self.world, "t", "g", lease=1, **how), GroupNotFound)
        self.done(self.groups.declare(self.world, "t", "g", policy=self.policy))
        self.assertEqual(len(self.done(consume(self.world, "t", "g", lease=1, **how))), 1)
        self.assertEqual(self.rows("SELECT name FROM consumer_group"), [("g",)])

    def test_what_is_known_can_be_asked(self) -> None:
        known = self.groups.known
        self.refused(known(self.world, "t"), TopicNotFound)
        self.publish(b"1")
        self.done(known(self.world, "t"))
        self.refused(known(self.world, "t", "g"), GroupNotFound)
        self.consume()
        self.done(known(self.world, "t", "g"))

    def test_names_that_no_store_could_take_are_refused(self) -> None:
        for name in ("", "a\0b", "a\x1fb", "\ud800"):
            self.refused(
                self.groups.publish(self.world, name, [TopicMessage(b"")], policy=self.policy),
                InvalidRequest,
            )
            self.refused(
                self.groups.consume(self.world, "t", name, lease=1, policy=self.policy),
                InvalidRequest,
            )
        for how in ({"tag": "a\0"}, {"key": "\ud800"}):
            message = TopicMessage(b"", **how)  # type: ignore[arg-type]
            self.refused(
                self.groups.publish(self.world, "t", [message], policy=self.policy), InvalidRequest
            )
        self.refused(self.groups.publish(self.world, "t", [], policy=self.policy), InvalidRequest)
        self.refused(self.groups.pop(self.world, "t", 0, lease=1), InvalidRequest)
        self.assertEqual(self.rows("SELECT count(*) FROM queue"), [(0,)])

    def test_a_full_disk_takes_in_nothing_and_hands_out_what_is_there(self) -> None:
        self.publish(b"1")
        self.consume()
        self.publish(b"2")
        self.store.room = False
        self.refused(
            self.groups.publish(self.world, "t", [TopicMessage(b"3")], policy=self.policy), NoRoom
        )
        (delivery,) = self.consume()
        self.assertEqual(self.acknowledge(delivery), [Outcome.DONE])
        consume = self.groups.consume(self.world, "t", "new", lease=1, policy=self.policy)
        self.refused(consume, NoRoom)


class AcknowledgingTests(GroupsCase):
    """A receipt is good once, for one delivery, and in time."""

    def test_what_is_acknowledged_is_gone_for_this_group_alone(self) -> None:
        self.publish(b"1")
        (delivery,) = self.consume()
        self.assertEqual(self.acknowledge(delivery), [Outcome.DONE])
        self.pass_time(LEASE / 1000)
        self.assertEqual(self.bodies(9), [])
        self.assertEqual(self.bodies(9, group="h"), [b"1"])
        self.assertEqual(self.acknowledge(delivery), [Outcome.LATE])

    def test_the_good_ones_are_done_and_the_others_told_one_by_one(self) -> None:
        self.publish(b"1", b"2", b"3")
        first, second, third = self.consume(3)
        self.acknowledge(second)
        outcomes = self.acknowledge(first, second, "nonsense", third, third)
        done, invalid = Outcome.DONE, Outcome.INVALID
        self.assertEqual(outcomes, [done, invalid, invalid, done, invalid])
        self.assertEqual(self.acknowledge(), [])

    def test_a_receipt_is_good_for_its_own_world_topic_and_group_alone(self) -> None:
        self.publish(b"1")
        self.publish(b"1", topic="u")
        (delivery,) = self.consume()
        self.consume(group="h")
        self.consume(topic="u")
        self.assertEqual(self.acknowledge(delivery, group="h"), [Outcome.INVALID])
        self.assertEqual(self.acknowledge(delivery, topic="u"), [Outcome.INVALID])
        self.assertEqual(self.acknowledge(delivery, topic="none"), [Outcome.INVALID])
        self.assertEqual(self.commit(delivery.receipt), [Outcome.INVALID])
        self.assertEqual(self.rollback(delivery.receipt), [Outcome.INVALID])
        self.assertEqual(self.acknowledge(delivery), [Outcome.DONE])

    def test_it_is_good_until_the_moment_it_says(self) -> None:
        self.publish(b"1", b"2")
        first, second = self.consume(2)
        self.pass_time(LEASE / 1000 - 0.001)
        self.assertEqual(self.acknowledge(first), [Outcome.DONE])
        self.pass_time(0.001)
        self.assertEqual(self.acknowledge(second), [Outcome.LATE])
        (again,) = self.consume()
        self.assertEqual(self.acknowledge(second, again), [Outcome.LATE, Outcome.DONE])

    def test_a_forged_receipt_is_none_of_ours(self) -> None:
        self.publish(b"1")
        (delivery,) = self.consume()
        receipt = delivery.receipt
        forged = [
            receipt[:place] + ("A" if receipt[place] != "A" else "B") + receipt[place + 1 :]
            for place in range(len(receipt))
        ]
        forged += ["", receipt + "A", receipt[:-1], receipt + "=", "é" * len(receipt), "\0", "%"]
        outcomes = self.acknowledge(*forged)
        self.assertEqual(outcomes, [Outcome.INVALID] * len(forged))
        self.assertEqual(self.acknowledge(receipt), [Outcome.DONE])

    def test_receipts_outlive_the_server(self) -> None:
        self.publish(b"1")
        (delivery,) = self.consume()
        self.start_again()
        self.assertEqual(self.acknowledge(delivery), [Outcome.DONE])


class GoneTests(GroupsCase):
    """Clients that do not wait for their answers."""

    def test_a_client_gone_while_its_poll_was_at_the_store_takes_nothing(self) -> None:
        self.publish(b"1")
        self.consume(group="h")
        self.consume()
        self.publish(b"2", b"3")
        held = self.hold_next_batch()
        poll = self.groups.consume(self.world, "t", "g", lease=LEASE, policy=self.policy)
        self.turn()
        poll.cancel()
        self.failureResultOf(poll, CancelledError)
        held.callback(None)
        found = self.consume(9)
        self.assertEqual([(each.body, each.count) for each in found], [(b"2", 2), (b"3", 1)])

    def test_what_is_given_back_has_its_place_and_its_count(self) -> None:
        self.publish(b"1", b"2", key="k")
        found = self.consume(2)
        self.groups.give_back(self.world, "t", "g", found)
        again = self.consume(2, ordered=True)
        self.assertEqual([(each.body, each.count) for each in again], [(b"1", 2), (b"2", 2)])
        self.assertEqual(self.acknowledge(*found), [Outcome.INVALID] * 2)
        self.groups.give_back(self.world, "t", "g", found)  # of an earlier delivery
        self.assertEqual(self.bodies(2), [])
        self.assertEqual(self.acknowledge(*again), [Outcome.DONE] * 2)

    def test_given_back_to_a_topic_that_is_not_there_it_does_no_harm(self) -> None:
        self.publish(b"1")
        found = self.consume()
        self.groups.give_back(self.world, "none", "g", found)
        self.groups.give_back(self.world, "none", None, found)
        self.turn()
        self.assertEqual(self.flushLoggedErrors(), [])


class LimitTests(GroupsCase):
    """What a world may hold, its operator has decided."""

    def start(self) -> None:
        self.store = WatchedStore(self.database.store())
        opened = self.store.open()
        (self.world,) = self.store.worlds([["a:one"]])
        self.engine = Engine(
            *(self.store, self.clock, self.now, self.policies),
            opened=opened,
            allowances={self.world: Allowance(messages=4)},
        )
        self.engine.start()

    def test_each_copy_counts_and_what_is_too_much_is_refused(self) -> None:
        self.consume()
        self.publish(b"1", b"2")
        publish = self.groups.publish
        message = [TopicMessage(b"3")]
        self.refused(publish(self.world, "t", message, policy=self.policy), LimitReached)
        half = self.groups.prepare(
            *(self.world, "t", message[0]), check_after=1, decide_within=2, policy=self.policy
        )
        self.refused(half, LimitReached)
        self.acknowledge(*self.consume(2))
        self.assertEqual(self.prepare(b"4").due_at, self.now() + 10_000)
