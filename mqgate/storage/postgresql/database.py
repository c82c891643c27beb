"""A PostgreSQL database that is not open: implements `mqgate.storage.databases.Database`."""

from __future__ import annotations

import time
from collections.abc import Callable

import attrs

from mqgate.storage.copying import Source, Target
from mqgate.storage.interface import Store
from mqgate.storage.postgresql.address import Address
from mqgate.storage.postgresql.copying import PostgreSQLSource, PostgreSQLTarget
from mqgate.storage.postgresql.store import PostgreSQLStore
from mqgate.storage.postgresql.viewing import PostgreSQLView
from mqgate.storage.runners import Inline, Runner
from mqgate.storage.sharing import Seat, SharedServer, Sharing
from mqgate.storage.views import View


@attrs.frozen
class PostgreSQLDatabase:
    """A database on a server, or on one of several."""

    address: Address
    #: How long a batch may take.
    deadline_seconds: float

    @property
    def name(self) -> str:
        return self.address.name

    def store(self, runner: Runner, observing: Runner) -> Store:
        return PostgreSQLStore(
            self.address.dsn, runner, observing=observing, seconds=self.deadline_seconds
        )

    def sharing(self, processes: int, seconds: Callable[[], float], turn_seconds: float) -> Sharing:
        return SharedServer()

    def seated(
        self,
        seat: Seat,
        runner: Runner,
        observing: Runner,
        seconds: Callable[[], float],
    ) -> Store:
        return self.store(runner, observing)

    def beside(self, wall: Callable[[], float] = time.time) -> Store:
        return PostgreSQLStore(
            self.address.dsn, Inline(), seconds=self.deadline_seconds, beside=True, now=wall
        )

    def view(
        self,
        interrupted: Callable[[], bool] = lambda: False,
        wall: Callable[[], float] = time.time,
    ) -> View:
        # A statement that is waited for is left as soon as a signal comes.
        return PostgreSQLView(self.address, wall)

    def source(self) -> Source:
        return PostgreSQLSource(self.address)

    def target(self) -> Target:
        return PostgreSQLTarget(self.address)
