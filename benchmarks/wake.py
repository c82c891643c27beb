"""Waiting polls: what they cost while nothing comes, and how soon one is answered by a post."""

from __future__ import annotations

import asyncio
import time
from multiprocessing.connection import Connection as Pipe
from typing import Any

import attrs

from benchmarks.figures import BenchmarkFailed, latencies
from benchmarks.proc import busy_seconds, cpu_seconds
from benchmarks.wire import Answer, Connection, Target, connect
from benchmarks.workers import Worker

WAIT_SECONDS = 30
#: Between an answered post and the next one, so that the polls are back and the server is idle.
PAUSE_SECONDS = 0.015
#: How long all may take: no poll that still waits has come to its end then.
MOST_SECONDS = 20.0


@attrs.frozen
class Job:
    """So many polls wait, and so many posts are made one after the other."""

    target: Target
    polls: int
    posts: int
    size: int


class Asker:
    """A connection for coroutines."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._connection: Connection | None = None
        self._answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    async def connect(self) -> None:
        """Open the connection."""
        self._connection = await connect(self._target, self._answered, self._lost)

    async def ask(self, request: bytes) -> Answer:
        """The answer to a request."""
        assert self._connection is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._connection.send(request)
        return await self._answer

    def _answered(self, answer: Answer) -> None:
        self._answer.set_result(answer)

    def _lost(self, reason: str) -> None:
        if not self._answer.done():
            self._answer.set_exception(BenchmarkFailed(reason))


class Polls:
    """All the polls of a queue, and the moment at which one of them was answered."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self.answered: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    async def poll(self, asker: Asker) -> None:
        """Wait for a message, delete it, and so on."""
        target = self._job.target
        waiting = target.request("GET", f"/messages?n=1&wait={WAIT_SECONDS}")
        while True:
            answer = await asker.ask(waiting)
            now = time.monotonic()
            messages: Any = answer.content(200)["messages"]
            if len(messages) != 1:
                raise BenchmarkFailed("a poll was answered without a message")
            path = f"/messages/{messages[0]['id']}"
            (await asker.ask(target.request("DELETE", path))).content(200)
            self.answered.set_result(now)

    async def next(self) -> float:
        """When the next poll is answered."""
        moment = await self.answered
        self.answered = asyncio.get_running_loop().create_future()
        return moment


async def generate(pipe: Pipe, job: Job) -> None:
    """What the process of the generator does: wait, hear that it shall post, tell how long."""
    polls = Polls(job)
    tasks = []
    for _ in range(job.polls):
        asker = Asker(job.target)
        await asker.connect()
        tasks.append(asyncio.ensure_future(polls.poll(asker)))
    poster = Asker(job.target)
    await poster.connect()
    await asyncio.sleep(0.5)
    pipe.send("waiting")
    pipe.recv()
    posting = asyncio.ensure_future(_post(job, polls, poster))
    done, _ = await asyncio.wait(
        [posting, *tasks], timeout=MOST_SECONDS, return_when=asyncio.FIRST_COMPLETED
    )
    if not done:
        raise BenchmarkFailed("a post did not wake a poll")
    for task in done:
        pipe.send(task.result())


async def _post(job: Job, polls: Polls, poster: Asker) -> list[float]:
    request = job.target.request("POST", "/messages", {"messages": [{"body": "x" * job.size}]})
    waits = []
    for _ in range(job.posts):
        begin = time.monotonic()
        posted = asyncio.ensure_future(poster.ask(request))
        waits.append(await polls.next() - begin)
        (await posted).content(200, 201)
        await asyncio.sleep(PAUSE_SECONDS)
    return waits


def measure(job: Job, server: int, *, idle_seconds: float, cores: set[int]) -> dict[str, float]:
    """CPU of a server with waiting polls and nothing to do, then how soon posts wake polls."""
    worker = Worker(generate, job, cores)
    try:
        worker.receive(MOST_SECONDS)
        busy, cpu, begin = busy_seconds(), cpu_seconds(server), time.monotonic()
        time.sleep(idle_seconds)
        idle = (cpu_seconds(server) - cpu) / (time.monotonic() - begin)
        before, begin = cpu_seconds(server), time.monotonic()
        worker.send("post")
        waits: list[float] = worker.receive(2 * MOST_SECONDS)
        cpu_each = (cpu_seconds(server) - before) / len(waits)
        # With the generator's, which is little.
        others = max(0.0, busy_seconds() - busy - (cpu_seconds(server) - cpu))
        return {
            **latencies(waits),
            "idle_cpu_percent": 100 * idle,
            "cpu_ms": 1000 * cpu_each,
            "others_cores": others / (time.monotonic() - begin + idle_seconds),
        }
    finally:
        worker.end()
