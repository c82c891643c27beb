"""Alerts with several gateways on one PostgreSQL database."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mqgate.storage import interface as ops
from mqgate.storage.interface import Alert, Fired
from tests.storage.contract import NEVER, NOW, SHELF, row
from tests.storage.contract_alerts import (
    BELLS,
    AlertContract,
    CatalogueContract,
    WatchContract,
    alert,
    bell,
)
from tests.storage.gateways import ROUND_SECONDS, SECONDS, GatewaysTestCase, Until
from tests.storage.postgresql_database import PostgreSQLDatabase

STEP = 10


class CatalogueTests(PostgreSQLDatabase, CatalogueContract, SynchronousTestCase):
    """What alerts there are, for one gateway."""


class WatchTests(PostgreSQLDatabase, WatchContract, SynchronousTestCase):
    """What sets them off, for one gateway."""


class Steps(AlertContract):
    """What one gateway does; ids are everybody's."""

    numbers: Iterator[int]

    def watching(self, of: Alert, count: int = 3) -> ops.Watch:
        ids = tuple(next(self.numbers) for _ in range(count))
        return ops.Watch((ops.Watched(self.world, 1, (SHELF,), (bell(of),)),), ids)

    def post_one(self, of: Alert, expires: int = NEVER, now: int = NOW) -> tuple[Fired, ...]:
        post = ops.Post(self.world, SHELF, (row(next(self.numbers), expires=expires),))
        _, fired = self.carry_out(post, self.watching(of), now=now)
        told: tuple[Fired, ...] = fired
        return told

    def posting_one(self) -> ops.Post:
        return ops.Post(self.world, SHELF, (row(next(self.numbers)),))

    @property
    def taking(self) -> ops.Reserve:
        return ops.Reserve(self.world, SHELF, 1, 1 << 30, None, True, None, False)


class AlertsTests(GatewaysTestCase):
    """Four gateways change the size of one queue, each by one at a time."""

    def setUp(self) -> None:
        super().setUp()
        self.all = self.gateways(Steps, 4)
        self.all[0].numbers = itertools.count(1000)
        for gateway in self.all[1:]:
            gateway.numbers = self.all[0].numbers
        self.fired: list[Fired] = []

    def told(self) -> list[bytes]:
        """What the alerts have posted, in the order of the sizes."""
        rows = self.database.rows("SELECT data FROM msg WHERE queue = ?", BELLS)
        return sorted((bytes(data) for (data,) in rows), key=lambda data: (len(data), data))

    def test_each_size_that_is_reached_is_told_once(self) -> None:
        of = alert(progressive=True, threshold=STEP)
        self.all[0].set_alerts(of)
        posts = iter(range(40 * STEP))

        def post(gateway: Steps) -> None:
            while next(posts, None) is not None:
                self.fired += gateway.post_one(of)

        self.side_by_side(*(partial(post, gateway) for gateway in self.all))
        self.assertEqual(self.told(), [b"<%d>" % (STEP * n) for n in range(1, 41)])
        self.assertEqual(len(self.fired), 40)

    def test_each_crossing_is_told_once_up_and_down(self) -> None:
        """So many more times up than down as the queue has come over the threshold."""
        up = alert(100, threshold=STEP)
        down = alert(101, threshold=STEP - 1, descending=True)
        self.all[0].set_alerts(up, down)
        for _ in range(STEP - 2):
            self.all[0].post_one(up)
        until = Until(ROUND_SECONDS)
        counts: dict[str, list[Any]] = {"up": [], "down": []}

        def change(gateway: Steps, first: bool) -> None:
            both = (bell(up), bell(down, before=b"("))
            while until.goes_on():
                for posts in (first, not first):
                    ids = tuple(next(gateway.numbers) for _ in range(3))
                    watch = ops.Watch((ops.Watched(gateway.world, 1, (SHELF,), both),), ids)
                    if posts:
                        post = ops.Post(gateway.world, SHELF, (row(next(gateway.numbers)),))
                        gateway.carry_out(post, watch)
                    else:
                        take = ops.Reserve(
                            gateway.world, SHELF, 1, 1 << 30, None, True, None, False
                        )
                        gateway.carry_out(take, watch)

        self.side_by_side(
            *(partial(change, gateway, n % 2 == 0) for n, gateway in enumerate(self.all))
        )
        for data in self.told():
            counts["down" if data.startswith(b"(") else "up"].append(data)
        ((size,),) = self.database.rows("SELECT sum(n)::bigint FROM qstat WHERE queue = ?", SHELF)
        self.assertEqual(set(counts["up"]), {b"<%d>" % STEP})
        self.assertGreater(len(counts["up"]), 5)
        self.assertEqual(len(counts["up"]) - len(counts["down"]), int(size >= STEP))

    def test_what_is_silent_is_silent_on_all_gateways(self) -> None:
        of = alert(progressive=True, threshold=1, snooze=1000)
        self.all[0].set_alerts(of)
        instants = itertools.count(NOW, 100)

        def post(gateway: Steps) -> None:
            for _ in range(25):
                self.fired += gateway.post_one(of, now=next(instants))

        self.side_by_side(*(partial(post, gateway) for gateway in self.all))
        ((last,),) = self.database.rows("SELECT fired_at FROM alert")
        # Ten seconds of instants: once in each second at most, and in most of them.
        self.assertLessEqual(len(self.fired), 10)
        self.assertGreater(len(self.fired), 4)
        self.assertLess(last, NOW + 10_000)

    def test_what_expires_is_counted_once(self) -> None:
        """By whoever comes first: a sweep leaves such a queue to those who watch it."""
        up, down = alert(100, threshold=STEP), alert(101, threshold=1, descending=True)
        self.all[0].set_alerts(up, down)
        instant, rounds = NOW, 20
        for _ in range(rounds):
            for _ in range(STEP):
                self.all[0].post_one(up, instant + 5, instant)
            instant += 10

            def expire(gateway: Steps, now: int = instant) -> None:
                gateway.carry_out(ops.Sweep(1000), now=now)
                self.fired += gateway.carry_out(gateway.watching(down), now=now)[0]

            self.side_by_side(*(partial(expire, gateway) for gateway in self.all))
        self.assertEqual(len(self.fired), rounds)
        self.assertEqual(
            self.told(), sorted([b"<0>"] * rounds + [b"<%d>" % STEP] * rounds, key=len)
        )
        self.assertEqual(self.all[0].count(now=instant)[0], 0)

    def test_queues_in_whichever_order_do_not_shut_each_other_out(self) -> None:
        other = alert(200, threshold=3, progressive=True, target="bells")
        first = self.all[0]
        first.set_alerts(alert(progressive=True, threshold=3))
        second = first.queue(number=7, name="z", shelf=8, version=4, alerts=(other,))
        change = ops.Change(first.world, 4, 10, (second,), (), alerts_of=(7,))
        first.run_batch(changes=(change,))
        watched = [
            ops.Watched(first.world, 1, (SHELF,), (bell(alert(progressive=True, threshold=3)),)),
            ops.Watched(first.world, 7, (8,), (bell(other),)),
        ]
        until, done = Until(ROUND_SECONDS / 2), list[int]()

        def post(gateway: Steps, order: int) -> None:
            while until.goes_on():
                ids = tuple(next(gateway.numbers) for _ in range(4))
                shelves = (SHELF, 8)[::order]
                posts = (
                    ops.Post(gateway.world, shelf, (row(next(gateway.numbers)),))
                    for shelf in shelves
                )
                gateway.carry_out(*posts, ops.Watch(tuple(watched[::order]), ids))
                done.append(1)

        self.side_by_side(partial(post, self.all[0], 1), partial(post, self.all[1], -1))
        self.assertTrue(Until(SECONDS, until.began).goes_on())
        self.assertGreater(len(done), 30)
