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

    def use(self, store: Store, version: int) -> Results:
        """A batch that writes, and goes by the catalogue."""
        return result_of(store.run(self.batch(version, 3)._replace(changes=(), high=1 << 40)))

    def test_who_only_goes_by_the_catalogue_has_a_turn_as_well(self) -> None:
        """Else others that change it all the time would be before him each time."""
        self.assertIsInstance(self.use(self.one, 0), Stale)
        changed: list[Results] = []
        other = threading.Thread(target=lambda: changed.append(self.make(self.two, 1, 3)))
        other.start()
        self.assertEqual(self.use(self.one, 1), [])
        other.join(10)
        self.assertEqual(changed, [[]])

    def test_those_who_share_a_turn_do_not_wait_for_each_other(self) -> None:
        self.assertIsInstance(self.use(self.one, 0), Stale)
        self.assertIsInstance(self.use(self.two, 0), Stale)
        deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        before = self.database.rows(deadlocks)
        changed: list[Results] = []
        self.side_by_side(
            lambda: changed.append(self.make(self.one, 1, 3)),
            lambda: changed.append(self.make(self.two, 1, 3)),
        )
        self.assertEqual([type(each) for each in changed].count(Stale), 1)
        self.assertIn([], changed)
        self.assertEqual(self.database.rows(deadlocks), before)
