"""Several gateways that change one world's catalogue in PostgreSQL: each has its turn."""

from __future__ import annotations

import threading
from typing import Any

from mqgate.storage.interface import Batch, Change, Check, QueueRow, Results, Stale, Store
from tests.storage.contract import NOW
from tests.storage.gateways import GatewaysTestCase, result_of


class TurnTests(GatewaysTestCase):
    """An outdated plan's successor is not overtaken."""

    def setUp(self) -> None:
        super().setUp()
        self.one, self.two = self.opened(), self.opened()
        (self.world,) = self.one.worlds([["a:one"]])
        self.assertEqual(self.make(self.one, 0, 1), [])

    def opened(self) -> Store:
        store = self.store()
        store.open()
        return store

    def batch(self, version: int, number: int) -> Batch:
        """A queue is made, planned with this version of the catalogue."""
        row = QueueRow(
            self.world, number, f"q{number}", number + 1, "plain", {}, NOW, 0, version + 1
        )
        change = Change(self.world, version + 1, number + 2, (row,), ())
        return Batch(NOW, ((self.world, version),), (change,), (), 0)

    def make(self, store: Store, version: int, number: int) -> Results:
        return result_of(store.run(self.batch(version, number)))

    def look(self, store: Store, version: int) -> Any:
        """What a batch finds that changes nothing."""
        check = Batch(NOW, ((self.world, version),), (), (Check(),), 0)
        return result_of(store.run(check))

    def test_nobody_comes_before_the_next_plan(self) -> None:
        first = self.make(self.one, 0, 3)
        assert isinstance(first, Stale)
        self.assertEqual([rows.version for rows in first.worlds], [1])
        found: list[Results] = []
        other = threading.Thread(target=lambda: found.append(self.make(self.two, 1, 3)))
        other.start()
        self.assertEqual(self.make(self.one, 1, 5), [])
        other.join(10)
        ((rows,),) = [result.worlds for result in found if isinstance(result, Stale)]
        self.assertEqual([row.name for row in rows.queues], ["q5"])
        self.assertEqual(self.make(self.two, 2, 7), [])
        self.assertEqual(self.look(self.one, 3), [None])

    def test_whoever_plans_nothing_more_keeps_nobody_waiting(self) -> None:
        self.assertIsInstance(self.make(self.one, 0, 3), Stale)
        self.assertEqual(self.look(self.one, 1), [None])
        self.assertEqual(self.make(self.two, 1, 3), [])

    def test_whose_next_plan_changes_nothing_has_had_the_turn_all_the_same(self) -> None:
        self.assertIsInstance(self.make(self.one, 0, 3), Stale)
        planned = self.batch(1, 3)._replace(changes=(), high=1 << 40)
        self.assertEqual(result_of(self.one.run(planned)), [])
        self.assertEqual(self.make(self.two, 1, 3), [])

    def test_whoever_dies_meanwhile_keeps_nobody_waiting(self) -> None:
        self.assertIsInstance(self.make(self.one, 0, 3), Stale)
        self.database.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND state = 'idle in transaction'"
        )
        self.assertEqual(self.make(self.two, 1, 3), [])
        self.assertIsInstance(self.make(self.one, 1, 3), Stale)

    def test_plans_that_only_read_take_no_turn(self) -> None:
        outdated = self.batch(0, 3)._replace(changes=(), high=1 << 40)
        self.assertIsInstance(result_of(self.one.run(outdated)), Stale)
        self.assertEqual(self.make(self.two, 1, 3), [])
