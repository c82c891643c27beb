"""Topics and groups with several gateways on one PostgreSQL database."""

from __future__ import annotations

import contextlib
import itertools
import random
import threading
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mqgate.storage import interface as ops
from mqgate.storage.interface import Copies, LogEntry
from tests.storage.contract import LARGE, NOW
from tests.storage.contract_groups import EXPIRES, FIRST, LEASE, LOG, SECOND, GroupsContract
from tests.storage.gateways import ROUND_SECONDS, SECONDS, GatewaysTestCase, Until
from tests.storage.postgresql_database import PostgreSQLDatabase

KEYS = 12
#: Less than so many rounds in that time, and hardly anything has met.
ROUNDS = 30


class GroupsTests(PostgreSQLDatabase, GroupsContract, SynchronousTestCase):
    """One gateway."""


class Steps(GroupsContract):
    """What one gateway does."""

    def entry_of(self, id_: int, key: str = "") -> LogEntry:
        """A message that says what it is."""
        ids = Copies(id_, (id_ + 1, id_ + 2))
        return LogEntry(ids, 0, EXPIRES, None, key, None, b"%s %d" % (key.encode(), id_))

    def publish(self, id_: int, key: str, **other: Any) -> None:
        self.append(self.entry_of(id_, key)._replace(**other))


class Shards:
    """Who has which keys, as the consumers know it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._out: Counter[str] = Counter()
        self._last: dict[str, int] = {}
        self.faults: list[str] = []
        self.consumed = 0

    def taken(self, rows: tuple[ops.MessageRow, ...]) -> list[tuple[str, ops.MessageRow]]:
        """Somebody was given these; nobody else may have one of their keys."""
        found = []
        with self._lock:
            for key in {row.data.split()[0].decode() for row in rows}:
                if self._out[key]:
                    self.faults.append(f"{key} has two holders")
            for row in rows:
                key, id_ = row.data.decode().split()
                if self._last.get(key, 0) >= int(id_):
                    self.faults.append(f"{id_} of {key} comes after {self._last[key]}")
                self._last[key] = int(id_)
                self._out[key] += 1
                found.append((key, row))
        return found

    def done(self, key: str) -> None:
        """It is about to be acknowledged."""
        with self._lock:
            self._out[key] -= 1
            self.consumed += 1


class ShardsTests(GatewaysTestCase):
    """Consumers in order, on several gateways."""

    def setUp(self) -> None:
        super().setUp()
        self.all = self.gateways(Steps, 6)
        self.ids = itertools.count(1000, 10)

    def test_a_shard_has_one_holder_and_stays_in_order_and_none_is_forgotten(self) -> None:
        shards, until = Shards(), Until(ROUND_SECONDS)
        published, order = Counter[str](), threading.Lock()

        def publish(gateway: Steps) -> None:
            while until.goes_on():
                with order:  # so that it is known in which order they came
                    id_ = next(self.ids)
                    key = f"k{id_ // 10 % KEYS}"
                    gateway.publish(id_, key)
                    published[key] += 1

        def consume(gateway: Steps) -> None:
            while shards.consumed < published.total() or until.goes_on():
                for key, row in shards.taken(gateway.consume(3, in_order=True).rows):
                    shards.done(key)
                    self.assertEqual(gateway.acknowledge((row.id, row.times)), (True,))
                self.assertTrue(Until(SECONDS, until.began).goes_on(), "a shard was forgotten")

        self.side_by_side(
            *(partial(consume, gateway) for gateway in self.all[:4]),
            *(partial(publish, gateway) for gateway in self.all[4:]),
        )
        self.assertEqual(shards.faults, [])
        self.assertGreater(published.total(), ROUNDS)
        self.assertEqual(shards.consumed, published.total())
        self.assertEqual(self.all[0].count(FIRST + 1), (0, published.total()))
        self.assert_adds_up()

    def test_a_post_beside_the_last_acknowledgement_becomes_a_head(self) -> None:
        """Neither sees the other: one that nothing is reserved any more, one that more has come."""
        consumer, publisher, *_ = self.all
        meeting = threading.Barrier(2, timeout=SECONDS)
        until, rounds = Until(ROUND_SECONDS), itertools.count()
        consumer.publish(next(self.ids), "k")

        def consume() -> None:
            while not meeting.broken:
                rows = consumer.consume(1, in_order=True).rows
                if not rows:
                    meeting.abort()
                    self.fail("the key has no head any more")
                ((id_, times),) = [(row.id, row.times) for row in rows]
                meeting.wait()
                consumer.acknowledge((id_, times))
                meeting.wait()
                if not until.goes_on():
                    meeting.abort()  # which ends the other one, too
                    return

        def publish() -> None:
            with contextlib.suppress(threading.BrokenBarrierError):
                while True:
                    meeting.wait()
                    publisher.publish(next(self.ids), "k")
                    next(rounds)
                    meeting.wait()

        self.side_by_side(consume, publish)
        self.assertGreater(next(rounds), ROUNDS)
        self.assert_adds_up()

    def test_a_group_that_catches_up_beside_publishers_gets_all_of_it_once(self) -> None:
        """Whether it is live is read under the lock of the log: nothing falls between."""
        for turn in range(5):
            until = Until(ROUND_SECONDS / 5)
            copies = itertools.count((turn + 1) << 30)

            def publish(gateway: Steps, until: Until = until) -> None:
                while until.goes_on():
                    gateway.publish(next(self.ids), "k")

            def catch_up(
                gateway: Steps, until: Until = until, copies: Iterator[int] = copies
            ) -> None:
                while until.goes_on():
                    ids = [next(copies) for _ in range(20)]
                    gateway.catch_up(SECOND, ids)  # type: ignore[arg-type]

            self.side_by_side(
                *(partial(publish, gateway) for gateway in self.all[:3]),
                *(partial(catch_up, gateway) for gateway in self.all[3:]),
            )
            live = self.all[0].catch_up(SECOND, range(0)).live
            while not live:
                ids = range(next(copies) << 10, (next(copies) << 10) + 500)
                live = self.all[0].catch_up(SECOND, ids).live
            self.assertEqual(self.origins(LOG), self.origins(SECOND))
            self.assert_adds_up()
            self.all[0].one(ops.Rest(self.all[0].world, LOG, "h"))
            self.database.change("DELETE FROM msg WHERE queue = ?", SECOND + 1)
            self.database.change("UPDATE qstat SET n = 0 WHERE queue = ?", SECOND + 1)
            self.database.change("UPDATE body SET refs = refs - 1")

    def origins(self, queue: int) -> list[tuple[int]]:
        """What stands there, in its order."""
        return self.database.rows(
            "SELECT origin FROM msg WHERE queue = ? ORDER BY pos, id", queue + 1
        )

    def test_what_expires_beside_its_consumers_leaves_heads_and_counters_right(self) -> None:
        until = Until(ROUND_SECONDS)
        now = itertools.count(NOW, 5)

        def publish(gateway: Steps) -> None:
            while until.goes_on():
                instant = next(now)
                key = f"k{instant % 4}"
                gateway.publish(next(self.ids), key, expires=instant + 50)

        def consume(gateway: Steps) -> None:
            while until.goes_on():
                instant = next(now)
                rows = gateway.consume(2, in_order=True, now=instant, lease=200).rows
                held = tuple((row.id, row.times) for row in rows)
                if held:
                    gateway.acknowledge(*held, now=instant + 30)

        def sweep(gateway: Steps) -> None:
            while until.goes_on():
                gateway.one(ops.Sweep(50), next(now))

        self.side_by_side(
            *(partial(publish, gateway) for gateway in self.all[:2]),
            *(partial(consume, gateway) for gateway in self.all[2:4]),
            *(partial(sweep, gateway) for gateway in self.all[4:]),
        )
        self.assert_adds_up()
        self.all[0].one(ops.Sweep(100_000), 2 * NOW)
        self.assertEqual(self.database.rows("SELECT id FROM msg"), [])
        self.assert_adds_up()

    def test_dead_letters_are_moved_once(self) -> None:
        """By several gateways at once, which all find them at the same moment."""
        for id_ in range(1000, 1300, 10):
            self.all[0].publish(id_, f"k{id_ % 7}")
        self.assertEqual(len(self.all[0].consume(100).rows), 30)
        moved: list[int] = []
        ids = itertools.count(1 << 30, 10)

        def bury(gateway: Steps) -> None:
            copies = tuple(Copies(id_, (id_ + 1,)) for id_ in itertools.islice(ids, 20))
            dead = gateway.topic._replace(groups=gateway.topic.groups[1:])
            bury = ops.Bury(gateway.world, FIRST + 1, 1, dead, copies, EXPIRES)
            moved.append(gateway.one(bury, NOW + LEASE))

        self.side_by_side(*(partial(bury, gateway) for gateway in self.all))
        self.assertEqual(sum(moved), 30)
        self.assertEqual(self.all[0].count(FIRST + 1), (0, 30))
        self.assertEqual(self.all[0].count(LOG + 1), (60, 60))
        self.assert_adds_up()

    def test_groups_that_share_bodies_do_not_shut_each_other_out(self) -> None:
        """Each gateway is at all of them in one transaction, and at their bodies in any order."""
        self.all[0].catch_up(SECOND)
        until = Until(ROUND_SECONDS)

        def take_part(gateway: Steps, chance: random.Random) -> None:
            held: dict[int, list[tuple[int, int]]] = {FIRST: [], SECOND: []}
            while until.goes_on():
                entries = tuple(gateway.entry_of(next(self.ids)) for _ in range(5))
                operations: list[ops.Operation] = [ops.Append(gateway.topic, entries)]
                for group in chance.sample((FIRST, SECOND), 2):
                    chance.shuffle(held[group])
                    done, held[group] = tuple(held[group][:4]), held[group][4:]
                    operations.append(ops.Acknowledge(gateway.world, group + 1, done))
                    consume = ops.Consume(
                        *(gateway.world, group + 1, 6, LARGE, LEASE, (), False, 0)
                    )
                    operations.append(consume)
                results = gateway.run_batch(*operations, high=1 << 40)
                for operation, result in zip(operations, results, strict=True):
                    if isinstance(operation, ops.Consume):
                        group = operation.shelf - 1
                        held[group] += [(row.id, row.times) for row in result.rows]

        self.side_by_side(
            *(partial(take_part, gateway, random.Random(n)) for n, gateway in enumerate(self.all))
        )
        self.assert_adds_up()
        self.assertGreater(next(self.ids), 1000 + 10 * ROUNDS)
