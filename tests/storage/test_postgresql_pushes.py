"""Pushes with several gateways on one PostgreSQL database."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from functools import partial
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mqgate.storage import interface as ops
from mqgate.storage.interface import SLOT_SHIFT, ClaimedPush, PushKey
from mqgate.storage.interface.pushes import DELIVERED, RESERVED, RETRYING
from tests.storage.contract import NOW, SHELF
from tests.storage.contract_pushes import CLAIM, KEPT, PushContract, entry
from tests.storage.gateways import ROUND_SECONDS, SECONDS, GatewaysTestCase, Until
from tests.storage.postgresql_database import PostgreSQLDatabase

#: Whatever should be gone.
LEFT_BEHIND = """
    SELECT 'msg', id FROM msg UNION ALL SELECT 'push', message FROM push
    UNION ALL SELECT 'note', note FROM push_remembered UNION ALL SELECT 'old', shelf FROM old_shelf
    UNION ALL SELECT 'counter', queue FROM qstat WHERE n <> 0
"""


class PushTests(PostgreSQLDatabase, PushContract, SynchronousTestCase):
    """One gateway."""


class BodiesApartPushTests(PushTests):
    """The same where every body stands apart from its message, as large ones do."""

    small = -1


class Steps(PushContract):
    """What one gateway does."""

    slot: int

    def claim_as(self, sequence: int, now: int = NOW, **other: Any) -> ops.Claimed:
        """Under a number of this gateway's."""
        return self.claim(sequence << 22 | self.slot << SLOT_SHIFT, now, **other)


class PushesTests(GatewaysTestCase):
    """Four gateways claim what is due."""

    def setUp(self) -> None:
        super().setUp()
        self.all = self.gateways(Steps, 4)
        for gateway, (slot,) in zip(
            self.all, self.database.rows("SELECT slot FROM gateway ORDER BY slot"), strict=True
        ):
            gateway.slot = slot
        self.sequence = itertools.count(1000)
        self.ids = itertools.count(10, 10)

    def post(self, count: int, *names: str) -> list[int]:
        """Messages with an entry for each name."""
        ids = list(itertools.islice(self.ids, count))
        for id_ in ids:
            entries = [entry(id_, id_ + 1 + n, name) for n, name in enumerate(names or ("a",))]
            self.all[0].push(id_, *entries)
        return ids

    def assert_left(self, messages: int) -> None:
        """So many are pushed still, and nothing is wrong with them."""
        self.assert_adds_up()
        self.assertEqual(self.all[0].count()[0], messages)

    def test_each_entry_is_claimed_once(self) -> None:
        ids = self.post(300, "a", "b")
        claims, lock = Counter[PushKey](), threading.Lock()
        until = Until(SECONDS)

        def claim(gateway: Steps) -> None:
            after = ""
            while claims.total() < 600 and until.goes_on():
                claimed = gateway.claim_as(next(self.sequence), room=7, after=after)
                after = claimed.after
                with lock:
                    claims.update(push.key for push in claimed.pushes)

        self.side_by_side(*(partial(claim, gateway) for gateway in self.all))
        self.assertEqual(set(claims.values()), {1})
        self.assertEqual(len(claims), 2 * len(ids))
        self.assertEqual(self.database.rows("SELECT DISTINCT tries FROM push"), [(1,)])

    def test_the_last_end_of_an_entry_is_the_messages_wherever_it_happens(self) -> None:
        """Of two entries that end side by side, each would see the other one open."""
        until, rounds = Until(ROUND_SECONDS), 0
        while until.goes_on():
            self.post(1, "a", "b")
            pushes = self.all[0].claim_as(next(self.sequence)).pushes
            self.assertEqual(len(pushes), 2)
            self.side_by_side(
                *(
                    partial(gateway.settle, push, DELIVERED)
                    for gateway, push in zip(self.all, pushes, strict=False)
                )
            )
            rounds += 1
        self.assertGreater(rounds, 5)
        self.assert_left(0)

    def test_a_try_ends_once_whoever_ends_it(self) -> None:
        """Its carrier, its receiver, or who deletes the message."""
        until, rounds = Until(ROUND_SECONDS), 0
        while until.goes_on():
            (id_,) = self.post(1)
            (push,) = self.all[0].claim_as(next(self.sequence)).pushes
            deletion = ops.DeletePushed(push.key.world, SHELF, (id_,), KEPT)
            self.side_by_side(
                partial(self.all[0].settle, push, DELIVERED),
                partial(self.all[1].one, ops.AcknowledgePush(push.key, KEPT)),
                partial(self.all[2].one, deletion),
            )
            rounds += 1
        self.assertGreater(rounds, 5)
        self.assert_left(0)

    def test_what_ran_out_is_one_gateways_and_the_late_one_hears_so(self) -> None:
        self.post(20)
        late = self.all[0].claim_as(next(self.sequence), per_lane=100).pushes
        self.assertEqual(len(late), 20)
        found: list[ClaimedPush] = []

        def claim(gateway: Steps) -> None:
            claimed = gateway.claim_as(next(self.sequence), NOW + CLAIM, per_lane=100)
            found.extend(claimed.pushes)

        self.side_by_side(*(partial(claim, gateway) for gateway in self.all[1:]))
        self.assertEqual(sorted(push.key for push in found), sorted(push.key for push in late))
        # It was a try, though nobody knows what became of it.
        self.assertEqual({(push.status, push.tries) for push in found}, {(RESERVED, 1)})
        for push in late:
            self.assertFalse(self.all[0].settle(push, DELIVERED))
        for push in found:
            self.assertTrue(self.all[1].settle(push, RETRYING, next_at=NOW + 1000))
        self.assert_left(20)

    def test_a_gateway_resumes_its_own_alone(self) -> None:
        self.post(2, "a", "b")
        mine = self.all[1].claim_as(next(self.sequence), room=2).pushes
        others = self.all[2].claim_as(next(self.sequence), room=2).pushes
        self.assertEqual((len(mine), len(others)), (2, 2))
        self.all[1].one(ops.ResumePushes())
        again = self.all[3].claim_as(next(self.sequence)).pushes
        self.assertEqual(sorted(push.key for push in again), sorted(push.key for push in mine))
        self.assertEqual({push.tries for push in again}, {1})
        for push in mine:
            self.assertFalse(self.all[1].settle(push, DELIVERED))
        for push in others:
            self.assertTrue(self.all[2].settle(push, DELIVERED))

    def test_chores_beside_claims_leave_nothing_and_take_nothing_twice(self) -> None:
        """Expiry, shelves that were left, and entries whose messages are gone."""
        until, rounds = Until(ROUND_SECONDS), 0
        shelf, version = SHELF, 1
        while until.goes_on():
            for id_ in itertools.islice(self.ids, 8):
                expires = NOW + 5 if id_ % 20 else NOW + 10**9
                post = ops.Post(
                    self.all[0].world,
                    shelf,
                    (self.row(id_, expires),),
                    (entry(id_, id_ + 1), entry(id_, id_ + 2, "b")),
                )
                self.all[0].run_batch(post, high=id_ + 10)
            old, shelf, version = shelf, shelf + 100, version + 1
            queue = self.all[0].queue(shelf=shelf, version=version)
            move = ops.Reshelf(self.all[0].world, old, shelf)
            self.side_by_side(
                partial(self.all[0].claim_as, next(self.sequence)),
                partial(self.all[1].change, (queue,), (move,), version),
                partial(self.all[2].one, ops.Sweep(100), NOW + 10),
                partial(self.all[3].one, ops.EmptyShelves(100), NOW),
            )
            self.side_by_side(
                partial(self.all[0].one, ops.Sweep(100), NOW + 10),
                partial(self.all[1].claim_as, next(self.sequence), NOW + 10),
                partial(self.all[2].one, ops.EmptyShelves(100), NOW + 10),
                partial(self.all[3].one, ops.EmptyShelves(100), NOW + 10),
            )
            rounds += 1
        self.assertGreater(rounds, 5)
        self.all[0].one(ops.EmptyShelves(100_000), NOW + 10)
        for _ in range(3):
            self.all[0].one(ops.Sweep(100_000), 2 * NOW)
        self.assertEqual(self.database.rows(LEFT_BEHIND), [])

    def row(self, id_: int, expires: int) -> ops.PostRow:
        """A message that is pushed."""
        return ops.PostRow(id_, 4, id_, 0, expires, 60_000, None, b"x")
