"""The behaviour that every store owes the engine; each store's tests inherit it."""

from __future__ import annotations

from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mqgate.storage import interface as ops
from mqgate.storage.interface import (
    Batch,
    Change,
    Memory,
    Operation,
    PostRow,
    QueueRow,
    Reserved,
    Reshelf,
    Stale,
    Store,
    Swept,
)

T = TypeVar("T")

NOW = 1_800_000_000_000
NEVER = 1 << 62
SHELF = 2
LARGE = 1 << 30
#: What is found of a message as it was posted.
FIELDS = PostRow._fields
#: Where the queue's deleted messages stay: its number.
MEMORY = 1


def row(id_: int, **other: Any) -> PostRow:
    """A ready message whose place is its id."""
    plain = PostRow(id_, 0, id_, 0, NEVER, 60_000, None, b"body %d" % id_)
    return plain._replace(**other)


class StoreContract:
    """Mix into a `SynchronousTestCase` that gives `make_store` and `reopen`."""

    store: Store
    world: int

    def make_store(self) -> Store:
        """A store on an empty database, not opened yet."""
        raise NotImplementedError

    def reopen(self) -> Store:
        """Close the store and open another one on the same database."""
        raise NotImplementedError

    def setUp(self) -> None:
        self.store = self.make_store()
        self.opened = self.store.open()
        (self.world,) = self.store.worlds([["a:one"]])
        self.change(queues=(self.queue(),))

    # -- steps

    def wait(self: Any, deferred: Deferred[T]) -> T:
        result: T = self.successResultOf(deferred)
        return result

    def run_batch(self, *operations: Operation, now: int = NOW, **other: Any) -> Any:
        return self.wait(self.store.run(Batch(now, (), (), operations, 0)._replace(**other)))

    def one(self, operation: Operation, now: int = NOW) -> Any:
        return self.run_batch(operation, now=now)[0]

    def queue(self, **other: Any) -> QueueRow:
        plain = QueueRow(self.world, 1, "q", SHELF, "plain", {}, NOW, 0, 1)
        return plain._replace(**other)

    def change(
        self,
        queues: tuple[QueueRow, ...] = (),
        reshelved: tuple[Reshelf, ...] = (),
        version: int = 1,
    ) -> None:
        change = Change(self.world, version, 10, queues, reshelved)
        self.run_batch(changes=(change,))

    def post(self, *rows: PostRow, shelf: int = SHELF) -> None:
        high = max(each.id for each in rows)
        self.run_batch(ops.Post(self.world, shelf, rows), high=high)

    def reserve(self, n: int = 1, now: int = NOW, **other: Any) -> Reserved:
        plain = ops.Reserve(self.world, SHELF, n, LARGE, None, False, None, False)
        result: Reserved = self.one(plain._replace(**other), now)
        return result

    def ids(self, reserved: Reserved) -> list[int]:
        return [each.id for each in reserved.rows]

    def assert_clean(self: Any) -> None:
        """Nothing is left over: each store looks in its own way."""
        raise NotImplementedError

    def delete(self, *ids: int, memory: Memory | None = None, now: int = NOW) -> Any:
        return self.one(ops.Delete(self.world, SHELF, ids, memory), now)

    def get(self, id_: int, now: int = NOW, shelf: int = SHELF) -> Any:
        return self.one(ops.Get(self.world, shelf, MEMORY, id_), now)

    def count(self, shelf: int = SHELF, now: int = NOW) -> Any:
        return self.one(ops.Count(self.world, shelf), now)


class OpeningContract(StoreContract):
    """What is kept from one opening to the next."""

    def test_a_world_is_found_again_by_any_of_its_names(self: Any) -> None:
        (other,) = self.store.worlds([["a:two", "b:two"]])
        store = self.reopen()
        self.assertEqual(store.worlds([["b:two"], ["a:one"]]), [other, self.world])

    def test_names_of_one_world_do_not_become_two(self: Any) -> None:
        self.store.worlds([["a:two", "b:two"]])
        with self.assertRaises(ops.StoreError) as caught:
            self.store.worlds([["a:two"], ["b:two"]])
        self.assertIn("b:two and a:two", str(caught.exception))

    def test_names_of_different_worlds_do_not_become_one(self: Any) -> None:
        self.store.worlds([["a:two"]])
        with self.assertRaises(ops.StoreError) as caught:
            self.store.worlds([["a:new", "a:one", "a:two"]])
        self.assertIn("a:one and a:two", str(caught.exception))
        # Nothing of it was kept.
        (fresh,) = self.store.worlds([["a:new"]])
        self.assertNotIn(fresh, self.store.worlds([["a:one"], ["a:two"]]))

    def test_what_was_committed_is_there_after_reopening(self: Any) -> None:
        self.post(row(1), row(2))
        self.store = self.reopen()
        self.assertEqual(self.ids(self.reserve(9)), [1, 2])
        self.assertEqual(self.count(), (2, 2))

    def test_the_bound_of_ids_is_kept(self: Any) -> None:
        self.run_batch(high=77)
        store = self.reopen()
        self.assertEqual(self.last_opened.high, 77)
        self.assertTrue(store.has_room())


class PostingContract(StoreContract):
    """Posts, reserves and their order."""

    def test_messages_come_in_the_order_of_their_places(self: Any) -> None:
        self.post(row(3), row(1), row(2, pos=9))
        self.assertEqual(self.ids(self.reserve(9)), [1, 3, 2])

    def test_one_place_is_shared_in_the_order_of_ids(self: Any) -> None:
        self.post(row(3, pos=5), row(1, pos=5), row(2, pos=5))
        self.assertEqual(self.ids(self.reserve(2)), [1, 2])

    def test_a_reserve_hands_out_the_whole_message(self: Any) -> None:
        self.post(row(1, props=b"p", expires=NOW + 9, timeout=50))
        (found,) = self.reserve().rows
        self.assertEqual(
            found._replace(body=0),  # which that is, is the store's own affair
            ops.MessageRow(1, 1, 1, NOW + 50, NOW + 9, 50, 50, 1, NOW, 0, 1, b"p", b"body 1"),
        )

    def test_messages_posted_together_may_differ_in_anything(self: Any) -> None:
        others: tuple[dict[str, Any], ...] = (
            {},
            {"props": b""},
            {"expires": NOW + 9},
            {"timeout": 50},
            {"pos": 5},
            {"state": 2, "due": NOW + 9},
            {"data": b"2" * 5000},
        )
        for other in others:
            with self.subTest(other=other):
                rows = [row(1), row(2, **other), row(3, props=b"3")]
                self.post(*rows)
                found = [self.get(id_) for id_ in (1, 2, 3)]
                self.assertEqual(
                    [ops.PostRow._make(getattr(it, field) for field in FIELDS) for it in found],
                    rows,
                )
                self.delete(1, 2, 3)

    def test_a_lease_takes_the_place_of_the_timeout_for_once(self: Any) -> None:
        self.post(row(1, timeout=50))
        (found,) = self.reserve(lease=5).rows
        self.assertEqual((found.lease, found.due), (5, NOW + 5))
        (again,) = self.reserve(now=NOW + 5).rows
        self.assertEqual((again.lease, again.times, again.first_at), (50, 2, NOW))

    def test_reserves_of_one_batch_share_in_their_order(self: Any) -> None:
        self.post(*map(row, range(1, 6)))
        take = ops.Reserve(self.world, SHELF, 2, LARGE, None, False, None, False)
        results = self.run_batch(take, take._replace(lease=7), take, take)
        self.assertEqual([self.ids(each) for each in results], [[1, 2], [3, 4], [5], []])

    def test_a_reserve_sees_what_is_posted_in_its_batch(self: Any) -> None:
        take = ops.Reserve(self.world, SHELF, 2, LARGE, None, False, None, False)
        taken, _ = self.run_batch(take, ops.Post(self.world, SHELF, (row(1),)))
        self.assertEqual(self.ids(taken), [1])

    def test_an_empty_handed_reserve_learns_the_next_due_time(self: Any) -> None:
        self.post(row(1, state=2, due=NOW + 70), row(2, state=2, due=NOW + 60))
        self.assertEqual(self.reserve(), Reserved((), NOW + 60))

    def test_leases_of_its_own_batch_count_among_the_due_times(self: Any) -> None:
        self.post(row(1, timeout=40))
        take = ops.Reserve(self.world, SHELF, 1, LARGE, None, False, None, False)
        _, nothing = self.run_batch(take, take)
        self.assertEqual(nothing, Reserved((), NOW + 40))

    def test_an_empty_queue_has_no_due_time(self: Any) -> None:
        self.assertEqual(self.reserve(), Reserved((), None))

    def test_a_delayed_message_is_handed_out_when_it_is_due(self: Any) -> None:
        self.post(row(1, state=2, due=NOW + 5, pos=99), row(2, pos=98))
        self.assertEqual(self.ids(self.reserve(9)), [2])
        self.assertEqual(self.ids(self.reserve(9, now=NOW + 5)), [1])

    def test_a_lapsed_message_goes_to_the_back(self: Any) -> None:
        base = (NOW - ops.EPOCH) << ops.INSTANT_SHIFT
        self.post(row(base + 1, timeout=5))
        self.reserve()
        self.post(row(((NOW + 4 - ops.EPOCH) << ops.INSTANT_SHIFT) + 1))
        self.post(row(((NOW + 6 - ops.EPOCH) << ops.INSTANT_SHIFT) + 1))
        order = [each.pos for each in self.reserve(9, now=NOW + 9).rows]
        self.assertEqual(order[1], (NOW + 5 - ops.EPOCH) << ops.INSTANT_SHIFT)

    def test_a_lapsed_message_keeps_its_place_where_the_queue_says_so(self: Any) -> None:
        self.post(row(1, timeout=5), row(2))
        self.reserve(in_place=True)
        self.assertEqual(self.ids(self.reserve(9, now=NOW + 9, in_place=True)), [1, 2])

    def test_expired_messages_do_not_keep_others_from_becoming_ready(self: Any) -> None:
        late = [row(each, state=2, due=NOW, expires=NOW) for each in range(1, 1101)]
        self.post(*late, row(2000, state=2, due=NOW + 1))
        self.assertEqual(self.ids(self.reserve(now=NOW + 1)), [2000])
        self.assertEqual(self.reserve(now=NOW + 1).next_due, NOW + 60_001)

    def test_expired_messages_are_passed_over_before_they_are_swept(self: Any) -> None:
        self.post(row(1, expires=NOW), row(2))
        self.assertEqual(self.ids(self.reserve(9)), [2])

    def test_a_removing_reserve_leaves_nothing(self: Any) -> None:
        self.post(row(1), row(2))
        self.assertEqual(self.ids(self.reserve(remove=True)), [1])
        self.assertEqual(self.count(), (1, 2))
        self.assertIsNone(self.get(1))

    def test_a_removing_reserve_remembers_where_the_queue_does(self: Any) -> None:
        self.post(row(1))
        self.reserve(remove=True, memory=Memory(MEMORY, 100))
        found = self.get(1)
        self.assertEqual((found.state, found.times, found.expires), (3, 1, NOW + 100))
        self.assertEqual(self.count(), (0, 1))
        self.assertEqual(self.ids(self.reserve(9, now=NOW + 99)), [])

    def test_a_peek_leaves_everything_as_it_is(self: Any) -> None:
        self.post(row(1), row(2))
        peek = ops.Peek(self.world, SHELF, 9, LARGE, False)
        self.assertEqual([each.id for each in self.one(peek)], [1, 2])
        self.assertEqual([each.times for each in self.one(peek)], [0, 0])

    def test_a_share_ends_where_it_gets_too_large_but_has_one_message(self: Any) -> None:
        self.post(*(row(each, data=b"x" * 100) for each in range(1, 6)))
        peek = ops.Peek(self.world, SHELF, 9, 150, False)
        self.assertEqual([each.id for each in self.one(peek)], [1, 2])
        self.assertEqual(self.ids(self.reserve(9, size=50)), [1])
        self.assertEqual(self.ids(self.reserve(9, size=200)), [2, 3])
        self.assertEqual(self.ids(self.reserve(9)), [4, 5])

    def test_queues_do_not_see_each_others_messages(self: Any) -> None:
        self.change(queues=(self.queue(number=3, name="other", shelf=4),))
        self.post(row(1), shelf=4)
        self.assertEqual(self.ids(self.reserve(9)), [])
        self.assertEqual(self.delete(1), ())
        self.assertIsNone(self.get(1))


class LookingContract(StoreContract):
    """Whether there is something for those who wait, without handing it out."""

    def look(self, now: int = NOW) -> Any:
        other = SHELF + 50
        return self.one(ops.Look(((self.world, SHELF, False), (self.world, other, False))), now)

    def test_an_empty_queue_has_nothing(self: Any) -> None:
        self.assertEqual(self.look(), (None, None))

    def test_what_is_ready_is_ready_now(self: Any) -> None:
        self.post(row(1, expires=NOW + 10))
        self.assertEqual(self.look(), (0, None))
        self.assertEqual(self.look(NOW + 10), (None, None))

    def test_what_is_held_or_delayed_is_due_when_the_first_of_it_is(self: Any) -> None:
        self.post(row(1), row(2, state=2, due=NOW + 50, pos=99))
        self.assertEqual(self.look(), (0, None))
        self.reserve(lease=20)
        for now in (NOW, NOW + 20):  # nothing is promoted by a look
            self.assertEqual(self.look(now), (NOW + 20, None))
        self.delete(1)
        self.assertEqual(self.look(), (NOW + 50, None))

    def test_any_number_of_queues_can_be_looked_at(self: Any) -> None:
        self.assertEqual(self.one(ops.Look(())), ())
        self.post(row(1))
        lines = tuple((self.world, shelf, False) for shelf in range(SHELF + 300))
        found = self.one(ops.Look(lines))
        self.assertEqual([shelf for shelf, due in enumerate(found) if due == 0], [SHELF])


class AcknowledgingContract(StoreContract):
    """Delete, touch, release, give back."""

    def test_delete_tells_which_ids_were_there(self: Any) -> None:
        self.post(row(1), row(2), row(3))
        self.reserve()
        self.assertEqual(self.delete(3, 1, 7, 3), (3, 1))
        self.assertEqual(self.delete(1), ())
        self.assertEqual(self.count(), (1, 3))

    def test_of_many_it_tells_the_same(self: Any) -> None:
        """Where all are there, as they nearly always are, a store need not look at each."""
        for memory in (None, Memory(MEMORY, 100)):
            with self.subTest(memory=memory):
                first = 100 if memory else 1
                ids = tuple(range(first, first + 40))
                self.post(*map(row, ids))
                there = ids[:20]
                self.assertEqual(self.delete(*there, memory=memory), there)
                self.assertEqual(self.delete(*there, memory=memory), ())
                self.assertEqual(self.delete(*ids[:30], memory=memory), ids[20:30])
                twice = ids[30:] * 2
                self.assertEqual(self.delete(*twice, memory=memory), ids[30:])
        self.assertEqual(self.count(), (0, 80))
        self.one(ops.Sweep(99), NOW + 100)
        self.assert_clean()
        self.assertIsNone(self.get(100, NOW + 99))

    def test_of_two_deletes_in_one_batch_one_finds_the_message(self: Any) -> None:
        self.post(row(1))
        delete = ops.Delete(self.world, SHELF, (1,), None)
        self.assertEqual(self.run_batch(delete, delete), [(1,), ()])
        self.assertEqual(self.count(), (0, 1))

    def test_a_remembered_message_is_readable_and_nothing_else(self: Any) -> None:
        self.post(row(1))
        self.assertEqual(self.delete(1, memory=Memory(MEMORY, 100)), (1,))
        self.assertEqual(self.get(1).state, 3)
        self.assertEqual(self.delete(1, memory=Memory(MEMORY, 100)), ())
        self.assertIsNone(self.one(ops.Touch(self.world, SHELF, 1)))
        self.assertFalse(self.one(ops.Release(self.world, SHELF, 1, 0, 9, False)))
        self.assertEqual(self.ids(self.reserve()), [])
        self.assertEqual(self.count(), (0, 1))
        self.assertIsNone(self.get(1, NOW + 100))

    def test_a_message_is_not_remembered_beyond_its_own_time(self: Any) -> None:
        self.post(row(1, expires=NOW + 10))
        self.delete(1, memory=Memory(MEMORY, 100))
        self.assertIsNone(self.get(1, NOW + 10))

    def test_touch_restarts_the_clock_with_the_messages_own_timeout(self: Any) -> None:
        self.post(row(1, timeout=50))
        self.reserve(lease=20)
        self.assertEqual(self.one(ops.Touch(self.world, SHELF, 1), NOW + 10), NOW + 60)
        self.assertEqual(self.ids(self.reserve(now=NOW + 59)), [])
        self.assertEqual(self.ids(self.reserve(now=NOW + 60)), [1])

    def test_touch_changes_nothing_of_a_message_nobody_holds(self: Any) -> None:
        self.post(row(1), row(2, state=2, due=NOW + 5, pos=9))
        self.assertEqual(
            self.run_batch(ops.Touch(self.world, SHELF, 1), ops.Touch(self.world, SHELF, 2)),
            [0, 0],
        )
        self.assertEqual(self.ids(self.reserve(9, now=NOW + 5)), [1, 2])

    def test_touch_does_not_revive_a_lapsed_reservation(self: Any) -> None:
        self.post(row(1, timeout=5))
        self.reserve()
        self.assertEqual(self.one(ops.Touch(self.world, SHELF, 1), NOW + 5), 0)
        self.assertEqual(self.ids(self.reserve(now=NOW + 5)), [1])

    def test_touch_misses_what_is_not_there(self: Any) -> None:
        self.post(row(1, expires=NOW))
        self.assertIsNone(self.one(ops.Touch(self.world, SHELF, 1)))
        self.assertIsNone(self.one(ops.Touch(self.world, SHELF, 2)))

    def test_release_puts_a_message_where_it_is_told(self: Any) -> None:
        self.post(row(1), row(2))
        self.reserve()
        self.assertTrue(self.one(ops.Release(self.world, SHELF, 1, 0, 9, False)))
        self.assertEqual(self.ids(self.reserve(9)), [2, 1])

    def test_release_in_place_keeps_the_old_place(self: Any) -> None:
        self.post(row(1), row(2))
        self.reserve()
        self.assertTrue(self.one(ops.Release(self.world, SHELF, 1, 0, 9, True)))
        self.assertEqual(self.ids(self.reserve(9)), [1, 2])

    def test_release_in_place_does_not_wait_for_a_place_still_to_come(self: Any) -> None:
        self.post(row(1, state=2, due=NOW + 50, pos=99), row(2))
        self.one(ops.Release(self.world, SHELF, 1, 0, 5, True))
        (_, found) = self.reserve(9).rows
        self.assertEqual((found.id, found.pos), (1, 5))

    def test_release_with_a_due_time_delays(self: Any) -> None:
        self.post(row(1))
        self.reserve()
        self.one(ops.Release(self.world, SHELF, 1, NOW + 5, 9, False))
        self.assertEqual(self.reserve(), Reserved((), NOW + 5))
        (found,) = self.reserve(now=NOW + 5).rows
        self.assertEqual((found.pos, found.times), (9, 2))

    def test_giving_back_keeps_place_and_count(self: Any) -> None:
        self.post(row(1), row(2))
        self.reserve()
        self.assertEqual(self.one(ops.GiveBack(self.world, SHELF, ((1, 1),))), 1)
        found = self.reserve(9).rows
        self.assertEqual([(each.id, each.times) for each in found], [(1, 2), (2, 1)])

    def test_giving_back_leaves_a_later_delivery_alone(self: Any) -> None:
        self.post(row(1, timeout=5))
        self.reserve()
        self.reserve(now=NOW + 5)
        self.assertEqual(self.one(ops.GiveBack(self.world, SHELF, ((1, 1),))), 0)
        self.assertEqual(self.ids(self.reserve(now=NOW + 6)), [])

    def test_giving_back_leaves_a_lapsed_reservation_where_it_lapsed(self: Any) -> None:
        self.post(row(1, timeout=5))
        self.reserve()
        self.assertEqual(self.one(ops.GiveBack(self.world, SHELF, ((1, 1),)), NOW + 5), 0)
        (found,) = self.reserve(now=NOW + 5).rows
        self.assertEqual(found.pos, (NOW + 5 - ops.EPOCH) << ops.INSTANT_SHIFT)

    def test_putting_back_finds_a_queue_that_was_cleared_meanwhile(self: Any) -> None:
        self.post(row(1))
        taken = self.reserve(remove=True, memory=Memory(MEMORY, 100)).rows
        self.change((self.queue(shelf=5),), (Reshelf(self.world, SHELF, 5),), version=2)
        self.assertEqual(self.one(ops.PutBack(self.world, 5, taken)), 1)
        self.assertEqual(self.count(5), (1, 1))
        self.assert_clean()

    def test_putting_back_restores_a_removed_message(self: Any) -> None:
        self.post(row(1, props=b"p"), row(2))
        taken = self.reserve(remove=True).rows
        put_back = ops.PutBack(self.world, SHELF, taken)
        self.assertEqual(self.one(put_back), 1)
        self.assertEqual(self.one(put_back), 0)
        found = self.reserve(9).rows
        self.assertEqual([(each.id, each.times) for each in found], [(1, 2), (2, 1)])
        self.assertEqual((found[0].props, found[0].data), (b"p", b"body 1"))
        self.assertEqual(self.count(), (2, 2))

    def test_putting_back_restores_a_remembered_message_too(self: Any) -> None:
        self.post(row(1), row(2))
        taken = self.reserve(remove=True, memory=Memory(MEMORY, 100)).rows
        self.assertEqual(self.one(ops.PutBack(self.world, SHELF, taken)), 1)
        (found,) = self.reserve(now=NOW + 1000).rows
        self.assertEqual((found.id, found.expires), (1, NEVER))
        self.assertEqual(self.count(), (2, 2))

    def test_putting_back_lets_go_of_what_expired_meanwhile(self: Any) -> None:
        self.post(row(1, expires=NOW + 5))
        taken = self.reserve(remove=True).rows
        self.assertEqual(self.one(ops.PutBack(self.world, SHELF, taken), NOW + 5), 0)


class UpkeepContract(StoreContract):
    """Expiry, shelves, tombstones, counters."""

    def test_a_sweep_removes_what_has_expired_and_tells_what_comes_next(self: Any) -> None:
        self.post(row(1, expires=NOW), row(2, expires=NOW - 1), row(3, expires=NOW + 9))
        self.assertEqual(self.one(ops.Sweep(1)), Swept(1, NOW))
        self.assertEqual(self.one(ops.Sweep(9)), Swept(1, NOW + 9))
        self.assertEqual(self.count(), (1, 3))

    def test_a_sweep_removes_as_many_as_it_may_however_they_were_deleted(self: Any) -> None:
        """Who gets fewer takes it that there are no more, and rests."""
        self.post(*(row(id_) for id_ in range(1, 61)))
        for id_ in range(1, 61):
            self.delete(id_, memory=Memory(MEMORY, 10))
        self.assertEqual(self.one(ops.Sweep(50), NOW + 10).removed, 50)
        self.assertEqual(self.one(ops.Sweep(50), NOW + 10).removed, 10)

    def test_a_sweep_of_nothing(self: Any) -> None:
        self.assertEqual(self.one(ops.Sweep(9)), Swept(0, None))

    def test_a_swept_message_that_was_remembered_is_not_counted_twice(self: Any) -> None:
        self.post(row(1), row(2))
        self.delete(1, memory=Memory(MEMORY, 5))
        self.one(ops.Sweep(9), NOW + 5)
        self.assertEqual(self.count(now=NOW + 5), (1, 2))

    def test_what_was_remembered_goes_in_slices_when_its_time_is_over(self: Any) -> None:
        self.post(*map(row, range(1, 8)))
        self.delete(1, 2, 3, 4, 5, memory=Memory(MEMORY, 5))
        self.delete(6, memory=Memory(MEMORY, 9))
        self.assertEqual(self.one(ops.Sweep(99), NOW + 4), Swept(0, NOW + 5))
        swept = [self.one(ops.Sweep(2), NOW + 5) for _ in range(4)]
        later = [Swept(2, NOW + 5), Swept(2, NOW + 5), Swept(1, NOW + 9), Swept(0, NOW + 9)]
        self.assertEqual(swept, later)
        self.assertEqual(self.get(6, NOW + 5).state, 3)
        # Together with what expires, which comes first.
        self.post(row(8, expires=NOW + 9))
        self.assertEqual(self.one(ops.Sweep(1), NOW + 9), Swept(1, NOW + 9))
        self.assertEqual(self.one(ops.Sweep(1), NOW + 9), Swept(1, NEVER))
        self.assertEqual(self.count(now=NOW + 9), (1, 8))
        self.assert_clean()

    def test_what_was_remembered_and_put_back_is_not_swept(self: Any) -> None:
        self.post(row(1), row(2))
        taken = self.reserve(2, remove=True, memory=Memory(MEMORY, 5)).rows
        self.one(ops.PutBack(self.world, SHELF, taken))
        self.delete(2, memory=Memory(MEMORY, 9), now=NOW + 1)
        self.assertEqual(self.one(ops.Sweep(9), NOW + 5), Swept(0, NOW + 10))
        self.assertEqual(self.get(2, NOW + 5).state, 3)
        self.assertEqual(self.one(ops.Sweep(9), NOW + 10), Swept(1, NEVER))
        self.assertEqual(self.ids(self.reserve(9, NOW + 10)), [1])
        self.assert_clean()

    def test_a_count_is_exact_when_the_sweep_is_late(self: Any) -> None:
        self.post(row(1, expires=NOW + 5), row(2))
        self.assertEqual(self.count(now=NOW + 5), (1, 2))

    def test_clearing_leaves_the_messages_behind_and_keeps_the_total(self: Any) -> None:
        self.post(row(1), row(2))
        self.change((self.queue(shelf=5),), (Reshelf(self.world, SHELF, 5),), version=2)
        self.post(row(3), shelf=5)
        self.assertEqual(self.count(5), (1, 3))
        self.assertFalse(self.one(ops.EmptyShelves(9)))
        self.assertEqual(self.ids(self.reserve(9, shelf=5)), [3])

    def test_clearing_does_not_forget_what_was_deleted_before(self: Any) -> None:
        self.post(row(1), row(2))
        self.delete(1, memory=Memory(MEMORY, 100))
        self.change((self.queue(shelf=5),), (Reshelf(self.world, SHELF, 5),), version=2)
        self.assertEqual(self.get(1, shelf=5).state, 3)
        self.assertIsNone(self.get(2, shelf=5))

    def test_an_old_shelf_is_emptied_in_slices_bodies_and_all(self: Any) -> None:
        self.post(row(1), row(2, state=2, due=NOW + 9), row(3))
        self.delete(3, memory=Memory(MEMORY, 50))
        self.change((self.queue(shelf=5),), (Reshelf(self.world, SHELF, 5),), version=2)
        self.assertEqual([self.one(ops.EmptyShelves(1)) for _ in range(3)], [True, True, False])
        self.one(ops.Sweep(9), NOW + 50)
        self.assert_clean()

    def test_many_small_shelves_are_emptied_at_once(self: Any) -> None:
        for each in range(1, 6):
            self.post(row(each), shelf=each * 10)
            self.change((), (Reshelf(self.world, each * 10, None),), version=each + 1)
        self.assertTrue(self.one(ops.EmptyShelves(4)))
        self.assertFalse(self.one(ops.EmptyShelves(4)))

    def test_a_sweep_of_an_old_shelf_makes_no_counters(self: Any) -> None:
        self.post(row(1, expires=NOW + 5))
        self.change((self.queue(shelf=5),), (Reshelf(self.world, SHELF, 5),), version=2)
        self.one(ops.Sweep(9), NOW + 5)
        self.assert_clean()

    def test_a_count_asked_beside_a_clear_is_one_of_before_or_after(self: Any) -> None:
        self.post(row(1), row(2))
        change = Change(self.world, 2, 10, (self.queue(shelf=5),), (Reshelf(self.world, SHELF, 5),))
        counts = self.run_batch(
            ops.Count(self.world, SHELF), ops.Count(self.world, 5), changes=(change,)
        )
        self.assertEqual(counts, [(2, 2), (0, 2)])

    def test_bodies_go_with_the_last_message_that_uses_them(self: Any) -> None:
        bodies = {1: b"1", 2: b"2" * 5000, 3: b"3", 4: b"4" * 5000, 5: b"5"}
        self.post(*(row(id_, data=data) for id_, data in bodies.items()))
        self.delete(1, 2)
        (third,) = self.reserve(remove=True).rows
        (fourth,) = self.reserve().rows
        self.assertEqual((third.data, fourth.data), (bodies[3], bodies[4]))
        self.delete(4, 5, memory=Memory(MEMORY, 5))
        self.assertEqual([self.get(id_).data for id_ in (4, 5)], [bodies[4], bodies[5]])
        self.one(ops.Sweep(9), NOW + 5)
        self.assert_clean()
        self.assertEqual(self.count(), (0, 5))


class CatalogueContract(StoreContract):
    """Versions, changes and tombstones."""

    def newer(self: Any, version: int) -> ops.WorldRows:
        result = self.run_batch(ops.Check(), versions=((self.world, version),))
        self.assertIsInstance(result, Stale)
        (rows,) = result.worlds
        return rows  # type: ignore[no-any-return]

    def test_a_plan_on_the_current_version_is_carried_out(self: Any) -> None:
        self.assertEqual(
            self.run_batch(ops.Probe(), ops.Check(), versions=((self.world, 1),)), [None, None]
        )

    def test_an_outdated_plan_changes_nothing_and_brings_what_is_newer(self: Any) -> None:
        second = self.queue(number=3, name="q2", shelf=4, version=2, settings={"a": [1]})
        self.change((second,), version=2)
        post = ops.Post(self.world, SHELF, (row(1),))
        result = self.run_batch(post, versions=((self.world, 1),), high=99)
        self.assertEqual(result, Stale((ops.WorldRows(self.world, 2, 10, False, (second,)),)))
        self.assertEqual(self.count(), (0, 0))

    def test_whoever_knows_nothing_gets_all(self: Any) -> None:
        rows = self.newer(-1)
        self.assertTrue(rows.complete)
        self.assertEqual(rows.queues, (self.queue(),))

    def test_whoever_is_told_everything_is_told_of_no_tombstones(self: Any) -> None:
        gone = self.queue(removed=NOW, version=2)
        self.change((gone,), (Reshelf(self.world, SHELF, None),), version=2)
        self.assertEqual(self.newer(-1).queues, ())

    def test_a_removed_queue_is_a_tombstone_until_it_is_forgotten(self: Any) -> None:
        gone = self.queue(removed=NOW, version=2)
        self.change((gone,), (Reshelf(self.world, SHELF, None),), version=2)
        self.assertEqual(self.newer(1).queues, (gone,))
        self.assertEqual(self.one(ops.Forget(NOW, 9)), 0)
        self.assertEqual(self.one(ops.Forget(NOW + 1, 9)), 1)
        # Who might have missed the tombstone is told everything anew.
        self.assertEqual(self.newer(1), ops.WorldRows(self.world, 2, 10, True, ()))

    def test_a_queue_removed_and_made_again_at_once_is_two_rows(self: Any) -> None:
        gone = self.queue(removed=NOW, version=2)
        fresh = self.queue(number=7, shelf=8, version=2)
        self.change((fresh, gone), (Reshelf(self.world, SHELF, None),), version=2)
        rows = sorted(self.newer(1).queues, key=lambda each: each.number)
        self.assertEqual(rows, [gone, fresh])


class CensusContract(StoreContract):
    """Looking at how much is in the queues, apart from batches."""

    def census(self, limit: int = 10, now: int = NOW) -> ops.Census:
        return self.wait(self.store.census([self.world], now, limit))

    def test_messages_are_counted_by_state(self: Any) -> None:
        self.post(row(10), row(11), row(12), row(13, state=2, due=NOW + 5000))
        self.reserve()
        self.assertEqual(
            self.census(),
            ops.Census((ops.QueueFigures(self.world, "q", 2, 1, 1, 4),), 1),
        )

    def test_what_has_come_due_counts_as_ready(self: Any) -> None:
        self.post(row(10, state=2, due=NOW + 5000))
        self.reserve(now=NOW)
        [figures] = self.census(now=NOW + 5000).queues
        self.assertEqual((figures.ready, figures.delayed), (1, 0))

    def test_the_fullest_queues_come_first_and_all_are_counted(self: Any) -> None:
        queues = tuple(
            self.queue(number=number, name=name, shelf=number + 1, version=2)
            for number, name in ((3, "b"), (5, "c"), (7, "d"))
        )
        self.change(queues, version=2)
        self.post(row(10))
        self.post(row(11), row(12), shelf=6)
        found = self.census(limit=3)
        self.assertEqual([each.name for each in found.queues], ["c", "q", "b"])
        self.assertEqual(found.in_all, 4)

    def test_removed_queues_and_other_worlds_are_not_seen(self: Any) -> None:
        self.change((self.queue(removed=NOW, version=2),), version=2)
        self.assertEqual(self.census(), ops.Census((), 0))
        self.assertEqual(self.wait(self.store.census([], NOW, 10)), ops.Census((), 0))


class FailingContract(StoreContract):
    """A batch that cannot be done changes nothing."""

    def test_a_batch_with_an_impossible_operation_changes_nothing(self: Any) -> None:
        self.post(row(1))
        bad = ops.Post(self.world, SHELF, (row(2), row(1)))  # that id is taken
        self.failureResultOf(
            self.store.run(Batch(NOW, (), (), (ops.Post(self.world, SHELF, (row(5),)), bad), 0))
        )
        self.assertEqual(self.count(), (1, 1))
        self.assertEqual(self.ids(self.reserve(9)), [1])

    def test_a_value_no_store_can_take_changes_nothing(self: Any) -> None:
        bad = ops.Delete(self.world, SHELF, (1 << 70,), None)
        good = ops.Post(self.world, SHELF, (row(1),))
        done = self.store.run(Batch(NOW, (), (), (good, bad), 0))
        done.addErrback(lambda failure: None)
        self.assertIn(self.wait(done), (None, [None, ()]))
        self.assertIn(self.count(), ((0, 0), (1, 1)))


class _Contract(
    OpeningContract,
    PostingContract,
    LookingContract,
    AcknowledgingContract,
    UpkeepContract,
    CatalogueContract,
    CensusContract,
    FailingContract,
):
    """All of it."""


class Contract(_Contract, SynchronousTestCase):
    """The whole contract as a test case; subclass it with a store."""

    last_opened: ops.Opened
