"""The file that a copy is made from, and the file that one is made into."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from itertools import islice

from mqgate.storage.copying import Row
from mqgate.storage.copying.tables import SOMEBODYS, TABLES, Table
from mqgate.storage.interface import StoreError
from mqgate.storage.sqlite import reading, schema
from mqgate.storage.sqlite.backup import sync
from mqgate.storage.sqlite.lock import FileLock
from mqgate.storage.sqlite.rows import listed
from mqgate.storage.sqlite.viewing import check_known

#: Added to the name of a file while it is being written.
PART = ".copy"
#: Rows that are written together.
_SLICE = 500
_UNSAFE = ("PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF")
_WORLDS = (
    "SELECT world, id FROM msg WHERE id IN (SELECT value FROM json_each(?)) ORDER BY world, id"
)


def _locked(path: str) -> ExitStack:
    """Keep servers and commands off the file; raises `StoreError`."""
    with ExitStack() as stack:
        for lock in (FileLock(path + ".lock"), FileLock(path + ".command.lock", "command")):
            lock.take()
            stack.callback(lock.release)
        return stack.pop_all()


def _used(connection: sqlite3.Connection) -> bool:
    return any(connection.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchone() for name in SOMEBODYS)


def _rows(connection: sqlite3.Connection, table: Table) -> Iterator[Row]:
    if table.name == "remembered":
        yield from _remembered(connection)
        return
    query = f"SELECT {table.listed} FROM {table.name} ORDER BY {table.order}"
    for row in connection.execute(query):
        yield (*row[:-1], json.loads(row[-1])) if table.name == "push_remembered" else row


def _remembered(connection: sqlite3.Connection) -> Iterator[Row]:
    """Notes by world; ids that were removed by other ways since are left out."""
    for until, ids in connection.execute("SELECT until, ids FROM remembered ORDER BY until, rowid"):
        worlds: dict[int, list[int]] = {}
        for world, id_ in connection.execute(_WORLDS, (ids,)):
            worlds.setdefault(world, []).append(id_)
        for world, found in worlds.items():
            yield world, until, found


class SQLiteSource:
    """A file that no server has; implements `mqgate.storage.copying.Source`."""

    def __init__(self, path: str) -> None:
        self.name = path
        if not os.path.exists(path):
            raise StoreError(f"there is no database {path}")
        with ExitStack() as stack:
            stack.enter_context(_locked(path))
            with schema.told_plainly(path):
                self._connection = reading.connect(path)
                stack.callback(self._connection.close)
                check_known(self._connection, path)
                self._connection.execute("BEGIN")
            self._held = stack.pop_all()

    def rows(self, table: Table) -> Iterator[Row]:
        with schema.told_plainly(self.name):
            yield from _rows(self._connection, table)

    def count(self) -> int:
        with schema.told_plainly(self.name):
            counts = (
                self._connection.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0]
                for table in TABLES
            )
            return sum(counts)

    def close(self) -> None:
        self._held.close()


class SQLiteTarget:
    """A file that is there once it is whole; implements `mqgate.storage.copying.Target`."""

    def __init__(self, path: str) -> None:
        self.name = path
        self._part = path + PART
        self._written: sqlite3.Connection | None = None
        with ExitStack() as stack:
            stack.enter_context(_locked(path))
            self._there: sqlite3.Connection | None = None
            if os.path.exists(path):
                with schema.told_plainly(path):
                    self._there = reading.connect(path)
                    stack.callback(self._there.close)
                    check_known(self._there, path)
            self._held = stack.pop_all()

    def used(self) -> bool:
        if self._there is None:
            return False
        with schema.told_plainly(self.name):
            return _used(self._there)

    def rows(self, table: Table) -> Iterator[Row]:
        if self._there is not None:
            with schema.told_plainly(self.name):
                yield from _rows(self._there, table)

    def clear(self) -> None:
        self._remove_part()
        self._written = schema.open_file(self._part)
        with schema.told_plainly(self._part):
            for setting in _UNSAFE:
                self._written.execute(setting).fetchall()
            self._written.execute("BEGIN")

    def write(self, table: Table, rows: Iterator[Row]) -> None:
        assert self._written is not None
        statement = _insertion(table)
        converted = (_converted(table, row) for row in rows)
        with schema.told_plainly(self._part):
            while part := list(islice(converted, _SLICE)):
                self._written.executemany(statement, part)

    def finish(self) -> None:
        assert self._written is not None
        with schema.told_plainly(self._part):
            self._written.execute("COMMIT")
            self._written.execute("PRAGMA journal_mode = WAL").fetchall()
            self._written.close()
            self._written = None
            sync(self._part)
            self._give_way()
            os.rename(self._part, self.name)
            sync(os.path.dirname(self.name) or ".")

    def _give_way(self) -> None:
        """The log of a file that was there would be taken for the new one's."""
        if self._there is not None:
            self._there.close()
            self._there = None
        for end in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                os.unlink(self.name + end)

    def close(self) -> None:
        if self._written is not None:
            self._written.close()
            self._written = None
            self._remove_part()
        self._held.close()

    def _remove_part(self) -> None:
        for end in ("", "-wal", "-shm", "-journal"):
            with suppress(FileNotFoundError):
                os.unlink(self._part + end)


def _insertion(table: Table) -> str:
    """The statement that a row of `_converted` goes into."""
    columns = "until, n, ids" if table.name == "remembered" else table.listed
    places = ", ".join("?" * (columns.count(",") + 1))
    return f"INSERT INTO {table.name}({columns}) VALUES({places})"


def _converted(table: Table, row: Row) -> Row:
    """A row in SQLite's words."""
    match table.name:
        case "remembered":
            _, until, ids = row
            return until, len(ids), listed(ids)
        case "push_remembered":
            *note, ids = row
            return *note, listed(ids)
    return row
