"""Messages that come to a queue and leave it, for minutes: does it get slower, or larger?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

import attrs

from benchmarks.figures import percentile
from tests.crash.client import Address, Connection

#: Messages that one request posts, reserves or deletes, and that stand on the queue all the time.
EACH = 10
STANDING = 1000
#: Windows that are compared, in seconds.
WINDOW = 10.0
_MESSAGES = {"messages": [{"body": "x" * 256}] * EACH}


@attrs.frozen
class Window:
    """What was seen in some seconds."""

    #: Messages that were posted, reserved and deleted.
    messages: int
    #: Of reserves, in milliseconds.
    p50_ms: float
    p99_ms: float
    #: Of each table, with its indexes, at its end.
    sizes: Mapping[str, int]

    @property
    def bytes(self) -> int:
        """Of all tables."""
        return sum(self.sizes.values())

    def __str__(self) -> str:
        return (
            f"{self.messages / WINDOW:6.0f} messages/s, reserve p50 {self.p50_ms:5.1f} ms,"
            f" p99 {self.p99_ms:6.1f} ms, {self.bytes / 1e6:6.1f} MB: {self._largest()}"
        )

    def _largest(self) -> str:
        largest = sorted(self.sizes.items(), key=lambda each: -each[1])[:4]
        return ", ".join(f"{name} {size / 1e6:.1f}" for name, size in largest)


@attrs.define
class Churn:
    """Clients of each gateway who post, reserve and delete on one queue."""

    addresses: Sequence[Address]
    clients: int
    #: The sizes of the tables at this moment.
    sizes: Callable[[], Mapping[str, int]]
    queue: str = "churn"
    #: How long reserves took since the last window, in seconds.
    waits: list[float] = attrs.Factory(list)
    done: int = 0

    def run(self, windows: int) -> list[Window]:
        """Go on for so many windows."""
        return asyncio.run(self._run(windows))

    async def _run(self, windows: int) -> list[Window]:
        until = time.monotonic() + windows * WINDOW
        everybody = [each for each in self.addresses for _ in range(self.clients)]
        connections = [await each.connect() for each in everybody]
        for _ in range(STANDING // EACH):
            await connections[0].ask("POST", f"{self.queue}/messages", _MESSAGES)
        work = [asyncio.ensure_future(self._cycles(each, until)) for each in connections]
        found = [await self._window() for _ in range(windows)]
        await asyncio.gather(*work)
        for connection in connections:
            connection.close()
        return found

    async def _window(self) -> Window:
        await asyncio.sleep(WINDOW)
        waits, self.waits = sorted(self.waits), []
        done, self.done = self.done, 0
        sizes = await asyncio.to_thread(self.sizes)
        p50, p99 = (1000 * percentile(waits, share) for share in (0.5, 0.99))
        return Window(done, p50, p99, sizes)

    async def _cycles(self, connection: Connection, until: float) -> None:
        while time.monotonic() < until:
            status, answer = await connection.ask("POST", f"{self.queue}/messages", _MESSAGES)
            assert status == 201, answer
            began = time.monotonic()
            status, answer = await connection.ask("GET", f"{self.queue}/messages?n={EACH}")
            self.waits.append(time.monotonic() - began)
            assert status == 200, answer
            ids = {"ids": [each["id"] for each in answer["messages"]]}
            status, answer = await connection.ask("DELETE", f"{self.queue}/messages", ids)
            assert status == 200, answer
            self.done += len(ids["ids"])
