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
from collections.abc import Iterable
from pathlib import Path

import attrs

from mqgate.storage.verify import verify
from tests.crash.account import Account
from tests.crash.callers import QUEUES, Caller
from tests.crash.client import Address
from tests.crash.ledger import Ledger
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

    async def _account(self, address: Address) -> None:
        await self._accounts(address).look()

    def _accounts(self, address: Address) -> Account:
        return Account([address], QUEUES, self.ledger, self.problems)

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
        account = self._accounts(address)
        await account.look()
        await account.empty()
