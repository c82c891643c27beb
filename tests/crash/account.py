"""The account: is all there that was acknowledged, and nothing that must not be?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import attrs

from tests.crash.client import Address, Connection
from tests.crash.ledger import Entry, Known, Ledger

#: Connections over which it is asked.
ASKERS = 64
#: Until everything that is reserved has come back, and some more, in seconds.
EMPTIED_WITHIN = 60.0


@attrs.frozen
class Account:
    """Looks at queues by one address or several that have to tell the same."""

    addresses: Sequence[Address]
    queues: Sequence[str]
    ledger: Ledger
    #: What is not as it should be.
    problems: list[str] = attrs.Factory(list)

    async def look(self) -> None:
        """Look for every message by its id, and compare with what the callers know."""
        entries = list(self.ledger.by_id.values())
        there = dict(await self._each(entries))
        for entry, is_there in there.items():
            if is_there and entry.deleted is Known.YES:
                self.problems.append(f"{entry} came back")
            if not is_there and entry.deleted is Known.NO:
                self.problems.append(f"{entry} was lost")
        nameless = sum(entry.id is None for entry in self.ledger.entries.values())
        for address in self.addresses:
            size = await self.size(address)
            if not 0 <= size - sum(there.values()) <= nameless:
                self.problems.append(f"{size} are there, {sum(there.values())} of them by id")
        self.ledger.counts["left"] = size

    async def empty(self) -> None:
        """Empty every queue, which takes as long as a reservation, and look at what comes."""
        left = [it for it in self.ledger.entries.values() if it.deleted is not Known.YES]
        found = await self._taken()
        if len(found) != len(set(found)):
            self.problems.append(f"{len(found) - len(set(found))} messages are there twice")
        sure = {it.body for it in left if it.posted is Known.YES and it.deleted is Known.NO}
        if not sure <= set(found):
            self.problems.append(f"never handed out again: {sorted(sure - set(found))[:10]}")
        if not set(found) <= {it.body for it in left}:
            self.problems.append("a message came back when the queues were emptied")

    async def size(self, address: Address) -> int:
        """How many messages all queues have together."""
        connection = await address.connect()
        answers = [await connection.ask("GET", queue) for queue in self.queues]
        connection.close()
        return sum(answer["size"] for status, answer in answers if status == 200)

    async def _each(self, entries: list[Entry]) -> list[tuple[Entry, bool]]:
        """Which of these are there, asked over several connections."""

        async def some(number: int) -> list[tuple[Entry, bool]]:
            connection = await self.addresses[number % len(self.addresses)].connect()
            share = entries[number::ASKERS]
            found = [(entry, await self._is_there(connection, entry)) for entry in share]
            connection.close()
            return found

        shares = await asyncio.gather(*(some(number) for number in range(ASKERS)))
        return [each for share in shares for each in share]

    async def _is_there(self, connection: Connection, entry: Entry) -> bool:
        status, answer = await connection.ask("GET", f"{entry.queue}/messages/{entry.id}")
        if status == 404:
            return False
        if answer["body"] != entry.body:
            self.problems.append(f"{entry} has become {answer}")
        return bool(answer["status"] != "deleted")

    async def _taken(self) -> list[str]:
        """All that the queues hold: what is reserved comes when its reservation lapses."""
        address = self.addresses[0]
        connection = await address.connect()
        found: list[str] = []
        deadline = time.monotonic() + EMPTIED_WITHIN
        while await self.size(address) and time.monotonic() < deadline:
            for queue in self.queues:
                found += await self._drained(connection, queue)
        connection.close()
        return found

    async def _drained(self, connection: Connection, queue: str) -> list[str]:
        """All that a queue has ready, waiting a second for more."""
        found: list[str] = []
        while True:
            wait = 0 if found or len(self.queues) > 10 else 1
            _, answer = await connection.ask(
                "GET", f"{queue}/messages?n=100&wait={wait}&delete=true"
            )
            if not answer["messages"]:
                return found
            found += [message["body"] for message in answer["messages"]]
