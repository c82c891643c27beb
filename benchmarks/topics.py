"""Reads of topic values, exact and by filter, while others publish to other topics."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import Iterator
from itertools import count
from multiprocessing.connection import Connection as Pipe

import attrs

from benchmarks.figures import BenchmarkFailed, latencies
from benchmarks.proc import busy_seconds, cpu_seconds, memory_mb
from benchmarks.wake import Asker
from benchmarks.wire import Target
from benchmarks.workers import Worker, sleep_until

#: What is read: the path of each, and whether there is anything to be found.
READS = {
    "exact": ("x1/d", True),
    "a/+/c": ("a/+/c", True),
    "@": ("@", True),
    "+/nomatch": ("+/nomatch", False),
    "a/@": ("a/@", True),
}
#: Of a few topics, all that filters are to find among others that look alike.
OLD = 3
WRITERS = 4
#: Publishes a second, of all writers together.
RATE = 1_000
FILLERS = 32
PATIENCE = 120.0
#: From the beginning of the publishes to the first window, and between the two.
SETTLE_SECONDS = 1.0


@attrs.frozen
class Job:
    """A server's Desktop listener, how many topics it has, and what is read of them."""

    port: int
    topics: int
    read: str
    readers: int
    size: int

    @property
    def target(self) -> Target:
        """Where to connect."""
        return Target(self.port, None, "", "")

    def publish(self, topic: str) -> bytes:
        """A publish to a topic."""
        head = f"POST /broker/{topic} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {self.size}"
        return f"{head}\r\n\r\n".encode() + b"x" * self.size

    def reading(self) -> bytes:
        """The read that is measured."""
        return f"GET /broker/{READS[self.read][0]} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def names(topics: int) -> Iterator[str]:
    """Topics in the order in which they are first published to: what filters find comes first.

    Four tenths of the others have a first word of their own; the rest looks like what the filters
    find, but for one word.
    """
    yield from (f"a/{number}/c" for number in range(OLD))
    others = (f"x{number}/d" if number % 10 < 4 else _alike(number) for number in count(1))
    yield from (next(others) for _ in range(topics - OLD))


def _alike(number: int) -> str:
    return f"a/{number}/d" if number % 2 else f"b/{number}/c"


@attrs.define
class _Reads:
    """What the readers have done, while it counts."""

    waits: array[float] = attrs.Factory(lambda: array("d"))
    counting: bool = False


async def fill(pipe: Pipe, job: Job) -> None:
    """Publish once to every topic, a few at a time, but to those that come first before."""
    todo = names(job.topics)
    first = await _asker(job)
    for _ in range(OLD):
        (await first.ask(job.publish(next(todo)))).expect(200)

    async def publish() -> None:
        asker = await _asker(job)
        for topic in todo:
            (await asker.ask(job.publish(topic))).expect(200)

    await asyncio.gather(*(publish() for _ in range(FILLERS)))
    pipe.send("filled")


async def generate(pipe: Pipe, job: Job) -> None:
    """Publish at a steady rate; read as well once that is told; tell how long each read took."""
    writers = [asyncio.ensure_future(_write(await _asker(job), job)) for _ in range(WRITERS)]
    askers = [await _asker(job) for _ in range(job.readers)]
    reads = _Reads()
    pipe.send("writing")
    await asyncio.to_thread(pipe.recv)
    began = time.monotonic()
    await _read(askers[0], job)
    pipe.send(time.monotonic() - began)
    readers = [asyncio.ensure_future(_read_on(asker, job, reads)) for asker in askers]
    for counting in (True, False):
        await asyncio.to_thread(pipe.recv)
        reads.counting = counting
        for task in (*writers, *readers):
            if task.done():
                task.result()
    pipe.send(reads.waits)


async def _asker(job: Job) -> Asker:
    asker = Asker(job.target)
    await asker.connect()
    return asker


async def _write(asker: Asker, job: Job) -> None:
    """Publish to topics of which no filter but the widest finds one."""
    due = time.monotonic()
    for number in count():
        due += WRITERS / RATE
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        (await asker.ask(job.publish(f"b/{number % 100}/w"))).expect(200)


async def _read(asker: Asker, job: Job) -> None:
    answer = await asker.ask(job.reading())
    if READS[job.read][1]:
        answer.expect(200)
        if len(answer.body) != job.size:
            raise BenchmarkFailed("what was read is not what was published")
    else:
        answer.expect(404)


async def _read_on(asker: Asker, job: Job, reads: _Reads) -> None:
    while True:
        began = time.monotonic()
        await _read(asker, job)
        if reads.counting:
            reads.waits.append(time.monotonic() - began)


def measure(job: Job, server: int, *, seconds: float, cores: set[int]) -> dict[str, float]:
    """What a read costs: what the server uses with readers, less what it uses without."""
    worker = Worker(generate, job, cores)
    try:
        worker.receive(PATIENCE)
        time.sleep(SETTLE_SECONDS)
        alone, _ = _used(server, seconds)
        before = memory_mb(server)
        worker.send("read")
        first: float = worker.receive(PATIENCE)
        time.sleep(SETTLE_SECONDS)
        worker.send("count")
        together, others = _used(server, seconds)
        worker.send("enough")
        waits: list[float] = list(worker.receive(PATIENCE))
    finally:
        worker.end()
    if not waits:
        raise BenchmarkFailed("nothing was read in the measured time")
    return {
        **latencies(waits),
        "cpu_ms": 1000 * (together - alone) / len(waits),
        "requests_per_s": len(waits) / seconds,
        "first_ms": 1000 * first,
        "names_mb": memory_mb(server) - before,
        "others_cores": others,
    }


def _used(server: int, seconds: float) -> tuple[float, float]:
    """CPU that the server used in a window, and cores that all others had, generators too."""
    cpu, busy, began = cpu_seconds(server), busy_seconds(), time.monotonic()
    sleep_until(began + seconds)
    used = cpu_seconds(server) - cpu
    return used, max(0.0, busy_seconds() - busy - used) / (time.monotonic() - began)
