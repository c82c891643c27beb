"""How soon a post to one gateway answers a poll that waits at another."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import attrs

from benchmarks.figures import percentile
from tests.crash.client import Address, Connection

#: Between an answered poll and the next post, so that the poll is back by then, in seconds.
PAUSE = 0.015


@attrs.frozen
class Waking:
    """Posts one message after the other, each of which is waited for elsewhere."""

    poster: Address
    poller: Address
    queue: str
    posts: int
    #: What happens before each post.
    before: Callable[[int], Awaitable[None]] | None = None

    def run(self) -> list[float]:
        """From the beginning of each post to the poll's answer, in seconds, in order."""
        return asyncio.run(self._run())

    async def _run(self) -> list[float]:
        posting, polling = await self.poster.connect(), await self.poller.connect()
        waits = []
        for number in range(self.posts):
            poll = asyncio.ensure_future(self._poll(polling, number))
            await asyncio.sleep(PAUSE)
            if self.before is not None:
                await self.before(number)
            began = time.monotonic()
            messages = {"messages": [{"body": str(number)}]}
            posted = asyncio.ensure_future(posting.ask("POST", f"{self.queue}/messages", messages))
            waits.append(await poll - began)
            status, answer = await posted
            assert status == 201, answer
        posting.close()
        polling.close()
        return waits

    async def _poll(self, connection: Connection, number: int) -> float:
        path = f"{self.queue}/messages?n=1&wait=30&delete=true"
        status, answer = await connection.ask("GET", path)
        assert status == 200, answer
        assert [each["body"] for each in answer["messages"]] == [str(number)], answer
        return time.monotonic()


def told(waits: list[float]) -> str:
    """Median, 99th percentile and longest, for people."""
    ordered = sorted(waits)
    figures = ((word, percentile(ordered, share)) for word, share in _SHARES)
    return ", ".join(f"{word} {1000 * seconds:.1f} ms" for word, seconds in figures)


_SHARES = (("p50", 0.5), ("p99", 0.99), ("longest", 1.0))
