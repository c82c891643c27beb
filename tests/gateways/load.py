"""Callers of several gateways at once, and the account of what they were told."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise

import attrs

from tests.crash.account import Account
from tests.crash.callers import RETRY, Caller
from tests.crash.harness import seed
from tests.crash.ledger import Ledger
from tests.gateways.fleet import Fleet

#: Clients of each gateway.
CLIENTS = 16
#: What callers ask of queues that all of them use.
HOT = ("hot",)
HUNDRED = tuple(f"queue-{number:02d}" for number in range(100))


@attrs.define
class Load:
    """As many callers of each gateway; one whose gateway is gone goes to the next."""

    fleet: Fleet
    queues: Sequence[str]
    clients: int = CLIENTS
    seed: int = attrs.Factory(seed)
    ledger: Ledger = attrs.Factory(Ledger)
    problems: list[str] = attrs.Factory(list)

    def run(self, seconds: float, incident: Callable[[], Awaitable[None]] | None = None) -> None:
        """Keep them busy for so long, while something happens, if anything is to."""
        print(f"\nMQGATE_SEED={self.seed}")
        asyncio.run(self._run(seconds, incident))

    async def _run(self, seconds: float, incident: Callable[[], Awaitable[None]] | None) -> None:
        until = time.monotonic() + seconds
        chance = random.Random(self.seed)
        numbers = [n for n in range(len(self.fleet)) for _ in range(self.clients)]
        work = [self._persist(n, until, random.Random(chance.random())) for n in numbers]
        if incident is None:
            await asyncio.gather(*work)
        else:
            await asyncio.gather(incident(), *work)

    async def _persist(self, gateway: int, until: float, chance: random.Random) -> None:
        addresses = self.fleet.addresses()
        caller = Caller(addresses[gateway], self.ledger, chance, self.queues, until)
        while time.monotonic() < until:
            await caller.work()
            gateway += 1
            caller.address = addresses[gateway % len(addresses)]
            await asyncio.sleep(RETRY)

    def account(self, *, emptied: bool = False) -> list[str]:
        """Look at all by every gateway that runs; stop them and verify; all that is wrong."""
        running = zip(self.fleet, self.fleet.addresses(), strict=True)
        addresses = [address for server, address in running if server.is_running()]
        account = Account(addresses, self.queues, self.ledger, self.problems)
        asyncio.run(account.look())
        if emptied:
            asyncio.run(account.empty())
        self.fleet.stop()
        self.problems += [*self.ledger.faults, *self.fleet.problems(), *self.fleet.complaints()]
        counts = sorted(self.ledger.counts.items())
        print(", ".join(f"{n} {what}" for what, n in counts))
        for why, times in self.ledger.refusals.most_common(5):
            print(f"refused {times} times: {why}")
        print(f"{len(self.ledger.done_at)} changes made, {self.ledger.slowest:.2f} s the slowest")
        return self.problems

    @property
    def acknowledged(self) -> int:
        """Messages that were posted or deleted, and somebody was told so."""
        return self.ledger.counts["posted"] + self.ledger.counts["deleted"]

    @property
    def unanswered(self) -> int:
        """Requests that nobody answered."""
        counts = self.ledger.counts.items()
        return sum(n for what, n in counts if what.startswith("unanswered"))

    def longest_gap(self) -> float:
        """The longest time, in seconds, within which nothing was done for anybody."""
        moments = sorted(self.ledger.done_at)
        return max(after - before for before, after in pairwise(moments))
