"""A pair of PostgreSQL servers, what befalls them under load, and how soon service is back."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import attrs
from psycopg.conninfo import make_conninfo

from tests.gateways.load import Load
from tests.postgresql.server import SUPERUSER, Server, new_guard

DATABASE = "failing"
#: Between two moments that are told apart, in seconds: answers that are on their way count before.
MOMENT = 0.3


@attrs.define
class Pair:
    """A primary, and a standby that has all that the primary acknowledges."""

    primary: Server
    standby: Server

    @classmethod
    def started(cls, *, synchronous: bool = True) -> Pair:
        """Both, with an empty database."""
        primary = Server.made(new_guard(), "primary")
        primary.start()
        primary.execute("CREATE DATABASE failing")
        return cls(primary, primary.standby("standby", synchronous=synchronous))

    def dsn(self, **more: Any) -> str:
        """Both, of which whichever takes writes is meant, over the loopback."""
        servers = (self.primary, self.standby)
        return make_conninfo(
            host=",".join("127.0.0.1" for _ in servers),
            port=",".join(str(server.port) for server in servers),
            user=SUPERUSER,
            password=self.primary.password,
            dbname=DATABASE,
            target_session_attrs="read-write",
            **more,
        )

    def close(self) -> None:
        """End both."""
        self.primary.guard.close()


@attrs.define
class Outage:
    """Moments of an incident under load, by the monotonic clock, and what callers saw of it."""

    load: Load
    began: float = 0.0
    #: When the database could be had again, or its standby was told to take over.
    over: float = 0.0

    async def lose(self, pair: Pair, seconds: float) -> None:
        """The primary is killed after a while; so many seconds later the standby takes over."""
        await asyncio.sleep(1.5)
        self.began = time.monotonic()
        await asyncio.to_thread(pair.primary.kill)
        await asyncio.sleep(seconds)
        self.over = time.monotonic()
        await asyncio.to_thread(pair.standby.promote)

    async def freeze(self, server: Server, seconds: float) -> None:
        """A server answers nothing for a while."""
        await asyncio.sleep(1.5)
        self.began = time.monotonic()
        await asyncio.to_thread(server.freeze)
        await asyncio.sleep(seconds)
        self.over = time.monotonic()
        await asyncio.to_thread(server.thaw)

    def seconds_to_service(self) -> float:
        """From the moment when the database could be had again to the next thing that was done."""
        return (
            min((at for at in self.load.ledger.done_at if at > self.over), default=1e9) - self.over
        )

    def done_without(self) -> int:
        """What was done, as callers were told, well after the database was gone."""
        begin, end = self.began + MOMENT, self.over
        return sum(begin < at < end for at in self.load.ledger.done_at)

    def __str__(self) -> str:
        counts = self.load.ledger.counts
        return (
            f"without a database for {self.over - self.began:.2f} s, back"
            f" {self.seconds_to_service():.2f} s later; {counts['refused']} refused,"
            f" {self.load.unanswered} unanswered, {self.load.longest_gap():.2f} s in which nothing"
            f" was done, {self.load.ledger.slowest:.2f} s the slowest answer"
        )
