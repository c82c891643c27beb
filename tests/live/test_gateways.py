"""Several gateways on one PostgreSQL database: what is promised of one holds for all of them.

The long tier asks for more of each, and for longer (tests/long/test_gateways.py).
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from tests.crash.harness import seed
from tests.gateways.asking import Asker
from tests.gateways.case import GATEWAYS, GatewaysTestCase
from tests.gateways.changing import Changes
from tests.gateways.load import CLIENTS, HOT, HUNDRED, Load
from tests.gateways.ringing import Ringing
from tests.gateways.waking import Waking, told
from tests.live.receiver import Receiver

PUSHED = "pushed"


class AccountTests(GatewaysTestCase):
    """16 clients of each of 4 gateways do all there is to do, and keep an account of it."""

    seconds = 3.0
    #: Of each of them.
    clients = CLIENTS
    #: Whether all is taken out at the end, which takes as long as reservations last.
    emptied = False
    #: What they have to achieve, on the busiest of machines.
    at_least = 500

    def account(self, queues: Sequence[str]) -> None:
        load = Load(self.fleet(), queues, self.clients)
        load.run(self.seconds)
        self.assertEqual(load.account(emptied=self.emptied), [])
        self.assertEqual(load.unanswered + load.ledger.counts["refused"], 0)
        self.assertGreater(load.acknowledged, self.at_least)

    def test_every_message_of_one_hot_queue_is_accounted_for(self) -> None:
        """None is lost, there twice, or with two at once; counters are exact, ids unique."""
        self.account(HOT)

    def test_every_message_of_a_hundred_queues_is_accounted_for(self) -> None:
        self.account(HUNDRED)


class CatalogueTests(GatewaysTestCase):
    rounds = 20

    def test_the_very_next_request_to_any_gateway_sees_every_change(self) -> None:
        """Queues, settings, alerts and bindings: changed by one, used by others."""
        fleet, number = self.fleet(), seed()
        print(f"\nMQGATE_SEED={number}")
        asker = Asker(fleet)
        self.addCleanup(asker.close)
        changes = Changes(asker, len(fleet), random.Random(number))
        for each in range(self.rounds):
            changes.round(each)
            self.assertEqual(changes.problems, [])
        print(f"{changes.changes} changes, looked for by {changes.requests} requests")
        asker.close()
        self.ended_well(fleet)


class WakingTests(GatewaysTestCase):
    posts = 100
    #: What nobody need wait for, on the busiest of machines; the figures are printed.
    p99_seconds = 0.5
    #: Connections that were cut off.
    cut = 0

    def test_a_post_to_one_gateway_answers_a_poll_at_another(self) -> None:
        fleet = self.fleet(2)
        poster, poller = fleet.addresses()
        waits = Waking(poster, poller, "woken", self.posts).run()
        print(f"\n{len(waits)} posts: {told(waits)}")
        self.assertLess(sorted(waits)[int(0.99 * len(waits))], self.p99_seconds)
        self.ended_well(fleet)

    def test_a_notification_that_is_lost_costs_a_second(self) -> None:
        """All who listen are cut off just before each post."""
        fleet = self.fleet(2)
        poster, poller = fleet.addresses()
        waits = Waking(poster, poller, "woken", 10, self.deafen).run()
        print(f"\n{len(waits)} posts that nobody heard of: {told(waits)}")
        self.assertGreater(self.cut, len(waits) / 2)
        self.assertLess(max(waits), 2.0)
        self.ended_well(fleet)

    async def deafen(self, number: int) -> None:
        self.cut += len(
            self.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'mqgate keeper'"
            )
        )


class OnceTests(GatewaysTestCase):
    clients = 4
    messages = 200

    def test_a_push_is_made_once(self) -> None:
        """Whichever gateway the message came to, and whoever of them is first to see it."""
        fleet = self.fleet()
        receiver = Receiver()
        self.addCleanup(receiver.close)
        ringing = Ringing(fleet.addresses(), self.clients)
        ringing.ask("POST", PUSHED, {"subscribers": [{"url": f"{receiver.url}/200/"}]})
        posted = ringing.post(PUSHED, self.messages)
        receiver.wait_for(self.messages)
        ringing.wait_until_empty(PUSHED)
        pushed = [push.headers["iron-message-id"] for push in receiver.pushes]
        self.assertEqual(sorted(pushed), sorted(posted))
        self.ended_well(fleet)

    def test_an_alert_goes_off_once(self) -> None:
        """At every tenth message exactly, whoever posts it; and one that snoozes, once in all."""
        fleet = self.fleet()
        ringing = Ringing(fleet.addresses(), self.clients)
        alerts = [
            {"type": "progressive", "trigger": 10, "queue": "tens"},
            {"type": "fixed", "trigger": 1, "queue": "once", "snooze": 3600},
        ]
        ringing.ask("PUT", "watched/alerts", {"alerts": alerts})
        ringing.post("watched", self.messages)
        sizes = [each["queue_size"] for each in ringing.rung("tens")]
        self.assertEqual(sorted(sizes), list(range(10, self.messages + 1, 10)))
        ringing.ask("POST", "watched/clear", {})
        ringing.post("watched", GATEWAYS)
        self.assertEqual([each["queue_size"] for each in ringing.rung("once")], [1])
        self.ended_well(fleet)
