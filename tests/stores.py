"""Where every test gets its database and the stores on it: the environment says of which kind.

``MQGATE_TEST_DATABASE`` is "sqlite" (also if it is not set) or "postgresql"; a test does not know
which, but for the few that are about one of them (`only_sqlite`). A test looks into its database,
and changes it behind the stores' backs, through this as well.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sqlite3
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from typing import Any, LiteralString, Protocol, TypeVar, cast

import attrs

from mqgate.storage.interface import Store
from mqgate.storage.sqlite import Inline, SQLiteStore
from mqgate.storage.sqlite.session import SMALL
from mqgate.storage.statements.texts import Statement
from mqgate.storage.verify import verify

T = TypeVar("T")

CHOICE = "MQGATE_TEST_DATABASE"
EXAMPLES = "MQGATE_TEST_EXAMPLES"
#: Of so many examples one is tried on a server.
FEWER = 4
SQLITE, POSTGRESQL = "sqlite", "postgresql"
CHOSEN = os.environ.get(CHOICE) or SQLITE
if CHOSEN not in (SQLITE, POSTGRESQL):
    raise SystemExit(f"{CHOICE} is {CHOSEN!r}; it can be {SQLITE} or {POSTGRESQL}")


class Database(Protocol):
    """A database of a test's own, empty at first; stores on it make what they need."""

    #: What the database says when `poison` works.
    refusal: type[Exception]
    #: What a server's or a command's configuration says of it.
    configuration: str

    def store(self, *, beside: bool = False, small: int = SMALL) -> Store:
        """A store on it, not opened yet, whose calls are made on the spot.

        With ``beside`` another may be open at the same time.
        """

    def rows(self, statement: LiteralString, *values: object) -> list[Any]:
        """What a statement finds; its values stand for question marks."""

    def contents(self, without: Collection[str] = ()) -> dict[str, list[Any]]:
        """All rows of all tables but some, in an order of their own.

        ``without`` are names of tables, and of columns with their tables': "table.column".
        """

    def change(self, statement: LiteralString, *values: object) -> int:
        """Change rows behind the stores' backs, committed; how many."""

    def alter(self, script: Statement, undo: Statement | None = None) -> None:
        """Change more than rows; ``undo`` leaves nothing of it but functions and triggers."""

    def tell_time(self, seconds: float) -> None:
        """Set its own clock, if it has one, for those who go by its `configuration`."""

    def poison(self, event: LiteralString, condition: Statement) -> None:
        """Have the database refuse to "INSERT", "UPDATE" or "DELETE" such a message."""

    def problems(self) -> list[str]:
        """What does not add up."""

    def left_behind(self) -> Database:
        """What somebody finds after the process that had it open was killed at this moment."""

    def close(self) -> None:
        """The test is over, and all stores on it are closed or of no use any more."""


@attrs.define
class SQLiteFile:
    """A database in a file, ``NAME.db``; after a kill, in a copy of it."""

    folder: Path
    name: str
    refusal: type[Exception] = sqlite3.IntegrityError
    configuration: str = ""  # it stands where it stands by itself
    _copies: int = 0

    @property
    def path(self) -> str:
        """The file."""
        return str(self.folder / f"{self.name}{self._copies or ''}.db")

    def store(self, *, beside: bool = False, small: int = SMALL) -> Store:
        return SQLiteStore(self.path, Inline(), beside=beside, small=small)

    def rows(self, statement: LiteralString, *values: object) -> list[Any]:
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(statement, values).fetchall()

    def contents(self, without: Collection[str] = ()) -> dict[str, list[Any]]:
        with closing(sqlite3.connect(self.path)) as connection:
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            return {
                name: connection.execute(f"SELECT {columns} FROM {name}").fetchall()
                for (name,) in names.fetchall()
                if name not in without
                for columns in [_columns(connection, name, without)]
            }

    def change(self, statement: LiteralString, *values: object) -> int:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            return connection.execute(statement, values).rowcount

    def alter(self, script: Statement, undo: Statement | None = None) -> None:
        with closing(sqlite3.connect(self.path)) as connection:
            connection.executescript(script.sqlite)

    def tell_time(self, seconds: float) -> None:
        """Whoever uses a file goes by the clock of the machine."""

    def poison(self, event: LiteralString, condition: Statement) -> None:
        self.alter(
            Statement(
                f"CREATE TRIGGER poison_{event} BEFORE {event} ON msg WHEN {condition.sqlite}"
                " BEGIN SELECT RAISE(ABORT, 'poison'); END",
                "",
            )
        )

    def problems(self) -> list[str]:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            return verify(connection)

    def left_behind(self) -> SQLiteFile:
        # The copy has no locks, which the dead one's end would have freed.
        copy = attrs.evolve(self, copies=self._copies + 1)
        for end in ("", "-wal"):
            if os.path.exists(self.path + end):
                shutil.copyfile(self.path + end, copy.path + end)
        return copy

    def close(self) -> None:
        """The test's folder is removed with all that is in it."""


def _columns(connection: sqlite3.Connection, table: str, without: Collection[str]) -> str:
    found = connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
    return ",".join(name for (name,) in found if f"{table}.{name}" not in without)


def new(folder: str | Path, name: str = "queues") -> Database:
    """A database for one test, which closes it; a file would stand in that folder."""
    if CHOSEN == SQLITE:
        return SQLiteFile(Path(folder), name)
    made: Database = importlib.import_module("tests.postgresql.chosen").PostgreSQL()
    return made


def for_test(test: Any, name: str = "queues") -> Database:
    """The same for a test of trial, in a new folder; it is closed when the test is over."""
    folder = test.mktemp()
    os.makedirs(folder)
    database = new(folder, name)
    test.addCleanup(database.close)
    return database


def begins_with(column: str, data: bytes) -> Statement:
    """The condition that a column of bytes begins with these."""
    beginning = f"substr({column}, 1, {len(data)}) = "
    return Statement(f"{beginning}X'{data.hex()}'", rf"{beginning}'\x{data.hex()}'::bytea")


def examples(number: int) -> int:
    """How many examples of a property that a database is asked about are tried: fewer on a server.

    There each takes several times as long. ``MQGATE_TEST_EXAMPLES=all`` tries them all the same.
    """
    few = CHOSEN != SQLITE and os.environ.get(EXAMPLES) != "all"
    return -(-number // FEWER) if few else number


def only_sqlite(test: T) -> T:
    """Mark a test, or a class of tests, of what is SQLite's own: elsewhere there is none such."""
    return test if CHOSEN == SQLITE else cast(T, None)
