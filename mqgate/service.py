"""`Gate`: builds the rooms from the configuration, and owns their start and their end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import msgspec
from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.defer import TimeoutError as Late
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from mqgate.allowances import allowances
from mqgate.config.introduction import introduce, where
from mqgate.config.values import Configuration
from mqgate.config.worlds import world_name
from mqgate.dialects.declaration import (
    Background,
    CannotOpen,
    Declaration,
    Grant,
    Opening,
    Outside,
)
from mqgate.engine.engine import Engine
from mqgate.engine.errors import EngineError
from mqgate.engine.ids import AHEAD
from mqgate.engine.intake import Limits
from mqgate.engine.time import SteadyTime
from mqgate.engine.values import Policy
from mqgate.listening import Listeners
from mqgate.metrics.monitoring import Monitoring
from mqgate.storage.interface import Store, StoreError
from mqgate.supervision import Supervision
from mqgate.terminal import Terminal
from mqgate.tls.endpoints import ListenError
from mqgate.tls.listeners import Listener
from mqgate.tls.pem import TLSError
from mqgate.web.front import Barred, Front, Room
from mqgate.web.limits import HTTPLimits
from mqgate.web.site import GateSite
from mqgate.web.values import Dialect

#: How often replaced certificates are looked for.
REFRESH_SECONDS = 2
#: How often the end of the certificate made here is looked at.
RENEWAL = timedelta(days=1)
#: Of the time that a stop may take, what is kept for the last commit.
LAST_COMMIT_SECONDS = 1.0


class StartFailed(SystemExit, Exception):
    """The server cannot start, for a reason that its operator was told.

    As a `SystemExit` it ends the process with status 1 and no traceback; as an `Exception` it has
    twistd remove its pid file and tell the foreground process first.
    """

    def __init__(self, line: str) -> None:
        super().__init__(line)
        self.code = 1
        # Of what made a start in the background fail, twistd shows the last line, cut to 100 bytes.
        self.add_note("mqgate did not start, for the reason above")


@attrs.frozen
class Surroundings:
    """What a server takes from the world around it; tests give it another one."""

    reactor: Any
    #: Seconds since 1970.
    wall: Callable[[], float]
    #: Seconds that never run backwards.
    monotonic: Callable[[], float]
    terminal: Terminal
    #: Has further signals to stop ignored: Twisted would answer a second one with a traceback.
    heed_no_more_signals: Callable[[], None]
    #: Is told when the server is ready, that it lives, and when it stops.
    supervision: Supervision
    #: Whether the log is shown on the terminal too, so that nothing need be told on both.
    log_is_shown: bool = False

    def now(self) -> datetime:
        """The date and time."""
        return datetime.fromtimestamp(self.wall(), UTC)


class Gate(Service):
    """The server: one store, one engine, the dialects, and a site behind each listener."""

    _log = Logger()

    def __init__(
        self,
        configuration: Configuration,
        declarations: Sequence[Declaration],
        store: Store,
        surroundings: Surroundings,
        version: str,
    ) -> None:
        self._configuration = configuration
        self._declarations = declarations
        self._store = store
        self._around = surroundings
        self._version = version
        self._listeners = Listeners(configuration, surroundings.reactor)
        self._monitoring = Monitoring(
            configuration, surroundings.reactor, surroundings.wall, surroundings.monotonic
        )
        self._engine: Engine | None = None
        #: The doors behind the listeners that dialects have for themselves, by dialect.
        self._annexes: dict[str, Dialect] = {}
        #: What the dialects have going on by itself.
        self._background: list[Background] = []
        self._upkeep = LoopingCall(self._look_after_certificates)
        self._upkeep.clock = surroundings.reactor
        self._upkeep_fault = ""
        self._renewed_at = surroundings.now()
        #: Why requests cannot be served just now, as far as that is not the engine's to say.
        self._pause: str | None = "starting"
        self._sockets_open = False

    # -- start

    def privilegedStartService(self) -> None:
        """Open the sockets; raises `StartFailed`."""
        super().privilegedStartService()  # type: ignore[no-untyped-call]
        self._log.info(
            "mqgate {version} starts; its data is in {data}",
            version=self._version,
            data=self._configuration.data,
        )
        with self._telling_why():
            self._listeners.open(self._around.now())
        self._sockets_open = True

    def startService(self) -> None:
        """Open the store and let clients in; raises `StartFailed`."""
        if not self._sockets_open:
            self.privilegedStartService()
        super().startService()  # type: ignore[no-untyped-call]
        with self._telling_why():
            self._monitoring.open()
            self._engine, dialects, metrics = self._open_rooms()
        self._listeners.admit(lambda listener: self._site(listener, dialects, metrics))
        self._engine.start()
        for each in self._background:
            each.start()
        self._upkeep.start(REFRESH_SECONDS, now=False)
        self._pause = None
        self._tell_operator()
        self._around.supervision.ready()

    def _open_rooms(self) -> tuple[Engine, list[Dialect], Room | None]:
        """The engine over the opened store, the dialects over the engine, and the metrics."""
        opened = self._store.open()
        names = self._configuration.worlds
        numbers = self._store.worlds(names)
        worlds = {
            name: number for group, number in zip(names, numbers, strict=True) for name in group
        }
        allowed = allowances(self._configuration, self._declarations, worlds)
        self._store.meter(any(each.bytes is not None for each in allowed.values()))
        limits = self._configuration.server.limits
        wall, monotonic = self._around.wall, self._around.monotonic
        time = SteadyTime(wall, monotonic, opened.high, AHEAD, ahead=opened.ahead)
        engine = Engine(
            self._store,
            self._around.reactor,
            time,
            self._policies(),
            Limits(
                topics=limits.topics,
                waiting_operations=limits.waiting_operations,
                waiting_bytes=limits.waiting_bytes,
                patience=self._configuration.server.database_deadline_seconds,
            ),
            opened=opened,
            allowances=allowed,
            observer=self._monitoring.batches,
            push_observer=self._monitoring.pushes,
            follow=time.follow,
        )
        metrics = None
        if self._configuration.scraping:
            firsts = {group[0]: number for group, number in zip(names, numbers, strict=True)}
            metrics = self._monitoring.room(engine, firsts)
        self._declare(engine, worlds)
        dialects = []
        for declaration in self._declarations:
            opening = self._opening(declaration, engine, worlds)
            dialect = declaration.open(opening)
            dialects.append(dialect)
            annex = declaration.annex(opening.settings, [each.section for each in opening.grants])
            if annex is not None:
                self._annexes[declaration.name] = annex.open(opening, dialect)
        return engine, dialects, metrics

    def _policies(self) -> dict[str, Policy]:
        """Every dialect's policies by name."""
        found: dict[str, Policy] = {}
        for declaration in self._declarations:
            found |= declaration.policies(self._configuration.settings[declaration.name])
        return found

    def _declare(self, engine: Engine, worlds: Mapping[str, int]) -> None:
        """Make what the configuration says has to be there."""
        for declaration in self._declarations:
            for namespace, section in self._sections(declaration):
                for name, topology in declaration.topologies(section).items():
                    try:
                        engine.declare(worlds[world_name(declaration.name, name)], topology)
                    except EngineError as error:
                        place = f"namespaces.{namespace}.{declaration.name}"
                        fault = f"{place} declares for {name!r} what cannot be made: {error}"
                        raise StoreError(fault) from error

    def _sections(self, declaration: Declaration) -> Iterator[tuple[str, Any]]:
        """What each namespace, by its name, says about a dialect."""
        for namespace in self._configuration.namespaces:
            section = namespace.sections.get(declaration.name)
            if section is not None:
                yield namespace.name, section

    def _opening(
        self, declaration: Declaration, engine: Engine, worlds: Mapping[str, int]
    ) -> Opening:
        """What a dialect gets, with what each namespace grants it."""
        grants = []
        for _, section in self._sections(declaration):
            names = declaration.claims(section)
            numbers = {name: worlds[world_name(declaration.name, name)] for name in names}
            grants.append(Grant(section, numbers))
        settings = self._configuration.settings[declaration.name]
        outside = Outside(
            self._around.reactor,
            self._configuration.folder,
            self._configuration.server.public_url,
            self._background.append,
        )
        return Opening(engine, settings, grants, outside)

    def _site(
        self, listener: Listener, dialects: Sequence[Dialect], metrics: Room | None
    ) -> GateSite:
        """The site behind a listener: the metrics, or the dialects that it is for."""
        scraping = self._configuration.scraping
        if metrics is not None and scraping is not None and listener is scraping.listener:
            return GateSite(metrics, self._around.reactor, wall=self._around.wall)
        limits = HTTPLimits(**msgspec.structs.asdict(self._configuration.server.http))
        front = Front(self._served(listener, dialects), self, self._listeners.authority)
        watch, wall = self._monitoring.watch, self._around.wall
        return GateSite(front, self._around.reactor, limits, watch, wall)

    def _served(self, listener: Listener, dialects: Sequence[Dialect]) -> list[Dialect]:
        """The dialects behind a listener, some of them barred if it is open to eavesdroppers."""
        for annex in self._configuration.annexes:
            if listener is annex.listener:
                assert annex.annex_of is not None
                return [self._annexes[annex.annex_of]]
        if listener.dialects is not None:
            return [dialect for dialect in dialects if dialect.name in listener.dialects]
        if listener.tls:
            return list(dialects)
        barred = {each.name for each in self._declarations if each.https_only}
        return [Barred(each) if each.name in barred else each for each in dialects]

    def _tell_operator(self) -> None:
        """Say where the server listens: in the log, and on the terminal it was started from."""
        data, doors = self._configuration.data, self._listeners.doors()
        for door in doors:
            self._log.info("Listening on {door}", door=str(door))
        if scraping := self._configuration.scraping:
            self._log.info("Metrics on {endpoint}", endpoint=scraping.listener.endpoint)
        self._listeners.warn_of_old_tls()
        self._log.info("Ready")
        try:
            introduction = introduce(data, doors, self._version)
        except OSError as error:
            self._log.warn("The first steps cannot be written down: {why}", why=str(error))
            introduction = None
        terminal = self._around.terminal
        terminal.say(introduction or where(doors, data))
        terminal.hang_up()

    @contextmanager
    def _telling_why(self) -> Iterator[None]:
        """Turn what keeps a server from starting into one line for its operator."""
        try:
            yield
        except (CannotOpen, ListenError, StoreError, TLSError, OSError) as error:
            line = " ".join(str(error).split())
            if not self._around.log_is_shown:
                self._log.critical("mqgate cannot start: {line}", line=line)
            self._around.terminal.complain(line)
            self._around.terminal.hang_up()
            raise StartFailed(line) from error

    # -- while it runs

    def ready(self) -> str | None:
        """Why the server cannot do its work just now; None if it can."""
        return self._pause or (self._engine.trouble() if self._engine else None)

    def _look_after_certificates(self) -> None:
        """Take up replaced certificates; once a day, see whether ours is to be made anew.

        Whatever goes wrong, the next round tries again: a round that raised would be the last one.
        """
        try:
            now = self._around.now()
            if abs(now - self._renewed_at) >= RENEWAL:
                self._renewed_at = now
                self._listeners.renew(now)
            self._listeners.refresh(now)
        except Exception as error:  # noqa: BLE001
            if str(error) != self._upkeep_fault:
                self._upkeep_fault = str(error)
                self._log.failure("Certificates could not be looked after; this goes on")

    # -- end

    def stopService(self) -> Deferred[None]:
        """Answer who waits, finish what is in hand, hang up, close the database."""
        super().stopService()  # type: ignore[no-untyped-call]
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        engine, self._engine = self._engine, None
        if engine is None:
            return
        self._pause = "stopping"
        self._around.heed_no_more_signals()
        self._around.supervision.stopping()
        self._log.info("Stopping; polls waiting: {waiting}", waiting=engine.waiting)
        if self._upkeep.running:
            self._upkeep.stop()
        await self._listeners.close()
        # The sites first, so that every answer from now on says that it is the last one.
        hung_up = self._listeners.drain(
            self._configuration.server.shutdown_seconds - LAST_COMMIT_SECONDS
        )
        engine.drain()
        ended = self._end_background()
        await hung_up
        await ended
        self._monitoring.close()
        try:
            await engine.stop().addTimeout(LAST_COMMIT_SECONDS, self._around.reactor)
        except Late:
            self._log.error(
                "Stopped while the database was busy: only what was answered is sure to be on disk"
            )
            return
        await self._store.close()
        self._log.info("Stopped: everything accepted is on disk")

    def _end_background(self) -> Deferred[list[None]]:
        """End what goes on by itself, in the time that clients are given as well."""
        background, self._background = self._background, []
        seconds = self._configuration.server.shutdown_seconds - LAST_COMMIT_SECONDS
        reactor = self._around.reactor
        ended = [each.stop().addTimeout(seconds, reactor) for each in background]
        return gatherResults([each.addErrback(self._not_ended) for each in ended])

    def _not_ended(self, failure: Failure) -> None:
        if failure.check(Late):
            self._log.warn("Stopped while pushes were under way: they are repeated")
        else:
            self._log.failure("What goes on by itself could not be ended", failure)
