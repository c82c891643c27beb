"""New queues, one after the other, through all gateways: what does each thousand cost?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence

import attrs

from benchmarks.figures import percentile
from tests.crash.client import Address, Connection

THOUSAND = 1000


@attrs.frozen
class Cost:
    """What a thousand new queues took."""

    #: Of gateways and database together, in milliseconds a queue.
    cpu_ms: float
    #: Half of the requests were answered within so many milliseconds.
    p50_ms: float

    def __str__(self) -> str:
        return f"{self.cpu_ms:.2f} CPU-ms, p50 {self.p50_ms:.1f} ms"


@attrs.define
class NewQueues:
    """Posts a first message to each of so many queues, by a few clients of each gateway."""

    addresses: Sequence[Address]
    clients: int
    cpu_seconds: Callable[[], float]
    problems: list[str] = attrs.Factory(list)

    def run(self, thousands: int) -> list[Cost]:
        """What each thousand cost."""
        return asyncio.run(self._run(thousands))

    async def _run(self, thousands: int) -> list[Cost]:
        everybody = [each for each in self.addresses for _ in range(self.clients)]
        connections = [await each.connect() for each in everybody]
        costs = []
        for thousand in range(thousands):
            numbers = iter(range(thousand * THOUSAND, (thousand + 1) * THOUSAND))
            before = self.cpu_seconds()
            took = await asyncio.gather(*(self._make(each, numbers) for each in connections))
            cpu = self.cpu_seconds() - before
            waits = sorted(seconds for each in took for seconds in each)
            costs.append(Cost(1000 * cpu / THOUSAND, 1000 * percentile(waits, 0.5)))
        for connection in connections:
            connection.close()
        return costs

    async def _make(self, connection: Connection, numbers: Iterator[int]) -> list[float]:
        waits = []
        for number in numbers:
            began = time.monotonic()
            messages = {"messages": [{"body": str(number)}]}
            status, answer = await connection.ask("POST", f"new-{number}/messages", messages)
            waits.append(time.monotonic() - began)
            if status != 201:
                self.problems.append(f"queue {number}: {status} {answer}")
        return waits
