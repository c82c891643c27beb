"""Pushes: what it costs to send messages to a receiver that takes them at once."""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import cast

import attrs

from benchmarks.figures import BenchmarkFailed
from benchmarks.proc import busy_seconds, cpu_seconds
from benchmarks.scripts import BATCH
from benchmarks.wake import Asker
from benchmarks.wire import Target
from benchmarks.workers import Worker

#: How long all may take.
MOST_SECONDS = 120.0

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@attrs.frozen
class Job:
    """So many messages are posted, and pushed to a receiver in the same process."""

    target: Target
    messages: int
    size: int
    #: Where the receiver's key and certificate are; None for plain HTTP.
    tls: Path | None = None


class Receiver(asyncio.Protocol):
    """Says 200 to each request, and counts them."""

    def __init__(self, pushes: Pushes) -> None:
        self._pushes = pushes
        self._transport: asyncio.Transport | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready for requests."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Answer a request when it is there as a whole."""
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _LENGTH.search(self._buffer, 0, end)
        if len(self._buffer) < end + 4 + (int(length[1]) if length else 0):
            return
        self._buffer = b""
        assert self._transport is not None
        self._transport.write(_OK)
        self._pushes.came()


class Pushes:
    """Counts what comes, up to what was posted."""

    def __init__(self, messages: int) -> None:
        self._left = messages
        self.all_came: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def came(self) -> None:
        """One more."""
        self._left -= 1
        if not self._left:
            self.all_came.set_result(None)


async def generate(pipe: Pipe, job: Job) -> None:
    """What the process of the generator does: listen, have messages pushed, tell how long."""
    pushes = Pushes(job.messages)
    context = None
    if job.tls is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(job.tls / "server.pem", job.tls / "server.key")
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Receiver(pushes), "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    asker = Asker(job.target)
    await asker.connect()
    url = f"{'http' if context is None else 'https'}://localhost:{port}/"
    settings = {"subscribers": [{"url": url}]}
    (await asker.ask(job.target.request("POST", "", settings))).content(200, 201)
    pipe.send("listening")
    pipe.recv()
    begin = time.monotonic()
    post = {"messages": [{"body": "x" * job.size}] * BATCH}
    for _ in range(job.messages // BATCH):
        (await asker.ask(job.target.request("POST", "/messages", post))).content(200, 201)
    async with asyncio.timeout(MOST_SECONDS):
        await pushes.all_came
    pipe.send(time.monotonic() - begin)


def measure(job: Job, server: int, cores: set[int]) -> dict[str, float]:
    """CPU of a server for each message that is posted and pushed. Raises `BenchmarkFailed`."""
    if job.messages % BATCH:
        raise BenchmarkFailed(f"messages are posted {BATCH} at once")
    worker = Worker(generate, job, cores)
    try:
        worker.receive(MOST_SECONDS)
        cpu, busy, begin = cpu_seconds(server), busy_seconds(), time.monotonic()
        worker.send("post")
        seconds: float = worker.receive(2 * MOST_SECONDS)
        cpu, took = cpu_seconds(server) - cpu, time.monotonic() - begin
        busy = busy_seconds() - busy
    finally:
        worker.end()
    return {
        "cpu_ms": 1000 * cpu / job.messages,
        "pushes_per_cpu_s": job.messages / cpu,
        "messages_per_s": job.messages / seconds,
        "server_cores": cpu / took,
        "others_cores": max(0.0, busy - cpu) / took,
    }
