"""Callers in a closed loop, and the window in which their server is measured."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import Sequence
from multiprocessing.connection import Connection as Pipe

import attrs

from benchmarks.figures import BenchmarkFailed, latencies
from benchmarks.proc import busy_seconds, cpu_seconds
from benchmarks.scripts import SCRIPTS, Script, Tally, Work
from benchmarks.signed import topic
from benchmarks.wire import Answer, Connection, Target, connect
from benchmarks.workers import Worker, sleep_until

#: How long the generator may take to connect, and to come to an end.
PATIENCE = 60.0
#: Latencies that one process keeps; a window that has more of them is cut short.
MOST_LATENCIES = 5_000_000


ALL_SCRIPTS = {**SCRIPTS, "topic": topic}


@attrs.frozen
class Job:
    """What one process of the generator is to do."""

    target: Target
    script: str
    callers: int
    size: int
    varied: bool = False
    #: Messages to post, if the number is what ends it.
    messages: int | None = None


@attrs.frozen
class Window:
    """When to measure, by the monotonic clock."""

    begin: float
    end: float


@attrs.frozen
class Done:
    """What one process has to tell."""

    tally: Tally
    latencies: array[float]
    #: CPU time of the generator within the window.
    cpu: float


@attrs.frozen
class Measured:
    """A window, and all that was done for it."""

    figures: dict[str, float]
    #: Messages posted, deleted and finished from the first request to the last.
    posted: int
    deleted: int
    finished: int
    #: The server's CPU time just before the first request.
    cpu_before: float


@attrs.frozen
class Used:
    """CPU time, in seconds, up to a moment or between two."""

    server: float
    database: float
    machine: float
    at: float

    @classmethod
    def by(cls, server: int, database: int | None) -> Used:
        """Up to now, by the trees of these processes and by the whole machine."""
        return cls(
            cpu_seconds(server),
            0.0 if database is None else cpu_seconds(database),
            busy_seconds(),
            time.monotonic(),
        )

    def since(self, before: Used) -> Used:
        """Between that moment and this one."""
        return Used(
            self.server - before.server,
            self.database - before.database,
            self.machine - before.machine,
            self.at - before.at,
        )


class Caller:
    """One connection and its script."""

    def __init__(self, run: Run, script: Script) -> None:
        self._run = run
        self._script = script
        self._connection: Connection | None = None
        self._sent_at = 0.0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def connect(self, target: Target) -> None:
        """Open the connection."""
        self._connection = await connect(target, self._answered, self._lost)

    def start(self) -> None:
        """Send the first request."""
        self._go_on(None)

    def _answered(self, answer: Answer) -> None:
        now = time.monotonic()
        try:
            self._run.note(now, now - self._sent_at)
            self._go_on(answer, last=now >= self._run.window.end)
        except BenchmarkFailed as failure:
            self._end(failure)

    def _go_on(self, answer: Answer | None, *, last: bool = False) -> None:
        assert self._connection is not None
        try:
            request = next(self._script) if answer is None else self._script.send(answer)
        except StopIteration:
            self._end(None)
            return
        if last:
            self._end(None)
            return
        self._sent_at = time.monotonic()
        self._connection.send(request)

    def _end(self, failure: BenchmarkFailed | None) -> None:
        assert self._connection is not None
        if not self.ended.done():
            if failure is None:
                self.ended.set_result(None)
            else:
                self.ended.set_exception(failure)
        self._connection.close()

    def _lost(self, reason: str) -> None:
        if not self.ended.done():
            self.ended.set_exception(BenchmarkFailed(reason))


class Run:
    """The callers of one process."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self.tally = Tally() if job.messages is None else Tally(room=job.messages)
        self.latencies = array("d")
        self.window = Window(0.0, 0.0)

    def note(self, now: float, latency: float) -> None:
        """An answer came."""
        counting = self.window.begin <= now < self.window.end
        self.tally.counting = counting
        if counting:
            self.latencies.append(latency)
            if len(self.latencies) >= MOST_LATENCIES:
                raise BenchmarkFailed("there are too many answers: measure for fewer seconds")

    async def connected(self) -> list[Caller]:
        """All callers, each with its connection."""
        job = self._job
        work = Work(job.target, self.tally, job.size, job.varied)
        callers = [Caller(self, ALL_SCRIPTS[job.script](work)) for _ in range(job.callers)]
        for caller in callers:  # one after the other: a flood of handshakes is another case
            await caller.connect(job.target)
        return callers


async def generate(pipe: Pipe, job: Job) -> None:
    """What a process of the generator does: connect, hear of the window, work, tell."""
    run = Run(job)
    callers = await run.connected()
    pipe.send("connected")
    run.window = pipe.recv()
    cpu = asyncio.ensure_future(_cpu_within(run.window))
    for caller in callers:
        caller.start()
    await asyncio.gather(*(caller.ended for caller in callers))
    used = await cpu if job.messages is None else 0.0
    cpu.cancel()
    pipe.send(Done(run.tally, run.latencies, used))


async def _cpu_within(window: Window) -> float:
    await asyncio.sleep(max(0.0, window.begin - time.monotonic()))
    before = time.process_time()
    await asyncio.sleep(max(0.0, window.end - time.monotonic()))
    return time.process_time() - before


def shares(callers: int, processes: int) -> list[int]:
    """How many callers each process has: as even as can be, and none without any."""
    processes = min(callers, processes)
    return [(callers + index) // processes for index in range(processes)]


def measure(
    job: Job,
    server: int,
    *,
    warm_up: float,
    seconds: float,
    cores: Sequence[int],
    database: int | None = None,
) -> Measured:
    """Let callers work, and measure the server with this process id meanwhile.

    ``database`` is the process of its database's server, if that has one: its CPU is told apart.
    Raises `BenchmarkFailed` if anything was answered otherwise than expected.
    """
    workers = [
        Worker(generate, attrs.evolve(job, callers=share), {core})
        for share, core in zip(shares(job.callers, len(cores)), cores, strict=False)
    ]
    try:
        for worker in workers:
            worker.receive(PATIENCE)
        cpu_before = cpu_seconds(server)
        begin = time.monotonic() + warm_up
        window = Window(begin, begin + seconds)
        for worker in workers:
            worker.send(window)
        sleep_until(window.begin)
        before = Used.by(server, database)
        sleep_until(window.end)
        used = Used.by(server, database).since(before)
        done: list[Done] = [worker.receive(PATIENCE) for worker in workers]
    finally:
        for worker in workers:
            worker.end()
    return _summary(done, cpu_before, used)


def fill(job: Job, *, cores: Sequence[int], patience: float) -> int:
    """Post ``job.messages`` messages; how many were acknowledged."""
    worker = Worker(generate, job, set(cores))
    try:
        worker.receive(PATIENCE)
        worker.send(Window(0.0, time.monotonic() + patience))
        done: Done = worker.receive(patience + PATIENCE)
    finally:
        worker.end()
    return done.tally.posted


def _summary(done: Sequence[Done], cpu_before: float, used: Used) -> Measured:
    waits = [each for one in done for each in one.latencies]
    messages = sum(one.tally.measured for one in done)
    generator = sum(one.cpu for one in done)
    if not messages:
        raise BenchmarkFailed("no message was finished in the measured time")
    cpu, seconds = used.server, used.at
    figures = {
        "cpu_ms": 1000 * cpu / messages,
        "cpu_ms_per_request": 1000 * cpu / len(waits),
        "messages_per_s": messages / seconds,
        "requests_per_s": len(waits) / seconds,
        **latencies(waits),
        "server_cores": cpu / seconds,
        "generator_cores": generator / seconds,
        "generator_processes": float(len(done)),
        "others_cores": max(0.0, used.machine - cpu - used.database - generator) / seconds,
    }
    if used.database:
        figures["database_cpu_ms"] = 1000 * used.database / messages
    return Measured(
        figures,
        posted=sum(one.tally.posted for one in done),
        deleted=sum(one.tally.deleted for one in done),
        finished=sum(one.tally.finished for one in done),
        cpu_before=cpu_before,
    )
