"""What every store owes the engine for topics and their groups; each store's tests inherit it."""

from __future__ import annotations

from typing import Any

from mqgate.storage import interface as ops
from mqgate.storage.interface import Consumed, Copies, Fed, LogEntry, QueueRow, Topic
from mqgate.storage.interface.groups import CaughtUp, IdleGroup
from tests.storage.contract import LARGE, NOW, StoreContract

LEASE = 60_000
EXPIRES = NOW + 1_000_000_000
#: Numbers of queues, and the shelves after them.
LOG, FIRST, SECOND, HALVES = 11, 21, 31, 41


class GroupsContract(StoreContract):
    """A topic with two groups, of which the first is live."""

    def setUp(self) -> None:
        super().setUp()
        names = {LOG: "\x1ft", FIRST: "\x1ft\x1fg", SECOND: "\x1ft\x1fh", HALVES: "\x1ft\x1f"}
        queues = tuple(self.hidden(number, name) for number, name in names.items())
        self.change(queues=queues, version=2)
        self.topic = Topic(
            self.world, LOG, LOG + 1, (Fed(FIRST, FIRST + 1), Fed(SECOND, SECOND + 1))
        )
        self.catch_up()

    def hidden(self, number: int, name: str) -> QueueRow:
        return self.queue(number=number, name=name, shelf=number + 1, version=2)

    # -- steps

    def entry(self, id_: int, **other: Any) -> LogEntry:
        """Its copies' ids are 1 and 2 more than its own."""
        ids = Copies(id_, (id_ + 1, id_ + 2))
        return LogEntry(ids, 0, EXPIRES, None, "", None, b"body %d" % id_)._replace(**other)

    def append(self, *entries: LogEntry, now: int = NOW) -> None:
        self.run_batch(ops.Append(self.topic, entries), high=1 << 40, now=now)

    def catch_up(
        self, group: int = FIRST, ids: range = range(900, 909), now: int = NOW
    ) -> CaughtUp:
        name = "g" if group == FIRST else "h"
        operation = ops.CatchUp(self.topic, name, Fed(group, group + 1), tuple(ids))
        result: CaughtUp = self.one(operation, now)
        return result

    def consume(self, n: int = 9, group: int = FIRST, now: int = NOW, **other: Any) -> Consumed:
        plain = ops.Consume(self.world, group + 1, n, LARGE, LEASE, (), False, 0)
        result: Consumed = self.one(plain._replace(**other), now)
        return result

    def taken(self, n: int = 9, **other: Any) -> list[int]:
        return [each.origin for each in self.consume(n, **other).rows]

    def acknowledge(self, *deliveries: tuple[int, int], now: int = NOW) -> Any:
        return self.one(ops.Acknowledge(self.world, FIRST + 1, deliveries), now)

    def prepare(self, id_: int = 50, **other: Any) -> None:
        half = ops.Prepare(
            *(self.world, HALVES + 1, id_, id_, NOW + 10, EXPIRES, None, "", None, b"half")
        )
        self.run_batch(half._replace(**other), high=1 << 40)

    def decide(self, *halves: tuple[int, int], commit: bool = True, now: int = NOW) -> Any:
        topic = self.topic if commit else None
        ids = tuple(Copies(100 + 3 * n, (101 + 3 * n, 102 + 3 * n)) for n in range(len(halves)))
        return self.one(
            ops.Decide(self.world, HALVES + 1, halves, topic, ids if commit else (), 1000), now
        )

    # -- what comes in

    def test_a_message_stands_in_the_log_and_in_live_groups_with_one_body(self: Any) -> None:
        self.append(self.entry(10), self.entry(20, props=b"p"))
        self.assertEqual(self.count(LOG + 1), (2, 2))
        self.assertEqual(self.count(FIRST + 1), (2, 2))
        self.assertEqual(self.count(SECOND + 1), (0, 0))
        first, second = self.consume().rows
        self.assertEqual((first.id, first.origin, first.data), (11, 10, b"body 10"))
        self.assertEqual((second.id, second.props, second.due), (21, b"p", NOW + LEASE))
        self.assert_clean()

    def test_nobody_takes_what_stands_in_a_log(self: Any) -> None:
        self.append(self.entry(10))
        self.assertEqual(self.consume(group=LOG).rows, ())
        plain = ops.Reserve(self.world, LOG + 1, 9, LARGE, None, True, None, True)
        self.assertEqual(self.one(plain).rows, ())
        self.assertEqual(self.one(ops.Delete(self.world, LOG + 1, (10,), None)), ())

    def test_a_delayed_message_is_ready_when_it_is_due(self: Any) -> None:
        self.append(self.entry(10, due=NOW + 5), self.entry(20))
        found = self.consume()
        self.assertEqual([each.origin for each in found.rows], [20])
        self.assertEqual(self.consume().next_due, NOW + 5)
        self.assertEqual(self.taken(now=NOW + 5), [10])

    def test_the_log_is_in_the_order_of_the_commits(self: Any) -> None:
        """A gateway whose ids are behind another's commits no message behind a group's back."""
        self.append(self.entry(500))
        self.catch_up(SECOND, range(700, 701))
        self.append(self.entry(10))
        self.catch_up(SECOND, range(701, 709))
        self.assertEqual(self.taken(group=SECOND), [500, 10])

    def test_who_waits_in_order_has_something_when_it_is_a_keys_turn(self: Any) -> None:
        in_any_order, in_order = ((self.world, FIRST + 1, each) for each in (False, True))
        look = ops.Look((in_any_order, in_order))
        self.assertEqual(self.one(look), (None, None))
        self.append(self.entry(10, key="k"), self.entry(20, key="k"))
        self.assertEqual(self.one(look), (0, 0))
        (first,) = self.consume(1, in_order=True).rows
        self.assertEqual(self.one(look), (0, NOW + LEASE))
        self.acknowledge((first.id, first.times))
        self.assertEqual(self.one(look), (0, 0))

    # -- catching up

    def test_a_group_catches_up_step_by_step_and_is_live_then(self: Any) -> None:
        self.append(self.entry(10), self.entry(20), self.entry(30))
        self.assertEqual(self.catch_up(SECOND, range(700, 702)), (2, False))
        self.append(self.entry(40))
        self.assertEqual(self.taken(group=SECOND), [10, 20])
        self.assertEqual(self.catch_up(SECOND, range(702, 705)), (2, True))
        self.append(self.entry(50))
        self.assertEqual(self.taken(group=SECOND), [30, 40, 50])
        self.assertEqual(self.catch_up(SECOND, range(705, 709)), (0, True))
        self.assert_clean()

    def test_what_is_published_in_the_batch_that_ends_it_is_not_lost(self: Any) -> None:
        fed = Fed(SECOND, SECOND + 1)
        self.run_batch(
            ops.CatchUp(self.topic, "h", fed, tuple(range(700, 709))),
            ops.Append(self.topic, (self.entry(10),)),
            high=1 << 40,
        )
        self.append(self.entry(20))
        self.assertEqual(self.taken(group=SECOND), [10, 20])

    def test_a_note_that_it_is_polled_copies_nothing(self: Any) -> None:
        self.append(self.entry(10))
        self.assertEqual(self.catch_up(SECOND, range(0)), (0, False))
        self.assertEqual(self.taken(group=SECOND), [])

    def test_a_group_that_rests_begins_again(self: Any) -> None:
        self.append(self.entry(10))
        self.assertEqual(self.one(ops.Idle(NOW)), ())
        idle = self.one(ops.Idle(NOW + 1))
        self.assertEqual(idle, (IdleGroup(self.world, "\x1ft\x1fg", NOW),))
        self.one(ops.Rest(self.world, LOG, "g"))
        self.assertEqual(self.one(ops.Idle(NOW + 1)), ())
        self.append(self.entry(20))
        self.assertEqual(self.taken(), [10])
        self.catch_up(ids=range(700, 709), now=NOW + 9)
        self.assertEqual(self.taken(), [10, 20])
        self.assertEqual(self.one(ops.Idle(NOW + 9)), ())

    # -- what goes out

    def test_tags_are_looked_for_and_others_left_alone(self: Any) -> None:
        for id_, tag in ((10, "a"), (20, None), (30, "b"), (40, "c"), (50, "a")):
            self.append(self.entry(id_, tag=tag))
        self.assertEqual(self.taken(tags=("c", "a", "x"), n=2), [10, 40])
        self.assertEqual(self.taken(), [20, 30, 50])

    def test_takes_of_one_batch_do_not_get_the_same(self: Any) -> None:
        for id_, tag, key in ((10, "a", "k"), (20, "a", "k"), (30, "b", "l"), (40, "a", "m")):
            self.append(self.entry(id_, tag=tag, key=key))
        plain = ops.Consume(self.world, FIRST + 1, 1, LARGE, LEASE, (), False, 0)
        results = self.run_batch(
            plain._replace(in_order=True),
            plain._replace(in_order=True),
            plain._replace(tags=("a",)),
            plain._replace(tags=("a",)),
            plain._replace(in_order=True),
        )
        origins = [[row.origin for row in result.rows] for result in results]
        self.assertEqual(origins, [[10], [30], [20], [40], []])

    def test_in_order_a_key_is_shut_while_one_of_it_is_out(self: Any) -> None:
        for id_, key in ((10, "k"), (20, "l"), (30, "k"), (40, "k"), (50, "l")):
            self.append(self.entry(id_, key=key))
        self.assertEqual(self.taken(2, in_order=True), [10, 30])
        self.assertEqual(self.taken(1, in_order=True), [20])
        self.assertEqual(self.taken(in_order=True), [])
        self.assertEqual(self.acknowledge((11, 1)), (True,))
        self.assertEqual(self.taken(in_order=True), [])
        self.assertEqual(self.acknowledge((31, 1)), (True,))
        self.assertEqual(self.taken(in_order=True), [40])
        self.assert_clean()

    def test_what_lapses_is_handed_out_first_and_in_order(self: Any) -> None:
        for id_ in (10, 20, 30):
            self.append(self.entry(id_, key="k"))
        self.taken(2, in_order=True)
        self.assertEqual(self.taken(in_order=True, now=NOW + LEASE - 1), [])
        later = self.consume(in_order=True, now=NOW + LEASE)
        self.assertEqual([row.origin for row in later.rows], [10, 20, 30])
        self.assertEqual([row.times for row in later.rows], [2, 2, 1])

    def test_an_answer_ends_when_it_is_large_enough(self: Any) -> None:
        for id_ in (10, 20, 30):
            self.append(self.entry(id_, key="k", data=b"x" * 10))
        self.assertEqual(self.taken(in_order=True, size=20), [10, 20])

    def test_an_expired_message_is_in_nobodys_way(self: Any) -> None:
        self.append(self.entry(10, key="k", expires=NOW + 5), self.entry(20, key="k"))
        self.assertEqual(self.taken(in_order=True, now=NOW + 5), [20])
        self.assertEqual(self.taken(in_order=True, now=NOW + 6), [])

    def test_a_swept_one_makes_way(self: Any) -> None:
        self.append(self.entry(10, key="k", expires=NOW + 5), self.entry(20, key="k"))
        self.taken(1, in_order=True)
        self.one(ops.Sweep(9), NOW + 5)
        self.assertEqual(self.count(FIRST + 1), (1, 2))
        self.assertEqual(self.taken(in_order=True, now=NOW + 6), [20])
        self.assert_clean()

    # -- acknowledgements

    def test_a_delivery_is_acknowledged_once_and_only_as_it_is(self: Any) -> None:
        self.append(self.entry(10))
        self.consume()
        self.assertEqual(
            self.acknowledge((11, 2), (12, 1), (11, 1), (11, 1)), (False, False, True, False)
        )
        self.assertEqual(self.acknowledge((11, 1)), (False,))
        self.assertEqual(self.count(FIRST + 1), (0, 1))
        self.assertEqual(self.count(LOG + 1), (1, 1))

    def test_what_nobody_holds_is_not_acknowledged(self: Any) -> None:
        self.append(self.entry(10), self.entry(20, due=NOW + 9))
        self.assertEqual(self.acknowledge((11, 0), (21, 0)), (False, False))
        self.consume()
        self.assertEqual(self.acknowledge((11, 1), now=NOW + LEASE), (False,))

    def test_deliveries_are_undone_as_long_as_they_are_those(self: Any) -> None:
        self.append(self.entry(10, key="k"), self.entry(20, key="k"))
        self.taken(in_order=True)
        undo = ops.Return(self.world, FIRST + 1, ((11, 1), (21, 2)))
        self.assertEqual(self.one(undo), 1)
        self.assertEqual(self.taken(in_order=True), [])
        self.assertEqual(self.one(undo._replace(deliveries=((21, 1),))), 1)
        found = self.consume(in_order=True).rows
        self.assertEqual([(row.origin, row.times) for row in found], [(10, 2), (20, 2)])

    # -- half messages

    def test_a_half_message_is_published_with_its_origin(self: Any) -> None:
        self.prepare(tag="a", key="k", props=b"p")
        self.assertEqual(self.count(LOG + 1), (0, 0))
        self.assertEqual(self.decide((50, 0)), (0,))
        (found,) = self.consume(tags=("a",), in_order=True).rows
        self.assertEqual((found.id, found.origin, found.expires), (101, 50, NOW + 1000))
        self.assertEqual((found.props, found.data), (b"p", b"half"))
        self.assertEqual(self.count(HALVES + 1), (0, 1))
        self.assertEqual(self.decide((50, 0)), (None,))
        self.assert_clean()

    def test_several_are_decided_at_once_those_that_are_there(self: Any) -> None:
        self.prepare(50)
        self.prepare(60)
        self.assertEqual(
            self.decide((60, 0), (61, 0), (50, 1), (50, 0), (60, 0)), (0, None, None, 0, None)
        )
        self.assertEqual(self.taken(), [60, 50])
        self.assert_clean()

    def test_a_dropped_one_leaves_nothing(self: Any) -> None:
        self.prepare()
        self.assertEqual(self.decide((50, 0), commit=False), (0,))
        self.assertEqual(self.taken(), [])
        self.assert_clean()

    def test_one_is_decided_as_it_was_handed_out_and_in_time(self: Any) -> None:
        self.prepare()
        self.assertEqual(self.decide((50, 0), now=NOW + 10), (None,))
        (found,) = self.consume(group=HALVES, now=NOW + 10, lease=5).rows
        self.assertEqual((found.id, found.times), (50, 1))
        self.assertEqual(self.decide((50, 0), now=NOW + 11), (None,))
        self.assertEqual(self.decide((50, 1), now=NOW + 15), (None,))
        self.assertEqual(len(self.consume(group=HALVES, now=NOW + 15).rows), 1)
        self.assertEqual(self.decide((50, 2), now=NOW + 16), (0,))

    def test_a_place_still_to_come_is_waited_for(self: Any) -> None:
        due = NOW + 60_000
        self.prepare(pos=(due - ops.EPOCH) << ops.INSTANT_SHIFT)
        self.assertEqual(self.decide((50, 0)), (due,))
        self.assertEqual(self.taken(), [])
        (found,) = self.consume(now=due).rows
        self.assertEqual(found.expires, due + 1000)

    # -- dead letters

    def test_what_lapses_after_its_last_delivery_stays_until_it_is_buried(self: Any) -> None:
        self.append(self.entry(10, key="k"), self.entry(20, key="k"), self.entry(30, key="l"))
        self.assertFalse(self.consume(1, in_order=True, maximum=1).exhausted)
        later = NOW + LEASE
        found = self.consume(in_order=True, maximum=1, now=later)
        self.assertEqual([row.origin for row in found.rows], [30])
        self.assertTrue(found.exhausted)
        dead = self.bury(later)
        self.assertEqual(dead, 1)
        self.assertEqual(self.taken(in_order=True, now=later), [20])
        # This log is the dead letters' here.
        self.assertEqual(self.count(LOG + 1), (4, 4))
        self.assertEqual(self.count(SECOND + 1), (0, 0))
        self.assert_clean()

    def test_or_is_dropped_where_there_is_no_place_for_the_dead(self: Any) -> None:
        self.append(self.entry(10))
        self.taken()
        later = NOW + LEASE
        self.assertEqual(self.bury(later, topic=None), 1)
        self.assertEqual(self.bury(later, topic=None), 0)
        self.assertEqual(self.count(FIRST + 1), (0, 1))
        self.assert_clean()

    def bury(self, now: int, **other: Any) -> Any:
        ids = tuple(Copies(id_, (id_ + 1, id_ + 2)) for id_ in (800, 803))
        dead = Topic(self.world, LOG, LOG + 1, (Fed(SECOND, SECOND + 1),))
        bury = ops.Bury(self.world, FIRST + 1, 1, dead, ids, EXPIRES)
        return self.one(bury._replace(**other), now)

    # -- limits

    def test_each_copy_counts_against_what_a_world_may_hold(self: Any) -> None:
        quota = ops.Quota(self.world, 4, None)
        append = ops.Append(self.topic, (self.entry(10),))
        self.run_batch(append, high=1 << 40, limits=(quota,))
        self.run_batch(ops.Append(self.topic, (self.entry(20),)), limits=(quota,))
        refused = self.store.run(
            ops.Batch(NOW, (), (), (ops.Append(self.topic, (self.entry(30),)),), 0, (quota,))
        )
        self.assertEqual(list(self.failureResultOf(refused, ops.Full).value.refused), [0])
        self.assertEqual(self.taken(), [10, 20])
