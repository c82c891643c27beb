"""What every store owes the engine where there are limits."""

from __future__ import annotations

from typing import Any

from twisted.python.failure import Failure

from mqgate.storage import interface as ops
from mqgate.storage.interface import Batch, Bound, Full, Memory, Quota, Refusal, Reshelf
from tests.storage.contract import MEMORY, NEVER, NOW, SHELF, StoreContract, row

#: Another queue's shelf, and its number.
OTHER, OTHER_NUMBER = 4, 3


def rows(*ids: int, **other: Any) -> tuple[ops.PostRow, ...]:
    return tuple(row(id_, **other) for id_ in ids)


def _kept_out(failure: Failure) -> bool:
    failure.trap(Full)
    return False


class LimitsCase(StoreContract):
    """A world with two queues, and posts that have to keep to limits."""

    def setUp(self) -> None:
        super().setUp()
        other = self.queue(number=OTHER_NUMBER, name="other", shelf=OTHER, version=2)
        self.change((other,), version=2)
        #: What posts have to keep to.
        self.limits: tuple[Quota | Bound, ...] = ()

    def quota(self, messages: int | None = None, bytes: int | None = None) -> None:
        self.limits = (*self.limits, Quota(self.world, messages, bytes))

    def bound(self, length: int, drop: bool = False, shelf: int = SHELF) -> None:
        self.limits = (*self.limits, Bound(self.world, shelf, length, drop, False))

    def batch(self, *operations: ops.Operation, now: int = NOW) -> Batch:
        return Batch(now, (), (), operations, 1 << 40, self.limits)

    def posting(self, *ids: int, shelf: int = SHELF, **other: Any) -> ops.Post:
        return ops.Post(self.world, shelf, rows(*ids, **other))

    def put(self, *operations: ops.Operation, now: int = NOW) -> Any:
        return self.wait(self.store.run(self.batch(*operations, now=now)))

    def refusals(self: Any, *operations: ops.Operation, now: int = NOW) -> dict[int, Refusal]:
        failure = self.failureResultOf(self.store.run(self.batch(*operations, now=now)), Full)
        assert isinstance(failure.value, Full)
        return dict(failure.value.refused)

    def there(self, shelf: int = SHELF, now: int = NOW) -> list[int]:
        peek = ops.Peek(self.world, shelf, 1000, 1 << 30, False)
        return [each.id for each in self.one(peek, now)]


class QuotaContract(LimitsCase):
    """What a world may hold."""

    def test_posts_come_in_up_to_the_limit_and_not_beyond(self: Any) -> None:
        self.quota(messages=3)
        self.put(self.posting(1, 2))
        self.assertEqual(
            self.refusals(self.posting(3, 4)), {0: Refusal("messages", 3)}, "whole or not at all"
        )
        self.put(self.posting(5))
        self.assertEqual(self.there(), [1, 2, 5])

    def test_all_queues_of_the_world_count_together(self: Any) -> None:
        self.quota(messages=3)
        self.put(self.posting(1, 2), self.posting(3, shelf=OTHER))
        self.assertEqual(list(self.refusals(self.posting(4, shelf=OTHER))), [0])

    def test_of_a_batch_those_are_named_that_do_not_fit_and_nothing_is_done(self: Any) -> None:
        self.quota(messages=3)
        refused = self.refusals(
            self.posting(1, 2), self.posting(3, 4, shelf=OTHER), self.posting(5), self.posting(6)
        )
        self.assertEqual(sorted(refused), [1, 3])
        self.assertEqual(self.there(), [])
        self.assertEqual(self.count(), (0, 0))
        self.put(self.posting(1, 2), self.posting(5))

    def test_what_the_same_batch_deletes_makes_room(self: Any) -> None:
        self.quota(messages=2, bytes=12)
        self.store.meter(True)
        self.put(self.posting(1, 2))
        self.put(self.posting(3, 4), ops.Delete(self.world, SHELF, (1, 2), None))
        self.assertEqual(self.there(), [3, 4])

    def test_what_has_expired_takes_no_room(self: Any) -> None:
        self.quota(messages=2, bytes=12)
        self.store.meter(True)
        self.put(self.posting(1, 2, expires=NOW + 10))
        self.put(self.posting(3, 4), now=NOW + 10)
        self.assertEqual(self.there(now=NOW + 10), [3, 4])

    def test_what_is_there_beyond_a_limit_stays(self: Any) -> None:
        self.put(self.posting(1, 2, 3))
        self.quota(messages=2)
        self.assertEqual(list(self.refusals(self.posting(4))), [0])
        self.put(ops.Delete(self.world, SHELF, (2,), None))
        self.assertEqual(list(self.refusals(self.posting(4))), [0])
        self.assertEqual(self.there(), [1, 3])


class BytesContract(LimitsCase):
    """A message of these tests has six bytes, ``body`` and a number."""

    def setUp(self) -> None:
        super().setUp()
        self.store.meter(True)

    def room(self, size: int) -> bool:
        """Whether a message of that size is let in where the limit is twenty."""
        self.limits = (Quota(self.world, None, 20),)
        post = ops.Post(self.world, OTHER, rows(99, data=b"x" * size))
        done = self.store.run(self.batch(post)).addCallbacks(lambda _: True, _kept_out)
        there = self.wait(done)
        if there:
            self.one(ops.Delete(self.world, OTHER, (99,), None))
        return there

    def assert_room(self: Any, size: int) -> None:
        self.assertTrue(self.room(size), f"no room for {size}")
        self.assertFalse(self.room(size + 1), f"room for {size + 1}")

    def test_bodies_and_properties_count(self: Any) -> None:
        self.put(self.posting(1, props=b"abc"), self.posting(2, props=b""))
        self.assert_room(5)

    def test_every_way_to_take_a_message_away_makes_room(self: Any) -> None:
        memory = Memory(MEMORY, 60_000)
        for take_away in (
            lambda: self.delete(1),
            lambda: self.delete(1, memory=memory),
            lambda: self.reserve(remove=True),
            lambda: self.reserve(remove=True, memory=memory),
            lambda: self.one(ops.Sweep(10), NOW + 5000),
        ):
            self.put(self.posting(1, expires=NOW + 5000))
            self.assert_room(14)
            take_away()
            self.assert_room(20)
            self.one(ops.Sweep(10), NEVER)

    def test_what_is_held_or_put_back_counts(self: Any) -> None:
        memory = Memory(MEMORY, 60_000)
        self.put(self.posting(1))
        self.reserve()
        self.assert_room(14)
        self.one(ops.Release(self.world, SHELF, 1, NOW + 5, 1, False))
        self.assert_room(14)
        for kept in (None, memory):
            (message,) = self.reserve(now=NOW + 5, remove=True, memory=kept).rows
            self.assert_room(20)
            self.one(ops.PutBack(self.world, SHELF, (message._replace(due=0, state=0),)))
            self.assert_room(14)

    def test_a_queue_that_is_cleared_or_removed_makes_room_at_once(self: Any) -> None:
        self.put(self.posting(1, 2))
        self.change((self.queue(shelf=6, version=3),), (Reshelf(self.world, SHELF, 6),), 3)
        self.assert_room(20)
        self.one(ops.EmptyShelves(10))
        self.assert_room(20)
        self.put(self.posting(3, shelf=6))
        removed = self.queue(shelf=6, removed=NOW, version=4)
        self.change((removed,), (Reshelf(self.world, 6, None),), 4)
        self.assert_room(20)
        self.one(ops.EmptyShelves(10))
        self.assert_room(20)

    def test_what_was_there_before_counting_began_counts(self: Any) -> None:
        self.store.meter(False)
        self.put(self.posting(1, 2))
        self.delete(2, memory=Memory(MEMORY, 60_000))
        self.store = self.reopen()
        self.store.meter(True)
        self.assert_room(14)
        self.store.meter(True)
        self.assert_room(14)

    def test_counting_goes_on_over_a_restart_and_ends_when_it_is_not_wanted(self: Any) -> None:
        self.put(self.posting(1))
        self.store = self.reopen()
        self.put(self.posting(2))
        self.store.meter(True)
        self.assert_room(8)
        self.store.meter(False)
        self.put(self.posting(3))
        self.assertTrue(self.room(20))
        self.assert_clean()


class BoundContract(LimitsCase):
    """How long a queue may get."""

    def test_a_full_queue_refuses(self: Any) -> None:
        self.bound(2)
        self.put(self.posting(1))
        refused = self.refusals(self.posting(2, 3), self.posting(4), self.posting(5))
        self.assertEqual(sorted(refused), [0, 2])
        self.assertEqual(refused[0], Refusal("length", 2))
        self.put(self.posting(6, 7, 8, shelf=OTHER))

    def test_the_oldest_make_room(self: Any) -> None:
        self.bound(3, drop=True)
        self.put(self.posting(1, 2, 3))
        self.put(self.posting(4), self.posting(5))
        self.assertEqual(self.there(), [3, 4, 5])
        self.assertEqual(self.count(), (3, 5))
        self.assert_clean()

    def test_one_batch_may_bring_more_than_there_is_room_for(self: Any) -> None:
        """Also one post may: the last of its messages stay."""
        self.bound(3, drop=True)
        self.put(self.posting(1), self.posting(2, 3), self.posting(4, 5))
        self.assertEqual(self.there(), [3, 4, 5])
        self.put(self.posting(*range(6, 16)))
        self.assertEqual(self.there(), [13, 14, 15])
        self.assertEqual(self.count(), (3, 15))
        self.assert_clean()

    def test_those_at_the_front_go_first_and_those_that_are_held_last(self: Any) -> None:
        self.bound(4, drop=True)
        delayed = row(3, state=2, due=NOW + 1000, pos=3)
        self.put(ops.Post(self.world, SHELF, (row(1), row(2), delayed, row(4, pos=0))))
        self.assertEqual(self.ids(self.reserve(2)), [4, 1])
        self.put(self.posting(5))
        self.assertEqual(self.there(), [5])
        self.put(self.posting(6, 7, 8))
        self.assertEqual(self.there(), [6, 7, 8])
        self.assertEqual(self.ids(self.reserve(9, now=NOW + 1000)), [6, 7, 8])
        self.assertEqual(self.ids(self.reserve(9, now=NOW + 60_000)), [4])

    def test_a_reservation_that_has_lapsed_stands_where_it_would_be_handed_out(self: Any) -> None:
        self.bound(2, drop=True)
        self.put(self.posting(1, 2))
        self.reserve(lease=1000)
        self.put(self.posting(3), now=NOW + 1000)
        # Its place is the instant at which it lapsed, so behind the second.
        self.assertEqual(self.there(now=NOW + 1000), [3, 1])

    def test_a_bound_that_was_lowered_takes_effect_piece_by_piece(self: Any) -> None:
        self.put(self.posting(*range(1, 1203)))
        self.bound(2, drop=True)
        self.put(self.posting(2001))
        self.assertEqual(self.count()[0], 702)
        self.put(self.posting(2002), self.posting(2003))
        self.assertEqual(self.there(), [2002, 2003])
        self.assert_clean()

    def test_dropping_makes_room_in_the_world(self: Any) -> None:
        self.store.meter(True)
        self.quota(messages=3, bytes=18)
        self.bound(2, drop=True)
        self.put(self.posting(1, 2), self.posting(3, shelf=OTHER))
        self.put(self.posting(4), self.posting(5))
        self.assertEqual(self.there(), [4, 5])
        self.assertEqual(sorted(self.refusals(self.posting(6, data=b"7 bytes"))), [0])
        self.assertEqual(self.there(), [4, 5])
        self.put(self.posting(7, 8, 9))
        self.assertEqual(self.there(), [8, 9])
        self.assert_clean()
