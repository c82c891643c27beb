"""What the tests of several gateways have in common."""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg

from tests.gateways.fleet import Fleet
from tests.live.case import LiveTestCase
from tests.postgresql.databases import database

#: Of each fleet.
GATEWAYS = 4


class GatewaysTestCase(LiveTestCase):
    """Has a database of its own, and ends the gateways that it starts."""

    maxDiff = None
    dsn = ""

    def fleet(
        self,
        count: int = GATEWAYS,
        *,
        keys: str = "",
        sections: str = "",
        module: str = "",
        started: bool = True,
    ) -> Fleet:
        """So many gateways on one database, that are ready."""
        self.dsn = self.dsn or database()
        fleet = Fleet.over(
            self.folder,
            count,
            database=self.dsn,
            keys=keys,
            sections=sections,
            module=module,
        )
        self.addCleanup(fleet.kill)
        if started:
            fleet.start()
        return fleet

    def execute(self, statement: LiteralString, *values: object) -> list[Any]:
        """What a statement says in the gateways' database, beside them."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def ended_well(self, fleet: Fleet) -> None:
        """Stop the gateways; all was well with them, and is with the database."""
        fleet.stop()
        self.assertEqual(fleet.complaints(), [])
        self.assertEqual(fleet.problems(), [])
