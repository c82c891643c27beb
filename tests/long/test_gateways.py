"""Several gateways on one PostgreSQL database, for longer and with more (docs/reliability.md)."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import Any

from benchmarks.proc import cpu_seconds
from tests.crash import test_gateways as crash
from tests.gateways.case import GATEWAYS, GatewaysTestCase
from tests.gateways.churn import Churn
from tests.gateways.fleet import Fleet
from tests.gateways.load import CLIENTS, HUNDRED, Load
from tests.gateways.new_queues import NewQueues
from tests.live import test_gateway_clocks
from tests.live import test_gateways as live
from tests.live.server import Server
from tests.postgresql import databases

#: The last of something may cost so many times what the first did.
FLAT = 1.5
#: Has what was deleted forgotten a second later.
FORGETFUL = "[ironmq]\ndeleted_seconds = 1\n"


class AccountTests(live.AccountTests):
    seconds = 30.0
    emptied = True
    at_least = 20_000


class WorkerTests(AccountTests):
    """The same with one server's four processes, which share a file."""

    dsn = "sqlite"
    clients = GATEWAYS * CLIENTS

    def fleet(self, count: int = GATEWAYS, **more: Any) -> Fleet:
        return super().fleet(1, keys=f"workers = {count}", **more)


class ShardTests(test_gateway_clocks.ShardTests):
    each = 2_500
    crashes = 60


class CatalogueTests(live.CatalogueTests):
    rounds = 1000


class WakingTests(live.WakingTests):
    posts = 1000


class OnceTests(live.OnceTests):
    clients = 16
    messages = 2000


class CostTests(GatewaysTestCase):
    """What does not depend on how much there is, or was, already."""

    def test_new_queues_cost_the_same_each(self) -> None:
        """10,000 through 4 gateways: the last thousand costs what the second did."""
        fleet = self.fleet()

        pid = int((databases.server().folder / "postmaster.pid").read_text().split()[0])

        def cpu() -> float:
            return fleet.cpu_seconds() + cpu_seconds(pid)

        new = NewQueues(fleet.addresses(), CLIENTS, cpu)
        costs = new.run(10)
        print("", *costs, sep="\n")
        self.assertEqual(new.problems, [])
        self.assertLess(costs[-1].cpu_ms, FLAT * costs[1].cpu_ms)
        self.assertLess(costs[-1].p50_ms, 2 * FLAT * costs[1].p50_ms)
        (counted,) = self.execute("SELECT count(*) FROM queue WHERE removed = 0")
        self.assertEqual(counted, (10_000,))
        self.ended_well(fleet)

    def test_two_minutes_of_churn_leave_a_queue_as_fast_and_as_small(self) -> None:
        fleet = self.fleet(sections=FORGETFUL)
        windows = Churn(fleet.addresses(), CLIENTS, self.sizes).run(12)
        print("", *windows, sep="\n")
        # The first window fills caches and tables.
        early, late = windows[1:4], windows[-3:]
        self.assertLess(
            sum(each.p50_ms for each in late), FLAT * sum(each.p50_ms for each in early)
        )
        self.assertLess(max(each.bytes for each in late), 2 * max(each.bytes for each in early))
        self.ended_well(fleet)

    def sizes(self) -> dict[str, int]:
        """Of each table with its indexes, in bytes."""
        rows = self.execute(
            "SELECT relname, pg_total_relation_size(oid) FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        return dict(rows)


class GatewayTests(crash.GatewayTests):
    seconds = 20.0
    emptied = True


class SlotTests(GatewaysTestCase):
    def test_the_slot_of_one_that_was_killed_is_taken_over_with_its_counters(self) -> None:
        """When its lease is over; what it counted goes on being counted."""
        fleet = self.fleet(2, started=False)
        fleet[0].start()
        for number in range(20):
            self.post(fleet[0], str(number))
        ((slot, owner),) = self.execute("SELECT slot, owner FROM gateway WHERE slot < 1023")
        fleet[0].kill()
        ((left,),) = self.execute(_LEFT, slot)
        time.sleep(max(0, left) / 1000 + 1)
        fleet[1].start()
        ((after, other),) = self.execute("SELECT slot, owner FROM gateway WHERE slot < 1023")
        self.assertEqual(after, slot)
        self.assertNotEqual(other, owner)
        self.post(fleet[1], "more")
        queue = fleet[1].ask_queue("GET", "q").json
        self.assertEqual((queue["size"], queue["total_messages"]), (21, 21))
        self.ended_well(fleet)

    def post(self, server: Server, body: str) -> None:
        answer = server.ask_queue("POST", "q", "/messages", {"messages": [{"body": body}]})
        self.assertEqual(answer.status, 201)


#: How long a lease lasts from now on, in milliseconds.
_LEFT = """
SELECT lease - (extract(epoch FROM clock_timestamp()) * 1000)::bigint FROM gateway WHERE slot = %s
"""


class DatabaseTests(crash.DatabaseTests):
    seconds = 20.0
    away = 3.0

    def test_a_primary_hangs_and_goes_on(self) -> None:
        """For longer than a batch may take: who asks is refused in time."""
        pair = self.pair()
        outage = self.outage()
        outage.load.run(self.seconds, lambda: outage.freeze(pair.primary, 3 * crash.DEADLINE))
        self.assert_weathered(outage)
        self.assertEqual(outage.done_without(), 0)

    def test_a_standby_hangs_and_goes_on(self) -> None:
        """Commits are on the primary's disk and not acknowledged: they are looked up in the end."""
        pair = self.pair()
        outage = self.outage()
        outage.load.run(self.seconds, lambda: outage.freeze(pair.standby, 3 * crash.DEADLINE))
        self.assert_weathered(outage)

    def test_a_server_that_crashes_comes_back_by_itself(self) -> None:
        """One of its sessions is killed with SIGKILL, so it ends all and recovers."""
        load = Load(self.fleet(), HUNDRED)

        async def incident() -> None:
            for _ in range(3):
                await asyncio.sleep(self.seconds / 4)
                ((pid,), *_) = await asyncio.to_thread(self.execute, _SESSIONS)
                os.kill(pid, signal.SIGKILL)

        load.run(self.seconds, incident)
        self.assertEqual(load.account(), [])
        print(f"{load.longest_gap():.2f} s in which nothing was done")
        self.assertEqual(load.unanswered, 0)
        self.assertLess(load.longest_gap(), crash.BACK_WITHIN)


_SESSIONS = """
SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND backend_type = 'client backend'
"""
