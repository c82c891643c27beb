"""`Gate`: builds the rooms from the configuration, and owns their start and their end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.defer import TimeoutError as Late
from twisted.logger import Logger
from twisted.python.failure import Failure

from mqgate.allowances import settle_worlds
from mqgate.certifying import Certification
from mqgate.config.values import Configuration
from mqgate.config.worlds import world_name
from mqgate.dialects.declaration import (
    Background,
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
from mqgate.metrics.monitoring import Monitoring, metrics_room
from mqgate.starting import Surroundings, tell_operator, telling_why
from mqgate.storage.interface import Opened, Store, StoreError
from mqgate.tls.listeners import Listener
from mqgate.web.front import Barred, Front
from mqgate.web.limits import HTTPLimits
from mqgate.web.site import GateSite
from mqgate.web.values import Dialect

if TYPE_CHECKING:
    from mqgate.metrics.figures import Figures

#: Of the time that a stop may take, what is kept for the last commit.
LAST_COMMIT_SECONDS = 1.0


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
        self._listeners = Listeners(configuration, surroundings.reactor, surroundings.lent)
        self._monitoring = Monitoring(
            configuration, surroundings.reactor, surroundings.wall, surroundings.monotonic
        )
        self._engine: Engine | None = None
        self._figures: Figures | None = None
        #: The doors behind the listeners that dialects have for themselves, by dialect.
        self._annexes: dict[str, Dialect] = {}
        #: What the dialects have going on by itself.
        self._background: list[Background] = []
        self._certification = Certification(self._listeners, surroundings)
        #: Why requests cannot be served just now, as far as that is not the engine's to say.
        self._pause: str | None = "starting"
        self._sockets_open = False
        #: Whether it is the whole server, and not one of several workers.
        self._is_whole = surroundings.lent is None

    # -- start

    def privilegedStartService(self) -> None:
        """Open the sockets; raises `StartFailed`."""
        super().privilegedStartService()  # type: ignore[no-untyped-call]
        if self._is_whole:
            self._log.info(
                "mqgate {version} starts; its data is in {data}",
                version=self._version,
                data=self._configuration.data,
            )
        with telling_why(self._around, self._log):
            self._listeners.open(self._around.now())
        self._sockets_open = True

    def startService(self) -> None:
        """Open the store and let clients in; raises `StartFailed`."""
        if not self._sockets_open:
            self.privilegedStartService()
        super().startService()  # type: ignore[no-untyped-call]
        with telling_why(self._around, self._log):
            self._monitoring.open()
            self._engine, dialects = self._open_rooms()
        self._listeners.admit(lambda listener: self._site(listener, dialects))
        self._engine.start()
        for each in self._background:
            each.start()
        self._certification.start()
        self._pause = None
        if self._is_whole:
            tell_operator(
                self._configuration, self._listeners, self._around, self._version, self._log
            )
        self._around.supervision.ready()

    def _open_rooms(self) -> tuple[Engine, list[Dialect]]:
        """The engine over the opened store, and the dialects over the engine."""
        opened = self._store.open()
        worlds, allowed = settle_worlds(self._store, self._configuration, self._declarations)
        limits = self._configuration.server.limits
        time = self._time(opened)
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
        firsts = {group[0]: worlds[group[0]] for group in self._configuration.worlds}
        self._figures = self._monitoring.figures(engine, firsts)
        self._declare(engine, worlds)
        dialects = []
        for declaration in self._declarations:
            opening = self._opening(declaration, engine, worlds)
            dialect = declaration.open(opening)
            dialects.append(dialect)
            annex = declaration.annex(opening.settings, [each.section for each in opening.grants])
            if annex is not None:
                self._annexes[declaration.name] = annex.open(opening, dialect)
        return engine, dialects

    def _time(self, opened: Opened) -> SteadyTime:
        wall = self._around.engine_wall or self._around.wall
        return SteadyTime(wall, self._around.monotonic, opened.high, AHEAD, ahead=opened.ahead)

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

    def _site(self, listener: Listener, dialects: Sequence[Dialect]) -> GateSite:
        """The site behind a listener: the metrics, or the dialects that it is for."""
        scraping = self._configuration.scraping
        if scraping is not None and listener is scraping.listener:
            room = metrics_room(self.figures)
            return GateSite(room, self._around.reactor, wall=self._around.wall)
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

    # -- while it runs

    def ready(self) -> str | None:
        """Why the server cannot do its work just now; None if it can."""
        return self._pause or (self._engine.trouble() if self._engine else None)

    def figures(self, with_queues: bool = True) -> Deferred[bytes]:
        """What is told to Prometheus; nothing if the configuration does not ask for it."""
        return self._figures.text(with_queues) if self._figures else succeed(b"")

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
        self._certification.stop()
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
