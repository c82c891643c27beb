"""What every store owes to messages that are pushed: entries, claims, and what comes of them."""

from __future__ import annotations

from typing import Any

from mqgate.storage import interface as ops
from mqgate.storage.interface import (
    Bound,
    ClaimedPush,
    Memory,
    PushKey,
    PushRow,
    PushStatus,
    Reshelf,
)
from mqgate.storage.interface.pushes import DELIVERED, FAILED, QUEUED, RESERVED, RETRYING
from tests.storage.contract import LARGE, MEMORY, NOW, SHELF, StoreContract, row

#: How long deleted messages can be read, and how long a claim lasts.
KEPT = Memory(MEMORY, 500)
CLAIM = 90
NEW_SHELF = 7


def entry(message: int, subscriber: int, *names: str, next_at: int = NOW) -> PushRow:
    """A delivery to the targets of these names, each in a lane of its own."""
    targets = tuple((f"http://{name}/", name, "") for name in names or ("a",))
    return PushRow(message, subscriber, 1, targets, "via", "errors", 1, 60, next_at)


class PushContract(StoreContract):
    """Claiming, settling, acknowledging."""

    def push(self, id_: int, *entries: PushRow, **other: Any) -> None:
        """A message with these entries, or with one."""
        rows = (row(id_, state=4, **other),)
        pushes = entries or (entry(id_, id_ + 1),)
        high = max(each.subscriber for each in pushes)
        self.run_batch(ops.Post(self.world, SHELF, rows, pushes), high=high)

    def claim(self, claim: int = 1000, now: int = NOW, **other: Any) -> ops.Claimed:
        plain = ops.ClaimPushes(claim, now + CLAIM, 100, LARGE, 10, (), "")
        claimed: ops.Claimed = self.one(plain._replace(**other), now)
        return claimed

    def claim_one(self, now: int = NOW, claim: int = 1000) -> ClaimedPush:
        (push,) = self.claim(claim, now).pushes
        return push

    def settle(self, push: ClaimedPush, status: int, now: int = NOW, **other: Any) -> bool:
        plain = ops.SettlePush(
            *(push.key, push.claim, status, 200, now, push.tries, push.step),
            *(push.targets[push.step], push.failures, KEPT, None),
        )
        held: bool = self.one(plain._replace(**other), now)
        return held

    def show(self, message: int, now: int = NOW) -> Any:
        return self.one(ops.ShowPushes(self.world, SHELF, MEMORY, message), now)

    def key(self, message: int, subscriber: int) -> PushKey:
        return PushKey(self.world, SHELF, message, subscriber)

    def test_a_message_has_its_entries_from_the_start(self: Any) -> None:
        self.push(10, entry(10, 11), entry(10, 12, "b"))
        self.assertEqual(
            self.show(10),
            (
                PushStatus(11, "http://a/", 1, 60, 0, QUEUED, 0),
                PushStatus(12, "http://b/", 1, 60, 0, QUEUED, 0),
            ),
        )
        self.assertEqual(self.count(), (1, 1))
        self.assertEqual(self.ids(self.reserve(9)), [])
        self.assertEqual(self.get(10).state, 4)

    def test_what_is_not_pushed_has_none_and_what_is_not_there_is_not_found(self: Any) -> None:
        self.post(row(10))
        self.assertEqual(self.show(10), ())
        self.assertIsNone(self.show(11))

    def test_what_is_due_is_claimed_with_all_there_is_to_know(self: Any) -> None:
        self.push(10, entry(10, 11, "a", "b"), timeout=50)
        self.push(12, entry(12, 13, next_at=NOW + 5))
        claimed = self.claim()
        self.assertEqual(
            claimed,
            ops.Claimed(
                (
                    ClaimedPush(
                        key=self.key(10, 11),
                        claim=1000,
                        number=1,
                        queue="q",
                        targets=(("http://a/", "a", ""), ("http://b/", "b", "")),
                        via="via",
                        error_queue="errors",
                        retries=1,
                        delay=60,
                        step=0,
                        tries=1,
                        status=QUEUED,
                        code=0,
                        claimed=0,
                        failures=(),
                        timeout=50,
                        body=b"body 10",
                    ),
                ),
                NOW + 5,
                False,
                False,
                "",
            ),
        )
        self.assertEqual(self.claim(1001).pushes, ())

    def test_what_was_posted_is_claimed_in_the_same_batch(self: Any) -> None:
        post = ops.Post(self.world, SHELF, (row(10, state=4),), (entry(10, 11),))
        claim = ops.ClaimPushes(12, NOW + CLAIM, 9, LARGE, 9, (), "")
        claimed, _ = self.run_batch(claim, post, high=12)
        self.assertEqual([push.key.message for push in claimed.pushes], [10])

    def test_a_settled_try_ends_its_claim(self: Any) -> None:
        self.push(10)
        push = self.claim_one()
        failures = ((503, "no"),)
        later = NOW + 60
        self.assertTrue(self.settle(push, RETRYING, code=503, next_at=later, failures=failures))
        self.assertEqual(self.show(10), (PushStatus(11, "http://a/", 1, 60, 1, RETRYING, 503),))
        self.assertFalse(self.settle(push, DELIVERED))
        self.assertEqual(self.claim(1001, NOW + 59).pushes, ())
        again = self.claim_one(later, 1002)
        self.assertEqual((again.tries, again.failures, again.status), (2, failures, RETRYING))

    def test_the_last_entrys_end_is_the_messages(self: Any) -> None:
        self.push(10, entry(10, 11), entry(10, 12, "b"))
        one, two = self.claim().pushes
        self.settle(one, DELIVERED)
        self.assertEqual(self.count(), (1, 1))
        self.settle(two, DELIVERED)
        self.assertEqual(self.count(), (0, 1))
        self.assertEqual(self.get(10).state, 3)
        self.assertEqual([each.status for each in self.show(10)], [DELIVERED, DELIVERED])
        self.one(ops.Sweep(100), NOW + 500)
        self.assertIsNone(self.show(10, NOW + 499))
        self.assert_clean()

    def test_a_message_that_failed_is_there_until_it_expires(self: Any) -> None:
        self.push(10, expires=NOW + 5000)
        self.settle(self.claim_one(), FAILED)
        self.assertEqual(self.one(ops.Sweep(100), NOW + 4999).removed, 0)
        self.assertEqual(self.get(10, NOW + 4999).state, 3)
        self.one(ops.Sweep(100), NOW + 5000)
        self.assert_clean()

    def test_without_memory_nothing_is_left(self: Any) -> None:
        self.push(10)
        self.settle(self.claim_one(), DELIVERED, memory=Memory(MEMORY, 0))
        self.assertIsNone(self.get(10))
        self.one(ops.Sweep(100))
        self.assert_clean()

    def test_what_follows_a_settled_try_is_posted_with_it(self: Any) -> None:
        self.push(10)
        push = self.claim_one()
        post = ops.Post(self.world, SHELF, (row(20),))
        self.settle(push, RETRYING, post=post, next_at=NOW + 60)
        self.assertEqual(self.ids(self.reserve(9)), [20])
        late = ops.Post(self.world, SHELF, (row(21),))
        self.assertFalse(self.settle(push, DELIVERED, post=late))
        self.assertEqual(self.ids(self.reserve(9)), [])
        self.assertEqual(self.count(), (2, 2))

    def test_what_cannot_follow_keeps_the_try_unsettled(self: Any) -> None:
        """It is the try that is told of the limit."""
        self.push(10)
        push = self.claim_one()
        post = ops.Post(self.world, SHELF, (row(20),))
        settle = ops.SettlePush(
            *(push.key, push.claim, RETRYING, 500, NOW, 1, 0),
            *(push.targets[0], (), KEPT, post),
        )
        bound = Bound(self.world, SHELF, 1, False, False)
        batch = ops.Batch(NOW, (), (), (ops.Check(), settle), 20, (bound,))
        failure = self.failureResultOf(self.store.run(batch), ops.Full)
        self.assertEqual(list(failure.value.refused), [1])
        self.assertEqual(self.show(10)[0].status, RESERVED)

    def test_a_shelf_that_is_full_lets_its_oldest_go_pushed_ones_too(self: Any) -> None:
        self.push(10)
        self.push(12)
        bound = Bound(self.world, SHELF, 1, True, False)
        post = ops.Post(self.world, SHELF, (row(14, state=4),), (entry(14, 15),))
        self.run_batch(post, high=15, limits=(bound,))
        self.assertEqual(self.count(), (1, 3))
        self.assertEqual([push.key.message for push in self.claim().pushes], [14])

    def test_a_claim_that_ran_out_may_be_claimed_again_and_is_not_counted_twice(self: Any) -> None:
        self.push(10)
        first = self.claim_one()
        again = self.claim_one(NOW + CLAIM, 1001)
        self.assertEqual((again.status, again.claimed, again.tries), (RESERVED, 1000, 1))
        self.assertFalse(self.settle(first, DELIVERED))
        self.assertTrue(self.settle(again, RETRYING))

    def test_claims_of_this_gateway_are_undone(self: Any) -> None:
        self.push(10)
        claim = 3 << 22 | self.opened.slot << 12
        self.claim_one(claim=claim)
        self.run_batch(ops.ResumePushes())
        self.assertEqual(self.show(10)[0].tries, 0)
        self.assertEqual(self.claim_one(claim=claim + 1).status, QUEUED)

    def test_claims_of_others_are_not(self: Any) -> None:
        self.push(10)
        self.claim_one(claim=3 << 22 | (self.opened.slot + 1) << 12)
        self.run_batch(ops.ResumePushes())
        self.assertEqual(self.show(10)[0].status, RESERVED)

    def test_an_acknowledgement_ends_an_entry_once(self: Any) -> None:
        self.push(10)
        push = self.claim_one()
        acknowledge = ops.AcknowledgePush(self.key(10, 11), KEPT)
        self.assertTrue(self.one(acknowledge))
        self.assertFalse(self.settle(push, RETRYING))
        self.assertEqual((self.show(10)[0].status, self.count()), (DELIVERED, (0, 1)))
        self.assertTrue(self.one(acknowledge))
        self.assertEqual(self.count(), (0, 1))
        for message, subscriber in ((10, 12), (12, 11)):
            unknown = ops.AcknowledgePush(self.key(message, subscriber), KEPT)
            self.assertFalse(self.one(unknown))
        self.assertFalse(self.one(acknowledge, NOW + 500))

    def test_deleting_ends_the_entries(self: Any) -> None:
        self.push(10, entry(10, 11), entry(10, 12, "b"))
        self.post(row(14))
        push, _ = self.claim().pushes
        gone = self.one(ops.DeletePushed(self.world, SHELF, (14, 10, 99, 10), KEPT))
        self.assertEqual(gone, (14, 10))
        self.assertEqual([each.status for each in self.show(10)], [DELIVERED, DELIVERED])
        self.assertFalse(self.settle(push, RETRYING))
        self.assertEqual(self.count(), (0, 2))
        self.one(ops.Sweep(100), NOW + 500)
        self.assert_clean()

    def test_what_a_cleared_queue_leaves_is_neither_claimed_nor_kept(self: Any) -> None:
        for number in range(10, 40, 3):
            self.push(number, entry(number, number + 1), entry(number, number + 2, "b"))
        move = Reshelf(self.world, SHELF, NEW_SHELF)
        self.change((self.queue(shelf=NEW_SHELF, version=2),), (move,), version=2)
        self.assertEqual(self.claim().pushes, ())
        while self.one(ops.EmptyShelves(3)):
            pass
        self.one(ops.Sweep(100))
        self.assert_clean()

    def test_expiry_takes_the_entries_along_some_at_a_time(self: Any) -> None:
        for number in range(10, 40, 3):
            pair = entry(number, number + 1), entry(number, number + 2, "b")
            self.push(number, *pair, expires=NOW + 5)
        self.assertEqual(self.claim(now=NOW + 5).pushes, ())
        for _ in range(20):
            self.one(ops.Sweep(3), NOW + 5)
        self.assertEqual(self.count(), (0, 10))
        self.assert_clean()

    def test_each_lane_gets_no_more_than_it_may_have(self: Any) -> None:
        for number in range(10, 30, 2):
            self.push(number, entry(number, number + 1, "a" if number < 24 else "b"))
        claimed = self.claim(per_lane=3, busy=(("b", 2),))
        lanes = [push.targets[0][1] for push in claimed.pushes]
        self.assertEqual((lanes, claimed.left), (["a", "a", "a", "b"], True))

    def test_no_more_is_claimed_than_there_is_room_for(self: Any) -> None:
        for number in range(10, 30, 2):
            self.push(number, data=b"x" * 100)
        self.assertEqual(len(self.claim(room=3).pushes), 3)
        self.assertEqual(len(self.claim(1001, size=150).pushes), 2)

    def test_a_census_tells_what_is_pushed(self: Any) -> None:
        self.push(10, entry(10, 11), entry(10, 12, "b"))
        self.post(row(14))
        (figures,) = self.wait(self.store.census([self.world], NOW, 9)).queues
        self.assertEqual((figures.ready, figures.pushed), (1, 1))
