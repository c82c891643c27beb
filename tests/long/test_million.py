"""A million messages are cleared away, or deleted with their queue, in one small transaction."""

from __future__ import annotations

import os
import sqlite3
import time

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorFromThreads, IReactorTime
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mqgate.engine.engine import Engine
from mqgate.engine.values import NewMessage, Policy
from mqgate.storage.sqlite import CallThread, SQLiteStore
from mqgate.storage.verify import verify

MANY = 1_000_000
AT_ONCE = 1000
#: How long a clear may take, in seconds …
QUICK = 0.05
#: … and how long a post while the old messages are being removed.
BEARABLE = 0.5
#: How long it may take to remove them all.
PATIENCE = 600


def now() -> int:
    """The time in milliseconds."""
    return int(time.time() * 1000)


class MillionTests(TestCase):
    """The engine as the server runs it, over a real file with a writer thread."""

    timeout = 1200

    def setUp(self) -> None:
        assert IReactorTime.providedBy(reactor) and IReactorFromThreads.providedBy(reactor)
        self.path = self.mktemp()
        self.store = SQLiteStore(self.path, CallThread(reactor))
        opened = self.store.open()
        (self.world,) = self.store.worlds([["one"]])
        self.engine = Engine(self.store, reactor, now, {"back": Policy()}, opened=opened)
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

    def post(self, n: int, body: bytes = b"x" * 100) -> Deferred[list[int]]:
        return self.engine.post(self.world, "q", [NewMessage(body)] * n, policy="back")

    async def fill(self) -> None:
        for _ in range(MANY // AT_ONCE // 10):
            await gatherResults([self.post(AT_ONCE) for _ in range(10)])

    async def is_gone(self) -> None:
        """Post on, one message after the other, until nothing is left of the old ones."""
        begin, worst, posts = time.monotonic(), 0.0, 0
        connection = sqlite3.connect(self.path)
        self.addCleanup(connection.close)
        while connection.execute("SELECT count(*) FROM old_shelf").fetchone()[0]:
            self.assertLess(time.monotonic() - begin, PATIENCE)
            asked_at = time.monotonic()
            await self.engine.post(self.world, "beside", [NewMessage(b"y")], policy="back")
            worst, posts = max(worst, time.monotonic() - asked_at), posts + 1
            await deferLater(reactor, 0.02)
        took = time.monotonic() - begin
        print(f"removed in {took:.1f} s; the longest of {posts} posts took {worst * 1000:.0f} ms")
        self.assertLess(worst, BEARABLE)
        left = connection.execute("SELECT count(*) FROM msg").fetchone()[0]
        self.assertEqual(left - posts, (await self.engine.info(self.world, "q")).size)
        # Small ones stand in their messages' rows.
        self.assertEqual(connection.execute("SELECT count(*) FROM body").fetchone(), (0,))

    async def done_away(self, how: Deferred[None]) -> list[bytes]:
        """How long it takes, and what is there afterwards of what was posted meanwhile."""
        begin = time.monotonic()
        during = [self.post(1, b"during %d" % n) for n in range(10)]
        await how
        took = time.monotonic() - begin
        print(f"\n{MANY} messages: {took * 1000:.1f} ms")
        self.assertLess(took, QUICK)
        await gatherResults([*during, self.post(1, b"after")])
        return [message.body for message in await self.engine.peek(self.world, "q", 100)]

    async def test_a_clear_takes_no_longer_than_a_post(self) -> None:
        """What is posted meanwhile is kept, and so is the total."""
        await self.fill()
        there = await self.done_away(self.engine.clear(self.world, "q"))
        self.assertEqual(there, [*(b"during %d" % n for n in range(10)), b"after"])
        info = await self.engine.info(self.world, "q")
        self.assertEqual((info.size, info.total), (11, MANY + 11))
        await self.is_gone()

    async def test_a_queue_is_deleted_as_quickly(self) -> None:
        """What is posted meanwhile is on the new one."""
        await self.fill()
        number = (await self.engine.info(self.world, "q")).number
        there = await self.done_away(self.engine.delete_queue(self.world, "q"))
        self.assertEqual(there, [*(b"during %d" % n for n in range(10)), b"after"])
        info = await self.engine.info(self.world, "q")
        self.assertEqual((info.size, info.total), (11, 11))
        self.assertNotEqual(info.number, number)
        await self.is_gone()
