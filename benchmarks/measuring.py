"""From a cell to its figures: a new server for each, in a folder of its own."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from benchmarks import load, push, topics, wake
from benchmarks.figures import BenchmarkFailed, Cell, Row
from benchmarks.plan import FEW, Options
from benchmarks.proc import cpu_seconds, memory_mb
from benchmarks.scripts import BATCH
from benchmarks.server import Gate, Stock, free_port
from benchmarks.workers import Worker

if TYPE_CHECKING:
    from benchmarks.postgresql import PostgreSQL

#: Has what was deleted forgotten a second later; the default is ten minutes.
FORGETFUL = "\n[ironmq]\ndeleted_seconds = 1\n"
#: Opens the plain listener for topics, of which none is dropped for those of the writers.
TOPICS = "\n[limits]\ntopics = 200000\n\n[shiftr.desktop]\nport = {port}\n"
#: From the last delete to the end of its sweep, at least and at most.
SWEEP_SECONDS = 2.0
SWEPT_WITHIN = 60.0
#: A server that used less CPU than that in a second has nothing left to do.
QUIET_CPU = 0.025

#: For receivers with a certificate of the server's own authority.
TRUSTING = '\n[ironmq]\npush_ca_file = "tls/ca.pem"\n'

PUSHES = 5_000
WAKE_POSTS = 200
IDLE_SECONDS = 5.0
FILL_CALLERS = 8
FILL_RATE = 5_000


@attrs.define(eq=False)
class Bench:
    """Measures cells on these cores, with servers in this folder."""

    options: Options
    folder: Path
    server_cores: set[int]
    generator_cores: set[int]
    _servers: int = 0
    #: Databases with so many topics.
    _filled: dict[int, Path] = attrs.Factory(dict)
    #: Started for the first cell that wants it.
    _postgresql: PostgreSQL | None = None

    def close(self) -> None:
        """End what all cells had in common."""
        if self._postgresql is not None:
            self._postgresql.close()

    def measure(self, cell: Cell) -> Row:
        """The figures of a cell; raises `BenchmarkFailed`."""
        measure = {
            "constant": self._constant,
            "push": self._push,
            "wake": self._wake,
            "backlog": self._backlog,
            "topics": self._topics,
            "topic": self._topic,
        }.get(cell.case, self._load)
        return Row(cell, measure(cell))

    def _job(self, cell: Cell, gate: Gate) -> load.Job:
        tls = cell.transport == "TLS"
        return load.Job(
            gate.exchange(tls=tls) if cell.case == "publish" else gate.target(tls=tls),
            cell.case,
            cell.callers,
            self.options.size,
            varied=cell.variant == "varied",
        )

    def _under_load(self, job: load.Job, server: int, database: int | None = None) -> load.Measured:
        return load.measure(
            job,
            server,
            database=database,
            warm_up=self.options.warm_up,
            seconds=self.options.seconds,
            cores=sorted(self.generator_cores),
        )

    def _load(self, cell: Cell) -> dict[str, float]:
        swept = cell.variant == "swept"
        plain = cell.case == "publish" and cell.transport == "plain"
        kept = self._database(cell)
        address = kept.database() if kept is not None else None
        more = FORGETFUL if swept else ""
        with self._gate(more, open_plain=plain, address=address, workers=cell.workers) as gate:
            database = kept.pid if kept is not None else None
            measured = self._under_load(self._job(cell, gate), gate.pid, database)
            figures = dict(measured.figures)
            if swept:
                figures["cpu_ms"] = _cpu_until_quiet(gate, measured)
            gate.check(measured.posted, measured.deleted)
            gate.stop()
            if swept and gate.rows() != measured.posted - measured.deleted:
                raise BenchmarkFailed("not everything that was deleted was swept up")
        return figures

    def _database(self, cell: Cell) -> PostgreSQL | None:
        """The database's server, if the cell's database has one."""
        if cell.database == "sqlite":
            return None
        if self._postgresql is None:
            # Whoever does not ask for it need not have its client library.
            from benchmarks.postgresql import PostgreSQL

            self._postgresql = PostgreSQL.started(self.server_cores)
        return self._postgresql

    def _constant(self, cell: Cell) -> dict[str, float]:
        with self._gate() as gate:
            gate.stop()
            stock = Stock(self._new_folder(), self.server_cores, tls=gate.data / "tls")
            try:
                stock.start()
                target = stock.target(tls=cell.transport == "TLS")
                job = load.Job(target, cell.case, cell.callers, self.options.size)
                return self._under_load(job, stock.pid).figures
            finally:
                stock.stop()

    def _topic(self, cell: Cell) -> dict[str, float]:
        with self._gate() as gate:
            target = gate.topic(tls=cell.transport == "TLS")
            job = load.Job(target, cell.case, cell.callers, self.options.size)
            measured = self._under_load(job, gate.pid)
            gate.stop()
            # The topic keeps all of them; its group, those that are not acknowledged.
            if gate.rows() != 2 * measured.posted - measured.deleted:
                raise BenchmarkFailed("the database has other messages than were acknowledged")
        return measured.figures

    def _push(self, cell: Cell) -> dict[str, float]:
        tls = cell.transport == "TLS"
        # The receiver has the server's own certificate.
        with self._gate(TRUSTING if tls else "") as gate:
            job = push.Job(
                gate.target(), PUSHES, self.options.size, gate.data / "tls" if tls else None
            )
            return push.measure(job, gate.pid, self.generator_cores)

    def _wake(self, cell: Cell) -> dict[str, float]:
        with self._gate() as gate:
            target = gate.target(tls=cell.transport == "TLS")
            job = wake.Job(target, cell.callers, WAKE_POSTS, self.options.size)
            figures = wake.measure(
                job, gate.pid, idle_seconds=IDLE_SECONDS, cores=self.generator_cores
            )
            gate.check(WAKE_POSTS, WAKE_POSTS)
        return figures

    def _backlog(self, cell: Cell) -> dict[str, float]:
        with self._gate() as gate:
            few = self._fill(gate, min(FEW, cell.depth))
            before = memory_mb(gate.pid)
            posted = few + self._fill(gate, cell.depth - few)
            after = memory_mb(gate.pid)
            gate.check(posted, 0)
            size = sum(each.stat().st_size for each in gate.data.glob("mqgate.db*"))
            restart = _restart_seconds(gate)
            restarted = memory_mb(gate.pid)
            measured = self._under_load(
                attrs.evolve(self._job(cell, gate), script="life"), gate.pid
            )
            gate.check(posted + measured.posted, measured.deleted)
        return {
            **measured.figures,
            "memory_mb": after,
            "growth_mb": after - before,
            "bytes_per_message": 1e6 * (after - before) / max(1, posted - few),
            "restarted_mb": restarted,
            "disk_bytes_per_message": size / posted,
            "restart_s": restart,
        }

    def _topics(self, cell: Cell) -> dict[str, float]:
        port = free_port()
        job = topics.Job(port, cell.depth, cell.variant, cell.callers, self.options.size)
        with self._gate(TOPICS.format(port=port), database=self._filled.get(cell.depth)) as gate:
            if cell.depth not in self._filled:
                self._fill_topics(gate, job)
            return topics.measure(
                job, gate.pid, seconds=self.options.seconds, cores=self.generator_cores
            )

    def _fill_topics(self, gate: Gate, job: topics.Job) -> None:
        """Publish to each topic; the server is started anew, and its database kept for others."""
        worker = Worker(topics.fill, job, self.generator_cores)
        try:
            worker.receive(topics.PATIENCE)
        finally:
            worker.end()
        gate.stop()
        self._filled[job.topics] = copy = self.folder / f"topics-{job.topics}.db"
        shutil.copyfile(gate.database, copy)
        gate.start()

    def _fill(self, gate: Gate, messages: int) -> int:
        if messages < BATCH:
            return 0
        job = load.Job(gate.target(), "fill", FILL_CALLERS, self.options.size, messages=messages)
        posted = load.fill(
            job, cores=sorted(self.generator_cores), patience=60 + messages / FILL_RATE
        )
        if posted != messages:
            raise BenchmarkFailed(f"{posted} of {messages} messages were posted in time")
        return posted

    @contextmanager
    def _gate(
        self,
        more: str = "",
        *,
        open_plain: bool = False,
        database: Path | None = None,
        address: str | None = None,
        workers: int = 1,
    ) -> Iterator[Gate]:
        """A server with an empty database or this one, and ``more`` in its configuration.

        With ``open_plain`` it speaks HTTP without TLS where it would not. At ``address`` there is
        a database for it, if it is to have none of its own.
        """
        gate = Gate(self._new_folder(), self.server_cores, address=address, workers=workers)
        try:
            if open_plain:
                gate.open_plain()
            if more or address or workers > 1:
                gate.configure(more)
            if database is not None:
                shutil.copyfile(database, gate.database)
            gate.start()
            yield gate
        finally:
            gate.stop()

    def _new_folder(self) -> Path:
        self._servers += 1
        return self.folder / str(self._servers)


def _cpu_until_quiet(gate: Gate, measured: load.Measured) -> float:
    """CPU a message from the first request until all that was deleted is swept up."""
    time.sleep(SWEEP_SECONDS)
    deadline = time.monotonic() + SWEPT_WITHIN
    before, after = 0.0, cpu_seconds(gate.pid)
    while after - before > QUIET_CPU:
        if time.monotonic() > deadline:
            raise BenchmarkFailed("the server does not come to rest")
        time.sleep(1)
        before, after = after, cpu_seconds(gate.pid)
    return 1000 * (after - measured.cpu_before) / measured.finished


def _restart_seconds(gate: Gate) -> float:
    """From the start of the process, after a SIGKILL, to its first answer to a get."""
    gate.stop(signal.SIGKILL)
    # The one message that is handed out is reserved, and stays on the queue.
    request = gate.target().request("GET", "/messages?n=1")
    begin = time.monotonic()
    gate.launch_gate()
    answer = gate.wait_for(request)
    seconds = time.monotonic() - begin
    if not answer.content(200)["messages"]:
        raise BenchmarkFailed("there was no message after the restart")
    return seconds
