"""The store keeps what is owed about alerts."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mqgate.storage.statements import alerts as statements
from tests import stores
from tests.storage import contract_alerts
from tests.storage.chosen import Chosen
from tests.storage.contract_alerts import alert


class CatalogueTests(Chosen, contract_alerts.CatalogueContract, SynchronousTestCase):
    """What alerts there are."""


class WatchTests(Chosen, contract_alerts.WatchContract, SynchronousTestCase):
    """What sets them off."""


class BodiesApartWatchTests(WatchTests):
    """The same where every body stands apart from its message, as large ones do."""

    small = -1


class DatabaseTests(Chosen, contract_alerts.AlertContract, SynchronousTestCase):
    """What is the database's own."""

    def problems(self) -> list[str]:
        return self.database.problems()

    def test_an_alert_without_its_queue_is_found(self) -> None:
        self.set_alerts(alert(7))
        self.assertEqual(self.problems(), [])
        self.database.change("UPDATE queue SET removed = 5, version = 9 WHERE number = 1")
        self.assertIn(
            f"alert 7 belongs to queue 1 of world {self.world}, which is not there",
            self.problems(),
        )

    def test_an_alert_with_impossible_values_is_found(self) -> None:
        for column, value in (
            ("threshold", 0),
            ("snooze", -1),
            ("fired_at", -1),
            ("progressive", 2),
            ("descending", 7),
        ):
            self.set_alerts(alert(7))
            self.database.change(f"UPDATE alert SET {column} = {value}")
            expected = f"alert 7 of queue 1 of world {self.world} has values that none can have"
            self.assertEqual(self.problems(), [expected])
            self.set_alerts()

    @stores.only_sqlite
    def test_statements_walk_the_index_made_for_them(self) -> None:
        for statement, index in (
            (statements.ALERTS.sqlite, "queue_version (world=? AND version>?)"),
            (statements.ALERTS.sqlite, "SEARCH a USING PRIMARY KEY (world=? AND queue=?)"),
            (statements.DROP_OTHERS.sqlite, "PRIMARY KEY (world=? AND queue=?)"),
            (statements.FIRED_AT.sqlite, "PRIMARY KEY (world=? AND queue=?)"),
            (statements.SET_OFF.sqlite, "PRIMARY KEY (world=? AND queue=? AND id=?)"),
            (statements.ALERTED.sqlite, "queue_shelf (world=? AND shelf=?)"),
            (statements.ALERTED.sqlite, "SEARCH a USING PRIMARY KEY (world=? AND queue=?)"),
        ):
            plan = self.database.rows(
                "EXPLAIN QUERY PLAN " + statement, *[1] * statement.count("?")
            )
            self.assertIn(index, " | ".join(text for *_, text in plan), statement)
