"""Gateways and databases that are killed: what was acknowledged stays, the others go on."""

from __future__ import annotations

import asyncio
import time

from tests.gateways.case import GatewaysTestCase
from tests.gateways.failing import Outage, Pair
from tests.gateways.load import CLIENTS, HUNDRED, Load

#: How long a batch may take, in the tests that wait for it.
DEADLINE = 3
#: What an answer may take beside that: connecting, looking a commit up, and a busy machine.
AND_SOME = 3.0
#: Within which service has to be back.
BACK_WITHIN = 5.0


class GatewayTests(GatewaysTestCase):
    seconds = 4.0
    emptied = False

    def test_one_that_is_killed_takes_nothing_along(self) -> None:
        """Its callers go elsewhere; those of others notice nothing; another takes its place."""
        fleet = self.fleet()
        load = Load(fleet, HUNDRED)

        async def incident() -> None:
            await asyncio.sleep(self.seconds / 2)
            fleet[1].kill()

        load.run(self.seconds, incident)
        self.assertLessEqual(load.unanswered, CLIENTS)
        self.assertEqual(load.ledger.counts["refused"], 0)
        self.assertLess(load.longest_gap(), 1.0)
        fleet[1].start()
        self.assertEqual(load.account(emptied=self.emptied), [])


class DatabaseTests(GatewaysTestCase):
    """Requests are refused while there is none, in time, and service is back when there is one."""

    seconds = 6.0
    away = 1.0

    def pair(self) -> Pair:
        pair = Pair.started()
        self.addCleanup(pair.close)
        self.dsn = pair.dsn(connect_timeout=2)
        return pair

    def outage(self) -> Outage:
        fleet = self.fleet(keys=f"database_deadline_seconds = {DEADLINE}")
        return Outage(Load(fleet, HUNDRED))

    def assert_weathered(self, outage: Outage) -> None:
        """Nothing acknowledged is lost, nobody was told what is not so or waited for ever."""
        self.assertEqual(outage.load.account(), [])
        print(outage)
        self.assertEqual(outage.load.unanswered, 0)
        self.assertLess(outage.load.ledger.slowest, DEADLINE + AND_SOME)
        self.assertLess(outage.seconds_to_service(), BACK_WITHIN)

    def test_a_primary_is_killed_and_its_standby_takes_over(self) -> None:
        pair = self.pair()
        outage = self.outage()
        outage.load.run(self.seconds, lambda: outage.lose(pair, self.away))
        self.assert_weathered(outage)
        self.assertGreater(outage.load.ledger.counts["refused"], 0)
        self.assertEqual(outage.done_without(), 0)

    def test_connections_break_again_and_again(self) -> None:
        """In the middle of transactions, and of commits."""
        fleet = self.fleet()
        load = Load(fleet, HUNDRED)

        async def incident() -> None:
            until = time.monotonic() + self.seconds - 1
            while time.monotonic() < until:
                await asyncio.sleep(0.1)
                await asyncio.to_thread(self.execute, _CUT)

        load.run(self.seconds, incident)
        self.assertEqual(load.account(), [])
        self.assertEqual(load.unanswered, 0)
        self.assertLess(load.longest_gap(), 2.0)


#: Half of the sessions at a time.
_CUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND random() < 0.5
"""
