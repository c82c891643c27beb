"""Topics and groups with several gateways on one PostgreSQL database."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from typing import Any

from mqgate.storage import interface as ops
from mqgate.storage.interface import Copies, Fed, LogEntry
from tests.storage.contract_groups import EXPIRES, FIRST, LEASE, LOG, SECOND, GroupsContract
from tests.storage.contract import LARGE, NOW
from tests.storage.gateways import ROUND_SECONDS, GatewaysTestCase, Until

KEYS = 12
#: Headless keys: of none some are reserved, but something is ready.
HEADS_MISSED = """
    SELECT r.queue, r.grp FROM msg r WHERE r.state = 0 AND r.grp IS NOT NULL AND r.queue = ANY(?)
    GROUP BY r.queue, r.grp
    HAVING (SELECT count(*) FROM msg h WHERE h.queue = r.queue AND h.grp = r.grp AND h.head = 1)
        <> CASE WHEN EXISTS (SELECT 1 FROM msg x WHERE x.queue = r.queue AND x.grp = r.grp
            AND x.state = 1) THEN 0 ELSE 1 END
"""


class Steps(GroupsContract):
    """What one gateway does."""

    def publish(self, id_: int, key: str, **other: Any) -> None:
        ids = Copies(id_, (id_ + 1, id_ + 2))
        data = b"%s %d" % (key.encode(), id_)
        entry = LogEntry(ids, 0, EXPIRES, None, key, None, data)
        self.append(entry._replace(**other))


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
    """Consumers in order on four gateways."""

    def setUp(self) -> None:
        super().setUp()
        self.all = self.gateways(Steps, 4)
        self.ids = itertools.count(1000, 10)

    def assert_heads(self) -> None:
        """Each key has the head that it should have."""
        shelves = [FIRST + 1, SECOND + 1]
        self.assertEqual(self.database.rows(HEADS_MISSED, shelves), [])

    def test_a_shard_has_one_holder_and_stays_in_order_and_none_is_forgotten(self) -> None:
        shards, until = Shards(), Until(ROUND_SECONDS)
        ids, published, order = self.ids, Counter[str](), threading.Lock()

        def publish(gateway: Steps) -> None:
            while until.goes_on():
                with order:  # so that it is known in which order they came
                    id_ = next(ids)
                    key = f"k{id_ // 10 % KEYS}"
                    gateway.publish(id_, key)
                    published[key] += 1

        def consume(gateway: Steps) -> None:
            shelf = FIRST + 1
            while until.goes_on() or shards.consumed < published.total():
                rows = gateway.consume(3, in_order=True).rows
                for key, row in shards.taken(rows):
                    shards.done(key)
                    answer = gateway.acknowledge((row.id, row.times))
                    assert answer == (True,), (key, row.id, shelf)
                if not Until(ROUND_SECONDS * 4, until.began).goes_on():
                    return

        self.side_by_side(
            *(lambda gateway=gateway: consume(gateway) for gateway in self.all),
            lambda: publish(self.all[0]),
            lambda: publish(self.all[1]),
        )
        self.assertEqual(shards.faults, [])
        self.assertGreater(published.total(), 100)
        self.assertEqual(shards.consumed, published.total())
        self.assertEqual(self.all[0].count(FIRST + 1), (0, published.total()))
        self.assert_heads()
