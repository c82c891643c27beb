"""Posts by many at once, and what they set off: pushes and alerts."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from tests.crash.client import Address
from tests.live.server import PATIENCE_SECONDS


@attrs.frozen
class Ringing:
    """A few clients of each gateway."""

    addresses: Sequence[Address]
    clients: int

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """The answer of the first gateway."""
        return asyncio.run(self._ask(method, path, body))

    async def _ask(self, method: str, path: str, body: object) -> Any:
        connection = await self.addresses[0].connect()
        status, answer = await connection.ask(method, path, body)
        connection.close()
        assert status in (200, 201), answer
        return answer

    def post(self, queue: str, messages: int) -> list[str]:
        """Post so many, one in each request; their ids."""
        return asyncio.run(self._post(queue, iter(range(messages))))

    async def _post(self, queue: str, numbers: Iterator[int]) -> list[str]:
        everybody = [each for each in self.addresses for _ in range(self.clients)]
        posted = await asyncio.gather(*(self._share(each, queue, numbers) for each in everybody))
        return [message_id for share in posted for message_id in share]

    async def _share(self, address: Address, queue: str, numbers: Iterator[int]) -> list[str]:
        connection = await address.connect()
        ids = []
        for number in numbers:
            messages = {"messages": [{"body": str(number)}]}
            status, answer = await connection.ask("POST", f"{queue}/messages", messages)
            assert status == 201, answer
            ids += answer["ids"]
        connection.close()
        return ids

    def rung(self, queue: str) -> list[dict[str, Any]]:
        """The messages of alerts on a queue."""
        found: list[dict[str, Any]] = []
        while messages := self.ask("GET", f"{queue}/messages?n=100")["messages"]:
            found += [json.loads(each["body"]) for each in messages]
        return found

    def wait_until_empty(self, queue: str) -> None:
        """Return when nothing of a queue is left; raises `AssertionError` if that takes long."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while size := self.ask("GET", queue)["size"]:
            assert time.monotonic() < deadline, f"{size} are left on {queue}"
