"""What every store owes to exchanges: copies that share a body, messages taken off, bindings."""

from __future__ import annotations

from typing import Any

from mqgate.storage import interface as ops
from mqgate.storage.interface import Batch, Memory, PostRow, Reshelf, Stale
from tests.storage.contract import MEMORY, NOW, SHELF, StoreContract, row
from tests.storage.contract_limits import LimitsCase

#: Another queue's number and shelf.
OTHER, OTHER_SHELF = 3, 4


class PublishingContract(StoreContract):
    """Publish and take."""

    def publish(self, first: PostRow, *shelves: int) -> ops.Publish:
        copies = [
            ops.Copy(shelf, first._replace(id=first.id + index, pos=first.pos + index))
            for index, shelf in enumerate(shelves)
        ]
        return ops.Publish(self.world, tuple(copies))

    def two_queues(self) -> None:
        self.change((self.queue(number=OTHER, name="other", shelf=OTHER_SHELF),), version=1)

    def published(self, id_: int = 1, **other: Any) -> None:
        """One message in both queues."""
        self.two_queues()
        self.run_batch(self.publish(row(id_, **other), SHELF, OTHER_SHELF), high=id_ + 9)

    def take(self, shelf: int = SHELF, now: int = NOW, memory: Memory | None = None) -> ops.Taken:
        taken: ops.Taken = self.one(ops.Take(self.world, shelf, memory, True), now)
        return taken

    def test_each_queue_gets_a_copy_of_the_whole_message(self: Any) -> None:
        self.published(props=b"p", expires=NOW + 99, timeout=50)
        for id_, shelf in ((1, SHELF), (2, OTHER_SHELF)):
            (found,) = self.run_batch(ops.Peek(self.world, shelf, 9, 1 << 30, True))[0]
            wanted = (id_, 0, id_, 0, NOW + 99, 50, 0, 0, 0, 0, 1, b"p", b"body 1")
            self.assertEqual(found._replace(body=0), wanted)
            self.assertEqual(self.count(shelf), (1, 1))

    def test_a_reserve_sees_what_is_published_in_its_batch(self: Any) -> None:
        self.two_queues()
        take = ops.Reserve(self.world, OTHER_SHELF, 9, 1 << 30, None, False, None, False)
        found, _ = self.run_batch(take, self.publish(row(1), SHELF, OTHER_SHELF), high=9)
        self.assertEqual(self.ids(found), [2])

    def test_many_publishes_of_one_batch_are_all_there(self: Any) -> None:
        self.two_queues()
        rows = [row(id_) for id_ in range(1, 400, 2)]
        self.run_batch(*(self.publish(each, SHELF, OTHER_SHELF) for each in rows), high=999)
        self.assertEqual((self.count(), self.count(OTHER_SHELF)), ((200, 200), (200, 200)))
        found = self.reserve(999).rows
        self.assertEqual([each.data for each in found], [each.data for each in rows])

    def test_a_copy_goes_and_the_others_stay(self: Any) -> None:
        self.published()
        self.assertEqual(self.delete(1), (1,))
        self.assertEqual(self.take(OTHER_SHELF).row.data, b"body 1")
        self.assert_clean()

    def test_copies_of_one_body_that_go_at_once_take_it_along(self: Any) -> None:
        self.published(expires=NOW + 1)
        self.one(ops.Sweep(9), NOW + 1)
        self.assert_clean()

    def test_a_take_removes_the_first_and_tells_how_many_are_left(self: Any) -> None:
        self.post(row(1), row(2, props=b"p"), row(3))
        taken = self.take()
        self.assertEqual((taken.row.id, taken.row.times, taken.left), (1, 1, 2))
        self.assertEqual((taken.row.first_at, self.count()), (NOW, (2, 3)))
        self.assertEqual(self.take().row.props, b"p")
        self.assertEqual([self.take().left, self.take()], [0, ops.Taken(None, 0)])
        self.assert_clean()

    def test_takes_of_one_batch_share_in_their_order(self: Any) -> None:
        self.post(row(1), row(2))
        take = ops.Take(self.world, SHELF, None, True)
        results = self.run_batch(take, take, take, ops.Post(self.world, SHELF, (row(3),)), take)
        self.assertEqual(
            [taken.row and taken.row.id for taken in (*results[:3], results[4])], [1, 2, 3, None]
        )
        self.assertEqual([taken.left for taken in (*results[:3], results[4])], [2, 1, 0, 0])

    def test_what_is_held_or_dead_is_not_left(self: Any) -> None:
        dead = row(4, expires=NOW)
        self.post(row(1), row(2), row(3, state=2, due=NOW + 5), dead, row(5), row(6))
        self.reserve()
        self.assertEqual(self.take().left, 2)

    def test_what_is_dead_when_it_comes_to_a_new_queue_is_not_counted(self: Any) -> None:
        post = ops.Post(self.world, SHELF, (row(1, expires=NOW), row(2), row(3)))
        taken, _ = self.run_batch(ops.Take(self.world, SHELF, None, True), post, high=9)
        self.assertEqual((taken.row.id, taken.left, self.count()), (2, 1, (1, 3)))
        self.assert_clean()

    def test_what_came_due_is_left(self: Any) -> None:
        self.post(*(row(id_, state=2, due=NOW + 5) for id_ in range(1, 1200)))
        self.assertEqual(self.take(now=NOW + 5).left, 1198)

    def test_many_held_messages_are_not_all_counted(self: Any) -> None:
        held = ops.HELD_COUNTED + 7
        self.post(*(row(id_, state=2, due=NOW + 5) for id_ in range(1, held + 1)), row(20_000))
        self.assertEqual(self.take().left, 7)

    def test_a_reserve_comes_before_a_take_and_its_messages_are_held(self: Any) -> None:
        self.post(row(1), row(2), row(3))
        reserve = ops.Reserve(self.world, SHELF, 1, 1 << 30, None, False, None, False)
        taken, reserved = self.run_batch(ops.Take(self.world, SHELF, None, True), reserve)
        self.assertEqual(self.ids(reserved), [1])
        self.assertEqual((taken.row.id, taken.left), (2, 1))

    def test_a_taken_message_is_remembered_where_the_queue_does(self: Any) -> None:
        self.post(row(1))
        self.take(memory=Memory(MEMORY, 100))
        self.assertEqual((self.get(1).state, self.count()), (3, (0, 1)))

    def test_a_taken_copy_is_put_back_beside_the_others(self: Any) -> None:
        self.published()
        taken = self.take(OTHER_SHELF).row
        self.assertEqual(self.one(ops.PutBack(self.world, OTHER_SHELF, (taken,))), 1)
        again = self.take(OTHER_SHELF).row
        self.assertEqual((again.id, again.times, again.data), (2, 2, b"body 1"))
        self.take()
        self.assert_clean()

    def test_all_taken_copies_are_put_back(self: Any) -> None:
        self.published()
        taken = [self.take(shelf).row for shelf in (SHELF, OTHER_SHELF)]
        for message, shelf in zip(reversed(taken), (OTHER_SHELF, SHELF), strict=True):
            self.one(ops.PutBack(self.world, shelf, (message,)))
        self.assertEqual([self.take().row.id, self.take(OTHER_SHELF).row.id], [1, 2])
        self.assert_clean()

    def test_what_is_run_now_is_done_at_once(self: Any) -> None:
        batch = Batch(NOW, (), (), (ops.Post(self.world, SHELF, (row(1),)), ops.Check()), 9)
        self.assertEqual(self.store.run_now(batch), [None, None])
        self.assertEqual(self.count(), (1, 1))
        stale = self.store.run_now(batch._replace(versions=((self.world, 0),)))
        self.assertIsInstance(stale, Stale)


class WiringContract(StoreContract):
    """Exchanges and bindings in the catalogue."""

    def exchange(self, name: str = "e", **other: Any) -> ops.ExchangeRow:
        return ops.ExchangeRow(self.world, name, "topic", 0, 2)._replace(**other)

    def binding(self, key: str = "k", **other: Any) -> ops.BindingRow:
        return ops.BindingRow(self.world, "e", 1, key, 0, 2)._replace(**other)

    def rewire(self, version: int, *rows: ops.ExchangeRow | ops.BindingRow) -> None:
        change = ops.Change(self.world, version, 10, (), ())
        exchanges = tuple(each for each in rows if isinstance(each, ops.ExchangeRow))
        bindings = tuple(each for each in rows if isinstance(each, ops.BindingRow))
        self.run_batch(changes=(change._replace(exchanges=exchanges, bindings=bindings),))

    def newer(self: Any, version: int) -> ops.WorldRows:
        (rows,) = self.run_batch(ops.Check(), versions=((self.world, version),)).worlds
        return rows  # type: ignore[no-any-return]

    def test_they_are_there_after_reopening(self: Any) -> None:
        self.rewire(2, self.exchange(), self.binding("a.#"), self.binding(""))
        self.store = self.reopen()
        rows = self.newer(-1)
        self.assertEqual(rows.exchanges, (self.exchange(),))
        self.assertEqual(set(rows.bindings), {self.binding("a.#"), self.binding("")})
        self.assert_clean()

    def test_whoever_knows_some_is_told_what_is_newer(self: Any) -> None:
        self.rewire(2, self.exchange(), self.binding())
        newer = self.exchange("f", type="fanout", version=3), self.binding("x", version=3)
        self.rewire(3, *newer)
        rows = self.newer(2)
        self.assertFalse(rows.complete)
        self.assertEqual((rows.exchanges, rows.bindings), ((newer[0],), (newer[1],)))
        self.assertEqual(rows.queues, ())

    def test_a_removed_binding_is_a_tombstone_until_it_is_forgotten(self: Any) -> None:
        self.rewire(2, self.exchange(), self.binding(), self.binding("x"))
        gone = self.binding(removed=NOW, version=3)
        self.rewire(3, gone)
        self.assertEqual(self.newer(2).bindings, (gone,))
        self.assertEqual(self.newer(-1).bindings, (self.binding("x"),))
        self.assertEqual(self.one(ops.Forget(NOW, 9)), 0)
        self.assertEqual(self.one(ops.Forget(NOW + 1, 9)), 1)
        rows = self.newer(2)
        self.assertTrue(rows.complete)
        self.assertEqual(rows.bindings, (self.binding("x"),))

    def test_a_binding_made_again_is_there_again(self: Any) -> None:
        self.rewire(2, self.exchange(), self.binding())
        self.rewire(3, self.binding(removed=NOW, version=3))
        again = self.binding(version=4)
        self.rewire(4, again)
        self.assertEqual(self.newer(-1).bindings, (again,))
        self.assertEqual(self.one(ops.Forget(NOW + 1, 9)), 0)

    def test_the_bindings_of_a_removed_queue_are_forgotten_before_it_some_at_a_time(
        self: Any,
    ) -> None:
        self.rewire(2, self.exchange(), *(self.binding(f"k{n}") for n in range(5)))
        gone = self.queue(removed=NOW, version=3)
        self.change((gone,), (Reshelf(self.world, SHELF, None),), version=3)
        self.assert_clean()
        forgotten = [self.one(ops.Forget(NOW + 1, 2)) for _ in range(4)]
        self.assertEqual(forgotten, [2, 2, 2, 0])
        self.assertEqual(self.newer(-1).bindings, ())
        self.assertEqual(self.newer(2).queues, ())
        self.assert_clean()


class LimitContract(LimitsCase):
    """Each copy is a message that counts; a publish comes in whole or not at all."""

    def both(self, id_: int, data: bytes = b"x") -> ops.Publish:
        """Ids ``id_`` and the next one, in both queues."""
        first = row(id_, data=data)
        second = first._replace(id=id_ + 1, pos=id_ + 1)
        return ops.Publish(self.world, (ops.Copy(SHELF, first), ops.Copy(OTHER_SHELF, second)))

    def places(self) -> tuple[list[int], list[int]]:
        return self.there(), self.there(OTHER_SHELF)

    def test_every_copy_counts_in_its_world(self: Any) -> None:
        self.quota(messages=5)
        self.put(self.both(1), self.both(3))
        self.assertEqual(self.refusals(self.both(5)), {0: ops.Refusal("messages", 5)})
        self.put(self.posting(7))
        self.assertEqual(self.places(), ([1, 3, 7], [2, 4]))
        self.assert_clean()

    def test_of_many_only_those_are_refused_that_do_not_fit(self: Any) -> None:
        self.quota(messages=3)
        refused = self.refusals(self.both(1), self.both(3), self.posting(5), self.both(6))
        # The post comes first, whatever its place.
        self.assertEqual(list(refused), [1, 3])
        self.put(self.both(1), self.posting(5))
        self.assertEqual(self.places(), ([1, 5], [2]))

    def test_the_bytes_of_every_copy_count(self: Any) -> None:
        self.store.meter(True)
        self.quota(bytes=2000)
        self.put(self.both(1, b"x" * 900))
        self.assertEqual(self.refusals(self.both(3, b"x" * 101)), {0: ops.Refusal("bytes", 2000)})
        self.put(self.both(5, b"x" * 100))
        self.delete(1)
        self.put(self.both(7, b"x" * 450))
        self.assertEqual(list(self.refusals(self.posting(9, data=b"x"))), [0])
        self.assert_clean()

    def test_one_full_queue_refuses_the_whole(self: Any) -> None:
        self.bound(2)
        self.put(self.both(1), self.both(3))
        self.assertEqual(self.refusals(self.both(5)), {0: ops.Refusal("length", 2)})
        self.put(self.posting(7, shelf=OTHER_SHELF))
        self.assertEqual(self.places(), ([1, 3], [2, 4, 7]))

    def test_the_oldest_goes_where_that_is_the_rule_and_its_copies_stay(self: Any) -> None:
        self.bound(2, drop=True)
        self.put(self.both(1), self.both(3))
        self.put(self.both(5))
        self.assertEqual(self.places(), ([3, 5], [2, 4, 6]))
        self.assertEqual((self.count(), self.count(OTHER_SHELF)), ((2, 3), (3, 3)))
        self.assert_clean()

    def test_copies_of_one_batch_go_for_each_other_before_they_are_stored(self: Any) -> None:
        self.bound(1, drop=True)
        self.bound(1, drop=True, shelf=OTHER_SHELF)
        self.put(self.both(1, b"1"), self.both(3, b"3"), self.posting(9))
        self.assertEqual(self.places(), ([3], [4]))
        taken = self.one(ops.Take(self.world, OTHER_SHELF, None, True)).row
        self.assertEqual((taken.origin, taken.data), (3, b"3"))
        self.assertEqual(self.count(), (1, 3))
        self.assert_clean()

    def test_a_copy_whose_first_one_is_gone_keeps_its_body(self: Any) -> None:
        self.bound(1, drop=True)
        large = b"1" * 5000
        self.put(self.both(1, large), self.both(3, b"3"))
        self.assertEqual(self.places(), ([3], [2, 4]))
        taken = self.one(ops.Take(self.world, OTHER_SHELF, None, True)).row
        self.assertEqual((taken.id, taken.origin, taken.data), (2, 1, large))
        self.one(ops.PutBack(self.world, OTHER_SHELF, (taken,)))
        self.assert_clean()
