"""Gateways whose machines' clocks are 5 seconds apart keep one time: their database's."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from tests.gateways.case import GatewaysTestCase
from tests.gateways.fleet import Fleet
from tests.live import test_rocketmq_shards
from tests.live.odd import Oddities
from tests.live.rocketmq import Worker
from tests.live.server import Server

APART = 5.0
#: How long a message is kept from others: longer than the clocks are apart.
HELD = 6
ORDERED = f"[rocketmq]\nvisibility_seconds = {HELD}\nordered_visibility_seconds = {HELD}\n"
COUNT = 60
#: How far from its place a message may be that was posted a moment before or after another
#: gateway's: clocks are compared to the millisecond or so. Seconds would be 20 places and more.
PLACES = 10
_ID = re.compile(rb"<MessageId>([^<]+)</MessageId>")
_MESSAGE = re.compile(rb"<MessageBody>([^<]+)</MessageBody><ReceiptHandle>([^<]+)</ReceiptHandle>")


class ApartTestCase(GatewaysTestCase):
    """The first one's clock is right, the second's is ahead, the third's is behind."""

    def apart(self, sections: str) -> Fleet:
        """Three gateways."""
        fleet = self.fleet(3, sections=sections, module="tests.live.odd", started=False)
        for server, ahead in zip(fleet, (0.0, APART, -APART), strict=True):
            Oddities(server.folder).set_clock(ahead)
        fleet.start()
        return fleet


class ShardTests(ApartTestCase, test_rocketmq_shards.ShardTests):
    """Each message of a shard is published to another gateway than the one before it."""

    each = 600
    crashes = 15

    def servers(self) -> Sequence[Server]:
        return self.apart(test_rocketmq_shards.SECTION).servers


class ClockTests(ApartTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.three = self.apart(ORDERED)
        self.workers = [Worker(server, "clocks") for server in self.three]

    def publish(self, gateway: int, body: str) -> bytes:
        """Publish a message of the one shard; its id."""
        document = (
            f"<Message><MessageBody>{body}</MessageBody>"
            "<Properties>__SHARDINGKEY:one</Properties></Message>"
        )
        status, answer = self.workers[gateway % 3].ask("POST", "", document.encode())
        self.assertEqual(status, 201, answer)
        (found,) = _ID.findall(answer)
        return bytes(found)

    def consume(self, gateway: int, wait: int = 0) -> list[tuple[bytes, bytes]]:
        """Bodies and handles of the next messages in order."""
        query = f"consumer=GID_a&numOfMessages=4&trans=order&waitseconds={wait}"
        status, answer = self.workers[gateway % 3].ask("GET", query)
        self.assertIn(status, (200, 404), answer)
        return _MESSAGE.findall(answer)

    def acknowledge(self, gateway: int, handles: list[bytes]) -> None:
        listed = b"".join(b"<ReceiptHandle>%b</ReceiptHandle>" % each for each in handles)
        document = b"<ReceiptHandles>%b</ReceiptHandles>" % listed
        status, answer = self.workers[gateway % 3].ask("DELETE", "consumer=GID_a", document)
        self.assertEqual(status, 204, answer)

    def test_a_shard_is_consumed_in_the_order_of_its_publishes(self) -> None:
        """Published to one after the other; no two have the same id."""
        ids = [self.publish(number, str(number)) for number in range(COUNT)]
        self.assertEqual(len(set(ids)), COUNT)
        bodies: list[int] = []
        turn = 0
        while len(bodies) < COUNT:
            found = self.consume(turn)
            self.assertNotEqual(found, [])
            bodies += [int(body) for body, _ in found]
            self.acknowledge(turn + 1, [handle for _, handle in found])
            turn += 1
        self.assertEqual(bodies, list(range(COUNT)))
        self.ended_well(self.three)

    def test_no_lease_ends_early_or_late(self) -> None:
        """Whoever gave it, and whoever is asked for the message meanwhile."""
        for giver in (1, 2):
            self.publish(giver, "held")
            began = time.monotonic()
            ((_, _handle),) = self.consume(giver)
            found: list[tuple[bytes, bytes]] = []
            turn = giver
            while not found:
                turn += 1
                self.assertLess(time.monotonic() - began, HELD + APART, "it is kept too long")
                found = self.consume(turn)
            self.assertGreaterEqual(time.monotonic() - began, HELD - 0.05)
            self.acknowledge(turn, [handle for _, handle in found])
        self.ended_well(self.three)

    def test_ids_of_all_are_different_and_a_queue_keeps_its_order(self) -> None:
        posted = [self.post(self.three, number, str(number)) for number in range(COUNT)]
        self.assertEqual(len(set(posted)), COUNT)
        answer = self.three[0].ask_queue("GET", "q", "/messages?n=100")
        numbers = [int(each["body"]) for each in answer.json["messages"]]
        self.assertEqual(sorted(numbers), list(range(COUNT)))
        off = [abs(number - place) for place, number in enumerate(numbers)]
        self.assertLess(max(off), PLACES)
        self.ended_well(self.three)

    def post(self, fleet: Fleet, gateway: int, body: str) -> str:
        messages = {"messages": [{"body": body}]}
        answer = fleet[gateway % 3].ask_queue("POST", "q", "/messages", messages)
        self.assertEqual(answer.status, 201)
        return str(answer.json["ids"][0])
