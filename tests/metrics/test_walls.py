"""What the room of metrics may know."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.test_rooms import crossings, every_import, within


class WallTests(SynchronousTestCase):
    def test_it_knows_the_engine_and_values_of_http(self) -> None:
        """Neither a connection, nor the database, nor any dialect."""
        self.assertEqual(
            crossings(
                "mqgate.metrics",
                ("mqgate", "twisted.web", "sqlite3"),
                allowed=(
                    "mqgate.metrics",
                    "mqgate.config.values",
                    "mqgate.engine.engine",
                    "mqgate.engine.errors",
                    "mqgate.engine.values",
                    "mqgate.web.front",
                    "mqgate.web.values",
                ),
            ),
            [],
        )

    def test_nobody_else_knows_prometheus(self) -> None:
        """Its library is loaded only by a server that has a listener for it."""
        importers = {
            module for module, imported in every_import() if within(imported, "prometheus_client")
        }
        self.assertEqual(importers, {"mqgate.metrics.exposition", "mqgate.metrics.monitoring"})
