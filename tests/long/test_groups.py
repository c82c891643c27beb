"""What is rare, blocked or new costs no more beside a million messages than beside a few."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorFromThreads, IReactorTime
from twisted.trial.unittest import TestCase

from mqgate.engine.engine import Engine
from mqgate.engine.groups import Delivery, TopicMessage
from mqgate.engine.values import Policy
from mqgate.storage.sqlite import CallThread, SQLiteStore
from mqgate.storage.verify import verify

MANY = 1_000_000
AT_ONCE = 500
#: What is done is done so often, to have something to measure.
TIMES = 50
#: So much more CPU it may take beside the many.
FACTOR = 2
POLICY = "keeps"
LEASE = 3_600_000


def now() -> int:
    """The time in milliseconds."""
    return int(time.time() * 1000)


class MillionTests(TestCase):
    """The engine as the server runs it, over a real file with a writer thread."""

    timeout = 3600

    def setUp(self) -> None:
        assert IReactorTime.providedBy(reactor) and IReactorFromThreads.providedBy(reactor)
        self.path = self.mktemp()
        self.store = SQLiteStore(self.path, CallThread(reactor))
        opened = self.store.open()
        (self.world,) = self.store.worlds([["one"]])
        policies = {POLICY: Policy(keeps_place=True, retention=259_200_000)}
        self.engine = Engine(self.store, reactor, now, policies, opened=opened)
        self.engine.start()
        self.addCleanup(self.close)

    async def close(self) -> None:
        await self.engine.stop()
        await self.store.close()
        connection = sqlite3.connect(self.path)
        problems = verify(connection)
        connection.close()
        for end in ("", "-wal", "-shm"):
            if os.path.exists(self.path + end):
                os.remove(self.path + end)
        self.assertEqual(problems, [])

    async def fill(self, topic: str, n: int, **how: Any) -> None:
        """Publish so many."""
        messages = [TopicMessage(b"x" * 100, **how)] * min(n, AT_ONCE)
        for _ in range(0, n, AT_ONCE * 10):
            await gatherResults(
                [self.publish(topic, messages) for _ in range(min(10, n // len(messages)))]
            )

    def publish(self, topic: str, messages: list[TopicMessage]) -> Deferred[list[int]]:
        return self.engine.groups.publish(self.world, topic, messages, policy=POLICY)

    async def consume(self, topic: str, group: str, n: int = 1, **how: Any) -> list[Delivery]:
        how = {"lease": LEASE, **how}
        return await self.engine.groups.consume(self.world, topic, group, n, policy=POLICY, **how)

    async def cost(self, do: Callable[[int], Awaitable[int]]) -> tuple[float, float]:
        """CPU-seconds for doing it so often, and the longest that one took. Each gets something."""
        longest, begin = 0.0, time.process_time()
        for time_ in range(TIMES):
            asked_at = time.monotonic()
            self.assertTrue(await do(time_))
            longest = max(longest, time.monotonic() - asked_at)
        return time.process_time() - begin, longest

    async def compare(
        self, prepare: Callable[[str, int], Awaitable[Any]], do: Any, few: int = AT_ONCE
    ) -> None:
        """Prepare a topic with few and one with many, and do the same to both."""
        await prepare("few", few)
        plain, _ = await self.cost(lambda time_: do("few", time_))
        await prepare("many", MANY)
        many, longest = await self.cost(lambda time_: do("many", time_))
        print(
            f"\n{self.id().rsplit('.', 1)[-1]}: {plain * 1000 / TIMES:.2f} CPU-ms each beside"
            f" {few}, {many * 1000 / TIMES:.2f} beside {MANY},"
            f" the longest took {longest * 1000:.0f} ms"
        )
        self.assertLess(longest, 1)
        self.assertLess(many, FACTOR * plain)

    async def test_a_rare_tag_beside_a_million_of_another(self) -> None:
        async def prepare(topic: str, n: int) -> None:
            await self.consume(topic, "g")
            await self.fill(topic, n, tag="common")

        async def do(topic: str, time_: int) -> int:
            await self.fill(topic, 1, tag="rare")
            return len(await self.consume(topic, "g", tags=["rare", "rarer"]))

        await self.compare(prepare, do)

    async def test_a_rare_tag_in_order_behind_a_million_keys_without_it(self) -> None:
        async def prepare(topic: str, n: int) -> None:
            await self.consume(topic, "g")
            for begin in range(0, n, AT_ONCE):
                await self.publish(
                    topic,
                    [
                        TopicMessage(b"x" * 100, tag="common", key=f"{begin + number}")
                        for number in range(AT_ONCE)
                    ],
                )

        async def do(topic: str, time_: int) -> int:
            await self.fill(topic, 1, tag="rare", key=f"rare{time_}")
            return len(await self.consume(topic, "g", tags=["rare"], ordered=True))

        # "Few" is more than a poll looks at before it goes by the tag, here.
        await self.compare(prepare, do, few=4 * AT_ONCE)

    async def test_a_poll_beside_a_key_of_a_million_that_is_blocked(self) -> None:
        async def prepare(topic: str, n: int) -> None:
            await self.consume(topic, "g")
            await self.fill(topic, n, key="blocked")
            self.assertEqual(len(await self.consume(topic, "g", ordered=True)), 1)

        async def do(topic: str, time_: int) -> int:
            await self.fill(topic, 1, key="free")
            found = await self.consume(topic, "g", 16, ordered=True)
            await self.engine.groups.acknowledge(
                self.world, topic, "g", [each.receipt for each in found]
            )
            return len(found)

        await self.compare(prepare, do)

    async def test_the_first_message_of_a_new_group_on_a_million_that_are_kept(self) -> None:
        async def prepare(topic: str, n: int) -> None:
            await self.fill(topic, n)

        async def do(topic: str, time_: int) -> int:
            return len(await self.consume(topic, f"g{time_}"))

        # What is copied in the background goes on beside it: it is not what is measured here.
        self.engine.groups.stop()
        await self.compare(prepare, do)
