"""Which database is meant, and who works with it: the one place where it is chosen.

PostgreSQL's client library is loaded when such a database is asked for, and never otherwise.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import attrs

from mqgate.storage.copying import Source, Target
from mqgate.storage.interface import Store, StoreError
from mqgate.storage.runners import Inline, Runner
from mqgate.storage.sharing import Seat, Sharing
from mqgate.storage.sqlite import SQLiteStore, places
from mqgate.storage.sqlite.backup import Backups
from mqgate.storage.sqlite.copying import SQLiteSource, SQLiteTarget
from mqgate.storage.sqlite.neighbours import Neighbours
from mqgate.storage.sqlite.schema import ALL_COPIED
from mqgate.storage.sqlite.sharing import SharedFile
from mqgate.storage.sqlite.viewing import open_view
from mqgate.storage.views import View

#: How long a batch may take in a database over the network.
DEADLINE_SECONDS = 10.0


class Database(Protocol):
    """A database that is not open. What it does raises `StoreError`."""

    @property
    def name(self) -> str:
        """What it is called before people; there is no password in it."""

    def store(self, runner: Runner, observing: Runner) -> Store:
        """The store of a server; ``observing`` makes the calls that only look."""

    def sharing(self, processes: int, seconds: Callable[[], float], turn_seconds: float) -> Sharing:
        """What the parent of several processes does with it.

        ``seconds`` are the same in all of them, and never run backwards; so long may one of them
        keep the others from writing.
        """

    def seated(
        self,
        seat: Seat,
        runner: Runner,
        observing: Runner,
        seconds: Callable[[], float],
    ) -> Store:
        """The store of one of several processes, at the seat that its parent has given it."""

    def beside(self, wall: Callable[[], float] = time.time) -> Store:
        """The store of an operator's command, beside servers; it makes calls on the spot.

        ``wall`` tells this machine's time, in seconds since 1970.
        """

    def view(
        self,
        interrupted: Callable[[], bool] = lambda: False,
        wall: Callable[[], float] = time.time,
    ) -> View:
        """The database as it is now. ``interrupted`` is asked in the middle of what takes long."""

    def source(self) -> Source:
        """The database to be copied; nobody can change it until that is closed."""

    def target(self) -> Target:
        """The database to be copied into; nobody else can use it until that is closed."""


@attrs.frozen
class SQLiteDatabase:
    """A file."""

    path: str
    free_space_minimum: int = 0
    backups: Backups = ALL_COPIED

    @property
    def name(self) -> str:
        return self.path

    def store(self, runner: Runner, observing: Runner) -> Store:
        return SQLiteStore(
            self.path,
            runner,
            observing=observing,
            free_space_minimum=self.free_space_minimum,
            backups=self.backups,
        )

    def sharing(self, processes: int, seconds: Callable[[], float], turn_seconds: float) -> Sharing:
        first = SQLiteStore(
            self.path, Inline(), backups=self.backups, place=places.first(self.path)
        )
        return SharedFile(self.path, first, processes, seconds, turn_seconds)

    def seated(
        self,
        seat: Seat,
        runner: Runner,
        observing: Runner,
        seconds: Callable[[], float],
    ) -> Store:
        neighbours = Neighbours(runner.reactor, seat)
        return SQLiteStore(
            self.path,
            runner,
            observing=observing,
            free_space_minimum=self.free_space_minimum,
            place=places.worker(self.path, seat.slot, seconds, neighbours),
        )

    def beside(self, wall: Callable[[], float] = time.time) -> Store:
        return SQLiteStore(
            self.path, Inline(), free_space_minimum=self.free_space_minimum, beside=True
        )

    def view(
        self,
        interrupted: Callable[[], bool] = lambda: False,
        wall: Callable[[], float] = time.time,
    ) -> View:
        return open_view(self.path, interrupted)

    def source(self) -> Source:
        return SQLiteSource(self.path)

    def target(self) -> Target:
        return SQLiteTarget(self.path)


def choose(
    address: str | None,
    path: str,
    *,
    free_space_minimum: int = 0,
    backups: Backups = ALL_COPIED,
    deadline_seconds: float = DEADLINE_SECONDS,
) -> Database:
    """The database at an address, or in the file at ``path`` if there is none.

    Raises `StoreError` for an address that cannot be understood, or if nothing is installed to
    connect with.
    """
    if address is None:
        return SQLiteDatabase(path, free_space_minimum, backups)
    try:
        from mqgate.storage.postgresql.address import Address
        from mqgate.storage.postgresql.database import PostgreSQLDatabase
    except ModuleNotFoundError as error:
        if error.name != "psycopg":
            raise
        raise StoreError(
            "the database is a PostgreSQL one, and there is nothing here to connect with:"
            " pip install 'mqgate[postgresql]'"
        ) from None
    return PostgreSQLDatabase(Address.parse(address), deadline_seconds)
