"""Ordered messages, and consumers that crash: each shard's order is kept."""

from __future__ import annotations

import http.client
import random
import re
import threading
from collections.abc import Callable, Sequence
from itertools import cycle

from tests.live.case import LiveTestCase
from tests.live.rocketmq import INSTANCE, Worker
from tests.live.server import PATIENCE_SECONDS, Server

SHARDS = 4
WORKERS = 8
SECTION = """
[rocketmq]
ordered_visibility_seconds = 1
"""
_MESSAGE = re.compile(
    rb"<MessageBody>([0-9]+):([0-9]+)</MessageBody><ReceiptHandle>([^<]+)</ReceiptHandle>"
)


class Ledger:
    """What every worker saw, shard by shard."""

    def __init__(self, each: int) -> None:
        self._each = each
        self.lock = threading.Lock()
        self.next = [0] * SHARDS
        self.acknowledged = [0] * SHARDS
        self.again = 0
        self.crashes = 0
        self.faults: list[str] = []

    def seen(self, shard: int, number: int) -> None:
        """A worker was given a message."""
        with self.lock:
            if number == self.next[shard]:
                self.next[shard] += 1
            elif self.acknowledged[shard] <= number < self.next[shard]:
                self.again += 1
            else:
                state = f"{self.acknowledged[shard]} of {self.next[shard]}"
                self.faults.append(f"shard {shard}: {number} after {state}")

    def done(self, shard: int, number: int) -> None:
        """A message is acknowledged, and all of its shard before it."""
        with self.lock:
            self.acknowledged[shard] = max(self.acknowledged[shard], number + 1)

    @property
    def over(self) -> bool:
        """Whether there is nothing left to do, or no use in it."""
        return bool(self.faults) or sum(self.acknowledged) == SHARDS * self._each


class ShardTests(LiveTestCase):
    #: Messages of each shard.
    each = 2_500
    #: Of so many batches, one is taken by a worker that crashes.
    crashes = 60

    def test_each_shards_order_is_kept_while_workers_crash(self) -> None:
        self.ledger = Ledger(self.each)
        self.targets = self.servers()
        self.run_all(SHARDS, self.publish)
        self.run_all(WORKERS, self.consume)
        self.assertEqual(self.ledger.faults, [])
        self.assertEqual(self.ledger.next, [self.each] * SHARDS)
        self.assertGreater(self.ledger.crashes, 0)
        self.assertGreater(self.ledger.again, 0)

    def servers(self) -> Sequence[Server]:
        """Those that are asked in turn."""
        return [self.started(config=INSTANCE + SECTION)]

    def run_all(self, count: int, work: Callable[[int], None]) -> None:
        """Have so many threads do something, each with its number."""
        threads = [threading.Thread(target=work, args=(each,)) for each in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(4 * PATIENCE_SECONDS)
            self.assertFalse(thread.is_alive())

    def publish(self, shard: int) -> None:
        """Publish a shard."""
        workers = cycle([Worker(target, "shards") for target in self.targets])
        for number, worker in zip(range(self.each), workers, strict=False):
            body = (
                f"<Message><MessageBody>{shard}:{number}</MessageBody>"
                f"<Properties>__SHARDINGKEY:{shard}</Properties></Message>"
            )
            status, _ = worker.ask("POST", "", body.encode())
            if status != 201:
                self.ledger.faults.append(f"a publish was answered with {status}")
                return

    def consume(self, number: int) -> None:
        """Work until there is nothing left, and crash now and then."""
        worker = Worker(self.targets[number % len(self.targets)], "shards")
        dice = random.Random(number)
        try:
            while not self.ledger.over:
                self.turn(worker, dice)
        except (OSError, http.client.HTTPException) as error:
            self.ledger.faults.append(repr(error))

    def turn(self, worker: Worker, dice: random.Random) -> None:
        """Take a batch and acknowledge it, or crash before the answer or after it."""
        poll = "consumer=GID_a&numOfMessages=16&trans=order&waitseconds=1"
        fate = dice.randrange(2 * self.crashes)
        if fate == 0:
            worker.send("GET", poll)
            return self.crash(worker)
        status, answer = worker.ask("GET", poll)
        if status == 404:
            return None
        taken = [
            (int(shard), int(each), handle) for shard, each, handle in _MESSAGE.findall(answer)
        ]
        for shard, each, _ in taken:
            self.ledger.seen(shard, each)
        if fate == 1 or not taken:
            return self.crash(worker)
        # What is acknowledged can come to nobody again, so it is noted before others hear of it.
        for shard, each, _ in taken:
            self.ledger.done(shard, each)
        handles = b"".join(b"<ReceiptHandle>%b</ReceiptHandle>" % each[2] for each in taken)
        body = b"<ReceiptHandles>%b</ReceiptHandles>" % handles
        status, _ = worker.ask("DELETE", "consumer=GID_a", body)
        if status != 204:
            self.ledger.faults.append(f"an acknowledgement was answered with {status}")
        return None

    def crash(self, worker: Worker) -> None:
        """Lose what a worker had."""
        with self.ledger.lock:
            self.ledger.crashes += 1
        worker.crash()
