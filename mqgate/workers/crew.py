"""The parent of workers: it holds the sockets, starts the workers, and replaces those that end."""

from __future__ import annotations

import selectors
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import LoopingCall
from twisted.logger import LogEvent, Logger

from mqgate.certifying import Certification
from mqgate.config.values import Configuration
from mqgate.listening import Lent, Listeners
from mqgate.metrics.merging import merged
from mqgate.metrics.monitoring import metrics_room
from mqgate.starting import Surroundings, WorkerFailed, tell_operator, telling_why
from mqgate.tls.listeners import Listener
from mqgate.web.site import GateSite
from mqgate.workers.launching import Launched
from mqgate.workers.pauses import Pauses
from mqgate.workers.worker import Worker

#: How often it is looked after the workers.
LOOK_SECONDS = 1.0
#: A worker that says nothing for so many looks hangs: it is killed, and replaced.
SILENT_LOOKS = 30
#: How long a worker may take to tell its figures; Prometheus itself waits for ten seconds.
FIGURES_SECONDS = 4.0
#: What workers are given beside ``shutdown_seconds`` before they are killed.
LATE_SECONDS = 1.0


class Shared(Protocol):
    """The database that the workers share, as far as their parent has to do with it."""

    def open(self) -> None:
        """Make it ready for them. Blocking; raises `StoreError`."""

    def task(self, slot: int, lent: Lent) -> tuple[bytes, Sequence[int]]:
        """What a worker is told, and the descriptors that it inherits for that."""

    def stuck(self) -> int | None:
        """The slot of the one that has kept the others from writing for too long."""

    def close(self) -> None:
        """All workers have ended."""


class Crew(Service):
    """The server, as several processes."""

    _log = Logger()

    def __init__(
        self,
        configuration: Configuration,
        shared: Shared,
        launch: Callable[[Sequence[int]], Launched],
        surroundings: Surroundings,
        version: str,
        log: Callable[[LogEvent], None],
    ) -> None:
        self._configuration = configuration
        self._shared = shared
        self._launch = launch
        self._around = surroundings
        self._version = version
        self._publish = log
        self._listeners = Listeners(configuration, surroundings.reactor)
        self._lent: Lent | None = None
        self._certification = Certification(self._listeners, surroundings)
        self._look_call = LoopingCall(self._look)
        self._look_call.clock = surroundings.reactor
        #: Those that live, by slot.
        self._workers: dict[int, Worker] = {}
        self._pauses = [Pauses() for _ in range(configuration.server.workers)]
        self._starts: dict[int, IDelayedCall] = {}
        self._stopping: Deferred[None] | None = None

    # -- start

    def privilegedStartService(self) -> None:
        """Open the sockets; raises `StartFailed`."""
        super().privilegedStartService()  # type: ignore[no-untyped-call]
        self._log.info(
            "mqgate {version} starts, with {workers} workers; its data is in {data}",
            version=self._version,
            workers=self._configuration.server.workers,
            data=self._configuration.data,
        )
        with telling_why(self._around, self._log):
            self._listeners.open(self._around.now())
            self._lent = self._listeners.lend()

    def startService(self) -> None:
        """Start the workers, and return when they serve; raises `StartFailed`."""
        if self._lent is None:
            self.privilegedStartService()
        super().startService()  # type: ignore[no-untyped-call]
        with telling_why(self._around, self._log):
            self._shared.open()
            try:
                self._start_all()
            except BaseException:
                self._end_all()
                raise
        for worker in self._workers.values():
            worker.attend(self._around.reactor, self._serves, self._gone)
        self._certification.start()
        self._look_call.start(LOOK_SECONDS, now=False)
        self._listeners.admit(self._site)
        tell_operator(self._configuration, self._listeners, self._around, self._version, self._log)
        self._around.supervision.ready()

    def _start_all(self) -> None:
        tasks = {}
        for slot in range(self._configuration.server.workers):
            tasks[slot] = self._begin(slot)
        for slot, task in tasks.items():
            self._workers[slot].send(task)
        self._wait_for_all()

    def _begin(self, slot: int) -> bytes:
        """Start a worker's process; what it is to be told. Raises `OSError`."""
        assert self._lent is not None
        task, descriptors = self._shared.task(slot, self._lent)
        lent = [each.descriptor for each in self._lent.sockets]
        launched = self._launch([*descriptors, *lent])
        self._workers[slot] = Worker(slot, launched, self._around.reactor, self._publish)
        return task

    def _wait_for_all(self) -> None:
        """Return when all of them are ready; raises `WorkerFailed` if one of them will not be."""
        with selectors.DefaultSelector() as selector:
            for worker in self._workers.values():
                for file, read in worker.readers():
                    selector.register(file, selectors.EVENT_READ, (worker, read))
            while not all(worker.ready for worker in self._workers.values()):
                for key, _ in selector.select():
                    worker, read = key.data
                    if not read():
                        worker.kill()
                        worker.read_to_end()
                        raise WorkerFailed(
                            worker.failure
                            or f"The {worker.name} ended at its start: the log says why."
                        )

    def _end_all(self) -> None:
        for worker in self._workers.values():
            worker.end()
        self._workers.clear()
        self._shared.close()

    def _site(self, listener: Listener) -> GateSite | None:
        """The site behind a listener of its own, which is that for metrics."""
        scraping = self._configuration.scraping
        if scraping is None or listener is not scraping.listener:
            return None
        room = metrics_room(self._figures)
        return GateSite(room, self._around.reactor, wall=self._around.wall)

    # -- while it runs

    def _figures(self) -> Deferred[bytes]:
        """Those of all workers that can tell them."""
        asked: dict[str, Deferred[bytes]] = {}
        for worker in self._workers.values():
            if worker.ready:
                figures = worker.figures(with_queues=not asked)
                asked[str(worker.slot)] = figures.addTimeout(FIGURES_SECONDS, self._around.reactor)
        told = DeferredList(list(asked.values()), consumeErrors=True)
        return told.addCallback(
            lambda results: merged(
                {name: text for name, (good, text) in zip(asked, results, strict=True) if good}
            )
        )

    def _serves(self, worker: Worker) -> None:
        self._log.info(
            "A new {worker} serves (process {process})", worker=worker.name, process=worker.pid
        )

    def _gone(self, worker: Worker) -> None:
        del self._workers[worker.slot]
        if self._stopping is not None:
            self._check_stopped()
            return
        lived = self._around.reactor.seconds() - worker.began
        pause = self._pauses[worker.slot].after(lived)
        self._log.error(
            "The {worker} (process {process}) {ended}; another one is started in {pause} s",
            worker=worker.name,
            process=worker.pid,
            ended=f"cannot start: {worker.failure}" if worker.failure else worker.how_it_ended(),
            pause=pause,
        )
        self._start_after(pause, worker.slot)

    def _start_after(self, pause: float, slot: int) -> None:
        self._starts[slot] = self._around.reactor.callLater(pause, self._start, slot)

    def _start(self, slot: int) -> None:
        del self._starts[slot]
        try:
            task = self._begin(slot)
        except OSError as error:
            self._log.error("A worker cannot be started: {why}", why=str(error))
            self._start_after(self._pauses[slot].after(0), slot)
            return
        worker = self._workers[slot]
        worker.attend(self._around.reactor, self._serves, self._gone)
        worker.give(task)

    def _look(self) -> None:
        """See that none of them hangs, and that somebody serves at all."""
        stuck = self._shared.stuck()
        for worker in list(self._workers.values()):
            if worker.slot == stuck:
                self._kill(worker, "keeps the others from the database")
            elif worker.ready:
                worker.silent += 1
                if worker.silent > SILENT_LOOKS:
                    self._kill(worker, "gives no sign of life")
        self._around.supervision.lives = any(each.ready for each in self._workers.values())

    def _kill(self, worker: Worker, why: str) -> None:
        self._log.error(
            "The {worker} (process {process}) {why}: it is killed",
            worker=worker.name,
            process=worker.pid,
            why=why,
        )
        worker.kill()

    # -- end

    def stopService(self) -> Deferred[None]:
        """Have all workers finish what they have in hand, and end."""
        super().stopService()  # type: ignore[no-untyped-call]
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        if self._stopping is not None or not self._look_call.running:
            return
        self._stopping = Deferred()
        self._around.heed_no_more_signals()
        self._around.supervision.stopping()
        self._log.info("Stopping {workers} workers", workers=len(self._workers))
        self._look_call.stop()
        self._certification.stop()
        for call in self._starts.values():
            call.cancel()
        for worker in self._workers.values():
            worker.stop()
        await self._listeners.close()
        hung_up = self._listeners.drain(self._configuration.server.shutdown_seconds)
        late = self._configuration.server.shutdown_seconds + LATE_SECONDS
        killing = self._around.reactor.callLater(late, self._kill_all)
        self._check_stopped()
        await self._stopping
        await hung_up
        if killing.active():
            killing.cancel()
        self._shared.close()
        self._log.info("Stopped: all workers have ended")

    def _kill_all(self) -> None:
        for worker in self._workers.values():
            self._kill(worker, "does not end")

    def _check_stopped(self) -> None:
        stopping: Any = self._stopping
        if not self._workers and not stopping.called:
            stopping.callback(None)
