"""Kill a server at random moments under load, then account for all that it acknowledged.

Everything is drawn from one seed, which is printed; what the machine makes of it is not the same
twice, but the operations and the moments of the kills are.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path

import attrs

from mqgate.storage.verify import verify
from tests.crash.callers import QUEUES, Caller
from tests.crash.client import Address, Connection
from tests.crash.ledger import Entry, Known, Ledger
from tests.live.server import Server

CALLERS = 64
#: No load goes on for longer than this before the server is killed, in seconds.
ROUND = 2.0


def seed() -> int:
    """The seed that was asked for, or a fresh one."""
    return int(os.environ.get("MQGATE_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)


@attrs.define
class Crash:
    """One server, killed again and again."""

    folder: Path
    kills: int
    seed: int = attrs.Factory(seed)
    ledger: Ledger = attrs.Factory(Ledger)
    problems: list[str] = attrs.Factory(list)

    def run(self) -> None:
        """Do it all; ``problems`` is empty if all is as it should be."""
        chance = random.Random(self.seed)
        print(f"\nMQGATE_SEED={self.seed}")
        server = Server(self.folder)
        try:
            self._rounds(server, chance)
            server.start()
            asyncio.run(self._account(self._address(server)))
            server.stop()
            if "#critical" in server.output():
                self.problems.append(f"the server is not happy: {server.output()}")
        finally:
            server.kill()
        self._inspect(server.data / "mqgate.db")
        self.problems += self.ledger.faults
        print(f"{self.kills} kills,", ", ".join(f"{n} {it}" for it, n in self._figures()))

    def _figures(self) -> Iterable[tuple[str, int]]:
        return sorted(self.ledger.counts.items())

    def _address(self, server: Server) -> Address:
        return Address(server.tls_port, server.authority, *server.project())

    def _rounds(self, server: Server, chance: random.Random) -> None:
        callers: list[Caller] = []
        for _ in range(self.kills):
            server.start()
            if not callers:
                address = self._address(server)
                callers += [
                    Caller(address, self.ledger, random.Random(chance.random()))
                    for _ in range(CALLERS)
                ]
            asyncio.run(self._load(server, callers, chance.uniform(0.2, ROUND)))

    async def _load(self, server: Server, callers: list[Caller], duration: float) -> None:
        """Keep the server busy for a while, then kill it; returns when all have noticed."""
        assert server.process is not None
        asyncio.get_running_loop().call_later(duration, server.process.kill)
        await asyncio.gather(*(caller.work() for caller in callers))
        status = server.wait()
        if status != -signal.SIGKILL:
            self.problems.append(f"the server ended by itself: {status}, {server.output()}")

    # -- the account

    async def _account(self, address: Address) -> None:
        """Look for every message by its id, and compare with what the callers know."""
        entries = list(self.ledger.by_id.values())
        there = dict(await self._each(address, entries))
        for entry, is_there in there.items():
            if is_there and entry.deleted is Known.YES:
                self.problems.append(f"{entry} came back")
            if not is_there and entry.deleted is Known.NO:
                self.problems.append(f"{entry} was lost")
        nameless = sum(entry.id is None for entry in self.ledger.entries.values())
        size = await self._size(address)
        if not 0 <= size - sum(there.values()) <= nameless:
            self.problems.append(f"{size} are there, {sum(there.values())} of them by id")
        self.ledger.counts["left"] = size

    async def _each(self, address: Address, entries: list[Entry]) -> list[tuple[Entry, bool]]:
        """Which of these are there, asked over several connections."""

        async def some(share: list[Entry]) -> list[tuple[Entry, bool]]:
            connection = await address.connect()
            found = [(entry, await self._is_there(connection, entry)) for entry in share]
            connection.close()
            return found

        shares = await asyncio.gather(*(some(entries[n::CALLERS]) for n in range(CALLERS)))
        return [each for share in shares for each in share]

    async def _is_there(self, connection: Connection, entry: Entry) -> bool:
        status, answer = await connection.ask("GET", f"{entry.queue}/messages/{entry.id}")
        if status == 404:
            return False
        if answer["body"] != entry.body:
            self.problems.append(f"{entry} has become {answer}")
        return bool(answer["status"] != "deleted")

    async def _size(self, address: Address) -> int:
        connection = await address.connect()
        answers = [await connection.ask("GET", queue) for queue in QUEUES]
        connection.close()
        return sum(answer["size"] for status, answer in answers if status == 200)

    def _inspect(self, path: Path) -> None:
        """Look into the file of a server that has stopped."""
        connection = sqlite3.connect(path)
        try:
            self.problems += verify(connection)
        finally:
            connection.close()


@attrs.define
class Emptied(Crash):
    """The same; at the end every queue is emptied too, which takes as long as a reservation."""

    async def _account(self, address: Address) -> None:
        await Crash._account(self, address)
        left = [it for it in self.ledger.entries.values() if it.deleted is not Known.YES]
        found = await self._empty(address)
        if len(found) != len(set(found)):
            self.problems.append(f"{len(found) - len(set(found))} messages are there twice")
        sure = {it.body for it in left if it.posted is Known.YES and it.deleted is Known.NO}
        if not sure <= set(found):
            self.problems.append(f"never handed out again: {sorted(sure - set(found))[:10]}")
        if not set(found) <= {it.body for it in left}:
            self.problems.append("a message came back when the queues were emptied")

    async def _empty(self, address: Address) -> list[str]:
        """All that the queues hold: what is reserved comes when its reservation lapses."""
        connection = await address.connect()
        found: list[str] = []
        deadline = time.monotonic() + 60
        while await self._size(address) and time.monotonic() < deadline:
            for queue in QUEUES:
                path = f"{queue}/messages?n=100&wait=1&delete=true"
                _, answer = await connection.ask("GET", path)
                found += [message["body"] for message in answer["messages"]]
        connection.close()
        return found
