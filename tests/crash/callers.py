"""Callers that keep a server busy with all it can do, and note down what they are told."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import attrs

from tests.crash.client import Address, Connection, NoAnswer
from tests.crash.ledger import Entry, Ledger

QUEUES = ("a", "b", "c", "d")
#: How long messages are reserved, in seconds: the shortest there is.
LEASE = 30
#: Callers let go of what they have held for longer than this: it may lapse any moment.
HOLD = 20.0
#: How soon callers ask again when they were refused, in seconds.
RETRY = 0.02


class Refused(Exception):
    """The server said that it cannot do this now."""


@attrs.define
class Caller:
    """One who posts, gets, touches, releases and deletes, over one connection at a time."""

    address: Address
    ledger: Ledger
    random: random.Random
    queues: Sequence[str] = QUEUES
    #: When to come to an end, by the monotonic clock.
    until: float = math.inf
    #: What it was handed out, and when it asked for it.
    held: list[tuple[Entry, float]] = attrs.Factory(list)

    async def work(self) -> None:
        """Go on until the connection breaks, or it is time to end."""
        try:
            connection = await self.address.connect()
        except OSError:
            return
        try:
            while time.monotonic() < self.until:
                await self.step(connection)
        except NoAnswer:
            pass
        finally:
            connection.close()

    async def step(self, connection: Connection) -> None:
        """Do one thing."""
        now = time.monotonic()
        self.held = [(entry, since) for entry, since in self.held if since + HOLD > now]
        what = self.random.choices(*zip(*self.choices(), strict=True))[0]
        try:
            await what(connection)
        except Refused as refused:
            self.ledger.counts["refused"] += 1
            self.ledger.refusals[str(refused)] += 1
            await asyncio.sleep(RETRY)
        except NoAnswer:
            self.ledger.counts[f"unanswered {what.__name__}"] += 1
            raise

    def choices(self) -> list[tuple[Callable[[Connection], Coroutine[Any, Any, None]], float]]:
        """What can be done, and how often it is."""
        if not self.held:
            return [(self.post, 4), (self.post_many, 1), (self.get, 5)]
        return [
            *((self.post, 2), (self.post_many, 0.4), (self.get, 2)),
            *((self.delete, 5), (self.delete_many, 2), (self.release, 2), (self.touch, 1)),
        ]

    async def ask(self, connection: Connection, method: str, path: str, body: object = None) -> Any:
        """The answer, or None if something was not found. Raises `NoAnswer` and `Refused`."""
        asked_at = time.monotonic()
        status, answer = await connection.ask(method, path, body)
        now = time.monotonic()
        self.ledger.answered(now - asked_at)
        if status < 300 and method != "GET":  # an empty answer may take no database
            self.ledger.done_at.append(now)
        if status == 503:
            raise Refused(str(answer))
        if status == 404:
            return None
        if status >= 300:
            self.ledger.faults.append(f"{method} {path} was answered {status} {answer}")
            raise Refused(str(answer))
        return answer

    async def post(self, connection: Connection, n: int = 1) -> None:
        """Put messages on a queue."""
        queue = self.random.choice(self.queues)
        entries = self.ledger.write(queue, n)
        messages = [{"body": entry.body, "timeout": LEASE} for entry in entries]
        answer = await self.ask(connection, "POST", f"{queue}/messages", {"messages": messages})
        self.ledger.posted(entries, answer["ids"])

    async def post_many(self, connection: Connection) -> None:
        """Put a batch of messages on a queue."""
        await self.post(connection, self.random.randint(2, 20))

    async def get(self, connection: Connection) -> None:
        """Reserve messages, waiting a second for them now and then."""
        queue, n = self.random.choice(self.queues), self.random.randint(1, 10)
        asked_at = time.monotonic()
        wait = self.random.choice([0, 0, 0, 1])
        answer = await self.ask(connection, "GET", f"{queue}/messages?n={n}&wait={wait}")
        now = time.monotonic()
        for message in answer["messages"]:
            entry = self.ledger.handed_out(message["body"], message["id"], asked_at, now, LEASE)
            if entry is not None:
                self.held.append((entry, asked_at))

    def let_go(self, n: int = 1) -> list[Entry]:
        """Messages of one queue that something is about to be done to."""
        queue = self.random.choice(self.held)[0].queue
        chosen = [it for it in self.held if it[0].queue == queue][:n]
        self.held = [it for it in self.held if it not in chosen]
        return [entry for entry, _ in chosen]

    async def release(self, connection: Connection) -> None:
        """Give a message back, perhaps for later."""
        (entry,) = self.let_go()
        entry.held_until = 0.0
        delay = self.random.choice([0, 0, 1])
        path = f"{entry.queue}/messages/{entry.id}/release"
        if await self.ask(connection, "POST", path, {"delay": delay}) is None:
            self.ledger.missed(entry, "release")
        self.ledger.counts["released"] += 1

    async def touch(self, connection: Connection) -> None:
        """Have the reservation of a message begin again."""
        entry, _ = chosen = self.random.choice(self.held)
        self.held.remove(chosen)
        asked_at = time.monotonic()
        path = f"{entry.queue}/messages/{entry.id}/touch"
        if await self.ask(connection, "POST", path, {}) is None:
            self.ledger.missed(entry, "touch")
        entry.held_until = asked_at + LEASE
        self.held.append((entry, asked_at))
        self.ledger.counts["touched"] += 1

    async def delete(self, connection: Connection) -> None:
        """Delete a message."""
        (entry,) = entries = self.let_go()
        self.ledger.deleting(entries)
        path = f"{entry.queue}/messages/{entry.id}"
        if await self.ask(connection, "DELETE", path) is None:
            self.ledger.missed(entry, "delete")
        self.ledger.deleted(entries, time.monotonic())

    async def delete_many(self, connection: Connection) -> None:
        """Delete several messages at once."""
        entries = self.let_go(10)
        self.ledger.deleting(entries)
        ids = {"ids": [entry.id for entry in entries]}
        await self.ask(connection, "DELETE", f"{entries[0].queue}/messages", ids)
        self.ledger.deleted(entries, time.monotonic())
